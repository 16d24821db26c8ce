// One command that runs: the driver of its life (life.ts), which feeds it with what happens and does as it orders, by
// the clock, the guardian and the hands that it is given. Decides nothing. Knows neither how the command was started
// (supervisor.ts) nor why it is to end.
// Invariants: time is read before each step; facts are taken in the order in which they come; `stop` resolves when its
// life is over.

import type { Clock, Now } from '../clock.ts';
import type { Report } from '../observe/events.ts';
import {
  begin,
  type End,
  type Fact,
  type Life,
  type Member,
  type Order,
  outlasted,
  type SignalTo,
  step,
  type StopOrder,
} from './life.ts';
import type { HeldLeash, Leash } from './leash.ts';
import type { Guardian } from './guardian/guardian.ts';

export interface ChildOptions {
  /** What the leash sends when it is pulled. */
  readonly stopSignal: NodeJS.Signals;
  readonly signalTo: SignalTo;
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

/** What can be done to the command's processes (hands.ts). */
export interface Hands {
  /** Undefined where no look is possible. */
  readonly look: () => readonly Member[] | undefined;
  readonly signalGroup: (signal: NodeJS.Signals) => void;
  readonly signalEach: (pids: readonly number[], signal: NodeJS.Signals) => void;
  /** Set if we are process 1 of our namespace: all other processes in it. */
  readonly others: { readonly kill: () => void; readonly look: () => readonly number[] } | undefined;
}

export class Child {
  readonly pid: number;
  /** The command itself has ended; others of its tree may not have. */
  readonly ended: Promise<void>;

  readonly #options: ChildOptions;
  readonly #guardian: Pick<Guardian, 'arm' | 'disarm'>;
  readonly #hands: Hands;
  readonly #over: Promise<End>;
  #life: Life;
  #lastNow: Now;
  readonly #facts: Fact[] = [];
  #isStepping = false;
  #resolve: (end: End) => void = () => undefined;
  #cancelWake: () => void = () => undefined;

  constructor(
    options: ChildOptions,
    { pid, exited }: CommandProcess,
    guardian: Pick<Guardian, 'arm' | 'disarm'>,
    hands: Hands,
    leash: HeldLeash,
  ) {
    const { clock, stopSignal, signalTo, leaseDurationMs } = options;
    this.#options = options;
    this.#guardian = guardian;
    this.#hands = hands;
    this.#lastNow = clock.now();
    const isInit = hands.others !== undefined;
    this.#life = begin({ pid, at: this.#lastNow, stopSignal, signalTo, leaseDurationMs, isInit }, leash);
    this.#over = new Promise((resolve) => (this.#resolve = resolve));
    this.pid = pid;
    this.ended = exited.then((end) => {
      this.#feed({ kind: 'exited', ...end });
    });
    this.#feed({ kind: 'tick' });
  }

  /** A renewal was acknowledged: the guardian's deadline follows, unless an instant is due already. */
  extend(leash: Leash): void {
    this.#feed({ kind: 'leash', leash });
  }

  /** It ended when its term was over already, by the leash: the loss ended it, even if its exit is noticed first. */
  get outlasted(): boolean {
    return outlasted(this.#life);
  }

  /** We cannot go on being responsible for it: it is killed. */
  fail(message: string): void {
    this.#feed({ kind: 'unguarded', message });
  }

  forward(signal: NodeJS.Signals): void {
    this.#feed({ kind: 'message', signal });
  }

  /**
   * Ends the command and everything it started; resolves when nothing is left. May be called again with a shorter
   * grace, never with a longer one; all calls resolve with the same end.
   */
  stop(order: StopOrder): Promise<End> {
    this.#feed({ kind: 'order', order });
    return this.#over;
  }

  #feed(fact: Fact): void {
    this.#facts.push(fact);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#facts.shift(); next; next = this.#facts.shift()) this.#step(next);
    } finally {
      this.#isStepping = false;
    }
  }

  #step(fact: Fact): void {
    const { life, orders, wakeMs } = this.#judge(fact);
    this.#life = life;
    this.#cancelWake();
    if (wakeMs !== undefined) {
      this.#cancelWake = this.#options.clock.after(wakeMs, () => {
        this.#feed({ kind: 'tick' });
      });
    }
    for (const order of orders) this.#perform(order);
    if (life.state === 'over') this.#resolve(life.end);
  }

  #judge(fact: Fact): ReturnType<typeof step> {
    try {
      this.#lastNow = this.#options.clock.now();
    } catch {
      const due = step(this.#life, { kind: 'clockless' }, this.#lastNow);
      const then = step(due.life, fact, this.#lastNow);
      return { ...then, orders: [...due.orders, ...then.orders] };
    }
    return step(this.#life, fact, this.#lastNow);
  }

  #signal(to: SignalTo, signal: NodeJS.Signals): void {
    if (to === 'group') this.#hands.signalGroup(signal);
    else this.#hands.signalEach([this.pid], signal);
  }

  #perform(order: Order): void {
    const hands = this.#hands;
    switch (order.kind) {
      case 'tell':
        hands.look();
        this.#signal(order.to, order.signal);
        // A stopped command acts on nothing until it is continued.
        return this.#signal(order.to, 'SIGCONT');
      case 'tell-each':
        hands.signalEach(order.pids, 'SIGTERM');
        return hands.signalEach(order.pids, 'SIGCONT');
      case 'pass-on':
        return this.#signal(order.to, order.signal);
      case 'kill': {
        // Descendants are found through their parents, so before these are gone.
        const sure = hands.look()?.filter(({ isUnsure }) => isUnsure !== true);
        // The number of a group that is empty may be a stranger's by now.
        if (sure?.some(({ group }) => group === this.pid) ?? true) hands.signalGroup('SIGKILL');
        return hands.signalEach(sure?.map(({ pid }) => pid) ?? [], 'SIGKILL');
      }
      case 'look':
        return this.#feed({ kind: 'seen', members: hands.look() });
      case 'arm':
        return void this.#guardian.arm(order.guardBy).then((isArmed) => {
          if (!isArmed) this.fail('no guardian answers');
        });
      case 'disarm':
        // Only process 1 waits for the answer. Others need not, since the guardian reads its lines in order.
        return void this.#guardian.disarm().then(() => {
          this.#feed({ kind: 'disarmed' });
        });
      case 'kill-others':
        return hands.others?.kill();
      case 'look-for-others':
        return this.#feed({ kind: 'seen-others', pids: hands.others?.look() ?? [] });
      case 'report':
        return this.#options.report(order.event);
    }
    order satisfies never;
  }
}
