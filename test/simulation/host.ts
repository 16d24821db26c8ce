// A simulated machine with its clocks, and the processes on it: monotonic time that stands still in a suspend, boot
// time that does not, a wall clock that anybody may set. Decides what time a process believes it is and whether its
// event loop runs; knows nothing of locks.
// Invariants: a stopped, stalled or suspended process runs nothing, and afterwards all of it, in an order that need not
// be that of time (an answer may be handled before an overdue timer); a dead one never runs again.

import type { Clock, Now } from '../../src/clock.ts';
import type { Dice } from '../helpers/dice.ts';
import type { World } from './world.ts';

/** /proc/uptime counts hundredths of a second. */
const bootGrainMs = 10;

export class Host {
  readonly world: World;
  /** True milliseconds per millisecond of its clocks, about 1. */
  readonly #rate: number;
  readonly #offset: number;
  #suspendedSince: number | undefined;
  #suspendedMs = 0;
  #wallOffset: number;
  #wallFrozenAt: number | undefined;
  #onThaw: (() => void)[] = [];
  /** When it was last thawed after a suspend, and how long that was. */
  thawedAt = -Infinity;

  constructor(world: World, ppm: number, offset: number, wallOffset: number) {
    this.world = world;
    this.#rate = 1 + ppm / 1e6;
    this.#offset = offset;
    this.#wallOffset = wallOffset;
  }

  get suspended(): boolean {
    return this.#suspendedSince !== undefined;
  }

  mono(at = this.world.now): number {
    const standing = this.#suspendedMs + (this.#suspendedSince === undefined ? 0 : at - this.#suspendedSince);
    return this.#offset / 2 + (at - standing) * this.#rate;
  }

  boot(at = this.world.now): number {
    return this.#offset + at * this.#rate;
  }

  /** What /proc/uptime says. */
  uptime(): number {
    return Math.floor(this.boot() / bootGrainMs) * bootGrainMs;
  }

  /** The true instant at which boot time reads so. */
  whenBoot(boot: number): number {
    return (boot - this.#offset) / this.#rate;
  }

  wall(): number {
    return Math.floor((this.#wallFrozenAt ?? this.world.now) * this.#rate + this.#wallOffset);
  }

  jumpWall(ms: number): void {
    this.#wallOffset += ms;
  }

  freezeWall(frozen: boolean): void {
    this.#wallFrozenAt = frozen ? this.world.now : undefined;
  }

  suspend(): void {
    this.#suspendedSince ??= this.world.now;
  }

  thaw(): void {
    if (this.#suspendedSince === undefined) return;
    this.#suspendedMs += this.world.now - this.#suspendedSince;
    this.#suspendedSince = undefined;
    this.thawedAt = this.world.now;
    const waiting = this.#onThaw;
    this.#onThaw = [];
    for (const happen of waiting) happen();
  }

  /** At once, or after the suspend that the machine is in. */
  whenAwake(happen: () => void): void {
    if (this.suspended) this.#onThaw.push(happen);
    else happen();
  }
}

export class Process {
  readonly host: Host;
  readonly world: World;
  dead = false;
  #stopped = 0;
  #held: (() => void)[] = [];
  readonly #dice: Dice;
  #thaws = 0;

  constructor(host: Host, dice: Dice) {
    this.host = host;
    this.world = host.world;
    this.#dice = dice;
  }

  get halted(): boolean {
    return this.dead || this.#stopped > 0 || this.host.suspended;
  }

  /** Runs a callback on its event loop, now or when that goes on. */
  enter(happen: () => void): void {
    if (this.dead) return;
    if (this.halted) {
      if (this.#held.push(happen) === 1 && this.#stopped === 0) this.host.whenAwake(() => this.#release());
    } else happen();
  }

  /** SIGSTOP, or an event loop that is busy. */
  stop(): void {
    this.#stopped += 1;
  }

  continue(): void {
    this.#stopped = Math.max(0, this.#stopped - 1);
    this.#release();
  }

  kill(): void {
    this.dead = true;
    this.#held = [];
  }

  #release(): void {
    if (this.dead || this.#stopped > 0) return;
    if (this.host.suspended) return this.host.whenAwake(() => this.#release());
    const held = this.#held;
    this.#held = [];
    // Timers first or answers first, as it comes.
    if (this.#dice.chance((this.#thaws += 1), 0.5)) held.reverse();
    for (const happen of held) this.world.in(0, () => this.enter(happen));
  }

  /** The clock that the program is given. */
  readonly clock: Clock = {
    now: (): Now => ({ mono: this.host.mono(), boot: this.host.uptime(), wall: this.host.wall() }),
    after: (ms, callback) => {
      const due = this.host.mono() + Math.max(0, Math.ceil(ms));
      let cancelled = false;
      const fire = (): void => {
        if (cancelled || this.dead) return;
        const left = due - this.host.mono();
        if (left > 1e-6) this.world.in(left + 1e-6, arm);
        else {
          cancelled = true;
          callback();
        }
      };
      const arm = (): void => {
        if (!cancelled) this.enter(fire);
      };
      this.world.in(Math.max(0, Math.ceil(ms)) + 1e-6, arm);
      return () => {
        cancelled = true;
      };
    },
  };
}
