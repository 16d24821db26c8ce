// The figures of a record of jobs: what counts as one more run, as the last success, and as given up.
// To check: records are texts made by record.ts, as a lock holds them.
import { describe, expect, test } from 'vitest';
import { JobCounter } from '../../src/job/figures.ts';
import { type Entry, formatJobs, type JobRecord, type Outcome } from '../../src/job/record.ts';

const sinceMs = Date.parse('2026-11-26T09:00:00Z');
const entry = (key: string, outcome: Outcome, more: Partial<Entry> = {}): Entry => ({
  ...{ key, outcome, attempts: 1, at: '2026-11-26T10:00:00Z', tookMs: 1500, by: 'pod-a', ...more },
});
const note = (...entries: Entry[]): string => {
  const record: JobRecord = {
    ...{ since: '2026-11-26T08:00:00Z', cursor: undefined, schedule: undefined, claim: undefined, entries },
  };
  return formatJobs(record);
};
const counter = (attempts?: number): JobCounter => new JobCounter({ job: undefined, attempts, sinceMs });
const ok: Outcome = { kind: 'ok' };
const failed: Outcome = { kind: 'failed', status: 3 };

describe('runs', () => {
  test('that another candidate has counted before are not counted again', () => {
    const jobs = counter();
    jobs.see(note(entry('v1', ok), entry('v0', failed)));
    expect(jobs.figures()?.runs).toEqual({ ok: 0, failed: 0, interrupted: 0, unknown: 0, skipped: 0 });
  });

  test('are counted once each, by what became of them', () => {
    const jobs = counter();
    jobs.see(note());
    jobs.see(note(entry('v1', failed)));
    jobs.see(note(entry('v1', failed)));
    jobs.see(note(entry('v2', ok), entry('v1', failed)));
    jobs.see(note(entry('v3', { kind: 'max-runtime' }), entry('v2', ok), entry('v1', failed)));
    expect(jobs.figures()?.runs).toEqual({ ok: 1, failed: 2, interrupted: 0, unknown: 0, skipped: 0 });
  });

  test('are counted for each attempt, and skipped ticks by their number', () => {
    const jobs = counter();
    jobs.see(note(entry('v1', { kind: 'interrupted' })));
    jobs.see(note(entry('v1', { kind: 'unknown' }, { attempts: 2, at: '2026-11-26T10:05:00Z' })));
    const skipped: Outcome = { kind: 'skipped', why: 'paused', count: 7 };
    jobs.see(note(entry('2026-11-26T11:00:00Z', skipped, { attempts: 0 }), entry('v1', ok, { attempts: 3 })));
    expect(jobs.figures()?.runs).toEqual({ ok: 1, failed: 0, interrupted: 0, unknown: 1, skipped: 7 });
  });

  test('are counted from the first one on where the lock remembered nothing', () => {
    const jobs = counter();
    jobs.see(undefined);
    jobs.see(note(entry('v1', ok)));
    expect(jobs.figures()?.runs).toMatchObject({ ok: 1 });
  });

  test('of a record that could not be read at first are not counted', () => {
    const jobs = counter();
    jobs.see('rubbish');
    jobs.see(note(entry('v1', ok)));
    expect(jobs.figures()?.runs).toMatchObject({ ok: 0 });
  });

  test('are not lost to a record that cannot be read for a while', () => {
    const jobs = counter();
    jobs.see(note(entry('v1', ok)));
    jobs.see('rubbish');
    jobs.see(note(entry('v2', failed), entry('v1', ok)));
    expect(jobs.figures()?.runs).toMatchObject({ ok: 0, failed: 1 });
  });
});

describe('the last success', () => {
  test('is that of any key', () => {
    const jobs = counter();
    jobs.see(note(entry('v2', failed), entry('v1', ok, { at: '2026-11-26T09:30:00Z' })));
    expect(jobs.figures()).toMatchObject({
      lastSuccessMs: Date.parse('2026-11-26T09:30:00Z'),
      lastDurationMs: 1500,
    });
  });

  test("is the beginning of the lock's memory where none has succeeded, and else of ours", () => {
    const jobs = counter(1);
    expect(jobs.figures()).toMatchObject({ lastSuccessMs: sinceMs, lastDurationMs: undefined });
    jobs.see(note(entry('v1', failed, { tookMs: undefined })));
    expect(jobs.figures()).toMatchObject({ lastSuccessMs: Date.parse('2026-11-26T08:00:00Z') });
  });
});

test('the last duration is that of the newest run that has ended', () => {
  const jobs = counter();
  jobs.see(note(entry('v2', { kind: 'unknown' }, { tookMs: undefined }), entry('v1', ok, { tookMs: 40 })));
  expect(jobs.figures()?.lastDurationMs).toBe(40);
});

describe('given up', () => {
  test('is not a key of which nothing was seen yet', () => {
    const jobs = new JobCounter({ job: { kind: 'key', key: 'v1', attempts: 1 }, attempts: undefined, sinceMs });
    expect(jobs.figures()).toMatchObject({ isGivenUp: false, lastSuccessMs: sinceMs });
  });

  test('is not a tick that has an attempt left', () => {
    const jobs = counter(2);
    jobs.see(note(entry('2026-11-26T10:00:00Z', failed)));
    expect(jobs.figures()?.isGivenUp).toBe(false);
    jobs.see(note(entry('2026-11-26T10:00:00Z', failed, { attempts: 2 })));
    expect(jobs.figures()?.isGivenUp).toBe(true);
  });

  test('is a key of ours whose attempts are used up', () => {
    const jobs = new JobCounter({ job: { kind: 'key', key: 'v1', attempts: 2 }, attempts: undefined, sinceMs });
    jobs.see(note(entry('v1', failed)));
    expect(jobs.figures()?.isGivenUp).toBe(false);
    jobs.see(note(entry('v1', failed, { attempts: 2 })));
    expect(jobs.figures()?.isGivenUp).toBe(true);
    jobs.see(note(entry('v1', ok, { attempts: 2 })));
    expect(jobs.figures()?.isGivenUp).toBe(false);
  });

  test('is the newest tick that was begun, and not one that was skipped after it', () => {
    const jobs = counter(1);
    const skipped = entry('2026-11-26T11:00:00Z', { kind: 'skipped', why: 'overlap', count: 1 }, { attempts: 0 });
    jobs.see(note(entry('2026-11-26T10:00:00Z', ok), entry('2026-11-26T09:00:00Z', failed)));
    expect(jobs.figures()?.isGivenUp).toBe(false);
    jobs.see(note(skipped, entry('2026-11-26T10:00:00Z', { kind: 'unknown' })));
    expect(jobs.figures()?.isGivenUp).toBe(true);
    expect(counter(1).figures()?.isGivenUp).toBe(false);
  });

  test('is not known to a candidate that only looks on', () => {
    const jobs = counter();
    jobs.see(note(entry('v1', failed)));
    expect(jobs.figures()?.isGivenUp).toBeUndefined();
  });
});

test('a lock under which nothing runs for a key has no figures', () => {
  expect(counter().figures()).toBeUndefined();
});
