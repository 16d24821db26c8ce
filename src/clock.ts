// The only reader of time. An instant is a pair: monotonic time, which stands still while the machine is suspended, and
// boot time, which does not (CLOCK_BOOTTIME, read from /proc/uptime). Neither alone is safe for both sides of a lease:
// a holder must believe the clock that ran further (`possiblyPast`), a candidate the one that ran less (`surelyPast`).
// Wall time is carried along to be written into records and logs; nothing here or elsewhere compares it.
// Invariant: no other file of src/ calls Date, performance, process.hrtime or os.uptime.

import { openSync, readSync } from 'node:fs';

/** A point in time on both clocks, in milliseconds since an origin that only this run knows. */
export interface Instant {
  readonly mono: number;
  readonly boot: number;
}

/** An instant together with the wall clock's milliseconds since 1970, which are only ever written down. */
export interface Now extends Instant {
  readonly wall: number;
}

export interface Clock {
  /** Throws when boot time cannot be read: the supervisor of a child must then kill the child. */
  now(): Now;
  /** Calls back once after `ms` of monotonic time; returns the undo. */
  after(ms: number, callback: () => void): () => void;
}

export function later(instant: Instant, ms: number): Instant {
  return { mono: instant.mono + ms, boot: instant.boot + ms };
}

/** True once either clock has reached `by`: the question of a holder, who must stop early rather than late. */
export function possiblyPast(now: Instant, by: Instant): boolean {
  return now.mono >= by.mono || now.boot >= by.boot;
}

/** True once both clocks have reached `at`: the question of a candidate, who must start late rather than early. */
export function surelyPast(now: Instant, at: Instant): boolean {
  return now.mono >= at.mono && now.boot >= at.boot;
}

/** Milliseconds until `possiblyPast`; 0 when already so. */
export function untilPossibly(now: Instant, by: Instant): number {
  return Math.max(0, Math.min(by.mono - now.mono, by.boot - now.boot));
}

/** Milliseconds until `surelyPast`; 0 when already so. */
export function untilSurely(now: Instant, at: Instant): number {
  return Math.max(0, Math.max(at.mono - now.mono, at.boot - now.boot));
}

/** The elapsed time a holder must reckon with, in milliseconds. */
export function possiblyElapsed(now: Instant, since: Instant): number {
  return Math.max(now.mono - since.mono, now.boot - since.boot);
}

/** The elapsed time a candidate may count on, in milliseconds. */
export function surelyElapsed(now: Instant, since: Instant): number {
  return Math.min(now.mono - since.mono, now.boot - since.boot);
}

/** For people: whole milliseconds by the finer of the two clocks (boot time ticks in hundredths of a second). */
export function shownElapsed(now: Instant, since: Instant): number {
  return Math.round(now.mono - since.mono);
}

/** The earlier of two instants on each clock. */
export function earliest(a: Instant, b: Instant): Instant {
  return { mono: Math.min(a.mono, b.mono), boot: Math.min(a.boot, b.boot) };
}

/** The latest of some instants on each clock. */
export function latest(...instants: readonly Instant[]): Instant {
  return {
    mono: Math.max(...instants.map((instant) => instant.mono)),
    boot: Math.max(...instants.map((instant) => instant.boot)),
  };
}

/** The machine's clock. Reading boot time from a held descriptor costs 6 us, opening the file each time 93 us. */
export function systemClock(): Clock {
  const uptime = openUptime();
  return {
    now: () => {
      const mono = Number(process.hrtime.bigint()) / 1e6;
      const boot = uptime === undefined ? mono : readUptime(uptime);
      return { mono, boot, wall: Date.now() };
    },
    after: (ms, callback) => {
      // A timer longer than 2^31 - 1 ms would fire at once.
      const timer = setTimeout(callback, Math.min(Math.max(0, Math.ceil(ms)), 2 ** 31 - 1));
      return () => {
        clearTimeout(timer);
      };
    },
  };
}

const uptimeText = Buffer.alloc(64);

function openUptime(): number | undefined {
  // macOS has no /proc and is for development: its suspends go unseen, but hrtime is one for all processes, as the
  // guardian needs it. On Linux a missing /proc must not go unseen.
  if (process.platform !== 'linux') return undefined;
  return openSync('/proc/uptime', 'r');
}

function readUptime(descriptor: number): number {
  const length = readSync(descriptor, uptimeText, 0, uptimeText.length, 0);
  const seconds = Number.parseFloat(uptimeText.toString('latin1', 0, length));
  if (!Number.isFinite(seconds)) throw new Error('cannot read boot time from /proc/uptime');
  return Math.round(seconds * 1000);
}
