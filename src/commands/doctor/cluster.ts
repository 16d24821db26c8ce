// Judges the way to the API server: whether it answers, as whom, how fast against what a renewal may take, whether the
// clocks agree, and whether changes are told at once. Decides what is a warning and what a failure.
// Knows no request: what was asked and answered comes in (locks/examination.ts).
// Invariant: a clock is never a failure, but for ticks, which no leader claims while it is too far ahead.

import { span } from '../../common/quantity.ts';
import type { Timing } from '../../elector/timing.ts';
import { tooFarAheadMs } from '../../job/once.ts';
import type { Reach, Someone, Trip } from '../../locks/examination.ts';
import type { Judged } from './finding.ts';

export function judgeReach(server: string, reach: Reach, someone: Someone | undefined): Judged {
  const name = 'server';
  if (reach.kind === 'failed') return { name, verdict: 'FAIL', text: reach.trouble.message };
  const version = reach.version === undefined ? 'version not told' : `Kubernetes ${reach.version.replace(/^v/, '')}`;
  const http = reach.http === undefined ? [] : [`HTTP/${reach.http}`];
  const who = someone ? [`as ${someone.name}${someone.isTold ? '' : ' (so its credential says)'}`] : [];
  return { name, verdict: 'ok', text: [server, version, ...http, ...who].join(', ') };
}

/** Of reads; a renewal is one write, which is not faster. */
export function judgePace(trips: readonly (Trip | undefined)[], { renewDeadlineMs }: Timing): Judged {
  const name = 'round-trip';
  const limitMs = renewDeadlineMs / 4;
  const may = `a renewal may take ${span(limitMs)}`;
  const answered = trips.filter((trip) => trip !== undefined);
  const lost = trips.length - answered.length;
  if (lost > 0)
    return { name, verdict: 'FAIL', text: `${lost} of ${trips.length} reads were not answered: ${may}`, fix: longer };
  const slowest = Math.max(...answered.map(({ tookMs }) => tookMs));
  const text = `round trip ${span(slowest)} (slowest of ${trips.length}); ${may}`;
  if (slowest > limitMs) return { name, verdict: 'FAIL', text, fix: longer };
  return slowest > limitMs / 2 ? { name, verdict: 'warn', text, fix: longer } : { name, verdict: 'ok', text };
}

const longer = 'a longer --lease-duration leaves a renewal more time';

/** Two clocks that are kept differ by less. */
const agreeingMs = 2000;

/** `hasTicks`: the wall clock decides when the command runs. */
export function judgeClock(trips: readonly (Trip | undefined)[], hasTicks: boolean): Judged {
  const name = 'clock';
  const bounds = trips.flatMap((trip) => {
    // A server tells whole seconds, cut off, and its time when it answered.
    return trip?.dateMs === undefined
      ? []
      : [{ least: trip.sentMs - trip.dateMs - 1000, most: trip.gotMs - trip.dateMs }];
  });
  if (bounds.length === 0)
    return { name, verdict: 'skip', text: "the server's answers have no date to compare this clock with" };
  const [least, most] = [Math.max(...bounds.map(({ least }) => least)), Math.min(...bounds.map(({ most }) => most))];
  const off = (least + most) / 2;
  const isAhead = least > agreeingMs;
  if (!isAhead && most >= -agreeingMs) return { name, verdict: 'ok', text: "this clock agrees with the server's" };
  const text = `this clock is ${span(Math.abs(off))} ${isAhead ? 'ahead of' : 'behind'} the server's`;
  const fix = 'set this clock by NTP; the promise and its leases do not rest on it';
  if (!hasTicks) return { name, verdict: 'warn', text: `${text}: times in the record and in the log are off`, fix };
  if (!isAhead) return { name, verdict: 'warn', text: `${text}: ticks run late by as much`, fix };
  if (least > tooFarAheadMs)
    return {
      name,
      verdict: 'FAIL',
      text: `${text}: no tick is claimed while it is more than ${span(tooFarAheadMs)} ahead`,
      fix,
    };
  return { name, verdict: 'warn', text: `${text}: ticks are claimed early by as much`, fix };
}

/** What became of a watch on the lock. */
export type Watched =
  /** `isTold`: the lock as it is was told over it; a lock that does not exist tells nothing. */
  | { readonly kind: 'open'; readonly tookMs: number; readonly isTold: boolean }
  | { readonly kind: 'down'; readonly isForbidden: boolean; readonly message: string }
  /** `isOpen`: but nothing came over it. */
  | { readonly kind: 'silent'; readonly isOpen: boolean; readonly afterMs: number };

/** `isAllowed`: the right to watch, where it could be asked for. */
export function judgeWatch(watched: Watched, isAllowed: boolean | undefined, { retryPeriodMs }: Timing): Judged {
  const name = 'watch';
  const looks = `looks every ${span(retryPeriodMs)} or so`;
  const instead = `without a watch a candidate ${looks}, and take-overs are late by as much`;
  switch (watched.kind) {
    case 'open':
      return {
        name,
        verdict: 'ok',
        text: watched.isTold
          ? `a watch told the lock after ${span(watched.tookMs)}`
          : `a watch opened after ${span(watched.tookMs)}`,
      };
    case 'down':
      if (watched.isForbidden && isAllowed === false)
        return { name, verdict: 'skip', text: 'no watch was opened: the right to watch is missing' };
      return { name, verdict: 'FAIL', text: watched.message, fix: instead };
    case 'silent': {
      const after = `within ${span(watched.afterMs)}`;
      const text = watched.isOpen
        ? `a watch opened, and the lock was not told over it ${after}: does a proxy hold answers back?`
        : `a watch did not open ${after}`;
      return { name, verdict: 'FAIL', text, fix: instead };
    }
  }
}
