// What it decides: whether the Lease lock and its transport do on a real API server what their own tests say of a fake
// one: creation, compare-and-swap, rehearsal, watch, rights, and the ends of objects and namespaces.
// What it does not know: the elector.
// To check: every fact is answered by the server; nothing here plays one.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { loadKube } from '../../src/kube-api/config/load.ts';
import { leaseLock } from '../../src/locks/kube/lease.ts';
import type { Lock, Sighting, WatchNews, WriteAnswer } from '../../src/locks/lock.ts';
import { released, renewed, taken } from '../../src/locks/record.ts';
import { openTransport } from '../../src/kube-api/transport.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { onServers } from '../helpers/on-servers.ts';
import type { PolicyRule, User } from '../helpers/servers-client.ts';

const attempt = { limitMs: 10_000 };
/** A limit that only a test that has failed already meets. */
const patienceMs = 10_000;
const clock = systemClock();

onServers('the Lease lock', ({ client }) => {
  let namespace: string;
  let folder: string;
  const locks: Lock[] = [];
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'leader-run-lease-'));
  });
  beforeEach(async () => {
    namespace = `lease-${randomUUID()}`;
    await client.createNamespace(namespace);
  });
  afterEach(() => {
    for (const lock of locks.splice(0)) lock.close();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function lockOf(
    user: User,
    { name = 'demo', server, inside = namespace }: { name?: string; server?: string; inside?: string } = {},
  ): Promise<Lock> {
    const file = path.join(folder, randomUUID());
    writeFileSync(file, client.kubeconfig({ user, ...(server !== undefined && { server }) }));
    const target = await loadKube({ clock, kubeconfig: file });
    const lock = leaseLock({
      transport: openTransport(target, { version: '0', ping: { everyMs: 100, withinMs: 2000 } }),
      namespace: inside,
      name,
    });
    locks.push(lock);
    return lock;
  }

  function leasePath(name = 'demo'): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  }

  const run = randomUUID();
  let number = 0;
  function sign(identity = 'alice') {
    return { identity, run, number: ++number };
  }

  function create(lock: Lock, identity = 'alice'): Promise<WriteAnswer> {
    return lock.write(
      { record: taken(undefined, identity, 15, clock.now().wall), signature: sign(identity), base: undefined },
      attempt,
    );
  }

  function recordIn(answer: WriteAnswer | Awaited<ReturnType<Lock['read']>>): Sighting & { kind: 'record' } {
    const sighting = answer.kind === 'stored' || answer.kind === 'sighted' ? answer.sighting : undefined;
    if (sighting?.kind !== 'record') throw new Error(`no record: ${JSON.stringify(answer)}`);
    return sighting;
  }

  test('is created, renewed, released and taken, each answer telling what is stored', async () => {
    const lock = await lockOf('admin');
    expect(await lock.read(attempt)).toMatchObject({ kind: 'sighted', sighting: { kind: 'absent' } });
    const signature = sign();
    const record = taken(undefined, 'alice', 15, clock.now().wall);
    const first = recordIn(await lock.write({ record, signature, base: undefined }, attempt));
    expect(first).toMatchObject({ record, signature, ageMs: expect.any(Number) as number });
    let last = first;
    for (const next of [
      renewed(record, clock.now().wall + 1),
      released(record, clock.now().wall + 2),
      taken(record, 'bob', 7, clock.now().wall + 3),
    ]) {
      const stored = recordIn(await lock.write({ record: next, signature: sign(), base: last.version }, attempt));
      expect(stored.record).toEqual(next);
      expect(lock.compare(stored.version, last.version)).toBe('newer');
      last = stored;
    }
    expect(recordIn(await lock.read(attempt))).toMatchObject({ record: last.record, version: last.version });
  });

  test('is created by one of many at the same moment', async () => {
    const many = await Promise.all(Array.from({ length: 8 }, () => lockOf('admin')));
    const answers = await Promise.all(many.map((lock, index) => create(lock, `candidate-${String(index)}`)));
    expect(answers.filter(({ kind }) => kind === 'stored')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'conflict')).toHaveLength(7);
  });

  test('is not written from an old version, nor after it was deleted, nor after it was made again', async () => {
    const lock = await lockOf('admin');
    const { record, version } = recordIn(await create(lock));
    const write = () =>
      lock.write({ record: renewed(record, clock.now().wall + 1000), signature: sign(), base: version }, attempt);
    expect(
      (
        await client.admin(
          'PATCH',
          leasePath(),
          { metadata: { labels: { a: 'b' } } },
          { 'content-type': 'application/merge-patch+json' },
        )
      ).status,
    ).toBe(200);
    expect(await write()).toMatchObject({ kind: 'conflict' });
    expect((await client.admin('DELETE', leasePath())).status).toBe(200);
    expect(await write()).toMatchObject({ kind: 'conflict' });
    expect((await client.admin('GET', leasePath())).status).toBe(404);
    await create(await lockOf('admin'), 'bob');
    expect(await write()).toMatchObject({ kind: 'conflict' });
  });

  test('keeps labels, owners, other annotations and other fields of the spec, and the server keeps its managedFields', async () => {
    const object = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: 'demo',
        labels: { app: 'x' },
        annotations: { note: 'y' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'd' }],
      },
      spec: { strategy: 'example.org/own', preferredHolder: 'carol' },
    };
    expect((await client.admin('POST', leasePath('').slice(0, -1), object)).status).toBe(201);
    const lock = await lockOf('admin');
    const before = recordIn(await lock.read(attempt));
    expect(before.record).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 0 });
    recordIn(
      await lock.write(
        { record: taken(before.record, 'alice', 15, clock.now().wall), signature: sign(), base: before.version },
        attempt,
      ),
    );
    const { body } = await client.admin('GET', leasePath());
    expect(body).toMatchObject({
      metadata: { labels: { app: 'x' }, annotations: { note: 'y' }, ownerReferences: [{ name: 'c' }] },
      spec: { holderIdentity: 'alice', strategy: 'example.org/own', preferredHolder: 'carol' },
    });
    const { managedFields } = body.metadata as { managedFields?: readonly { manager: string }[] };
    expect(managedFields?.length).toBeGreaterThanOrEqual(2); // The maker's and ours.
    expect(managedFields?.map(({ manager }) => manager)).toContain('leader-run');
  });

  test('can be written on when nobody has stated times, by leaving them out', async () => {
    expect((await client.admin('POST', leasePath('').slice(0, -1), { metadata: { name: 'demo' } })).status).toBe(201);
    const lock = await lockOf('admin');
    const { record, version } = recordIn(await lock.read(attempt));
    expect(
      await lock.write({ record: { ...record, holderIdentity: 'alice' }, signature: sign(), base: version }, attempt),
    ).toMatchObject({ kind: 'stored' });
  });

  test('rehearses a creation and a take-over without a trace', async () => {
    const lock = await lockOf('admin');
    const request = { record: taken(undefined, 'alice', 15, clock.now().wall), signature: sign() };
    expect(await lock.rehearse({ ...request, base: undefined }, attempt)).toEqual({ kind: 'allowed' });
    expect(await lock.read(attempt)).toMatchObject({ kind: 'sighted', sighting: { kind: 'absent' } });
    const { version } = recordIn(await create(lock, 'bob'));
    expect(await lock.rehearse({ ...request, base: version }, attempt)).toEqual({ kind: 'allowed' });
    expect(await lock.rehearse({ ...request, base: undefined }, attempt)).toMatchObject({ kind: 'conflict' });
    expect(recordIn(await lock.read(attempt))).toMatchObject({ record: { holderIdentity: 'bob' }, version });
  });

  describe('with a Role', () => {
    const rule = (verbs: readonly string[], names?: readonly string[]): PolicyRule => ({
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      verbs,
      ...(names && { resourceNames: names }),
    });

    test('of one rule for one name does everything, and nothing to another name', async () => {
      await client.allow('alice', namespace, [rule(['get', 'create', 'update', 'watch'], ['demo'])]);
      const lock = await lockOf('alice');
      const news: WatchNews[] = [];
      const stop = lock.watch((one) => news.push(one));
      const { record, version } = recordIn(await create(lock));
      expect(
        await lock.write(
          { record: renewed(record, clock.now().wall + 1000), signature: sign(), base: version },
          attempt,
        ),
      ).toMatchObject({ kind: 'stored' });
      await vi.waitFor(() => {
        expect(news.filter(({ kind }) => kind === 'sighted').length).toBeGreaterThanOrEqual(1);
      }, patienceMs);
      expect(news.some(({ kind }) => kind === 'down')).toBe(false);
      stop();
      expect(await create(await lockOf('alice', { name: 'other' }))).toMatchObject({
        kind: 'refused',
        trouble: { cause: 'forbidden' },
      });
    });

    test('that gives create without names and update by name creates by POST', async () => {
      await client.allow('bob', namespace, [rule(['create']), rule(['get', 'update'], ['demo'])]);
      expect(await create(await lockOf('bob'), 'bob')).toMatchObject({ kind: 'stored' });
    });

    test('that gives create alone creates by POST', async () => {
      await client.allow('carol', namespace, [rule(['create'])]);
      expect(await create(await lockOf('carol'), 'carol')).toMatchObject({ kind: 'stored' });
    });

    test('that lacks update is told of by a rehearsal, and that lacks watch by the watch', async () => {
      await client.allow('worker', namespace, [rule(['get'], ['demo'])]);
      await create(await lockOf('admin'));
      const lock = await lockOf('worker');
      const { record, version } = recordIn(await lock.read(attempt));
      expect(await lock.rehearse({ record, signature: sign(), base: version }, attempt)).toMatchObject({
        kind: 'refused',
        trouble: {
          cause: 'forbidden',
          message: expect.stringContaining('the verb update on leases is missing') as string,
        },
      });
      const news: WatchNews[] = [];
      const stop = lock.watch((one) => news.push(one));
      await vi.waitFor(() => {
        expect(news).toMatchObject([
          {
            kind: 'down',
            forbidden: true,
            message: expect.stringContaining('the verb watch on leases is missing') as string,
          },
        ]);
      }, patienceMs);
      stop();
    });

    test('that is missing altogether is told of by the first read', async () => {
      expect(await (await lockOf('worker')).read(attempt)).toMatchObject({
        kind: 'failed',
        trouble: {
          cause: 'forbidden',
          message: expect.stringContaining('the verb get on leases is missing') as string,
        },
      });
    });
  });

  test('is watched through changes, deletion and re-creation', async () => {
    const lock = await lockOf('admin');
    const seen: string[] = [];
    const stop = lock.watch((one) => {
      if (one.kind === 'sighted')
        seen.push(one.sighting.kind === 'record' ? one.sighting.record.holderIdentity || 'nobody' : one.sighting.kind);
      else seen.push(one.kind);
    });
    const shows = (...list: string[]) =>
      vi.waitFor(() => {
        expect(seen).toEqual(list);
      }, patienceMs);
    await shows('up');
    const { record, version } = recordIn(await create(lock));
    await shows('up', 'alice');
    await lock.write({ record: released(record, clock.now().wall), signature: sign(), base: version }, attempt);
    await shows('up', 'alice', 'nobody');
    await client.admin('DELETE', leasePath());
    await shows('up', 'alice', 'nobody', 'absent');
    await create(await lockOf('admin'), 'bob');
    await shows('up', 'alice', 'nobody', 'absent', 'bob');
    stop();
  });

  test('is watched again after the connection was cut without a word', async () => {
    const url = new URL(client.url);
    const proxy = await startFaultProxy({ to: { host: url.hostname, port: Number(url.port) } });
    try {
      const lock = await lockOf('admin', { server: `https://127.0.0.1:${String(proxy.port)}` });
      const news: WatchNews[] = [];
      const stop = lock.watch((one) => news.push(one));
      const kinds = (...list: string[]) =>
        vi.waitFor(() => {
          expect(news.map(({ kind }) => kind)).toEqual(list);
        }, patienceMs);
      await kinds('up');
      proxy.blackhole({ connections: 'existing' });
      await kinds('up', 'down', 'up');
      await create(await lockOf('admin'));
      await kinds('up', 'down', 'up', 'sighted');
      stop();
    } finally {
      proxy.close();
    }
  });

  test('says that its namespace is missing', async () => {
    const lock = await lockOf('admin', { inside: 'not-there' });
    expect(await lock.read(attempt)).toMatchObject({ kind: 'sighted', sighting: { kind: 'absent' } });
    for (const answer of [
      await create(lock),
      await lock.rehearse({ record: taken(undefined, 'alice', 15, 0), signature: sign(), base: undefined }, attempt),
    ]) {
      expect(answer).toMatchObject({
        kind: 'refused',
        trouble: {
          cause: 'no-namespace',
          message: expect.stringContaining('create the namespace not-there') as string,
        },
      });
    }
  });

  test('goes on in a namespace that ends, but is not created there', async () => {
    const lock = await lockOf('admin');
    const { record, version } = recordIn(await create(lock));
    expect((await client.admin('DELETE', `/api/v1/namespaces/${namespace}`)).status).toBe(200);
    expect(
      await lock.write({ record: renewed(record, clock.now().wall + 1000), signature: sign(), base: version }, attempt),
    ).toMatchObject({ kind: 'stored' });
    await vi.waitFor(async () => {
      expect(await create(await lockOf('admin', { name: randomUUID() }))).toMatchObject({
        kind: 'refused',
        trouble: { cause: 'namespace-ending' },
      });
    }, patienceMs);
  });

  test('tells a record that the server does not take', async () => {
    const lock = await lockOf('admin');
    const record = { ...taken(undefined, 'alice', 15, 0), renewTime: '2026-01-01T00:00:00.123Z' };
    expect(await lock.write({ record, signature: sign(), base: undefined }, attempt)).toMatchObject({
      kind: 'refused',
      trouble: { cause: 'invalid' },
    });
  });

  test('with credentials that nobody knows is told so', async () => {
    const file = path.join(folder, randomUUID());
    writeFileSync(
      file,
      client
        .kubeconfig({ user: 'admin' })
        .replace(/token: .*/, 'token: nobody')
        .replace(/"token": ?"[^"]*"/, '"token":"nobody"'),
    );
    const lock = leaseLock({
      transport: openTransport(await loadKube({ clock, kubeconfig: file }), { version: '0' }),
      namespace,
      name: 'demo',
    });
    locks.push(lock);
    expect(await lock.read(attempt)).toMatchObject({ kind: 'failed', trouble: { cause: 'unauthorized' } });
  });
}, { inTurn: true });
