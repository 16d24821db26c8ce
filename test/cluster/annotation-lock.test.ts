// Every kind of lock on a real API server: the facts that the contract's server in memory claims (test/contract), and
// those on which the care for Endpoints and ConfigMaps rests: what a PUT without a version does to them.
// To check: every fact is answered by the server; nothing here plays one.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { annotationLock, type AnnotatedKind, leaderAnnotation } from '../../src/locks/kube/annotation.ts';
import { loadKube } from '../../src/kube-api/config/load.ts';
import type { KubeTarget } from '../../src/kube-api/target.ts';
import { openTransport } from '../../src/kube-api/transport.ts';
import { type Backend, facts } from '../helpers/lock-facts.ts';
import { kinds } from '../helpers/lock-kinds.ts';
import type { Resource } from '../helpers/memory-api.ts';
import { onServers } from '../helpers/on-servers.ts';
import type { PolicyRule, User } from '../helpers/servers-client.ts';

const clock = systemClock();
const attempt = { limitMs: 10_000 };

onServers('on a real API server', ({ client }) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'leader-run-annotation-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function targetOf(user: User): Promise<KubeTarget> {
    const file = path.join(folder, randomUUID());
    writeFileSync(file, client.kubeconfig({ user }));
    return await loadKube({ clock, kubeconfig: file });
  }

  async function namespaced(): Promise<string> {
    const namespace = `annotation-${randomUUID()}`;
    await client.createNamespace(namespace);
    return namespace;
  }

  function pathOf(resource: Resource, namespace: string): string {
    const group = resource === 'leases' ? '/apis/coordination.k8s.io/v1' : '/api/v1';
    return `${group}/namespaces/${namespace}/${resource}`;
  }

  async function backend(): Promise<Backend> {
    const target = await targetOf('admin');
    const namespace = await namespaced();
    const one = (resource: Resource): string => `${pathOf(resource, namespace)}/demo`;
    const merge = { 'content-type': 'application/merge-patch+json' };
    return {
      namespace,
      clock,
      transport: () => openTransport(target, { version: '0' }),
      async get(resource) {
        const { status, body } = await client.admin('GET', one(resource));
        return status === 404 ? undefined : { ...body };
      },
      async put(resource, fields) {
        const patched = await client.admin('PATCH', one(resource), fields, merge);
        if (patched.status !== 404) return expect(patched.status).toBe(200);
        const made = { ...fields, metadata: { ...(fields['metadata'] as object | undefined), name: 'demo' } };
        expect(await client.admin('POST', pathOf(resource, namespace), made)).toMatchObject({ status: 201 });
      },
      async delete(resource) {
        expect(await client.admin('DELETE', one(resource))).toMatchObject({ status: 200 });
      },
    };
  }

  for (const kind of kinds) facts(kind, backend);

  const annotated: readonly { kind: AnnotatedKind; object: string; blindPutToNothing: number }[] = [
    { kind: 'endpoints', object: 'Endpoints', blindPutToNothing: 201 },
    { kind: 'configmaps', object: 'ConfigMap', blindPutToNothing: 404 },
  ];

  test.each(annotated)('$kind are replaced by a PUT without a version, which therefore never goes out', async (row) => {
    const namespace = await namespaced();
    const one = `${pathOf(row.kind, namespace)}/demo`;
    const object = (holder: string): object => ({
      metadata: { name: 'demo', annotations: { [leaderAnnotation]: holder } },
    });
    expect((await client.admin('PUT', one, object('alice'))).status).toBe(row.blindPutToNothing);
    await client.admin('POST', pathOf(row.kind, namespace), object('alice'));
    expect((await client.admin('PUT', one, object('bob'))).status).toBe(200);
    expect((await client.admin('GET', one)).body.metadata?.annotations).toEqual({ [leaderAnnotation]: 'bob' });
  });

  test.each(annotated)(
    '$kind need create without a name and get, update and watch with it',
    async ({ kind, object }) => {
      const namespace = await namespaced();
      const rule = (verbs: readonly string[], resourceNames?: readonly string[]): PolicyRule => ({
        apiGroups: [''],
        resources: [kind],
        verbs,
        ...(resourceNames && { resourceNames }),
      });
      const record = {
        holderIdentity: 'alice',
        leaseDurationSeconds: 15,
        acquireTime: '',
        renewTime: '',
        leaseTransitions: 0,
      };
      const signature = { identity: 'alice', run: randomUUID(), number: 1 };
      const lock = annotationLock(kind, {
        transport: openTransport(await targetOf('alice'), { version: '0' }),
        namespace,
        name: 'demo',
      });
      await client.allow('alice', namespace, [rule(['get', 'update', 'watch'], ['demo'])]);
      expect(await lock.write({ record, signature, base: undefined }, attempt)).toMatchObject({
        kind: 'refused',
        trouble: { message: expect.stringContaining(`resources: [${kind}], verbs: [create]`) as string },
      });
      await client.allow('alice', namespace, [rule(['create'])]);
      expect(await lock.write({ record, signature, base: undefined }, attempt)).toMatchObject({ kind: 'stored' });
      expect(await lock.read(attempt)).toMatchObject({ sighting: { kind: 'record', record } });
      expect(lock.name).toBe(`${object.toLowerCase()} ${namespace}/demo`);
      lock.close();
    },
  );

  test('Endpoints come with a warning that they are deprecated', async () => {
    const namespace = await namespaced();
    const warnings: string[] = [];
    const transport = openTransport(await targetOf('admin'), { version: '0' });
    const lock = annotationLock('endpoints', {
      transport,
      namespace,
      name: 'demo',
      warn: (text) => warnings.push(text),
    });
    await lock.read(attempt);
    await lock.read(attempt);
    expect(warnings).toEqual([expect.stringMatching(/ warns: v1 Endpoints is deprecated in v1\.33\+/)]);
    lock.close();
  });
}, { inTurn: true });
