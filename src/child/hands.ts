// What can be done to a command's processes: look for them, signal its group or each. Decides nothing; life.ts orders
// it.
// Knows no leash.
// Invariant: the guardian and we ourselves are never among them.

import { sendSignal, isThere } from '../common/kill.ts';
import type { Hands } from './child.ts';
import type { CommandTree } from './sweep.ts';
import { findEverybodyElse } from './sweep.ts';

/** `guardian` tells its pid, since it may be replaced. */
export function handsOn(pgid: number, tree: CommandTree, guardian: () => number | undefined): Hands {
  return {
    look: () => {
      // macOS has no /proc; there only the group is known.
      if (process.platform !== 'linux') return isThere(-pgid) ? [{ pid: -pgid, group: pgid }] : [];
      try {
        return tree.look([guardian() ?? 1]);
      } catch {
        // For want of a descriptor, or of memory.
        return undefined;
      }
    },
    signalGroup: (signal) => {
      sendSignal(-pgid, signal);
    },
    signalEach,
    others: process.pid === 1 ? { kill: killEverybodyElse, look: unlessBlind } : undefined,
  };
}

export function signalEach(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) sendSignal(pid, signal);
}

/** As process 1 of a pid namespace: every process but ourselves, whatever marks it has shed. */
function killEverybodyElse(): void {
  sendSignal(-1, 'SIGKILL');
}

/** For want of a descriptor nothing is known to be gone. */
function unlessBlind(): readonly number[] {
  try {
    return findEverybodyElse();
  } catch {
    return [-1];
  }
}
