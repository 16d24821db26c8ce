// A server whose answers do not go together: conflicts although nothing has changed, a storage that was put back, a
// policy that changes what is written, and records that bear our name.
// Invariant under test: nobody asks faster than when all is well, nobody leads by what it did not write, and what is
// said is true.

import { describe, expect, test } from 'vitest';
import { aliceRun, bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';
import type { ElectionRecord, Signature } from '../../src/locks/record.ts';
import { completeTiming } from '../../src/elector/timing.ts';

const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });

/** Every write is a conflict, while reads show what was there. */
class StubbornLock extends MemoryLock {
  stubborn = true;
  override write(request: Parameters<MemoryLock['write']>[0]): ReturnType<MemoryLock['write']> {
    return this.stubborn ? { kind: 'conflict', message: 'admission said no' } : super.write(request);
  }
}

/** A mutating policy: stores something else than was sent. */
class PolicedLock extends MemoryLock {
  policy: (record: ElectionRecord, signature: Signature) => [ElectionRecord, Signature | undefined] = (...sent) => sent;
  override put(record: Partial<ElectionRecord>, signature?: Signature): ReturnType<MemoryLock['put']> {
    if (!signature) return super.put(record);
    const [stored, signed] = this.policy({ ...held('?'), ...record }, signature);
    return super.put(stored, signed);
  }
}

const troubles = (rig: Rig) => rig.reports.filter(({ kind }) => kind === 'trouble');

describe('a conflict that does not go away', () => {
  // In 9 s a holder asks 4 or 5 times when all is well.
  test('is asked about no more than ten times as often as all is well, by a holder, and told once in its words', () => {
    const lock = new StubbornLock();
    lock.stubborn = false;
    const rig = leader(lock);
    lock.stubborn = true;
    rig.run(9_000);
    expect(rig.calls.length).toBeLessThanOrEqual(40);
    expect(troubles(rig)).toHaveLength(1);
    expect(troubles(rig)[0]).toMatchObject({ trouble: { cause: 'conflict', message: 'admission said no' } });
    lock.stubborn = false;
    rig.run(1_000);
    expect(rig.lost).toBeUndefined();
    expect(rig.reports.at(-1)?.kind).toBe('renewed');
  });

  test.each([
    ['of an expired lease', 'bob'],
    ['of a lock without a holder', ''],
    ['of a lock that is not there', undefined],
  ])('is not hurried after by a candidate %s', (_, holder) => {
    const lock = new StubbornLock();
    if (holder !== undefined) lock.put(held(holder), bob(1));
    const rig = new Rig(lock).campaign().run(16_000);
    rig.calls.length = 0;
    rig.run(9_000);
    expect(rig.calls.length).toBeLessThanOrEqual(20);
    expect(troubles(rig)).toHaveLength(1);
    lock.stubborn = false;
    rig.run(4_000);
    expect(rig.grant).toBeDefined();
  });

  test('is over for a candidate that sees another holder', () => {
    const lock = new StubbornLock();
    lock.put(held(''), bob(1));
    const rig = new Rig(lock).campaign().run(5_000);
    expect(rig.state.trouble?.cause).toBe('conflict');
    lock.put(held('bob'), bob(2));
    rig.run(5_000);
    expect(rig.state.trouble).toBeUndefined();
  });
});

describe('a server that is back in time', () => {
  // Terms of several settings, each cut off for all but the last second of its deadline.
  const settings = [
    completeTiming({ leaseDurationMs: 15_000 }),
    completeTiming({ leaseDurationMs: 8_000 }),
    completeTiming({ leaseDurationMs: 30_000, renewDeadlineMs: 20_000, retryPeriodMs: 9_000 }),
  ];
  const cases = settings.flatMap((timing) => Array.from({ length: 12 }, (_, seed) => [timing, seed] as const));

  test.each(cases)('is met in time: %o, dice %i', (timing, seed) => {
    const rig = leader(new MemoryLock(), { timing });
    rig.state = { ...rig.state, random: seed };
    const termBy = rig.grant?.leash.termBy.mono ?? 0;
    while (rig.now.mono < termBy - 1_000) {
      if (rig.asked) rig.later(1).fail('unreachable');
      else rig.later(1).feed({ kind: 'tick' });
    }
    rig.run(900);
    expect(rig.lost).toBeUndefined();
    expect(rig.grant?.leash.termBy.mono).toBeGreaterThan(termBy);
  });

  test('is not waited for longer than a retry period, whatever it asks for', () => {
    const rig = leader();
    rig.later(2_000).feed({ kind: 'tick' });
    rig.fail('throttled', 60_000);
    rig.run(2_005);
    expect(rig.reports.at(-1)?.kind).toBe('renewed');
  });
});

describe('a storage that was put back', () => {
  const putBack = (rig: Rig, record: Partial<ElectionRecord>, signature?: Signature) => {
    rig.lock.version = 50;
    rig.lock.put(record, signature);
  };

  test('to an earlier renewal of a term: the term goes on, and the next renewal rests on it', () => {
    const rig = leader();
    const { sighting } = rig.lock;
    rig.run(6_000);
    if (sighting.kind !== 'record') throw new Error('no record');
    putBack(rig, sighting.record, sighting.signature);
    rig.run(5_000);
    expect(rig.lost).toBeUndefined();
    expect(troubles(rig)).toHaveLength(1);
    expect(rig.reports.at(-1)?.kind).toBe('renewed');
    expect(rig.record.renewTime > sighting.record.renewTime).toBe(true);
  });

  test.each([
    ['to another holder', held('bob'), bob(1)],
    ['to a lock without a holder', held(''), bob(1)],
  ])('%s: the term is over at the first look', (_, record, signature) => {
    const rig = leader();
    rig.run(3_000);
    putBack(rig, record, signature);
    rig.run(2_100);
    expect(rig.lost).toBe('rolled-back');
  });

  test('to a renewal of ours with a shorter lease than others have to wait: the term is over', () => {
    const rig = leader();
    rig.run(3_000);
    putBack(rig, { ...held('alice'), leaseDurationSeconds: 1 }, { identity: 'alice', run: aliceRun, number: 1 });
    rig.run(2_100);
    expect(rig.lost).toBe('rolled-back');
  });

  test('and parts of it disagree: the lock is not asked in a hurry', () => {
    const rig = leader();
    const older = rig.lock.sighting;
    rig.run(4_100);
    rig.calls.length = 0;
    const newer = rig.lock.sighting;
    let looks = 0;
    for (const end = rig.now.mono + 6_000; rig.now.mono < end;) {
      if (!rig.asked) rig.later(1).feed({ kind: 'tick' });
      else if (rig.request.kind === 'read') rig.later(1).reply({ kind: 'sighted', sighting: (looks += 1) % 2 ? older : newer });
      else rig.later(1).reply({ kind: 'conflict' });
    }
    expect(rig.calls.length).toBeLessThanOrEqual(40);
  });
});

describe('a policy that changes what is written', () => {
  const policies = {
    'takes the annotation away': (record: ElectionRecord) => [record, undefined],
    'shortens the lease': (record: ElectionRecord, signed: Signature) => [{ ...record, leaseDurationSeconds: 5 }, signed],
    'lengthens the lease': (record: ElectionRecord, signed: Signature) => [{ ...record, leaseDurationSeconds: 60 }, signed],
    'writes another holder': (record: ElectionRecord, signed: Signature) => [{ ...record, holderIdentity: 'x' }, signed],
  } as Record<string, PolicedLock['policy']>;

  test.each(Object.entries(policies))('and %s ends a campaign with what was changed', (name, policy) => {
    const lock = new PolicedLock();
    lock.policy = policy;
    const rig = new Rig(lock).campaign().run(100);
    expect(rig.grant).toBeUndefined();
    expect(rig.outcome).toMatchObject({ kind: 'refused', trouble: { cause: 'altered' } });
    const field = name.includes('annotation') ? 'leader-run/holder' : name.includes('lease') ? 'leaseDurationSeconds' : 'holderIdentity';
    expect(rig.outcome).toMatchObject({ trouble: { message: expect.stringContaining(field) as string } });
    // What the policy has made another's is not given back.
    expect(rig.calls.includes('release')).toBe(field !== 'holderIdentity');
  });

  test.each([
    ['takes the annotation away', 'altered'],
    ['lengthens the lease', 'altered'],
    ['shortens the lease', 'edited'],
    ['writes another holder', 'edited'],
  ])('and %s ends a term: %s, whether watch or answer comes first', (name, reason) => {
    for (const watchFirst of [false, true]) {
      const lock = new PolicedLock();
      const rig = leader(lock);
      lock.policy = policies[name] ?? lock.policy;
      rig.later(2_000).feed({ kind: 'tick' });
      const { request } = rig;
      if (request.kind !== 'write') throw new Error('no renewal');
      const answer = lock.write(request.request);
      if (watchFirst && reason === 'altered') rig.watch();
      expect(rig.lost).toBeUndefined();
      rig.reply(answer);
      expect(rig.lost).toBe(reason);
    }
  });
});

describe('a record with our name', () => {
  test.each([
    ['a second candidate of that name', { identity: 'alice', run: bobRun, number: 1 }, 'another-run'],
    ['a program that signs nothing', undefined, 'unsigned'],
    ['an earlier write of this run', { identity: 'alice', run: aliceRun, number: 0 }, 'this-run'],
  ])('is told to be of %s', (_, signature, whose) => {
    const lock = new MemoryLock();
    lock.put(held('alice'), signature);
    const rig = new Rig(lock).campaign().run(100);
    expect(rig.reports.find(({ kind }) => kind === 'own-name')).toMatchObject({ whose });
  });

  test.each([
    ['with another lease', { leaseDurationSeconds: 3600 }, 'edited'],
    ['with another holder', { holderIdentity: 'bob' }, 'taken'],
  ])('that a person edits within a term, %s, ends it: %s', (_, edit, reason) => {
    const rig = leader();
    const { sighting } = rig.lock;
    rig.lock.put(edit, sighting.kind === 'record' ? sighting.signature : undefined);
    rig.watch();
    expect(rig.lost).toBe(reason);
  });
});

test('a campaign that ends before any answer came does not say that another candidate leads', () => {
  const rig = new Rig(new MemoryLock()).campaign(2_000);
  rig.later(2_001).feed({ kind: 'tick' });
  expect(rig.outcome).toMatchObject({ kind: 'not-acquired', trouble: { cause: 'timeout' } });
});

test('an attempt that lasts is told of once', () => {
  const lock = new MemoryLock();
  lock.put(held('bob'), bob(1));
  const rig = new Rig(lock).campaign().run(14_000);
  while (rig.now.mono < 1_000_000 + 40_000) {
    if (rig.asked) rig.later(5).fail('unreachable');
    else rig.later(5).feed({ kind: 'tick' });
  }
  expect(rig.reports.filter(({ kind }) => kind === 'taking')).toHaveLength(1);
});
