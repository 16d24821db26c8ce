// The story: wait to be elected, run the command for as long as the term lasts, stop it before anyone else could start
// theirs, give the lock back, and exit with the reason.
// Decides in which order that happens; what a command is given is work.ts's, and what runs at ticks rounds.ts's.
// Everything else is the elector's, the child's or the caller's. All it uses comes in as arguments, so that a simulator
// can run it.
// Invariant: the lock is given back, and the next term begun, only after nothing of the command is left.

import { surelyElapsed } from './clock.ts';
import type { LeaderElector } from './elector/leader-elector.ts';
import type { Outcome, Patience } from './elector/state.ts';
import type { Term } from './elector/term.ts';
import { type Settled, settledIn } from './job/once.ts';
import type { Rounds } from './job/schedule.ts';
import { keepRounds } from './rounds.ts';
import { Ear, type Finish, type Scene, tellEnd, work, type Worked } from './work.ts';

export interface Story extends Scene {
  readonly elector: Pick<LeaderElector, 'campaign' | 'stop'>;
  readonly patience: Patience;
  readonly onLost: 'rejoin' | 'exit';
  /** From a term's beginning. */
  readonly holdForMs: number;
  /** How often the command may run for a key; undefined: it runs for none. `atMost` undefined: until it succeeds. */
  readonly attempts?: { readonly atMost: number | undefined } | undefined;
  /** The command runs at ticks, for as long as the term lasts. */
  readonly rounds?: Rounds | undefined;
}

/** Why the program ends, for the exit status and the last line of the log. */
export type Ending =
  | { readonly kind: 'command'; readonly code: number }
  | { readonly kind: 'command-signalled'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'stopped'; readonly signal: NodeJS.Signals }
  /** `given`: the lock was given back on request, and not lost against our will. */
  | { readonly kind: 'lost'; readonly given: boolean }
  | { readonly kind: 'max-runtime' }
  | { readonly kind: 'settled'; readonly verdict: Settled }
  | Extract<Outcome, { kind: 'not-acquired' }>
  | { readonly kind: 'failed'; readonly message: string };

export async function run(story: Story): Promise<Ending> {
  const { elector, desk, patience, onLost } = story;
  for (;;) {
    const elected = await elector.campaign(patience, desk.stop);
    if (elected.kind !== 'elected') return notLed(elected, desk);

    const { term } = elected;
    const { why, end, holdMs, attempt } = await serve(story, term);
    if (end.alive.length > 0) return { kind: 'failed', message: `processes ${end.alive.join(', ')} cannot be killed` };
    term.workEnded(attempt?.end);

    const isLost = why !== 'ended' && why !== 'asked' && why !== 'max-runtime';
    const rejoins = (): boolean => isLost && onLost === 'rejoin' && !desk.stop.aborted;
    // A lock that was lost is not ours to give; one that another is to have is given first.
    const keeps = why !== 'deposed' && why !== 'outlasted' && rejoins();
    const given = keeps ? undefined : await giveBack(story, term, isLost ? 0 : holdMs);
    if (attempt) tellEnd(story, attempt, given?.kind === 'released');
    if (rejoins()) continue;
    if (isLost && !desk.stop.aborted) return { kind: 'lost', given: why === 'deposed' };
    if (why === 'max-runtime') return { kind: 'max-runtime' };
    return endingOf(end, desk);
  }
}

/** What became of a term's work; under a schedule, of the tick whose outcome is not noted yet. */
interface Served extends Worked {
  /** For how long the lock is to be kept from now on. */
  readonly holdMs: number;
}

/** The work of one term: a command, or one at each tick, until the end of the last of its processes. */
async function serve(story: Story, term: Term): Promise<Served> {
  const { clock, attempts, rounds, holdForMs, desk } = story;
  const since = clock.now();
  const ear = new Ear(term, desk.stop);
  try {
    if (rounds) return { ...(await keepRounds(story, term, ear, rounds)), holdMs: 0 };
    const worked = await work(story, term, ear, { forKey: attempts !== undefined, atMost: attempts?.atMost });
    const hasRun = worked.end.ran && worked.end.failure === undefined;
    const holdMs = hasRun ? Math.max(0, holdForMs - surelyElapsed(clock.now(), since)) : 0;
    return { ...worked, holdMs };
  } finally {
    ear.close();
  }
}

/** Releases the lock, after the time it is to be held for; a request to stop cuts that short. */
async function giveBack({ elector, desk }: Story, term: Term, holdMs: number): Promise<Outcome> {
  const cutShort = (): void => {
    elector.stop();
  };
  const returned = term.resign(holdMs);
  if (desk.stop.aborted) cutShort();
  desk.stop.addEventListener('abort', cutShort, { once: true });
  return await returned.finally(() => {
    desk.stop.removeEventListener('abort', cutShort);
  });
}

function endingOf(end: Finish, desk: Story['desk']): Ending {
  if (end.ran && end.failure !== undefined) return { kind: 'failed', message: end.failure };
  if (end.ran)
    return end.signal ? { kind: 'command-signalled', signal: end.signal } : { kind: 'command', code: end.status };
  if (end.message !== undefined) return { kind: 'failed', message: end.message };
  return { kind: 'stopped', signal: desk.asked() ?? 'SIGTERM' };
}

function notLed(outcome: Outcome, desk: Story['desk']): Ending {
  switch (outcome.kind) {
    case 'refused':
      return { kind: 'failed', message: outcome.trouble.message };
    case 'not-acquired':
      return outcome;
    case 'settled':
      return { kind: 'settled', verdict: settledIn(outcome.verdict) };
    case 'stopped':
    case 'released':
    case 'left-held':
    case 'not-released':
      return { kind: 'stopped', signal: desk.asked() ?? 'SIGTERM' };
  }
}
