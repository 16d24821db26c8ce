// The library's promises, on a local store: callbacks in order, one leader, work that has ended before the lock is
// given back, and every bad setting named at once. The elector under it has tests of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LeaderElector, type LeaderElectionConfig, type LeaderTerm, openLock } from '../../src/index.ts';

let folder: string;
const electors: LeaderElector[] = [];

beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), 'leader-run-library-')), 'store');
});
afterEach(async () => {
  for (const elector of electors.splice(0)) elector.close();
  await rm(path.dirname(folder), { recursive: true, force: true });
});

async function candidate(identity: string, callbacks: LeaderElectionConfig['callbacks']): Promise<LeaderElector> {
  const { lock } = await openLock({ store: { kind: 'local', folder }, name: 'hello' });
  const elector = new LeaderElector({ lock, identity, ...(callbacks && { callbacks }) });
  electors.push(elector);
  return elector;
}

/** Promise.withResolvers, which Node 20 has not. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Work that ends when it is told to, or when its term must end. */
function puppet(
  story: string[],
  name: string,
): { begun: Promise<LeaderTerm>; end: () => void; work: (term: LeaderTerm) => Promise<void> } {
  const begun = deferred<LeaderTerm>();
  const end = deferred<undefined>();
  const work = async (term: LeaderTerm): Promise<void> => {
    story.push(`${name} begins`);
    begun.resolve(term);
    await end.promise;
    story.push(`${name} ends`);
  };
  return {
    begun: begun.promise,
    end: () => {
      end.resolve(undefined);
    },
    work,
  };
}

describe('the library', () => {
  test('leads, tells who leads, and gives the lock back when the work has ended', async () => {
    const story: string[] = [];
    const work = puppet(story, 'alice');
    const alice = await candidate('alice', {
      onStartedLeading: work.work,
      onStoppedLeading: (why) => story.push(`stopped: ${why}`),
      onNewLeader: (leader) => story.push(`leader: ${leader}`),
    });
    const over = alice.run();
    const { token, signal, msLeft } = await work.begun;
    expect([token.value, token.transitions, signal.aborted]).toEqual(['1', 0, false]);
    expect(msLeft()).toBeGreaterThan(0);
    expect(msLeft()).toBeLessThanOrEqual(10_000);
    expect([alice.isLeader(), alice.getLeader()]).toEqual([true, 'alice']);
    work.end();
    expect(await over).toBe('ended');
    expect(story).toEqual(['leader: alice', 'alice begins', 'alice ends', 'stopped: ended']);
    expect([alice.isLeader(), alice.getLeader()]).toEqual([false, '']);
  });

  test('starts the next one only after the work of the last has ended, however long that takes', async () => {
    const story: string[] = [];
    const [first, second] = [puppet(story, 'alice'), puppet(story, 'bob')];
    const alice = await candidate('alice', { onStartedLeading: first.work });
    const bobSees = deferred<string>();
    const bob = await candidate('bob', { onStartedLeading: second.work, onNewLeader: bobSees.resolve });
    const aliceOver = alice.run();
    const { signal } = await first.begun;
    const bobOver = bob.run();
    expect(await bobSees.promise).toBe('alice');

    alice.stop();
    expect(signal.aborted).toBe(true);
    expect(story).toEqual(['alice begins']);
    first.end();
    expect(await aliceOver).toBe('stopped');
    await second.begun;
    second.end();
    expect(await bobOver).toBe('ended');
    expect(story).toEqual(['alice begins', 'alice ends', 'bob begins', 'bob ends']);
  });

  test('passes on what the work throws, after having given the lock back', async () => {
    const alice = await candidate('alice', { onStartedLeading: () => Promise.reject(new Error('out of paper')) });
    await expect(alice.run()).rejects.toThrow('out of paper');
    expect(alice.getLeader()).toBe('');
  });

  test('ends a campaign that is stopped without having led, and can campaign again', async () => {
    const story: string[] = [];
    const holder = puppet(story, 'alice');
    const alice = await candidate('alice', { onStartedLeading: holder.work });
    const aliceOver = alice.run();
    await holder.begun;
    const work = puppet(story, 'bob');
    const seen = deferred<string>();
    const bob = await candidate('bob', {
      onStartedLeading: work.work,
      onNewLeader: seen.resolve,
      onStoppedLeading: () => story.push('must not be told'),
    });
    const bobOver = bob.run();
    await seen.promise;
    bob.stop();
    expect(await bobOver).toBe('stopped');
    expect(story).toEqual(['alice begins']);
    holder.end();
    await aliceOver;
    const again = bob.run();
    await work.begun;
    bob.stop();
    work.end();
    expect(await again).toBe('stopped');
  });
});

describe('a configuration', () => {
  const good = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000 };
  test.for([
    { name: 'no identity', change: { identity: '' }, fault: 'identity must not be empty' },
    { name: 'no lock', change: { lock: undefined }, fault: 'lock must be given' },
    { name: 'no work', change: { callbacks: {} }, fault: 'callbacks.onStartedLeading must be a function' },
    {
      name: 'a lease that ends with the deadline',
      change: { renewDeadlineMs: 15_000 },
      fault: 'leaseDurationMs: the lease duration (15s) must be more than the renew deadline (15s)',
    },
    {
      name: 'a deadline of one attempt',
      change: { retryPeriodMs: 9000 },
      fault: 'renewDeadlineMs: the renew deadline (10s) must be more than 1.2 x the retry period (9s)',
    },
    {
      name: 'no lease',
      change: { leaseDurationMs: 0 },
      fault: 'leaseDurationMs: the lease duration must be whole seconds',
    },
    {
      name: 'no deadline',
      change: { renewDeadlineMs: 0 },
      fault: 'renewDeadlineMs: the renew deadline must be more than 0',
    },
    { name: 'no retry period', change: { retryPeriodMs: 0 }, fault: 'retryPeriodMs: the retry period must be more than 0' },
    {
      name: 'a grace that does not fit',
      change: { lostGraceMs: 4000 },
      fault: 'is more than the lease duration (15s): use a lease duration of at least 17s',
    },
  ])('with $name is refused', async ({ change, fault }) => {
    const { lock } = await openLock({ store: { kind: 'local', folder }, name: 'hello' });
    const config = { lock, identity: 'alice', ...good, ...change } as LeaderElectionConfig;
    expect(() => new LeaderElector(config)).toThrow(fault);
  });

  test.for(['leaseDuration', 'renewDeadline', 'retryPeriod', 'lostGrace', 'foreignGrace', 'newLockWait'])(
    'with %s, which says no unit, is refused',
    async (name) => {
      const { lock } = await openLock({ store: { kind: 'local', folder }, name: 'hello' });
      const config = { lock, identity: 'alice', [name]: 15_000 };
      expect(() => new LeaderElector(config)).toThrow(`${name} is called ${name}Ms here, and is in milliseconds`);
      lock.close();
    },
  );

  test('with several faults is told all of them', () => {
    expect(() => new LeaderElector({ identity: '', retryPeriodMs: -1 } as LeaderElectionConfig)).toThrow(
      'lock must be given; identity must not be empty; retryPeriodMs: the retry period must be more than 0',
    );
  });
});
