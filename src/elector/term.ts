// One unbroken holding of the lock, as its owner sees it: a token to show, a leash to obey, and one end.
// Decides nothing: the core grants, extends and ends it, the elector passes that on, and the owner says when the work
// that ran under it has ended. Knows no lock and no time. etcd's concurrency.Session is the model (Done, Orphan).
// Invariant: once lost it stays lost, and its leash moves no more.

import type { LossReason } from '../observe/events.ts';
import type { Grant, Outcome, Token } from './state.ts';
import type { Leash } from './timing.ts';

/** What a term needs of the elector that granted it. */
export interface Granter {
  workEnded(): void;
  resign(holdMs: number): Promise<Outcome>;
}

export class Term {
  readonly token: Token;
  /** Resolves when the term is over against our will: whatever runs under it must end by the last leash. */
  readonly lost: Promise<LossReason>;
  /** Resolves when it is asked for: the work should end in its own time, and the term be resigned. */
  readonly deposed: Promise<void>;

  readonly #granter: Granter;
  #leash: Leash;
  #onLeash: ((leash: Leash) => void) | undefined;
  #tellLost!: (reason: LossReason) => void;
  #tellDeposed!: () => void;
  #onLost: ((reason: LossReason) => void) | undefined;
  #reason: LossReason | undefined;

  constructor({ token, leash }: Grant, granter: Granter) {
    this.token = token;
    this.#leash = leash;
    this.#granter = granter;
    this.lost = new Promise((resolve) => {
      this.#tellLost = resolve;
    });
    this.deposed = new Promise((resolve) => {
      this.#tellDeposed = resolve;
    });
  }

  /** The instants that bind now; each acknowledged renewal moves them. */
  get leash(): Leash {
    return this.#leash;
  }

  /**
   * One listener: the supervisor of the work. Told once of the loss, and once more if another holder is seen while the
   * work is still ending: there is no grace left then.
   */
  onLost(listener: (reason: LossReason) => void): void {
    this.#onLost = listener;
    if (this.#reason) listener(this.#reason);
  }

  /** One listener: the supervisor of the work. */
  onLeash(listener: (leash: Leash) => void): void {
    this.#onLeash = listener;
  }

  /** Nothing runs under the term any more, and nothing will. Without this the lock is never given back. */
  workEnded(): void {
    this.#granter.workEnded();
  }

  /** Gives the lock back, after `holdMs` at the earliest. The work must have ended, or end soon: this waits for it. */
  resign(holdMs = 0): Promise<Outcome> {
    return this.#granter.resign(holdMs);
  }

  /** For the elector. */
  extended(leash: Leash): void {
    if (this.#reason) return;
    this.#leash = leash;
    this.#onLeash?.(leash);
  }

  /** For the elector. */
  recalled(): void {
    this.#tellDeposed();
  }

  /** For the elector. */
  ended(reason: LossReason): void {
    this.#reason = reason;
    this.#tellLost(reason);
    this.#onLost?.(reason);
  }
}
