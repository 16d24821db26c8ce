// The elector: carries out what the core decides. Decides nothing itself; it keeps the time, calls the lock and hands
// terms to those who campaign (leader-elector.ts). Knows no command and no storage.
// Invariants: events reach the core one at a time, each with the instant at which it happened; every request gets
// exactly one answer, if need be the one that its time was over.

import { type Clock, type Instant, later, type Now, shownElapsed } from '../clock.ts';
import type { Lock, ReadAnswer, RehearsalAnswer, Trouble, WriteAnswer, WriteRequest } from '../locks/lock.ts';
import type { Report } from '../observe/events.ts';
import { initialState, step } from './core.ts';
import { holderOf } from './observation.ts';
import { type Glance, glanceAt } from './glance.ts';
import type { CoreEvent, Effect, Outcome, Patience, Settings, State } from './state.ts';
import { type Elected, type GrantedTerm, grantTerm } from './term.ts';

/**
 * A lock that forgot its own limit is given up on this much later, so that nothing can make the elector wait for ever.
 */
const overtimeMs = 250;

export interface ElectorOptions {
  readonly lock: Lock;
  readonly clock: Clock;
  readonly report: Report;
  readonly settings: Omit<Settings, 'compare' | 'timeGrainMs' | 'coordinated'>;
  /** Seeds the dice that spread candidates over time. */
  readonly seed: number;
}

export class Elector {
  readonly #lock: Lock;
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #queue: { event: CoreEvent; now: Now }[] = [];
  #draining = false;
  #state: State;
  #granted: GrantedTerm | undefined;
  #cancelWake: () => void = () => undefined;
  /** When the core is to be asked next, whatever happens until then. */
  #wakeAt: Instant | undefined;
  #stopWatch: (() => void) | undefined;
  /** Ends the waiting for a campaign, or for the lock to be given back. */
  #waiting: ((end: Elected) => void) | undefined;

  constructor({ lock, clock, report, settings, seed }: ElectorOptions) {
    this.#lock = lock;
    this.#clock = clock;
    this.#report = report;
    const compare: Settings['compare'] = (a, b) => lock.compare(a, b);
    const { timeGrainMs = 1, coordinated = false } = lock;
    this.#state = initialState({ ...settings, compare, timeGrainMs, coordinated }, seed, clock.now());
  }

  /** Competes for the lock until it is ours, patience is over, or `stop` aborts. One campaign or term at a time. */
  campaign(patience: Patience, stop: AbortSignal): Promise<Elected> {
    return this.#ask({ kind: 'campaign', patience }, stop);
  }

  /** Cuts short whatever is going on: a campaign, or the holding of the lock after a term's end. */
  stop(): void {
    this.#feed({ kind: 'stop' });
  }

  /** The name in the record as it was last seen; '' when there is none. */
  get leader(): string {
    const { observation } = this.#state;
    return observation ? holderOf(observation.sighting) : '';
  }

  /** What is known of the lock now; undefined before the first look at it. */
  glance(): Glance | undefined {
    return glanceAt(this.#state, this.#clock.now());
  }

  /** How long ago the core should have been asked, in milliseconds; 0: it is not late. */
  get lateMs(): number {
    return this.#wakeAt ? Math.max(0, shownElapsed(this.#clock.now(), this.#wakeAt)) : 0;
  }

  /** Lets go of the lock's connections. Nothing is released by this: resign first. */
  close(): void {
    this.#cancelWake();
    this.#stopWatch?.();
    this.#lock.close();
  }

  async #ask(event: CoreEvent, stop?: AbortSignal): Promise<Elected> {
    const onStop = (): void => {
      this.stop();
    };
    const end = new Promise<Elected>((resolve) => {
      this.#waiting = resolve;
    });
    this.#feed(event);
    if (stop?.aborted) onStop();
    else stop?.addEventListener('abort', onStop, { once: true });
    try {
      return await end;
    } finally {
      stop?.removeEventListener('abort', onStop);
    }
  }

  #feed(event: CoreEvent): void {
    this.#queue.push({ event, now: this.#clock.now() });
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#step(next.event, next.now);
    } finally {
      this.#draining = false;
    }
  }

  #step(event: CoreEvent, now: Now): void {
    const { state, effects, wakeMs } = step(this.#state, event, now);
    this.#state = state;
    this.#cancelWake();
    this.#wakeAt = wakeMs === undefined ? undefined : later(now, wakeMs);
    if (wakeMs !== undefined) {
      this.#cancelWake = this.#clock.after(wakeMs, () => {
        this.#feed({ kind: 'tick' });
      });
    }
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'report':
        return this.#report(effect.event);
      case 'watch':
        return this.#watch(effect.on);
      case 'read':
        return void this.#read(effect.number, effect.limitMs);
      case 'write':
      case 'rehearse':
        return void this.#write(effect.kind, effect.request, effect.limitMs);
      case 'granted':
        this.#granted = grantTerm(effect.grant, {
          now: () => this.#clock.now(),
          workEnded: (end) => {
            this.#feed({ kind: 'work-ended', end });
          },
          wish: (wish) => {
            this.#feed({ kind: 'wish', wish });
          },
          stepDown: (reason) => {
            this.#feed({ kind: 'step-down', reason });
          },
          resign: (holdMs) => this.#resign(holdMs),
        });
        return this.#settle({ kind: 'elected', term: this.#granted.term });
      case 'leash':
        return this.#granted?.extend(effect.leash);
      case 'lost':
        return this.#granted?.end(effect.reason);
      case 'deposed':
        return this.#granted?.recall();
      case 'beside':
        return this.#granted?.tellBeside(effect.beside);
      case 'wished':
        return this.#granted?.tellWished(effect.verdict, effect.token);
      case 'idle':
        return this.#settle(effect.outcome);
      default:
        effect satisfies never;
    }
  }

  async #resign(holdMs: number): Promise<Outcome> {
    const end = await this.#ask({ kind: 'resign', holdMs });
    if (end.kind === 'elected') throw new Error('elected while resigning');
    return end;
  }

  #settle(end: Elected): void {
    const settle = this.#waiting;
    this.#waiting = undefined;
    settle?.(end);
  }

  async #read(number: number, limitMs: number): Promise<void> {
    const late: ReadAnswer = { kind: 'failed', trouble: this.#tooLate('read') };
    const answer = await this.#within(limitMs, this.#lock.read({ limitMs }), late);
    if (answer.kind === 'sighted') {
      const { sighting, dateMs } = answer;
      this.#feed({ kind: 'read', number, sighting, dateMs });
    } else this.#feed({ kind: 'read-failed', number, trouble: answer.trouble });
  }

  async #write(kind: 'write' | 'rehearse', request: WriteRequest, limitMs: number): Promise<void> {
    const { number } = request.signature;
    const sending = (): void => {
      this.#feed({ kind: 'sending', number });
    };
    const attempt = { limitMs, sending };
    const late = { kind: 'unknown', trouble: this.#tooLate(kind) } as const;
    if (kind === 'write') {
      const answer = await this.#within<WriteAnswer>(limitMs, this.#lock.write(request, attempt), late);
      this.#feed({ kind: 'wrote', number, answer });
    } else {
      const answer = await this.#within<RehearsalAnswer>(limitMs, this.#lock.rehearse(request, attempt), late);
      this.#feed({ kind: 'rehearsed', number, answer });
    }
  }

  #watch(on: boolean): void {
    this.#stopWatch?.();
    this.#stopWatch = undefined;
    if (!on) return;
    this.#stopWatch = this.#lock.watch((news) => {
      switch (news.kind) {
        case 'up':
          return this.#feed({ kind: 'watch-up' });
        case 'sighted':
          return this.#feed({ kind: 'watched', sighting: news.sighting, follows: news.follows });
        case 'down':
          return this.#feed({ kind: 'watch-down', forbidden: news.forbidden, message: news.message });
        default:
          news satisfies never;
      }
    });
  }

  async #within<Answer>(limitMs: number, request: Promise<Answer>, late: Answer): Promise<Answer> {
    let cancel = (): void => undefined;
    const timeout = new Promise<Answer>((resolve) => {
      cancel = this.#clock.after(limitMs + overtimeMs, () => {
        // After a stall of this process the answer may be waiting to be read, and timers come first.
        cancel = this.#clock.after(0, () => {
          resolve(late);
        });
      });
    });
    try {
      return await Promise.race([request, timeout]);
    } finally {
      cancel();
    }
  }

  #tooLate(doing: string): Trouble {
    return { cause: 'timeout', message: `cannot ${doing} ${this.#lock.name}: no answer in time` };
  }
}
