// Keeps V8 from making machine code of what runs often. Decides that a run does without: it waits for nearly all of its
// time, and the compilers cost more than they save, 4 MB of memory as soon as one of them wakes up, and 6 % of the CPU
// of a launch (docs/launch.md). Does not know what is loaded.
// To check: V8 takes bytecode only under the flags that it was made with, that of Node's own modules included, so this
// comes after all that a usual run loads; what is loaded later is read from its source.

import { setFlagsFromString } from 'node:v8';

/** TurboFan first. Each is known to V8 from Node 20 on; one that is not would be told of on stderr. */
const compilers = ['opt', 'maglev', 'sparkplug'];

export function stopCompilers(): void {
  for (const name of compilers) setFlagsFromString(`--no-${name}`);
}
