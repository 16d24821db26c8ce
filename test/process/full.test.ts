// A user who may have no process more: the limit is reached while the command runs, so that every fork of leader-run,
// its guardian and the command fails. The guardian kills all the same, since it forks nothing. Each test has a user of
// its own, whose processes are nobody else's.
// To check: the limit is full for as long as the fault lasts, by a fork that fails.

import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { describe } from 'vitest';
import { type Arena, type RunOptions, test } from '../helpers/arena.ts';
import type { Run } from '../helpers/leader-run.ts';
import { missing, notRoot } from '../helpers/machine.ts';
import { isAlive, listPids, textOf } from '../helpers/procfs.ts';

const lacking = missing('setpriv', 'prlimit', 'setsid', 'chown') ?? notRoot();
/** Node has eleven threads, and each counts. */
const limit = 80;

interface Full {
  readonly run: Run;
  /** Of the command, those that are alive. */
  readonly left: () => number[];
}

/** leader-run of a user whose processes are all that the user may have. */
async function lead(arena: Arena, options: Pick<RunOptions, 'timing' | 'flags'>): Promise<Full> {
  const uid = String(randomInt(100_000, 2_000_000_000));
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  const bounded = [...user, 'prlimit', `--nproc=${limit}`];
  const seconds = String(randomInt(100_000_000, 999_999_999));
  const left = (): number[] =>
    listPids().filter((pid) => textOf(`/proc/${pid}/cmdline`).startsWith(`sleep\0${seconds}`) && isAlive(pid));
  arena.words({ ownBundle: true });
  spawnSync('chown', ['-R', `${uid}:${uid}`, arena.folder]);
  const command = ['sh', '-c', `trap "" TERM; setsid sleep ${seconds} & exec sleep ${seconds}`];
  const run = arena.run({ ownBundle: true, through: bounded, command, ...options });
  await arena.until('both processes of the command', () => left().length === 2);
  arena.spawn([...user, 'sh', '-c', `for each in $(seq ${limit}); do sleep 1000 & done; wait`]);
  const [first, ...words] = [...bounded, 'sh', '-c', '(exit 0) & wait $!'];
  await arena.until('a fork to fail', () => spawnSync(first, words).status !== 0);
  return { run, left };
}

describe.for(['sh', 'node'])('with a guardian of kind %s, at the limit of processes of its user', (kind) => {
  const flags = [`--guardian=${kind}`];

  test('nothing outlives a killed leader-run', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { run, left } = await lead(arena, { flags, timing: ['--lease-duration=60s'] });
    run.signal('SIGKILL');
    await arena.until('the end of the command', () => left().length === 0);
    await run.isAbandoned();
    expect(run.stderr).toContain('leader-run is gone; the command was killed');
  });

  test('nothing outlives a frozen leader-run', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { run, left } = await lead(arena, { flags });
    run.signal('SIGSTOP');
    await arena.until('the end of the command', () => left().length === 0);
    await run.warns('was not renewed; the command was killed');
    expect(run.events.filter(({ event }) => event === 'lost')).toEqual([]);
  });

  test('nothing outlives the grace of a leader-run that is asked to stop', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { run, left } = await lead(arena, { flags: [...flags, '--stop-grace=500ms'], timing: ['--lease-duration=60s'] });
    run.signal('SIGTERM');
    expect(await run.end()).toMatchObject({ status: 137 });
    expect(left()).toEqual([]);
    expect(arena.isFree()).toBe(true);
  });
});
