// One command that runs, and its end: over only when nothing of it is left. Decides when its processes are told to end
// and killed, by the leash and by the orders to stop. Knows neither how it was started (supervisor.ts) nor why it is to
// end.
// Invariants: no leash is followed once it is due; `stop` resolves only when the tree is empty of all but zombies, or
// says who is left; time is read before anything else is done on each tick.

import { constants } from 'node:os';
import type { Clock, Now } from '../clock.ts';
import { possiblyElapsed, possiblyPast, shownElapsed } from '../clock.ts';
import type { Event, Report } from '../observe/events.ts';
import type { Guardian } from './guardian/guardian.ts';
import { extend, type HeldLeash, type Leash, pull, shorten, untilPull } from './leash.ts';
import {
  type CommandTree,
  findEverybodyElse,
  groupIsGone,
  killEverybodyElse,
  signalEach,
  signalGroup,
} from './sweep.ts';

/** Suspends and late timers are noticed this soon. */
const tickMs = 250;
/** What the command leaves behind gets SIGTERM, and this long. */
export const leftoverGraceMs = 2000;
/** After the command's own end the rest is usually gone at once; then it is looked for less and less often. */
const firstLookMs = 2;
const slowestLookMs = 50;

/** How the command ended. */
export interface End {
  /** Its exit status; 128 + n when signal n ended it. */
  readonly status: number;
  readonly signal: NodeJS.Signals | undefined;
  /** Processes that SIGKILL did not end within the patience given: the lock must not be released. */
  readonly alive: readonly number[];
  /** Why we ended it though nobody asked: a failure of ours. */
  readonly failure?: string | undefined;
}

export interface StopOrder {
  /** undefined: the command is not told, only killed when the grace is over. */
  readonly signal: NodeJS.Signals | undefined;
  readonly graceMs: number;
  readonly why: Extract<Event, { kind: 'signalled' }>['why'];
  /** Give up on processes that cannot be killed after so long; undefined: never. */
  readonly patienceMs?: number | undefined;
}

export interface ChildOptions {
  /** What the leash sends when it is pulled. */
  readonly stopSignal: NodeJS.Signals;
  readonly clock: Clock;
  readonly report: Report;
  /** One line per lease duration about processes that cannot be killed. */
  readonly leaseDurationMs: number;
}

/** The process that is the command, or will be once the gate opens. */
export interface CommandProcess {
  readonly pid: number;
  readonly exited: Promise<{ status: number; signal: NodeJS.Signals | undefined }>;
}

export class Child {
  readonly pid: number;
  /** The command itself has ended; others of its group may not have. */
  readonly ended: Promise<void>;

  readonly #options: ChildOptions;
  readonly #guardian: Guardian;
  readonly #tree: CommandTree;
  readonly #startedAt: Now;
  #held: HeldLeash;
  #end: { status: number; signal: NodeJS.Signals | undefined } | undefined;
  #failure: string | undefined;
  #told = false;
  /** As of the last look. */
  #inGroup: ReadonlySet<number> = new Set();
  #late = false;
  #isClearing = false;
  #over = false;
  #stopping: Promise<End> | undefined;
  #patienceMs: number | undefined;
  /** Who would give it no time. */
  #atOnce: StopOrder['why'] | undefined;
  #killedAt: Now | undefined;
  #toldUnkillable = 0;
  #cancelTick: () => void = () => undefined;
  #wake: () => void = () => undefined;

  constructor(
    options: ChildOptions,
    { pid, exited }: CommandProcess,
    guardian: Guardian,
    tree: CommandTree,
    held: HeldLeash,
  ) {
    this.#options = options;
    this.#guardian = guardian;
    this.#tree = tree;
    this.#held = held;
    this.#startedAt = options.clock.now();
    this.pid = pid;
    this.ended = exited.then((end) => {
      this.#end = end;
      this.#late = possiblyPast(options.clock.now(), this.#held.termBy);
      const ranMs = shownElapsed(options.clock.now(), this.#startedAt);
      options.report({ kind: 'command-ended', pid: this.pid, ...end, ranMs });
      this.#wake();
    });
    this.#tick();
  }

  /** A renewal was acknowledged: the guardian's deadline follows, unless an instant is due already. */
  async extend(leash: Leash): Promise<void> {
    if (this.#over) return;
    const next = extend(this.#held, leash, this.#options.clock.now());
    if (next === this.#held) return;
    this.#held = next;
    this.#schedule();
    await this.#guardian.arm(leash.guardBy);
  }

  /** It ended when its term was over already, by the leash: what ended it is the loss, whoever notices first. */
  get outlasted(): boolean {
    return this.#late;
  }

  /** We cannot go on being responsible for it: it is killed. */
  fail(message: string): void {
    if (this.#over) return;
    this.#failure ??= message;
    void this.stop({ signal: undefined, graceMs: 0, why: 'unguarded' });
  }

  forward(signal: NodeJS.Signals): void {
    this.#signal(signal, 'forwarded');
  }

  /**
   * Ends the command and everything it started; resolves when nothing is left. May be called again with a shorter
   * grace, never with a longer one; all calls resolve with the same end.
   */
  stop({ signal, graceMs, why, patienceMs }: StopOrder): Promise<End> {
    // Nothing is left, and its number may be another's by now.
    if (this.#over && this.#stopping) return this.#stopping;
    this.#patienceMs ??= patienceMs;
    if (graceMs === 0) this.#atOnce ??= why;
    // What a command leaves behind that ended unasked has its own grace.
    const grace = this.#end && !this.#told ? Math.min(leftoverGraceMs, graceMs) : graceMs;
    this.#held = shorten(this.#held, grace, this.#options.clock.now());
    if (signal && grace > 0 && !this.#end) this.#tell(signal, why);
    this.#tick();
    this.#wake();
    this.#stopping ??= this.#untilEmpty();
    return this.#stopping;
  }

  async #untilEmpty(): Promise<End> {
    let lookMs = firstLookMs;
    for (;;) {
      const alive = this.#end ? this.#alive() : [this.pid];
      if (this.#end && alive.length === 0) break;
      if (this.#end) this.#clearLeftovers(alive);
      if (this.#givenUp(alive)) return this.#finished(alive);
      await this.#pause(this.#end ? lookMs : tickMs);
      if (this.#end) lookMs = Math.min(lookMs * 2, slowestLookMs);
    }
    // Nothing waits for the answer: whatever the guardian is told next, it reads this first.
    const disarmed = this.#guardian.disarm();
    return this.#finished(process.pid === 1 ? await this.#emptyNamespace(disarmed) : []);
  }

  /** As PID 1, before the lock is given back: what shed all marks is in our namespace still. The guardian goes too. */
  async #emptyNamespace(disarmed: Promise<void>): Promise<readonly number[]> {
    await disarmed;
    killEverybodyElse();
    this.#killedAt ??= this.#options.clock.now();
    for (let lookMs = firstLookMs; ; lookMs = Math.min(lookMs * 2, slowestLookMs)) {
      const alive = findEverybodyElse();
      if (alive.length === 0 || this.#givenUp(alive)) return alive;
      await this.#pause(lookMs);
    }
  }

  #finished(alive: readonly number[]): End {
    this.#over = alive.length === 0;
    this.#cancelTick();
    const { status, signal } = this.#end ?? { status: 128 + constants.signals.SIGKILL, signal: undefined };
    return { status, signal, alive, failure: this.#failure };
  }

  /**
   * The command has ended and left others behind. Whoever was told to stop, as its group was with it, keeps that grace;
   * the others are told now. Where it ended unasked, all are, and get their own grace.
   */
  #clearLeftovers(alive: readonly number[]): void {
    if (this.#isClearing) return;
    this.#isClearing = true;
    const untold = this.#told ? alive.filter((pid) => !this.#inGroup.has(pid)) : alive;
    if (!this.#told) this.#held = shorten(this.#held, leftoverGraceMs, this.#options.clock.now());
    this.#told = true;
    if (untold.length > 0) {
      signalEach(untold, 'SIGTERM');
      signalEach(untold, 'SIGCONT');
      this.#options.report({ kind: 'signalled', signal: 'SIGTERM', why: 'left-over' });
    }
    this.#tick();
  }

  /** A process in uninterruptible sleep outlives SIGKILL: say so, and after enough patience say that it is not over. */
  #givenUp(alive: readonly number[]): boolean {
    if (!this.#killedAt) return false;
    const sinceMs = possiblyElapsed(this.#options.clock.now(), this.#killedAt);
    const leases = Math.floor(sinceMs / this.#options.leaseDurationMs);
    if (leases > this.#toldUnkillable) {
      this.#toldUnkillable = leases;
      this.#options.report({ kind: 'unkillable', pids: alive });
    }
    return this.#patienceMs !== undefined && sinceMs >= this.#patienceMs;
  }

  #alive(): number[] {
    if (process.platform !== 'linux') return groupIsGone(this.pid) ? [] : [this.pid];
    return this.#find() ?? [this.pid];
  }

  /** Undefined where nobody can look, for want of a descriptor: then nothing is known to be gone. */
  #find(): number[] | undefined {
    try {
      // The guardian may be replaced.
      const found = this.#tree.look([this.#guardian.pid ?? 1]);
      this.#inGroup = new Set(found.filter(({ group }) => group === this.pid).map(({ pid }) => pid));
      return found.map(({ pid }) => pid);
    } catch {
      return undefined;
    }
  }

  #tick(): void {
    switch (this.#pull()) {
      case 'kill':
        this.#kill();
        break;
      case 'term':
        this.#tell(this.#options.stopSignal, 'lost');
        break;
      case 'none':
        break;
    }
    this.#schedule();
  }

  /** A clock that cannot be read is a leash that is due. */
  #pull(): 'none' | 'term' | 'kill' {
    try {
      return pull(this.#held, this.#options.clock.now());
    } catch {
      return 'kill';
    }
  }

  #schedule(): void {
    this.#cancelTick();
    if (this.#over) return;
    const ahead = this.#killedAt ? 0 : untilPull(this.#held, this.#options.clock.now());
    this.#cancelTick = this.#options.clock.after(ahead > 0 ? Math.min(tickMs, ahead) : tickMs, () => {
      this.#tick();
    });
  }

  #kill(): void {
    const first = this.#killedAt === undefined;
    // Descendants are found through their parents, so before these are gone.
    const found = (first || this.#end ? this.#find() : undefined) ?? [];
    signalGroup(this.pid, 'SIGKILL');
    signalEach(found, 'SIGKILL');
    if (!first) return;
    this.#killedAt = this.#options.clock.now();
    const why = this.#atOnce ?? (possiblyElapsed(this.#killedAt, this.#held.killBy) >= 0 ? 'leash' : 'grace-over');
    this.#options.report({ kind: 'signalled', signal: 'SIGKILL', why });
  }

  /** Once per command: whoever tells it first, the leash or the order to stop. */
  #tell(signal: NodeJS.Signals, why: StopOrder['why']): void {
    if (this.#told) return;
    this.#told = true;
    // Whose parent is ended by it stays in sight.
    this.#find();
    this.#signal(signal, why);
    // A stopped command acts on nothing until it is continued.
    signalGroup(this.pid, 'SIGCONT');
  }

  #signal(signal: NodeJS.Signals, why: StopOrder['why']): void {
    if (this.#end) return;
    signalGroup(this.pid, signal);
    this.#options.report({ kind: 'signalled', signal, why });
  }

  /** Waits until something may have changed: the command's end, an order, or so much time. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
