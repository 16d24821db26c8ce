// The edges of a schedule: instants at which two things fall together, records that a person has changed meanwhile, and
// calendars that end. What a holder does from day to day is in schedule.test.ts.
// Invariant under test: whatever a record says, no tick begins twice, and none is passed over that may still begin.
import { describe, expect, test } from 'vitest';
import { formatJobs, timeText } from '../../src/job/record.ts';
import { dueOf, nextStart, resumed, roundsOf, startOf, type Wish } from '../../src/job/schedule.ts';
import {
  begins,
  claim,
  due,
  entry,
  minute,
  noted,
  now,
  page,
  plan,
  record,
  renewed,
  rules,
  schedule,
  t0,
  tick,
} from './schedule-samples.ts';

describe('the story of a term', () => {
  const its = plan({ overlap: 'replace', attempts: 3, schedule: schedule('0 3 * * *', 'Europe/Berlin') });

  test('is told the schedule by the name in its records, its attempts, and what is due', () => {
    const { name, attempts, dueOf: asked } = roundsOf(its);
    expect([name, attempts]).toEqual(['0 3 * * * Europe/Berlin', 3]);
    const beside = { note: formatJobs(record(3, { schedule: name })), instructions: undefined };
    for (const days of [0, 1]) {
      const wallMs = t0 + days * 24 * 60 * minute;
      expect(asked(beside, wallMs)).toEqual(dueOf(its, beside, wallMs));
    }
    const skipped = { ...entry(2, { kind: 'skipped', why: 'missed', count: 2 }), attempts: 0 };
    const after = formatJobs(record(3, { entries: [skipped] }));
    expect(roundsOf(its).skippedBetween(undefined, after)).toEqual([{ upTo: tick(2), why: 'missed', count: 2 }]);
  });

  test('is told when the next command takes the place of the one that runs, where it does', () => {
    expect(roundsOf(its).replacedAt?.(t0)).toBe(Date.parse('2026-11-28T02:00:00Z'));
    for (const overlap of ['skip', 'queue'] as const) expect(roundsOf(plan({ overlap })).replacedAt).toBeUndefined();
  });
});

test('after the last tick that the calendar has none is waited for', () => {
  const leap = plan({ schedule: schedule('0 0 29 2 *') });
  const late = Date.parse('9997-01-01T00:00:00Z');
  expect(nextStart(leap, late)).toBe(Infinity);
  const settled = record(0, { schedule: '0 0 29 2 * UTC', cursor: '9996-02-29T00:00:00Z' });
  expect(due(leap, settled, late)).toEqual({ kind: 'wait', untilMs: Infinity });
});

describe('a pause', () => {
  const pause = `${tick(6)} move`;

  test('that is not over passes over nothing', () => {
    expect(due(plan(), record(3), t0 + 4 * minute - 1, { pause })).toEqual({ kind: 'wait', untilMs: t0 + 4 * minute });
    expect(due(plan(), record(3), t0 + 6 * minute - 1, { pause })).toMatchObject({ kind: 'begin' });
  });

  test('that ends at this very instant is over, and the tick of this instant is its last', () => {
    expect(due(plan(), record(3), t0 + 6 * minute, { pause })).toMatchObject({
      wish: { kind: 'skip', skipped: [{ upTo: tick(6), why: 'paused', count: 3 }] },
    });
  });

  test('in which no tick came is taken away all the same', () => {
    const wish: Wish = { kind: 'skip', skipped: [], obeys: 'pause' };
    const answer = renewed(plan(), record(4), wish, now, { serverMs: t0 });
    expect(answer).toEqual({ note: formatJobs(record(4)), obeys: 'pause' });
  });
});

describe('a person who ends a pause', () => {
  const by = 'ann@laptop';

  test('settles the ticks that came meanwhile', () => {
    const { record: after, count } = resumed(schedule(), record(3), by, t0 + 6.5 * minute);
    expect(count).toBe(3);
    expect(after).toMatchObject({
      cursor: tick(6),
      entries: [{ key: tick(6), outcome: { kind: 'skipped', why: 'paused', count: 3 }, attempts: 0, by }],
    });
  });

  test('changes nothing where none came', () => {
    const before = record(3);
    expect(resumed(schedule(), before, by, t0 + 4 * minute - 1)).toEqual({ record: before, count: 0 });
  });

  test('changes nothing where the only tick that was known is forgotten, so that no cursor is left', () => {
    const before = record(undefined);
    expect(resumed(schedule(), before, by, t0 + 9 * minute)).toEqual({ record: before, count: 0 });
  });
});

describe('what runs once more', () => {
  const failed = { ...entry(3, { kind: 'failed', status: 1 }), key: 'manual/x' };

  test('is the newest tick, and no other key that was tried after it', () => {
    const before = record(3, { entries: [failed, entry(3, { kind: 'ok' })] });
    expect(due(plan({ attempts: 3 }), before, t0 + 3 * minute + 20_000)).toMatchObject({ kind: 'wait' });
  });

  test('is for each word of an operator another run, whatever ran before it', () => {
    const before = record(3, { entries: [failed, entry(3, { kind: 'ok' })] });
    expect(due(plan(), before, t0 + 3 * minute + 1, { run: 'y' })).toMatchObject({
      wish: { kind: 'begin', key: 'manual/y' },
    });
  });
});

describe('a note', () => {
  test('is begun anew where a person took it away', () => {
    const answer = rules().renewing?.(page(undefined, now), { kind: 'adopt' });
    expect(noted(answer)).toEqual(record(4, { since: tick(4), cursor: timeText(now) }));
  });

  test('of the end of a run that an operator asked for is written without a cursor as well', () => {
    const manual = { ...claim, key: 'manual/x', isTick: false };
    const wish: Wish = { kind: 'end', claim: manual, ending: { kind: 'ok' }, tookMs: 5 };
    expect(noted(renewed(plan(), record(undefined, { claim: manual }), wish, t0 + 9 * minute))).toMatchObject({
      ...{ cursor: undefined, claim: undefined, entries: [{ key: 'manual/x', outcome: { kind: 'ok' } }] },
    });
  });
});

describe('the ticks that come while a command runs', () => {
  const ended = (from: number): Wish => ({
    ...{ kind: 'end', claim: { ...claim, at: tick(from) }, ending: { kind: 'ok' }, tookMs: 5 },
  });
  const running = (from: number) => record(3, { claim: { ...claim, at: tick(from) } });

  test('are passed over but for the newest, where that waits for its turn', () => {
    const after = noted(renewed(plan({ overlap: 'queue' }), running(4), ended(4), t0 + 8 * minute));
    expect(after).toMatchObject({ cursor: tick(7), entries: [{ outcome: { why: 'overlap', count: 3 } }, {}] });
  });

  test('are passed over with --catch-up all as well, unless one was due before the command began', () => {
    const all = plan({ catchUp: 'all' });
    const late = t0 + 6 * minute + 5000;
    expect(noted(renewed(all, running(4), ended(4), late)).cursor).toBe(tick(6));
    // Due at the very instant at which the command began.
    expect(noted(renewed(all, running(5), ended(5), late)).cursor).toBe(tick(4));
  });

  test('are none where none came, with a jitter as without', () => {
    for (const jitterMs of [0, 30_000]) {
      const its = plan({ catchUp: 'all', jitterMs });
      const before = startOf(its, t0 + 5 * minute) - 1;
      expect(noted(renewed(its, running(4), ended(4), before)).cursor).toBe(tick(4));
    }
  });

  test.each([
    ['a tick after others', record(3, { claim, entries: [entry(3, { kind: 'ok' })] })],
    [
      'a second attempt',
      record(4, { claim: { ...claim, attempt: 2 }, entries: [entry(4, { kind: 'failed', status: 1 })] }),
    ],
  ])('are due as before, where a claim is given back under which nothing began: %s', (_, before) => {
    const work = { note: formatJobs({ ...before, claim: undefined }), end: undefined };
    const answer = rules(plan({ attempts: 3 })).releasing(page(before, t0 + 6 * minute + 5000, { work }));
    expect(noted({ note: answer })).toEqual({ ...before, claim: undefined });
  });
});

test('a tick that is tried again begins by the same key, and passes over nothing', () => {
  const before = record(3, { entries: [entry(3, { kind: 'interrupted' })] });
  expect(due(plan({ attempts: 2 }), before, t0 + 3 * minute)).toEqual(begins(3));
});
