// A lock kept in a folder of one machine and one user, for `--local` and for tests: every version of the record is a
// file named by its number, and the highest number is the current one. Decides how compare-and-swap is made of files:
// a version is written aside, flushed, and linked to the next number, which fails if another process linked it first.
// Knows no elector. A machine's crash ends all its commands, so nothing has to survive one.
// Invariants: a numbered file is complete and never changes; a write counts as stored only if it is the highest after
// it was linked (a writer that was stopped for long might otherwise revive a number that was collected meanwhile).

import { randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../clock.ts';
import { codeOf, messageOf } from '../../common/errors.ts';
import { isJson, parseJson } from '../../common/json.ts';
import { annotationsOf, type Instructions, instructionsIn } from '../instructions.ts';
import type {
  Attempt,
  ListAnswer,
  Listed,
  Lock,
  ReadAnswer,
  RehearsalAnswer,
  Sighting,
  Trouble,
  WatchNews,
  WriteAnswer,
  WriteFailure,
  WriteRequest,
} from '../lock.ts';
import {
  type ElectionRecord,
  formatSignature,
  isRecord,
  parseSignature,
  sameVersion,
  type Version,
  versionOf,
} from '../record.ts';
import { makeFolder, makeStore, refuseSharedFolder } from './folder.ts';
import { FolderWatch } from './watch.ts';

/** Old versions are kept for processes that still read them; a stopped writer needs a free number, not these. */
const keptVersions = 64;

/**
 * What a version's file holds. `object` is made anew with every first version, so that a new life is told from an old.
 */
interface Stored {
  readonly object: string;
  /** When the first version was made, by the machine's wall clock, in milliseconds since 1970. */
  readonly madeAt: number;
  readonly record: ElectionRecord;
  readonly signature: string;
  /** As in a Sighting. */
  readonly note?: string | undefined;
  /** By the names that they have in Kubernetes. */
  readonly asked?: Readonly<Record<string, string | undefined>> | undefined;
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
  return new LocalLock(`local lock ${namespace}/${name}`, folder, versions, clock);
}

/** All locks of a namespace in a folder that is there; none where it is not. */
export async function listLocalLocks(folder: string, namespace: string, clock: Clock): Promise<ListAnswer> {
  const locks: Listed[] = [];
  try {
    for (const entry of await readdir(join(folder, namespace))) {
      const name = /^(.+)\.lock$/.exec(entry)?.[1];
      const found = name === undefined ? undefined : await localLock({ folder, namespace, name, clock });
      const answer = await found?.read({ limitMs: Infinity });
      if (answer?.kind === 'failed') return answer;
      if (name !== undefined && answer !== undefined && answer.sighting.kind !== 'absent')
        locks.push({ name, sighting: answer.sighting, dateMs: answer.dateMs });
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') return { kind: 'failed', trouble: storageTrouble('read', folder, error) };
  }
  return { kind: 'listed', locks };
}

class LocalLock implements Lock {
  /** The numbered files. */
  readonly #versions: string;
  readonly #clock: Clock;
  readonly #watches = new Set<FolderWatch>();
  readonly name: string;
  /** The store's folder. */
  readonly where: string;
  readonly compare = compare;

  constructor(name: string, folder: string, versions: string, clock: Clock) {
    this.name = name;
    this.where = folder;
    this.#versions = versions;
    this.#clock = clock;
  }

  async read(): Promise<ReadAnswer> {
    try {
      const sighting = await this.#current();
      return { kind: 'sighted', sighting, dateMs: this.#clock.now().wall };
    } catch (error) {
      return { kind: 'failed', trouble: storageTrouble('read', this.name, error) };
    }
  }

  async write(request: WriteRequest, attempt: Attempt): Promise<WriteAnswer> {
    // Before the listing that the write rests on: whatever holds us up after it makes the lease end earlier, not later.
    attempt.sending?.();
    try {
      return await this.#swap(request);
    } catch (error) {
      // Nothing was linked, or it was and the listing failed: then a look tells.
      return { kind: 'unknown', trouble: storageTrouble('write', this.name, error) };
    }
  }

  /** The folder's owner may write into it. */
  rehearse(): Promise<RehearsalAnswer> {
    return Promise.resolve({ kind: 'allowed' });
  }

  watch(tell: (news: WatchNews) => void): () => void {
    const look = (): Promise<Sighting> => this.#current();
    const watch = new FolderWatch({ folder: this.#versions, look, clock: this.#clock, tell });
    this.#watches.add(watch);
    return () => {
      this.#watches.delete(watch);
      watch.close();
    };
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
  }

  async #swap({ record, signature: signed, base, ...given }: WriteRequest): Promise<WriteAnswer> {
    const before = await this.#current();
    if (!sameVersion(versionOf(before), base)) return { kind: 'conflict' };
    const number = before.kind === 'absent' ? 1 : Number(before.version.state) + 1;
    const object = base?.object ?? randomUUID();
    const ageMs = before.kind === 'record' ? (before.ageMs ?? 0) : 0;
    const madeAt = this.#clock.now().wall - ageMs;
    const { note, instructions } = besides(given, before);
    const asked = instructions && annotationsOf(instructions);
    const signature = formatSignature(signed);
    const failure = await this.#link(number, { object, madeAt, record, signature, note, asked });
    if (failure !== undefined) return failure;
    const [highest, ...older] = await list(this.#versions);
    if (highest !== number) return { kind: 'conflict' };
    await collect(this.#versions, older);
    const version = { object, state: String(number) };
    return {
      kind: 'stored',
      sighting: { kind: 'record', record, signature: signed, version, note, instructions, ageMs },
      dateMs: this.#clock.now().wall,
    };
  }

  /** Undefined: the version has this number now. */
  async #link(number: number, stored: Stored): Promise<WriteFailure | undefined> {
    // Outside the watched folder, so that standbys wake for the link alone.
    const draft = join(this.where, `.draft-${randomUUID()}`);
    try {
      await writeFlushed(draft, JSON.stringify(stored));
      await link(draft, join(this.#versions, String(number)));
      return undefined;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return { kind: 'conflict' };
      return { kind: 'refused', trouble: storageTrouble('write', this.#versions, error) };
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** The highest version, or none. */
  async #current(): Promise<Sighting> {
    for (;;) {
      const [highest] = await list(this.#versions);
      if (highest === undefined) return { kind: 'absent' };
      try {
        const text = await readFile(join(this.#versions, String(highest)), 'utf8');
        return parse(text, highest, this.#clock.now().wall);
      } catch (error) {
        // Collected between the listing and the reading: then there are higher ones.
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    }
  }
}

/** What stands beside a record from now on: what is given, or what stood there. */
function besides(
  given: Pick<WriteRequest, 'note' | 'instructions'>,
  before: Sighting,
): { readonly note: string | undefined; readonly instructions: Instructions | undefined } {
  const stood = before.kind === 'record' ? before : undefined;
  return { note: given.note ?? stood?.note, instructions: given.instructions ?? stood?.instructions };
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

/** Version numbers, highest first; a folder that was removed has none. */
async function list(versions: string): Promise<number[]> {
  try {
    const names = await readdir(versions);
    return names
      .filter((name) => /^[1-9]\d*$/.test(name))
      .map(Number)
      .sort((a, b) => b - a);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    makeFolder(versions);
    return [];
  }
}

/** A file that is not a version of ours, such as another program's, is a holder whose record cannot be read. */
function parse(text: string, number: number, wall: number): Sighting {
  const state = String(number);
  const value = parseJson(text);
  const { object, madeAt, record, signature: signed, note, asked } = isJson(value) ? value : {};
  if (typeof object !== 'string' || typeof madeAt !== 'number' || !isRecord(record))
    return { kind: 'unreadable', text, version: { object: 'unreadable', state } };
  const ageMs = Math.max(0, wall - madeAt);
  const instructions = isJson(asked) ? instructionsIn(asked) : undefined;
  return {
    ...{ kind: 'record', record, signature: parseSignature(signed), version: { object, state }, ageMs },
    ...(typeof note === 'string' && { note }),
    ...(instructions && { instructions }),
  };
}

function compare(a: Version, b: Version): 'older' | 'same' | 'newer' | 'unordered' {
  if (a.object !== b.object) return 'unordered';
  const order = Number(a.state) - Number(b.state);
  return order === 0 ? 'same' : order < 0 ? 'older' : 'newer';
}

function storageTrouble(doing: string, what: string, error: unknown): Trouble {
  return { cause: 'storage', message: `cannot ${doing} ${what}: ${messageOf(error)}` };
}
