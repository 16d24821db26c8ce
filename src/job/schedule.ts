// A command that runs at each tick of a cron line, while its holder keeps the lock in between. Decides what is due by
// what the record says and the wall clock shows: which tick begins, which are passed over and why, when a failed one is
// tried again; and the rules for the note that a renewal then carries. A tick is its instant in UTC, behind a cursor
// that only grows. Knows no command and no timer.
// Invariants: each tick up to the cursor is settled, once; a tick begins only by a claim that is stored; wall clocks
// decide when a tick is due, never who runs it, and one that is far ahead of the server's claims nothing.

import type { Beside, Notes, Page, Wished } from '../elector/notes.ts';
import { pauseIn, runIn } from '../locks/instructions.ts';
import { begin, emptyRecord, type Job, settle, skip, type Verdict, withoutClaim } from './key.ts';
import { claimIn, read, runnerOf, settledRecord, tooFarAheadMs, type WorkEnd } from './once.ts';
import {
  type Claim,
  type Entry,
  formatJobs,
  isKey,
  type JobRecord,
  mostCounted,
  nameOf,
  parseJobs,
  type SkipReason,
  timeText,
} from './record.ts';
import { newestTicks, type Schedule, ticksBetween } from './tick.ts';

export interface Plan {
  readonly schedule: Schedule;
  /** `namespace/name`, for the jitter. */
  readonly lock: string;
  /** How often a tick may begin. */
  readonly attempts: number;
  /** Which of the ticks that no holder was there for are run. */
  readonly catchUp: 'last' | 'all';
  /** A tick that is older when its turn comes does not begin any more; undefined: it begins however old it is. */
  readonly startDeadlineMs: number | undefined;
  /** What becomes of a tick that is due while the command of an earlier one runs. */
  readonly overlap: 'skip' | 'queue' | 'replace';
  /** Ticks begin later by up to this, each by the same for all candidates. */
  readonly jitterMs: number;
}

/** Ticks that nothing is started for. */
export interface Skipped {
  readonly upTo: string;
  readonly why: SkipReason;
  readonly count: number;
}

/** What a renewal is to note. */
export type Wish =
  /** The ticks of this schedule count from now on. */
  | { readonly kind: 'adopt' }
  | { readonly kind: 'skip'; readonly skipped: readonly Skipped[]; readonly obeys?: 'pause' }
  /** What an operator asked to run has run. */
  | { readonly kind: 'forget-run' }
  | { readonly kind: 'begin'; readonly key: string; readonly isTick: boolean; readonly skipped: readonly Skipped[] }
  | ({ readonly kind: 'end'; readonly claim: Claim } & WorkEnd);

/** What is to be done now. */
export type Due =
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'note'; readonly wish: Exclude<Wish, { kind: 'begin' | 'end' }> }
  | { readonly kind: 'begin'; readonly wish: Extract<Wish, { kind: 'begin' }> };

/** What the story of a term needs of a schedule (src/rounds.ts). */
export interface Rounds {
  /** For the log: the cron line and its zone. */
  readonly name: string;
  readonly attempts: number;
  readonly dueOf: (beside: Beside, wallMs: number) => Due;
  /** Which ticks a write has passed over, between two notes. */
  readonly skippedBetween: (before: string | undefined, after: string | undefined) => readonly Skipped[];
  /** When the command of the next tick begins, by the wall clock; Infinity: no tick comes. */
  readonly nextAfter: (wallMs: number) => number;
  /** The same, where it takes the place of the one that runs. */
  readonly replacedAt: ((wallMs: number) => number) | undefined;
}

export function roundsOf(plan: Plan): Rounds {
  return {
    name: specOf(plan),
    attempts: plan.attempts,
    dueOf: (beside, wallMs) => dueOf(plan, beside, wallMs),
    skippedBetween,
    nextAfter: (wallMs) => nextStart(plan, wallMs),
    replacedAt: plan.overlap === 'replace' ? (wallMs) => nextStart(plan, wallMs) : undefined,
  };
}

/** So many ticks are caught up with; the older ones are passed over. */
const mostCaughtUp = 100;
const firstRetryMs = 10_000;
const longestRetryMs = 300_000;

const specOf = ({ schedule: { line, zone } }: Plan): string => `${line} ${zone}`;

/** When the tick's command starts, by the wall clock. */
export function startOf({ lock, jitterMs }: Plan, tickMs: number): number {
  if (jitterMs === 0) return tickMs;
  return tickMs + (hashOf(`${lock} ${timeText(tickMs)}`) % jitterMs);
}

/** FNV-1a, 32 bits, and its bits mixed once more, since texts that differ in one digit are to lie far apart. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** The start of the first tick after an instant. */
export function nextStart(plan: Plan, afterMs: number): number {
  const [next] = ticksBetween(plan.schedule, afterMs, Infinity, 1);
  return next === undefined ? Infinity : startOf(plan, next);
}

/** What the holder is to do, with no command running. */
export function dueOf(plan: Plan, { note, instructions }: Beside, wallMs: number): Due {
  const reading = read(note);
  const record = reading.kind === 'record' ? reading.record : undefined;
  // Whoever took the lock has written one; another was taken away since.
  if (record?.cursor === undefined || record.schedule !== specOf(plan))
    return { kind: 'note', wish: { kind: 'adopt' } };
  const cursorMs = Date.parse(record.cursor);
  const pausedMs = instructions && pauseIn(instructions)?.untilMs;
  if (pausedMs !== undefined && pausedMs <= wallMs) {
    const wish = { kind: 'skip', skipped: pausedTicks(plan.schedule, cursorMs, pausedMs), obeys: 'pause' } as const;
    return { kind: 'note', wish };
  }
  const retryMs = retryAt(plan, record, wallMs);
  const isRetriedFirst = plan.catchUp === 'all' && retryMs !== undefined;
  if (!isRetriedFirst) {
    const due = caughtUp(plan, cursorMs, wallMs);
    if (due !== undefined) return due;
  }
  const asked = instructions && runIn(instructions);
  if (asked !== undefined) return askedFor(record, asked.word);
  if (retryMs !== undefined && retryMs <= wallMs)
    return { kind: 'begin', wish: { kind: 'begin', key: record.cursor, isTick: true, skipped: [] } };
  const next = isRetriedFirst ? Infinity : nextStart(plan, cursorMs);
  return { kind: 'wait', untilMs: Math.min(next, retryMs ?? Infinity) };
}

/** The tick that begins, of all that are due, and those that are passed over; undefined: none is due. */
function caughtUp(plan: Plan, cursorMs: number, wallMs: number): Due | undefined {
  const { catchUp, startDeadlineMs } = plan;
  const due = dueTicks(plan, cursorMs, wallMs);
  if (due.length === 0) return undefined;
  const isLate = (tick: number): boolean => wallMs - tick > (startDeadlineMs ?? Infinity);
  const inTime = due.filter((tick) => !isLate(tick));
  const [first] = catchUp === 'last' ? inTime.slice(-1) : inTime.slice(-mostCaughtUp);
  const passed = due.filter((tick) => first === undefined || tick < first);
  const skipped = [
    ...counted(passed.filter(isLate), 'late'),
    ...counted(
      passed.filter((tick) => !isLate(tick)),
      'missed',
    ),
  ];
  if (first === undefined) return { kind: 'note', wish: { kind: 'skip', skipped } };
  return { kind: 'begin', wish: { kind: 'begin', key: timeText(first), isTick: true, skipped } };
}

/** The ticks after the cursor whose start has come. Where there are too many to count, the newest are not missing. */
function dueTicks(plan: Plan, cursorMs: number, wallMs: number): number[] {
  const { schedule } = plan;
  const first = ticksBetween(schedule, cursorMs, wallMs, mostCounted);
  const isAll = first.length < mostCounted;
  // With the one before those that are caught up with.
  const ticks = isAll ? first : [...new Set([...first, ...newestTicks(schedule, wallMs, mostCaughtUp + 1)])];
  return ticks.filter((tick) => startOf(plan, tick) <= wallMs);
}

function counted(ticks: readonly number[], why: SkipReason): Skipped[] {
  const last = ticks.at(-1);
  return last === undefined ? [] : [{ upTo: timeText(last), why, count: Math.min(ticks.length, mostCounted) }];
}

/** All of a pause. */
function pausedTicks(schedule: Schedule, cursorMs: number, untilMs: number): Skipped[] {
  const ticks = ticksBetween(schedule, cursorMs, untilMs, mostCounted);
  return counted(ticks.length < mostCounted ? ticks : [...ticks, ...newestTicks(schedule, untilMs, 1)], 'paused');
}

/** What an operator asks to run runs once for each word. */
export function manualKey(word: string): string {
  return `manual/${word}`;
}

function askedFor(record: JobRecord, word: string): Due {
  const key = manualKey(word);
  const isKnown = record.entries.some((entry) => entry.key === key);
  if (isKnown || !isKey(key)) return { kind: 'note', wish: { kind: 'forget-run' } };
  return { kind: 'begin', wish: { kind: 'begin', key, isTick: false, skipped: [] } };
}

/** When the newest tick begins once more; undefined: it does not. */
function retryAt({ attempts: atMost }: Plan, { cursor, entries }: JobRecord, wallMs: number): number | undefined {
  const entry = entries.find(({ key }) => key === cursor);
  if (entry === undefined || entry.attempts >= atMost) return undefined;
  const { outcome, attempts } = entry;
  // By the clock of the candidate that ran it.
  const atMs = Date.parse(entry.at);
  switch (outcome.kind) {
    case 'ok':
    case 'skipped':
      return undefined;
    case 'interrupted':
    case 'unknown':
      return atMs;
    case 'failed':
    case 'max-runtime':
      return atMs > wallMs ? wallMs : atMs + Math.min(firstRetryMs * 2 ** (attempts - 1), longestRetryMs);
  }
}

/** Which ticks a write has passed over, that the state before it had not. */
export function skippedBetween(before: string | undefined, after: string | undefined): Skipped[] {
  const known = new Set(entriesIn(before).map(({ key }) => key));
  return entriesIn(after)
    .flatMap(({ key, outcome }) =>
      outcome.kind === 'skipped' && !known.has(key) ? [{ upTo: key, why: outcome.why, count: outcome.count }] : [],
    )
    .reverse();
}

function entriesIn(note: string | undefined): readonly Entry[] {
  const reading = parseJobs(note);
  return reading.kind === 'record' ? reading.record.entries : [];
}

/** What a person who ends a pause settles with it: the ticks that came meanwhile are not made up for. */
export function resumed(
  schedule: Schedule,
  record: JobRecord,
  by: string,
  wallMs: number,
): { readonly record: JobRecord; readonly count: number } {
  // A person may have forgotten the only tick that was known.
  if (record.cursor === undefined) return { record, count: 0 };
  const [passed] = pausedTicks(schedule, Date.parse(record.cursor), wallMs);
  if (passed === undefined) return { record, count: 0 };
  return { record: skip(record, passed, nameOf(by), wallMs), count: passed.count };
}

/** Why a wish is not granted. */
export type Refusal =
  /** What the record says of the key: a person, or another holder, has settled it meanwhile. */
  | Exclude<Verdict, { kind: 'may-run' }>
  /** This machine's clock is ahead of the API server's by so much. */
  | { readonly kind: 'clock-ahead'; readonly comesInMs: number };

export function notesOfSchedule(plan: Plan): Notes {
  return {
    settled: ({ note }) => {
      const reading = read(note);
      return reading.kind === 'unreadable' ? reading : undefined;
    },
    taking: (page) => {
      const reading = read(page.note);
      if (reading.kind === 'unreadable') return { verdict: reading };
      if (reading.kind === 'absent') return { note: formatJobs(adopted(plan, emptyRecord(page.wallMs), page)) };
      // What we know of our own claim is more than that its end is unknown.
      return { note: formatJobs(settledRecord(page) ?? withoutClaim(reading.record)) };
    },
    renewing: (page, wish) => granted(plan, page, wish as Wish),
    releasing: (page) => {
      const record = settledRecord(page);
      const claim = claimIn(read(page.note));
      if (record === undefined || claim === undefined) return undefined;
      const hasRun = record.entries.some(({ key, attempts }) => key === claim.key && attempts === claim.attempt);
      return formatJobs(hasRun ? overlapped(plan, record, claim, page) : record);
    },
  };
}

function granted(plan: Plan, page: Page, wish: Wish): Wished | { readonly verdict: unknown } {
  const reading = read(page.note);
  if (reading.kind === 'unreadable') return { verdict: reading };
  const record = reading.kind === 'record' ? reading.record : emptyRecord(page.wallMs);
  const { wallMs } = page;
  switch (wish.kind) {
    case 'adopt':
      return { note: formatJobs(adopted(plan, record, page)) };
    case 'forget-run':
      return { note: formatJobs(record), obeys: 'run' };
    case 'skip': {
      const ahead = aheadOf(page, wish.skipped.at(-1)?.upTo);
      if (ahead) return { verdict: ahead };
      return { note: formatJobs(passedOver(record, wish.skipped, page)), obeys: wish.obeys };
    }
    case 'begin': {
      const ahead = wish.isTick ? aheadOf(page, wish.key) : undefined;
      if (ahead) return { verdict: ahead };
      const job: Job = wish.isTick
        ? { kind: 'tick', key: wish.key, attempts: plan.attempts }
        : { kind: 'key', key: wish.key, attempts: 1 };
      const before = passedOver(record, wish.skipped, page);
      const begun = begin({ kind: 'record', record: before }, job, runnerOf(page), wallMs);
      if (begun.kind !== 'begun') return { verdict: begun };
      return { note: formatJobs(begun.record), obeys: wish.isTick ? undefined : 'run' };
    }
    case 'end': {
      const { claim, ending, tookMs } = wish;
      const settled = settle(reading, claim, ending, wallMs, tookMs);
      // Another has taken the claim away: there is nothing to settle.
      if (settled === undefined) return { note: formatJobs(record) };
      return { note: formatJobs(ending.kind === 'unstarted' ? settled : overlapped(plan, settled, claim, page)) };
    }
  }
}

/** The ticks of this schedule count from now on: what lies before was never asked of it. */
function adopted(plan: Plan, record: JobRecord, page: Page): JobRecord {
  const now = timeText(credibleMs(page));
  const cursor = record.cursor === undefined || record.cursor < now ? now : record.cursor;
  return { ...withoutClaim(record), schedule: specOf(plan), cursor };
}

function passedOver(record: JobRecord, skipped: readonly Skipped[], { identity, wallMs }: Page): JobRecord {
  return skipped.reduce((before, ticks) => skip(before, ticks, nameOf(identity), wallMs), record);
}

/**
 * With what fell due while a command ran: never run late, or all but the newest, which is next. Where older ticks wait
 * to be made up for, all wait for their turn.
 */
function overlapped(plan: Plan, record: JobRecord, claim: Claim, page: Page): JobRecord {
  if (record.cursor === undefined) return record;
  const due = dueTicks(plan, Date.parse(record.cursor), credibleMs(page));
  const [oldest] = due;
  if (plan.catchUp === 'all' && oldest !== undefined && startOf(plan, oldest) <= Date.parse(claim.at)) return record;
  const passed = plan.overlap === 'skip' ? due : due.slice(0, -1);
  return passedOver(record, counted(passed, 'overlap'), page);
}

/** This machine's clock, as far as the server's bears it out. */
function credibleMs({ wallMs, serverMs }: Page): number {
  return Math.min(wallMs, (serverMs ?? Infinity) + tooFarAheadMs);
}

function aheadOf({ serverMs }: Page, tick: string | undefined): Refusal | undefined {
  const comesInMs = tick === undefined ? 0 : Date.parse(tick) - (serverMs ?? Infinity);
  return comesInMs > tooFarAheadMs ? { kind: 'clock-ahead', comesInMs } : undefined;
}
