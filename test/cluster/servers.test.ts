// What it decides: whether the real store behaves as the locks rely on, and whether the test servers and the fault
// proxy can be relied on by the other tests of this folder.
// What it does not know: leader-run; nothing of src/ is imported here.
// To check: one fact of the API per test, each answered by the server and not by what we believe of it.
import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../helpers/fault-proxy.ts';
import { onServers } from '../helpers/on-servers.ts';
import { connect, type KubeObject, type ServersClient, type WatchEvent } from '../helpers/servers-client.ts';

const patient = { interval: 1, timeout: 10_000 };

onServers('the store', ({ client }) => {
  let namespace: string;
  let leases: string;

  beforeAll(async () => {
    namespace = `store-${randomUUID()}`;
    leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    await client.createNamespace(namespace);
  });

  test('accepts a write that carries the version it has', async () => {
    const created = await create('right-version');
    const { status, body } = await put('right-version', created, 'bob');
    expect(status).toBe(200);
    expect(BigInt(body.metadata?.resourceVersion ?? '')).toBeGreaterThan(BigInt(created.resourceVersion));
  });

  test('keeps its version when a write changes nothing', async () => {
    const created = await create('no-change');
    const { status, body } = await put('no-change', created);
    expect(status).toBe(200);
    expect(body.metadata?.resourceVersion).toBe(created.resourceVersion);
  });

  test('refuses a write that carries an older version', async () => {
    const { resourceVersion } = await create('stale-version');
    await put('stale-version', { resourceVersion }, 'bob');
    const { status, body } = await put('stale-version', { resourceVersion }, 'carol');
    expect(status).toBe(409);
    expect(body.reason).toBe('Conflict');
  });

  test('refuses a write that carries the uid of another object', async () => {
    const { resourceVersion } = await create('stale-uid');
    const { status } = await put('stale-uid', { uid: randomUUID(), resourceVersion });
    expect(status).toBe(409);
  });

  test('creates an absent Lease by PUT, once', async () => {
    expect((await put('by-put', {})).status).toBe(201);
    expect((await put('by-put', {})).status).toBe(422);
  });

  test('refuses a time that is not in microseconds', async () => {
    const { status, body } = await client.admin('POST', leases, lease('milliseconds', {}, 'alice', '2026-01-01T00:00:00.000Z'));
    expect(status).toBe(400);
    expect(body.message).toContain('.000Z');
  });

  test('tells every watch of the one object about a change', async () => {
    const { resourceVersion } = await create('watched');
    await create('unwatched');
    const watches = [0, 1].map(() => client.watch(`${leases}?fieldSelector=metadata.name%3Dwatched`));
    for (const watch of watches) expect(summary(await watch.next())).toEqual(['ADDED', 'watched', 'alice']);
    await put('watched', { resourceVersion }, 'bob');
    for (const watch of watches) expect(summary(await watch.next())).toEqual(['MODIFIED', 'watched', 'bob']);
    for (const watch of watches) await watch.return();
  });

  test('lets a user do what a role names and nothing else', async () => {
    expect((await client.request('worker', 'GET', `${leases}/allowed`)).status).toBe(403);
    const rule = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: ['allowed'], verbs: ['get', 'create', 'update'] };
    await client.allow('worker', namespace, [rule]);
    expect((await client.request('worker', 'GET', `${leases}/allowed`)).status).toBe(404);
    expect((await client.request('worker', 'PUT', `${leases}/allowed`, lease('allowed', {}))).status).toBe(201);
    expect((await client.request('worker', 'GET', `${leases}/other`)).status).toBe(403);
  });

  async function create(name: string): Promise<{ uid: string; resourceVersion: string }> {
    const { status, body } = await client.admin('POST', leases, lease(name, {}));
    expect(status).toBe(201);
    return { uid: body.metadata?.uid ?? '', resourceVersion: body.metadata?.resourceVersion ?? '' };
  }

  async function put(name: string, metadata: NonNullable<KubeObject['metadata']>, holder = 'alice') {
    return await client.admin('PUT', `${leases}/${name}`, lease(name, metadata, holder));
  }
}, { inTurn: true });

onServers('the fault proxy', ({ client: direct }) => {
  let client: ServersClient;
  let proxy: FaultProxy;

  beforeEach(async () => {
    const { hostname: host, port } = new URL(direct.url);
    proxy = await startFaultProxy({ to: { host, port: Number(port) } });
    client = connect({ ...direct, url: `https://127.0.0.1:${String(proxy.port)}` });
    expect(await version()).toBe(200);
    expect(proxy.connections()).toBe(1);
  });
  afterEach(() => {
    client.disconnect();
    proxy.close();
  });

  test('delivers a held answer when the partition heals', async () => {
    proxy.hold('down');
    const answer = version();
    await vi.waitUntil(() => proxy.held('down') > 0, patient);
    await proxy.pass();
    expect(await answer).toBe(200);
    expect(proxy.connections()).toBe(1);
  });

  test.each(['up', 'down'] as const)('delays what goes %s and delivers it', async (direction) => {
    proxy.delay(500, direction);
    const answer = version();
    await vi.waitUntil(() => proxy.held(direction) > 0, patient);
    expect(proxy.held(direction === 'up' ? 'down' : 'up')).toBe(0);
    expect(await answer).toBe(200);
  });

  test('keeps a black hole silent after new connections pass again', async () => {
    proxy.blackhole({ connections: 'existing' });
    const lost = version();
    await proxy.pass();
    client.disconnect();
    await expect(lost).rejects.toThrow('socket hang up');
    expect(await version()).toBe(200);
  });

  test('refuses connections until it passes again', async () => {
    client.disconnect();
    proxy.refuse();
    await expect(version()).rejects.toThrow('ECONNREFUSED');
    await proxy.pass();
    expect(await version()).toBe(200);
  });

  test('leaves the client with a half-open connection', async () => {
    proxy.cut('server');
    const unanswered = version();
    expect(proxy.connections()).toBe(1);
    proxy.reset();
    await expect(unanswered).rejects.toThrow('ECONNRESET');
  });

  async function version(): Promise<number> {
    return (await client.admin('GET', '/version')).status;
  }
}, { inTurn: true });

function lease(name: string, metadata: NonNullable<KubeObject['metadata']>, holder = 'alice', at = '2026-01-01T00:00:00.000000Z') {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { ...metadata, name },
    spec: { holderIdentity: holder, leaseDurationSeconds: 15, acquireTime: at, renewTime: at, leaseTransitions: 0 },
  };
}

function summary({ value }: IteratorResult<WatchEvent, void>) {
  return [value?.type, value?.object.metadata?.name, value?.object.spec?.holderIdentity];
}
