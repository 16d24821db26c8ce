// What the watch is worth: a candidate that relies on it looks at the lock seldom. Decides that a watch which is open
// but does not tell within a second what a look has shown is not relied on (a proxy between may keep answers back), and
// that it is relied on again once it tells news. Does not know how a watch is kept up: that is the lock's.
// Invariant: no state of the watch ever makes a lock free sooner; it only decides when a candidate looks.

import { type Instant, later, type Now, possiblyPast, untilPossibly } from '../clock.ts';
import type { Sighting, Version } from '../locks/lock.ts';
import { versionOf } from '../locks/record.ts';
import type { State, Watch } from './state.ts';
import { report, set, type Turn } from './turn.ts';

/** A watch on its way tells of a change within this. */
const tellWithinMs = 1000;

export function isTrusted({ watch }: { readonly watch: Watch }): boolean {
  return watch.kind === 'up' || watch.kind === 'doubted';
}

export function watchOpened(turn: Turn): void {
  const { watch } = turn.s;
  if (watch.kind === 'down') report(turn, { kind: 'watch-up' });
  set(turn, { watch: watch.kind === 'down' ? { kind: 'up' } : watch, toldWatch: '' });
}

/** One that was mute stays so, however often it is opened. */
export function watchClosed(turn: Turn, forbidden: boolean, message: string): void {
  const { watch, toldWatch } = turn.s;
  if (message !== toldWatch) report(turn, { kind: 'watch-down', forbidden, message });
  set(turn, { watch: watch.kind === 'mute' ? watch : { kind: 'down' }, toldWatch: message });
}

/** Before what a watch tells is looked into. */
export function watchTells(turn: Turn, sighting: Sighting): void {
  const { watch } = turn.s;
  if (watch.kind === 'doubted' && !isOlder(turn.s, sighting, watch.shown)) return set(turn, { watch: { kind: 'up' } });
  if (watch.kind !== 'mute' || !isNews(turn.s, sighting)) return;
  report(turn, { kind: 'watch-up' });
  set(turn, { watch: { kind: 'up' } });
}

/** Before what a look shows is looked into: news of which the watch has not told. */
export function compareWithWatch(turn: Turn, sighting: Sighting): void {
  const { watch, term, observation } = turn.s;
  const shown = versionOf(sighting);
  if (watch.kind !== 'up' || term || !observation || !shown || !isNews(turn.s, sighting)) return;
  set(turn, { watch: { kind: 'doubted', shown, until: later(turn.now, tellWithinMs) } });
}

/** Another watch may do better: a connection may be half dead. */
export function endTrust(turn: Turn): void {
  const { watch } = turn.s;
  if (watch.kind !== 'doubted' || !possiblyPast(turn.now, watch.until)) return;
  set(turn, { watch: { kind: 'mute' } });
  report(turn, { kind: 'watch-mute' });
  turn.effects.push({ kind: 'watch', on: true });
}

/** When trust ends, in milliseconds from now, unless the watch tells before. */
export function trustLeftMs({ watch }: State, now: Now): number | undefined {
  const until: Instant | undefined = watch.kind === 'doubted' ? watch.until : undefined;
  return until && untilPossibly(now, until);
}

function isNews(s: State, sighting: Sighting): boolean {
  const known = s.observation && versionOf(s.observation.sighting);
  const seen = versionOf(sighting);
  return !known || !seen || ['newer', 'unordered'].includes(s.settings.compare(seen, known));
}

function isOlder(s: State, sighting: Sighting, shown: Version): boolean {
  const seen = versionOf(sighting);
  return seen !== undefined && s.settings.compare(seen, shown) === 'older';
}
