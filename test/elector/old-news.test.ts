// What is old news and what is not: where a sighting stands to what is known, and who told of it, as a table.
// Knows no writes but the last one that a holder has stored.
// Invariant under test: what was overtaken by newer news changes nothing; what a storage shows after that is believed.

import { describe, expect, test } from 'vitest';
import { later } from '../../src/clock.ts';
import { see } from '../../src/elector/sightings.ts';
import type { State } from '../../src/elector/state.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import { bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';
import { turnOf } from '../helpers/turn.ts';

type Source = Parameters<typeof see>[2];

/** A candidate that stands by for bob, 700 ms after it has seen him. */
function standby(): Rig {
  const lock = new MemoryLock();
  lock.put(held('bob'), { identity: 'bob', run: bobRun, number: 1 });
  return new Rig(lock).campaign().answer().later(700);
}

/** Carol's record, so many writes after what is known; 'other': in another object. */
function carols({ lock }: Rig, writes: number | 'other'): Sighting {
  const state = String(lock.version + (writes === 'other' ? 0 : writes));
  const object = writes === 'other' ? 'uid-9' : lock.uid;
  return { kind: 'record', record: held('carol'), signature: undefined, version: { object, state } };
}

/** Whether it was believed, and whether the lock counts as seen just now. */
function saw(rig: Rig, writes: number | 'other', from: Source, askedAgoMs?: number): string {
  const turn = turnOf(rig);
  const askedAt = askedAgoMs === undefined ? undefined : later(rig.now, -askedAgoMs);
  see(turn, carols(rig, writes), from, { askedAt });
  const { observation } = turn.s;
  const record = observation?.sighting.kind === 'record' ? observation.sighting.record : undefined;
  if (turn.s.mustRead) return 'looks';
  if (record?.holderIdentity === 'carol') return 'believes';
  return observation?.lastSeen.mono === rig.now.mono ? 'saw again' : 'ignores';
}

describe('a candidate', () => {
  test.each<[string, number | 'other', Source, string]>([
    ['newer, by a look', 1, 'read', 'believes'],
    ['newer, by a watch', 1, 'watch', 'believes'],
    ['newer, by an answer', 1, 'answer', 'believes'],
    ['another object, by a look', 'other', 'read', 'believes'],
    ['another object, by a watch', 'other', 'watch', 'looks'],
    ['what it knows, by a look', 0, 'read', 'believes'],
    ['what it knows, by a watch', 0, 'watch', 'saw again'],
    ['what it knows, by an answer', 0, 'answer', 'believes'],
    ['older, by a watch', -1, 'watch', 'ignores'],
    ['older, by an answer', -1, 'answer', 'believes'],
  ])('that is told of a state %s, %i: %s', (_, writes, from, does) => {
    expect(saw(standby(), writes, from)).toBe(does);
  });

  test.each<[string, number | undefined, string]>([
    ['before it saw the newer one', 701, 'ignores'],
    ['at that very moment', 700, 'ignores'],
    ['after it saw the newer one', 699, 'believes'],
    ['at a time that nobody knows', undefined, 'believes'],
  ])('that asked for an older state %s: %s ms ago, %s', (_, askedAgoMs, does) => {
    expect(saw(standby(), -1, 'read', askedAgoMs)).toBe(does);
  });

  test('that has seen nothing yet takes all for news, but another’s word for a deletion', () => {
    const rig = new Rig(new MemoryLock()).campaign();
    for (const from of ['read', 'watch', 'answer'] as const) expect(saw(rig, -50, from, 10)).toBe('believes');
    const turn = turnOf(rig);
    see(turn, { kind: 'absent' }, 'watch');
    expect(turn.s).toEqual({ ...rig.state, mustRead: true });
  });
});

describe('a holder', () => {
  const holder = (): Rig => leader().later(700);

  test.each<[string, number, Source, string]>([
    ['newer, by a look', 1, 'read', 'believes'],
    ['newer, by a watch', 1, 'watch', 'believes'],
    ['its own last write, by a look', 0, 'read', 'saw again'],
    ['its own last write, by a watch', 0, 'watch', 'saw again'],
    ['its own last write, by an answer', 0, 'answer', 'saw again'],
    ['older, by a watch', -1, 'watch', 'ignores'],
    ['older, by an answer', -1, 'answer', 'ignores'],
    ['older, by a look', -1, 'read', 'believes'],
  ])('that is told of a state %s, %i: %s', (_, writes, from, does) => {
    expect(saw(holder(), writes, from)).toBe(does);
  });

  test('goes by its own last write, whatever it saw besides', () => {
    const rig = holder();
    const { observation, stored } = rig.state;
    if (!observation || !stored) throw new Error('unreachable');
    const version = { ...stored.version, state: String(rig.lock.version - 5) };
    rig.state = { ...rig.state, stored: { ...stored, version } };
    expect(saw(rig, -4, 'watch')).toBe('believes');
    expect(saw(rig, -6, 'watch')).toBe('ignores');
  });
});

describe('the age of an object', () => {
  test('is remembered with its object and when it was told, and a sighting that tells none leaves it', () => {
    const rig = standby();
    const aged = { ...carols(rig, 1), ageMs: 4000 } as Sighting;
    const turn = turnOf(rig);
    see(turn, aged, 'read');
    const age: State['age'] = { object: rig.lock.uid, ms: 4000, at: rig.now };
    expect(turn.s.age).toEqual(age);
    see(turn, carols(rig, 2), 'watch');
    expect(turn.s.age).toEqual(age);
  });

  test('is told by old news as well', () => {
    const rig = standby();
    const turn = turnOf(rig);
    see(turn, { ...carols(rig, 0), ageMs: 4000 } as Sighting, 'watch');
    expect(turn.s.age).toMatchObject({ ms: 4000 });
  });
});
