// The process boundary: arguments, environment and signals come in, an exit status goes out. Picks the verb, prints
// what it ends with, and exits. What the verbs do is src/commands/'s.
// Invariant: whatever happens, the process ends with a status of the table and a line that says why; if it dies without
// one, the guardian ends the command.

import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type Ending, exitStatus } from './cli/exit-status.ts';
import { chosen, verbs } from './commands/verbs.ts';
import { openSignalDesk } from './signals.ts';

/** Put in by the build, from package.json. */
declare const __LEADER_RUN_VERSION__: string;

// First of all: until a handler listens, SIGUSR1 opens Node's debugger. process.stdin would be opened by a look at it.
const desk = openSignalDesk(isatty(0) || isatty(2));
process.on('uncaughtException', crash);
process.on('exit', leaveTerminal);
void main();

async function main(): Promise<void> {
  if (process.platform === 'win32') {
    complain(['Windows is not supported: use WSL or a Linux container']);
    return;
  }
  const { command, words } = chosen(process.argv.slice(2));
  const env = { ...process.env };
  hurryLookups();
  const ending = await command.run({ words, env, version: __LEADER_RUN_VERSION__, desk, verbs, print });
  switch (ending.kind) {
    case 'answered':
      print(ending.text);
      complain(ending.remark === undefined ? [] : [ending.remark], exitStatus(ending));
      return;
    case 'refused':
    case 'not-executable':
    case 'not-found':
      complain(ending.faults, exitStatus(ending));
      return;
    default:
      // The log has said why.
      leave(ending);
  }
}

/**
 * No process ends before the lookups of its threads do, and glibc asks a name server that does not answer for 10 s, or
 * 20 with a search list. It reads this variable of ours at the first lookup; what we start gets what we inherited. One
 * who has set it knows better.
 */
function hurryLookups(): void {
  process.env['RES_OPTIONS'] ??= 'timeout:1 attempts:2';
}

/** Ends the process; by the signal that asked for it where one did, so that shells and systemd see the truth. */
function leave(ending: Ending): never {
  const signal = ending.kind === 'stopped' || ending.kind === 'command-signalled' ? ending.signal : undefined;
  // The kernel protects PID 1 from signals that it does not handle.
  if (signal !== undefined && signal === desk.asked() && process.pid !== 1) desk.reraise(signal);
  process.exit(exitStatus(ending));
}

/**
 * Node gives a terminal back as it found it, long ago: in raw mode perhaps, if a pager or an editor was at it then. And
 * it aborts where the terminal has gone away. A descriptor that is closed is left alone.
 */
function leaveTerminal(): void {
  for (const descriptor of [0, 1, 2]) {
    try {
      closeSync(descriptor);
    } catch {
      // It was closed before.
    }
  }
}

/** A bug. The command must not outlive us: the guardian sees us go and ends it. */
function crash(error: Error): void {
  process.stderr.write(`leader-run: internal error, the command is being ended: ${error.stack ?? error.message}\n`);
  process.exit(125);
}

let isOutWatched = false;

function print(text: string): void {
  if (text === '') return;
  if (!isOutWatched) {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that has closed the pipe has read enough, also of what would go on.
      if (error.code === 'EPIPE') process.exit();
      complain([`cannot write to stdout: ${error.message}`]);
    });
  }
  isOutWatched = true;
  process.stdout.write(text);
}

function complain(faults: readonly string[], status = 125): void {
  process.exitCode = status;
  process.stderr.write(faults.map((fault) => `leader-run: ${fault}\n`).join(''));
}
