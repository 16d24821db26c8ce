// Rows for people and for programs: what a column is padded to, and what is left bare.
// Knows no verb. To check: a cell that is longer or shorter than its header, and a row that lacks a cell.
import { expect, test } from 'vitest';
import { table } from '../../src/cli/table.ts';

const headers = ['NAME', 'HOLDER'];
const rows = [
  ['a', 'pod-1'],
  ['longer', ''],
];

test('a row in a pipe is a line, its cells between tabs and without padding', () => {
  const piped = (hasHeaders: boolean): string => table(headers, rows, { isAligned: false, hasHeaders });
  expect(piped(false)).toBe('a\tpod-1\nlonger\t\n');
  expect(piped(true)).toBe('NAME\tHOLDER\na\tpod-1\nlonger\t\n');
});

test('a column on a terminal is as wide as its widest cell, and no line ends with blanks', () => {
  expect(table(headers, rows, { isAligned: true, hasHeaders: true })).toBe(
    ['NAME     HOLDER', 'a        pod-1', 'longer', ''].join('\n'),
  );
});

test('a header that is not shown makes no column wider', () => {
  const narrow = [
    ['a', 'b'],
    ['cc', 'd'],
  ];
  expect(table(headers, narrow, { isAligned: true, hasHeaders: false })).toBe('a    b\ncc   d\n');
});

test('a row that lacks a cell is no wider for it', () => {
  expect(table(headers, [['a'], ['b', 'c']], { isAligned: true, hasHeaders: false })).toBe('a\nb   c\n');
});
