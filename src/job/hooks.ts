// Hooks: commands that are told what became of a term and of the command (--on-acquire, --on-lose, --on-success,
// --on-failure). Decides which event calls which hook, what the hook is told, and that hooks run one after the other,
// in the order of what happened, each with a limit. Knows no process (child/hook.ts).
// Invariants: nothing waits for a hook but `flush`, which comes after the lock was given back; each on-acquire is
// followed by one on-lose; a hook is not the command: it runs whoever leads, and no release waits for it.

import type { Clock } from '../clock.ts';
import { span } from '../common/quantity.ts';
import type { DeposedBy, Event, LossReason, RunEnding, TakenFrom } from '../observe/events.ts';

export const hookNames = ['onAcquire', 'onLose', 'onSuccess', 'onFailure'] as const;
export type HookName = (typeof hookNames)[number];

export interface HookLines {
  /** What sh is given. */
  readonly lines: Readonly<Partial<Record<HookName, string>>>;
  /** Of each run. */
  readonly timeoutMs: number;
}

/** `not-given`: the lock could not be given back, and ends with its lease. */
export type Reason = TakenFrom | LossReason | DeposedBy | RunEnding | 'released' | 'left-held' | 'not-given';

export interface Call {
  readonly hook: HookName;
  /** Beside what leader-run inherited; undefined takes away. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What was heard of the term and of the run, as far as later hooks are told of it. */
export interface Heard {
  readonly isLeading: boolean;
  readonly token: string;
  readonly from: TakenFrom;
  readonly key: string;
  readonly deposedBy: DeposedBy | undefined;
}

export function unheard(key = ''): Heard {
  return { isLeading: false, token: '', from: 'released', key, deposedBy: undefined };
}

interface Told {
  readonly heard: Heard;
  /** Unset: no hook is called. */
  readonly calls?: { readonly hook: HookName; readonly reason: Reason; readonly status?: number | undefined };
}

/** What an event makes of what was heard, and which hook it calls, if any. */
export function hearing(heard: Heard, event: Event): Told {
  switch (event.kind) {
    case 'taking':
      return { heard: { ...heard, from: event.from } };
    case 'elected': {
      const next = { ...heard, isLeading: true, token: event.token, deposedBy: undefined };
      return { heard: next, calls: { hook: 'onAcquire', reason: heard.from } };
    }
    case 'attempt':
      return { heard: { ...heard, key: event.key } };
    case 'deposed':
      return { heard: { ...heard, deposedBy: event.by } };
    case 'work-ended': {
      const { how: reason, status } = event;
      return { heard, calls: { hook: reason === 'ok' ? 'onSuccess' : 'onFailure', reason, status } };
    }
    case 'lost':
      return ended(heard, event.reason);
    case 'released':
      return ended(heard, heard.deposedBy ?? 'released');
    case 'left-held':
      return ended(heard, 'left-held');
    case 'release-failed':
      return ended(heard, 'not-given');
    default:
      return { heard };
  }
}

function ended(heard: Heard, reason: Reason): Told {
  return heard.isLeading ? { heard: { ...heard, isLeading: false }, calls: { hook: 'onLose', reason } } : { heard };
}

export interface HooksOptions extends HookLines {
  readonly lock: string;
  readonly identity: string;
  /** What runs once, where that is known before a term begins. */
  readonly key: string | undefined;
  /**
   * Resolves when the run is over, with a complaint if it did not end well. When `limit` aborts, all of it is killed.
   */
  readonly run: (line: string, environment: Call['environment'], limit: AbortSignal) => Promise<string | undefined>;
  readonly warn: (message: string) => void;
  readonly clock: Clock;
}

/** What a term's beginning or end has to do at once comes first. */
const pauseMs = 100;
/** A term that begins and ends all the time while a hook hangs. */
const mostWaiting = 16;

export class Hooks {
  readonly #options: HooksOptions;
  readonly #waiting: Call[] = [];
  #heard: Heard;
  #running: Promise<void> | undefined;
  #limit = new AbortController();
  #isCut = false;
  #cancelPause = (): void => undefined;

  constructor(options: HooksOptions) {
    this.#options = options;
    this.#heard = unheard(options.key);
  }

  /** A listener like the log. */
  hear(event: Event): void {
    this.#take(hearing(this.#heard, event));
  }

  /** To be called when nothing is left to be given back. Resolves when all hooks have run, or have had their time. */
  async flush(): Promise<void> {
    this.#take(ended(this.#heard, 'not-given'));
    this.#cancelPause();
    this.#start();
    await this.#running;
  }

  /** The user insists: no hook runs on, and none begins. */
  cut(): void {
    this.#isCut = true;
    this.#limit.abort('was killed: leader-run was asked to wait no longer');
  }

  #take({ heard, calls }: Told): void {
    this.#heard = heard;
    const { lock, identity, lines, warn, clock } = this.#options;
    if (calls === undefined || lines[calls.hook] === undefined) return;
    const { hook, reason, status } = calls;
    const environment = {
      LEADER_RUN_LOCK: lock,
      LEADER_RUN_IDENTITY: identity,
      LEADER_RUN_TOKEN: heard.token,
      LEADER_RUN_KEY: heard.key,
      LEADER_RUN_REASON: reason,
      LEADER_RUN_STATUS: status === undefined ? undefined : String(status),
    };
    this.#waiting.push({ hook, environment });
    if (this.#waiting.length > mostWaiting) {
      const dropped = this.#waiting.shift();
      if (dropped) warn(`${flags[dropped.hook]} was not run: too many hooks wait for one that does not end`);
    }
    this.#cancelPause();
    this.#cancelPause = clock.after(pauseMs, () => {
      this.#start();
    });
  }

  #start(): void {
    this.#running ??= this.#runAll().finally(() => (this.#running = undefined));
  }

  async #runAll(): Promise<void> {
    for (let next = this.#waiting.shift(); next && !this.#isCut; next = this.#waiting.shift()) await this.#run(next);
  }

  async #run({ hook, environment }: Call): Promise<void> {
    const { lines, timeoutMs, run, warn, clock } = this.#options;
    const limit = new AbortController();
    this.#limit = limit;
    const cancel = clock.after(timeoutMs, () => {
      limit.abort(`was killed after ${span(timeoutMs)} (--hook-timeout)`);
    });
    const complaint = await run(lines[hook] ?? '', environment, limit.signal).catch(String);
    cancel();
    const why = limit.signal.aborted ? String(limit.signal.reason) : complaint;
    if (why !== undefined) warn(`${flags[hook]} ${why}; leading does not depend on it`);
  }
}

const flags: Readonly<Record<HookName, string>> = {
  onAcquire: '--on-acquire',
  onLose: '--on-lose',
  onSuccess: '--on-success',
  onFailure: '--on-failure',
};
