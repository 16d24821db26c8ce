// What cannot be seen is not gone: processes of the command that leader-run, not being root, may neither look at nor
// signal. In the shapes in which they come: a process that is not dumpable and was left to process 1 (an agent that
// keeps secrets), and another user's process under hidepid (a setuid program).
// To check: the lock stays held while such a process lives, its doubt is said once, and nobody signals a stranger.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type Arena, type RunOptions, test } from '../helpers/arena.ts';
import { longTiming, type Run } from '../helpers/leader-run.ts';
import { missing, notRoot } from '../helpers/machine.ts';
import { isAlive, textOf } from '../helpers/procfs.ts';

const lacking = missing('python3', 'setpriv', 'unshare', 'chown') ?? notRoot();
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const hidden = ['unshare', '--mount', 'sh', '-c', 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', 'sh', ...nobody];

/** As nobody, from files that are nobody's. */
function asNobody(arena: Arena, options: RunOptions): Run {
  arena.words({ ownBundle: true });
  spawnSync('chown', ['-R', '65534:65534', arena.folder]);
  return arena.run({ ownBundle: true, timing: longTiming, ...options });
}

/** Writes its pid to `file`, closes itself to looks, and lives on after its parents. */
const undumpable = (file: string): string => `
import ctypes, os, time
ctypes.CDLL(None).prctl(4, 0)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in (0, 1, 2): os.close(fd)
        with open(${JSON.stringify(file)} + '.new', 'w') as out: out.write(str(os.getpid()))
        os.rename(${JSON.stringify(file)} + '.new', ${JSON.stringify(file)})
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists(${JSON.stringify(file)}): time.sleep(0.01)
`;

async function heldWhileAlive(arena: Arena, run: Run, pid: number): Promise<void> {
  const { message } = await run.event('note', { fits: ({ message }) => message.includes('may belong to the command') });
  expect(message).toContain('the lock is not released while it lives');
  const since = performance.now();
  await arena.until('more than the grace of a left-over', () => performance.now() > since + 3000);
  expect([isAlive(pid), arena.isFree()], run.text()).toEqual([true, false]);
  expect(run.all('note').filter(({ message }) => message.includes('may belong'))).toHaveLength(1);
  expect(run.all('signalled')).toEqual([]);
  process.kill(pid, 'SIGKILL');
  expect(await run.end()).toMatchObject({ status: 0 });
  expect(arena.isFree()).toBe(true);
}

describe.concurrent('the lock is not given back', () => {
  test('while a process that is not dumpable may be the last of the command', async ({ arena, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const file = join(arena.folder, 'pid');
    const run = asNobody(arena, { through: nobody, command: ['python3', '-c', undumpable(file)] });
    const pid = Number(await arena.until('the process', () => textOf(file) || undefined));
    await heldWhileAlive(arena, run, pid);
  });

  test("while another user's process that hidepid hides is in the group of the command", async ({ arena, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const [setuid, file] = [join(arena.folder, 'setpriv'), join(arena.folder, 'pid')];
    const script = `${setuid} --reuid=65533 --clear-groups sh -c 'exec sleep 600 > /dev/null 2>&1 < /dev/null' & echo $! > ${file}`;
    copyFileSync('/usr/bin/setpriv', setuid);
    const run = asNobody(arena, { through: hidden, command: ['sh', '-c', `until [ -u ${setuid} ]; do sleep 0.01; done; ${script}; sleep 0.5`] });
    spawnSync('chown', ['root:root', setuid]);
    chmodSync(setuid, 0o4755);
    const pid = Number(await arena.until('the process', () => textOf(file).trim() || undefined));
    expect((await run.event('note', { fits: ({ message }) => message.includes('hidepid') })).message).toContain('su, sudo');
    await heldWhileAlive(arena, run, pid);
  });
});
