// A pod's shape on this machine: token, CA and namespace as files under /var/run/secrets/kubernetes.io/serviceaccount,
// in a mount namespace of the candidate's own, and laid out as kubelet lays out a volume: the files are links through
// `..data`, a link to a folder that is replaced as a whole. It is replaced all the time, so that whatever a test does to
// a candidate happens between two such moments.
// Does not know what runs in it, nor what a container does besides.
// To check: the link changes in one step (rename); no mount outlives the processes of the namespace.
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';

export interface Pod {
  /** Put in front of the program, which it becomes. */
  readonly through: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Stops replacing the files. */
  readonly close: () => Promise<void>;
}

const swapEveryMs = 500;
/** Nothing of the machine's own /run is needed by what runs here, and there a folder can be made. */
const enter = [
  'mount -t tmpfs tmpfs /run',
  'mkdir -p /run/secrets/kubernetes.io/serviceaccount',
  'mount --bind "$0" /run/secrets/kubernetes.io/serviceaccount',
  'exec "$@"',
].join(' && ');

/** What a kubeconfig of the tests says (servers-client.ts), told as a pod is told. */
export async function openPod(folder: string, kubeconfig: string): Promise<Pod> {
  const { clusters, users, contexts } = load(kubeconfig) as {
    clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
    users: [{ user: { token: string } }];
    contexts: [{ context: { namespace: string } }];
  };
  const files = {
    'ca.crt': Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString(),
    token: users[0].user.token,
    namespace: contexts[0].context.namespace,
  };
  let version = 0;
  const swap = async (): Promise<void> => {
    const last = `..${String(version)}`;
    const next = `..${String((version += 1))}`;
    await mkdir(path.join(folder, next));
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, next, name), text);
    await symlink(next, path.join(folder, '..data_tmp'));
    await rename(path.join(folder, '..data_tmp'), path.join(folder, '..data'));
    await rm(path.join(folder, last), { recursive: true, force: true });
  };
  await mkdir(folder);
  await swap();
  for (const name of Object.keys(files)) await symlink(`..data/${name}`, path.join(folder, name));
  let swapping = Promise.resolve();
  const timer = setInterval(() => {
    swapping = swapping.then(swap);
  }, swapEveryMs);
  const { hostname, port } = new URL(clusters[0].cluster.server);
  return {
    through: ['unshare', '--mount', 'sh', '-c', enter, folder],
    env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
    close: async () => {
      clearInterval(timer);
      await swapping;
    },
  };
}
