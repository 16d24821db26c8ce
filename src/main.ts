// The process boundary: arguments, environment and signals come in, an exit status goes out. Wires the parts together
// and decides nothing that could be decided elsewhere. chalk, execa and what talks to clusters are run when they are
// needed; scripts/build.mjs decides what lies in which file.
// Invariant: whatever happens, the process ends with a status of the table and a line that says why; if it dies without
// one, the guardian ends the command.

import { isatty } from 'node:tty';
import { findCommand } from './child/lookup.ts';
import { openSignalDesk, type SignalDesk } from './signals.ts';
import { createSupervisor } from './child/supervisor.ts';
import { countOrphanedZombies, procFault } from './child/sweep.ts';
import { type Config, readConfig, refusedLock, systemFacts } from './cli/config.ts';
import { exitStatus } from './cli/exit-status.ts';
import { type Clock, systemClock } from './clock.ts';
import { LeaderElector } from './elector/leader-elector.ts';
import { openLock } from './locks/open.ts';
import type { Report } from './observe/events.ts';
import { eventsOn } from './observe/announcer.ts';
import { openLog } from './observe/logger.ts';
import { printable } from './common/printable.ts';
import { type Ending, run } from './run.ts';

/** Put in by the build, from package.json. */
declare const __LEADER_RUN_VERSION__: string;

/** As PID 1 we inherit orphans that Node never reaps; so many of them are worth a line. */
const manyZombies = 20;
const zombieLookMs = 30_000;

// First of all: until somebody listens, SIGUSR1 opens Node's debugger. process.stdin would be opened by a look at it.
const desk = openSignalDesk(isatty(0) || isatty(2));
process.on('uncaughtException', crash);
void main();

async function main(): Promise<void> {
  if (process.platform === 'win32') {
    refuse(['Windows is not supported: use WSL or a Linux container']);
    return;
  }
  const facts = systemFacts(__LEADER_RUN_VERSION__);
  const read = readConfig(process.argv.slice(2), process.env, facts);
  switch (read.kind) {
    case 'print':
      print(read.text);
      return;
    case 'faults':
      refuse(read.faults);
      return;
    case 'run':
      if (facts.folder !== undefined) await lead(read.config);
      else refuse(['the current folder has been removed, and no command can be started from it: change to another']);
  }
}

async function lead(config: Config): Promise<void> {
  const found = findCommand(config.command, process.env['PATH']);
  if (found.kind !== 'found') {
    const { kind, why } = found;
    refuse(
      [`command ${printable(config.command)} ${printable(why)} (nothing was locked or started)`],
      exitStatus({ kind }),
    );
    return;
  }
  const blind = procFault();
  if (blind !== undefined) {
    refuse([blind]);
    return;
  }
  const clock = systemClock();
  const { logFormat: format, logLevel: level, colour } = config;
  const after: Clock['after'] = (ms, callback) => clock.after(ms, callback);
  const log = await openLog({ format, level, colour, after, wall: () => clock.now().wall });
  desk.reportTo(log.report);
  try {
    const ending = await campaignAndRun(config, clock, log.report);
    const status = exitStatus(ending.kind === 'failed' ? { kind: 'failed' } : ending, config);
    log.report({ kind: 'exit', status, reason: reasonOf(ending, desk) });
    await log.flush();
    leave(ending, status);
  } catch (error) {
    // Configuration that cannot be used, or a bug; nothing runs in the first case, and the guardian ends it in the
    // second.
    log.report({ kind: 'exit', status: 125, reason: error instanceof Error ? error.message : String(error) });
    await log.flush();
    process.exit(125);
  }
}

async function campaignAndRun(config: Config, clock: Clock, report: Report): Promise<Ending> {
  const { identity, timing, store, command, args, stopSignal } = config;
  const { name, namespace } = config.lock;
  const warn = (message: string): void => {
    report({ kind: 'note', level: 'warn', message });
  };
  const [opened, supervisor] = await Promise.all([
    openLock({ store, namespace, name, clock, warn, version: __LEADER_RUN_VERSION__ }),
    createSupervisor({
      command,
      args,
      inherited: process.env,
      guardian: config.guardian,
      stopSignal,
      clock,
      report,
      leaseDurationMs: timing.leaseDurationMs,
    }),
  ]);
  const { lock, fullName, warnings } = opened;
  const refused = refusedLock({ name, namespace: opened.namespace }, store.kind, config.outerLock);
  if (refused !== undefined) throw new Error(refused);

  report({ kind: 'started', lock: lock.name, where: lock.where, identity, guardian: supervisor.guardianKind });
  for (const message of warnings) warn(message);
  if (process.pid === 1) watchZombies(clock, report);
  const announce = config.events ? lock.announce : undefined;
  const kubeEvents = announce && eventsOn({ announce, identity, report, clock });
  const elector = new LeaderElector({
    lock,
    identity,
    clock,
    report: (event) => {
      report(event);
      kubeEvents?.hear(event);
    },
    leaseDurationMs: timing.leaseDurationMs,
    renewDeadlineMs: timing.renewDeadlineMs,
    retryPeriodMs: timing.retryPeriodMs,
    lostGraceMs: timing.lostGraceMs,
    foreignGraceMs: config.foreignGraceMs,
    newLockWaitMs: config.newLockWaitMs,
  });
  // While the first request is under way.
  void supervisor.prepare();
  const ending = await run({
    elector,
    supervisor,
    desk,
    report,
    lock: fullName,
    identity,
    patience: {
      wait:
        config.patience.waitMs === undefined
          ? { kind: 'forever' }
          : config.patience.waitMs === 0
            ? { kind: 'one-look' }
            : { kind: 'for', ms: config.patience.waitMs },
      untilCertain: config.patience.try,
    },
    onLost: config.onLost,
    stopSignal,
    stopGraceMs: config.stopGraceMs,
    lostGraceMs: timing.lostGraceMs,
    leaseDurationMs: timing.leaseDurationMs,
    holdForMs: config.holdForMs,
  });
  await kubeEvents?.flush();
  elector.close();
  await supervisor.close();
  return ending;
}

function reasonOf(ending: Ending, { asked }: SignalDesk): string {
  const order = asked();
  const after = order === undefined ? '' : `, after leader-run got ${order}`;
  switch (ending.kind) {
    case 'command':
      return `the command ended${after}; the status is its own`;
    case 'command-signalled':
      return `the command ended of ${ending.signal}${after}; the status is its own`;
    case 'stopped':
      return `stopped by ${ending.signal}; no command was running`;
    case 'lost':
      return 'leadership was lost and the command stopped';
    case 'not-acquired':
      return ending.trouble ? ending.trouble.message : 'somebody else holds the lock; no command was running';
    case 'failed':
      return ending.message;
  }
}

/** Ends the process; by the signal that asked for it where one did, so that shells and systemd see the truth. */
function leave(ending: Ending, status: number): never {
  const signal = ending.kind === 'stopped' || ending.kind === 'command-signalled' ? ending.signal : undefined;
  // The kernel protects PID 1 from signals that nobody handles.
  if (signal !== undefined && signal === desk.asked() && process.pid !== 1) desk.reraise(signal);
  process.exit(status);
}

/** A bug. The command must not outlive us: the guardian sees us go and ends it. */
function crash(error: Error): void {
  process.stderr.write(`leader-run: internal error, the command is being ended: ${error.stack ?? error.message}\n`);
  process.exit(125);
}

function watchZombies(clock: Clock, report: Report): void {
  report({ kind: 'pid-1', zombies: 0 });
  const look = (): void => {
    const zombies = countOrphanedZombies();
    if (zombies >= manyZombies) report({ kind: 'pid-1', zombies });
    else clock.after(zombieLookMs, look);
  };
  clock.after(zombieLookMs, look);
}

function print(text: string): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever has closed a pipe has read enough.
    if (error.code !== 'EPIPE') refuse([`cannot write to stdout: ${error.message}`]);
  });
  process.stdout.write(text);
}

function refuse(faults: readonly string[], status = 125): void {
  process.exitCode = status;
  process.stderr.write(faults.map((fault) => `leader-run: ${fault}\n`).join(''));
}
