// What must be true of the ticks of a schedule in every run: judged by what commands really did and by what the store
// really holds, write by write. Knows the text of a note (record.ts), and which ticks there are, by arithmetic alone.
// Invariants: S1 each tick up to the cursor is settled, and once; S2 a tick begins no more often than it may, by a
// claim that is stored, and never after a success that is; S3 an outcome is by the run that had the claim, and is what
// became of its command; S4 where all is calm each tick runs when due; S5 no tick begins long before its time; S6
// nothing is claimed on a paused lock. One that was deleted, and not made again by its holder, begins anew.

import type { Cron } from 'croner';
import { type Plan, startOf } from '../../src/job/schedule.ts';
import { type Claim, type Entry, type JobRecord, mostCounted, timeText } from '../../src/job/record.ts';
import { pauseIn } from '../../src/locks/instructions.ts';
import type { WriteRequest } from '../../src/locks/lock.ts';
import { type Begun, earliestMs, type JobJudge, recordIn, serverWall } from './job-oracle.ts';
import type { SchedulePlan } from './scenario.ts';
import type { Stored } from './store.ts';
import type { World } from './world.ts';

type Beside = Pick<Stored, 'note' | 'instructions'>;

/** From a tick to its command where nothing is in the way: the clock's second, a request and a spawn. */
const latestMs = 3_000;

export function noTicks() {
  const outcomes = { ok: 0, failed: 0, interrupted: 0, unknown: 0, withdrawn: 0 };
  return { begun: 0, manual: 0, ...outcomes, missed: 0, overlap: 0, paused: 0, late: 0, kept: 0, forgotten: 0 };
}

/** The shipped plan, on ticks without a calendar. */
export function planOf({ everyMs, attempts, catchUp, startDeadlineMs, overlap, jitterMs }: SchedulePlan): Plan {
  const after = (at: Date): Date => new Date((Math.floor(at.getTime() / everyMs) + 1) * everyMs);
  const cron = {
    nextRun: after,
    previousRuns: (count: number, at: Date) =>
      Array.from({ length: count }, (_, i) => new Date(after(at).getTime() - (i + 1) * everyMs)).filter(
        (tick) => tick.getTime() < at.getTime(),
      ),
  } as unknown as Cron;
  // A record's schedule is five fields and a zone.
  const schedule = { line: `${everyMs / 1000} * * * *`, zone: 'UTC', cron };
  return { schedule, lock: 'default/demo', attempts, catchUp, startDeadlineMs, overlap, jitterMs };
}

export class ScheduleOracle implements JobJudge {
  readonly seen = noTicks();
  readonly #world: World;
  readonly #schedule: SchedulePlan;
  readonly #plan: Plan;
  /** The lock is deleted: who holds it makes it again with what it remembered; else all is forgotten. */
  readonly #mayForget: boolean;
  /** Every claim that was ever stored. */
  readonly #claims = new Set<string>();
  readonly #begun = new Map<string, Begun[]>();
  readonly #settled = new Map<string, string>();
  #first: number | undefined;
  #cursor: number | undefined;
  #record: JobRecord | undefined;

  constructor(world: World, schedule: SchedulePlan, mayForget: boolean) {
    this.#world = world;
    this.#mayForget = mayForget;
    this.#schedule = schedule;
    this.#plan = planOf(schedule);
  }

  /** Nothing is: ticks come by themselves. */
  asked(): void {
    throw new Error('no key is asked for');
  }

  started(run: string, environment: Record<string, string>): (end: Begun['end']) => void {
    const { LEADER_RUN_KEY: key = '', LEADER_RUN_ATTEMPT: attempt, LEADER_RUN_TICK: tick } = environment;
    const claim = this.#record?.claim;
    const isClaimed = claim?.key === key && claim.run === run && String(claim.attempt) === attempt;
    // Of an object that is gone, which the holder does not know yet.
    if (!isClaimed && !(this.#mayForget && this.#claims.has(`${run} ${key} ${String(attempt)}`)))
      this.#world.fail(`S2: a command begins for ${key}, which is not claimed`);
    const isManual = key.startsWith('manual/');
    if (tick !== (isManual ? '' : key)) this.#world.fail(`S2: the tick of ${key} is told as ${String(tick)}`);
    const all = this.#begun.get(key) ?? [];
    const begun: Begun = { run, end: 'running' };
    this.#begun.set(key, [...all, begun]);
    this.seen[isManual ? 'manual' : 'begun'] += 1;
    const atMost = isManual ? 1 : this.#schedule.attempts;
    if (all.length >= atMost) this.#world.fail(`S2: ${key} begins the ${all.length + 1}th time, of ${atMost}`);
    // One that was not stored is not known: then it may begin again, if it may begin twice.
    if (this.#settled.get(key) === 'ok') this.#world.fail(`S2: ${key} begins again after a success`);
    if (!isManual) this.#judgeTime(Date.parse(key));
    return (end) => {
      begun.end = end;
    };
  }

  #judgeTime(tickMs: number): void {
    const lateMs = serverWall + this.#world.now - startOf(this.#plan, tickMs);
    if (-lateMs > earliestMs) this.#world.fail(`S5: ${timeText(tickMs)} begins ${Math.round(-lateMs)} ms too soon`);
    if (this.#schedule.isCalm && lateMs > latestMs && tickMs > (this.#first ?? 0))
      this.#world.fail(`S4: ${timeText(tickMs)} begins ${Math.round(lateMs)} ms late, without any fault`);
  }

  wrote(before: Beside, { note: after }: Beside, { signature, base }: WriteRequest): void {
    if (before.note === after) return;
    const next = recordIn(after);
    if (!next?.cursor) return this.#world.fail(`S1: ${String(after)} is no record of ticks`);
    const old = recordIn(before.note);
    const isMadeAgain = !base && JSON.stringify(next) === JSON.stringify(this.#record);
    this.#record = next;
    if (next.claim) this.#claims.add(`${next.claim.run} ${next.claim.key} ${next.claim.attempt}`);
    if (isMadeAgain) return void (this.seen.kept += 1);
    if (!base || !old?.cursor) return this.#beginAnew(Date.parse(next.cursor));
    const known = new Set(old.entries.map((entry) => JSON.stringify(entry)));
    const made = next.entries.filter((entry) => !known.has(JSON.stringify(entry)));
    for (const entry of [...made].reverse()) this.#judge(entry, old.claim, signature.run);
    const isSettled = made.some(({ key }) => key === old.claim?.key);
    if (old.claim && !next.claim && !isSettled) this.#withdrawn(old.claim, signature.run);
    if (next.claim && next.claim.run !== old.claim?.run) this.#judgePause(before, next.claim);
    const cursor = Date.parse(next.cursor);
    if (cursor < (this.#cursor ?? 0)) this.#world.fail(`S1: the cursor goes back to ${next.cursor}`);
    for (const tick of this.#ticks(this.#cursor ?? 0, cursor))
      if (!this.#settled.has(tick)) this.#world.fail(`S1: nothing is said of ${tick}, which is behind the cursor`);
    this.#cursor = cursor;
  }

  /** The first record of all, or one that knows of nothing before it. */
  #beginAnew(cursor: number): void {
    if (this.#first !== undefined && !this.#mayForget) this.#world.fail('S1: what was remembered is forgotten');
    if (this.#first !== undefined) this.seen.forgotten += 1;
    this.#begun.clear();
    this.#settled.clear();
    this.#cursor = cursor;
    this.#first ??= cursor;
  }

  #judge(entry: Entry, claim: Claim | undefined, writer: string): void {
    const { key, attempts, outcome } = entry;
    if (outcome.kind === 'skipped') return this.#skipped(key, outcome);
    if (claim?.key !== key || claim.attempt !== attempts)
      return this.#world.fail(`S3: an outcome of ${key} without its claim`);
    if (outcome.kind === 'max-runtime') return this.#world.fail('S3: nothing has a limit here');
    this.seen[outcome.kind] += 1;
    const before = this.#settled.get(key);
    if (before !== undefined && (before === 'ok' || before === 'skipped'))
      this.#world.fail(`S1: ${key} is ${outcome.kind} after it was ${before}`);
    if (!key.startsWith('manual/')) this.#settled.set(key, outcome.kind);
    if (claim.run !== writer) {
      if (outcome.kind !== 'unknown') this.#world.fail(`S3: ${writer} notes ${outcome.kind} for what ${claim.run} ran`);
      return;
    }
    if (outcome.kind === 'unknown') return;
    const last = this.#begun.get(key)?.findLast(({ run }) => run === writer);
    const { kind } = outcome;
    const fits = kind === 'interrupted' ? last !== undefined : last?.end === kind;
    if (!fits) this.#world.fail(`S3: ${kind} is noted for ${key}, whose command is ${last?.end ?? 'not begun'}`);
  }

  #skipped(upTo: string, { why, count }: Extract<Entry['outcome'], { kind: 'skipped' }>): void {
    // From what is settled already up to the newest one.
    const ticks = this.#ticks(this.#cursor ?? 0, Date.parse(upTo)).filter((tick) => !this.#settled.has(tick));
    if (ticks.length !== count && count < mostCounted)
      this.#world.fail(`S1: ${count} ticks are skipped up to ${upTo}, and not ${ticks.length}`);
    for (const tick of ticks) {
      if (this.#begun.has(tick)) this.#world.fail(`S1: ${tick} is skipped (${why}), and has begun`);
      this.#settled.set(tick, 'skipped');
    }
    this.seen[why] += count;
    if (this.#schedule.isCalm && why !== 'overlap')
      this.#world.fail(`S4: ${upTo} is skipped (${why}), without any fault`);
  }

  #withdrawn({ key, attempt, run }: Claim, writer: string): void {
    this.seen.withdrawn += 1;
    if (run !== writer) this.#world.fail(`S3: ${writer} withdraws what ${run} has claimed`);
    const begun = this.#begun.get(key)?.filter((each) => each.run === writer).length ?? 0;
    if (begun > 0 && (this.#begun.get(key)?.length ?? 0) >= attempt)
      this.#world.fail(`S2: attempt ${attempt} of ${key} has begun, and is withdrawn`);
  }

  /** A pause with an end goes by the clock of whoever claims, which may be any. */
  #judgePause({ instructions }: Beside, { key }: Claim): void {
    const pause = instructions && pauseIn(instructions);
    if (pause && pause.untilMs === undefined) this.#world.fail(`S6: ${key} is claimed on a lock that is paused`);
  }

  #ticks(afterMs: number, untilMs: number): string[] {
    const { everyMs } = this.#schedule;
    const ticks: string[] = [];
    // A clock that is hours ahead passes over thousands.
    const from = Math.max(afterMs, untilMs - 2 * mostCounted * everyMs);
    for (let at = (Math.floor(from / everyMs) + 1) * everyMs; at <= untilMs; at += everyMs) ticks.push(timeText(at));
    return ticks;
  }

  /** What is left when all is over: nothing that came long ago is unsettled where all was calm. */
  close(): void {
    if (!this.#schedule.isCalm || this.#cursor === undefined) return;
    const { everyMs, jitterMs } = this.#schedule;
    const behindMs = serverWall + this.#world.now - this.#cursor;
    if (behindMs > 2 * everyMs + jitterMs + latestMs)
      this.#world.fail(`S4: the cursor is ${Math.round(behindMs)} ms behind`);
  }
}
