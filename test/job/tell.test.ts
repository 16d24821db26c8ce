// The words for why nothing is run for a key: each names the key, the process that ran it, and what to do.
// To check: one line each, without a control character, whatever the record holds.
import { expect, test } from 'vitest';
import { outcomeText, outcomeWord, settledSentence } from '../../src/job/tell.ts';
import type { Entry, Outcome } from '../../src/job/record.ts';

const entry: Entry = {
  ...{ key: 'v42', outcome: { kind: 'ok' }, attempts: 2, at: '2026-11-26T10:00:03Z', tookMs: 5123, by: 'pod-a' },
};
const failed: Entry = { ...entry, outcome: { kind: 'failed', status: 3 }, tookMs: undefined };

test.each([
  [{ kind: 'done', entry }, 'key v42 is done, by pod-a at 2026-11-26T10:00:03Z, after 5.1 s; nothing was run'],
  [
    { kind: 'given-up', why: 'attempts', entry: failed },
    'key v42 was given up after 2 attempts: the last one is failed with status 3 (pod-a at 2026-11-26T10:00:03Z); ' +
      'leader-run keys forget v42 lets it run again',
  ],
  [
    { kind: 'given-up', why: 'later-tick', entry: failed },
    'key v42 was given up since a newer tick has begun: the last one is failed with status 3 ' +
      '(pod-a at 2026-11-26T10:00:03Z); leader-run keys forget v42 lets it run again',
  ],
  [
    { kind: 'past', cursor: '2026-11-26T03:00:00Z' },
    'tick v42 is past: the newer one 2026-11-26T03:00:00Z has begun; nothing was run (is this clock behind?)',
  ],
  [
    { kind: 'unreadable', why: 'it is not a JSON object' },
    'it is not known what ran under this lock, since it is not a JSON object: remove its annotation leader-run/job to forget all keys',
  ],
  [
    { kind: 'clock-ahead', comesInMs: 61_000 },
    "tick v42 comes only in 1 min 1 s by the API server's clock; nothing was run: set the clock of this machine",
  ],
] as const)('%o', (settled, text) => {
  expect(settledSentence(settled, 'v42')).toBe(text);
});

test('a name that another candidate wrote cannot move the cursor', () => {
  const text = settledSentence({ kind: 'done', entry: { ...entry, by: 'a\x1b[2Jb\n' } }, 'v42');
  expect(text).not.toMatch(/[\x00-\x1f]/);
});

test.each([
  [{ kind: 'ok' }, 'ok', 'ok'],
  [{ kind: 'failed', status: 137 }, 'failed', 'failed with status 137'],
  [{ kind: 'max-runtime' }, 'failed', 'failed, since it ran for too long'],
  [{ kind: 'interrupted' }, 'interrupted', 'interrupted'],
  [{ kind: 'unknown' }, 'unknown', 'of unknown outcome'],
  [{ kind: 'skipped', why: 'late', count: 2 }, 'skipped', 'skipped (late)'],
] satisfies [Outcome, string, string][])('an attempt that is %o is "%s" in a column, and "%s" in a sentence', (...row) => {
  const [outcome, word, text] = row;
  expect([outcomeWord(outcome), outcomeText(outcome)]).toEqual([word, text]);
});

test('an attempt whose command did not start is told as that', () => {
  expect(outcomeText({ kind: 'unstarted' })).toBe('not started');
});
