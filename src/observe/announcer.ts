// Kubernetes Events about who leads, for those who look at the lock object: "alice became leader", "alice stopped
// leading", as client-go's electors tell it. Decides which of the program's events are told there, and that they hold
// up nothing: they are sent one after the other, a little later, and are dropped when they cannot be.
// Knows no request; the lock announces.
// Invariant: each beginning has at most one end; nothing waits for an announcement but `flush`, and that not for long.

import type { Clock } from '../clock.ts';
import type { Announcement, Attempt, Trouble } from '../locks/lock.ts';
import type { Event, Report } from './events.ts';

export interface KubeEventsOptions {
  readonly announce: (announcement: Announcement, attempt: Attempt) => Promise<Trouble | undefined>;
  readonly identity: string;
  /** Told when an announcement came to nothing. */
  readonly report: Report;
  readonly clock: Clock;
}

export interface KubeEvents {
  /** A listener like the log. */
  readonly hear: (event: Event) => void;
  /** To be called when the lock is no longer needed. Resolves when all is told, or soon. */
  flush(): Promise<void>;
}

/** At the beginning of a term the command's start comes first. */
const pauseMs = 500;
const limitMs = 5000;
const flushMs = 1000;
/** More than this many that cannot be sent say nothing new. */
const mostWaiting = 8;

export function eventsOn({ announce, identity, report, clock }: KubeEventsOptions): KubeEvents {
  const waiting: Omit<Announcement, 'farewell'>[] = [];
  let farewell = false;
  let leading = false;
  let sending: Promise<void> | undefined;
  let told = false;
  let cancelPause = (): void => undefined;

  function say(what: string): void {
    waiting.push({ message: `${identity} ${what}`, wallMs: clock.now().wall });
    if (waiting.length > mostWaiting) waiting.shift();
    cancelPause();
    cancelPause = clock.after(pauseMs, send);
  }

  function send(): void {
    sending ??= sendAll().finally(() => (sending = undefined));
  }

  async function sendAll(): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const trouble = await announce({ ...next, farewell }, { limitMs });
      if (trouble === undefined || told) continue;
      told = true;
      const level = trouble.cause === 'forbidden' ? 'warn' : 'info';
      report({ kind: 'note', level, message: `${trouble.message}; leading does not depend on it (see --no-events)` });
    }
  }

  function stopLeading(): void {
    if (leading) say('stopped leading');
    leading = false;
  }

  return {
    hear: (event) => {
      switch (event.kind) {
        case 'elected':
          stopLeading();
          leading = true;
          return say('became leader');
        case 'lost':
        case 'released':
        case 'left-held':
        case 'release-failed':
          return stopLeading();
        default:
          return undefined;
      }
    },
    async flush() {
      farewell = true;
      stopLeading();
      cancelPause();
      if (waiting.length > 0) send();
      if (sending === undefined) return;
      let cancel = (): void => undefined;
      const late = new Promise<void>((resolve) => (cancel = clock.after(flushMs, resolve)));
      await Promise.race([sending, late]);
      cancel();
    },
  };
}
