// The shipped core under exhaustive search: every interleaving of two processes, a slow clock and a fast one, messages
// that are lost, answered late or never heard, commands that end at any moment, a lock that is given back early. Then,
// breadth first as far as it is given room, what makes the states too many to visit them all: abandoned writes that
// land later, a crash with a guardian that still has to kill, a watch that tells at any moment, a deletion.
// Decides how far each goes. The mutants (mutants/list.mjs) show that it is able to find something.
// Invariant: no state in which two commands are alive, a release under a live command, or a token that does not grow.

import { afterAll, describe, expect, test } from 'vitest';
import { type Found, type Limits, mistakenFor, search } from './search/search.ts';

/** LEADER_RUN_STATES lowers it, for mutants and slow machines. */
const most = Number(process.env['LEADER_RUN_STATES'] ?? 2_000_000);
const whole = most >= 2_000_000;
const bounded = Math.min(most, 145_000);

/** The smallest durations that ticks of a second can tell apart: L = 3, R = 1.5, a guardian at 1.85, dead by 2.85. */
const small: Limits = {
  timing: { leaseDurationMs: 3_000, renewDeadlineMs: 1_500, retryPeriodMs: 1_000, lostGraceMs: 0 },
  rates: [0.98, 1.02],
  crashes: 0,
  deletions: 0,
  newLockWaitMs: 0,
  zombies: 0,
  watch: false,
  resigns: true,
};
const longer = { leaseDurationMs: 6_000, renewDeadlineMs: 3_000, retryPeriodMs: 1_000, lostGraceMs: 0 };
const everything: Partial<Limits> = { zombies: 1, crashes: 1, watch: true, deletions: 1, newLockWaitMs: 3_000 };

const visited: Found[] = [];

function explore(limits: Limits, room: number): Found {
  const found = search(limits, room);
  visited.push(found);
  expect(found.path).toEqual([]);
  expect(found.fault).toBeUndefined();
  return found;
}

afterAll(() => {
  const figures = (found: readonly Found[]): string => {
    const sum = (count: (each: Found) => number): string =>
      found.reduce((n, each) => n + count(each), 0).toLocaleString('en');
    return `${sum(({ states }) => states)} states, ${sum(({ moves }) => moves)} moves`;
  };
  const complete = visited.filter((each) => each.complete);
  const faults = visited.filter(({ fault }) => fault !== undefined).length;
  console.log(
    `search: ${figures(visited)}, ${faults} faults; of these in ${complete.length} complete: ${figures(complete)}`,
  );
});

test('two processes on an unreliable network keep the promise in every state there is', () => {
  const { complete } = explore(small, most);
  expect(complete || !whole).toBe(true);
});

describe('two processes keep the promise, as far as a breadth-first search gets,', () => {
  test.each<[string, Partial<Limits>]>([
    ['with a lease of twice the length', { timing: longer }],
    ['with abandoned writes that land later', { zombies: 1 }],
    ['with a crash', { crashes: 1 }],
    ['with a watch', { watch: true }],
    ['with a deletion, when each waits until the lock is old enough', { deletions: 1, newLockWaitMs: 3_000 }],
    ['with all of these', everything],
  ])('%s', (_, change) => {
    expect(explore({ ...small, ...change }, bounded).states).toBeGreaterThanOrEqual(bounded);
  });
});

test.runIf(whole)('more than a million states are looked at in all', () => {
  expect(visited.reduce((sum, { states }) => sum + states, 0)).toBeGreaterThan(1_000_000);
});

test('a deletion without the age rule leads to two commands, which is why deleting is outside the promise', () => {
  expect(search({ ...small, deletions: 1 }, most).fault).toContain('P1');
});

test('states that count as one have the same moves to the same states', () => {
  expect(mistakenFor({ ...small, ...everything }, 2_000)).toBe('');
});
