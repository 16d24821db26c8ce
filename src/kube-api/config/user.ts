// What a kubeconfig's user means: where its credentials come from, and as whom it acts. Decides which source wins, and
// what of it the Kubernetes client may see. Knows neither how files are merged (kubeconfig.ts) nor any connection.
// Invariant: a user that cannot be understood is refused; no request goes out as somebody else for it.

import type { Clock } from '../../clock.ts';
import { nameCap, printable } from '../../common/printable.ts';
import { type Authorize, bearer, combined, type Credentials, readToken, rereading } from '../credentials.ts';
import type { Trust } from '../target.ts';
import { askClient } from './client-node.ts';
import { ConfigError } from './errors.ts';
import { execPlugin } from './exec-plugin.ts';
import { type Entry, fault, fileName, isFields, text } from './kubeconfig.ts';
import { pemSource } from './pem.ts';
import { type ExecSpec, notInstalled } from './plugin-run.ts';

/** Where the user's credentials come from; each source is asked again when it has to be. */
export async function authorizeOf(
  user: Entry,
  cluster: Entry,
  trust: Trust,
  clock: Clock,
  env: NodeJS.ProcessEnv,
): Promise<Authorize> {
  const impersonated = impersonation(user);
  const seen = forClient(user);
  // Most users have nothing but a token, or a plugin: for these the client need not be loaded (11 ms, 7 MB).
  const needsClient = Object.entries(seen).some(([field, value]) => field !== 'token' && value !== undefined);
  const token = text(user, 'token');
  const plain: Credentials = { headers: token === undefined ? {} : bearer(token) };
  const fromClient = needsClient ? await askClient(seen) : () => Promise.resolve(plain);
  const sources = [
    rereading(clock, async () => {
      const credentials = await fromClient();
      return { ...credentials, headers: { ...credentials.headers, ...impersonated } };
    }),
  ];
  // The client looks for `token-file`, which no kubeconfig has.
  const tokenFile = fileName(user, 'tokenFile');
  if (tokenFile !== undefined)
    sources.push(rereading(clock, async () => ({ headers: bearer(await readToken(tokenFile)) })));
  const exec = execSpec(user, cluster, trust);
  if (exec !== undefined) {
    const missing = notInstalled(exec, env);
    // No time can heal that.
    if (missing !== undefined) throw new ConfigError(missing);
    sources.push(execPlugin(exec, clock, env));
  }
  return combined(sources);
}

/** What the client may see of a user: all that it understands as kubectl does, and no plugin. */
function forClient(user: Entry): Readonly<Record<string, unknown>> {
  const seen: Record<string, unknown> = { 'auth-provider': authProvider(user) };
  for (const field of ['token', 'username', 'password']) seen[field] = text(user, field);
  for (const field of ['client-certificate', 'client-key']) {
    // The client prefers the file to the data; kubectl does not.
    if (pemSource(user, field) === undefined) continue;
    const data = text(user, `${field}-data`);
    if (data === undefined) seen[field] = fileName(user, field);
    else seen[`${field}-data`] = data;
  }
  // The client would put it into a header as it is, and HTTP would refuse that with the token in its message.
  if (/[^\x21-\x7e]/.test(text(user, 'token') ?? ''))
    throw fault(user, 'token', 'holds blanks or other characters that no token has');
  return seen;
}

/** The client lets a request with an unknown provider go out anonymous. */
function authProvider(user: Entry): unknown {
  const provider = user.fields['auth-provider'];
  if (provider === undefined || provider === null) return undefined;
  const name = isFields(provider) ? provider['name'] : undefined;
  if (name === 'oidc' || name === 'gcp' || name === 'azure') return provider;
  throw fault(user, 'auth-provider', `is ${printable(String(name), nameCap)}; oidc, gcp and azure are known`);
}

/**
 * As whom the user acts. The client sends `as` alone; without the groups a request would be judged as somebody else's.
 */
function impersonation(user: Entry): Record<string, string | string[]> {
  const extra = user.fields['as-user-extra'] ?? {};
  if (!isFields(extra)) throw fault(user, 'as-user-extra', 'is not a mapping');
  const asked: [header: string, field: string, values: readonly string[]][] = [
    ['impersonate-user', 'as', [text(user, 'as') ?? ''].filter(Boolean)],
    ['impersonate-uid', 'as-uid', [text(user, 'as-uid') ?? ''].filter(Boolean)],
    ['impersonate-group', 'as-groups', texts(user, 'as-groups', user.fields['as-groups'] ?? [])],
    ...Object.entries(extra).map(([key, values]): [string, string, string[]] => [
      `impersonate-extra-${escapedKey(key)}`,
      `as-user-extra.${printable(key, nameCap)}`,
      texts(user, `as-user-extra.${printable(key, nameCap)}`, values ?? []),
    ]),
  ];
  const headers: Record<string, string | string[]> = {};
  for (const [header, field, values] of asked) {
    if (values.length === 0) continue;
    const sent = values.map((value) => headerText(user, field, value));
    headers[header] = ['as', 'as-uid'].includes(field) ? sent.join() : sent;
  }
  if (headers['impersonate-user'] === undefined && Object.keys(headers).length > 0)
    throw fault(user, 'as', 'is missing, and as-uid, as-groups and as-user-extra say nothing without it');
  return headers;
}

/** The server takes the bytes of a header for UTF-8; Node writes one byte for each character of the text it is given. */
function headerText(user: Entry, field: string, value: string): string {
  if (/[\p{Cc}\p{Cs}]/u.test(value)) throw fault(user, field, 'holds characters that no HTTP header can carry');
  return Buffer.from(value, 'utf8').toString('latin1');
}

function escapedKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll(/[()]/g, (one) => (one === '(' ? '%28' : '%29'))
    .toLowerCase();
}

function texts(entry: Entry, field: string, value: unknown): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw fault(entry, field, 'is not a list of texts');
}

function execSpec(user: Entry, cluster: Entry, trust: Trust): ExecSpec | undefined {
  const fields = user.fields['exec'];
  if (fields === undefined || fields === null) return undefined;
  if (!isFields(fields)) throw fault(user, 'exec', 'is not a mapping');
  const exec: Entry = { ...user, key: `${user.key}.exec`, fields };
  const command = text(exec, 'command');
  if (command === undefined) throw fault(exec, 'command', 'is missing');
  const apiVersion = text(exec, 'apiVersion') ?? '';
  if (!['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'].includes(apiVersion)) {
    throw fault(
      exec,
      'apiVersion',
      `is ${printable(apiVersion) || 'missing'}; client.authentication.k8s.io/v1 and v1beta1 are known`,
    );
  }
  const interactiveMode = text(exec, 'interactiveMode') ?? 'IfAvailable';
  if (interactiveMode !== 'Never' && interactiveMode !== 'IfAvailable' && interactiveMode !== 'Always') {
    throw fault(exec, 'interactiveMode', 'is none of Never, IfAvailable, Always');
  }
  return {
    // A name is looked up on PATH, a relative path from the kubeconfig's folder, as in kubectl.
    command: command.includes('/') ? (fileName(exec, 'command') ?? command) : command,
    args: texts(exec, 'args', fields['args'] ?? []),
    env: variables(exec),
    apiVersion,
    interactiveMode,
    installHint: text(exec, 'installHint'),
    cluster: fields['provideClusterInfo'] === true ? () => clusterInfo(cluster, trust) : undefined,
  };
}

function variables(exec: Entry): Record<string, string> {
  const list = exec.fields['env'] ?? [];
  const all: Record<string, string> = {};
  if (!Array.isArray(list)) throw fault(exec, 'env', 'is not a list');
  for (const item of list as unknown[]) {
    const { name, value } = isFields(item) ? (item as { name?: unknown; value?: unknown }) : {};
    if (typeof name !== 'string' || typeof value !== 'string')
      throw fault(exec, 'env', 'holds an entry that is no name and value');
    all[name] = value;
  }
  return all;
}

async function clusterInfo(cluster: Entry, trust: Trust): Promise<Readonly<Record<string, unknown>>> {
  const ca = await trust.ca();
  const extensions = cluster.fields['extensions'];
  const own = Array.isArray(extensions)
    ? (extensions as unknown[]).find((item) => isFields(item) && item['name'] === 'client.authentication.k8s.io/exec')
    : undefined;
  return {
    server: text(cluster, 'server'),
    'tls-server-name': trust.serverName,
    'insecure-skip-tls-verify': trust.insecure || undefined,
    'certificate-authority-data': ca === undefined ? undefined : Buffer.from(ca, 'latin1').toString('base64'),
    'proxy-url': text(cluster, 'proxy-url'),
    config: isFields(own) ? own['extension'] : undefined,
  };
}
