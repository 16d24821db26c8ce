// What doctor makes of the way to the server: each verdict, at the bounds where it changes.
// To check: a clock that is off is a failure for ticks alone, and a date of whole seconds never accuses a right clock.
import { describe, expect, test } from 'vitest';
import { judgeClock, judgePace, judgeReach, judgeWatch } from '../../../src/commands/doctor/cluster.ts';
import { completeTiming } from '../../../src/elector/timing.ts';
import type { Trip } from '../../../src/locks/examination.ts';

/** R is 10 s, so a renewal may take 2.5 s. */
const timing = completeTiming({ leaseDurationMs: 15_000 });
const server = 'https://10.0.0.1:6443';

describe('the server', () => {
  const reached = { kind: 'reached', version: 'v1.35.4', http: '2' } as const;

  test.each([
    { what: 'told all', reach: reached, someone: { name: 'ann', isTold: true }, says: 'Kubernetes 1.35.4, HTTP/2, as ann' },
    {
      what: 'told no name',
      reach: reached,
      someone: { name: 'ann', isTold: false },
      says: 'Kubernetes 1.35.4, HTTP/2, as ann (so its credential says)',
    },
    { what: 'told nothing', reach: { ...reached, version: undefined, http: undefined }, someone: undefined, says: 'version not told' },
  ])('is ok where it answers, and $what', ({ reach, someone, says }) => {
    expect(judgeReach(server, reach, someone)).toEqual({ name: 'server', verdict: 'ok', text: `${server}, ${says}` });
  });

  test('fails in the words of a run where it does not answer', () => {
    const trouble = { cause: 'unreachable', message: 'cannot read lease a/b: nobody there' } as const;
    expect(judgeReach(server, { kind: 'failed', trouble }, undefined)).toEqual({
      name: 'server',
      verdict: 'FAIL',
      text: 'cannot read lease a/b: nobody there',
    });
  });
});

describe('the round trip', () => {
  const trip = (tookMs: number): Trip => ({ tookMs, sentMs: 0, gotMs: tookMs, dateMs: undefined });

  test.each([
    { slowest: 1250, verdict: 'ok' },
    { slowest: 1251, verdict: 'warn' },
    { slowest: 2500, verdict: 'warn' },
    { slowest: 2501, verdict: 'FAIL' },
  ])('of $slowest ms is $verdict', ({ slowest, verdict }) => {
    const judged = judgePace([trip(3), trip(slowest), trip(5)], timing);
    expect(judged.verdict).toBe(verdict);
    expect(judged.text).toMatch(/^round trip \d.* \(slowest of 3\); a renewal may take 2\.5 s$/);
    expect(judged.fix === undefined).toBe(verdict === 'ok');
  });

  test('fails where one read is not answered', () => {
    expect(judgePace([trip(3), undefined], timing)).toMatchObject({
      verdict: 'FAIL',
      text: '1 of 2 reads were not answered: a renewal may take 2.5 s',
    });
  });
});

describe('the clock', () => {
  const date = Date.parse('2026-11-27T10:00:00Z');
  /** Sent and answered by a clock that is so far ahead, when the server's second was so old. */
  const trip = (aheadMs: number, sinceSecondMs = 0): Trip => {
    const sentMs = date + sinceSecondMs + aheadMs;
    return { tookMs: 10, sentMs, gotMs: sentMs + 10, dateMs: date };
  };

  test.each([0, 500, 999])('agrees when it is right, %i ms after the second that the server tells', (since) => {
    for (const hasTicks of [true, false])
      expect(judgeClock([trip(0, since)], hasTicks)).toEqual({ name: 'clock', verdict: 'ok', text: "this clock agrees with the server's" });
  });

  test.each([
    { ahead: 3000, hasTicks: true, verdict: 'ok' },
    { ahead: 4200, hasTicks: false, verdict: 'warn', text: 'times in the record and in the log are off' },
    { ahead: 4200, hasTicks: true, verdict: 'warn', text: 'ahead of the server\'s: ticks are claimed early by as much' },
    { ahead: 31_000, hasTicks: true, verdict: 'warn', text: 'ticks are claimed early' },
    { ahead: 31_001, hasTicks: true, verdict: 'FAIL', text: 'no tick is claimed while it is more than 30 s ahead' },
    { ahead: 600_000, hasTicks: false, verdict: 'warn', text: 'ahead of' },
    { ahead: -2010, hasTicks: true, verdict: 'ok' },
    { ahead: -2011, hasTicks: true, verdict: 'warn', text: "behind the server's: ticks run late by as much" },
    { ahead: -600_000, hasTicks: true, verdict: 'warn', text: 'ticks run late' },
  ])('that is $ahead ms ahead is $verdict (with ticks: $hasTicks)', ({ ahead, hasTicks, verdict, text = '' }) => {
    const judged = judgeClock([trip(ahead)], hasTicks);
    expect(judged.verdict).toBe(verdict);
    expect(judged.text).toContain(text);
  });

  test('is bounded by all the answers together', () => {
    // Alone, neither shows more than that it is ahead by something between 1.2 and 3.2 s.
    const [early, late] = [trip(2200, 0), trip(2200, 990)];
    expect([judgeClock([early], false).verdict, judgeClock([undefined, early, late], false).text]).toEqual([
      'ok',
      "this clock is 2.2 s ahead of the server's: times in the record and in the log are off",
    ]);
  });

  test('is not judged by answers without a date', () => {
    expect(judgeClock([{ tookMs: 1, sentMs: 0, gotMs: 1, dateMs: undefined }, undefined], true).verdict).toBe('skip');
  });
});

describe('the watch', () => {
  const down = { kind: 'down', isForbidden: true, message: 'the verb watch is missing' } as const;

  test.each([
    { watched: { kind: 'open', tookMs: 8, isTold: true }, allowed: true, verdict: 'ok', text: 'a watch told the lock after 8 ms' },
    { watched: { kind: 'open', tookMs: 8, isTold: false }, allowed: true, verdict: 'ok', text: 'a watch opened after 8 ms' },
    { watched: down, allowed: false, verdict: 'skip', text: 'no watch was opened: the right to watch is missing' },
    // A review says yes, or could not be asked: then this is the news.
    { watched: down, allowed: true, verdict: 'FAIL', text: down.message },
    { watched: down, allowed: undefined, verdict: 'FAIL', text: down.message },
    { watched: { ...down, isForbidden: false }, allowed: false, verdict: 'FAIL', text: down.message },
    {
      watched: { kind: 'silent', isOpen: true, afterMs: 10_000 },
      allowed: true,
      verdict: 'FAIL',
      text: 'a watch opened, and the lock was not told over it within 10 s: does a proxy hold answers back?',
    },
    { watched: { kind: 'silent', isOpen: false, afterMs: 10_000 }, allowed: true, verdict: 'FAIL', text: 'a watch did not open within 10 s' },
  ] as const)('$watched with allowed $allowed is $verdict', ({ watched, allowed, verdict, text }) => {
    const judged = judgeWatch(watched, allowed, timing);
    expect(judged).toMatchObject({ name: 'watch', verdict, text });
    expect(judged.fix).toBe(
      verdict === 'FAIL'
        ? 'without a watch a candidate looks every 2 s or so, and take-overs are late by as much'
        : undefined,
    );
  });
});
