// The elector's judgement, as one pure function: a state, an event and the time in; the next state, the effects that
// the driver shall carry out and the time of the next wake-up out. Decides who leads, when a term is over and which
// write is ours. Knows no network, no process and no clock; the simulator and the exhaustive search run this very code.
// Invariants: what is due is expired before the event is looked at; a term that is over never resumes; while `occupied`
// nothing is released, taken or granted; a late or doubtful answer may shorten a term, never lengthen it.

import {
  type Instant,
  later,
  latest,
  type Now,
  possiblyElapsed,
  possiblyPast,
  shownElapsed,
  surelyElapsed,
  untilPossibly,
  untilSurely,
} from '../clock.ts';
import type { RehearsalAnswer, Sighting, Trouble, Version, WriteAnswer } from '../locks/lock.ts';
import { sameRecord } from '../locks/record.ts';
import type { LossReason } from '../observe/events.ts';
import { changed, deposes, holderOf, invites, observe, observeOwn, versionOf } from './observation.ts';
import { nextRequest, type Plan } from './plan.ts';
import type { CoreEvent, Doing, Effect, Outcome, Patience, PendingWrite, Settings, State } from './state.ts';
import {
  dice,
  finish,
  report,
  request,
  set,
  take,
  tellLongLease,
  tellRecovery,
  tellStanding,
  tellTaking,
  tellTrouble,
  type Turn,
} from './turn.ts';
import { jitterFactor, leashFrom, startAllowanceMs } from './timing.ts';

/** 401, 403 and a missing namespace may be a server that is still starting up; after this long they are errors. */
const refusalPatienceMs = 3000;
const firstPauseMs = 250;
/** Of writes whose answers never came. One that is forgotten and lands after all is waited for like anybody else's. */
const rememberedWrites = 15;
/** Candidates that all wait for one lease's end take the lock over this time. */
const expirySpreadMs = 5;
/** A herd that was not met for so many leases may have gone, or have been a slow network. */
const crowdLeases = 4;
/** A conflict that is answered so soon was a race among few. */
const quickConflictMs = 25;

type Recorded = Extract<Sighting, { kind: 'record' }>;

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
  /** Send a tick after this many milliseconds, unless another event comes first; undefined: nothing is due. */
  readonly wakeMs: number | undefined;
}

export function initialState(settings: Settings, seed: number, now: Now): State {
  return {
    settings,
    random: seed | 0,
    want: 'nothing',
    occupied: false,
    term: undefined,
    deposed: false,
    soleFrom: undefined,
    campaign: { since: now, patience: { waitMs: undefined, untilCertain: false } },
    leaving: { outcome: 'stopped', holdUntil: now, shorten: false, tries: 0, by: undefined },
    observation: undefined,
    age: undefined,
    stored: undefined,
    pending: [],
    request: undefined,
    nextNumber: 1,
    mustRead: false,
    pause: now,
    takePause: now,
    failures: 0,
    timeouts: 0,
    lostRaces: 0,
    crowd: undefined,
    watching: false,
    proven: false,
    rehearsed: false,
    trouble: undefined,
    told: '',
    toldWatch: '',
    toldTrouble: undefined,
    toldLong: undefined,
  };
}

export function step(state: State, event: CoreEvent, now: Now): Step {
  const turn: Turn = { s: state, now, effects: [] };
  expire(turn);
  apply(turn, event);
  const plan = proceed(turn);
  return { state: turn.s, effects: turn.effects, wakeMs: plan.kind === 'wait' ? plan.ms : undefined };
}

/** What the passing of time alone has decided. */
function expire(turn: Turn): void {
  const { term, want, campaign } = turn.s;
  if (term) {
    if (possiblyPast(turn.now, term.leash.termBy)) lose(turn, 'deadline');
  } else if (want === 'lead') {
    const { waitMs } = campaign.patience;
    // One look (0) ends with its answer, not with the clock.
    if (waitMs && possiblyPast(turn.now, later(campaign.since, waitMs))) leave(turn, 'not-acquired');
  }
}

function apply(turn: Turn, event: CoreEvent): void {
  switch (event.kind) {
    case 'campaign':
      return campaign(turn, event.patience);
    case 'resign':
      return resign(turn, event.holdMs);
    case 'stop':
      return stop(turn);
    case 'work-ended':
      return set(turn, { occupied: false });
    case 'sending':
      return sending(turn, event.number);
    case 'read': {
      const asked = turn.s.request;
      if (!finish(turn, event.number)) return;
      answered(turn, 'read');
      see(turn, event.sighting, 'read', { askedAt: asked?.sentAt });
      // Whoever is leaving asks once: what did not show up by then is not waited for.
      if (turn.s.want === 'leave' && !turn.s.term) set(turn, { pending: [] });
      return afterLook(turn);
    }
    case 'read-failed':
      if (!finish(turn, event.number)) return;
      fail(turn, 'read', event.trouble);
      return afterLook(turn);
    case 'wrote':
      return wrote(turn, event.number, event.answer);
    case 'rehearsed':
      return rehearsed(turn, event.number, event.answer);
    case 'watched':
      return see(turn, event.sighting, 'watch', event);
    case 'watch-up':
      if (!turn.s.watching) report(turn, { kind: 'watch-up' });
      return set(turn, { watching: true, toldWatch: '' });
    case 'watch-down': {
      const { forbidden, message } = event;
      if (message !== turn.s.toldWatch) report(turn, { kind: 'watch-down', forbidden, message });
      return set(turn, { watching: false, toldWatch: message });
    }
    case 'tick':
      return;
    default:
      event satisfies never;
  }
}

/** Sends the next request, if one is due. */
function proceed(turn: Turn): Plan {
  tellLongLease(turn);
  const plan = nextRequest(turn.s, turn.now);
  switch (plan.kind) {
    case 'wait':
      return plan;
    case 'end':
      idle(turn, plan.outcome);
      return { kind: 'wait', ms: undefined };
    case 'surrender':
      // The term is over before its release is sent, so that no renewal can follow one.
      set(turn, { term: undefined, pause: turn.now });
      return proceed(turn);
    case 'read':
      set(turn, { request: request(turn, 'read'), mustRead: false, leaving: { ...turn.s.leaving, ...plan.leaving } });
      turn.effects.push({ kind: 'read', number: take(turn), limitMs: plan.limitMs });
      break;
    case 'rehearse':
    case 'write': {
      const { identity, run } = turn.s.settings;
      const sent = request(turn, plan.kind);
      set(turn, { request: sent });
      if (plan.kind === 'write') {
        const { record, openSince, write: kind } = plan;
        const pending: PendingWrite = {
          number: sent.number,
          kind,
          record,
          base: plan.base,
          sentAt: turn.now,
          openSince,
        };
        set(turn, { pending: [...turn.s.pending.slice(-rememberedWrites), pending] });
        set(turn, { leaving: { ...turn.s.leaving, ...plan.leaving } });
        if (kind === 'create' || kind === 'take') tellTaking(turn);
      }
      const signature = { identity, run, number: take(turn) };
      const write = { record: plan.record, base: plan.base, signature };
      turn.effects.push({ kind: plan.kind, request: write, limitMs: plan.limitMs });
      break;
    }
    default:
      plan satisfies never;
  }
  return nextRequest(turn.s, turn.now);
}

// What is asked of the elector.

function campaign(turn: Turn, patience: Patience): void {
  const { now } = turn;
  if (turn.s.want !== 'nothing' || turn.s.term) throw new Error('a campaign or a term is already under way');
  set(turn, {
    want: 'lead',
    campaign: { since: now, patience },
    // An old observation is as good as a new one: if the lock has changed since, the compare-and-swap fails.
    pause: now,
    takePause: now,
    failures: 0,
    told: '',
  });
  turn.effects.push({ kind: 'watch', on: true });
}

function resign(turn: Turn, holdMs: number): void {
  const outcome = 'released';
  set(turn, {
    want: 'leave',
    leaving: { outcome, holdUntil: later(turn.now, holdMs), shorten: false, tries: 0, by: undefined },
    // While there is a term its renewals keep their pace; without one there is nothing to wait for.
    pause: turn.s.term ? turn.s.pause : turn.now,
  });
  if (holdMs > 0 && turn.s.term) report(turn, { kind: 'holding', forMs: holdMs });
}

function stop(turn: Turn): void {
  const { want, term, leaving } = turn.s;
  if (want === 'leave' && term) set(turn, { leaving: { ...leaving, shorten: true } });
  else if (want === 'lead' && term) resign(turn, 0);
  else if (want === 'lead') leave(turn, 'stopped');
}

/** Ends a campaign; a write that is under way is waited for, since it may make us the holder. */
function leave(turn: Turn, outcome: 'stopped' | 'not-acquired'): void {
  const { request, proven, trouble } = turn.s;
  if (outcome === 'not-acquired' && !proven && trouble && isVerdict(trouble.cause)) {
    // Not "somebody else has it", but "you may not have it": whoever waited no longer than this is told so.
    return idle(turn, { kind: 'refused', trouble: trouble.last });
  }
  set(turn, {
    want: 'leave',
    leaving: { outcome, holdUntil: turn.now, shorten: false, tries: 0, by: undefined },
    pause: turn.now,
    request: request?.kind === 'write' ? request : undefined,
  });
}

function idle(turn: Turn, outcome: Outcome): void {
  set(turn, { want: 'nothing', term: undefined, watching: false, mustRead: false });
  if (outcome.kind === 'released') report(turn, { kind: 'released' });
  if (outcome.kind === 'left-held') report(turn, { kind: 'left-held', forMs: outcome.forMs });
  if (outcome.kind === 'not-released' && turn.s.observation?.own) {
    const freeInMs = turn.s.settings.timing.leaseDurationMs;
    report(turn, { kind: 'release-failed', freeInMs, message: turn.s.trouble?.cause ?? 'no answer' });
  }
  const told = outcome.kind === 'not-acquired' ? { ...outcome, trouble: turn.s.trouble?.last } : outcome;
  turn.effects.push({ kind: 'watch', on: false }, { kind: 'idle', outcome: told });
}

// What comes back from the lock.

function sending(turn: Turn, number: number): void {
  // Stamped by the driver just before the bytes go out; the planning of the write, which is earlier, was the guess.
  const sentAt: Instant = turn.now;
  const { pending, request } = turn.s;
  set(turn, { pending: pending.map((write) => (write.number === number ? { ...write, sentAt } : write)) });
  if (request?.number === number) set(turn, { request: { ...request, sentAt } });
}

function wrote(turn: Turn, number: number, answer: WriteAnswer): void {
  if (!finish(turn, number)) return;
  const write = turn.s.pending.find((pending) => pending.number === number);
  switch (answer.kind) {
    case 'stored':
      answered(turn, 'write');
      set(turn, { proven: true });
      // The body is checked, not the status alone: see() acknowledges the write only if the body is this write's.
      return see(turn, answer.sighting, 'answer');
    case 'conflict':
      answered(turn, 'write');
      set(turn, { proven: true });
      // Kept as pending: a proxy may have sent it twice, and then it is the second one that conflicts.
      if (write) conflicted(turn, write);
      return afterLook(turn);
    case 'refused':
      set(turn, { pending: turn.s.pending.filter((pending) => pending.number !== number) });
      fail(turn, 'write', answer.trouble);
      return afterLook(turn);
    case 'unknown':
      // Unless a watch has told of it already.
      if (write) set(turn, { mustRead: true });
      fail(turn, 'write', answer.trouble);
      return afterLook(turn);
    default:
      answer satisfies never;
  }
}

function rehearsed(turn: Turn, number: number, answer: RehearsalAnswer): void {
  if (!finish(turn, number)) return;
  const refused = answer.kind === 'refused' && isVerdict(answer.trouble.cause);
  // Once allowed, a refusal is told and not asked for again: the permission may come back before it is needed.
  if (refused) set(turn, { rehearsed: turn.s.proven });
  if (refused) return fail(turn, 'rehearse', answer.trouble);
  // A conflict, an overload or a webhook that cannot rehearse says nothing against us.
  set(turn, { rehearsed: true, proven: turn.s.proven || answer.kind === 'allowed' || answer.kind === 'conflict' });
}

/** What is known of a sighting besides what it shows: when it was asked for, and the state that it followed. */
interface Context {
  readonly askedAt?: Instant | undefined;
  readonly follows?: Version | undefined;
}

/** The one place that learns what the lock looks like. */
function see(turn: Turn, sighting: Sighting, from: 'read' | 'watch' | 'answer', about: Context = {}): void {
  const { askedAt, follows } = about;
  const { s } = turn;
  if (sighting.kind === 'absent') {
    // A deletion that a watch tells of may be long past.
    if (from === 'watch') return set(turn, { mustRead: true });
    return seeAbsence(turn);
  }
  if (sighting.kind === 'record' && sighting.ageMs !== undefined) {
    set(turn, { age: { object: sighting.version.object, ms: sighting.ageMs, at: turn.now } });
  }
  const mine = s.pending.find((write) => isWrite(sighting, write, s.settings));
  const against = s.term ? s.stored?.version : versionOf(s.observation?.sighting ?? { kind: 'absent' });
  const order = against ? s.settings.compare(sighting.version, against) : 'newer';
  // What is no newer than what we know of is old news. Only a candidate's read, asked for after that was known, shows a
  // store that was rolled back.
  const overtaken = askedAt && s.observation && askedAt.mono <= s.observation.lastSeen.mono;
  if ((order === 'older' || order === 'same') && (from === 'watch' || s.term || (overtaken && order === 'older'))) {
    if (order === 'same') set(turn, { observation: s.observation && { ...s.observation, lastSeen: turn.now } });
    return;
  }
  if (order === 'unordered' && from === 'watch' && !mine) return set(turn, { mustRead: true });

  if (mine && order === 'older' && !isFarewell(mine)) {
    // It was stored, and somebody has written since: a candidate has not become the holder by it.
    return set(turn, { pending: s.pending.filter((write) => write.number > mine.number) });
  }
  if (mine) return acknowledge(turn, mine, sighting);
  if (isStored(sighting, s)) {
    // Ours still, with new labels: the next write rests on the new version.
    const stored = s.stored && { ...s.stored, version: sighting.version };
    const observation = s.observation?.own ? { ...s.observation, sighting, lastSeen: turn.now } : s.observation;
    set(turn, { stored, observation, mustRead: false });
    return heed(turn, sighting);
  }
  if (invites(sighting)) set(turn, { soleFrom: soleFrom(turn, sighting, follows) });
  seeOther(turn, sighting);
}

/**
 * When an invited candidate may begin. A coordinator goes by wall clocks, its own and the last holder's; what we saw
 * of that holder is waited out by ours. Where something may have happened unseen, somebody may have begun just now.
 */
function soleFrom({ s, now }: Turn, { signature, version }: Recorded, follows: Version | undefined): Instant {
  const { observation: before, settings } = s;
  const last = before && versionOf(before.sighting);
  // Where there was no Lease, one that nobody has signed was made for us just now.
  const unbroken = last ? isSame(follows, last) || isSame(version, last) : !signature;
  const { leaseDurationMs } = settings.rules;
  const sole =
    before && unbroken
      ? later(before.since, before.waitMs)
      : later(now, Math.max(before?.waitMs ?? 0, leaseDurationMs));
  return s.soleFrom ? latest(s.soleFrom, sole) : sole;
}

function isSame(a: Version | undefined, b: Version): boolean {
  return a?.object === b.object && a.state === b.state;
}

function seeAbsence(turn: Turn): void {
  // A watch that told of it meanwhile asked for this very look.
  set(turn, { mustRead: false });
  const { observation, term } = turn.s;
  if (observation?.sighting.kind === 'absent') {
    set(turn, { observation: { ...observation, lastSeen: turn.now } });
  } else {
    const spreadMs = dice(turn) * crowdMs(turn);
    const next = observe(observation, { kind: 'absent' }, turn.now, spreadMs, turn.s.settings.rules);
    set(turn, { observation: next, told: '' });
    if (term) set(turn, { pause: turn.now });
    if (observation) report(turn, { kind: 'vanished', leading: term !== undefined, waitMs: term ? 0 : next.waitMs });
  }
}

function seeOther(turn: Turn, sighting: Exclude<Sighting, { kind: 'absent' }>): void {
  const { observation, settings, campaign, want, term, stored } = turn.s;
  const news = observation === undefined || changed(observation.sighting, sighting);
  const held = holderOf(sighting) !== '';
  const spreadMs = dice(turn) * Math.max(held ? expirySpreadMs : 0, crowdMs(turn));
  const seen = observe(observation, sighting, turn.now, spreadMs, settings.rules);
  set(turn, { observation: { ...seen, own: false }, mustRead: false });
  const beaten = observation !== undefined && held && holderOf(observation.sighting) !== holderOf(sighting);
  // The herd is still there, and its spreading has cost nothing: somebody was quicker.
  if (beaten) meetCrowd(turn, 0);
  const reason = stored && stored.version.object !== sighting.version.object ? 'recreated' : 'taken';
  if (term) lose(turn, reason);
  // The work of a lost term is still ending: whoever took the lock early leaves it no grace.
  else if (turn.s.occupied && held && stored) turn.effects.push({ kind: 'lost', reason });
  // The lock has moved on: should our old record come back, by somebody's hand, it is nobody's write of ours.
  set(turn, { stored: undefined, ...(held && { lostRaces: 0 }) });
  if (want !== 'lead') return;
  tellStanding(turn, sighting, observation !== undefined && news);
  const certain = observation !== undefined && news && held;
  if (campaign.patience.untilCertain && certain) leave(turn, 'not-acquired');
}

/** A coordinator would rather see another lead: no reason to hurry, but to go. */
function heed(turn: Turn, sighting: Sighting): void {
  const { term, deposed } = turn.s;
  if (!term || deposed || !deposes(sighting)) return;
  set(turn, { deposed: true });
  report(turn, { kind: 'deposed' });
  turn.effects.push({ kind: 'deposed' });
}

/** A write of ours is stored, whatever told us so; it counts from its own sending. */
function acknowledge(turn: Turn, write: PendingWrite, sighting: Exclude<Sighting, { kind: 'absent' }>): void {
  const { s, now } = turn;
  const { number, record, sentAt } = write;
  set(turn, {
    pending: s.pending.filter((pending) => pending.number > number),
    stored: { number, record, version: sighting.version, sentAt },
    observation: observeOwn(sighting, sentAt, now),
    mustRead: false,
  });
  answered(turn, 'write');
  switch (write.kind) {
    case 'release':
      // One whose answer never came may show up in a later campaign: then it is nothing but a free lock of ours.
      if (s.want !== 'leave') return;
      return idle(turn, s.leaving.outcome === 'released' ? { kind: 'released' } : { kind: s.leaving.outcome });
    case 'shorten':
      if (s.want !== 'leave') return;
      return idle(turn, { kind: 'left-held', forMs: record.leaseDurationSeconds * 1000 });
    case 'renew':
      if (s.term) extend(turn, sentAt);
      return heed(turn, sighting);
    case 'create':
    case 'take':
      if (s.term) return extend(turn, sentAt);
      return grant(turn, write, sighting);
    default:
      write.kind satisfies never;
  }
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
function grant(turn: Turn, write: PendingWrite, sighting: Exclude<Sighting, { kind: 'absent' }>): void {
  const { s, now } = turn;
  const { timing, newLockWaitMs } = s.settings;
  if (s.want !== 'lead' || s.occupied) return;
  const ageMs = ageOf(turn, sighting);
  const waitMs = Math.max(newLockWaitMs - ageMs, s.soleFrom ? untilSurely(now, s.soleFrom) : 0);
  if (waitMs > 0) {
    // Keep it by taking it again and again until the object is old enough, or nobody else can lead.
    return set(turn, { takePause: later(now, Math.min(timing.retryPeriodMs, waitMs)) });
  }
  // Too late to start a command: taking our own record again makes a fresh term.
  if (possiblyElapsed(now, write.sentAt) + startAllowanceMs >= timing.renewDeadlineMs / 2) return;
  const { state, object } = sighting.version;
  const transitions = write.record.leaseTransitions;
  const granted = { token: { state, object, transitions }, leash: leashFrom(write.sentAt, timing) };
  set(turn, {
    term: granted,
    deposed: false,
    soleFrom: undefined,
    occupied: true,
    lostRaces: 0,
    crowd: undefined,
    told: '',
    pause: later(write.sentAt, timing.retryPeriodMs),
  });
  const handOverMs = write.openSince && shownElapsed(now, write.openSince);
  report(turn, { kind: 'elected', token: state, transitions, handOverMs });
  turn.effects.push({ kind: 'granted', grant: granted });
}

/** How old the object surely is; a watch tells no ages, but an object only gets older. */
function ageOf({ s, now }: Turn, { version }: Exclude<Sighting, { kind: 'absent' }>): number {
  const { age } = s;
  return age?.object === version.object ? age.ms + surelyElapsed(now, age.at) : 0;
}

function lose(turn: Turn, reason: LossReason): void {
  const { stored, want, observation } = turn.s;
  const holder = reason === 'deadline' || !observation ? '' : holderOf(observation.sighting);
  set(turn, { term: undefined, want: want === 'lead' ? 'nothing' : want });
  const sinceRenewalMs = stored ? shownElapsed(turn.now, stored.sentAt) : 0;
  report(turn, { kind: 'lost', reason, holder, sinceRenewalMs });
  turn.effects.push({ kind: 'lost', reason });
}

/** Someone else was quicker, or only a label changed: the next look tells, unless a watch has told already. */
function conflicted(turn: Turn, { kind, base, sentAt }: PendingWrite): void {
  const { lostRaces, settings, observation, term, watching } = turn.s;
  const { retryPeriodMs } = settings.timing;
  const known = observation && versionOf(observation.sighting);
  const told = base && known && settings.compare(known, base) === 'newer';
  set(turn, { mustRead: !told });
  if (term || (kind !== 'take' && kind !== 'create')) return;
  // A server that takes long to say no is busy saying it to many: the time is a measure of the herd, and twice as much
  // the window over which this candidate spreads its next attempts. Where few race, it is nothing.
  const tookMs = Math.max(0, possiblyElapsed(turn.now, sentAt) - quickConflictMs);
  // Time for a watch to say who won, before it is asked for.
  const backOffMs = lostRaces === 0 ? 0 : Math.min(firstPauseMs * 2 ** lostRaces, retryPeriodMs);
  const pauseMs = Math.max(watching ? quickConflictMs : 0, dice(turn) * backOffMs);
  meetCrowd(turn, 2 * tookMs);
  set(turn, {
    lostRaces: Math.min(lostRaces + 1, 16),
    takePause: later(turn.now, pauseMs),
  });
  report(turn, { kind: 'race-lost' });
}

/** The largest measure is kept for as long as the herd is met: a smaller one only tells who was lucky. */
function meetCrowd(turn: Turn, measuredMs: number): void {
  const { leaseDurationMs } = turn.s.settings.timing;
  const ms = Math.min(Math.max(measuredMs, crowdMs(turn)), leaseDurationMs / 2);
  set(turn, { crowd: { ms, until: later(turn.now, crowdLeases * leaseDurationMs) } });
}

/** Over how long to spread an attempt now, as lost races measured the herd; nothing once it was not met for long. */
function crowdMs({ s, now }: Turn): number {
  return s.crowd && !possiblyPast(now, s.crowd.until) ? s.crowd.ms : 0;
}

/** A request came to nothing: slow down, and say so once per change of cause. No cause is a verdict on a term. */
function fail(turn: Turn, doing: Doing, trouble: Trouble): void {
  const { s, now } = turn;
  const { term, failures, campaign } = s;
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = s.settings.timing;
  const timedOut = trouble.cause === 'timeout';
  const leftMs = term && untilPossibly(now, term.leash.termBy);
  const backOffMs = Math.min(firstPauseMs * 2 ** failures, retryPeriodMs) * (1 + dice(turn) * (jitterFactor - 1));
  // No server may talk us into missing our own deadline: one more attempt fits before it.
  const mostMs = leftMs === undefined ? leaseDurationMs : leftMs - renewDeadlineMs / 4;
  const politeMs = Math.min(trouble.retryAfterMs ?? 0, mostMs);
  // A time-out was pause enough, and the next attempt has a fresh connection.
  const pause = later(now, Math.max(timedOut ? 0 : backOffMs, politeMs));
  set(turn, { failures: Math.min(failures + 1, 16), timeouts: s.timeouts + Number(timedOut), pause });
  tellTrouble(turn, doing, trouble, leftMs);
  const early = s.want === 'lead' && !term && !s.proven && isVerdict(trouble.cause);
  if (early && possiblyPast(now, later(campaign.since, refusalPatienceMs))) {
    idle(turn, { kind: 'refused', trouble });
  }
}

function isVerdict(cause: Trouble['cause']): boolean {
  return cause === 'unauthorized' || cause === 'forbidden' || cause === 'no-namespace' || cause === 'no-candidate';
}

/** Something answered; that the lock can be read does not mean that it can be written. */
function answered(turn: Turn, to: 'read' | 'write'): void {
  const { trouble } = turn.s;
  if (to === 'read' && trouble && trouble.doing !== 'read') return;
  tellRecovery(turn);
  set(turn, { trouble: undefined, failures: 0, timeouts: 0 });
}

/** One look (`--wait 0`) is over when a look came to nothing and nothing can be taken at once. */
function afterLook(turn: Turn): void {
  const { want, term, campaign, observation, mustRead } = turn.s;
  if (want !== 'lead' || term || campaign.patience.waitMs !== 0) return;
  const open = observation?.waitMs === 0 && !mustRead;
  if (!open) leave(turn, 'not-acquired');
}

// Whose write is it?

/** All of it must match: the run, the number and the five fields (with one identity, times alone may coincide). */
function isWrite(sighting: Sighting, write: PendingWrite, { run }: Settings): boolean {
  if (sighting.kind !== 'record') return false;
  const { signature, record } = sighting;
  return signature?.run === run && signature.number === write.number && sameRecord(record, write.record);
}

/** A write that ends our holding: whoever took the lock since has done so because of it. */
function isFarewell({ kind }: PendingWrite): boolean {
  return kind === 'release' || kind === 'shorten';
}

/** The record that we know to be ours; whoever strips its annotation has not taken it, whoever replaces it has. */
function isStored(sighting: Sighting, { stored, settings }: State): boolean {
  if (sighting.kind !== 'record' || sighting.version.object !== stored?.version.object) return false;
  if (!sameRecord(sighting.record, stored.record)) return false;
  const { signature } = sighting;
  return signature === undefined || (signature.run === settings.run && signature.number === stored.number);
}
