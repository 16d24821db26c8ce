// Lines to a descriptor, without ever blocking the event loop and without throwing: a log that is not read must not
// cost the lock. process.stderr would block: once a child has inherited a pipe on it, libuv has set the pipe to
// blocking, and a write into a full one stands still (measured: until the reader comes back). A write in the thread
// pool stands still alone. Decides which lines are dropped when the reader is behind. Does not know what a line says.
// Invariant: one write at a time, in order; a line is written whole or counted as dropped, unless the descriptor fails.

import { constants, fstatSync, openSync, write } from 'node:fs';

export interface LineWriterOptions {
  readonly descriptor: number;
  /** Clock.after: the pause before a full pipe is tried again, and the limit of a flush. */
  readonly after: (ms: number, callback: () => void) => () => void;
  /** Told how many lines were dropped, once there is room again. */
  readonly onDropped: (lines: number) => void;
}

/** About 5000 lines; a reader that is further behind than this gets a number in their place. */
const backlogLimit = 1_000_000;
const flushLimitMs = 1000;
const fullPauseMs = 20;

export class LineWriter {
  readonly #options: LineWriterOptions;
  #waiting: string[] = [];
  /** The length of what waits, in characters. */
  #backlog = 0;
  #dropped = 0;
  #isBusy = false;
  readonly #onIdle: (() => void)[] = [];

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  write(line: string): void {
    if (this.#backlog + line.length > backlogLimit) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#backlog += line.length;
    if (!this.#isBusy) this.#next();
  }

  /** Resolves once all lines are out, or after a second: the exit does not wait for a reader that has stopped. */
  flush(): Promise<void> {
    if (!this.#isBusy) return Promise.resolve();
    return new Promise((resolve) => {
      const undo = this.#options.after(flushLimitMs, resolve);
      this.#onIdle.push(() => {
        undo();
        resolve();
      });
    });
  }

  #next(): void {
    this.#isBusy = this.#waiting.length > 0;
    if (this.#isBusy) {
      const bytes = Buffer.from(this.#waiting.join(''));
      this.#waiting = [];
      this.#backlog = 0;
      this.#put(bytes);
      return;
    }
    this.#tellDropped();
    this.#tellIdle();
  }

  #put(bytes: Buffer): void {
    const { descriptor, after } = this.#options;
    write(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      // A full pipe that another process has set to non-blocking; what was not written is tried again.
      if (error?.code === 'EAGAIN')
        return void after(fullPauseMs, () => {
          this.#put(bytes);
        });
      // EPIPE, EIO, ENOSPC: there is nowhere else to say it, so these lines are lost, and the next are tried.
      if (error === null && written < bytes.length) this.#put(bytes.subarray(written));
      else this.#next();
    });
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#options.onDropped(lines);
  }

  #tellIdle(): void {
    // What was dropped may have become a line that is under way now.
    if (!this.#isBusy) for (const tell of this.#onIdle.splice(0)) tell();
  }
}

/**
 * The same pipe or terminal through a descriptor of our own that never blocks, whatever others do to theirs: a write
 * that waits for a reader would hold up the exit, which waits for all threads. Others (files, sockets) stay as they
 * are.
 */
export function unblocked(descriptor: number): number {
  try {
    const kind = fstatSync(descriptor);
    if (!kind.isFIFO() && !kind.isCharacterDevice()) return descriptor;
    return openSync(
      `/proc/self/fd/${String(descriptor)}`,
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch {
    // No /proc, or a terminal of another user's: then it may block.
    return descriptor;
  }
}
