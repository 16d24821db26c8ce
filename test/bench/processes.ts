// Processes that the bench starts: how they are started, ended and looked at in /proc. Decides that none of them
// outlives the bench, and that none sees the environment of whoever runs it: NODE_EXTRA_CA_CERTS alone adds 70 ms to a
// bare Node and would flatter every ratio to it.
// Invariant: a signal goes only to a process that was started here, or to a command that stamped its pid for us.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fieldsOf, listOf, textOf, wordsOf } from '../helpers/procfs.ts';

export { descendantsOf as descendants } from '../helpers/procfs.ts';
export { until } from '../helpers/wait.ts';

export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Running {
  readonly pid: number;
  readonly ended: () => boolean;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Resolves when it has ended; kills it when it takes too long. */
  readonly end: (signal?: NodeJS.Signals) => Promise<void>;
}

const alive = new Set<ChildProcess>();
/** Commands whose wrapper may be gone; they are recognised by an argument of theirs, since pids are used again. */
const commands = new Map<number, string>();

process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
  for (const pid of commands.keys()) killCommand(pid);
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

/** The environment of all contenders. */
export function plainEnvironment(home: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', HOME: home };
}

export function start(
  { file, args, env = {} }: Launch,
  logFile: string,
  input: 'ignore' | 'pipe' = 'ignore',
): Running & { readonly child: ChildProcess } {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(file, args, { env, stdio: [input, input === 'pipe' ? 'pipe' : log, log] });
  closeSync(log);
  alive.add(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${file}`);
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      alive.delete(child);
      resolve();
    });
  });
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    child,
    pid,
    ended,
    signal: (signal) => child.kill(signal),
    end: async (signal = 'SIGTERM') => {
      if (ended()) return;
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(timer);
    },
  };
}

/** From now on it is ended with the bench. `mark` is one of its arguments. */
export function adoptCommand(pid: number, mark: string): void {
  commands.set(pid, mark);
}

export function killCommand(pid: number): void {
  const mark = commands.get(pid);
  commands.delete(pid);
  if (mark !== undefined && wordsOf(pid).includes(mark)) process.kill(pid, 'SIGKILL');
}

export interface Memory {
  readonly rssMb: number;
  readonly pssMb: number;
  /** What no other process has as well. */
  readonly privateMb: number;
}

export function memoryOf(pid: number): Memory {
  const text = textOf(`/proc/${pid}/smaps_rollup`);
  const megabytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024;
  const privateMb = megabytes('Private_Clean') + megabytes('Private_Dirty');
  return { rssMb: megabytes('Rss'), pssMb: megabytes('Pss'), privateMb };
}

/**
 * CPU time since its start in milliseconds. utime + stime of /proc/N/stat come in steps of 10 ms, as much as a standby
 * uses in a minute; the scheduler's own sum of its threads is in nanoseconds, and is taken where it is to be had.
 */
export function cpuMs(pid: number): number {
  const tasks = listOf(`/proc/${pid}/task`).map((task) => textOf(`/proc/${pid}/task/${task}/schedstat`));
  const exact = tasks.map((text) => Number(text.split(' ')[0])).reduce((sum, ns) => sum + ns, 0) / 1e6;
  return exact > 0 ? exact : tickedCpuMs(pid);
}

/** For processes whose threads come and go, such as Go programs. */
export function tickedCpuMs(pid: number): number {
  const fields = fieldsOf(pid);
  const ticksPerSecond = 100; // USER_HZ, which no Linux of today sets otherwise.
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

export function commandLine(pid: number): string {
  return wordsOf(pid).join(' ');
}

export function descriptors(pid: number): number {
  return listOf(`/proc/${pid}/fd`).length;
}

export function loadAverage(): number {
  return Number(textOf('/proc/loadavg').split(' ')[0]);
}

export function processCount(): number {
  return listOf('/proc').filter((name) => /^\d+$/.test(name)).length;
}
