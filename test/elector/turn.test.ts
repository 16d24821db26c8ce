// A step in the making: what its few functions do to the working copy, and that the state it was given stays as it is.
// Knows no core. To check: numbers, dice and answers that come twice.

import { expect, test } from 'vitest';
import { roll } from '../../src/elector/random.ts';
import { dice, finish, report, request, set, type Turn } from '../../src/elector/turn.ts';
import { MemoryLock, Rig } from '../helpers/rig.ts';

function turn(): Turn {
  const { state, now } = new Rig(new MemoryLock(), {}, 7);
  return { now, effects: [], s: state };
}

test('a change makes a new state and leaves the old one as it was', () => {
  const made = turn();
  const before = made.s;
  set(made, { failures: 3 });
  expect([before.failures, made.s]).toEqual([0, { ...before, failures: 3 }]);
});

test('the dice of a state are those of its seed, and no throw repeats the one before', () => {
  const made = turn();
  const first = roll(7);
  expect([dice(made), dice(made)]).toEqual([first.value, roll(first.state).value]);
});

test('a request takes the next number, and is a look that must be taken only if its asker says so', () => {
  const made = turn();
  const { nextNumber } = made.s;
  const requests = [request(made, 'read'), request(made, 'read', true), request(made, 'write')];
  const sentAt = made.now;
  expect(requests).toEqual([
    { kind: 'read', number: nextNumber, sentAt, must: false },
    { kind: 'read', number: nextNumber + 1, sentAt, must: true },
    { kind: 'write', number: nextNumber + 2, sentAt, must: false },
  ]);
  expect(made.s).toMatchObject({ request: requests[2], nextNumber: nextNumber + 3 });
});

test('an answer ends the request under way, and nothing else: neither another one nor the same one twice', () => {
  const made = turn();
  expect(finish(made, 1)).toBe(false);
  const { number } = request(made, 'read');
  expect(finish(made, number - 1)).toBe(false);
  expect(made.s.request?.number).toBe(number);
  expect(finish(made, number)).toBe(true);
  expect(made.s.request).toBeUndefined();
  expect(finish(made, number)).toBe(false);
});

test('what is reported comes in the order in which it happened', () => {
  const made = turn();
  report(made, { kind: 'watch-up' });
  report(made, { kind: 'race-lost' });
  expect(made.effects).toEqual([
    { kind: 'report', event: { kind: 'watch-up' } },
    { kind: 'report', event: { kind: 'race-lost' } },
  ]);
});
