// Ticks against an independent reference (calendar.ts), on both nights of a year when the clocks of a zone change, and
// from any moment within them: machines that ask at different times mean the same tick.
// To check: the windows are of 2026, and each zone's clock does change within them, which a test asks Node.
import { describe, expect, test } from 'vitest';
import {
  comingTicks,
  newestTick,
  newestTicks,
  openSchedule,
  parseSchedule,
  type Schedule,
  shortestPeriodMs,
  ticksBetween,
} from '../../src/job/tick.ts';
import { Calendar } from './calendar.ts';

const hourMs = 3_600_000;
const november = Date.parse('2026-11-26T12:00:00Z');

function schedule(line: string, zone = 'UTC'): Schedule {
  const opened = openSchedule(line, zone, november);
  if ('fault' in opened) throw new Error(opened.fault);
  return opened.value;
}

/** Two days, with the change in the middle. */
const windows: readonly { readonly zone: string; readonly from: string }[] = [
  { zone: 'Europe/Berlin', from: '2026-03-28T01:00:00Z' },
  { zone: 'Europe/Berlin', from: '2026-10-24T01:00:00Z' },
  { zone: 'America/New_York', from: '2026-03-07T07:00:00Z' },
  { zone: 'America/New_York', from: '2026-10-31T06:00:00Z' },
  // By half an hour.
  { zone: 'Australia/Lord_Howe', from: '2026-10-02T15:30:00Z' },
  { zone: 'Australia/Lord_Howe', from: '2026-04-03T15:00:00Z' },
  // At midnight.
  { zone: 'Africa/Cairo', from: '2026-04-22T22:00:00Z' },
  { zone: 'Africa/Cairo', from: '2026-10-28T21:00:00Z' },
  // Back for Ramadan.
  { zone: 'Africa/Casablanca', from: '2026-02-14T02:00:00Z' },
  { zone: 'Africa/Casablanca', from: '2026-03-21T02:00:00Z' },
];

const lines = [
  ...['30 2 * * *', '0 2 * * *', '30 1 * * *', '45 1 * * *', '15 2 * * *', '0 0 * * *', '30 0 * * *', '30 23 * * *'],
  ...['*/10 * * * *', '*/7 * * * *', '0 * * * *', '15,45 1-3 * * *', '30 1,2,3 * * *', '0 */2 * * *', '*/15 1-3 * * *'],
  ...['5 4 * * *', '30 2 * * 0', '0 2 29 3 *', '59 23 * * *', '10-20 2 * * *', '0 3 1 * 0'],
];

describe.each(windows)('around the change of the clock in $zone after $from', ({ zone, from }) => {
  const [start, end] = [Date.parse(from), Date.parse(from) + 48 * hourMs];

  test('the clock does change', () => {
    const format = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
    const offset = (at: number): string => format.format(at).slice(-9);
    expect(offset(start)).not.toBe(offset(end));
  });

  test('the ticks from one moment to another are those of the calendar, and the newest ones are among them', () => {
    const calendar = new Calendar(zone, start, end);
    for (const line of lines) {
      const ticks = calendar.ticks(line);
      const its = schedule(line, zone);
      expect(ticksBetween(its, start, end, Infinity), line).toEqual(ticks);
      // As a leader asks, from the cursor on.
      const nexts = ticks.flatMap((tick) => ticksBetween(its, tick, end, 1));
      expect(nexts, line).toEqual(ticks.slice(1));
      expect(newestTicks(its, end, ticks.length), line).toEqual(ticks);
    }
  });

  test('the newest tick is the one of the calendar, from each moment', () => {
    const wrong: string[] = [];
    const calendar = new Calendar(zone, start, end);
    for (const line of lines) {
      const ticks = calendar.ticks(line);
      const asked = schedule(line, zone);
      // At uneven moments, and at and around each tick.
      const moments = ticks.filter((tick) => tick < end).flatMap((tick) => [tick - 1, tick, tick + 29_500]);
      for (let at = start; at <= end; at += 37 * 60_000 + 500) moments.push(at);
      for (const at of moments) {
        const tick = ticks.findLast((each) => each <= at);
        const key = newestTick(asked, at);
        const keyMs = Date.parse(key ?? '');
        // What lies before the window, the calendar does not know.
        const isRight = tick === undefined ? keyMs <= start : keyMs === tick;
        if (!isRight) wrong.push(`${line} at ${new Date(at).toISOString()}: ${String(key)}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('the newest tick', () => {
  test('is its own instant, in UTC and to the second', () => {
    const nightly = schedule('0 3 * * *', 'Europe/Berlin');
    expect(newestTick(nightly, Date.parse('2026-11-26T02:00:00Z'))).toBe('2026-11-26T02:00:00Z');
    expect(newestTick(nightly, Date.parse('2026-11-26T01:59:59.999Z'))).toBe('2026-11-25T02:00:00Z');
    expect(newestTick(nightly, Date.parse('2026-07-26T01:00:00Z'))).toBe('2026-07-26T01:00:00Z');
  });

  test('is one for machines whose clocks differ by less than the time to the next', () => {
    const nightly = schedule('0 3 * * *');
    const due = Date.parse('2026-11-26T03:00:00Z');
    const keys = [0, 900, 60_000, 23 * hourMs].map((lateMs) => newestTick(nightly, due + lateMs));
    expect(new Set(keys)).toEqual(new Set(['2026-11-26T03:00:00Z']));
  });

  test('may be years ago', () => {
    expect(newestTick(schedule('0 0 29 2 *'), november)).toBe('2024-02-29T00:00:00Z');
    // 2100 is not a leap year.
    expect(newestTick(schedule('0 0 29 2 *'), Date.parse('2103-01-01T00:00:00Z'))).toBe('2096-02-29T00:00:00Z');
  });

  test('is none before the first that the calendar has', () => {
    expect(newestTick(schedule('0 0 29 2 *'), Date.parse('0000-01-01T00:00:00Z'))).toBeUndefined();
  });

  test('is of either day where a line names a day of the month and one of the week', () => {
    const either = schedule('0 3 1 * mon');
    expect(newestTick(either, Date.parse('2026-12-06T00:00:00Z'))).toBe('2026-12-01T03:00:00Z');
    expect(newestTick(either, Date.parse('2026-12-07T12:00:00Z'))).toBe('2026-12-07T03:00:00Z');
  });

  test('is a Sunday by both of its numbers', () => {
    for (const day of ['0', '7', 'sun', '6-7', '0,6']) {
      expect(newestTick(schedule(`0 3 * * ${day}`), Date.parse('2026-11-29T12:00:00Z'))).toBe('2026-11-29T03:00:00Z');
    }
  });
});

describe('the ticks to come', () => {
  const leap = schedule('0 0 29 2 *');
  const texts = (ticks: readonly number[]): string[] => ticks.map((tick) => new Date(tick).toISOString().slice(0, 16));

  test('begin after the instant, and are as many as are asked for', () => {
    const nightly = schedule('0 3 * * *', 'Europe/Berlin');
    expect(texts(comingTicks(nightly, Date.parse('2026-11-26T02:00:00Z'), 2))).toEqual([
      ...['2026-11-27T02:00', '2026-11-28T02:00'],
    ]);
    expect(texts(comingTicks(nightly, Date.parse('2026-11-26T01:59:59.999Z'), 1))).toEqual(['2026-11-26T02:00']);
    expect(comingTicks(nightly, november, 0)).toEqual([]);
  });

  test('up to another instant include that one, and are no more than are wanted', () => {
    const [from, to] = ['2026-11-26T00:00:00Z', '2026-11-26T03:00:00Z'].map((text) => Date.parse(text));
    const hourly = schedule('0 * * * *');
    expect(texts(ticksBetween(hourly, from ?? 0, to ?? 0, 9))).toEqual([
      ...['2026-11-26T01:00', '2026-11-26T02:00', '2026-11-26T03:00'],
    ]);
    expect(texts(ticksBetween(hourly, from ?? 0, to ?? 0, 2))).toEqual(['2026-11-26T01:00', '2026-11-26T02:00']);
    expect(ticksBetween(hourly, from ?? 0, (from ?? 0) + hourMs - 1, 9)).toEqual([]);
  });

  test('are none after the last that the calendar has', () => {
    const late = Date.parse('9997-01-01T00:00:00Z');
    expect(ticksBetween(leap, late, Infinity, 3)).toEqual([]);
    expect(comingTicks(leap, late, 3)).toEqual([]);
  });

  test.each([
    { line: '0,10 * * * *', zone: 'UTC', ms: 600_000 },
    { line: '0 3 * * *', zone: 'UTC', ms: 24 * hourMs },
    // The night in March.
    { line: '0 3 * * *', zone: 'Europe/Berlin', ms: 23 * hourMs },
    { line: '0 9 * * 1,4', zone: 'UTC', ms: 72 * hourMs },
    { line: '0 0 29 2 *', zone: 'UTC', ms: 1461 * 24 * hourMs },
  ])('of $line in $zone are $ms ms apart at the least', ({ line, zone, ms }) => {
    expect(shortestPeriodMs(schedule(line, zone), november)).toBe(ms);
  });
});

describe('a schedule', () => {
  test('is read from a record as the line and zone that it was written by', () => {
    for (const [line, zone] of [['*/10 1-3 * * mon', 'Europe/Berlin'], ['0 3 * * *', 'UTC']] as const) {
      expect(parseSchedule(`${line} ${zone}`, november)).toMatchObject({ value: { line: schedule(line).line, zone } });
    }
  });

  test.each(['', '0 3 * * *', '0 3 * * UTC', '0 3 * * * Europe/Berln', '0 3 * * * UTC UTC', '0 0 30 2 * UTC'])(
    'is not read from "%s"',
    (spec) => {
      expect(parseSchedule(spec, november)).toHaveProperty('fault');
    },
  );

  test.each(['0 0 30 2 *', '0 0 31 2,4,6,9,11 *', '0 0 31 feb *'])('that never comes is refused: %s', (line) => {
    const opened = openSchedule(line, 'UTC', november);
    expect(opened).toHaveProperty('fault', expect.stringMatching(/ never comes: no month that it names has such a day$/));
  });

  test.each([
    { line: '0 3 * *', zone: 'UTC', fault: /five fields/ },
    { line: '2026-11-26T03:00:00Z', zone: 'UTC', fault: /a date comes only once/ },
    { line: '0 3 * * *', zone: '', fault: /time zone by its name/ },
    { line: '0 3 * * *', zone: 'Europe/Berln', fault: /time zone by its name/ },
  ])('of $line in "$zone" is refused before croner sees it', ({ line, zone, fault }) => {
    expect(openSchedule(line, zone, november)).toHaveProperty('fault', expect.stringMatching(fault));
  });

  test('starts no timer', () => {
    expect(schedule('* * * * *').cron.isRunning()).toBe(false);
  });
});
