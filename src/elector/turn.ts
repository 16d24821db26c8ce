// A step in the making: a private copy of the state to write on, the effects so far, and what is told to people on the
// way. Decides only what is worth telling, and that nothing is told twice. The core writes; this is its pen.
// Invariant: the state that a step was given is never changed; each `set` makes a new one.

import { later, type Now, possiblyPast, shownElapsed } from '../clock.ts';
import type { Sighting, Trouble } from '../locks/lock.ts';
import type { Event as Reported } from '../observe/events.ts';
import { holderOf, invites, isForeign, leaseMs } from './observation.ts';
import { roll } from './random.ts';
import type { Doing, Effect, Request, State } from './state.ts';

/** In `told`, where no name can be mistaken for it. */
const unreadable = '\0unreadable';
/** A lease this long is waited for, but told again and again: it shuts the lock for as long as it says. */
const longLeaseMs = 600_000;

/** A step in the making: a private copy of the state, to be written on. */
export interface Turn {
  readonly now: Now;
  readonly effects: Effect[];
  s: State;
}

export function set(turn: Turn, changes: Partial<State>): void {
  turn.s = { ...turn.s, ...changes };
}

export function report(turn: Turn, event: Reported): void {
  turn.effects.push({ kind: 'report', event });
}

export function dice(turn: Turn): number {
  const { value, state } = roll(turn.s.random);
  set(turn, { random: state });
  return value;
}

export function request(turn: Turn, kind: 'read' | 'rehearse' | 'write'): Request {
  return { kind, number: turn.s.nextNumber, sentAt: turn.now };
}

/** Uses up the next request number. */
export function take(turn: Turn): number {
  const number = turn.s.nextNumber;
  set(turn, { nextNumber: number + 1 });
  return number;
}

/** Ends the request under way; false for the answer to one that was given up. */
export function finish(turn: Turn, number: number): boolean {
  if (turn.s.request?.number !== number) return false;
  set(turn, { request: undefined });
  return true;
}

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
