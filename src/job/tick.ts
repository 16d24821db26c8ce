// Ticks: the instants at which a cron line is due in a time zone. Decides which tick is the newest that is not after a
// given wall time, and refuses a line without a tick to come. The only user of croner, of which it takes the arithmetic
// alone; load this file when a schedule is asked for.
// Debian's rules at changes of the clock: a fixed time that the night skips is due when the clock goes on, one that the
// night shows twice is due once, and what is due by steps or * keeps its pace.
// Invariant: the ticks of a line and a zone are the same for each machine and each moment that asks.

import { Cron } from 'croner';
import { timeText } from './record.ts';
import { type Parsed, parseCronLine, parseZone } from './values.ts';

export interface Schedule {
  readonly line: string;
  readonly zone: string;
  /** Without a function, so that it never starts a timer. */
  readonly cron: Cron;
}

/** `wallMs`: from when on it must come. */
export function openSchedule(text: string, zoneName: string, wallMs: number): Parsed<Schedule> {
  const [line, zone] = [parseCronLine(text), parseZone(zoneName)];
  if ('fault' in line) return line;
  if ('fault' in zone) return zone;
  // croner by itself would take six fields, dates and zones of no name.
  const cron = new Cron(line.value, { timezone: zone.value, mode: '5-part', fixedTimeRule: 'no-wildcard' });
  const next = cron.nextRun(new Date(wallMs));
  if (next === null) return { fault: `${line.value} never comes: no month that it names has such a day` };
  return { value: { line: line.value, zone: zone.value, cron } };
}

/** The key of the run that is due; undefined before the first tick of all. */
export function newestTick({ cron }: Schedule, wallMs: number): string | undefined {
  // croner answers with what lies before a time.
  const [tick] = cron.previousRuns(1, new Date(wallMs + 1));
  return tick && timeText(tick.getTime());
}

/** Those after an instant, as milliseconds since 1970; at most `count`. */
export function comingTicks({ cron }: Schedule, afterMs: number, count: number): number[] {
  return cron.nextRuns(count, new Date(afterMs)).map((tick) => tick.getTime());
}
