// The driver around the core: what it does with time and with a lock that misbehaves.
// Invariant under test: every request gets one answer, if need be that its time is over, and a write counts from the
// moment at which the lock says that it goes out.

import { describe, expect, test, vi } from 'vitest';
import { Elector } from '../../src/elector/driver.ts';
import type { Patience } from '../../src/elector/state.ts';
import { completeTiming } from '../../src/elector/timing.ts';
import type { Attempt, Lock, WriteAnswer, WriteRequest } from '../../src/locks/lock.ts';
import type { Event as Reported } from '../../src/observe/events.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { aliceRun, held, MemoryLock } from '../helpers/rig.ts';

function setUp(change: Partial<Lock>) {
  const memory = new MemoryLock();
  const clock = new ManualClock();
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
    const began = clock.now().mono;
    const campaign = elector.campaign(forever, new AbortController().signal);
    await clock.pass(800);
    const elected = await campaign;
    expect(elected.kind === 'elected' && elected.term.leash.termBy.mono - began).toBe(700 + 10_000);
  });

  test('resolves a campaign that is stopped before it began', async () => {
    const { clock, elector } = setUp({});
    const campaign = elector.campaign(forever, AbortSignal.abort());
    await clock.pass(100);
    expect(await campaign).toEqual({ kind: 'stopped' });
  });

  test('ends its watch when it is closed', async () => {
    const stop = vi.fn();
    const { memory, clock, elector } = setUp({ watch: () => stop });
    memory.put(held('bob'));
    void elector.campaign(forever, new AbortController().signal);
    await clock.pass(1_000);
    expect(stop).not.toHaveBeenCalled();
    elector.close();
    expect(stop).toHaveBeenCalledOnce();
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
