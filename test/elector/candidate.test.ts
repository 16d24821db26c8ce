// A candidate's edge cases: the rows of docs/known-cases.md that concern a Lease, by their numbers; what it may take,
// when, and how it lets go.
// Invariant under test: nobody starts while another may still run, and everybody ends when asked to.

import { describe, expect, test } from 'vitest';
import type { ElectionRecord } from '../../src/locks/record.ts';
import { bobRun, held, kinds, leader, MemoryLock, Rig } from '../helpers/rig.ts';

const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });

/** A candidate that stands by for bob, with a watch. */
function standby(more: Partial<ElectionRecord> = {}): Rig {
  const lock = new MemoryLock();
  lock.put(held('bob', more), bob(1));
  const rig = new Rig(lock).campaign().answer();
  rig.answer();
  rig.feed({ kind: 'watch-up' });
  rig.calls.length = 0;
  return rig;
}

describe('a candidate', () => {
  test('row 4: leaves the lock alone when it is stopped and another leads', () => {
    const rig = standby();
    rig.feed({ kind: 'stop' });
    expect(rig.calls).toEqual([]);
    expect(rig.outcome).toEqual({ kind: 'stopped' });
  });

  test.each(['unauthorized', 'forbidden', 'no-namespace'] as const)(
    'row 14: gives up on %s after 3 s, not before',
    (cause) => {
      const rig = new Rig(new MemoryLock()).campaign();
      for (let i = 0; i < 40 && !rig.outcome; i += 1) {
        while (!rig.asked) rig.later(20).feed({ kind: 'tick' });
        rig.fail(cause);
        if (rig.now.mono < 1_003_000) expect(rig.outcome).toBeUndefined();
      }
      expect(rig.outcome).toMatchObject({ kind: 'refused', trouble: { cause } });
    },
  );

  test('row 14: says once that it makes the lock, however often that is refused', () => {
    const rig = new Rig(new MemoryLock()).campaign().answer();
    for (let i = 0; i < 10 && !rig.outcome; i += 1) {
      while (!rig.asked) rig.later(20).feed({ kind: 'tick' });
      if (rig.request.kind === 'write') rig.fail('no-namespace');
      else rig.answer();
    }
    expect(rig.calls.filter((call) => call === 'create').length).toBeGreaterThan(2);
    expect(rig.reports.filter(({ kind }) => kind === 'taking')).toHaveLength(1);
  });

  test('row 14: waits for ever for a server that is not there', () => {
    const rig = new Rig(new MemoryLock()).campaign();
    for (let i = 0; i < 100; i += 1) {
      while (!rig.asked) rig.later(100).feed({ kind: 'tick' });
      rig.fail('unreachable');
    }
    expect(rig.outcome).toBeUndefined();
  });

  test('row 17: waits for its own name like for any other, and says so', () => {
    const lock = new MemoryLock();
    lock.put(held('alice'), { identity: 'alice', run: bobRun, number: 9 });
    const rig = new Rig(lock).campaign().run(14_900);
    expect(rig.grant).toBeUndefined();
    expect(rig.reports).toContainEqual({ kind: 'own-name', moving: false, whose: 'another-run' });
    expect(rig.run(200).grant).toBeDefined();
  });

  test('tells of a leader once, also when its record has lost the time since when it leads', () => {
    const lock = new MemoryLock();
    lock.put(held('bob'));
    const rig = new Rig(lock).campaign().answer();
    lock.put(held('bob', { acquireTime: '' }));
    rig.watch().run(40_000);
    expect(rig.reports.filter(({ kind }) => kind === 'standing-by')).toHaveLength(2);
  });

  test('row 18: waits a whole duration for a record whose times are long past', () => {
    const lock = new MemoryLock();
    lock.put(held('bob', { renewTime: '2020-01-01T00:00:00.000000Z' }), bob(1));
    const rig = new Rig(lock).campaign().run(14_900);
    expect(rig.grant).toBeUndefined();
    expect(rig.run(200).grant).toBeDefined();
  });

  test('row 26: does not count a suspend for the holder, which may have slept too', () => {
    const rig = standby();
    rig.later(1_000, 60_000).feed({ kind: 'tick' });
    expect(rig.calls.filter((call) => call !== 'read')).toEqual([]);
  });

  test('row 33: may lead again after a loss, with a new term and a larger token', () => {
    const rig = leader();
    const first = rig.grant?.token;
    rig.later(20_000).feed({ kind: 'tick' });
    expect(rig.lost).toBe('deadline');
    if (rig.asked) rig.fail('timeout');
    rig.feed({ kind: 'work-ended' });
    rig.campaign().run(1_000);
    expect(Number(rig.grant?.token.value)).toBeGreaterThan(Number(first?.value));
    expect(rig.grant?.token.transitions).toBe((first?.transitions ?? 0) + 1);
  });

  test('row 39: looks for itself when a watch is silent for half a lease', () => {
    const rig = standby();
    rig.run(7_400);
    expect(rig.calls).toEqual([]);
    rig.run(200);
    expect(rig.calls).toEqual(['read']);
  });

  test('row 39: looks soon even if the record says that it may be held for a year', () => {
    const rig = standby({ leaseDurationSeconds: 31_536_000 });
    rig.run(8_000);
    expect(rig.calls).toContain('read');
    expect(kinds(rig)).toContain('long-lease');
  });

  test('row 39: polls as client-go does without a watch', () => {
    const rig = standby();
    rig.feed({ kind: 'watch-down', forbidden: true, message: '' });
    for (let i = 2; i < 40; i += 1) {
      rig.run(1_500);
      rig.lock.put({ renewTime: String(i) }, bob(i));
    }
    const reads = rig.calls.filter((call) => call === 'read').length;
    expect(reads).toBeGreaterThan(57 / 4.4 - 2);
    expect(reads).toBeLessThan(57 / 2 + 2);
  });

  test('row 41: spreads takers after an expiry and backs off after a lost race', () => {
    const rig = standby();
    const moments = new Set<number>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const lock = new MemoryLock();
      lock.put(held('bob'), bob(1));
      const other = new Rig(lock, {}, seed * 7919).campaign().answer();
      other.answer();
      const start = other.now.mono;
      other.feed({ kind: 'watch-up' });
      while (!other.calls.includes('take')) {
        other.later(1).feed({ kind: 'tick' });
        if (other.asked && other.request.kind === 'read') other.answer();
      }
      moments.add(other.now.mono - start);
    }
    expect(moments.size).toBeGreaterThan(3);
    rig.later(15_021).feed({ kind: 'tick' });
    if (rig.request.kind === 'read') rig.answer();
    rig.lock.put(held('carol'));
    rig.answer();
    expect(kinds(rig)).toContain('race-lost');
  });

  test('row 42: goes on spreading over the time that a refusal once took, though later ones are quick', () => {
    const delays = Array.from({ length: 40 }, (_, index) => {
      const lock = new MemoryLock();
      lock.put(held('bob'), bob(1));
      const rig = new Rig(lock, {}, (index + 1) * 7919).campaign().answer();
      rig.answer();
      rig.feed({ kind: 'watch-up' });
      /** Another one is quicker; the refusal takes so long. Returns how long this candidate waited before it tried. */
      const race = (refusedAfterMs: number): number => {
        lock.put({ holderIdentity: '' });
        rig.watch();
        const free = rig.now.mono;
        while (!rig.asked || rig.request.kind !== 'write') {
          if (rig.asked) rig.answer();
          else rig.later(1).feed({ kind: 'tick' });
        }
        const waited = rig.now.mono - free;
        lock.put(held('carol'));
        rig.later(refusedAfterMs).answer().watch();
        return waited;
      };
      expect(race(825)).toBe(0);
      return [race(5), race(5), race(5)];
    });
    for (const round of [0, 1, 2]) {
      const longest = Math.max(...delays.map((each) => each[round] ?? 0));
      expect(longest).toBeGreaterThan(1200);
      expect(longest).toBeLessThanOrEqual(1600);
    }
  });

  test('row 42: remembers a herd for as long as it is met, even by others being quicker', () => {
    const lock = new MemoryLock();
    lock.put(held('bob'), bob(1));
    const rig = new Rig(lock).campaign().answer();
    rig.answer();
    rig.feed({ kind: 'watch-up' });
    const isReleased = (): void => {
      lock.put({ holderIdentity: '' });
      rig.watch();
    };
    const isRenewedFor = (ms: number): void => {
      for (const end = rig.now.mono + ms; rig.now.mono < end; ) {
        rig.run(2000);
        lock.put({ renewTime: String(rig.now.mono) });
        rig.watch();
      }
      expect(rig.grant).toBeUndefined();
      rig.calls.length = 0;
    };
    isReleased();
    lock.put(held('carol'));
    rig.later(1025).answer().watch();
    // Each within four leases of the one before.
    for (const quicker of ['dave', 'erin', 'frank', 'grace']) {
      isRenewedFor(40_000);
      isReleased();
      lock.put(held(quicker));
      rig.watch();
      expect(rig.calls).toEqual([]);
    }
    isRenewedFor(62_000);
    isReleased();
    expect(rig.calls).toEqual(['take']);
  });

  test('row 42: with a watch asks nothing while the holder renews', () => {
    const rig = standby();
    for (let i = 2; i < 100; i += 1) {
      rig.run(2_000);
      rig.lock.put({ renewTime: String(i) }, bob(i));
      rig.watch();
    }
    expect(rig.calls).toEqual([]);
  });

  test('waits out the old duration when a held lock vanishes, looking now and then and not all the time', () => {
    const rig = standby();
    rig.lock.delete();
    rig.watch();
    rig.run(14_900);
    expect(rig.grant).toBeUndefined();
    expect(rig.calls.length).toBeLessThan(10);
    rig.run(200);
    expect(rig.grant).toBeDefined();
  });

  test('does not believe a read that a watch has overtaken', () => {
    const rig = standby();
    rig.feed({ kind: 'watch-down', forbidden: false, message: '' });
    while (!rig.asked) rig.later(100).feed({ kind: 'tick' });
    const old = rig.lock.sighting;
    rig.later(1);
    rig.lock.put({ holderIdentity: '', leaseDurationSeconds: 1 }, bob(2));
    rig.watch();
    rig.later(1).reply({ kind: 'sighted', sighting: old });
    expect(rig.calls.at(-1)).toBe('take');
  });

  test('believes a store that was rolled back, and waits again', () => {
    const rig = standby();
    rig.lock.put({ renewTime: 'x' }, bob(2));
    rig.watch();
    rig.run(14_000);
    rig.lock.version = 50;
    rig.lock.put({ renewTime: 'old' }, bob(1));
    rig.run(10_000);
    expect(rig.grant).toBeUndefined();
    rig.run(7_000);
    expect(rig.grant).toBeDefined();
  });

  test('starts nothing when the taking write was answered late, but takes its own record again', () => {
    const lock = new MemoryLock();
    const rig = new Rig(lock).campaign().answer();
    rig.later(4_600).answer();
    expect(rig.calls).toEqual(['read', 'create', 'take']);
    expect(rig.grant).toBeUndefined();
    rig.later(5).answer();
    expect(rig.grant).toBeDefined();
  });

  test('waits for the answer of a taking write before it stops, and gives the lock back', () => {
    const rig = new Rig(new MemoryLock()).campaign().answer();
    rig.feed({ kind: 'stop' });
    expect(rig.outcome).toBeUndefined();
    rig.answer();
    expect(rig.calls).toEqual(['read', 'create', 'release']);
    rig.answer();
    expect(rig.outcome).toEqual({ kind: 'stopped' });
    expect(rig.record.holderIdentity).toBe('');
  });

  test.each(['unreachable', 'timeout'] as const)(
    'stops soon though nobody knows of its write and the server answers %s',
    (cause) => {
      const rig = new Rig(new MemoryLock()).campaign().answer();
      rig.later(5_000).fail('timeout');
      if (rig.asked) rig.fail('timeout');
      rig.feed({ kind: 'stop' });
      const began = rig.now.mono;
      let asked = 0;
      while (!rig.outcome) {
        if (rig.asked) {
          asked += 1;
          rig.later(cause === 'timeout' ? Math.ceil(rig.request.limitMs) : 1).fail(cause);
        } else rig.later(10).feed({ kind: 'tick' });
        expect(asked).toBeLessThan(20);
      }
      // A write under way is waited for, then there are 2 s.
      expect(rig.now.mono - began).toBeLessThanOrEqual(5_000 + 2_200);
    },
  );

  test('is not ended by its own release of a former term that shows up late', () => {
    const rig = leader();
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    const { request } = rig;
    while (!rig.outcome) {
      if (rig.asked) rig.later(Math.ceil(rig.request.limitMs)).fail('timeout');
      else rig.later(10).feed({ kind: 'tick' });
    }
    expect(rig.outcome).toEqual({ kind: 'not-released' });
    rig.effects.length = 0;
    if (request.kind === 'write') rig.lock.write(request.request);
    rig.campaign().watch().run(200);
    expect(rig.outcome).toBeUndefined();
    expect(rig.grant).toBeDefined();
  });

  test('starts nothing under an object that is younger than it was asked to wait, whoever tells of it', () => {
    const rig = new Rig(new MemoryLock(), { newLockWaitMs: 15_000 }).campaign().answer();
    const { request } = rig;
    if (request.kind === 'write') rig.lock.write(request.request);
    rig.watch();
    expect(rig.grant).toBeUndefined();
  });

  test('obeys Retry-After for no longer than a lease', () => {
    const rig = new Rig(new MemoryLock()).campaign();
    rig.fail('throttled', 3_600_000);
    rig.run(15_100);
    expect(rig.grant).toBeDefined();
  });

  test.each([0, 1_000])('says what kept it from asking when it gives up after %s ms', (waitMs) => {
    const rig = new Rig(new MemoryLock()).campaign(waitMs);
    while (!rig.outcome) {
      if (rig.asked) rig.fail('unreachable');
      else rig.later(50).feed({ kind: 'tick' });
    }
    expect(rig.outcome).toMatchObject({ kind: 'not-acquired', trouble: { cause: 'unreachable' } });
    // One look is not tried again, so that only the end tells of it.
    expect(kinds(rig).includes('trouble')).toBe(waitMs > 0);
  });

  test('does not blame what went well again', () => {
    const lock = new MemoryLock();
    lock.put(held('bob'), bob(1));
    const rig = new Rig(lock).campaign(3_000).fail('unreachable').run(3_100);
    expect(rig.outcome).toEqual({ kind: 'not-acquired', trouble: undefined });
  });

  test('gives up with --try once the holder is certain, and not before', () => {
    const lock = new MemoryLock();
    lock.put(held('bob'), bob(1));
    const rig = new Rig(lock).campaign(undefined, true).run(1_000);
    expect(rig.outcome).toBeUndefined();
    lock.put({ renewTime: 'x' }, bob(2));
    rig.watch();
    expect(rig.outcome).toEqual({ kind: 'not-acquired' });
  });
});
