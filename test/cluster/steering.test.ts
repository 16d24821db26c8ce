// Step-down, pause and resume on a real API server and every kind of lock: how soon a holder hears of a request, how
// soon the next command starts, and that nobody starts one while the lock is paused. Requests come from the verbs, as
// merge patches without a version (what `kubectl annotate` sends), and from the hand that made the Lease.
// To check: the stamps judge two commands at once; a time is of one machine's clock, and only bounds far off fail.
import { beforeAll, expect, test } from 'vitest';
import { lockKinds } from '../../src/cli/options.ts';
import { clientGoElector } from '../helpers/client-go.ts';
import { leaderRun, Run, short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import type { ServersClient, User } from '../helpers/servers-client.ts';
import { leaseRule, lockName, type Stage, staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';

const everything = {
  apiGroups: ['', 'coordination.k8s.io'],
  resources: ['endpoints', 'configmaps', 'leases'],
  verbs: ['*'],
};
const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'] };
const merge = { 'content-type': 'application/merge-patch+json' };

/** A busy machine costs nobody a term with this. */
const calm = ['--lease-duration=15s'] as const;

/** A lock that was given back is taken within milliseconds: who waits for so long in vain has been kept away. */
const waits = ['--wait', '8s'] as const;

onServers('steering in time', ({ client, figures }) => {
  test('a step-down is heard over the watch at once, and the next command starts when the old one is gone', async () => {
    await staged(client, async (stage) => {
      const runs = { alice: await stage.start('alice', { timing: calm }), bob: undefined as Run | undefined };
      await stage.stamps.started('alice');
      runs.bob = await stage.start('bob', { timing: calm });
      await runs.bob.event('standing-by');
      const [heard, next]: [number[], number[]] = [[], []];
      for (let round = 0; round < 12; round += 1) {
        const [from, to] = round % 2 === 0 ? (['alice', 'bob'] as const) : (['bob', 'alice'] as const);
        const nth = Math.floor(round / 2) + 1;
        const seen = runs[from]?.events.length ?? 0;
        const askedAt = Date.now();
        await stage.lease.patch({ metadata: { annotations: { 'leader-run/step-down': `${from} round ${round}` } } });
        const answeredAt = Date.now();
        const deposed = await runs[from]?.event('deposed', { from: seen });
        expect(deposed).toMatchObject({ by: 'step-down', reason: `round ${round}` });
        const started = await stage.stamps.started(to, to === 'alice' ? nth + 1 : nth);
        const ended = await stage.stamps.started(from, nth);
        heard.push((deposed?.at ?? Infinity) - answeredAt);
        next.push(started.startedAt - askedAt - (ended.lastSeen - (ended.askedAt ?? Infinity)));
      }
      figures.push(`a step-down is heard after ${summary(heard)} (from the answer to the request)`);
      figures.push(`the next command starts after ${summary(next)} (from the request, less the command's own drain)`);
      expect(median(heard)).toBeLessThan(short.retryMs);
      expect(median(next)).toBeLessThan(short.leaseMs / 2);
      const lease = await stage.lease.read();
      expect(Object.keys(lease?.metadata?.annotations ?? {})).not.toContain('leader-run/step-down');
    });
  });
}, { inTurn: true });

onServers('steering', ({ client, figures }) => {
  test.each(lockKinds)('the verbs move the command and keep it away on %s', async (kind) => {
    const flags = ['--lock-kind', kind];
    await staged(
      client,
      async (stage) => {
        const ask = asker(client, stage, flags);
        const alice = await stage.start('alice', { flags, timing: calm, drainMs: 100 });
        await stage.stamps.started('alice');
        const bob = await stage.start('bob', { flags, timing: calm, drainMs: 100 });
        await bob.event('standing-by');
        expect(await ask('step-down', '--to', 'bob')).toMatchObject({
          stdout: expect.stringMatching(/^asked alice .*\nalice gave it back, .*\nbob leads, /) as string,
          ...{ status: 0, stderr: '' },
        });
        await stage.stamps.started('bob');
        const askedAt = Date.now();
        expect(await ask('pause', '--reason', 'move')).toMatchObject({
          stdout: expect.stringMatching(/^paused .*\nbob is ending its command\nbob gave the lock back, /) as string,
          ...{ status: 0, stderr: '' },
        });
        const { lastSeen } = await stage.stamps.started('bob');
        figures.push(`${kind}: the command ended ${lastSeen - askedAt} ms after the start of the verb pause`);
        const carol = await stage.start('carol', { flags: [...flags, ...waits] });
        expect((await carol.end()).status).toBe(124);
        expect(carol.events.at(-1)?.['reason']).toMatch(/^the lock is paused \(move, by /);
        expect(await stage.stamps.lives()).toHaveLength(2);
        expect((await ask('status', '-o', 'json')).stdout).toMatch(/"paused":\{"until":null,"reason":"move, by /);
        expect(await ask('resume')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^resumed /) as string });
        await until('the next command', async () => (await stage.stamps.lives()).length === 3);
        expect([alice, bob].flatMap((run) => run.all('lost'))).toEqual([]);
      },
      { rules: [everything] },
    );
  });

  test('a pause by another user with the right to patch alone stops the command, and three replicas wait', async () => {
    await staged(client, async (stage) => {
      await client.allow('bob', stage.namespace, [{ ...leases, verbs: ['get', 'patch'] }]);
      const annotate = async (text: string | null): Promise<void> => {
        const patch = { metadata: { annotations: { 'leader-run/pause': text } } };
        expect((await client.request('bob', 'PATCH', stage.lease.path, patch, merge)).status).toBe(200);
      };
      const first = await stage.start('m0', { timing: calm });
      await stage.stamps.started('m0');
      const others = [await stage.start('m1', { timing: calm }), await stage.start('m2', { timing: calm })];
      for (const each of others) await each.event('standing-by');
      await annotate('move');
      const answeredAt = Date.now();
      const all = [first, ...others];
      for (const each of all) await each.event('paused');
      const { lastSeen } = await stage.stamps.started('m0');
      figures.push(`a pause stops the command ${lastSeen - answeredAt} ms after its answer`);
      const late = await stage.start('late', { flags: waits });
      expect((await late.end()).status).toBe(124);
      expect(await stage.stamps.lives()).toHaveLength(1);
      await annotate(null);
      await until('the next command', async () => (await stage.stamps.lives()).length === 2);
      for (const each of all) expect(each.all('paused')).toHaveLength(1);
    });
  });

  test('a Lease that is made with a pause keeps even the first candidate away', async () => {
    await staged(client, async (stage) => {
      const collection = stage.lease.path.replace(/\/[^/]*$/, '');
      const metadata = { name: lockName, annotations: { 'leader-run/pause': ' before the roll-out' } };
      expect((await client.admin('POST', collection, { metadata, spec: {} })).status).toBe(201);
      const alice = await stage.start('alice', { timing: calm });
      expect(await alice.event('paused')).toMatchObject({ reason: 'before the roll-out' });
      const late = await stage.start('late', { flags: waits });
      expect((await late.end()).status).toBe(124);
      expect(await asker(client, stage)('resume')).toMatchObject({ status: 0 });
      await stage.stamps.started('alice');
    });
  });

  test('a user that may look and not write gets one sentence, and asks nothing', async () => {
    await staged(client, async (stage) => {
      await client.allow('carol', stage.namespace, [{ ...leases, verbs: ['get', 'watch'] }]);
      await stage.start('alice', { timing: calm });
      await stage.stamps.started('alice');
      const ask = asker(client, stage, [], 'carol');
      for (const verb of ['step-down', 'pause']) {
        const { status, stdout, stderr } = await ask(verb);
        expect([verb, status, stdout]).toEqual([verb, 125, '']);
        expect(stderr).toMatch(/^leader-run: [^\n]*\bupdate\b[^\n]*\n$/);
      }
      expect(Object.keys((await stage.lease.read())?.metadata?.annotations ?? {})).not.toContain('leader-run/pause');
    });
  });

  test('a user that may not watch follows by looking', async () => {
    await staged(client, async (stage) => {
      await client.allow('dave', stage.namespace, [{ ...leases, verbs: ['get', 'update'] }]);
      await stage.start('alice', { timing: calm });
      await stage.stamps.started('alice');
      const bob = await stage.start('bob', { timing: calm });
      await bob.event('standing-by');
      const { status, stdout, stderr } = await asker(client, stage, [], 'dave')('step-down');
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toContain('bob leads, ');
    });
  });
});

onServers('steering beside client-go', ({ client }) => {
  let binary: string;
  beforeAll(async () => {
    binary = await clientGoElector();
  }, 600_000);

  test('does not wait for a holder of client-go, and a pause keeps leader-run alone away', async () => {
    await staged(
      client,
      async (stage) => {
        const ask = asker(client, stage);
        // It leaves its signature, which client-go keeps.
        const before = await stage.start('before', { runMs: 50 });
        expect((await before.end()).status).toBe(0);
        const other = await stage.startClientGo('go', binary);
        await stage.stamps.started('go');
        const alice = await stage.start('alice', { timing: calm });
        await alice.event('standing-by', { fits: ({ leader, foreign }) => leader === 'go' && foreign === true });
        expect(await ask('step-down')).toMatchObject({
          ...{ status: 1, stdout: '' },
          stderr: `leader-run: ${stage.namespace}/job is held by go, which is not a leader-run and obeys no request: end it in its own way\n`,
        });
        expect(await ask('pause')).toMatchObject({
          ...{ status: 1, stdout: `paused ${stage.namespace}/job until leader-run resume\n` },
          stderr:
            'leader-run: go holds it, is not a leader-run and does not stop: end it in its own way; leader-run will not take the lock\n',
        });
        await alice.event('paused');
        other.signal('SIGTERM');
        await other.end();
        const late = await stage.start('late', { flags: ['--wait', `${3 * short.leaseMs}ms`] });
        expect((await late.end()).status).toBe(124);
        expect(alice.all('elected')).toEqual([]);
        expect(await ask('resume')).toMatchObject({ status: 0 });
        await stage.stamps.started('alice');
      },
      { rules: [leaseRule, { ...leases, verbs: ['patch', 'list'] }] },
    );
  });
});

/** Runs a verb as an operator. */
function asker(client: ServersClient, stage: Stage, flags: readonly string[] = [], user: User = 'worker') {
  return async (verb: string, ...words: string[]) => {
    const config = await stage.file(`${user}.operator`, client.kubeconfig({ user, namespace: stage.namespace }));
    const its = [verb, ...words, '--lock', `${stage.namespace}/${lockName}`, '--kubeconfig', config, ...flags];
    const env = { PATH: process.env['PATH'], HOME: stage.folder };
    const run = new Run({ name: verb, words: [process.execPath, leaderRun, ...its], env });
    const { status } = await run.end(90_000);
    return { status, stdout: run.stdout, stderr: run.stderr };
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Infinity;
}

function summary(values: readonly number[]): string {
  return `a median of ${median(values)} ms, at most ${Math.max(...values)} ms of ${values.length}`;
}
