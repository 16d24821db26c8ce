// Dice of a seed: every random number is a hash of where it is needed (seed, who, which request, which question),
// not the next one of a stream. Decides nothing by itself. So a fault that is taken out of a script changes nothing
// but what followed from it, and a failing script can be shrunk by leaving things out.
// Invariant: the same keys give the same numbers, on any machine.

export class Dice {
  readonly #state: number;

  constructor(...keys: number[]) {
    let state = 0x811c9dc5;
    for (const key of keys) state = mix(state ^ Math.imul(key | 0, 0x9e3779b1));
    this.#state = state;
  }

  /** Dice of its own for a part: `of(7, 2)` never shares a number with `of(7, 3)`. */
  of(...keys: number[]): Dice {
    return new Dice(this.#state, ...keys);
  }

  /** In [0, 1), for the question with this number. */
  roll(question: number): number {
    return mix(this.#state ^ Math.imul(question + 1, 0x85ebca6b)) / 2 ** 32;
  }

  chance(question: number, probability: number): boolean {
    return this.roll(question) < probability;
  }

  between(question: number, low: number, high: number): number {
    return low + this.roll(question) * (high - low);
  }

  /** Mostly near `low`, rarely near `high`. */
  skewed(question: number, low: number, high: number): number {
    return low + this.roll(question) ** 4 * (high - low);
  }

  pick<T>(question: number, list: readonly [T, ...T[]]): T {
    return list[Math.floor(this.roll(question) * list.length)] ?? list[0];
  }
}

/** For tests that draw anew in each run: the seed is in the failure, and `TEST_SEED=N` draws the same again. */
export function newSeed(): number {
  return Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
}

function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
