// Applies each mutant of test/simulation/mutants/list.mjs to a copy of the tree and runs the suites that must notice.
// Writes the table to docs/mutants.md; fails if one survives, if one no longer applies, or if the tree is not sound
// before. `--only <part of a name>` runs some of them and changes their rows; `--new` those that have none.
// What computes runs on two cores, side by side; what has real processes runs alone, since a late one would look like a
// mutant that is noticed.
// Invariant: the tree itself is only read, but for the table.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mutants } from '../test/simulation/mutants/list.mjs';

const root = path.join(import.meta.dirname, '..');
/** For one suite; one that takes longer has been made to hang. */
const limitMs = 400_000;
const parts = ['src', 'test', 'scripts', 'bin', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
const table = path.join(root, 'docs/mutants.md');
const at = process.argv.indexOf('--only');
const only = at < 0 ? undefined : process.argv[at + 1];

const copies = [copyOfTree(), copyOfTree()];

const known = process.argv.includes('--new') ? keptRows() : [];
const chosen = mutants.filter(
  ({ name }) => (only === undefined || name.includes(only)) && rowIn(known, name) === undefined,
);
const rows = [];
const startedAt = Date.now();
const suites = new Map(chosen.flatMap((mutant) => mutant.suites).map((suite) => [JSON.stringify(suite), suite]));
await inStages([...suites.values()], needsQuiet, async (suite, copy) => {
  // Real processes may be late for reasons that say nothing; a tree that fails twice is not sound.
  const found = (await run(suite, copy)) && (await run(suite, copy));
  if (found !== undefined) throw new Error(`the tree is not sound before any mutant: ${titleOf(suite)}: ${found}`);
  console.log(`sound: ${titleOf(suite)}`);
});
const isOfProcesses = (mutant) => mutant.suites.some(needsQuiet);
await inStages(chosen, isOfProcesses, async (mutant, copy) => {
  const row = await tryMutant(mutant, copy);
  rows.push(row);
  // At once: a machine may run out of something before the end.
  writeTable(merged());
  console.log(
    `${row.killer === undefined ? 'SURVIVED' : 'killed  '} ${mutant.name}${row.killer === undefined ? '' : `: ${row.killer}: ${row.how}`}`,
  );
});
const isWhole = chosen.length === mutants.length;
const day = new Date(startedAt).toISOString().slice(0, 10);
if (isWhole) writeTable(merged(), `, in one run of ${Math.ceil((Date.now() - startedAt) / 60_000)} minutes (${day})`);
const survivors = rows.filter(({ killer }) => killer === undefined);
console.log(`${rows.length - survivors.length} of ${rows.length} killed`);
process.exitCode = survivors.length === 0 ? 0 : 1;

function copyOfTree() {
  const copy = mkdtempSync(path.join(tmpdir(), 'leader-run-mutants-'));
  process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
  for (const part of parts) cpSync(path.join(root, part), path.join(copy, part), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  return copy;
}

function needsQuiet({ kind }) {
  return kind === 'process';
}

/** The others in all copies at once, and then the quiet ones in a single one. */
async function inStages(items, isQuiet, work) {
  const others = items.filter((item) => !isQuiet(item));
  await Promise.all(
    copies.map(async (copy) => {
      for (let item = others.shift(); item !== undefined; item = others.shift()) await work(item, copy);
    }),
  );
  for (const item of items.filter(isQuiet)) await work(item, copies[0]);
}

async function tryMutant(mutant, copy) {
  const { name, suites: asked } = mutant;
  const file = filesOf(mutant);
  const intact = new Map();
  try {
    for (const { file: edited, find, replace } of editsOf(mutant)) {
      const target = path.join(copy, edited);
      const text = readFileSync(target, 'utf8');
      const times = text.split(find).length - 1;
      if (times !== 1) return { name, file, killer: undefined, how: `its text occurs ${times} times in ${edited}` };
      if (!intact.has(target)) intact.set(target, text);
      const changed = text.replace(find, () => replace);
      writeFileSync(target, changed);
    }
    for (const suite of asked) {
      const how = await run(suite, copy);
      if (how !== undefined) return { name, file, killer: titleOf(suite), how };
    }
    return { name, file, killer: undefined, how: 'nobody noticed' };
  } finally {
    for (const [target, text] of intact) writeFileSync(target, text);
  }
}

/** A rule that is guarded twice takes two edits to break. */
function editsOf({ edits, ...edit }) {
  return edits ?? [edit];
}

function filesOf(mutant) {
  return [...new Set(editsOf(mutant).map(({ file }) => file))].join(', ');
}

/** What failed, or undefined. */
async function run({ kind, files = [], title }, copy) {
  const only = title === undefined ? files : [...files, '--testNamePattern', title];
  switch (kind) {
    case 'simulation':
      return await outcome(
        copy,
        ['node', 'scripts/soak.mjs', '--from', '0', '--seeds', '4000', '--minutes', '5'],
        /^seed \d+ \(\w+\): .*/m,
      );
    case 'schedule':
      return await outcome(
        copy,
        ['node', 'scripts/soak.mjs', '--mode', 'schedule', '--from', '0', '--seeds', '400', '--minutes', '5'],
        /^seed \d+ \(\w+\): .*/m,
      );
    case 'jobs':
      return await outcome(
        copy,
        ['node', 'scripts/soak.mjs', '--mode', 'jobs', '--from', '0', '--seeds', '1000', '--minutes', '5'],
        /^seed \d+ \(\w+\): .*/m,
      );
    case 'life':
      return await vitest(copy, 'simulation', ['test/simulation/life']);
    case 'search':
      return await vitest(copy, 'simulation', ['test/simulation/search']);
    case 'unit':
      return await vitest(copy, 'unit', only);
    default: {
      const built = await outcome(copy, ['node', 'scripts/build.mjs'], /.*error.*/i);
      return built ?? (await vitest(copy, 'process', only));
    }
  }
}

async function vitest(copy, project, files) {
  // The first failure will do; but tests that run side by side are broken off by it, and then none of them is named.
  const bail = files.includes('--testNamePattern') ? [] : ['--bail', '1'];
  const command = ['npx', 'vitest', 'run', '--project', project, ...bail, '--reporter', 'default', ...files];
  return await outcome(copy, command, /^.*FAIL.*$/m, { LEADER_RUN_STATES: '250000', NO_COLOR: '1' });
}

async function outcome(copy, [command, ...args], telling, more = {}) {
  // A group of its own: npx alone is not what hangs.
  const env = { ...process.env, ...more };
  const child = spawn(command, args, { cwd: copy, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (said[name] += text));
  const limit = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), limitMs);
  const closed = once(child, 'close');
  const [status] = await once(child, 'exit');
  // What outlives it may hold its output.
  await Promise.race([closed, sleep(5000, undefined, { ref: false })]);
  clearTimeout(limit);
  const { stdout, stderr } = said;
  if (status === 0) return undefined;
  if (status === null) return 'it does not end';
  const line = telling.exec(`${stdout}\n${stderr}`)?.[0] ?? `status ${status}`;
  return line
    .replace(/\s+/g, ' ')
    .replace(/^.*FAIL\s+/, '')
    .trim()
    .slice(0, 140);
}

function titleOf({ kind, files = [], title }) {
  if (files.length === 0) return kind;
  const named = files.map((file) => path.basename(file, '.test.ts')).join(', ');
  return `${kind} (${named}${title === undefined ? '' : `: ${title}`})`;
}

/** The rows of the last whole run, with the new ones in their place. */
function merged() {
  const kept = keptRows();
  return mutants.flatMap((mutant) => {
    const { name } = mutant;
    const file = filesOf(mutant);
    const row = rows.find((each) => each.name === name);
    const line = rowIn(kept, name);
    return row ? [row] : line ? [{ name, file, line, killer: line.includes('**survives**') ? undefined : '' }] : [];
  });
}

function keptRows() {
  if (!existsSync(table)) return [];
  return readFileSync(table, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '));
}

function rowIn(lines, name) {
  return lines.find((each) => each.startsWith(`| ${cell(name)} |`));
}

function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** `remark`: of a whole run. */
function writeTable(all, remark = '') {
  const killed = all.filter(({ killer }) => killer !== undefined).length;
  const rowOf = ({ name, file, killer, how, line }) => {
    return line ?? `| ${cell(name)} | ${file} | ${killer ?? '**survives**'} | ${cell(how)} |`;
  };
  const lines = [
    '# Mutants',
    '',
    'Each is a small break of the program (`test/simulation/mutants/list.mjs`), applied to a copy of the tree by',
    '`npm run mutants`. `simulation` plays up to 4,000 seeds and stops at the first broken promise, `search` is the',
    'exhaustive search, `life` that of how a command ends, the others are test suites. Numbers in brackets are those of the research that named the fault.',
    '',
    `${killed} of ${all.length} are killed${remark}.`,
    '',
    '| mutant | file | killed by | how |',
    '| --- | --- | --- | --- |',
    ...all.map(rowOf),
    '',
  ];
  mkdirSync(path.dirname(table), { recursive: true });
  writeFileSync(table, lines.join('\n'));
}
