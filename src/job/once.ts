// A job that runs once per key, as the elector and the story need it: the rules for the note that lies beside the
// election record (elector/notes.ts), what the command is told, and how its end counts. Joins the machine of a key
// (key.ts) with its text (record.ts); decides itself only which tick is still to come, by the server's clock.
// Invariants: a claim is in the write that takes the lock, an outcome in the one that gives it back; what leader-run
// ended is never done.

import type { Notes, Page } from '../elector/notes.ts';
import {
  begin,
  type Ending,
  isSameClaim,
  type Job,
  judge,
  lastSuccess,
  type Runner,
  settle,
  type Verdict,
} from './key.ts';
import { type Claim, formatJobs, type JobRecord, parseJobs, type Reading } from './record.ts';

/** Why nothing is run for a key. */
export type Settled =
  | Exclude<Verdict, { kind: 'held' | 'may-run' }>
  /** By the server's clock the tick comes only in so long: this machine's clock is ahead. */
  | { readonly kind: 'clock-ahead'; readonly comesInMs: number };

/** What the story says of the end of its work, and the rules of the note are told. */
export interface WorkEnd {
  readonly ending: Ending;
  readonly tookMs: number;
}

/** Two clocks that are kept differ by less, and an answer does not travel for as long. */
export const tooFarAheadMs = 30_000;

export function notesOf(job: Job): Notes {
  return {
    settled: ({ note }) => {
      const verdict = judge(read(note), job, nobody, 'held');
      return verdict.kind === 'done' || verdict.kind === 'unreadable' ? verdict : undefined;
    },
    taking: (page) => {
      const comesInMs = job.kind === 'tick' ? Date.parse(job.key) - (page.serverMs ?? Infinity) : 0;
      if (comesInMs > tooFarAheadMs) return { verdict: { kind: 'clock-ahead', comesInMs } };
      const begun = begin(read(page.note), job, runnerOf(page), page.wallMs);
      return begun.kind === 'begun' ? { note: formatJobs(begun.record) } : { verdict: begun };
    },
    releasing: (page) => {
      const record = settledRecord(page);
      return record && formatJobs(record);
    },
  };
}

/** With the outcome of what was claimed; undefined: nothing was, or this process does not know how it ended. */
export function settledRecord(page: Page): JobRecord | undefined {
  const reading = read(page.note);
  const claim = claimIn(reading);
  const end = claim && endOf(claim, page);
  return end && settle(reading, claim, end.ending, page.wallMs, end.tookMs);
}

/** The verdict of these rules, as it comes back from the elector, which knows no word of it. */
export function settledIn(verdict: unknown): Settled {
  return verdict as Settled;
}

/** What a term was granted for. */
export interface Attempt {
  readonly claim: Claim;
  /** What the command is told. */
  readonly environment: Readonly<Record<string, string>>;
}

export function attemptIn(note: string | undefined): Attempt | undefined {
  const reading = read(note);
  const claim = claimIn(reading);
  if (claim === undefined) return undefined;
  const environment = {
    LEADER_RUN_KEY: claim.key,
    LEADER_RUN_ATTEMPT: String(claim.attempt),
    // Empty rather than missing, or the command would be told of the job that leader-run itself may run in.
    LEADER_RUN_TICK: claim.isTick ? claim.key : '',
    LEADER_RUN_LAST_SUCCESS: lastSuccess(reading)?.at ?? '',
  };
  return { claim, environment };
}

export function runnerOf({ identity, run, work }: Page): Runner {
  const isUnstarted = (work?.end as WorkEnd | undefined)?.ending.kind === 'unstarted';
  return { identity, run, started: isUnstarted ? undefined : claimIn(read(work?.note)) };
}

/** What is known of how a claim of ours ended; undefined: it is not ours, or its command may have run or may still. */
function endOf(claim: Claim, { run, work }: Page): WorkEnd | undefined {
  if (claim.run !== run) return undefined;
  const begun = claimIn(read(work?.note));
  // The write that claimed came too late to begin a term.
  if (begun === undefined || !isSameClaim(claim, begun)) return { ending: { kind: 'unstarted' }, tookMs: 0 };
  return work?.end as WorkEnd | undefined;
}

export function claimIn(reading: Reading): Claim | undefined {
  return reading.kind === 'record' ? reading.record.claim : undefined;
}

/** Of whom nothing is asked. */
const nobody: Runner = { identity: '', run: '', started: undefined };

let last: { readonly note: string | undefined; readonly reading: Reading } = {
  note: undefined,
  reading: parseJobs(undefined),
};

/** The core asks at every step, and a note changes rarely. */
export function read(note: string | undefined): Reading {
  if (note !== last.note) last = { note, reading: parseJobs(note) };
  return last.reading;
}
