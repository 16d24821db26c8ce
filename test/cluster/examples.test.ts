// The Kubernetes examples on a real API server: each object is one that it takes, with no field that it does not know,
// and the rights that the example gives are enough to lead, and no more than are used.
// Decides only what is put in their place: a namespace of the test's own and a user for the service account.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { loadAll } from 'js-yaml';
import { expect, test } from 'vitest';
import type { LogEvent } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { staged } from '../helpers/stage.ts';
import type { KubeObject, PolicyRule } from '../helpers/servers-client.ts';

const folder = path.join(import.meta.dirname, '../../examples/kubernetes');
const files = readdirSync(folder);

interface Manifest extends KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly rules?: readonly PolicyRule[];
}

const manifests = (file: string): Manifest[] => loadAll(readFileSync(path.join(folder, file), 'utf8')) as Manifest[];

const rules = manifests('rbac.yaml').flatMap((manifest) => manifest.rules ?? []);
/** The service account's part is played by a user. */
const start = { lock: 'reports', user: 'worker' } as const;

onServers('the example', ({ client }) => {
  test.each(files)('%s is taken by the server, every field of it', async (file) => {
    expect(manifests(file).length).toBeGreaterThan(0);
    for (const manifest of manifests(file)) {
      const { status, text } = await client.admin('POST', `${collectionOf(manifest)}?dryRun=All&fieldValidation=Strict`, manifest);
      expect([status, status === 201 ? '' : text]).toEqual([201, '']);
    }
  });

  test('is refused when a field of it is misspelt, so that the test above means something', async () => {
    const [deployment] = manifests('deployment.yaml');
    if (deployment === undefined) throw new Error('deployment.yaml is empty');
    const misspelt = { ...deployment, spec: { ...deployment.spec, replica: 2 } };
    const { status } = await client.admin('POST', `${collectionOf(deployment)}?dryRun=All&fieldValidation=Strict`, misspelt);
    expect(status).toBe(400);
  });

  test('deployment.yaml makes pods that a namespace of the level "restricted" takes', async () => {
    const metadata = { name: 'restricted', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } };
    expect((await client.admin('POST', '/api/v1/namespaces', { metadata })).status).toBe(201);
    const [deployment] = manifests('deployment.yaml') as unknown as { spec: { template: { spec: object } } }[];
    const post = async (more: object): Promise<number> => {
      const spec = { ...deployment?.spec.template.spec, ...more };
      const pod = { metadata: { name: 'reports' }, spec };
      return (await client.admin('POST', '/api/v1/namespaces/restricted/pods?dryRun=All', pod)).status;
    };
    const careless = { containers: [{ name: 'reports', image: 'reports:0.1.0' }] };
    expect([await post({}), await post(careless)]).toEqual([201, 403]);
  });

  test('names locks and service accounts for which an example has the rights', () => {
    const all = files.flatMap(manifests);
    const text = JSON.stringify(all);
    const allowed = all.flatMap(({ rules }) => rules ?? []).flatMap(({ resourceNames }) => resourceNames ?? []);
    const locks = [...text.matchAll(/"--lock(?:","|=)(?:\w+\/)?([\w-]+)"/g)].map(([, name]) => name);
    expect(new Set(locks)).toEqual(new Set(allowed));
    expect(locks).toHaveLength(5);
    const accounts = new Set([...text.matchAll(/"serviceAccountName":"([^"]+)"/g)].map(([, name]) => name));
    const made = all.filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata }) => metadata.name);
    expect(accounts).toEqual(new Set(made));
    expect(all.map(({ kind }) => kind)).not.toContain('Lease');
  });

  test.each(['cronjob.yaml', 'cronjob-two-clusters.yaml', 'migrate.yaml'])(
    '%s runs its command once, started in three places at one moment, and all of them succeed',
    async (file) => {
      const args = argsIn(manifests(file));
      const flags = args.slice(0, args.indexOf('--')).filter((flag) => !/^--(?:lock|kubeconfig)=/.test(flag));
      const lock = args.find((flag) => flag.startsWith('--lock='))?.replace(/.*[=/]/, '') ?? '';
      const its = manifests(file).flatMap((manifest) => manifest.rules ?? []);
      await staged(client, async ({ start: run, folder: where }) => {
        const starts = path.join(where, 'starts');
        const command = ['sh', '-c', `echo "$LEADER_RUN_KEY" >> ${starts}; sleep 0.1`];
        const places = await Promise.all(['a', 'b', 'c'].map((name) => run(name, { lock, flags, command, timing: [] })));
        const ends = await Promise.all(places.map((place) => place.end(60_000)));
        expect(ends.map(({ status }) => status)).toEqual([0, 0, 0]);
        expect(readFileSync(starts, 'utf8').trim().split('\n')).toHaveLength(1);
      }, { rules: its.length > 0 ? its : rules });
    },
  );

  test('gives the rights to lead, to stand by and to take over', async () => {
    await staged(client, async ({ start: run }) => {
      const alice = await run('alice', { ...start, command: ['sleep', '60'] });
      await alice.event('elected');
      const bob = await run('bob', { ...start, command: ['true'] });
      await bob.event('standing-by');
      alice.signal('SIGTERM');
      await alice.end();
      await bob.event('elected');
      expect(await bob.end()).toMatchObject({ status: 0 });
      const complaints = [...alice.events, ...bob.events].filter(({ level }) => level === 'warn' || level === 'error');
      // A server that is slow for a moment says nothing of rights.
      const isSlow = ({ trouble }: LogEvent) => (trouble as { cause?: string } | undefined)?.cause === 'timeout';
      expect(complaints.filter((line) => !isSlow(line))).toEqual([]);
    }, { rules });
  });

  const [leases] = rules.filter((rule) => rule.resources.includes('leases'));
  const verbs = leases?.verbs ?? [];
  test.each(verbs)('gives no right in vain: without %s a candidate says what is missing', async (verb) => {
    const less = rules.map((rule) =>
      rule === leases ? { ...rule, verbs: rule.verbs.filter((each) => each !== verb) } : rule,
    );
    await staged(client, async ({ start: run }) => {
      const carol = await run('carol', { ...start, command: ['sleep', '60'] });
      const complaint = await carol.event(verb === 'watch' ? 'watch-down' : 'exit');
      expect(complaint.message).toContain(`resourceNames: [reports], verbs: [${verbs.join(', ')}]`);
      if (verb === 'watch') {
        await carol.event('command-started');
        carol.signal('SIGTERM');
      }
      const { status, signal } = await carol.end();
      expect(status ?? signal).toBe(verb === 'watch' ? 'SIGTERM' : 125);
    }, { rules: less });
  });
}, { inTurn: true });

/** Of the first container that runs leader-run. */
function argsIn(all: readonly Manifest[]): string[] {
  const [text = '[]'] = /\["--(?:lock|kubeconfig)=[^\]]*\]/.exec(JSON.stringify(all)) ?? [];
  return JSON.parse(text) as string[];
}

function collectionOf({ apiVersion, kind, metadata }: Manifest): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${group}/namespaces/${metadata.namespace}/${kind.toLowerCase()}s`;
}
