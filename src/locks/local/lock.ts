// A lock kept in a folder of one machine and one user, for `--local` and for tests: every version of the record is a
// file named by its number, and the highest number is the current one. Decides how compare-and-swap is made of files:
// a version is written aside, flushed, and linked to the next number, which fails if somebody else linked it first.
// Knows no elector. A machine's crash ends all its commands, so nothing has to survive one.
// Invariants: a numbered file is complete and never changes; a write counts as stored only if it is the highest after
// it was linked (a writer that was stopped for long might otherwise revive a number that was collected meanwhile).

import { type FSWatcher, lstatSync, mkdirSync, statSync, watch } from 'node:fs';
import { link, lstat, open, readdir, readFile, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import type { Clock } from '../../clock.ts';
import type {
  Attempt,
  Lock,
  ReadAnswer,
  Sighting,
  Trouble,
  Version,
  WatchNews,
  WriteAnswer,
  WriteRequest,
} from '../lock.ts';
import { type ElectionRecord, formatSignature, parseSignature } from '../record.ts';

/** Old versions are kept for whoever is still reading them; a stopped writer needs a number that is free, not these. */
const keptVersions = 64;
const watchAgainMs = 1000;

/**
 * What a version's file holds. `object` is made anew with every first version, so that a new life is told from an old.
 */
interface Stored {
  readonly object: string;
  /** When the first version was made, by the machine's wall clock, in milliseconds since 1970. */
  readonly madeAt: number;
  readonly record: ElectionRecord;
  readonly signature: string;
}

export interface LocalLockOptions {
  readonly folder: string;
  readonly namespace: string;
  readonly name: string;
  readonly clock: Clock;
}

/** Throws a sentence when the folder cannot be made, or when others could write into it. */
export async function localLock({ folder, namespace, name, clock }: LocalLockOptions): Promise<Lock> {
  // Not the bare name: a watch tells of the folder itself by its name, and versions are named by numbers.
  const versions = join(folder, namespace, `${name}.lock`);
  makeStore(folder, folder);
  await refuseSharedFolder(folder);
  makeStore(folder, versions);
  const lockName = `local lock ${namespace}/${name}`;

  async function read(): Promise<ReadAnswer> {
    try {
      return { kind: 'sighted', sighting: await current(versions, clock) };
    } catch (error) {
      return { kind: 'failed', trouble: storageTrouble('read', lockName, error) };
    }
  }

  async function write(request: WriteRequest, attempt: Attempt): Promise<WriteAnswer> {
    // Before the listing that the write rests on: whatever holds us up after it makes the lease end earlier, not later.
    attempt.sending?.();
    try {
      return await swap(folder, versions, clock, request);
    } catch (error) {
      // Nothing was linked, or it was and the listing failed: then a look tells.
      return { kind: 'unknown', trouble: storageTrouble('write', lockName, error) };
    }
  }

  return {
    name: lockName,
    where: folder,
    read,
    write,
    // Whoever owns the folder may write into it.
    rehearse: () => Promise.resolve({ kind: 'stored', sighting: { kind: 'absent' } }),
    watch: (tell) => watchFolder(versions, clock, tell),
    compare,
    close: () => undefined,
  };
}

async function swap(
  folder: string,
  versions: string,
  clock: Clock,
  { record, signature, base }: WriteRequest,
): Promise<WriteAnswer> {
  const before = await current(versions, clock);
  if (!sameVersion(before, base)) return { kind: 'conflict' };
  const number = before.kind === 'absent' ? 1 : Number(before.version.state) + 1;
  const object = base?.object ?? randomUUID();
  const ageMs = before.kind === 'record' ? (before.ageMs ?? 0) : 0;
  const madeAt = clock.now().wall - ageMs;
  const stored: Stored = { object, madeAt, record, signature: formatSignature(signature) };

  // Outside the watched folder, so that standbys wake for the link alone.
  const draft = join(folder, `.draft-${randomUUID()}`);
  try {
    await writeFlushed(draft, JSON.stringify(stored));
    await link(draft, join(versions, String(number)));
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return { kind: 'conflict' };
    return { kind: 'refused', trouble: storageTrouble('write', versions, error) };
  } finally {
    await rm(draft, { force: true });
  }
  const [highest, ...older] = await list(versions);
  if (highest !== number) return { kind: 'conflict' };
  await collect(versions, older);
  const version = { object, state: String(number) };
  return { kind: 'stored', sighting: { kind: 'record', record, signature, version, ageMs } };
}

async function writeFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function collect(versions: string, older: readonly number[]): Promise<void> {
  for (const number of older.slice(keptVersions)) await rm(join(versions, String(number)), { force: true });
}

/** The highest version, or none. */
async function current(versions: string, clock: Clock): Promise<Sighting> {
  for (;;) {
    const [highest] = await list(versions);
    if (highest === undefined) return { kind: 'absent' };
    try {
      return parse(await readFile(join(versions, String(highest)), 'utf8'), highest, clock.now().wall);
    } catch (error) {
      // Collected between the listing and the reading: then there are higher ones.
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}

/** Version numbers, highest first; a folder that was removed has none. */
async function list(versions: string): Promise<number[]> {
  try {
    const names = await readdir(versions);
    return names
      .filter((name) => /^[1-9]\d*$/.test(name))
      .map(Number)
      .sort((a, b) => b - a);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    makeFolder(versions);
    return [];
  }
}

function parse(text: string, number: number, wall: number): Sighting {
  const unreadable: Sighting = { kind: 'unreadable', text, version: { object: 'unreadable', state: String(number) } };
  try {
    const { object, madeAt, record, signature } = JSON.parse(text) as Partial<Stored>;
    if (typeof object !== 'string' || typeof madeAt !== 'number' || !isRecord(record)) return unreadable;
    const version = { object, state: String(number) };
    return { kind: 'record', record, signature: parseSignature(signature), version, ageMs: Math.max(0, wall - madeAt) };
  } catch {
    // Not JSON: somebody else's file. It counts as a holder whose record cannot be read.
    return unreadable;
  }
}

function isRecord(value: Partial<ElectionRecord> | undefined): value is ElectionRecord {
  return (
    typeof value?.holderIdentity === 'string' &&
    typeof value.leaseDurationSeconds === 'number' &&
    typeof value.acquireTime === 'string' &&
    typeof value.renewTime === 'string' &&
    typeof value.leaseTransitions === 'number'
  );
}

function sameVersion(seen: Sighting, base: Version | undefined): boolean {
  if (seen.kind === 'absent' || base === undefined) return seen.kind === 'absent' && base === undefined;
  return seen.version.object === base.object && seen.version.state === base.state;
}

function compare(a: Version, b: Version): 'older' | 'same' | 'newer' | 'unordered' {
  if (a.object !== b.object) return 'unordered';
  const order = Number(a.state) - Number(b.state);
  return order === 0 ? 'same' : order < 0 ? 'older' : 'newer';
}

/** Tells the current version after each change of the folder; a folder that cannot be watched is tried again. */
function watchFolder(versions: string, clock: Clock, tell: (news: WatchNews) => void): () => void {
  let watcher: FSWatcher | undefined;
  let cancelAgain = (): void => undefined;
  let reading = false;
  let stale = false;
  let stopped = false;

  const down = (error: unknown): void => {
    watcher?.close();
    watcher = undefined;
    if (stopped) return;
    tell({ kind: 'down', forbidden: false, message: message(error) });
    cancelAgain = clock.after(watchAgainMs, start);
  };
  const look = async (): Promise<void> => {
    stale = true;
    if (reading) return;
    reading = true;
    try {
      while (stale && !isStopped()) {
        stale = false;
        const sighting = await current(versions, clock);
        if (isStopped()) return;
        tell({ kind: 'sighted', sighting });
      }
    } catch (error) {
      down(error);
    } finally {
      reading = false;
    }
  };
  function isStopped(): boolean {
    return stopped;
  }
  function start(): void {
    try {
      makeFolder(versions);
      watcher = watch(versions, (event, file) => {
        // The folder itself: it was removed or moved away, and the one that will be made next is another.
        if (event === 'rename' && file === basename(versions)) down(new Error('the folder was removed'));
        else void look();
      });
      watcher.on('error', down);
      tell({ kind: 'up' });
      void look();
    } catch (error) {
      down(error);
    }
  }
  start();
  return () => {
    stopped = true;
    cancelAgain();
    watcher?.close();
  };
}

/** Makes `part`, which is the store or lies in it, or throws a sentence with the way out. */
function makeStore(folder: string, part: string): void {
  try {
    makeFolder(part);
  } catch (error) {
    const why = `the folder ${folder} cannot be used: ${message(error)}`;
    throw new Error(`${why}; choose another folder with --local=DIR`, { cause: error });
  }
}

/**
 * Makes a folder, and those above it that are missing, for this user alone; throws what is in the way. One by one,
 * since Node's `recursive` never ends below a folder that is there and lets nothing be made (/proc).
 */
function makeFolder(folder: string): void {
  if (isFolder(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Somebody else made it meanwhile.
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
  if (hasCode(error, 'ENOENT')) return `${dirname(folder)} lets no folder be made in it`;
  if (hasCode(error, 'EEXIST')) {
    const isLink = lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink();
    return `${folder} is ${isLink === true ? 'a link that leads to no folder' : 'not a folder'}`;
  }
  const { errno = 0 } = error as NodeJS.ErrnoException;
  return `${folder} cannot be made (${getSystemErrorMap().get(errno)?.[1] ?? message(error)})`;
}

/** A lock that others can write is no lock. */
async function refuseSharedFolder(folder: string): Promise<void> {
  const found = await lstat(folder);
  // Whoever owns the link may point it elsewhere, and then there are two stores.
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

function storageTrouble(doing: string, what: string, error: unknown): Trouble {
  return { cause: 'storage', message: `cannot ${doing} ${what}: ${message(error)}` };
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
