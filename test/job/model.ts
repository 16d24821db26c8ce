// Two runners, one lock and the shipped machine of a key (src/job/key.ts), and everything that may happen to them, one
// happening at a time: crashes, lost terms, answers that never come, writes that land late, stops, commands that end in
// each way. Decides which happenings are possible in a state. Knows no order: the search tries all of them.
// Abstractions: the lock is sound (a command is dead before its lock can be taken), as the elector's own search shows;
// the wall clock stands still, since the machine must not look at it.
// Invariant: what really ran is counted here, by what the runners do, and never by what the record says.

import { begin, type Ending, type Job, judge, type Runner, settle } from '../../src/job/key.ts';
import { type Claim, formatJobs, type JobRecord, parseJobs, type Reading } from '../../src/job/record.ts';
import { wallMs } from './samples.ts';

type How = Exclude<Ending['kind'], 'unstarted'>;
const allWays: readonly How[] = ['ok', 'failed', 'interrupted'];

/** One process of a runner, which runs one key, and is started again with the same key when it crashes. */
interface Process {
  readonly runner: Runner;
  readonly step:
    | { readonly at: 'looking' }
    /** Its write is made and not stored yet. `isFresh`: what it replaces is still there. */
    | { readonly at: 'taking'; readonly write: Write; readonly claim: Claim | undefined; readonly isFresh: boolean }
    /** It knows that it holds the lock. */
    | { readonly at: 'granted'; readonly claim: Claim | undefined }
    | { readonly at: 'running'; readonly claim: Claim }
    | { readonly at: 'ended'; readonly claim: Claim; readonly ending: Ending }
    /** Only where the outcome is noted after the release. */
    | { readonly at: 'noting'; readonly claim: Claim; readonly ending: Ending }
    | { readonly at: 'out' };
}

type StepAt<At extends Process['step']['at']> = Extract<Process['step'], { at: At }>;

interface Write {
  readonly holder: string;
  readonly text: string | undefined;
}

interface Attempt {
  readonly run: string;
  readonly how: How | 'running' | 'killed';
}

/** Plain data. */
export interface Place {
  /** The run that holds the lock; '': none. */
  readonly holder: string;
  /** The holder is gone, or has lost its term: others may take the lock. */
  readonly isLapsed: boolean;
  readonly text: string | undefined;
  readonly processes: readonly Process[];
  /** Which key of its list each runner is at. */
  readonly turns: readonly number[];
  /** So many processes each runner has had. */
  readonly lives: readonly number[];
  /** Writes that their processes have given up on, and that may still be stored. */
  readonly late: readonly Write[];
  readonly crashes: number;
  readonly doubts: number;
  /** What ran, by key and number of attempt. */
  readonly ran: Readonly<Record<string, Attempt>>;
  readonly fault: string | undefined;
}

export interface Limits {
  /** For each runner, the keys of its processes one after another, as in a rolling update or a crontab. */
  readonly keys: readonly (readonly string[])[];
  readonly kind: Job['kind'];
  readonly attempts: number | undefined;
  /** Crashes and lost terms. */
  readonly crashes: number;
  /** Answers that are lost, writes that land late, starts that come too late. */
  readonly doubts: number;
  /** How commands end; unset: in each way. */
  readonly ways?: readonly How[];
  /** Other protocols, of which the search must find what is wrong with them. */
  readonly protocol?: 'outcome after the release' | 'begin in a write of its own' | 'last key only';
}

export type Visit = (move: string, next: Place) => void;

export class Model {
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  start(): Place {
    const { keys, crashes, doubts } = this.#limits;
    return {
      ...{ holder: '', isLapsed: false, text: undefined, turns: keys.map(() => 0), lives: keys.map(() => 1), late: [] },
      ...{ crashes, doubts, ran: {}, fault: undefined },
      processes: keys.map((_, i) => newProcess(i, 1)),
    };
  }

  moves(place: Place, visit: Visit): void {
    for (const [i, process] of place.processes.entries()) {
      const { step, runner } = process;
      if (step.at === 'out') continue;
      const name = runner.run;
      const holds = place.holder === name && !place.isLapsed;
      switch (step.at) {
        case 'looking':
          this.#look(place, i, runner, visit);
          break;
        case 'taking':
          this.#take(place, i, step, visit);
          break;
        case 'granted':
          this.#grant(place, i, process, step, visit);
          break;
        case 'running':
          for (const how of this.#ways) {
            const ending: Ending = how === 'failed' ? { kind: how, status: 1 } : { kind: how };
            const ended = withStep(place, i, { at: 'ended', claim: step.claim, ending });
            visit(`${name}'s command ends: ${how}`, told(ended, step.claim, { run: name, how }));
          }
          break;
        case 'ended':
          if (holds) this.#release(place, i, name, step, visit);
          break;
        case 'noting': {
          const noted = settle(readingOf(place), step.claim, step.ending, wallMs, 0);
          const after = noted ? this.#store(place, { ...place, text: formatJobs(noted) }) : place;
          visit(`${name} notes the outcome`, this.#leave(after, i));
          break;
        }
      }
      if (place.crashes === 0) continue;
      const hurt = killed({ ...place, crashes: place.crashes - 1, isLapsed: place.isLapsed || holds }, name);
      visit(`${name} crashes`, reborn(hurt, i));
      if (step.at === 'taking' && step.isFresh) {
        visit(`${name} crashes, and its write is late`, reborn({ ...hurt, late: [...place.late, step.write] }, i));
      }
      // It campaigns again, as the same run.
      if (holds && step.at !== 'taking') visit(`${name} loses its term`, withStep(hurt, i, { at: 'looking' }));
    }
    for (const write of place.late) visit(`a late write of ${write.holder} lands`, this.#store(place, write));
  }

  /** What is wrong when nothing can happen any more. */
  faultOfEnd(place: Place): string | undefined {
    const waiting = place.processes.find(({ step }) => step.at !== 'out');
    if (waiting) return `${waiting.runner.run} is left ${waiting.step.at}`;
    const reading = readingOf(place);
    const record = reading.kind === 'record' ? reading.record : undefined;
    for (const key of this.#keys()) {
      const attempts = attemptsOf(place, key);
      if (attempts.length === 0) continue;
      const isKept = record?.claim?.key === key || record?.entries.some((entry) => entry.key === key);
      if (!isKept) return `${key} ran, and nothing is known of it`;
    }
    const { crashes, doubts, ways: only, kind } = this.#limits;
    const isCalm = place.crashes === crashes && place.doubts === doubts && only?.join() === 'ok' && kind === 'key';
    const missed = this.#keys().find((key) => successesOf(place, key) !== 1);
    return isCalm && missed !== undefined ? `${missed} has no success, although nothing failed` : undefined;
  }

  get #ways(): readonly How[] {
    return this.#limits.ways ?? allWays;
  }

  #keys(): readonly string[] {
    return [...new Set(this.#limits.keys.flat())];
  }

  #job(place: Place, i: number): Job {
    const { keys, kind, attempts } = this.#limits;
    return { kind, key: keys[i]?.[place.turns[i] ?? 0] ?? '', attempts };
  }

  #look(place: Place, i: number, runner: Runner, visit: Visit): void {
    const { holder, isLapsed, text } = place;
    const job = this.#job(place, i);
    const isFree = holder === '' || holder === runner.run || isLapsed;
    const verdict = judge(readingOf(place), job, runner, isFree ? 'free' : 'held');
    if (verdict.kind === 'held') return;
    if (verdict.kind !== 'may-run') {
      visit(`${runner.run} finds ${job.key} ${verdict.kind}`, this.#leave(this.#judged(place, job, verdict), i));
      return;
    }
    if (this.#limits.protocol === 'begin in a write of its own') {
      const taking = { at: 'taking', write: { holder: runner.run, text }, claim: undefined, isFresh: true } as const;
      return visit(`${runner.run} is to take the lock`, withStep(place, i, taking));
    }
    const begun = begin(readingOf(place), job, runner, wallMs);
    if (begun.kind !== 'begun') return visit('a contradiction', faulty(place, 'judge and begin disagree'));
    const write = { holder: runner.run, text: this.#format(begun.record) };
    const taking = { at: 'taking', write, claim: begun.claim, isFresh: true } as const;
    visit(`${runner.run} is to claim ${job.key}`, withStep(place, i, taking));
  }

  /** Whether a process may go away believing this. */
  #judged(place: Place, { key, attempts }: Job, { kind }: { readonly kind: string }): Place {
    if (kind === 'done' && successesOf(place, key) === 0) return faulty(place, `${key} is done without a success`);
    const isCalm = place.crashes === this.#limits.crashes;
    if (kind === 'given-up' && isCalm && this.#limits.kind === 'key' && attemptsOf(place, key).length < (attempts ?? 0))
      return faulty(place, `${key} is given up with attempts left, although no process was lost`);
    return kind === 'unreadable' ? faulty(place, 'the record cannot be read') : place;
  }

  #take(place: Place, i: number, { write, claim, isFresh }: StepAt<'taking'>, visit: Visit): void {
    const run = write.holder;
    const back = withStep(place, i, { at: 'looking' });
    if (!isFresh) return visit(`${run}'s write conflicts`, back);
    visit(`${run}'s write is stored`, this.#store(withStep(place, i, { at: 'granted', claim }), write));
    if (place.doubts === 0) return;
    const doubted = { ...back, doubts: place.doubts - 1 };
    visit(`${run}'s write is stored, unanswered`, this.#store(doubted, write));
    visit(`${run}'s write is given up on`, { ...doubted, late: [...place.late, write] });
  }

  #grant(place: Place, i: number, process: Process, { claim }: StepAt<'granted'>, visit: Visit): void {
    const { run } = process.runner;
    if (place.holder !== run || place.isLapsed) return;
    const doubted = { ...place, doubts: place.doubts - 1 };
    if (claim === undefined) {
      // In a write of its own, after which the command starts whatever became of it.
      const begun = begin(readingOf(place), this.#job(place, i), process.runner, wallMs);
      if (begun.kind !== 'begun') return visit(`${run} finds nothing to do`, this.#leave({ ...place, holder: '' }, i));
      const write = { holder: run, text: this.#format(begun.record) };
      const next = { at: 'granted', claim: begun.claim } as const;
      visit(`${run} begins`, this.#store(withStep(place, i, next), write));
      if (place.doubts > 0) visit(`${run} begins, and the write is lost`, withStep(doubted, i, next));
      return;
    }
    visit(`${run} starts ${claim.key}`, this.#started(place, i, process, claim));
    if (this.#ways.includes('interrupted')) {
      const ended = { at: 'ended', claim, ending: { kind: 'unstarted' } } as const;
      visit(`${run} is stopped before the start`, withStep(place, i, ended));
    }
    if (place.doubts > 0) visit(`${run} is too late to start`, withStep(doubted, i, { at: 'looking' }));
  }

  #started(place: Place, i: number, process: Process, claim: Claim): Place {
    const { runner } = process;
    const { attempts, kind } = this.#limits;
    const faults: string[] = [];
    const others = Object.values(place.ran).some(({ how }) => how === 'running');
    if (others) faults.push('two commands run');
    if (nameOf(claim) in place.ran) faults.push(`${nameOf(claim)} starts twice`);
    if (attemptsOf(place, claim.key).length >= (attempts ?? Infinity)) faults.push(`${claim.key} starts too often`);
    const newest = Object.keys(place.ran).map((name) => name.split('#')[0] ?? '').sort().at(-1) ?? '';
    if (kind === 'tick' && claim.key < newest) faults.push(`${claim.key} starts after ${newest}`);
    const known: Process = { runner: { ...runner, started: claim }, step: { at: 'running', claim } };
    const next = { ...place, processes: place.processes.with(i, known) };
    return faulty(told(next, claim, { run: runner.run, how: 'running' }), faults[0]);
  }

  #release(place: Place, i: number, run: string, { claim, ending }: StepAt<'ended'>, visit: Visit): void {
    if (this.#limits.protocol === 'outcome after the release') {
      const free = withStep(place, i, { at: 'noting', claim, ending });
      return visit(`${run} releases the lock`, this.#store(free, { holder: '', text: place.text }));
    }
    const settled = settle(readingOf(place), claim, ending, wallMs, 0);
    const fault = settled || this.#limits.protocol ? undefined : `the outcome of ${nameOf(claim)} has no place`;
    const write = { holder: '', text: settled ? this.#format(settled) : place.text };
    visit(`${run} releases the lock, noting ${ending.kind}`, faulty(this.#leave(this.#store(place, write), i), fault));
  }

  #format(record: JobRecord): string {
    const isShort = this.#limits.protocol === 'last key only';
    return formatJobs(isShort ? { ...record, entries: record.entries.slice(0, 1) } : record);
  }

  /** Compare-and-swap: no other write that was made for what is replaced can be stored. */
  #store(place: Place, { holder, text }: Write): Place {
    const processes = place.processes.map((process) =>
      process.step.at === 'taking' ? { ...process, step: { ...process.step, isFresh: false } } : process,
    );
    const isLapsed = holder !== '' && !processes.some(({ runner }) => runner.run === holder);
    const next = { ...place, processes, holder, isLapsed, text, late: [] };
    return faulty(next, faultOfRecord(next) ?? this.#faultOfSuccesses(next));
  }

  #faultOfSuccesses(place: Place): string | undefined {
    const isCalm = place.crashes === this.#limits.crashes;
    const twice = this.#keys().find((key) => successesOf(place, key) > 1);
    return isCalm && twice !== undefined ? `${twice} succeeds twice, although no process was lost` : undefined;
  }

  /** The process ends; the runner's next one begins with the next key. */
  #leave(place: Place, i: number): Place {
    const turn = (place.turns[i] ?? 0) + 1;
    const isLast = turn === this.#limits.keys[i]?.length;
    const next = { ...place, turns: place.turns.with(i, turn) };
    return isLast ? withStep(next, i, { at: 'out' }) : reborn(next, i);
  }
}

/** Each outcome that the record tells is that of the very run that ran this attempt. */
function faultOfRecord(place: Place): string | undefined {
  const reading = readingOf(place);
  if (reading.kind !== 'record') return undefined;
  for (const { key, outcome, attempts, by } of reading.record.entries) {
    if (outcome.kind === 'unknown') continue;
    const attempt = place.ran[`${key}#${attempts}`];
    if (attempt?.how !== outcome.kind) return `${key} is noted as ${outcome.kind}, and it was ${String(attempt?.how)}`;
    if (attempt.run !== by) return `${key} was run by ${attempt.run}, and noted by ${by}`;
  }
  return undefined;
}

function newProcess(i: number, life: number): Process {
  const run = `run-${i}.${life}`;
  return { runner: { identity: run, run, started: undefined }, step: { at: 'looking' } };
}

function reborn(place: Place, i: number): Place {
  const life = (place.lives[i] ?? 0) + 1;
  return { ...place, lives: place.lives.with(i, life), processes: place.processes.with(i, newProcess(i, life)) };
}

function readingOf({ text }: Place): Reading {
  return parseJobs(text);
}

function withStep(place: Place, i: number, step: Process['step']): Place {
  const processes = place.processes.map((process, j) => (i === j ? { ...process, step } : process));
  return { ...place, processes };
}

function told(place: Place, claim: Claim, attempt: Attempt): Place {
  return { ...place, ran: { ...place.ran, [nameOf(claim)]: attempt } };
}

/** The guardian ends what a process leaves running, or a lost lease does. */
function killed(place: Place, run: string): Place {
  const ran = Object.entries(place.ran).map(([name, attempt]) => {
    const isOurs = attempt.run === run && attempt.how === 'running';
    return [name, isOurs ? { ...attempt, how: 'killed' as const } : attempt] as const;
  });
  return { ...place, ran: Object.fromEntries(ran) };
}

function faulty(place: Place, fault: string | undefined): Place {
  return { ...place, fault: place.fault ?? fault };
}

function nameOf({ key, attempt }: Claim): string {
  return `${key}#${attempt}`;
}

function attemptsOf({ ran }: Place, key: string): Attempt[] {
  return Object.entries(ran).flatMap(([name, attempt]) => (name.startsWith(`${key}#`) ? [attempt] : []));
}

function successesOf(place: Place, key: string): number {
  return attemptsOf(place, key).filter(({ how }) => how === 'ok').length;
}
