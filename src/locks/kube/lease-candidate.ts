// Our LeaseCandidate: the object by which we stand for a Lease that the API server assigns (KEP-4355, since Kubernetes
// 1.33 as coordination.k8s.io/v1beta1). Decides when it is written: at the start, when the server asks whether we live
// (pingTime), and every few minutes, since silent candidates are dropped after half an hour. Knows no election.
// It is not deleted at the end: a candidate that is gone while it is preferred holds up the election (k/k#138066).
// Invariants: one request at a time; no loop without a pause; a ping is answered with a time that is not before it,
// whatever our clock says.

import type { Clock } from '../../clock.ts';
import { failedWrite, isAbsent, readTrouble } from './answers.ts';
import { startDeadline } from '../../kube-api/failure.ts';
import type { Trouble } from '../lock.ts';
import { type Json, known, type Known, parseJson, partOf, type Shape } from './object.ts';
import { watchObject } from './watch.ts';
import { microTime } from '../record.ts';
import type { Answer, Transport } from '../../kube-api/transport.ts';

export interface CandidateOptions {
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

export interface Candidate {
  /** Resolves once we stand. */
  readonly enrolled: Promise<void>;
  /** Makes it so, or says why not. Does nothing when we stand already. */
  enrol(limitMs: number): Promise<Trouble | undefined>;
  close(): void;
}

/** The one strategy that the server knows by itself (coordination.k8s.io CoordinatedLeaseStrategy). */
export const oldestEmulationVersion = 'OldestEmulationVersion';

/** client-go renews as often; the server asks all candidates every 15 minutes and drops the silent after 30. */
const renewalMs = 5 * 60_000;
/** The server waits 5 s for an answer. */
const limitMs = 2_000;
const againMs = 500;

const shape: Shape = {
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

export function candidate(options: CandidateOptions): Candidate {
  const { transport, namespace, identity, clock, warn, random = Math.random } = options;
  const subject = { shape, namespace, name: identity, where: transport.where };
  const collection = `/apis/${shape.apiVersion}/namespaces/${encodeURIComponent(namespace)}/${shape.resource}`;
  const path = `${collection}/${encodeURIComponent(identity)}`;
  let askedMeanwhile = false;
  let busy: Promise<Trouble | undefined> | undefined;
  let warned: Trouble['cause'] | undefined;
  let cancelTimer = (): void => undefined;
  let stopWatch: (() => void) | undefined;
  let closed = false;
  let tellEnrolled!: () => void;
  const enrolled = new Promise<void>((resolve) => {
    tellEnrolled = resolve;
  });

  /** Reads it, then writes it: as it should be, with a time of now. */
  async function stand(withinMs: number): Promise<Trouble | undefined> {
    askedMeanwhile = false;
    const deadline = startDeadline(withinMs);
    try {
      const found = await transport.request({ method: 'GET', path }, deadline);
      if (found.kind === 'failed') return readTrouble(found, 'read', subject);
      const before = found.status === 200 ? known(parseJson(found.text), shape)?.object : undefined;
      if (before === undefined && !isAbsent(found, subject)) return troubleOf(found);
      const standsFor = before && partOf(before, 'spec')['leaseName'];
      if (before !== undefined && standsFor !== options.leaseName) return takenName(String(standsFor));

      const body = JSON.stringify(written(before, options, clock.now().wall));
      const put = { method: 'PUT', path, body } as const;
      const post = { method: 'POST', path: collection, body } as const;
      const stored = await transport.request(before ? put : post, deadline);
      const done = stored.kind === 'answer' && (stored.status === 200 || stored.status === 201);
      if (done && known(parseJson(stored.text), shape) !== undefined) return undefined;
      const failed = failedWrite(stored, before ? 'update' : 'create', subject);
      return 'trouble' in failed ? failed.trouble : conflict();
    } finally {
      deadline.end();
    }
  }

  function troubleOf(answer: Answer): Trouble {
    const trouble = readTrouble(answer, 'read', subject);
    // An API group that is not there is answered in plain text, and by old servers with a Status without details.
    if (answer.status !== 404 || trouble.cause === 'no-namespace') return trouble;
    return {
      cause: 'no-candidate',
      message:
        `the API server at ${transport.where} does not offer coordinated leader election (${shape.kind} of ${shape.apiVersion}): ` +
        'turn on its feature gate CoordinatedLeaderElection and that API, or leave out --coordinated',
    };
  }

  function takenName(standsFor: string): Trouble {
    const message = `leasecandidate ${namespace}/${identity} stands for lease ${standsFor} already: use another --identity`;
    return { cause: 'no-candidate', message };
  }

  function conflict(): Trouble {
    return { cause: 'server', message: `leasecandidate ${namespace}/${identity} was changed by another meanwhile` };
  }

  /** Stands again, now and then in good time; one at a time. */
  async function renew(withinMs: number): Promise<Trouble | undefined> {
    cancelTimer();
    busy ??= stand(withinMs).finally(() => {
      busy = undefined;
    });
    const trouble = await busy;
    if (closed) return trouble;
    if (trouble === undefined) {
      warned = undefined;
      tellEnrolled();
      stopWatch ??= watchObject({ transport, collection, subject, random, remember: look, tell: () => undefined });
    } else if (stopWatch !== undefined && trouble.cause !== warned) {
      warned = trouble.cause;
      warn?.(trouble.message);
    }
    // Until we stand for the first time, whoever asks decides when to try again.
    if (stopWatch !== undefined) schedule(trouble === undefined && !askedMeanwhile ? renewalMs : againMs);
    return trouble;
  }

  function schedule(ms: number): void {
    cancelTimer();
    cancelTimer = clock.after(ms, () => void renew(limitMs));
  }

  function look({ object }: Known): void {
    if (closed || !isAsked(object)) return;
    if (busy === undefined) void renew(limitMs);
    else askedMeanwhile = true;
  }

  return {
    enrolled,
    enrol: async (withinMs) => (stopWatch === undefined ? await renew(withinMs) : undefined),
    close: () => {
      closed = true;
      cancelTimer();
      stopWatch?.();
      transport.close();
    },
  };
}

function isAsked(object: Json): boolean {
  const { pingTime, renewTime } = partOf(object, 'spec');
  return Date.parse(String(pingTime)) > Date.parse(String(renewTime));
}

function written(before: Json | undefined, options: CandidateOptions, wallMs: number): Json {
  const { namespace, identity, leaseName, binaryVersion, emulationVersion, strategy } = options;
  const pingMs = before ? Date.parse(String(partOf(before, 'spec')['pingTime'])) : Number.NaN;
  // Kept to whole milliseconds: one more is surely not before the ping.
  const renewTime = microTime(Number.isNaN(pingMs) ? wallMs : Math.max(wallMs, pingMs + 1));
  const made = { apiVersion: shape.apiVersion, kind: shape.kind, metadata: { namespace, name: identity } };
  const object = before ?? made;
  const spec = { ...partOf(object, 'spec'), leaseName, binaryVersion, emulationVersion, strategy, renewTime };
  return { ...object, spec };
}
