// Durations at the very edge of what fits: the longest, the shortest, and the one that is refused by a hair.
// Knows no clock. To check: the edge itself and what lies beside it, and leases that follow from nothing else.

import { describe, expect, test } from 'vitest';
import { completeTiming, jitterFactor, leashFrom, timingFaults } from '../../src/elector/timing.ts';

const settings = (given: Parameters<typeof timingFaults>[0]) => timingFaults(given).map(({ setting }) => setting);

test('the longest lease is the one whose seconds fit 32 bits', () => {
  const longest = (2 ** 31 - 1) * 1000;
  expect(timingFaults({ leaseDurationMs: longest })).toEqual([]);
  expect(settings({ leaseDurationMs: longest + 1000 })).toEqual(['leaseDurationMs']);
});

test('a renew deadline is longer than the jitter of a retry period, if only by a millisecond', () => {
  const timing = { leaseDurationMs: 15_000, retryPeriodMs: 2_000 };
  const least = jitterFactor * timing.retryPeriodMs;
  expect(settings({ ...timing, renewDeadlineMs: least })).toEqual(['renewDeadlineMs']);
  expect(settings({ ...timing, renewDeadlineMs: least + 1 })).toEqual([]);
});

test('a renew deadline leaves room for a start', () => {
  const timing = { leaseDurationMs: 15_000, retryPeriodMs: 100 };
  expect(settings({ ...timing, renewDeadlineMs: 1_199 })).toEqual(['renewDeadlineMs']);
  expect(settings({ ...timing, renewDeadlineMs: 1_200 })).toEqual([]);
});

describe('the lease that is named where one does not fit', () => {
  const named = (given: Parameters<typeof timingFaults>[0]) =>
    timingFaults(given)
      .filter(({ setting }) => setting === 'leaseDurationMs')
      .map(({ message }) => Number(/at least ([\d.]+)s/.exec(message)?.[1]));

  test('is the shortest whose own deadline fits, where no deadline is given', () => {
    for (const seconds of [2, 3, 4]) expect(named({ leaseDurationMs: seconds * 1000 })).toEqual([5]);
    expect(timingFaults({ leaseDurationMs: 5_000 })).toEqual([]);
  });

  test('leaves room for a grace, where that is given alone', () => {
    const given = { leaseDurationMs: 5_000, lostGraceMs: 10_000 };
    const [seconds = Number.NaN] = named(given);
    expect(timingFaults({ ...given, leaseDurationMs: seconds * 1000 })).toEqual([]);
    expect(settings({ ...given, leaseDurationMs: (seconds - 1) * 1000 })).toEqual(['leaseDurationMs']);
  });

  test('is named beside a deadline that is too short in itself', () => {
    const given = { leaseDurationMs: 1_000, renewDeadlineMs: 1_100, retryPeriodMs: 100 };
    expect(settings(given)).toEqual(['renewDeadlineMs', 'leaseDurationMs']);
    expect(named(given)).toEqual([3]);
  });
});

test('a leash ends the term before the kill, and the kill before the guardian’s, by what is left of the lease', () => {
  const timing = completeTiming({ leaseDurationMs: 100_000, renewDeadlineMs: 60_000 });
  const { termBy, killBy, guardBy } = leashFrom({ mono: 0, boot: 7 }, timing);
  // The margin is 1 s and a twentieth of the lease.
  expect([termBy.mono, killBy.mono, guardBy.mono]).toEqual([60_000, 93_750, 94_000]);
  expect([termBy.boot, killBy.boot, guardBy.boot]).toEqual([60_007, 93_757, 94_007]);
});
