// What an operator asks for, as text: what the verbs write is read as it was meant, and so is what people write with
// kubectl. Invariant under test: a text that is not understood asks for more, never for less.
import { expect, test } from 'vitest';
import {
  annotationsOf,
  instructionsIn,
  pauseAt,
  pauseIn,
  pauseText,
  sameInstructions,
  stepDownReason,
  stepDownText,
} from '../../src/locks/instructions.ts';

const six = Date.parse('2026-11-27T06:00:00Z');

test.each([
  { text: '', pause: { untilMs: undefined, reason: '' } },
  { text: 'storage migration', pause: { untilMs: undefined, reason: 'storage migration' } },
  { text: '2026-11-27T06:00:00Z', pause: { untilMs: six, reason: '' } },
  { text: '2026-11-27T06:00:00Z storage migration', pause: { untilMs: six, reason: 'storage migration' } },
  { text: ' 2026-11-27T07:00+01:00 move ', pause: { untilMs: six, reason: 'move' } },
  { text: '2026-11-27T06:00:00.250Z x', pause: { untilMs: six + 250, reason: 'x' } },
  // Without its zone, its day or a sense it is no time, and the pause has no end.
  { text: '2026-11-27T06:00:00 x', pause: { untilMs: undefined, reason: '2026-11-27T06:00:00 x' } },
  { text: '06:00Z', pause: { untilMs: undefined, reason: '06:00Z' } },
  { text: '2026-11-27', pause: { untilMs: undefined, reason: '2026-11-27' } },
  { text: '2026-13-27T06:00:00Z', pause: { untilMs: undefined, reason: '2026-13-27T06:00:00Z' } },
  { text: '12026-11-27T06:00:00Z', pause: { untilMs: undefined, reason: '12026-11-27T06:00:00Z' } },
  { text: '2026-11-27T06:00:00Zx', pause: { untilMs: undefined, reason: '2026-11-27T06:00:00Zx' } },
])('a pause of $text', ({ text, pause }) => {
  expect(pauseIn({ pause: text })).toEqual(pause);
});

test('a pause that is written is read as it was meant', () => {
  for (const pause of [
    { untilMs: undefined, reason: '' },
    { untilMs: six, reason: '' },
    { untilMs: undefined, reason: 'a move' },
    { untilMs: six, reason: 'a move' },
    { untilMs: six + 250, reason: 'a move' },
    { untilMs: six, reason: '2026-11-26T22:00:00Z was too early' },
  ]) {
    expect(pauseIn({ pause: pauseText(pause) })).toEqual(pause);
  }
  expect(pauseText({ untilMs: six, reason: 'a move' })).toBe('2026-11-27T06:00:00Z a move');
  expect(pauseIn({})).toBeUndefined();
});

test.each(['2026-11-26T22:00:00Z the deploy broke', ' 2030-01-01T00:00:00Z', '\n2030-01-01T00:00Z x'])(
  'a pause without an end has none, though its reason begins with a time: %j',
  (reason) => {
    expect(pauseIn({ pause: pauseText({ untilMs: undefined, reason }) })).toEqual({
      untilMs: undefined,
      reason: `reason: ${reason}`,
    });
  },
);

test('a pause is on until its time, and without one until it is taken away', () => {
  expect(pauseAt({ pause: '2026-11-27T06:00:00Z x' }, six - 1)).toEqual({ untilMs: six, reason: 'x' });
  expect(pauseAt({ pause: '2026-11-27T06:00:00Z x' }, six)).toBeUndefined();
  expect(pauseAt({ pause: 'x' }, Number.MAX_SAFE_INTEGER)).toEqual({ untilMs: undefined, reason: 'x' });
  expect(pauseAt({}, 0)).toBeUndefined();
  expect(pauseAt(undefined, 0)).toBeUndefined();
});

test.each([
  { text: 'alice', reason: '' },
  { text: 'alice kernel update', reason: 'kernel update' },
  { text: 'alice ', reason: '' },
  { text: 'alice2', reason: undefined },
  { text: 'bob alice', reason: undefined },
  { text: '', reason: undefined },
  { text: undefined, reason: undefined },
])('a request to step down of $text is for alice or not', ({ text, reason }) => {
  expect(stepDownReason({ stepDown: text }, 'alice')).toBe(reason);
});

test('a request to step down that is written is read as it was meant, by a name with spaces as well', () => {
  for (const [identity, reason] of [['alice', ''], ['alice of a', 'kernel update']] as const) {
    expect(stepDownReason({ stepDown: stepDownText(identity, reason) }, identity)).toBe(reason);
  }
});

test('annotations are read by their names, and those of others are not', () => {
  const texts = { 'leader-run/step-down': 'alice', 'leader-run/run': 'now', 'leader-run/job': '{}', note: 1 };
  expect(instructionsIn(texts)).toEqual({ stepDown: 'alice', run: 'now' });
  expect(instructionsIn({ 'leader-run/pause': '' })).toEqual({ pause: '' });
  expect(instructionsIn({ 'leader-run/job': '{}', 'leader-run/pause': 7 })).toBeUndefined();
  expect(annotationsOf({ pause: 'x' })).toEqual({
    'leader-run/step-down': undefined,
    'leader-run/pause': 'x',
    'leader-run/run': undefined,
  });
});

test('two are the same if they ask for the same, whether nothing is there or nothing is asked', () => {
  expect(sameInstructions(undefined, {})).toBe(true);
  expect(sameInstructions({ run: 'a' }, { run: 'a', pause: undefined })).toBe(true);
  for (const other of [{ run: 'b' }, { pause: 'a' }, { stepDown: 'a' }, undefined]) {
    expect(sameInstructions({ run: 'a' }, other)).toBe(false);
    expect(sameInstructions(other, { run: 'a' })).toBe(false);
  }
});
