// How a lock's record lies in one kind of Kubernetes object: what to send, and what an object that came back says.
// Keeps everything of the object that is not ours. Decides which object is believed, and where its collection is found.
// Knows neither the kinds (lease.ts, annotation.ts) nor how an object is sent (object-lock.ts).
// Invariant: an object is only believed if it is of the kind asked for and names uid and resourceVersion; without them
// there could be no compare-and-swap.

import { isJson, type Json } from '../../common/json.ts';
import type { Sighting } from '../lock.ts';
import { annotationsOf, type Instructions, instructionsIn } from '../instructions.ts';
import {
  type ElectionRecord,
  formatSignature,
  holderAnnotation,
  noteAnnotation,
  parseSignature,
  type Signature,
  type Version,
} from '../record.ts';

/** How a kind of object is named, and how made. */
export interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  /** The RBAC names. */
  readonly group: string;
  readonly resource: string;
  /** Whether a PUT to an absent object creates it, and to an existing one without resourceVersion fails. */
  readonly createsByPut: boolean;
  /** Each run has an object of its own name, which no Role can list beforehand. */
  readonly namedByRun?: boolean;
  /** All that is done with objects of this kind, whose names no Role can list beforehand. Unset: it holds a lock. */
  readonly verbs?: readonly string[];
}

/** One kind of object that can hold a record. */
export interface Shape extends Named {
  /** The object with the record in it; the rest as it was. */
  readonly encode: (object: Json, record: ElectionRecord) => Json;
  readonly decode: (object: Json) => Decoded;
  /** As in a Lock. Unset: 1. */
  readonly timeGrainMs?: number;
}

/** What an object that is there shows. */
export type Seen = Exclude<Sighting, { kind: 'absent' }>;

export type Decoded =
  | {
      readonly kind: 'record';
      readonly record: ElectionRecord;
      /** As in a Sighting. */
      readonly coordinator?: 'invites' | 'deposes';
    }
  | { readonly kind: 'unreadable'; readonly text: string };

/** An object as it came, with its version told. */
export interface Known {
  readonly version: Version;
  readonly object: Json;
}

/** What of an object is ours to write. */
export interface Content {
  readonly record: ElectionRecord;
  readonly signature: Signature;
  /** Unset: the one that the object has. */
  readonly note?: string | undefined;
  /** Unset: those that the object has. */
  readonly instructions?: Instructions | undefined;
}

/** The path below which the objects of a kind lie in a namespace. */
export function collectionOf({ apiVersion, group, resource }: Named, namespace: string): string {
  const root = group === '' ? '/api' : '/apis';
  return `${root}/${apiVersion}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
}

/** Undefined unless it is an object of this shape with uid and resourceVersion. */
export function known(value: unknown, shape: Shape): Known | undefined {
  if (!isJson(value) || value['kind'] !== shape.kind || value['apiVersion'] !== shape.apiVersion) return undefined;
  const metadata = metadataOf(value);
  const { uid, resourceVersion } = metadata as { uid?: unknown; resourceVersion?: unknown };
  if (typeof uid !== 'string' || uid === '' || typeof resourceVersion !== 'string' || resourceVersion === '')
    return undefined;
  return { version: { object: uid, state: resourceVersion }, object: value };
}

/** `dateMs` is the server's clock when it answered, where it told. */
export function sightingOf({ version, object }: Known, shape: Shape, dateMs?: number): Seen {
  const decoded = shape.decode(object);
  if (decoded.kind === 'unreadable') return { ...decoded, version };
  const { annotations, creationTimestamp } = metadataOf(object) as {
    annotations?: unknown;
    creationTimestamp?: unknown;
  };
  const texts = isJson(annotations) ? annotations : {};
  const { [holderAnnotation]: signed, [noteAnnotation]: note } = texts;
  const signature = parseSignature(signed);
  const instructions = instructionsIn(texts);
  // Both are cut to whole seconds, so the object may be up to a second younger than they say.
  const ageMs = dateMs === undefined ? Number.NaN : dateMs - Date.parse(String(creationTimestamp)) - 1000;
  return {
    ...{ ...decoded, signature, version },
    ...(typeof note === 'string' && { note }),
    ...(instructions && { instructions }),
    ...(!Number.isNaN(ageMs) && { ageMs: Math.max(0, ageMs) }),
  };
}

/** The object to send in place of `before`. Its uid and resourceVersion are those that `before` came with. */
export function replacement(before: Json, shape: Shape, content: Content): Json {
  // What is left out here the server keeps: it takes missing managedFields for those of a client that knows none.
  const { managedFields: _, ...metadata } = metadataOf(before) as Record<string, unknown>;
  return shape.encode({ ...before, metadata: annotated(metadata, content) }, content.record);
}

export function creation(namespace: string, name: string, shape: Shape, content: Content): Json {
  const { apiVersion, kind } = shape;
  return shape.encode({ apiVersion, kind, metadata: annotated({ namespace, name }, content) }, content.record);
}

function annotated(metadata: Json, { signature, note, instructions }: Content): Json {
  const annotations = isJson(metadata['annotations']) ? metadata['annotations'] : {};
  const ours = {
    [holderAnnotation]: formatSignature(signature),
    ...(note !== undefined && { [noteAnnotation]: note }),
    // JSON leaves out what is undefined, and a PUT takes away what is left out.
    ...(instructions && annotationsOf(instructions)),
  };
  return { ...metadata, annotations: { ...annotations, ...ours } };
}

function metadataOf(object: Json): Json {
  return partOf(object, 'metadata');
}

/** A part of an object that is an object itself; empty where it is none. */
export function partOf(object: Json, name: 'metadata' | 'spec' | 'labels' | 'annotations'): Json {
  const part = object[name];
  return isJson(part) ? part : {};
}
