// Events -> lines on stderr: a sentence for people, or JSON for machines that carries the same sentence. Decides how a
// line looks, and that logging neither blocks nor throws: a log that nobody reads must not cost the lock. Knows neither
// the command line nor what an event means (sentences.ts).
// Invariant: one event is one line, and text from elsewhere enters a line only through `printable` (or JSON escapes).

import { constants, fstatSync, openSync, write } from 'node:fs';
import type { Event, Report } from './events.ts';
import { count, levelOf, type LogLevel, sentence } from './sentences.ts';

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** How the parts of a pretty line look; undefined: as they are. */
export interface Paint {
  readonly faint: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly error: (text: string) => string;
}

export interface LoggerOptions {
  readonly format: 'pretty' | 'json';
  /** Events below it are left out. */
  readonly level: LogLevel;
  readonly paint?: Paint | undefined;
  /** Takes a line with its line break, and must not throw. */
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
}

export function createLogger({ format, level, paint, write, wall }: LoggerOptions): Report {
  const least = levels.indexOf(level);
  return (event) => {
    const its = levelOf(event);
    if (levels.indexOf(its) < least) return;
    write(format === 'json' ? jsonLine(event, its, wall()) : prettyLine(event, its, wall(), paint));
  };
}

export interface Log {
  readonly report: Report;
  /** Resolves once all lines are out, or after a second: nobody may wait for a reader that has stopped reading. */
  readonly flush: () => Promise<void>;
}

export interface LogOptions extends Pick<LoggerOptions, 'format' | 'level' | 'wall'> {
  readonly colour: boolean;
  /** Clock.after: the pause before a full pipe is tried again, and the limit of a flush. */
  readonly after: (ms: number, callback: () => void) => () => void;
  readonly descriptor?: number;
}

/** The logger as the program uses it. Loads chalk only for pretty lines in colour. */
export async function openLog({ colour, after, descriptor = 2, ...options }: LogOptions): Promise<Log> {
  const paint = options.format === 'pretty' && colour ? await loadPaint() : undefined;
  const writer = lineWriter(unblocked(descriptor), after, (lines) => {
    report({ kind: 'note', level: 'warn', message: `${count(lines, 'log line')} dropped: stderr did not take them` });
  });
  const report = createLogger({ ...options, paint, write: writer.write });
  return { report, flush: writer.flush };
}

/**
 * The same pipe or terminal through a descriptor of our own that never blocks, whatever others do to theirs: a write
 * that waits for a reader would hold up the exit, which waits for all threads. Others (files, sockets) stay as they
 * are.
 */
function unblocked(descriptor: number): number {
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

async function loadPaint(): Promise<Paint | undefined> {
  const { Chalk, supportsColorStderr } = await import('chalk');
  // An instance of our own, since chalk's does not heed NO_COLOR, which the caller has looked at.
  if (supportsColorStderr === false) return undefined;
  const chalk = new Chalk({ level: supportsColorStderr.level });
  return { faint: chalk.dim, good: chalk.green, warning: chalk.yellow, error: chalk.red };
}

/** About 5000 lines; a reader that is further behind than this gets a number in their place. */
const backlogLimit = 1_000_000;
const flushLimitMs = 1000;

/**
 * Writes without ever blocking the event loop. process.stderr would: once a child has inherited a pipe on it, libuv
 * has set the pipe to blocking, and a write into a full one stands still (measured: until the reader comes back).
 * A write in the thread pool stands still alone.
 */
export function lineWriter(
  descriptor: number,
  after: LogOptions['after'],
  onDropped: (lines: number) => void,
): { write: (line: string) => void; flush: () => Promise<void> } {
  let waiting: string[] = [];
  let backlog = 0;
  let dropped = 0;
  let isBusy = false;
  const onIdle: (() => void)[] = [];

  const put = (bytes: Buffer): void => {
    write(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      // A full pipe that somebody has set to non-blocking; what was not written is tried again.
      if (error?.code === 'EAGAIN')
        return void after(20, () => {
          put(bytes);
        });
      // EPIPE, EIO, ENOSPC: there is no other place to say it in, so these lines are lost, and the next are tried.
      if (error === null && written < bytes.length) put(bytes.subarray(written));
      else next();
    });
  };
  const next = (): void => {
    isBusy = waiting.length > 0;
    if (isBusy) {
      const bytes = Buffer.from(waiting.join(''));
      waiting = [];
      backlog = 0;
      put(bytes);
      return;
    }
    if (dropped > 0) {
      const lines = dropped;
      dropped = 0;
      onDropped(lines);
    }
    tellIdle();
  };
  const tellIdle = (): void => {
    // What was dropped may have become a line that is under way now.
    if (!isBusy) for (const tell of onIdle.splice(0)) tell();
  };

  return {
    write: (line) => {
      if (backlog + line.length > backlogLimit) {
        dropped += 1;
        return;
      }
      waiting.push(line);
      backlog += line.length;
      if (!isBusy) next();
    },
    flush: () =>
      new Promise((resolve) => {
        if (!isBusy) {
          resolve();
          return;
        }
        const undo = after(flushLimitMs, resolve);
        onIdle.push(() => {
          undo();
          resolve();
        });
      }),
  };
}

function prettyLine(event: Event, level: LogLevel, wallMs: number, paint: Paint | undefined): string {
  const at = new Date(wallMs);
  const two = (part: number): string => String(part).padStart(2, '0');
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  const head = `${time}.${String(at.getMilliseconds()).padStart(3, '0')} leader-run`;
  const text = sentence(event);
  if (paint === undefined) return `${head}  ${text}\n`;
  const info = event.kind === 'elected' ? paint.good : (plain: string): string => plain;
  const colours = { debug: paint.faint, info, warn: paint.warning, error: paint.error };
  return `${paint.faint(head)}  ${colours[level](text)}\n`;
}

/** Longer texts in an event's own fields are cut: the server stores names of more than a megabyte. */
const fieldCap = 1024;

function jsonLine(event: Event, level: LogLevel, wallMs: number): string {
  const { kind, ...fields } = event;
  const line = { time: new Date(wallMs).toISOString(), level, event: kind, ...fields, message: sentence(event) };
  const json = JSON.stringify(line, (_, value: unknown) =>
    typeof value === 'string' && value.length > fieldCap ? `${value.slice(0, fieldCap)}…` : value,
  );
  // JSON.stringify leaves C1 and format characters alone, which a terminal would obey; escaped, they mean the same.
  return `${json.replace(/[\u007f-\u009f]|\p{Cf}|[\u2028\u2029]/gu, asJsonEscapes)}\n`;
}

/** One escape for each UTF-16 unit, as JSON wants it. */
function asJsonEscapes(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
