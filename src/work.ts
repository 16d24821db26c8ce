// One command under a term, from its start to the end of the last of its processes: what ends it, and how much time it
// gets for each reason. Decides nothing about whether there is a term, or what follows from the end; that is run.ts's,
// and for a command that runs at each tick rounds.ts's.
// Invariant: whatever ended it, nothing of the command is left when this is over, or it says what is.

import { termEnvironment } from './child/environment.ts';
import { type End, leftoverGraceMs, type StopOrder } from './child/life.ts';
import type { HealthWatch } from './child/health.ts';
import type { Started, Supervisor } from './child/supervisor.ts';
import { type Clock, shownElapsed } from './clock.ts';
import type { Term } from './elector/term.ts';
import type { Ending as AttemptEnding } from './job/key.ts';
import { type Attempt, attemptIn, type WorkEnd } from './job/once.ts';
import { outcomeText } from './job/tell.ts';
import type { LossReason, Report, RunEnding } from './observe/events.ts';
import type { SignalDesk } from './signals.ts';

/** What a command needs around it. */
export interface Scene {
  /** `prepare`: while there is time. */
  readonly supervisor: Pick<Supervisor, 'start'> & Partial<Pick<Supervisor, 'prepare'>>;
  readonly desk: Pick<SignalDesk, 'stop' | 'asked' | 'attach'>;
  readonly clock: Clock;
  readonly report: Report;
  readonly lock: string;
  readonly identity: string;
  readonly stopSignal: NodeJS.Signals;
  readonly stopGraceMs: number;
  readonly lostGraceMs: number;
  readonly leaseDurationMs: number;
  /** A command that runs for longer is stopped. */
  readonly maxRuntimeMs?: number | undefined;
  /** For the time that a command runs; `environment`: of its term. A command that is not healthy ends its term. */
  readonly watchHealth?: ((environment: Record<string, string>) => HealthWatch) | undefined;
}

/** Why the work under a term is to end, whatever it is doing. */
export type Summons = 'asked' | 'deposed' | LossReason;

/** `outlasted`: its leash had run out when the command ended, whatever the elector thinks of the term. */
export type Why = 'ended' | 'max-runtime' | 'replaced' | 'outlasted' | Summons;

/** What became of the command: its end, or that it never ran, and if that was our failure, why. */
export type Finish =
  | ({ readonly ran: true } & End)
  | { readonly ran: false; readonly alive: readonly number[]; readonly message?: string };

export interface Worked {
  readonly why: Why;
  readonly end: Finish;
  /** Undefined: it ran for no key. */
  readonly attempt: (Attempt & { readonly end: WorkEnd }) | undefined;
}

/**
 * Hears for a whole term what summons its work to end. One listener at a time, since a term may last for months and run
 * a command each minute, and a promise keeps all that ever waited for it.
 */
export class Ear {
  /** The first summons. */
  summons: Summons | undefined;
  /** The last loss, whatever came before it. */
  lost: LossReason | undefined;
  #tell: (() => void) | undefined;
  #tellLost: ((reason: LossReason) => void) | undefined;
  readonly #unlisten: () => void;

  constructor(term: Pick<Term, 'onLost' | 'deposed'>, stop: AbortSignal) {
    const onStop = (): void => {
      this.#hear('asked');
    };
    term.onLost((reason) => {
      this.lost = reason;
      this.#hear(reason);
      this.#tellLost?.(reason);
    });
    void term.deposed.then(() => {
      this.#hear('deposed');
    });
    if (stop.aborted) onStop();
    stop.addEventListener('abort', onStop, { once: true });
    this.#unlisten = () => {
      stop.removeEventListener('abort', onStop);
    };
  }

  /** `tell` is called once there is a summons, `tellLost` at each loss; both at once for what there was. */
  listen(tell: (() => void) | undefined, tellLost?: (reason: LossReason) => void): void {
    this.#tell = tell;
    this.#tellLost = tellLost;
    if (this.summons !== undefined) tell?.();
    if (this.lost !== undefined) tellLost?.(this.lost);
  }

  /** Or each term would leave a listener behind. */
  close(): void {
    this.#unlisten();
  }

  #hear(summons: Summons): void {
    if (this.summons !== undefined) return;
    this.summons = summons;
    this.#tell?.();
  }
}

export interface Task {
  /** The command runs for what is claimed in the note beside the record, if it runs for a key. */
  readonly forKey: boolean;
  /** How often it may begin, for the log. */
  readonly atMost?: number | undefined;
  /** Resolves when another is to begin in its place. */
  readonly replaced?: Promise<void> | undefined;
}

export async function work(scene: Scene, term: Term, ear: Ear, task: Task): Promise<Worked> {
  const { clock, report } = scene;
  const since = clock.now();
  const attempt = task.forKey ? attemptIn(term.beside.note) : undefined;
  if (attempt) {
    const { key, attempt: number } = attempt.claim;
    report({ kind: 'attempt', key, attempt: number, attempts: task.atMost });
  }
  const { why, end } = await untilEnded(scene, term, ear, attempt, task.replaced);
  const how = runEnding(why, end);
  if (how !== undefined) report({ kind: 'work-ended', how, status: end.ran ? end.status : undefined });
  const tookMs = shownElapsed(clock.now(), since);
  return { why, end, attempt: attempt && { ...attempt, end: { ending: attemptEnding(why, end), tookMs } } };
}

export function tellEnd({ report }: Scene, { claim, end }: Attempt & { readonly end: WorkEnd }, stored: boolean): void {
  report({ kind: 'attempt-ended', key: claim.key, outcome: outcomeText(end.ending), stored });
}

async function untilEnded(
  scene: Scene,
  term: Term,
  ear: Ear,
  attempt: Attempt | undefined,
  replaced: Promise<void> | undefined,
): Promise<{ why: Why; end: Finish }> {
  const { supervisor, lock, identity } = scene;
  const { value: token, transitions, lockUid } = term.token;
  const environment = { ...termEnvironment({ lock, identity, token, transitions, lockUid }), ...attempt?.environment };
  const isOver = (): boolean => ear.summons !== undefined;
  const started = await supervisor.start(environment, () => term.leash, isOver);
  if (started.kind === 'failed') return { why: 'ended', end: { ran: false, alive: [], message: started.message } };
  if (started.kind === 'too-late') return { why: await summoned(ear), end: { ran: false, alive: [] } };
  const health = scene.watchHealth?.(environment);
  // Another is to lead: what follows is as if an operator had asked for it.
  void health?.unhealthy.then((reason) => {
    term.stepDown(reason);
  });
  const end = await watched(scene, term, ear, started.child, replaced);
  health?.cancel();
  return end;
}

async function watched(
  scene: Scene,
  term: Term,
  ear: Ear,
  child: Extract<Started, { kind: 'started' }>['child'],
  replaced: Promise<void> | undefined,
): Promise<{ why: Why; end: Finish }> {
  const { desk } = scene;
  term.onLeash((leash) => {
    child.extend(leash);
  });
  child.extend(term.leash);
  desk.attach({
    forward: (signal) => {
      child.forward(signal);
    },
    kill: () => void child.stop({ signal: undefined, graceMs: 0, why: 'asked' }),
  });
  const limit = runtimeLimit(scene);
  const why = await new Promise<Why>((resolve) => {
    void child.ended.then(() => {
      resolve(child.outlasted ? 'outlasted' : 'ended');
    });
    void limit.reached.then(resolve);
    void replaced?.then(() => {
      resolve('replaced');
    });
    ear.listen(
      () => {
        if (ear.summons !== undefined) resolve(ear.summons);
      },
      // Whatever the command is doing by then, even draining: a term that is lost leaves it no more than this.
      (reason) => void child.stop(orderFor(reason, scene)),
    );
  });
  limit.cancel();
  const end = await child.stop(orderFor(why, scene));
  ear.listen(undefined);
  term.onLeash(() => undefined);
  desk.attach(undefined);
  return { why, end: { ran: true, ...end } };
}

async function summoned(ear: Ear): Promise<Summons> {
  await new Promise<void>((resolve) => {
    ear.listen(resolve);
  });
  ear.listen(undefined);
  return ear.summons ?? 'asked';
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
  return why === 'deposed' || why === 'max-runtime' || why === 'replaced' ? why : 'lost';
}

/** How the command is ended, for each reason. While it drains after an asked stop, the lock is renewed. */
function orderFor(why: Why, { desk, stopSignal, stopGraceMs, lostGraceMs, leaseDurationMs }: Scene): StopOrder {
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
    case 'replaced':
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

/** `reached` never resolves where there is no limit. */
function runtimeLimit({ clock, maxRuntimeMs }: Scene): { reached: Promise<'max-runtime'>; cancel: () => void } {
  let cancel = (): void => undefined;
  const reached = new Promise<'max-runtime'>((resolve) => {
    if (maxRuntimeMs === undefined) return;
    cancel = clock.after(maxRuntimeMs, () => {
      resolve('max-runtime');
    });
  });
  return { reached, cancel };
}
