// The record of jobs: one line of JSON beside the election record, in which a lock remembers what ran under it: the
// last keys with their outcomes, and the claim of a command that has begun and has no outcome yet. Decides what such a
// text looks like, which text is one, and what is dropped when it grows. Knows no lock and no clock, and not what a
// state means (key.ts).
// Invariants: a text that this version cannot read in full is never read as an empty record; what is written has at
// most 4 KB, always with the claim, the cursor and the newest entry; each key has at most one entry.

import { isJson, type Json, parseJson } from '../common/json.ts';
import { utcText } from '../common/utc.ts';

/** Every renewal carries the text, and every watcher gets it. */
export const longestText = 4096;
/** So many keys are remembered. An older one would run again. */
export const mostEntries = 32;
/** What people need of an identity; 32 whole ones would not fit. */
const longestName = 64;

/** A key is 1 to 64 of these, so that 32 fit, and so that it can be printed and typed as it is. */
export function isKey(text: string): boolean {
  return /^[A-Za-z0-9._:/@+-]{1,64}$/.test(text);
}

/** A tick is its instant in UTC, to the second. Its text sorts as the instants do. */
export function isTick(text: unknown): text is string {
  return isTime(text);
}

export type Outcome =
  /** The command ended by itself with 0, or a person marked the key as done. */
  | { readonly kind: 'ok' }
  /** It ended by itself otherwise; 128 + n when signal n ended it. */
  | { readonly kind: 'failed'; readonly status: number }
  /** leader-run stopped it, since --max-runtime was over. */
  | { readonly kind: 'max-runtime' }
  /** leader-run stopped it for another reason, whatever its status was then. */
  | { readonly kind: 'interrupted' }
  /** It was claimed, and no outcome was ever noted. */
  | { readonly kind: 'unknown' }
  /** Ticks of a schedule for which nothing was started, of which the key is the newest. `count`: see `mostCounted`. */
  | { readonly kind: 'skipped'; readonly why: SkipReason; readonly count: number };

const skipReasons = [
  /** No holder claimed it in time for it to be the one that is caught up with. */
  'missed',
  /** The command of an earlier tick was running. */
  'overlap',
  /** The lock was paused. */
  'paused',
  /** It was older than --start-deadline when its turn came. */
  'late',
] as const;
export type SkipReason = (typeof skipReasons)[number];

/** Skipped ticks are counted up to here; a line may have millions of them. */
export const mostCounted = 1000;

/** What is remembered of a key. */
export interface Entry {
  readonly key: string;
  readonly outcome: Outcome;
  /** Claims so far, this one included; 0 for a key that was marked before it ever ran. */
  readonly attempts: number;
  /** When it ended, by its holder's wall clock; when it began, if the outcome is unknown. */
  readonly at: string;
  /** How long the command ran; undefined where that is unknown, and for a key that was marked. */
  readonly tookMs: number | undefined;
  /** The name of the candidate that ran it, or of the person who marked it. For people. */
  readonly by: string;
}

/** A process's right to run a key once: written with the taking of the lock, removed with the outcome. */
export interface Claim {
  readonly key: string;
  /** Whether older keys must not begin after it. */
  readonly isTick: boolean;
  readonly attempt: number;
  readonly at: string;
  readonly by: string;
  /** The process that claimed: the uuid of its run. Identities may be alike, these are not. */
  readonly run: string;
}

export interface JobRecord {
  /** When this memory began: what ran before is not known. */
  readonly since: string;
  /** The newest tick of which an attempt is over; no older one begins. On a schedule, all up to it are settled. */
  readonly cursor: string | undefined;
  /** `0 3 * * * Europe/Berlin`: the cron line whose ticks the cursor counts. */
  readonly schedule: string | undefined;
  readonly claim: Claim | undefined;
  /** The newest first. */
  readonly entries: readonly Entry[];
}

/** What a lock holds where its record of jobs would be. */
export type Reading =
  | { readonly kind: 'absent' }
  | { readonly kind: 'record'; readonly record: JobRecord }
  /** No key's state is known, so none may run. `why` is the end of a sentence for people. */
  | { readonly kind: 'unreadable'; readonly why: string };

/** `text`: undefined where the lock has none. */
export function parseJobs(text: string | undefined): Reading {
  if (text === undefined) return { kind: 'absent' };
  const value = parseJson(text);
  if (!isJson(value)) return unreadable('it is not a JSON object');
  const { v, since, cursor, schedule, run, keys, ...others } = value;
  if (v !== 1) return unreadable('another version of leader-run wrote it');
  // A field that this version does not know may be why a key must not run, and writing the record would drop it.
  if (Object.keys(others).length > 0) return unreadable('it has fields that this version of leader-run does not know');
  if (!isTime(since)) return unreadable('since is not a time');
  if (cursor !== undefined && !isTick(cursor)) return unreadable('cursor is not a tick');
  if (schedule !== undefined && !isSchedule(schedule)) return unreadable('schedule is not a cron line with a zone');
  const claim = run === undefined ? undefined : claimOf(run);
  if (run !== undefined && claim === undefined) return unreadable('run is not a claim');
  if (!Array.isArray(keys)) return unreadable('keys is not a list');
  const entries = keys.flatMap((item: unknown) => entryOf(item) ?? []);
  if (entries.length < keys.length) return unreadable('keys has an item that is not an entry');
  if (new Set(entries.map(({ key }) => key)).size < entries.length) return unreadable('keys has a key twice');
  return { kind: 'record', record: { since, cursor, schedule, claim, entries } };
}

/** Drops the oldest entries until the text fits. */
export function formatJobs(record: JobRecord): string {
  const entries = record.entries.slice(0, mostEntries);
  let text = textOf(record, entries);
  while (Buffer.byteLength(text) > longestText && entries.length > 1) {
    entries.pop();
    text = textOf(record, entries);
  }
  return text;
}

/** Whole seconds in UTC: `2026-11-26T03:00:00Z`. */
export function timeText(wallMs: number): string {
  return utcText(wallMs).replace(/\.\d+Z$/, 'Z');
}

/** The part of an identity that people know it by: a uuid behind it would take a third of the record. */
export function nameOf(identity: string): string {
  const name = identity.replace(/_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '') || identity;
  return Array.from(name).slice(0, longestName).join('');
}

function textOf({ since, cursor, schedule, claim }: JobRecord, entries: readonly Entry[]): string {
  const run = claim && itemOfClaim(claim);
  // JSON leaves out what is undefined.
  return JSON.stringify({ v: 1, since, cursor, schedule, run, keys: entries.map(itemOf) });
}

function itemOfClaim({ key, isTick, attempt: n, by, at, run: id }: Claim): Json {
  return isTick ? { key, tick: true, n, by, at, id } : { key, n, by, at, id };
}

function itemOf({ key, outcome, attempts, at, tookMs, by }: Entry): readonly (string | number | null)[] {
  const item = [key, wordOf(outcome), attempts, at, tookMs ?? null, by];
  if (outcome.kind === 'failed') return [...item, outcome.status];
  if (outcome.kind === 'skipped') return [...item, outcome.why, outcome.count];
  return outcome.kind === 'max-runtime' ? [...item, 'max-runtime'] : item;
}

/** To a reader of the record, what ran for too long has failed. */
function wordOf({ kind }: Outcome): string {
  return kind === 'max-runtime' ? 'failed' : kind;
}

function entryOf(item: unknown): Entry | undefined {
  if (!Array.isArray(item)) return undefined;
  const [key, word, attempts, at, took, by, ...causes] = item as unknown[];
  const outcome = outcomeOf(word, causes);
  const isTook = took === null || isCount(took);
  if (!isKeyText(key) || !outcome || !isCount(attempts) || !isTime(at) || !isTook || !isName(by)) return undefined;
  return { key, outcome, attempts, at, tookMs: took ?? undefined, by };
}

function outcomeOf(word: unknown, causes: readonly unknown[]): Outcome | undefined {
  const [cause] = causes;
  if (word === 'failed' && causes.length === 1) {
    if (cause === 'max-runtime') return { kind: 'max-runtime' };
    return isCount(cause) ? { kind: 'failed', status: cause } : undefined;
  }
  if (word === 'skipped' && causes.length === 2) {
    const why = skipReasons.find((reason) => reason === cause);
    const [, count] = causes;
    return why !== undefined && isCount(count) && count > 0 ? { kind: 'skipped', why, count } : undefined;
  }
  if (causes.length > 0) return undefined;
  return word === 'ok' || word === 'interrupted' || word === 'unknown' ? { kind: word } : undefined;
}

function claimOf(value: unknown): Claim | undefined {
  if (!isJson(value)) return undefined;
  const { key, tick, n, by, at, id, ...others }: Json = value;
  if (!isKeyText(key) || !isCount(n) || n === 0 || !isName(by) || !isTime(at) || !isName(id)) return undefined;
  if (Object.keys(others).length > 0 || (tick !== undefined && !(tick === true && isTick(key)))) return undefined;
  return { key, isTick: tick === true, attempt: n, at, by, run: id };
}

function isKeyText(value: unknown): value is string {
  return typeof value === 'string' && isKey(value);
}

/** Five fields, each of characters that a cron line has, and a zone's name. */
function isSchedule(value: unknown): value is string {
  return typeof value === 'string' && /^(?:[0-9*/,-]{1,200} ){5}[A-Za-z0-9_+/-]{1,64}$/.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && Array.from(value).length <= longestName;
}

/** Whether it is an instant that exists, in the one form that is written. */
function isTime(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) return false;
  const ms = Date.parse(value);
  return !Number.isNaN(ms) && timeText(ms) === value;
}

function unreadable(why: string): Reading {
  return { kind: 'unreadable', why };
}
