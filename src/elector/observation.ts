// What a candidate knows of the lock: what it last looked like, and since when, on the candidate's own clock, it has
// looked like that. Decides when a candidate may take it, by durations alone: no time in a record is ever read.
// Knows neither requests nor terms. client-go calls the pair observedRecord and observedTime.
// Invariant: a held lock may be taken only once its five fields have stayed the same for the *record's* duration.

import { type Instant, later, type Now } from '../clock.ts';
import { type Instructions, type Pause, pauseAt } from '../locks/instructions.ts';
import type { Sighting } from '../locks/lock.ts';
import { sameRecord, sameSignature } from '../locks/record.ts';
import { foreignGraceFactor } from './timing.ts';

export interface Observation {
  readonly sighting: Sighting;
  /** When it was first seen to look like this: the receipt of what others wrote, the sending of what we wrote. */
  readonly since: Instant;
  /** When anything was last seen of it, changed or not. */
  readonly lastSeen: Instant;
  /** This run wrote it: it can be taken again at once, provided that nothing runs under it. */
  readonly own: boolean;
  /** No candidate may take it before it has stayed like this for so long. 0: at once. */
  readonly waitMs: number;
  /** Spreads candidates that all see the same thing at the same moment. */
  readonly spreadMs: number;
}

export interface ObservationRules {
  /** Stands in for a duration that the record lacks. */
  readonly leaseDurationMs: number;
  /** Extra wait for a holder that is not leader-run; undefined: 7/15 of the record's duration. */
  readonly foreignGraceMs: number | undefined;
}

/** The next observation, given what is seen now. `spreadMs` applies only if the sighting is a change. */
export function observe(
  before: Observation | undefined,
  sighting: Sighting,
  now: Now,
  spreadMs: number,
  rules: ObservationRules,
): Observation {
  // What was ours and is not any more has changed, even if it looks the same.
  if (before !== undefined && !before.own && !changed(before.sighting, sighting))
    return { ...before, sighting, lastSeen: now };
  const waitMs = waitFor(before, sighting, rules);
  return { sighting, since: now, lastSeen: now, own: false, waitMs, spreadMs };
}

/** The observation of a write of ours that is known to be stored: it holds since it was sent, never later. */
export function observeOwn(sighting: Sighting, sentAt: Instant, now: Now): Observation {
  return { sighting, since: sentAt, lastSeen: now, own: true, waitMs: 0, spreadMs: 0 };
}

/** Whether anything changed that a candidate's wait depends on: labels and versions alone do not count. */
export function changed(before: Sighting, after: Sighting): boolean {
  if (before.kind === 'absent' || after.kind === 'absent') return before.kind !== after.kind;
  if (before.version.object !== after.version.object) return true;
  if (before.kind === 'unreadable' || after.kind === 'unreadable') {
    return (
      before.kind !== after.kind ||
      (after.kind === 'unreadable' && before.kind === after.kind && before.text !== after.text)
    );
  }
  // The number of the write tells two renewals apart whose times are equal: a wall clock may stand still.
  return !sameRecord(before.record, after.record) || !sameSignature(before.signature, after.signature);
}

/** Whether a coordinator has named us as the holder, and waits for our first write. */
export function invites(sighting: Sighting): sighting is Extract<Sighting, { kind: 'record' }> {
  return sighting.kind === 'record' && sighting.coordinator === 'invites';
}

/** Whether a coordinator wants us to let go of what we hold. */
export function deposes(sighting: Sighting): boolean {
  return sighting.kind === 'record' && sighting.coordinator === 'deposes';
}

/** The text beside the record, where there is one. */
export function noteOf(sighting: Sighting): string | undefined {
  return sighting.kind === 'record' ? sighting.note : undefined;
}

/** What is asked of the lock's holder or its candidates. */
export function instructionsOf(sighting: Sighting | undefined): Instructions | undefined {
  return sighting?.kind === 'record' ? sighting.instructions : undefined;
}

/** The pause that is on, by the wall clock; it is an operator's wish, and no safety rests on it. */
export function pauseNow(
  { observation }: { readonly observation: Observation | undefined },
  now: Now,
): Pause | undefined {
  return pauseAt(instructionsOf(observation?.sighting), now.wall);
}

/** From when on a candidate may take the lock; it must be `surelyPast`. */
export function takeableAt({ since, waitMs, spreadMs }: Observation): Instant {
  return later(since, waitMs + spreadMs);
}

/** The name in the record; '' when the lock has no holder, '?' when its holder cannot be read. */
export function holderOf(sighting: Sighting): string {
  switch (sighting.kind) {
    case 'record':
      return sighting.record.holderIdentity;
    case 'unreadable':
      return '?';
    case 'absent':
      return '';
  }
}

/** How long others wait for this holder, in milliseconds; a record without a duration gets ours, never 0. */
export function leaseMs(sighting: Sighting, { leaseDurationMs }: ObservationRules): number {
  const stated = sighting.kind === 'record' ? sighting.record.leaseDurationSeconds : 0;
  return stated > 0 ? stated * 1000 : leaseDurationMs;
}

/** Not written by leader-run: unsigned, or signed long ago and since then held by another name. */
export function isForeign(sighting: Sighting): boolean {
  return !(sighting.kind === 'record' && sighting.signature?.identity === sighting.record.holderIdentity);
}

function waitFor(before: Observation | undefined, sighting: Sighting, rules: ObservationRules): number {
  if (sighting.kind === 'absent') {
    // Another process deleted it, and the holder may not know yet. A candidate that never saw a holder has nothing to
    // wait for.
    if (before === undefined || before.own || holderOf(before.sighting) === '') return 0;
    return leaseMs(before.sighting, rules);
  }
  if (holderOf(sighting) === '') return 0;
  const duration = leaseMs(sighting, rules);
  return isForeign(sighting) ? duration + (rules.foreignGraceMs ?? duration * foreignGraceFactor) : duration;
}
