// The simulated world's time: a queue of happenings, each with its true instant in milliseconds. Decides what happens
// next and stops at the first broken promise. Knows neither electors nor networks; promises settle between two
// happenings, so that the real Elector and the real run() story behave as on an idle event loop.
// Invariants: time never goes back; happenings of one instant keep their order; nothing here asks the real clock.

interface Happening {
  readonly at: number;
  readonly order: number;
  readonly happen: () => void;
}

/** Much at one instant is a loop without a pause. */
const mostPerInstant = 2000;
/** A run has some thousands; so many are a process that wakes again and again. */
const mostInAll = 200_000;

export class World {
  now = 0;
  /** The first broken promise; the run stops with it. */
  violation: string | undefined;
  /** Kept only if asked for; the hash sees all of it. */
  readonly lines: string[] = [];
  happenings = 0;
  readonly #recording: boolean;
  readonly #queue: Happening[] = [];
  #order = 0;
  #hash = 0x811c9dc5;
  #atThisInstant = 0;
  readonly #checks: (() => void)[] = [];

  constructor(recording = false) {
    this.#recording = recording;
  }

  /** Two runs with one hash went the same way. */
  get hash(): number {
    return this.#hash >>> 0;
  }

  /** Looked at after each happening, once all promises have settled. */
  check(check: () => void): void {
    this.#checks.push(check);
  }

  at(at: number, happen: () => void): void {
    const queue = this.#queue;
    const happening = { at: Math.max(at, this.now), order: (this.#order += 1), happen };
    let index = queue.length;
    queue.push(happening);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = queue[parent];
      if (!above || !isBefore(happening, above)) break;
      queue[index] = above;
      index = parent;
    }
    queue[index] = happening;
  }

  in(ms: number, happen: () => void): void {
    this.at(this.now + ms, happen);
  }

  tell(line: string): void {
    let hash = this.#hash ^ Math.round(this.now * 1000);
    for (let i = 0; i < line.length; i += 1) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    this.#hash = hash;
    if (this.#recording) this.lines.push(`${(this.now / 1000).toFixed(4).padStart(9)} ${line}`);
  }

  fail(promise: string): void {
    this.violation ??= `at ${(this.now / 1000).toFixed(3)} s: ${promise}`;
    this.tell(`VIOLATION ${promise}`);
  }

  /** Lets things happen until then, or until a promise is broken. */
  run(until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      // A turn that is asked for by a microtask comes after all microtasks: that is when every promise has settled.
      const settle = (): void => {
        process.nextTick(turn);
      };
      const turn = (): void => {
        try {
          for (const check of this.#checks) check();
          const next = this.violation === undefined ? this.#take(until) : undefined;
          if (!next) {
            resolve();
            return;
          }
          this.#advance(next.at);
          next.happen();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        queueMicrotask(settle);
      };
      queueMicrotask(settle);
    });
  }

  #advance(at: number): void {
    this.happenings += 1;
    this.#atThisInstant = at === this.now ? this.#atThisInstant + 1 : 0;
    const loops = this.#atThisInstant > mostPerInstant || this.happenings > mostInAll;
    if (loops) this.fail('V4: something loops without a pause');
    this.now = at;
  }

  #take(until: number): Happening | undefined {
    const queue = this.#queue;
    const [first] = queue;
    if (!first || first.at > until) return undefined;
    const last = queue.pop();
    if (!last || queue.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = queue[child];
      if (!below) break;
      const other = queue[child + 1];
      if (other && isBefore(other, below)) {
        below = other;
        child += 1;
      }
      if (!isBefore(below, last)) break;
      queue[index] = below;
      index = child;
    }
    queue[index] = last;
    return first;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
