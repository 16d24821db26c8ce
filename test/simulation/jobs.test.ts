// The seeds in which each run is for a key: what begins, what is noted, and what others make of it, through kills,
// losses, stops and wrong clocks. Decides nothing: see job-oracle.ts.
// Invariant: no wall-clock time is asserted, so a slow machine only takes longer.

import { expect, test } from 'vitest';
import { newTally, runSeed } from './seeds.ts';

/** LEADER_RUN_SEEDS is for mutants and slow machines. */
const seeds = Math.min(2000, Number(process.env['LEADER_RUN_SEEDS'] ?? 2000));

test('runs each key as often as it may, and notes what became of it, in all seeds', async () => {
  const tally = newTally();
  for (let seed = 0; seed < seeds && tally.failed === 0; seed += 1) await runSeed(seed, tally, 'jobs');
  const { jobs } = tally;
  console.log(`jobs: ${seeds} seeds, ${JSON.stringify(jobs)}`);
  expect(tally.explained.join('\n\n')).toBe('');
  // Each way of ending was met, or nothing was shown of it.
  for (const count of Object.values(jobs)) expect(count).toBeGreaterThan(0);
});
