// What a candidate shows of the lock at a moment: who leads, and from when on a name in a record says nothing more.
// To check: the state comes from the core itself, under a clock that the test moves.
import { describe, expect, test } from 'vitest';
import { glanceAt } from '../../src/elector/glance.ts';
import { bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';

const glance = ({ state, now }: Rig) => glanceAt(state, now);
const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });

function standby(lock: MemoryLock): Rig {
  const rig = new Rig(lock).campaign().answer();
  rig.feed({ kind: 'watch-up' });
  return rig;
}

test('nothing is shown before the first look', () => {
  expect(glance(new Rig(new MemoryLock()).campaign())).toBeUndefined();
});

describe('a standby', () => {
  test('shows a holder as such until it was silent for as long as others wait for it', () => {
    const lock = new MemoryLock();
    lock.note = 'a note';
    lock.put(held('bob'), bob(1));
    const rig = standby(lock);
    expect(glance(rig)).toMatchObject({ state: 'held', isLeading: false, changedMs: 0, seenMs: 0, note: 'a note' });
    rig.later(15_000);
    expect(glance(rig)).toMatchObject({ state: 'held', changedMs: 15_000 });
    rig.later(1);
    expect(glance(rig)).toMatchObject({ state: 'unknown', changedMs: 15_001, seenMs: 15_001 });
  });

  test('shows a lock without a holder as free, and one that does not exist as absent', () => {
    const paused = new MemoryLock();
    paused.instructions = { pause: '' };
    paused.put(held(''), bob(1));
    expect(glance(standby(paused))).toMatchObject({ state: 'free', isLeading: false });
    expect(glance(new Rig(new MemoryLock()).campaign().answer())).toMatchObject({ state: 'absent', note: undefined });
  });
});

describe('a holder', () => {
  test('leads for as long as its term lasts, by the age of its last renewal', () => {
    const rig = leader().run(6000);
    expect(glance(rig)).toMatchObject({ state: 'held', isLeading: true });
    expect(glance(rig)?.changedMs).toBeLessThanOrEqual(2010);
  });

  test('that lost its term to the clock names nobody, though the record has its name', () => {
    const rig = leader();
    rig.later(12_000).feed({ kind: 'tick' });
    expect(rig.lost).toBe('deadline');
    expect(glance(rig)).toMatchObject({ state: 'unknown', isLeading: false });
  });
});
