// The verb that shows coming ticks: what it prints in a pipe, and how each slip is answered. The ticks and the remarks
// are tested in test/job.
// To check: the sample of docs/status.md is what the verb prints.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Context } from '../../src/commands/command.ts';
import { next } from '../../src/commands/next.ts';

function ask(words: readonly string[], env: Record<string, string> = {}) {
  return next({ words, env } as unknown as Context);
}

const berlin = ['30 2 * * *', '--timezone', 'Europe/Berlin', '-c', '3', '--from', '2026-10-24'];

test('shows the ticks after a day, a line each, as the documents do', () => {
  const answer = ask([...berlin, '--no-headers']);
  if (answer.kind !== 'answered') throw new Error(answer.kind);
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/status.md'), 'utf8');
  const sample = /\nLOCAL[^\n]*\n([^`]*)```/.exec(page)?.[1] ?? '';
  const cells = (text: string): string[][] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/\t| {3,}/).filter(Boolean));
  expect(cells(answer.text)).toEqual(cells(sample));
  expect(cells(sample)).toHaveLength(3);
});

test('shows ten ticks from now on, in UTC', () => {
  const answer = ask(['0 * * * *', '--no-headers']);
  if (answer.kind !== 'answered') throw new Error(answer.kind);
  const rows = answer.text.trimEnd().split('\n');
  expect(rows).toHaveLength(10);
  expect(rows[0]).toMatch(/^\S+:00:00\+00:00\t\S+:00:00Z\t$/);
});

test('is JSON, a line for each tick', () => {
  const answer = ask([...berlin, '-o', 'json']);
  if (answer.kind !== 'answered') throw new Error(answer.kind);
  expect(
    answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)[1],
  ).toEqual({
    ...{ tick: '2026-10-25T00:30:00Z', local: '2026-10-25T02:30:00+02:00' },
    remark: 'the clock shows 02:30 twice: the first alone',
  });
});

test.each([
  { words: [], faults: ["no cron line: put it into quotes, as in leader-run next '0 3 * * *'"] },
  {
    words: ['0', '3', '*', '*', '*'],
    faults: ["expected one cron line in quotes, as in '0 3 * * *', and not 5 words"],
  },
  { words: ['0 0 30 2 *'], faults: ['0 0 30 2 * never comes: no month that it names has such a day'] },
  { words: ['0 3 * *'], faults: [expect.stringMatching(/^expected five fields .* and not 4$/)] },
  { words: ['0 3 * * *', '-c', '0'], faults: ['--count 0: expected a number from 1 to 100'] },
  {
    words: ['0 3 * * *', '--from', '2026-10-24T12:00'],
    faults: [expect.stringMatching(/^--from .*: expected a day such as/)],
  },
  { words: ['0 3 * * *', '--lock', 'a/b'], faults: ['--lock does not belong to this verb: leave it out'] },
])('refuses $words in one sentence', ({ words, faults }) => {
  expect(ask(words)).toEqual({ kind: 'refused', faults });
});
