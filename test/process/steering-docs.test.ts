// docs/steering.md shows what the verbs print: each of its transcripts is run again, in their order, by two candidates
// on a local lock. Decides only who asks; what else may differ is told by helpers/transcripts.ts.
// To check: a line that the document does not show, or shows otherwise, fails.
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from '../helpers/arena.ts';
import { longTiming } from '../helpers/leader-run.ts';
import { lineOf, turnsOf } from '../helpers/transcripts.ts';

const turns = turnsOf('docs/steering.md');
const whoever = { 'by root': `by ${userInfo().username}` };

test('docs/steering.md shows what the verbs print', async ({ arena, expect }) => {
  const command = ['sh', '-c', "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.05; done"];
  const start = (name: string) =>
    arena.run({ command, lock: 'ops/nightly', timing: longTiming, flags: [`--identity=${name}`] });
  await start('pod-a').event('command-started');
  await start('pod-c').event('standing-by');
  const env = {
    NODE: process.execPath,
    PROGRAM: join(arena.bundle, 'bin/leader-run.js'),
    LEADER_RUN_LOCAL: arena.store,
  };
  expect(turns.length).toBeGreaterThan(4);
  for (const { line, output } of turns) {
    const script = `program() { "$NODE" "$PROGRAM" "$@"; }; ${line.replace('leader-run ', 'program ')}`;
    const run = arena.spawn(['sh', '-c', script], { env });
    await run.end();
    const lines = run.stdout.trimEnd().split('\n');
    expect([line, lines.length, run.stderr]).toEqual([line, output.length, '']);
    for (const [i, each] of output.entries()) expect(lines[i]).toMatch(lineOf(each, whoever));
  }
});
