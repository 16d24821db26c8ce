// Runs the command and makes sure of its end: spawned behind a gate in a session of its own, let go once the guardian
// is armed, and over only when nothing of it is left. Decides when its processes are told to end and killed, by the
// leash alone. Knows neither why the lock was lost nor who gets it next.
// Invariants: the command runs only under an armed guardian and a leash that is not due; `stop` resolves only when the
// tree is empty of all but zombies; time is read before anything else is done on each tick.

import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { constants } from 'node:os';
import type { Clock, Now } from '../clock.ts';
import { possiblyElapsed, possiblyPast, shownElapsed } from '../clock.ts';
import type { Event, Report } from '../observe/events.ts';
import { type GatePlan, planGate } from './gate.ts';
import { type Guardian, type GuardianChoice, startGuardian } from './guardian.ts';
import { extend, type HeldLeash, hold, type Leash, pull, shorten, untilPull } from './leash.ts';
import {
  findEverybodyElse,
  findTree,
  groupIsGone,
  keepDescriptor,
  killEverybodyElse,
  markBirths,
  signalEach,
  signalGroup,
  type Tree,
} from './sweep.ts';
import { newCookie } from './environment.ts';

/** Suspends and late timers are noticed this soon. */
const tickMs = 250;
/** What the command leaves behind in its group gets SIGTERM, and this long. */
const leftoverGraceMs = 2000;
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

export type Started =
  | { readonly kind: 'started'; readonly child: Child }
  /** Its leash was due or a stop was asked before it could run: it did not. */
  | { readonly kind: 'too-late' }
  | { readonly kind: 'failed'; readonly message: string };

export interface StopOrder {
  /** undefined: the command is not told, only killed when the grace is over. */
  readonly signal: NodeJS.Signals | undefined;
  readonly graceMs: number;
  readonly why: Extract<Event, { kind: 'signalled' }>['why'];
  /** Give up on processes that cannot be killed after so long; undefined: never. */
  readonly patienceMs?: number | undefined;
}

export interface SupervisorOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly inherited: NodeJS.ProcessEnv;
  readonly guardian: GuardianChoice;
  readonly stopSignal: NodeJS.Signals;
  readonly clock: Clock;
  readonly report: Report;
  /** One line per lease duration about processes that cannot be killed. */
  readonly leaseDurationMs: number;
}

/** The part of execa's subprocess that is used: it spawns, everything after that is done by process group. */
interface Spawned {
  readonly pid?: number | undefined;
  readonly stdio: readonly (Readable | Writable | null | undefined)[];
  on(event: 'exit', listener: (status: number | null, signal: NodeJS.Signals | null) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

interface Gated {
  readonly pid: number;
  readonly plan: GatePlan;
  readonly latch: Writable;
  readonly exited: Promise<{ status: number; signal: NodeJS.Signals | undefined }>;
  gone: boolean;
}

/** Throws a sentence when the guardian that was asked for cannot be had. */
export async function createSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const cookie = newCookie();
  keepDescriptor();
  let current: Child | undefined;
  const guardian = await startGuardian({
    choice: options.guardian,
    cookie,
    clock: options.clock,
    report: options.report,
    onFailure: (message) => current?.fail(message),
  });
  return new Supervisor(options, cookie, guardian, (child) => {
    current = child;
  });
}

/** Keeps a guardian and, if asked, a gated command at hand, from one term to the next. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #cookie: string;
  readonly #guardian: Guardian;
  readonly #onStart: (child: Child) => void;
  #gate: Promise<Gated> | undefined;

  constructor(options: SupervisorOptions, cookie: string, guardian: Guardian, onStart: (child: Child) => void) {
    this.#options = options;
    this.#cookie = cookie;
    this.#guardian = guardian;
    this.#onStart = onStart;
  }

  get guardianKind(): string {
    return this.#guardian.kind;
  }

  /** Spawns the command up to its gate, so that a term can begin without waiting for a spawn. */
  async prepare(): Promise<void> {
    this.#gate ??= spawnGated(this.#options, this.#cookie);
    // Why it cannot be spawned is told when it has to be.
    await this.#gate.catch(() => undefined);
  }

  /** Lets the command run under the leash that binds then, unless that is due or `isOver` by then: then nothing runs. */
  async start(environment: Record<string, string>, leash: () => Leash, isOver: () => boolean): Promise<Started> {
    try {
      await this.#guardian.ready();
      const gate = await this.#takeGate();
      return await this.#open(gate, environment, leash, isOver);
    } catch (error) {
      return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
    }
  }

  async #takeGate(): Promise<Gated> {
    const prepared = await this.#gate?.catch(() => undefined);
    this.#gate = undefined;
    // It may have been killed while standing by, by hand or for want of memory.
    return prepared && !prepared.gone ? prepared : await spawnGated(this.#options, this.#cookie);
  }

  async #open(
    gate: Gated,
    environment: Record<string, string>,
    leash: () => Leash,
    isOver: () => boolean,
  ): Promise<Started> {
    const { clock, report, command } = this.#options;
    const lines = [...gate.plan.lines, ...environmentLines(environment), 'go', ''].join('\n');
    this.#guardian.watch(gate.pid);
    const armed = this.#guardian.arm(leash().guardBy);
    // Meanwhile; an earlier mark only makes sweeps look at more.
    const before = markBirths();
    await armed;
    if (gate.gone) {
      await this.#guardian.disarm();
      throw new Error(`cannot start ${command}: the process that was to become it was killed`);
    }
    // As it is now: it may have been extended while the gate and the guardian got ready.
    const held = hold(leash());
    if (isOver() || pull(held, clock.now()) !== 'none') {
      gate.latch.end();
      await gate.exited;
      await this.#guardian.disarm();
      return { kind: 'too-late' };
    }
    const tree: Tree = { pgid: gate.pid, cookie: `${this.#cookie}=`, before, spare: [this.#guardian.pid ?? 1] };
    const child = new Child(this.#options, gate, this.#guardian, tree, held);
    this.#onStart(child);
    gate.latch.end(lines);
    report({ kind: 'command-started', pid: gate.pid, command });
    return { kind: 'started', child };
  }

  /** Nothing is left running: the gate closes unopened, the guardian goes home. */
  async close(): Promise<void> {
    const gate = await this.#gate?.catch(() => undefined);
    gate?.latch.end();
    await gate?.exited;
    await this.#guardian.quit();
  }
}

export class Child {
  readonly pid: number;
  /** The command itself has ended; others of its group may not have. */
  readonly ended: Promise<void>;

  readonly #options: SupervisorOptions;
  readonly #guardian: Guardian;
  readonly #tree: Tree;
  readonly #startedAt: Now;
  #held: HeldLeash;
  #end: { status: number; signal: NodeJS.Signals | undefined } | undefined;
  #failure: string | undefined;
  #told = false;
  #late = false;
  #isClearing = false;
  #over = false;
  #stopping: Promise<End> | undefined;
  #patienceMs: number | undefined;
  #killedAt: Now | undefined;
  #toldUnkillable = 0;
  #cancelTick: () => void = () => undefined;
  #wake: () => void = () => undefined;

  constructor(options: SupervisorOptions, gate: Gated, guardian: Guardian, tree: Tree, held: HeldLeash) {
    this.#options = options;
    this.#guardian = guardian;
    this.#tree = tree;
    this.#held = held;
    this.#startedAt = options.clock.now();
    this.pid = gate.pid;
    this.ended = gate.exited.then((end) => {
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
    void this.stop({ signal: undefined, graceMs: 0, why: 'leash' });
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
    const grace = this.#end ? Math.min(leftoverGraceMs, graceMs) : graceMs;
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

  /** The command has ended and left others behind: they are told once, and killed when their grace is over. */
  #clearLeftovers(alive: readonly number[]): void {
    if (this.#isClearing) return;
    this.#isClearing = true;
    this.#held = shorten(this.#held, leftoverGraceMs, this.#options.clock.now());
    if (!this.#told) {
      this.#told = true;
      signalEach(alive, 'SIGTERM');
      signalEach(alive, 'SIGCONT');
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
      return findTree({ ...this.#tree, spare: [this.#guardian.pid ?? 1] });
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
    const why = possiblyElapsed(this.#killedAt, this.#held.killBy) >= 0 ? 'leash' : 'grace-over';
    this.#options.report({ kind: 'signalled', signal: 'SIGKILL', why });
  }

  /** Once per command: whoever tells it first, the leash or the order to stop. */
  #tell(signal: NodeJS.Signals, why: StopOrder['why']): void {
    if (this.#told) return;
    this.#told = true;
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

async function spawnGated({ command, args, inherited }: SupervisorOptions, cookie: string): Promise<Gated> {
  // Imported while the first request is under way: 46 ms of CPU that no start waits for.
  const { execa } = await import('execa');
  const plan = planGate(command, args, { ...inherited, [cookie]: '1' });
  requireDescriptors(command);
  const spawned: Spawned = execa(plan.file, plan.args, {
    detached: true,
    cleanup: false,
    forceKillAfterDelay: false,
    reject: false,
    buffer: false,
    extendEnv: false,
    env: plan.environment,
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
  const failed = new Promise<Error>((resolve) => spawned.on('error', resolve));
  const { pid } = spawned;
  const latch = spawned.stdio[3];
  if (pid === undefined || !latch || !('write' in latch)) {
    const error = await failed;
    throw new Error(`cannot start ${command}: ${error.message}`);
  }
  // The gate may be gone when it is written to; its exit is what counts.
  latch.on('error', () => undefined);
  const gated: Gated = {
    pid,
    plan,
    latch,
    gone: false,
    exited: new Promise((resolve) => {
      spawned.on('exit', (status, signal) => {
        gated.gone = true;
        resolve({ status: signal ? 128 + constants.signals[signal] : (status ?? 0), signal: signal ?? undefined });
      });
    }),
  };
  return gated;
}

/**
 * Where none is left (EMFILE), Node gives a process without streams and its error a tick later; execa then throws
 * something else, and nobody is there to hear the error, which ends leader-run as a bug would.
 */
function requireDescriptors(command: string): void {
  const held: number[] = [];
  try {
    // A socket pair for descriptor 3, a pipe for the error of exec, and what a thread may open meanwhile.
    for (let count = 0; count < 8; count += 1) held.push(openSync('/dev/null', 'r'));
  } catch (error) {
    throw new Error(`cannot start ${command}: ${(error as NodeJS.ErrnoException).code ?? 'no descriptor is left'}`);
  } finally {
    for (const descriptor of held) closeSync(descriptor);
  }
}

function environmentLines(environment: Record<string, string>): string[] {
  return Object.entries(environment).map(([name, value]) => {
    if (value.includes('\n')) throw new Error(`${name} must not hold a newline`);
    return `${name}=${value}`;
  });
}
