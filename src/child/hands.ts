// What can be done to a command's processes: look for them, signal its group or each. Decides nothing; life.ts orders
// it.
// Knows no leash.
// Invariant: the guardian and we ourselves are never among them.

import { isRefused, isThere, sendSignal } from '../common/kill.ts';
import type { Hands } from './child.ts';
import type { Member } from './life.ts';
import type { CommandTree } from './sweep.ts';
import { findEverybodyElse } from './sweep.ts';

/** `guardian` tells its pid, since it may be replaced; `warn` is told of who may be alive. */
export function handsOn(
  pgid: number,
  tree: CommandTree,
  guardian: () => number | undefined,
  warn: (message: string) => void,
): Hands {
  const told = new Set<number>();

  /** Whom we may neither look at nor signal is not gone. */
  function mayBeAlive(): Member[] {
    const hidden = tree.lookForHidden();
    const all = isRefused(-pgid) ? [-pgid, ...hidden] : hidden;
    for (const pid of all.filter((each) => !told.has(each))) {
      told.add(pid);
      warn(doubt(pid));
    }
    return all.map((pid) => ({ pid, group: pgid, isUnsure: true }));
  }

  return {
    look: () => {
      // macOS has no /proc; there only the group is known.
      if (process.platform !== 'linux') return isThere(-pgid) ? [{ pid: -pgid, group: pgid }] : [];
      try {
        const found = tree.look([guardian() ?? 1]);
        return found.length > 0 ? found : mayBeAlive();
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

function doubt(pid: number): string {
  const who =
    pid < 0
      ? `the process group ${String(-pid)} has processes of another user, which`
      : `process ${String(pid)}, whose environment may not be read,`;
  return `${who} may belong to the command: the lock is not released while it lives; end it by hand if it does not`;
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
