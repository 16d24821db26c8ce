// How fast to ask: the pause after a failure, the pause after a lost race, and over how long attempts are spread.
// The intuition: when a lock becomes free, all its standbys see it at one moment and ask at once. They are a herd. One
// of them wins, and the server says no to each other one. It takes longer over a refusal the more it has to refuse, so
// the time of a refusal measures the herd, and no candidate has to count it. A candidate that draws its next attempt
// from a window of twice that time meets few others. It remembers the measure: the same herd waits for the next
// hand-over.
// Does not know who holds the lock. Invariant: no Retry-After takes a holder's last attempt before its deadline.

import { later, possiblyElapsed, possiblyPast, untilPossibly } from '../clock.ts';
import type { Trouble } from '../locks/lock.ts';
import { sameVersion, versionOf } from '../locks/record.ts';
import type { Grant, PendingWrite } from './state.ts';
import { tellRecovery } from './tell.ts';
import { jitterFactor } from './timing.ts';
import { dice, report, set, type Turn } from './turn.ts';
import { isTrusted } from './watching.ts';

const firstPauseMs = 250;
/** Candidates that all wait for one lease's end take the lock over this time. */
const expirySpreadMs = 5;
/** A herd that was not met for so many leases may have gone, or have been a slow network. */
const herdLeases = 4;
/** A conflict that is answered so soon was a race among few. */
const quickConflictMs = 25;
/** 2 to this power is more than any pause allows. */
const mostDoublings = 16;

/** After a failed request: the next one waits, longer from failure to failure. */
export function slowDown(turn: Turn, trouble: Trouble): void {
  const { s, now } = turn;
  const { term, failures } = s;
  const { leaseDurationMs, retryPeriodMs } = s.settings.timing;
  const timedOut = trouble.cause === 'timeout';
  const backOffMs = Math.min(firstPauseMs * 2 ** failures, retryPeriodMs) * (1 + dice(turn) * (jitterFactor - 1));
  // A time-out was pause enough, and the next attempt has a fresh connection.
  const wantedMs = Math.max(timedOut ? 0 : backOffMs, trouble.retryAfterMs ?? 0);
  const pause = later(
    now,
    Math.min(wantedMs, term ? longestPauseInTerm(turn, term) : Math.max(leaseDurationMs, backOffMs)),
  );
  set(turn, { failures: Math.min(failures + 1, mostDoublings), timeouts: s.timeouts + Number(timedOut), pause });
}

/**
 * Neither a server nor our own back-off may talk us into missing the deadline. A renewal is tried at least as often as
 * when all is well, as the last quarter of the deadline begins, and again and again in it.
 */
function longestPauseInTerm({ s, now }: Turn, { leash }: Grant): number {
  const { renewDeadlineMs, retryPeriodMs } = s.settings.timing;
  const untilLastQuarterMs = untilPossibly(now, leash.termBy) - renewDeadlineMs / 4;
  return Math.min(retryPeriodMs, untilLastQuarterMs > 0 ? untilLastQuarterMs : firstPauseMs);
}

/** An answer came, and the pauses begin anew. That the lock can be read does not mean that it can be written. */
export function answered(turn: Turn, to: 'read' | 'write'): void {
  const { trouble } = turn.s;
  if (to === 'read' && trouble && trouble.doing !== 'read') return;
  tellRecovery(turn);
  set(turn, { trouble: undefined, failures: 0, timeouts: 0 });
}

/** Another candidate was quicker, or only a label changed: the next look tells, unless a watch has told already. */
export function conflicted(turn: Turn, { kind, base, sentAt }: PendingWrite, message: string): void {
  const { lostRaces, settings, observation, term, disputed } = turn.s;
  const { retryPeriodMs } = settings.timing;
  const known = observation && versionOf(observation.sighting);
  const seen = base && known && settings.compare(known, base) === 'newer';
  const again = disputed !== undefined && sameVersion(disputed.base, base) && disputed.seen;
  set(turn, { mustRead: !seen, disputed: seen ? undefined : { base, message, seen: again } });
  if (term || (kind !== 'take' && kind !== 'create')) return;
  // The measure of the herd; twice as much is the window of the next attempts. Where few race, it is nothing.
  const tookMs = Math.max(0, possiblyElapsed(turn.now, sentAt) - quickConflictMs);
  // Time for a watch to say who won, before it is asked for.
  const backOffMs = lostRaces === 0 ? 0 : Math.min(firstPauseMs * 2 ** lostRaces, retryPeriodMs);
  const pauseMs = Math.max(isTrusted(turn.s) ? quickConflictMs : 0, dice(turn) * backOffMs);
  meetHerd(turn, 2 * tookMs);
  set(turn, {
    lostRaces: Math.min(lostRaces + 1, mostDoublings),
    takePause: later(turn.now, pauseMs),
  });
  report(turn, { kind: 'race-lost' });
}

/** By how much to put off an attempt on what all standbys see at this moment; `held`: they wait for a lease's end. */
export function spread(turn: Turn, held: boolean): number {
  return dice(turn) * Math.max(held ? expirySpreadMs : 0, herdMs(turn));
}

/** The largest measure is kept for as long as the herd is met: a smaller one only tells who was lucky. */
export function meetHerd(turn: Turn, measuredMs: number): void {
  const { leaseDurationMs } = turn.s.settings.timing;
  const ms = Math.min(Math.max(measuredMs, herdMs(turn)), leaseDurationMs / 2);
  set(turn, { herd: { ms, until: later(turn.now, herdLeases * leaseDurationMs) } });
}

/** Over how long to spread an attempt now, as lost races measured the herd; nothing once it was not met for long. */
function herdMs({ s, now }: Turn): number {
  return s.herd && !possiblyPast(now, s.herd.until) ? s.herd.ms : 0;
}
