// The soak as a program: `npm run soak:cluster -- --minutes 10`, or with `--seed N` the schedule of an earlier one,
// with `--pod` in the shape of pods.
// Decides nothing; soak.ts does. Started by scripts/soak-cluster.mjs.
// Invariant: it ends with 1 when anything was seen that must not be, and with a table either way.

import { parseArgs } from 'node:util';
import { startServers } from '../helpers/servers.ts';
import { grows, printed, soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    pod: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const forMs = Number(values.minutes) * 60_000;
if (!(forMs > 0) || !Number.isInteger(seed)) throw new Error('usage: --minutes 10 --seed 1, each a number');
console.log(`seed ${seed}, ${values.minutes} minutes`);

const servers = await startServers();
try {
  const figures = await soak({ servers, forMs, seed, shape: values.pod ? 'pod' : 'kubeconfig', say: console.log });
  console.log(printed(figures));
  const { worstOverlapMs, complaints, leaked, crashes } = figures;
  const faults = complaints.length + leaked.length + crashes.length;
  process.exitCode = worstOverlapMs > 0 || faults > 0 || grows(figures) ? 1 : 0;
} finally {
  await servers.close();
}
