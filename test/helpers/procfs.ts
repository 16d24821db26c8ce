// What /proc says of a process: its state, its children, its words and its descriptors. Decides only what is said of a
// process that is gone: nothing, since any of them may end between two looks. Knows nobody's process.
// Invariant: nothing here throws because a process has ended or is not ours to read.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export function childrenOf(pid: number): number[] {
  const lists = listOf(`/proc/${pid}/task`).map((thread) => textOf(`/proc/${pid}/task/${thread}/children`));
  return lists.flatMap((list) => list.split(' ').filter((each) => each !== '')).map(Number);
}

/** Its children, and theirs. */
export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Not there, or there only as a zombie, which runs nothing: dead. */
export function isAlive(pid: number): boolean {
  return !['', 'Z', 'X'].includes(stateOf(pid));
}

/** R, S, D, T, t, Z or X; '' when there is no such process. */
export function stateOf(pid: number): string {
  return fieldsOf(pid)[0] ?? '';
}

/** The moment of its start: with the pid it names one process for as long as the machine runs. */
export function startOf(pid: number): string {
  return fieldsOf(pid)[19] ?? '';
}

/** Of /proc/N/stat, from the third on, since the second may hold anything. */
export function fieldsOf(pid: number): string[] {
  const text = textOf(`/proc/${pid}/stat`);
  return text === '' ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** The program and its arguments. */
export function wordsOf(pid: number): string[] {
  // Each ends in a NUL, but in a process that has given itself a title.
  return textOf(`/proc/${pid}/cmdline`).replace(/\0$/, '').split('\0');
}

/** What the process's descriptors lead to. */
export function descriptorsOf(pid: number): string[] {
  return listOf(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

/** All processes but the first. */
export function listPids(): number[] {
  return listOf('/proc')
    .map(Number)
    .filter((pid) => pid > 1);
}

/** '' when there is no such file: its process is gone, or is not ours to read. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Empty when there is no such folder. */
export function listOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Gone already is all that is wanted. */
export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone in the meantime.
  }
}
