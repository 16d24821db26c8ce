// Writes a moment as ISO 8601 in UTC, as Date.prototype.toISOString does, but from a Date's parts: that loads ICU's time
// zones, which every standby would hold (0.8 MB), and a launch would wait for. Knows no clock.
// To check: the same text as toISOString for the years 0 to 9999; others are nobody's here.

/** `2026-10-24T12:00:00.123Z`, of milliseconds since 1970. */
export function utcText(ms: number): string {
  const at = new Date(ms);
  const day = [padded(at.getUTCFullYear(), 4), padded(at.getUTCMonth() + 1), padded(at.getUTCDate())].join('-');
  const time = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map((part) => padded(part)).join(':');
  return `${day}T${time}.${padded(at.getUTCMilliseconds(), 3)}Z`;
}

function padded(part: number, digits = 2): string {
  return String(part).padStart(digits, '0');
}
