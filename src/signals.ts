// Which signal means what, and when: a request to stop, a message for the command, or nothing. Listens from the first
// moment on (SIGUSR1 without a listener opens Node's debugger). Knows neither the lock nor how a command is stopped.
// Invariants: leader-run never stops itself (a stopped holder cannot renew); every signal that means something to the
// command reaches it exactly once, since it runs in a session of its own and sees none of the terminal's.

import { constants } from 'node:os';
import { sendSignal } from './common/kill.ts';
import type { Report } from './observe/events.ts';

/** These ask leader-run to stop; with a command running, the last two are the command's own affair. */
const stopping = ['SIGTERM', 'SIGINT'] as const;
const hangingUp = ['SIGHUP', 'SIGQUIT'] as const;
const messages = ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGWINCH', 'SIGCONT'] as const;
const ignored = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGPIPE'] as const;

/** What runs at the moment, as far as signals concern it. */
export interface Receiver {
  forward(signal: NodeJS.Signals): void;
  /** The user insists: kill. */
  kill(): void;
}

export interface SignalDesk {
  /** Aborts with the first request to stop. */
  readonly stop: AbortSignal;
  /** Which signal that was. */
  readonly asked: () => NodeJS.Signals | undefined;
  /** Sends signals to whatever runs now; undefined: nothing does. */
  attach(receiver: Receiver | undefined): void;
  /** Whom to tell of signals that are ignored. */
  reportTo(report: Report): void;
  /** Ends this process as the signal would have, had no handler listened. Returns if the signal does not end it. */
  reraise(signal: NodeJS.Signals): void;
}

/** `onTerminal`: a second Ctrl-C is a user who has lost patience, not a supervisor that repeats itself. */
export function openSignalDesk(onTerminal: boolean): SignalDesk {
  const stop = new AbortController();
  let asked: NodeJS.Signals | undefined;
  let receiver: Receiver | undefined;
  let report: Report | undefined;
  const told = new Set<NodeJS.Signals>();

  const ask = (signal: NodeJS.Signals): void => {
    if (asked === undefined) {
      asked = signal;
      stop.abort();
    } else if (onTerminal) receiver?.kill();
    else receiver?.forward(signal);
  };
  for (const signal of stopping) process.on(signal, ask);
  for (const signal of hangingUp) {
    process.on(signal, () => {
      if (receiver) receiver.forward(signal);
      else ask(signal);
    });
  }
  for (const signal of messages) {
    process.on(signal, () => {
      receiver?.forward(signal);
    });
  }
  for (const signal of ignored) {
    process.on(signal, () => {
      if (!told.has(signal)) report?.({ kind: 'ignored-signal', signal });
      told.add(signal);
    });
  }
  return {
    stop: stop.signal,
    asked: () => asked,
    attach: (next) => {
      receiver = next;
    },
    reportTo: (next) => {
      report = next;
    },
    reraise: (signal) => {
      process.removeAllListeners(signal);
      // Node emits no 'exit' at a death by signal; the runner of a credential plugin ends the plugin on it.
      process.emit('exit', 128 + constants.signals[signal]);
      sendSignal(process.pid, signal);
    },
  };
}
