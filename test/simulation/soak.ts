// The simulator at length: goes on with new seeds for some minutes, or replays one. Decides nothing; see seeds.ts.
// Bundled and started by scripts/soak.mjs, which alone knows what time it is.
// Invariant: what it prints of a failure suffices to see it again.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Mode, scenarioOf } from './scenario.ts';
import { newTally, runSeed } from './seeds.ts';
import { explain, shrink } from './shrink.ts';
import { simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    from: { type: 'string', default: '100000' },
    mode: { type: 'string' },
    /** No more than so many, and only until the first failure. */
    seeds: { type: 'string' },
    /** Where to put the shrunk scenario of --seed. */
    keep: { type: 'string' },
    /** Print the whole trace of --seed. */
    trace: { type: 'boolean', default: false },
  },
});
const mode = values.mode as Mode | undefined;
process.exitCode = values.seed === undefined ? await soak() : await replay(Number(values.seed));

async function replay(seed: number): Promise<number> {
  const result = await simulate(scenarioOf(seed, mode), values.trace);
  if (values.trace) console.log(result.lines.join('\n'));
  if (result.violation === undefined) {
    console.log(
      `seed ${seed} keeps every promise (${result.happenings} happenings, trace ${result.hash.toString(16)})`,
    );
    return 0;
  }
  console.log(await explain(result));
  if (values.keep !== undefined) {
    const { scenario, violation } = await shrink(result);
    writeFileSync(values.keep, `${JSON.stringify({ found: `seed ${seed}: ${violation ?? ''}`, scenario }, null, 1)}\n`);
  }
  return 1;
}

async function soak(): Promise<number> {
  const tally = newTally();
  const end = performance.now() + Number(values.minutes) * 60_000;
  const began = performance.now();
  for (let seed = Number(values.from); performance.now() < end && tally.explained.length < 3; seed += 1) {
    if (values.seeds !== undefined && (tally.failed > 0 || tally.seeds >= Number(values.seeds))) break;
    await runSeed(seed, tally, mode);
    if (tally.seeds % 2000 === 0) console.log(`${tally.seeds} seeds, ${tally.failed} failed`);
  }
  const { explained, ...numbers } = tally;
  for (const each of explained) console.log(`${each}\n`);
  const seconds = (performance.now() - began) / 1000;
  console.log(
    JSON.stringify({ from: Number(values.from), ...numbers, seedsPerSecond: Math.round(numbers.seeds / seconds) }),
  );
  return tally.failed === 0 ? 0 : 1;
}
