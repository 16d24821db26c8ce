// What a look, a watch or an answer teaches. Decides which news is old, whose write a record is, and what follows: a
// term granted, extended or lost. Knows neither pauses (pace.ts) nor what to ask next (plan.ts).
// Invariants: this is the one place that learns what the lock looks like; a write of ours counts from its own sending,
// whatever told of it; late or doubtful news may shorten a term, never lengthen it.

import {
  type Instant,
  later,
  latest,
  possiblyElapsed,
  shownElapsed,
  surelyElapsed,
  untilPossibly,
  untilSurely,
} from '../clock.ts';
import type { Sighting, Version } from '../locks/lock.ts';
import { sameVersion, versionOf } from '../locks/record.ts';
import { pauseAt, pauseFacts, sameInstructions, stepDownReason } from '../locks/instructions.ts';
import type { DeposedBy, LossReason } from '../observe/events.ts';
import { idle, leave, outcomeOf } from './leaving.ts';
import type { Beside } from './notes.ts';
import { changed, deposes, holderOf, instructionsOf, invites, noteOf, observe, observeOwn } from './observation.ts';
import { answered, meetHerd, slowDown, spread } from './pace.ts';
import type { PendingWrite, Settings, State } from './state.ts';
import { tellStanding, tellTrouble } from './tell.ts';
import { leashFrom, startAllowanceMs } from './timing.ts';
import { report, set, type Turn } from './turn.ts';
import { givesUp, isAnsweredSoon, isEarlierRenewal, isStored, isWrite, keepsOthersAway, lossBy } from './whose.ts';

type Recorded = Extract<Sighting, { kind: 'record' }>;
type Present = Exclude<Sighting, { kind: 'absent' }>;
type Source = 'read' | 'watch' | 'answer';
type Order = ReturnType<Settings['compare']>;

/** What is known of a sighting besides what it shows: when it was asked for, and the state that it followed. */
interface Context {
  readonly askedAt?: Instant | undefined;
  readonly follows?: Version | undefined;
}

/** The one place that learns what the lock looks like. */
export function see(turn: Turn, sighting: Sighting, from: Source, { askedAt, follows }: Context = {}): void {
  const { s } = turn;
  if (sighting.kind === 'absent') {
    // A deletion that a watch tells of may be long past.
    if (from === 'watch') return set(turn, { mustRead: true });
    return seeAbsence(turn);
  }
  if (sighting.kind === 'record' && sighting.ageMs !== undefined) {
    set(turn, { age: { object: sighting.version.object, ms: sighting.ageMs, at: turn.now } });
  }
  if (isOldNews(turn, sighting, from, askedAt)) {
    // What is known already was seen again, and a look is put off by that.
    if (orderOf(s, sighting) === 'same') {
      set(turn, { observation: s.observation && { ...s.observation, lastSeen: turn.now } });
    }
    return;
  }
  const mine = s.pending.find((write) => isWrite(sighting, write, s.settings));
  if (mine) return seeMine(turn, mine, sighting);
  // Changed on its way to the storage, perhaps: the answer tells, and until then it keeps others away as ours does.
  if (from === 'watch' && isAnsweredSoon(sighting, s)) return;
  // A watch may tell of an object that is gone by now: only a read can say.
  if (from === 'watch' && orderOf(s, sighting) === 'unordered') return set(turn, { mustRead: true });
  if (isStored(sighting, s)) return seeStored(turn, sighting);
  if (isEarlierRenewal(sighting, s)) return seeEarlier(turn, sighting);
  if (invites(sighting)) set(turn, { soleFrom: soleFrom(turn, sighting, follows) });
  seeOther(turn, sighting);
}

/** Whether a sighting tells of what is known, or of what was before it. */
function isOldNews({ s }: Turn, sighting: Present, from: Source, askedAt: Instant | undefined): boolean {
  const order = orderOf(s, sighting);
  // A newer version is news; a version that cannot be compared may be.
  if (order === 'newer' || order === 'unordered') return false;
  // A watch may be late, and may tell a thing twice.
  if (from === 'watch') return true;
  // A candidate that reads what it knows has looked at the lock as it is. A holder knows of its own last write.
  if (order === 'same') return s.term !== undefined;
  // An older state in a read that was asked for before the newer one was seen: they have overtaken each other. Asked
  // for after that, it shows a store that was rolled back, and that is how the lock looks now. The answer to a write
  // that shows an older state was made before the newer one.
  if (from === 'answer') return s.term !== undefined;
  return askedAt !== undefined && s.observation !== undefined && askedAt.mono <= s.observation.lastSeen.mono;
}

/** Where a sighting stands to what is known: to a holder's own last write, else to what was seen last. */
function orderOf({ term, stored, observation, settings }: State, { version }: Present): Order {
  const known = term ? stored?.version : observation && versionOf(observation.sighting);
  return known ? settings.compare(version, known) : 'newer';
}

function seeMine(turn: Turn, mine: PendingWrite, sighting: Present): void {
  const { s } = turn;
  if (orderOf(s, sighting) === 'older' && !givesUp(mine)) {
    // It was stored, and another write has followed it: a candidate has not become the holder by it.
    return set(turn, { pending: s.pending.filter((write) => write.number > mine.number) });
  }
  acknowledge(turn, mine, sighting);
}

/** The last write of ours, with new labels: the next write rests on the new version. */
function seeStored(turn: Turn, sighting: Present): void {
  const { s } = turn;
  const stored = s.stored && { ...s.stored, version: sighting.version, note: noteOf(sighting) };
  const observation = s.observation?.own ? { ...s.observation, sighting, lastSeen: turn.now } : s.observation;
  set(turn, { stored, observation, mustRead: false });
  obey(turn, sighting);
}

/**
 * The storage was put back to an earlier renewal of this term: no other candidate has led since, as far as anybody can
 * know. The next renewal rests on it, after a pause, since members of a storage that disagree show it again and again.
 */
function seeEarlier(turn: Turn, sighting: Present): void {
  const { stored, term } = turn.s;
  if (!stored || !term) return;
  const message =
    'the lock shows a state older than our last renewal: its storage was put back, or parts of it disagree';
  set(turn, {
    stored: { ...stored, version: sighting.version, note: noteOf(sighting) },
    observation: observeOwn(sighting, stored.sentAt, turn.now),
    mustRead: false,
  });
  contradicted(turn, message);
  obey(turn, sighting);
}

/** What a write was told and what a look shows do not go together: a failure like any other. */
export function contradicted(turn: Turn, message: string): void {
  const { term } = turn.s;
  const trouble = { cause: 'conflict', message } as const;
  slowDown(turn, trouble);
  tellTrouble(turn, 'write', trouble, term && untilPossibly(turn.now, term.leash.termBy));
}

/**
 * The answer to a write of ours, which the server stored otherwise than it was sent. No candidate can tell such a
 * record from another's later on, so none leads by it.
 */
export function seeAltered(turn: Turn, write: PendingWrite, sighting: Recorded, what: string): void {
  const { s, now } = turn;
  const { number, sentAt } = write;
  const { record, version, note } = sighting;
  const message = `the API server stores our record otherwise than it is sent (${what}): exempt this lock from the mutating policy or webhook that changes it`;
  const trouble = { cause: 'altered', message } as const;
  tellTrouble(turn, 'write', trouble, undefined);
  set(turn, {
    pending: s.pending.filter((pending) => pending.number > number),
    stored: { number, record, note, version, sentAt },
    observation: observeOwn(sighting, sentAt, now),
    mustRead: false,
  });
  if (s.term) lose(turn, keepsOthersAway(sighting, s.settings) ? 'altered' : 'edited');
  else if (s.want === 'lead') leave(turn, 'refused');
}

/**
 * When an invited candidate may begin. A coordinator goes by wall clocks, its own and the last holder's; what we saw
 * of that holder is waited out by ours. Where something may have happened unseen, another may have begun just now.
 */
function soleFrom({ s, now }: Turn, { signature, version }: Recorded, follows: Version | undefined): Instant {
  const { observation: before, settings } = s;
  const last = before && versionOf(before.sighting);
  // Where there was no Lease, the coordinator has made an unsigned one for us just now.
  const unbroken = last ? sameVersion(follows, last) || sameVersion(version, last) : !signature;
  const { leaseDurationMs } = settings.rules;
  const sole =
    before && unbroken
      ? later(before.since, before.waitMs)
      : later(now, Math.max(before?.waitMs ?? 0, leaseDurationMs));
  return s.soleFrom ? latest(s.soleFrom, sole) : sole;
}

function seeAbsence(turn: Turn): void {
  // A watch that told of it meanwhile asked for this very look.
  set(turn, { mustRead: false });
  const { observation, term } = turn.s;
  if (observation?.sighting.kind === 'absent') {
    set(turn, { observation: { ...observation, lastSeen: turn.now } });
  } else {
    const spreadMs = spread(turn, false);
    const next = observe(observation, { kind: 'absent' }, turn.now, spreadMs, turn.s.settings.rules);
    set(turn, { observation: next, told: { kind: 'nothing' } });
    if (term) set(turn, { pause: turn.now });
    if (observation) report(turn, { kind: 'vanished', leading: term !== undefined, waitMs: term ? 0 : next.waitMs });
  }
}

function seeOther(turn: Turn, sighting: Present): void {
  const { observation, settings, campaign, want, term, stored } = turn.s;
  const order = orderOf(turn.s, sighting);
  const news = observation === undefined || changed(observation.sighting, sighting);
  const held = holderOf(sighting) !== '';
  const spreadMs = spread(turn, held);
  const seen = observe(observation, sighting, turn.now, spreadMs, settings.rules);
  set(turn, { observation: { ...seen, own: false }, mustRead: false });
  const beaten = observation !== undefined && held && holderOf(observation.sighting) !== holderOf(sighting);
  // The herd is still there, and its spreading has cost this candidate nothing: another one was quicker.
  if (beaten) meetHerd(turn, 0);
  // It let others go first, and one has gone.
  if (held && holderOf(sighting) !== settings.identity) set(turn, { backUntil: undefined });
  const reason = lossBy(sighting, order, turn.s);
  if (term) lose(turn, reason);
  // The work of a lost term is still ending: a holder that took the lock early leaves it no grace.
  else if (turn.s.occupied && held && stored) turn.effects.push({ kind: 'lost', reason });
  // Forget our stored write: should its record be restored by hand later, it must not count as ours.
  set(turn, { stored: undefined, ...(held && { lostRaces: 0 }) });
  if (want !== 'lead') return;
  tellStanding(turn, sighting, observation !== undefined && news);
  const certain = observation !== undefined && news && held;
  if (campaign.patience.untilCertain && certain) leave(turn, 'not-acquired');
}

/** A write of ours is stored, whatever told us so; it counts from its own sending. */
function acknowledge(turn: Turn, write: PendingWrite, sighting: Present): void {
  const { s, now } = turn;
  const { number, record, sentAt } = write;
  set(turn, {
    pending: s.pending.filter((pending) => pending.number > number),
    stored: { number, record, note: noteOf(sighting), version: sighting.version, sentAt },
    observation: observeOwn(sighting, sentAt, now),
    mustRead: false,
  });
  answered(turn, 'write');
  switch (write.kind) {
    case 'release':
      // One whose answer never came may show up in a later campaign: then it is nothing but a free lock of ours.
      if (s.want !== 'leave') return;
      return idle(turn, outcomeOf(s, 'released'));
    case 'shorten':
      if (s.want !== 'leave') return;
      return idle(turn, { kind: 'left-held', forMs: record.leaseDurationSeconds * 1000 });
    case 'renew':
      if (s.term) extend(turn, sentAt);
      obey(turn, sighting);
      return grantWish(turn, write, sighting);
    case 'create':
    case 'take':
      if (!s.term) return grant(turn, write, sighting);
      extend(turn, sentAt);
      return obey(turn, sighting);
    default:
      write.kind satisfies never;
  }
}

/** A holder sees what is asked of it, and tells its owner what stands beside the record. */
function obey(turn: Turn, sighting: Present): void {
  if (!turn.s.term) return;
  const [known, beside] = [turn.s.beside, besideOf(sighting)];
  if (known.note !== beside.note || !sameInstructions(known.instructions, beside.instructions)) {
    set(turn, { beside });
    turn.effects.push({ kind: 'beside', beside });
  }
  const deposal = turn.s.deposed === undefined ? deposalIn(turn, sighting) : undefined;
  if (deposal !== undefined) depose(turn, deposal);
}

/** The work ends in its own time, and then the lock is given back. What was wished for was wished for before that. */
function depose(turn: Turn, deposal: Deposal): void {
  set(turn, { deposed: deposal.by, wish: undefined });
  report(turn, { kind: 'deposed', ...deposal });
  turn.effects.push({ kind: 'deposed' });
}

/** The holder itself wants another to lead. */
export function stepDown(turn: Turn, reason: string): void {
  const { term, deposed } = turn.s;
  if (!term || deposed !== undefined) return;
  // Told with a renewal at once: the work may take long to end.
  set(turn, { confession: reason, pause: turn.now });
  depose(turn, { by: 'health', reason });
}

interface Deposal {
  readonly by: DeposedBy;
  readonly reason: string;
  readonly until?: string | undefined;
}

/** Why a holder is to give the lock back, of its own accord; undefined: it is not. */
function deposalIn({ s, now }: Turn, sighting: Present): Deposal | undefined {
  if (deposes(sighting)) return { by: 'coordinator', reason: '' };
  const instructions = instructionsOf(sighting);
  const pause = pauseAt(instructions, now.wall);
  if (pause) return { by: 'pause', ...pauseFacts(pause) };
  const reason = instructions && stepDownReason(instructions, s.settings.identity);
  return reason === undefined ? undefined : { by: 'step-down', reason };
}

/** The owner's wish is what this write has stored, and all that may have begun by it. */
function grantWish(turn: Turn, { wish }: PendingWrite, sighting: Present): void {
  if (!turn.s.term || wish === undefined || turn.s.wish?.number !== wish) return;
  const { state: value, object: lockUid } = sighting.version;
  const token = { ...turn.s.term.token, value, lockUid };
  set(turn, { wish: undefined, term: { ...turn.s.term, token }, work: { note: noteOf(sighting), end: undefined } });
  turn.effects.push({ kind: 'wished', verdict: undefined, token });
}

function extend(turn: Turn, sentAt: Instant): void {
  const { term, settings } = turn.s;
  if (!term) return;
  const leash = leashFrom(sentAt, settings.timing);
  set(turn, { pause: later(sentAt, settings.timing.retryPeriodMs) });
  report(turn, { kind: 'renewed', latencyMs: shownElapsed(turn.now, sentAt) });
  // Acknowledgements may come out of order: a write that was sent earlier than the last one stored lengthens nothing.
  if (leash.termBy.mono <= term.leash.termBy.mono || leash.termBy.boot <= term.leash.termBy.boot) return;
  set(turn, { term: { ...term, leash } });
  turn.effects.push({ kind: 'leash', leash });
}

/** The lock is ours; whether a command may start under it depends on how long that write took. */
function grant(turn: Turn, write: PendingWrite, sighting: Present): void {
  const { s, now } = turn;
  const { timing, newLockWaitMs } = s.settings;
  if (s.want !== 'lead' || s.occupied) return;
  const ageMs = ageOf(turn, sighting);
  const waitMs = Math.max(newLockWaitMs - ageMs, s.soleFrom ? untilSurely(now, s.soleFrom) : 0);
  if (waitMs > 0) {
    // Keep it by taking it again and again until the object is old enough, or no other candidate can lead.
    return set(turn, { takePause: later(now, Math.min(timing.retryPeriodMs, waitMs)) });
  }
  // Too late to start a command: taking our own record again makes a fresh term.
  if (possiblyElapsed(now, write.sentAt) + startAllowanceMs >= timing.renewDeadlineMs / 2) return;
  const { state: value, object: lockUid } = sighting.version;
  const transitions = write.record.leaseTransitions;
  const beside = besideOf(sighting);
  const granted = { token: { value, lockUid, transitions }, leash: leashFrom(write.sentAt, timing), beside };
  set(turn, {
    term: granted,
    deposed: undefined,
    confession: undefined,
    backUntil: undefined,
    soleFrom: undefined,
    occupied: true,
    work: { note: beside.note, end: undefined },
    beside,
    wish: undefined,
    lostRaces: 0,
    herd: undefined,
    told: { kind: 'nothing' },
    pause: later(write.sentAt, timing.retryPeriodMs),
  });
  const handOverMs = write.openSince && shownElapsed(now, write.openSince);
  report(turn, { kind: 'elected', token: value, transitions, handOverMs });
  turn.effects.push({ kind: 'granted', grant: granted });
}

function besideOf(sighting: Present): Beside {
  return { note: noteOf(sighting), instructions: instructionsOf(sighting) };
}

/** How old the object surely is; a watch tells no ages, but an object only gets older. */
function ageOf({ s, now }: Turn, { version }: Present): number {
  const { age } = s;
  return age?.object === version.object ? age.ms + surelyElapsed(now, age.at) : 0;
}

export function lose(turn: Turn, reason: LossReason): void {
  const { stored, want, observation } = turn.s;
  const holder = reason === 'deadline' || reason === 'altered' || !observation ? '' : holderOf(observation.sighting);
  set(turn, { term: undefined, wish: undefined, want: want === 'lead' ? 'nothing' : want });
  const sinceRenewalMs = stored ? shownElapsed(turn.now, stored.sentAt) : 0;
  report(turn, { kind: 'lost', reason, holder, sinceRenewalMs });
  turn.effects.push({ kind: 'lost', reason });
}
