// What one seed stands for: which candidates there are, what they run, and a script of faults with their times. Decides
// everything that is random about a run but the weather inside a fault, which is hashed from it. Knows no mechanism.
// Invariant: a scenario is plain data: it can be printed, shrunk by leaving faults out, and replayed.

import { completeTiming, type Timing } from '../../src/elector/timing.ts';
import type { Coordinator } from './coordinator.ts';
import { Dice } from '../helpers/dice.ts';

/**
 * safety: any faults within the assumptions. liveness: they stop, and then somebody must lead. bounded: each is short,
 * and nobody may notice. coordinated: as safety, but a server with its own clock names the holder. tampering: hands on
 * the Lease, so that two at once may happen, but nothing else. jobs: as safety, but each run is for a key, and half of
 * the seeds have no fault. schedule: the same with ticks, and with operators. break: an assumption is broken on
 * purpose, to see that the oracle sees.
 */
export type Mode = 'safety' | 'liveness' | 'bounded' | 'tampering' | 'coordinated' | 'jobs' | 'schedule' | 'break';

/** What runs once: a new key each `everyMs`, as each candidate's clock has it. */
export interface JobPlan {
  readonly kind: 'key' | 'tick';
  readonly everyMs: number;
  readonly attempts: number | undefined;
  /** How likely a command ends otherwise than with 0. */
  readonly failing: number;
}

/** A tick each `everyMs`, of which each candidate keeps the cursor. */
export interface SchedulePlan {
  readonly everyMs: number;
  readonly attempts: number;
  readonly failing: number;
  readonly catchUp: 'last' | 'all';
  readonly startDeadlineMs: number | undefined;
  readonly overlap: 'skip' | 'queue' | 'replace';
  readonly jitterMs: number;
  /** No fault, kept clocks, commands that end in time: each tick runs when it is due. */
  readonly isCalm: boolean;
}

export const weathers = [
  'cut-requests',
  'cut-answers',
  'cut-both',
  'slow',
  'hold-requests',
  'hold-answers',
  'errors',
  'duplicates',
  'refused',
  'resets',
  'watch-silent',
  'watch-ends',
  'watch-stale',
  'watch-repeats',
  'watch-forbidden',
] as const;
export type Weather = (typeof weathers)[number];

const incidents = [
  'stall',
  'stop',
  'suspend',
  'kill',
  'guardian-kill',
  'guardian-stop',
  'wall-jump',
  'wall-freeze',
  'sigterm',
  'labels',
  'server-down',
  'slow-start',
] as const;
const orders = ['step-down', 'pause', 'run-now'] as const;
const tamperings = ['delete', 'blank', 'overwrite'] as const;
type Incident = (typeof incidents)[number] | (typeof tamperings)[number] | (typeof orders)[number];

export interface Fault {
  readonly kind: Weather | Incident;
  readonly at: number;
  readonly forMs: number;
  /** Which candidate. */
  readonly on: number;
  /** How bad, from 0 to 1. */
  readonly level: number;
}

export interface Program {
  /** After SIGTERM; undefined: it ignores that. */
  readonly drainMs: number | undefined;
  /** By itself; undefined: never. */
  readonly endsAfterMs: number | undefined;
  /** Another process, which may live on when the first has ended: a worker behind a shell, or in its own session. */
  readonly other: { readonly inGroup: boolean; readonly drainMs: number | undefined } | undefined;
  /** SIGKILL takes so long (a process in uninterruptible sleep). */
  readonly killTakesMs: number;
}

export interface Candidate {
  readonly identity: string;
  readonly ppm: number;
  readonly offset: number;
  readonly wallOffset: number;
  readonly bootAt: number;
  readonly latencyMs: number;
  readonly leaseDurationMs: number;
  readonly program: Program;
  readonly onLost: 'rejoin' | 'exit';
  readonly waitMs: number | undefined;
  readonly holdForMs: number;
  readonly stopGraceMs: number;
  readonly watches: boolean;
  /** Restarted so long after it has ended, as Kubernetes restarts a container. */
  readonly restartMs: number;
}

/** A candidate with client-go's elector, and whether it releases on cancel. */
export interface Foreign {
  readonly bootAt: number;
  readonly ppm: number;
  readonly latencyMs: number;
  readonly releases: boolean;
}

export interface Scenario {
  readonly seed: number;
  readonly mode: Mode;
  readonly timing: Timing;
  readonly untilMs: number;
  /** In liveness mode: no fault begins or lasts after this. */
  readonly calmFromMs: number;
  readonly candidates: readonly Candidate[];
  readonly foreign: readonly Foreign[];
  readonly faults: readonly Fault[];
  readonly newLockWaitMs: number;
  readonly coordinator?: Coordinator;
  readonly jobs?: JobPlan;
  readonly schedule?: SchedulePlan;
}

const timings: readonly [Timing, ...Timing[]] = [
  completeTiming({ leaseDurationMs: 15_000 }),
  completeTiming({ leaseDurationMs: 6_000, renewDeadlineMs: 3_000, retryPeriodMs: 600 }),
  completeTiming({ leaseDurationMs: 4_000, renewDeadlineMs: 2_000, retryPeriodMs: 400 }),
  completeTiming({ leaseDurationMs: 10_000, renewDeadlineMs: 5_000, retryPeriodMs: 1_000 }),
];

const lengthMs = 120_000;

const modes = [
  'safety',
  'safety',
  'safety',
  'liveness',
  'liveness',
  'bounded',
  'tampering',
  'coordinated',
] as const;

export function scenarioOf(seed: number, only?: Mode): Scenario {
  const dice = new Dice(seed, 1);
  const mode =
    only ?? dice.pick(0, modes);
  const timing = dice.pick(1, timings);
  const calm = mode === 'bounded';
  const count = calm ? 2 : 2 + Math.floor(dice.roll(2) * 2);
  const steady = mode === 'liveness' || calm;
  const jobs = mode === 'jobs' ? jobsOf(dice.of(60)) : undefined;
  const schedule = mode === 'schedule' ? scheduleOf(dice.of(60)) : undefined;
  const candidates = Array.from({ length: count }, (_, i) => {
    const candidate = candidateOf(dice.of(10 + i), i, mode, timing, steady);
    if (schedule) return forSchedule(candidate, schedule, dice.of(70 + i));
    return jobs ? forJobs(candidate, jobs, dice.of(70 + i)) : candidate;
  });
  const foreign = mode === 'safety' && dice.chance(3, 0.15) ? [foreignOf(dice.of(30), timing)] : [];
  const isQuiet = (jobs && isCalm(jobs)) ?? schedule?.isCalm === true;
  const calmFromMs = mode === 'liveness' ? 60_000 : lengthMs;
  const ageRule = mode === 'tampering' && dice.chance(4, 0.5);
  return {
    seed,
    mode,
    timing,
    // Long enough for a hand-over that nobody's watch tells of.
    untilMs: mode === 'liveness' ? lengthMs + 10_000 : lengthMs,
    calmFromMs,
    candidates,
    foreign,
    faults: isQuiet ? [] : faultsOf(dice.of(50), mode, timing, count, calmFromMs),
    newLockWaitMs: ageRule ? timing.leaseDurationMs : 0,
    ...(jobs && { jobs }),
    ...(schedule && { schedule }),
    ...(mode === 'coordinated' && { coordinator: coordinatorOf(dice.of(40)) }),
  };
}

/** A clock that is right, or wrong by less than a lease, or by more than one, in either direction. */
function coordinatorOf(dice: Dice): Coordinator {
  const wrongMs = dice.pick(0, [0, 3_000, 20_000, 3_600_000] as const);
  return {
    wallOffset: 1.7e12 + dice.between(1, -wrongMs, wrongMs),
    everyMs: dice.skewed(2, 20, 4_000),
    moodiness: dice.chance(3, 0.5) ? dice.between(4, 0, 10) : 0,
  };
}

function jobsOf(dice: Dice): JobPlan {
  const calm = dice.chance(0, 0.5);
  return {
    kind: dice.pick(1, ['key', 'tick'] as const),
    everyMs: 1000 * Math.round(dice.between(2, calm ? 10 : 4, 30)),
    attempts: dice.pick(3, [1, 1, 2, undefined] as const),
    failing: calm ? 0 : dice.pick(4, [0, 0.3] as const),
  };
}

function scheduleOf(dice: Dice): SchedulePlan {
  const isCalm = dice.chance(0, 0.3);
  const everyMs = 1000 * Math.round(dice.between(2, isCalm ? 8 : 2, 20));
  return {
    everyMs,
    isCalm,
    attempts: isCalm ? 1 : dice.pick(3, [1, 1, 2, 3] as const),
    failing: isCalm ? 0 : dice.pick(4, [0, 0.3] as const),
    catchUp: dice.pick(5, ['last', 'all'] as const),
    startDeadlineMs: isCalm ? undefined : dice.pick(6, [undefined, undefined, 30_000] as const),
    overlap: dice.pick(7, ['skip', 'queue', 'replace'] as const),
    jitterMs: Math.round(dice.pick(8, [0, 0, 0.5] as const) * everyMs),
  };
}

/** Its command ends by itself, soon enough where all is calm; leader-run goes on for as long as it is let. */
function forSchedule(candidate: Candidate, { everyMs, isCalm }: SchedulePlan, dice: Dice): Candidate {
  const { program, wallOffset } = candidate;
  const endsAfterMs = isCalm ? dice.between(0, 10, everyMs / 4) : dice.skewed(0, 10, 2 * everyMs);
  return {
    ...candidate,
    wallOffset: isCalm ? 1.7e12 + dice.between(1, -1_000, 1_000) : dice.chance(2, 0.3) ? wallOffset : 1.7e12,
    latencyMs: isCalm ? Math.min(100, candidate.latencyMs) : candidate.latencyMs,
    program: { ...program, endsAfterMs, other: isCalm ? undefined : program.other },
    waitMs: undefined,
    onLost: 'rejoin',
    holdForMs: 0,
    restartMs: dice.between(3, 500, 3_000),
  };
}

/** Without failures there are no faults either. */
export function isCalm({ failing, everyMs }: JobPlan): boolean {
  return failing === 0 && everyMs >= 10_000;
}

/** Its command ends by itself, soon enough where all is calm; it comes back when it has ended. */
function forJobs(candidate: Candidate, jobs: JobPlan, dice: Dice): Candidate {
  const { program, wallOffset } = candidate;
  const calm = isCalm(jobs);
  const endsAfterMs = calm ? dice.between(0, 10, jobs.everyMs / 4) : dice.skewed(0, 10, 20_000);
  return {
    ...candidate,
    // Clocks that are kept are right within a second; else any may be wrong by an hour.
    wallOffset: calm ? 1.7e12 + dice.between(1, -1_000, 1_000) : dice.chance(2, 0.3) ? wallOffset : 1.7e12,
    program: { ...program, endsAfterMs, other: calm ? undefined : program.other },
    waitMs: undefined,
    holdForMs: 0,
    restartMs: dice.between(3, 500, 3_000),
  };
}

function candidateOf(dice: Dice, index: number, mode: Mode, timing: Timing, steady: boolean): Candidate {
  const skew = mode === 'break' ? 60_000 : 499;
  const twin = mode === 'safety' && dice.chance(0, 0.1);
  const mixed = mode === 'safety' && dice.chance(1, 0.15);
  return {
    identity: twin ? 'twin' : (['alice', 'bob', 'carol'][index] ?? 'dave'),
    ppm: dice.chance(2, 0.3) ? (dice.chance(3, 0.5) ? skew : -skew) : dice.between(4, -skew, skew),
    offset: dice.between(5, 1_000, 1e9),
    wallOffset: 1.7e12 + (dice.chance(6, 0.3) ? dice.between(7, -4e9, 4e9) : dice.between(8, -500, 500)),
    bootAt: steady ? index * 50 : dice.between(9, 0, 10_000),
    latencyMs:
      mode === 'bounded' ? dice.between(10, 1, 20) : dice.skewed(10, 1, timing.renewDeadlineMs / (steady ? 24 : 8)),
    leaseDurationMs: mixed ? timing.leaseDurationMs * 2 : timing.leaseDurationMs,
    program: steady
      ? { drainMs: dice.between(11, 0, 200), endsAfterMs: undefined, other: undefined, killTakesMs: 5 }
      : {
          drainMs: dice.chance(12, 0.3) ? undefined : dice.skewed(13, 1, 8_000),
          endsAfterMs: dice.chance(14, 0.3) ? dice.between(15, 10, 40_000) : undefined,
          other: dice.chance(16, 0.4)
            ? { inGroup: dice.chance(26, 0.6), drainMs: dice.chance(27, 0.3) ? undefined : dice.skewed(28, 1, 8_000) }
            : undefined,
          // A SIGKILL that is due runs within 1 s: a little of it is the guardian's own.
          killTakesMs: mode === 'break' ? dice.between(17, 1_500, 6_000) : dice.skewed(17, 1, 950),
        },
    onLost: steady || dice.chance(18, 0.6) ? 'rejoin' : 'exit',
    waitMs: steady || dice.chance(19, 0.8) ? undefined : dice.chance(20, 0.3) ? 0 : dice.between(20, 100, 30_000),
    holdForMs: !steady && dice.chance(21, 0.15) ? dice.between(22, 500, 10_000) : 0,
    stopGraceMs: steady ? 2_000 : dice.between(23, 0, 20_000),
    watches: steady ? dice.chance(24, 0.8) : dice.chance(24, 0.85),
    restartMs: dice.between(25, 20, 3_000),
  };
}

function foreignOf(dice: Dice, { renewDeadlineMs }: Timing): Foreign {
  return {
    bootAt: dice.between(0, 0, 20_000),
    ppm: dice.between(1, -499, 499),
    latencyMs: dice.skewed(2, 1, renewDeadlineMs / 8),
    releases: dice.chance(3, 0.5),
  };
}

function faultsOf(dice: Dice, mode: Mode, timing: Timing, count: number, calmFromMs: number): Fault[] {
  const { renewDeadlineMs, leaseDurationMs } = timing;
  if (mode === 'bounded') return shortFaults(dice, timing);
  // Swarm: each seed knows few kinds of fault, so that they do not hide each other.
  const known = [...weathers, ...incidents].filter((_, i) => dice.chance(i, 0.22));
  // leader-run and its guardian do not die in the same instant: that is an assumption.
  const guardianFails = dice.chance(60, 0.5);
  const apart = known.filter((kind) =>
    guardianFails ? kind !== 'kill' && kind !== 'stop' && kind !== 'suspend' : !kind.startsWith('guardian'),
  );
  const kinds = [
    ...apart,
    ...(mode === 'schedule' ? orders.filter((_, i) => dice.chance(80 + i, 0.6)) : []),
    ...(mode === 'schedule' && dice.chance(90, 0.2) ? (['delete'] as const) : []),
    ...(mode === 'tampering' ? tamperings.filter((_, i) => i === 0 || dice.chance(70 + i, 0.4)) : []),
  ];
  if (mode === 'break') kinds.push('cut-both', 'stop');
  if (kinds.length === 0) return [];
  const outages: Fault[] = [];
  const amount = 4 + Math.floor(dice.roll(61) * 24);
  const faults = Array.from({ length: amount }, (_, i): Fault => {
    const roll = dice.of(100 + i);
    const kind = kinds[Math.floor(roll.roll(0) * kinds.length)] ?? 'stall';
    const at = roll.between(1, 500, calmFromMs - 500);
    // Up to twice a lease; the most telling are about as long as the renew deadline.
    const forMs = roll.chance(2, 0.5)
      ? roll.between(3, 10, renewDeadlineMs * 1.4)
      : roll.skewed(3, 10, leaseDurationMs * 2.5);
    const on = Math.floor(roll.roll(4) * count);
    // Asked to stop when nobody knows what became of its write, by a server that is gone.
    if (kind === 'sigterm' && roll.chance(6, 0.3)) {
      const before = Math.min(at, renewDeadlineMs);
      outages.push({ kind: 'cut-answers', at: at - before, forMs: before, on, level: 1 });
      outages.push({ kind: 'refused', at, forMs: Math.min(40_000, calmFromMs - at), on, level: 1 });
    }
    return { kind, at, forMs: Math.min(forMs, calmFromMs - at), on, level: roll.roll(5) };
  });
  return [...faults, ...outages].sort((a, b) => a.at - b.at);
}

/**
 * With time to recover between two: no term may end (V3). Attempts begin at about 0.2, 0.45 and 0.75 R after the last
 * renewal, so what swallows messages must be shorter than R/2; what fails fast may last until the last attempt.
 */
function shortFaults(dice: Dice, { renewDeadlineMs, retryPeriodMs }: Timing): Fault[] {
  const kinds = [
    'cut-requests',
    'cut-answers',
    'cut-both',
    'slow',
    'errors',
    'duplicates',
    'refused',
    'resets',
    'stall',
    'server-down',
    'watch-stale',
    'watch-repeats',
    'delete',
  ] as const;
  const fast: readonly string[] = ['errors', 'refused', 'resets', 'server-down'];
  const faults: Fault[] = [];
  for (let at = 10_000, i = 0; at < lengthMs - 10_000; i += 1) {
    const roll = dice.of(i);
    const kind = roll.pick(1, kinds);
    const longest = fast.includes(kind) ? renewDeadlineMs * 0.75 - retryPeriodMs * 1.2 : renewDeadlineMs * 0.48;
    const forMs = roll.between(0, 10, longest);
    faults.push({ kind, at, forMs, on: 0, level: roll.roll(2) }, { kind: 'labels', at, forMs, on: 0, level: 0.1 });
    at += forMs + renewDeadlineMs * 2 + roll.between(3, 0, retryPeriodMs);
  }
  return faults;
}
