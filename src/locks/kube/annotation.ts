// The record in an annotation of an Endpoints object or a ConfigMap, where electors kept it before there were Leases
// (client-go until v0.23; others still do). Decides which text is a record, odd ones included, and how ours is written
// so that client-go can read it. Does not know how it is sent (object-lock.ts).
// Invariants: a text that states a holder counts as held, however odd the rest is; in here times are whole seconds, in
// the text `07Z`, outside `07.000000Z` as in a Lease; what the record holds besides the five fields is kept.

import { isJson, type Json, parseJson } from '../../common/json.ts';
import type { Lock } from '../lock.ts';
import { type ElectionRecord, isRecord } from '../record.ts';
import { type Decoded, partOf, type Shape } from './object.ts';
import { objectLock, type ObjectLockOptions } from './object-lock.ts';

/** client-go: resourcelock.LeaderElectionRecordAnnotationKey. */
export const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';

export type AnnotatedKind = 'endpoints' | 'configmaps';

/** metav1.Time holds whole seconds when it is written as JSON. */
const timeGrainMs = 1000;

export function annotationLock(kind: AnnotatedKind, options: ObjectLockOptions): Lock {
  const shape = shapes[kind];
  let told = false;
  const decodeAndTell = (object: Json): Decoded => {
    const decoded = decode(object);
    const oddity = told ? undefined : oddityIn(recordIn(object));
    if (oddity === undefined) return decoded;
    told = true;
    options.warn?.(`the record in the annotation ${leaderAnnotation} ${oddity}`);
    return decoded;
  };
  return objectLock({ ...shape, decode: decodeAndTell }, options);
}

/** Where it holds a record, of any form. */
export function isAnnotated(object: Json): boolean {
  return textIn(object) !== undefined;
}

const common = { apiVersion: 'v1', group: '', createsByPut: false, encode, decode, timeGrainMs } as const;
export const shapes: Readonly<Record<AnnotatedKind, Shape>> = {
  endpoints: { ...common, kind: 'Endpoints', resource: 'endpoints' },
  configmaps: { ...common, kind: 'ConfigMap', resource: 'configmaps' },
};

function encode(object: Json, record: ElectionRecord): Json {
  const metadata = partOf(object, 'metadata');
  const annotations = isJson(metadata['annotations']) ? metadata['annotations'] : {};
  const before = recordIn(object);
  const text = JSON.stringify({
    // strategy and preferredHolder, which later client-go writes as '', and what others put there.
    ...(isJson(before) && before),
    holderIdentity: record.holderIdentity,
    leaseDurationSeconds: record.leaseDurationSeconds,
    acquireTime: wholeSeconds(record.acquireTime),
    renewTime: wholeSeconds(record.renewTime),
    leaderTransitions: record.leaseTransitions,
  });
  return { ...object, metadata: { ...metadata, annotations: { ...annotations, [leaderAnnotation]: text } } };
}

/** An object without the annotation, as a user made it for other ends, is a free lock. */
function decode(object: Json): Decoded {
  const text = textIn(object);
  const value = recordIn(object);
  if (value === undefined) return { kind: 'record', record: nobody };
  if (!isJson(value)) return { kind: 'unreadable', text: String(text) };
  const { holderIdentity, acquireTime, renewTime, leaderTransitions } = value;
  const record = {
    holderIdentity: holderIdentity ?? '',
    leaseDurationSeconds: durationIn(value) ?? 0,
    acquireTime: withMicros(acquireTime ?? ''),
    renewTime: withMicros(renewTime ?? ''),
    leaseTransitions: leaderTransitions ?? 0,
  };
  return isRecord(record) ? { kind: 'record', record } : { kind: 'unreadable', text: String(text) };
}

const nobody: ElectionRecord = {
  holderIdentity: '',
  leaseDurationSeconds: 0,
  acquireTime: '',
  renewTime: '',
  leaseTransitions: 0,
};

/** Undefined: there is none. A text that is not JSON comes back as itself. */
function recordIn(object: Json): unknown {
  const text = textIn(object);
  // The Python client empties the annotation where it means that the lock has no holder.
  if (text === undefined || text === '') return undefined;
  return parseJson(text) ?? text;
}

function textIn({ metadata }: Json): string | undefined {
  const annotations = isJson(metadata) ? metadata['annotations'] : undefined;
  const text = isJson(annotations) ? annotations[leaderAnnotation] : undefined;
  return typeof text === 'string' ? text : undefined;
}

/** The Python client writes seconds as text; fabric8 writes `leaseDuration`, which client-go reads as 0, and steals. */
function durationIn({ leaseDurationSeconds, leaseDuration }: Json): number | undefined {
  const stated = leaseDurationSeconds ?? leaseDuration;
  const seconds = typeof stated === 'string' && /^\d+(\.\d+)?$/.test(stated) ? Number(stated) : stated;
  return typeof seconds === 'number' && seconds > 0 ? Math.ceil(seconds) : undefined;
}

function oddityIn(value: unknown): string | undefined {
  if (!isJson(value) || typeof value['holderIdentity'] !== 'string' || value['holderIdentity'] === '') return undefined;
  if (typeof value['leaseDurationSeconds'] === 'number') return undefined;
  const seconds = durationIn(value);
  return seconds === undefined
    ? 'states no duration, so that of --lease-duration stands in for it'
    : `states its duration in a way that client-go does not understand (read as ${seconds}s)`;
}

function withMicros(time: unknown): unknown {
  return typeof time === 'string' ? time.replace(/^([\d-]{10}T[\d:]{8})Z$/, '$1.000000Z') : time;
}

function wholeSeconds(time: string): string | null {
  return time === '' ? null : time.replace(/\.\d+Z$/, 'Z');
}
