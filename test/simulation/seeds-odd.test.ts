// The odd ones of the seeds that every test run plays; their twin file plays the others on another core.
// Decides nothing: see seeds.ts, scenario.ts and oracle.ts.
// Invariant: no wall-clock time is asserted, so a slow machine only takes longer.

import { expect, test } from 'vitest';
import { newTally, runSeed } from './seeds.ts';

/** Together with the twin file; LEADER_RUN_SEEDS is for mutants and slow machines. */
const seeds = Number(process.env['LEADER_RUN_SEEDS'] ?? 4000);

test('keeps every promise in all odd seeds', async () => {
  const tally = newTally();
  for (let seed = 1; seed < seeds && tally.failed === 0; seed += 2) await runSeed(seed, tally);
  expect(tally.explained.join('\n\n')).toBe('');
  expect(tally.starts).toBeGreaterThan(tally.seeds / 2);
});
