// Which processes belong to a command: its group, its session, those with its cookie in the environment, and the
// descendants of all these. Decides from /proc who is still alive, and whether that /proc can tell. Sends no signal,
// and knows no leash.
// Invariants: "empty" means that no member is in another state than Z (zombie) or X (dead): where PID 1 does not reap,
// kill(-pgid, 0) succeeds for ever; never pid 1, ourselves or the guardian.

import { closeSync, existsSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { codeOf } from '../common/errors.ts';

/** How a command's processes can be recognised. */
export interface Marks {
  /** The command's pid, process group and session are one number, since it leads its own session. */
  readonly pgid: number;
  /** `NAME=` of an environment variable that no other command has. */
  readonly cookie: string;
  /** How often the machine had forked before the process was that is or becomes the command (`countForks`). */
  readonly forks: number;
}

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** In clock ticks since the machine started: with the pid, who it is. */
  readonly start: number;
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
    if (readlinkSync('/proc/self') === String(process.pid)) return isWhole() ? undefined : partOfProc;
  } catch {
    return '/proc cannot be read, and what the command starts could not be found: mount it';
  }
  return "/proc is another pid namespace's, and what the command starts could not be found: mount it anew in this one";
}

const partOfProc =
  '/proc shows processes alone (subset=pid), and the time since boot could not be told: mount it without that option';

function isWhole(): boolean {
  return ['/proc/uptime', '/proc/stat'].every((file) => existsSync(file));
}

/** What this machine hides from us of a command's processes, in one sentence for the log; undefined: nothing. */
export function procBlindness(): string | undefined {
  if (process.platform !== 'linux' || process.geteuid?.() === 0) return undefined;
  const mounts = readText('/proc/self/mountinfo') ?? '';
  if (!/^\S+ \S+ \S+ \S+ \/proc \S+.* - proc \S+ \S*hidepid=(1|2|4|noaccess|invisible|ptraceable)/m.test(mounts))
    return undefined;
  return (
    'this /proc hides the processes of other users (hidepid): what the command starts as another user (su, sudo) is ' +
    'not found once it has left the process group of the command'
  );
}

/**
 * The processes of one command. A look finds its group, its session, the carriers of its cookie, the processes that an
 * earlier look found, and the descendants of all these. So a look before a signal still knows a process after its
 * parent has died of the signal, even if the process has left every other mark, as what `su -` starts has.
 */
export class CommandTree {
  readonly #marks: Marks;
  /** A process older than the command does not belong to it. */
  readonly #since: number;
  /** The last look's, members or not. */
  #suspected: readonly Process[] = [];
  /** The processes found, by pid and start. */
  #known = new Map<number, number>();
  /** Groups and sessions that members lead or led; a number stays for as long as a process is in it. */
  #led: Set<number>;

  /** While the command, or what is to become it, is alive. */
  constructor(marks: Marks) {
    this.#marks = marks;
    this.#led = new Set([marks.pgid]);
    this.#since = readStat(marks.pgid)?.start ?? 0;
  }

  /** Its live processes, without zombies and `spare`. Throws where it cannot look, for want of a descriptor. */
  look(spare: readonly number[] = []): Process[] {
    const forks = countForks();
    const found = this.#lookWithSpare(spare);
    // A child may be born behind the listing, and its parent gone before it is read: such a look proves nothing.
    return found.length > 0 || countForks() === forks ? found : this.#lookWithSpare(spare);
  }

  #lookWithSpare(spare: readonly number[]): Process[] {
    try {
      return this.#look(spare);
    } catch (error) {
      if (spareDescriptor === undefined) throw error;
      closeSync(spareDescriptor);
      spareDescriptor = undefined;
      try {
        return this.#look(spare);
      } finally {
        keepDescriptor();
      }
    }
  }

  #look(spare: readonly number[]): Process[] {
    const { cookie } = this.#marks;
    const never = new Set([1, process.pid, ...spare]);
    const suspects = this.#suspects()
      .map(readProcess)
      .filter((one) => one !== undefined)
      .filter(({ pid, start }) => start >= this.#since && !never.has(pid));
    this.#suspected = suspects;
    const members = new Map(
      suspects
        .filter(({ pid, start }) => this.#known.get(pid) === start || hasCookie(pid, cookie) === true)
        .map(({ pid, start }) => [pid, start]),
    );
    const isKin = ({ parent, group, session }: Process): boolean =>
      members.has(parent) || this.#isLed(group, members) || this.#isLed(session, members);
    // Repeated, since a child may come before its parent in the list.
    for (let grown = true; grown;) {
      grown = false;
      for (const suspect of suspects) {
        if (members.has(suspect.pid) || !isKin(suspect)) continue;
        members.set(suspect.pid, suspect.start);
        grown = true;
      }
    }
    this.#known = members;
    const found = suspects.filter(({ pid }) => members.has(pid));
    const used = found.flatMap(({ group, session }) => [group, session]);
    // A number that nobody uses any more may soon be a stranger's.
    this.#led = new Set(used.filter((number) => this.#isLed(number, members)));
    return found;
  }

  /**
   * Processes that may not be looked at are not gone. One that is not dumpable shows its environment to nobody; if its
   * parent has left it to process 1, nothing else tells whose it is. Such a one of our user may be the command's. Found
   * among those that the last look has read.
   */
  lookForHidden(): number[] {
    const { cookie } = this.#marks;
    return this.#suspected
      .filter(({ pid, parent }) => parent === 1 && !this.#known.has(pid))
      .filter(({ pid }) => hasCookie(pid, cookie) === undefined && isLikeUs(pid))
      .map(({ pid }) => pid);
  }

  #isLed(number: number, members: ReadonlyMap<number, number>): boolean {
    return this.#led.has(number) || members.has(number);
  }

  /**
   * Pids that may be the tree's. Reading one process costs 15 us, so pids below the command's are left out for as long
   * as the machine's next pid cannot have passed pid_max and begun anew: pids in use are passed over, so an eighth of
   * the way is counted as the whole.
   */
  #suspects(): number[] {
    const { pgid, forks } = this.#marks;
    const pids = allPids();
    const now = countForks();
    const ahead = Number(readText('/proc/sys/kernel/pid_max') ?? 0) - pgid;
    const mayHaveWrapped = forks === 0 || now === 0 || (now - forks) * 8 >= ahead;
    return mayHaveWrapped ? pids : pids.filter((pid) => pid >= pgid);
  }
}

/** As PID 1: who is still alive besides us, without zombies. */
export function findEverybodyElse(): number[] {
  return allPids().filter((pid) => pid !== 1 && readProcess(pid) !== undefined);
}

/** Since the machine started; 0 where it cannot be told, which makes each look one at every process. */
export function countForks(): number {
  try {
    return Number(/^processes (\d+)$/m.exec(readText('/proc/stat') ?? '')?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Zombies whose parent is PID 1: as PID 1 these are ours, and no process will ever reap them. */
export function countOrphanedZombies(): number {
  return allPids().filter((pid) => {
    const stat = readStat(pid);
    return stat?.state === 'Z' && stat.parent === 1;
  }).length;
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
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = 'X', parent, group, session] = fields;
  const start = fields[19];
  return { pid, state, parent: Number(parent), group: Number(group), session: Number(session), start: Number(start) };
}

/** Undefined: its environment may not be looked at. */
function hasCookie(pid: number, cookie: string): boolean | undefined {
  const environment = readText(`/proc/${String(pid)}/environ`);
  return environment === undefined ? undefined : environment.startsWith(cookie) || environment.includes(`\0${cookie}`);
}

/** Whether it runs as our user, and in our control group, so that it may have been started by what we have started. */
function isLikeUs(pid: number): boolean {
  const status = readText(`/proc/${String(pid)}/status`) ?? '';
  const [, real, effective] = /^Uid:\s+(\d+)\s+(\d+)/m.exec(status) ?? [];
  if (real === undefined || real !== effective || Number(real) !== process.getuid?.()) return false;
  return readText(`/proc/${String(pid)}/cgroup`) === readText('/proc/self/cgroup');
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
    // It ended meanwhile, or is another user's. But a process that we could not look at is not gone.
    if (shortages.has(codeOf(error) ?? '')) throw error;
    return undefined;
  }
  try {
    let text = '';
    for (;;) {
      const length = readSync(file, page);
      if (length === 0) return text;
      text += page.toString('latin1', 0, length);
    }
  } catch (error) {
    // It ended while it was read.
    if (shortages.has(codeOf(error) ?? '')) throw error;
    return undefined;
  } finally {
    closeSync(file);
  }
}
