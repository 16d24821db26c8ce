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
/** Some of them end a process that does not listen: then the command, as without leader-run. */
const messages: readonly NodeJS.Signals[] = [
  ...(['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGWINCH', 'SIGCONT', 'SIGURG'] as const),
  ...(['SIGIO', 'SIGPWR', 'SIGSTKFLT', 'SIGVTALRM', 'SIGXCPU'] as const),
];
/** A terminal's job control sends them to whoever it has started; without a terminal they are messages. */
const jobControl = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const;
/** An answer to a key that was pressed twice, or that a parent has passed on again, is no second wish. */
const impatientAfterMs = 1000;

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
  /** Whom to tell of signals that are ignored; and what time it is, by a clock that only goes on. */
  reportTo(report: Report, nowMs: () => number): void;
  /** Ends this process as the signal would have, had no handler listened. Returns if the signal does not end it. */
  reraise(signal: NodeJS.Signals): void;
}

/** `onTerminal`: a second Ctrl-C is a user who has lost patience, not a supervisor that repeats itself. */
export function openSignalDesk(onTerminal: boolean): SignalDesk {
  const stop = new AbortController();
  let asked: NodeJS.Signals | undefined;
  let askedAtMs = 0;
  let nowMs = (): number => 0;
  let receiver: Receiver | undefined;
  let report: Report | undefined;
  const told = new Set<NodeJS.Signals>();

  const ask = (signal: NodeJS.Signals): void => {
    if (asked === undefined) {
      asked = signal;
      askedAtMs = nowMs();
      stop.abort();
    } else if (!onTerminal || signal !== 'SIGINT') receiver?.forward(signal);
    else if (nowMs() - askedAtMs >= impatientAfterMs) receiver?.kill();
  };
  const message = (signal: NodeJS.Signals): void => {
    receiver?.forward(signal);
  };
  const ignore = (signal: NodeJS.Signals): void => {
    if (!told.has(signal)) report?.({ kind: 'ignored-signal', signal });
    told.add(signal);
  };
  for (const signal of stopping) process.on(signal, ask);
  for (const signal of hangingUp) {
    process.on(signal, () => {
      if (receiver) receiver.forward(signal);
      else ask(signal);
    });
  }
  // Some are Linux's own.
  for (const signal of messages.filter((name) => name in constants.signals)) process.on(signal, message);
  for (const signal of jobControl) process.on(signal, onTerminal ? ignore : message);
  process.on('SIGPIPE', ignore);
  return {
    stop: stop.signal,
    asked: () => asked,
    attach: (next) => {
      receiver = next;
    },
    reportTo: (next, clock) => {
      report = next;
      nowMs = clock;
    },
    reraise: (signal) => {
      process.removeAllListeners(signal);
      // Node emits no 'exit' at a death by signal; the runner of a credential plugin ends the plugin on it.
      process.emit('exit', 128 + constants.signals[signal]);
      sendSignal(process.pid, signal);
    },
  };
}
