// The real elector on one kind of lock, an API server in memory and a clock that a test moves. Decides nothing; it runs
// what is due, in order, and lets every promise settle before time goes on.
// Invariant: no real time passes but that of microtasks.
import type { Clock, Now } from '../../src/clock.ts';
import { Elector } from '../../src/elector/driver.ts';
import type { Patience } from '../../src/elector/state.ts';
import type { Elected } from '../../src/elector/term.ts';
import { completeTiming } from '../../src/elector/timing.ts';
import type { Lock } from '../../src/locks/lock.ts';
import type { Event } from '../../src/observe/events.ts';
import type { Kind } from './lock-kinds.ts';
import type { MemoryApi } from './memory-api.ts';

export class ManualClock implements Clock {
  #now: Now = { mono: 1_000_000, boot: 5_000_000, wall: Date.parse('2026-01-01T00:00:00.250Z') };
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): Now {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now.mono + Math.max(0, Math.ceil(ms)), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets so much time pass, with all that falls due in it. */
  async pass(ms: number): Promise<void> {
    const end = this.#now.mono + ms;
    for (;;) {
      await settled();
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      this.#go((next?.at ?? end) - this.#now.mono);
      if (next === undefined) return settled();
      this.#timers.delete(next);
      next.callback();
    }
  }

  #go(ms: number): void {
    const { mono, boot, wall } = this.#now;
    const forward = Math.max(0, ms);
    this.#now = { mono: mono + forward, boot: boot + forward, wall: wall + forward };
  }
}

/** A turn of the event loop, after which every promise that could settle has. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export interface Bench {
  readonly elector: Elector;
  readonly lock: Lock;
  readonly events: Event[];
  readonly warnings: string[];
  campaign(patience?: Partial<Patience>): Campaign;
  /** Campaigns until elected. */
  lead(): Promise<Extract<Elected, { kind: 'elected' }>['term']>;
}

export interface Campaign {
  end: Elected | undefined;
  stop(): void;
}

let runs = 0;

export function bench(kind: Kind, api: MemoryApi, clock: ManualClock, identity = 'alice', leaseMs = 15_000): Bench {
  const events: Event[] = [];
  const warnings: string[] = [];
  const options = { transport: api.transport(), namespace: 'default', name: 'demo', random: () => 0.5 };
  const lock = kind.open({ ...options, warn: (message) => warnings.push(message) }, clock);
  const timing = completeTiming({ leaseDurationMs: leaseMs });
  runs += 1;
  const elector = new Elector({
    lock,
    clock,
    seed: 1,
    report: (event) => events.push(event),
    settings: {
      identity,
      run: `00000000-0000-4000-8000-${String(runs).padStart(12, '0')}`,
      timing,
      rules: { leaseDurationMs: leaseMs, foreignGraceMs: 0 },
      newLockWaitMs: 0,
    },
  });
  const campaign = (patience: Partial<Patience> = {}): Campaign => {
    const stop = new AbortController();
    const under: Campaign = {
      end: undefined,
      stop: () => {
        stop.abort();
      },
    };
    const asked: Patience = { wait: { kind: 'forever' }, untilCertain: false, ...patience };
    void elector.campaign(asked, stop.signal).then((end) => (under.end = end));
    return under;
  };
  return {
    elector,
    lock,
    events,
    warnings,
    campaign,
    async lead() {
      const under = campaign();
      while (under.end === undefined) await clock.pass(100);
      if (under.end.kind !== 'elected') throw new Error(`not elected: ${JSON.stringify(under.end)}`);
      return under.end.term;
    },
  };
}
