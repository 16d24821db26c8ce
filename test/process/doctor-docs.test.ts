// docs/doctor.md shows what doctor prints on one machine: that transcript is run again, in a folder that has its
// command. The one of a cluster is run by test/cluster/doctor.test.ts.
// To check: the guardian that is named is one that was started, also where it is Node.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../helpers/arena.ts';
import { lineOf, turnsOf } from '../helpers/transcripts.ts';

const turns = turnsOf('docs/doctor.md').filter(({ line }) => line.includes('--local'));

test('docs/doctor.md shows what doctor prints on one machine, which leaves nothing', async ({ arena, expect }) => {
  expect(turns).toHaveLength(1);
  writeFileSync(join(arena.folder, 'nightly.sh'), '#!/bin/sh\n', { mode: 0o755 });
  const store = join(arena.folder, 'made/by/none');
  for (const { line, output } of turns) {
    const script = line.replace('leader-run ', '"$NODE" "$PROGRAM" ').replace('/var/lib/leader-run', store);
    const env = { NODE: process.execPath, PROGRAM: join(arena.bundle, 'bin/leader-run.js') };
    const run = arena.spawn(['sh', '-c', `cd '${arena.folder}' && ${script}`], { env });
    expect(await run.end()).toMatchObject({ status: 0 });
    const lines = run.stdout.trimEnd().split('\n');
    expect([lines.length, run.stderr]).toEqual([output.length, '']);
    for (const [i, each] of output.entries()) expect(lines[i]).toMatch(lineOf(each, { '/var/lib/leader-run': store }));
    await run.isAbandoned();
  }
  expect(existsSync(join(arena.folder, 'made'))).toBe(false);
});

test('doctor starts the guardian that is asked for, and leaves none', async ({ arena, expect }) => {
  const words = ['doctor', '--lock=a/b', `--local=${arena.store}`, '--guardian=node'];
  const run = arena.spawn([process.execPath, join(arena.bundle, 'bin/leader-run.js'), ...words]);
  expect(await run.end()).toMatchObject({ status: 0 });
  expect(run.stdout).toContain(`  ok    guardian ${process.execPath}\n`);
  await run.isAbandoned();
});
