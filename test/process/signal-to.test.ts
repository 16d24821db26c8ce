// Whom a signal reaches: the command's whole group, or with --signal-to command the command alone, which tells its own
// workers itself. In the shapes in which people meet it: a manager with workers (celery, gunicorn), an entrypoint
// script that passes SIGTERM on.
// To check: whoever was not told before the command's end is told then, and the last grace is the rest of --stop-grace.

import { describe } from 'vitest';
import { test } from '../helpers/arena.ts';
import { longTiming } from '../helpers/leader-run.ts';

describe.concurrent('leader-run --signal-to command', () => {
  test('leaves a manager to stop its workers, and ends those that it leaves behind', async ({ arena, expect }) => {
    const { run, puppet } = await arena.lead({ timing: longTiming, flags: ['--signal-to=command'] });
    puppet.spawn('worker', 'member');
    const worker = await arena.next('worker');
    run.signal('SIGHUP');
    await puppet.hears('SIGHUP');
    run.signal('SIGTERM');
    await puppet.hears('SIGTERM');
    // A fence: what was sent to it before would have come before it.
    await worker.ask('descriptors');
    expect(worker.got).toEqual([]);
    puppet.exit(0);
    await worker.hears('SIGTERM');
    const told = performance.now();
    await arena.until('more than the 2 s of a left-over', () => performance.now() > told + 2500);
    expect(worker.isGone).toBe(false);
    worker.exit(0);
    expect(await run.end()).toMatchObject({ status: 0 });
    expect(arena.isFree()).toBe(true);
  });

  test('gives the work behind an entrypoint that passes SIGTERM on exactly one', async ({ arena, expect }) => {
    const entrypoint = '"$@" & child=$!; trap "kill -TERM $child" TERM; wait $child; wait $child; exit $?';
    const command = ['sh', '-c', entrypoint, 'entrypoint', ...arena.puppet()];
    const run = arena.run({ timing: longTiming, flags: ['--signal-to=command'], command });
    const puppet = await arena.next();
    run.signal('SIGTERM');
    await puppet.hears('SIGTERM');
    await puppet.ask('descriptors');
    expect(puppet.got.filter((signal) => signal === 'SIGTERM')).toHaveLength(1);
    puppet.exit(5);
    expect(await run.end()).toMatchObject({ status: 5 });
  });

  test('still kills the whole tree when the grace is over', async ({ arena, expect }) => {
    const flags = ['--signal-to=command', '--stop-grace=500ms'];
    const { run, puppet } = await arena.lead({ timing: longTiming, flags });
    puppet.spawn('worker', 'member');
    const worker = await arena.next('worker');
    run.signal('SIGTERM');
    await Promise.all([puppet.isOver(), worker.isOver()]);
    expect(await run.end()).toMatchObject({ status: 137 });
  });
});

test('without it the workers are told as well', async ({ arena, expect }) => {
  const { run, puppet } = await arena.lead({ timing: longTiming });
  puppet.spawn('worker', 'member');
  const worker = await arena.next('worker');
  run.signal('SIGTERM');
  await Promise.all([puppet.hears('SIGTERM'), worker.hears('SIGTERM')]);
  puppet.exit(0);
  worker.exit(0);
  expect(await run.end()).toMatchObject({ status: 0 });
});
