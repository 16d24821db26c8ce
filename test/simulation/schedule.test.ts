// The seeds in which a command runs at each tick: what begins, what is noted and what is passed over, through kills,
// losses, stops, wrong clocks, pauses and hand-overs on request. Decides nothing: see schedule-oracle.ts.
// Invariant: no wall-clock time is asserted, so a slow machine only takes longer.

import { expect, test } from 'vitest';
import { newTally, runSeed } from './seeds.ts';

/** LEADER_RUN_SEEDS is for mutants and slow machines. */
const seeds = Math.min(1000, Number(process.env['LEADER_RUN_SEEDS'] ?? 1000));

test('settles each tick once, and starts it no more often than it may, in all seeds', async () => {
  const tally = newTally();
  for (let seed = 0; seed < seeds && tally.failed === 0; seed += 1) await runSeed(seed, tally, 'schedule');
  const { ticks } = tally;
  console.log(`schedule: ${seeds} seeds, ${JSON.stringify(ticks)}`);
  expect(tally.explained.join('\n\n')).toBe('');
  // Each way of ending was met, or nothing was shown of it.
  for (const count of Object.values(ticks)) expect(count).toBeGreaterThan(0);
});
