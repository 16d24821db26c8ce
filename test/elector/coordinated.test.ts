// A lock that a coordinator assigns (KEP-4355): the elector takes it by invitation only, and lets go when asked to.
// Invariant under test: a coordinator that errs about time (its clock, the last holder's) makes no two leaders of us.

import { describe, expect, test, vi } from 'vitest';
import { LeaderElector } from '../../src/elector/leader-elector.ts';
import type { Lock, WatchNews } from '../../src/locks/lock.ts';
import { aliceRun, bobRun, compare, held, kinds, MemoryLock, Rig } from '../helpers/rig.ts';

const settings = { coordinated: true } as const;
const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });

/** What the API server writes when it has chosen us: nobody has accepted yet. */
function invite(lock: MemoryLock): void {
  const renewTime = `2026-01-01T00:00:${String(lock.version % 60).padStart(2, '0')}.000000Z`;
  lock.put(held('', { leaseDurationSeconds: 5, acquireTime: '', renewTime, leaseTransitions: 0 }));
  mark(lock, 'invites');
}

function mark(lock: MemoryLock, coordinator: 'invites' | 'deposes'): void {
  if (lock.sighting.kind === 'record') lock.sighting = { ...lock.sighting, coordinator };
}

/** What the library is given: answers at once, and a watch that the test speaks for. */
function openMemory(memory: MemoryLock): { lock: Lock; tell: () => void } {
  const told: ((news: WatchNews) => void)[] = [];
  return {
    tell: () => told.at(-1)?.({ kind: 'sighted', sighting: memory.sighting, follows: memory.follows }),
    lock: {
      name: 'memory',
      where: 'here',
      coordinated: true,
      read: () => Promise.resolve({ kind: 'sighted', sighting: memory.sighting }),
      write: (request) => Promise.resolve(memory.write(request)),
      rehearse: () => Promise.resolve({ kind: 'allowed' }),
      watch: (tell) => {
        told.push(tell);
        return () => undefined;
      },
      compare,
      close: () => undefined,
    },
  };
}

/** One that bob holds, and that alice watches. */
function standby(): Rig {
  const lock = new MemoryLock();
  lock.put(held('bob'), bob(1));
  const rig = new Rig(lock, settings).campaign().answer().answer();
  rig.feed({ kind: 'watch-up' });
  return rig;
}

function leader(): Rig {
  const rig = standby();
  rig.later(20_000);
  invite(rig.lock);
  rig.watch().run(10);
  expect(rig.grant).toBeDefined();
  rig.calls.length = 0;
  return rig;
}

describe('a coordinated lock', () => {
  test('is not taken when it is absent', () => {
    const rig = new Rig(new MemoryLock(), settings).campaign().run(60_000);
    expect(rig.calls.filter((call) => call !== 'read')).toEqual([]);
  });

  test('is not taken when its lease has ended', () => {
    const rig = standby().run(60_000);
    expect(rig.calls.filter((call) => call === 'take')).toEqual([]);
  });

  test('is not taken when it is released', () => {
    const rig = standby();
    rig.lock.put(held(''), bob(2));
    rig.watch().run(60_000);
    expect(rig.calls.filter((call) => call === 'take')).toEqual([]);
  });

  test('is taken at once on an invitation, when the last holder has released it', () => {
    const rig = standby();
    rig.lock.put(held(''), bob(2));
    rig.watch();
    invite(rig.lock);
    rig.watch().run(10);
    expect(rig.grant).toBeDefined();
    expect(rig.record).toMatchObject({ holderIdentity: 'alice', leaseDurationSeconds: 15 });
    expect(rig.reports).toContainEqual({ kind: 'taking', from: 'invited', leader: '' });
  });

  test('is taken on an invitation only after the last holder’s lease by our own clock, however often it is repeated', () => {
    const rig = standby();
    rig.run(3_000);
    // By a clock that is 12 s ahead of bob's, which still leads.
    invite(rig.lock);
    rig.watch().run(6_000);
    invite(rig.lock);
    rig.watch().run(5_900);
    expect(rig.grant).toBeUndefined();
    // It is kept meanwhile, so that no other is invited.
    expect(rig.record.holderIdentity).toBe('alice');
    expect(rig.run(200).grant).toBeDefined();
  });

  test('is taken on an invitation that follows something unseen only after a whole lease', () => {
    const rig = standby();
    rig.run(14_000);
    // A renewal of bob's that no watch has told of: it may lead for 15 s more.
    rig.lock.put(held('bob', { renewTime: 'later' }), bob(2));
    invite(rig.lock);
    rig.watch().run(14_900);
    expect(rig.grant).toBeUndefined();
    expect(rig.run(200).grant).toBeDefined();
  });

  test('that did not exist, and was made for us, is taken at once', () => {
    const rig = new Rig(new MemoryLock(), settings).campaign().run(10);
    invite(rig.lock);
    rig.watch().run(10);
    expect(rig.grant).toBeDefined();
  });

  test('that invites at first sight is taken after our own lease duration, since nobody knows of the last holder', () => {
    const lock = new MemoryLock();
    invite(lock);
    const rig = new Rig(lock, settings).campaign().run(14_900);
    expect(rig.grant).toBeUndefined();
    expect(rig.run(200).grant).toBeDefined();
  });

  test('that deposes us is renewed until the work has ended, then released and not taken again', () => {
    const rig = leader();
    rig.lock.label();
    mark(rig.lock, 'deposes');
    rig.watch();
    expect(rig.effects.filter(({ kind }) => kind === 'deposed')).toHaveLength(1);
    rig.run(20_000);
    expect(kinds(rig).filter((kind) => kind === 'deposed')).toHaveLength(1);
    expect(rig.lost).toBeUndefined();
    expect(new Set(rig.calls)).toEqual(new Set(['renew']));
    rig.calls.length = 0;
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    rig.answer();
    expect(rig.calls).toEqual(['release']);
    expect(rig.outcome).toEqual({ kind: 'released' });
    rig.campaign().run(60_000);
    expect(rig.calls.filter((call) => call === 'take')).toEqual([]);
  });

  test('whose invitation comes within our own term has been given away by a clock that is ahead: the term is over', () => {
    const rig = leader();
    invite(rig.lock);
    rig.watch();
    expect(rig.lost).toBe('taken');
    rig.run(60_000);
    expect(rig.calls.filter((call) => call === 'take')).toEqual([]);
    rig.feed({ kind: 'work-ended' });
    rig.campaign().run(100);
    expect(rig.grant).toBeDefined();
  });

  test('that deposes the library ends its work, is released after it, and says so', async () => {
    const memory = new MemoryLock();
    memory.put(held('bob'), bob(1));
    const { lock, tell } = openMemory(memory);
    const stopped = vi.fn();
    let deposed = false;
    const work = vi.fn(async (signal: AbortSignal) => {
      await vi.waitUntil(() => signal.aborted);
      // Ours still: nobody else may lead before the work has ended.
      expect(memory.sighting).toMatchObject({ record: { holderIdentity: 'alice' } });
    });
    const elector = new LeaderElector({
      lock,
      identity: 'alice',
      callbacks: { onStartedLeading: ({ signal }) => work(signal), onStoppedLeading: stopped },
      report: ({ kind }) => (deposed ||= kind === 'deposed'),
    });
    const over = elector.run();
    await vi.waitUntil(() => elector.getLeader() === 'bob');
    memory.put(held(''), bob(2));
    tell();
    invite(memory);
    tell();
    await vi.waitUntil(() => elector.isLeader());
    memory.label();
    mark(memory, 'deposes');
    tell();
    expect(await over).toBe('deposed');
    expect([deposed, stopped.mock.calls, elector.isLeader()]).toEqual([true, [['deposed']], false]);
    expect(memory.sighting).toMatchObject({ record: { holderIdentity: '' } });
    elector.close();
  });

  test('held by a twin of our name is none of ours', () => {
    const rig = standby();
    rig.lock.put(held('alice'), { identity: 'alice', run: aliceRun.replace('a', 'c'), number: 1 });
    rig.watch().run(60_000);
    expect(rig.calls.filter((call) => call === 'take')).toEqual([]);
  });
});
