// What it means that leader-run is process 1 of a container: orphans become its children, and Node never reaps them.
// Decides when so many of them are worth a line of the log, and looks until then. Reaps and ends nothing.
// Does not know what the command is.
// Invariant: at most two lines, one at the start and one about zombies.

import type { Clock } from '../clock.ts';
import type { Report } from '../observe/events.ts';
import { countOrphanedZombies } from './sweep.ts';

const manyZombies = 20;
const lookMs = 30_000;

/** Does nothing unless this process is PID 1. */
export function watchZombies(clock: Clock, report: Report): void {
  if (process.pid !== 1) return;
  report({ kind: 'pid-1', zombies: 0 });
  const look = (): void => {
    const zombies = countOrphanedZombies();
    if (zombies >= manyZombies) report({ kind: 'pid-1', zombies });
    else clock.after(lookMs, look);
  };
  clock.after(lookMs, look);
}
