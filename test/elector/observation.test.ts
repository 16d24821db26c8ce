// What a candidate makes of what it sees: from when on it may take the lock.
// Invariant under test: a held lock is waited out for the record's duration since it last changed, by this clock alone.

import { describe, expect, test } from 'vitest';
import {
  changed,
  deposes,
  holderOf,
  invites,
  isForeign,
  leaseMs,
  observe,
  observeOwn,
  takeableAt,
} from '../../src/elector/observation.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import { bobRun, emptyRecord, held } from '../helpers/rig.ts';

const rules = { leaseDurationMs: 15_000, foreignGraceMs: undefined };
const at = (ms: number) => ({ mono: ms, boot: ms + 500, wall: 0 });
const version = (state: number, object = 'uid-1') => ({ object, state: String(state) });

function bobs(state: number, number: number, more = {}): Sighting {
  const signature = { identity: 'bob', run: bobRun, number };
  return { kind: 'record', record: held('bob', more), signature, version: version(state) };
}

describe('the wait', () => {
  test.each<[string, Sighting, number]>([
    ["row 19: the record's duration and not ours", bobs(1, 1, { leaseDurationSeconds: 60 }), 60_000],
    ['row 20: ours, where the record states none', bobs(1, 1, { leaseDurationSeconds: 0 }), 15_000],
    ['row 20: ours, where it is negative', bobs(1, 1, { leaseDurationSeconds: -5 }), 15_000],
    [
      'row 20: ours and the grace, for a record that cannot be read',
      { kind: 'unreadable', text: '{', version: version(1) },
      22_000,
    ],
    [
      'row 40: a grace more for a holder that is not leader-run',
      { kind: 'record', record: held('x'), signature: undefined, version: version(1) },
      22_000,
    ],
    ["row 40: also under another elector's name", bobs(1, 1, { holderIdentity: 'x' }), 22_000],
    [
      'none for a lock that is free',
      { kind: 'record', record: emptyRecord, signature: undefined, version: version(1) },
      0,
    ],
    ['none for a lock that never was', { kind: 'absent' }, 0],
  ])('is %s', (_, sighting, waitMs) => {
    expect(observe(undefined, sighting, at(0), 0, rules).waitMs).toBe(waitMs);
  });

  test('takes a foreign grace that was configured', () => {
    const sighting: Sighting = { kind: 'record', record: held('x'), signature: undefined, version: version(1) };
    expect(observe(undefined, sighting, at(0), 0, { ...rules, foreignGraceMs: 100 }).waitMs).toBe(15_100);
  });

  test('is the old duration when a held lock vanishes, none when a free one does', () => {
    const before = observe(undefined, bobs(1, 1, { leaseDurationSeconds: 60 }), at(0), 0, rules);
    expect(observe(before, { kind: 'absent' }, at(10), 0, rules).waitMs).toBe(60_000);
    const free = observe(undefined, bobs(1, 1, { holderIdentity: '' }), at(0), 0, rules);
    expect(observe(free, { kind: 'absent' }, at(10), 0, rules).waitMs).toBe(0);
  });
});

describe('a change', () => {
  const first = observe(undefined, bobs(1, 1), at(0), 7, rules);

  test.each<[string, Sighting]>([
    ['a new version with the same five fields', bobs(2, 1)],
    ['nothing', bobs(1, 1)],
  ])('is not %s', (_, sighting) => {
    const next = observe(first, sighting, at(5_000), 3, rules);
    expect(next.since).toEqual(first.since);
    expect(next.lastSeen).toEqual(at(5_000));
    expect(takeableAt(next)).toEqual(takeableAt(first));
  });

  test.each<[string, Sighting]>([
    ['a new time', bobs(2, 1, { renewTime: 'later' })],
    ['another holder', bobs(2, 1, { holderIdentity: 'carol' })],
    ['another duration', bobs(2, 1, { leaseDurationSeconds: 16 })],
    ['another acquire time', bobs(2, 1, { acquireTime: 'later' })],
    ['more transitions', bobs(2, 1, { leaseTransitions: 9 })],
    ['row 25: a renewal under a wall clock that stands still', bobs(2, 2)],
    ['another object', { kind: 'record', record: held('bob'), signature: undefined, version: version(1, 'uid-2') }],
    ['its end', { kind: 'absent' }],
    ['a record that can no longer be read', { kind: 'unreadable', text: 'x', version: version(2) }],
  ])('is %s', (_, sighting) => {
    expect(observe(first, sighting, at(5_000), 3, rules).since).toEqual(at(5_000));
  });

  test('of an unreadable record is a change of its text', () => {
    const unreadable = (text: string, state: number): Sighting => ({
      kind: 'unreadable',
      text,
      version: version(state),
    });
    const before = observe(undefined, unreadable('a', 1), at(0), 0, rules);
    expect(observe(before, unreadable('a', 2), at(9), 0, rules).since).toEqual(at(0));
    expect(observe(before, unreadable('b', 3), at(9), 0, rules).since).toEqual(at(9));
  });

  test('is seen in a record that was ours and bears another signature now, though its fields are the same', () => {
    const own = observeOwn(bobs(1, 1), at(0), at(3));
    expect(own.waitMs).toBe(0);
    expect(observe(own, bobs(2, 5), at(9), 0, rules)).toMatchObject({ own: false, waitMs: 15_000, since: at(9) });
  });
});

test('what we wrote counts from its sending', () => {
  expect(observeOwn(bobs(1, 1), at(10), at(900)).since).toEqual(at(10));
});

describe('a lock that is gone', () => {
  const gone: Sighting = { kind: 'absent' };

  test('is not waited for by whoever held it, or never saw it held', () => {
    expect(observe(observeOwn(bobs(1, 1), at(0), at(0)), gone, at(9), 0, rules).waitMs).toBe(0);
    expect(observe(undefined, gone, at(9), 0, rules).waitMs).toBe(0);
  });

  test('is waited for since it went, and no longer when it is seen again to be gone', () => {
    const before = observe(observe(undefined, bobs(1, 1), at(0), 0, rules), gone, at(10), 7, rules);
    expect(takeableAt(before)).toMatchObject({ mono: 10 + 15_000 + 7 });
    expect(observe(before, gone, at(500), 3, rules)).toEqual({ ...before, lastSeen: at(500) });
  });

  test('is waited for as long as we lead for after a record that could not be read', () => {
    const odd = observe(undefined, { kind: 'unreadable', text: 'x', version: version(1) }, at(0), 0, rules);
    expect(observe(odd, gone, at(10), 0, rules).waitMs).toBe(15_000);
  });
});

describe('two sightings', () => {
  const odd = (text: string, state = 1, object = 'uid-1'): Sighting => ({ kind: 'unreadable', text, version: version(state, object) });
  const gone: Sighting = { kind: 'absent' };

  test.each<[string, Sighting, Sighting, boolean]>([
    ['nothing and nothing', gone, gone, false],
    ['nothing and a record', gone, bobs(1, 1), true],
    ['a record and nothing', bobs(1, 1), gone, true],
    ['a record and another version of it', bobs(1, 1), bobs(2, 1), false],
    ['a record and its text', bobs(1, 1), odd('x'), true],
    ['a text and its record', odd('x'), bobs(1, 1), true],
    ['one text', odd('x'), odd('x', 2), false],
    ['two texts', odd('x'), odd('y'), true],
    ['one text in two objects', odd('x'), odd('x', 1, 'uid-2'), true],
  ])('differ or not: %s', (_, before, after, differ) => {
    expect(changed(before, after)).toBe(differ);
  });
});

describe('a sighting', () => {
  const record = bobs(1, 1);
  const odd: Sighting = { kind: 'unreadable', text: 'x', version: version(1) };
  const gone: Sighting = { kind: 'absent' };
  const coordinated = (coordinator: 'invites' | 'deposes'): Sighting => ({ ...record, coordinator }) as Sighting;

  test('names its holder', () => {
    expect([record, odd, gone].map(holderOf)).toEqual(['bob', '?', '']);
  });

  test('has a duration, or ours stands in for it', () => {
    const stated = [60, 1, 0, -1].map((leaseDurationSeconds) => leaseMs(bobs(1, 1, { leaseDurationSeconds }), rules));
    expect(stated).toEqual([60_000, 1000, 15_000, 15_000]);
    expect([odd, gone].map((sighting) => leaseMs(sighting, rules))).toEqual([15_000, 15_000]);
  });

  test('is foreign unless its holder has signed it', () => {
    expect([record, bobs(1, 1, { holderIdentity: 'carol' }), odd, gone].map(isForeign)).toEqual([false, true, true, true]);
  });

  test('invites or deposes as its coordinator says', () => {
    const all = [record, coordinated('invites'), coordinated('deposes'), odd, gone];
    expect(all.map((sighting) => invites(sighting))).toEqual([false, true, false, false, false]);
    expect(all.map(deposes)).toEqual([false, false, true, false, false]);
  });
});
