// The stage on which a command is run while a lock is held: the lock, the elector, the supervisor, and all who listen
// to what happens. Decides what is opened before what, and closed after what; nothing that happens in between. What
// talks to clusters, chalk, execa and the endpoint are loaded when they are needed.
// Invariant: what cannot be used is refused with a sentence before the first request that could take the lock.

import { environmentWarnings } from '../child/environment.ts';
import { runHook } from '../child/hook.ts';
import { watchZombies } from '../child/pid-1.ts';
import { createSupervisor, type Supervisor } from '../child/supervisor.ts';
import { procBlindness } from '../child/sweep.ts';
import type { Config } from '../cli/config.ts';
import { refusedLock } from '../cli/place.ts';
import type { Clock } from '../clock.ts';
import { stopCompilers } from '../common/compilers.ts';
import { LeaderElector } from '../elector/leader-elector.ts';
import { type HookLines, Hooks, type HooksOptions } from '../job/hooks.ts';
import type { Job } from '../job/key.ts';
import { notesOf } from '../job/once.ts';
import type { Rounds } from '../job/schedule.ts';
import { loadStore, type OpenLock, openLock } from '../locks/open.ts';
import { eventsOn } from '../observe/announcer.ts';
import type { Report } from '../observe/events.ts';
import { Labeller } from '../observe/labeller.ts';
import type { Context } from './command.ts';
import type { Listening } from './listening.ts';
import type { Scheduling } from './planned.ts';

/** All that has to be closed again. */
export interface Stage {
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
  readonly listening: Listening | undefined;
  /** To the log and all who listen. */
  readonly report: Report;
  readonly loggedIn: OpenLock['loggedIn'];
}

export async function openStage(
  config: Config,
  job: Job | undefined,
  scheduling: Scheduling | undefined,
  { env, version, desk }: Context,
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
  // Before anything is asked of the lock: a place that is taken is a fault like any other.
  const listening =
    config.listen &&
    (await (await import('./listening.ts')).openListening(config, config.listen, { version, clock, stop: desk.stop }));
  const open = async (): Promise<OpenLock> => {
    // In this order: what is loaded after the compilers have stopped has no bytecode.
    await loadStore(store, env);
    stopCompilers();
    return await openLock({ store, namespace, name, clock, warn, version, env });
  };
  // The guardian starts meanwhile; a fork costs less before much is loaded.
  const [opened, supervisor] = await Promise.all([
    open(),
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
  for (const listener of [kubeEvents, labeller, hooks, listening]) {
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
  if (listening) {
    listening.show({ lock: fullName, elector, supervisor, job, rounds });
    report({ kind: 'note', level: 'info', message: `answering requests at ${listening.url}` });
  }
  const told = { kubeEvents, labeller, hooks, listening };
  return { lock: fullName, job, rounds, elector, supervisor, ...told, report: tellAll, loggedIn };
}

function hooksOn(
  { identity }: Config,
  lines: HookLines,
  { env, ...rest }: Pick<HooksOptions, 'lock' | 'key' | 'clock' | 'warn'> & Pick<Context, 'env'>,
): Hooks {
  const run: HooksOptions['run'] = (line, its, limit) => runHook(line, { ...env, ...its }, limit);
  return new Hooks({ ...lines, ...rest, identity, run });
}

/** The last Events come first: where nothing watches the lock any more, they go over its own connection. */
export async function closeStage(stage: Stage, { desk }: Context): Promise<void> {
  const { kubeEvents, labeller, hooks, listening, elector, supervisor } = stage;
  await Promise.all([kubeEvents?.flush(), labeller?.flush()]);
  elector.close();
  listening?.close();
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
