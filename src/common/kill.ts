// The only sender of signals. Decides nothing: its callers say which process gets which signal. Does not know whose
// processes they are.
// Invariant: what cannot be signalled is told and never passed over: a process of another user is alive.

import { codeOf } from './errors.ts';

export type Sent = 'sent' | 'gone' | 'refused';

/** To a process, or with a negative number to a process group. */
export function sendSignal(target: number, signal: NodeJS.Signals): Sent {
  return send(target, signal);
}

/** Whether the process, or the group, has a member that is not reaped. */
export function isThere(target: number): boolean {
  return send(target, 0) !== 'gone';
}

/** Whether there are members, none of which we may signal. */
export function isRefused(target: number): boolean {
  return send(target, 0) === 'refused';
}

function send(target: number, signal: NodeJS.Signals | 0): Sent {
  try {
    process.kill(target, signal);
    return 'sent';
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ESRCH') return 'gone';
    if (code === 'EPERM') return 'refused';
    throw error;
  }
}
