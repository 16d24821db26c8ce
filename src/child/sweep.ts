// Which processes belong to a command: its group, its session, whoever carries its cookie in the environment, and the
// descendants of all these. Decides from /proc who is still alive, and whether that /proc can tell; kills only the pids
// that it is given or, as PID 1, everybody else. Knows no leash.
// Invariants: "empty" means that no member is in another state than Z (zombie) or X (dead): where PID 1 does not reap,
// kill(-pgid, 0) succeeds for ever; never pid 1, ourselves or the guardian.

import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/** A command's processes, as they can be recognised. */
export interface Tree {
  /** The command's pid, process group and session are one number, since it leads its own session. */
  readonly pgid: number;
  /** `NAME=` of an environment variable that no other command has. */
  readonly cookie: string;
  /** The machine when the command began to run: of the other processes, only younger ones can belong to it. */
  readonly before: { readonly forks: number; readonly newestPid: number };
  /** Never to be counted: the guardian. */
  readonly spare: readonly number[];
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** A descriptor to be given up for a look at the tree when there is no other. */
let spareDescriptor: number | undefined;

export function keepDescriptor(): void {
  try {
    spareDescriptor ??= openSync('/dev/null', 'r');
  } catch {
    // None is left: then a look fails until there is one.
  }
}

/** Why this machine's processes cannot be looked at, in one sentence; undefined when they can. */
export function procFault(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    if (readlinkSync('/proc/self') === String(process.pid)) return undefined;
  } catch {
    return '/proc cannot be read, and what the command starts could not be found: mount it';
  }
  return "/proc is another pid namespace's, and what the command starts could not be found: mount it anew in this one";
}

/** The live processes of the tree, without zombies. Throws where nobody can look, for want of a descriptor. */
export function findTree(tree: Tree): number[] {
  try {
    return lookAtTree(tree);
  } catch (error) {
    if (spareDescriptor === undefined) throw error;
    closeSync(spareDescriptor);
    spareDescriptor = undefined;
    try {
      return lookAtTree(tree);
    } finally {
      keepDescriptor();
    }
  }
}

function lookAtTree(tree: Tree): number[] {
  const processes = bornSince(tree)
    .map(readProcess)
    .filter((process) => process !== undefined);
  const spare = new Set([1, process.pid, ...tree.spare]);
  const members = new Set(
    processes
      .filter(
        ({ pid, group, session }) =>
          !spare.has(pid) && (group === tree.pgid || session === tree.pgid || hasCookie(pid, tree.cookie)),
      )
      .map(({ pid }) => pid),
  );
  // Children of members that shed all three marks; repeated, since a child may come before its parent in the list.
  for (let grown = true; grown;) {
    grown = false;
    for (const { pid, parent } of processes) {
      if (!members.has(parent) || members.has(pid) || spare.has(pid)) continue;
      members.add(pid);
      grown = true;
    }
  }
  return [...members];
}

/** Whether nobody but zombies is left in the command's group: cheaper than `findTree`, and right once it says yes. */
export function groupIsGone(pgid: number): boolean {
  try {
    process.kill(-pgid, 0);
    return false;
  } catch (error) {
    // EPERM: there is somebody, who changed to another user.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

export function signalGroup(pgid: number, signal: NodeJS.Signals): void {
  send(-pgid, signal);
}

export function signalEach(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) send(pid, signal);
}

/** As PID 1 of a pid namespace: everybody but ourselves, whatever marks they shed. */
export function killEverybodyElse(): void {
  if (process.pid === 1) send(-1, 'SIGKILL');
}

/** As PID 1: who is still alive besides us, without zombies. */
export function findEverybodyElse(): number[] {
  return allPids().filter((pid) => pid !== 1 && readProcess(pid) !== undefined);
}

/** The machine now; zeros where it cannot be told make sweeps look at every process. */
export function markBirths(): Tree['before'] & { readonly tasks: number } {
  try {
    const [tasks = '', newestPid = ''] = (readText('/proc/loadavg') ?? '').trim().split(/[ /]/).slice(-2);
    return {
      forks: Number(/^processes (\d+)$/m.exec(readText('/proc/stat') ?? '')?.[1] ?? 0),
      newestPid: Number(newestPid),
      tasks: Number(tasks),
    };
  } catch {
    return { forks: 0, newestPid: 0, tasks: 0 };
  }
}

/** Zombies whose parent is PID 1: as PID 1 these are ours, and nobody will ever reap them. */
export function countOrphanedZombies(): number {
  return allPids().filter((pid) => {
    const stat = readStat(pid);
    return stat?.state === 'Z' && stat.parent === 1;
  }).length;
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    // Gone already, or all of its members are another user's; either way the next look tells who is left.
    if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM')) return;
    throw error;
  }
}

/**
 * Pids that may be the tree's: one listing, since most pids born since are gone again and asking for each costs 15 us.
 */
function bornSince({ pgid, before }: Tree): number[] {
  const now = markBirths();
  const mayHaveWrapped =
    before.forks === 0 || now.forks - before.forks >= shortestLap(now.tasks) || now.newestPid < before.newestPid;
  const pids = allPids();
  return mayHaveWrapped ? pids : pids.filter((pid) => pid === pgid || pid > before.newestPid);
}

/**
 * So few forks bring the pids once all the way round: those that are in use are passed over, and so are the first 300
 * (RESERVED_PIDS). Halved, since how many are in use is only known of now.
 */
function shortestLap(tasks: number): number {
  const pidMax = Number(readText('/proc/sys/kernel/pid_max') ?? 0);
  return (pidMax - 300 - tasks) / 2;
}

function allPids(): number[] {
  // macOS has no /proc; there only the group is known.
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readProcess(pid: number): Process | undefined {
  const stat = readStat(pid);
  return stat && stat.state !== 'Z' && stat.state !== 'X' ? stat : undefined;
}

/** /proc/N/stat: `pid (comm) state ppid pgrp session ...`; comm may hold anything, parentheses included. */
function readStat(pid: number): (Process & { state: string }) | undefined {
  const text = readText(`/proc/${String(pid)}/stat`);
  if (text === undefined) return undefined;
  const [state = 'X', parent, group, session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { pid, state, parent: Number(parent), group: Number(group), session: Number(session) };
}

function hasCookie(pid: number, cookie: string): boolean {
  const environment = readText(`/proc/${String(pid)}/environ`);
  return environment !== undefined && (environment.startsWith(cookie) || environment.includes(`\0${cookie}`));
}

/**
 * One buffer for all: reading a file of /proc this way costs half of what readFileSync does, and a sweep reads many.
 */
const page = Buffer.allocUnsafe(64 * 1024);

const shortages: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

function readText(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    // It ended meanwhile, or is another user's. But whom we could not look at is not gone.
    if (error instanceof Error && 'code' in error && shortages.has(String(error.code))) throw error;
    return undefined;
  }
  try {
    let text = '';
    for (;;) {
      const length = readSync(file, page);
      if (length === 0) return text;
      text += page.toString('latin1', 0, length);
    }
  } catch {
    // It ended while it was read.
    return undefined;
  } finally {
    closeSync(file);
  }
}
