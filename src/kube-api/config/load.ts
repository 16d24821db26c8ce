// Where the configuration of a cluster comes from: a kubeconfig, or the service account of the pod. Decides in which
// order they are looked for; what a kubeconfig means is chosen.ts's. Knows nothing of requests and sockets
// (transport.ts).
// Invariant: without a configuration there is an error, never http://localhost:8080. Inside a pod no YAML parser is
// loaded, since that costs start-up time.

import { access, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Clock } from '../../clock.ts';
import { printable } from '../../common/printable.ts';
import { bearer, errorCode, readToken, rereading } from '../credentials.ts';
import type { KubeTarget } from '../target.ts';
import { ConfigError } from './errors.ts';
import { readPem } from './pem.ts';
import { givenTrust, machineTrust } from './trust.ts';

export interface KubeOptions {
  readonly clock: Clock;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly env?: NodeJS.ProcessEnv;
  /** For tests. */
  readonly serviceAccountFolder?: string;
}

/** As kubectl: --kubeconfig, else the files of KUBECONFIG, else ~/.kube/config, else the pod's service account. */
export async function loadKube(options: KubeOptions): Promise<KubeTarget> {
  const { clock, kubeconfig, context, env = process.env } = options;
  const files = filesOf(kubeconfig, env);
  const reader = await kubeconfigReader(options);
  const target =
    (await reader?.targetOfKubeconfig(files, { required: kubeconfig !== undefined, context }, clock, env)) ??
    (await targetOfServiceAccount(options.serviceAccountFolder ?? serviceAccountFolder, clock, env));
  if (target !== undefined) return target;
  throw new ConfigError(
    `no cluster is configured: ${absence(files)}, and this is not a pod; name one with --kubeconfig, or use --local ` +
      'for a lock on this machine alone',
  );
}

/** What reads kubeconfigs, where there is one to read; in a pod there usually is none. */
export async function kubeconfigReader({
  kubeconfig,
  context,
  env = process.env,
}: Omit<KubeOptions, 'clock'>): Promise<typeof import('./chosen.ts') | undefined> {
  const isAskedFor = kubeconfig !== undefined || context !== undefined;
  return isAskedFor || (await anyExists(filesOf(kubeconfig, env))) ? await import('./chosen.ts') : undefined;
}

/** The contexts that the same files name. No server is asked. */
export async function listContexts(kubeconfig: string | undefined, env: NodeJS.ProcessEnv): Promise<KubeContext[]> {
  const { contextsOf, text } = await import('./kubeconfig.ts');
  const entries = await contextsOf(filesOf(kubeconfig, env), kubeconfig !== undefined);
  return entries.map((entry) => ({ name: entry.name, namespace: text(entry, 'namespace') }));
}

export interface KubeContext {
  readonly name: string;
  readonly namespace: string | undefined;
}

function filesOf(kubeconfig: string | undefined, env: NodeJS.ProcessEnv): readonly string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '');
  return kubeconfig !== undefined ? [kubeconfig] : listed.length > 0 ? listed : usualFiles(env);
}

function absence(files: readonly string[]): string {
  if (files.length === 0) return 'this user has no home, where a kubeconfig could be';
  return `${files.map((file) => printable(file)).join(', ')} ${files.length > 1 ? 'do' : 'does'} not exist or is empty`;
}

/** None for a user without a home: a number that no passwd entry names, as in many containers. */
function usualFiles(env: NodeJS.ProcessEnv): string[] {
  try {
    return [path.join(env['HOME'] || homedir(), '.kube', 'config')];
  } catch {
    return [];
  }
}

async function anyExists(files: readonly string[]): Promise<boolean> {
  for (const file of files) {
    // Whatever else is wrong with the file is for its reader to tell.
    const absent = await access(file).then(
      () => false,
      (error: unknown) => errorCode(error) === 'ENOENT',
    );
    if (!absent) return true;
  }
  return false;
}

/** Of the pod that this process runs in, whatever cluster a kubeconfig names; undefined outside of one. */
export async function podNamespace(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return env['POD_NAMESPACE'] || (await namespaceIn(serviceAccountFolder));
}

async function namespaceIn(folder: string): Promise<string | undefined> {
  const text = await readFile(path.join(folder, 'namespace'), 'utf8').catch(() => '');
  return text.trim() || undefined;
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Undefined outside a pod. Token and CA are replaced under a running pod, so both are read again. The client's own
 * loadFromCluster speaks plain HTTP to ports 80, 8080 and 8001, and does not read the token again after a 401.
 */
async function targetOfServiceAccount(
  folder: string,
  clock: Clock,
  env: NodeJS.ProcessEnv,
): Promise<KubeTarget | undefined> {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = env;
  if (host === '' || port === '') return undefined;
  const tokenFile = path.join(folder, 'token');
  const caFile = path.join(folder, 'ca.crt');
  await readToken(tokenFile).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(
      `this is a pod, but ${why}; let it have its token (automountServiceAccountToken), or name a --kubeconfig`,
    );
  });
  const server = `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(server))
    throw new ConfigError(
      'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name no server: leave them as the kubelet sets them',
    );
  // As client-go does; then the namespace must be given, and this machine must trust the server.
  const namespace = await namespaceIn(folder);
  const hasCa = await access(caFile).then(
    () => true,
    () => false,
  );
  return {
    server: new URL(server),
    where: new URL(server).host,
    namespace,
    proxy: undefined,
    trust: {
      insecure: false,
      serverName: undefined,
      ...(hasCa ? givenTrust(() => readPem(caFile), caFile) : machineTrust(env)),
    },
    authorize: rereading(clock, async () => ({ headers: bearer(await readToken(tokenFile)) })),
    warnings: hasCa ? [] : [`${caFile} cannot be read, so the certificates that this machine trusts are believed`],
  };
}
