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
export function newestTick(schedule: Schedule, wallMs: number): string | undefined {
  const [tick] = newestTicks(schedule, wallMs, 1);
  return tick === undefined ? undefined : timeText(tick);
}

/** Those up to an instant, the oldest first. */
export function newestTicks({ cron }: Schedule, wallMs: number, count: number): number[] {
  // croner answers with what lies before a time.
  return cron
    .previousRuns(count, new Date(wallMs + 1))
    .map((tick) => tick.getTime())
    .sort((a, b) => a - b);
}

/** The shortest time between two of the next ticks: enough of them for a week of any minute, and for a year of days. */
export function shortestPeriodMs(schedule: Schedule, wallMs: number): number {
  const ticks = comingTicks(schedule, wallMs, 400);
  return ticks.reduce((shortest, tick, i) => Math.min(shortest, tick - (ticks[i - 1] ?? -Infinity)), Infinity);
}

/** Those after one instant and up to another, the oldest first; at most `most`. */
export function ticksBetween({ cron }: Schedule, afterMs: number, untilMs: number, most: number): number[] {
  const ticks: number[] = [];
  for (let at = cron.nextRun(new Date(afterMs)); at !== null && ticks.length < most; at = cron.nextRun(at)) {
    if (at.getTime() > untilMs) break;
    ticks.push(at.getTime());
  }
  return ticks;
}

/** Those after an instant, as milliseconds since 1970; at most `count`. */
export function comingTicks({ cron }: Schedule, afterMs: number, count: number): number[] {
  return cron.nextRuns(count, new Date(afterMs)).map((tick) => tick.getTime());
}
