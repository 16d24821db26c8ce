// The coming ticks of a schedule, for people: each with its zone's clock and in UTC, and a remark where a change of the
// clock makes it differ from what the line says. Decides the remarks alone; the ticks are tick.ts's.
// Invariant: never more ticks are computed than were asked for.

import { utcText } from '../common/utc.ts';
import { comingTicks, type Schedule } from './tick.ts';
import { timeText } from './record.ts';

export interface Coming {
  /** In UTC, as the key of its run is written. */
  readonly tick: string;
  /** By the zone's clock, with its offset: `2026-10-25T02:30:00+02:00`. */
  readonly local: string;
  /** What the night does to it; undefined: nothing. */
  readonly remark: string | undefined;
}

/** `fromMs`: ticks after this instant. */
export function coming(schedule: Schedule, fromMs: number, count: number): Coming[] {
  const ticks = comingTicks(schedule, fromMs, count);
  return ticks.map((at) => ({
    tick: timeText(at),
    local: localText(at, schedule.zone),
    remark: remarkOn(schedule, at),
  }));
}

/** No zone changes its clock by more, nor twice within so long. */
const mostMs = 3 * 3_600_000;

function remarkOn(schedule: Schedule, at: number): string | undefined {
  const { zone } = schedule;
  const clock = clockText(at, zone);
  const twin = twinOf(at, zone);
  if (twin !== undefined) {
    const both = `the clock shows ${clock} twice`;
    if (isTick(schedule, twin)) return `${both}: a tick at each`;
    return `${both}: the first alone`;
  }
  // What the line does not name is meant for what the clock skips.
  if (schedule.cron.match(new Date(at))) return undefined;
  const skipped = skippedAt(at, zone);
  return `the clock skips from ${skipped.from} to ${skipped.to}: the tick comes when it goes on`;
}

/** Another instant at which the zone's clock shows the same. */
function twinOf(at: number, zone: string): number | undefined {
  const here = offsetMs(at, zone);
  return [at - mostMs, at + mostMs]
    .map((other) => at + here - offsetMs(other, zone))
    .find((other) => other !== at && other + offsetMs(other, zone) === at + here);
}

/** What the clock leaves out just before an instant. */
function skippedAt(at: number, zone: string): { readonly from: string; readonly to: string } {
  return { from: clockText(at, zone, offsetMs(at - 1, zone)), to: clockText(at, zone) };
}

function isTick(schedule: Schedule, at: number): boolean {
  return comingTicks(schedule, at - 1, 1)[0] === at;
}

function localText(at: number, zone: string): string {
  const offset = offsetMs(at, zone);
  const minutes = Math.round(Math.abs(offset) / 60_000);
  const sign = offset < 0 ? '-' : '+';
  const two = (number: number): string => String(number).padStart(2, '0');
  const local = utcText(at + offset).slice(0, 19);
  return `${local}${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function clockText(at: number, zone: string, offset = offsetMs(at, zone)): string {
  return utcText(at + offset).slice(11, 16);
}

/** What the zone's clock is ahead of UTC, in milliseconds. */
function offsetMs(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en', {
    ...({ timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' } as const),
    ...({ hour: 'numeric', minute: 'numeric', second: 'numeric' } as const),
  }).formatToParts(new Date(at));
  const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.find((each) => each.type === type)?.value);
  const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return local - Math.floor(at / 1000) * 1000;
}
