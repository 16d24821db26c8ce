// Two processes with the shipped core, one lock, and a network that may do anything: every state they can get into, one
// happening at a time. Decides which happenings are possible in a state. Knows no order: the search tries all of them.
// Abstractions: time goes in ticks of a second; a request may fail or be abandoned at any moment, not only at its
// limit; a process may be late by any number of ticks, which is how it is stopped; the clocks' rates are constant.
// Invariant: a command dies at the latest one second after its guardian's deadline, by its machine's clock.

import type { Now } from '../../../src/clock.ts';
import { initialState, type Step, step } from '../../../src/elector/core.ts';
import type { CoreEvent, Effect, Settings, State } from '../../../src/elector/state.ts';
import type { Timing } from '../../../src/elector/timing.ts';
import type { ReadAnswer, Sighting, Version, WriteAnswer, WriteRequest } from '../../../src/locks/lock.ts';

/** True milliseconds. */
export const tickMs = 1000;
const killTakesMs = 1000;
const firstDice = 1;
/** At the end of file a guardian kills after so long at most. */
const endOfFileMs = 250;

export interface Limits {
  readonly timing: Timing;
  /** Local milliseconds per true one: a slow machine and a fast one. */
  readonly rates: readonly [number, number];
  readonly crashes: number;
  readonly deletions: number;
  readonly newLockWaitMs: number;
  /** Writes that clients gave up on and that may land at any time, for each process. */
  readonly zombies: number;
  readonly watch: boolean;
  /** The lock may be given back before the command has ended, and competed for: that is for the core to prevent. */
  readonly resigns: boolean;
}

interface Message {
  readonly number: number;
  /** undefined: a read. */
  readonly write: WriteRequest | undefined;
  /** undefined: it has not arrived. */
  readonly answer: WriteAnswer | ReadAnswer | undefined;
}

/** A command, and the local boot time at which it is dead at the latest. */
interface Running {
  readonly deadBy: number;
}

/** What the core answered already: it is pure, and meets the same question in many states of the other process. */
interface Asked {
  readonly event: CoreEvent['kind'];
  /** What came along: the message, or what a watch told; one object of it is one meaning. */
  readonly about: unknown;
  readonly boot: number;
  readonly answer: Step;
  /** What the core that came of it was asked in turn. */
  readonly then: Asked[];
}

export interface Proc {
  core: State;
  asked: Asked[];
  /** Local time at which the core wants to be woken; before that a tick changes nothing. */
  wakeAt: number;
  request: Message | undefined;
  zombies: readonly WriteRequest[];
  child: Running | undefined;
  /** What a crashed run left: its command, until the guardian has killed it. */
  orphan: Running | undefined;
}

/** Written to only while it is in the making. */
export interface Place {
  /** Ticks since the beginning. */
  time: number;
  procs: [Proc, Proc];
  lock: Extract<Sighting, { kind: 'record' }> | undefined;
  version: number;
  uids: number;
  /** Ticks since the object was made. */
  createdAt: number;
  crashes: number;
  deletions: number;
  runs: number;
  lastToken: number;
  fault: string | undefined;
}

export type Visit = (move: string, next: Place) => void;

/** The moves of a process, by its place. */
const namesOf = (name: string) => ({
  wakes: `${name}: wakes`,
  served: `${name}: its request is served`,
  lost: `${name}: its request is lost`,
  abandoned: `${name}: gives up on its write, which goes on`,
  heard: `${name}: hears the answer`,
  missed: `${name}: does not hear the answer`,
  landed: `${name}: its abandoned write lands`,
  resigns: `${name}: resigns while its command drains`,
  ended: `${name}: its command ends`,
  told: `${name}: its watch tells`,
  crashed: `${name}: crashes`,
});
const names = [namesOf('a'), namesOf('b')] as const;

/** One object each, as `Asked` needs it. */
const campaign: CoreEvent = { kind: 'campaign', patience: { wait: { kind: 'forever' }, untilCertain: false } };
const resign: CoreEvent = { kind: 'resign', holdMs: 0 };
const tick: CoreEvent = { kind: 'tick' };
const workEnded: CoreEvent = { kind: 'work-ended' };
const trouble = { cause: 'timeout', message: '' } as const;
const unknown: WriteAnswer = { kind: 'unknown', trouble };
const conflict: WriteAnswer = { kind: 'conflict' };
const absent = sighted({ kind: 'absent' });

export class Model {
  readonly #limits: Limits;
  readonly #settings: readonly Settings[];

  constructor(limits: Limits) {
    this.#limits = limits;
    const { timing, newLockWaitMs } = limits;
    const rules = { leaseDurationMs: timing.leaseDurationMs, foreignGraceMs: undefined };
    this.#settings = ['a', 'b'].map((identity) => ({ identity, run: identity, timing, rules, newLockWaitMs, compare }));
  }

  start(): Place {
    const proc = (index: 0 | 1): Proc => ({
      core: this.#fresh(index, 0, index),
      asked: [],
      wakeAt: 0,
      request: undefined,
      zombies: [],
      child: undefined,
      orphan: undefined,
    });
    const place: Place = {
      time: 0,
      procs: [proc(0), proc(1)],
      lock: undefined,
      version: 0,
      uids: 0,
      createdAt: 0,
      crashes: 0,
      deletions: 0,
      runs: 2,
      lastToken: -1,
      fault: undefined,
    };
    for (const index of [0, 1] as const) this.#campaign(place, index);
    return place;
  }

  now(place: Place, index: 0 | 1): Now {
    const local = place.time * tickMs * this.#limits.rates[index];
    return { mono: local, boot: local, wall: 0 };
  }

  /** All that may happen next. */
  moves(place: Place, visit: Visit): void {
    this.#pass(place, visit);
    this.#movesOf(place, 0, visit);
    this.#movesOf(place, 1, visit);
    if (place.lock && place.deletions < this.#limits.deletions) {
      const { deletions, version } = place;
      visit('the lock is deleted', { ...place, lock: undefined, deletions: deletions + 1, version: version + 1 });
    }
  }

  #movesOf(place: Place, index: 0 | 1, visit: Visit): void {
    const { core, wakeAt, request, zombies, child } = place.procs[index];
    const name = names[index];
    const limits = this.#limits;
    const move = (what: string, change: (next: Place, proc: Proc) => void): void => {
      const next = copy(place, index);
      change(next, next.procs[index]);
      visit(what, next);
    };
    if (this.now(place, index).boot >= wakeAt) move(name.wakes, (next) => this.#feed(next, index, tick, undefined));
    if (request && request.answer === undefined) {
      move(name.served, (next) => this.#serve(next, index, request));
      move(name.lost, (next) => this.#fail(next, index, request));
      const { write } = request;
      if (write && zombies.length < limits.zombies) {
        move(name.abandoned, (next, proc) => {
          proc.zombies = [...zombies, write];
          this.#fail(next, index, request);
        });
      }
    }
    if (request?.answer !== undefined) {
      const { answer } = request;
      move(name.heard, (next) => this.#hear(next, index, request, answer));
      move(name.missed, (next) => this.#fail(next, index, request));
    }
    for (const [i, write] of zombies.entries()) {
      move(name.landed, (next, proc) => {
        proc.zombies = zombies.filter((_, at) => at !== i);
        this.#apply(next, write);
      });
    }
    if (child && core.term && core.want === 'lead' && limits.resigns) {
      move(name.resigns, (next) => this.#feed(next, index, resign, undefined));
    }
    if (child) move(name.ended, (next) => this.#endWork(next, index));
    if (limits.watch && place.lock && core.want !== 'nothing') {
      const sighting = place.lock;
      move(name.told, (next) => this.#feed(next, index, { kind: 'watched', sighting }, sighting));
    }
    if (place.crashes < limits.crashes) move(name.crashed, (next, proc) => this.#crash(next, proc, index));
  }

  #pass(before: Place, visit: Visit): void {
    const [a, b] = before.procs;
    const place: Place = { ...before, time: before.time + 1, procs: [{ ...a }, { ...b }] };
    for (const index of [0, 1] as const) {
      const proc = place.procs[index];
      const { boot } = this.now(place, index);
      if (proc.orphan && boot >= proc.orphan.deadBy) proc.orphan = undefined;
      if (proc.child && boot >= proc.child.deadBy) this.#endWork(place, index);
    }
    visit('time passes', place);
  }

  /** Nothing is left of the command: the story goes on. */
  #endWork(place: Place, index: 0 | 1): void {
    const proc = place.procs[index];
    const led = proc.core.term !== undefined;
    proc.child = undefined;
    this.#feed(place, index, workEnded, undefined);
    // It ended by itself: give the lock back. It was lost: try again.
    if (led && proc.core.term && proc.core.want === 'lead') this.#feed(place, index, resign, undefined);
    else this.#campaign(place, index);
  }

  #crash(place: Place, proc: Proc, index: 0 | 1): void {
    const { child, orphan, request, zombies } = proc;
    const { boot } = this.now(place, index);
    const rate = this.#limits.rates[index];
    const dead = child && { deadBy: Math.min(child.deadBy, boot + (endOfFileMs + killTakesMs) * rate) };
    const left = request?.write && request.answer === undefined ? [...zombies, request.write] : zombies;
    place.procs[index] = {
      core: this.#fresh(index, place.time, place.runs),
      asked: [],
      wakeAt: 0,
      request: undefined,
      zombies: left.slice(-this.#limits.zombies - 1),
      child: undefined,
      orphan: dead ?? orphan,
    };
    place.crashes += 1;
    place.runs += 1;
    this.#campaign(place, index);
  }

  #fresh(index: 0 | 1, time: number, run: number): State {
    const settings = this.#settings[index];
    if (!settings) throw new Error('two processes only');
    const local = time * tickMs * this.#limits.rates[index];
    const core = initialState({ ...settings, run: `run-${run}` }, firstDice, { mono: local, boot: local, wall: 0 });
    // Rehearsals change nothing that is searched for.
    return { ...core, rehearsals: 0, proven: true };
  }

  #campaign(place: Place, index: 0 | 1): void {
    const { want, term } = place.procs[index].core;
    if (want === 'nothing' && !term) this.#feed(place, index, campaign, undefined);
  }

  /** `about` is what came along with the event. */
  #feed(place: Place, index: 0 | 1, event: CoreEvent, about: unknown): void {
    const proc = place.procs[index];
    const { answer, boot, then } = this.#ask(place, index, event, about);
    const { state, effects, wakeMs = Infinity } = answer;
    const ended = proc.core.term && !state.term && proc.child;
    if (ended && !effects.some(({ kind }) => kind === 'lost')) {
      blame(place, 'P7: a term ends without a word while its command is alive');
    }
    proc.core = state;
    proc.asked = then;
    proc.wakeAt = boot + wakeMs;
    for (const effect of effects) this.#perform(place, index, effect);
  }

  #ask(place: Place, index: 0 | 1, event: CoreEvent, about: unknown): Asked {
    const { core, asked } = place.procs[index];
    const now = this.now(place, index);
    for (let i = asked.length - 1; i >= 0; i -= 1) {
      const before = asked[i];
      if (before?.boot === now.boot && before.event === event.kind && before.about === about) return before;
    }
    const answer = step(core, event, now);
    const once = { event: event.kind, about, boot: now.boot, answer: forgetful(answer), then: [] };
    asked.push(once);
    return once;
  }

  #perform(place: Place, index: 0 | 1, effect: Effect): void {
    const proc = place.procs[index];
    const late = killTakesMs * this.#limits.rates[index];
    switch (effect.kind) {
      case 'read':
        return this.#send(place, proc, { number: effect.number, write: undefined, answer: undefined });
      case 'write': {
        const { request } = effect;
        const running = proc.child ?? proc.orphan;
        if (running && request.record.holderIdentity === '') blame(place, 'P3: a release while a command is alive');
        if (request.base?.state === '') blame(place, 'P5: a write without a version');
        const { number } = request.signature;
        this.#send(place, proc, { number, write: request, answer: undefined });
        return this.#feed(place, index, { kind: 'sending', number }, undefined);
      }
      case 'granted': {
        const { token, leash } = effect.grant;
        if (proc.child) blame(place, 'P2: a second command before the first has ended');
        if (Number(token.value) <= place.lastToken) blame(place, 'P7: a token that does not grow');
        // What is due already is not started.
        if (this.now(place, index).boot >= leash.termBy.boot) blame(place, 'P2: a term that is over when it begins');
        proc.child = { deadBy: leash.guardBy.boot + late };
        place.lastToken = Number(token.value);
        return this.#judge(place);
      }
      case 'leash':
        if (proc.child) proc.child = { deadBy: effect.leash.guardBy.boot + late };
        return;
      case 'lost': {
        const { child } = proc;
        if (!child) return this.#campaign(place, index);
        const atOnce = this.now(place, index).boot + late;
        proc.child = { deadBy: effect.reason === 'deadline' ? child.deadBy : Math.min(child.deadBy, atOnce) };
        if (this.#limits.resigns) this.#campaign(place, index);
        return;
      }
      case 'idle':
        return this.#campaign(place, index);
      default:
    }
  }

  #send(place: Place, proc: Proc, request: Message): void {
    if (proc.request) blame(place, 'P5: two requests at once');
    proc.request = request;
  }

  #serve(place: Place, index: 0 | 1, { number, write }: Message): void {
    const { lock } = place;
    const answer = write ? this.#apply(place, write) : lock ? sighted(this.#aged(place, lock)) : absent;
    place.procs[index].request = { number, write, answer };
  }

  #apply(place: Place, { record, signature, base }: WriteRequest): WriteAnswer {
    const { lock } = place;
    if (lock?.version.object !== base?.object || lock?.version.state !== base?.state) return conflict;
    place.version += 1;
    if (!base) {
      place.uids += 1;
      place.createdAt = place.time;
    }
    const object = base?.object ?? `uid-${place.uids}`;
    place.lock = { kind: 'record', record, signature, version: { object, state: String(place.version) } };
    return { kind: 'stored', sighting: this.#aged(place, place.lock) };
  }

  #aged(place: Place, lock: Extract<Sighting, { kind: 'record' }>): Sighting {
    return this.#limits.newLockWaitMs > 0 ? { ...lock, ageMs: (place.time - place.createdAt) * tickMs } : lock;
  }

  #hear(place: Place, index: 0 | 1, { number, write }: Message, answer: WriteAnswer | ReadAnswer): void {
    place.procs[index].request = undefined;
    if (answer.kind === 'sighted') {
      const { sighting } = answer;
      return this.#feed(place, index, { kind: 'read', number, sighting }, sighting);
    }
    if (answer.kind === 'failed' || write === undefined) return;
    const about = answer.kind === 'stored' ? answer.sighting : answer;
    this.#feed(place, index, { kind: 'wrote', number, answer }, about);
  }

  #fail(place: Place, index: 0 | 1, { number, write }: Message): void {
    place.procs[index].request = undefined;
    if (write === undefined) return this.#feed(place, index, { kind: 'read-failed', number, trouble }, undefined);
    this.#feed(place, index, { kind: 'wrote', number, answer: unknown }, unknown);
  }

  /** P1. */
  #judge(place: Place): void {
    let alive = 0;
    for (const { child, orphan } of place.procs) alive += Number(child !== undefined) + Number(orphan !== undefined);
    if (alive > 1) blame(place, 'P1: two commands at once');
  }
}

/**
 * Counters and doubts that do nothing but make pauses longer or looks more frequent go back to their first values,
 * and the dice to theirs, so that there are finitely many states. What a longer pause would do is looked at all the
 * same: a process may be late at any time.
 */
function forgetful(answer: Step): Step {
  const { failures, timeouts, lostRaces, herd, random, trouble, disputed, watch } = answer.state;
  const none = failures === 0 && timeouts === 0 && lostRaces === 0 && random === firstDice;
  if (none && !herd && !trouble && !disputed && watch.kind !== 'doubted') return answer;
  const counters = { failures: 0, timeouts: 0, lostRaces: 0, herd: undefined, random: firstDice };
  const forgotten = { ...counters, trouble: undefined, disputed: undefined };
  const trusted = watch.kind === 'doubted' ? ({ kind: 'up' } as const) : watch;
  return { ...answer, state: { ...answer.state, ...forgotten, watch: trusted } };
}

/** With a process of its own to write to; the other one is shared. */
function copy(place: Place, index: 0 | 1): Place {
  const [a, b] = place.procs;
  return { ...place, procs: index === 0 ? [{ ...a }, b] : [a, { ...b }] };
}

function sighted(sighting: Sighting): ReadAnswer {
  return { kind: 'sighted', sighting };
}

function blame(place: Place, fault: string): void {
  place.fault ??= fault;
}

function compare(a: Version, b: Version): 'older' | 'same' | 'newer' | 'unordered' {
  if (a.object !== b.object) return 'unordered';
  const order = Number(a.state) - Number(b.state);
  return order === 0 ? 'same' : order < 0 ? 'older' : 'newer';
}
