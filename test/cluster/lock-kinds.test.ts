// leader-run itself on every kind of lock, on a real API server: it leads, hands over, and takes over after a crash;
// pairs keep out candidates that know one of their objects; and what it leaves behind for those who look at the lock.
// To check: the commands' stamps judge every test.
import { expect, test } from 'vitest';
import { lockKinds } from '../../src/cli/options.ts';
import { leaderAnnotation } from '../../src/locks/kube/annotation.ts';
import { type LogEvent, short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { type Stage, staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';
import type { KubeObject } from '../helpers/servers-client.ts';

const everything = {
  apiGroups: ['', 'coordination.k8s.io'],
  resources: ['endpoints', 'configmaps', 'leases'],
  verbs: ['*'],
};
const events = { apiGroups: [''], resources: ['events'], verbs: ['create'] };

onServers('leader-run', ({ client }) => {
  test.each(lockKinds)('hands over and takes over on %s', async (kind) => {
    const flags = ['--lock-kind', kind];
    await staged(
      client,
      async ({ start, stamps }) => {
        const alice = await start('alice', { flags, drainMs: 500 });
        await stamps.started('alice');
        const bob = await start('bob', { flags });
        const standing = await bob.event('standing-by');
        expect(standing).toMatchObject({ leader: 'alice', foreign: false, durationMs: short.leaseMs });
        await alice.event('renewed', { from: alice.events.length });
        alice.signal('SIGTERM');
        await bob.event('elected');
        const [first, second] = [await stamps.started('alice'), await stamps.started('bob')];
        expect(first.ended).toBe(true);
        expect(second.startedAt - first.lastSeen).toBeLessThan(2 * short.leaseMs);
        const carol = await start('carol', { flags });
        await carol.event('standing-by', { fits: ({ leader }) => leader === 'bob' });
        bob.signal('SIGKILL');
        await carol.event('elected', { withinMs: 3 * short.leaseMs });
        expect([...alice.events, ...bob.events, ...carol.events].filter(isUnexpected)).toEqual([]);
        carol.signal('SIGTERM');
        await carol.end();
      },
      { rules: [everything, events] },
    );
  });

  test('moves from Endpoints over the pair to Leases, and no two of neighbouring steps lead at once', async () => {
    await staged(
      client,
      async ({ start, stamps }) => {
        const steps = ['endpoints', 'endpointsleases', 'lease'];
        let before = await start('step0', { flags: ['--lock-kind', 'endpoints'] });
        await stamps.started('step0');
        for (const [index, kind] of steps.entries()) {
          const name = `step${index + 1}`;
          const next = await start(name, { flags: ['--lock-kind', kind] });
          await next.event('standing-by');
          const looks = next.events.length;
          await before.event('renewed', { from: before.events.length });
          expect(next.all('elected')).toEqual([]);
          before.signal('SIGTERM');
          await before.end();
          await next.event('elected', { from: looks, withinMs: 5 * short.leaseMs });
          await stamps.started(name);
          before = next;
        }
        expect(before.all('lost')).toEqual([]);
        before.signal('SIGTERM');
        await before.end();
      },
      { rules: [everything, events] },
    );
  });

  async function eventsOf({ namespace }: Stage): Promise<KubeObject[]> {
    const { body } = await client.admin('GET', `/api/v1/namespaces/${namespace}/events`);
    return [...(body.items ?? [])];
  }

  test('leaves Events at the lock: who became leader, who stopped', async () => {
    await staged(
      client,
      async (stage) => {
        const alice = await stage.start('alice');
        await stage.stamps.started('alice');
        await until('an Event', async () => (await eventsOf(stage)).length === 1);
        const lease = await stage.lease.read();
        alice.signal('SIGTERM');
        await alice.end();
        const all = (await eventsOf(stage)) as (KubeObject & Readonly<Record<string, unknown>>)[];
        expect(all.map(({ message }) => message).sort()).toEqual(['alice became leader', 'alice stopped leading']);
        for (const event of all) {
          expect(event).toMatchObject({
            reason: 'LeaderElection',
            type: 'Normal',
            source: { component: 'leader-run' },
            involvedObject: {
              kind: 'Lease',
              apiVersion: 'coordination.k8s.io/v1',
              name: 'job',
              namespace: stage.namespace,
              uid: lease?.metadata?.uid,
            },
          });
        }
      },
      { rules: [everything, events] },
    );
  });

  test('warns once where it may make no Events, and leads all the same', async () => {
    await staged(
      client,
      async (stage) => {
        const alice = await stage.start('alice');
        const { message } = await alice.event('note', { fits: ({ level }) => level === 'warn' });
        expect(message).toContain('the verb create on events is missing');
        alice.signal('SIGTERM');
        await alice.end();
        expect(alice.all('note')).toHaveLength(1);
        expect(alice.all('released')).toHaveLength(1);
        expect(await eventsOf(stage)).toEqual([]);
      },
      { rules: [everything] },
    );
  });

  test('makes no Events with --no-events', async () => {
    await staged(
      client,
      async (stage) => {
        const alice = await stage.start('alice', { flags: ['--no-events'] });
        await stage.stamps.started('alice');
        alice.signal('SIGTERM');
        await alice.end();
        expect(await eventsOf(stage)).toEqual([]);
      },
      { rules: [everything, events] },
    );
  });

  test('keeps the rest of an Endpoints object that somebody else made', async () => {
    await staged(
      client,
      async ({ namespace, start }) => {
        const path = `/api/v1/namespaces/${namespace}/endpoints`;
        const metadata = { name: 'job', labels: { app: 'x' }, annotations: { note: 'keep me' } };
        const subsets = [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80, protocol: 'TCP' }] }];
        expect((await client.admin('POST', path, { metadata, subsets })).status).toBe(201);
        const alice = await start('alice', { flags: ['--lock-kind', 'endpoints'] });
        const { message } = await alice.event('note', { fits: ({ level }) => level === 'warn' });
        expect(message).toContain('v1 Endpoints is deprecated in v1.33+');
        await alice.event('elected');
        alice.signal('SIGTERM');
        await alice.end();
        expect(alice.all('note')).toHaveLength(1);
        const { body } = await client.admin('GET', `${path}/job`);
        expect(body).toMatchObject({ metadata, subsets });
        const record = JSON.parse(body.metadata?.annotations?.[leaderAnnotation] ?? '') as object;
        expect(record).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1, leaderTransitions: 1 });
      },
      { rules: [everything, events] },
    );
  });
});

/** A server that is slow for a moment is none of these tests' business. */
function isUnexpected({ level, message, trouble }: LogEvent): boolean {
  if (level !== 'warn' && level !== 'error') return false;
  const cause = (trouble as { readonly cause?: string } | undefined)?.cause;
  return cause !== 'timeout' && !message.includes('v1 Endpoints is deprecated');
}
