// What leader-run manifest prints, on a real API server: kubectl reads it as it was meant and applies it twice, the
// restricted pod security level takes its pods, and leader-run, started with the container's arguments as the service
// account of the manifest, leads with no complaint. Each right of the Role is taken away in turn.
// To check: a token of the service account is all that the started leader-run has.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KubeObject } from '../../src/commands/manifest-objects.ts';
import { manifest } from '../../src/commands/manifest.ts';
import { ToolMissing } from '../helpers/go-tool.ts';
import { asKubelet } from '../helpers/kubelet.ts';
import { type Kubectl, longestBuildMs, openKubectl } from '../helpers/kubectl.ts';
import { leaderRun, type LogEvent, type Run } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import type { PolicyRule } from '../helpers/servers-client.ts';
import { type Stage, staged } from '../helpers/stage.ts';
import { verbContext } from '../helpers/verb-context.ts';
import { until } from '../helpers/wait.ts';

interface Template {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly serviceAccountName: string;
    readonly containers: readonly [{ readonly args: readonly string[]; readonly [field: string]: unknown }];
    readonly [field: string]: unknown;
  };
}

const image = ['--image', 'registry.example.com/app:1.4'];
const stays = ['--', 'sleep', '1000'];
const ends = ['--', 'true'];

interface Wish {
  readonly name: string;
  readonly options: readonly string[];
  readonly command?: readonly string[];
}

const wishes: readonly Wish[] = [
  { name: 'a Deployment', options: [] },
  { name: 'a schedule', options: ['--schedule', '0 3 * * *', '--timezone', 'Europe/Berlin'] },
  { name: 'a CronJob', options: ['--once-per-tick', '0 3 * * *', '--attempts', '3', '--try'], command: ends },
  { name: 'one replica without Events', options: ['--replicas', '1', '--no-events'] },
  { name: 'a labelled pod', options: ['--label-pod', 'role=leader', '--identity', '$(POD_NAME)'] },
  { name: 'a coordinated lock', options: ['--coordinated', '--binary-version', '1.4.0'] },
  { name: 'Endpoints', options: ['--lock-kind', 'endpoints'] },
  { name: 'ConfigMaps', options: ['--lock-kind', 'configmaps'] },
  { name: 'a pair', options: ['--lock-kind', 'configmapsleases'] },
];

async function printed(...words: readonly string[]): Promise<string> {
  const answer = await manifest({ words, ...verbContext({ env: {} }) });
  if (answer.kind !== 'answered') throw new Error(JSON.stringify(answer));
  return answer.text;
}

async function objectsOf(...words: readonly string[]): Promise<KubeObject[]> {
  return (JSON.parse(await printed('-o', 'json', ...words)) as { items: KubeObject[] }).items;
}

function templateOf(objects: readonly KubeObject[]): Template {
  const spec = objects.at(-1)?.['spec'] as { jobTemplate?: { spec: { template: Template } }; template: Template };
  return (spec.jobTemplate?.spec ?? spec).template;
}

function rulesOf(objects: readonly KubeObject[]): readonly PolicyRule[] {
  return (objects.find(({ kind }) => kind === 'Role')?.['rules'] ?? []) as readonly PolicyRule[];
}

let kubectl: Kubectl | undefined;
/** Undefined: it is there. */
let lacking: string | undefined;

onServers('leader-run manifest', ({ client }) => {
  beforeAll(async () => {
    try {
      kubectl = await openKubectl(client.kubeconfig({ user: 'admin' }));
    } catch (error) {
      const { CI: ci = '' } = process.env;
      if (!(error instanceof ToolMissing) || (ci !== '' && ci !== 'false')) throw error;
      lacking = error.message;
    }
  }, longestBuildMs);
  afterAll(async () => {
    await kubectl?.close();
  });

  function theKubectl(skip: (why: string) => never): Kubectl {
    return kubectl ?? skip(lacking ?? 'no kubectl');
  }

  test('prints what the documents show, and kubectl takes it', async ({ skip }) => {
    const its = theKubectl(skip);
    const page = readFileSync(path.join(import.meta.dirname, '../../docs/kubernetes.md'), 'utf8');
    const section = /^## A manifest[^]*?(?=^## )/m.exec(page)?.[0] ?? '';
    const turns = [...section.matchAll(/^```\n\$ ([^]*?[^\\])\n([^]*?)^```$/gm)];
    expect(turns).toHaveLength(2);
    // Other documents use the name too.
    const { status: made } = await client.admin('POST', '/api/v1/namespaces', { metadata: { name: 'ops' } });
    expect([201, 409]).toContain(made);
    for (const [, line = '', output] of turns) {
      const { status, stdout, stderr } = await its.shell(line, leaderRun);
      expect([line, status, stdout, stderr]).toEqual([line, 0, output, '']);
    }
  });

  test('is read by kubectl as it was meant, whatever the words look like to YAML 1.1', async ({ skip }) => {
    const its = theKubectl(skip);
    const scalars = [
      ...['on', 'No', 'y', '~', 'null', '1e3', '1E3', '0o17', '017', '08', '0x1F', '0b1', '1_000', '1:30', '1:30:00', '.5', '+1'],
      ...['.inf', '.NaN', '2026-11-26', '2026-11-26T03:00:00Z', '=', '<<', '0 3 * * *', 'true', '- a', 'a: b', 'a #b', '&a'],
      ...['*a', '!a', '!!str a', '%a', '@a', '`a`', '|', '>-', '---', '...', '?', ':', '{}', '[]', "it's", '"', '\\', '\t', ' a '],
      ...['\n', 'a\n', '\na', '  a\n b\n', 'a\n\n\nb', ' \n', 'a\t\nb', '\r\n', '\u0001', '\u0085', '\u2028', '\ufeff', '\u00a0', 'é', '😀', ''],
      ...['$', '$$', '$(date)', 'x'.repeat(500), 'a b '.repeat(100)],
    ];
    const joined = fc.array(fc.constantFrom(...scalars)).map((all) => all.join(''));
    const word = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), joined);
    const random = fc.sample(word, 1500);
    const words = ['--lock', 'ops/nightly', ...image, '--', 'job', ...scalars, ...random];
    const { status, stdout, stderr } = await its.run(['create', '--dry-run=client', '-o', 'json', '-f', '-'], await printed(...words));
    expect([status, stderr]).toEqual([0, '']);
    const items = stdout.split(/(?<=^\}\n)/m).map((text) => JSON.parse(text) as KubeObject);
    const { args } = templateOf(items).spec.containers[0];
    expect(args.slice(2).map((arg) => asKubelet(arg, {}))).toEqual(['job', ...scalars, ...random]);
    const expected = await objectsOf(...words);
    const essence = ({ kind, ...rest }: KubeObject) => ({ kind, spec: rest['spec'], rules: rest['rules'] });
    expect(items.map(essence)).toEqual(expected.map(essence));
  });

  test.for(['on', '123', '1e3', 'a.b-c.d', 'a'.repeat(52)])('has names that the server takes: %s', async (name, { skip }) => {
    const its = theKubectl(skip);
    await staged(client, async ({ namespace }) => {
      for (const options of [[], ['--once-per-tick', '0 3 * * *']]) {
        const text = await printed('--lock', `${namespace}/${name}`, ...image, ...options, ...stays);
        const { status, stderr } = await its.run(['apply', '-f', '-'], text);
        // Kubernetes recommends names without dots for what makes pods.
        expect([status, name.includes('.') ? '' : stderr]).toEqual([0, '']);
      }
    }, { rules: [] });
  });

  test.for(wishes)('is applied twice, and a leader-run with its arguments and its account leads: $name', async ({ options, command = stays }, { skip }) => {
    const its = theKubectl(skip);
    await staged(client, async (stage) => {
      const words = ['--lock', `${stage.namespace}/nightly`, ...image, ...options, ...command];
      const text = await printed(...words);
      expect(await its.run(['apply', '-f', '-'], text)).toMatchObject({ status: 0, stderr: '' });
      const before = await versions(its, text);
      expect(await its.run(['apply', '-f', '-'], text)).toMatchObject({ status: 0, stderr: '' });
      expect(await versions(its, text)).toEqual(before);

      const objects = await objectsOf(...words);
      await untilAllowed(stage, rulesOf(objects));
      const run = await inPod(stage, 'pod-1', templateOf(objects), await tokenOf(stage));
      expect((await run.event('started'))['lock']).toContain(`${stage.namespace}/nightly`);
      await run.event(options.includes('--schedule') ? 'waiting' : 'command-started', { withinMs: 60_000 });
      if (options.includes('--label-pod')) await untilLabelled(stage, 'pod-1');
      if (command === stays) run.signal('SIGTERM');
      await run.end(60_000);
      expect(complaints(run)).toEqual([]);
      if (!options.includes('--no-events')) await untilTold(stage);
    }, { rules: [], shape: 'pod' });
  });

  const rights = ['a Deployment', 'a labelled pod', 'a coordinated lock', 'Endpoints', 'a pair'].flatMap((name) => {
    const { options = [] } = wishes.find((wish) => wish.name === name) ?? {};
    return { name, options };
  });
  test.for(rights)('gives no right in vain: without it a candidate says what is missing: $name', { timeout: 300_000 }, async ({ options }) => {
    const objects = await objectsOf('--lock', 'x/nightly', ...image, ...options, ...stays);
    const rules = rulesOf(objects);
    const all = rules.flatMap((rule) => rule.verbs.map((verb) => ({ rule, verb })));
    // A Lease that the server assigns is made again by whichever is quicker after a deletion, mostly by the server.
    const isRace = options.includes('--coordinated');
    const each = all.filter(({ rule, verb }) => !(isRace && verb === 'create' && rule.resources.includes('leases')));
    expect(each.length).toBeGreaterThan(4);
    for (const { rule, verb } of each) {
      const less = rules.flatMap((its) => {
        const verbs = its === rule ? its.verbs.filter((one) => one !== verb) : its.verbs;
        return verbs.length === 0 ? [] : [{ ...its, verbs }];
      });
      await staged(client, async (stage) => {
        const its = templateOf(await objectsOf('--lock', `${stage.namespace}/nightly`, ...image, ...options, ...stays));
        const run = await inPod(stage, 'pod-1', its, client.tokens.worker);
        const provoked = verb === 'update' && rule.resources.includes('leasecandidates') ? ping(stage, run) : undefined;
        const wanted = `the verb ${verb} on ${rule.resources[0] ?? ''} is missing`;
        const isSaid = (): boolean => complaints(run).some(({ message }) => message.includes(wanted));
        await until(wanted, isSaid, 60_000, stage.report);
        await provoked;
      }, { rules: less, shape: 'pod' });
    }
  });

  test.for(wishes)('makes pods that the restricted pod security level takes: $name', async ({ options }) => {
    await staged(client, async ({ namespace }) => {
      const path = `/api/v1/namespaces/${namespace}`;
      const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
      const patched = await client.admin('PATCH', path, { metadata: { labels } }, { 'content-type': 'application/merge-patch+json' });
      expect(patched.status).toBe(200);
      const template = templateOf(await objectsOf('--lock', `${namespace}/nightly`, ...image, ...options, ...stays));
      const made = await client.admin('POST', `${path}/pods?fieldValidation=Strict`, podOf('good', template));
      expect([made.status, made.status === 201 ? '' : made.text]).toEqual([201, '']);
      // Or the level would not be in force.
      const { securityContext: _, ...spec } = template.spec;
      const refused = await client.admin('POST', `${path}/pods`, podOf('bad', { ...template, spec: spec }));
      expect([refused.status, refused.body.message]).toEqual([403, expect.stringContaining('violates PodSecurity "restricted')]);
    }, { rules: [] });
  });

  function podOf(name: string, { metadata, spec }: Template) {
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec };
  }

  /** The arguments as the kubelet would hand them on, in a pod's shape, and the pod as an object of the server's. */
  async function inPod(stage: Stage, name: string, template: Template, token: string): Promise<Run> {
    const { namespace } = stage;
    const { status, text } = await client.admin('POST', `/api/v1/namespaces/${namespace}/pods`, podOf(name, template));
    if (status !== 201) throw new Error(`no pod: ${text}`);
    const env = { POD_NAME: name, POD_NAMESPACE: namespace };
    const args = template.spec.containers[0].args.map((arg) => asKubelet(arg, env));
    const config = client.kubeconfig({ user: 'worker', namespace }).replace(/token: .*/, `token: ${token}`);
    return await stage.start(name, { args, env, kubeconfig: await stage.file(`${name}.config`, config) });
  }

  async function tokenOf({ namespace }: Stage): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/nightly/token`;
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
    const { status, body, text } = await client.admin('POST', path, request);
    if (status !== 201) throw new Error(`no token: ${text}`);
    return (body.status as { readonly token: string }).token;
  }

  /** The server asks the holder of an assigned Lease whether it lives. */
  async function ping({ namespace }: Stage, run: Run): Promise<void> {
    await run.event('command-started', { withinMs: 60_000 });
    const path = `/apis/coordination.k8s.io/v1beta1/namespaces/${namespace}/leasecandidates`;
    const { body } = await client.admin('GET', path);
    const pingTime = new Date(Date.now() + 60_000).toISOString().replace('Z', '000Z');
    for (const { metadata } of body.items ?? []) {
      const patch = { spec: { pingTime } };
      await client.admin('PATCH', `${path}/${metadata?.name ?? ''}`, patch, { 'content-type': 'application/merge-patch+json' });
    }
  }

  /** The authorizer reads Roles through a cache. */
  async function untilAllowed({ namespace }: Stage, rules: readonly PolicyRule[]): Promise<void> {
    const user = `system:serviceaccount:${namespace}:nightly`;
    for (const { apiGroups, resources, resourceNames, verbs } of rules) {
      const [group, resource, name, verb] = [apiGroups[0], resources[0], resourceNames?.[0], verbs[0]];
      const spec = { user, resourceAttributes: { namespace, group, resource, name, verb } };
      await until(`${verb ?? ''} ${resource ?? ''} to be allowed`, async () => {
        const { body } = await client.admin('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec });
        return (body.status as { readonly allowed?: boolean } | undefined)?.allowed === true;
      });
    }
  }

  async function untilLabelled({ namespace }: Stage, name: string): Promise<void> {
    await until('the label', async () => {
      const { body } = await client.admin('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
      return body.metadata?.labels?.['role'] === 'leader';
    });
  }

  async function untilTold({ namespace }: Stage): Promise<void> {
    await until('an Event', async () => {
      const { body } = await client.admin('GET', `/api/v1/namespaces/${namespace}/events`);
      return (body.items ?? []).length > 0;
    });
  }
});

/** An object that is written anew has another one, also if nothing in it has changed. */
async function versions(its: Kubectl, text: string): Promise<string[]> {
  const { stdout } = await its.run(['get', '-o', 'json', '-f', '-'], text);
  const { items } = JSON.parse(stdout) as { items: { kind: string; metadata: { resourceVersion: string } }[] };
  return items.map(({ kind, metadata }) => `${kind} ${metadata.resourceVersion}`);
}

/** A server that is slow for a moment says nothing of rights, nor does one that warns of Endpoints' old age. */
function complaints(run: Run): LogEvent[] {
  const isSlow = ({ trouble }: LogEvent): boolean => (trouble as { cause?: string } | undefined)?.cause === 'timeout';
  const isOfServer = ({ message }: LogEvent): boolean => message.includes('Endpoints is deprecated');
  return run.events.filter((it) => ['warn', 'error'].includes(it.level) && !isSlow(it) && !isOfServer(it));
}
