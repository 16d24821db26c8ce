// A Lease as a lock: what is sent, what is kept, and what every answer of a server means.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { leaseLock } from '../../../src/locks/kube/lease.ts';
import type { Lock, ReadAnswer, Sighting, Trouble, Version, WriteAnswer } from '../../../src/locks/lock.ts';
import { openTransport } from '../../../src/kube-api/transport.ts';
import { formatSignature, renewed, taken, type ElectionRecord } from '../../../src/locks/record.ts';
import { startFakeApi, type Asked, type FakeApi } from '../../helpers/fake-api.ts';

const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/demo';
const attempt = { limitMs: 10_000 };
const signature = { identity: 'alice', run: '0b8d6f1c-aaaa-4bbb-8ccc-0123456789ab', number: 7 };
const mine = taken(undefined, 'alice', 15, 0);

let api: FakeApi;
let lock: Lock;
beforeEach(async () => {
  api = await startFakeApi({ tls: undefined, protocol: 'http/1.1' });
  lock = leaseLock({
    namespace: 'default',
    name: 'demo',
    transport: openTransport(
      {
        server: new URL(api.url),
        where: 'prod:6443',
        namespace: undefined,
        proxy: undefined,
        trust: { insecure: false, serverName: undefined, ca: () => Promise.resolve(undefined) },
        authorize: () => Promise.resolve({ headers: {} }),
        warnings: [],
      },
      { version: '0', env: {} },
    ),
  });
});
afterEach(async () => {
  lock.close();
  await api.close();
});

const stored = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {
    name: 'demo',
    namespace: 'default',
    uid: 'u-1',
    resourceVersion: '41',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { app: 'x' },
    annotations: { note: 'keep me', 'leader-run/holder': 'bob of b 11111111-2222-4333-8444-555555555555.12' },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'q' }],
    managedFields: [{ manager: 'kubectl', operation: 'Update' }],
  },
  spec: {
    holderIdentity: 'bob',
    leaseDurationSeconds: 15,
    acquireTime: '2026-01-01T00:00:00.123456Z',
    renewTime: '2026-01-01T00:00:07.000001Z',
    leaseTransitions: 3,
    strategy: 'OldestEmulationVersion',
    fieldOfTheFuture: { a: [1] },
  },
};

/** What a server without policies makes of the write. */
function asSent(changes: object = {}): object {
  const annotations = { ...stored.metadata.annotations, 'leader-run/holder': formatSignature(signature) };
  return {
    ...stored,
    metadata: { ...stored.metadata, resourceVersion: '99', annotations },
    spec: { ...stored.spec, ...mine, ...changes },
  };
}

/** Answers one after the other; the last one again and again. */
function answers(...list: readonly [number, unknown, Record<string, string>?][]): void {
  let turn = 0;
  api.handle = (asked: Asked) => {
    const [status, body, headers] = list[Math.min(turn++, list.length - 1)] ?? [500, {}];
    asked.answer(status, body, headers);
  };
}

function status(code: number, reason: string, details: object = {}, message = `${reason} it is`): [number, unknown] {
  return [code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details }];
}

function sightingOf(answer: ReadAnswer | WriteAnswer): Sighting {
  if (answer.kind !== 'sighted' && answer.kind !== 'stored') throw new Error(JSON.stringify(answer));
  return answer.sighting;
}

async function readVersion(lease: unknown = stored): Promise<Version> {
  answers([200, lease]);
  const sighting = sightingOf(await lock.read(attempt));
  if (sighting.kind === 'absent') throw new Error('absent');
  return sighting.version;
}

function create(): Promise<WriteAnswer> {
  return lock.write({ record: mine, signature, base: undefined }, attempt);
}

async function update(record: ElectionRecord = mine): Promise<WriteAnswer> {
  const base = await readVersion();
  return await lock.write({ record, signature, base }, attempt);
}

test('the lock says what and where it is', () => {
  expect(lock).toMatchObject({ name: 'lease default/demo', where: 'prod:6443' });
});

describe('a read', () => {
  test('tells the record, whose write it is, its version and its age', async () => {
    answers([200, stored, { date: 'Thu, 01 Jan 2026 00:00:09 GMT' }]);
    expect(await lock.read(attempt)).toMatchObject({
      kind: 'sighted',
      sighting: {
        kind: 'record',
        record: {
          holderIdentity: 'bob',
          leaseDurationSeconds: 15,
          acquireTime: '2026-01-01T00:00:00.123456Z',
          renewTime: '2026-01-01T00:00:07.000001Z',
          leaseTransitions: 3,
        },
        signature: { identity: 'bob of b', run: '11111111-2222-4333-8444-555555555555', number: 12 },
        version: { object: 'u-1', state: '41' },
        ageMs: 8000,
      },
    });
    expect(api.asked).toMatchObject([{ method: 'GET', path }]); // No resourceVersion: a quorum answers.
  });

  const nothing = { holderIdentity: '', leaseDurationSeconds: 0, acquireTime: '', renewTime: '', leaseTransitions: 0 };
  test.each([
    { name: 'no spec', spec: undefined },
    { name: 'an empty spec', spec: {} },
    {
      name: 'nulls',
      spec: {
        holderIdentity: null,
        leaseDurationSeconds: null,
        acquireTime: null,
        renewTime: null,
        leaseTransitions: null,
      },
    },
  ])('takes a Lease with $name for one that nobody holds', async ({ spec }) => {
    answers([200, { ...stored, spec }]);
    expect(await lock.read(attempt)).toMatchObject({ sighting: { kind: 'record', record: nothing } });
  });

  test.each([
    { name: 'a duration of text', spec: { ...stored.spec, leaseDurationSeconds: '15' } },
    { name: 'a holder that is an object', spec: { holderIdentity: { name: 'bob' } } },
    { name: 'a spec that is a list', spec: [1] },
  ])('tells the text where it finds $name', async ({ spec }) => {
    answers([200, { ...stored, spec }]);
    expect(await lock.read(attempt)).toMatchObject({
      kind: 'sighted',
      sighting: { kind: 'unreadable', text: JSON.stringify(spec), version: { object: 'u-1', state: '41' } },
    });
  });

  test('tells an absent Lease from a server that knows no Leases', async () => {
    answers(status(404, 'NotFound', { name: 'demo', group: 'coordination.k8s.io', kind: 'leases' }));
    expect(await lock.read(attempt)).toMatchObject({ kind: 'sighted', sighting: { kind: 'absent' } });
    answers(status(404, 'NotFound'));
    expect(await lock.read(attempt)).toMatchObject({ kind: 'failed', trouble: { cause: 'invalid' } });
    answers([404, '<html>not here</html>', { 'content-type': 'text/html' }]);
    expect(await lock.read(attempt)).toMatchObject({ kind: 'failed', trouble: { cause: 'garbled' } });
  });

  test.each([
    { name: 'truncated JSON', body: '{"kind":"Lease","metadata":{' },
    { name: 'HTML', body: '<html>log in\u001b[2J</html>' },
    { name: 'another kind', body: { ...stored, kind: 'ConfigMap' } },
    { name: 'no version', body: { ...stored, metadata: { ...stored.metadata, resourceVersion: '' } } },
    { name: 'no uid', body: { ...stored, metadata: { ...stored.metadata, uid: undefined } } },
  ])('does not believe $name', async ({ body }) => {
    answers([200, body]);
    expect(await lock.read(attempt)).toMatchObject({
      kind: 'failed',
      trouble: { cause: 'garbled', message: expect.not.stringContaining('\u001b') as string },
    });
  });
});

describe('a write', () => {
  test('replaces the five fields and the annotation and keeps all the rest', async () => {
    answers([200, stored]);
    await update(renewed({ ...mine, leaseTransitions: 4 }, 1000));
    const { managedFields: _, ...metadata } = stored.metadata;
    const sent = api.asked.at(-1);
    expect(sent).toMatchObject({ method: 'PUT', path });
    expect(JSON.parse(sent?.body ?? '')).toEqual({
      ...stored,
      metadata: {
        ...metadata,
        annotations: { note: 'keep me', 'leader-run/holder': 'alice 0b8d6f1c-aaaa-4bbb-8ccc-0123456789ab.7' },
      },
      spec: {
        ...stored.spec,
        holderIdentity: 'alice',
        leaseDurationSeconds: 15,
        acquireTime: '1970-01-01T00:00:00.000000Z',
        renewTime: '1970-01-01T00:00:01.000000Z',
        leaseTransitions: 4,
      },
    });
  });

  test('sends back the times of a record as they came, to the last digit', async () => {
    const base = await readVersion();
    const sighting = sightingOf(await lock.read(attempt));
    if (sighting.kind !== 'record') throw new Error(sighting.kind);
    await lock.write({ record: { ...sighting.record, holderIdentity: '' }, signature, base }, attempt);
    expect(JSON.parse(api.asked.at(-1)?.body ?? '')).toMatchObject({
      spec: { acquireTime: stored.spec.acquireTime, renewTime: stored.spec.renewTime, holderIdentity: '' },
    });
  });

  test('always carries uid and version of what it replaces, also without a read between', async () => {
    const base = await readVersion();
    let version = 41;
    api.handle = (asked) => {
      const body = JSON.parse(asked.body) as typeof stored;
      asked.answer(200, { ...body, metadata: { ...body.metadata, resourceVersion: String(++version) } });
    };
    let next = base;
    for (let turn = 0; turn < 20; turn++) {
      const sighting = sightingOf(await lock.write({ record: mine, signature, base: next }, attempt));
      if (sighting.kind !== 'record') throw new Error(sighting.kind);
      next = sighting.version;
    }
    const sent = api.asked.slice(1).map(({ body }) => (JSON.parse(body) as typeof stored).metadata);
    expect(sent.map(({ uid, resourceVersion }) => `${uid} ${resourceVersion}`)).toEqual(
      Array.from({ length: 20 }, (_, turn) => `u-1 ${String(41 + turn)}`),
    );
  });

  test('onto a version that was never seen is a conflict, and nothing is sent', async () => {
    expect(await lock.write({ record: mine, signature, base: { object: 'u-1', state: '40' } }, attempt)).toEqual({
      kind: 'conflict',
    });
    expect(api.asked).toEqual([]);
  });

  test('rehearsed is refused where a policy would change it, and says what', async () => {
    const base = await readVersion();
    answers([200, asSent({ leaseDurationSeconds: 5 })]);
    expect(await lock.rehearse({ record: mine, signature, base }, attempt)).toMatchObject({
      kind: 'refused',
      trouble: { cause: 'altered', message: expect.stringContaining('leaseDurationSeconds is 5 where 15 was sent') as string },
    });
  });

  test('that the server refuses in its own words hands them on, for when nothing else has changed', async () => {
    const base = await readVersion();
    answers(status(409, 'Conflict', {}, 'the object has been modified'));
    expect(await lock.write({ record: mine, signature, base }, attempt)).toEqual({
      kind: 'conflict',
      message: 'cannot update lease default/demo at prod:6443: 409 the object has been modified',
    });
  });

  test('tells what is stored now as the server answers it', async () => {
    const base = await readVersion();
    answers([200, { ...stored, metadata: { ...stored.metadata, resourceVersion: '42' } }]);
    expect(await lock.write({ record: mine, signature, base }, attempt)).toMatchObject({
      kind: 'stored',
      sighting: { record: { holderIdentity: 'bob' }, version: { object: 'u-1', state: '42' } },
    });
  });

  test('rehearsed is sent with dryRun, and what comes back is never taken for stored', async () => {
    const base = await readVersion();
    answers([200, asSent()]);
    expect(await lock.rehearse({ record: mine, signature, base }, attempt)).toEqual({ kind: 'allowed' });
    expect(api.asked.at(-1)).toMatchObject({ method: 'PUT', path: `${path}?dryRun=All` });
    expect(await lock.write({ record: mine, signature, base: { object: 'u-1', state: '99' } }, attempt)).toEqual({
      kind: 'conflict',
    });
  });

  test('calls sending before each request and never for a conflict known here', async () => {
    const sending = vi.fn();
    await lock.write({ record: mine, signature, base: { object: 'u', state: '1' } }, { ...attempt, sending });
    expect(sending).not.toHaveBeenCalled();
    answers([200, stored]);
    await lock.write({ record: mine, signature, base: undefined }, { ...attempt, sending });
    expect(sending).toHaveBeenCalledOnce();
  });
});

describe('a creation', () => {
  test('rehearsed is refused where a policy would change it, though what was not made has no version', async () => {
    const { metadata, ...rest } = asSent({ leaseDurationSeconds: 5 }) as typeof stored;
    answers([201, { ...rest, metadata: { ...metadata, resourceVersion: undefined } }]);
    expect(await lock.rehearse({ record: mine, signature, base: undefined }, attempt)).toMatchObject({
      kind: 'refused',
      trouble: { cause: 'altered', message: expect.stringContaining('leaseDurationSeconds is 5 where 15 was sent') as string },
    });
  });

  const exists = status(422, 'Invalid', {
    name: 'demo',
    kind: 'Lease',
    causes: [{ reason: 'FieldValueInvalid', field: 'metadata.resourceVersion' }],
  });
  const forbidden = status(
    403,
    'Forbidden',
    { name: 'demo', kind: 'leases' },
    'leases.coordination.k8s.io "demo" is forbidden: User "alice" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "default"',
  );

  test('is a PUT without uid and version, which an existing Lease refuses', async () => {
    answers([201, stored]);
    expect(await create()).toMatchObject({ kind: 'stored' });
    expect(api.asked).toMatchObject([{ method: 'PUT', path }]);
    expect(JSON.parse(api.asked[0]?.body ?? '')).toEqual({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        namespace: 'default',
        name: 'demo',
        annotations: { 'leader-run/holder': 'alice 0b8d6f1c-aaaa-4bbb-8ccc-0123456789ab.7' },
      },
      spec: mine,
    });
    answers(exists);
    expect(await create()).toMatchObject({ kind: 'conflict' });
  });

  test.each([
    { name: '403', refusal: forbidden },
    { name: '404 of the path', refusal: status(404, 'NotFound') },
    { name: '405', refusal: status(405, 'MethodNotAllowed') },
  ])('goes by POST when the PUT is refused with $name, and from then on', async ({ refusal }) => {
    answers(refusal, [201, stored]);
    expect(await create()).toMatchObject({ kind: 'stored' });
    await create();
    expect(api.asked.map(({ method, path: to }) => `${method} ${to}`)).toEqual([
      `PUT ${path}`,
      `POST ${path.replace('/demo', '')}`,
      `POST ${path.replace('/demo', '')}`,
    ]);
  });

  test('by POST onto an existing Lease is a conflict', async () => {
    answers(forbidden, status(409, 'AlreadyExists', { name: 'demo', kind: 'leases' }));
    expect(await create()).toMatchObject({ kind: 'conflict' });
  });

  test('that is forbidden either way says which right is missing', async () => {
    answers(forbidden);
    expect(await create()).toMatchObject({
      kind: 'refused',
      trouble: {
        cause: 'forbidden',
        message: expect.stringMatching(
          new RegExp(
            '^cannot create lease default/demo at prod:6443: 403 .*; the verb update on leases is missing: allow ' +
              '{apiGroups: \\["coordination.k8s.io"\\], resources: \\[leases\\], resourceNames: \\[demo\\], ' +
              'verbs: \\[get, create, update, watch\\]} in a Role of namespace default$',
          ),
        ) as string,
      },
    });
  });

  test.each([
    { name: 'the outcome is open', answer: status(500, 'InternalError'), kind: 'unknown' },
    {
      name: 'the namespace is missing',
      answer: status(404, 'NotFound', { name: 'default', kind: 'namespaces' }),
      kind: 'refused',
    },
    {
      name: 'the namespace ends',
      answer: status(403, 'Forbidden', { causes: [{ reason: 'NamespaceTerminating' }] }),
      kind: 'refused',
    },
  ])('is not tried by POST when $name', async ({ answer, kind }) => {
    answers(answer);
    expect(await create()).toMatchObject({ kind });
    expect(api.asked).toHaveLength(1);
  });
});

describe('an answer to a write', () => {
  const lease = { name: 'demo', kind: 'leases' };
  test.each<{
    name: string;
    answer: [number, unknown, Record<string, string>?];
    expected: { kind: string; trouble?: Partial<Trouble> };
  }>([
    { name: '409', answer: status(409, 'Conflict', lease), expected: { kind: 'conflict' } },
    {
      name: '409 of another uid',
      answer: status(409, 'Conflict', lease, 'Precondition failed: UID in precondition: u-1, UID in object meta: u-2'),
      expected: { kind: 'conflict' },
    },
    {
      name: '409 of a proxy',
      answer: [409, '<html>', { 'content-type': 'text/html' }],
      expected: { kind: 'unknown', trouble: { cause: 'garbled' } },
    },
    { name: '404 of the Lease', answer: status(404, 'NotFound', lease), expected: { kind: 'conflict' } },
    {
      name: '404 of the namespace',
      answer: status(404, 'NotFound', { kind: 'namespaces' }),
      expected: { kind: 'refused', trouble: { cause: 'no-namespace' } },
    },
    {
      name: '404 of nobody knows what',
      answer: [404, 'page not found'],
      expected: { kind: 'unknown', trouble: { cause: 'garbled' } },
    },
    {
      name: '401',
      answer: status(401, 'Unauthorized'),
      expected: { kind: 'refused', trouble: { cause: 'unauthorized' } },
    },
    {
      name: '403',
      answer: status(403, 'Forbidden', lease),
      expected: { kind: 'refused', trouble: { cause: 'forbidden' } },
    },
    {
      name: '403 of an ending namespace',
      answer: status(403, 'Forbidden', { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] }),
      expected: { kind: 'refused', trouble: { cause: 'namespace-ending' } },
    },
    {
      name: '429 with seconds',
      answer: [429, {}, { 'retry-after': '3' }],
      expected: { kind: 'refused', trouble: { cause: 'throttled', retryAfterMs: 3000 } },
    },
    {
      name: '429 with details',
      answer: status(429, 'TooManyRequests', { retryAfterSeconds: 1 }),
      expected: { kind: 'refused', trouble: { cause: 'throttled', retryAfterMs: 1000 } },
    },
    { name: '400', answer: status(400, 'BadRequest'), expected: { kind: 'refused', trouble: { cause: 'invalid' } } },
    {
      name: '422',
      answer: status(422, 'Invalid', { causes: [{ field: 'metadata.resourceVersion' }] }),
      expected: { kind: 'refused', trouble: { cause: 'invalid' } },
    },
    { name: '500', answer: status(500, 'InternalError'), expected: { kind: 'unknown', trouble: { cause: 'server' } } },
    {
      name: '503 with a pause',
      answer: [503, 'overloaded', { 'retry-after': '2' }],
      expected: { kind: 'unknown', trouble: { cause: 'server', retryAfterMs: 2000 } },
    },
    {
      name: '504 of a proxy',
      answer: [504, '<html>', { 'content-type': 'text/html' }],
      expected: { kind: 'unknown', trouble: { cause: 'server' } },
    },
    {
      name: '302 of a login page',
      answer: [302, '', { location: '/login' }],
      expected: { kind: 'unknown', trouble: { cause: 'garbled' } },
    },
    {
      name: '200 of a login page',
      answer: [200, '<html>log in</html>', { 'content-type': 'text/html' }],
      expected: { kind: 'unknown', trouble: { cause: 'garbled' } },
    },
    {
      name: '200 cut short',
      answer: [200, '{"kind":"Lease"'],
      expected: { kind: 'unknown', trouble: { cause: 'garbled' } },
    },
  ])('$name is $expected.kind', async ({ answer, expected }) => {
    const base = await readVersion();
    answers(answer);
    const outcome = await lock.write({ record: mine, signature, base }, attempt);
    expect(outcome).toMatchObject(expected);
    if ('trouble' in outcome)
      expect(outcome.trouble.message).toMatch(/^cannot update lease default\/demo at prod:6443: /);
  });

  test('that never comes leaves the outcome open', async () => {
    const base = await readVersion();
    api.handle = () => undefined;
    expect(await lock.write({ record: mine, signature, base }, { limitMs: 50 })).toMatchObject({
      kind: 'unknown',
      trouble: { cause: 'timeout' },
    });
  });

  test('that breaks off leaves the outcome open', async () => {
    const base = await readVersion();
    api.handle = (asked) => {
      asked.destroy();
    };
    expect(await lock.write({ record: mine, signature, base }, attempt)).toMatchObject({
      kind: 'unknown',
      trouble: { cause: 'unreachable' },
    });
  });

  test('that cannot come, since nobody listens, is a refusal', async () => {
    await api.close();
    expect(await create()).toMatchObject({
      kind: 'refused',
      trouble: { cause: 'unreachable', message: expect.stringContaining('ECONNREFUSED') as string },
    });
    api = await startFakeApi({ tls: undefined }); // For the closing of this test.
  });

  test('of a webhook that forbids gives no advice on roles', async () => {
    const base = await readVersion();
    answers(status(403, 'Forbidden', lease, 'admission webhook "x" denied the request: no'));
    const outcome = await lock.write({ record: mine, signature, base }, attempt);
    expect(outcome).toMatchObject({
      kind: 'refused',
      trouble: {
        cause: 'forbidden',
        message: 'cannot update lease default/demo at prod:6443: 403 admission webhook "x" denied the request: no',
      },
    });
  });
});

test('a token whose number is beyond 2^53 keeps its order', () => {
  const at = (state: string, object = 'u'): Version => ({ object, state });
  expect(lock.compare(at('9007199254740993'), at('9007199254740992'))).toBe('newer');
  expect(lock.compare(at('9'), at('10'))).toBe('older');
  expect(lock.compare(at('10'), at('10'))).toBe('same');
  expect(lock.compare(at('a1'), at('a1'))).toBe('same');
  expect(lock.compare(at('a1'), at('a2'))).toBe('unordered');
  expect(lock.compare(at('1'), at('2', 'other'))).toBe('unordered');
});

test('after close no answer comes', async () => {
  let heard = false;
  api.handle = () => {
    lock.close();
  };
  void lock.read(attempt).then(() => (heard = true));
  await vi.waitFor(() => {
    expect(api.asked).toHaveLength(1);
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toBe(false);
});
