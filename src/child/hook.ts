// One run of a hook: a line for /bin/sh, in a session and a process group of its own, with stdin from /dev/null.
// Decides how it is started and how it is ended with what it has started. Knows neither what the line is for nor when
// it runs (job/hooks.ts).
// Invariants: a hook bears no mark of the command: no cookie, group or parent by which the command's processes are
// found, so no release waits for a hook and no lease ends it; no process of its group outlives the hook, its limit, or
// leader-run: a shell of the group waits for the end of a pipe from us, and kills the group then, however we end.

import { sendSignal } from '../common/kill.ts';
import { openStart } from '../common/spawned.ts';
import { isExecutable } from './lookup.ts';

const shell = '/bin/sh';

/** In one sentence for the start; undefined: hooks can run. */
export function hookFault(): string | undefined {
  return isExecutable(shell) ? undefined : `hooks are lines for ${shell}, which is not here: leave them out`;
}

/**
 * The shell that watches keeps the group's number in use until it has killed the group, so the number cannot become
 * another's. The hook does not get the pipe, and the shell that watches holds no stream that the hook's output goes to.
 */
const script = `
{ IFS= read -r line <&3; kill -KILL 0; } </dev/null >/dev/null 2>&1 &
${shell} -c "$1" 3<&-
exit $?
`;

/** Resolves when the hook has ended or `limit` has ended it; with what went wrong, if anything did. */
export async function runHook(
  line: string,
  env: Readonly<Record<string, string | undefined>>,
  limit: AbortSignal,
  stdout: 'inherit' | 'ignore' = 'inherit',
): Promise<string | undefined> {
  const start = await openStart();
  return await new Promise((resolve) => {
    const child = start(shell, ['-c', script, 'leader-run-hook', line], {
      env,
      detached: true,
      stdio: ['ignore', stdout, 'inherit', 'pipe'],
    });
    const { pid } = child;
    // Some errors come without a process and without an event (E2BIG, ENOMEM).
    if (pid === undefined) {
      void child.then(({ cause }) => {
        resolve(`could not be started: ${cause instanceof Error ? cause.message : String(cause)}`);
      });
      return;
    }
    const pipe = child.stdio[3];
    for (const emitter of [child, pipe]) emitter?.on('error', () => undefined);
    const kill = (): void => {
      sendSignal(-pid, 'SIGKILL');
      resolve('was killed');
    };
    limit.addEventListener('abort', kill, { once: true });
    child.once('exit', (status, signal) => {
      limit.removeEventListener('abort', kill);
      // What it has left running in its group is killed by this.
      pipe?.destroy();
      resolve(status === 0 ? undefined : `ended with ${signal ?? `status ${String(status)}`}`);
    });
    if (limit.aborted) kill();
  });
}
