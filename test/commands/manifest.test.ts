// The verb that prints what a cluster needs: which objects come of which options, what goes into the container's
// arguments, and how each slip is answered. What a real API server and kubectl make of it is tested in test/cluster.
// To check: the arguments are held against a model of the kubelet, and the YAML against a reader that reads as kubectl.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/cli/config.ts';
import { systemFacts } from '../../src/cli/facts.ts';
import { manifest } from '../../src/commands/manifest.ts';
import { type KubeObject, probesOf } from '../../src/commands/manifest-objects.ts';
import { readYaml } from '../../src/kube-api/config/yaml.ts';
import { asKubelet } from '../helpers/kubelet.ts';
import { verbContext } from '../helpers/verb-context.ts';

interface Pod {
  readonly serviceAccountName: string;
  readonly terminationGracePeriodSeconds: number;
  readonly restartPolicy?: string;
  readonly containers: readonly [{ readonly name: string; readonly image: string; readonly args: readonly string[] }];
  readonly topologySpreadConstraints?: unknown;
}

const lock = ['--lock', 'ops/nightly'];
const image = ['--image', 'registry/app:1.4'];
const command = ['--', './nightly.sh'];

async function answerTo(words: readonly string[], env: Record<string, string> = {}) {
  return await manifest({ words, ...verbContext({ env }) });
}

async function printed(words: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const answer = await answerTo(words, env);
  if (answer.kind !== 'answered') throw new Error(JSON.stringify(answer));
  return answer.text;
}

async function objectsOf(words: readonly string[], env: Record<string, string> = {}): Promise<KubeObject[]> {
  const list = JSON.parse(await printed(['-o', 'json', ...words], env)) as { items: KubeObject[] };
  return list.items;
}

async function ofKind(kind: string, words: readonly string[]): Promise<KubeObject> {
  const found = (await objectsOf(words)).find((each) => each.kind === kind);
  if (!found) throw new Error(`no ${kind}`);
  return found;
}

async function podOf(words: readonly string[]): Promise<Pod> {
  const workload = (await objectsOf(words)).at(-1);
  const spec = workload?.['spec'] as { jobTemplate?: { spec: { template: { spec: Pod } } }; template: { spec: Pod } };
  return (spec.jobTemplate?.spec ?? spec).template.spec;
}

/** With what a run needs besides. */
const given = (...options: string[]): string[] => [...lock, ...image, ...options, ...command];

describe('the objects', () => {
  test('are an account with its rights, a budget and a Deployment, all called like the lock', async () => {
    const all = await objectsOf(given());
    expect(all.map(({ kind }) => kind)).toEqual([
      ...['ServiceAccount', 'Role', 'RoleBinding', 'PodDisruptionBudget', 'Deployment'],
    ]);
    for (const { metadata } of all)
      expect(metadata).toEqual({ name: 'nightly', namespace: 'ops', labels: { app: 'nightly' } });
    expect((await podOf(given())).serviceAccountName).toBe('nightly');
  });

  test('have no budget and no spread where there is one replica', async () => {
    const one = given('--replicas', '1');
    expect((await objectsOf(one)).map(({ kind }) => kind)).not.toContain('PodDisruptionBudget');
    expect((await podOf(one)).topologySpreadConstraints).toBeUndefined();
    expect((await ofKind('Deployment', one))['spec']).toMatchObject({ replicas: 1 });
    expect((await podOf(given())).topologySpreadConstraints).toBeDefined();
    expect((await ofKind('Deployment', given()))['spec']).toMatchObject({ replicas: 2 });
  });

  test('are a CronJob of the same line and zone with --once-per-tick, with a pod for each attempt', async () => {
    const words = given('--once-per-tick', '*/15 * * * MON', '--timezone', 'Europe/Berlin', '--attempts', '3');
    const all = await objectsOf(words);
    expect(all.map(({ kind }) => kind)).toEqual(['ServiceAccount', 'Role', 'RoleBinding', 'CronJob']);
    expect(all.at(-1)?.['spec']).toMatchObject({
      ...{ schedule: '*/15 * * * 1', timeZone: 'Europe/Berlin', concurrencyPolicy: 'Allow' },
      jobTemplate: { spec: { backoffLimit: 2, template: { spec: { restartPolicy: 'Never' } } } },
    });
    const plain = (await objectsOf(given('--once-per-tick', '0 3 * * *'))).at(-1);
    expect(plain?.['spec']).toMatchObject({ timeZone: 'UTC', jobTemplate: { spec: { template: {} } } });
    expect(JSON.stringify(plain)).not.toContain('backoffLimit');
  });

  test('are in the namespace that --namespace names', async () => {
    const words = ['-n', 'ops', '--lock', 'nightly', ...image, ...command];
    expect((await objectsOf(words)).map(({ metadata }) => metadata.namespace)).toEqual(Array(5).fill('ops'));
  });

  test.each([
    { options: [], seconds: 35 },
    { options: ['--stop-grace', '90500ms'], seconds: 101 },
    { options: ['--schedule', '0 3 * * *'], seconds: 45 },
    { options: ['--once-per-tick', '0 3 * * *', '--renew-deadline', '8s'], seconds: 43 },
    { options: ['--on-lose', 'true'], seconds: 45 },
    { options: ['--on-success', 'true', '--on-failure', 'true', '--on-acquire', 'true', '--hook-timeout', '1m'], seconds: 155 },
  ])('leave a pod time for its end: $options', async ({ options, seconds }) => {
    expect((await podOf(given(...options))).terminationGracePeriodSeconds).toBe(seconds);
  });

  const lease = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: ['nightly'], verbs: ['get', 'create', 'update', 'watch'] };
  const events = { apiGroups: [''], resources: ['events'], verbs: ['create'] };
  const named = (resource: string) => {
    return { apiGroups: [''], resources: [resource], resourceNames: ['nightly'], verbs: ['get', 'update', 'watch'] };
  };
  const made = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['create'] });
  const candidates = { apiGroups: ['coordination.k8s.io'], resources: ['leasecandidates'], verbs: ['get', 'create', 'update', 'watch'] };
  const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'patch'] };
  test.each([
    { options: [], rules: [lease, events] },
    { options: ['--no-events'], rules: [lease] },
    { options: ['--label-pod', 'role=leader'], rules: [lease, events, pods] },
    { options: ['--coordinated', '--binary-version', '1.4.0'], rules: [lease, candidates, events] },
    { options: ['--lock-kind', 'endpoints'], rules: [named('endpoints'), made('endpoints'), events] },
    { options: ['--lock-kind', 'configmaps'], rules: [named('configmaps'), made('configmaps'), events] },
    { options: ['--lock-kind', 'endpointsleases'], rules: [named('endpoints'), made('endpoints'), lease, events] },
    { options: ['--lock-kind', 'configmapsleases'], rules: [named('configmaps'), made('configmaps'), lease, events] },
  ])('give the rights that the options need: $options', async ({ options, rules }) => {
    expect((await ofKind('Role', given(...options)))['rules']).toEqual(rules);
  });

  test('have probes where there is a port to ask', async () => {
    expect(probesOf(undefined)).toEqual({});
    expect(probesOf(8080)).toMatchObject({
      livenessProbe: { httpGet: { path: '/livez', port: 8080 } },
      readinessProbe: { httpGet: { path: '/readyz', port: 8080 } },
    });
    const probed = (await podOf(given('--listen', '0.0.0.0:9090'))).containers[0];
    expect(probed).toMatchObject(probesOf(9090));
    expect((await podOf(given())).containers[0]).not.toHaveProperty('livenessProbe');
  });

  test.each(['9090', '127.0.0.1:9090', '0.0.0.0:0'])('have no probes in vain: --listen %s', async (place) => {
    const ending = await answerTo(given('--listen', place));
    expect(ending).toMatchObject({
      kind: 'refused',
      faults: ['--listen: the kubelet asks from outside of the pod: write 0.0.0.0 and a port, as in 0.0.0.0:9090'],
    });
  });
});

describe('the container', () => {
  test('gets the options of the run as they are written, in their order, and the command', async () => {
    const words = ['--stop-grace=5s', '-n', 'ops', '--lock', 'nightly', '--image', 'a', '--no-events', '--replicas', '3'];
    const { args, image: its, name } = (await podOf([...words, '--', 'sh', '-c', 'a b', ''])).containers[0];
    expect(args).toEqual([
      ...['--stop-grace=5s', '--namespace=ops', '--lock=nightly', '--no-events', '--', 'sh', '-c', 'a b', ''],
    ]);
    expect([its, name]).toEqual(['a', 'nightly']);
  });

  test('is called like the lock without its dots, which a container cannot have', async () => {
    const words = ['--lock', 'ops/a.b.c', ...image, ...command];
    expect((await podOf(words)).containers[0].name).toBe('a-b-c');
    expect((await podOf(words)).serviceAccountName).toBe('a.b.c');
  });

  const runs: readonly (readonly string[])[] = [
    ['--schedule', '0 3 * * *', '--timezone', 'Europe/Berlin', '--jitter', '5m', '--catch-up', 'all'],
    ['--once-per-tick', '0 3 * * *', '--attempts', '3', '--try', '--conflict-exit-code', '0'],
    ['--coordinated', '--binary-version', '1.4.0', '--emulation-version', '1.3.0'],
    ['--lock-kind', 'configmapsleases', '--lease-duration', '30s', '--on-lose', 'echo "$LEADER_RUN_REASON"'],
    ['--identity', '$(POD_NAME)', '--label-pod', 'role=leader', '--guardian', 'node', '--log-format', 'pretty'],
  ];
  test.each(runs)('reads from them what a run reads from the words themselves: %s', async (...options) => {
    const facts = systemFacts();
    const { args } = (await podOf(given(...options))).containers[0];
    const [ours, theirs] = [[...lock, ...options, ...command], args].map((words) => readConfig(words, {}, facts));
    expect(ours?.kind).toBe('run');
    expect(theirs).toEqual(ours);
  });

  test('starts what was written, whatever the kubelet makes of $ in arguments', async () => {
    const piece = fc.constantFrom(
      ...['$', '$$', '(', ')', '{', 'date', 'PATH', 'POD_NAMES', ' ', 'é', '€', '😀', '\n', '"', '-', 'x'],
    );
    const word = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    const isPlain = (text: string): boolean => text !== '';
    await fc.assert(
      fc.asyncProperty(word.filter(isPlain), fc.array(word), async (first, rest) => {
        const { args } = (await podOf([...lock, ...image, '--', first, ...rest])).containers[0];
        const variables = { PATH: '/bin', date: 'today', POD_NAME: 'pod-1', POD_NAMESPACE: 'ops' };
        expect(args.slice(2).map((arg) => asKubelet(arg, variables))).toEqual([first, ...rest]);
      }),
      { numRuns: 500 },
    );
  });

  test('is told the name and the namespace of its pod where a text asks for them', async () => {
    const script = 'echo $(POD_NAME) $(POD_NAMESPACE) $(hostname) $$ $$(POD_NAME)';
    const { args } = (await podOf([...given('--identity', 'a-$(POD_NAME)').slice(0, -2), '--', 'sh', '-c', script])).containers[0];
    const read = args.map((arg) => asKubelet(arg, { POD_NAME: 'pod-1', POD_NAMESPACE: 'ops' }));
    expect(read).toContain('--identity=a-pod-1');
    expect(read.at(-1)).toBe('echo pod-1 ops $(hostname) $$ $$(POD_NAME)');
  });
});

describe('the text', () => {
  test('is YAML, a document for each object, and a List with -o json', async () => {
    const documents = (await printed(given())).split(/^---\n/m);
    expect(documents.map((text) => readYaml(Buffer.from(text)))).toEqual(await objectsOf(given()));
    const list = JSON.parse(await printed(['-o', 'json', ...given()])) as unknown;
    expect(list).toMatchObject({ apiVersion: 'v1', kind: 'List' });
  });

  test('is read back as it was meant by who reads YAML as kubectl does', async () => {
    const scalar = fc.constantFrom(
      ...['on', 'No', 'y', '~', 'null', '1e3', '0o17', '017', '0x1F', '1_000', '1:30', '.5', '.inf', '0X1F', '+.5', '1_0.5', '2026-11-26', '=', '<<'],
      ...['- a', 'a: b', '#', ' a ', '&a', '*a', '!a', '%a', '|', '>', "'", '"', '\t', '\n\n', ' \n a\n', '0 3 * * *', '\u0085', '\ufeff'],
    );
    const word = fc.oneof(scalar, fc.string({ unit: 'grapheme' }), fc.array(scalar).map((all) => all.join('')));
    await fc.assert(
      fc.asyncProperty(fc.array(word), async (rest) => {
        const words = [...lock, ...image, '--', 'job', ...rest];
        const last = (await printed(words)).split(/^---\n/m).at(-1) ?? '';
        expect(readYaml(Buffer.from(last))).toEqual((await objectsOf(words)).at(-1));
      }),
      { numRuns: 300 },
    );
  });

  test.each(['on', 'null', '123', '1e3', '0x1', '1-2', '2026-11-26'])('quotes a name that is no text to YAML: %s', async (name) => {
    const [account] = (await printed(['--lock', `ops/${name}`, ...image, ...command])).split(/^---\n/m);
    expect(readYaml(Buffer.from(account ?? ''))).toMatchObject({ metadata: { name, labels: { app: name } } });
  });
});

describe('variables', () => {
  test('of a run are not seen, since no pod has them; those of the verb itself are', async () => {
    const env = { LEADER_RUN_STOP_GRACE: '1s', LEADER_RUN_LOCK: 'a/b', LEADER_RUN_TOKEN: 't', LEADER_RUN_IMAGE: 'x:1' };
    const all = await objectsOf([...lock, ...command], env);
    expect(JSON.stringify(all)).toContain('"image":"x:1"');
    expect(JSON.stringify(all)).not.toMatch(/a\/b|stop-grace/);
    expect(await answerTo([...image, ...command], env)).toEqual({
      kind: 'refused',
      faults: ['no lock: name it, as in --lock default/my-job (see --help)'],
    });
  });
});

describe('a slip', () => {
  const long = (length: number): string => 'a'.repeat(length);
  const refusals: readonly { words: readonly string[]; faults: readonly unknown[] }[] = [
    { words: [...lock, ...command], faults: ['no image: name one that starts leader-run, as in --image registry.example.com/app:1.4'] },
    { words: [...lock, ...image], faults: ['no command: put it behind --, as in leader-run --lock default/my-job -- ./my-job'] },
    { words: given('--local'), faults: ['--local: a pod finds its cluster by its service account: leave it out'] },
    { words: given('--kubeconfig', 'c'), faults: ['--kubeconfig: a pod finds its cluster by its service account: leave it out'] },
    { words: given('--context', 'c'), faults: ['--context: a pod finds its cluster by its service account: leave it out'] },
    { words: ['--lock', 'a', ...image, ...command], faults: ['--lock a: a RoleBinding names a namespace: write it, as in --lock ops/a'] },
    { words: given('--once-per', 'v42'), faults: [expect.stringMatching(/^--once-per: .* init container, as /)] },
    { words: given('--identity', 'a'), faults: ['--identity: all pods would have the same: leave it out, or write $(POD_NAME) into it'] },
    { words: given('--try'), faults: ['--try: a Deployment would start a standby again that gave up: leave it out'] },
    { words: given('--wait', '5s'), faults: ['--wait: a Deployment would start a standby again that gave up: leave it out'] },
    { words: given('--wait', 'x'), faults: [expect.stringMatching(/^--wait x: /)] },
    { words: given('--replicas', '0'), faults: ['--replicas 0: expected a number from 1 to 1000'] },
    { words: given('--once-per-tick', '0 3 * * *', '--replicas', '2'), faults: ['--replicas does not go with --once-per-tick, which makes a CronJob: leave it out'] },
    { words: given('--once-per-tick', '0 3 * * 5-7'), faults: ['--once-per-tick: a CronJob knows no day of week 7: write 0 for Sunday, as in 5-6,0 for 5-7'] },
    { words: given('--label-pod', 'app=leader'), faults: ['--label-pod: the Deployment finds its pods by the label app: use another key'] },
    { words: ['--lock', `ops/${long(64)}`, ...image, ...command], faults: ['--lock: labels would be called like it, and may have 63 characters and not 64'] },
    { words: ['--lock', `ops/${long(53)}`, ...image, '--once-per-tick', '0 3 * * *', ...command], faults: ['--lock: a CronJob would be called like it, and may have 52 characters and not 53'] },
    { words: ['--lock', 'ops/default', ...image, ...command], faults: ['--lock: the service account default is that of all other pods: give the lock another name'] },
    { words: ['--lock', 'kube-system/kube-scheduler', ...image, ...command], faults: [expect.stringMatching(/belongs to Kubernetes itself/)] },
    { words: given('--lease-duration', '2s'), faults: [expect.stringMatching(/^--lease-duration: /)] },
    { words: given('--no-headers'), faults: ['--no-headers does not belong to this verb: leave it out'] },
    { words: given('--lok', 'a/b'), faults: ['unknown option --lok: did you mean --lock?'] },
    // All at once.
    {
      words: ['--local', '--replicas', 'x'],
      faults: [/^--replicas x: /, /^no lock/, /^no command/, /^no image/, /^--local: /].map(
        (one) => expect.stringMatching(one) as unknown,
      ),
    },
  ];
  test.each(refusals)('is refused in one sentence: $words', async ({ words, faults }) => {
    expect(await answerTo(words)).toEqual({ kind: 'refused', faults });
  });

  test.each(['forever', '0'])('is not seen in --wait %s with what a CronJob starts, and in --wait forever', async (wait) => {
    const words = wait === 'forever' ? given('--wait', wait) : given('--wait', wait, '--once-per-tick', '0 3 * * *');
    expect(await answerTo(words)).toMatchObject({ kind: 'answered' });
  });

  test.each(['app', 'app:1.4', 'a/b/c', 'registry.example.com:5000/a_b/c--d.e:v1', '[fd00::1]:80/app', `app:1@sha256:${'0'.repeat(64)}`, 'localhost/App:x'.toLowerCase()])(
    'is not seen in the image %s',
    async (name) => {
      expect((await podOf([...lock, '--image', name, ...command])).containers[0].image).toBe(name);
    },
  );

  test.each(['a b', 'App', 'registry/App:1.4', 'a:', 'a:b c', 'http://a/b', 'a@sha256:0', '/a', 'a//b', '-a', ' a', 'a\n'])(
    'is seen in the image %j',
    async (name) => {
      const answer = await answerTo([...lock, '--image', name, ...command]);
      const [fault, ...more] = answer.kind === 'refused' ? answer.faults : [];
      expect(fault).toMatch(/^--image .*: expected an image such as /);
      expect(fault?.includes('small letters')).toBe(name.includes('A'));
      expect(more).toEqual([]);
    },
  );
});
