// What a lock's record of jobs says in figures, for metrics: the last success, the next start, how many runs ended in
// which way. Decides what counts as one more run: an entry that was not there when the record was seen before.
// Knows neither a lock nor how figures are written.
// Invariant: what the record held when it was first seen is not counted, since another process has counted it.

import { type Job, judge } from './key.ts';
import { type Entry, type Outcome, parseJobs, type Reading } from './record.ts';

export const outcomes = ['ok', 'failed', 'interrupted', 'unknown', 'skipped'] as const;
export type CountedOutcome = (typeof outcomes)[number];

export interface Figures {
  /** Of any key, by its holder's wall clock; without one, when the lock's memory began, or ours. */
  readonly lastSuccessMs: number;
  /** Of the newest run that has ended. */
  readonly lastDurationMs: number | undefined;
  readonly runs: Readonly<Record<CountedOutcome, number>>;
  /** The key, or the newest tick, did not succeed, and no attempt is left; undefined: it is not known how many. */
  readonly isGivenUp: boolean | undefined;
}

export interface Counted {
  /** What this candidate is to run; undefined: it only looks on. */
  readonly job: Job | undefined;
  /** Of a schedule; undefined: this candidate keeps none. */
  readonly attempts: number | undefined;
  /** When this process began to look. */
  readonly sinceMs: number;
}

const nobody = { identity: '', run: '', started: undefined };

export class JobCounter {
  readonly #counted: Counted;
  readonly #runs: Record<CountedOutcome, number> = { ok: 0, failed: 0, interrupted: 0, unknown: 0, skipped: 0 };
  /** As of the last look. Undefined: there was none. */
  #seen: { readonly note: string | undefined } | undefined;
  #reading: Reading = { kind: 'absent' };
  /** What was counted of each key. Undefined: it is not known what there was when this process began to look. */
  #known: ReadonlyMap<string, string> | undefined;

  constructor(counted: Counted) {
    this.#counted = counted;
  }

  /** `note`: what lies beside the lock's record, which was looked at. To be called often: entries are forgotten. */
  see(note: string | undefined): void {
    if (this.#seen && note === this.#seen.note) return;
    this.#seen = { note };
    this.#reading = parseJobs(note);
    if (this.#reading.kind === 'unreadable') return;
    const entries = this.#reading.kind === 'record' ? this.#reading.record.entries : [];
    const known = this.#known;
    const more = known ? entries.filter((entry) => known.get(entry.key) !== stampOf(entry)) : [];
    for (const { outcome } of more) this.#runs[wordOf(outcome)] += outcome.kind === 'skipped' ? outcome.count : 1;
    this.#known = new Map(entries.map((entry) => [entry.key, stampOf(entry)]));
  }

  /** Undefined: nothing runs for a key under this lock. */
  figures(): Figures | undefined {
    const { job, attempts, sinceMs } = this.#counted;
    const record = this.#reading.kind === 'record' ? this.#reading.record : undefined;
    if (record === undefined && job === undefined && attempts === undefined) return undefined;
    const entries = record?.entries ?? [];
    const success = entries.find(({ outcome }) => outcome.kind === 'ok');
    return {
      lastSuccessMs: success ? Date.parse(success.at) : record ? Date.parse(record.since) : sinceMs,
      lastDurationMs: entries.find(({ tookMs }) => tookMs !== undefined)?.tookMs,
      runs: { ...this.#runs },
      isGivenUp: this.#isGivenUp(entries),
    };
  }

  #isGivenUp(entries: readonly Entry[]): boolean | undefined {
    const { job, attempts } = this.#counted;
    if (job) return judge(this.#reading, job, nobody, 'free').kind === 'given-up';
    if (attempts === undefined) return undefined;
    const newest = entries.find(({ outcome }) => outcome.kind !== 'skipped');
    return newest !== undefined && newest.outcome.kind !== 'ok' && newest.attempts >= attempts;
  }
}

function stampOf({ attempts, at, outcome }: Entry): string {
  return `${String(attempts)} ${at} ${outcome.kind}`;
}

function wordOf({ kind }: Outcome): CountedOutcome {
  return kind === 'max-runtime' ? 'failed' : kind;
}
