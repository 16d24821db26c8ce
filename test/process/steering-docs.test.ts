// docs/steering.md shows what the verbs print: each of its transcripts is run again, in their order, by two candidates
// on a local lock. Decides only what may differ: how long something took, who asks, and what ... stands for.
// To check: a line that the document does not show, or shows otherwise, fails.
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from '../helpers/arena.ts';
import { longTiming } from '../helpers/leader-run.ts';

const page = readFileSync(new URL('../../docs/steering.md', import.meta.url), 'utf8');
const transcripts = [...page.matchAll(/^```\n(\$ .*?)^```$/gms)].map(([, text = '']) => text);

/** Each command line and what it prints. */
const turns = transcripts.flatMap((text) =>
  text.split(/^\$ /m).slice(1).map((turn) => {
    const [line = '', ...output] = turn.trimEnd().split('\n');
    return { line, output };
  }),
);

const times = (line: string): string => line.replace(/\b\d+(\.\d+)? m?s\b/g, 'T');

/** What a line of the document may be, as a pattern. */
function asPattern(line: string): RegExp {
  const escaped = times(line).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('\\.\\.\\.', '.*').replace(/by root\b/g, `by ${userInfo().username}`)}$`);
}

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
    for (const [i, each] of output.entries()) expect(times(lines[i] ?? '')).toMatch(asPattern(each));
  }
});
