// The inequalities between the durations, and what is said when one is broken.
// Invariant under test: the number that a message names is the smallest that fits.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { completeTiming, leashFrom, marginMs, type Timing, timingFaults } from '../../src/elector/timing.ts';

const fine = completeTiming({ leaseDurationMs: 15_000 });

describe('unset durations', () => {
  test.each([
    ['15 s gives the defaults', 15_000, { renewDeadlineMs: 10_000, retryPeriodMs: 2_000, lostGraceMs: 3_000 }],
    ['30 s doubles them', 30_000, { renewDeadlineMs: 20_000, retryPeriodMs: 4_000, lostGraceMs: 7_250 }],
    ['4 s leaves little grace', 4_000, { renewDeadlineMs: 2_667, retryPeriodMs: 533, lostGraceMs: 0 }],
  ])('follow from the lease duration: %s', (_, leaseDurationMs, rest) => {
    expect(completeTiming({ leaseDurationMs })).toEqual({ leaseDurationMs, ...rest });
  });

  test('keep what is given, and the grace is what is left', () => {
    expect(completeTiming({ leaseDurationMs: 15_000, renewDeadlineMs: 6_000 })).toMatchObject({
      renewDeadlineMs: 6_000,
      lostGraceMs: 7_000,
    });
  });
});

describe('row 43: durations that are not safe together are refused', () => {
  test.each<[string, Partial<Timing>, string]>([
    ['a fraction of a second', { leaseDurationMs: 1_500 }, 'whole seconds and more than 0s, since the record holds'],
    ['no lease', { leaseDurationMs: 0 }, 'more than 0s'],
    ['a lease beyond 32 bits', { leaseDurationMs: 2 ** 31 * 1000 }, 'must fit 32 bits'],
    ['no retry period', { retryPeriodMs: 0 }, 'the retry period must be more than 0'],
    ['no renew deadline', { renewDeadlineMs: 0 }, 'the renew deadline must be more than 0'],
    ['a negative grace', { lostGraceMs: -1 }, 'the lost grace must not be negative'],
    ['a retry period near the deadline', { retryPeriodMs: 9_000 }, 'use a renew deadline above 10.8s'],
    ['a deadline without room for a start', { renewDeadlineMs: 1_100, retryPeriodMs: 100 }, 'must be at least 1.2s'],
    ['a lease as long as the deadline', { renewDeadlineMs: 15_000 }, 'must be more than the renew deadline (15s)'],
    [
      'a grace that is too long',
      { lostGraceMs: 3_001 },
      'renew deadline 10s + lost grace 3.001s + 0.25s + margin 1.75s = 15.001s is more than the lease duration (15s): use a lease duration of at least 16s',
    ],
  ])('%s', (_, change, message) => {
    const faults = timingFaults({ ...fine, ...change });
    expect(faults.map((fault) => fault.message).join('\n')).toContain(message);
  });

  test.each([
    ['the defaults', fine],
    ['the shortest lease that leaves some grace', completeTiming({ leaseDurationMs: 4_000, renewDeadlineMs: 2_000 })],
    ['no grace at all', { ...fine, lostGraceMs: 0 }],
    ['a week', completeTiming({ leaseDurationMs: 604_800_000 })],
  ])('but not %s', (_, timing) => {
    expect(timingFaults(timing)).toEqual([]);
  });

  test('several faults are told at once', () => {
    const faults = timingFaults({ leaseDurationMs: 500, renewDeadlineMs: 0, retryPeriodMs: 0, lostGraceMs: -5 });
    expect(faults.map(({ setting }) => setting)).toEqual([
      'leaseDurationMs',
      'retryPeriodMs',
      'renewDeadlineMs',
      'lostGraceMs',
    ]);
  });
});

describe('the lease duration that a message names', () => {
  const durations = fc.record({
    leaseDurationMs: fc.integer({ min: 1, max: 120 }).map((seconds) => seconds * 1000),
    renewDeadlineMs: fc.integer({ min: 1_200, max: 90_000 }),
    lostGraceMs: fc.integer({ min: 0, max: 60_000 }),
  });

  test('fits, and one second less does not', () => {
    fc.assert(
      fc.property(durations, (given) => {
        const timing: Timing = { ...given, retryPeriodMs: 100 };
        const fault = timingFaults(timing).find(({ setting }) => setting === 'leaseDurationMs');
        if (!fault) return;
        const named = Number(/at least ([\d.]+)s/.exec(fault.message)?.[1]) * 1000;
        expect(timingFaults({ ...timing, leaseDurationMs: named })).toEqual([]);
        expect(timingFaults({ ...timing, leaseDurationMs: named - 1000 })).not.toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the leash', () => {
  test('follows from the sending of a write', () => {
    const leash = leashFrom({ mono: 1_000, boot: 9_000 }, fine);
    expect(leash).toEqual({
      termBy: { mono: 11_000, boot: 19_000 },
      killBy: { mono: 14_000, boot: 22_000 },
      guardBy: { mono: 14_250, boot: 22_250 },
    });
  });

  test('covers clocks that differ by 1000 ppm and a SIGKILL that is 1 s late, whatever is accepted', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 100_000 }),
        fc.integer({ min: 1_200, max: 100_000_000 }),
        (seconds, renewDeadlineMs) => {
          const timing = { leaseDurationMs: seconds * 1000, renewDeadlineMs, retryPeriodMs: 100, lostGraceMs: 0 };
          if (timingFaults(timing).length > 0) return;
          const { termBy, killBy, guardBy } = leashFrom({ mono: 0, boot: 0 }, timing);
          expect(termBy.boot).toBeLessThanOrEqual(killBy.boot);
          expect(killBy.boot).toBeLessThan(guardBy.boot);
          // The guardian's clock is slow by 500 ppm, the candidate's fast by as much.
          const deadAt = guardBy.boot / (1 - 0.0005) + 1_000;
          expect(deadAt).toBeLessThan(timing.leaseDurationMs / (1 + 0.0005));
          expect(marginMs(timing.leaseDurationMs)).toBeGreaterThanOrEqual(1_000);
        },
      ),
    );
  });
});
