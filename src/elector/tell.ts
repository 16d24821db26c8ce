// What is worth telling people, and that it is told once. Decides which change of leader, of trouble or of a long lease
// is news. Knows no requests and no terms beyond the state.
// Invariant: nothing but reports and what was told of them (`told`, `toldTrouble`, `toldLong`, `trouble`) comes of it.

import { later, possiblyPast, shownElapsed } from '../clock.ts';
import type { Sighting, Trouble } from '../locks/lock.ts';
import { pauseFacts, pauseText } from '../locks/instructions.ts';
import { holderOf, invites, isForeign, leaseMs, pauseNow } from './observation.ts';
import type { Doing } from './state.ts';
import { report, set, type Turn } from './turn.ts';

/** A lease this long shuts the lock for as long as it says. */
const longLeaseMs = 600_000;

/** Who leads, once for each leader; and once more if it bears our name and is seen to be alive. */
export function tellStanding(turn: Turn, sighting: Exclude<Sighting, { kind: 'absent' }>, changed: boolean): void {
  const { settings, told } = turn.s;
  if (sighting.kind === 'unreadable') {
    // Once, however often it changes: some electors write nothing else.
    if (told.kind !== 'unreadable') report(turn, { kind: 'unreadable', text: sighting.text });
    return set(turn, { told: { kind: 'unreadable' } });
  }
  const { holderIdentity: identity, acquireTime: since } = sighting.record;
  if (identity === '') return set(turn, { told: { kind: 'nothing' } });
  const twin = identity === settings.identity;
  const moving = twin && changed;
  const { signature } = sighting;
  const whose = !signature ? 'unsigned' : signature.run === settings.run ? 'this-run' : 'another-run';
  const known = told.kind === 'leader' && told.identity === identity && told.since === since;
  if (known && (told.moving || !moving)) return;
  set(turn, { told: { kind: 'leader', identity, since, moving } });
  const durationMs = leaseMs(sighting, settings.rules);
  report(turn, { kind: 'standing-by', leader: identity, since, durationMs, foreign: isForeign(sighting) });
  if (twin) report(turn, { kind: 'own-name', moving, whose });
}

/** An attempt to take the lock begins, and what it is taken from. */
export function tellTaking(turn: Turn): void {
  const { observation } = turn.s;
  if (!observation) return;
  const leader = holderOf(observation.sighting);
  const held = observation.own ? 'own' : leader === '' ? 'released' : 'expired';
  const from = observation.sighting.kind === 'absent' ? 'absent' : invites(observation.sighting) ? 'invited' : held;
  // It may take many attempts: a new object is taken until it is old enough, a lock until the server answers again.
  const { told } = turn.s;
  if (told.kind === 'taking' && told.from === from && told.leader === leader) return;
  set(turn, { told: { kind: 'taking', from, leader } });
  report(turn, { kind: 'taking', from, leader });
}

/** A lease of more than ten minutes is waited out, and told again and again meanwhile. */
export function tellLongLease(turn: Turn): void {
  const { observation, want, term, toldLong } = turn.s;
  if (want !== 'lead' || term || !observation || observation.waitMs <= longLeaseMs) return;
  if (toldLong && !possiblyPast(turn.now, later(toldLong, longLeaseMs))) return;
  set(turn, { toldLong: turn.now });
  report(turn, { kind: 'long-lease', leader: holderOf(observation.sighting), durationMs: observation.waitMs });
}

/** That no candidate is to hold the lock, and that this is over: once each. */
export function tellPause(turn: Turn): void {
  const { want, term, toldPause } = turn.s;
  if (want !== 'lead' || term) return;
  const pause = pauseNow(turn.s, turn.now);
  const text = pause && pauseText(pause);
  if (text === toldPause) return;
  set(turn, { toldPause: text });
  report(turn, pause ? { kind: 'paused', ...pauseFacts(pause) } : { kind: 'resumed' });
}

/** Once per change of cause; trouble that comes and goes with each request is told once for as long as it lasts. */
export function tellTrouble(turn: Turn, doing: Doing, trouble: Trouble, leftMs: number | undefined): void {
  const { now } = turn;
  const { toldTrouble, trouble: before, settings, term, campaign } = turn.s;
  const { cause } = trouble;
  const again =
    toldTrouble?.cause === cause && !possiblyPast(now, later(toldTrouble.at, settings.timing.renewDeadlineMs));
  // A campaign of one look does not try again: its end tells of the trouble.
  const once = !term && campaign.patience.wait.kind === 'one-look';
  const told = !once && (before?.cause === cause ? before.told : !again);
  if (told && before?.cause !== cause) report(turn, { kind: 'trouble', doing, trouble, leftMs });
  const since = before?.since ?? now;
  set(turn, { trouble: { doing, cause, since, last: trouble, told }, toldTrouble: { cause, at: now } });
}

/** The end of trouble that was told of. */
export function tellRecovery(turn: Turn): void {
  const { trouble } = turn.s;
  if (trouble?.told) report(turn, { kind: 'recovered', afterMs: shownElapsed(turn.now, trouble.since) });
}
