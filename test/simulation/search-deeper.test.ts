// The exhaustive search with what makes its states too many to visit them all: abandoned writes that land later, a
// crash with a guardian that still has to kill, a deletion under the age rule, a watch that tells at any moment.
// Breadth first, so every way of so many happenings is looked at. Decides how far each goes.
// Invariant: as in search.test.ts, on the other core.

import { describe, expect, test } from 'vitest';
import { type Limits, search } from './search/search.ts';

const share = Number(process.env['LEADER_RUN_STATES'] ?? 640_000) / 5;

const smaller: Limits = {
  timing: { leaseDurationMs: 4_000, renewDeadlineMs: 1_500, retryPeriodMs: 1_000, lostGraceMs: 0 },
  rates: [0.98, 1.02],
  crashes: 0,
  deletions: 0,
  newLockWaitMs: 0,
  zombies: 0,
  watch: false,
  resigns: false,
};

describe('two processes keep the promise, searched breadth first,', () => {
  test.each<[string, Partial<Limits>]>([
    ['with abandoned writes that land later', { zombies: 1 }],
    ['when the lock is given back, or competed for again, before the command has ended', { resigns: true }],
    ['with a crash', { crashes: 1 }],
    ['with a watch', { watch: true }],
    ['with a deletion, when each waits until the lock is old enough', { deletions: 1, newLockWaitMs: 4_000 }],
  ])('%s', (_, change) => {
    const found = search({ ...smaller, ...change }, share);
    expect(found.path).toEqual([]);
    expect(found.fault).toBeUndefined();
    expect(found.states).toBeGreaterThanOrEqual(Math.min(share, 100_000));
  });
});

test('a deletion without the age rule leads to two commands, which is why deleting is outside the promise', () => {
  const found = search({ ...smaller, deletions: 1 }, share * 2);
  expect(found.fault).toContain('P1');
});
