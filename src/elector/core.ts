// The elector's judgement, as one pure function: a state, an event and the time in; the next state, the effects for the
// driver and the time of the next wake-up out. Decides what has become due, what follows from what is asked of the
// elector, and what an answer to a request means. What the lock looks like is judged in sightings.ts, what to ask next
// in plan.ts. Knows no network, no process and no clock; the simulator and the exhaustive search run this very code.
// Invariants: what is due is expired before the event is looked at; a term that is over never resumes; while `occupied`
// nothing is released, taken or granted; a late or doubtful answer may shorten a term, never lengthen it.

import { type Instant, later, type Now, possiblyPast, untilPossibly } from '../clock.ts';
import type { RehearsalAnswer, Sighting, Trouble, WriteAnswer } from '../locks/lock.ts';
import { sameVersion, versionOf } from '../locks/record.ts';
import { idle, isVerdict, leave, leavingAs } from './leaving.ts';
import { settledBy } from './page.ts';
import { answered, conflicted, slowDown } from './pace.ts';
import { pauseNow } from './observation.ts';
import { nextRequest, type Plan } from './plan.ts';
import { contradicted, lose, see, seeAltered, stepDown } from './sightings.ts';
import type { CoreEvent, Doing, Effect, Patience, PendingWrite, Settings, State } from './state.ts';
import { tellLongLease, tellPause, tellTaking, tellTrouble } from './tell.ts';
import { finish, report, request, set, type Turn } from './turn.ts';
import { compareWithWatch, endTrust, trustLeftMs, watchClosed, watchOpened, watchTells } from './watching.ts';
import { alterationIn, givesUp } from './whose.ts';

/** 401, 403 and a missing namespace may be a server that is still starting up; after this long they are errors. */
const refusalPatienceMs = 3000;
/** Of writes whose answers never came. One that is forgotten and lands after all is waited for like another's. */
const rememberedWrites = 15;
/** A conflict of all of them is no race with a holder who writes every few seconds. */
const mostRehearsals = 3;

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
    deposed: undefined,
    confession: undefined,
    backUntil: undefined,
    soleFrom: undefined,
    campaign: { since: now, patience: { wait: { kind: 'forever' }, untilCertain: false } },
    leaving: leavingAs('stopped', now),
    observation: undefined,
    age: undefined,
    stored: undefined,
    work: undefined,
    beside: { note: undefined, instructions: undefined },
    wish: undefined,
    serverTime: undefined,
    pending: [],
    request: undefined,
    nextNumber: 1,
    disputed: undefined,
    mustRead: false,
    pause: now,
    takePause: now,
    failures: 0,
    timeouts: 0,
    lostRaces: 0,
    herd: undefined,
    watching: false,
    watch: { kind: 'down' },
    proven: false,
    rehearsals: mostRehearsals,
    trouble: undefined,
    told: { kind: 'nothing' },
    toldWatch: '',
    toldTrouble: undefined,
    toldLong: undefined,
    toldPause: undefined,
  };
}

export function step(state: State, event: CoreEvent, now: Now): Step {
  const turn: Turn = { s: state, now, effects: [] };
  expire(turn);
  apply(turn, event);
  const plan = proceed(turn);
  const wakes = [plan.kind === 'wait' ? plan.ms : undefined, trustLeftMs(turn.s, now)].filter((ms) => ms !== undefined);
  return { state: turn.s, effects: turn.effects, wakeMs: wakes.length > 0 ? Math.min(...wakes) : undefined };
}

/** What the passing of time alone has decided. */
function expire(turn: Turn): void {
  endTrust(turn);
  const { term, want, campaign } = turn.s;
  if (term) {
    if (possiblyPast(turn.now, term.leash.termBy)) lose(turn, 'deadline');
  } else if (want === 'lead') {
    const { wait } = campaign.patience;
    // One look ends with its answer, not with the clock.
    if (wait.kind === 'for' && possiblyPast(turn.now, later(campaign.since, wait.ms))) leave(turn, 'not-acquired');
  }
}

function apply(turn: Turn, event: CoreEvent): void {
  switch (event.kind) {
    case 'campaign':
      return campaign(turn, event.patience);
    case 'resign':
      return resign(turn, event.holdMs);
    case 'step-down':
      return stepDown(turn, event.reason);
    case 'stop':
      return stop(turn);
    case 'work-ended': {
      const { work } = turn.s;
      return set(turn, { occupied: false, work: work && { ...work, end: event.end } });
    }
    case 'wish':
      // Numbered by the write that comes next: no other has been sent for it.
      if (turn.s.term) set(turn, { wish: { number: turn.s.nextNumber, what: event.wish } });
      return;
    case 'sending':
      return sending(turn, event.number);
    case 'read': {
      const asked = turn.s.request;
      if (!finish(turn, event.number)) return;
      answered(turn, 'read');
      serverTells(turn, event.dateMs);
      look(turn, event.sighting, asked?.sentAt);
      // A candidate that leaves asks once: a write that did not show up by then is not waited for.
      if (turn.s.want === 'leave' && !turn.s.term) set(turn, { pending: [] });
      return afterLook(turn);
    }
    case 'read-failed': {
      const asked = turn.s.request;
      if (!finish(turn, event.number)) return;
      // What only a look could tell is as open as before.
      if (asked?.must === true) set(turn, { mustRead: true });
      fail(turn, 'read', event.trouble);
      return afterLook(turn);
    }
    case 'wrote':
      return wrote(turn, event.number, event.answer);
    case 'rehearsed':
      return rehearsed(turn, event.number, event.answer);
    case 'watched':
      watchTells(turn, event.sighting);
      return see(turn, event.sighting, 'watch', event);
    case 'watch-up':
      return watchOpened(turn);
    case 'watch-down':
      return watchClosed(turn, event.forbidden, event.message);
    case 'tick':
      return;
    default:
      event satisfies never;
  }
}

/** Sends the next request, if one is due. */
function proceed(turn: Turn): Plan {
  tellLongLease(turn);
  tellPause(turn);
  watchIfWanted(turn);
  const plan = nextRequest(turn.s, turn.now);
  switch (plan.kind) {
    case 'wait':
      return plan;
    case 'end':
      idle(turn, plan.outcome);
      return { kind: 'wait', ms: undefined };
    case 'settled':
      leave(turn, 'settled', plan.verdict);
      return proceed(turn);
    case 'unwished':
      set(turn, { wish: undefined });
      turn.effects.push({ kind: 'wished', verdict: plan.verdict });
      return proceed(turn);
    case 'surrender':
      // The term is over before its release is sent, so that no renewal can follow one.
      set(turn, { term: undefined, pause: turn.now, leaving: { ...turn.s.leaving, ...plan.leaving } });
      return proceed(turn);
    case 'read': {
      const { number } = request(turn, 'read', turn.s.mustRead);
      set(turn, { mustRead: false, leaving: { ...turn.s.leaving, ...plan.leaving } });
      turn.effects.push({ kind: 'read', number, limitMs: plan.limitMs });
      break;
    }
    case 'rehearse':
    case 'write': {
      const { number } = request(turn, plan.kind);
      const { record, base, note, instructions, limitMs } = plan;
      if (plan.kind === 'write') {
        const { write: kind, openSince, wish } = plan;
        const pending: PendingWrite = { number, kind, record, base, note, wish, sentAt: turn.now, openSince };
        set(turn, {
          pending: [...turn.s.pending.slice(-rememberedWrites), pending],
          leaving: { ...turn.s.leaving, ...plan.leaving },
        });
        if (kind === 'create' || kind === 'take') tellTaking(turn);
      }
      const { identity, run } = turn.s.settings;
      const signed = { record, base, signature: { identity, run, number }, note, instructions };
      turn.effects.push({ kind: plan.kind, request: signed, limitMs });
      break;
    }
    default:
      plan satisfies never;
  }
  return nextRequest(turn.s, turn.now);
}

/**
 * With the first look, that tells who leads when it is late. Where the owner keeps a note, the look comes before: there
 * may be nothing left to lead for, and then it is all that is asked.
 */
function watchIfWanted(turn: Turn): void {
  const { want, watching, settings, observation } = turn.s;
  if (want !== 'lead' || watching) return;
  if (settings.notes && (!observation || settledBy(turn.s, turn.now) !== undefined)) return;
  set(turn, { watching: true });
  turn.effects.push({ kind: 'watch', on: true });
}

// What is asked of the elector.

function campaign(turn: Turn, patience: Patience): void {
  const { now } = turn;
  const { deposed, settings } = turn.s;
  if (turn.s.want !== 'nothing' || turn.s.term) throw new Error('a campaign or a term is already under way');
  set(turn, {
    want: 'lead',
    campaign: { since: now, patience },
    deposed: undefined,
    confession: undefined,
    backUntil:
      deposed === 'step-down' || deposed === 'health' ? later(now, settings.timing.leaseDurationMs) : undefined,
    // An old observation is as good as a new one: if the lock has changed since, the compare-and-swap fails.
    pause: now,
    takePause: now,
    failures: 0,
    told: { kind: 'nothing' },
  });
}

function resign(turn: Turn, holdMs: number): void {
  set(turn, {
    want: 'leave',
    wish: undefined,
    leaving: leavingAs('released', later(turn.now, holdMs)),
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

// What comes back from the lock.

function sending(turn: Turn, number: number): void {
  // Stamped by the driver just before the bytes go out; the planning of the write, which is earlier, was the guess.
  const sentAt: Instant = turn.now;
  const { pending, request } = turn.s;
  set(turn, { pending: pending.map((write) => (write.number === number ? { ...write, sentAt } : write)) });
  if (request?.number === number) set(turn, { request: { ...request, sentAt } });
}

function look(turn: Turn, sighting: Sighting, askedAt: Instant | undefined): void {
  const { disputed, trouble, term } = turn.s;
  compareWithWatch(turn, sighting);
  see(turn, sighting, 'read', { askedAt });
  const same = disputed && sameVersion(versionOf(sighting), disputed.base);
  set(turn, { disputed: same ? { ...disputed, seen: true } : undefined });
  // A write on this very state was a conflict just now, and the one before: it does not go away by asking again.
  if (same && disputed.seen) contradicted(turn, disputed.message);
  // A candidate sees that another was quicker after all; to a holder only a renewal shows that it is over.
  else if (!same && trouble?.cause === 'conflict' && !term) answered(turn, 'write');
}

/** Also by each renewal: a holder does not read for months, and clocks are set meanwhile. */
function serverTells(turn: Turn, dateMs: number | undefined): void {
  if (dateMs !== undefined) set(turn, { serverTime: { ms: dateMs, at: turn.now } });
}

function wrote(turn: Turn, number: number, answer: WriteAnswer): void {
  if (!finish(turn, number)) return;
  const write = turn.s.pending.find((pending) => pending.number === number);
  switch (answer.kind) {
    case 'stored':
      answered(turn, 'write');
      serverTells(turn, answer.dateMs);
      return stored(turn, write, answer.sighting);
    case 'conflict':
      // One that does not go away is no sign that all is well again.
      if (turn.s.trouble?.cause !== 'conflict') answered(turn, 'write');
      // Kept as pending: a proxy may have sent it twice, and then it is the second one that conflicts.
      if (write) conflicted(turn, write, answer.message ?? 'the write was a conflict, and the lock has not changed');
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

/** The body is checked, not the status alone: see() acknowledges the write only if the body is this write's. */
function stored(turn: Turn, write: PendingWrite | undefined, sighting: Sighting): void {
  if (write && !givesUp(write) && sighting.kind === 'record') {
    const altered = alterationIn(sighting, write, turn.s.settings);
    if (altered !== undefined) return seeAltered(turn, write, sighting, altered);
  }
  set(turn, { proven: true, disputed: undefined });
  see(turn, sighting, 'answer');
}

function rehearsed(turn: Turn, number: number, answer: RehearsalAnswer): void {
  if (!finish(turn, number)) return;
  // The server compares versions before it asks its policies: the holder was quicker, and nothing is known of us.
  if (answer.kind === 'conflict') return set(turn, { rehearsals: turn.s.rehearsals - 1, mustRead: true });
  const refused = answer.kind === 'refused' && isVerdict(answer.trouble.cause);
  // Once allowed, a refusal is told and not asked for again: the permission may come back before it is needed.
  if (!refused || turn.s.proven) set(turn, { rehearsals: 0 });
  if (refused) return fail(turn, 'rehearse', answer.trouble);
  // An overload or a webhook that cannot rehearse says nothing against us.
  if (answer.kind === 'allowed') set(turn, { proven: true });
}

/** A request came to nothing: slow down, and report it once per change of cause. No cause is a verdict on a term. */
function fail(turn: Turn, doing: Doing, trouble: Trouble): void {
  const { s, now } = turn;
  const leftMs = s.term && untilPossibly(now, s.term.leash.termBy);
  slowDown(turn, trouble);
  tellTrouble(turn, doing, trouble, leftMs);
  const early = s.want === 'lead' && !s.term && !s.proven && isVerdict(trouble.cause);
  if (early && possiblyPast(now, later(s.campaign.since, refusalPatienceMs))) {
    idle(turn, { kind: 'refused', trouble });
  }
}

/** One look is over when it came to nothing and nothing can be taken at once. */
function afterLook(turn: Turn): void {
  const { want, term, campaign, observation, mustRead } = turn.s;
  const { wait, untilCertain } = campaign.patience;
  if (want !== 'lead' || term) return;
  const isPaused = pauseNow(turn.s, turn.now) !== undefined;
  if (isPaused && untilCertain) return leave(turn, 'not-acquired');
  if (wait.kind !== 'one-look') return;
  const open = observation?.waitMs === 0 && !mustRead && !isPaused;
  if (!open) leave(turn, 'not-acquired');
}
