// Arguments and environment -> one frozen Config, or every fault at once. Decides which options go together and what
// follows from those left out. Does not open anything: whether a kubeconfig exists, a namespace is allowed or a command
// can be found is told by those who use them. After this, nothing else reads arguments or our variables.
// Invariant: whatever the input, readConfig returns; a Config it returns has passed `timingFaults`.

import { isPlain } from '../common/printable.ts';
import { completeTiming, foreignGraceFactor, timingFaults, type Timing } from '../elector/timing.ts';
import { type HookLines, hookNames } from '../job/hooks.ts';
import { tooFarAheadMs } from '../job/once.ts';
import type { LabelWish, Standing, Store } from '../locks/store.ts';
import {
  type ArgumentsRead,
  type Environment,
  insideTerm,
  readArguments,
  type Readings,
  sourceOf,
  valueOf,
  valuesOf,
} from './arguments.ts';
import { type Facts, mayBeChanged } from './facts.ts';
import { flagOf, type OptionName } from './options.ts';
import { lockOf, type LockPlace, refusedLock, storeOf } from './place.ts';
import type { Place, Wait } from './values.ts';

export interface Config {
  readonly lock: LockPlace;
  readonly store: Store;
  /** The full name of the lock under whose term we run ourselves; see `refusedLock`. */
  readonly outerLock: string | undefined;
  readonly identity: string;
  readonly timing: Timing;
  /** `untilCertain`: --try. */
  readonly patience: { readonly wait: Wait; readonly untilCertain: boolean };
  /** How long the lock is kept, from its acquiring on. */
  readonly holdForMs: number;
  /** Undefined: no limit. */
  readonly maxRuntimeMs: number | undefined;
  /** What runs once; undefined: the command runs at each start, or at ticks. */
  readonly once: Once | undefined;
  /** The command runs at ticks. */
  readonly schedule: ScheduleConfig | undefined;
  readonly newLockWaitMs: number;
  /** Undefined: 7/15 of the foreign record's own duration. */
  readonly foreignGraceMs: number | undefined;
  readonly conflictStatus: number;
  readonly lostStatus: number;
  readonly stopGraceMs: number;
  readonly stopSignal: NodeJS.Signals;
  readonly signalTo: 'group' | 'command';
  readonly onLost: 'rejoin' | 'exit';
  readonly guardian: 'auto' | 'sh' | 'node' | 'off';
  /** Undefined: there is none. */
  readonly hooks: HookLines | undefined;
  /** Whether the lock object is given Events about who leads. */
  readonly events: boolean;
  /** On our pod while we lead; undefined: none. */
  readonly labelPod: LabelWish | undefined;
  /** Where requests are answered; undefined: nowhere. */
  readonly listen: Place | undefined;
  /** The command's signs of life; undefined: none are looked for. */
  readonly health: HealthChecks | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'pretty' | 'json';
  /** False when NO_COLOR forbids it; whether the terminal can is asked later (logger.ts). */
  readonly colour: boolean;
  /** '' where a run is only judged, and none was named. */
  readonly command: string;
  readonly args: readonly string[];
}

/** A key, or the cron line that names it; `attempts` undefined: until it succeeds. */
export type Once = { readonly attempts: number | undefined; readonly doneStatus: number } & (
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'tick'; readonly line: string; readonly zone: string }
);

export interface ScheduleConfig {
  readonly line: string;
  readonly zone: string;
  readonly attempts: number;
  readonly catchUp: 'last' | 'all';
  /** Undefined: none. */
  readonly startDeadlineMs: number | undefined;
  readonly overlap: 'skip' | 'queue' | 'replace';
  readonly jitterMs: number;
}

export type ConfigRead =
  | { readonly kind: 'run'; readonly config: Config }
  /** Asked for among the options, whatever else is wrong with them. */
  | { readonly kind: 'print'; readonly what: 'help' | 'version' }
  /** For stderr, a line each, exit status 125. */
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

/** `words`: the arguments of leader-run, without node and script. */
export function readConfig(words: readonly string[], env: Environment, facts: Facts): ConfigRead {
  return configOf(readArguments(words, env), env, facts, 'run');
}

/** To `judge` a run its command may be left out, and is '' then; and a run inside of a term is not refused. */
export function configOf(read: ArgumentsRead, env: Environment, facts: Facts, end: 'run' | 'judge'): ConfigRead {
  if (read.print !== undefined) return { kind: 'print', what: read.print };
  const { readings, command } = read;
  const faults = [...read.faults];
  const timing = timingOf(read, faults);
  const lock = lockOf(read, faults);
  const identity = valueOf(readings.identity) ?? `${candidateName(env, facts)}_${facts.uuid}`;
  const coordinated = coordinatedOf(read, identity, faults);
  const store = storeOf(read, facts, coordinated, faults);
  const once = onceOf(read, faults);
  const schedule = scheduleOf(read, faults);
  const hooks = hooksOf(read, faults);
  const health = healthOf(read, faults);
  const [file, ...args] = command;
  if (!facts.hasAllBytes && Object.values(hooks?.lines ?? {}).some(mayBeChanged)) {
    faults.push('a hook is not UTF-8, and would not be run as it is: put it into a script or a file');
  }
  if (!facts.hasAllBytes && command.some(mayBeChanged)) {
    faults.push(
      'an argument of the command is not UTF-8, and would not arrive as it is: put it into a script or a file',
    );
  }
  if (file === undefined && end === 'run') {
    faults.push('no command: put it behind --, as in leader-run --lock default/my-job -- ./my-job');
  } else if (file === '') {
    faults.push('the command is empty: name a program behind --');
  }

  const namespace = lock?.namespace ?? (store?.kind === 'local' ? 'default' : undefined);
  const outerLock = end === 'run' && insideTerm(env) ? env['LEADER_RUN_LOCK'] : undefined;
  if (lock && store && namespace !== undefined) {
    const refused = refusedLock({ namespace, name: lock.name }, store.kind, outerLock);
    if (refused !== undefined) faults.push(refused);
  }
  // The other three are there whenever there is no fault; the compiler wants to see it.
  if (faults.length > 0 || !lock || !store || !timing) return { kind: 'faults', faults };

  const values = valuesOf(readings);
  const { wait, try: untilCertain = false } = values;
  const config: Config = {
    lock: { namespace, name: lock.name },
    store,
    outerLock,
    identity,
    timing,
    patience: { wait, untilCertain },
    holdForMs: values.holdFor,
    maxRuntimeMs: values.maxRuntime,
    once,
    schedule,
    newLockWaitMs: values.newLockWait,
    foreignGraceMs: values.foreignGrace,
    conflictStatus: values.conflictExitCode,
    lostStatus: values.lostExitCode,
    stopGraceMs: values.stopGrace,
    stopSignal: values.stopSignal,
    signalTo: values.signalTo,
    // Who will not wait long for the lock does not want to wait for it again either.
    onLost: values.onLost ?? (untilCertain || wait.kind !== 'forever' ? 'exit' : 'rejoin'),
    guardian: values.guardian,
    hooks,
    events: values.noEvents !== true,
    labelPod: values.labelPod && { ...values.labelPod, pod: podName(env, facts) },
    listen: values.listen,
    health,
    logLevel: values.logLevel,
    logFormat: values.logFormat !== 'auto' ? values.logFormat : facts.isTerminal ? 'pretty' : 'json',
    colour: (env['NO_COLOR'] ?? '') === '' || env['FORCE_COLOR'] !== undefined,
    command: file ?? '',
    args,
  };
  return { kind: 'run', config: frozen(config) };
}

function coordinatedOf({ readings }: ArgumentsRead, identity: string, faults: string[]): Standing | undefined {
  const { coordinated, lockKind, wait } = readings;
  if (coordinated.kind !== 'given' || !coordinated.value) {
    const versions = [readings.binaryVersion, readings.emulationVersion].flatMap((reading) => sourceOf(reading) ?? []);
    if (versions.length > 0 && coordinated.kind !== 'faulty') {
      faults.push(`${versions.join(' and ')}: only with ${flagOf('coordinated')}`);
    }
    return undefined;
  }
  const { source } = coordinated;
  if (readings.binaryVersion.kind === 'absent') {
    faults.push(`${source} needs the command's version: add ${flagOf('binaryVersion')}, as in --binary-version 1.4.0`);
  }
  if (lockKind.kind === 'given' && lockKind.value !== 'lease') {
    faults.push(`${source} goes with --lock-kind lease only, not with ${lockKind.value}`);
  }
  const isHasty = wait.kind === 'given' && wait.value.kind === 'one-look';
  const hasty = valueOf(readings.try) === true ? readings.try : isHasty ? wait : undefined;
  if (hasty !== undefined) {
    const haste = sourceOf(hasty) ?? '';
    faults.push(`${source} does not go with ${haste}: the server takes seconds to choose; use --wait 30s, say`);
  }
  // The name of an object that is a key elsewhere (LeaseCandidate, as a ConfigMap's keys).
  if (!/^[-._a-zA-Z0-9]+$/.test(identity)) {
    const whose = sourceOf(readings.identity) ?? flagOf('identity');
    faults.push(`${whose}: with ${source} it has letters, digits, -, _ and . only`);
  }
  const binaryVersion = valueOf(readings.binaryVersion);
  const emulationVersion = valueOf(readings.emulationVersion) ?? binaryVersion;
  if (binaryVersion === undefined || emulationVersion === undefined) return undefined;
  // By the three numbers; what may follow a dash is the server's to judge.
  const [emulated, binary] = [emulationVersion, binaryVersion].map((version) => version.replace(/-.*/, ''));
  if (emulated?.localeCompare(binary ?? '', 'en', { numeric: true }) === 1) {
    const both = `${emulationVersion} is newer than the binary version ${binaryVersion}`;
    const whose = sourceOf(readings.emulationVersion) ?? flagOf('emulationVersion');
    faults.push(`${whose}: ${both}: nothing behaves like what comes later`);
  }
  return { identity, binaryVersion, emulationVersion };
}

function onceOf({ readings }: ArgumentsRead, faults: string[]): Once | undefined {
  const { oncePer, oncePerTick, timezone, attempts, doneExitCode, holdFor, schedule } = readings;
  const [perKey, perTick, perSchedule] = [sourceOf(oncePer), sourceOf(oncePerTick), sourceOf(schedule)];
  if (perSchedule !== undefined && (perKey ?? perTick) !== undefined)
    faults.push(
      `${perSchedule} does not go with ${perKey ?? perTick ?? ''}: its ticks are keys already; leave out one`,
    );
  if (perKey !== undefined && perTick !== undefined)
    faults.push(`${perKey} and ${perTick} both name a key: leave out one of them`);
  const ways = `${flagOf('oncePer')} or ${flagOf('oncePerTick')}`;
  const isOnce = perKey !== undefined || perTick !== undefined;
  for (const reading of isOnce ? [] : [attempts, doneExitCode]) {
    const isForTicks = reading === attempts && perSchedule !== undefined;
    if (reading.kind === 'given' && !isForTicks)
      faults.push(`${reading.source}: only with ${ways}, since it counts by key`);
  }
  if (timezone.kind === 'given' && perTick === undefined && perSchedule === undefined)
    faults.push(`${timezone.source}: only with ${flagOf('oncePerTick')} or ${flagOf('schedule')}`);
  if (isOnce && holdFor.kind === 'given' && holdFor.value > 0)
    faults.push(`${holdFor.source} does not go with ${perKey ?? perTick ?? ''}, which remembers the key: leave it out`);
  const settings = { attempts: valueOf(attempts), doneStatus: valueOf(doneExitCode) ?? 0 };
  const [key, line, zone] = [valueOf(oncePer), valueOf(oncePerTick), valueOf(timezone)];
  if (key !== undefined) return { kind: 'key', key, ...settings };
  return line === undefined || zone === undefined ? undefined : { kind: 'tick', line, zone, ...settings };
}

function scheduleOf({ readings }: ArgumentsRead, faults: string[]): ScheduleConfig | undefined {
  const { schedule, catchUp, startDeadline, overlap, jitter, attempts, timezone, holdFor, maxRuntime } = readings;
  const source = sourceOf(schedule);
  const ofTicks = [catchUp, startDeadline, overlap, jitter];
  for (const reading of source === undefined ? ofTicks : []) {
    if (reading.kind === 'given') faults.push(`${reading.source}: only with ${flagOf('schedule')}`);
  }
  if (source !== undefined && holdFor.kind === 'given' && holdFor.value > 0)
    faults.push(`${holdFor.source} does not go with ${source}, which keeps the lock: leave it out`);
  const [line, zone] = [valueOf(schedule), valueOf(timezone)];
  if (line === undefined || zone === undefined || maxRuntime.kind === 'faulty') return undefined;
  if (catchUp.kind === 'faulty' || overlap.kind === 'faulty' || jitter.kind === 'faulty') return undefined;
  return {
    ...{ line, zone, catchUp: catchUp.value, overlap: overlap.value, jitterMs: jitter.value },
    ...{ attempts: valueOf(attempts) ?? 1, startDeadlineMs: deadlineOf(readings, faults) },
  };
}

/** One that a take-over cannot keep would skip ticks for nothing: it waits for a lease, and clocks differ. */
function deadlineOf({ startDeadline, leaseDuration, foreignGrace }: Readings, faults: string[]): number | undefined {
  const [deadlineMs, leaseMs] = [valueOf(startDeadline), valueOf(leaseDuration)];
  if (deadlineMs === undefined || leaseMs === undefined) return deadlineMs;
  const leastMs = leaseMs + (valueOf(foreignGrace) ?? leaseMs * foreignGraceFactor) + tooFarAheadMs;
  if (deadlineMs >= leastMs) return deadlineMs;
  const parts = 'the lease duration, the grace for foreign holders and 30 s for clocks';
  faults.push(`${sourceOf(startDeadline) ?? ''}: expected at least ${String(Math.ceil(leastMs / 1000))}s: ${parts}`);
  return undefined;
}

function hooksOf({ readings }: ArgumentsRead, faults: string[]): HookLines | undefined {
  const given = hookNames.filter((name) => readings[name].kind !== 'absent');
  const { hookTimeout } = readings;
  if (given.length === 0 && hookTimeout.kind === 'given')
    faults.push(`${hookTimeout.source}: only with a hook: ${hookNames.map(flagOf).join(', ')}`);
  if (given.length === 0) return undefined;
  const lines = given.flatMap((name) => {
    const line = valueOf(readings[name]);
    return line === undefined ? [] : [[name, line] as const];
  });
  return { lines: Object.fromEntries(lines), timeoutMs: valueOf(hookTimeout) ?? 0 };
}

/** As the child's health.ts has it. */
interface HealthChecks {
  readonly file: string | undefined;
  readonly line: string | undefined;
  readonly maxAgeMs: number;
}

function healthOf({ readings }: ArgumentsRead, faults: string[]): HealthChecks | undefined {
  const { healthFile, healthCommand, healthMaxAge } = readings;
  const isAsked = healthFile.kind !== 'absent' || healthCommand.kind !== 'absent';
  if (!isAsked && healthMaxAge.kind === 'given' && sourceOf(healthMaxAge) !== undefined)
    faults.push(`${healthMaxAge.source}: only with ${flagOf('healthFile')} or ${flagOf('healthCommand')}`);
  if (!isAsked) return undefined;
  return { file: valueOf(healthFile), line: valueOf(healthCommand), maxAgeMs: valueOf(healthMaxAge) ?? 0 };
}

const timingOptions = {
  leaseDurationMs: 'leaseDuration',
  renewDeadlineMs: 'renewDeadline',
  retryPeriodMs: 'retryPeriod',
  lostGraceMs: 'lostGrace',
} as const satisfies Record<keyof Timing, OptionName>;

function timingOf({ readings }: ArgumentsRead, faults: string[]): Timing | undefined {
  const { leaseDuration, renewDeadline, retryPeriod, lostGrace } = readings;
  // A duration that could not be read is a fault already; what follows from it would only confuse.
  if (leaseDuration.kind === 'faulty' || renewDeadline.kind === 'faulty') return undefined;
  if (retryPeriod.kind === 'faulty' || lostGrace.kind === 'faulty') return undefined;
  const given = {
    leaseDurationMs: leaseDuration.value,
    ...(renewDeadline.kind === 'absent' ? {} : { renewDeadlineMs: renewDeadline.value }),
    ...(retryPeriod.kind === 'absent' ? {} : { retryPeriodMs: retryPeriod.value }),
    ...(lostGrace.kind === 'absent' ? {} : { lostGraceMs: lostGrace.value }),
  };
  for (const { setting, message } of timingFaults(given)) {
    const name = timingOptions[setting];
    faults.push(`${sourceOf(readings[name]) ?? flagOf(name)}: ${message}`);
  }
  return completeTiming(given);
}

function candidateName(env: Environment, facts: Facts): string {
  // These are not ours to refuse, only to keep within what --identity may be: 253 with `_` and the uuid.
  const name = podName(env, facts).slice(0, 253 - 1 - 36);
  return isPlain(name) ? name : name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '');
}

/** Where we are in a pod: its host is called like it, unless it says otherwise. */
export function podName(env: Environment, facts: Facts): string {
  const name = [env['POD_NAME'], env['HOSTNAME'], facts.hostname].find((text) => text !== undefined && text !== '');
  return name ?? 'unknown';
}

function frozen<T extends object>(value: T): T {
  for (const part of Object.values(value) as unknown[]) {
    if (typeof part === 'object' && part !== null) frozen(part);
  }
  return Object.freeze(value);
}
