// The election record: who holds the lock, for how long, since when, renewed when, after how many changes of holder.
// Decides how a created, taken, renewed, shortened and released record looks, what is a record at all, when two records
// or two versions of a lock are the same, and whose write a record is. Knows neither clocks nor storage: it is given
// wall-clock milliseconds, and only writes them.
// Invariant: every record made here has all five fields (other electors fail on null ones), and a whole-second
// duration of at least 1, since others wait what the record says (client-go leaderelection, Lease API).

import { utcText } from '../common/utc.ts';

/** The five fields that all electors share (coordination.k8s.io/v1 LeaseSpec; client-go LeaderElectionRecord). */
export interface ElectionRecord {
  /** '' when the lock has no holder. */
  readonly holderIdentity: string;
  /** Seconds that others wait after they last saw the record change; 0 when the record states none. */
  readonly leaseDurationSeconds: number;
  /** As the server returns it; '' when the record states none. Never compared with a clock. */
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseTransitions: number;
}

/** Which write of which run made a record: the annotation `leader-run/holder: <identity> <run uuid>.<write number>`. */
export interface Signature {
  readonly identity: string;
  readonly run: string;
  readonly number: number;
}

/** Names one stored state of the lock. Opaque to all but the lock that made it and its `compare`. */
export interface Version {
  /** Identifies the object: changes when it is deleted and made again (metadata.uid). */
  readonly object: string;
  /** Identifies the state of that object (metadata.resourceVersion, a file's number). Never empty. */
  readonly state: string;
}

export const holderAnnotation = 'leader-run/holder';

/** Where the text lies that is kept beside the record. What it means is its writer's (src/job/record.ts). */
export const noteAnnotation = 'leader-run/job';

export function formatSignature({ identity, run, number }: Signature): string {
  return `${identity} ${run}.${number}`;
}

/** Reads the annotation; undefined when it is missing or not a leader-run's. Identities may hold spaces. */
export function parseSignature(text: unknown): Signature | undefined {
  if (typeof text !== 'string') return undefined;
  const match = /^(.*) ([0-9a-f-]{36})\.(\d{1,15})$/s.exec(text);
  if (!match) return undefined;
  const [, identity = '', run = '', number = ''] = match;
  return { identity, run, number: Number(number) };
}

export function sameSignature(a: Signature | undefined, b: Signature | undefined): boolean {
  return a?.identity === b?.identity && a?.run === b?.run && a?.number === b?.number;
}

/** Whether both name one state, or neither names any. */
export function sameVersion(a: Version | undefined, b: Version | undefined): boolean {
  return a?.object === b?.object && a?.state === b?.state;
}

/** The version of what was seen; undefined where there was nothing. */
export function versionOf(
  sighting: { readonly kind: 'absent' } | { readonly kind: 'record' | 'unreadable'; readonly version: Version },
): Version | undefined {
  return sighting.kind === 'absent' ? undefined : sighting.version;
}

/** Whether all five fields are there, each of its type. */
export function isRecord(value: unknown): value is ElectionRecord {
  const record = (value ?? {}) as Partial<Record<keyof ElectionRecord, unknown>>;
  return (
    typeof record.holderIdentity === 'string' &&
    typeof record.leaseDurationSeconds === 'number' &&
    typeof record.acquireTime === 'string' &&
    typeof record.renewTime === 'string' &&
    typeof record.leaseTransitions === 'number'
  );
}

export function sameRecord(a: ElectionRecord, b: ElectionRecord): boolean {
  return (
    a.holderIdentity === b.holderIdentity &&
    a.leaseDurationSeconds === b.leaseDurationSeconds &&
    a.acquireTime === b.acquireTime &&
    a.renewTime === b.renewTime &&
    a.leaseTransitions === b.leaseTransitions
  );
}

/**
 * What of a write came back otherwise than it was sent, for people; undefined: nothing. What a lock may hold besides
 * (labels, annotations of others) is not compared.
 */
export function alterationOf(
  sent: { readonly record: ElectionRecord; readonly signature: Signature; readonly note?: string | undefined },
  stored: {
    readonly record: ElectionRecord;
    readonly signature: Signature | undefined;
    readonly note?: string | undefined;
  },
): string | undefined {
  const fields = Object.keys(sent.record) as (keyof ElectionRecord)[];
  const field = fields.find((name) => sent.record[name] !== stored.record[name]);
  const shown = JSON.stringify;
  if (field !== undefined)
    return `${field} is ${shown(stored.record[field])} where ${shown(sent.record[field])} was sent`;
  if (!sameSignature(sent.signature, stored.signature))
    return `the annotation ${holderAnnotation} is ${stored.signature ? 'another' : 'missing'}`;
  if (sent.note === undefined || sent.note === stored.note) return undefined;
  return `the annotation ${noteAnnotation} is ${stored.note === undefined ? 'missing' : 'another'}`;
}

/**
 * MicroTime takes exactly six fractional digits; the server answers 400 to three (kubernetes-client/javascript#828).
 */
export function microTime(wallMs: number): string {
  return utcText(wallMs).replace('Z', '000Z');
}

/** A first record, or one that follows another holder's (or an empty one). */
export function taken(
  before: ElectionRecord | undefined,
  identity: string,
  durationSeconds: number,
  wallMs: number,
): ElectionRecord {
  const time = microTime(wallMs);
  // The field is an int32; the server refuses to count on beyond it. In an annotation it may be anything, and a
  // client that reads integers (client-go) could not read a fraction that was counted on.
  const counted = Math.max(-1, Math.trunc(before?.leaseTransitions ?? -1));
  const transitions = Math.min(counted + 1, 2 ** 31 - 1);
  return {
    holderIdentity: identity,
    leaseDurationSeconds: durationSeconds,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: transitions,
  };
}

/**
 * Others see a renewal by its time alone, so no renewal may repeat the one before, even if the wall clock stands still;
 * the next time that a lock can tell from it is a grain later.
 */
export function renewed(record: ElectionRecord, wallMs: number, grainMs = 1): ElectionRecord {
  const time = microTime(wallMs);
  return { ...record, renewTime: time === record.renewTime ? microTime(wallMs + grainMs) : time };
}

/** The holder leaves its name for the seconds that are left, so that the lock stays shut without a renewal. */
export function shortened(record: ElectionRecord, durationSeconds: number, wallMs: number): ElectionRecord {
  return { ...record, leaseDurationSeconds: Math.max(1, durationSeconds), renewTime: microTime(wallMs) };
}

/** As client-go writes it: holder '', duration 1, times now, transitions kept. */
export function released(record: ElectionRecord, wallMs: number): ElectionRecord {
  const time = microTime(wallMs);
  return { ...record, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: time, renewTime: time };
}
