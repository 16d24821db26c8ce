// What is known of the lock at this moment, for those who show it: who leads, since when, and how long ago the lock was
// seen to change. Decides when a name in a record says nothing any more. Knows no words and no network.
// Invariant: nothing rests on a glance; terms are the core's, and a candidate takes a lock by its own observation.

import { type Now, shownElapsed } from '../clock.ts';
import type { Sighting } from '../locks/lock.ts';
import { holderOf, noteOf } from './observation.ts';
import type { State } from './state.ts';

/** What a candidate knows of the lock at one moment, for those who show it. */
export interface Glance {
  readonly sighting: Sighting;
  /** What lies beside the record. */
  readonly note: string | undefined;
  /** Our own term: the only word on who leads that is certain. */
  readonly isLeading: boolean;
  /**
   * `unknown`: a holder is named, and has not been seen to renew for as long as others wait for it; or the name is our
   * own, after a term that is over.
   */
  readonly state: 'absent' | 'free' | 'held' | 'unknown';
  /** Milliseconds since the record was seen to change; of our own, since its last renewal was sent. */
  readonly changedMs: number;
  /** Milliseconds since the lock was seen at all. */
  readonly seenMs: number;
}

export function glanceAt({ observation, term }: State, now: Now): Glance | undefined {
  if (!observation) return undefined;
  const { sighting, own, since, lastSeen, waitMs } = observation;
  const changedMs = shownElapsed(now, since);
  const isLeading = term !== undefined;
  const isSilent = own ? !isLeading : changedMs > waitMs;
  const named = isSilent ? 'unknown' : 'held';
  const state = sighting.kind === 'absent' ? 'absent' : holderOf(sighting) === '' ? 'free' : named;
  return { sighting, note: noteOf(sighting), isLeading, state, changedMs, seenMs: shownElapsed(now, lastSeen) };
}
