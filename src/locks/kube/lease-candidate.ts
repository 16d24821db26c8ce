// Our LeaseCandidate: the object by which we stand for a Lease that the API server assigns (KEP-4355, since Kubernetes
// 1.33 as coordination.k8s.io/v1beta1). Decides when it is written: at the start, when the server asks whether we live
// (pingTime), when it was deleted, and every few minutes, since silent candidates are dropped after half an hour. Knows
// no election.
// It is not deleted at the end: a candidate that is gone while it is preferred holds up the election (k/k#138066).
// Invariants: one request at a time; no loop without a pause; a ping is answered with a time that is not before it,
// whatever our clock says.

import type { Clock } from '../../clock.ts';
import { type Json, parseJson } from '../../common/json.ts';
import { type Deadline, startDeadline } from '../../kube-api/failure.ts';
import type { Answer, Transport } from '../../kube-api/transport.ts';
import type { Trouble, WatchNews } from '../lock.ts';
import { microTime } from '../record.ts';
import { failedWrite, isAbsent, readTrouble, type Subject } from './answers.ts';
import { collectionOf, known, type Known, partOf, type Shape } from './object.ts';
import { watchObject } from './watch.ts';

export interface LeaseCandidateOptions {
  /** Its own: a request that is given up on takes its connection with it. */
  readonly transport: Transport;
  readonly namespace: string;
  readonly leaseName: string;
  /** The candidate's name, and the holder's in the Lease; letters, digits, `-`, `_` and `.`. */
  readonly identity: string;
  /** Semantic versions of what the command runs: the oldest emulation version is chosen, then the oldest binary. */
  readonly binaryVersion: string;
  readonly emulationVersion: string;
  readonly strategy: string;
  readonly clock: Clock;
  readonly warn?: ((message: string) => void) | undefined;
  /** For tests. */
  readonly random?: () => number;
}

/** The one strategy that the server knows by itself (coordination.k8s.io CoordinatedLeaseStrategy). */
export const oldestEmulationVersion = 'OldestEmulationVersion';

/** client-go renews as often; the server asks all candidates every 15 minutes and drops the silent after 30. */
const renewalMs = 5 * 60_000;
/** The server waits 5 s for an answer. */
const limitMs = 2_000;
const againMs = 500;

export const candidateShape: Shape = {
  apiVersion: 'coordination.k8s.io/v1beta1',
  kind: 'LeaseCandidate',
  group: 'coordination.k8s.io',
  resource: 'leasecandidates',
  createsByPut: false,
  namedByRun: true,
  encode: (object) => object,
  // It holds no election record.
  decode: () => ({ kind: 'unreadable', text: '' }),
};

export class LeaseCandidate {
  readonly #options: LeaseCandidateOptions;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #subject: Subject & { readonly shape: Shape };
  readonly #collection: string;
  readonly #path: string;
  /** The round that is under way. */
  #busy: Promise<Trouble | undefined> | undefined;
  /** The server asked while a round was under way, which may have been too early to answer it. */
  #isAskedMeanwhile = false;
  #warned: Trouble['cause'] | undefined;
  /** That we may not watch it was told. */
  #isUnwatchedTold = false;
  #cancelTimer = (): void => undefined;
  /** Set since we stand. */
  #stopWatch: (() => void) | undefined;
  #isClosed = false;
  #tellEnrolled!: () => void;
  /** Resolves once we stand. */
  readonly enrolled: Promise<void>;

  constructor(options: LeaseCandidateOptions) {
    const { transport, namespace, identity, clock } = options;
    this.#options = options;
    this.#transport = transport;
    this.#clock = clock;
    this.#subject = { shape: candidateShape, namespace, name: identity, where: transport.where };
    this.#collection = collectionOf(candidateShape, namespace);
    this.#path = `${this.#collection}/${encodeURIComponent(identity)}`;
    this.enrolled = new Promise<void>((resolve) => {
      this.#tellEnrolled = resolve;
    });
  }

  /** Makes it so that we stand, or says why not. Does nothing when we stand already. */
  async enrol(withinMs: number): Promise<Trouble | undefined> {
    return this.#stopWatch === undefined ? await this.#renew(withinMs) : undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#stopWatch?.();
    this.#transport.close();
  }

  /** Stands again, now and then in good time; one round at a time. */
  async #renew(withinMs: number): Promise<Trouble | undefined> {
    this.#cancelTimer();
    this.#busy ??= this.#stand(withinMs).finally(() => {
      this.#busy = undefined;
    });
    const trouble = await this.#busy;
    if (this.#isClosed) return trouble;
    if (trouble === undefined) this.#stands();
    else this.#warn(trouble);
    // Until we stand for the first time, the caller of `enrol` decides when to try again.
    if (this.#stopWatch !== undefined)
      this.#schedule(trouble === undefined && !this.#isAskedMeanwhile ? renewalMs : againMs);
    return trouble;
  }

  #stands(): void {
    this.#warned = undefined;
    this.#tellEnrolled();
    const { random = Math.random } = this.#options;
    this.#stopWatch ??= watchObject({
      transport: this.#transport,
      collection: this.#collection,
      subject: this.#subject,
      random,
      remember: (seen) => {
        this.#look(seen);
      },
      tell: (news) => {
        this.#hear(news);
      },
    });
  }

  /** Deleted by another, or an API that is switched off: we may not stand any more, and look at once. */
  #hear(news: WatchNews): void {
    const isGone = news.kind === 'sighted' && news.sighting.kind === 'absent';
    if (news.kind === 'up') this.#isUnwatchedTold = false;
    if (news.kind === 'down' && news.forbidden) this.#warnOfUnwatched(news.message);
    if (this.#isClosed || !(isGone || news.kind === 'down')) return;
    if (this.#busy === undefined) this.#schedule(0);
    else this.#isAskedMeanwhile = true;
  }

  /** A round that came to nothing is told once for each cause; before we stand, the caller of `enrol` hears of it. */
  #warn({ cause, message }: Trouble): void {
    if (this.#stopWatch === undefined || cause === this.#warned) return;
    this.#warned = cause;
    this.#options.warn?.(message);
  }

  /** The server's questions go unheard then, and it soon takes this candidate for dead. */
  #warnOfUnwatched(message: string): void {
    if (this.#isClosed || this.#isUnwatchedTold) return;
    this.#isUnwatchedTold = true;
    this.#options.warn?.(`${message}; until then the API server takes this candidate for dead`);
  }

  #schedule(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.after(ms, () => void this.#renew(limitMs));
  }

  #look({ object }: Known): void {
    if (this.#isClosed || !isAsked(object)) return;
    if (this.#busy === undefined) void this.#renew(limitMs);
    else this.#isAskedMeanwhile = true;
  }

  /** Reads it, then writes it: as it should be, with a time of now. */
  async #stand(withinMs: number): Promise<Trouble | undefined> {
    this.#isAskedMeanwhile = false;
    const deadline = startDeadline(withinMs);
    try {
      const found = await this.#read(deadline);
      return found.kind === 'failed' ? found.trouble : await this.#write(found.object, deadline);
    } finally {
      deadline.end();
    }
  }

  async #read(deadline: Deadline): Promise<Found> {
    const reply = await this.#transport.request({ method: 'GET', path: this.#path }, deadline);
    if (reply.kind === 'failed') return { kind: 'failed', trouble: readTrouble(reply, 'read', this.#subject) };
    const object = reply.status === 200 ? known(parseJson(reply.text), candidateShape)?.object : undefined;
    if (object === undefined && !isAbsent(reply, this.#subject))
      return { kind: 'failed', trouble: this.#troubleOf(reply) };
    const standsFor = object && partOf(object, 'spec')['leaseName'];
    if (object !== undefined && standsFor !== this.#options.leaseName)
      return { kind: 'failed', trouble: this.#takenName(String(standsFor)) };
    return { kind: 'found', object };
  }

  async #write(before: Json | undefined, deadline: Deadline): Promise<Trouble | undefined> {
    const body = JSON.stringify(written(before, this.#options, this.#clock.now().wall));
    const put = { method: 'PUT', path: this.#path, body } as const;
    const post = { method: 'POST', path: this.#collection, body } as const;
    const reply = await this.#transport.request(before ? put : post, deadline);
    const isTaken = reply.kind === 'answer' && (reply.status === 200 || reply.status === 201);
    if (isTaken && known(parseJson(reply.text), candidateShape) !== undefined) return undefined;
    const failed = failedWrite(reply, before ? 'update' : 'create', this.#subject);
    return failed.kind === 'conflict' ? this.#conflict() : failed.trouble;
  }

  #troubleOf(answer: Answer): Trouble {
    const trouble = readTrouble(answer, 'read', this.#subject);
    // An API group that is not there is answered in plain text, and by old servers with a Status without details.
    if (answer.status !== 404 || trouble.cause === 'no-namespace') return trouble;
    return { cause: 'no-candidate', message: notOffered(this.#transport.where) };
  }

  #takenName(standsFor: string): Trouble {
    const message = `${this.#title()} stands for lease ${standsFor} already: use another --identity`;
    return { cause: 'no-candidate', message };
  }

  #conflict(): Trouble {
    return { cause: 'server', message: `${this.#title()} was changed by another meanwhile` };
  }

  #title(): string {
    const { namespace, identity } = this.#options;
    return `leasecandidate ${namespace}/${identity}`;
  }
}

/** Our LeaseCandidate as it is there; no object: it is not there, and can be made. */
type Found =
  | { readonly kind: 'found'; readonly object: Json | undefined }
  | { readonly kind: 'failed'; readonly trouble: Trouble };

/** For a server at which nobody can stand. */
export function notOffered(where: string): string {
  const { kind, apiVersion } = candidateShape;
  return (
    `the API server at ${where} does not offer coordinated leader election (${kind} of ${apiVersion}): ` +
    'turn on its feature gate CoordinatedLeaderElection and that API, or leave out --coordinated'
  );
}

function isAsked(object: Json): boolean {
  const { pingTime, renewTime } = partOf(object, 'spec');
  return Date.parse(String(pingTime)) > Date.parse(String(renewTime));
}

function written(before: Json | undefined, options: LeaseCandidateOptions, wallMs: number): Json {
  const { namespace, identity, leaseName, binaryVersion, emulationVersion, strategy } = options;
  const pingMs = before ? Date.parse(String(partOf(before, 'spec')['pingTime'])) : Number.NaN;
  // Kept to whole milliseconds: one more is surely not before the ping.
  const renewTime = microTime(Number.isNaN(pingMs) ? wallMs : Math.max(wallMs, pingMs + 1));
  const { apiVersion, kind } = candidateShape;
  const made = { apiVersion, kind, metadata: { namespace, name: identity } };
  const object = before ?? made;
  const spec = { ...partOf(object, 'spec'), leaseName, binaryVersion, emulationVersion, strategy, renewTime };
  return { ...object, spec };
}
