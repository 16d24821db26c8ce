// The one clock that tests move by hand. What is due runs in order, and every promise settles before time goes on.
// Knows no test; the core under a microscope (rig.ts) and the simulator's hosts are given instants, and have no clock.
// Invariant: no real time passes but that of microtasks.
import type { Clock, Now } from '../../src/clock.ts';

export class ManualClock implements Clock {
  #now: Now = { mono: 1_000_000, boot: 5_000_000, wall: Date.parse('2026-01-01T00:00:00.250Z') };
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): Now {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now.mono + Math.max(0, Math.ceil(ms)), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets so much time pass, with all that falls due in it. */
  async pass(ms: number): Promise<void> {
    const end = this.#now.mono + ms;
    for (;;) {
      await settled();
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      this.advance((next?.at ?? end) - this.#now.mono);
      if (next === undefined) return settled();
      this.#timers.delete(next);
      next.callback();
    }
  }

  /** The same at once, without what falls due: for what only asks what time it is. */
  advance(ms: number): void {
    const { mono, boot, wall } = this.#now;
    const forward = Math.max(0, ms);
    this.#now = { mono: mono + forward, boot: boot + forward, wall: wall + forward };
  }
}

/** A turn of the event loop, after which every promise that could settle has. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
