// Numbers with what they count, for people: durations and things. Decides how exact they are.
// Knows nothing of what is told with them.
// Invariant: no text here is longer than a dozen characters, but for the noun that it is given.

export function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** As exact as people want it: 12 ms, 3.4 s, 15 s, 2 min 5 s, 3 h. */
export function span(ms: number): string {
  if (ms < 999.5) return `${String(Math.max(0, Math.round(ms)))} ms`;
  const tenths = Math.round(ms / 100) / 10;
  if (tenths < 60) return `${String(tenths)} s`;
  const seconds = Math.round(ms / 1000);
  const [large, small, size] = seconds < 3600 ? (['min', 's', 60] as const) : (['h', 'min', 3600] as const);
  const rest = Math.floor((seconds % size) / (size / 60));
  return `${String(Math.floor(seconds / size))} ${large}${rest === 0 ? '' : ` ${String(rest)} ${small}`}`;
}
