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

  test('names one lock and one service account in all its files', () => {
    const all = files.flatMap(manifests);
    const text = JSON.stringify(all);
    const [rule] = all.flatMap(({ rules }) => rules ?? []);
    expect(rule?.resourceNames).toEqual(['reports']);
    expect(text.match(/"--lock","reports"|"--lock=reports"/g)).toHaveLength(2);
    const accounts = new Set([...text.matchAll(/"serviceAccountName":"([^"]+)"/g)].map(([, name]) => name));
    expect([...accounts]).toEqual(all.filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata }) => metadata.name));
    expect(all.map(({ kind }) => kind)).not.toContain('Lease');
  });

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

function collectionOf({ apiVersion, kind, metadata }: Manifest): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${group}/namespaces/${metadata.namespace}/${kind.toLowerCase()}s`;
}
