// What time and a stop end, and what they leave alone: campaigns, terms, and an elector that wants nothing.
// Knows no answer. Invariant under test: each end comes once, and an elector that wants nothing wakes for nothing.

import { describe, expect, test } from 'vitest';
import { step } from '../../src/elector/core.ts';
import { bobRun, held, kinds, leader, MemoryLock, Rig } from '../helpers/rig.ts';

const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });

function heldByBob(): MemoryLock {
  const lock = new MemoryLock();
  lock.put(held('bob'), bob(1));
  return lock;
}

describe('an elector that wants nothing', () => {
  test('is woken by no time', () => {
    const { state, now } = new Rig(new MemoryLock());
    expect(step(state, { kind: 'tick' }, now)).toEqual({ state, effects: [], wakeMs: undefined });
  });

  test('has nothing to stop', () => {
    const rig = new Rig(new MemoryLock());
    expect(rig.feed({ kind: 'stop' })).toEqual([]);
    expect(rig.state.want).toBe('nothing');
  });

  test('has no patience left to lose: a campaign that time ended stays ended', () => {
    const rig = new Rig(heldByBob()).campaign(1000).run(1000);
    expect(rig.outcome).toEqual({ kind: 'not-acquired', trouble: undefined });
    expect(rig.later(1000).feed({ kind: 'tick' })).toEqual([]);
  });
});

describe('patience', () => {
  test('ends a campaign when it is over and not a moment before, by the clock that ran further', () => {
    for (const [mono, boot] of [[1000, 1000], [1000, 10], [10, 1000]] as const) {
      const rig = new Rig(heldByBob()).campaign(1000).answer();
      rig.later(mono - 1, boot - 1).feed({ kind: 'tick' });
      expect(rig.outcome).toBeUndefined();
      rig.later(1, 1).feed({ kind: 'tick' });
      expect(rig.outcome).toMatchObject({ kind: 'not-acquired' });
    }
  });

  test('of a campaign does not bind the term that it has won', () => {
    const rig = new Rig(new MemoryLock()).campaign(1000).run(100);
    expect(rig.grant).toBeDefined();
    expect(rig.run(20_000).grant).toBeDefined();
    expect(rig.outcome).toBeUndefined();
  });

  test('of one look does not bind the term that it has won, whatever its looks and writes come to', () => {
    const rig = new Rig(new MemoryLock()).campaign(0).run(100);
    expect(rig.grant).toBeDefined();
    rig.later(2000).feed({ kind: 'tick' });
    rig.fail('timeout').fail('unreachable');
    rig.run(3000);
    expect([rig.state.want, rig.outcome, rig.lost]).toEqual(['lead', undefined, undefined]);
    rig.lock.label();
    rig.run(3000);
    expect([rig.state.want, rig.outcome, rig.lost]).toEqual(['lead', undefined, undefined]);
  });
});

describe('a stop', () => {
  test('of one look is how it ends, even if its write is refused then, or in doubt', () => {
    const rig = new Rig(new MemoryLock()).campaign(0).answer();
    expect(rig.request.kind).toBe('write');
    rig.feed({ kind: 'stop' });
    rig.fail('throttled');
    expect(rig.outcome).toEqual({ kind: 'stopped' });
    const doubtful = new Rig(new MemoryLock()).campaign(0).answer();
    doubtful.feed({ kind: 'stop' });
    doubtful.fail('timeout').answer();
    expect(doubtful.outcome).toEqual({ kind: 'stopped' });
  });

  test('while the lock is given back changes nothing: it is told as released', () => {
    const rig = leader();
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    expect(rig.grant).toBeUndefined();
    const before = rig.state;
    rig.feed({ kind: 'stop' });
    expect(rig.state).toEqual(before);
    rig.answer();
    expect(rig.outcome).toEqual({ kind: 'released' });
  });

  test('of a term whose work runs keeps the lock until the work has ended, and then gives it back', () => {
    const rig = leader();
    rig.feed({ kind: 'stop' });
    rig.run(6000);
    expect(new Set(rig.calls)).toEqual(new Set(['renew']));
    rig.feed({ kind: 'work-ended' });
    rig.run(100);
    expect(rig.outcome).toEqual({ kind: 'released' });
  });
});

test('a campaign opens the watch once and tells once that it takes the lock, not with renewals nor at the end', () => {
  const rig = new Rig(new MemoryLock()).campaign().run(20_000);
  rig.feed({ kind: 'work-ended' });
  rig.feed({ kind: 'resign', holdMs: 0 });
  rig.run(100);
  expect(rig.outcome).toEqual({ kind: 'released' });
  expect(rig.effects.filter(({ kind }) => kind === 'watch')).toEqual([
    { kind: 'watch', on: true },
    { kind: 'watch', on: false },
  ]);
  expect(kinds(rig).filter((kind) => kind === 'taking')).toHaveLength(1);
});
