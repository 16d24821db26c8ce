// The edges of keys, ticks, records and cron lines that no run of them meets: the last text that is taken and the next
// one that is not, and records that only a person or another program writes.
// To check: what is odd in one field alone makes the record unreadable, and never an empty one.
import { describe, expect, test } from 'vitest';
import { begin, forget, judge, settle } from '../../src/job/key.ts';
import { nameOf, parseJobs } from '../../src/job/record.ts';
import { parseCronLine, parseKey, parseZone } from '../../src/job/values.ts';
import { at, entry, job, podA, podB, record, tick, wallMs } from './samples.ts';

const two = '2026-11-26T02:00:00Z';
const three = '2026-11-26T03:00:00Z';
const four = '2026-11-26T04:00:00Z';
const reading = (its: ReturnType<typeof record>) => ({ kind: 'record', record: its }) as const;
const claim = { key: 'v42', isTick: false, attempt: 1, at, by: 'pod-a', run: 'run-a' };

describe('a tick', () => {
  test('that is the newest begun, and of which nothing is left, is past', () => {
    expect(judge(reading(record([], { cursor: three })), tick(three), podB, 'free')).toEqual({ kind: 'past', cursor: three });
    expect(judge(reading(record([], { cursor: three })), tick(four), podB, 'free')).toMatchObject({ kind: 'may-run' });
  });

  test('that is forgotten leaves the newest of the older ticks as the one that others come after', () => {
    const entries = [entry('zzz', 'ok'), entry(four, 'ok'), entry(three, 'failed'), entry('2026-11-26T02:30', 'ok'), entry(two, 'ok')];
    const after = forget(reading(record(entries, { cursor: three })), three, undefined);
    expect(after).toMatchObject({ kind: 'resolved', record: { cursor: two } });
  });
});

describe('a key that is forgotten', () => {
  test('leaves the newest tick and the claim of another as they are', () => {
    const before = record([entry('v41', 'failed')], { cursor: three, claim });
    const after = { ...before, entries: [] };
    expect(forget(reading(before), 'v41', undefined)).toEqual({ kind: 'resolved', record: after });
  });
});

describe('an attempt', () => {
  test('is settled by its own claim alone', () => {
    const begun = begin({ kind: 'absent' }, job('v42'), podA, wallMs);
    if (begun.kind !== 'begun') throw new Error(begun.kind);
    const during = reading(begun.record);
    for (const other of [{ at: three }, { key: 'v41' }, { run: 'run-b' }, { attempt: 2 }]) {
      expect(settle(during, { ...begun.claim, ...other }, { kind: 'ok' }, wallMs, 5)).toBeUndefined();
    }
    expect(settle(during, begun.claim, { kind: 'ok' }, wallMs, 5)).toBeDefined();
  });
});

describe('a record', () => {
  const good = {
    v: 1,
    since: two,
    run: { key: three, tick: true, n: 1, by: 'pod-a', at, id: 'run-a' },
    keys: [['v41', 'ok', 1, at, 88, 'pod-b']],
  };
  const with1 = (index: number, value: unknown): object => ({
    keys: good.keys.map((item) => item.map((each, i) => (i === index ? value : each))),
  });
  const withRun = (more: object): object => ({ run: { ...good.run, ...more } });
  const read = (more: object): unknown => parseJobs(JSON.stringify({ ...good, ...more })).kind;

  test('is read as long as nothing in it is odd', () => {
    expect(read({})).toBe('record');
    expect(read(with1(4, null))).toBe('record');
    expect(read(with1(4, 0))).toBe('record');
  });

  const withCauses = (word: string, ...causes: unknown[]): object => ({
    keys: [[three, word, 0, at, null, 'pod-b', ...causes]],
  });

  test('is read with ticks that were passed over, and with the schedule that they are of', () => {
    expect(parseJobs(JSON.stringify({ ...good, ...withCauses('skipped', 'missed', 3), cursor: three }))).toMatchObject({
      record: { entries: [{ key: three, outcome: { kind: 'skipped', why: 'missed', count: 3 } }] },
    });
    expect(read(withCauses('skipped', 'late', 1))).toBe('record');
    expect(read({ schedule: '*/15 1-5,7 1 12 0 America/Argentina/ComodRivadavia' })).toBe('record');
  });

  test.each<[string, object]>([
    ['ticks passed over for no reason', withCauses('skipped')],
    ['ticks passed over for a reason of nobody', withCauses('skipped', 'boredom', 3)],
    ['ticks passed over that are not counted', withCauses('skipped', 'missed')],
    ['no tick passed over', withCauses('skipped', 'missed', 0)],
    ['fewer ticks passed over than none', withCauses('skipped', 'missed', -1)],
    ['half a tick passed over', withCauses('skipped', 'missed', 1.5)],
    ['ticks passed over for two reasons', withCauses('skipped', 'missed', 3, 'late')],
    ['a success for two reasons', withCauses('ok', 'missed', 3)],
    ['a schedule that is a number', { schedule: 5 }],
    ['a schedule without a zone', { schedule: '0 3 * * *' }],
    ['a schedule of words', { schedule: 'each night in Berlin at three' }],
    ['a schedule in a list', { schedule: ['0 3 * * * UTC'] }],
    ['a schedule with a tail', { schedule: '0 3 * * * UTC UTC' }],
    ['a key that is a number', with1(0, 7)],
    ['fewer attempts than none', with1(2, -1)],
    ['half an attempt', with1(2, 1.5)],
    ['a duration in words', with1(4, 'long')],
    ['a duration below 0', with1(4, -1)],
    ['a claim of a key that is a number', withRun({ key: 7, tick: undefined })],
    ['a claim of a key that is none', withRun({ key: 'a b', tick: undefined })],
    ['a claim of no attempt', withRun({ n: 0 })],
    ['a claim of an attempt in words', withRun({ n: 'one' })],
    ['a claim of a negative attempt', withRun({ n: -1 })],
    ['a claim whose tick is true in other words', withRun({ tick: 'yes' })],
    ['a claim whose tick is false', withRun({ tick: false })],
    ['a claim of a tick that is none', withRun({ key: 'v42' })],
    ['a beginning after the year 9999', { since: '+010000-01-01T00:00:00Z' }],
    ['a beginning with a tail', { since: `${two}x` }],
    ['a beginning that is a number', { since: 5 }],
  ])('is unreadable with %s', (_, more) => {
    expect(read(more)).toBe('unreadable');
  });

  test('keeps what looks like a run within a name', () => {
    const name = 'pod_5bf32a10-0000-4000-8000-00000000000a-x';
    expect(nameOf(name)).toBe(name);
  });
});

describe('a text', () => {
  test('of 64 characters that is no key is not told to be too long', () => {
    expect(parseKey(`${'x'.repeat(63)} `)).toEqual({ fault: 'a key has at most 64 letters, digits and . _ : / @ + -' });
  });

  test('that does not begin with a letter is no name of a zone', () => {
    expect(parseZone('5Europe')).toEqual({ fault: 'expected a time zone by its name, such as UTC or Europe/Berlin' });
  });
});

describe('a cron line', () => {
  test.each([
    ['*/60 * * * *', '*/60 * * * *'],
    ['*/1 * * * *', '*/1 * * * *'],
    ['0 0 */31 * *', '0 0 */31 * *'],
    ['0 0 5-5 * *', '0 0 5-5 * *'],
    ['0 0 * * */3', '0 0 * * */3'],
  ])('is %s', (text, value) => {
    expect(parseCronLine(text)).toEqual({ value });
  });

  const five = 'expected five fields (minute, hour, day of month, month, day of week), as in 0 3 * * *, and not';
  const minute = 'expected *, values from 0 to 59, ranges such as 0-59, or steps such as */2';
  test.each([
    ['*/61 * * * *', 'minute */61: a step is from 1 to 60'],
    ['0 0 */32 * *', 'day of month */32: a step is from 1 to 31'],
    ['0 0 1-99 * *', 'day of month 1-99: expected values from 1 to 31'],
    ['0 0 5-4 * *', 'day of month 5-4: a range goes upwards: write 5-31,1-4'],
    ['005 * * * *', 'minute 005: expected values from 0 to 59'],
    ['*/2,5 * * * *', 'minute */2,5: * stands alone, and not in a list'],
    ['a2026-1 * * * *', 'minute A2026-1: expected values from 0 to 59'],
    ['(2026-1 * * * *', `minute (2026-1: ${minute}`],
    ['   ', `${five} none`],
    ['@midnight', 'write 0 0 * * *'],
    ['@annually', 'write 0 0 1 1 *'],
  ])('is not "%s"', (text, fault) => {
    expect(parseCronLine(text)).toEqual({ fault });
  });
});
