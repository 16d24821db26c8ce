// Who belongs to the command: whatever stands between leader-run and the work, and whichever marks that sheds, nothing
// of it lives when the next leader's command starts, also when leader-run was killed or frozen. In the field it is su,
// sudo, runuser, setsid or env -i that stand there. The work ignores SIGTERM and never ends by itself.

import { randomInt } from 'node:crypto';
import { describe } from 'vitest';
import { type Arena, type RunOptions, test } from '../helpers/arena.ts';
import { longTiming, type Run } from '../helpers/leader-run.ts';
import { missing, notRoot } from '../helpers/machine.ts';
import { isAlive, listPids, textOf } from '../helpers/procfs.ts';

const user = 'nobody';
const shell = '/bin/sh';

interface Shape {
  readonly name: string;
  readonly needs: readonly string[];
  /** The words in front of `sh -c work`. */
  readonly command: (work: string) => readonly string[];
}

const shapes: readonly Shape[] = [
  { name: 'su -', needs: ['su'], command: (work) => ['su', '-', user, '-s', shell, '-c', work] },
  { name: 'a shell that runs su -', needs: ['su'], command: (work) => [shell, '-c', `su - ${user} -s ${shell} -c '${work}'; :`] },
  { name: 'runuser -l', needs: ['runuser'], command: (work) => ['runuser', '-l', user, '-s', shell, '-c', work] },
  { name: 'sudo', needs: ['sudo'], command: (work) => ['sudo', '-u', user, shell, '-c', work] },
  { name: 'sudo -i', needs: ['sudo'], command: (work) => ['sudo', shell, '-c', `exec su - ${user} -s ${shell} -c '${work}'`] },
  { name: 'setsid --fork --wait', needs: ['setsid'], command: (work) => ['setsid', '--fork', '--wait', shell, '-c', work] },
  { name: 'env -i setsid', needs: ['setsid'], command: (work) => [shell, '-c', `env -i setsid ${shell} -c '${work}' & wait`] },
  { name: 'setpriv to another user', needs: ['setpriv', 'setsid'], command: (work) => [shell, '-c', `env -i setpriv --reuid=${user} --clear-groups setsid ${shell} -c '${work}' & wait`] },
];

/** Work that can be told from everybody else's by the seconds that it sleeps. */
function work(): { readonly script: string; readonly alive: () => number[] } {
  const seconds = String(randomInt(100_000_000, 999_999_999));
  const sleeps = (pid: number): boolean => textOf(`/proc/${String(pid)}/cmdline`).startsWith(`sleep\0${seconds}`);
  return {
    script: `trap "" TERM HUP INT; sleep ${seconds}; sleep ${seconds}`,
    alive: () => listPids().filter((pid) => sleeps(pid) && isAlive(pid)),
  };
}

/** Starts it, lets `fault` happen to its leader-run, and has bob stand by: who of the work lives when bob's begins? */
async function aliveAtSuccession(
  arena: Arena,
  { command }: Shape,
  options: Pick<RunOptions, 'timing' | 'flags'>,
  fault: (run: Run) => void,
): Promise<{ left: number[]; run: Run }> {
  const { script, alive } = work();
  const run = arena.run({ command: command(script), ...options });
  await arena.until('the work', () => alive().length > 0);
  const bob = arena.run({ command: arena.puppet('bob'), ...options });
  await bob.event('standing-by');
  fault(run);
  try {
    await arena.next('bob');
    return { left: alive(), run };
  } finally {
    for (const pid of alive()) process.kill(pid, 'SIGKILL');
  }
}

describe.concurrent('the work', () => {
  describe.for(shapes)('behind $name', ({ needs, ...shape }) => {
    const lacking = missing(...needs) ?? notRoot();
    const its = { needs, ...shape };

    test.for(['sh', 'node'])('nothing outlives a killed leader-run (guardian: %s)', async (kind, { arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const { left, run } = await aliveAtSuccession(arena, its, { flags: [`--guardian=${kind}`] }, ({ pid }) => {
        process.kill(pid, 'SIGKILL');
      });
      expect(left).toEqual([]);
      expect(run.stderr).toContain('leader-run is gone; the command was killed');
    });

    test.for(['sh', 'node'])('nothing outlives a frozen leader-run (guardian: %s)', async (kind, { arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const { left, run } = await aliveAtSuccession(arena, its, { flags: [`--guardian=${kind}`] }, ({ pid }) => {
        process.kill(pid, 'SIGSTOP');
      });
      expect(left).toEqual([]);
      expect(run.stderr).toContain('was not renewed; the command was killed');
    });

    test('nothing is left when leader-run is asked to stop', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const { left } = await aliveAtSuccession(arena, its, { timing: longTiming, flags: ['--stop-grace=500ms'] }, ({ pid }) => {
        process.kill(pid, 'SIGTERM');
      });
      expect(left).toEqual([]);
    });
  });
});
