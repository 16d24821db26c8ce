// Kubernetes Events about who leads, for those who look at the lock object: "alice became leader", "alice stopped
// leading", as client-go's electors tell it. Decides which of the program's events are told there, and that they hold
// up nothing: they are sent one after the other, a little later, and are dropped when they cannot be.
// Knows no request and no connection; the lock announces.
// Invariant: each beginning has at most one end; nothing waits for an announcement but `flush`, and that not for long.

import type { Clock } from '../clock.ts';
import type { Announcement, Attempt, Trouble } from '../locks/lock.ts';
import type { Event, Report } from './events.ts';

export interface AnnouncerOptions {
  readonly announce: (announcement: Announcement, attempt: Attempt) => Promise<Trouble | undefined>;
  readonly identity: string;
  /** Told when an announcement came to nothing. */
  readonly report: Report;
  readonly clock: Clock;
}

/** At the beginning of a term the command's start comes first. */
const pauseMs = 500;
const limitMs = 5000;
const flushMs = 1000;
/** More than this many that cannot be sent say nothing new. */
const mostWaiting = 8;

export function eventsOn(options: AnnouncerOptions): Announcer {
  return new Announcer(options);
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #waiting: Announcement[] = [];
  #isLeading = false;
  #sending: Promise<void> | undefined;
  /** A failure was reported; the next ones say nothing new. */
  #isTold = false;
  #cancelPause = (): void => undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** A listener like the log. */
  hear(event: Event): void {
    switch (event.kind) {
      case 'elected':
        this.#stopLeading();
        this.#isLeading = true;
        return this.#say('became leader');
      case 'lost':
      case 'released':
      case 'left-held':
      case 'release-failed':
        return this.#stopLeading();
      default:
        return undefined;
    }
  }

  /** To be called when the lock is no longer needed. Resolves when all is told, or soon. */
  async flush(): Promise<void> {
    this.#stopLeading();
    this.#cancelPause();
    if (this.#waiting.length > 0) this.#send();
    if (this.#sending === undefined) return;
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => (cancel = this.#options.clock.after(flushMs, resolve)));
    await Promise.race([this.#sending, late]);
    cancel();
  }

  #stopLeading(): void {
    if (this.#isLeading) this.#say('stopped leading');
    this.#isLeading = false;
  }

  #say(what: string): void {
    const { identity, clock } = this.#options;
    this.#waiting.push({ message: `${identity} ${what}`, wallMs: clock.now().wall });
    if (this.#waiting.length > mostWaiting) this.#waiting.shift();
    this.#cancelPause();
    this.#cancelPause = clock.after(pauseMs, () => {
      this.#send();
    });
  }

  #send(): void {
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
  }

  async #sendAll(): Promise<void> {
    const { announce, report } = this.#options;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const trouble = await announce(next, { limitMs });
      if (trouble === undefined || this.#isTold) continue;
      this.#isTold = true;
      const level = trouble.cause === 'forbidden' ? 'warn' : 'info';
      report({ kind: 'note', level, message: `${trouble.message}; leading does not depend on it (see --no-events)` });
    }
  }
}
