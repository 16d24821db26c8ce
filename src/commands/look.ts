// How the verbs that show locks look at them: from a command line to locks, and from a lock to what can be said of its
// holder. Decides when a lease counts as over: by the server's clock if that agrees, and else by watching for as long
// as the lease lasts, since the holder's clock may be wrong.
// Knows no words for it. Invariant: nothing is written or made here, and no verdict rests on two clocks that disagree.

import { type ArgumentsRead, type OptionValues, readArguments, valueOf, valuesOf } from '../cli/arguments.ts';
import type { Ending } from '../cli/exit-status.ts';
import { systemFacts } from '../cli/facts.ts';
import { lockOf, type LockPlace, storeOf } from '../cli/place.ts';
import type { Scope } from '../cli/options.ts';
import { lockName } from '../cli/values.ts';
import { type Clock, surelyElapsed } from '../clock.ts';
import { messageOf } from '../common/errors.ts';
import { printable } from '../common/printable.ts';
import type { ListAnswer, Lock, Sighting } from '../locks/lock.ts';
import { listLocks, openLock } from '../locks/open.ts';
import type { Store } from '../locks/store.ts';
import type { Context } from './command.ts';

/** One answer of a server or a folder. */
export const limitMs = 10_000;
const lookEveryMs = 500;

/** What a command line asks to look at. */
export interface Asked {
  readonly store: Store;
  readonly namespace: string | undefined;
  /** Empty: all locks of the namespace. */
  readonly locks: readonly LockPlace[];
  /** The verb's own words. */
  readonly words: readonly string[];
  readonly read: ArgumentsRead;
}

/** Asked for among the options, whatever else is wrong with them. */
export type Printed = { readonly kind: 'help' } | { readonly kind: 'version' };

export type AskedRead =
  ({ readonly kind: 'asked' } & Asked) | Printed | { readonly kind: 'faults'; readonly faults: readonly string[] };

/** `namesAre`: the verb's own words are names of locks. */
export function readAsked(
  { words: given, env }: Context,
  takes: readonly Scope[],
  namesAre: 'words' | 'option',
): AskedRead {
  const facts = systemFacts();
  const read = readArguments(given, env, { takes, words: 'own' });
  if (read.print !== undefined) return { kind: read.print };
  const faults = [...read.faults];
  const { readings, command: words } = read;
  const store = storeOf(read, facts, undefined, faults);
  const namespace = valueOf(readings.namespace);
  const locks: LockPlace[] = [];
  if (namesAre === 'words') {
    for (const word of words) {
      const parsed = lockName(word);
      if ('fault' in parsed) faults.push(`${printable(word)}: ${parsed.fault}`);
      else locks.push({ name: parsed.value.name, namespace: parsed.value.namespace ?? namespace });
    }
  }
  // A namespace asks for all of its locks, whatever the surroundings name; so do names.
  const isForOne = readings.lock.kind === 'given' && readings.lock.source.startsWith('--');
  const isForMany = namespace !== undefined || locks.length > 0;
  if (isForOne || (!isForMany && readings.lock.kind === 'given')) {
    const lock = lockOf(read, faults);
    if (lock) locks.unshift(lock);
  }
  if (faults.length > 0 || !store) return { kind: 'faults', faults };
  return { kind: 'asked', store, namespace, locks, words, read };
}

/** For a verb about one lock that has no words of its own. */
export function readAskedOne(
  context: Context,
  takes: readonly Scope[],
):
  | { readonly kind: 'asked'; readonly asked: Asked; readonly place: LockPlace; readonly values: OptionValues }
  | Printed
  | { readonly kind: 'refused'; readonly faults: readonly string[] } {
  const asked = readAsked(context, takes, 'option');
  if (asked.kind === 'faults') return { kind: 'refused', faults: asked.faults };
  if (asked.kind !== 'asked') return asked;
  const [place] = asked.locks;
  const faults = asked.words.length === 0 ? [] : [`${printable(asked.words.join(' '))}: this verb takes options alone`];
  if (!place) faults.push('no lock: name it, as in --lock default/my-job');
  if (!place || faults.length > 0) return { kind: 'refused', faults };
  return { kind: 'asked', asked, place, values: valuesOf(asked.read.readings) };
}

/** A lock as it was seen, and what that says of its holder. */
export interface Look {
  /** `namespace/name`. */
  readonly fullName: string;
  readonly sighting: Sighting;
  readonly dateMs: number | undefined;
  readonly state: 'absent' | 'free' | 'held' | 'over' | 'unreadable';
  /** The state was seen by watching, and not by comparing clocks. */
  readonly isObserved: boolean;
}

export function lookOf(fullName: string, sighting: Sighting, dateMs: number | undefined): Look {
  return { fullName, sighting, dateMs, state: stateOf(sighting, dateMs), isObserved: false };
}

function stateOf(sighting: Sighting, dateMs: number | undefined): Look['state'] {
  if (sighting.kind !== 'record') return sighting.kind;
  const { holderIdentity, renewTime, leaseDurationSeconds } = sighting.record;
  if (holderIdentity === '') return 'free';
  const ageMs = (dateMs ?? Number.NaN) - Date.parse(renewTime);
  return ageMs > leaseDurationSeconds * 1000 ? 'over' : 'held';
}

export interface Opened {
  readonly lock: Lock;
  readonly fullName: string;
  readonly warnings: readonly string[];
}

/** Throws a sentence when the configuration cannot be used. */
export async function openOne(
  { store }: Asked,
  place: LockPlace,
  { env, version, desk }: Context,
  clock: Clock,
): Promise<Opened> {
  const opened = await openLock({ store, namespace: place.namespace, name: place.name, clock, version, env });
  await opened.loggedIn?.(desk.stop);
  return opened;
}

/** Looks again while the clocks say that the lease is over, until the record changes or a whole lease has passed. */
export async function readSurely({ lock, fullName }: Opened, clock: Clock, stop: AbortSignal): Promise<Look> {
  const first = await readOnce(lock, fullName);
  if (first.state !== 'over' || first.sighting.kind !== 'record') return first;
  const { renewTime, leaseDurationSeconds } = first.sighting.record;
  const since = clock.now();
  while (!stop.aborted && surelyElapsed(clock.now(), since) < leaseDurationSeconds * 1000) {
    await pause(clock, stop);
    const look = await readOnce(lock, fullName);
    const { sighting } = look;
    if (sighting.kind !== 'record' || look.state !== 'over') return { ...look, isObserved: true };
    if (sighting.record.renewTime !== renewTime) return { ...look, state: 'held', isObserved: true };
  }
  return { ...first, isObserved: true };
}

/** Throws a sentence when there is no answer. */
export async function readOnce(lock: Lock, fullName: string): Promise<Look> {
  const answer = await lock.read({ limitMs });
  if (answer.kind === 'failed') throw new Error(answer.trouble.message);
  return lookOf(fullName, answer.sighting, answer.dateMs);
}

/** One lock, as it surely is. A local one that is not there is not made by looking. */
export async function lookAt(asked: Asked, place: LockPlace, context: Context, clock: Clock): Promise<Look> {
  const missing = await missingLocally(asked, place, context, clock);
  if (missing !== undefined) return lookOf(missing, { kind: 'absent' }, undefined);
  const opened = await openOne(asked, place, context, clock);
  try {
    return await readSurely(opened, clock, context.desk.stop);
  } finally {
    opened.lock.close();
  }
}

/** The full name of a local lock that is not there, which opening it would make. */
async function missingLocally(
  asked: Asked,
  { namespace = 'default', name }: LockPlace,
  context: Context,
  clock: Clock,
): Promise<string | undefined> {
  if (asked.store.kind !== 'local') return undefined;
  const fullName = `${namespace}/${name}`;
  const all = await listAll({ ...asked, namespace }, context, clock);
  return all.some((look) => look.fullName === fullName) ? undefined : fullName;
}

export function absentText(fullName: string): string {
  return `${fullName} does not exist: it was never taken, or it was deleted`;
}

/** Shows a lock now and whenever something of it but a renewal has changed, until it is asked to stop. */
export async function watchOne(
  asked: Asked,
  place: LockPlace,
  context: Context,
  clock: Clock,
  show: (look: Look) => void,
): Promise<void> {
  const { stop } = context.desk;
  const opened = await openOne(asked, place, context, clock);
  let shown = '';
  try {
    await follow(opened, clock, stop, (look) => {
      const { sighting, state } = look;
      const { record, note, instructions } = sighting.kind === 'record' ? sighting : {};
      const text = JSON.stringify([state, record?.holderIdentity, record?.acquireTime, note, instructions]);
      if (text !== shown) show(look);
      shown = text;
      return false;
    });
  } finally {
    opened.lock.close();
  }
}

/** Shows each look to `isEnough`, until that is so or `stop` aborts. Throws a sentence when there is no answer. */
export async function follow(
  { lock, fullName }: Pick<Opened, 'lock' | 'fullName'>,
  clock: Clock,
  stop: AbortSignal,
  isEnough: (look: Look) => boolean,
): Promise<void> {
  const enough = new AbortController();
  const over = AbortSignal.any([stop, enough.signal]);
  const tell = (look: Look): void => {
    if (!over.aborted && isEnough(look)) enough.abort();
  };
  const watching: { isUp: boolean } = { isUp: false };
  const unwatch = lock.watch((news) => {
    if (news.kind === 'sighted') tell(lookOf(fullName, news.sighting, undefined));
    else watching.isUp = news.kind === 'up';
  });
  try {
    tell(await readOnce(lock, fullName));
    while (!isOver(over)) {
      await pause(clock, over);
      // A watch that is not allowed, or that has ended, is stood in for by looks.
      if (!watching.isUp && !isOver(over)) tell(await readOnce(lock, fullName));
    }
  } finally {
    unwatch();
  }
}

/** The compiler would take it for the same throughout a loop. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** All locks of the namespace. Throws a sentence when they cannot be listed. */
export async function listAll({ store, namespace }: Asked, { env, version }: Context, clock: Clock): Promise<Look[]> {
  const answer: ListAnswer & { readonly namespace: string } = await listLocks(
    { store, namespace, clock, version, env },
    limitMs,
  );
  if (answer.kind === 'failed') throw new Error(answer.trouble.message);
  const looks = answer.locks.map(({ name, sighting, dateMs }) =>
    lookOf(`${answer.namespace}/${name}`, sighting, dateMs),
  );
  return looks.sort((a, b) => (a.fullName < b.fullName ? -1 : 1));
}

/** What a verb does after its command line was read: whatever is thrown is why it cannot tell. */
export async function orRefused<T>(
  work: Promise<T>,
): Promise<T | { readonly kind: 'refused'; readonly faults: readonly string[] }> {
  try {
    return await work;
  } catch (error) {
    return { kind: 'refused', faults: [messageOf(error)] };
  }
}

/**
 * Opens a lock for `work`, and closes it after that. Whatever is thrown is why the verb cannot tell. A local one that is
 * not there is not made by asking.
 */
export async function onLock(
  asked: Asked,
  place: LockPlace,
  context: Context,
  clock: Clock,
  work: (opened: Opened) => Promise<Ending>,
): Promise<Ending> {
  try {
    const missing = await missingLocally(asked, place, context, clock);
    if (missing !== undefined) return { kind: 'answered', text: '', no: true, remark: absentText(missing) };
    const opened = await openOne(asked, place, context, clock);
    try {
      return await work(opened);
    } finally {
      opened.lock.close();
    }
  } catch (error) {
    return { kind: 'refused', faults: [messageOf(error)] };
  }
}

async function pause(clock: Clock, stop: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(lookEveryMs, resolve);
    stop.addEventListener(
      'abort',
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}
