// What the texts of job options mean, or why they mean nothing: keys, numbers of attempts, the five fields of a cron
// line, time zones. Decides that a cron line is what a crontab takes in its first five fields, and refuses what crons
// read differently. Knows no option by name; whether a schedule ever comes is told by tick.ts.
// Invariants: no parser throws, and no fault repeats its text unescaped; what passes here, croner takes as it is meant.

import { printable } from '../common/printable.ts';
import { isKey } from './record.ts';

/** As the values of other options (cli/). */
export type Parsed<T> = { readonly value: T } | { readonly fault: string };

export function parseKey(text: string): Parsed<string> {
  if (isKey(text)) return { value: text };
  if (text === '') return { fault: 'the key is empty; is the variable that it is made of set?' };
  const form = 'a key has at most 64 letters, digits and . _ : / @ + -';
  return { fault: text.length > 64 ? `${form}, and not ${text.length}; take the text's sha256` : form };
}

export function parseAttempts(text: string): Parsed<number> {
  if (/^[1-9]\d{0,5}$/.test(text)) return { value: Number(text) };
  if (/^0+$/.test(text)) return { fault: 'with 0 attempts the command never runs; 1 runs it at most once' };
  return { fault: 'expected a number from 1 to 999999; 1 runs the command at most once' };
}

/** Asked for by its name, since an offset knows no summer, and the machine's own zone is another one elsewhere. */
export function parseZone(text: string): Parsed<string> {
  // Every run reads this one, the default, and Node takes 20 ms to load what it knows of time zones.
  if (text === 'UTC') return { value: text };
  const likely = 'expected a time zone by its name, such as UTC or Europe/Berlin';
  // Newer versions of Node take offsets.
  if (!/^[A-Za-z]/.test(text)) return { fault: likely };
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return { value: text };
  } catch {
    return { fault: `${likely}; this Node knows none of this name` };
  }
}

interface Field {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** Stand for low, low + 1 and so on. */
  readonly words?: readonly string[];
}

const fields: readonly Field[] = [
  { name: 'minute', low: 0, high: 59 },
  { name: 'hour', low: 0, high: 23 },
  { name: 'day of month', low: 1, high: 31 },
  {
    ...{ name: 'month', low: 1, high: 12 },
    words: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
  },
  { name: 'day of week', low: 0, high: 7, words: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] },
];

const nicknames: ReadonlyMap<string, string> = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
]);

/** The line with numbers for names and one blank between its fields. */
export function parseCronLine(text: string): Parsed<string> {
  const parts = text.trim().split(/\s+/);
  const [first = ''] = parts;
  const example = 'as in 0 3 * * *';
  if (/^\d{4}-\d/.test(first))
    return { fault: `a date comes only once; expected the five fields of a cron line, ${example}` };
  if (first.startsWith('@')) {
    const meant = nicknames.get(first.toLowerCase());
    return { fault: meant === undefined ? `expected the five fields of a cron line, ${example}` : `write ${meant}` };
  }
  if (parts.length !== fields.length) {
    const count = text.trim() === '' ? 'none' : String(parts.length);
    const names = 'minute, hour, day of month, month, day of week';
    const hint = parts.length === 1 && first !== '' ? '; put the line into quotes' : '';
    return { fault: `expected five fields (${names}), ${example}, and not ${count}${hint}` };
  }
  const values: string[] = [];
  for (const [i, field] of fields.entries()) {
    const read = readField(parts[i]?.toUpperCase() ?? '', field);
    if ('fault' in read) return read;
    values.push(read.value);
  }
  return disputed(values) ?? { value: values.join(' ') };
}

/**
 * Cron takes either of two restricted days, but whether a step of * is a restriction is read differently: Vixie's cron
 * wants both days then, Kubernetes' and croner either.
 */
function disputed([, , day = '', , weekday = '']: readonly string[]): { readonly fault: string } | undefined {
  const steps = [
    { field: day, range: '1-31' },
    { field: weekday, range: '0-6' },
  ].filter(({ field }) => field.startsWith('*/'));
  if (day === '*' || weekday === '*' || steps.length === 0) return undefined;
  const both = `day of month ${day} with day of week ${weekday}`;
  const plain = steps.map(({ field, range }) => `${range}${field.slice(1)} for ${field}`).join(', ');
  return { fault: `${both} means different days to different crons: write * for one of them, or ${plain}` };
}

function readField(text: string, field: Field): Parsed<string> {
  const values: string[] = [];
  for (const item of text.split(',')) {
    const read = readItem(item, field);
    if ('fault' in read) return read;
    values.push(read.value);
  }
  if (values.length > 1 && values.some((value) => value.startsWith('*'))) {
    return { fault: `${field.name} ${printable(text, 32)}: * stands alone, and not in a list` };
  }
  return { value: values.join(',') };
}

/** `*`, a value or a range of them, of which the first and the last may be followed by a step. */
function readItem(text: string, field: Field): Parsed<string> {
  const { name, low, high } = field;
  const count = high - low + 1;
  const fault = (why: string): Parsed<string> => ({ fault: `${name} ${printable(text, 32)}: ${why}` });
  const match = /^(?:(\*)|([0-9A-Z]+)(?:-([0-9A-Z]+))?)(?:\/(\d{1,3}))?$/.exec(text);
  if (!match)
    return fault(`expected *, values from ${low} to ${high}, ranges such as ${low}-${high}, or steps such as */2`);
  const [, star, first = '', last, step] = match;
  if (step !== undefined && (Number(step) < 1 || Number(step) > count)) return fault(`a step is from 1 to ${count}`);
  const by = step === undefined ? '' : `/${Number(step)}`;
  if (star !== undefined) return { value: `*${by}` };

  const [from, to] = [numberOf(first, field), last === undefined ? undefined : numberOf(last, field)];
  if (from === undefined || (last !== undefined && to === undefined))
    return fault(`expected values from ${low} to ${high}`);
  if (to === undefined && step !== undefined) return fault(`a step follows * or a range: write ${from}-${high}${by}`);
  if (to !== undefined && to < from) return fault(`a range goes upwards: write ${from}-${high},${low}-${to}`);
  return { value: to === undefined ? `${from}` : `${from}-${to}${by}` };
}

function numberOf(text: string, { low, high, words = [] }: Field): number | undefined {
  const word = words.indexOf(text);
  if (word >= 0) return low + word;
  return /^\d{1,2}$/.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : undefined;
}
