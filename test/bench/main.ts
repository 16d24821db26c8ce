// `npm run bench [-- --quick] [--only hand-over,kill,launch,standing,listen,crowd,herd,locks,package] [--write]
// [--minutes N] [--against <folder>]`: measures one thing after the other, prints the table, and with --write puts it
// into docs/ with its chart. --minutes: how long standbys and leaders are watched. --against: another checkout, built,
// which is measured in the same rounds as `before`. Decides the order: what is sensitive to a busy machine
// comes before what makes it busy.
// To check: no figure is kept from an earlier run, so that all ratios are of one run on one machine.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Bench, fullRounds, openBench, quickRounds, type Row, say } from './bench.ts';
import { chartOf } from './chart.ts';
import { measureHandOvers } from './hand-over.ts';
import { measureCrowds, measureHerds, measureLocks } from './herd.ts';
import { measureKills } from './kill.ts';
import { measureInstalled, measureLaunches } from './launch.ts';
import { measureListening } from './listening.ts';
import { loadAverage } from './processes.ts';
import { pageOf, type Results, tableOf } from './report.ts';
import { measureStanding } from './standing.ts';

interface Part {
  readonly rows: readonly Row[];
  readonly remarks?: readonly string[];
}

const parts: Readonly<Record<string, (bench: Bench) => Promise<Part> | Part>> = {
  'hand-over': async (bench) => ({ rows: await measureHandOvers(bench) }),
  kill: async (bench) => ({ rows: await measureKills(bench) }),
  launch: async (bench) => ({ rows: [...(await measureLaunches(bench)), ...(await measureInstalled(bench))] }),
  standing: measureStanding,
  listen: measureListening,
  crowd: async (bench) => ({ rows: await measureCrowds(bench) }),
  herd: measureHerds,
  locks: measureLocks,
  package: measurePackage,
};

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Others' work on the machine shows in every figure; it is waited for until so long after the bench's start. */
const quietWithinMs = 420_000;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    against: { type: 'string' },
  },
});
const wanted = values.only?.split(',') ?? Object.keys(parts);
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  say(`bench: there is no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

const rounds = values.quick ? quickRounds : fullRounds;
const standingMs = values.minutes === undefined ? rounds.standingMs : Number(values.minutes) * 60_000;
if (!(standingMs > 0)) {
  say(`bench: --minutes takes a number, not ${values.minutes ?? ''}`);
  process.exit(2);
}
const bench = await openBench({ ...rounds, standingMs }, values.against);
const rows: Row[] = [];
const remarks: string[] = [];
const loads: number[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (!wanted.includes(name)) continue;
  if (!values.quick) await quiet();
  say(`bench: ${name} (load ${loadAverage()})`);
  loads.push(loadAverage());
  const part = await measure(bench);
  rows.push(...part.rows);
  remarks.push(...(part.remarks ?? []));
}
await bench.close();

const results: Results = { rows, remarks, loads, date: new Date(), quick: values.quick };
process.stdout.write(`${tableOf(results)}\n`);
if (values.write) {
  writeFileSync(new URL('docs/benchmarks.md', `file://${root}`), pageOf(results));
  writeFileSync(new URL('docs/benchmarks.svg', `file://${root}`), chartOf(results));
}
process.exit(0);

async function quiet(): Promise<void> {
  while (loadAverage() >= 1 && performance.now() < quietWithinMs) await sleep(5000);
}

function measurePackage(): Part {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ) as { size: number; unpackedSize: number; entryCount: number }[];
  const { dependencies = {} } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  if (!packed) throw new Error('npm pack told nothing');
  const ours = (value: number): Row['samples'] => ({ 'leader-run': [value] });
  return {
    rows: [
      { title: 'package: compressed', unit: 'MB', samples: ours(packed.size / 1e6) },
      { title: 'package: installed', unit: 'MB', samples: ours(packed.unpackedSize / 1e6) },
      { title: 'package: run-time dependencies', unit: '', samples: ours(Object.keys(dependencies).length) },
    ],
  };
}
