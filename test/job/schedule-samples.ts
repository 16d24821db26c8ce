// Records of a schedule with a tick each minute, and the pages that its rules are asked about: what the tests of a
// schedule share. Ticks are counted in minutes from t0.
// To check: what is made here is what formatJobs may be given, since each record is read again from its text.
import type { Page } from '../../src/elector/notes.ts';
import type { Entry, JobRecord } from '../../src/job/record.ts';
import { formatJobs, parseJobs, timeText } from '../../src/job/record.ts';
import { dueOf, notesOfSchedule, type Plan, type Wish } from '../../src/job/schedule.ts';
import { openSchedule, type Schedule } from '../../src/job/tick.ts';
import { podA } from './samples.ts';

export const t0 = Date.parse('2026-11-27T10:00:00Z');
export const minute = 60_000;
export const tick = (n: number): string => timeText(t0 + n * minute);

export function schedule(line = '* * * * *', zone = 'UTC'): Schedule {
  const opened = openSchedule(line, zone, t0);
  if ('fault' in opened) throw new Error(opened.fault);
  return opened.value;
}

export function plan(rest: Partial<Plan> = {}): Plan {
  return {
    ...{ schedule: schedule(), lock: 'ops/nightly', attempts: 1, catchUp: 'last', startDeadlineMs: undefined },
    ...{ overlap: 'skip', jitterMs: 0, ...rest },
  };
}

/** Settled up to a tick. */
export function record(cursor: number | undefined, rest: Partial<JobRecord> = {}): JobRecord {
  return {
    ...{ since: tick(-100), cursor: cursor === undefined ? undefined : tick(cursor), schedule: '* * * * * UTC' },
    ...{ claim: undefined, entries: [], ...rest },
  };
}

export function entry(n: number, outcome: Entry['outcome'], attempts = 1, at = n): Entry {
  return { key: tick(n), outcome, attempts, at: tick(at), tookMs: undefined, by: 'pod-b' };
}

export function due(its: Plan, before: JobRecord, wallMs: number, instructions?: object) {
  return dueOf(its, { note: formatJobs(before), instructions }, wallMs);
}

export const begins = (n: number, skipped: object[] = []) => ({
  kind: 'begin',
  wish: { kind: 'begin', key: tick(n), isTick: true, skipped },
});

export const rules = (its: Plan = plan()) => notesOfSchedule(its);

export function page(note: JobRecord | undefined, wallMs: number, rest: Partial<Page> = {}): Page {
  const text = note && formatJobs(note);
  return { note: text, work: undefined, identity: podA.identity, run: podA.run, wallMs, serverMs: undefined, ...rest };
}

export function noted(answer: unknown): JobRecord {
  const reading = parseJobs((answer as { note: string }).note);
  if (reading.kind !== 'record') throw new Error(JSON.stringify(answer));
  return reading.record;
}

export function renewed(its: Plan, before: JobRecord, wish: Wish, wallMs: number, rest: Partial<Page> = {}) {
  return rules(its).renewing?.(page(before, wallMs, rest), wish);
}

export const now = t0 + 4 * minute + 500;
export const claim = { key: tick(4), isTick: true, attempt: 1, at: tick(4), by: 'pod-a', run: podA.run };
export const begin = (n: number, skipped: { upTo: string; why: 'missed'; count: number }[] = []): Wish => ({
  kind: 'begin',
  key: tick(n),
  isTick: true,
  skipped,
});
