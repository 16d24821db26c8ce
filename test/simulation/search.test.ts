// The shipped core under exhaustive search: every interleaving of two processes, a slow clock and a fast one, messages
// that are lost, answered late or never heard, commands that end at any moment. Decides how far the search goes.
// The mutants (mutants/list.ts) show that it is able to find something.
// Invariant: no state in which two commands are alive, a release under a live command, or a token that does not grow.

import { expect, test } from 'vitest';
import { type Limits, search } from './search/search.ts';

/** LEADER_RUN_STATES lowers it, for mutants and slow machines. */
const most = Number(process.env['LEADER_RUN_STATES'] ?? 500_000);

/** The smallest durations that ticks of a second can tell apart: L = 6, R = 3, a guardian at 4.7, dead by 5.7. */
const small: Limits = {
  timing: { leaseDurationMs: 6_000, renewDeadlineMs: 3_000, retryPeriodMs: 1_000, lostGraceMs: 0 },
  rates: [0.98, 1.02],
  crashes: 0,
  deletions: 0,
  newLockWaitMs: 0,
  zombies: 0,
  watch: false,
  resigns: false,
};

test('finds nothing in any state of two processes on an unreliable network', () => {
  const found = search(small, most);
  expect(found.path).toEqual([]);
  expect(found.fault).toBeUndefined();
  // All of it: 385,366 states when this was written.
  expect(found.complete || most < 500_000).toBe(true);
});
