// Events -> lines on stderr: a sentence for people, or JSON for machines that carries the same sentence. Decides how a
// line looks and which events have one. Knows neither the command line, nor what an event means (sentences.ts), nor how
// a line gets out without holding anything up (line-writer.ts).
// Invariant: one event is one line, and text from elsewhere enters a line only through `printable` (or JSON escapes).

import { isPlain } from '../common/printable.ts';
import type { Event, Report } from './events.ts';
import { LineWriter, type LineWriterOptions, unblocked } from './line-writer.ts';
import { levelOf, type LogLevel, sentence } from './sentences.ts';
import { count } from '../common/quantity.ts';
import { utcText } from '../common/utc.ts';

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
  /** Resolves once all lines are out, or after a second. */
  readonly flush: () => Promise<void>;
}

export interface LogOptions extends Pick<LoggerOptions, 'format' | 'level' | 'wall'> {
  readonly colour: boolean;
  readonly after: LineWriterOptions['after'];
  readonly descriptor?: number;
}

/** The logger as the program uses it. Loads chalk only for pretty lines in colour. */
export async function openLog({ colour, after, descriptor = 2, ...options }: LogOptions): Promise<Log> {
  const paint = options.format === 'pretty' && colour ? await loadPaint() : undefined;
  const onDropped = (lines: number): void => {
    report({ kind: 'note', level: 'warn', message: `${count(lines, 'log line')} dropped: stderr did not take them` });
  };
  const writer = new LineWriter({ descriptor: unblocked(descriptor), after, onDropped });
  const write = (line: string): void => {
    writer.write(line);
  };
  const report = createLogger({ ...options, paint, write });
  return { report, flush: () => writer.flush() };
}

async function loadPaint(): Promise<Paint | undefined> {
  const { Chalk, supportsColorStderr } = await import('chalk');
  // An instance of our own, since chalk's does not heed NO_COLOR, which the caller has looked at.
  if (supportsColorStderr === false) return undefined;
  const chalk = new Chalk({ level: supportsColorStderr.level });
  return { faint: chalk.dim, good: chalk.green, warning: chalk.yellow, error: chalk.red };
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
  const line = { time: utcText(wallMs), level, event: kind, ...fields, message: sentence(event) };
  const json = JSON.stringify(line, (_, value: unknown) =>
    typeof value === 'string' && value.length > fieldCap ? `${value.slice(0, fieldCap)}…` : value,
  );
  // JSON.stringify leaves C1 and format characters alone, which a terminal would obey; escaped, they mean the same.
  return `${isPlain(json) ? json : json.replace(/[\u007f-\u009f]|\p{Cf}|[\u2028\u2029]/gu, asJsonEscapes)}\n`;
}

/** One escape for each UTF-16 unit, as JSON wants it. */
function asJsonEscapes(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
