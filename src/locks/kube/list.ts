// All locks of one kind in a namespace, for people who want to see them: one GET of the collection. Decides which
// objects are locks: a Lease is one, an Endpoints object or a ConfigMap if it has a record.
// Needs the verb list, which no candidate has; nothing else does.
// Invariant: what is listed is shown as a candidate would see it.

import { isJson, type Json, parseJson } from '../../common/json.ts';
import { startDeadline } from '../../kube-api/failure.ts';
import type { Transport } from '../../kube-api/transport.ts';
import type { ListAnswer, Listed } from '../lock.ts';
import { readTrouble, type Subject } from './answers.ts';
import { collectionOf, known, partOf, type Shape, sightingOf } from './object.ts';

export interface ListOptions {
  readonly transport: Transport;
  readonly namespace: string;
  readonly shape: Shape;
  /** Whether an object is a lock, or something else of its kind. */
  readonly isLock: (object: Json) => boolean;
}

/** The server hands out so many at once, and says how to go on. */
const pageSize = 500;

export async function listObjects(
  { transport, namespace, shape, isLock }: ListOptions,
  limitMs: number,
): Promise<ListAnswer> {
  const subject: Subject = { shape, namespace, name: '', where: transport.where };
  const deadline = startDeadline(limitMs);
  const locks: Listed[] = [];
  let from = '';
  try {
    for (;;) {
      const path = `${collectionOf(shape, namespace)}?limit=${String(pageSize)}${from}`;
      const reply = await transport.request({ method: 'GET', path }, deadline);
      const page = reply.kind === 'answer' && reply.status === 200 ? parseJson(reply.text) : undefined;
      const items = isJson(page) ? page['items'] : undefined;
      if (reply.kind === 'failed' || !isJson(page) || !Array.isArray(items))
        return { kind: 'failed', trouble: readTrouble(reply, 'list', subject) };
      const date = Date.parse(reply.headers.date ?? '');
      const dateMs = Number.isNaN(date) ? undefined : date;
      locks.push(...items.filter(isJson).flatMap((item) => listed(item, shape, isLock, dateMs)));
      const next = partOf(page, 'metadata')['continue'];
      if (typeof next !== 'string' || next === '') return { kind: 'listed', locks };
      from = `&continue=${encodeURIComponent(next)}`;
    }
  } finally {
    deadline.end();
  }
}

/** The items of a list name neither their kind nor their version. */
function listed(item: Json, shape: Shape, isLock: (object: Json) => boolean, dateMs: number | undefined): Listed[] {
  const object: Json = { ...item, apiVersion: shape.apiVersion, kind: shape.kind };
  const found = isLock(object) ? known(object, shape) : undefined;
  const name = partOf(object, 'metadata')['name'];
  return found && typeof name === 'string' ? [{ name, sighting: sightingOf(found, shape), dateMs }] : [];
}
