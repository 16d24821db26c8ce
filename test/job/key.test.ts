// What a record means for a key, case by case: each row of the state machine and of the crash table.
// All orders of such cases are search.test.ts's. To check: every record here has gone through its text, as in a lock.
import { describe, expect, test } from 'vitest';
import {
  begin, type Ending, forget, type Holding, type Job, judge, lastSuccess, listKeys, mark, type Resolved, type Runner,
  settle,
} from '../../src/job/key.ts';
import { type Claim, formatJobs, type JobRecord, mostEntries, parseJobs, type Reading } from '../../src/job/record.ts';
import { at, entry, job, podA, podB, record, tick, wallMs } from './samples.ts';

const absent: Reading = { kind: 'absent' };
const broken = parseJobs('{"v":1');

/** As a lock gives it back. */
function stored(before: JobRecord): Reading {
  return parseJobs(formatJobs(before));
}

function claimed(reading: Reading, of: Job, by: Runner = podA): { readonly reading: Reading; readonly claim: Claim } {
  const begun = begin(reading, of, by, wallMs);
  if (begun.kind !== 'begun') throw new Error(`not begun: ${begun.kind}`);
  return { reading: stored(begun.record), claim: begun.claim };
}

/** The record after a whole run. */
function ran(reading: Reading, of: Job, ending: Ending, by: Runner = podA): Reading {
  const { reading: during, claim } = claimed(reading, of, by);
  const after = settle(during, claim, ending, wallMs, 5123.4);
  if (after === undefined) throw new Error('not settled');
  return stored(after);
}

function entriesOf(reading: Reading): unknown[] {
  const { entries } = listKeys(reading, undefined);
  return entries.map(({ key, outcome, attempts, by }) => [key, outcome.kind, attempts, by]);
}

function verdict(reading: Reading, of: Job, by: Runner = podB, holding: Holding = 'free'): unknown {
  const { kind, ...rest } = judge(reading, of, by, holding);
  if ('attempt' in rest) return [kind, rest.attempt];
  return 'why' in rest ? [kind, rest.why] : [kind];
}

describe('a key', () => {
  test('that a lock does not know may run', () => {
    expect(verdict(absent, job('v42', 1))).toEqual(['may-run', 1]);
    expect(verdict(stored(record([entry('v41', 'ok')])), job('v42', 1))).toEqual(['may-run', 1]);
  });

  test('that succeeded is done, whoever holds the lock and however many attempts are left', () => {
    const reading = ran(absent, job('v42'), { kind: 'ok' });
    const done = { key: 'v42', outcome: { kind: 'ok' }, attempts: 1, at, tookMs: 5123, by: 'pod-a' };
    expect(judge(reading, job('v42'), podB, 'held')).toEqual({ kind: 'done', entry: done });
    expect(judge(reading, job('v42', 9), podB, 'free')).toEqual({ kind: 'done', entry: done });
    expect(begin(reading, job('v42', 9), podB, wallMs)).toEqual({ kind: 'done', entry: done });
  });

  test('that succeeded stays done when others have run after it', () => {
    const both = ran(ran(absent, job('v41'), { kind: 'ok' }), job('v42'), { kind: 'ok' });
    expect(verdict(both, job('v41'))).toEqual(['done']);
  });

  test('waits while another holds the lock', () => {
    const { reading, claim } = claimed(absent, job('v42'));
    expect(judge(reading, job('v42', 1), podB, 'held')).toEqual({ kind: 'held', claim });
    expect(judge(reading, job('v41', 1), podB, 'held')).toEqual({ kind: 'held', claim });
    expect(judge(absent, job('v42'), podB, 'held')).toEqual({ kind: 'held', claim: undefined });
  });

  test.each<{ ending: Ending }>([
    { ending: { kind: 'failed', status: 3 } },
    { ending: { kind: 'failed', status: 143 } },
    { ending: { kind: 'max-runtime' } },
    { ending: { kind: 'interrupted' } },
  ])('that ended as $ending may run again, as often as its attempts allow', ({ ending }) => {
    const once = ran(absent, job('v42'), ending);
    expect(verdict(once, job('v42'))).toEqual(['may-run', 2]);
    expect(verdict(once, job('v42', 2))).toEqual(['may-run', 2]);
    const givenUp = { kind: 'given-up', why: 'attempts', entry: { outcome: ending } };
    expect(judge(once, job('v42', 1), podB, 'free')).toMatchObject(givenUp);
    const twice = ran(once, job('v42'), ending, podB);
    expect(entriesOf(twice)).toEqual([['v42', ending.kind, 2, 'pod-b']]);
    expect(verdict(twice, job('v42', 2))).toEqual(['given-up', 'attempts']);
    expect(begin(twice, job('v42', 2), podA, wallMs)).toMatchObject({ kind: 'given-up', why: 'attempts' });
  });

  test('whose claim has no outcome counts as an attempt of unknown outcome', () => {
    const { reading } = claimed(absent, job('v42'));
    expect(verdict(reading, job('v42'))).toEqual(['may-run', 2]);
    const unknown = { key: 'v42', outcome: { kind: 'unknown' }, attempts: 1, at, tookMs: undefined, by: 'pod-a' };
    expect(judge(reading, job('v42', 1), podB, 'free')).toEqual({ kind: 'given-up', why: 'attempts', entry: unknown });
    expect(claimed(reading, job('v42'), podB).claim).toMatchObject({ attempt: 2, by: 'pod-b', run: 'run-b' });
  });

  test('whose claim has no outcome is still known when another key has begun', () => {
    const { reading } = claimed(claimed(absent, job('v41')).reading, job('v42'), podB);
    const left = { key: 'v41', outcome: { kind: 'unknown' } };
    expect(listKeys(reading, 'run-b')).toMatchObject({ running: { key: 'v42' }, entries: [left] });
    expect(verdict(reading, job('v41', 1))).toEqual(['given-up', 'attempts']);
  });

  test('that a process claims again before it has started anything keeps its attempt', () => {
    const { reading, claim } = claimed(absent, job('v42', 1));
    expect(verdict(reading, job('v42', 1), podA)).toEqual(['may-run', 1]);
    expect(begin(reading, job('v42', 1), podA, wallMs + 9000)).toMatchObject({ kind: 'begun', claim });
    // Of another attempt, and of the same number after a person's forgetting, it has.
    const started = { ...podA, started: { ...claim, attempt: 3 } };
    expect(verdict(reading, job('v42', 1), started)).toEqual(['may-run', 1]);
  });

  test('under whose claim a process has started a command is a new attempt for that process, too', () => {
    const { reading, claim } = claimed(absent, job('v42', 1));
    const started = { ...podA, started: claim };
    expect(verdict(reading, job('v42'), started)).toEqual(['may-run', 2]);
    expect(verdict(reading, job('v42', 1), started)).toEqual(['given-up', 'attempts']);
  });

  test('that a process of the same identity has claimed is not its own', () => {
    const { reading } = claimed(absent, job('v42', 1));
    expect(verdict(reading, job('v42', 1), { ...podA, run: 'run-c' })).toEqual(['given-up', 'attempts']);
  });

  test('under whose claim surely nothing was started has its attempt back', () => {
    const failed = ran(absent, job('v42'), { kind: 'failed', status: 1 });
    expect(verdict(ran(absent, job('v42'), { kind: 'unstarted' }), job('v42', 1))).toEqual(['may-run', 1]);
    const after = ran(failed, job('v42'), { kind: 'unstarted' });
    expect(after).toEqual(failed);
    expect(verdict(after, job('v42', 1))).toEqual(['given-up', 'attempts']);
  });

  test('that was tried first of many keeps its count while it is claimed again', () => {
    const others = Array.from({ length: mostEntries - 1 }, (_, i) => entry(`v${i}`, 'ok'));
    const crowded = stored(record([...others, entry('old', 'failed', 5)]));
    // The claim of another key was left, so that one entry has no room.
    const { reading } = claimed(crowded, job('new'));
    const after = ran(reading, job('old'), { kind: 'unstarted' }, podB);
    expect(verdict(after, job('old', 5))).toEqual(['given-up', 'attempts']);
  });

  test('may not run beside a record that cannot be read', () => {
    expect(judge(broken, job('v42'), podA, 'free')).toEqual(broken);
    expect(judge(broken, job('v42'), podA, 'held')).toEqual(broken);
    expect(begin(broken, job('v42'), podA, wallMs)).toEqual(broken);
  });
});

describe('an outcome', () => {
  test('replaces the claim, and leaves what a person has noted meanwhile', () => {
    const { reading, claim } = claimed(absent, job('v42'));
    const marked = resolved(mark(reading, 'v41', 'alice', 'run-a', wallMs));
    const after = settle(marked, claim, { kind: 'ok' }, wallMs, 1);
    expect(after?.claim).toBeUndefined();
    expect(after && entriesOf(stored(after))).toEqual([['v42', 'ok', 1, 'pod-a'], ['v41', 'ok', 0, 'alice']]);
  });

  test('is not noted by a term whose claim is gone', () => {
    const { reading, claim } = claimed(absent, job('v42'));
    const later = claimed(reading, job('v42'), podB);
    const ok: Ending = { kind: 'ok' };
    expect(settle(later.reading, claim, ok, wallMs, 1)).toBeUndefined();
    expect(settle(ran(reading, job('v42'), { kind: 'interrupted' }, podB), claim, ok, wallMs, 1)).toBeUndefined();
    expect(settle(absent, claim, ok, wallMs, 1)).toBeUndefined();
    expect(settle(broken, claim, ok, wallMs, 1)).toBeUndefined();
    expect(settle(later.reading, { ...later.claim, run: 'run-a' }, ok, wallMs, 1)).toBeUndefined();
  });

  test('is told as the last success, whatever failed since', () => {
    const reading = ran(ran(absent, job('v41'), { kind: 'ok' }), job('v42'), { kind: 'failed', status: 1 });
    expect(lastSuccess(reading)).toMatchObject({ key: 'v41', at });
    expect(lastSuccess(absent)).toBeUndefined();
    expect(lastSuccess(broken)).toBeUndefined();
  });
});

describe('a tick', () => {
  const [one, two, three] = ['2026-11-26T01:00:00Z', '2026-11-26T02:00:00Z', '2026-11-26T03:00:00Z'] as const;

  test('runs like any key while it is the newest', () => {
    const reading = ran(absent, tick(two, 2), { kind: 'failed', status: 1 });
    expect(verdict(reading, tick(two, 2))).toEqual(['may-run', 2]);
    expect(verdict(reading, tick(two, 1))).toEqual(['given-up', 'attempts']);
    expect(verdict(reading, tick(three, 1))).toEqual(['may-run', 1]);
  });

  test('is past when a newer one has begun, and it never did', () => {
    const reading = ran(absent, tick(two), { kind: 'ok' });
    expect(judge(reading, tick(one), podB, 'free')).toEqual({ kind: 'past', cursor: two });
    expect(verdict(claimed(absent, tick(two)).reading, tick(one))).toEqual(['past']);
  });

  test('stays past when the record has forgotten it', () => {
    let reading = ran(absent, tick(one), { kind: 'ok' });
    for (let i = 0; i < mostEntries; i++) reading = ran(reading, tick(`2026-11-26T02:${i + 10}:00Z`), { kind: 'ok' });
    expect(entriesOf(reading)).toHaveLength(mostEntries);
    expect(verdict(reading, tick(one))).toEqual(['past']);
    // A key of other keys' kind has no order, and would run again.
    expect(verdict(reading, job(one))).toEqual(['may-run', 1]);
  });

  test('that failed is given up when a newer one has begun', () => {
    const failed = ran(absent, tick(one), { kind: 'failed', status: 1 });
    expect(verdict(claimed(failed, tick(two)).reading, tick(one))).toEqual(['given-up', 'later-tick']);
    expect(verdict(ran(failed, tick(two), { kind: 'ok' }), tick(one))).toEqual(['given-up', 'later-tick']);
  });

  test('whose claim was withdrawn keeps nothing back, itself included', () => {
    const reading = ran(ran(absent, tick(one), { kind: 'ok' }), tick(three), { kind: 'unstarted' });
    expect(verdict(reading, tick(two))).toEqual(['may-run', 1]);
    expect(verdict(reading, tick(three))).toEqual(['may-run', 1]);
    expect(verdict(reading, tick(one))).toEqual(['done']);
  });

  test('never moves the cursor back, whatever the record says of its claim', () => {
    const claim: Claim = { key: one, isTick: true, attempt: 1, at, by: 'pod-a', run: 'run-a' };
    const reading = stored(record([], { cursor: three, claim }));
    expect(verdict(reading, tick(two))).toEqual(['past']);
    expect(verdict(claimed(reading, job('v42')).reading, tick(two))).toEqual(['past']);
  });

  test('of a clock far ahead keeps others back until it is forgotten', () => {
    const ahead = ran(ran(absent, tick(one), { kind: 'ok' }), tick('2031-01-01T00:00:00Z'), { kind: 'ok' });
    expect(verdict(ahead, tick(two))).toEqual(['past']);
    const reading = resolved(forget(ahead, '2031-01-01T00:00:00Z', undefined));
    expect(verdict(reading, tick(two))).toEqual(['may-run', 1]);
    expect(verdict(reading, tick('2026-11-26T00:00:00Z'))).toEqual(['past']);
  });
});

describe("a person's word", () => {
  const failed = ran(absent, job('v42'), { kind: 'failed', status: 1 });

  test('lets a key run again with all its attempts', () => {
    const reading = resolved(forget(failed, 'v42', undefined));
    expect(verdict(reading, job('v42', 1))).toEqual(['may-run', 1]);
    expect(entriesOf(reading)).toEqual([]);
  });

  test('makes a key done that failed, or that the lock has never seen', () => {
    expect(entriesOf(resolved(mark(failed, 'v42', 'alice', undefined, wallMs)))).toEqual([['v42', 'ok', 1, 'alice']]);
    const reading = resolved(mark(absent, 'v42', 'alice', undefined, wallMs));
    expect(verdict(reading, job('v42'))).toEqual(['done']);
    expect(entriesOf(reading)).toEqual([['v42', 'ok', 0, 'alice']]);
  });

  test('resolves a claim that is over, of which the outcome is unknown', () => {
    const { reading } = claimed(absent, tick('2026-11-26T02:00:00Z', 1));
    const key = '2026-11-26T02:00:00Z';
    expect(verdict(resolved(forget(reading, key, undefined)), tick(key, 1))).toEqual(['may-run', 1]);
    const marked = resolved(mark(reading, key, 'alice', 'run-b', wallMs));
    expect(entriesOf(marked)).toEqual([[key, 'ok', 1, 'alice']]);
    expect(verdict(marked, tick('2026-11-26T01:00:00Z'))).toEqual(['past']);
  });

  test('cannot be taken about a key that may be running now', () => {
    const { reading, claim } = claimed(absent, job('v42'));
    expect(forget(reading, 'v42', 'run-a')).toEqual({ kind: 'running', claim });
    expect(mark(reading, 'v42', 'alice', 'run-a', wallMs)).toEqual({ kind: 'running', claim });
    expect(forget(reading, 'v41', 'run-a')).toEqual({ kind: 'unknown-key' });
  });

  test('says so when there is no such key, or no record that can be read', () => {
    expect(forget(absent, 'v42', undefined)).toEqual({ kind: 'unknown-key' });
    expect(forget(failed, 'v41', undefined)).toEqual({ kind: 'unknown-key' });
    expect(forget(broken, 'v42', undefined)).toEqual(broken);
    expect(mark(broken, 'v42', 'alice', undefined, wallMs)).toEqual(broken);
  });
});

describe('the list of keys', () => {
  test('shows a claim as running for its own holder alone', () => {
    const { reading, claim } = claimed(absent, job('v42'));
    expect(listKeys(reading, 'run-a')).toEqual({ running: claim, entries: [] });
    const over = { running: undefined, entries: [{ ...entry('v42', 'unknown'), by: 'pod-a' }] };
    expect(listKeys(reading, 'run-b')).toEqual(over);
    expect(listKeys(reading, undefined)).toEqual(over);
    expect(listKeys(absent, undefined)).toEqual({ running: undefined, entries: [] });
  });
});

function resolved(answer: Resolved): Reading {
  if (answer.kind !== 'resolved') throw new Error(`not resolved: ${answer.kind}`);
  return stored(answer.record);
}
