// Text from outside: what of it a terminal gets to see.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPlain, printable } from '../../src/common/printable.ts';

test.each([
  { name: 'plain text', text: 'pod-1_8f (über)', shown: 'pod-1_8f (über)' },
  { name: 'an escape sequence', text: '\u001b[2J', shown: '\\x1b[2J' },
  { name: 'a line break, which could fake a second log line', text: 'a\nb\r', shown: 'a\\x0ab\\x0d' },
  { name: 'DEL and a C1 control', text: '\u007f\u009b', shown: '\\x7f\\x9b' },
  { name: 'text that runs backwards', text: 'a\u202eb\u2066', shown: 'a\\u{202e}b\\u{2066}' },
  { name: 'a zero-width space', text: 'a\u200bb', shown: 'a\\u{200b}b' },
  { name: 'a line separator', text: '\u2028', shown: '\\u{2028}' },
  { name: 'half a surrogate pair', text: '\ud800', shown: '\\u{d800}' },
  { name: 'a whole one', text: '🦊', shown: '🦊' },
])('$name is shown safely', ({ text, shown }) => {
  expect(printable(text)).toBe(shown);
});

test('a long text is cut with a sign of it, and never inside an escape', () => {
  expect(printable('abcdef', 5)).toBe('abcde…');
  expect(printable('abc\u001bdef', 5)).toBe('abc…');
  expect(printable('abcde', 5)).toBe('abcde');
});

test('nothing that a terminal obeys gets through, and the cap holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, cap) => {
      const shown = printable(text, cap);
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      expect(shown.length).toBeLessThanOrEqual(cap + 1);
    }),
  );
});

test('plain is what has no character outside of ASCII, and no control', () => {
  for (const text of ['', 'a', 'pod-1 (x) ~', ' ']) expect(isPlain(text)).toBe(true);
  for (const text of ['\n', 'a\n', '\u001fa', 'a\u007fb', 'ü', 'a ü']) expect(isPlain(text)).toBe(false);
});
