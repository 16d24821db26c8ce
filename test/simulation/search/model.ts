// Two processes with the shipped core, one lock, and a network that may do anything: every state they can get into, one
// happening at a time. Decides which happenings are possible in a state. Knows no order: the search tries all of them.
// Abstractions: time goes in ticks of a second; a request may fail or be abandoned at any moment, not only at its
// limit; a process may be late by any number of ticks, which is how it is stopped; the clocks' rates are constant.
// Invariant: a command dies at the latest one second after its guardian's deadline, by its machine's clock.

import type { Now } from '../../../src/clock.ts';
import { initialState, step } from '../../../src/elector/core.ts';
import type { CoreEvent, Effect, Settings, State } from '../../../src/elector/state.ts';
import type { Timing } from '../../../src/elector/timing.ts';
import type { ReadAnswer, Sighting, Version, WriteAnswer, WriteRequest } from '../../../src/locks/lock.ts';

/** True milliseconds. */
export const tickMs = 1000;
const killTakesMs = 1000;
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

export interface Proc {
  readonly core: State;
  /** Local time at which the core wants to be woken; before that a tick changes nothing. */
  readonly wakeAt: number;
  readonly request: Message | undefined;
  readonly zombies: readonly WriteRequest[];
  readonly child: Running | undefined;
  /** What a crashed run left: its command, until the guardian has killed it. */
  readonly orphan: Running | undefined;
}

export interface Place {
  /** Ticks since the beginning. */
  readonly time: number;
  readonly procs: readonly [Proc, Proc];
  readonly lock: Extract<Sighting, { kind: 'record' }> | undefined;
  readonly version: number;
  readonly uids: number;
  /** Ticks since the object was made. */
  readonly createdAt: number;
  readonly crashes: number;
  readonly deletions: number;
  readonly runs: number;
  readonly lastToken: number;
  readonly fault: string | undefined;
}

export type Move = readonly [name: string, next: () => Place];

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
      wakeAt: 0,
      request: undefined,
      zombies: [],
      child: undefined,
      orphan: undefined,
    });
    let place: Place = {
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
    for (const index of [0, 1] as const) place = this.#campaign(place, index);
    return place;
  }

  now(place: Place, index: 0 | 1): Now {
    const local = place.time * tickMs * this.#limits.rates[index];
    return { mono: local, boot: local, wall: 0 };
  }

  /** All that may happen next. */
  moves(place: Place): Move[] {
    const moves: Move[] = [['time passes', () => this.#pass(place)]];
    for (const index of [0, 1] as const) this.#movesOf(place, index, moves);
    const { lock, deletions } = place;
    if (lock && deletions < this.#limits.deletions) {
      moves.push([
        'the lock is deleted',
        () => ({ ...place, lock: undefined, deletions: deletions + 1, version: place.version + 1 }),
      ]);
    }
    return moves;
  }

  #movesOf(place: Place, index: 0 | 1, moves: Move[]): void {
    const proc = place.procs[index];
    const name = index === 0 ? 'a' : 'b';
    const { request, zombies, child, core } = proc;
    const move = (what: string, next: () => Place): number => moves.push([`${name}: ${what}`, next]);
    if (this.now(place, index).boot >= proc.wakeAt) move('wakes', () => this.#feed(place, index, { kind: 'tick' }));
    if (request && request.answer === undefined) {
      move('its request is served', () => this.#serve(place, index, request));
      move('its request is lost', () => this.#fail(place, index, request));
      if (request.write && zombies.length < this.#limits.zombies) {
        const { write } = request;
        move('gives up on its write, which goes on', () => {
          return this.#fail(with_(place, index, { zombies: [...zombies, write] }), index, request);
        });
      }
    }
    if (request?.answer !== undefined) {
      const { answer } = request;
      move('hears the answer', () => this.#hear(place, index, request, answer));
      move('does not hear the answer', () => this.#fail(place, index, request));
    }
    for (const [i, write] of zombies.entries()) {
      move('its abandoned write lands', () => {
        const rest = zombies.filter((_, at) => at !== i);
        return this.#apply(with_(place, index, { zombies: rest }), write).place;
      });
    }
    if (child && core.term && core.want === 'lead' && this.#limits.resigns) {
      move('resigns while its command drains', () => this.#feed(place, index, { kind: 'resign', holdMs: 0 }));
    }
    if (child) move('its command ends', () => this.#endWork(place, index));
    if (this.#limits.watch && place.lock && core.want !== 'nothing') {
      const sighting = place.lock;
      move('its watch tells', () => this.#feed(place, index, { kind: 'watched', sighting }));
    }
    if (place.crashes < this.#limits.crashes) move('crashes', () => this.#crash(place, index));
  }

  #pass(before: Place): Place {
    let place: Place = { ...before, time: before.time + 1 };
    for (const index of [0, 1] as const) {
      const { child, orphan } = place.procs[index];
      const { boot } = this.now(place, index);
      if (orphan && boot >= orphan.deadBy) place = with_(place, index, { orphan: undefined });
      if (child && boot >= child.deadBy) place = this.#endWork(place, index);
    }
    return place;
  }

  /** Nothing is left of the command: the story goes on. */
  #endWork(before: Place, index: 0 | 1): Place {
    const led = before.procs[index].core.term !== undefined;
    let place = with_(before, index, { child: undefined });
    place = this.#feed(place, index, { kind: 'work-ended' });
    // It ended by itself: give the lock back. It was lost: try again.
    if (led && place.procs[index].core.term && place.procs[index].core.want === 'lead')
      return this.#feed(place, index, { kind: 'resign', holdMs: 0 });
    return this.#campaign(place, index);
  }

  #crash(place: Place, index: 0 | 1): Place {
    const { child, orphan, request, zombies } = place.procs[index];
    const { boot } = this.now(place, index);
    const rate = this.#limits.rates[index];
    const dead = child && { deadBy: Math.min(child.deadBy, boot + (endOfFileMs + killTakesMs) * rate) };
    const left = request?.write && request.answer === undefined ? [...zombies, request.write] : zombies;
    const proc: Proc = {
      core: this.#fresh(index, place.time, place.runs),
      wakeAt: 0,
      request: undefined,
      zombies: left.slice(-this.#limits.zombies - 1),
      child: undefined,
      orphan: dead ?? orphan,
    };
    const next = { ...with_(place, index, proc), crashes: place.crashes + 1, runs: place.runs + 1 };
    return this.#campaign(next, index);
  }

  #fresh(index: 0 | 1, time: number, run: number): State {
    const settings = this.#settings[index];
    if (!settings) throw new Error('two processes only');
    const local = time * tickMs * this.#limits.rates[index];
    const core = initialState({ ...settings, run: `run-${run}` }, 1, { mono: local, boot: local, wall: 0 });
    // Rehearsals change nothing that is searched for.
    return { ...core, rehearsed: true, proven: true };
  }

  #campaign(place: Place, index: 0 | 1): Place {
    const { want, term } = place.procs[index].core;
    if (want !== 'nothing' || term) return place;
    return this.#feed(place, index, { kind: 'campaign', patience: { waitMs: undefined, untilCertain: false } });
  }

  #feed(place: Place, index: 0 | 1, event: CoreEvent): Place {
    const now = this.now(place, index);
    const { state, effects, wakeMs = Infinity } = step(place.procs[index].core, event, now);
    const before = place.procs[index];
    let next = with_(place, index, { core: state, wakeAt: now.boot + wakeMs });
    const ended = before.core.term && !state.term && before.child;
    if (ended && !effects.some(({ kind }) => kind === 'lost')) {
      next = blame(next, 'P7: a term ends without a word while its command is alive');
    }
    for (const effect of effects) next = this.#perform(next, index, effect);
    return next;
  }

  #perform(place: Place, index: 0 | 1, effect: Effect): Place {
    const proc = place.procs[index];
    switch (effect.kind) {
      case 'read':
        return this.#send(place, index, { number: effect.number, write: undefined, answer: undefined });
      case 'write': {
        const { request } = effect;
        const running = proc.child ?? proc.orphan;
        if (running && request.record.holderIdentity === '')
          return blame(place, 'P3: a release while a command is alive');
        if (request.base?.state === '') return blame(place, 'P5: a write without a version');
        const { number } = request.signature;
        const sent = this.#send(place, index, { number, write: request, answer: undefined });
        return this.#feed(sent, index, { kind: 'sending', number });
      }
      case 'granted': {
        const { token, leash } = effect.grant;
        if (proc.child) return blame(place, 'P2: a second command before the first has ended');
        if (Number(token.state) <= place.lastToken) return blame(place, 'P7: a token that does not grow');
        const child = { deadBy: leash.guardBy.boot + killTakesMs * this.#limits.rates[index] };
        // What is due already is not started.
        if (this.now(place, index).boot >= leash.termBy.boot)
          return blame(place, 'P2: a term that is over when it begins');
        return this.#judge({ ...with_(place, index, { child }), lastToken: Number(token.state) });
      }
      case 'leash':
        if (!proc.child) return place;
        return with_(place, index, {
          child: { deadBy: effect.leash.guardBy.boot + killTakesMs * this.#limits.rates[index] },
        });
      case 'lost': {
        if (!proc.child) return this.#campaign(place, index);
        const { boot } = this.now(place, index);
        const atOnce = boot + killTakesMs * this.#limits.rates[index];
        const deadBy = effect.reason === 'deadline' ? proc.child.deadBy : Math.min(proc.child.deadBy, atOnce);
        const lost = with_(place, index, { child: { deadBy } });
        return this.#limits.resigns ? this.#campaign(lost, index) : lost;
      }
      case 'idle':
        return this.#campaign(place, index);
      default:
        return place;
    }
  }

  #send(place: Place, index: 0 | 1, request: Message): Place {
    if (place.procs[index].request) return blame(place, 'P5: two requests at once');
    return with_(place, index, { request });
  }

  #serve(place: Place, index: 0 | 1, request: Message): Place {
    if (request.write === undefined) {
      const sighting: Sighting = place.lock ? this.#aged(place, place.lock) : { kind: 'absent' };
      return with_(place, index, { request: { ...request, answer: { kind: 'sighted', sighting } } });
    }
    const { place: next, answer } = this.#apply(place, request.write);
    return with_(next, index, { request: { ...request, answer } });
  }

  #apply(place: Place, { record, signature, base }: WriteRequest): { place: Place; answer: WriteAnswer } {
    const { lock } = place;
    if (lock?.version.object !== base?.object || lock?.version.state !== base?.state)
      return { place, answer: { kind: 'conflict' } };
    const version = place.version + 1;
    const uids = base ? place.uids : place.uids + 1;
    const object = base?.object ?? `uid-${uids}`;
    const stored = { kind: 'record', record, signature, version: { object, state: String(version) } } as const;
    const next = { ...place, lock: stored, version, uids, createdAt: base ? place.createdAt : place.time };
    return { place: next, answer: { kind: 'stored', sighting: this.#aged(next, stored) } };
  }

  #aged(place: Place, lock: Extract<Sighting, { kind: 'record' }>): Sighting {
    return this.#limits.newLockWaitMs > 0 ? { ...lock, ageMs: (place.time - place.createdAt) * tickMs } : lock;
  }

  #hear(place: Place, index: 0 | 1, { number, write }: Message, answer: WriteAnswer | ReadAnswer): Place {
    const next = with_(place, index, { request: undefined });
    if (answer.kind === 'sighted') return this.#feed(next, index, { kind: 'read', number, sighting: answer.sighting });
    if (answer.kind === 'failed' || write === undefined) return next;
    return this.#feed(next, index, { kind: 'wrote', number, answer });
  }

  #fail(place: Place, index: 0 | 1, { number, write }: Message): Place {
    const trouble = { cause: 'timeout', message: '' } as const;
    const next = with_(place, index, { request: undefined });
    if (write === undefined) return this.#feed(next, index, { kind: 'read-failed', number, trouble });
    return this.#feed(next, index, { kind: 'wrote', number, answer: { kind: 'unknown', trouble } });
  }

  /** P1. */
  #judge(place: Place): Place {
    const alive = place.procs
      .flatMap(({ child, orphan }) => [child, orphan])
      .filter((running) => running !== undefined);
    return alive.length > 1 ? blame(place, 'P1: two commands at once') : place;
  }
}

function with_(place: Place, index: 0 | 1, change: Partial<Proc>): Place {
  const [a, b] = place.procs;
  return { ...place, procs: index === 0 ? [{ ...a, ...change }, b] : [a, { ...b, ...change }] };
}

function blame(place: Place, fault: string): Place {
  return { ...place, fault: place.fault ?? fault };
}

function compare(a: Version, b: Version): 'older' | 'same' | 'newer' | 'unordered' {
  if (a.object !== b.object) return 'unordered';
  const order = Number(a.state) - Number(b.state);
  return order === 0 ? 'same' : order < 0 ? 'older' : 'newer';
}
