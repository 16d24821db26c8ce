// Starts commands, one at a time and each under a guardian: spawned behind a gate in a session of its own, and let go
// once the guardian is armed. Keeps what is slow (guardian, gate) at hand from one term to the next. Decides that a
// command does not start; what becomes of one that runs is its own affair (child.ts).
// Invariant: the command runs only under an armed guardian, a leash that is not due and a term that is not over.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { messageOf } from '../common/errors.ts';
import { inBackground } from '../common/terminal.ts';
import { Child, type ChildOptions, type CommandProcess } from './child.ts';
import { closeInherited } from './descriptors.ts';
import { newCookie } from './environment.ts';
import { type GatePlan, planGate } from './gate/gate.ts';
import { type Guardian, type GuardianChoice, startGuardian } from './guardian/guardian.ts';
import { hold, type Leash, pull } from './leash.ts';
import { handsOn } from './hands.ts';
import { CommandTree, countForks, keepDescriptor } from './sweep.ts';

export type Started =
  | { readonly kind: 'started'; readonly child: Child }
  /** Its leash was due or a stop was asked before it could run: it did not. */
  | { readonly kind: 'too-late' }
  | { readonly kind: 'failed'; readonly message: string };

export interface SupervisorOptions extends ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly inherited: NodeJS.ProcessEnv;
  readonly guardian: GuardianChoice;
}

interface Gated extends CommandProcess {
  /** As of before its spawn, which may be days ago. */
  readonly forks: number;
  readonly plan: GatePlan;
  readonly latch: Writable;
  gone: boolean;
}

/** Throws a sentence when the guardian that was asked for cannot be had. */
export async function createSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const cookie = newCookie();
  closeInherited();
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

  /** Whether a guardian is there for the command that runs, if one runs. */
  get isGuarded(): boolean {
    return this.#guardian.isOnGuard;
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
    const tree = new CommandTree({ pgid: gate.pid, cookie: `${this.#cookie}=`, forks: gate.forks });
    const isArmed = await armed;
    if (gate.gone || !isArmed) {
      await this.#giveUp(gate);
      const why = isArmed ? 'the process that was to become it was killed' : 'there is no guardian for it';
      throw new Error(`cannot start ${command}: ${why}`);
    }
    // As it is now: it may have been extended while the gate and the guardian got ready.
    const held = hold(leash());
    if (isOver() || pull(held, clock.now()) !== 'none') {
      await this.#giveUp(gate);
      return { kind: 'too-late' };
    }
    const warn = (message: string): void => {
      report({ kind: 'note', level: 'warn', message });
    };
    const hands = handsOn(gate.pid, tree, () => this.#guardian.pid, warn);
    const child = new Child(this.#options, gate, this.#guardian, hands, held);
    this.#onStart(child);
    gate.latch.end(lines);
    report({ kind: 'command-started', pid: gate.pid, command });
    return { kind: 'started', child };
  }

  /** What was to become the command ends behind its gate, and the guardian lets go of it. */
  async #giveUp(gate: Gated): Promise<void> {
    gate.latch.end();
    await gate.exited;
    await this.#guardian.disarm();
  }

  /** Nothing is left running: the gate closes unopened, the guardian goes home. */
  async close(): Promise<void> {
    const gate = await this.#gate?.catch(() => undefined);
    gate?.latch.end();
    await gate?.exited;
    await this.#guardian.quit();
  }
}

async function spawnGated({ command, args, inherited }: SupervisorOptions, cookie: string): Promise<Gated> {
  const plan = planGate(command, args, { ...inherited, [cookie]: '1' });
  requireDescriptors(command);
  const forks = countForks();
  // No folder is named, or the child would enter it by its name, which its user may not be allowed to.
  const spawned = tried(command, () =>
    spawn(plan.file, plan.args, {
      detached: true,
      env: plan.environment,
      // In a session of its own it would read what is typed into the shell that has us in the background.
      stdio: [isatty(0) && inBackground() ? 'ignore' : 'inherit', 'inherit', 'inherit', 'pipe'],
    }),
  );
  const { pid } = spawned;
  const latch = spawned.stdio[3];
  if (pid === undefined || !latch || !('write' in latch)) {
    const [cause] = (await once(spawned, 'error')) as [Error];
    throw new Error(`cannot start ${command}: ${cause.message}`);
  }
  // The gate may be gone when it is written to; its exit is what counts.
  latch.on('error', () => undefined);
  const gated: Gated = {
    pid,
    forks,
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

/** Node throws some errors (E2BIG, ENOMEM) and tells of the others by an event. */
function tried(command: string, start: () => ChildProcess): ChildProcess {
  try {
    return start();
  } catch (error) {
    throw new Error(`cannot start ${command}: ${messageOf(error)}`);
  }
}

/**
 * Where none is left (EMFILE), Node gives a process without streams and tells why a tick later. So it is told before.
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
