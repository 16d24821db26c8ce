// The note: a text that the owner of an elector keeps beside the record. The elector asks what the note is to be at the
// two writes that begin and end a holding, and at a renewal that the owner wished for; it carries the answer in that
// very write, and reads no word of it. So no candidate can note anything unless it holds the lock.
// Decides what the owner's rules are asked and told. Types alone. Does not know what runs (src/job/ has such rules).
// Invariant: a note is made from the state that its write replaces; a renewal that no wish is for leaves it as it is.

import type { Instructions } from '../locks/instructions.ts';

/** The owner's rules: pure, since the core asks them whenever it plans. */
export interface Notes {
  /** Why there is nothing to lead for any more, whoever holds the lock; undefined: there is. */
  readonly settled: (page: Page) => unknown;
  /** What the write that takes the lock carries; or why it must not be taken. */
  readonly taking: (page: Page) => { readonly note: string } | { readonly verdict: unknown };
  /** What a renewal carries, that a term's owner has wished for (`Term.wish`); or why none does. Unset: no wish is. */
  readonly renewing?: (page: Page, wish: unknown) => Wished | { readonly verdict: unknown };
  /** What the write that gives the lock back carries; undefined: what is there. */
  readonly releasing: (page: Page) => string | undefined;
}

/** The answer to a wish. */
export interface Wished {
  readonly note: string;
  /** What an operator asked for, and this write does. */
  readonly obeys?: keyof Instructions | undefined;
}

/** What stands beside the record of a lock that is held. */
export interface Beside {
  readonly note: string | undefined;
  readonly instructions: Instructions | undefined;
}

/** What the rules judge by. */
export interface Page {
  /** What stands beside the record; undefined: nothing. */
  readonly note: string | undefined;
  readonly work: Work | undefined;
  /** This candidate's, as in its signature. */
  readonly identity: string;
  readonly run: string;
  readonly wallMs: number;
  /** What the server's wall clock shows by now, give or take a second; undefined where it told no time. */
  readonly serverMs: number | undefined;
}

/** The last work that was let begin. */
export interface Work {
  /** The note of the write that its term was granted for. */
  readonly note: string | undefined;
  /** What the owner says of its end; undefined: nothing yet. */
  readonly end: unknown;
}
