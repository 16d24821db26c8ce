// Runs many seeds and says what failed: the body of the tests and of the soak. Decides which seeds run twice.
// Invariant: a failure comes with its seed, its shrunk script and the command that replays it.

import { noTicks } from './schedule-oracle.ts';
import type { Mode } from './scenario.ts';
import { scenarioOf } from './scenario.ts';
import { explain } from './shrink.ts';
import { type Result, simulate } from './simulate.ts';

const twiceEvery = 50;
/** Shrinking takes longer than running; more of the same says little. */
const mostExplained = 3;

export interface Tally {
  seeds: number;
  failed: number;
  happenings: number;
  starts: number;
  losses: number;
  releases: number;
  overlaps: number;
  foreignOverlaps: number;
  readonly jobs: NonNullable<Result['jobs']>;
  readonly ticks: NonNullable<Result['ticks']>;
  readonly explained: string[];
}

export function newTally(): Tally {
  return {
    seeds: 0,
    failed: 0,
    happenings: 0,
    starts: 0,
    losses: 0,
    releases: 0,
    overlaps: 0,
    foreignOverlaps: 0,
    jobs: { begun: 0, ok: 0, failed: 0, interrupted: 0, unknown: 0, withdrawn: 0 },
    ticks: noTicks(),
    explained: [],
  };
}

export async function runSeed(seed: number, tally: Tally, mode?: Mode): Promise<void> {
  const scenario = scenarioOf(seed, mode);
  const result = await simulate(scenario);
  count(tally, result);
  if (result.violation !== undefined) {
    tally.failed += 1;
    if (tally.explained.length < mostExplained) tally.explained.push(await explain(result));
  }
  if (seed % twiceEvery === 0) {
    const again = await simulate(scenario);
    if (again.hash !== result.hash) {
      tally.failed += 1;
      tally.explained.push(`seed ${seed} does not repeat itself: something in it is not of the simulated world`);
    }
  }
  // The test runner wants a word now and then.
  await new Promise((resolve) => setImmediate(resolve));
}

function count(tally: Tally, { happenings, seen, jobs, ticks }: Result): void {
  for (const kind of Object.keys(tally.ticks) as (keyof Tally['ticks'])[]) tally.ticks[kind] += ticks?.[kind] ?? 0;
  const kinds = Object.keys(tally.jobs) as (keyof Tally['jobs'])[];
  for (const kind of kinds) tally.jobs[kind] += jobs?.[kind] ?? 0;
  tally.seeds += 1;
  tally.happenings += happenings;
  tally.starts += seen.starts;
  tally.losses += seen.losses;
  tally.releases += seen.releases;
  tally.overlaps += seen.overlaps;
  tally.foreignOverlaps += seen.foreignOverlaps;
}
