// doctor on a real API server: each right that is missing is told with the rule that allows it, which a Role is then
// given word for word; namespaces, certificates, servers and holders that are in the way; and that asking leaves
// nothing behind.
// To check: what doctor prints is what the server is asked to grant, and the second run is judged by the server alone.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { examine, type Report } from '../helpers/doctor.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { leaderRun, Run } from '../helpers/leader-run.ts';
import { onOwnServers, onServers } from '../helpers/on-servers.ts';
import { makeCertificates } from '../helpers/certificates.ts';
import type { PolicyRule, ServersClient } from '../helpers/servers-client.ts';
import { leaseRule, type Stage, staged } from '../helpers/stage.ts';
import { lineOf, turnsOf } from '../helpers/transcripts.ts';

const named = (resource: string, apiGroup: string) => (verb: string): PolicyRule => {
  return { apiGroups: [apiGroup], resources: [resource], resourceNames: ['job'], verbs: [verb] };
};
const unnamed = (resource: string, apiGroup: string) => (verb: string): PolicyRule => {
  return { apiGroups: [apiGroup], resources: [resource], verbs: [verb] };
};
const coordination = 'coordination.k8s.io';
const ofLeases = ['get', 'create', 'update', 'watch'].map(named('leases', coordination));
const annotated = (resource: string) => [
  ...['get', 'update', 'watch'].map(named(resource, '')),
  unnamed(resource, '')('create'),
];
const ofEvents = unnamed('events', '')('create');
const versioned = ['--coordinated', '--binary-version', '1.0.0', '--identity', 'alice'];

/** What each way to run needs, a rule for each right. */
const ways: readonly { readonly flags: readonly string[]; readonly rights: readonly PolicyRule[] }[] = [
  { flags: [], rights: [...ofLeases, ofEvents] },
  { flags: ['--lock-kind', 'configmaps', '--no-events'], rights: annotated('configmaps') },
  { flags: ['--lock-kind', 'endpoints', '--no-events'], rights: annotated('endpoints') },
  { flags: ['--lock-kind', 'endpointsleases', '--no-events'], rights: [...annotated('endpoints'), ...ofLeases] },
  { flags: ['--lock-kind', 'configmapsleases', '--no-events'], rights: [...annotated('configmaps'), ...ofLeases] },
  {
    flags: [...versioned, '--no-events'],
    rights: [...ofLeases, ...['get', 'create', 'update', 'watch'].map(unnamed('leasecandidates', coordination))],
  },
];

onServers('doctor', ({ client }) => {
  const missing = ways.flatMap(({ flags, rights }) =>
    rights.map((right) => {
      const title = `${right.verbs.join()} of ${right.resources.join()} for ${flags.join(' ') || 'a lease'}`;
      return { title, flags, right, others: rights.filter((other) => other !== right) };
    }),
  );

  test.each(missing)('tells the one missing rule, with which it passes: $title', async ({ flags, right, others }) => {
    await staged(client, async (stage) => {
      const before = await examine(client, stage, flags);
      expect(before.failed).toHaveLength(1);
      const rules = rulesIn(before);
      expect(rules).toEqual([right]);
      expect(before.status).toBe(1);
      await client.allow('worker', stage.namespace, rules);
      const after = await examine(client, stage, flags);
      expect([after.status, after.failed, after.of('rehearsal')?.verdict]).toEqual([0, [], 'ok']);
      expect(await leftIn(client, stage)).toEqual([]);
    }, { rules: others });
  });

  test('tells all rules to a user without any, and passes with them', async () => {
    await staged(client, async (stage) => {
      const lock = `${stage.namespace}/2024`;
      const before = await examine(client, stage, [], { lock });
      expect(before.status).toBe(1);
      expect(rulesIn(before)).toEqual([
        { ...leaseRule, resourceNames: ['2024'] },
        ofEvents,
      ]);
      expect(before.of('lock')).toMatchObject({ verdict: 'skip' });
      await client.allow('worker', stage.namespace, rulesIn(before));
      expect(await examine(client, stage, [], { lock })).toMatchObject({ status: 0, failed: [] });
    }, { rules: [] });
  });

  test('tells the server, its version and who we are, and counts as passed what is a warning', async () => {
    await staged(client, async (stage) => {
      const { of, checks, status } = await examine(client, stage, ['--guardian', 'off']);
      expect(of('server')?.text).toMatch(/^https:\/\/127\.0\.0\.1:\d+, Kubernetes 1\.\d+\.\d+.*, HTTP\/2, as worker$/);
      expect(of('round-trip')?.text).toMatch(/^round trip .* \(slowest of 5\); a renewal may take 2\.5 s$/);
      expect(of('clock')).toMatchObject({ verdict: 'ok' });
      expect(of('watch')?.text).toMatch(/^a watch opened after /);
      expect(of('guardian')).toMatchObject({ verdict: 'warn' });
      const sections = checks.map(({ section }) => section).filter((one, i, all) => one !== all[i - 1]);
      expect(sections).toEqual(['cluster', 'rights', 'lock', 'here']);
      expect(status).toBe(0);
    }, { rules: [...ofLeases, ofEvents] });
  });

  test('fails for a namespace that does not exist, and warns of it before a roll-out', async () => {
    await staged(client, async (stage) => {
      const given = { lock: `no-${stage.namespace}/job`, user: 'admin' } as const;
      const now = await examine(client, stage, [], given);
      expect(now.failed.map(({ name, fix }) => [name, fix])).toEqual([['namespace', `kubectl create namespace no-${stage.namespace}`]]);
      const before = await examine(client, stage, ['--pre'], given);
      expect([before.status, before.of('namespace')?.verdict, before.of('guardian')]).toEqual([0, 'warn', undefined]);
      const blind = await examine(client, stage, ['--no-events'], { ...given, user: 'worker' });
      expect([blind.of('namespace')?.verdict, blind.failed.map(({ name }) => name)]).toEqual(['skip', ['lock leases']]);
    });
  });

  test('fails where the server is not trusted, and asks nothing more of it', async () => {
    await staged(client, async (stage) => {
      const config = client.kubeconfig({ user: 'admin' });
      const ca = Buffer.from(makeCertificates().ca).toString('base64');
      const file = await stage.file('distrust', config.replace(/certificate-authority-data: .*/, `certificate-authority-data: ${ca}`));
      const { status, failed, of } = await examine(client, stage, [], { kubeconfig: file });
      expect([status, failed.map(({ name }) => name), of('rights')?.verdict]).toEqual([1, ['server'], 'skip']);
      expect(failed[0]?.text).toContain('check certificate-authority');
    });
  });

  test('fails with credentials that nobody knows, without repeating them', async () => {
    await staged(client, async (stage) => {
      const config = client.kubeconfig({ user: 'worker' }).replace(client.tokens.worker, 'not-a-token');
      const { failed, checks } = await examine(client, stage, [], { kubeconfig: await stage.file('unknown', config) });
      expect(failed.map(({ name }) => name)).toEqual(['server']);
      expect(failed[0]?.text).toContain('the credentials are not accepted');
      expect(JSON.stringify(checks)).not.toContain('not-a-token');
    });
  });

  test('names a holder that is a leader-run, and leaves its term alone', async () => {
    await staged(client, async (stage) => {
      const alice = await stage.start('alice', { timing: ['--lease-duration=15s'] });
      await stage.stamps.started('alice');
      const { status, of } = await examine(client, stage, ['--no-events']);
      expect(of('lock')?.text).toMatch(/: held by alice since ~.*, renewed ~.* ago, lease 15 s, 0 transitions$/);
      expect(of('watch')?.text).toMatch(/^a watch told the lock after /);
      expect([status, of('holder'), of('lease'), of('rehearsal')?.verdict]).toEqual([0, undefined, undefined, 'ok']);
      expect((await examine(client, stage, ['--no-events', '--lease-duration', '6s'])).of('lease')).toMatchObject({
        verdict: 'warn',
        text: "its holder's lease is 15 s, and yours 6 s: after a crash of that holder a candidate waits for the longer one",
      });
      await alice.event('renewed', { from: alice.events.length });
      expect(alice.all('lost')).toEqual([]);
    });
  });

  test('warns of a holder that is another elector, and of a pause', async () => {
    await staged(client, async (stage) => {
      const now = new Date().toISOString().replace('Z', '000Z');
      const times = { acquireTime: now, renewTime: now };
      await stage.lease.create({ holderIdentity: 'go', leaseDurationSeconds: 30, ...times, leaseTransitions: 0 });
      await stage.lease.patch({ metadata: { annotations: { 'leader-run/pause': 'storage migration' } } });
      const { status, of } = await examine(client, stage, ['--no-events']);
      expect(of('holder')?.text).toBe('its holder go is not a leader-run: a candidate waits 14 s longer for it, and it obeys no step-down and no pause');
      expect(of('pause')?.text).toBe('it is paused until leader-run resume (storage migration): no candidate takes it');
      expect([status, of('holder')?.verdict, of('pause')?.verdict]).toEqual([0, 'warn', 'warn']);
      expect(await stage.lease.spec()).toMatchObject({ holderIdentity: 'go', renewTime: now });
    });
  });

  test('compares the grace of its own pod with its own, or names the right for it', async () => {
    await staged(client, async (stage) => {
      const metadata = { name: 'pod-a' };
      const spec = { containers: [{ name: 'main', image: 'none' }], terminationGracePeriodSeconds: 30 };
      const made = await client.admin('POST', `/api/v1/namespaces/${stage.namespace}/pods`, { metadata, spec });
      expect(made.status).toBe(201);
      const env = { POD_NAME: 'pod-a', POD_NAMESPACE: stage.namespace };
      const flags = ['--no-events', '--stop-grace', '45s'];
      const before = await examine(client, stage, flags, { env });
      expect([before.status, before.of('grace')?.verdict]).toEqual([0, 'skip']);
      await client.allow('worker', stage.namespace, load(before.of('grace')?.fix ?? '') as PolicyRule[]);
      const after = await examine(client, stage, flags, { env });
      expect([after.status, after.of('grace')]).toEqual([
        1,
        {
          section: 'here', name: 'grace', verdict: 'fail',
          text: 'terminationGracePeriodSeconds 30, stop grace 45 s: the kubelet kills the command before leader-run may',
          fix: 'set terminationGracePeriodSeconds to 48 or more',
        },
      ]);
      expect((await examine(client, stage, ['--no-events'], { env })).of('grace')).toMatchObject({ verdict: 'ok' });
    });
  });

  test.each([
    { delayMs: 200, verdict: 'ok' },
    { delayMs: 450, verdict: 'fail' },
  ])('measures a way that takes $delayMs ms against a renewal of 375 ms: $verdict', async ({ delayMs, verdict }) => {
    await staged(client, async (stage) => {
      const { hostname: host, port } = new URL(client.url);
      const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
      try {
        proxy.delay(delayMs, 'down');
        const config = client.kubeconfig({ user: 'worker', server: `https://127.0.0.1:${proxy.port}` });
        const kubeconfig = await stage.file('slow', config);
        const timing = verdict === 'ok' ? [] : ['--lease-duration=4s', '--renew-deadline=1500ms', '--retry-period=400ms'];
        const { of, failed } = await examine(client, stage, ['--no-events', ...timing], { kubeconfig });
        expect([of('round-trip')?.verdict, of('clock')?.verdict]).toEqual([verdict, 'ok']);
        expect(failed.map(({ name }) => name)).toEqual(verdict === 'ok' ? [] : ['round-trip']);
      } finally {
        proxy.close();
      }
    });
  });

  test('asks for the rights to label a pod', async () => {
    await staged(client, async (stage) => {
      const env = { POD_NAME: 'pod-a', POD_NAMESPACE: stage.namespace };
      const flags = ['--no-events', '--label-pod', 'role=leader'];
      const before = await examine(client, stage, flags, { env });
      expect(rulesIn(before)).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'patch'] }]);
      await client.allow('worker', stage.namespace, rulesIn(before));
      expect(await examine(client, stage, flags, { env })).toMatchObject({ status: 0, failed: [] });
      const outside = await examine(client, stage, flags);
      expect(outside.failed.map(({ name, text }) => [name, text])).toEqual([
        ['label', '--label-pod: this is not a pod, or it lacks POD_NAMESPACE (from its field metadata.namespace)'],
      ]);
    });
  });
});

onOwnServers('doctor at a server', ({ servers }) => {
  test('prints what docs/doctor.md shows, in the case that it shows', async () => {
    const client = servers();
    const turns = turnsOf('docs/doctor.md').filter(({ line }) => !line.includes('--local'));
    expect(turns).toHaveLength(1);
    await staged(client, async (stage) => {
      await client.createNamespace('ops', { shared: true });
      await client.allow('worker', 'ops', [leaseRule, unnamed('pods', '')('get')]);
      const pod = { metadata: { name: 'pod-b' }, spec: { containers: [{ name: 'main', image: 'none' }] } };
      expect((await client.admin('POST', '/api/v1/namespaces/ops/pods', pod)).status).toBe(201);
      const alice = await stage.start('pod-a_5bf3', { user: 'admin', lock: 'ops/nightly', timing: [] });
      await alice.event('elected');
      const config = await stage.file('config', client.kubeconfig({ user: 'worker' }));
      await writeFile(path.join(stage.folder, 'nightly.sh'), '#!/bin/sh\n', { mode: 0o755 });
      const env = {
        ...{ PATH: process.env['PATH'], KUBECONFIG: config, NODE: process.execPath, PROGRAM: leaderRun },
        ...{ POD_NAME: 'pod-b', POD_NAMESPACE: 'ops' },
      };
      for (const { line, output } of turns) {
        const script = line.replace('leader-run ', '"$NODE" "$PROGRAM" ');
        const run = new Run({ name: 'doctor', words: ['sh', '-c', script], env, cwd: stage.folder });
        expect(await run.end()).toMatchObject({ status: 1 });
        const lines = run.stdout.trimEnd().split('\n').map((each) => each.replace(/\b\d+ transitions$/, '7 transitions'));
        const here = {
          'https://10.0.0.1:443': client.url,
          'Kubernetes 1.35.4': /Kubernetes [\d.]+/.exec(run.stdout)?.[0] ?? '',
          'system:serviceaccount:ops:nightly': 'worker',
        };
        expect(lines).toHaveLength(output.length);
        for (const [i, each] of output.entries()) expect(lines[i]).toMatch(lineOf(each, here));
      }
    });
  });

  test('that is not there fails once, and says so', async () => {
    const client = servers();
    await staged(client, async (stage) => {
      await servers().apiserver.kill();
      const { status, failed, stderr } = await examine(client, stage, []);
      expect([status, failed.map(({ name }) => name), stderr]).toEqual([1, ['server'], '']);
      expect(failed[0]?.text).toContain('ECONNREFUSED');
      await servers().apiserver.restart();
    });
  });

  test('without coordinated elections fails, and says which switch is off', async () => {
    const client = servers();
    await staged(client, async (stage) => {
      const { status, failed } = await examine(client, stage, [...versioned, '--no-events'], { user: 'admin' });
      expect([status, failed.map(({ name }) => name)]).toEqual([1, ['coordination']]);
      expect(failed[0]?.text).toContain('turn on its feature gate CoordinatedLeaderElection and that API');
    });
  });
}, { apiserverFlags: ['--feature-gates=CoordinatedLeaderElection=false', '--runtime-config=coordination.k8s.io/v1beta1=false'] });

/** As they would be pasted into a Role. */
function rulesIn({ failed }: Report): PolicyRule[] {
  return failed.flatMap(({ fix = '' }) => load(fix) as PolicyRule[]);
}

/** All that a doctor could have written. */
async function leftIn(client: ServersClient, { namespace }: Stage): Promise<string[]> {
  const places = [
    ...['v1/leases', 'v1beta1/leasecandidates'].map((place) => `apis/coordination.k8s.io/${place}`),
    ...['v1/configmaps', 'v1/endpoints', 'v1/events'].map((place) => `api/${place}`),
  ];
  const lists = await Promise.all(
    places.map(async (place) => {
      const { status, body } = await client.admin('GET', `/${place.replace(/\/(\w+)$/, `/namespaces/${namespace}/$1`)}`);
      if (status !== 200) throw new Error(`${place} cannot be listed`);
      return body.items ?? [];
    }),
  );
  return lists.flat().map(({ metadata }) => metadata?.name ?? '');
}
