// The coming ticks as people see them: both clocks, and a remark on the nights when the clock changes. Which ticks
// there are is tested with tick.ts, against an independent reference.
// To check: a remark stands where a night changes something, and nowhere else.
import { expect, test } from 'vitest';
import { coming } from '../../src/job/coming.ts';
import { openSchedule, type Schedule } from '../../src/job/tick.ts';

function schedule(line: string, zone: string): Schedule {
  const opened = openSchedule(line, zone, Date.parse('2026-01-01T00:00:00Z'));
  if ('fault' in opened) throw new Error(opened.fault);
  return opened.value;
}

function shown(line: string, zone: string, from: string, count = 3): string[] {
  const ticks = coming(schedule(line, zone), Date.parse(from), count);
  return ticks.map(({ tick, local, remark }) => [local, tick, ...(remark === undefined ? [] : [remark])].join(' '));
}

test('a tick is shown by the clock of its zone and in UTC', () => {
  expect(shown('0 3 * * *', 'UTC', '2026-11-26T03:00:00Z', 2)).toEqual([
    '2026-11-27T03:00:00+00:00 2026-11-27T03:00:00Z',
    '2026-11-28T03:00:00+00:00 2026-11-28T03:00:00Z',
  ]);
  expect(shown('30 9 * * 1', 'Asia/Kolkata', '2026-11-26T00:00:00Z', 1)).toEqual([
    '2026-11-30T09:30:00+05:30 2026-11-30T04:00:00Z',
  ]);
  expect(shown('0 9 1 1 *', 'America/New_York', '2026-11-26T00:00:00Z', 1)).toEqual([
    '2027-01-01T09:00:00-05:00 2027-01-01T14:00:00Z',
  ]);
});

test('a time that the night shows twice comes once, at the first', () => {
  expect(shown('30 2 * * *', 'Europe/Berlin', '2026-10-24T00:00:00Z')).toEqual([
    '2026-10-24T02:30:00+02:00 2026-10-24T00:30:00Z',
    '2026-10-25T02:30:00+02:00 2026-10-25T00:30:00Z the clock shows 02:30 twice: the first alone',
    '2026-10-26T02:30:00+01:00 2026-10-26T01:30:00Z',
  ]);
});

test('what keeps its pace comes at each', () => {
  expect(shown('*/30 * * * *', 'Europe/Berlin', '2026-10-24T23:59:00Z', 5)).toEqual([
    '2026-10-25T02:00:00+02:00 2026-10-25T00:00:00Z the clock shows 02:00 twice: a tick at each',
    '2026-10-25T02:30:00+02:00 2026-10-25T00:30:00Z the clock shows 02:30 twice: a tick at each',
    '2026-10-25T02:00:00+01:00 2026-10-25T01:00:00Z the clock shows 02:00 twice: a tick at each',
    '2026-10-25T02:30:00+01:00 2026-10-25T01:30:00Z the clock shows 02:30 twice: a tick at each',
    '2026-10-25T03:00:00+01:00 2026-10-25T02:00:00Z',
  ]);
});

test('a time that the night skips comes when the clock goes on', () => {
  expect(shown('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
    '2026-03-29T03:00:00+02:00 2026-03-29T01:00:00Z the clock skips from 02:00 to 03:00: the tick comes when it goes on',
    '2026-03-30T02:30:00+02:00 2026-03-30T00:30:00Z',
  ]);
  expect(shown('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z', 1)).toEqual([
    '2026-10-04T02:30:00+11:00 2026-10-03T15:30:00Z the clock skips from 02:00 to 02:30: the tick comes when it goes on',
  ]);
});

test('a tick that is meant for the moment at which the clock goes on has no remark', () => {
  expect(shown('0 3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 1)).toEqual([
    '2026-03-29T03:00:00+02:00 2026-03-29T01:00:00Z',
  ]);
});

test('no more ticks are shown than there are', () => {
  expect(coming(schedule('0 0 29 2 *', 'UTC'), Date.parse('2026-01-01T00:00:00Z'), 2).map(({ tick }) => tick)).toEqual([
    '2028-02-29T00:00:00Z',
    '2032-02-29T00:00:00Z',
  ]);
});
