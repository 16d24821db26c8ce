// How fast to ask: the pauses after failures and lost races, at their edges, over many dice.
// Knows no server. To check: a pause is never shorter than its least and never longer than its most, and the dice
// reach both; a holder is never paused past its last quarter.

import { describe, expect, test } from 'vitest';
import { later } from '../../src/clock.ts';
import { answered, conflicted, meetHerd, slowDown, spread } from '../../src/elector/pace.ts';
import type { PendingWrite, State } from '../../src/elector/state.ts';
import type { Turn } from '../../src/elector/turn.ts';
import type { Trouble } from '../../src/locks/lock.ts';
import { bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';
import { reportsOf, turnOf } from '../helpers/turn.ts';

const bob = { identity: 'bob', run: bobRun, number: 1 };
const trouble = (cause: Trouble['cause'], retryAfterMs?: number): Trouble =>
  retryAfterMs === undefined ? { cause, message: cause } : { cause, message: cause, retryAfterMs };
const manyDice = Array.from({ length: 60 }, (_, index) => (index + 1) * 7919);

/** Stands by for bob, with a watch. */
function standby(changes: Partial<State> = {}): Turn {
  const lock = new MemoryLock();
  lock.put(held('bob'), bob);
  const rig = new Rig(lock).campaign().answer();
  while (rig.asked) rig.answer();
  rig.feed({ kind: 'watch-up' });
  return turnOf(rig, changes);
}

/** Leads, with so much left of its term. */
function leading(leftMs: number, changes: Partial<State> = {}): Turn {
  const rig = leader();
  if (!rig.grant) throw new Error('unreachable');
  const leash = { ...rig.grant.leash, termBy: later(rig.now, leftMs) };
  return turnOf(rig, { term: { ...rig.grant, leash }, ...changes });
}

/** From now to the end of the pause. */
const pauseOf = ({ s, now }: Turn): number => s.pause.mono - now.mono;
const takePauseOf = ({ s, now }: Turn): number => s.takePause.mono - now.mono;
const kindsOf = (turn: Turn) => reportsOf(turn).map(({ kind }) => kind);

/** The shortest and the longest of what many dice make of it. */
function range(of: (random: number) => number): [number, number] {
  const all = manyDice.map(of);
  return [Math.min(...all), Math.max(...all)];
}

describe('after a failure', () => {
  test.each([
    [0, 250],
    [1, 500],
    [2, 1000],
    [3, 2000],
    // A retry period, and no more.
    [4, 2000],
    [16, 2000],
  ])('the pause after %i others is %i ms, and up to a fifth longer by the dice', (failures, leastMs) => {
    const [shortest, longest] = range((random) => {
      const turn = standby({ failures, random });
      slowDown(turn, trouble('server'));
      return pauseOf(turn);
    });
    expect(shortest).toBeGreaterThanOrEqual(leastMs);
    expect(shortest).toBeLessThan(leastMs * 1.03);
    expect(longest).toBeGreaterThan(leastMs * 1.17);
    expect(longest).toBeLessThan(leastMs * 1.2);
  });

  test('time-outs are counted apart, and are pause enough', () => {
    const turn = standby();
    slowDown(turn, trouble('timeout'));
    expect([turn.s.failures, turn.s.timeouts, pauseOf(turn)]).toEqual([1, 1, 0]);
    slowDown(turn, trouble('server'));
    expect([turn.s.failures, turn.s.timeouts]).toEqual([2, 1]);
    slowDown(turn, trouble('timeout', 700));
    expect([turn.s.failures, turn.s.timeouts, pauseOf(turn)]).toEqual([3, 2, 700]);
  });

  test('a candidate waits as long as the server says, and no longer than a lease', () => {
    const paused = [5000, 14_999, 15_001, 3_600_000].map((retryAfterMs) => {
      const turn = standby();
      slowDown(turn, trouble('throttled', retryAfterMs));
      return pauseOf(turn);
    });
    expect(paused).toEqual([5000, 14_999, 15_000, 15_000]);
  });

  test.each([
    // What is left of the term of 10 s, and the longest pause: until the last quarter, or a retry period.
    [9000, 2000],
    [4600, 2000],
    [4400, 1900],
    [2600, 100],
    [2501, 1],
    [2500, 250],
    [1000, 250],
  ])('a holder with %i ms left waits %i ms at most, whatever the server says', (leftMs, longestMs) => {
    const turn = leading(leftMs);
    slowDown(turn, trouble('throttled', 60_000));
    expect(pauseOf(turn)).toBe(longestMs);
  });

  test('the count of failures stops where no pause gets longer', () => {
    const turn = standby({ failures: 15 });
    for (let i = 0; i < 3; i += 1) slowDown(turn, trouble('server'));
    expect(turn.s.failures).toBe(16);
  });
});

describe('an answer', () => {
  const met = (doing: 'read' | 'write'): Partial<State> => {
    const last = trouble('server');
    const { now } = standby();
    return { failures: 3, timeouts: 2, trouble: { doing, cause: 'server', since: now, last, told: true } };
  };

  test('begins the pauses anew, and tells the end of the trouble', () => {
    for (const [to, doing] of [['read', 'read'], ['write', 'read'], ['write', 'write']] as const) {
      const turn = standby(met(doing));
      answered(turn, to);
      expect(turn.s).toMatchObject({ failures: 0, timeouts: 0, trouble: undefined });
      expect(kindsOf(turn)).toEqual(['recovered']);
    }
  });

  test('to a look says nothing of writes that fail', () => {
    const turn = standby(met('write'));
    answered(turn, 'read');
    expect(turn.s).toMatchObject({ failures: 3, timeouts: 2, trouble: { cause: 'server' } });
    expect(kindsOf(turn)).toEqual([]);
  });
});

describe('a conflict', () => {
  const writeBy = (turn: Turn, kind: PendingWrite['kind'], tookMs = 0): PendingWrite => {
    const { observation } = turn.s;
    const base = observation?.sighting.kind === 'record' ? observation.sighting.version : undefined;
    const sentAt = later(turn.now, -tookMs);
    const planned = { record: held('alice'), base, note: undefined, openSince: undefined, wish: undefined };
    return { number: 9, kind, sentAt, ...planned };
  };

  test('on what is known still is looked into, and remembered in the server’s words', () => {
    const turn = standby({ mustRead: false });
    const write = writeBy(turn, 'take');
    conflicted(turn, write, 'no');
    expect(turn.s).toMatchObject({ mustRead: true, disputed: { base: write.base, message: 'no', seen: false } });
    conflicted(turn, write, 'no again');
    expect(turn.s).toMatchObject({ disputed: { message: 'no again', seen: false } });
  });

  test('that comes again once a look has shown the same state is remembered as seen, on that state alone', () => {
    const turn = standby();
    const write = writeBy(turn, 'take');
    const seen = { base: write.base, message: 'no', seen: true };
    const again = standby({ disputed: seen });
    conflicted(again, write, 'no');
    expect(again.s.disputed).toEqual(seen);
    const elsewhere = standby({ disputed: { ...seen, base: { object: 'uid-1', state: '1' } } });
    conflicted(elsewhere, write, 'no');
    expect(elsewhere.s.disputed).toEqual({ ...seen, seen: false });
  });

  test('of which a watch has told already needs no look', () => {
    const turn = standby();
    const write = { ...writeBy(turn, 'take'), base: { object: 'uid-1', state: '1' } };
    conflicted(turn, write, 'no');
    expect(turn.s).toMatchObject({ mustRead: false, disputed: undefined });
    expect(kindsOf(turn)).toEqual(['race-lost']);
  });

  test('of a creation is looked into, since nothing is older than nothing', () => {
    const turn = standby();
    conflicted(turn, { ...writeBy(turn, 'create'), base: undefined }, 'no');
    expect(turn.s).toMatchObject({ mustRead: true, disputed: { base: undefined } });
    const blind = standby({ observation: undefined });
    conflicted(blind, { ...writeBy(blind, 'take'), base: { object: 'uid-1', state: '1' } }, 'no');
    expect(blind.s.mustRead).toBe(true);
  });

  test.each(['take', 'create'] as const)('of a candidate that would %s the lock is a lost race', (kind) => {
    const turn = standby();
    conflicted(turn, writeBy(turn, kind), 'no');
    expect(turn.s).toMatchObject({ lostRaces: 1, herd: { ms: 0 } });
    expect(kindsOf(turn)).toEqual(['race-lost']);
  });

  test.each([
    ['a holder that renews', leading(9000), 'renew'],
    ['a holder that makes the lock again', leading(9000), 'create'],
    ['a holder that takes its own lock', leading(9000), 'take'],
    ['whoever gives the lock back', standby(), 'release'],
    ['whoever leaves its name', standby(), 'shorten'],
  ] as const)('of %s is no race', (_, turn, kind) => {
    const { lostRaces, takePause, herd } = turn.s;
    conflicted(turn, writeBy(turn, kind), 'no');
    expect(turn.s).toMatchObject({ mustRead: true, lostRaces, takePause, herd });
    expect(kindsOf(turn)).toEqual([]);
  });

  test('is followed by time for the watch to tell who won, where there is one', () => {
    const pauses = (['up', 'down', 'mute'] as const).map((kind) => {
      const turn = standby({ watch: { kind } });
      conflicted(turn, writeBy(turn, 'take'), 'no');
      return takePauseOf(turn);
    });
    expect(pauses).toEqual([25, 0, 0]);
  });

  test.each([
    [1, 500],
    [2, 1000],
    [3, 2000],
    [16, 2000],
  ])('after %i lost races puts the next attempt off by up to %i ms', (lostRaces, mostMs) => {
    const [shortest, longest] = range((random) => {
      const turn = standby({ lostRaces, random, watch: { kind: 'down' } });
      conflicted(turn, writeBy(turn, 'take'), 'no');
      return takePauseOf(turn);
    });
    expect(shortest).toBeLessThan(mostMs / 8);
    expect(longest).toBeGreaterThan(mostMs * 0.85);
    expect(longest).toBeLessThan(mostMs);
  });

  test('adds one to the lost races, up to where no pause gets longer', () => {
    const counts = [0, 1, 14, 15, 16].map((lostRaces) => {
      const turn = standby({ lostRaces });
      conflicted(turn, writeBy(turn, 'take'), 'no');
      return turn.s.lostRaces;
    });
    expect(counts).toEqual([1, 2, 15, 16, 16]);
  });

  test.each([
    // What the refusal took, and over how long the next attempts are spread.
    [0, 0],
    [25, 0],
    [26, 2],
    [125, 200],
    [60_000, 7500],
  ])('that took %i ms spreads the next attempts over %i ms', (tookMs, ms) => {
    const turn = standby();
    conflicted(turn, writeBy(turn, 'take', tookMs), 'no');
    // For four leases.
    expect(turn.s.herd).toEqual({ ms, until: later(turn.now, 60_000) });
  });
});

describe('a herd', () => {
  test('is measured by the longest refusal for as long as it is met, and anew once it was not', () => {
    const turn = standby();
    meetHerd(turn, 400);
    meetHerd(turn, 30);
    expect(turn.s.herd?.ms).toBe(400);
    meetHerd(turn, 600);
    expect(turn.s.herd?.ms).toBe(600);
    const late: Turn = { ...turn, now: { ...turn.now, ...later(turn.now, 60_000) } };
    meetHerd(late, 30);
    expect(late.s.herd).toEqual({ ms: 30, until: later(late.now, 60_000) });
  });

  test('spreads an attempt over its measure, and a lease’s end at least over 5 ms', () => {
    const spreads = (held: boolean, ms: number) =>
      range((random) => {
        const turn = standby({ random });
        if (ms > 0) meetHerd(turn, ms);
        return spread(turn, held);
      });
    expect(spreads(false, 0)).toEqual([0, 0]);
    for (const [held, ms, mostMs] of [[true, 0, 5], [true, 3, 5], [true, 900, 900], [false, 900, 900]] as const) {
      const [shortest, longest] = spreads(held, ms);
      expect(shortest).toBeLessThan(mostMs / 8);
      expect(longest).toBeGreaterThan(mostMs * 0.85);
      expect(longest).toBeLessThan(mostMs);
    }
  });

  test('that was not met for four leases spreads nothing', () => {
    const turn = standby();
    meetHerd(turn, 900);
    const after = (ms: number) => spread({ ...turn, now: { ...turn.now, ...later(turn.now, ms) } }, false);
    expect(after(59_999)).toBeGreaterThan(0);
    expect(after(60_000)).toBe(0);
  });
});
