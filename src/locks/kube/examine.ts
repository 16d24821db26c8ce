// Asks an API server, before any run, what a run would find: whether it answers and how fast, who we are to it, what we
// may do, and whether it would store what we write. Decides which objects a run touches by which verbs, since the Role
// is written for that. What an answer is worth is said by commands/doctor.
// Knows no election. Invariant: nothing is stored: reads, reviews (which no server keeps), and dryRun=All.

import { randomUUID, X509Certificate } from 'node:crypto';
import { type Clock, shownElapsed } from '../../clock.ts';
import { isJson, type Json, parseJson } from '../../common/json.ts';
import { nameCap, printable } from '../../common/printable.ts';
import type { Credentials } from '../../kube-api/credentials.ts';
import { type Failure, startDeadline } from '../../kube-api/failure.ts';
import type { KubeTarget } from '../../kube-api/target.ts';
import type { Answer, Call, Transport } from '../../kube-api/transport.ts';
import type {
  Allowed,
  Examination,
  ExaminationWish,
  Need,
  OwnPod,
  Reach,
  Rehearsal,
  Right,
  Someone,
  Trip,
} from '../examination.ts';
import type { Lock, RehearsalAnswer } from '../lock.ts';
import { taken, versionOf } from '../record.ts';
import { events } from './announce.ts';
import { isAbsent, readTrouble, type Subject } from './answers.ts';
import { candidateShape, notOffered } from './lease-candidate.ts';
import { collectionOf, type Named, partOf, type Shape } from './object.ts';
import { pods } from './pod-label.ts';

export interface ExaminationOptions extends ExaminationWish {
  /** Its own. */
  readonly transport: Transport;
  readonly target: KubeTarget;
  readonly clock: Clock;
  /** Not one that stands for an assigned Lease, which it would do to rehearse. */
  readonly lock: Lock;
  readonly namespace: string;
  readonly name: string;
  /** Of the lock's objects; the first of them decides. */
  readonly shapes: readonly [Shape, ...Shape[]];
  /** Undefined: we are in no pod. */
  readonly podsNamespace: string | undefined;
}

export function examination(options: ExaminationOptions): Examination {
  const { target, transport } = options;
  const { origin, pathname } = target.server;
  const ask = asking(transport);
  return {
    server: `${origin}${pathname.replace(/\/+$/, '')}`,
    reach: async (limitMs) => reachIn(await ask({ method: 'GET', path: '/version' }, limitMs), options),
    whoAmI: async (limitMs) => (await toldBy(ask, limitMs)) ?? (await saidBy(target, limitMs)),
    trip: async (limitMs) => await trip(ask, options, limitMs),
    needs: async (limitMs) => await Promise.all(needsOf(options).map((need) => reviewed(ask, need, limitMs))),
    rehearse: async (rehearsal, limitMs) => await rehearse(options, rehearsal, limitMs),
    noCoordination: async (limitMs) => await noCoordination(ask, options, limitMs),
    namespaceState: async (limitMs) => await namespaceState(ask, options.namespace, limitMs),
    ownPod: async (name, limitMs) => await ownPod(ask, options, name, limitMs),
    close: () => {
      transport.close();
    },
  };
}

type Ask = (call: Call, limitMs: number) => Promise<Answer | Failure>;

function asking(transport: Transport): Ask {
  return async (call, limitMs) => {
    const deadline = startDeadline(limitMs);
    try {
      return await transport.request(call, deadline);
    } finally {
      deadline.end();
    }
  };
}

function post(path: string, body: Json): Call {
  return { method: 'POST', path, body: JSON.stringify(body) };
}

function subjectOf({ transport, namespace, name, shapes: [shape] }: ExaminationOptions): Subject {
  return { shape, namespace, name, where: transport.where };
}

/** The version is public, but where an administrator has closed it; whoever refuses it in a Status is an API server. */
function reachIn(reply: Answer | Failure, options: ExaminationOptions): Reach {
  const told = reply.kind === 'answer' ? parseJson(reply.text) : undefined;
  const http = options.transport.version?.();
  if (reply.kind === 'answer' && isJson(told)) {
    const { gitVersion } = told;
    if (reply.status === 200 && typeof gitVersion === 'string')
      return { kind: 'reached', version: printable(gitVersion, nameCap), http };
    if (reply.status === 403 && told['kind'] === 'Status') return { kind: 'reached', version: undefined, http };
  }
  return { kind: 'failed', trouble: readTrouble(reply, 'read', subjectOf(options)) };
}

/** SelfSubjectReview is of Kubernetes 1.28. */
async function toldBy(ask: Ask, limitMs: number): Promise<Someone | undefined> {
  const apiVersion = 'authentication.k8s.io/v1';
  const call = post(`/apis/${apiVersion}/selfsubjectreviews`, { apiVersion, kind: 'SelfSubjectReview' });
  const userInfo = statusIn(await ask(call, limitMs))?.['userInfo'];
  const name = isJson(userInfo) ? userInfo['username'] : undefined;
  return typeof name === 'string' ? { name: printable(name, nameCap), isTold: true } : undefined;
}

async function saidBy(target: KubeTarget, limitMs: number): Promise<Someone | undefined> {
  const deadline = startDeadline(limitMs);
  try {
    const name = nameIn(await target.authorize(false, deadline.signal));
    return name === undefined ? undefined : { name: printable(name, nameCap), isTold: false };
  } catch {
    // Why there are no credentials is told with the first request.
    return undefined;
  } finally {
    deadline.end();
  }
}

/** Whom we impersonate, the subject of a token that is a JWT, or the common name of a certificate. */
export function nameIn({ headers, cert }: Credentials): string | undefined {
  const header = (name: string): string => {
    const value = headers[name] ?? '';
    return typeof value === 'string' ? value : (value[0] ?? '');
  };
  const impersonated = header('impersonate-user');
  if (impersonated !== '') return impersonated;
  const payload = /^Bearer [^.]+\.([^.]+)\.[^.]+$/.exec(header('authorization'))?.[1];
  const claims = payload === undefined ? undefined : parseJson(Buffer.from(payload, 'base64url').toString());
  if (isJson(claims) && typeof claims['sub'] === 'string') return claims['sub'];
  if (cert === undefined) return undefined;
  return /^CN=(.+)$/m.exec(new X509Certificate(cert).subject)?.[1];
}

async function trip(ask: Ask, options: ExaminationOptions, limitMs: number): Promise<Trip | undefined> {
  const { clock, namespace, name, shapes } = options;
  const path = `${collectionOf(shapes[0], namespace)}/${encodeURIComponent(name)}`;
  const sent = clock.now();
  const reply = await ask({ method: 'GET', path }, limitMs);
  const got = clock.now();
  if (reply.kind === 'failed') return undefined;
  const date = Date.parse(reply.headers.date ?? '');
  const dateMs = Number.isNaN(date) ? undefined : date;
  return { tookMs: shownElapsed(got, sent), sentMs: sent.wall, gotMs: got.wall, dateMs };
}

type Asked = Omit<Need, 'rights'> & {
  readonly version: string;
  readonly rights: readonly Omit<Right, 'allowed'>[];
};

function needsOf(options: ExaminationOptions): Asked[] {
  const { namespace, name, shapes, isCoordinated, writesEvents, labelsPod, podsNamespace } = options;
  const locks = shapes.map((shape) => {
    const what = `${shape.kind.toLowerCase()} ${namespace}/${name}`;
    // A creation by POST carries no name.
    const isNamed = (verb: string): boolean => shape.createsByPut || verb !== 'create';
    return needOf('lock', shape, namespace, { what, name, verbs: ['get', 'create', 'update', 'watch'], isNamed });
  });
  const unnamed = (purpose: Need['purpose'], named: Named, where: string, verbs: readonly string[]): Asked =>
    needOf(purpose, named, where, { what: `${named.resource} in ${where}`, name: '', verbs, isNamed: () => false });
  return [
    ...locks,
    ...(isCoordinated ? [unnamed('candidacy', candidateShape, namespace, ['get', 'create', 'update', 'watch'])] : []),
    ...(writesEvents ? [unnamed('events', events, namespace, ['create'])] : []),
    ...(labelsPod ? [unnamed('label', pods, podsNamespace ?? namespace, pods.verbs)] : []),
  ];
}

function needOf(
  purpose: Need['purpose'],
  { group, resource, apiVersion }: Named,
  namespace: string,
  its: {
    readonly what: string;
    readonly name: string;
    readonly verbs: readonly string[];
    readonly isNamed: (verb: string) => boolean;
  },
): Asked {
  const { what, name, verbs, isNamed } = its;
  const rights = verbs.map((verb) => ({ verb, isNamed: isNamed(verb) }));
  const version = apiVersion.split('/').at(-1) ?? '';
  return { purpose, what, namespace, group, resource, version, name, rights };
}

async function reviewed(ask: Ask, { version, rights, ...need }: Asked, limitMs: number): Promise<Need> {
  const { namespace, group, resource, name } = need;
  const review = async ({ verb, isNamed }: Omit<Right, 'allowed'>): Promise<Allowed> => {
    const of = { namespace, verb, group, version, resource, ...(isNamed && { name }) };
    const apiVersion = 'authorization.k8s.io/v1';
    const body = { apiVersion, kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: of } };
    const allowed = statusIn(await ask(post(`/apis/${apiVersion}/selfsubjectaccessreviews`, body), limitMs))?.[
      'allowed'
    ];
    return typeof allowed === 'boolean' ? (allowed ? 'yes' : 'no') : 'unknown';
  };
  return {
    ...need,
    rights: await Promise.all(rights.map(async (right) => ({ ...right, allowed: await review(right) }))),
  };
}

/** Of an object that the server has filled in. */
function statusIn(reply: Answer | Failure): Json | undefined {
  const object = reply.kind === 'answer' && reply.status === 201 ? parseJson(reply.text) : undefined;
  const status = isJson(object) ? object['status'] : undefined;
  return isJson(status) ? status : undefined;
}

/** As a candidate that takes the lock would write it. */
async function rehearse(
  { lock, clock }: ExaminationOptions,
  { sighting, identity, leaseDurationMs }: Rehearsal,
  limitMs: number,
): Promise<RehearsalAnswer> {
  const grainMs = lock.timeGrainMs ?? 1;
  const wallMs = Math.floor(clock.now().wall / grainMs) * grainMs;
  const before = sighting.kind === 'record' ? sighting.record : undefined;
  const record = taken(before, identity, leaseDurationMs / 1000, wallMs);
  const signature = { identity, run: randomUUID(), number: 1 };
  return await lock.rehearse({ record, signature, base: versionOf(sighting) }, { limitMs });
}

async function noCoordination(
  ask: Ask,
  { isCoordinated, namespace, transport }: ExaminationOptions,
  limitMs: number,
): Promise<string | undefined> {
  if (!isCoordinated) return undefined;
  const name = 'doctor';
  const reply = await ask({ method: 'GET', path: `${collectionOf(candidateShape, namespace)}/${name}` }, limitMs);
  const subject = { shape: candidateShape, namespace, name, where: transport.where };
  if (reply.kind === 'failed' || reply.status !== 404 || isAbsent(reply, subject)) return undefined;
  return notOffered(transport.where);
}

/** A right that few have: a Role of a namespace does not reach the namespace itself. */
async function namespaceState(
  ask: Ask,
  namespace: string,
  limitMs: number,
): Promise<'there' | 'missing' | 'ending' | 'unknown'> {
  const reply = await ask({ method: 'GET', path: `/api/v1/namespaces/${encodeURIComponent(namespace)}` }, limitMs);
  const object = reply.kind === 'answer' ? parseJson(reply.text) : undefined;
  if (reply.kind === 'failed' || !isJson(object)) return 'unknown';
  if (reply.status === 200 && object['kind'] === 'Namespace')
    return 'deletionTimestamp' in partOf(object, 'metadata') ? 'ending' : 'there';
  return reply.status === 404 && object['kind'] === 'Status' ? 'missing' : 'unknown';
}

async function ownPod(
  ask: Ask,
  { podsNamespace: namespace }: ExaminationOptions,
  name: string,
  limitMs: number,
): Promise<OwnPod> {
  if (namespace === undefined) return { kind: 'outside' };
  const reply = await ask(
    { method: 'GET', path: `${collectionOf(pods, namespace)}/${encodeURIComponent(name)}` },
    limitMs,
  );
  const object = reply.kind === 'answer' && reply.status === 200 ? parseJson(reply.text) : undefined;
  const seconds = isJson(object) ? partOf(object, 'spec')['terminationGracePeriodSeconds'] : undefined;
  if (typeof seconds === 'number') return { kind: 'seen', name, graceMs: seconds * 1000 };
  return { kind: 'unseen', namespace, name, isForbidden: reply.kind === 'answer' && reply.status === 403 };
}
