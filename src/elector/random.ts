// The elector's dice: a pure generator whose state is a number, so that a seed replays a run (mulberry32).
// Decides nothing; its numbers only spread candidates over time.
// Invariant: safety never rests on it.

/** A number in [0, 1) and the state that follows. */
export function roll(state: number): { readonly value: number; readonly state: number } {
  const next = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(next ^ (next >>> 15), 1 | next);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return { value: ((t ^ (t >>> 14)) >>> 0) / 2 ** 32, state: next };
}
