// Whether this process has its terminal to itself. Decides by the kernel's word alone, and opens no terminal. Does not
// know what is read or written there.
// Invariant: a process without a controlling terminal is in nobody's background.

import { readFileSync } from 'node:fs';

/** As after `leader-run &`: what is typed is for the shell. False where the kernel does not tell. */
export function inBackground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // After the name, which may hold blanks and brackets: state, parent, group, session, terminal, its group.
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return foreground !== '-1' && group !== foreground;
  } catch {
    return false;
  }
}
