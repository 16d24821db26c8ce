// What leader-run does without a verb: it runs a command while it holds a lock. Opens what that takes, plays the story
// (src/run.ts), closes it. Wires the parts together and decides nothing that could be decided elsewhere.
// What talks to clusters, chalk and execa are run when they are needed; scripts/build.mjs decides what lies in which
// file.
// Invariant: whatever happens, there is an ending, and once the log is open, a last line of it that says why.

import { environmentWarnings } from '../child/environment.ts';
import { hookFault, runHook } from '../child/hook.ts';
import { findCommand } from '../child/lookup.ts';
import { watchZombies } from '../child/pid-1.ts';
import { createSupervisor, type Supervisor } from '../child/supervisor.ts';
import { procBlindness, procFault } from '../child/sweep.ts';
import { type Config, type Once, readConfig, type ScheduleConfig } from '../cli/config.ts';
import { systemFacts } from '../cli/facts.ts';
import { refusedLock } from '../cli/place.ts';
import { type Ending, exitStatus, lastSentence, type RunEnding } from '../cli/exit-status.ts';
import { type Clock, surelyElapsed, systemClock } from '../clock.ts';
import { messageOf } from '../common/errors.ts';
import { printable } from '../common/printable.ts';
import { span } from '../common/quantity.ts';
import { LeaderElector } from '../elector/leader-elector.ts';
import { type HookLines, Hooks, type HooksOptions } from '../job/hooks.ts';
import type { Job } from '../job/key.ts';
import { notesOf } from '../job/once.ts';
import type { Plan, Rounds } from '../job/schedule.ts';
import type { Notes } from '../elector/notes.ts';
import type { Patience } from '../elector/state.ts';
import { type OpenLock, openLock } from '../locks/open.ts';
import { eventsOn } from '../observe/announcer.ts';
import type { Report } from '../observe/events.ts';
import { Labeller } from '../observe/labeller.ts';
import { openLog } from '../observe/logger.ts';
import { run as tell } from '../run.ts';
import type { Command, Context } from './command.ts';
import { help, version } from './print.ts';

/** The default verb; its name is that of no verb, since it is meant when none is named. */
export const run: Command = {
  name: '',
  takes: ['lock', 'run', 'tick'],
  run: async (context) => {
    const facts = systemFacts();
    const read = readConfig(context.words, context.env, facts);
    switch (read.kind) {
      case 'print':
        return await (read.what === 'help' ? help : version).run(context);
      case 'faults':
        return { kind: 'refused', faults: read.faults };
      case 'run':
        if (facts.folder !== undefined) return await lead(read.config, context);
        return { kind: 'refused', faults: [folderFault] };
    }
  },
};

const folderFault = 'the current folder has been removed, and no command can be started from it: change to another';

async function lead(config: Config, context: Context): Promise<Ending> {
  const found = findCommand(config.command, context.env['PATH']);
  if (found.kind !== 'found') {
    const fault = `command ${printable(config.command)} ${printable(found.why)} (nothing was locked or started)`;
    return { kind: found.kind, faults: [fault] };
  }
  const unfit = procFault() ?? (config.hooks && hookFault());
  if (unfit !== undefined) return { kind: 'refused', faults: [unfit] };

  const clock = systemClock();
  const job = config.once && (await jobOf(config.once, clock.now().wall));
  if (job && 'fault' in job) return { kind: 'refused', faults: [job.fault] };
  const scheduled = config.schedule && (await scheduleOf(config.schedule, clock.now().wall));
  if (scheduled && 'fault' in scheduled) return { kind: 'refused', faults: [scheduled.fault] };
  const { logFormat: format, logLevel: level, colour } = config;
  const after: Clock['after'] = (ms, callback) => clock.after(ms, callback);
  const log = await openLog({ format, level, colour, after, wall: () => clock.now().wall });
  context.desk.reportTo(log.report, () => clock.now().mono);
  let ending: RunEnding;
  try {
    const stage = await open(config, job, scheduled, context, clock, log.report);
    ending = await play(stage, config, context, clock);
    await close(stage, context);
  } catch (error) {
    // Configuration that cannot be used, or a bug; nothing runs in the first case, and the guardian ends the command in
    // the second.
    ending = { kind: 'failed', message: messageOf(error) };
  }
  const skipped = ending.kind === 'not-acquired' || (ending.kind === 'settled' && ending.verdict.kind !== 'done');
  log.report({ kind: 'exit', status: exitStatus(ending), reason: lastSentence(ending, context.desk.asked()), skipped });
  await log.flush();
  return ending;
}

/** A cron line names its key by this machine's clock. */
export async function jobOf(once: Once, wallMs: number): Promise<Job | { readonly fault: string }> {
  const { attempts } = once;
  if (once.kind === 'key') return { kind: 'key', key: once.key, attempts };
  const { newestTick, openSchedule } = await import('../job/tick.ts');
  const schedule = openSchedule(once.line, once.zone, wallMs);
  if ('fault' in schedule) return { fault: `--once-per-tick: ${schedule.fault}` };
  const key = newestTick(schedule.value, wallMs);
  return key === undefined
    ? { fault: `--once-per-tick: ${once.line} has not come yet` }
    : { kind: 'tick', key, attempts };
}

/** What runs at ticks, once the lock's full name is known. */
interface Scheduled {
  readonly notes: Notes;
  readonly rounds: Rounds;
}

type Scheduling = (lock: string) => Scheduled;

/** Loaded for a schedule alone. */
export async function scheduleOf(
  { line, zone, ...rest }: ScheduleConfig,
  wallMs: number,
): Promise<Scheduling | { readonly fault: string }> {
  const [{ openSchedule, shortestPeriodMs }, { notesOfSchedule, roundsOf }] = await Promise.all([
    import('../job/tick.ts'),
    import('../job/schedule.ts'),
  ]);
  const schedule = openSchedule(line, zone, wallMs);
  if ('fault' in schedule) return { fault: `--schedule: ${schedule.fault}` };
  const periodMs = shortestPeriodMs(schedule.value, wallMs);
  if (rest.jitterMs >= periodMs)
    return {
      fault: `--jitter ${span(rest.jitterMs)}: expected less than ${span(periodMs)}, which lies between two ticks`,
    };
  return (lock) => {
    const plan: Plan = { schedule: schedule.value, lock, ...rest };
    return { notes: notesOfSchedule(plan), rounds: roundsOf(plan) };
  };
}

/** All that has to be closed again. */
interface Stage {
  /** `namespace/name`. */
  readonly lock: string;
  readonly job: Job | undefined;
  readonly rounds: Rounds | undefined;
  readonly elector: LeaderElector;
  readonly supervisor: Supervisor;
  /** The lock object's Events, where there are any. */
  readonly kubeEvents: ReturnType<typeof eventsOn> | undefined;
  readonly labeller: Labeller | undefined;
  readonly hooks: Hooks | undefined;
  /** To the log and all who listen. */
  readonly report: Report;
  readonly loggedIn: OpenLock['loggedIn'];
}

async function open(
  config: Config,
  job: Job | undefined,
  scheduling: Scheduling | undefined,
  { env, version }: Context,
  clock: Clock,
  report: Report,
): Promise<Stage> {
  const { identity, timing, store, command, args, stopSignal, signalTo } = config;
  const { name, namespace } = config.lock;
  const { leaseDurationMs } = timing;
  const warn = (message: string): void => {
    report({ kind: 'note', level: 'warn', message });
  };
  const listeners: Report[] = [report];
  const tellAll: Report = (event) => {
    for (const hear of listeners) hear(event);
  };
  const [opened, supervisor] = await Promise.all([
    openLock({ store, namespace, name, clock, warn, version, env }),
    createSupervisor({
      command,
      args,
      inherited: env,
      guardian: config.guardian,
      stopSignal,
      signalTo,
      clock,
      report: tellAll,
      leaseDurationMs,
    }),
  ]);
  const { lock, fullName, warnings, loggedIn } = opened;
  // Before the first request, and only here if the cluster's configuration names the namespace.
  const refused = refusedLock({ name, namespace: opened.namespace }, store.kind, config.outerLock);
  if (refused !== undefined) throw new Error(refused);

  report({ kind: 'started', lock: lock.name, where: lock.where, identity, guardian: supervisor.guardianKind });
  const hidden = procBlindness();
  const ours = [...(hidden === undefined ? [] : [hidden]), ...environmentWarnings(env, process.pid)];
  for (const message of [...ours, ...warnings]) warn(message);
  watchZombies(clock, report);
  const scheduled = scheduling?.(fullName);
  const announce = config.events ? lock.announce : undefined;
  const kubeEvents = announce && eventsOn({ announce, identity, report, clock });
  const label = config.labelPod && (await opened.podLabel?.(config.labelPod));
  const labeller = label && new Labeller({ label, report, clock });
  const hooks = config.hooks && hooksOn(config, config.hooks, { lock: fullName, key: job?.key, env, clock, warn });
  for (const listener of [kubeEvents, labeller, hooks]) {
    if (listener) listeners.push((event) => void listener.hear(event));
  }
  const elector = new LeaderElector({
    lock,
    identity,
    clock,
    report: tellAll,
    ...timing,
    foreignGraceMs: config.foreignGraceMs,
    newLockWaitMs: config.newLockWaitMs,
    notes: job ? notesOf(job) : scheduled?.notes,
  });
  const rounds = scheduled?.rounds;
  return { lock: fullName, job, rounds, elector, supervisor, kubeEvents, labeller, hooks, report: tellAll, loggedIn };
}

function hooksOn(
  { identity }: Config,
  lines: HookLines,
  { env, ...rest }: Pick<HooksOptions, 'lock' | 'key' | 'clock' | 'warn'> & Pick<Context, 'env'>,
): Hooks {
  const run: HooksOptions['run'] = (line, its, limit) => runHook(line, { ...env, ...its }, limit);
  return new Hooks({ ...lines, ...rest, identity, run });
}

async function play(stage: Stage, config: Config, { desk }: Context, clock: Clock): Promise<RunEnding> {
  const { lock, job, rounds, elector, supervisor, report } = stage;
  const { lostGraceMs, leaseDurationMs } = config.timing;
  const { identity, onLost, stopSignal, stopGraceMs, holdForMs, maxRuntimeMs } = config;
  // While the first request is under way.
  void supervisor.prepare();
  const login = await logIn(stage, config.patience, clock, desk.stop);
  if ('late' in login) return { kind: 'not-acquired', status: config.conflictStatus, trouble: { message: login.late } };
  const ending = await tell({
    elector,
    supervisor,
    desk,
    clock,
    report,
    lock,
    identity,
    patience: login.patience,
    onLost,
    stopSignal,
    stopGraceMs,
    lostGraceMs,
    leaseDurationMs,
    holdForMs,
    maxRuntimeMs,
    attempts: job && { atMost: job.attempts },
    rounds,
  });
  if (ending.kind === 'lost') return { ...ending, status: config.lostStatus };
  if (ending.kind === 'settled')
    return { ...ending, key: job?.key ?? '', ...(config.once && { doneStatus: config.once.doneStatus }) };
  if (ending.kind !== 'not-acquired') return ending;
  return { ...ending, status: config.conflictStatus, holder: elector.getLeader() };
}

/**
 * What is left of the patience after a login, or why there was none within it. `--wait 0` is one look at the lock,
 * however long the login before it takes.
 */
async function logIn(
  { loggedIn }: Stage,
  { wait, untilCertain }: Patience,
  clock: Clock,
  stop: AbortSignal,
): Promise<{ readonly patience: Patience } | { readonly late: string }> {
  if (loggedIn === undefined || wait.kind !== 'for') {
    await loggedIn?.(stop);
    return { patience: { wait, untilCertain } };
  }
  const since = clock.now();
  const over = new AbortController();
  const cancel = clock.after(wait.ms, () => {
    over.abort();
  });
  const why = await loggedIn(AbortSignal.any([stop, over.signal]));
  cancel();
  if (over.signal.aborted && why !== undefined) return { late: why };
  // One request at least, since the lock is what was waited for.
  const ms = Math.max(1, wait.ms - surelyElapsed(clock.now(), since));
  return { patience: { wait: { kind: 'for', ms }, untilCertain } };
}

/** The last Events come first: where nothing watches the lock any more, they go over its own connection. */
async function close(stage: Stage, { desk }: Context): Promise<void> {
  const { kubeEvents, labeller, hooks, elector, supervisor } = stage;
  await Promise.all([kubeEvents?.flush(), labeller?.flush()]);
  elector.close();
  await supervisor.close();
  if (hooks === undefined) return;
  const cut = (): void => {
    hooks.cut();
  };
  // A second request to stop is for them; what else comes is for nobody.
  const forward = (signal: NodeJS.Signals): void => {
    if (['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'].includes(signal)) cut();
  };
  desk.attach({ forward, kill: cut });
  await hooks.flush();
}
