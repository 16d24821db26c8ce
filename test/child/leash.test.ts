// The leash, pure: what is due stays due, graces only get shorter, and the clock that ran further counts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Instant, later } from '../../src/clock.ts';
import { extend, type HeldLeash, hold, type Leash, pull, shorten, untilPull } from '../../src/child/leash.ts';

const zero: Instant = { mono: 0, boot: 0 };
const at = (ms: number): Instant => later(zero, ms);
/** As at 15/10/2 s, from a renewal sent at `ms`. */
const leashFrom = (ms: number): Leash => ({
  termBy: at(ms + 10_000),
  killBy: at(ms + 13_000),
  guardBy: at(ms + 13_250),
});

describe('pull', () => {
  test.each([
    { name: 'nothing before the renew deadline', now: at(9999), pulled: 'none' },
    { name: 'the command is told at the renew deadline', now: at(10_000), pulled: 'term' },
    { name: 'the command is killed when its time is over', now: at(13_000), pulled: 'kill' },
    { name: 'boot time alone counts, as after a suspend', now: { mono: 5000, boot: 65_000 }, pulled: 'kill' },
    { name: 'monotonic time alone counts', now: { mono: 10_000, boot: 5000 }, pulled: 'term' },
  ])('$name', ({ now, pulled }) => {
    expect(pull(hold(leashFrom(0)), now)).toBe(pulled);
  });
});

describe('extend', () => {
  test('moves all instants while none is due', () => {
    const held = extend(hold(leashFrom(0)), leashFrom(2000), at(3000));
    expect(held).toEqual(hold(leashFrom(2000)));
  });

  test('changes nothing once the command had to be told, however late the answer says it was in time', () => {
    const held = hold(leashFrom(0));
    expect(extend(held, leashFrom(9000), at(10_000))).toBe(held);
  });

  test('does not lengthen a grace', () => {
    const held = shorten(hold(leashFrom(0)), 1000, at(2000));
    const next = extend(held, leashFrom(2000), at(2500));
    expect(pull(next, at(3000))).toBe('kill');
  });
});

describe('shorten', () => {
  test('kills when the grace is over, or when the leash says so, whichever is first', () => {
    expect(pull(shorten(hold(leashFrom(0)), 2000, at(1000)), at(3000))).toBe('kill');
    expect(pull(shorten(hold(leashFrom(0)), 25_000, at(1000)), at(13_000))).toBe('kill');
  });

  test('never lengthens what an earlier cause has left', () => {
    const held = shorten(shorten(hold(leashFrom(0)), 1000, at(0)), 25_000, at(500));
    expect(pull(held, at(1000))).toBe('kill');
  });
});

describe('untilPull', () => {
  test('is the time until something new is due', () => {
    expect(untilPull(hold(leashFrom(0)), at(0))).toBe(10_000);
    expect(untilPull(hold(leashFrom(0)), at(10_000))).toBe(3000);
    expect(untilPull(shorten(hold(leashFrom(0)), 1000, at(0)), at(0))).toBe(1000);
    expect(untilPull(hold(leashFrom(0)), at(14_000))).toBe(0);
  });
});

describe('whatever happens', () => {
  const severity = { none: 0, term: 1, kill: 2 };
  const happening = fc.oneof(
    fc.record({ what: fc.constant('extended' as const), sentAgo: fc.integer({ min: 0, max: 20_000 }) }),
    fc.record({ what: fc.constant('shortened' as const), graceMs: fc.integer({ min: 0, max: 30_000 }) }),
  );
  const story = fc.array(fc.tuple(happening, fc.integer({ min: 0, max: 4000 }), fc.integer({ min: 0, max: 4000 })), {
    maxLength: 30,
  });

  test('a pull is never taken back', () => {
    fc.assert(
      fc.property(story, (events) => {
        let held: HeldLeash = hold(leashFrom(0));
        let now = zero;
        let worst = 0;
        for (const [event, mono, boot] of events) {
          now = { mono: now.mono + mono, boot: now.boot + boot };
          worst = Math.max(worst, severity[pull(held, now)]);
          held =
            event.what === 'extended'
              ? extend(
                  held,
                  {
                    ...leashFrom(0),
                    termBy: later(now, 10_000 - event.sentAgo),
                    killBy: later(now, 13_000 - event.sentAgo),
                  },
                  now,
                )
              : shorten(held, event.graceMs, now);
          expect(severity[pull(held, now)]).toBeGreaterThanOrEqual(worst);
        }
      }),
    );
  });
});
