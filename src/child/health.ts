// Whether the command is healthy, by its signs of life: a file that it touches (--health-file), a line for sh -c that
// ends with 0 (--health-command). Decides when they are looked for, and that a command without a sign for
// --health-max-age is not healthy. Does not know what follows from that.
// Invariant: a sign counts from its being seen, on our own clock: a file's times are compared with each other alone,
// so a clock that is set makes no command unhealthy, and keeps none healthy.

import { stat } from 'node:fs/promises';
import { type Clock, surelyElapsed } from '../clock.ts';
import { printable } from '../common/printable.ts';
import { span } from '../common/quantity.ts';
import { runHook } from './hook.ts';

export interface HealthChecks {
  readonly file: string | undefined;
  /** For sh -c. */
  readonly line: string | undefined;
  readonly maxAgeMs: number;
}

/** Of one command, from its start to its end. */
export interface HealthWatch {
  /** Resolves with the reason, once; never for a command that is healthy until its end. */
  readonly unhealthy: Promise<string>;
  readonly cancel: () => void;
}

/**
 * `env`: of the line. `stampOf`: a text that is another one after each touch of the file, '' where there is none.
 */
export function watchHealth(
  { file, line, maxAgeMs }: HealthChecks,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
  stampOf: (file: string) => Promise<string> = stampOnDisk,
): HealthWatch {
  const watchers = [
    ...(file === undefined
      ? []
      : [new Watcher(lookAtFile(file, stampOf), Math.min(maxAgeMs / 10, mostBetweenMs), clock)]),
    ...(line === undefined ? [] : [new Watcher(lookByLine(line, env), maxAgeMs / 3, clock)]),
  ];
  return {
    unhealthy: new Promise((resolve) => {
      for (const watcher of watchers) void watcher.untilSilent(maxAgeMs, resolve);
    }),
    cancel: () => {
      for (const watcher of watchers) watcher.cancel();
    },
  };
}

/** A look costs a system call, and a command that has stopped is to be known of soon. */
const mostBetweenMs = 5000;

/** Resolves with undefined for a sign of life, else with what was found in its place. */
type Look = (limit: AbortSignal) => Promise<string | undefined>;

/** Looks for one sign of life, again and again. */
class Watcher {
  readonly #look: Look;
  readonly #everyMs: number;
  readonly #clock: Clock;
  #isOver = false;
  #limit = new AbortController();
  #cancelWait = (): void => undefined;

  constructor(look: Look, everyMs: number, clock: Clock) {
    this.#look = look;
    this.#everyMs = everyMs;
    this.#clock = clock;
  }

  async untilSilent(maxAgeMs: number, tell: (reason: string) => void): Promise<void> {
    let signAt = this.#clock.now();
    while (this.#goesOn()) {
      const found = await this.#lookOnce();
      const now = this.#clock.now();
      if (found === undefined) signAt = now;
      else if (surelyElapsed(now, signAt) >= maxAgeMs && this.#goesOn())
        return tell(`${found}, and no sign of life was seen for ${span(maxAgeMs)}`);
      await this.#wait();
    }
  }

  /** The command may end during each look. */
  #goesOn(): boolean {
    return !this.#isOver;
  }

  cancel(): void {
    this.#isOver = true;
    this.#limit.abort();
    this.#cancelWait();
  }

  /** With a limit, since a file server may never answer. */
  async #lookOnce(): Promise<string | undefined> {
    const limit = new AbortController();
    this.#limit = limit;
    let cancel = (): void => undefined;
    const late = new Promise<string>((resolve) => {
      cancel = this.#clock.after(this.#everyMs, () => {
        resolve(`the last check took longer than ${span(this.#everyMs)}`);
        limit.abort();
      });
    });
    const found = await Promise.race([this.#look(limit.signal), late]);
    cancel();
    return found;
  }

  async #wait(): Promise<void> {
    if (this.#isOver) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(this.#everyMs, resolve);
      this.#cancelWait = () => {
        cancel();
        resolve();
      };
    });
  }
}

function lookAtFile(file: string, stampOf: (file: string) => Promise<string>): Look {
  const name = printable(file);
  let last: string | undefined;
  let asking: Promise<string> | undefined;
  return async () => {
    // One that a dead file server does not answer is not asked again: it would take another thread of ours.
    asking ??= stampOf(file).finally(() => (asking = undefined));
    const stamp = await asking;
    // At the first look, which is at the start, it makes no difference.
    const isSign = stamp !== last && stamp !== missing;
    last = stamp;
    if (isSign) return undefined;
    return stamp === missing ? `the health file ${name} is not there` : `the health file ${name} has not changed`;
  };
}

const missing = '';

async function stampOnDisk(file: string): Promise<string> {
  try {
    const { mtimeNs, ino } = await stat(file, { bigint: true });
    return `${String(mtimeNs)} ${String(ino)}`;
  } catch {
    return missing;
  }
}

function lookByLine(line: string, env: Readonly<Record<string, string | undefined>>): Look {
  return async (limit) => {
    const complaint = await runHook(line, env, limit, 'ignore');
    return complaint && `the health command ${complaint}`;
  };
}
