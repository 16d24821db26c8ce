// What is said of a lock that was looked at: the view of one lock, the row among many, the line of JSON. Decides words,
// columns and fields; docs/status.md tells the fields, which stay what they are.
// Knows neither how a lock was looked at (look.ts) nor where the text goes.
// Invariant: what another clock told is marked with ~; names went through `printable` but in JSON, which escapes them.

import { nameCap, printable } from '../common/printable.ts';
import { count, span } from '../common/quantity.ts';
import { instructionsOf, noteOf } from '../elector/observation.ts';
import { type HolderRun, listKeys } from '../job/key.ts';
import { type Claim, type Entry, type Outcome, parseJobs, timeText } from '../job/record.ts';
import { outcomeWord } from '../job/tell.ts';
import { comingTicks, parseSchedule } from '../job/tick.ts';
import { pauseAt, pauseFacts } from '../locks/instructions.ts';
import type { Look } from './look.ts';

export const lockColumns = ['LOCK', 'HOLDER', 'SINCE', 'RENEWED', 'LEASE', 'TRANSITIONS', 'JOB', 'LAST'] as const;
export const keyColumns = ['KEY', 'OUTCOME', 'ATTEMPTS', 'WHEN', 'TOOK', 'BY', 'STATUS'] as const;

/** Of one lock, for people. */
export function viewOf(look: Look, nowMs: number): string {
  const { fullName } = look;
  const indent = ' '.repeat(Math.max(fullName.length, 12) + 3);
  const lines = [`${fullName.padEnd(indent.length)}${standing(look, nowMs)}`];
  const { sighting } = look;
  if (sighting.kind !== 'absent')
    lines.push(`${indent}uid ${sighting.version.object}, version ${sighting.version.state}`);
  const under = (word: string, text: string): number => lines.push(`${word.padEnd(indent.length)}${text}`);
  const { pause, stepDown } = askedAt(look, nowMs);
  if (pause)
    under('paused', `until ${pause.until ?? 'resume'}${pause.reason === '' ? '' : `, ${printable(pause.reason)}`}`);
  if (stepDown !== undefined) under('asked', `to step down: ${printable(stepDown, nameCap)}`);
  const ticks = ticksOf(look, nowMs);
  if (ticks)
    under(
      'schedule',
      `${ticks.spec}, next ${ticks.next ?? 'never'}${ticks.inMs === undefined ? '' : ` (in ${span(ticks.inMs)})`}`,
    );
  const { running } = jobsOf(look);
  if (running) {
    const { key, attempt, at } = running;
    const forMs = timeOf(look, nowMs) - Date.parse(at);
    under('running', `key ${key}, attempt ${String(attempt)}, for ~${span(forMs)}`);
  }
  const why = unreadableJob(look);
  if (why !== undefined) under('keys', `cannot be read: ${why}`);
  return `${lines.join('\n')}\n`;
}

export function standing(look: Look, nowMs: number): string {
  const { sighting, state, isObserved } = look;
  if (sighting.kind === 'absent') return 'does not exist: it was never taken, or it was deleted';
  if (sighting.kind === 'unreadable') return `held, by a record that cannot be read: ${printable(sighting.text)}`;
  const { holderIdentity, acquireTime, renewTime, leaseDurationSeconds, leaseTransitions } = sighting.record;
  const transitions = count(leaseTransitions, 'transition');
  if (state === 'free') return `free, ${transitions}`;
  const ago = (time: string): string => ageText(timeOf(look, nowMs) - Date.parse(time), '~');
  const lease = `lease ${span(leaseDurationSeconds * 1000)}`;
  const held = `held by ${printable(holderIdentity, nameCap)} since ${ago(acquireTime)}, renewed ${ago(renewTime)} ago`;
  if (state === 'held') return `${held}, ${lease}, ${transitions}`;
  const why = isObserved ? 'no renewal was seen for a whole lease' : 'its lease is over, or its clock is behind';
  return `${held}, ${lease}: ${why}`;
}

export function rowOf(look: Look, nowMs: number): string[] {
  const { fullName, sighting, state } = look;
  const { running, entries } = jobsOf(look);
  const [last] = entries;
  const { pause } = askedAt(look, nowMs);
  const job = running ? `running ${running.key}` : pause ? 'paused' : '-';
  const lastText = last ? `${last.key} ${outcomeWord(last.outcome)} ${age(look, last.at, nowMs)}` : '-';
  if (sighting.kind !== 'record')
    return [fullName, sighting.kind === 'unreadable' ? '?' : '-', '-', '-', '-', '-', '-', '-'];
  const { holderIdentity, acquireTime, renewTime, leaseDurationSeconds, leaseTransitions } = sighting.record;
  const isHeld = holderIdentity !== '';
  return [
    fullName,
    isHeld ? printable(holderIdentity, nameCap) : '-',
    isHeld ? age(look, acquireTime, nowMs) : '-',
    isHeld ? `${age(look, renewTime, nowMs)}${state === 'over' ? ' !' : ''}` : '-',
    isHeld ? span(leaseDurationSeconds * 1000) : '-',
    String(leaseTransitions),
    job,
    lastText,
  ];
}

/** The keys of a lock, the newest first; what runs now comes before them. */
export function keyRows(look: Look): string[][] {
  const { running, entries } = jobsOf(look);
  const first = running
    ? [[running.key, 'running', String(running.attempt), running.at, '-', printable(running.by, nameCap), '-']]
    : [];
  return [...first, ...entries.map(keyRow)];
}

function keyRow({ key, outcome, attempts, at, tookMs, by }: Entry): string[] {
  const took = tookMs === undefined ? '-' : span(tookMs);
  const status = statusOf(outcome);
  return [key, outcomeWord(outcome), String(attempts), at, took, printable(by, nameCap), status];
}

function statusOf(outcome: Outcome): string {
  if (outcome.kind === 'failed') return String(outcome.status);
  if (outcome.kind !== 'skipped') return '-';
  return outcome.count === 1 ? outcome.why : `${outcome.why}, ${String(outcome.count)}`;
}

/** A line; its fields are documented, and new ones may come. */
export function jsonOf(look: Look, nowMs: number): string {
  const { fullName: lock, sighting, state, isObserved: observed } = look;
  const base = { lock, state, held: state === 'held' || state === 'unreadable', observed };
  if (sighting.kind !== 'record') return `${JSON.stringify({ ...base, holder: null, job: null })}\n`;
  const { record, version } = sighting;
  const time = timeOf(look, nowMs);
  const asked = askedAt(look, nowMs);
  const since = (text: string): number | null => (Number.isNaN(Date.parse(text)) ? null : time - Date.parse(text));
  return `${JSON.stringify({
    ...base,
    holder: record.holderIdentity === '' ? null : record.holderIdentity,
    sinceMs: since(record.acquireTime),
    renewedMsAgo: since(record.renewTime),
    leaseMs: record.leaseDurationSeconds * 1000,
    transitions: record.leaseTransitions,
    uid: version.object,
    version: version.state,
    paused: asked.pause ? { until: asked.pause.until ?? null, reason: asked.pause.reason } : null,
    stepDown: asked.stepDown ?? null,
    job: jobJson(look, nowMs),
  })}\n`;
}

/** What operators have asked for, and is not done. */
function askedAt(
  { sighting }: Look,
  nowMs: number,
): {
  readonly pause: { readonly until: string | undefined; readonly reason: string } | undefined;
  readonly stepDown: string | undefined;
} {
  const instructions = instructionsOf(sighting);
  const pause = pauseAt(instructions, nowMs);
  return { pause: pause && pauseFacts(pause), stepDown: instructions?.stepDown };
}

/** Undefined where none is known. */
export function lastSuccessMs(look: Look): number | undefined {
  const at = jobsOf(look).entries.find(({ outcome }) => outcome.kind === 'ok')?.at;
  return at === undefined ? undefined : Date.parse(at);
}

/** Who signed the record, if its holder may be alive: a claim of another run is over. */
export function holderRun({ sighting, state }: Look): HolderRun {
  return sighting.kind === 'record' && state === 'held' ? sighting.signature?.run : undefined;
}

/** The server's clock where it told, else ours. */
export function timeOf({ dateMs }: Look, nowMs: number): number {
  return dateMs ?? nowMs;
}

function jobsOf(look: Look): { running: Claim | undefined; entries: readonly Entry[] } {
  return listKeys(parseJobs(noteOf(look.sighting)), holderRun(look));
}

function unreadableJob(look: Look): string | undefined {
  const reading = parseJobs(noteOf(look.sighting));
  return reading.kind === 'unreadable' ? reading.why : undefined;
}

function jobJson(look: Look, nowMs: number): unknown {
  const reading = parseJobs(noteOf(look.sighting));
  if (reading.kind !== 'record') return reading.kind === 'absent' ? null : { unreadable: reading.why };
  const { running, entries } = jobsOf(look);
  const { since, cursor } = reading.record;
  const claim = running && { key: running.key, attempt: running.attempt, by: running.by, at: running.at };
  const keys = entries.map(({ key, outcome, attempts, at, tookMs, by }) => ({
    ...{ key, outcome: outcome.kind, ...(outcome.kind === 'failed' && { status: outcome.status }) },
    ...(outcome.kind === 'skipped' && { why: outcome.why, count: outcome.count }),
    ...{ attempts, at, tookMs: tookMs ?? null, by },
  }));
  const ticks = ticksOf(look, nowMs);
  const schedule = ticks ? { schedule: ticks.spec, next: ticks.next ?? null } : { schedule: null, next: null };
  return { since, cursor: cursor ?? null, ...schedule, running: claim ?? null, keys };
}

/** The schedule that the lock's holders keep, and its next tick. */
function ticksOf(
  look: Look,
  nowMs: number,
): { readonly spec: string; readonly next: string | undefined; readonly inMs: number | undefined } | undefined {
  const reading = parseJobs(noteOf(look.sighting));
  const spec = reading.kind === 'record' ? reading.record.schedule : undefined;
  if (spec === undefined) return undefined;
  const time = timeOf(look, nowMs);
  const schedule = parseSchedule(spec, time);
  const [next] = 'fault' in schedule ? [] : comingTicks(schedule.value, time, 1);
  return { spec, next: next === undefined ? undefined : timeText(next), inMs: next && next - time };
}

function age(look: Look, time: string, nowMs: number): string {
  return ageText(timeOf(look, nowMs) - Date.parse(time), '~');
}

function ageText(ms: number, mark: string): string {
  return Number.isNaN(ms) ? '?' : `${mark}${span(ms)}`;
}
