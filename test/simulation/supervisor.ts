// The simulated supervisor: starts a command under a leash and sees to its end, as src/child/ does with real
// processes; the judgement (leash.ts) is the real one. Decides nothing else. Knows no lock.
// Invariants: the command starts only under an armed guardian and a leash that is not due; `stop` resolves only when
// nothing of the command is left.

import type { Clock } from '../../src/clock.ts';
import { possiblyElapsed } from '../../src/clock.ts';
import type { Child, End, StopOrder } from '../../src/child/child.ts';
import type { Started } from '../../src/child/supervisor.ts';
import { extend, type HeldLeash, hold, type Leash, pull, shorten, untilPull } from '../../src/child/leash.ts';
import { Command, type SimGuardian } from './command.ts';
import type { Dice } from '../helpers/dice.ts';
import type { Process } from './host.ts';
import type { Oracle, Runner } from './oracle.ts';
import type { Program } from './scenario.ts';

const tickMs = 250;
const leftoverGraceMs = 2000;

export interface SupervisorParts {
  readonly process: Process;
  readonly runner: Runner;
  readonly run: string;
  readonly program: Program;
  readonly guardian: SimGuardian;
  readonly oracle: Oracle;
  readonly dice: Dice;
  /** How long a spawn takes now. */
  readonly spawnMs: () => number;
  /** Whether it has been told of a term and not of its end. */
  readonly leads: () => boolean;
}

export class SimSupervisor {
  readonly #parts: SupervisorParts;
  child: SimChild | undefined;

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
    gate.command = new Command(runner, program, oracle, Number(environment['LEADER_RUN_TOKEN']));
    this.child = new SimChild(this.#parts, gate.command, held);
    return { kind: 'started', child: this.child as unknown as Child };
  }
}

export class SimChild {
  readonly pid = 1;
  readonly ended: Promise<void>;
  readonly command: Command;
  readonly #parts: SupervisorParts;
  readonly #clock: Clock;
  #held: HeldLeash;
  /** As the elector told it, whatever became of it here. */
  #latest: Leash;
  #stopping: Promise<End> | undefined;
  #given: number | undefined;
  #finish: ((end: End) => void) | undefined;
  #finished = false;
  #killedAt: ReturnType<Clock['now']> | undefined;
  #leftoversTold = false;
  #late = false;
  #cancelTick: () => void = () => undefined;

  constructor(parts: SupervisorParts, command: Command, held: HeldLeash) {
    this.#parts = parts;
    this.command = command;
    this.#held = held;
    this.#latest = held;
    this.#clock = parts.process.clock;
    const { world } = parts.process;
    this.ended = new Promise((resolve) => {
      const hear = (): void => {
        // By hand, as in `extend`.
        const [now, { mono, boot }] = [this.#clock.now(), this.#latest.termBy];
        this.#late = now.mono >= mono || now.boot >= boot;
        resolve();
      };
      command.onMainEnd(() => world.in(parts.dice.between(1, 0.1, 3), () => parts.process.enter(hear)));
    });
    this.#tick();
  }

  get outlasted(): boolean {
    return this.#late;
  }

  async extend(leash: Leash): Promise<void> {
    const now = this.#clock.now();
    const { process } = this.#parts;
    // Compared by hand: what is judged must not judge.
    const { mono, boot } = this.#latest.termBy;
    if (now.mono >= mono || now.boot >= boot) process.world.fail('P8: a term that is over is extended');
    this.#latest = leash;
    const next = extend(this.#held, leash, now);
    if (next === this.#held || this.#finished) return;
    this.#held = next;
    const { guardian, oracle, runner, run } = this.#parts;
    if (this.command.alive) oracle.leashed(runner, run, leash);
    this.#schedule();
    await guardian.arm(() => this.command, leash.guardBy);
  }

  forward(): void {
    this.command.term();
  }

  stop({ signal, graceMs, patienceMs }: StopOrder): Promise<End> {
    if (this.#finished && this.#stopping) return this.#stopping;
    this.#given ??= patienceMs;
    const grace = this.command.mainAlive ? graceMs : Math.min(leftoverGraceMs, graceMs);
    this.#held = shorten(this.#held, grace, this.#clock.now());
    if (signal && grace > 0 && this.command.mainAlive) this.command.term();
    this.#stopping ??= new Promise((resolve) => {
      this.#finish = resolve;
      this.command.onEmpty(() => this.#whenEmpty());
      if (!this.command.alive) this.#whenEmpty();
      else this.command.onMainEnd(() => this.#clearLeftovers());
      if (!this.command.mainAlive) this.#clearLeftovers();
    });
    this.#tick();
    return this.#stopping;
  }

  #whenEmpty(): void {
    const { process, dice } = this.#parts;
    process.world.in(dice.between(2, 0.1, 50), () => process.enter(() => void this.#end([])));
  }

  async #end(alive: readonly number[]): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    this.#cancelTick();
    if (alive.length === 0) await this.#parts.guardian.disarm();
    this.#finish?.({ status: 0, signal: undefined, alive });
  }

  /** The command ended by itself and left others: they are told, and killed after a while. */
  #clearLeftovers(): void {
    const { process } = this.#parts;
    process.world.in(2, () =>
      process.enter(() => {
        if (this.#leftoversTold || !this.command.alive || this.command.mainAlive) return;
        this.#leftoversTold = true;
        this.#held = shorten(this.#held, leftoverGraceMs, this.#clock.now());
        this.command.term();
        this.#tick();
      }),
    );
  }

  #tick(): void {
    if (this.#finished) return;
    const now = this.#clock.now();
    const order = pull(this.#held, now);
    if (order === 'kill') {
      this.#killedAt ??= now;
      this.command.kill();
    } else if (order === 'term') this.command.term();
    if (this.#killedAt && this.#given !== undefined && possiblyElapsed(now, this.#killedAt) >= this.#given)
      void this.#end([1]);
    this.#schedule();
  }

  #schedule(): void {
    this.#cancelTick();
    if (this.#finished || (!this.command.alive && !this.#stopping)) return;
    const ahead = this.#killedAt ? tickMs : untilPull(this.#held, this.#clock.now());
    // The real one ticks every 250 ms to notice a suspend; here that is told.
    this.#cancelTick = this.#clock.after(ahead > 0 ? ahead : tickMs, () => this.#tick());
  }

  /** After a suspend or a stop: the next tick. */
  woke(): void {
    const { process, dice } = this.#parts;
    process.world.in(dice.between(3, 0, tickMs), () => process.enter(() => this.#tick()));
  }
}
