// Whether the command can be started at all, before any lock is asked for, and if not, what to change. Decides as a
// shell would that is about to execute it: PATH, the right to execute, and the interpreter that a script names. Starts
// nothing, and cannot know what the interpreter will say.
// Invariant: what the kernel would start is found.

import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { codeOf } from '../common/errors.ts';

export type Found =
  | { readonly kind: 'found' }
  /** `why` follows the command's name, and says what to change where that can be guessed. */
  | { readonly kind: 'not-found' | 'not-executable'; readonly why: string };

const usualPath = '/usr/local/bin:/usr/bin:/bin';
const found: Found = { kind: 'found' };
const absent = { kind: 'not-found', why: 'was not found' } as const;

/** The file may be there, so bash says 126. A folder of PATH that may not be entered is passed over, as by shells. */
const shutAway: Found = { kind: 'not-executable', why: 'cannot be executed: a folder on its way may not be entered' };
const hindrances: Readonly<Record<string, Found>> = {
  ELOOP: { kind: 'not-executable', why: 'cannot be executed: its symbolic links lead in a circle' },
  ENAMETOOLONG: { kind: 'not-executable', why: 'cannot be executed: its name is too long' },
  EACCES: shutAway,
};

export function findCommand(command: string, path: string | undefined): Found {
  if (command.includes('/')) return judge(command);
  const verdicts = (path ?? usualPath).split(delimiter).map((folder) => judge(join(folder || '.', command)));
  return (
    verdicts.find(({ kind }) => kind === 'found') ??
    verdicts.find((verdict) => verdict !== absent && verdict !== shutAway) ?? {
      kind: 'not-found',
      why: absent.why + guess(command),
    }
  );
}

function judge(file: string): Found {
  try {
    if (!statSync(file).isFile()) return { kind: 'not-executable', why: 'cannot be executed: it is not a file' };
  } catch (error) {
    return hindrances[codeOf(error) ?? ''] ?? absent;
  }
  if (!isExecutable(file)) return { kind: 'not-executable', why: `cannot be executed: run chmod +x on ${file}` };
  const interpreter = interpreterOf(file);
  if (interpreter === undefined || isExecutable(interpreter)) return found;
  const advice = interpreter.endsWith('\r')
    ? 'its lines end with CR LF: convert them, as with dos2unix'
    : `its first line names the interpreter ${interpreter}, which cannot be started`;
  // As shells count it: what was not found is the interpreter.
  return { kind: 'not-found', why: `cannot be executed, since ${advice}` };
}

/** What a slip usually is when a word is in no folder of PATH. */
function guess(command: string): string {
  if (/\s/.test(command)) return ": it is taken as one word, so give the words one by one, or sh -c '...'";
  if (/^\w+=/.test(command)) return ': variables are set by env NAME=value ...';
  if (judge(join('.', command)) !== absent) return `: write ./${command} for the one in this folder`;
  return shellsOwn.has(command) ? `: it is a word of shells, so use sh -c '${command} ...'` : '';
}

const shellsOwn = new Set(['cd', 'exec', 'export', 'set', 'source', 'ulimit', 'umask', 'if', 'for', 'while', '.']);

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Of a script that begins with `#!`; as much of the first line as the kernel reads (BINPRM_BUF_SIZE). */
function interpreterOf(file: string): string | undefined {
  const head = Buffer.alloc(256);
  try {
    const descriptor = openSync(file, 'r');
    try {
      readSync(descriptor, head);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // What may be executed need not be readable.
    return undefined;
  }
  return /^#![ \t]*([^ \t\n\0]+)[ \t\n]/.exec(head.toString('latin1'))?.[1];
}
