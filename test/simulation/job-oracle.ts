// What must be true of jobs in every run, whatever happens: judged by what commands really did and by what the store
// really holds, write by write. Knows the text of a note (record.ts), and nothing of how one is made.
// Invariants: J1 a key begins no more often than it may, and never after a success that was stored; J2 an outcome is
// written by the run that had the claim, and is what became of its command; J3 what another run left is unknown; J4 no
// begin is forgotten; J5 no tick begins long before its time; J6 without faults each key that came runs exactly once.

import { type Claim, type Entry, type JobRecord, parseJobs } from '../../src/job/record.ts';
import type { WriteRequest } from '../../src/locks/lock.ts';
import type { JobPlan } from './scenario.ts';
import type { World } from './world.ts';

/** What is known of one attempt: how its command ended, once it has. */
interface Begun {
  readonly run: string;
  end: 'running' | 'ok' | 'failed' | 'stopped';
}

/** Thirty seconds, what an answer travels, the grain of the server's date. */
const earliestMs = 33_000;

export class JobOracle {
  readonly seen = { begun: 0, ok: 0, failed: 0, interrupted: 0, unknown: 0, withdrawn: 0 };
  readonly #world: World;
  readonly #plan: JobPlan;
  readonly #begun = new Map<string, Begun[]>();
  readonly #stored = new Set<string>();
  readonly #asked = new Set<string>();

  constructor(world: World, plan: JobPlan) {
    this.#world = world;
    this.#plan = plan;
  }

  asked(key: string): void {
    this.#asked.add(key);
  }

  /** A command runs for a key. Returns who hears how it ended. */
  started(run: string, environment: Record<string, string>): (end: Begun['end']) => void {
    const { LEADER_RUN_KEY: key, LEADER_RUN_ATTEMPT: attempt } = environment;
    if (key === undefined || attempt === undefined) {
      this.#world.fail('J1: a command runs for no key');
      return () => undefined;
    }
    const { attempts } = this.#plan;
    const all = this.#begun.get(key) ?? [];
    const begun: Begun = { run, end: 'running' };
    this.#begun.set(key, [...all, begun]);
    this.seen.begun += 1;
    if (attempts !== undefined && all.length >= attempts)
      this.#world.fail(`J1: key ${key} begins the ${all.length + 1}th time, of ${attempts}`);
    if (this.#stored.has(key)) this.#world.fail(`J1: key ${key} begins again after a success`);
    if (Number(attempt) <= all.length) this.#world.fail(`J1: attempt ${attempt} of key ${key} is its ${all.length + 1}th`);
    const comesInMs = Date.parse(key) - (serverWall + this.#world.now);
    if (comesInMs > earliestMs) this.#world.fail(`J5: tick ${key} begins ${Math.round(comesInMs)} ms before its time`);
    return (end) => {
      begun.end = end;
    };
  }

  /** A write that was applied, and what stood there before. */
  wrote(before: string | undefined, after: string | undefined, { record, signature, base }: WriteRequest): void {
    if (before === after || after === undefined) return;
    const [old, next] = [recordIn(before), recordIn(after)];
    if (!next || (before !== undefined && !old)) return this.#world.fail(`J2: ${after} is no record`);
    const takes = record.acquireTime === record.renewTime;
    if (!takes) this.#world.fail('J2: a renewal changes the note');
    const left = old?.claim;
    const made = next.entries.filter((entry) => !old?.entries.some((each) => sameEntry(each, entry)));
    for (const entry of made) this.#judge(entry, left, signature.run);
    if (left && !next.claim && made.length === 0) this.#judgeWithdrawal(left, signature.run);
    const gone = old?.entries.filter(({ key }) => !next.entries.some((each) => each.key === key)) ?? [];
    const isClaimed = (key: string): boolean => next.claim?.key === key;
    if (base && gone.some(({ key }) => !isClaimed(key))) this.#world.fail('J4: a key is forgotten');
  }

  /** An outcome must be of the claim that it replaces. */
  #judge(entry: Entry, claim: Claim | undefined, writer: string): void {
    const { key, attempts, outcome } = entry;
    if (claim?.key !== key || claim.attempt !== attempts)
      return this.#world.fail(`J2: an outcome of key ${key} without its claim`);
    const { kind } = outcome;
    if (kind === 'max-runtime' || kind === 'skipped') return this.#world.fail(`J2: nothing is ${kind} here`);
    this.seen[kind] += 1;
    if (claim.run !== writer) {
      if (kind !== 'unknown') this.#world.fail(`J3: ${writer} notes ${kind} for what ${claim.run} ran`);
      return;
    }
    if (kind === 'ok') this.#stored.add(key);
    const last = this.#begun.get(key)?.findLast(({ run }) => run === writer);
    // A process that lost its term and leads again knows no more of its first attempt than others do.
    if (kind === 'unknown') return;
    const fits = { ok: last?.end === 'ok', failed: last?.end === 'failed', interrupted: last !== undefined }[kind];
    if (!fits) this.#world.fail(`J2: ${kind} is noted for key ${key}, whose command is ${last?.end ?? 'not begun'}`);
  }

  #judgeWithdrawal({ key, attempt, run }: Claim, writer: string): void {
    this.seen.withdrawn += 1;
    if (run !== writer) this.#world.fail(`J3: ${writer} withdraws what ${run} has claimed`);
    const begun = this.#begun.get(key)?.filter((each) => each.run === writer).length ?? 0;
    if (begun > 0 && (this.#begun.get(key)?.length ?? 0) >= attempt)
      this.#world.fail(`J4: attempt ${attempt} of key ${key} has begun, and is withdrawn`);
  }

  /** What is left when all is over. `isCalm`: nothing was in the way. */
  close(note: string | undefined, isCalm: boolean): void {
    const record = recordIn(note);
    const known = new Map(record?.entries.map((entry) => [entry.key, entry.attempts]));
    if (record?.claim) known.set(record.claim.key, record.claim.attempt);
    for (const [key, { length }] of this.#begun)
      if ((known.get(key) ?? 0) < length) this.#world.fail(`J4: ${length} begins of key ${key}, ${known.get(key) ?? 0} known`);
    if (!isCalm) return;
    // Who comes first may come at the end of a tick, and find the next one begun; who comes last has no time left.
    for (const key of [...this.#asked].slice(2, -2)) {
      if (this.#begun.get(key)?.length !== 1 || !this.#stored.has(key))
        this.#world.fail(`J6: key ${key} has begun ${this.#begun.get(key)?.length ?? 0} times, without any fault`);
    }
  }
}

/** The server's wall clock when the simulated time begins. */
export const serverWall = 1.7e12;

function recordIn(note: string | undefined): JobRecord | undefined {
  const reading = parseJobs(note);
  return reading.kind === 'record' ? reading.record : undefined;
}

function sameEntry(a: Entry, b: Entry): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
