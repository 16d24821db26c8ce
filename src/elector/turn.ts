// A step in the making: a working copy of the state, the time, and the effects so far. The other files of the core read
// and change the state through these few functions. Decides nothing but the numbers of requests.
// Invariants: the state that a step was given is never changed, each `set` makes a new one; no number is given twice.

import type { Now } from '../clock.ts';
import type { Event as Reported } from '../observe/events.ts';
import { roll } from './random.ts';
import type { Doing, Effect, Request, State } from './state.ts';

export interface Turn {
  readonly now: Now;
  readonly effects: Effect[];
  s: State;
}

export function set(turn: Turn, changes: Partial<State>): void {
  turn.s = { ...turn.s, ...changes };
}

export function report(turn: Turn, event: Reported): void {
  turn.effects.push({ kind: 'report', event });
}

export function dice(turn: Turn): number {
  const { value, state } = roll(turn.s.random);
  set(turn, { random: state });
  return value;
}

/** Begins a request: it is the one under way, and has used up its number. */
export function request(turn: Turn, kind: Doing, must = false): Request {
  const number = turn.s.nextNumber;
  const begun: Request = { kind, number, sentAt: turn.now, must };
  set(turn, { request: begun, nextNumber: number + 1 });
  return begun;
}

/** Ends the request under way; false for the answer to one that was given up. */
export function finish(turn: Turn, number: number): boolean {
  if (turn.s.request?.number !== number) return false;
  set(turn, { request: undefined });
  return true;
}
