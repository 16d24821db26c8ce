// Numbers with what they count, for people: how exact a duration is told, and where its unit changes.
// Knows no sentence. To check: no row is told with a unit that the next larger one could stand for.
import { expect, test } from 'vitest';
import { count, span } from '../../src/common/quantity.ts';

test.each([
  { name: 'nothing', ms: 0, text: '0 ms' },
  { name: 'a negative one', ms: -3, text: '0 ms' },
  { name: 'milliseconds', ms: 12.4, text: '12 ms' },
  { name: 'the longest that is told in milliseconds', ms: 999.4, text: '999 ms' },
  { name: 'the shortest that is told in seconds', ms: 999.5, text: '1 s' },
  { name: 'tenths', ms: 3449, text: '3.4 s' },
  { name: 'almost a minute', ms: 59_949, text: '59.9 s' },
  { name: 'a minute, as tenths are rounded', ms: 59_950, text: '1 min' },
  { name: 'minutes', ms: 125_000, text: '2 min 5 s' },
  { name: 'almost an hour', ms: 3_599_499, text: '59 min 59 s' },
  { name: 'an hour, as seconds are rounded', ms: 3_599_500, text: '1 h' },
  { name: 'whole hours', ms: 10_800_000, text: '3 h' },
  { name: 'hours and minutes', ms: 11_100_000, text: '3 h 5 min' },
  { name: 'hours and almost a minute', ms: 10_859_000, text: '3 h' },
])('a duration is told as people would: $name', ({ ms, text }) => {
  expect(span(ms)).toBe(text);
});

test('one thing is told without an s, and any other number of things with it', () => {
  expect([0, 1, 2, -1].map((number) => count(number, 'tick'))).toEqual(['0 ticks', '1 tick', '2 ticks', '-1 ticks']);
});
