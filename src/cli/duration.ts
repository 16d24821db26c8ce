// Durations as people type them: Go's notation, since operators know it from client-go's flags. Decides which texts
// are durations. Knows no option and no limit of one.
// Stricter than Go, so that a slip is refused, not guessed at: units in falling order, each once, no sign, nothing
// finer than a millisecond, and no bare number but 0.
// Invariant: what is accepted is the exact sum of its parts, in whole milliseconds that a number can hold.

const unitMs = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
const number = String.raw`(\d+(?:\.\d+)?)`;
const notation = new RegExp(`^(?:${number}h)?(?:${number}m)?(?:${number}s)?(?:${number}ms)?$`);

/** What a text means, or why it means nothing. */
export type Parsed<T> = { readonly value: T } | { readonly fault: string };

/** Milliseconds. */
export function parseDuration(text: string): Parsed<number> {
  if (text === '0') return { value: 0 };
  if (/^\d+(\.\d+)?$/.test(text)) return { fault: `a duration needs a unit; write ${text}s for seconds` };
  if (/^-\d/.test(text)) return { fault: 'a duration must not be negative' };
  const parts = notation.exec(text)?.slice(1);
  if (text === '' || parts === undefined) return { fault: 'expected a duration such as 500ms, 15s, 1m30s or 1.5h' };
  const exact = Object.values(unitMs).reduce((sum, unit, i) => sum + Number(parts[i] ?? 0) * unit, 0);
  const ms = Math.round(exact);
  if (!Number.isSafeInteger(ms)) return { fault: 'the duration is too long to count in milliseconds' };
  // 1.1h is 3960000.0000000005 in binary; the fractions that people write are far larger than such errors.
  if (Math.abs(exact - ms) > 1e-3) return { fault: 'a duration is counted in whole milliseconds' };
  return { value: ms };
}
