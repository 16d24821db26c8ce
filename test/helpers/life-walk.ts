// Walks one life of a command (src/child/life.ts) fact by fact, by a clock that only the facts move, and keeps what the
// last step ordered. Decides nothing but the usual birth and a leash of 15/10/2 s from time 0.
// To check: both clocks go alike here; what they are worth when they differ is the leash's business.
import { type Birth, begin, type Fact, type Life, type Order, step, type StopOrder } from '../../src/child/life.ts';
import { hold, type Leash } from '../../src/child/leash.ts';
import type { Now } from '../../src/clock.ts';

export const pid = 100;

export function at(ms: number): Now {
  return { mono: ms, boot: ms, wall: 0 };
}

/** As it follows from a renewal that was sent at `ms`. */
export function leashFrom(ms: number): Leash {
  return { termBy: at(ms + 10_000), killBy: at(ms + 13_000), guardBy: at(ms + 13_250) };
}

export class Walk {
  life: Life;
  wakeMs: number | undefined;
  #ms = 0;

  constructor(birth: Partial<Birth> = {}) {
    const usual: Birth = {
      pid,
      at: at(0),
      stopSignal: 'SIGTERM',
      signalTo: 'group',
      leaseDurationMs: 15_000,
      isInit: false,
    };
    this.life = begin({ ...usual, ...birth }, hold(leashFrom(0)));
  }

  /** What follows from the fact, at `ms` or at the time of the fact before. */
  meet(fact: Fact, ms = this.#ms): readonly Order[] {
    this.#ms = ms;
    const { life, orders, wakeMs } = step(this.life, fact, at(ms));
    this.life = life;
    this.wakeMs = wakeMs;
    return orders;
  }

  tick(ms: number): readonly Order[] {
    return this.meet({ kind: 'tick' }, ms);
  }

  order(order: Partial<StopOrder>, ms?: number): readonly Order[] {
    return this.meet({ kind: 'order', order: { signal: 'SIGINT', graceMs: 5000, why: 'asked', ...order } }, ms);
  }

  exit(ms?: number, status = 0): readonly Order[] {
    return this.meet({ kind: 'exited', status, signal: undefined }, ms);
  }

  /** A look finds these: pids in the command's group, and others that are led by themselves. */
  see(inGroup: readonly number[], apart: readonly number[] = [], ms?: number): readonly Order[] {
    const members = inGroup.map((each) => ({ pid: each, group: pid }));
    const others = apart.map((each) => ({ pid: each, group: each }));
    return this.meet({ kind: 'seen', members: [...members, ...others] }, ms);
  }

  /** A look finds only what may be strangers. */
  suspect(pids: readonly number[], ms?: number): readonly Order[] {
    return this.meet({ kind: 'seen', members: pids.map((each) => ({ pid: each, group: each, isUnsure: true })) }, ms);
  }
}

type Why = StopOrder['why'];

export function signalled(signal: NodeJS.Signals, why: Why): Order {
  return { kind: 'report', event: { kind: 'signalled', signal, why } };
}

export function told(signal: NodeJS.Signals, why: Why, to: Birth['signalTo'] = 'group'): readonly Order[] {
  return [{ kind: 'tell', signal, to }, signalled(signal, why)];
}

export function killed(why: Why): readonly Order[] {
  return [{ kind: 'kill' }, signalled('SIGKILL', why)];
}

export function toldEach(...pids: readonly number[]): readonly Order[] {
  return [{ kind: 'tell-each', pids }, signalled('SIGTERM', 'left-over')];
}

export function unkillable(...pids: readonly number[]): Order {
  return { kind: 'report', event: { kind: 'unkillable', pids } };
}
