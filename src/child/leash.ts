// The leash: until when the command may run, as its supervisor understands it. Decides, given the time, whether the
// command must be told to end or be killed, and refuses to lengthen what is already due. Pure; knows neither who
// extends it nor how one kills.
// Invariants: an instant that is due stays due (latch); the end of a grace only ever moves earlier.

import { earliest, type Instant, later, possiblyPast, untilPossibly } from '../clock.ts';

/** Three instants that follow from the last acknowledged renewal. */
export interface Leash {
  /** The command is told to end. */
  readonly termBy: Instant;
  /** The command is killed. */
  readonly killBy: Instant;
  /** The guardian kills it, whatever has become of leader-run. */
  readonly guardBy: Instant;
}

/** A leash in the supervisor's hand, perhaps with a grace that ends before it. */
export interface HeldLeash extends Leash {
  readonly graceBy: Instant | undefined;
}

export type Pull = 'none' | 'term' | 'kill';

export function hold(leash: Leash): HeldLeash {
  return { ...leash, graceBy: undefined };
}

/** What must be done to the command now. */
export function pull(leash: HeldLeash, now: Instant): Pull {
  if (possiblyPast(now, leash.killBy) || (leash.graceBy && possiblyPast(now, leash.graceBy))) return 'kill';
  return possiblyPast(now, leash.termBy) ? 'term' : 'none';
}

/**
 * A renewal moves the instants, unless one of them is due already: then the answer came too late to change anything.
 */
export function extend(leash: HeldLeash, next: Leash, now: Instant): HeldLeash {
  if (pull(leash, now) !== 'none') return leash;
  return { ...next, graceBy: leash.graceBy };
}

/** The command was told to end: it gets so long, or what an earlier cause left of it. */
export function shorten(leash: HeldLeash, graceMs: number, now: Instant): HeldLeash {
  const by = later(now, graceMs);
  return { ...leash, graceBy: leash.graceBy ? earliest(leash.graceBy, by) : by };
}

/** Milliseconds until `pull` may say something new. */
export function untilPull(leash: HeldLeash, now: Instant): number {
  const instants = [leash.termBy, leash.killBy, ...(leash.graceBy ? [leash.graceBy] : [])];
  const ahead = instants.map((by) => untilPossibly(now, by)).filter((ms) => ms > 0);
  return ahead.length > 0 ? Math.min(...ahead) : 0;
}
