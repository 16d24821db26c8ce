// How long a command gets that is asked to stop, when a shell, an entrypoint script or npm stands in front of the work:
// these end of the group's SIGTERM at once, and the work, which got the very same signal, keeps the grace all the same.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type Arena, type RunOptions, test } from '../helpers/arena.ts';
import { longTiming, type Run } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';

/** Longer than the 2 s of what a command leaves behind that ended unasked. */
const drainSeconds = 3;
const worker = `
trap 'sleep ${drainSeconds}; echo > "$0.drained"; exit 0' TERM
echo working
while :; do sleep 0.1; done
`;

interface Shape {
  readonly name: string;
  readonly needs: readonly string[];
  readonly command: (folder: string) => readonly string[];
}

const shapes: readonly Shape[] = [
  { name: 'a pipe of a shell', needs: [], command: (folder) => ['sh', '-c', `sh ${folder}/worker | cat`] },
  { name: 'an entrypoint script', needs: [], command: (folder) => [`${folder}/entrypoint`] },
  { name: 'a shell that waits for it', needs: ['bash'], command: (folder) => ['bash', '-c', `sh ${folder}/worker & wait`] },
  { name: 'npm start', needs: ['npm'], command: (folder) => ['npm', '--prefix', folder, 'start'] },
  { name: 'a shell, in a session of its own', needs: ['setsid'], command: (folder) => ['sh', '-c', `setsid --wait sh ${folder}/worker; :`] },
];

async function begin(arena: Arena, { command }: Shape, options: Pick<RunOptions, 'timing' | 'flags'>): Promise<Run> {
  const { folder } = arena;
  writeFileSync(join(folder, 'worker'), worker);
  writeFileSync(join(folder, 'entrypoint'), `#!/bin/sh\nsh ${folder}/worker\necho over\n`, { mode: 0o755 });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts: { start: `sh ${folder}/worker` } }));
  const run = arena.run({ command: command(folder), ...options });
  await run.says('working');
  return run;
}

/** Not by what it prints: a `cat` behind it gets the signal, too. */
function hasDrained({ folder }: Arena): boolean {
  return existsSync(join(folder, 'worker.drained'));
}

describe.concurrent('the work is given the whole --stop-grace', () => {
  test.for(shapes)('behind $name', async (shape, { arena, expect, skip }) => {
    const lacking = missing(...shape.needs);
    if (lacking !== undefined) return skip(lacking);
    const run = await begin(arena, shape, { timing: longTiming, flags: ['--stop-grace=25s'] });
    run.signal('SIGTERM');
    await run.end();
    await run.isAbandoned();
    expect(hasDrained(arena)).toBe(true);
    expect(run.events.filter(({ signal }) => signal === 'SIGKILL')).toEqual([]);
    expect(arena.isFree()).toBe(true);
  });

  test('but no more than that', async ({ arena, expect }) => {
    const [shape] = shapes as [Shape];
    const run = await begin(arena, shape, { timing: longTiming, flags: ['--stop-grace=1s'] });
    run.signal('SIGTERM');
    await run.end();
    expect(hasDrained(arena)).toBe(false);
    expect(run.events.filter(({ signal }) => signal === 'SIGKILL')).toHaveLength(1);
  });

  test('and no more than the lease allows when that is lost meanwhile', async ({ arena, expect }) => {
    const [shape] = shapes as [Shape];
    const run = await begin(arena, shape, { flags: ['--stop-grace=25s'] });
    run.signal('SIGTERM');
    const stolenAt = await arena.steal();
    const { at } = await run.end();
    expect(hasDrained(arena)).toBe(false);
    expect(at).toBeLessThan(stolenAt + 1000 * drainSeconds);
  });
});
