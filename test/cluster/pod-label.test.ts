// The label of the leader's pod on a real API server, with the rights of the example: who carries it, from when to
// when, and what becomes of it when a leader dies. Pods are objects here, without a kubelet that runs them.
// To check: labels are read from the server, as a Service's endpoints are.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { loadAll } from 'js-yaml';
import { expect, test } from 'vitest';
import type { Run } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { leaseRule, type Stage, staged, type StartOptions } from '../helpers/stage.ts';
import type { PolicyRule } from '../helpers/servers-client.ts';
import { until } from '../helpers/wait.ts';

const example = path.join(import.meta.dirname, '../../examples/kubernetes/leader-service.yaml');
const manifests = loadAll(readFileSync(example, 'utf8')) as { rules?: PolicyRule[] }[];
const podRules = manifests.flatMap((manifest) => manifest.rules ?? []);
const events: PolicyRule = { apiGroups: [''], resources: ['events'], verbs: ['create'] };
const rules = [leaseRule, events, ...podRules];

onServers('the label of the pod', ({ client, figures }) => {
  /** A pod as its manifest made it, and a candidate that takes itself for one in it. */
  async function inPod({ start, namespace }: Stage, name: string, options: StartOptions): Promise<Run> {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'reports' } },
      spec: { containers: [{ name: 'main', image: 'none' }] },
    };
    const { status, text } = await client.admin('POST', `/api/v1/namespaces/${namespace}/pods`, pod);
    if (status !== 201 && status !== 409) throw new Error(`no pod: ${text}`);
    const env = { POD_NAME: name, POD_NAMESPACE: namespace };
    return await start(name, { env, flags: ['--label-pod', 'role=leader'], ...options });
  }

  async function labelled({ namespace }: Stage): Promise<string[]> {
    const { body } = await client.admin('GET', `/api/v1/namespaces/${namespace}/pods?labelSelector=role%3Dleader`);
    return (body.items ?? []).flatMap(({ metadata }) => metadata?.name ?? []).sort();
  }

  async function isOn(stage: Stage, ...names: readonly string[]): Promise<void> {
    const is = async (): Promise<boolean> => (await labelled(stage)).join() === names.join();
    await until(`the label on ${names.join() || 'no pod'}`, is, undefined, stage.report);
  }

  test('is on the leader alone, is off while the command drains, and then on the next leader', async () => {
    await staged(client, async (stage) => {
      const drain = `echo told >> ${stage.folder}/told; sleep 1000 & wait`;
      const drains = ['sh', '-c', `trap '${drain}' TERM; sleep 1000 & wait`];
      const alice = await inPod(stage, 'alice', { command: drains });
      const { at } = await alice.event('elected');
      await isOn(stage, 'alice');
      figures.push(`label on after ${Date.now() - at} ms`);
      const bob = await inPod(stage, 'bob', { command: ['sleep', '1000'] });
      await bob.event('standing-by');
      alice.signal('SIGTERM');
      await isOn(stage);
      await until('the command to be told', () => existsSync(`${stage.folder}/told`), undefined, stage.report);
      expect(alice.all('command-ended')).toEqual([]);
      alice.signal('SIGKILL');
      await bob.event('elected');
      await isOn(stage, 'bob');
      bob.signal('SIGTERM');
      await bob.end();
      await isOn(stage);
      expect([...alice.all('note'), ...bob.all('note')].filter(({ level }) => level === 'warn')).toEqual([]);
    }, { rules, unjudged: true });
  });

  test('of a leader that was killed is taken off by the next one, with the annotation', async () => {
    await staged(client, async (stage) => {
      const alice = await inPod(stage, 'alice', { command: ['sleep', '1000'] });
      await isOn(stage, 'alice');
      const bob = await inPod(stage, 'bob', { command: ['sleep', '1000'] });
      await bob.event('standing-by');
      alice.signal('SIGKILL');
      await bob.event('elected');
      await isOn(stage, 'bob');
      const { body } = await client.admin('GET', `/api/v1/namespaces/${stage.namespace}/pods/alice`);
      expect(body.metadata?.labels).toEqual({ app: 'reports' });
      expect(body.metadata?.annotations?.['role']).toBeUndefined();
    }, { rules });
  });

  test('that a killed run has left is taken off by the next run in its pod, though another leads', async () => {
    await staged(client, async (stage) => {
      const alice = await inPod(stage, 'alice', { command: ['sleep', '1000'] });
      await isOn(stage, 'alice');
      // Leads without a label of its own, as one without the option does.
      const bob = await inPod(stage, 'bob', { command: ['sleep', '1000'], flags: [] });
      await bob.event('standing-by');
      alice.signal('SIGKILL');
      await bob.event('elected');
      expect(await labelled(stage)).toEqual(['alice']);
      const again = await inPod(stage, 'alice', { command: ['sleep', '1000'] });
      await again.event('standing-by');
      await isOn(stage);
    }, { rules });
  });

  test('that may not be put is one warning that names the rule, and the candidate leads', async () => {
    await staged(client, async (stage) => {
      const alice = await inPod(stage, 'alice', { command: ['sleep', '1000'] });
      const { message } = await alice.event('note', { fits: ({ level }) => level === 'warn' });
      const rule = 'allow {apiGroups: [""], resources: [pods], verbs: [get, list, patch]}';
      expect(message).toContain(`the verb get on pods is missing: ${rule} in a Role of namespace ${stage.namespace}`);
      await alice.event('renewed', { from: alice.events.length });
      alice.signal('SIGTERM');
      await alice.end();
      expect(alice.all('note').filter(({ level }) => level === 'warn')).toHaveLength(1);
    }, { rules: [leaseRule, events] });
  });

  test('outside of a pod is refused in one sentence with 125', async () => {
    await staged(client, async (stage) => {
      const alice = await stage.start('alice', { flags: ['--label-pod', 'role=leader'], command: ['true'] });
      expect(await alice.end()).toMatchObject({ status: 125 });
      const { message } = await alice.event('exit');
      expect(message).toContain('--label-pod: this is not a pod, or it lacks POD_NAMESPACE');
      expect(alice.all('elected')).toEqual([]);
    }, { rules });
  });
});
