// What to ask of the lock next, or how long to wait: a pure reading of the state, made anew after every step.
// Decides which request is due and how long it may take; sends nothing and changes nothing.
// Invariants: one request at a time; nothing is written while something may still run under a term that is over; a
// candidate goes by the clock that ran less, a holder by the one that ran more.

import {
  type Instant,
  later,
  latest,
  type Now,
  possiblyPast,
  surelyPast,
  untilPossibly,
  untilSurely,
} from '../clock.ts';
import { type Instructions, stepDownText } from '../locks/instructions.ts';
import type { Version } from '../locks/lock.ts';
import { type ElectionRecord, released, renewed, shortened, taken, versionOf } from '../locks/record.ts';
import { pageOf, settledBy, wishedBy } from './page.ts';
import {
  deposes,
  holderOf,
  instructionsOf,
  invites,
  leaseMs,
  type Observation,
  pauseNow,
  takeableAt,
} from './observation.ts';
import { outcomeOf } from './leaving.ts';
import { roll } from './random.ts';
import type { Grant, Outcome, State, WriteKind } from './state.ts';
import { jitterFactor } from './timing.ts';
import { isTrusted } from './watching.ts';

/** Two tries to give the lock back get this long in all; then it is left to run out. */
const releaseBudgetMs = 2000;
const releaseTries = 2;

const never: Instant = { mono: Infinity, boot: Infinity };

interface PlannedWrite {
  readonly record: ElectionRecord;
  readonly base: Version | undefined;
  readonly note: string | undefined;
  readonly instructions?: Instructions | undefined;
  readonly limitMs: number;
}

export type Plan =
  | { readonly kind: 'wait'; readonly ms: number | undefined }
  | { readonly kind: 'read'; readonly limitMs: number; readonly leaving?: Partial<State['leaving']> }
  | ({ readonly kind: 'rehearse' } & PlannedWrite)
  | ({
      readonly kind: 'write';
      readonly write: WriteKind;
      readonly openSince?: Instant | undefined;
      readonly wish?: number | undefined;
      readonly leaving?: Partial<State['leaving']>;
    } & PlannedWrite)
  /** The owner's rules do not grant its wish. */
  | { readonly kind: 'unwished'; readonly verdict: unknown }
  /** Nothing runs any more and nothing is held back for: end the term, then let go of the lock. */
  | { readonly kind: 'surrender'; readonly leaving?: Partial<State['leaving']> }
  /** There is nothing to lead for: leave. */
  | { readonly kind: 'settled'; readonly verdict: unknown }
  | { readonly kind: 'end'; readonly outcome: Outcome };

export function nextRequest(s: State, now: Now): Plan {
  if (s.request) return wait(s.term ? untilPossibly(now, s.term.leash.termBy) : patienceLeft(s, now));
  if (s.term) return planTerm(s, s.term, now);
  if (s.occupied || s.want === 'nothing') return wait(undefined);
  return s.want === 'lead' ? planCampaign(s, now) : planLeaving(s, now);
}

/** Keep the lock: renew it every retry period, make it again if it was deleted, and ask when in doubt. */
function planTerm(s: State, { leash }: Grant, now: Now): Plan {
  const { holdUntil, shorten } = s.leaving;
  const leaves = s.want === 'leave' && !s.occupied;
  if (leaves && (shorten || surelyPast(now, holdUntil))) return surrender(s, leash, now);

  const wished = wishedBy(s, now);
  if (wished && 'verdict' in wished) return { kind: 'unwished', verdict: wished.verdict };
  const due = (s.mustRead || wished) && s.failures === 0 ? now : s.pause;
  if (!possiblyPast(now, due)) {
    return wait(
      untilPossibly(now, due),
      untilPossibly(now, leash.termBy),
      leaves ? untilSurely(now, holdUntil) : undefined,
    );
  }
  const limitMs = limitInTerm(s, untilPossibly(now, leash.termBy));
  if (s.mustRead || !s.stored || !s.observation) return { kind: 'read', limitMs };

  const record = renewed(s.stored.record, writable(s, now), s.settings.timeGrainMs);
  const base = versionOf(s.observation.sighting);
  if (base && wished) {
    const { note, obeys } = wished;
    const instructions = obeys && without(obeys, instructionsOf(s.observation.sighting));
    return { kind: 'write', write: 'renew', record, base, note, instructions, wish: s.wish?.number, limitMs };
  }
  if (base)
    return { kind: 'write', write: 'renew', record, base, note: undefined, instructions: confessed(s), limitMs };
  return { kind: 'write', write: 'create', record, base, note: s.stored.note, limitMs };
}

/** With what this holder asks of itself, for all to see; undefined: nothing is to be told, or it is told. */
function confessed({ confession, observation, settings }: State): Instructions | undefined {
  const instructions = instructionsOf(observation?.sighting);
  if (confession === undefined || instructions?.stepDown !== undefined) return undefined;
  return { ...instructions, stepDown: stepDownText(settings.identity, `not healthy: ${confession}`) };
}

/** A note that is not stored tells of nothing: it is tried for as long as the term would have lasted. */
function surrender({ settings, leaving }: State, { termBy }: Grant['leash'], now: Now): Plan {
  if (settings.notes === undefined) return { kind: 'surrender' };
  return { kind: 'surrender', leaving: { ...leaving, insists: true, by: latest(termBy, later(now, releaseBudgetMs)) } };
}

/**
 * A quarter of the deadline leaves room for a second attempt on a fresh connection. Each time-out doubles it, so that a
 * server that is merely slow is not given up on for ever, but the last quarter is kept for two more: an attempt that
 * began before a network was mended may never be answered.
 */
function limitInTerm({ settings, timeouts }: State, leftMs: number): number {
  const quarterMs = settings.timing.renewDeadlineMs / 4;
  const atLeastMs = leftMs > 1.5 * quarterMs ? quarterMs : quarterMs / 2;
  return Math.min(quarterMs * 2 ** timeouts, Math.max(atLeastMs, leftMs - atLeastMs), leftMs);
}

/** Wait for the lock to be free, look when a watch does not tell, and take it as soon as that is safe. */
function planCampaign(s: State, now: Now): Plan {
  const { timing, identity } = s.settings;
  const { observation } = s;
  const limitMs = timing.renewDeadlineMs / 2;
  if (!observation || s.mustRead) {
    // After a lost race the watch will soon show who won; asking at once would double the herd's requests.
    const at = isTrusted(s) && s.lostRaces > 0 ? latest(s.takePause, s.pause) : s.pause;
    if (!surelyPast(now, at)) return wait(untilSurely(now, at), patienceLeft(s, now));
    return { kind: 'read', limitMs };
  }

  const settled = settledBy(s, now);
  if (settled !== undefined) return { kind: 'settled', verdict: settled };

  const pause = pauseNow(s, now);
  const takeAt =
    mayTake(s, observation) && !pause
      ? latest(takeableAt(observation), s.takePause, s.pause, s.backUntil ?? s.pause)
      : never;
  const before = observation.sighting.kind === 'record' ? observation.sighting.record : undefined;
  const base = versionOf(observation.sighting);
  const seconds = timing.leaseDurationMs / 1000;
  const taking = s.settings.notes?.taking(pageOf(s, observation, now));
  const note = taking && 'note' in taking ? taking.note : undefined;
  const planned = () => ({
    record: taken(before, identity, seconds, writable(s, now)),
    // Whoever was to step down does not hold the lock any more.
    instructions: without('stepDown', instructionsOf(observation.sighting)),
    ...{ base, note, limitMs },
  });
  if (surelyPast(now, takeAt)) {
    if (taking && 'verdict' in taking) return { kind: 'settled', verdict: taking.verdict };
    const openSince = later(observation.since, observation.waitMs);
    return { kind: 'write', write: base ? 'take' : 'create', openSince, ...planned() };
  }
  const mayAsk = surelyPast(now, s.pause);
  if (mayAsk && base && s.rehearsals > 0) return { kind: 'rehearse', ...planned() };

  const lookAt = latest(nextLook(s, observation), s.pause);
  if (surelyPast(now, lookAt)) return { kind: 'read', limitMs };
  const pauseLeftMs = pause?.untilMs === undefined ? undefined : pause.untilMs - now.wall;
  return wait(untilSurely(now, takeAt), untilSurely(now, lookAt), pauseLeftMs, patienceLeft(s, now));
}

/** What is asked besides; undefined: that was not asked, and all stays as it is. */
function without(name: keyof Instructions, instructions: Instructions | undefined): Instructions | undefined {
  return instructions?.[name] === undefined ? undefined : { ...instructions, [name]: undefined };
}

/** Where a coordinator assigns the lock, no candidate takes it uninvited; what we hold, the coordinator gave us. */
function mayTake({ settings }: State, { sighting, own }: Observation): boolean {
  if (settings.coordinated !== true) return true;
  return invites(sighting) || (own && holderOf(sighting) === settings.identity && !deposes(sighting));
}

/** Polling as client-go does; with a watch, only when it has been silent for half a lease, the holder's or ours. */
function nextLook(s: State, { lastSeen, sighting }: Observation): Instant {
  const { timing, rules } = s.settings;
  if (isTrusted(s)) return later(lastSeen, Math.min(leaseMs(sighting, rules), timing.leaseDurationMs) / 2);
  return later(lastSeen, timing.retryPeriodMs * (1 + jitterFactor * roll(s.random).value));
}

/** Let go of what is ours, or may be; give up trying when the budget is spent. */
function planLeaving(s: State, now: Now): Plan {
  const { leaving, observation, stored } = s;
  const own = observation?.own === true && holderOf(observation.sighting) === s.settings.identity;
  const outcome = outcomeOf(s, 'not-released');
  // A write that never got an answer may have made us the holder.
  const doubtful = s.pending.length > 0;
  const tired = !leaving.insists && leaving.tries >= releaseTries;
  const spent = tired || (leaving.by !== undefined && possiblyPast(now, leaving.by));
  if ((!own && !doubtful) || spent) return { kind: 'end', outcome };

  // The budget begins with the first request.
  const by = leaving.by ?? later(now, releaseBudgetMs);
  if (!possiblyPast(now, s.pause)) return wait(untilPossibly(now, s.pause), untilPossibly(now, by));
  const longestMs = leaving.insists ? s.settings.timing.renewDeadlineMs / 4 : releaseBudgetMs / releaseTries;
  const limitMs = Math.min(longestMs, untilPossibly(now, by));
  if (doubtful || s.mustRead || !stored || !observation) return { kind: 'read', limitMs, leaving: { by } };

  const leftMs = leaving.shorten ? untilSurely(now, leaving.holdUntil) : 0;
  const wall = writable(s, now);
  const record = leftMs > 0 ? shortened(stored.record, Math.ceil(leftMs / 1000), wall) : released(stored.record, wall);
  const base = versionOf(observation.sighting);
  const note = s.settings.notes?.releasing(pageOf(s, observation, now));
  const obeyed = s.deposed === 'step-down' || s.deposed === 'health' ? instructionsOf(observation.sighting) : undefined;
  const instructions = without('stepDown', obeyed);
  const next = { tries: leaving.tries + 1, by };
  const write = leftMs > 0 ? 'shorten' : 'release';
  return { kind: 'write', write, record, base, note, instructions, limitMs, leaving: next };
}

/** The time that goes into a record: no finer than the lock keeps it, so that what we read is what we wrote. */
function writable({ settings: { timeGrainMs = 1 } }: State, { wall }: Now): number {
  return Math.floor(wall / timeGrainMs) * timeGrainMs;
}

function patienceLeft({ campaign, want }: State, now: Now): number | undefined {
  const { wait: patience } = campaign.patience;
  if (want !== 'lead' || patience.kind !== 'for') return undefined;
  return untilPossibly(now, later(campaign.since, patience.ms));
}

function wait(...ms: (number | undefined)[]): Plan {
  const known = ms.filter((each) => each !== undefined);
  return { kind: 'wait', ms: known.length > 0 ? Math.min(...known) : undefined };
}
