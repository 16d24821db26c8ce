// Which descriptors the command gets: 0, 1 and 2. Node keeps the first ones that it inherited from its children, and
// passes on those from 17 on; what is passed on is closed here, so that there is one rule. Does not know what they are.
// Invariant: only descriptors that a child would inherit are closed; Node's own are closed at exec.

import { closeSync, readdirSync, readFileSync } from 'node:fs';

const closesAtExec = 0o2000000;

/** Before anything is started. */
export function closeInherited(): void {
  if (process.platform !== 'linux') return;
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name);
    if (descriptor > 2 && isPassedOn(descriptor)) closeSync(descriptor);
  }
}

function isPassedOn(descriptor: number): boolean {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${String(descriptor)}`, 'latin1');
    const flags = /^flags:\s*(\d+)/m.exec(info)?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & closesAtExec) === 0;
  } catch {
    // The folder itself was one of them.
    return false;
  }
}
