// Admission policies of a cluster, in the shapes in which people meet them: one that refuses what a candidate writes
// (ValidatingAdmissionPolicy, as Kyverno and Gatekeeper do), and one that changes it on its way to the storage
// (MutatingAdmissionPolicy). Both are CEL in a real API server, no webhook.
// To check: nobody leads by a record that was changed, and what was refused or changed is named before a leader dies.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { examine } from '../helpers/doctor.ts';
import { onOwnServers } from '../helpers/on-servers.ts';
import type { Servers } from '../helpers/servers.ts';
import { type Stage, staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';

const admission = '/apis/admissionregistration.k8s.io';
const features = {
  apiserverFlags: [
    '--feature-gates=CoordinatedLeaderElection=true,MutatingAdmissionPolicy=true',
    '--runtime-config=coordination.k8s.io/v1beta1=true,admissionregistration.k8s.io/v1beta1=true',
  ],
};

onOwnServers('with a policy, leader-run', ({ servers, figures }) => {
  /** In force for Leases of the stage's namespace once this resolves. */
  async function install(stage: Stage, spec: { readonly refuse: string } | { readonly change: string }): Promise<void> {
    const client = servers();
    const name = `policy-${randomUUID()}`;
    const [api, kind, kindSpec] =
      'refuse' in spec
        ? ['v1', 'ValidatingAdmissionPolicy', { validations: [{ expression: spec.refuse, message: 'only prod- may lead' }] }]
        : [
            'v1beta1',
            'MutatingAdmissionPolicy',
            {
              reinvocationPolicy: 'Never',
              mutations: [
                spec.change.includes('JSONPatch')
                  ? { patchType: 'JSONPatch', jsonPatch: { expression: spec.change } }
                  : { patchType: 'ApplyConfiguration', applyConfiguration: { expression: spec.change } },
              ],
            },
          ];
    const plural = kind === 'ValidatingAdmissionPolicy' ? 'validatingadmissionpolicies' : 'mutatingadmissionpolicies';
    const rule = { apiGroups: ['coordination.k8s.io'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['leases'] };
    const matchConditions = [{ name: 'here', expression: `request.namespace == '${stage.namespace}'` }];
    const made = await client.admin('POST', `${admission}/${api}/${plural}`, {
      apiVersion: `admissionregistration.k8s.io/${api}`,
      kind,
      metadata: { name },
      spec: { failurePolicy: 'Fail', matchConstraints: { resourceRules: [rule] }, matchConditions, ...kindSpec },
    });
    expect(made.status, made.text).toBe(201);
    const bound = await client.admin('POST', `${admission}/${api}/${plural.replace('policies', 'policybindings')}`, {
      apiVersion: `admissionregistration.k8s.io/${api}`,
      kind: `${kind}Binding`,
      metadata: { name },
      spec: { policyName: name, ...(api === 'v1' && { validationActions: ['Deny'] }) },
    });
    expect(bound.status, bound.text).toBe(201);
    await until('the policy is in force', () => isInForce(client, stage), 30_000);
  }

  /** Whether a rehearsal of somebody's Lease is refused or comes back changed. */
  async function isInForce(client: Servers, { namespace }: Stage): Promise<boolean> {
    const spec = { holderIdentity: 'probe', leaseDurationSeconds: 30 };
    const annotations = { 'leader-run/holder': 'probe' };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'probe', annotations }, spec };
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases?dryRun=All`;
    const { status, body } = await client.admin('POST', path, lease);
    if (status !== 201) return true;
    const { metadata, spec: stored } = body;
    const same = stored?.['leaseDurationSeconds'] === 30 && stored['holderIdentity'] === 'probe';
    return !same || metadata?.annotations?.['leader-run/holder'] !== 'probe';
  }

  const changes = {
    leaseDurationSeconds: 'Object{spec: Object.spec{leaseDurationSeconds: 2}}',
    holderIdentity: "Object{spec: Object.spec{holderIdentity: 'mine-' + object.spec.holderIdentity}}",
    'leader-run/holder': "has(object.metadata.annotations) ? [JSONPatch{op: 'remove', path: '/metadata/annotations'}] : []",
  };

  test('that refuses what it would write: a standby is told of it at once, and ends as for a missing right', async () => {
    await staged(servers(), async (stage) => {
      const prod = await stage.start('prod-1');
      await stage.stamps.started('prod-1');
      await install(stage, { refuse: "object.spec.holderIdentity == '' || object.spec.holderIdentity.startsWith('prod-')" });
      const bob = await stage.start('bob');
      const { message } = await bob.event('trouble');
      expect(message).toContain('could not take over');
      expect(message).toContain('only prod- may lead');
      expect((await bob.end()).status).toBe(125);
      expect(prod.all('lost')).toEqual([]);
    });
  });

  test.each([
    ['refuses', { refuse: "object.spec.holderIdentity == ''" }, 'only prod- may lead'],
    ['changes', { change: changes.leaseDurationSeconds }, 'leaseDurationSeconds is 2'],
  ] as const)('that %s what it would write: doctor fails, though each right is there', async (_, policy, says) => {
    await staged(servers(), async (stage) => {
      await install(stage, policy);
      const { status, failed } = await examine(servers(), stage, ['--no-events']);
      expect([status, failed.map(({ name }) => name)]).toEqual([1, ['rehearsal']]);
      expect(failed[0]?.text).toContain(says);
    });
  });

  test.each(Object.entries(changes))('that changes %s: a candidate says so and ends, without a command', async (field, change) => {
    await staged(servers(), async (stage) => {
      await install(stage, { change });
      const alice = await stage.start('alice');
      const { status } = await alice.end();
      expect(status).toBe(125);
      const { message } = await alice.event('exit');
      expect(message).toContain(field);
      expect(message).toContain('mutating policy');
      expect(await stage.stamps.lives()).toEqual([]);
      figures.push(`policy on ${field}: ${message}`);
    });
  });

  test.each(Object.entries(changes))('that changes %s: a standby is told before its leader dies', async (field, change) => {
    await staged(servers(), async (stage) => {
      // A long lease, so that the leader's next renewal is far away.
      const long = { timing: ['--lease-duration=60s', '--retry-period=20s'] };
      await stage.start('alice', long);
      await stage.stamps.started('alice');
      await install(stage, { change });
      const bob = await stage.start('bob', long);
      const { message } = await bob.event('trouble');
      expect(message).toContain('could not take over');
      expect(message).toContain(field);
    });
  });

  test('that changes renewals of a leader: its command is ended, for the reason that is so', async () => {
    for (const [field, change] of Object.entries(changes)) {
      await staged(servers(), async (stage) => {
        const alice = await stage.start('alice');
        await alice.event('renewed');
        await install(stage, { change });
        const { reason } = await alice.event('lost');
        const { message } = await alice.event('trouble');
        expect(message).toContain(field);
        // A watch that is before the answer shows a record that keeps nobody away, and is believed.
        expect(['altered', 'edited', 'taken']).toContain(reason);
        if (field === 'leader-run/holder') expect(reason).toBe('altered');
      });
    }
  });
}, features);
