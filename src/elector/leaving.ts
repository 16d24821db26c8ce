// How a campaign or a holding comes to its end, whatever asked for it. Decides what is waited for before that, and
// which outcome is reported. Does not know what is asked of the lock on the way out: that is decided in plan.ts.
// Invariant: a write that is under way is never forgotten by leaving, since it may make this candidate the holder.

import type { Instant } from '../clock.ts';
import type { Trouble } from '../locks/lock.ts';
import { pauseNow } from './observation.ts';
import { settledBy } from './page.ts';
import type { Leaving, Outcome, State } from './state.ts';
import { report, set, type Turn } from './turn.ts';

/** Ends a campaign; a write that is under way is waited for, since it may make this candidate the holder. */
export function leave(turn: Turn, outcome: Exclude<Leaving, 'released'>, verdict?: unknown): void {
  const { request, proven, trouble } = turn.s;
  // What another has done meanwhile is the better answer, whoever holds the lock by now.
  const settled = outcome === 'not-acquired' ? settledBy(turn.s, turn.now) : undefined;
  if (settled !== undefined) return leave(turn, 'settled', settled);
  if (outcome === 'not-acquired' && !proven && trouble && isVerdict(trouble.cause)) {
    // Not "another holder has it", but "you may not have it": a campaign that was no longer than this ends with that.
    return idle(turn, { kind: 'refused', trouble: trouble.last });
  }
  set(turn, {
    want: 'leave',
    leaving: { ...leavingAs(outcome, turn.now), because: trouble?.last, verdict },
    pause: turn.now,
    request: request?.kind === 'write' ? request : undefined,
  });
}

/** With nothing tried yet. */
export function leavingAs(outcome: Leaving, holdUntil: Instant): State['leaving'] {
  return {
    ...{ outcome, because: undefined, verdict: undefined, holdUntil, shorten: false },
    ...{ insists: false, tries: 0, by: undefined },
  };
}

/** Nothing is wanted of the lock any more, and the driver is told how it ended. */
export function idle(turn: Turn, outcome: Outcome): void {
  set(turn, { want: 'nothing', term: undefined, watching: false, watch: { kind: 'down' }, mustRead: false });
  if (outcome.kind === 'released') report(turn, { kind: 'released' });
  if (outcome.kind === 'left-held') report(turn, { kind: 'left-held', forMs: outcome.forMs });
  if (outcome.kind === 'not-released' && turn.s.observation?.own) {
    const freeInMs = turn.s.settings.timing.leaseDurationMs;
    report(turn, { kind: 'release-failed', freeInMs, message: turn.s.trouble?.last.message ?? 'no answer' });
  }
  const why = { trouble: whyUnknown(turn.s), pause: pauseNow(turn.s, turn.now) };
  const ended = outcome.kind === 'not-acquired' ? { ...outcome, ...why } : outcome;
  turn.effects.push({ kind: 'watch', on: false }, { kind: 'idle', outcome: ended });
}

/** Why it is not known whether the lock has a holder; undefined: it is. */
function whyUnknown({ trouble, observation }: State): Trouble | undefined {
  if (trouble) return trouble.last;
  return observation
    ? undefined
    : { cause: 'timeout', message: 'no answer came in time, so it is not known who leads' };
}

/** The outcome of leaving; `unreleased`: what is said in place of `released` where the lock could not be given back. */
export function outcomeOf({ leaving }: State, unreleased: 'released' | 'not-released'): Outcome {
  if (leaving.outcome === 'released') return { kind: unreleased };
  if (leaving.outcome === 'settled') return { kind: 'settled', verdict: leaving.verdict };
  if (leaving.outcome !== 'refused') return { kind: leaving.outcome };
  return leaving.because ? { kind: 'refused', trouble: leaving.because } : { kind: 'not-acquired' };
}

const verdicts: ReadonlySet<Trouble['cause']> = new Set([
  ...(['unauthorized', 'forbidden', 'no-namespace', 'no-candidate', 'untrusted', 'unusable'] as const),
  ...(['invalid', 'altered'] as const),
]);

/** An answer that does not change by asking again: this candidate may not have the lock, or cannot ask for it. */
export function isVerdict(cause: Trouble['cause']): boolean {
  return verdicts.has(cause);
}
