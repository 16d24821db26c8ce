// What an owner's rules for its note are told of the state, and the verdict that they give on it (notes.ts has both
// types). Decides nothing: the rules do. Does not know what a note says.
// Invariant: the page is of what was seen of the lock last, which is what a write replaces.

import { type Now, possiblyElapsed } from '../clock.ts';
import type { Page, Wished } from './notes.ts';
import { noteOf, type Observation } from './observation.ts';
import type { State } from './state.ts';

export function pageOf({ settings, work, serverTime }: State, { sighting }: Observation, now: Now): Page {
  const { identity, run } = settings;
  const serverMs = serverTime && serverTime.ms + possiblyElapsed(now, serverTime.at);
  return { note: noteOf(sighting), work, identity, run, wallMs: now.wall, serverMs };
}

/** What the owner's wish makes of the note; undefined: it has none that can be judged now. */
export function wishedBy(s: State, now: Now): Wished | { readonly verdict: unknown } | undefined {
  const { wish, mustRead, stored, observation, settings } = s;
  if (!wish || mustRead || !stored || observation?.sighting.kind !== 'record') return undefined;
  return settings.notes?.renewing?.(pageOf(s, observation, now), wish.what);
}

/** The owner's verdict on what is known of the lock; undefined: go on. */
export function settledBy(s: State, now: Now): unknown {
  const { observation, settings } = s;
  return observation && settings.notes?.settled(pageOf(s, observation, now));
}
