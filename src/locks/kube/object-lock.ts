// A lock kept in one Kubernetes object: read by GET, written by PUT with uid and resourceVersion, created so that an
// existing object is never replaced. Decides how a creation is sent (the RBAC of a user may allow only one way) and
// keeps the objects it last saw, since a write must send back all of the object that is not ours. Knows no times.
// Invariant: every write but a creation carries the uid and the resourceVersion of its base, neither empty; an object
// that is not known word for word is not written but reported as a conflict.

import { isJson, type Json, parseJson } from '../../common/json.ts';
import { type Deadline, type Failure, startDeadline } from '../../kube-api/failure.ts';
import type { Answer, Call, Transport } from '../../kube-api/transport.ts';
import type {
  Announcement,
  Attempt,
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
import { alterationOf, sameVersion, type Version } from '../record.ts';
import { postEvent } from './announce.ts';
import { alteredTrouble, failedWrite, isAbsent, readTrouble, type Subject, warningsIn } from './answers.ts';
import { collectionOf, creation, known, type Known, replacement, type Shape, sightingOf } from './object.ts';
import { watchObject } from './watch.ts';

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

export function objectLock(shape: Shape, options: ObjectLockOptions): Lock {
  return new ObjectLock(shape, options);
}

/** More than one, since a watch may run ahead of the write that is decided on; a Lease is about 1 KB. */
const keptObjects = 8;

/** What is asked of the server with the body of a write: to store it, or to say whether it would. */
type Mode = 'write' | 'rehearse';
const queryOf: Readonly<Record<Mode, string>> = { write: '', rehearse: '?dryRun=All' };

/** One attempt under way. */
interface Running {
  readonly deadline: Deadline;
  readonly sending: (() => void) | undefined;
}

/** The server took it, and answers with an object of the right kind. */
interface Taken {
  readonly kind: 'taken';
  readonly reply: Answer;
  readonly object: Json;
}

class ObjectLock implements Lock {
  readonly #shape: Shape;
  readonly #options: ObjectLockOptions;
  readonly #transport: Transport;
  readonly #subject: Subject & { readonly shape: Shape };
  readonly #collection: string;
  readonly #path: string;
  /** As they came, by version. */
  readonly #objects = new Map<string, Json>();
  #latest: Version | undefined;
  #createBy: 'PUT' | 'POST';
  /** The ends of those that are going on. */
  readonly #watches = new Set<() => void>();
  readonly #warned = new Set<string>();
  #isClosed = false;
  readonly name: string;
  readonly where: string;
  readonly timeGrainMs: number;
  readonly compare = compare;
  /** A field, since callers take it off the lock. */
  readonly announce?: NonNullable<Lock['announce']>;

  constructor(shape: Shape, options: ObjectLockOptions) {
    const { transport, namespace, name, announceOver } = options;
    this.#shape = shape;
    this.#options = options;
    this.#transport = transport;
    this.#subject = { shape, namespace, name, where: transport.where };
    this.#collection = collectionOf(shape, namespace);
    this.#path = `${this.#collection}/${encodeURIComponent(name)}`;
    this.#createBy = shape.createsByPut ? 'PUT' : 'POST';
    this.name = `${shape.kind.toLowerCase()} ${namespace}/${name}`;
    this.where = transport.where;
    this.timeGrainMs = shape.timeGrainMs ?? 1;
    if (announceOver) this.announce = (note, attempt) => this.#announce(note, attempt, announceOver);
  }

  async read(attempt: Attempt): Promise<ReadAnswer> {
    return await this.#within(attempt, async (running) => {
      // Without a resourceVersion the server answers from a quorum and not from a cache.
      const reply = await this.#ask({ method: 'GET', path: this.#path }, running);
      const found =
        reply.kind === 'answer' && reply.status === 200 ? this.#keep(parseJson(reply.text), reply) : undefined;
      const isGone = reply.kind === 'answer' && isAbsent(reply, this.#subject);
      const sighting = found ?? (isGone ? ({ kind: 'absent' } as const) : undefined);
      if (reply.kind === 'answer' && sighting !== undefined)
        return { kind: 'sighted', sighting, dateMs: dateOf(reply) };
      return { kind: 'failed', trouble: readTrouble(reply, 'read', this.#subject) };
    });
  }

  async write(request: WriteRequest, attempt: Attempt): Promise<WriteAnswer> {
    return await this.#within(attempt, async (running) => {
      const sent = await this.#submit(request, 'write', running);
      if (sent.kind !== 'taken') return sent;
      const sighting = this.#keep(sent.object, sent.reply);
      if (sighting !== undefined) return { kind: 'stored', sighting, dateMs: dateOf(sent.reply) };
      return failedWrite(sent.reply, request.base ? 'update' : 'create', this.#subject);
    });
  }

  /** What comes back is not kept: a rehearsed object must never look like a stored one, and it bears our signature. */
  async rehearse(request: WriteRequest, attempt: Attempt): Promise<RehearsalAnswer> {
    return await this.#within(attempt, async (running) => {
      const sent = await this.#submit(request, 'rehearse', running);
      return sent.kind === 'taken' ? this.#rehearsed(request, sent) : sent;
    });
  }

  /** What would be stored must be what was sent: a mutating policy is met here, and not when the leader dies. */
  #rehearsed(request: WriteRequest, { object }: Taken): RehearsalAnswer {
    // What was not made has no version.
    const would = sightingOf({ version: { object: '', state: '' }, object }, this.#shape);
    const what = would.kind === 'record' ? alterationOf(request, would) : undefined;
    return what === undefined ? { kind: 'allowed' } : { kind: 'refused', trouble: alteredTrouble(what, this.#subject) };
  }

  watch(tell: (news: WatchNews) => void): () => void {
    const { random = Math.random } = this.#options;
    const stop = watchObject({
      transport: this.#transport,
      collection: this.#collection,
      subject: this.#subject,
      random,
      remember: (seen) => {
        this.#remember(seen);
      },
      tell,
    });
    this.#watches.add(stop);
    return () => {
      this.#watches.delete(stop);
      stop();
    };
  }

  close(): void {
    this.#isClosed = true;
    for (const stop of this.#watches) stop();
    this.#transport.close();
  }

  async #announce(
    announcement: Announcement,
    attempt: Attempt,
    announceOver: () => Transport,
  ): Promise<Trouble | undefined> {
    return await this.#within(attempt, async ({ deadline }) => {
      const version = this.#latest;
      if (version === undefined) return undefined;
      // An elector watches for as long as it uses the lock. After that no renewal depends on the lock's own connection,
      // and a run that ends spares two new ones (4 ms of CPU).
      const isUsed = this.#watches.size > 0;
      const transport = isUsed ? announceOver() : this.#transport;
      try {
        return await postEvent({ transport, subject: this.#subject, version }, announcement, deadline);
      } finally {
        if (isUsed) transport.close();
      }
    });
  }

  async #submit(request: WriteRequest, mode: Mode, running: Running): Promise<Taken | WriteFailure> {
    const { base } = request;
    if (base === undefined) {
      const { namespace, name } = this.#subject;
      return await this.#create(JSON.stringify(creation(namespace, name, this.#shape, request)), mode, running);
    }
    const before = this.#objects.get(keyOf(base));
    if (before === undefined) return { kind: 'conflict' };
    assertVersion(base, before, this.#shape);
    const body = JSON.stringify(replacement(before, this.#shape, request));
    return await this.#send({ method: 'PUT', path: this.#path + queryOf[mode], body }, 'update', running);
  }

  /**
   * By PUT a Role can allow it for this one name; POST carries no name, so RBAC grants it for all or none. A user who
   * may create but not update, or a server that creates nothing by PUT, is met by POST from then on.
   */
  async #create(body: string, mode: Mode, running: Running): Promise<Taken | WriteFailure> {
    const put = { method: 'PUT', path: this.#path + queryOf[mode], body } as const;
    const post = { method: 'POST', path: this.#collection + queryOf[mode], body } as const;
    if (this.#createBy === 'POST') return await this.#send(post, 'create', running);
    const first = await this.#send(put, 'create', running);
    if (first.kind !== 'refused' || !(first.trouble.cause === 'forbidden' || first.trouble.cause === 'invalid'))
      return first;
    const second = await this.#send(post, 'create', running);
    if (second.kind === 'taken' || second.kind === 'conflict') this.#createBy = 'POST';
    // Refused both ways: what the first one lacked is what a Role for this one name should give.
    return second.kind === 'refused' ? first : second;
  }

  async #send(call: Call, doing: 'create' | 'update', running: Running): Promise<Taken | WriteFailure> {
    const reply = await this.#ask(call, running);
    if (reply.kind === 'failed' || (reply.status !== 200 && reply.status !== 201))
      return failedWrite(reply, doing, this.#subject);
    const object = parseJson(reply.text);
    if (isJson(object) && object['kind'] === this.#shape.kind) return { kind: 'taken', reply, object };
    return failedWrite(reply, doing, this.#subject);
  }

  async #ask(call: Call, { deadline, sending }: Running): Promise<Answer | Failure> {
    const reply = await this.#transport.request(call, deadline, sending);
    for (const text of reply.kind === 'answer' ? warningsIn(reply) : []) {
      // Every answer repeats it, as those about Endpoints do since Kubernetes 1.33.
      if (!this.#warned.has(text)) this.#options.warn?.(`${this.where} warns: ${text}`);
      this.#warned.add(text);
    }
    return reply;
  }

  async #within<T>({ limitMs, sending }: Attempt, work: (running: Running) => Promise<T>): Promise<T> {
    const deadline = startDeadline(limitMs);
    const answer = await work({ deadline, sending }).finally(() => {
      deadline.end();
    });
    // After close no caller waits any more, and the interface promises silence.
    return this.#isClosed ? await new Promise<never>(() => undefined) : answer;
  }

  /** What an answered object shows; it is kept for the write that may rest on it. Undefined: it has no version. */
  #keep(object: unknown, reply: Answer): Sighting | undefined {
    const found = known(object, this.#shape);
    if (found === undefined) return undefined;
    this.#remember(found);
    return sightingOf(found, this.#shape, dateOf(reply));
  }

  #remember({ version, object }: Known): void {
    this.#latest = version;
    this.#objects.set(keyOf(version), object);
    if (this.#objects.size > keptObjects) this.#objects.delete(this.#objects.keys().next().value ?? '');
  }
}

function keyOf({ object, state }: Version): string {
  return `${object} ${state}`;
}

/** What is sent is taken from the object itself, so this holds unless the code is wrong; then nothing may go out. */
function assertVersion(base: Version, before: Json, shape: Shape): void {
  if (!sameVersion(known(before, shape)?.version, base))
    throw new Error(`the object kept for ${keyOf(base)} has another version`);
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
