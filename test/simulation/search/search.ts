// Breadth first through all states of the model. Decides nothing; it stops at the first fault, which is then the one
// with the shortest way to it, or when there is nothing new, or at the number of states that it was given.
// Invariant: no state is expanded twice.

import { Key } from './key.ts';
import { type Limits, Model, type Place } from './model.ts';

/** How a state was come by. The state itself is let go of once it is expanded. */
interface Step {
  readonly from: Step | undefined;
  readonly move: string;
}

export type { Limits } from './model.ts';

export interface Found {
  readonly states: number;
  readonly moves: number;
  readonly depth: number;
  /** True if there was nothing left to look at. */
  readonly complete: boolean;
  readonly fault: string | undefined;
  /** The moves that lead to the fault. */
  readonly path: readonly string[];
}

/** `most`: a bound; what goes beyond it is not looked at, and then the search is not complete. */
export function search(limits: Limits, most: number): Found {
  const model = new Model(limits);
  const key = new Key(model, limits.rates);
  const known = new KnownStates(most * 2);
  const start = model.start();
  key.of(start);
  known.add(key.high, key.low);
  let moves = 0;
  const faults: { fault: string; path: string[] }[] = [];
  let frontier: { places: Place[]; steps: Step[] } = { places: [start], steps: [{ from: undefined, move: 'start' }] };
  let depth = 0;
  while (frontier.places.length > 0 && faults.at(0) === undefined && known.size < most) {
    depth += 1;
    const next: typeof frontier = { places: [], steps: [] };
    for (const [i, place] of frontier.places.entries()) {
      const from = frontier.steps[i];
      model.moves(place, (move, reached) => {
        moves += 1;
        if (reached.fault !== undefined) faults.push({ fault: reached.fault, path: pathTo({ from, move }) });
        key.of(reached);
        if (!known.add(key.high, key.low)) return;
        next.places.push(reached);
        next.steps.push({ from, move });
      });
      if (faults.at(0) !== undefined || known.size >= most) break;
    }
    frontier = next;
  }
  const complete = faults.at(0) === undefined && known.size < most;
  const { fault, path } = faults.at(0) ?? { fault: undefined, path: [] };
  return { states: known.size, moves, depth, complete, fault, path };
}

function pathTo(step: Step): string[] {
  const path: string[] = [];
  for (let at: Step | undefined = step; at; at = at.from) path.unshift(at.move);
  return path;
}

/**
 * Whether the key is right in calling states the same: each of the first `most` states that is met a second time, by
 * another way, must have the same moves to the same states. What it says is the first difference, '' if there is none.
 */
export function mistakenFor(limits: Limits, most: number): string {
  const model = new Model(limits);
  const key = new Key(model, limits.rates);
  const nameOf = (place: Place): string => {
    key.of(place);
    return `${key.high}/${key.low}`;
  };
  const lookAhead = (place: Place): Map<string, Place> => {
    const next = new Map<string, Place>();
    model.moves(place, (move, reached) => next.set(`${move}: ${nameOf(reached)}`, reached));
    return next;
  };
  const start = model.start();
  const moves = new Map([[nameOf(start), lookAhead(start)]]);
  // A map goes on to what is added while it is walked.
  for (const [, ahead] of moves) {
    for (const [way, place] of ahead) {
      const name = nameOf(place);
      const next = lookAhead(place);
      const before = moves.get(name);
      if (!before) moves.set(name, next);
      else if ([...next.keys()].join('\n') !== [...before.keys()].join('\n')) return way;
    }
    if (moves.size >= most) return '';
  }
  return '';
}

/** Open addressing over two 32-bit halves: strings as keys would cost more than the core. */
class KnownStates {
  size = 0;
  readonly #high: Int32Array;
  readonly #low: Int32Array;
  readonly #used: Uint8Array;
  readonly #mask: number;

  constructor(room: number) {
    const slots = 2 ** Math.ceil(Math.log2(room * 1.5));
    this.#high = new Int32Array(slots);
    this.#low = new Int32Array(slots);
    this.#used = new Uint8Array(slots);
    this.#mask = slots - 1;
  }

  /** True if it is new. */
  add(high: number, low: number): boolean {
    let slot = (high ^ Math.imul(low, 0x9e3779b1)) & this.#mask;
    while (this.#used[slot]) {
      if (this.#high[slot] === high && this.#low[slot] === low) return false;
      slot = (slot + 1) & this.#mask;
    }
    this.#used[slot] = 1;
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.size += 1;
    return true;
  }
}
