// What is worth telling people, and that it is told once. Decides which change of leader, of trouble or of a long lease
// is news. Knows no requests and no terms beyond the state.
// Invariant: nothing but reports and what was told of them (`told`, `toldTrouble`, `toldLong`, `trouble`) comes of it.

import { later, possiblyPast, shownElapsed } from '../clock.ts';
import type { Sighting, Trouble } from '../locks/lock.ts';
import { holderOf, invites, isForeign, leaseMs } from './observation.ts';
import type { Doing } from './state.ts';
import { report, set, type Turn } from './turn.ts';

/** In `told`, where no name can be mistaken for it. */
const unreadable = '\0unreadable';
/** A lease this long is waited for, but told again and again: it shuts the lock for as long as it says. */
const longLeaseMs = 600_000;

export function tellStanding(turn: Turn, sighting: Exclude<Sighting, { kind: 'absent' }>, moving: boolean): void {
  const { settings, told } = turn.s;
  if (sighting.kind === 'unreadable') {
    // Once, however often it changes: some electors write nothing else.
    if (told !== unreadable) report(turn, { kind: 'unreadable', text: sighting.text });
    return set(turn, { told: unreadable });
  }
  const { holderIdentity, acquireTime } = sighting.record;
  if (holderIdentity === '') return set(turn, { told: '' });
  const twin = holderIdentity === settings.identity;
  const name = `${holderIdentity} ${acquireTime}${twin && moving ? ' moving' : ''}`;
  if (told !== name && !told.startsWith(`${name} `)) {
    const durationMs = leaseMs(sighting, settings.rules);
    const foreign = isForeign(sighting);
    report(turn, { kind: 'standing-by', leader: holderIdentity, since: acquireTime, durationMs, foreign });
    if (twin) report(turn, { kind: 'own-name', moving });
  }
  if (!told.startsWith(name)) set(turn, { told: name });
}

export function tellTaking(turn: Turn): void {
  const { observation } = turn.s;
  if (!observation) return;
  const leader = holderOf(observation.sighting);
  const held = observation.own ? 'own' : leader === '' ? 'released' : 'expired';
  const from = observation.sighting.kind === 'absent' ? 'absent' : invites(observation.sighting) ? 'invited' : held;
  // A new object is taken again and again until it is old enough, a missing one made until its namespace is there.
  if (from === 'own' || from === 'absent') {
    if (turn.s.told === from) return;
    set(turn, { told: from });
  }
  report(turn, { kind: 'taking', from, leader });
}

export function tellLongLease(turn: Turn): void {
  const { observation, want, term, toldLong } = turn.s;
  if (want !== 'lead' || term || !observation || observation.waitMs <= longLeaseMs) return;
  if (toldLong && !possiblyPast(turn.now, later(toldLong, longLeaseMs))) return;
  set(turn, { toldLong: turn.now });
  report(turn, { kind: 'long-lease', leader: holderOf(observation.sighting), durationMs: observation.waitMs });
}

/** Once per change of cause; trouble that comes and goes with each request is told once for as long as it lasts. */
export function tellTrouble(turn: Turn, doing: Doing, trouble: Trouble, leftMs: number | undefined): void {
  const { now } = turn;
  const { toldTrouble, trouble: before, settings, term, campaign } = turn.s;
  const { cause } = trouble;
  const again =
    toldTrouble?.cause === cause && !possiblyPast(now, later(toldTrouble.at, settings.timing.renewDeadlineMs));
  // Whoever looks but once, and does not try again, is told of it by the end.
  const once = !term && campaign.patience.waitMs === 0;
  const told = !once && (before?.cause === cause ? before.told : !again);
  if (told && before?.cause !== cause) report(turn, { kind: 'trouble', doing, trouble, leftMs });
  const since = before?.since ?? now;
  set(turn, { trouble: { doing, cause, since, last: trouble, told }, toldTrouble: { cause, at: now } });
}

export function tellRecovery(turn: Turn): void {
  const { trouble } = turn.s;
  if (trouble?.told) report(turn, { kind: 'recovered', afterMs: shownElapsed(turn.now, trouble.since) });
}
