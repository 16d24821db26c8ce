// Durations: what is read, what is refused and with which words, and the way back.
// Knows no option. To check: every refusal's words name a form that would be taken, and the round trip holds for every
// whole number of milliseconds, not only for the tidy ones of the table.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../src/cli/duration.ts';

describe('a duration', () => {
  test.each([
    { name: 'nothing', text: '0', ms: 0 },
    { name: 'nothing in a unit', text: '0s', ms: 0 },
    { name: 'milliseconds', text: '250ms', ms: 250 },
    { name: 'seconds', text: '15s', ms: 15_000 },
    { name: 'minutes and seconds', text: '1m30s', ms: 90_000 },
    { name: 'minutes, not to be taken for milliseconds', text: '5m', ms: 300_000 },
    { name: 'a fraction of an hour', text: '1.5h', ms: 5_400_000 },
    { name: 'a fraction that binary cannot hold', text: '1.1h', ms: 3_960_000 },
    { name: 'every unit', text: '1h2m3s4ms', ms: 3_723_004 },
  ])('is read from $name: $text', ({ text, ms }) => {
    expect(parseDuration(text)).toEqual({ value: ms });
  });

  test.each([
    { name: 'a bare number', text: '15', words: 'a duration needs a unit; write 15s for seconds' },
    { name: 'a bare fraction', text: '1.5', words: 'write 1.5s' },
    { name: 'a negative one', text: '-1s', words: 'must not be negative' },
    { name: 'a negative bare number', text: '-1', words: 'must not be negative' },
    { name: 'nothing at all', text: '', words: 'expected a duration such as 500ms, 15s, 1m30s or 1.5h' },
    { name: 'a word', text: 'abc', words: 'expected a duration' },
    { name: 'an exponent', text: '1e3', words: 'expected a duration' },
    { name: 'an exponent with a unit', text: '1e3s', words: 'expected a duration' },
    { name: 'a sign', text: '+5s', words: 'expected a duration' },
    { name: 'units the wrong way round', text: '30s1m', words: 'expected a duration' },
    { name: 'a unit twice', text: '1s1s', words: 'expected a duration' },
    { name: 'a unit without a number', text: 's', words: 'expected a duration' },
    { name: 'a number without its unit at the end', text: '1m30', words: 'expected a duration' },
    { name: 'days, whose length varies', text: '1d', words: 'expected a duration' },
    { name: 'spaces', text: '1m 30s', words: 'expected a duration' },
    { name: 'a line break at the end', text: '15s\n', words: 'expected a duration' },
    { name: 'capital letters', text: '15S', words: 'expected a duration' },
    { name: 'less than a millisecond', text: '0.0005s', words: 'whole milliseconds' },
    { name: 'more than can be counted', text: '9999999999999999h', words: 'too long' },
    { name: 'digits beyond all numbers', text: `${'9'.repeat(400)}s`, words: 'too long' },
  ])('is refused as $name', ({ text, words }) => {
    expect(parseDuration(text)).toEqual({ fault: expect.stringContaining(words) as string });
  });

  test('is written back as it is read', () => {
    expect([0, 1, 999, 1000, 61_001, 5_400_000].map(formatDuration)).toEqual([
      '0',
      '1ms',
      '999ms',
      '1s',
      '1m1s1ms',
      '1h30m',
    ]);
    fc.assert(
      fc.property(fc.maxSafeNat(), (ms) => {
        expect(parseDuration(formatDuration(ms))).toEqual({ value: ms });
      }),
    );
  });
});
