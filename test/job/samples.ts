// Records, claims and runners that the tests of job/ share: by hand, and by fast-check for any of them.
// To check: the arbitrary records are those that formatJobs may be given, with names and times of every kind, and as
// many entries as no record keeps.
import fc from 'fast-check';
import { type Claim, type Entry, type JobRecord, nameOf, type Outcome, timeText } from '../../src/job/record.ts';
import type { Job, Runner } from '../../src/job/key.ts';

export const wallMs = Date.parse('2026-11-26T10:00:00Z');
export const at = timeText(wallMs);

export const podA: Runner = { identity: 'pod-a_5bf32a10-0000-4000-8000-00000000000a', run: 'run-a', started: undefined };
export const podB: Runner = { identity: 'pod-b_5bf32a10-0000-4000-8000-00000000000b', run: 'run-b', started: undefined };

export function job(key: string, attempts?: number): Job {
  return { kind: 'key', key, attempts };
}

export function tick(key: string, attempts?: number): Job {
  return { kind: 'tick', key, attempts };
}

export function entry(key: string, kind: Exclude<Outcome['kind'], 'skipped'>, attempts = 1): Entry {
  const outcome: Outcome = kind === 'failed' ? { kind, status: 3 } : { kind };
  return { key, outcome, attempts, at, tookMs: kind === 'unknown' ? undefined : 88, by: 'pod-b' };
}

export function record(entries: readonly Entry[] = [], rest: Partial<JobRecord> = {}): JobRecord {
  return { since: '2026-11-01T00:00:00Z', cursor: undefined, schedule: undefined, claim: undefined, entries, ...rest };
}

const anyTime = fc.integer({ min: 0, max: Date.parse('9999-12-31T23:59:59Z') }).map(timeText);
const anyKey = fc.stringMatching(/^[A-Za-z0-9._:/@+-]{1,64}$/, { size: 'max' });
// As identities are: of any characters but invisible ones.
const anyName = fc.string({ unit: 'grapheme', maxLength: 253, size: 'max' }).map(nameOf);
const anyOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constantFrom<Outcome>({ kind: 'ok' }, { kind: 'max-runtime' }, { kind: 'interrupted' }, { kind: 'unknown' }),
  fc.record({ kind: fc.constant('failed' as const), status: fc.nat(255) }),
  fc.record({
    kind: fc.constant('skipped' as const),
    why: fc.constantFrom('missed' as const, 'overlap' as const, 'paused' as const, 'late' as const),
    count: fc.integer({ min: 1, max: 1000 }),
  }),
);
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  key: anyKey,
  outcome: anyOutcome,
  attempts: fc.nat(),
  at: anyTime,
  tookMs: fc.option(fc.nat(), { nil: undefined }),
  by: anyName,
});
const anyClaim: fc.Arbitrary<Claim> = fc
  .record({
    key: fc.oneof(anyKey, anyTime),
    isTick: fc.boolean(),
    attempt: fc.integer({ min: 1, max: 999_999 }),
    at: anyTime,
    by: anyName,
    run: fc.uuid(),
  })
  .map((claim) => ({ ...claim, isTick: claim.isTick && /^\d{4}-\d\d-\d\dT/.test(claim.key) }));

export const anyRecord: fc.Arbitrary<JobRecord> = fc.record({
  since: anyTime,
  cursor: fc.option(anyTime, { nil: undefined }),
  schedule: fc.constantFrom(undefined, '0 3 * * * UTC', '*/15 1-5,7 1 12 0 America/Argentina/ComodRivadavia'),
  claim: fc.option(anyClaim, { nil: undefined }),
  entries: fc.uniqueArray(anyEntry, { selector: ({ key }) => key, maxLength: 40, size: 'max' }),
});
