// Durations: what is read, what is refused and with which words.
// Knows no option. To check: every refusal's words name a form that would be taken, and what is read holds for
// every whole number of milliseconds, not only for the tidy ones of the table.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../src/cli/duration.ts';

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
    { name: 'a bare fraction of two digits', text: '1.25', words: 'write 1.25s' },
    { name: 'a range', text: '5-10s', words: 'expected a duration' },
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

  test('is the sum of its parts, for every whole number of milliseconds', () => {
    const count = fc.option(fc.nat(1_000_000), { nil: undefined });
    fc.assert(
      fc.property(count, count, count, count, (h, m, s, ms) => {
        const parts = [h, m, s, ms].map((its, i) => (its === undefined ? '' : `${its}${['h', 'm', 's', 'ms'][i] ?? ''}`));
        fc.pre(parts.join('') !== '');
        const sum = (h ?? 0) * 3_600_000 + (m ?? 0) * 60_000 + (s ?? 0) * 1000 + (ms ?? 0);
        expect(parseDuration(parts.join(''))).toEqual({ value: sum });
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeNat(), (ms) => {
        expect(parseDuration(`${ms}ms`)).toEqual({ value: ms });
        const [hours, minutes] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60];
        const [seconds, rest] = [Math.floor(ms / 1000) % 60, ms % 1000];
        expect(parseDuration(`${hours}h${minutes}m${seconds}s${rest}ms`)).toEqual({ value: ms });
      }),
    );
  });

  test('is read from a fraction to the millisecond', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000_000), (ms) => {
        const fraction = String(ms % 1000).padStart(3, '0');
        expect(parseDuration(`${Math.floor(ms / 1000)}.${fraction}s`)).toEqual({ value: ms });
      }),
    );
  });
});
