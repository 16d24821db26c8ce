// Where the configuration of a cluster comes from, and what the rest may know of it: which API server, whom to trust,
// what to show. The only import of the Kubernetes client, whose KubeConfig turns a kubeconfig's user into certificates
// and headers; what it does badly is done beside (kubeconfig.ts, target.ts, credentials.ts, exec-plugin.ts). Knows
// nothing of requests and sockets (transport.ts).
// Invariant: without a configuration there is an error, never http://localhost:8080. Inside a pod neither the client
// nor a YAML parser is loaded, since both cost start-up time.

import { access, readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Clock } from '../clock.ts';
import { printable } from '../observe/printable.ts';
import {
  type Authorize,
  bearer,
  type Credentials,
  CredentialsError,
  errorCode,
  readToken,
  rereading,
} from './credentials.ts';
import { readPem } from './pem.ts';

/** The configuration cannot be used; the message is one sentence for people. */
export class ConfigError extends Error {}

export interface KubeTarget {
  /** With the base path, if the server has one. */
  readonly server: URL;
  /** For people: host and port. */
  readonly where: string;
  /** The context's or the service account's; undefined when neither names one. */
  readonly namespace: string | undefined;
  /** Undefined leaves it to HTTPS_PROXY and NO_PROXY. */
  readonly proxy: URL | undefined;
  readonly trust: Trust;
  readonly authorize: Authorize;
  /** To be told once at the start. */
  readonly warnings: readonly string[];
}

export interface Trust {
  /** Verify nothing (insecure-skip-tls-verify). */
  readonly insecure: boolean;
  /** The name to expect in the server's certificate when it is not the host (tls-server-name). */
  readonly serverName: string | undefined;
  /** Read anew for each connection, so that a replaced file is seen; undefined: Node's own roots. */
  readonly ca: () => Promise<string | undefined>;
}

export interface KubeOptions {
  readonly clock: Clock;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** For tests. */
  readonly env?: NodeJS.ProcessEnv;
  readonly serviceAccountFolder?: string;
}

/** As kubectl: --kubeconfig, else the files of KUBECONFIG, else ~/.kube/config, else the pod's service account. */
export async function loadKube(options: KubeOptions): Promise<KubeTarget> {
  const { clock, kubeconfig, context, env = process.env } = options;
  const listed = (env['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '');
  const usual = path.join(env['HOME'] || homedir(), '.kube', 'config');
  const files = kubeconfig !== undefined ? [kubeconfig] : listed.length > 0 ? listed : [usual];
  const required = kubeconfig !== undefined;
  // In a pod there is usually no such file, and then the YAML parser is not loaded either.
  if (required || context !== undefined || (await anyExists(files))) {
    const { targetOfKubeconfig } = await import('./target.ts');
    const target = await targetOfKubeconfig(files, { required, context }, clock, env);
    if (target !== undefined) return target;
  }
  const target = await targetOfServiceAccount(options.serviceAccountFolder ?? serviceAccountFolder, clock, env);
  if (target !== undefined) return target;
  throw new ConfigError(
    `no cluster is configured: ${files.map((file) => printable(file)).join(', ')} ${files.length > 1 ? 'do' : 'does'} not exist or ` +
      'is empty, and this is no pod; name one with --kubeconfig, or use --local for a lock on this machine alone',
  );
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
    throw new ConfigError('KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name no server');
  // As client-go does; then the namespace must be given, and a public CA must have signed the server's certificate.
  const namespace = await readFile(path.join(folder, 'namespace'), 'utf8').catch(() => '');
  const hasCa = await access(caFile).then(
    () => true,
    () => false,
  );
  return {
    server: new URL(server),
    where: new URL(server).host,
    namespace: namespace.trim() || undefined,
    proxy: undefined,
    trust: { insecure: false, serverName: undefined, ca: async () => (hasCa ? await readPem(caFile) : undefined) },
    authorize: rereading(clock, async () => ({ headers: bearer(await readToken(tokenFile)) })),
    warnings: hasCa ? [] : [`${caFile} cannot be read, so only a server with a publicly signed certificate is trusted`],
  };
}

/**
 * What the client makes of a kubeconfig's user: certificates from files or data, tokens, basic auth, `as`, and the old
 * auth-providers (oidc, gcp, azure). It is given that user alone, since it reads whole kubeconfigs otherwise than
 * kubectl. gcp and azure, which Kubernetes gave up in 1.26, run their program with this process standing still until it
 * ends: only when their token has expired, and the guardian watches over the command meanwhile.
 */
export async function askClient(user: Readonly<Record<string, unknown>>): Promise<() => Promise<Credentials>> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromString(
    JSON.stringify({
      'current-context': 'chosen',
      contexts: [{ name: 'chosen', context: { cluster: 'chosen', user: 'chosen' } }],
      // Only so that the client finds one: it makes an agent for it, which is never used.
      clusters: [{ name: 'chosen', cluster: { server: 'https://chosen.invalid' } }],
      users: [{ name: 'chosen', user }],
    }),
  );
  return async () => {
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new CredentialsError(`the kubeconfig's user gives no credentials: ${errorCode(error)}`);
    }
    return credentialsOf(options);
  };
}

function credentialsOf({ headers = {}, auth, cert, key }: RequestOptions): Credentials {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') all[name.toLowerCase()] = value;
  }
  if (typeof auth === 'string') all['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
  return {
    headers: all,
    ...(Buffer.isBuffer(cert) && { cert: cert.toString('latin1') }),
    ...(Buffer.isBuffer(key) && { key: key.toString('latin1') }),
  };
}
