// What leader-run does without a verb: it runs a command while it holds a lock. Reads what is asked for, opens the
// stage (stage.ts), plays the story on it (src/run.ts), closes it. Decides nothing that could be decided elsewhere.
// Invariant: whatever happens, there is an ending, and once the log is open, a last line of it that says why.

import type { HealthWatch } from '../child/health.ts';
import { hookFault } from '../child/hook.ts';
import { findCommand } from '../child/lookup.ts';
import { procFault } from '../child/sweep.ts';
import { type Config, readConfig } from '../cli/config.ts';
import { type Ending, exitStatus, lastSentence, type RunEnding } from '../cli/exit-status.ts';
import { systemFacts } from '../cli/facts.ts';
import { type Clock, surelyElapsed, systemClock } from '../clock.ts';
import { messageOf } from '../common/errors.ts';
import { printable } from '../common/printable.ts';
import type { Patience } from '../elector/state.ts';
import { openLog } from '../observe/logger.ts';
import { run as tell } from '../run.ts';
import type { Command, Context } from './command.ts';
import { jobOf, scheduleOf } from './planned.ts';
import { help, version } from './print.ts';
import { closeStage, openStage, type Stage } from './stage.ts';
import { runTakes } from '../cli/arguments.ts';

/** The default verb; its name is that of no verb, since it is meant when none is named. */
export const run: Command = {
  name: '',
  takes: runTakes,
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
  const unfit = procFault() ?? ((config.hooks ?? config.health?.line) && hookFault());
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
    const stage = await openStage(config, job, scheduled, context, clock, log.report);
    ending = await play(stage, config, context, clock);
    await closeStage(stage, context);
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

async function play(stage: Stage, config: Config, { desk, env }: Context, clock: Clock): Promise<RunEnding> {
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
    watchHealth: config.health && (await healthOn(config.health, env, clock)),
    attempts: job && { atMost: job.attempts },
    rounds,
  });
  if (ending.kind === 'lost') return { ...ending, status: config.lostStatus };
  if (ending.kind === 'settled')
    return { ...ending, key: job?.key ?? '', ...(config.once && { doneStatus: config.once.doneStatus }) };
  if (ending.kind !== 'not-acquired') return ending;
  return { ...ending, status: config.conflictStatus, holder: elector.getLeader() };
}

/** Loaded for the options alone. */
async function healthOn(
  checks: NonNullable<Config['health']>,
  env: Context['env'],
  clock: Clock,
): Promise<(environment: Record<string, string>) => HealthWatch> {
  const { watchHealth } = await import('../child/health.ts');
  return (environment) => watchHealth(checks, { ...env, ...environment }, clock);
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
