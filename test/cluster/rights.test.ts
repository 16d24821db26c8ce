// What leader-run does about rights, credentials and addresses: at the start a missing right or namespace is an error
// that says what to add; later it is no verdict, and the term lasts as long as it would without any answer. A server
// that is not there is waited for.
// To check: rights are real Roles, tokens are real service account tokens, and the texts name what is missing.
import { expect, test } from 'vitest';
import { short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { leaseRule, type Stage, staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { connect, type ServersClient } from '../helpers/servers-client.ts';

/** Boot time ticks in hundredths of a second, and a holder believes whichever of its clocks ran further. */
const bootTickMs = 10;

onServers('leader-run', ({ client, figures }) => {
  const missing: readonly { readonly name: string; readonly verbs: readonly string[] }[] = [
    { name: 'get', verbs: [] },
    { name: 'create', verbs: ['get', 'update', 'watch'] },
  ];
  test.each(missing)('without the right to $name gives up after 3 s, naming verb, resource and rule', async ({ name, verbs }) => {
    const rules = verbs.length === 0 ? [] : [{ ...leaseRule, verbs }];
    await staged(client, async ({ start, stamps, namespace }) => {
      const startedAt = Date.now();
      const alice = await start('alice');
      const { status, at } = await alice.end();
      expect(status).toBe(125);
      figures.push(`no right to ${name}: ended after ${at - startedAt} ms`);
      expect(at - startedAt).toBeGreaterThan(2900);
      const { message } = await alice.event('exit');
      for (const part of [`cannot ${name} resource "leases"`, `the verb ${name} on leases`, 'resourceNames: [job]', 'get, create, update, watch', namespace]) {
        expect(message).toContain(part);
      }
      expect(await stamps.lives()).toEqual([]);
    }, { rules });
  });

  test('that may only look says at once that it could never take over', async () => {
    await staged(client, async ({ start, stamps }) => {
      const alice = await start('alice', { user: 'admin' });
      await stamps.started('alice');
      const bob = await start('bob');
      const { message } = await bob.event('trouble');
      expect(message).toContain('could not take over');
      expect(message).toContain('the verb update on leases');
      expect((await bob.end()).status).toBe(125);
      expect(alice.all('lost')).toEqual([]);
    }, { rules: [{ ...leaseRule, verbs: ['get', 'watch'] }] });
  });

  test('that may not watch looks now and then, and takes over all the same', async () => {
    await staged(client, async ({ start, stamps }) => {
      const alice = await start('alice');
      await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      const { message } = await bob.event('watch-down', { fits: ({ level }) => level === 'warn' });
      expect(message).toContain('the verb watch on leases');
      alice.signal('SIGTERM');
      await alice.end();
      const [first, second] = [await stamps.started('alice'), await stamps.started('bob')];
      figures.push(`hand-over without a watch (r = ${short.retryMs} ms): ${second.startedAt - first.lastSeen} ms`);
      expect(second.startedAt - first.lastSeen).toBeLessThan(2 * short.leaseMs);
    }, { rules: [{ ...leaseRule, verbs: ['get', 'create', 'update'] }] });
  });

  test('whose Role names its Lease alone leads, renews, is deleted under and goes on', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice');
      const first = await stamps.started('alice');
      await alice.event('watch-up');
      await alice.event('renewed');
      await lease.remove();
      await until('the Lease is made again', async () => (await lease.read()) !== undefined);
      await alice.event('renewed', { from: alice.events.length });
      expect(await stamps.lives()).toMatchObject([{ pid: first.pid }]);
    }, { rules: [{ ...leaseRule, resourceNames: ['job'] }] });
  });

  test('that loses its rights keeps its command until the deadline, says 403 and why, and leaves', async () => {
    await staged(client, async (stage) => {
      const { start, stamps } = stage;
      const alice = await start('alice', { flags: ['--on-lost', 'exit'] });
      const first = await stamps.started('alice');
      await alice.event('renewed');
      await takeRights(client, stage);
      const trouble = await alice.event('trouble');
      expect(trouble.message).toContain('403');
      expect(trouble.message).toContain('the verb update on leases');
      const lost = await alice.event('lost');
      expect(lost['reason']).toBe('deadline');
      expect(Number(lost['sinceRenewalMs'])).toBeGreaterThan(short.renewMs - bootTickMs);
      const askedAt = await until('the command is told', async () => (await stamps.lives())[0]?.askedAt);
      expect(askedAt).toBeGreaterThan(first.startedAt + short.renewMs - bootTickMs);
      expect((await alice.end()).status).toBe(122);
    });
  });

  test('goes on when its rights come back in time', async () => {
    await staged(client, async (stage) => {
      const { start, stamps, namespace } = stage;
      const alice = await start('alice', { timing: ['--lease-duration', '15s', '--retry-period', '400ms'] });
      await stamps.started('alice');
      await alice.event('renewed');
      await takeRights(client, stage);
      await alice.event('trouble');
      await client.allow('worker', namespace, [leaseRule]);
      await alice.event('recovered');
      expect(alice.all('lost')).toEqual([]);
      expect(await stamps.lives()).toHaveLength(1);
    });
  });

  test('without its namespace gives up after 3 s and says which one', async () => {
    await staged(client, async ({ start, stamps }) => {
      const alice = await start('alice', { lock: 'no-such-place/job', user: 'admin' });
      expect((await alice.end()).status).toBe(125);
      const { message } = await alice.event('exit');
      expect(message).toContain('namespaces "no-such-place" not found');
      expect(message).toContain('create the namespace no-such-place');
      expect(await stamps.lives()).toEqual([]);
    });
  });

  test('with a token that nobody knows gives up after 3 s', async () => {
    await staged(client, async ({ start, file }) => {
      const config = client.kubeconfig({ user: 'worker' }).replace(client.tokens.worker, 'not-a-token');
      const alice = await start('alice', { kubeconfig: await file('wrong.kubeconfig', config) });
      expect((await alice.end()).status).toBe(125);
      expect((await alice.event('exit')).message).toContain('the credentials are not accepted');
      expect(alice.stderr).not.toContain('not-a-token');
    });
  });

  test('re-reads a token file when its token is no longer accepted, with the same command', async () => {
    await staged(client, async (stage) => {
      const { start, stamps, file, namespace } = stage;
      await serviceAccount(client, namespace);
      const [first, second] = [await boundToken(client, namespace, 'first'), await boundToken(client, namespace, 'second')];
      const tokenFile = await file('token', first);
      const config = client.kubeconfig({ user: 'worker', namespace }).replace(/token: .*/, `tokenFile: ${tokenFile}`);
      const alice = await start('alice', { kubeconfig: await file('rotated.kubeconfig', config) });
      await stamps.started('alice');
      await alice.event('renewed');

      await file('token', `${second}\n`);
      // Without its secret the token is void; the server believes its cache for 10 s.
      expect((await client.admin('DELETE', `/api/v1/namespaces/${namespace}/secrets/first`)).status).toBe(200);
      const other = connect({ ...client, tokens: { ...client.tokens, alice: first } });
      await until('the first token is void', async () => (await other.request('alice', 'GET', '/api/v1')).status === 401, 40_000);
      other.disconnect();
      const from = alice.events.length;
      for (let renewals = 0; renewals < 3; renewals += 1) await alice.event('renewed', { from: from + renewals });
      expect(alice.all('lost')).toEqual([]);
      expect(await stamps.lives()).toHaveLength(1);
      expect(alice.stderr).not.toContain(second);
    });
  });

  test('waits for a server that is not there, telling why once, and leads when it comes', async () => {
    const { hostname: host, port } = new URL(client.url);
    const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
    proxy.refuse();
    try {
      await staged(client, async ({ start, stamps }) => {
        const alice = await start('alice', { server: `https://127.0.0.1:${proxy.port}` });
        const bob = await start('bob', { server: `https://127.0.0.1:${proxy.port}`, flags: ['--wait', '2s'] });
        expect((await bob.end()).status).toBe(124);
        expect(alice.all('trouble')).toHaveLength(1);
        expect((await alice.event('trouble')).message).toContain('ECONNREFUSED');
        await proxy.pass();
        await stamps.started('alice');
        expect(await stamps.lives()).toHaveLength(1);
      });
    } finally {
      proxy.close();
    }
  });
});

async function takeRights(client: ServersClient, { namespace }: Stage): Promise<void> {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
  const { status, text } = await client.admin('DELETE', path);
  if (status !== 200) throw new Error(`DELETE ${path}: the server answered ${status}: ${text}`);
}

/** `runner`, with the rights of `worker`. */
async function serviceAccount(client: ServersClient, namespace: string): Promise<void> {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const subjects = [{ kind: 'ServiceAccount', name: 'runner', namespace }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'runner' };
  await created(client, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'runner' } });
  await created(client, `${rbac}/roles`, { metadata: { name: 'runner' }, rules: [leaseRule] });
  await created(client, `${rbac}/rolebindings`, { metadata: { name: 'runner' }, roleRef, subjects });
}

/** A token of `runner` that is void as soon as the secret of that name is gone. */
async function boundToken(client: ServersClient, namespace: string, secret: string): Promise<string> {
  const { metadata } = await created(client, `/api/v1/namespaces/${namespace}/secrets`, { metadata: { name: secret } });
  const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: secret, uid: metadata?.uid };
  const { status } = await created(client, `/api/v1/namespaces/${namespace}/serviceaccounts/runner/token`, {
    apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { boundObjectRef, expirationSeconds: 600 },
  });
  return (status as { readonly token: string }).token;
}

async function created(client: ServersClient, path: string, body: unknown) {
  const answer = await client.admin('POST', path, body);
  if (answer.status !== 201) throw new Error(`POST ${path}: the server answered ${answer.status}: ${answer.text}`);
  return answer.body;
}
