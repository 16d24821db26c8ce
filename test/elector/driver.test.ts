// The driver around the core: what it does with time and with a lock that misbehaves.
// Invariant under test: every request gets one answer, if need be that its time is over, and a write counts from the
// moment at which the lock says that it goes out.

import { describe, expect, test } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { Elector } from '../../src/elector/driver.ts';
import type { Patience } from '../../src/elector/state.ts';
import { completeTiming } from '../../src/elector/timing.ts';
import type { Attempt, Lock, WriteAnswer, WriteRequest } from '../../src/locks/lock.ts';
import type { Event as Reported } from '../../src/observe/events.ts';
import { aliceRun, MemoryLock } from '../helpers/rig.ts';

/** Time that a test moves, with timers that fire in order. */
class HandClock implements Clock {
  #ms = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now = () => ({ mono: this.#ms, boot: this.#ms, wall: Date.parse('2026-01-01T00:00:00Z') + this.#ms });

  after = (ms: number, callback: () => void) => {
    const timer = { at: this.#ms + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  /** Lets promises settle between two timers. */
  async pass(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      for (let i = 0; i < 20; i += 1) await Promise.resolve();
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#ms = Math.max(this.#ms, next.at);
      next.callback();
    }
    this.#ms = end;
  }
}

function setUp(change: Partial<Lock>) {
  const memory = new MemoryLock();
  const clock = new HandClock();
  const reports: Reported[] = [];
  const lock: Lock = {
    name: 'lease default/demo',
    where: 'memory',
    read: () => Promise.resolve({ kind: 'sighted', sighting: memory.sighting }),
    write: (request, { sending }) => {
      sending?.();
      return Promise.resolve(memory.write(request));
    },
    rehearse: () => Promise.resolve({ kind: 'allowed' }),
    watch: () => () => undefined,
    compare: () => 'newer',
    close: () => undefined,
    ...change,
  };
  const timing = completeTiming({ leaseDurationMs: 15_000 });
  const rules = { leaseDurationMs: 15_000, foreignGraceMs: undefined };
  const settings = { identity: 'alice', run: aliceRun, timing, rules, newLockWaitMs: 0 };
  const elector = new Elector({ lock, clock, report: (event) => reports.push(event), settings, seed: 1 });
  return { memory, clock, reports, elector };
}

const forever: Patience = { wait: { kind: 'forever' }, untilCertain: false };

describe('the driver', () => {
  test('gives up on a request whose lock forgets its own limit, and tries again', async () => {
    let reads = 0;
    const { clock, elector } = setUp({
      read: () => {
        reads += 1;
        return new Promise(() => undefined);
      },
    });
    void elector.campaign(forever, new AbortController().signal);
    await clock.pass(30_000);
    expect(reads).toBeGreaterThan(2);
  });

  test('dates a write from the moment at which it goes out, after credentials were fetched', async () => {
    const memory = new MemoryLock();
    const { clock, elector } = setUp({
      write: async (request: WriteRequest, { sending }: Attempt): Promise<WriteAnswer> => {
        await new Promise<void>((resolve) => void clock.after(700, resolve));
        sending?.();
        return memory.write(request);
      },
    });
    const campaign = elector.campaign(forever, new AbortController().signal);
    await clock.pass(800);
    const elected = await campaign;
    expect(elected.kind === 'elected' && elected.term.leash.termBy.mono).toBe(700 + 10_000);
  });

  test('resolves a campaign that is stopped before it began', async () => {
    const { clock, elector } = setUp({});
    const campaign = elector.campaign(forever, AbortSignal.abort());
    await clock.pass(100);
    expect(await campaign).toEqual({ kind: 'stopped' });
  });

  test('tells the owner of a term of its loss once, and then of no leash any more', async () => {
    let reachable = true;
    const memory = new MemoryLock();
    const { clock, elector } = setUp({
      write: (request, { sending }) => {
        sending?.();
        return reachable ? Promise.resolve(memory.write(request)) : new Promise(() => undefined);
      },
      read: () =>
        reachable ? Promise.resolve({ kind: 'sighted', sighting: memory.sighting }) : new Promise(() => undefined),
    });
    const campaign = elector.campaign(forever, new AbortController().signal);
    await clock.pass(10);
    const elected = await campaign;
    if (elected.kind !== 'elected') throw new Error('not elected');
    const heard: string[] = [];
    elected.term.onLeash(() => heard.push('leash'));
    void elected.term.lost.then((reason) => heard.push(reason));
    await clock.pass(4_100);
    reachable = false;
    await clock.pass(12_000);
    reachable = true;
    await clock.pass(5_000);
    expect(heard).toEqual(['leash', 'leash', 'deadline']);
  });
});
