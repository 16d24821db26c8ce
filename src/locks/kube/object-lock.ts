// A lock kept in one Kubernetes object: read by GET, written by PUT with uid and resourceVersion, created so that an
// existing object is never replaced. Decides how a creation is sent (the RBAC of a user may allow only one way) and
// keeps the objects it last saw, since a write must send back all of the object that is not ours. Knows no times.
// Invariant: every write but a creation carries the uid and the resourceVersion of its base, neither empty; an object
// that is not known word for word is not written but reported as a conflict.

import { type Deadline, type Failure, startDeadline } from '../../kube-api/failure.ts';
import { failedWrite, isAbsent, readTrouble, warningsIn } from './answers.ts';
import { postEvent } from './announce.ts';
import type { Attempt, Lock, ReadAnswer, Version, WriteAnswer, WriteRequest } from '../lock.ts';
import {
  creation,
  isJson,
  type Json,
  known,
  type Known,
  parseJson,
  replacement,
  type Shape,
  sightingOf,
} from './object.ts';
import { watchObject } from './watch.ts';
import type { Answer, Call, Transport } from '../../kube-api/transport.ts';

export interface ObjectLockOptions {
  readonly transport: Transport;
  /**
   * For Events about the lock while it is in use: connections of their own, since a request that is given up on takes
   * its connection with it, and a new one for each, since there may be hours between two and one may die in silence.
   */
  readonly announceOver?: (() => Transport) | undefined;
  readonly namespace: string;
  readonly name: string;
  /** Told of what an operator should know and the elector need not. */
  readonly warn?: ((message: string) => void) | undefined;
  /** For tests. */
  readonly random?: () => number;
}

/** More than one, since a watch may run ahead of the write that is decided on; a Lease is about 1 KB. */
const keptObjects = 8;

export function objectLock(
  shape: Shape,
  { transport, announceOver, namespace, name, warn, random = Math.random }: ObjectLockOptions,
): Lock {
  const subject = { shape, namespace, name, where: transport.where };
  const collection = `${shape.group === '' ? '/api/v1' : `/apis/${shape.apiVersion}`}/namespaces/${encodeURIComponent(namespace)}/${shape.resource}`;
  const path = `${collection}/${encodeURIComponent(name)}`;
  const objects = new Map<string, Json>();
  let createBy: 'PUT' | 'POST' = shape.createsByPut ? 'PUT' : 'POST';
  let closed = false;
  const watches = new Set<() => void>();
  const warned = new Set<string>();
  let latest: Version | undefined;

  async function ask(call: Call, deadline: Deadline, sending?: () => void): Promise<Answer | Failure> {
    const reply = await transport.request(call, deadline, sending);
    for (const text of reply.kind === 'answer' ? warningsIn(reply) : []) {
      // Every answer repeats it, as those about Endpoints do since Kubernetes 1.33.
      if (!warned.has(text)) warn?.(`${transport.where} warns: ${text}`);
      warned.add(text);
    }
    return reply;
  }

  function remember({ version, object }: Known): void {
    latest = version;
    objects.set(keyOf(version), object);
    if (objects.size > keptObjects) objects.delete(objects.keys().next().value ?? '');
  }

  async function read(deadline: Deadline, sending?: () => void): Promise<ReadAnswer> {
    // Without a resourceVersion the server answers from a quorum and not from a cache.
    const reply = await ask({ method: 'GET', path }, deadline, sending);
    if (reply.kind === 'answer') {
      const found = reply.status === 200 ? known(parseJson(reply.text), shape) : undefined;
      if (found !== undefined) {
        remember(found);
        return { kind: 'sighted', sighting: sightingOf(found, shape, dateOf(reply)) };
      }
      if (isAbsent(reply, subject)) return { kind: 'sighted', sighting: { kind: 'absent' } };
    }
    return { kind: 'failed', trouble: readTrouble(reply, 'read', subject) };
  }

  async function write(
    request: WriteRequest,
    query: '' | typeof dryRun,
    deadline: Deadline,
    sending?: () => void,
  ): Promise<WriteAnswer> {
    const { base, record, signature } = request;
    if (base === undefined)
      return await create(
        JSON.stringify(creation(namespace, name, shape, record, signature)),
        query,
        deadline,
        sending,
      );
    const before = objects.get(keyOf(base));
    if (before === undefined) return { kind: 'conflict' };
    assertVersion(base, before, shape);
    const body = JSON.stringify(replacement(before, shape, record, signature));
    return await send({ method: 'PUT', path: path + query, body }, 'update', deadline, sending);
  }

  /**
   * By PUT a Role can allow it for this one name; POST carries no name, so RBAC grants it for all or none. A user who
   * may create but not update, or a server that creates nothing by PUT, is met by POST from then on.
   */
  async function create(
    body: string,
    query: '' | typeof dryRun,
    deadline: Deadline,
    sending?: () => void,
  ): Promise<WriteAnswer> {
    if (createBy === 'PUT') {
      const answer = await send({ method: 'PUT', path: path + query, body }, 'create', deadline, sending);
      if (answer.kind !== 'refused' || !(answer.trouble.cause === 'forbidden' || answer.trouble.cause === 'invalid'))
        return answer;
      const second = await send({ method: 'POST', path: collection + query, body }, 'create', deadline, sending);
      if (second.kind === 'stored' || second.kind === 'conflict') createBy = 'POST';
      // Refused both ways: what the first one lacked is what a Role for this one name should give.
      return second.kind === 'refused' ? answer : second;
    }
    return await send({ method: 'POST', path: collection + query, body }, 'create', deadline, sending);
  }

  async function send(
    call: Call,
    doing: 'create' | 'update',
    deadline: Deadline,
    sending?: () => void,
  ): Promise<WriteAnswer> {
    const reply = await ask(call, deadline, sending);
    if (reply.kind === 'failed' || (reply.status !== 200 && reply.status !== 201))
      return failedWrite(reply, doing, subject);
    const object = parseJson(reply.text);
    // A rehearsed object must never look like a stored one, above all since it bears our signature.
    if (call.path.endsWith(dryRun) && isJson(object) && object['kind'] === shape.kind)
      return { kind: 'stored', sighting: { kind: 'absent' } };
    const stored = call.path.endsWith(dryRun) ? undefined : known(object, shape);
    if (stored === undefined) return failedWrite(reply, doing, subject);
    remember(stored);
    return { kind: 'stored', sighting: sightingOf(stored, shape, dateOf(reply)) };
  }

  async function within<T>({ limitMs }: Attempt, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    const deadline = startDeadline(limitMs);
    const answer = await work(deadline).finally(() => {
      deadline.end();
    });
    // After close nobody waits any more, and the interface promises silence.
    return closed ? await new Promise<never>(() => undefined) : answer;
  }

  return {
    name: `${shape.kind.toLowerCase()} ${namespace}/${name}`,
    where: transport.where,
    read: (attempt) => within(attempt, (deadline) => read(deadline, attempt.sending)),
    write: (request, attempt) => within(attempt, (deadline) => write(request, '', deadline, attempt.sending)),
    rehearse: (request, attempt) => within(attempt, (deadline) => write(request, dryRun, deadline, attempt.sending)),
    watch: (tell) => {
      const stop = watchObject({ transport, collection, subject, random, remember, tell });
      watches.add(stop);
      return () => {
        watches.delete(stop);
        stop();
      };
    },
    ...(announceOver && {
      announce: (announcement, attempt) =>
        within(attempt, async (deadline) => {
          if (latest === undefined) return undefined;
          const { farewell } = announcement;
          const over = farewell ? transport : announceOver();
          return await postEvent({ transport: over, subject, version: latest }, announcement, deadline).finally(() => {
            if (!farewell) over.close();
          });
        }),
    }),
    compare,
    close: () => {
      closed = true;
      for (const stop of watches) stop();
      transport.close();
    },
  };
}

const dryRun = '?dryRun=All';

function keyOf({ object, state }: Version): string {
  return `${object} ${state}`;
}

/** What is sent is taken from the object itself, so this holds unless the code is wrong; then nothing may go out. */
function assertVersion(base: Version, before: Json, shape: Shape): void {
  const version = known(before, shape)?.version;
  if (version?.object !== base.object || version.state !== base.state) {
    throw new Error(`the object kept for ${keyOf(base)} has another version`);
  }
}

function dateOf({ headers }: Answer): number | undefined {
  const date = Date.parse(headers.date ?? '');
  return Number.isNaN(date) ? undefined : date;
}

/** Comparable by rule since Kubernetes 1.35 (KEP-5504): numbers of any length, so compared as text. */
export function compare(a: Version, b: Version): 'older' | 'same' | 'newer' | 'unordered' {
  if (a.object !== b.object) return 'unordered';
  if (a.state === b.state) return 'same';
  if (!isNumber(a.state) || !isNumber(b.state)) return 'unordered';
  if (a.state.length !== b.state.length) return a.state.length < b.state.length ? 'older' : 'newer';
  return a.state < b.state ? 'older' : 'newer';
}

function isNumber(state: string): boolean {
  return /^[1-9]\d*$/.test(state);
}
