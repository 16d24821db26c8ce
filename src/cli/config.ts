// Arguments and environment -> one frozen Config, or every fault at once. Decides which options go together and what
// follows from those left out. Does not open anything: whether a kubeconfig exists, a namespace is allowed or a command
// can be found is told by those who use them. After this, nothing else reads arguments or our variables.
// Invariant: whatever the input, readConfig returns; a Config it returns has passed `timingFaults`.

import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import path from 'node:path';
import { isatty } from 'node:tty';
import { completeTiming, timingFaults, type Timing } from '../elector/timing.ts';
import { printable } from '../common/printable.ts';
import type { Standing, Store } from '../locks/store.ts';
import {
  type Environment,
  flagOf,
  helpText,
  insideTerm,
  type OptionName,
  type OptionsRead,
  type OptionValues,
  readOptions,
  variableOf,
} from './options.ts';

export interface Config {
  /** No namespace: that of the service account or of the context, which only the cluster's configuration tells. */
  readonly lock: { readonly namespace: string | undefined; readonly name: string };
  readonly store: Store;
  /** The full name of the lock under whose term we run ourselves; see `refusedLock`. */
  readonly outerLock: string | undefined;
  readonly identity: string;
  readonly timing: Timing;
  /** `waitMs` undefined: forever. 0: one look. */
  readonly patience: { readonly waitMs: number | undefined; readonly try: boolean };
  /** How long the lock is kept after the command has ended. */
  readonly holdForMs: number;
  readonly newLockWaitMs: number;
  /** Undefined: 7/15 of the foreign record's own duration. */
  readonly foreignGraceMs: number | undefined;
  readonly conflictStatus: number;
  readonly lostStatus: number;
  readonly stopGraceMs: number;
  readonly stopSignal: NodeJS.Signals;
  readonly onLost: 'rejoin' | 'exit';
  readonly guardian: 'auto' | 'sh' | 'node' | 'off';
  /** Whether the lock object is given Events about who leads. */
  readonly events: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'pretty' | 'json';
  /** False when NO_COLOR forbids it; whether the terminal can is asked later (logger.ts). */
  readonly colour: boolean;
  readonly command: string;
  readonly args: readonly string[];
}

/** What the process is told by its surroundings other than by arguments and environment. */
export interface Facts {
  readonly version: string;
  readonly hostname: string;
  /** From the passwd entry, not from HOME; undefined for a user without one. */
  readonly home: string | undefined;
  /** Undefined when the folder has been removed. */
  readonly folder: string | undefined;
  readonly uuid: string;
  /** Of stderr, where the log goes. */
  readonly isTerminal: boolean;
}

export type ConfigRead =
  | { readonly kind: 'run'; readonly config: Config }
  /** For stdout, exit status 0. */
  | { readonly kind: 'print'; readonly text: string }
  /** For stderr, a line each, exit status 125. */
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

export function systemFacts(version: string): Facts {
  return {
    version,
    hostname: hostname(),
    // Containers often run as a user number without an entry.
    home: unlessThrown(() => userInfo().homedir),
    folder: unlessThrown(() => process.cwd()),
    uuid: randomUUID(),
    isTerminal: isatty(2),
  };
}

/** `argv` without node and script: process.argv.slice(2). */
export function readConfig(argv: readonly string[], env: Environment, facts: Facts): ConfigRead {
  const read = readOptions(argv, env);
  if (read.print === 'help') return { kind: 'print', text: helpText() };
  if (read.print === 'version') return { kind: 'print', text: `leader-run ${facts.version}\n` };

  const { values, command } = read;
  const faults = [...read.faults];
  const timing = timingOf(read, faults);
  const lock = lockOf(read, faults);
  const identity = values.identity ?? `${candidateName(env, facts)}_${facts.uuid}`;
  const coordinated = coordinatedOf(read, identity, faults);
  const store = storeOf(read, facts, coordinated, faults);
  const [file, ...args] = command;
  if (file === undefined) {
    faults.push('no command: put it behind --, as in leader-run --lock default/my-job -- ./my-job');
  } else if (file === '') {
    faults.push('the command is empty: name a program behind --');
  }

  const full = lock && { ...lock, namespace: lock.namespace ?? (store?.kind === 'local' ? 'default' : undefined) };
  const outerLock = insideTerm(env) ? env['LEADER_RUN_LOCK'] : undefined;
  const refused = full && store && refusedLock(full, store.kind, outerLock);
  if (refused !== undefined) faults.push(refused);
  // The other four are there whenever there is no fault; the compiler wants to see it.
  if (faults.length > 0 || !full || !store || !timing || file === undefined) return { kind: 'faults', faults };

  // Without a fault, each option that has a standard has a value (a test checks the standards).
  const sure = values as OptionValues;
  const waitMs = sure.wait === 'forever' ? undefined : sure.wait;
  const tries = sure.try ?? false;
  const config: Config = {
    lock: full,
    store,
    outerLock,
    identity,
    timing,
    patience: { waitMs, try: tries },
    holdForMs: sure.holdFor,
    newLockWaitMs: sure.newLockWait,
    foreignGraceMs: sure.foreignGrace,
    conflictStatus: sure.conflictExitCode,
    lostStatus: sure.lostExitCode,
    stopGraceMs: sure.stopGrace,
    stopSignal: sure.stopSignal,
    // Who will not wait long for the lock does not want to wait for it again either.
    onLost: sure.onLost ?? (tries || waitMs !== undefined ? 'exit' : 'rejoin'),
    guardian: sure.guardian,
    events: sure.noEvents !== true,
    logLevel: sure.logLevel,
    logFormat: sure.logFormat !== 'auto' ? sure.logFormat : facts.isTerminal ? 'pretty' : 'json',
    colour: (env['NO_COLOR'] ?? '') === '' || env['FORCE_COLOR'] !== undefined,
    command: file,
    args,
  };
  return { kind: 'run', config: frozen(config) };
}

/**
 * Why a lock must not be used. Called again once the namespace is known (main.ts): `--lock name` takes it from the
 * cluster's configuration.
 */
export function refusedLock(
  { namespace, name }: Config['lock'],
  kind: Config['store']['kind'],
  outerLock: string | undefined,
): string | undefined {
  if (namespace === undefined) return undefined;
  const full = `${namespace}/${name}`;
  if (full === outerLock) {
    const why = 'is held by the leader-run that runs this one, which would wait for its own end';
    return `lock ${full} ${why}: use another lock`;
  }
  if (kind === 'local') return undefined;
  if (namespace === 'kube-node-lease') {
    return `lock ${full} is in kube-node-lease, where nodes keep their heartbeats: use a namespace of your own`;
  }
  if (namespace === 'kube-system' && name.startsWith('kube-')) {
    return `lock ${full} belongs to Kubernetes itself, which would stop working: use a name of your own`;
  }
  return undefined;
}

function lockOf({ values, sources }: OptionsRead, faults: string[]): Config['lock'] | undefined {
  const { lock, namespace } = values;
  if (sources.lock === undefined) {
    faults.push('no lock: name it, as in --lock default/my-job (see --help)');
  } else if (lock?.namespace !== undefined && sources.namespace !== undefined) {
    const already = `${sources.lock} already names the namespace ${lock.namespace}`;
    faults.push(`${already}: leave out ${sources.namespace}, or the part before /`);
  }
  return lock && { namespace: lock.namespace ?? namespace, name: lock.name };
}

function storeOf(
  { values, sources }: OptionsRead,
  facts: Facts,
  coordinated: Standing | undefined,
  faults: string[],
): Config['store'] | undefined {
  const { local, lockKind, kubeconfig, context } = values;
  if (local === undefined && sources.local !== undefined) return undefined;
  if (local === undefined || local === false) {
    return {
      kind: 'kube',
      lockKind: lockKind ?? 'lease',
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
      ...(coordinated === undefined ? {} : { coordinated }),
    };
  }

  const clusterOnly = (['kubeconfig', 'context', 'lockKind', 'coordinated'] as const).flatMap(
    (name) => sources[name] ?? [],
  );
  if (clusterOnly.length > 0) {
    const source = sources.local ?? flagOf('local');
    faults.push(`${source} uses no cluster, so it does not go with ${clusterOnly.join(', ')}`);
  }
  // A variable is set once for programs that start in many folders.
  if (local !== true && sources.local === variableOf('local') && !path.isAbsolute(local)) {
    const where = 'would be another folder in each working directory';
    faults.push(`${sources.local}=${printable(local)}: ${where}: write its path from / on, or true for the usual one`);
    return undefined;
  }
  const base = local === true ? facts.home : path.isAbsolute(local) ? '/' : facts.folder;
  if (base === undefined) {
    faults.push(
      local === true
        ? '--local: this user has no home folder in the passwd file; name a folder, as in --local=/var/lib/leader-run'
        : `--local=${printable(local)}: the current folder does not exist any more; name the folder from / on`,
    );
    return undefined;
  }
  return { kind: 'local', folder: path.resolve(base, local === true ? '.local/state/leader-run' : local) };
}

function coordinatedOf({ values, sources }: OptionsRead, identity: string, faults: string[]): Standing | undefined {
  const { coordinated, binaryVersion, emulationVersion = binaryVersion, lockKind, wait } = values;
  if (coordinated !== true) {
    const versions = (['binaryVersion', 'emulationVersion'] as const).flatMap((name) => sources[name] ?? []);
    const isUnread = coordinated === undefined && sources.coordinated !== undefined;
    if (versions.length > 0 && !isUnread) faults.push(`${versions.join(' and ')}: only with ${flagOf('coordinated')}`);
    return undefined;
  }
  const source = sources.coordinated ?? flagOf('coordinated');
  if (sources.binaryVersion === undefined) {
    faults.push(`${source} needs the command's version: add ${flagOf('binaryVersion')}, as in --binary-version 1.4.0`);
  }
  if (lockKind !== undefined && lockKind !== 'lease') {
    faults.push(`${source} goes with --lock-kind lease only, not with ${lockKind}`);
  }
  if (values.try === true || wait === 0) {
    const hasty = values.try === true ? sources.try : sources.wait;
    faults.push(`${source} does not go with ${hasty ?? ''}: the server takes seconds to choose; use --wait 30s, say`);
  }
  // The name of an object that is a key elsewhere (LeaseCandidate, as a ConfigMap's keys).
  if (!/^[-._a-zA-Z0-9]+$/.test(identity)) {
    faults.push(`${sources.identity ?? flagOf('identity')}: with ${source} it has letters, digits, -, _ and . only`);
  }
  if (binaryVersion === undefined || emulationVersion === undefined) return undefined;
  // By the three numbers; what may follow a dash is the server's to judge.
  const [emulated, binary] = [emulationVersion, binaryVersion].map((version) => version.replace(/-.*/, ''));
  if (emulated?.localeCompare(binary ?? '', 'en', { numeric: true }) === 1) {
    const both = `${emulationVersion} is newer than the binary version ${binaryVersion}`;
    faults.push(
      `${sources.emulationVersion ?? flagOf('emulationVersion')}: ${both}: nothing behaves like what comes later`,
    );
  }
  return { identity, binaryVersion, emulationVersion };
}

const timingOptions = {
  leaseDurationMs: 'leaseDuration',
  renewDeadlineMs: 'renewDeadline',
  retryPeriodMs: 'retryPeriod',
  lostGraceMs: 'lostGrace',
} as const satisfies Record<keyof Timing, OptionName>;

function timingOf({ values, sources }: OptionsRead, faults: string[]): Timing | undefined {
  // A duration that could not be read is a fault already; what follows from it would only confuse.
  const unread = Object.values(timingOptions).some((name) => values[name] === undefined && sources[name] !== undefined);
  const { leaseDuration, renewDeadline, retryPeriod, lostGrace } = values;
  if (unread || leaseDuration === undefined) return undefined;
  const given = {
    leaseDurationMs: leaseDuration,
    ...(renewDeadline === undefined ? {} : { renewDeadlineMs: renewDeadline }),
    ...(retryPeriod === undefined ? {} : { retryPeriodMs: retryPeriod }),
    ...(lostGrace === undefined ? {} : { lostGraceMs: lostGrace }),
  };
  const timing = completeTiming(given);
  for (const { setting, message } of timingFaults(given)) {
    const name = timingOptions[setting];
    faults.push(`${sources[name] ?? flagOf(name)}: ${message}`);
  }
  return timing;
}

function candidateName(env: Environment, facts: Facts): string {
  const name = [env['POD_NAME'], env['HOSTNAME'], facts.hostname].find((text) => text !== undefined && text !== '');
  // These are not ours to refuse, only to keep within what --identity may be: 253 with `_` and the uuid.
  return (name ?? 'unknown').slice(0, 253 - 1 - 36).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '');
}

function frozen<T extends object>(value: T): T {
  for (const part of Object.values(value) as unknown[]) {
    if (typeof part === 'object' && part !== null) frozen(part);
  }
  return Object.freeze(value);
}

function unlessThrown<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    // The caller says what is missing, if it turns out to be needed.
    return undefined;
  }
}
