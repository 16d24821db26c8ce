// A newcomer's path, typed line by line by somebody who has Node, kubectl, a kubeconfig and the tarball, and nothing
// else of ours: install, doctor, manifest, apply, two pods, status, step-down. All of it is the installed package's.
// Decides only what a cluster would do: the test is the kubelet, since the server has no nodes.
// To check: PATH has no folder of this checkout, and every line ends with 0.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asKubelet } from '../helpers/kubelet.ts';
import { kubectlBinary, longestBuildMs } from '../helpers/kubectl.ts';
import { Run } from '../helpers/leader-run.ts';
import { nodeOfLine } from '../helpers/node-lines.ts';
import { onServers } from '../helpers/on-servers.ts';
import { install, pack } from '../helpers/packed.ts';
import { until } from '../helpers/wait.ts';

onServers('a newcomer', ({ client, figures }) => {
  let [folder, tarball] = ['', ''];
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'leader-run-newcomer-'));
    ({ tarball } = await pack(folder));
    await mkdir(path.join(folder, 'bin'));
    await symlink(await kubectlBinary(), path.join(folder, 'bin/kubectl'));
  }, longestBuildMs);
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test('installs leader-run, asks doctor, applies a manifest, looks at the lock and hands it over', { timeout: 300_000 }, async () => {
    const node = (await nodeOfLine(24)) ?? process.execPath;
    const home = path.join(folder, 'home');
    await install(tarball, home, node);
    const namespace = 'newcomer';
    await client.createNamespace(namespace);
    const config = path.join(home, 'config');
    await writeFile(config, client.kubeconfig({ user: 'admin', namespace }), { mode: 0o600 });
    await writeFile(path.join(home, 'nightly.sh'), '#!/bin/sh\nexec sleep 1000\n');
    await chmod(path.join(home, 'nightly.sh'), 0o755);

    const programs = [path.join(home, 'node_modules/.bin'), path.dirname(node), path.join(folder, 'bin')];
    const env = { PATH: [...programs, '/usr/bin', '/bin'].join(':'), HOME: home, KUBECONFIG: config };
    const typed = async (line: string): Promise<string> => {
      const run = new Run({ name: 'newcomer', words: ['sh', '-c', line], env, cwd: home });
      expect(await run.end(60_000), `$ ${line}\n${run.text()}`).toMatchObject({ status: 0 });
      const shown = line.includes('token') ? '...' : run.stdout + run.stderr;
      figures.push(`$ ${line.replaceAll(folder, '')}\n${shown.trimEnd()}`);
      return run.stdout;
    };
    const lock = '--lock newcomer/nightly';

    expect(await typed('leader-run --version')).toMatch(/^leader-run \d/);
    expect(await typed(`leader-run doctor ${lock} -- ./nightly.sh`)).toMatch(/all \d+ checks passed/);
    await typed(`leader-run manifest ${lock} --image registry.example.com/app:1.4 -- ./nightly.sh | kubectl apply -f -`);

    // What the kubelet does: the account's token, the variables, the arguments.
    const token = (await typed('kubectl create token nightly')).trim();
    const account = path.join(home, 'account');
    const its = client.kubeconfig({ user: 'admin', namespace }).replace(/token: .*/, `token: ${token}`);
    await writeFile(account, its, { mode: 0o600 });
    const args = JSON.parse(
      await typed(`kubectl get deployment nightly -o jsonpath='{.spec.template.spec.containers[0].args}'`),
    ) as string[];
    const pods = ['nightly-1', 'nightly-2'].map((name) => {
      const variables = { POD_NAME: name, POD_NAMESPACE: namespace };
      const words = ['leader-run', ...args.map((arg) => asKubelet(arg, variables))];
      return new Run({ name, words: ['env', ...words], env: { ...env, ...variables, KUBECONFIG: account }, cwd: home });
    });
    try {
      const leading = async (): Promise<string> =>
        await until('a leader', () => pods.find((pod) => pod.all('elected').length > pod.all('released').length)?.name);
      const first = await leading();
      for (const pod of pods) if (pod.name !== first) await pod.event('standing-by');

      // As the account of the pods may ask, with the rights of the manifest.
      expect(await typed(`KUBECONFIG=${account} leader-run doctor ${lock} --pre -- ./nightly.sh`)).not.toContain('fail');
      expect(await typed(`leader-run status ${lock}`)).toContain(first);
      await typed(`leader-run step-down ${lock} --reason 'to see how it is done'`);
      const second = await leading();
      expect(second).not.toBe(first);
      expect(await typed(`leader-run status ${lock}`)).toContain(second);
      await typed(`kubectl describe lease nightly`);
    } finally {
      for (const pod of pods) pod.signal('SIGTERM');
      for (const pod of pods) await pod.end();
    }
    await typed('kubectl delete namespace newcomer --wait=false');
  });
});
