// Breadth first through all states of the model. Decides nothing; it stops at the first fault, which is then the one
// with the shortest way to it, or when there is nothing new, or at the number of states that it was given.
// Invariant: no state is expanded twice.

import { Key } from './key.ts';
import { type Limits, Model, type Place } from './model.ts';

interface Node {
  readonly place: Place;
  readonly from: Node | undefined;
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

export function search(limits: Limits, most: number): Found {
  const model = new Model(limits);
  const key = new Key(model, limits.rates);
  const known = new KnownStates(most * 2);
  const start = model.start();
  key.of(start);
  known.add(key.high, key.low);
  let frontier: Node[] = [{ place: start, from: undefined, move: 'start' }];
  let moves = 0;
  for (let depth = 1; frontier.length > 0; depth += 1) {
    const next: Node[] = [];
    for (const node of frontier) {
      for (const [move, make] of model.moves(node.place)) {
        const place = make();
        moves += 1;
        if (place.fault !== undefined) {
          return {
            states: known.size,
            moves,
            depth,
            complete: false,
            fault: place.fault,
            path: pathTo({ place, from: node, move }),
          };
        }
        key.of(place);
        if (known.add(key.high, key.low)) next.push({ place, from: node, move });
      }
      if (known.size >= most) return { states: known.size, moves, depth, complete: false, fault: undefined, path: [] };
    }
    frontier = next;
  }
  return { states: known.size, moves, depth: Infinity, complete: true, fault: undefined, path: [] };
}

function pathTo(node: Node): string[] {
  const path: string[] = [];
  for (let at: Node | undefined = node; at; at = at.from) path.unshift(at.move);
  return path;
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
