// What it decides: what time it is for credentials in tests. Timers do not run on it.
import type { Clock, Now } from '../../src/clock.ts';

export interface FakeClock extends Clock {
  advance(ms: number): void;
}

export function fakeClock(): FakeClock {
  let now: Now = { mono: 0, boot: 0, wall: Date.parse('2026-01-01T00:00:00Z') };
  return {
    now: () => now,
    after: () => {
      throw new Error('no timers here');
    },
    advance: (ms) => {
      now = { mono: now.mono + ms, boot: now.boot + ms, wall: now.wall + ms };
    },
  };
}
