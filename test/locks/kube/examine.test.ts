// What is asked of an API server before a run, and what is made of each answer, odd ones included. The server is a
// table of answers; test/cluster/doctor.test.ts asks the real one.
// To check: `asked` is every request that was sent; nothing but reads, reviews and rehearsals may be in it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Credentials } from '../../../src/kube-api/credentials.ts';
import type { Failure } from '../../../src/kube-api/failure.ts';
import type { Answer, Call, Transport } from '../../../src/kube-api/transport.ts';
import { shapes } from '../../../src/locks/kube/annotation.ts';
import { examination, nameIn } from '../../../src/locks/kube/examine.ts';
import { leaseShape } from '../../../src/locks/kube/lease.ts';
import type { Lock, WriteRequest } from '../../../src/locks/lock.ts';
import { ManualClock } from '../../helpers/manual-clock.ts';

type Reply = (call: Call) => Answer | Failure;
const limitMs = 1000;

const give = (status: number, value: unknown, headers = {}): Answer => {
  return { kind: 'answer', status, headers, text: typeof value === 'string' ? value : JSON.stringify(value) };
};
const status = (code: number, message: string, details = {}): Answer =>
  give(code, { kind: 'Status', message, details });
const refused: Failure = { kind: 'failed', cause: 'unreachable', detail: 'connect ECONNREFUSED', sent: false };
const jwt = (claims: object): string => `a.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c`;

interface Rig {
  readonly credentials?: Credentials;
  readonly isPair?: boolean;
  readonly wish?: Partial<{ isCoordinated: boolean; writesEvents: boolean; labelsPod: boolean }>;
  readonly podsNamespace?: string;
  readonly server?: string;
}

function rig(reply: Reply, { credentials = { headers: {} }, isPair, wish, podsNamespace, server = 'https://k:6443/' }: Rig = {}) {
  const asked: Call[] = [];
  const rehearsals: WriteRequest[] = [];
  const clock = new ManualClock();
  const transport: Transport = {
    where: 'k:6443',
    version: () => '1.1',
    request: (call) => {
      asked.push(call);
      return Promise.resolve(reply(call));
    },
    follow: () => Promise.reject(new Error('nothing is watched')),
    close: () => undefined,
  };
  const rehearse: Lock['rehearse'] = (request) => {
    rehearsals.push(request);
    return Promise.resolve({ kind: 'allowed' });
  };
  const found = examination({
    ...{ isCoordinated: false, writesEvents: false, labelsPod: false, ...wish },
    transport,
    target: {
      ...{ server: new URL(server), where: 'k:6443', namespace: 'ops', proxy: undefined, warnings: [] },
      trust: { insecure: false, serverName: undefined, ca: () => Promise.resolve(undefined) },
      authorize: () => Promise.resolve(credentials),
    },
    clock,
    lock: { rehearse, timeGrainMs: 1000 } as unknown as Lock,
    ...{ namespace: 'ops', name: 'nightly', podsNamespace },
    shapes: isPair === true ? [shapes.endpoints, leaseShape] : [leaseShape],
  });
  return { found, asked, rehearsals, clock };
}

describe('the server', () => {
  test('is named by its address and its base path, without a password', () => {
    expect(rig(() => refused).found.server).toBe('https://k:6443');
    expect(rig(() => refused, { server: 'https://ann:secret@k:6443/base/' }).found.server).toBe('https://k:6443/base');
  });

  test.each([
    { what: 'its version', reply: give(200, { gitVersion: 'v1.35.4' }), version: 'v1.35.4' },
    { what: 'that it tells no version', reply: status(403, 'forbidden'), version: undefined },
    { what: 'what a terminal would obey', reply: give(200, { gitVersion: '\u001b[2J' }), version: '\\x1b[2J' },
  ])('is reached where it answers with $what', async ({ reply, version }) => {
    const { found, asked } = rig(() => reply);
    expect(await found.reach(limitMs)).toEqual({ kind: 'reached', version, http: '1.1' });
    expect(asked).toEqual([{ method: 'GET', path: '/version' }]);
  });

  test.each([
    { reply: refused, cause: 'unreachable', says: 'connect ECONNREFUSED' },
    { reply: status(401, 'Unauthorized'), cause: 'unauthorized', says: 'the credentials are not accepted' },
    { reply: status(503, 'starting'), cause: 'server', says: '503 starting' },
    { reply: give(200, '<html>log in</html>'), cause: 'garbled', says: 'is this a Kubernetes API server?' },
    { reply: give(200, { hello: 'world' }), cause: 'garbled', says: 'is this a Kubernetes API server?' },
    { reply: give(403, '<html>no</html>'), cause: 'forbidden', says: '403' },
    { reply: give(404, '404 page not found'), cause: 'garbled', says: 'is its path right' },
  ])('is not reached by an answer such as $says', async ({ reply, cause, says }) => {
    const reach = await rig(() => reply).found.reach(limitMs);
    if (reach.kind !== 'failed') throw new Error('it was reached');
    expect([reach.trouble.cause, reach.trouble.message]).toEqual([cause, expect.stringContaining(says)]);
    expect(reach.trouble.message).toContain('lease ops/nightly at k:6443');
  });
});

describe('who we are', () => {
  test('is what the server says', async () => {
    const { found, asked } = rig(() => give(201, { status: { userInfo: { username: 'ann' } } }));
    expect(await found.whoAmI(limitMs)).toEqual({ name: 'ann', isTold: true });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews' });
  });

  test('is else what the credential says', async () => {
    const credentials = { headers: { authorization: `Bearer ${jwt({ sub: 'system:serviceaccount:ops:a' })}` } };
    const { found } = rig(() => status(404, 'no such API'), { credentials });
    expect(await found.whoAmI(limitMs)).toEqual({ name: 'system:serviceaccount:ops:a', isTold: false });
  });

  test('is not known where neither says', async () => {
    const credentials = { headers: { authorization: 'Bearer opaque' } };
    expect(await rig(() => refused, { credentials }).found.whoAmI(limitMs)).toBeUndefined();
    const broken = { headers: {}, cert: 'not a certificate' };
    expect(await rig(() => refused, { credentials: broken }).found.whoAmI(limitMs)).toBeUndefined();
  });

  test('is the impersonated one before the one who impersonates', () => {
    const authorization = `Bearer ${jwt({ sub: 'ann' })}`;
    expect(nameIn({ headers: { authorization, 'impersonate-user': ['bob'] } })).toBe('bob');
  });

  test.each([jwt({ name: 'x' }), 'a.b.c', 'a.b', ''])('is not told by a token such as %s', (token) => {
    expect(nameIn({ headers: { authorization: `Bearer ${token}` } })).toBeUndefined();
  });

  test('is the common name of a certificate', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'leader-run-name-'));
    try {
      const [key, cert] = [path.join(folder, 'key'), path.join(folder, 'cert')];
      const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-subj', '/O=team/CN=carol'];
      execFileSync('openssl', words, { stdio: 'ignore' });
      expect(nameIn({ headers: {}, cert: readFileSync(cert, 'utf8') })).toBe('carol');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('a read', () => {
  test('has its time and the date of the server, however it is answered', async () => {
    const date = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const { found, asked, clock } = rig(() => {
      clock.advance(12);
      return { ...status(403, 'forbidden'), headers: { date } };
    });
    const sentMs = clock.now().wall;
    expect(await found.trip(limitMs)).toEqual({ tookMs: 12, sentMs, gotMs: sentMs + 12, dateMs: Date.parse(date) });
    expect(asked).toEqual([{ method: 'GET', path: '/apis/coordination.k8s.io/v1/namespaces/ops/leases/nightly' }]);
  });

  test('has no date where the server tells none, and no time without an answer', async () => {
    expect(await rig(() => give(200, {})).found.trip(limitMs)).toMatchObject({ dateMs: undefined });
    expect(await rig(() => refused).found.trip(limitMs)).toBeUndefined();
  });
});

describe('the rights', () => {
  const review = (allowed: unknown): Answer => give(201, { status: { allowed } });
  const attributes = (asked: readonly Call[]): unknown[] =>
    asked.map(({ body = '' }) => {
      const { spec } = JSON.parse(body) as { spec: { resourceAttributes: unknown } };
      return spec.resourceAttributes;
    });

  test('are asked for one by one, with the name where a Role can give it', async () => {
    const { found, asked } = rig(() => review(true), { isPair: true });
    const needs = await found.needs(limitMs);
    expect(needs.map(({ what }) => what)).toEqual(['endpoints ops/nightly', 'lease ops/nightly']);
    expect(needs.flatMap(({ rights }) => rights.map(({ allowed }) => allowed))).toEqual(Array(8).fill('yes'));
    const [of, lease] = [
      { namespace: 'ops', group: '', version: 'v1', resource: 'endpoints' },
      { namespace: 'ops', group: 'coordination.k8s.io', version: 'v1', resource: 'leases', name: 'nightly' },
    ];
    expect(attributes(asked)).toEqual([
      { ...of, verb: 'get', name: 'nightly' },
      { ...of, verb: 'create' },
      ...['update', 'watch'].map((verb) => ({ ...of, verb, name: 'nightly' })),
      ...['get', 'create', 'update', 'watch'].map((verb) => ({ ...lease, verb })),
    ]);
    expect([...new Set(asked.map(({ method, path: at }) => `${method} ${at}`))]).toEqual([
      'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    ]);
  });

  test('are those that the options ask for', async () => {
    const wish = { isCoordinated: true, writesEvents: true, labelsPod: true };
    const needs = await rig(() => review(true), { wish, podsNamespace: 'web' }).found.needs(limitMs);
    expect(needs.map(({ purpose, what, rights }) => [purpose, what, rights.map(({ verb }) => verb).join()])).toEqual([
      ['lock', 'lease ops/nightly', 'get,create,update,watch'],
      ['candidacy', 'leasecandidates in ops', 'get,create,update,watch'],
      ['events', 'events in ops', 'create'],
      ['label', 'pods in web', 'get,list,patch'],
    ]);
    expect(needs.slice(1).flatMap(({ rights }) => rights.map(({ isNamed }) => isNamed))).not.toContain(true);
  });

  test.each([
    { reply: review(true), allowed: 'yes' },
    { reply: review(false), allowed: 'no' },
    { reply: review(undefined), allowed: 'unknown' },
    { reply: status(403, 'forbidden'), allowed: 'unknown' },
    { reply: give(200, '<html>'), allowed: 'unknown' },
    { reply: refused, allowed: 'unknown' },
  ])('are $allowed by such an answer', async ({ reply, allowed }) => {
    const [need] = await rig(() => reply).found.needs(limitMs);
    expect(new Set(need?.rights.map((right) => right.allowed))).toEqual(new Set([allowed]));
  });
});

test.each([
  { reply: give(200, { kind: 'Namespace', metadata: {} }), state: 'there' },
  { reply: give(200, { kind: 'Namespace', metadata: { deletionTimestamp: '2026' } }), state: 'ending' },
  { reply: status(404, 'not found'), state: 'missing' },
  { reply: status(403, 'forbidden'), state: 'unknown' },
  { reply: give(404, 'page not found'), state: 'unknown' },
  { reply: give(200, { kind: 'Other' }), state: 'unknown' },
  { reply: refused, state: 'unknown' },
])('the namespace is $state by such an answer', async ({ reply, state }) => {
  const { found, asked } = rig(() => reply);
  expect(await found.namespaceState(limitMs)).toBe(state);
  expect(asked).toEqual([{ method: 'GET', path: '/api/v1/namespaces/ops' }]);
});

test('a rehearsal is of the record that a candidate would take the lock with, as fine as the lock keeps time', async () => {
  const { found, rehearsals } = rig(() => refused);
  const record = {
    ...{ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 3 },
    ...{ acquireTime: '2025-12-31T00:00:00.000000Z', renewTime: '2025-12-31T00:00:00.000000Z' },
  };
  const version = { object: 'uid', state: '7' };
  const mine = { identity: 'me', leaseDurationMs: 6000 };
  await found.rehearse({ ...mine, sighting: { kind: 'record', record, signature: undefined, version } }, limitMs);
  await found.rehearse({ ...mine, sighting: { kind: 'absent' } }, limitMs);
  const now = '2026-01-01T00:00:00.000000Z';
  const taken = { holderIdentity: 'me', leaseDurationSeconds: 6, acquireTime: now, renewTime: now };
  expect(rehearsals).toMatchObject([
    { record: { ...taken, leaseTransitions: 4 }, base: version, signature: { identity: 'me', number: 1 } },
    { record: { ...taken, leaseTransitions: 0 }, base: undefined },
  ]);
});

describe('elections by the server', () => {
  const wish = { isCoordinated: true };
  const absent = status(404, 'not found', { kind: 'leasecandidates', name: 'doctor' });

  test.each([
    { what: 'an API that is not there', reply: give(404, '404 page not found'), isOff: true },
    { what: 'a group that is not there', reply: status(404, 'not found'), isOff: true },
    { what: 'no such candidate', reply: absent, isOff: false },
    { what: 'a right that is missing', reply: status(403, 'forbidden'), isOff: false },
    { what: 'nothing', reply: refused, isOff: false },
  ])('are off (or not) where the answer is $what', async ({ reply, isOff }) => {
    const why = await rig(() => reply, { wish }).found.noCoordination(limitMs);
    expect(why?.includes('does not offer coordinated leader election') ?? false).toBe(isOff);
  });

  test('are not asked about where none is wanted', async () => {
    const { found, asked } = rig(() => give(404, ''));
    expect([await found.noCoordination(limitMs), asked]).toEqual([undefined, []]);
  });
});

describe('the own pod', () => {
  const podsNamespace = 'web';

  test('is not asked for outside of one', async () => {
    const { found, asked } = rig(() => refused);
    expect([await found.ownPod('a', limitMs), asked]).toEqual([{ kind: 'outside' }, []]);
  });

  test.each([
    { reply: give(200, { spec: { terminationGracePeriodSeconds: 35 } }), pod: { kind: 'seen', name: 'a b', graceMs: 35_000 } },
    { reply: status(403, 'forbidden'), pod: { kind: 'unseen', namespace: 'web', name: 'a b', isForbidden: true } },
    { reply: status(404, 'not found'), pod: { kind: 'unseen', namespace: 'web', name: 'a b', isForbidden: false } },
    { reply: give(200, {}), pod: { kind: 'unseen', namespace: 'web', name: 'a b', isForbidden: false } },
  ])('is $pod.kind by such an answer', async ({ reply, pod }) => {
    const { found, asked } = rig(() => reply, { podsNamespace });
    expect(await found.ownPod('a b', limitMs)).toEqual(pod);
    expect(asked).toEqual([{ method: 'GET', path: '/api/v1/namespaces/web/pods/a%20b' }]);
  });
});
