// Each shell block of README and docs/, as it stands, on a real API server: leader-run is the built program, kubectl is
// kubectl, and the commands that leader-run is to run are stand-ins that write down how they were called.
// Decides who runs a block: this file, or .ci/run for what a contributor types. Knows nothing of what a block is for.
// To check: a block that is in neither list fails, so a new one is run from its first day.
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { blocks, commandsOf, documents, root } from '../helpers/documents.ts';
import { kubectlBinary, longestBuildMs } from '../helpers/kubectl.ts';
import { leaderRun, Run } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';
import { onServers } from '../helpers/on-servers.ts';
import type { User } from '../helpers/servers-client.ts';
import { type Stage, staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';

const all = documents.flatMap((file) => blocks('sh', file).map((block) => ({ file, block })));

/** `.ci/run` and test/process/installed.test.ts do these; test/docs.test.ts looks for what they name. */
const isContributors = (block: string): boolean => /^(npm|npx|WRITE_PAGE=1 npx) /.test(block);
const leads = (command: string): boolean => /^leader-run --lock .* -- \S/s.test(command);
const leading = all.filter(({ block }) => leads(block)).flatMap(({ file, block }) => {
  return commandsOf(block).map((command) => [file, command] as const);
});
const others = all.filter(({ block }) => !leads(block) && !isContributors(block)).map(({ file, block }) => {
  return [file, block] as const;
});

/** What is shown then. */
const shown: readonly (readonly [part: string, shows: RegExp])[] = [
  ['ln -s', /^$/],
  ['leader-run doctor', /^- \{apiGroups: /m],
  ['PrometheusRule', /^prometheusrule\S* created$/m],
  ['kubectl annotate', /^(lease\S+nightly annotated\n){3}$/],
  ['describe lease', /^ops\/web\tpod-a\t.*^ +Holder Identity: +pod-a$/ms],
];

/** As Prometheus' operator brings it, with fields of any kind. */
const prometheusRules = {
  metadata: { name: 'prometheusrules.monitoring.coreos.com' },
  spec: {
    group: 'monitoring.coreos.com',
    scope: 'Namespaced',
    names: { plural: 'prometheusrules', singular: 'prometheusrule', kind: 'PrometheusRule' },
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

/** These work until they are told to stop; the others end at once. */
const waiting = ['worker', 'web', 'watch-postgres'];
const ending = ['send-reports', 'migrate', 'pg_ctl', 'mail', 'curl'];

onServers('what the documents tell people to type', ({ client }) => {
  let kubectl = '';
  beforeAll(async () => {
    kubectl = await kubectlBinary();
    for (const name of ['ops', 'db', 'staging']) await client.createNamespace(name, { shared: true });
    await client.admin('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', prometheusRules);
  }, longestBuildMs);

  // Several blocks are about the same lock, and each is typed by somebody else.
  beforeEach(forgetLocks);
  afterAll(forgetLocks);

  test.for(leading)('in %s leads, and starts what it says: %s', async ([, command]) => {
    await staged(client, async (stage) => {
      const run = await typed(stage, `exec ${command}`, { env: { LEADER_RUN_LOG_FORMAT: 'json' } });
      const isScheduled = command.includes('--schedule ');
      // Of a tick that was missed long ago, or is not due, the word is that there is nothing to do.
      const mayEnd = command.includes('--once-per-tick ');
      const [, its = ''] = /.* -- (.*)$/s.exec(command) ?? [];
      try {
        await until(`its command: ${command}`, async () => {
          if (isScheduled) return run.all('waiting').length > 0;
          return (await called(stage)).includes(its) || (mayEnd && run.all('exit').length > 0);
        }, 20_000, () => run.text());
      } finally {
        run.signal('SIGTERM');
      }
      const { status, signal } = await run.end();
      expect([0, 'SIGTERM']).toContain(status ?? signal);
    });
  });

  test.for(others)('in %s does what it says: %s', async ([, block], { skip }) => {
    if (block.includes('jq') && missing('jq') !== undefined) return skip(missing('jq'));
    await staged(client, async (stage) => {
      for (const [namespace, name] of [['ops', 'nightly'], ['default', 'nightly'], ['ops', 'web']] as const) {
        const spec = { holderIdentity: 'pod-a', leaseDurationSeconds: 15 };
        await client.admin('POST', leases(namespace), { metadata: { name }, spec });
      }
      await mkdir(path.join(stage.folder, 'lib/node_modules'), { recursive: true });
      await symlink(root, path.join(stage.folder, 'lib/node_modules/leader-run'));
      const env = { LOCK: 'ops/web', NS: 'ops', NAME: 'web', npm_config_prefix: stage.folder };
      // Rights are told of where they are missing.
      const user = block.includes('doctor') ? 'frank' : 'admin';
      const run = await typed(stage, block.replace('/usr/local/share/man/man1', stage.folder), { user, env });
      const { status } = await run.end();
      expect([status, run.stderr.replace(/^No resources found.*\n/, '')]).toEqual([0, '']);
      const expected = shown.filter(([part]) => block.includes(part)).map(([, shows]) => shows);
      expect(expected).toHaveLength(1);
      expect(run.stdout).toMatch(expected[0] ?? '');
      if (!block.includes('ln -s')) return;
      expect(await readFile(path.join(stage.folder, 'leader-run.1'), 'utf8')).toContain('.TH');
    });
  });

  async function forgetLocks(): Promise<void> {
    for (const namespace of ['default', 'ops', 'db', 'staging']) await client.admin('DELETE', leases(namespace));
  }

  const leases = (namespace: string): string => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;

  async function typed(stage: Stage, block: string, { user = 'admin', env = {} }: Typing = {}): Promise<Run> {
    const bin = path.join(stage.folder, 'bin');
    await mkdir(bin);
    await symlink(kubectl, path.join(bin, 'kubectl'));
    await symlink(path.join(root, 'examples'), path.join(stage.folder, 'examples'));
    const script = async (at: string, text: string): Promise<void> => {
      await writeFile(at, `#!/bin/sh\n${text}\n`);
      await chmod(at, 0o755);
    };
    await script(path.join(bin, 'leader-run'), `exec '${process.execPath}' '${leaderRun}' "$@"`);
    for (const name of [...waiting, ...ending]) {
      const work = `echo "$0${name === 'mail' ? '' : ' $*'}" | sed 's|^.*/bin/||; s| $||' >> '${stage.folder}/called'`;
      const then = waiting.includes(name) ? `touch '${stage.folder}/alive'; exec sleep 1000` : '';
      for (const at of [stage.folder, bin]) await script(path.join(at, name), `${work}\n${then}`);
    }
    const config = await stage.file('config', inTwoContexts(client.kubeconfig({ user })));
    return new Run({
      name: 'typed',
      words: ['sh', '-c', block.replace('/run/worker/alive', `${stage.folder}/alive`)],
      env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: stage.folder, KUBECONFIG: config, ...env },
      cwd: stage.folder,
    });
  }
}, { inTurn: true });

interface Typing {
  readonly user?: User;
  readonly env?: Readonly<Record<string, string>>;
}

/** The commands that leader-run and its hooks have started, each as it stood there. */
async function called(stage: Stage): Promise<readonly string[]> {
  const text = await readFile(path.join(stage.folder, 'called'), 'utf8').catch(() => '');
  return text.split('\n');
}

/** The current one is `test`, in the namespace `default`. */
function inTwoContexts(text: string): string {
  const config = load(text) as { contexts: { name: string; context: object }[] };
  const [{ context } = { context: {} }] = config.contexts;
  const staging = { name: 'staging', context: { ...context, namespace: 'staging' } };
  return dump({ ...config, contexts: [...config.contexts, staging] });
}
