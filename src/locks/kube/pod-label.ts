// The label by which a Service finds the pod of the holder: put on our own pod, and taken off that pod and each one on
// which an earlier holder of the same lock has left it. Decides which label is ours: beside it stands an annotation of
// the same key that names the lock, so that what a manifest has set is never changed. Knows no election; the caller of
// `put` leads.
// Invariants: each patch names the uid of the pod that it is meant for, since a pod may be replaced by one of its name;
// no label without our annotation is changed or taken off; connections are its own, made for each call.

import { isJson, type Json, parseJson } from '../../common/json.ts';
import { type Deadline, startDeadline } from '../../kube-api/failure.ts';
import type { Answer, Call, Transport } from '../../kube-api/transport.ts';
import type { Attempt, PodLabel, Trouble } from '../lock.ts';
import type { LabelWish } from '../store.ts';
import { isAbsent, readTrouble, type Subject } from './answers.ts';
import { collectionOf, partOf } from './object.ts';

export interface PodLabelOptions extends LabelWish {
  /** The lock's full name. */
  readonly lock: string;
  /** Of the pod. */
  readonly namespace: string;
  readonly transportOver: () => Transport;
}

export const pods = {
  apiVersion: 'v1',
  kind: 'Pod',
  group: '',
  resource: 'pods',
  createsByPut: false,
  verbs: ['get', 'list', 'patch'],
} as const;

/** Holders of one lock, whose labels were left: there are not many. */
const mostListed = 100;

interface Pod {
  readonly name: string;
  readonly uid: string;
  readonly label: string | undefined;
  readonly mark: string | undefined;
}

/** One call of ours under way. */
interface Round {
  readonly transport: Transport;
  readonly deadline: Deadline;
}

export function podLabel(options: PodLabelOptions): PodLabel {
  return new LabelOfPod(options);
}

class LabelOfPod implements PodLabel {
  readonly #options: PodLabelOptions;
  readonly #collection: string;
  readonly #mark: string;
  /** Our own pod's, once it has been seen. */
  #uid: string | undefined;

  constructor(options: PodLabelOptions) {
    this.#options = options;
    this.#collection = collectionOf(pods, options.namespace);
    this.#mark = `leader-run ${options.lock}`;
  }

  async put(attempt: Attempt): Promise<Trouble | undefined> {
    return await this.#within(attempt, async (round) => {
      const { value, pod: ourName } = this.#options;
      const own = await this.#own(round);
      if ('cause' in own) return own;
      const isMarked = own.mark === this.#mark;
      if (own.label !== undefined && !isMarked) return this.#taken(own.label, round);
      if (own.label !== value || !isMarked) {
        const trouble = await this.#patch(own, value, round);
        if (trouble) return trouble;
      }
      const others = await this.#marked(round);
      if ('cause' in others) return others;
      for (const other of others.filter(({ name }) => name !== ourName)) {
        const trouble = await this.#patch(other, null, round);
        if (trouble) return trouble;
      }
      return undefined;
    });
  }

  /** One request where the label has been put before, since then a stop is under way. */
  async takeOff(attempt: Attempt): Promise<Trouble | undefined> {
    return await this.#within(attempt, async (round) => {
      const { pod: name } = this.#options;
      if (this.#uid !== undefined) return await this.#patch({ name, uid: this.#uid }, null, round);
      const own = await this.#own(round);
      if ('cause' in own) return own;
      return own.mark === this.#mark ? await this.#patch(own, null, round) : undefined;
    });
  }

  async #own(round: Round): Promise<Pod | Trouble> {
    const { namespace, pod: name } = this.#options;
    const path = `${this.#collection}/${encodeURIComponent(name)}`;
    const reply = await round.transport.request({ method: 'GET', path }, round.deadline);
    const object = reply.kind === 'answer' && reply.status === 200 ? parseJson(reply.text) : undefined;
    const found = isJson(object) ? this.#podIn(object) : undefined;
    if (found) return found;
    const trouble = readTrouble(reply, 'read', this.#subject(name, round));
    if (reply.kind === 'failed' || !isAbsent(reply, this.#subject(name, round))) return trouble;
    const where = `there is no pod ${namespace}/${name} at ${round.transport.where}`;
    return { ...trouble, message: `${where}: set POD_NAME and POD_NAMESPACE from the pod's own fields` };
  }

  /** Those that bear the label of this lock. */
  async #marked(round: Round): Promise<readonly Pod[] | Trouble> {
    const { key } = this.#options;
    const path = `${this.#collection}?labelSelector=${encodeURIComponent(key)}&limit=${String(mostListed)}`;
    const reply = await round.transport.request({ method: 'GET', path }, round.deadline);
    const list = reply.kind === 'answer' && reply.status === 200 ? parseJson(reply.text) : undefined;
    const items = isJson(list) ? list['items'] : undefined;
    if (!Array.isArray(items)) return readTrouble(reply, 'list', this.#subject('', round));
    const found = items.filter(isJson).flatMap((item) => this.#podIn(item) ?? []);
    return found.filter(({ mark }) => mark === this.#mark);
  }

  /** `null` takes label and annotation off. A pod that is gone, or another one of its name by now, has none of ours. */
  async #patch(
    { name, uid }: Pick<Pod, 'name' | 'uid'>,
    value: string | null,
    round: Round,
  ): Promise<Trouble | undefined> {
    const { key, pod } = this.#options;
    const mark = value === null ? null : this.#mark;
    const metadata = { uid, labels: { [key]: value }, annotations: { [key]: mark } };
    const path = `${this.#collection}/${encodeURIComponent(name)}`;
    const call: Call = { method: 'PATCH', path, body: JSON.stringify({ metadata }) };
    const reply = await round.transport.request(call, round.deadline);
    const isDone = reply.kind === 'answer' && reply.status === 200;
    if (isDone && name === pod) this.#uid = value === null ? undefined : uid;
    if (isDone || (value === null && reply.kind === 'answer' && this.#isGone(name, reply, round))) return undefined;
    return readTrouble(reply, 'patch', this.#subject(name, round));
  }

  #isGone(name: string, reply: Answer, round: Round): boolean {
    return reply.status === 409 || isAbsent(reply, this.#subject(name, round));
  }

  #taken(label: string, { transport }: Round): Trouble {
    const { key, namespace, pod } = this.#options;
    const where = `pod ${namespace}/${pod} at ${transport.where}`;
    const message = `${where} has the label ${key}=${label} from elsewhere: give --label-pod a key that nothing else sets`;
    return { cause: 'invalid', message };
  }

  #podIn(object: Json): Pod | undefined {
    const { key } = this.#options;
    const metadata = partOf(object, 'metadata');
    const { name, uid } = metadata;
    if (typeof name !== 'string' || typeof uid !== 'string') return undefined;
    const [label, mark] = [partOf(metadata, 'labels')[key], partOf(metadata, 'annotations')[key]];
    return { name, uid, label: textOf(label), mark: textOf(mark) };
  }

  #subject(name: string, { transport }: Round): Subject {
    return { shape: pods, namespace: this.#options.namespace, name, where: transport.where };
  }

  async #within<T>({ limitMs }: Attempt, work: (round: Round) => Promise<T>): Promise<T> {
    const deadline = startDeadline(limitMs);
    const transport = this.#options.transportOver();
    try {
      return await work({ transport, deadline });
    } finally {
      deadline.end();
      transport.close();
    }
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
