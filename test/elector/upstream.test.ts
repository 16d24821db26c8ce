// What client-go's own tests of leaderelection promise (tryAcquireOrRenew on a Lease, its fast path and its release),
// as promises of our core, with the number of API calls, as there.
// Invariant under test: a renewal is one request, and a look at a held lock is one.

import { describe, expect, test } from 'vitest';
import { bobRun, emptyRecord, held, kinds, leader, MemoryLock, Rig } from '../helpers/rig.ts';

const bob = { identity: 'bob', run: bobRun, number: 1 };

function locked(by: string, more = {}, signature?: typeof bob): MemoryLock {
  const lock = new MemoryLock();
  lock.put(held(by, more), signature);
  return lock;
}

describe('one try', () => {
  test('creates an absent lock and leads with no transitions', () => {
    const rig = new Rig(new MemoryLock()).campaign().answer().answer();
    expect(rig.calls).toEqual(['read', 'create']);
    expect(rig.record).toMatchObject({ holderIdentity: 'alice', leaseDurationSeconds: 15, leaseTransitions: 0 });
    expect(rig.grant?.token.transitions).toBe(0);
  });

  test('takes an object without a record, as a transition', () => {
    const lock = new MemoryLock();
    lock.put(emptyRecord);
    const rig = new Rig(lock).campaign().answer().answer();
    expect(rig.calls).toEqual(['read', 'take']);
    expect(rig.record).toMatchObject({ holderIdentity: 'alice', leaseTransitions: 1 });
  });

  test.each([
    ['leader-run', bob, 3_000],
    ['another elector, with its grace', undefined, 4_400],
  ])("waits out a record's 3 s held by %s, and then takes it", (_, signature, waitMs) => {
    const rig = new Rig(locked('bob', { leaseDurationSeconds: 3 }, signature)).campaign();
    rig.run(waitMs);
    expect(rig.grant).toBeUndefined();
    rig.run(40);
    expect(rig.record).toMatchObject({ holderIdentity: 'alice', leaseDurationSeconds: 15, leaseTransitions: 1 });
    expect(rig.grant).toBeDefined();
  });

  test('takes a released lock at once', () => {
    const rig = new Rig(locked('', { leaseDurationSeconds: 1, leaseTransitions: 4 })).campaign().answer().answer();
    expect(rig.calls).toEqual(['read', 'take']);
    expect(rig.record.leaseTransitions).toBe(5);
  });

  test('takes a held lock that has not changed for long, without another look', () => {
    const rig = new Rig(locked('bob', {}, bob)).campaign().answer();
    rig.feed({ kind: 'watch-up' });
    rig.answer();
    rig.calls.length = 0;
    rig.later(15_021).feed({ kind: 'tick' });
    expect(rig.calls).toEqual(['take']);
    expect(rig.answer().grant).toBeDefined();
  });

  test('takes a released lock even though it was seen an instant ago', () => {
    const rig = new Rig(locked('bob', {}, bob)).campaign().answer().answer();
    rig.calls.length = 0;
    rig.lock.put({ holderIdentity: '', leaseDurationSeconds: 1 });
    rig.watch();
    expect(rig.calls).toEqual(['take']);
  });

  test('refuses a fresh lock, names its holder, and has asked once', () => {
    const rig = new Rig(locked('bob', {}, bob)).campaign(0).answer();
    expect(rig.calls).toEqual(['read']);
    expect(rig.outcome).toEqual({ kind: 'not-acquired' });
    expect(rig.reports).toContainEqual(expect.objectContaining({ kind: 'standing-by', leader: 'bob' }));
  });

  test('renews what is already its own by one request, without a transition', () => {
    const rig = leader();
    rig.run(2_010);
    expect(rig.calls).toEqual(['renew']);
    expect(rig.record.leaseTransitions).toBe(0);
  });
});

describe('the fast path', () => {
  test('is read, create, renew, renew', () => {
    const rig = new Rig(new MemoryLock()).campaign();
    rig.run(4_100);
    expect(rig.calls).toEqual(['read', 'create', 'renew', 'renew']);
  });

  test('after a conflict is renew, read, renew', () => {
    const rig = leader();
    rig.lock.label();
    rig.run(2_050);
    expect(rig.calls).toEqual(['renew', 'read', 'renew']);
    expect(rig.lost).toBeUndefined();
  });
});

describe('a release', () => {
  test('writes holder "", duration 1, all five fields, and keeps the transitions', () => {
    const rig = leader();
    rig.feed({ kind: 'work-ended' });
    rig.later(1_500).feed({ kind: 'resign', holdMs: 0 });
    rig.answer();
    expect(rig.calls).toEqual(['release']);
    const time = '2026-01-01T00:00:01.502000Z';
    expect(rig.record).toEqual({
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: time,
      renewTime: time,
      leaseTransitions: 0,
    });
    expect(rig.outcome).toEqual({ kind: 'released' });
  });

  test('after a conflict looks again and is sent once more', () => {
    const rig = leader();
    rig.feed({ kind: 'work-ended' });
    rig.lock.label();
    rig.feed({ kind: 'resign', holdMs: 0 });
    rig.run(500);
    expect(rig.calls).toEqual(['release', 'read', 'release']);
    expect(rig.outcome).toEqual({ kind: 'released' });
  });

  test.each([['a renewal'], ['a read']])('that is asked for during %s comes after its answer', (during) => {
    const rig = leader();
    rig.later(2_000).feed({ kind: 'tick' });
    if (during === 'a read') rig.fail('server');
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    expect(kinds(rig)).not.toContain('released');
    rig.run(1_000);
    expect(rig.calls.at(-1)).toBe('release');
    expect(rig.outcome).toEqual({ kind: 'released' });
  });
});
