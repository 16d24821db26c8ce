// The library's face of the elector, with the names of the original (client-go tools/leaderelection): a configuration
// that is validated as a whole, callbacks, run and stop. The command line uses the same class, by `campaign`.
// Decides what follows from settings that were left out, and in which order callbacks are called. Knows no command.
// Invariants: callbacks are called one at a time and in order; the lock is given back, or campaigned for again, only
// after the promise of onStartedLeading has settled, since until then the work counts as running.

import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../clock.ts';
import type { Lock } from '../locks/lock.ts';
import type { LossReason, Report } from '../observe/events.ts';
import { Elector } from './driver.ts';
import type { Glance } from './glance.ts';
import type { Notes } from './notes.ts';
import type { Patience, Token } from './state.ts';
import type { Elected, Term } from './term.ts';
import { completeTiming, type GivenTiming, type Leash, timingFaults } from './timing.ts';

/** What the work is given when it may begin. */
export interface LeaderTerm {
  /** Show it to servers that can compare: it grows from term to term (fencing). */
  readonly token: Token;
  /**
   * Aborts when the work must end: the term was lost, another is to lead, or `stop` was called. The work then has until
   * `leash().killBy`, which renewals put off in the last two cases.
   */
  readonly signal: AbortSignal;
  /** The instants that bind now, on this process's clocks; each renewal moves them. */
  readonly leash: () => Leash;
  /**
   * Milliseconds until the term is lost unless a renewal comes first (`leash().termBy`), by the clock that ran further;
   * 0 once it may be over. Throws when boot time cannot be read.
   */
  readonly msLeft: () => number;
}

/** How `run` ended: see `onStoppedLeading`; 'stopped' also for a campaign that was stopped before it led. */
export type RunEnd = 'ended' | 'stopped' | 'deposed' | LossReason;

/** client-go's LeaderCallbacks; called one at a time, in order. */
export interface LeaderCallbacks {
  /** The work. While its promise is pending the lock is renewed and never given back; a rejection ends `run`. */
  readonly onStartedLeading: (term: LeaderTerm) => Promise<void>;
  /**
   * After the work has ended: 'ended' by itself, 'stopped' by `stop`, 'deposed' because the API server wants another to
   * lead (coordinated locks) or an operator asked for it (step-down, pause), or why the term was lost. Only if it had
   * begun.
   */
  readonly onStoppedLeading?: (why: RunEnd) => void;
  /** Another candidate leads than before, perhaps this one. Not called for a lock that is free. */
  readonly onNewLeader?: (identity: string) => void;
}

/**
 * What a LeaderElector is made from: client-go's LeaderElectionConfig, with the unit in the name of each duration, and
 * what leader-run adds.
 */
export interface LeaderElectionConfig {
  readonly lock: Lock;
  /** Name of this candidate; must not be empty. Safety does not rest on its being unique, readable logs do. */
  readonly identity: string;
  /**
   * How long others wait after the last renewal they saw; whole seconds. Default 15 s (LeaseSpec.leaseDurationSeconds).
   */
  readonly leaseDurationMs?: number;
  /** The term is lost this long after the last successful renewal was sent. Default 2/3 of the lease duration. */
  readonly renewDeadlineMs?: number;
  /** Pause between renewals. Default 2/15 of the lease duration. */
  readonly retryPeriodMs?: number;
  /** For the work to end in after a loss. Default: what the other durations leave. */
  readonly lostGraceMs?: number;
  readonly callbacks?: LeaderCallbacks;
  /** Extra wait for a holder that is not leader-run. Default 7/15 of its record's duration. */
  readonly foreignGraceMs?: number | undefined;
  /** Start no work under a lock object younger than this by the server's clock. Default 0. */
  readonly newLockWaitMs?: number;
  /** Called with everything that happens, as the command line logs it. Default: nothing is called. */
  readonly report?: Report;
  /** Rules for a text beside the record: asked at the writes that begin and end a holding. Default: none. */
  readonly notes?: Notes | undefined;
  /** For tests. */
  readonly clock?: Clock;
}

const defaultLeaseDurationMs = 15_000;
/** client-go's names, and ours after their pattern: without a unit 15 would be 15 ms, and ignored it would be 15 s. */
const unitless = ['leaseDuration', 'renewDeadline', 'retryPeriod', 'lostGrace', 'foreignGrace', 'newLockWait'];
const forever: Patience = { wait: { kind: 'forever' }, untilCertain: false };

/**
 * One candidate for a lock (client-go's LeaderElector). The work is a promise: the lock is renewed until it settles,
 * and never given back before.
 */
export class LeaderElector {
  readonly #elector: Elector;
  readonly #callbacks: LeaderCallbacks | undefined;
  #stopping = new AbortController();
  #leading = false;

  /** Throws an Error with one sentence for each setting that is missing or does not fit. */
  constructor(config: LeaderElectionConfig) {
    const { lock, identity, callbacks, report, clock = systemClock() } = config;
    const faults = configFaults(config);
    if (faults.length > 0) throw new Error(faults.join('; '));
    const timing = completeTiming(givenTiming(config));
    const run = randomUUID();
    this.#callbacks = callbacks;
    this.#elector = new Elector({
      lock,
      clock,
      seed: Number.parseInt(run.slice(0, 8), 16),
      report: (event) => {
        report?.(event);
        if (event.kind === 'standing-by') callbacks?.onNewLeader?.(event.leader);
        if (event.kind === 'elected') callbacks?.onNewLeader?.(identity);
      },
      settings: {
        identity,
        run,
        timing,
        rules: { leaseDurationMs: timing.leaseDurationMs, foreignGraceMs: config.foreignGraceMs },
        newLockWaitMs: config.newLockWaitMs ?? 0,
        notes: config.notes,
      },
    });
  }

  /**
   * Leads once: waits to be elected, does the work, gives the lock back. Resolves when that is over, with the reason;
   * call it again to lead again. Rejects with what the work rejected with, or when the lock is refused to us for good
   * (no permission, no such namespace), with the sentence that says why.
   */
  async run(): Promise<RunEnd> {
    const { onStartedLeading, onStoppedLeading } = this.#callbacks ?? {};
    if (!onStartedLeading) throw new Error('callbacks.onStartedLeading must be given for run()');
    const elected = await this.campaign(forever, this.#stopping.signal);
    if (elected.kind === 'refused') throw new Error(elected.trouble.message);
    if (elected.kind !== 'elected') return this.#stopped();

    const { term } = elected;
    this.#leading = true;
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, this.#stopping.signal]);
    let because: RunEnd | undefined;
    const mustEnd = (why: RunEnd): void => {
      because ??= why;
      this.#leading = false;
      end.abort();
    };
    term.onLost(mustEnd);
    void term.deposed.then(() => {
      mustEnd('deposed');
    });
    try {
      await onStartedLeading({ token: term.token, signal, leash: () => term.leash, msLeft: () => term.msLeft() });
    } finally {
      this.#leading = false;
      await giveBack(term);
      onStoppedLeading?.(because ?? (this.#stopping.signal.aborted ? 'stopped' : 'ended'));
    }
    return because ?? (this.#stopping.signal.aborted ? this.#stopped() : 'ended');
  }

  /** Ends `run`: a campaign at once, a term when its work has ended. */
  stop(): void {
    this.#stopping.abort();
    this.#elector.stop();
  }

  /**
   * For callers that run their own story: competes for the lock, and hands out a term. Aborting `stop` ends the
   * campaign. One campaign or term at a time; another rejects. What keeps it from leading is an outcome, not a
   * rejection.
   */
  campaign(patience: Patience, stop: AbortSignal): Promise<Elected> {
    return this.#elector.campaign(patience, stop);
  }

  /** Whether the work may run now. Ask the term's signal rather than this. */
  isLeader(): boolean {
    return this.#leading;
  }

  /** The identity in the record as it was last seen; '' when the lock has no holder or nothing was seen. */
  getLeader(): string {
    return this.#elector.leader;
  }

  /** What is known of the lock now, for those who show it; undefined before the first look at it. */
  glance(): Glance | undefined {
    return this.#elector.glance();
  }

  /** How late the elector's own next step is, in milliseconds; 0: it is not. */
  get lateMs(): number {
    return this.#elector.lateMs;
  }

  /** Lets go of the lock's connections. Nothing is released by this: let `run` end first. */
  close(): void {
    this.#elector.close();
  }

  #stopped(): 'stopped' {
    this.#stopping = new AbortController();
    return 'stopped';
  }
}

async function giveBack(term: Term): Promise<void> {
  term.workEnded();
  await term.resign();
}

/** client-go's checks (NewLeaderElector) and ours, all at once. */
function configFaults(config: LeaderElectionConfig): string[] {
  const faults: string[] = [];
  // From JavaScript anything may come.
  const { lock, identity, callbacks } = config as Partial<LeaderElectionConfig>;
  if (!lock) faults.push('lock must be given');
  if (typeof identity !== 'string' || identity === '') faults.push('identity must not be empty');
  if (callbacks && typeof callbacks.onStartedLeading !== 'function')
    faults.push('callbacks.onStartedLeading must be a function');
  for (const name of unitless)
    if (name in config) faults.push(`${name} is called ${name}Ms here, and is in milliseconds`);
  return [...faults, ...timingFaults(givenTiming(config)).map(({ setting, message }) => `${setting}: ${message}`)];
}

function givenTiming(config: LeaderElectionConfig): GivenTiming {
  return { ...config, leaseDurationMs: config.leaseDurationMs ?? defaultLeaseDurationMs };
}
