// The rules of the note, as the elector asks them: what the writes that begin and end a holding carry for a key, when
// there is nothing to lead for, and what the command is told. What a key's state means is tested with key.ts.
// To check: each write is made from the page that it is given, and an attempt that was never started is none.
import { expect, test } from 'vitest';
import type { Page } from '../../src/elector/notes.ts';
import type { Ending, Job } from '../../src/job/key.ts';
import { attemptIn, notesOf, read, settledIn, type WorkEnd } from '../../src/job/once.ts';
import { parseJobs } from '../../src/job/record.ts';

const job: Job = { kind: 'key', key: 'v42', attempts: undefined };
const tick: Job = { kind: 'tick', key: '2026-11-26T03:00:00Z', attempts: undefined };
const wallMs = Date.parse('2026-11-26T10:00:00Z');

function page(more: Partial<Page> = {}): Page {
  return { note: undefined, work: undefined, identity: 'alice', run: 'run-a', wallMs, serverMs: wallMs, ...more };
}

function taken(of: Job, more: Partial<Page> = {}): string {
  const answer = notesOf(of).taking(page(more));
  if (!('note' in answer)) throw new Error(JSON.stringify(answer));
  return answer.note;
}

/** The note of a term that `run-a` was granted and whose work ended so. */
function released(of: Job, ending: Ending, note = taken(of)): string | undefined {
  return notesOf(of).releasing(page({ note, work: { note, end: { ending, tookMs: 5100 } satisfies WorkEnd } }));
}

function outcome(note: string | undefined) {
  const reading = parseJobs(note);
  if (reading.kind !== 'record') throw new Error(reading.kind);
  const { claim, entries } = reading.record;
  return { claim: claim?.attempt, entries: entries.map(({ outcome: { kind }, attempts }) => `${kind} ${attempts}`) };
}

test('the write that takes the lock claims the key, and the one that gives it back settles it', () => {
  expect(outcome(taken(job))).toEqual({ claim: 1, entries: [] });
  expect(outcome(released(job, { kind: 'ok' }))).toEqual({ claim: undefined, entries: ['ok 1'] });
  expect(outcome(released(job, { kind: 'failed', status: 3 }))).toEqual({ claim: undefined, entries: ['failed 1'] });
});

test('what surely never started gives its claim back', () => {
  expect(outcome(released(job, { kind: 'unstarted' }))).toEqual({ claim: undefined, entries: [] });
});

test('a claim for which no term was granted is withdrawn, and not kept as an attempt', () => {
  const note = taken(job);
  expect(outcome(notesOf(job).releasing(page({ note })))).toEqual({ claim: undefined, entries: [] });
});

test('a claim whose work has not ended as far as is known stays as it is', () => {
  const note = taken(job);
  expect(notesOf(job).releasing(page({ note, work: { note, end: undefined } }))).toBeUndefined();
});

test('a claim of another process is not settled by this one', () => {
  const note = taken(job, { run: 'run-b' });
  const end: WorkEnd = { ending: { kind: 'ok' }, tookMs: 1 };
  expect(notesOf(job).releasing(page({ note, work: { note: taken(job), end } }))).toBeUndefined();
});

test('asked again before a term was granted, it is the same attempt; after one it is the next', () => {
  const first = taken(job);
  expect(taken(job, { note: first })).toBe(first);
  expect(outcome(taken(job, { note: first, work: { note: first, end: undefined } })).claim).toBe(2);
  const end: WorkEnd = { ending: { kind: 'unstarted' }, tookMs: 0 };
  expect(outcome(taken(job, { note: first, work: { note: first, end } })).claim).toBe(1);
});

test('a key that is done leaves nothing to lead for, whoever holds the lock; one that has failed does', () => {
  const done = released(job, { kind: 'ok' });
  expect(notesOf(job).settled(page({ note: done }))).toMatchObject({ kind: 'done', entry: { key: 'v42' } });
  expect(notesOf(job).settled(page({ note: released(job, { kind: 'failed', status: 1 }) }))).toBeUndefined();
  expect(notesOf(job).settled(page())).toBeUndefined();
  expect(notesOf(job).settled(page({ note: '?' }))).toMatchObject({ kind: 'unreadable' });
});

test('attempts that are used up are found when the lock could be taken, and not while another may succeed', () => {
  const once: Job = { ...job, attempts: 1 };
  const note = released(once, { kind: 'failed', status: 1 });
  expect(notesOf(once).settled(page({ note }))).toBeUndefined();
  expect(notesOf(once).taking(page({ note }))).toMatchObject({ verdict: { kind: 'given-up', why: 'attempts' } });
});

test.each([
  { comesInMs: 30_001, claims: false },
  { comesInMs: 30_000, claims: true },
  { comesInMs: -3_600_000, claims: true },
  { comesInMs: undefined, claims: true },
])('a tick that comes in $comesInMs ms by the clock of the server may be claimed: $claims', ({ comesInMs, claims }) => {
  const serverMs = comesInMs === undefined ? undefined : Date.parse(tick.key) - comesInMs;
  const answer = notesOf(tick).taking(page({ serverMs }));
  expect('note' in answer).toBe(claims);
  if (!claims) expect(answer).toEqual({ verdict: { kind: 'clock-ahead', comesInMs } });
  // A key has no time.
  expect('note' in notesOf(job).taking(page({ serverMs }))).toBe(true);
});

test('a key that looks like a time to come is a key all the same', () => {
  expect('note' in notesOf({ ...job, key: '2030-01-01T00:00:00Z' }).taking(page())).toBe(true);
});

test('the verdict on a key comes back as it was given', () => {
  const verdict = notesOf(job).settled(page({ note: released(job, { kind: 'ok' }) }));
  expect(settledIn(verdict)).toBe(verdict);
});

test('a note is read once for as long as it stays, since the core asks at every step', () => {
  const note = taken(job);
  const reading = read(note);
  expect(read(note)).toBe(reading);
  expect(read(undefined)).toEqual({ kind: 'absent' });
  expect(read(note)).toEqual(reading);
});

test('the command is told its key, its attempt, and when anything succeeded last', () => {
  expect(attemptIn(undefined)).toBeUndefined();
  expect(attemptIn(taken(job))?.environment).toEqual({
    LEADER_RUN_KEY: 'v42',
    LEADER_RUN_ATTEMPT: '1',
    LEADER_RUN_TICK: '',
    LEADER_RUN_LAST_SUCCESS: '',
  });
  const next = taken({ ...job, key: 'v43' }, { note: released(job, { kind: 'ok' }), run: 'run-b', wallMs: wallMs + 9000 });
  expect(attemptIn(next)?.environment).toEqual({
    LEADER_RUN_KEY: 'v43',
    LEADER_RUN_ATTEMPT: '1',
    LEADER_RUN_TICK: '',
    LEADER_RUN_LAST_SUCCESS: '2026-11-26T10:00:00Z',
  });
});
