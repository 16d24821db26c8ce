// The signs of life of a real command: a file that it touches, a line that asks it. A command that hangs costs its
// leader the lock, and another candidate goes on. To check: the one that hangs would lead for ever without the
// options.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import type { Run } from '../helpers/leader-run.ts';
import { isAlive } from '../helpers/procfs.ts';

const healthy = (file: string): string[] => ['sh', '-c', `while :; do : > ${file}; sleep 0.1; done`];
const hangs = ['sleep', '1000'];

async function renewals(arena: Arena, run: Run, count: number): Promise<void> {
  await arena.until(`${String(count)} renewals`, () => run.all('renewed').length >= count);
}


describe.concurrent('a leader', () => {
  test('whose command stops to touch its file steps down, says why, and another one leads', async ({ arena, expect }) => {
    const file = join(arena.folder, 'alive');
    const flags = [`--health-file=${file}`, '--health-max-age=2s', '--on-lost=exit'];
    const sick = arena.run({ command: ['sh', '-c', `: > ${file}; exec sleep 1000`], flags: [...flags, '--identity=alice'] });
    await sick.event('command-started');
    const next = arena.run({ command: ['true'], flags: ['--identity=bob'] });
    expect(await sick.end()).toMatchObject({ status: 122 });
    expect(await sick.event('deposed')).toMatchObject({
      by: 'health',
      reason: `the health file ${file} has not changed, and no sign of life was seen for 2 s`,
      level: 'warn',
    });
    expect(await next.end()).toMatchObject({ status: 0 });
  });

  test('whose command touches its file, at times of long ago, goes on', async ({ arena, expect }) => {
    const file = join(arena.folder, 'alive');
    const touch = `i=1; while :; do touch -d @$i ${file}; i=$((i + 1)); sleep 0.1; done`;
    const run = arena.run({
      command: ['sh', '-c', touch],
      flags: [`--health-file=${file}`, '--health-max-age=1s'],
    });
    await renewals(arena, run, 5);
    expect(run.all('deposed')).toEqual([]);
    run.signal('SIGTERM');
    await run.end();
  });

  test('asks its command by a line that has the variables of the term', async ({ arena, expect }) => {
    const asked = join(arena.folder, 'asked');
    const line = `echo "$LEADER_RUN_LOCK $LEADER_RUN_TOKEN" >> ${asked}; echo to stdout; test $(wc -l < ${asked}) -lt 3`;
    const flags = [`--health-command=${line}`, '--health-max-age=2s', '--on-lost=exit'];
    const run = arena.run({ command: hangs, flags });
    expect(await run.end()).toMatchObject({ status: 122 });
    expect(await run.event('deposed')).toMatchObject({
      reason: 'the health command ended with status 1, and no sign of life was seen for 2 s',
    });
    const { token } = await run.event('elected');
    expect(readFileSync(asked, 'utf8').split('\n')[0]).toBe(`default/demo ${String(token)}`);
    expect(run.stdout).toBe('');
  });

  test('kills a line that hangs, with what it has started', async ({ arena, expect }) => {
    const pid = join(arena.folder, 'pid');
    const flags = [`--health-command=sleep 1000 & echo $! > ${pid}; wait`, '--health-max-age=1s', '--on-lost=exit'];
    const run = arena.run({ command: hangs, flags });
    expect(await run.end()).toMatchObject({ status: 122 });
    expect((await run.event('deposed'))['reason']).toMatch(/^(the last check took longer than|the health command was killed)/);
    await arena.until('the line to be gone', () => !isAlive(Number(readFileSync(pid, 'utf8'))));
  });

  test('comes back by itself where nobody else leads, with a new command', async ({ arena, expect }) => {
    const file = join(arena.folder, 'alive');
    const first = `test -e ${file} || { : > ${file}; exec sleep 1000; }; ${healthy(file)[2] ?? ''}`;
    const run = arena.run({ command: ['sh', '-c', first], flags: [`--health-file=${file}`, '--health-max-age=1s'] });
    await run.event('deposed');
    await arena.until('another command', () => run.all('command-started').length === 2);
    await renewals(arena, run, 5);
    expect(run.all('deposed')).toHaveLength(1);
    run.signal('SIGTERM');
    await run.end();
  });
});
