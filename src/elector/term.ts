// One unbroken holding of the lock: the side of its owner (`Term`: a token to show, a leash to obey, and one end), and
// the side of the elector (`GrantedTerm`), which alone extends and ends it.
// Decides nothing: the core decides, the driver passes that on, and the owner says when the work has ended that ran
// under the term. Knows no lock, and no clock but the one that it is given.
// Invariant: once lost it stays lost, and its leash moves no more.

import { type Now, untilPossibly } from '../clock.ts';
import type { LossReason } from '../observe/events.ts';
import type { Beside } from './notes.ts';
import type { Grant, Outcome, Token } from './state.ts';
import type { Leash } from './timing.ts';

/** One unbroken holding of the lock, as `LeaderElector.campaign` hands it out (after etcd's concurrency.Session). */
export interface Term {
  /** Of the write that the work began by: a wish that is stored brings a larger one. */
  readonly token: Token;
  /** What stands beside the record now (notes.ts). */
  readonly beside: Beside;
  /** The instants that bind now; each acknowledged renewal moves them, until the term is lost. */
  readonly leash: Leash;
  /** Resolves when the term is over against our will: whatever runs under it must end by the last leash. */
  readonly lost: Promise<LossReason>;
  /**
   * Resolves when the API server wants another to lead, an operator no one or another, or the owner itself another
   * (`stepDown`): the work should end in its time, and the term be resigned.
   */
  readonly deposed: Promise<void>;
  /**
   * Milliseconds until the term is lost (`leash.termBy`) unless a renewal comes first, by the clock that ran further,
   * as a holder must count; 0 once it may be over. Throws when boot time cannot be read.
   */
  msLeft(): number;
  /**
   * One listener: the supervisor of the work. Called once for the loss, and once more if another holder is seen while
   * the work is still ending: there is no grace left then.
   */
  onLost(listener: (reason: LossReason) => void): void;
  /** One listener: the supervisor of the work. Called with each leash that is longer than the one before. */
  onLeash(listener: (leash: Leash) => void): void;
  /** One listener: called when what stands beside the record has changed. */
  onBeside(listener: () => void): void;
  /**
   * Writes what the owner's rules make of the wish (`Notes.renewing`), in a renewal of its own. Resolves once that is
   * stored, with undefined, or with the rules' verdict if they had one; never, once the term is lost or resigned. One
   * wish at a time.
   */
  wish(wish: unknown): Promise<unknown>;
  /**
   * Asks for the end of this term, as an operator would: `deposed` resolves, the lock tells everyone why, and after the
   * release this candidate stays back for a lease, or until another has led.
   */
  stepDown(reason: string): void;
  /**
   * Nothing runs under the term any more, and nothing will. Without this the lock is never given back. `end`: for the
   * owner's rules.
   */
  workEnded(end?: unknown): void;
  /**
   * Gives the lock back, after `holdMs` milliseconds at the earliest. The work must have ended, or end soon: this waits
   * for it. Resolves also when the lock cannot be given back, with an outcome that says so.
   */
  resign(holdMs?: number): Promise<Outcome>;
}

/** How a campaign ends: with a term, or with the reason why there is none. */
export type Elected = { readonly kind: 'elected'; readonly term: Term } | Outcome;

/** What a term needs of the elector that granted it. */
export interface Granter {
  now(): Now;
  workEnded(end: unknown): void;
  wish(wish: unknown): void;
  stepDown(reason: string): void;
  resign(holdMs: number): Promise<Outcome>;
}

/** A term, and what its elector may do to it. */
export interface GrantedTerm {
  readonly term: Term;
  /** A renewal was acknowledged. Changes nothing once the term is lost. */
  readonly extend: (leash: Leash) => void;
  /** It is wanted back. */
  readonly recall: () => void;
  readonly tellBeside: (beside: Beside) => void;
  /** The wish is stored, or why it is not. */
  readonly tellWished: (verdict: unknown, token: Token | undefined) => void;
  /** The term is lost; a second time, if another holder is seen while the work is still ending. */
  readonly end: (reason: LossReason) => void;
}

export function grantTerm(grant: Grant, granter: Granter): GrantedTerm {
  let { leash, beside, token } = grant;
  let reason: LossReason | undefined;
  let tellLeash: ((leash: Leash) => void) | undefined;
  let tellLost: ((reason: LossReason) => void) | undefined;
  let tellBeside: (() => void) | undefined;
  let tellWished: ((verdict: unknown) => void) | undefined;
  const lost = deferred<LossReason>();
  const deposed = deferred<undefined>();
  const term: Term = {
    get token() {
      return token;
    },
    get leash() {
      return leash;
    },
    get beside() {
      return beside;
    },
    lost: lost.promise,
    deposed: deposed.promise,
    msLeft: () => (reason === undefined ? untilPossibly(granter.now(), leash.termBy) : 0),
    onLost: (listener) => {
      tellLost = listener;
      if (reason !== undefined) listener(reason);
    },
    onLeash: (listener) => {
      tellLeash = listener;
    },
    onBeside: (listener) => {
      tellBeside = listener;
    },
    wish: (wish) =>
      new Promise((resolve) => {
        tellWished = resolve;
        granter.wish(wish);
      }),
    workEnded: (end) => {
      granter.workEnded(end);
    },
    stepDown: (reason) => {
      granter.stepDown(reason);
    },
    resign: (holdMs = 0) => granter.resign(holdMs),
  };
  return {
    term,
    extend: (longer) => {
      if (reason !== undefined) return;
      leash = longer;
      tellLeash?.(longer);
    },
    recall: () => {
      deposed.resolve(undefined);
    },
    tellBeside: (news) => {
      beside = news;
      tellBeside?.();
    },
    tellWished: (verdict, larger) => {
      token = larger ?? token;
      tellWished?.(verdict);
    },
    end: (why) => {
      reason = why;
      lost.resolve(why);
      tellLost?.(why);
    },
  };
}

/** Promise.withResolvers, which Node 20 has not. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
