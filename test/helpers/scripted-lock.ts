// A lock that answers as a test scripts it, and keeps what it was asked: half of a pair, for one. Decides nothing; its
// versions are numbers, and each request takes as long as `tookMs` says, on the test's own clock.
// To check: what no script answers is a lock that is absent, allows everything and stores what it is sent.
import type { Announcement, Attempt, Lock, ReadAnswer, RehearsalAnswer, Sighting, WatchNews } from '../../src/locks/lock.ts';
import type { WriteAnswer, WriteRequest } from '../../src/locks/lock.ts';
import type { ElectionRecord, Signature } from '../../src/locks/record.ts';
import type { ManualClock } from './manual-clock.ts';

export interface Asked {
  readonly what: 'read' | 'write' | 'rehearse';
  readonly attempt: Attempt;
  readonly request?: WriteRequest;
}

export class ScriptedLock implements Lock {
  readonly name = 'half';
  readonly where = 'nowhere';
  readonly asked: Asked[] = [];
  readonly #clock: ManualClock | undefined;
  reads: ReadAnswer[] = [];
  rehearsals: RehearsalAnswer[] = [];
  writes: WriteAnswer[] = [];
  /** Awaited before a write answers. */
  gate: Promise<void> | undefined;
  tookMs = 0;
  isClosed = false;
  isWatched = false;
  timeGrainMs?: number;
  announce?: NonNullable<Lock['announce']>;
  #tell: (news: WatchNews) => void = () => undefined;

  constructor(clock?: ManualClock) {
    this.#clock = clock;
  }

  get calls(): string[] {
    return this.asked.map(({ what }) => what);
  }

  get limits(): number[] {
    return this.asked.map(({ attempt }) => attempt.limitMs);
  }

  read(attempt: Attempt): Promise<ReadAnswer> {
    this.#note({ what: 'read', attempt });
    return Promise.resolve(this.reads.shift() ?? { kind: 'sighted', sighting: { kind: 'absent' } });
  }

  async write(request: WriteRequest, attempt: Attempt): Promise<WriteAnswer> {
    this.#note({ what: 'write', attempt, request });
    await this.gate;
    return this.writes.shift() ?? stored(request);
  }

  rehearse(request: WriteRequest, attempt: Attempt): Promise<RehearsalAnswer> {
    this.#note({ what: 'rehearse', attempt, request });
    return Promise.resolve(this.rehearsals.shift() ?? { kind: 'allowed' });
  }

  watch(tell: (news: WatchNews) => void): () => void {
    this.#tell = tell;
    this.isWatched = true;
    return () => (this.isWatched = false);
  }

  tell(news: WatchNews): void {
    this.#tell(news);
  }

  compare({ state: a }: { state: string }, { state: b }: { state: string }): ReturnType<Lock['compare']> {
    return a === b ? 'same' : Number(a) < Number(b) ? 'older' : 'newer';
  }

  close(): void {
    this.isClosed = true;
  }

  #note(asked: Asked): void {
    this.asked.push(asked);
    this.#clock?.advance(this.tookMs);
  }
}

export const silent = { cause: 'timeout', message: 'no answer' } as const;
export const announcement: Announcement = { message: 'leads', wallMs: 0 };

export function signed(number: number, run = '00000000-0000-4000-8000-000000000001', identity = 'alice'): Signature {
  return { identity, run, number };
}

/** A record as it lies in a lock, in its state of this number. */
export function sight(
  state: number,
  record: ElectionRecord,
  signature: Signature | undefined,
): Extract<Sighting, { kind: 'record' }> {
  return { kind: 'record', record, signature, version: { object: 'uid', state: String(state) } };
}

export function odd(state: number, text: string): Extract<Sighting, { kind: 'unreadable' }> {
  return { kind: 'unreadable', text, version: { object: 'uid', state: String(state) } };
}

export function sighted(sighting: Sighting): Extract<ReadAnswer, { kind: 'sighted' }> {
  return { kind: 'sighted', sighting };
}

export function stored({ record, signature, base }: WriteRequest): Extract<WriteAnswer, { kind: 'stored' }> {
  return { kind: 'stored', sighting: sight(Number(base?.state ?? 0) + 1, record, signature) };
}
