// The start gate where there is no shell, or an environment that no shell can carry: a program of its own, run by Node,
// that waits on descriptor 3 for `NAME=value` lines and `go`, as the shell's gate does. Becomes the command where Node
// can (process.execve, Node 22.15); elsewhere stays its parent in the same group and passes its end on.
// Invariant: end of file before `go` ends it with 125, and the command never runs.

import { spawn } from 'node:child_process';
import { closeSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { sendSignal } from '../../common/kill.ts';

const [, , command = '', ...args] = process.argv;
const environment: NodeJS.ProcessEnv = { ...process.env };
waitForGo();
closeSync(3);
become();

function waitForGo(): void {
  for (;;) {
    const line = readLine();
    if (line === undefined) process.exit(125);
    if (line === 'go') return;
    const equals = line.indexOf('=');
    environment[line.slice(0, equals)] = line.slice(equals + 1);
  }
}

/** Byte by byte, since whatever follows `go` would be the command's. */
function readLine(): string | undefined {
  const bytes: number[] = [];
  const byte = Buffer.alloc(1);
  for (;;) {
    if (readSync(3, byte, 0, 1, null) === 0) return undefined;
    const [value = 10] = byte;
    if (value === 10) return Buffer.from(bytes).toString();
    bytes.push(value);
  }
}

function become(): void {
  // The group's signals reach the command by themselves; this process must outlive them to tell how it ended.
  for (const signal of Object.keys(constants.signals) as NodeJS.Signals[]) {
    if (
      [
        'SIGKILL',
        'SIGSTOP',
        'SIGCHLD',
        'SIGCONT',
        'SIGPROF',
        'SIGSEGV',
        'SIGBUS',
        'SIGILL',
        'SIGFPE',
        'SIGABRT',
        'SIGIOT',
        'SIGTRAP',
        'SIGSYS',
      ].includes(signal)
    )
      continue;
    process.on(signal, ignore);
  }
  const child = spawn(command, args, { stdio: 'inherit', env: environment });
  child.on('error', (error) => {
    process.stderr.write(`leader-run-gate: cannot run ${command}: ${error.message}\n`);
    // Also for a script whose interpreter is missing, as shells have it.
    process.exit('code' in error && error.code === 'ENOENT' ? 127 : 126);
  });
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status ?? 0);
    process.removeAllListeners(signal);
    sendSignal(process.pid, signal);
    // A signal that cannot end this process (it was blocked or is ignored) still tells its number.
    setTimeout(() => process.exit(128 + constants.signals[signal]), 1000);
  });
}

function ignore(): void {
  // Nothing to do: the command got it too.
}
