// The real elector on one kind of lock, an API server in memory and a clock that a test moves. Decides nothing; it runs
// what is due, in order, and lets every promise settle before time goes on.
// Invariant: no real time passes but that of microtasks.
import { Elector } from '../../src/elector/driver.ts';
import type { Notes } from '../../src/elector/notes.ts';
import type { Patience } from '../../src/elector/state.ts';
import type { Elected } from '../../src/elector/term.ts';
import { completeTiming } from '../../src/elector/timing.ts';
import type { Lock } from '../../src/locks/lock.ts';
import type { Event } from '../../src/observe/events.ts';
import type { Kind } from './lock-kinds.ts';
import type { ManualClock } from './manual-clock.ts';
import type { MemoryApi } from './memory-api.ts';

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

export function bench(
  kind: Kind,
  api: MemoryApi,
  clock: ManualClock,
  identity = 'alice',
  leaseMs = 15_000,
  notes?: Notes,
): Bench {
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
      notes,
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
