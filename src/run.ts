// The story: wait to be elected, run the command for as long as the term lasts, stop it before anyone else could start
// theirs, give the lock back, and exit with the reason.
// Decides in which order that happens and how much time the command gets for each reason; everything else is the
// elector's, the child's or the caller's. All it uses comes in as arguments, so that a simulator can run it.
// Invariant: the lock is given back, and the next term begun, only after nothing of the command is left.

import { type End, leftoverGraceMs, type StopOrder } from './child/life.ts';
import type { Started, Supervisor } from './child/supervisor.ts';
import { termEnvironment } from './child/environment.ts';
import type { SignalDesk } from './signals.ts';
import type { LeaderElector } from './elector/leader-elector.ts';
import type { Patience, Outcome } from './elector/state.ts';
import type { Term } from './elector/term.ts';
import { type Clock, shownElapsed, surelyElapsed } from './clock.ts';
import type { Ending as AttemptEnding } from './job/key.ts';
import { type Attempt, attemptIn, type Settled, settledIn, type WorkEnd } from './job/once.ts';
import { outcomeText } from './job/tell.ts';
import type { LossReason, Report, RunEnding } from './observe/events.ts';

export interface Story {
  readonly elector: Pick<LeaderElector, 'campaign' | 'stop'>;
  readonly supervisor: Pick<Supervisor, 'start'>;
  readonly desk: Pick<SignalDesk, 'stop' | 'asked' | 'attach'>;
  readonly clock: Clock;
  readonly report: Report;
  readonly lock: string;
  readonly identity: string;
  readonly patience: Patience;
  readonly onLost: 'rejoin' | 'exit';
  readonly stopSignal: NodeJS.Signals;
  readonly stopGraceMs: number;
  readonly lostGraceMs: number;
  readonly leaseDurationMs: number;
  /** From a term's beginning. */
  readonly holdForMs: number;
  /** How often the command may run for a key; undefined: it runs for none. `atMost` undefined: until it succeeds. */
  readonly attempts?: { readonly atMost: number | undefined } | undefined;
  /** A command that runs for longer is stopped. */
  readonly maxRuntimeMs?: number | undefined;
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

/** `outlasted`: its leash had run out when the command ended, whatever the elector thinks of the term. */
type Why = 'ended' | 'asked' | 'max-runtime' | 'deposed' | 'outlasted' | LossReason;

/** What became of the command: its end, or that it never ran, and if that was our failure, why. */
type Finish =
  | ({ readonly ran: true } & End)
  | { readonly ran: false; readonly alive: readonly number[]; readonly message?: string };

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

/** What became of a term's work. */
interface Served {
  readonly why: Why;
  readonly end: Finish;
  /** For how long the lock is to be kept from now on. */
  readonly holdMs: number;
  /** Undefined: it ran for no key. */
  readonly attempt: (Attempt & { readonly end: WorkEnd }) | undefined;
}

/** One command under one term, from its start to the end of the last of its processes. */
async function serve(story: Story, term: Term): Promise<Served> {
  const { clock, attempts, holdForMs, report } = story;
  const since = clock.now();
  const attempt = attempts && attemptIn(term.beside.note);
  const { why, end } = await work(story, term, attempt);
  const how = runEnding(why, end);
  if (how !== undefined) report({ kind: 'work-ended', how, status: end.ran ? end.status : undefined });
  const now = clock.now();
  const hasRun = end.ran && end.failure === undefined;
  const holdMs = hasRun ? Math.max(0, holdForMs - surelyElapsed(now, since)) : 0;
  const tookMs = shownElapsed(now, since);
  return { why, end, holdMs, attempt: attempt && { ...attempt, end: { ending: attemptEnding(why, end), tookMs } } };
}

async function work(story: Story, term: Term, attempt: Attempt | undefined): Promise<{ why: Why; end: Finish }> {
  const { supervisor, desk, lock, identity, report, attempts } = story;
  const { value: token, transitions, lockUid } = term.token;
  const environment = { ...termEnvironment({ lock, identity, token, transitions, lockUid }), ...attempt?.environment };
  if (attempt) {
    const { key, attempt: number } = attempt.claim;
    report({ kind: 'attempt', key, attempt: number, attempts: attempts?.atMost });
  }
  let isLost = false;
  term.onLost(() => (isLost = true));
  const isOver = (): boolean => isLost || desk.stop.aborted;
  const started = await supervisor.start(environment, () => term.leash, isOver);
  if (started.kind === 'failed') return { why: 'ended', end: { ran: false, alive: [], message: started.message } };
  const { asked, unlisten } = listenTo(desk.stop);
  try {
    return await untilEnded(story, term, started, asked);
  } finally {
    unlisten();
  }
}

async function untilEnded(
  story: Story,
  term: Term,
  started: Exclude<Started, { kind: 'failed' }>,
  asked: Promise<'asked'>,
): Promise<{ why: Why; end: Finish }> {
  const { desk } = story;
  const deposed = term.deposed.then(() => 'deposed' as const);
  if (started.kind === 'too-late')
    return { why: await Promise.race([term.lost, deposed, asked]), end: { ran: false, alive: [] } };

  const { child } = started;
  term.onLeash((leash) => {
    child.extend(leash);
  });
  child.extend(term.leash);
  // Whatever the command is doing by then, even draining: a term that is lost leaves it no more than this.
  term.onLost((reason) => void child.stop(orderFor(reason, story)));
  desk.attach({
    forward: (signal) => {
      child.forward(signal);
    },
    kill: () => void child.stop({ signal: undefined, graceMs: 0, why: 'asked' }),
  });
  const tooLong = runtimeLimit(story);
  const why = await Promise.race([
    child.ended.then(() => (child.outlasted ? ('outlasted' as const) : ('ended' as const))),
    term.lost,
    deposed,
    asked,
    tooLong.reached,
  ]);
  tooLong.cancel();
  const end = await child.stop(orderFor(why, story));
  desk.attach(undefined);
  return { why, end: { ran: true, ...end } };
}

/** How an attempt counts. What leader-run ended was interrupted, whatever its status. */
function attemptEnding(why: Why, end: Finish): AttemptEnding {
  if (!end.ran) return { kind: 'unstarted' };
  if (why === 'max-runtime') return { kind: 'max-runtime' };
  if (why !== 'ended' || end.failure !== undefined) return { kind: 'interrupted' };
  return end.status === 0 ? { kind: 'ok' } : { kind: 'failed', status: end.status };
}

/** The same for those who are told of it. Undefined: it was not to run any more. */
function runEnding(why: Why, end: Finish): RunEnding | undefined {
  if (!end.ran) return end.message === undefined ? undefined : 'not-started';
  if (end.failure !== undefined) return 'unguarded';
  if (why === 'ended') return end.status === 0 ? 'ok' : 'failed';
  if (why === 'asked') return 'stopped';
  return why === 'deposed' || why === 'max-runtime' ? why : 'lost';
}

function tellEnd({ report }: Story, { claim, end }: Attempt & { readonly end: WorkEnd }, stored: boolean): void {
  report({ kind: 'attempt-ended', key: claim.key, outcome: outcomeText(end.ending), stored });
}

/** How the command is ended, for each reason. While it drains after an asked stop, the lock is renewed. */
function orderFor(why: Why, { desk, stopSignal, stopGraceMs, lostGraceMs, leaseDurationMs }: Story): StopOrder {
  switch (why) {
    case 'ended':
      return { signal: undefined, graceMs: leftoverGraceMs, why: 'left-over' };
    case 'asked': {
      // Ctrl-C is passed on as it is; --stop-signal stands for the SIGTERM of a supervisor.
      const asked = desk.asked();
      return { signal: asked === 'SIGINT' ? asked : stopSignal, graceMs: stopGraceMs, why: 'asked' };
    }
    case 'deposed':
    case 'max-runtime':
      return { signal: stopSignal, graceMs: stopGraceMs, why };
    case 'outlasted':
    case 'deadline':
    case 'altered':
      return { signal: stopSignal, graceMs: lostGraceMs, why: 'lost', patienceMs: 5 * leaseDurationMs };
    case 'taken':
    case 'recreated':
    case 'edited':
    case 'rolled-back':
      // It may be running elsewhere already.
      return { signal: undefined, graceMs: 0, why: 'lost', patienceMs: 5 * leaseDurationMs };
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

/** `reached` never resolves where there is no limit. */
function runtimeLimit({ clock, maxRuntimeMs }: Story): { reached: Promise<'max-runtime'>; cancel: () => void } {
  let cancel = (): void => undefined;
  const reached = new Promise<'max-runtime'>((resolve) => {
    if (maxRuntimeMs === undefined) return;
    cancel = clock.after(maxRuntimeMs, () => {
      resolve('max-runtime');
    });
  });
  return { reached, cancel };
}

/** Resolves once the signal aborts, or at once if it has; `unlisten`, or each term would leave a listener behind. */
function listenTo(stop: AbortSignal): { asked: Promise<'asked'>; unlisten: () => void } {
  let onStop = (): void => undefined;
  const asked = new Promise<'asked'>((resolve) => {
    onStop = () => {
      resolve('asked');
    };
  });
  if (stop.aborted) onStop();
  stop.addEventListener('abort', onStop, { once: true });
  return {
    asked,
    unlisten: () => {
      stop.removeEventListener('abort', onStop);
    },
  };
}
