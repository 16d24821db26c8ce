// A simulated command with its processes, and the guardian that holds its deadline. Decides when its processes end,
// given what they are told. Imitates src/child/guardian/guardian.ts and the guardian's script; knows no lock.
// Invariants: a guardian acts by its own reading of boot time, whatever has become of leader-run; a deadline that is
// past is never extended; at the end of file it kills within 250 ms.

import type { Instant } from '../../src/clock.ts';
import type { Dice } from '../helpers/dice.ts';
import type { Process } from './host.ts';
import type { Oracle, Runner, Work } from './oracle.ts';
import type { Program } from './scenario.ts';
import type { World } from './world.ts';

export const mainPid = 1;
const otherPid = 2;

/** A process of the command: the one that leader-run started, or another one. */
interface Part {
  readonly pid: number;
  readonly group: number;
  /** After SIGTERM; undefined: it ignores that. */
  readonly drainMs: number | undefined;
  alive: boolean;
  told: boolean;
}

export class Command implements Work {
  readonly runner: Runner;
  readonly startedAt: number;
  readonly #oracle: Oracle;
  readonly #world: World;
  readonly #killTakesMs: number;
  readonly #main: Part;
  readonly #parts: readonly Part[];
  #killed = false;
  #onMainEnd: (() => void)[] = [];

  constructor(runner: Runner, program: Program, oracle: Oracle, token: number | undefined) {
    const { drainMs, endsAfterMs, killTakesMs, other } = program;
    this.runner = runner;
    this.#oracle = oracle;
    this.#world = runner.host.world;
    this.#killTakesMs = killTakesMs;
    this.startedAt = this.#world.now;
    this.#main = { pid: mainPid, group: mainPid, drainMs, alive: true, told: false };
    const group = other?.inGroup === true ? mainPid : otherPid;
    const second: Part[] = other ? [{ pid: otherPid, group, drainMs: other.drainMs, alive: true, told: false }] : [];
    this.#parts = [this.#main, ...second];
    oracle.started(this, token);
    if (endsAfterMs !== undefined) this.#afterWork(endsAfterMs, () => this.#end(this.#main));
  }

  get alive(): boolean {
    return this.#parts.some(({ alive }) => alive);
  }

  get killed(): boolean {
    return this.#killed;
  }

  /** Somebody has told it to end, or killed it. */
  get wasStopped(): boolean {
    return this.#killed || this.#main.told;
  }

  /** Who lives. */
  members(): { readonly pid: number; readonly group: number }[] {
    return this.#parts.filter(({ alive }) => alive).map(({ pid, group }) => ({ pid, group }));
  }

  onMainEnd(heard: () => void): void {
    this.#onMainEnd.push(heard);
  }

  /** SIGTERM to the command's group, or to these. */
  term(pids?: readonly number[]): void {
    for (const part of this.#parts) {
      if (part.told || !(pids?.includes(part.pid) ?? part.group === mainPid)) continue;
      part.told = true;
      this.#world.tell(`${this.runner.name}: SIGTERM to process ${part.pid} of its command`);
      if (part.drainMs !== undefined) this.#afterWork(part.drainMs, () => this.#end(part));
    }
  }

  /** SIGKILL to all, which takes its time. */
  kill(): void {
    if (this.#killed || !this.alive) return;
    this.#killed = true;
    this.#world.tell(`${this.runner.name}: SIGKILL to its command`);
    this.#afterWork(this.#killTakesMs, () => {
      for (const part of this.#parts) this.#end(part);
    });
  }

  #afterWork(ms: number, happen: () => void): void {
    this.#world.in(ms, () => this.runner.host.whenAwake(happen));
  }

  #end(part: Part): void {
    if (!part.alive) return;
    part.alive = false;
    if (part === this.#main) for (const heard of this.#onMainEnd) heard();
    if (!this.alive) this.#oracle.ended(this);
  }
}

const sliceMs = 250;
const answerMs = 1000;
/** A shell is woken so late. */
const deadlineLagMs = 5;

interface Wanted {
  readonly command: () => Command | undefined;
  readonly deadline: number;
}

export class SimGuardian {
  readonly #process: Process;
  readonly #world: World;
  readonly #dice: Dice;
  #up = false;
  #stopped = false;
  #life = 0;
  #asked = 0;
  #diedAt = -Infinity;
  #command: (() => Command | undefined) | undefined;
  /** In hundredths of a second, rounded down, as it is sent. */
  #deadline: number | undefined;
  #wanted: Wanted | undefined;
  #replacing: Promise<void> | undefined;

  constructor(process: Process, dice: Dice) {
    this.#process = process;
    this.#world = process.world;
    this.#dice = dice;
  }

  async launch(): Promise<void> {
    if (this.#up) return;
    await this.#spawn();
  }

  /** Resolves once the guardian has the deadline, or its successor has. */
  arm(command: () => Command | undefined, { boot }: Instant): Promise<void> {
    this.#wanted = { command, deadline: Math.floor(boot / 10) * 10 };
    return this.#ask();
  }

  disarm(): Promise<void> {
    this.#wanted = undefined;
    return this.#ask();
  }

  /** False if it holds no deadline, or a later one; for the time that it takes to notice its death, what it held. */
  holds(deadline: number): boolean {
    if (this.#world.now - this.#diedAt < 10) return true;
    return this.#up && this.#deadline !== undefined && this.#deadline <= deadline;
  }

  /** leader-run is gone. */
  endOfFile(): void {
    const life = this.#life;
    this.#world.in(this.#dice.between(1, 1, 7), () => {
      this.#whenRunning(life, () => {
        const command = this.#command?.();
        if (!command) return;
        command.term();
        const left = this.#deadline === undefined ? sliceMs : Math.max(0, this.#deadline - this.#process.host.uptime());
        this.#world.in(Math.min(sliceMs, left), () => this.#whenRunning(life, () => command.kill()));
      });
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  continue(): void {
    this.#stopped = false;
    this.#look(this.#life);
  }

  /** Killed by hand or for want of memory. */
  die(): void {
    if (!this.#up) return;
    this.#up = false;
    this.#diedAt = this.#world.now;
    this.#life += 1;
    this.#world.in(1, () => {
      this.#process.enter(() => {
        if (this.#wanted) void this.#replace();
      });
    });
  }

  #ask(): Promise<void> {
    if (!this.#up) return this.#replacing ?? Promise.resolve();
    const asked = (this.#asked += 1);
    const life = this.#life;
    const wanted = this.#wanted;
    return new Promise((resolve) => {
      let heard = false;
      const done = (): void => {
        heard = true;
        cancel();
        resolve();
      };
      const cancel = this.#process.clock.after(answerMs, () => {
        if (!heard) void this.#replace().then(done);
      });
      this.#world.in(this.#dice.between(100 + asked, 0.1, 2), () => {
        this.#whenRunning(life, () => {
          if (this.#isPast()) return this.#finish();
          this.#obey(wanted);
          this.#world.in(0.2, () => this.#process.enter(done));
        });
      });
    });
  }

  #obey(wanted: Wanted | undefined): void {
    this.#command = wanted?.command;
    this.#deadline = wanted?.deadline;
    if (wanted) this.#schedule();
  }

  #schedule(): void {
    const life = this.#life;
    const { host } = this.#process;
    if (this.#deadline !== undefined)
      this.#world.at(host.whenBoot(this.#deadline) + deadlineLagMs, () => this.#look(life));
  }

  #look(life: number): void {
    if (life !== this.#life || !this.#up || this.#stopped) return;
    const { host } = this.#process;
    if (host.suspended) {
      const slice = this.#dice.between(2, 0, sliceMs);
      return host.whenAwake(() => this.#world.in(slice, () => this.#look(life)));
    }
    if (this.#isPast()) this.#finish();
  }

  #isPast(): boolean {
    return this.#deadline !== undefined && this.#process.host.uptime() >= this.#deadline;
  }

  #finish(): void {
    this.#world.tell(`${this.#process.host.suspended ? 'asleep ' : ''}guardian: its deadline has come`);
    this.#command?.()?.kill();
    this.#up = false;
    this.#life += 1;
    this.#deadline = undefined;
    this.#command = undefined;
  }

  /** Waits while it is stopped or asleep; nothing if it has died meanwhile. */
  #whenRunning(life: number, happen: () => void): void {
    if (life !== this.#life || !this.#up) return;
    if (this.#stopped) this.#world.in(sliceMs, () => this.#whenRunning(life, happen));
    else if (this.#process.host.suspended) this.#process.host.whenAwake(() => this.#whenRunning(life, happen));
    else happen();
  }

  #replace(): Promise<void> {
    this.#replacing ??= this.#spawn().finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  #spawn(): Promise<void> {
    this.#up = false;
    this.#life += 1;
    this.#stopped = false;
    return new Promise((resolve) => {
      this.#world.in(this.#dice.between(this.#life, 5, 40), () => {
        this.#process.enter(() => {
          this.#up = true;
          this.#obey(this.#wanted);
          resolve();
        });
      });
    });
  }
}
