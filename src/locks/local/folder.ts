// The folder of a local store: made, ours, and unshared. Decides which folder can hold a lock at all, and says what is
// in the way of one that cannot, and the way out. Knows nothing of what lies in it.
// Invariants: a folder made here is for this user alone; a folder that others can write to, or that a link leads to, is
// refused.

import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { codeOf, messageOf } from '../../common/errors.ts';

/** Makes `part`, which is the store or lies in it, or throws a sentence with the way out. */
export function makeStore(folder: string, part: string): void {
  try {
    makeFolder(part);
  } catch (error) {
    const why = `the folder ${folder} cannot be used: ${messageOf(error)}`;
    throw new Error(`${why}; choose another folder with --local=DIR`, { cause: error });
  }
}

/**
 * Makes a folder, and those above it that are missing, for this user alone; throws what is in the way. One by one,
 * since Node's `recursive` never ends below a folder that is there and lets nothing be made (/proc).
 */
export function makeFolder(folder: string): void {
  if (isFolder(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process made it meanwhile.
    if (isFolder(folder)) return;
    throw new Error(obstacle(folder, error), { cause: error });
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function obstacle(folder: string, error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOENT') return `${dirname(folder)} lets no folder be made in it`;
  if (code === 'EEXIST') {
    const isLink = lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink();
    return `${folder} is ${isLink === true ? 'a link that leads to no folder' : 'not a folder'}`;
  }
  const { errno = 0 } = error as NodeJS.ErrnoException;
  return `${folder} cannot be made (${getSystemErrorMap().get(errno)?.[1] ?? messageOf(error)})`;
}

/** A lock that other users can write does not exclude anything. */
export async function refuseSharedFolder(folder: string): Promise<void> {
  const found = await lstat(folder);
  // The owner of the link may point it elsewhere, and then there are two stores.
  if (found.isSymbolicLink())
    throw new Error(`the folder ${folder} is a link: name the folder that it leads to with --local=DIR`);
  const { mode, uid } = found;
  const mine = uid === process.getuid?.();
  if (mine && (mode & 0o022) === 0) return;
  const fault = mine ? 'can be written by other users' : 'belongs to another user';
  // The sticky bit: it is made for all users, as /tmp is, and a chmod by root would break the machine.
  const way = mine && (mode & 0o1000) === 0 ? 'run chmod go-w on it, or choose' : 'choose';
  throw new Error(`the folder ${folder} ${fault}: ${way} another folder with --local=DIR`);
}
