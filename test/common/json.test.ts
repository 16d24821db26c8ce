// What counts as JSON, and as an object in it.
import { expect, test } from 'vitest';
import { isJson, parseJson } from '../../src/common/json.ts';

test('a text that is not JSON is undefined, and null is a value', () => {
  expect([parseJson('{"a":1}'), parseJson('null'), parseJson(''), parseJson('<html>')]).toEqual([
    { a: 1 },
    null,
    undefined,
    undefined,
  ]);
});

test('an object has fields: null, an array and a text are not one', () => {
  expect([{}, { a: 1 }, null, [], 'text', 7, undefined].map(isJson)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
});
