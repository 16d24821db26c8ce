// The simulated supervisor: starts a command under a leash, and hands it to the shipped Child and its life, with hands
// that reach simulated processes. Decides when a command starts, as supervisor.ts does. Knows no lock.
// Invariants: the command starts only under an armed guardian and a leash that is not due; what a look shows is what
// really lives.

import { Child, type Hands } from '../../src/child/child.ts';
import type { Member } from '../../src/child/life.ts';
import { type HeldLeash, hold, type Leash, pull } from '../../src/child/leash.ts';
import type { Started } from '../../src/child/supervisor.ts';
import type { Report } from '../../src/observe/events.ts';
import { Command, mainPid, type SimGuardian } from './command.ts';
import type { Dice } from '../helpers/dice.ts';
import type { Process } from './host.ts';
import type { JobJudge } from './job-oracle.ts';
import type { Oracle, Runner } from './oracle.ts';
import type { Program } from './scenario.ts';

export interface SupervisorParts {
  readonly process: Process;
  readonly runner: Runner;
  readonly run: string;
  readonly program: Program;
  readonly guardian: SimGuardian;
  readonly oracle: Oracle;
  readonly dice: Dice;
  readonly leaseDurationMs: number;
  /** How long a spawn takes now. */
  readonly spawnMs: () => number;
  /** Whether it has been told of a term and not of its end. */
  readonly leads: () => boolean;
  readonly stopGraceMs: number;
  readonly jobs: JobJudge | undefined;
  /** How likely the command ends otherwise than with 0. */
  readonly failing: number;
}

export class SimSupervisor {
  readonly #parts: SupervisorParts;
  command: Command | undefined;
  child: JudgedChild | undefined;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
  }

  async start(
    environment: Record<string, string>,
    given: Leash | (() => Leash),
    isOver: () => boolean,
  ): Promise<Started> {
    const { process, guardian, spawnMs, program, runner, oracle, run, leads } = this.#parts;
    await guardian.launch();
    await new Promise<void>((resolve) => {
      process.world.in(spawnMs(), () => process.enter(resolve));
    });
    const gate: { command?: Command } = {};
    const leash = typeof given === 'function' ? given() : given;
    await guardian.arm(() => gate.command, leash.guardBy);
    const held = hold(leash);
    if (isOver() || pull(held, process.clock.now()) !== 'none') {
      await guardian.disarm();
      return { kind: 'too-late' };
    }
    if (!leads()) process.world.fail(`P2: ${runner.name} starts a command when its term is over`);
    if (!guardian.holds(leash.guardBy.boot)) process.world.fail(`P2: ${runner.name} starts without an armed guardian`);
    oracle.leashed(runner, run, leash);
    const command = new Command(runner, program, oracle, Number(environment['LEADER_RUN_TOKEN']));
    const hear = this.#parts.jobs?.started(run, environment);
    command.onMainEnd(() => hear?.(command.wasStopped ? 'stopped' : statusOf(this.#parts) === 0 ? 'ok' : 'failed'));
    gate.command = command;
    this.command = command;
    this.child = new JudgedChild(this.#parts, command, held);
    return { kind: 'started', child: this.child };
  }
}

/** The shipped Child, and beside it what it may not do, compared by hand: what is judged must not judge. */
export class JudgedChild extends Child {
  readonly #parts: SupervisorParts;
  /** As the elector told it, whatever became of it here. */
  #latest: Leash;
  /** The command had ended after its term, by the leash, when that was heard of. */
  late = false;

  constructor(parts: SupervisorParts, command: Command, held: HeldLeash) {
    const { process, leaseDurationMs, guardian, runner, oracle, run } = parts;
    const report = graceJudge(parts, command);
    const options = { clock: process.clock, stopSignal: 'SIGTERM', signalTo: 'group', leaseDurationMs, report } as const;
    const watched = {
      arm: async (): Promise<boolean> => {
        if (command.alive) oracle.leashed(runner, run, this.#latest);
        await guardian.arm(() => command, this.#latest.guardBy);
        return true;
      },
      disarm: async (): Promise<void> => {
        if (command.alive) process.world.fail(`P2: ${runner.name} lets its guardian go while its command is alive`);
        await guardian.disarm();
      },
    };
    const exited = whenTold(parts, command, () => {
      this.late = this.#isOver();
    });
    super(options, { pid: mainPid, exited }, watched, handsOn(command), held);
    this.#parts = parts;
    this.#latest = held;
  }

  override extend(leash: Leash): void {
    if (this.#isOver()) this.#parts.process.world.fail('P8: a term that is over is extended');
    this.#latest = leash;
    super.extend(leash);
  }

  #isOver(): boolean {
    const [now, { mono, boot }] = [this.#parts.process.clock.now(), this.#latest.termBy];
    return now.mono >= mono || now.boot >= boot;
  }
}

/** Of a command that ends by itself, and of one that was told: a handler may end with 0. */
function statusOf({ dice, failing }: SupervisorParts): number {
  return dice.chance(2, failing) ? 3 : 0;
}

/** The kernel tells of an end a little later. */
function whenTold(
  parts: SupervisorParts,
  command: Command,
  heard: () => void,
): Promise<{ status: number; signal: undefined }> {
  const { process, dice } = parts;
  return new Promise((resolve) => {
    const hear = (): void => {
      heard();
      resolve({ status: statusOf(parts), signal: undefined });
    };
    command.onMainEnd(() => process.world.in(dice.between(1, 0.1, 3), () => process.enter(hear)));
  });
}

/** P9: whoever was asked to stop, and leads on, has the whole grace, whichever process of the command is left. */
function graceJudge({ process, runner, leads, stopGraceMs }: SupervisorParts, command: Command): Report {
  const { host, world } = process;
  let asked: { readonly mono: number; readonly boot: number } | undefined;
  return (event) => {
    if (event.kind !== 'signalled') return;
    if (event.signal !== 'SIGKILL') {
      if (event.why === 'asked') asked ??= { mono: host.mono(), boot: host.boot() };
      return;
    }
    if (asked === undefined || event.why !== 'grace-over' || !leads() || !command.alive) return;
    // By the clock that ran further; boot time has a grain of 10 ms.
    const givenMs = Math.max(host.mono() - asked.mono, host.boot() - asked.boot);
    if (givenMs < stopGraceMs - 20)
      world.fail(`P9: ${runner.name} kills ${givenMs.toFixed(0)} ms into a grace of ${stopGraceMs.toFixed(0)} ms`);
  };
}

/** What is done to simulated processes; whoever lives is seen. */
function handsOn(command: Command): Hands {
  return {
    look: (): readonly Member[] => command.members(),
    signalGroup: (signal) => {
      if (signal === 'SIGKILL') command.kill();
      else if (signal === 'SIGTERM') command.term();
    },
    signalEach: (pids, signal) => {
      if (pids.length === 0) return;
      if (signal === 'SIGKILL') command.kill();
      else if (signal === 'SIGTERM') command.term(pids);
    },
    others: undefined,
  };
}
