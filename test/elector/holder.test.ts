// A holder's edge cases: the rows of docs/known-cases.md that concern a Lease, by their numbers, and what else can go
// wrong between a write and its answer.
// Invariant under test: a late or doubtful answer may shorten a term, never lengthen it.

import { describe, expect, test } from 'vitest';
import { aliceRun, bobRun, held, kinds, leader, MemoryLock } from '../helpers/rig.ts';

const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });

describe('a holder', () => {
  test('row 1: counts a renewal from its sending, however late the answer is', () => {
    const rig = leader();
    rig.later(2_000).feed({ kind: 'tick' });
    const sent = rig.now;
    rig.later(2_400).answer();
    expect(rig.grant?.leash.termBy).toEqual({ mono: sent.mono + 10_000, boot: sent.boot + 10_000 });
  });

  test('row 2: gives one attempt a quarter of the deadline, and keeps the last quarter for one more', () => {
    const rig = leader();
    rig.run(1_995);
    const limits: number[] = [];
    for (let i = 0; i < 4 && rig.grant; i += 1) {
      while (!rig.asked) rig.later(1).feed({ kind: 'tick' });
      const { limitMs } = rig.request;
      limits.push(limitMs);
      rig.later(Math.ceil(limitMs)).fail('timeout');
    }
    expect(limits[0]).toBe(2_500);
    expect(limits.length).toBeGreaterThanOrEqual(3);
    expect(limits.at(-1)).toBeLessThanOrEqual(2_500);
  });

  test('row 5: does not release while its command is alive, and renews meanwhile', () => {
    const rig = leader();
    rig.feed({ kind: 'resign', holdMs: 0 });
    rig.run(9_000);
    expect(new Set(rig.calls)).toEqual(new Set(['renew']));
    rig.feed({ kind: 'work-ended' });
    rig.run(50);
    expect(rig.calls.at(-1)).toBe('release');
  });

  test.each(['watch', 'read'] as const)('row 6: ends its term at the first sight of another, by %s', (by) => {
    const rig = leader();
    rig.lock.put(held('bob'), bob(1));
    if (by === 'watch') rig.watch();
    else rig.run(2_100);
    expect(rig.lost).toBe('taken');
    expect(rig.grant).toBeUndefined();
  });

  test('row 7: does not resume a term because the intruder let go', () => {
    const rig = leader();
    rig.lock.put({ holderIdentity: 'bob' });
    rig.watch();
    rig.lock.put({ holderIdentity: '', leaseDurationSeconds: 1 });
    rig.watch();
    rig.run(5_000);
    expect(rig.grant).toBeUndefined();
    expect(rig.calls).toEqual([]);
    rig.feed({ kind: 'work-ended' });
    rig.campaign().run(50);
    expect(rig.grant).toBeDefined();
    expect(rig.record.leaseTransitions).toBe(1);
  });

  test('row 8: makes a deleted lock again within its term, once', () => {
    const rig = leader();
    const before = rig.grant?.token;
    rig.lock.delete();
    rig.run(2_100);
    expect(rig.calls).toEqual(['renew', 'read', 'create']);
    expect(rig.lost).toBeUndefined();
    expect(rig.grant?.token).toEqual(before);
  });

  test('row 10: has lost when another made it again', () => {
    const rig = leader();
    rig.lock.delete();
    rig.lock.put(held('bob'), bob(1));
    rig.run(2_100);
    expect(rig.lost).toBe('recreated');
  });

  test.each(['unauthorized', 'forbidden', 'no-namespace', 'throttled', 'server', 'garbled', 'invalid'] as const)(
    'rows 12, 14, 15: does not take %s for a verdict',
    (cause) => {
      const rig = leader();
      rig.later(2_000).feed({ kind: 'tick' });
      rig.later(5).fail(cause);
      rig.run(3_000);
      expect(rig.lost).toBeUndefined();
      expect(rig.calls.at(-1)).toBe('renew');
      expect(kinds(rig).filter((kind) => kind === 'trouble')).toHaveLength(1);
    },
  );

  test.each([
    ['same', 'alice'],
    ['other', 'bob'],
  ])('row 16: a record of a second run under the %s name ends its term', (_, identity) => {
    const rig = leader();
    rig.lock.put(held(identity), { identity, run: bobRun, number: 1 });
    rig.watch();
    expect(rig.lost).toBe('taken');
  });

  test('row 21: takes a write that timed out but was applied as success at its own sending', () => {
    const rig = leader();
    rig.later(2_000).feed({ kind: 'tick' });
    const sent = rig.now;
    const { request } = rig;
    if (request.kind === 'write') rig.lock.write(request.request);
    rig.later(2_500).fail('timeout');
    rig.later(100).answer();
    // It was due again by then.
    expect(rig.calls).toEqual(['renew', 'read', 'renew']);
    expect(rig.grant?.leash.termBy.mono).toBe(sent.mono + 10_000);
  });

  test('row 21: knows its write by number when a later one has been sent already', () => {
    const rig = leader();
    rig.later(2_000).feed({ kind: 'tick' });
    const first = rig.request;
    const sent = rig.now;
    rig.later(2_500).fail('timeout');
    rig.answer();
    expect(rig.calls).toEqual(['renew', 'read', 'renew']);
    if (first.kind === 'write') rig.lock.write(first.request);
    rig.answer().answer();
    expect(rig.lost).toBeUndefined();
    expect(rig.grant?.leash.termBy.mono).toBeGreaterThanOrEqual(sent.mono + 10_000);
  });

  test('row 22: goes on when only a label changed', () => {
    const rig = leader();
    rig.lock.label();
    rig.watch();
    rig.run(2_050);
    expect(rig.calls).toEqual(['renew']);
    expect(rig.lost).toBeUndefined();
  });

  test('row 25: does not care what the wall clock says, and never writes one time twice', () => {
    const rig = leader();
    const seen = new Set<string>();
    for (const jump of [0, -2_000, 3_600_000, -2_000, -2_000]) {
      seen.add(rig.record.renewTime);
      rig.later(2_000, 2_000, jump).feed({ kind: 'tick' });
      rig.answer();
    }
    seen.add(rig.record.renewTime);
    const frozen = rig.record.renewTime;
    rig.later(2_000, 2_000, 0).feed({ kind: 'tick' });
    rig.answer();
    expect(rig.record.renewTime).not.toBe(frozen);
    expect(rig.lost).toBeUndefined();
  });

  test('row 26: has lost after a suspend that only boot time saw, before it looks at anything else', () => {
    const rig = leader();
    rig.later(2_000).feed({ kind: 'tick' });
    rig.later(10, 30_000).answer();
    expect(rig.lost).toBe('deadline');
    expect(rig.grant).toBeUndefined();
  });

  test('row 36: obeys Retry-After, but not past its own deadline', () => {
    const rig = leader();
    rig.later(2_000).feed({ kind: 'tick' });
    rig.fail('throttled', 60_000);
    rig.run(7_000);
    expect(rig.calls.length).toBeGreaterThan(1);
    expect(rig.lost).toBeUndefined();
  });

  test('row 46: has lost when the store shows an older holder again, by a read', () => {
    const rig = leader();
    rig.lock.delete();
    rig.lock.uid = 'uid-1';
    rig.lock.version = 5_000;
    rig.lock.put(held('carol'));
    rig.run(2_100);
    expect(rig.lost).toBe('taken');
  });

  test('ignores what a watch tells of times before its own last write', () => {
    const rig = leader();
    const old = rig.lock.put(held('bob'), bob(1));
    const lock = new MemoryLock();
    lock.version = 200;
    const late = leader(lock);
    late.watch(old);
    expect(late.lost).toBeUndefined();
    expect(late.asked).toBe(false);
  });

  test('learns of its renewal from the watch before the answer comes', () => {
    const rig = leader();
    rig.later(2_000).feed({ kind: 'tick' });
    const { request } = rig;
    const answer = request.kind === 'write' ? rig.lock.write(request.request) : undefined;
    rig.watch();
    expect(rig.lost).toBeUndefined();
    if (answer) rig.reply(answer);
    expect(kinds(rig).filter((kind) => kind === 'renewed')).toHaveLength(1);
  });

  test('does not take a 200 whose body is somebody else for success', () => {
    const rig = leader();
    const before = rig.grant?.leash;
    rig.later(2_000).feed({ kind: 'tick' });
    const sighting = rig.lock.put(held('bob'), bob(3));
    rig.reply({ kind: 'stored', sighting });
    expect(rig.lost).toBe('taken');
    expect(rig.grant?.leash ?? before).toEqual(before);
  });

  test('is granted nothing while its command is alive, though it competes again and a write of its old term lands', () => {
    const rig = leader();
    // Nothing answers from 2 s on; at 8.2 s a look finds the lock gone.
    rig.later(2_000).feed({ kind: 'tick' });
    rig.later(6_200).fail('timeout');
    rig.lock.delete();
    rig.answer();
    const { request } = rig;
    if (request.kind !== 'write') throw new Error('no write is under way');
    expect(request.request.base).toBeUndefined();
    rig.later(1_850).fail('timeout');
    expect(rig.lost).toBe('deadline');
    rig.lock.write(request.request);
    rig.campaign().watch();
    expect(rig.grant).toBeUndefined();
    rig.feed({ kind: 'work-ended' });
    expect(rig.run(100).grant).toBeDefined();
  });

  test('ends a term once, whatever comes after', () => {
    const rig = leader();
    rig.later(20_000).feed({ kind: 'tick' });
    rig.lock.put(held('bob'), bob(1));
    rig.watch();
    rig.feed({ kind: 'tick' });
    expect(kinds(rig).filter((kind) => kind === 'lost')).toHaveLength(1);
  });

  test('keeps a bounded memory of writes that were never answered', () => {
    const rig = leader();
    for (let i = 0; i < 200; i += 1) {
      while (!rig.asked && rig.grant) rig.later(50).feed({ kind: 'tick' });
      if (!rig.grant) {
        rig.feed({ kind: 'work-ended' });
        rig.campaign();
      }
      if (rig.request.kind === 'read') rig.answer();
      else rig.fail('timeout');
      expect(rig.state.pending.length).toBeLessThanOrEqual(16);
    }
  });
});

describe('a resigning holder', () => {
  test('keeps its name in the record for what is left of the hold when it is stopped', () => {
    const rig = leader();
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 60_000 });
    rig.run(5_000);
    rig.feed({ kind: 'stop' });
    rig.answer();
    expect(rig.calls.at(-1)).toBe('shorten');
    expect(rig.record).toMatchObject({ holderIdentity: 'alice', leaseDurationSeconds: 55 });
    expect(rig.outcome).toEqual({ kind: 'left-held', forMs: 55_000 });
  });

  test('releases when the hold is over, and renews until then', () => {
    const rig = leader();
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 5_000 });
    rig.run(4_900);
    expect(new Set(rig.calls)).toEqual(new Set(['renew']));
    rig.run(200);
    expect(rig.calls.at(-1)).toBe('release');
  });

  test('does not release what another holds', () => {
    const rig = leader();
    rig.lock.put(held('bob'), bob(1));
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    rig.run(3_000);
    expect(rig.record.holderIdentity).toBe('bob');
    expect(rig.outcome).toEqual({ kind: 'not-released' });
  });
});

test('a run never mistakes the write of another run with its name, number and times for its own', () => {
  const rig = leader();
  const { sighting } = rig.lock;
  if (sighting.kind !== 'record') throw new Error('no record');
  rig.lock.put(sighting.record, { identity: 'alice', run: bobRun, number: sighting.signature?.number ?? 0 });
  expect(sighting.signature?.run).toBe(aliceRun);
  rig.watch();
  expect(rig.lost).toBe('taken');
});
