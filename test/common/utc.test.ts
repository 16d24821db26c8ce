// Times as text: the same as Node's own.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utcText } from '../../src/common/utc.ts';

const limits = { min: Date.parse('0000-01-01T00:00:00.000Z'), max: Date.parse('9999-12-31T23:59:59.999Z') };

test('a moment is written as Date.prototype.toISOString writes it', () => {
  const isAlike = (ms: number): boolean => utcText(ms) === new Date(ms).toISOString();
  const leapDay = Date.parse('2028-02-29T23:59:59.009Z');
  expect([0, limits.min, limits.max, -1, leapDay].filter((ms) => !isAlike(ms))).toEqual([]);
  fc.assert(fc.property(fc.integer(limits), isAlike));
  fc.assert(fc.property(fc.double({ ...limits, noNaN: true }), isAlike));
});
