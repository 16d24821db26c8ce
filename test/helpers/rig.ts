// One core under a microscope: its state, a clock that tests move, and a lock in memory that answers when a test says
// so. Decides nothing; it counts what the core asks for, as client-go's own tests count API calls.
// Invariant: requests are answered once; nothing happens but what a test does.

import { type Now, surelyPast } from '../../src/clock.ts';
import { initialState, step } from '../../src/elector/core.ts';
import type { CoreEvent, Effect, Grant, Outcome, Patience, Settings, State } from '../../src/elector/state.ts';
import { completeTiming } from '../../src/elector/timing.ts';
import type {
  ReadAnswer,
  RehearsalAnswer,
  Sighting,
  Trouble,
  Version,
  WriteAnswer,
  WriteRequest,
} from '../../src/locks/lock.ts';
import type { Instructions } from '../../src/locks/instructions.ts';
import type { ElectionRecord, Signature } from '../../src/locks/record.ts';
import type { Event as Reported } from '../../src/observe/events.ts';

export const wallStart = Date.parse('2026-01-01T00:00:00Z');
export const aliceRun = '00000000-0000-4000-8000-00000000000a';
export const bobRun = '00000000-0000-4000-8000-00000000000b';

type Request = Extract<Effect, { kind: 'read' | 'write' | 'rehearse' }>;

export class MemoryLock {
  version = 100;
  uid = 'uid-1';
  sighting: Sighting = { kind: 'absent' };
  /** The state before this one. */
  follows: Version | undefined;
  /** What stands beside the record; others leave it there. */
  note: string | undefined;
  instructions: Instructions | undefined;

  /** Puts a record there as somebody else would. */
  put(record: Partial<ElectionRecord>, signature?: Signature): Sighting {
    this.version += 1;
    this.follows = this.sighting.kind === 'absent' ? undefined : this.sighting.version;
    const before = this.sighting.kind === 'record' ? this.sighting.record : emptyRecord;
    const version = { object: this.uid, state: String(this.version) };
    const { note, instructions } = this;
    this.sighting = { kind: 'record', record: { ...before, ...record }, signature, version, note, instructions };
    return this.sighting;
  }

  /** As an operator does. */
  ask(instructions: Instructions): Sighting {
    this.instructions = { ...this.instructions, ...instructions };
    return this.label();
  }

  /** Changes nothing but the version. */
  label(): Sighting {
    const { sighting } = this;
    return sighting.kind === 'record' ? this.put(sighting.record, sighting.signature) : sighting;
  }

  delete(): void {
    this.sighting = { kind: 'absent' };
    this.note = undefined;
    this.instructions = undefined;
    this.uid = `${this.uid}+`;
  }

  write({ record, signature, base, note, instructions }: WriteRequest): WriteAnswer {
    const there = this.sighting.kind === 'absent' ? undefined : this.sighting.version;
    if (there?.object !== base?.object || there?.state !== base?.state) return { kind: 'conflict' };
    this.note = note ?? this.note;
    this.instructions = instructions ?? this.instructions;
    return { kind: 'stored', sighting: this.put(record, signature) };
  }
}

export const emptyRecord: ElectionRecord = {
  holderIdentity: '',
  leaseDurationSeconds: 0,
  acquireTime: '',
  renewTime: '',
  leaseTransitions: 0,
};

export function held(by: string, more: Partial<ElectionRecord> = {}): ElectionRecord {
  const time = '2026-01-01T00:00:00.000000Z';
  return {
    holderIdentity: by,
    leaseDurationSeconds: 15,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: 0,
    ...more,
  };
}

export class Rig {
  readonly lock: MemoryLock;
  /** All that was asked of the lock: 'read', 'rehearse', 'create', 'take', 'renew', 'release', 'shorten'. */
  readonly calls: string[] = [];
  readonly reports: Reported[] = [];
  readonly effects: Effect[] = [];
  state: State;
  now: Now = { mono: 1_000_000, boot: 5_000_000, wall: wallStart };
  #wakeAt = Infinity;
  #request: Request | undefined;

  constructor(lock: MemoryLock, settings: Partial<Settings> = {}, seed = 1) {
    this.lock = lock;
    const timing = settings.timing ?? completeTiming({ leaseDurationMs: 15_000 });
    const { leaseDurationMs } = timing;
    const rules = { leaseDurationMs, foreignGraceMs: undefined };
    const own = { identity: 'alice', run: aliceRun, timing, rules, newLockWaitMs: 0, compare };
    this.state = initialState({ ...own, ...settings }, seed, this.now);
  }

  feed(event: CoreEvent): Effect[] {
    const { state, effects, wakeMs } = step(this.state, event, this.now);
    this.state = state;
    this.#wakeAt = wakeMs === undefined ? Infinity : this.now.mono + wakeMs;
    for (const effect of effects) {
      this.effects.push(effect);
      if (effect.kind === 'report') this.reports.push(effect.event);
      if (effect.kind === 'read' || effect.kind === 'rehearse') this.calls.push(effect.kind);
      if (effect.kind === 'write') this.calls.push(this.state.pending.at(-1)?.kind ?? 'write');
      if (effect.kind === 'read' || effect.kind === 'write' || effect.kind === 'rehearse') this.#request = effect;
      if (effect.kind === 'write' || effect.kind === 'rehearse')
        this.feed({ kind: 'sending', number: numberOf(effect) });
    }
    return [...effects];
  }

  /** Without an argument for ever; 0: one look. */
  campaign(waitMs?: number, untilCertain = false): this {
    const bounded: Patience['wait'] = waitMs === 0 ? { kind: 'one-look' } : { kind: 'for', ms: waitMs ?? 0 };
    const wait = waitMs === undefined ? { kind: 'forever' as const } : bounded;
    this.feed({ kind: 'campaign', patience: { wait, untilCertain } });
    return this;
  }

  /** The request that waits for its answer. */
  get request(): Request {
    if (!this.#request) throw new Error('nothing was asked');
    return this.#request;
  }

  get asked(): boolean {
    return this.#request !== undefined;
  }

  /** Answers what was asked with what the lock says. */
  answer(): this {
    const { request } = this;
    if (request.kind === 'read') return this.reply({ kind: 'sighted', sighting: this.lock.sighting });
    if (request.kind === 'rehearse') return this.reply({ kind: 'allowed' });
    return this.reply(this.lock.write(request.request));
  }

  reply(answer: ReadAnswer | WriteAnswer | RehearsalAnswer): this {
    const { request } = this;
    const number = numberOf(request);
    this.#request = undefined;
    if (answer.kind === 'sighted') this.feed({ kind: 'read', number, sighting: answer.sighting, dateMs: answer.dateMs });
    else if (answer.kind === 'failed') this.feed({ kind: 'read-failed', number, trouble: answer.trouble });
    else if (answer.kind === 'allowed') this.feed({ kind: 'rehearsed', number, answer });
    else if (answer.kind === 'stored') this.feed({ kind: 'wrote', number, answer });
    else this.feed({ kind: request.kind === 'rehearse' ? 'rehearsed' : 'wrote', number, answer });
    return this;
  }

  /** No answer comes: it is given up as `cause`. */
  fail(cause: Trouble['cause'] = 'timeout', retryAfterMs?: number): this {
    const trouble: Trouble = { cause, message: cause, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    if (this.request.kind === 'read') return this.reply({ kind: 'failed', trouble });
    const sure = cause !== 'timeout' && cause !== 'server' && cause !== 'garbled';
    return this.reply({ kind: sure ? 'refused' : 'unknown', trouble });
  }

  watch(sighting: Sighting = this.lock.sighting): this {
    const follows = sighting === this.lock.sighting ? this.lock.follows : undefined;
    this.feed({ kind: 'watched', sighting, follows });
    return this;
  }

  /** Moves both clocks at once, without waking anybody. */
  later(ms: number, bootMs = ms, wallMs = ms): this {
    const { mono, boot, wall } = this.now;
    this.now = { mono: mono + ms, boot: boot + bootMs, wall: wall + wallMs };
    return this;
  }

  /** Lets time pass with all its wake-ups, answering requests `latencyMs` after they were sent. */
  run(ms: number, latencyMs = 5): this {
    const end = { mono: this.now.mono + ms, boot: this.now.boot + ms };
    while (!surelyPast(this.now, end)) {
      const left = end.mono - this.now.mono;
      if (this.asked) {
        if (left < latencyMs) return this.later(left);
        this.later(latencyMs).answer();
        continue;
      }
      const wake = Math.max(0, Math.ceil(this.#wakeAt - this.now.mono));
      if (wake > left) return this.later(left);
      this.later(wake).feed({ kind: 'tick' });
    }
    return this;
  }

  get grant(): Grant | undefined {
    return this.state.term;
  }

  get lost(): string | undefined {
    const effect = this.effects.findLast(({ kind }) => kind === 'lost');
    return effect?.kind === 'lost' ? effect.reason : undefined;
  }

  get outcome(): Outcome | undefined {
    const effect = this.effects.findLast(({ kind }) => kind === 'idle');
    return effect?.kind === 'idle' ? effect.outcome : undefined;
  }

  get record(): ElectionRecord {
    const { sighting } = this.lock;
    if (sighting.kind !== 'record') throw new Error('there is no record');
    return sighting.record;
  }
}

/** A rig that leads, with its command running. */
export function leader(lock = new MemoryLock(), settings: Partial<Settings> = {}): Rig {
  const rig = new Rig(lock, settings).campaign();
  while (!rig.grant) rig.later(1).answer();
  rig.calls.length = 0;
  return rig;
}

export function kinds(rig: Rig): string[] {
  return rig.reports.map(({ kind }) => kind);
}

function numberOf(effect: Request): number {
  return effect.kind === 'read' ? effect.number : effect.request.signature.number;
}

export function compare(a: Version, b: Version): 'older' | 'same' | 'newer' | 'unordered' {
  if (a.object !== b.object) return 'unordered';
  const order = Number(a.state) - Number(b.state);
  return order === 0 ? 'same' : order < 0 ? 'older' : 'newer';
}
