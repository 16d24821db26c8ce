// Whose write a sighting shows: the one under way, the last one stored, an earlier one of this run, or another's.
// Decides by signature, fields and object together: with one identity for two candidates, times alone may coincide.
// Knows neither what was asked nor what follows from it (sightings.ts).
// Invariant: what this run did not write, word for word, is never taken for its write.

import type { Sighting } from '../locks/lock.ts';
import { alterationOf, sameRecord } from '../locks/record.ts';
import type { LossReason } from '../observe/events.ts';
import { holderOf } from './observation.ts';
import type { PendingWrite, Settings, State } from './state.ts';

type Present = Exclude<Sighting, { kind: 'absent' }>;
type Order = ReturnType<Settings['compare']>;

/** All of it must match: the run, the number, the five fields, and the note if it has one. */
export function isWrite(sighting: Sighting, write: PendingWrite, { run }: Settings): boolean {
  if (sighting.kind !== 'record') return false;
  const { signature, record, note } = sighting;
  if (signature?.run !== run || signature.number !== write.number || !sameRecord(record, write.record)) return false;
  return write.note === undefined || write.note === note;
}

/** A write that ends our holding: a candidate that took the lock since has done so because of it. */
export function givesUp({ kind }: PendingWrite): boolean {
  return kind === 'release' || kind === 'shorten';
}

/** The record that we know to be ours. To strip its annotation is not to take the lock; to replace it is. */
export function isStored(sighting: Sighting, { stored, settings }: State): boolean {
  if (sighting.kind !== 'record' || sighting.version.object !== stored?.version.object) return false;
  if (!sameRecord(sighting.record, stored.record)) return false;
  const { signature } = sighting;
  return signature === undefined || (signature.run === settings.run && signature.number === stored.number);
}

/**
 * A renewal of this very term, older than the last: a storage that was put back shows it. It keeps others away as the
 * last one does, so the next renewal can rest on it.
 */
export function isEarlierRenewal(sighting: Sighting, { term, stored, settings }: State): boolean {
  if (!term || !stored || sighting.kind !== 'record' || sighting.version.object !== stored.version.object) return false;
  const { signature, record } = sighting;
  const ours = signature?.run === settings.run && signature.number < stored.number;
  return ours && sameRecord({ ...record, renewTime: '' }, { ...stored.record, renewTime: '' });
}

/** What the answer to a write shows to have been stored in its place, for people; undefined: the write itself. */
export function alterationIn(sighting: Sighting, write: PendingWrite, settings: Settings): string | undefined {
  if (sighting.kind !== 'record') return undefined;
  const { identity, run } = settings;
  const { signature, record } = sighting;
  const ours = signature
    ? signature.run === run && signature.number === write.number
    : record.holderIdentity === identity;
  if (!ours) return undefined;
  return alterationOf({ ...write, signature: { identity, run, number: write.number } }, sighting);
}

/** Whether it seems to be the write under way, changed so that other candidates wait for it all the same. */
export function isAnsweredSoon(sighting: Sighting, { request, pending, settings }: State): boolean {
  const write = pending.find(({ number }) => number === request?.number);
  if (!write || sighting.kind !== 'record' || !keepsOthersAway(sighting, settings)) return false;
  const { signature, record } = sighting;
  if (signature !== undefined) return signature.run === settings.run && signature.number === write.number;
  return record.acquireTime === write.record.acquireTime;
}

/** Whether other candidates wait at least as long for this record as for one of ours. */
export function keepsOthersAway(
  { record }: Extract<Present, { kind: 'record' }>,
  { identity, timing }: Settings,
): boolean {
  return record.holderIdentity === identity && record.leaseDurationSeconds * 1000 >= timing.leaseDurationMs;
}

/** Why a term ends at the sight of a record that is not ours; `order`: where it stands to our last write. */
export function lossBy(sighting: Present, order: Order, { stored, settings }: State): LossReason {
  if (stored && stored.version.object !== sighting.version.object) return 'recreated';
  if (order === 'older') return 'rolled-back';
  // Other electors leave our signature where it is when they take the lock.
  if (sighting.kind !== 'record' || holderOf(sighting) !== settings.identity) return 'taken';
  const { signature, record } = sighting;
  const ours = signature ? signature.run === settings.run : record.acquireTime === stored?.record.acquireTime;
  return ours ? 'edited' : 'taken';
}
