// What the process is told by its surroundings other than by arguments and environment.
// Decides nothing of what follows from that.
// Invariant: nothing here throws; what cannot be told is undefined, and who needs it says what is missing.

import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { isatty } from 'node:tty';

export interface Facts {
  readonly hostname: string;
  /** From the passwd entry, not from HOME; undefined for a user without one. */
  readonly home: string | undefined;
  /** Undefined when the folder has been removed. */
  readonly folder: string | undefined;
  readonly uuid: string;
  /** Of stderr, where the log goes. */
  readonly isTerminal: boolean;
  /** Node has read the arguments as they are; false: some are not UTF-8, and Node has changed them. */
  readonly hasAllBytes: boolean;
}

/** What Node puts in the place of bytes that are not UTF-8; it may have been given, too. */
export const mayBeChanged = (word: string): boolean => word.includes('\ufffd');

export function systemFacts(): Facts {
  return {
    hostname: hostname(),
    // Containers often run as a user number without an entry.
    home: unlessThrown(() => userInfo().homedir),
    folder: unlessThrown(() => process.cwd()),
    uuid: randomUUID(),
    isTerminal: isatty(2),
    hasAllBytes:
      !process.argv.some(mayBeChanged) || (unlessThrown(() => isUtf8(readFileSync('/proc/self/cmdline'))) ?? true),
  };
}

function unlessThrown<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    // The caller says what is missing, if it turns out to be needed.
    return undefined;
  }
}
