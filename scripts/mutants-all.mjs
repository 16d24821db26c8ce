// Lets Stryker break each line of the pure files in every way it knows, in a copy of the tree, and asks the tests of
// their rooms. Writes the table to docs/mutants-all.md; fails if a file stays below the bar, or if what
// test/simulation/mutants/equivalent.mjs excuses is not there any more or is noticed after all.
// `--only <part of a name>` runs some files, lists their survivors, and writes nothing. What has changed neither in
// the program nor in its tests since it was asked is not asked again, but with `--anew`.
// Invariants: the tree itself is only read, but for the table; the table comes from one run over all files.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { equivalents } from '../test/simulation/mutants/equivalent.mjs';

const root = path.join(import.meta.dirname, '..');
/** Of the mutants of one file that could be noticed, in percent. */
const bar = 95;
const table = path.join(root, 'docs/mutants-all.md');
/** What the copy needs. */
const parts = ['src', 'test', 'scripts', 'bin', 'package.json', 'tsconfig.json'];
const { version } = JSON.parse(
  readFileSync(path.join(root, 'node_modules/@stryker-mutator/core/package.json'), 'utf8'),
);
const impure = ['driver', 'leader-elector', 'random'].map((name) => `src/elector/${name}.ts`);

/** The files of a room, and the tests that are asked about them: only those, so that a run takes minutes. */
const groups = [
  {
    files: [
      ...['record', 'pair'].map((name) => `src/locks/${name}.ts`),
      ...['annotation', 'lease', 'object'].map((name) => `src/locks/kube/${name}.ts`),
    ],
    tests: [...testsIn('test/locks'), ...testsIn('test/locks/kube', 'annotation', 'lease', 'object')],
  },
  {
    files: ['leash', 'life', 'environment'].map((name) => `src/child/${name}.ts`),
    tests: testsIn('test/child', 'environment', 'leash', 'life-'),
  },
  {
    files: ['duration', 'table', 'values'].map((name) => `src/cli/${name}.ts`),
    tests: testsIn('test/cli', 'duration', 'table', 'values'),
  },
  {
    files: filesIn('src/job').filter((file) => file !== 'src/job/tick.ts'),
    tests: testsIn('test/job').filter((file) => !/search|tick/.test(file)),
  },
  // The calendar beside it takes ten seconds.
  { files: ['src/job/tick.ts'], tests: testsIn('test/job', 'tick') },
  // The story of one command, and of one at each tick. Elections and processes are played.
  {
    files: ['src/work.ts', 'src/rounds.ts'],
    tests: testsIn('test', 'work.', 'rounds', 'run.'),
  },
  // The other two ask the kernel.
  {
    files: ['errors', 'json', 'printable', 'quantity', 'utc'].map((name) => `src/common/${name}.ts`),
    tests: testsIn('test/common'),
  },
  {
    files: filesIn('src/elector').filter((file) => !impure.includes(file)),
    // A whole election on each kind of lock takes milliseconds.
    tests: [...testsIn('test/elector'), ...testsIn('test/contract').filter((file) => !file.includes('store'))],
  },
];

const { values } = parseArgs({ options: { only: { type: 'string' }, anew: { type: 'boolean', default: false } } });
const { only, anew } = values;
const chosen = groups
  .map(({ files, tests }) => ({
    tests,
    files: files.filter((file) => only === undefined || file.includes(only)),
  }))
  .filter(({ files }) => files.length > 0);

const copy = mkdtempSync(path.join(tmpdir(), 'leader-run-stryker-'));
process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const part of parts) cpSync(path.join(root, part), path.join(copy, part), { recursive: true });
symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));

const startedAt = Date.now();
const mutants = chosen.flatMap(({ files, tests }) => files.flatMap((file) => mutantsOf(file, tests)));
const minutes = Math.ceil((Date.now() - startedAt) / 60_000);
const rows = chosen
  .flatMap(({ files }) => files)
  .map(rowOf)
  // A file of types alone has none.
  .filter(({ all }) => all > 0);
const faults = [
  ...rows
    .filter(({ score }) => score < bar)
    .map(({ file, score }) => `${file} is at ${shown(score)} %, below ${bar} %`),
  ...equivalents.filter(({ file }) => rows.some((row) => row.file === file)).flatMap(faultOfEquivalent),
];

for (const line of tableOf(rows)) console.log(line);
console.log(`${mutants.length} mutants in ${minutes} min`);
for (const fault of faults) console.log(fault);
if (only === undefined) writeTable();
process.exitCode = faults.length === 0 ? 0 : 1;

/** Runs Stryker for one file, since each mutant in the program costs time even while it is not active. */
function mutantsOf(file, tests) {
  const report = path.join(copy, 'report.json');
  const settings = {
    testRunner: 'in-process',
    plugins: [path.join(root, 'scripts/mutants/runner.mjs')],
    mutator: { excludedMutations: ['StringLiteral'] },
    mutate: [file],
    coverageAnalysis: 'perTest',
    concurrency: 2,
    timeoutMS: 4000,
    reporters: ['json'],
    jsonReporter: { fileName: report },
    inPlace: true,
    incremental: true,
    incrementalFile: path.join(root, '.cache/mutants-all', `${file.replaceAll('/', '-')}.json`),
    force: anew,
    warnings: { slow: false },
    allowConsoleColors: false,
    logLevel: 'warn',
  };
  writeFileSync(path.join(copy, 'stryker.config.json'), JSON.stringify(settings));
  const stryker = path.join(root, 'node_modules/@stryker-mutator/core/bin/stryker.js');
  const { status } = spawnSync(process.execPath, [stryker, 'run', 'stryker.config.json'], {
    cwd: copy,
    stdio: 'inherit',
    env: { ...process.env, LEADER_RUN_TESTS: JSON.stringify(tests) },
  });
  if (status !== 0) throw new Error(`Stryker ended with ${status}: ${file}`);
  const { files: found } = JSON.parse(readFileSync(report, 'utf8'));
  const { source, mutants: all } = found[file] ?? { source: '', mutants: [] };
  const its = all.filter(({ status: how }) => how !== 'Ignored').map((mutant) => readable(file, source, mutant));
  console.log(`${file}: ${its.length} mutants`);
  for (const mutant of its.filter((each) => survives(each) && !isExcused(each))) {
    console.log(`${mutant.file}:${mutant.at}: ${mutant.line}\n  - ${mutant.find}\n  + ${mutant.replace}`);
  }
  return its;
}

/** With the text that it replaces, and the whole line in which that begins. */
function readable(file, source, { location: { start, end }, replacement, status }) {
  const lines = source.split('\n');
  const offset = ({ line, column }) =>
    lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, column - 1);
  const find = flat(source.slice(offset(start), offset(end)));
  return { file, at: start.line, line: flat(lines[start.line - 1]), find, replace: flat(replacement), status };
}

/** A mutant that no test noticed. One that cannot be loaded says nothing. */
function survives({ status }) {
  return status === 'Survived' || status === 'NoCoverage';
}

function isExcused(mutant) {
  return equivalents.some((equivalent) => isSame(equivalent, mutant));
}

function isSame(equivalent, mutant) {
  return ['file', 'line', 'find', 'replace'].every((name) => flat(equivalent[name]) === mutant[name]);
}

function faultOfEquivalent(equivalent) {
  const met = mutants.filter((mutant) => isSame(equivalent, mutant));
  const name = `${equivalent.file}: ${equivalent.find} -> ${equivalent.replace}`;
  if (met.length === 0) return [`listed as equivalent, and not there: ${name}`];
  return met.some(survives) ? [] : [`listed as equivalent, and noticed by a test: ${name}`];
}

function rowOf(file) {
  const its = mutants.filter((mutant) => mutant.file === file && mutant.status !== 'RuntimeError');
  const excused = its.filter((mutant) => survives(mutant) && isExcused(mutant)).length;
  const survivors = its.filter((mutant) => survives(mutant) && !isExcused(mutant)).length;
  const killed = its.length - excused - survivors;
  return {
    file,
    all: its.length,
    killed,
    excused,
    survivors,
    score: (100 * killed) / Math.max(1, its.length - excused),
  };
}

function tableOf(some) {
  const sum = (name) => some.reduce((total, row) => total + row[name], 0);
  const [all, killed, excused, survivors] = ['all', 'killed', 'excused', 'survivors'].map(sum);
  const total = { file: 'all', all, killed, excused, survivors, score: (100 * killed) / (all - excused) };
  return [
    '| file | mutants | killed | equivalent | survive | score |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...[...some, total].map(
      (row) =>
        `| ${row.file} | ${row.all} | ${row.killed} | ${row.excused} | ${row.survivors} | ${shown(row.score)} % |`,
    ),
  ];
}

function writeTable() {
  const below = rows.filter(({ score }) => score < bar).map(({ file }) => file);
  const cell = (text) => `\`${text.replaceAll('|', '\\|')}\``;
  const lines = [
    '# All mutants of the pure files',
    '',
    `\`npm run mutants:all\` breaks each file below in every way that Stryker ${version} knows, one at a time, and asks`,
    'the unit tests of its room. A mutant that no test notices survives; one that makes no difference is equivalent. The',
    `score is the share of killed ones among the others, and ${bar} % is the bar for each file. The hand-written mutants,`,
    'which the simulator and the process tests must notice as well, are in [mutants.md](mutants.md).',
    '',
    'Left out: mutants of texts. A text that a machine reads is compared somewhere, and the comparison is mutated; one',
    'for people would need a test that says it again. Left out as well are files that do more than decide: the driver of',
    "the elector and the library's face, and what asks the kernel (kill.ts, terminal.ts). The elector is asked by the",
    'elections in `test/contract` as well. Its simulator and its exhaustive search are not asked: they take too long for',
    'each of some thousand.',
    '',
    `From one run, of ${minutes} minutes on two cores (${new Date().toISOString().slice(0, 10)})${
      anew ? '' : '; what had not changed since the run before was not asked again'
    }:`,
    '',
    ...tableOf(rows),
    '',
    ...(below.length === 0 ? [] : [`Not at the bar yet: ${below.join(', ')}.`, '']),
    '## Equivalent',
    '',
    'From `test/simulation/mutants/equivalent.mjs`; the run fails if one of them is not there any more, or is noticed.',
    '',
    '| file | line | is replaced | by | why it makes no difference |',
    '| --- | --- | --- | --- | --- |',
    ...equivalents.map(({ file, line, find, replace, why }) => {
      return `| ${file} | ${cell(line)} | ${cell(find)} | ${cell(replace)} | ${why} |`;
    }),
    '',
  ];
  writeFileSync(table, lines.join('\n'));
}

function shown(score) {
  // Not rounded up to the bar.
  return (Math.floor(score * 10) / 10).toFixed(1);
}

function flat(text) {
  return text.replace(/\s+/g, ' ').trim();
}

function filesIn(folder) {
  return readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`);
}

/** The test files of a folder whose names begin like one of these; all of them, where none is given. */
function testsIn(folder, ...beginnings) {
  return readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => beginnings.length === 0 || beginnings.some((beginning) => name.startsWith(beginning)))
    .map((name) => `${folder}/${name}`);
}
