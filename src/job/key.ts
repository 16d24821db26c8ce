// What a record of jobs means for one key: whether it is done, given up, or may run, and as which attempt; and what
// the record is after a claim, an outcome, or a word of a person. Knows no command and no lease: the lock is the
// elector's, and so is each write; wall times are only written down.
// Decides that a claim without an outcome is an attempt whose outcome is unknown, unless the process that claimed asks
// again and has started nothing under the claim.
// Invariants: a claim is stored before its command starts, so starts of a key <= attempts; an outcome replaces the
// claim of the very process that ran it, or is not written; what leader-run stopped is not done.

import type { Claim, Entry, JobRecord, Outcome, Reading, SkipReason } from './record.ts';
import { isTick, nameOf, timeText } from './record.ts';

/** What is to run once. */
export interface Job {
  /** A tick is a key whose older ones must not begin after it. */
  readonly kind: 'key' | 'tick';
  readonly key: string;
  /** 1: at most once. N: at least once, within N. Undefined: until it succeeds. */
  readonly attempts: number | undefined;
}

/** The process that asks. */
export interface Runner {
  readonly identity: string;
  /** The uuid of this process's run, as in the signature of its writes. */
  readonly run: string;
  /** The claim under which this process has last started a command, or tried to; undefined: none yet. */
  readonly started: Claim | undefined;
}

/** What the elector makes of the election record: held is held by another, whose lease is not over. */
export type Holding = 'free' | 'held';

export type Verdict =
  | { readonly kind: 'done'; readonly entry: Entry }
  /** Not for us to run: another holds the lock, and may have the key done. Look again when the lock changes. */
  | { readonly kind: 'held'; readonly claim: Claim | undefined }
  /** A newer tick has begun, and this one has left the record or was never in it. */
  | { readonly kind: 'past'; readonly cursor: string }
  /** `entry`: its last attempt. `attempts`: all are used up. `later-tick`: a newer tick has begun meanwhile. */
  | { readonly kind: 'given-up'; readonly why: 'attempts' | 'later-tick'; readonly entry: Entry }
  | { readonly kind: 'unreadable'; readonly why: string }
  | { readonly kind: 'may-run'; readonly attempt: number };

export function judge(reading: Reading, job: Job, runner: Runner, holding: Holding): Verdict {
  if (reading.kind === 'unreadable') return reading;
  const record = recordOf(reading);
  const entry = record && entryFor(record, job.key);
  if (entry?.outcome.kind === 'ok') return { kind: 'done', entry };
  if (holding === 'held') return { kind: 'held', claim: record?.claim };
  if (record === undefined) return { kind: 'may-run', attempt: 1 };

  const { claim } = record;
  if (claim?.key === job.key && isUnstarted(claim, runner)) return { kind: 'may-run', attempt: claim.attempt };
  const last = claim?.key === job.key ? unknownEnd(claim) : entry;
  const cursor = job.kind === 'tick' ? cursorOf(record) : undefined;
  if (cursor !== undefined) {
    if (last === undefined && job.key <= cursor) return { kind: 'past', cursor };
    if (last !== undefined && job.key < cursor) return { kind: 'given-up', why: 'later-tick', entry: last };
  }
  const used = last?.attempts ?? 0;
  if (last !== undefined && used >= (job.attempts ?? Infinity))
    return { kind: 'given-up', why: 'attempts', entry: last };
  return { kind: 'may-run', attempt: used + 1 };
}

/**
 * What the write that takes the lock must carry, made from the very reading that this write replaces; or why nothing
 * may run. Asked again before a command was started, it answers with the same claim.
 */
export function begin(
  reading: Reading,
  job: Job,
  runner: Runner,
  wallMs: number,
):
  | { readonly kind: 'begun'; readonly record: JobRecord; readonly claim: Claim }
  | Exclude<Verdict, { kind: 'may-run' }> {
  const verdict = judge(reading, job, runner, 'free');
  if (verdict.kind !== 'may-run') return verdict;
  const { identity, run } = runner;
  const time = timeText(wallMs);
  const record = recordOf(reading) ?? emptyRecord(wallMs);
  const left = record.claim;
  if (left?.key === job.key && isUnstarted(left, runner)) return { kind: 'begun', record, claim: left };

  const { attempt } = verdict;
  const claim: Claim = { key: job.key, isTick: job.kind === 'tick', attempt, at: time, by: nameOf(identity), run };
  const settled = withoutClaim(record);
  // Its own entry comes first, so that no other pushes it out while it has the only count of the attempts before.
  const own = entryFor(settled, job.key);
  const entries = own === undefined ? settled.entries : put(settled.entries, own);
  return { kind: 'begun', claim, record: { ...settled, entries, claim } };
}

/** How a term of ours ended for its key. */
export type Ending =
  | Exclude<Outcome, { kind: 'unknown' | 'skipped' }>
  /** Surely nothing was started under the claim, which therefore does not count. */
  | { readonly kind: 'unstarted' };

/**
 * What the write that gives the lock back must carry, made from what that write replaces (a person may have marked
 * another key meanwhile). Undefined: there is nothing to note it in, since the claim is gone or cannot be read; the
 * lock is then given back with what it has.
 */
export function settle(
  reading: Reading,
  claim: Claim,
  ending: Ending,
  wallMs: number,
  tookMs: number,
): JobRecord | undefined {
  const record = recordOf(reading);
  if (record?.claim === undefined || !isSameClaim(record.claim, claim)) return undefined;
  if (ending.kind === 'unstarted') return { ...record, claim: undefined };
  const { key, attempt: attempts, by } = claim;
  const took = Math.max(0, Math.round(tookMs));
  return over(record, claim, { key, outcome: ending, attempts, at: timeText(wallMs), tookMs: took, by });
}

/** The last success of any key, by which a command can tell what it has not done yet. */
export function lastSuccess(reading: Reading): Entry | undefined {
  return recordOf(reading)?.entries.find(({ outcome }) => outcome.kind === 'ok');
}

/**
 * The uuid of the run that signed the election record, if its holder may be alive. A claim of another run is over,
 * since the lock was taken from it.
 */
export type HolderRun = string | undefined;

/** All keys for people, the newest first. A claim that is over shows as what it is: an attempt of unknown outcome. */
export function listKeys(
  reading: Reading,
  holder: HolderRun,
): { running: Claim | undefined; entries: readonly Entry[] } {
  const record = recordOf(reading);
  if (record === undefined) return { running: undefined, entries: [] };
  if (isRunning(record.claim, holder)) return { running: record.claim, entries: record.entries };
  return { running: undefined, entries: withoutClaim(record).entries };
}

/** What a person's word about a key makes of the record, or why it cannot be taken. */
export type Resolved =
  | { readonly kind: 'resolved'; readonly record: JobRecord }
  /** It may be running now, and its holder will note how it ends. */
  | { readonly kind: 'running'; readonly claim: Claim }
  | { readonly kind: 'unknown-key' }
  | { readonly kind: 'unreadable'; readonly why: string };

/** As if it had never run: it may begin again, with all its attempts. */
export function forget(reading: Reading, key: string, holder: HolderRun): Resolved {
  if (reading.kind === 'unreadable') return reading;
  const record = recordOf(reading);
  if (record?.claim?.key === key && isRunning(record.claim, holder)) return { kind: 'running', claim: record.claim };
  if (record === undefined || !isKnown(record, key)) return { kind: 'unknown-key' };
  const rest = forgotten(record, key);
  if (record.cursor !== key) return { kind: 'resolved', record: rest };
  // A tick that a clock far ahead has claimed would keep all others back for as long as that clock was ahead.
  const ticks = rest.entries.map((entry) => entry.key).filter((each) => isTick(each) && each < key);
  const cursor = ticks.reduce<string | undefined>(later, undefined);
  return { kind: 'resolved', record: { ...rest, cursor } };
}

/** As if it had succeeded: it does not run again. */
export function mark(reading: Reading, key: string, by: string, holder: HolderRun, wallMs: number): Resolved {
  if (reading.kind === 'unreadable') return reading;
  const record = recordOf(reading) ?? emptyRecord(wallMs);
  if (record.claim?.key === key && isRunning(record.claim, holder)) return { kind: 'running', claim: record.claim };
  const claim = record.claim?.key === key ? record.claim : undefined;
  const attempts = claim?.attempt ?? entryFor(record, key)?.attempts ?? 0;
  const entry: Entry = {
    ...{ key, outcome: { kind: 'ok' }, attempts, at: timeText(wallMs) },
    ...{ tookMs: undefined, by: nameOf(by) },
  };
  const marked = claim ? over(record, claim, entry) : { ...record, entries: put(record.entries, entry) };
  return { kind: 'resolved', record: marked };
}

/** With nothing remembered: what a person may put in the place of a record that cannot be read. */
export function emptyRecord(wallMs: number): JobRecord {
  return { since: timeText(wallMs), cursor: undefined, schedule: undefined, claim: undefined, entries: [] };
}

/** Ticks after the cursor, up to this one, were passed over: none of them begins any more. */
export function skip(
  record: JobRecord,
  ticks: { readonly upTo: string; readonly why: SkipReason; readonly count: number },
  by: string,
  wallMs: number,
): JobRecord {
  const { upTo, why, count } = ticks;
  const at = timeText(wallMs);
  const entry: Entry = { key: upTo, outcome: { kind: 'skipped', why, count }, attempts: 0, at, tookMs: undefined, by };
  return { ...record, cursor: later(record.cursor, upTo), entries: put(record.entries, entry) };
}

function recordOf(reading: Reading): JobRecord | undefined {
  return reading.kind === 'record' ? reading.record : undefined;
}

function entryFor({ entries }: JobRecord, key: string): Entry | undefined {
  return entries.find((entry) => entry.key === key);
}

function isRunning(claim: Claim | undefined, holder: HolderRun): boolean {
  return claim !== undefined && claim.run === holder;
}

function isKnown(record: JobRecord, key: string): boolean {
  return record.claim?.key === key || entryFor(record, key) !== undefined;
}

/** Whether a claim is this process's own, and one under which it has started nothing. */
function isUnstarted(claim: Claim, { run, started }: Runner): boolean {
  return claim.run === run && !(started !== undefined && isSameClaim(claim, started));
}

/** Whether two are one: the claim of one process to one attempt. */
export function isSameClaim(a: Claim, b: Claim): boolean {
  return a.run === b.run && a.key === b.key && a.attempt === b.attempt && a.at === b.at;
}

/** A claim that its process did not settle: how the command ended, or whether it began, is not known. */
function unknownEnd({ key, attempt: attempts, at, by }: Claim): Entry {
  return { key, outcome: { kind: 'unknown' }, attempts, at, tookMs: undefined, by };
}

/** A claim that no process will settle any more is an attempt of unknown outcome. */
export function withoutClaim(record: JobRecord): JobRecord {
  return record.claim === undefined ? record : over(record, record.claim, unknownEnd(record.claim));
}

/** With an entry in the place of the claim. */
function over(record: JobRecord, claim: Claim, entry: Entry): JobRecord {
  return { ...record, claim: undefined, cursor: cursorOf({ ...record, claim }), entries: put(record.entries, entry) };
}

/** The newest tick that was claimed and has not been withdrawn. */
function cursorOf({ cursor, claim }: JobRecord): string | undefined {
  return claim?.isTick === true ? later(cursor, claim.key) : cursor;
}

function forgotten(record: JobRecord, key: string): JobRecord {
  const claim = record.claim?.key === key ? undefined : record.claim;
  return { ...record, claim, entries: record.entries.filter((entry) => entry.key !== key) };
}

function put(entries: readonly Entry[], entry: Entry): readonly Entry[] {
  return [entry, ...entries.filter(({ key }) => key !== entry.key)];
}

function later(a: string | undefined, b: string): string {
  return a === undefined || a < b ? b : a;
}
