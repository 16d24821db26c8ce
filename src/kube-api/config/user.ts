// What a kubeconfig's user means: where its credentials come from, and as whom it acts. Decides which source wins, and
// what is refused as in kubectl. Knows neither how files are merged (kubeconfig.ts) nor any connection.
// Invariant: a user that cannot be understood is refused; no request goes out as another user for it, nor as none.

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { type Clock, later, possiblyPast } from '../../clock.ts';
import { messageOf } from '../../common/errors.ts';
import { isJson } from '../../common/json.ts';
import { nameCap, printable } from '../../common/printable.ts';
import {
  type Authorize,
  bearer,
  combined,
  type Credentials,
  CredentialsError,
  errorCode,
  readToken,
  rereading,
} from '../credentials.ts';
import type { Trust } from '../target.ts';
import { askClient } from './client-node.ts';
import { ConfigError } from './errors.ts';
import { execPlugin } from './exec-plugin.ts';
import { type Entry, fault, type Fields, fileName, pemSource, text } from './kubeconfig.ts';
import { pairFault } from './pem.ts';
import { type ExecSpec, notInstalled } from './plugin-run.ts';

/**
 * Where the user's credentials come from; each source is asked again when it has to be. As in kubectl a token, a
 * password or a certificate leaves a plugin out, and a token or a password an auth-provider; a certificate is shown
 * beside a token, and then the server decides.
 */
export async function authorizeOf(
  user: Entry,
  cluster: Entry,
  trust: Trust,
  clock: Clock,
  env: NodeJS.ProcessEnv,
): Promise<Authorize> {
  const impersonated = impersonatedOnly(user);
  const provider = authProvider(user);
  const exec = execSpec(user, cluster, trust);
  const certificate = await certificateOf(user);
  const password = passwordOf(user);
  const token = tokenOf(user);
  if (exec !== undefined && provider !== undefined) throw fault(user, 'exec', 'contradicts auth-provider; keep one');
  if (token !== undefined && password !== undefined) throw fault(user, 'password', 'contradicts the token; keep one');

  const sources: Authorize[] = [];
  if (certificate !== undefined) sources.push(rereading(clock, certificate));
  if (token !== undefined) sources.push(rereading(clock, await token()));
  else if (password !== undefined) sources.push(await askClient(password));
  else if (provider !== undefined) sources.push(idToken(user, provider, clock));
  else if (exec !== undefined && certificate === undefined) {
    const missing = notInstalled(exec, env);
    // No time can heal that.
    if (missing !== undefined) throw new ConfigError(missing);
    sources.push(execPlugin(exec, clock, env));
  }
  if (sources.length === 0) throw anonymous(user, 'holds no credentials');
  return combined([impersonated, ...sources]);
}

/** Over plain HTTP kubectl shows no credentials: `kubectl proxy`, which listens there, has its own. */
export function impersonatedOnly(user: Entry): Authorize {
  const impersonated = { headers: impersonation(user) };
  return () => Promise.resolve(impersonated);
}

/** kubectl asks for a name and a password then. */
export function anonymous({ key, file }: Entry, what: string): ConfigError {
  const name = `${key} in the kubeconfig ${printable(file)}`;
  return new ConfigError(`${name} ${what}, so that requests would go out as system:anonymous`);
}

type ReadCredentials = () => Promise<Credentials>;

/** The token of the file wins for as long as it can be read. Undefined: there is no token. */
function tokenOf(user: Entry): (() => Promise<ReadCredentials>) | undefined {
  const token = text(user, 'token');
  const file = fileName(user, 'tokenFile');
  // HTTP would refuse it with the token in its message.
  if (/[^\x21-\x7e]/.test(token ?? ''))
    throw fault(user, 'token', 'holds blanks or other characters that no token has');
  if (token !== undefined && file === undefined) {
    const credentials = { headers: bearer(token) };
    return () => Promise.resolve(() => Promise.resolve(credentials));
  }
  if (file === undefined) return undefined;
  return async () => {
    if (token === undefined) await mustExist(user, 'tokenFile', file);
    return async () => {
      try {
        return { headers: bearer(await readToken(file)) };
      } catch (error) {
        if (token === undefined) throw error;
        return { headers: bearer(token) };
      }
    };
  };
}

function passwordOf(user: Entry): Fields | undefined {
  const [username, password] = [text(user, 'username'), text(user, 'password')];
  if (username === undefined && password !== undefined) throw fault(user, 'username', 'is missing beside the password');
  if (username === undefined) return undefined;
  return { username, password: password ?? '' };
}

/** Files are read anew, since they are rotated. Half of a pair would go out as anonymous. */
async function certificateOf(user: Entry): Promise<ReadCredentials | undefined> {
  const [readCert, readKey] = [pemSource(user, 'client-certificate'), pemSource(user, 'client-key')];
  if (readCert === undefined && readKey === undefined) return undefined;
  if (readCert === undefined) throw fault(user, 'client-certificate', 'is missing beside the client-key');
  if (readKey === undefined) throw fault(user, 'client-key', 'is missing beside the client-certificate');
  const useless = (field: string, why: string): Error => new CredentialsError(fault(user, field, why).message);
  const named = (field: string) => (error: unknown) => {
    throw useless(field, `is of no use: ${messageOf(error)}`);
  };
  const read = async (): Promise<Credentials> => {
    const cert = await readCert().catch(named('client-certificate'));
    const key = await readKey().catch(named('client-key'));
    const why = pairFault(cert, key);
    if (why !== undefined) throw useless('client-key', why);
    return { headers: {}, cert, key };
  };
  await read().catch((error: unknown) => {
    throw new ConfigError(messageOf(error));
  });
  return read;
}

/** What no time can heal is told at the start, as kubectl does. */
async function mustExist(user: Entry, field: string, file: string): Promise<void> {
  try {
    await access(file, constants.R_OK);
  } catch (error) {
    throw fault(user, field, `is of no use: cannot read ${printable(file)}: ${errorCode(error)}`);
  }
}

/** The old way to log in by OpenID Connect: a token in the kubeconfig. kubectl refreshes it and writes it back. */
function idToken(user: Entry, provider: Fields, clock: Clock): Authorize {
  const advice = 'leader-run refreshes none: use a credential plugin instead (exec, as of kubelogin)';
  const config = isJson(provider['config']) ? provider['config'] : {};
  const token = text({ ...user, key: `${user.key}.auth-provider.config`, fields: config }, 'id-token');
  if (token === undefined) throw fault(user, 'auth-provider', `holds no id-token, and ${advice}`);
  const now = clock.now();
  const endMs = jwtEndMs(token);
  if (endMs === undefined) throw fault(user, 'auth-provider', 'holds an id-token that is not a JWT');
  if (endMs <= now.wall) throw fault(user, 'auth-provider', `holds an id-token that has expired, and ${advice}`);
  const expireBy = later(now, endMs - now.wall);
  const credentials = { headers: bearer(token) };
  return () =>
    possiblyPast(clock.now(), expireBy)
      ? Promise.reject(new CredentialsError(`the id-token of ${user.key} has expired, and ${advice}`))
      : Promise.resolve(credentials);
}

/** When it ends, in milliseconds since 1970; undefined when it is not a JWT that tells. */
function jwtEndMs(token: string): number | undefined {
  const [, payload = '', ...rest] = token.split('.');
  if (rest.length !== 1 || /[^\x21-\x7e]/.test(token)) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

function authProvider(user: Entry): Fields | undefined {
  const provider = user.fields['auth-provider'];
  if (provider === undefined || provider === null) return undefined;
  const fields = isJson(provider) ? provider : {};
  const { name } = fields as { name?: unknown };
  if (name === 'oidc') return fields;
  const is = `is ${printable(String(name), nameCap)}`;
  if (name !== 'gcp' && name !== 'azure') throw fault(user, 'auth-provider', `${is}; oidc is known`);
  const plugin = name === 'gcp' ? 'gke-gcloud-auth-plugin' : 'kubelogin';
  throw fault(
    user,
    'auth-provider',
    `${is}, which kubectl takes no longer either: use a credential plugin (exec, ${plugin})`,
  );
}

/**
 * As whom the user acts; without the groups a request would be judged as another user's.
 */
function impersonation(user: Entry): Record<string, string | string[]> {
  const extra = user.fields['as-user-extra'] ?? {};
  if (!isJson(extra)) throw fault(user, 'as-user-extra', 'is not a mapping');
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

/** The server takes the bytes of a header for UTF-8; Node writes one byte for each character of its text. */
function headerText(user: Entry, field: string, value: string): string {
  if (/[\p{Cc}\p{Cs}]/u.test(value)) throw fault(user, field, 'holds characters that no HTTP header can carry');
  // HTTP/2 forbids them, and some servers then leave out the header: the request would be our own user's.
  if (/^[ \t]|[ \t]$/.test(value)) throw fault(user, field, 'begins or ends with a blank');
  return Buffer.from(value, 'utf8').toString('latin1');
}

function escapedKey(key: string): string {
  // Of what it leaves as it is, HTTP forbids these two.
  return encodeURIComponent(key).replaceAll('(', '%28').replaceAll(')', '%29').toLowerCase();
}

function texts(entry: Entry, field: string, value: unknown): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw fault(entry, field, 'is not a list of texts');
}

function execSpec(user: Entry, cluster: Entry, trust: Trust): ExecSpec | undefined {
  const fields = user.fields['exec'];
  if (fields === undefined || fields === null) return undefined;
  if (!isJson(fields)) throw fault(user, 'exec', 'is not a mapping');
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
  const mode = text(exec, 'interactiveMode');
  if (mode === undefined && apiVersion.endsWith('/v1'))
    throw fault(exec, 'interactiveMode', `is missing, which ${apiVersion} wants: Never, IfAvailable or Always`);
  const interactiveMode = mode ?? 'IfAvailable';
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
    const { name, value } = isJson(item) ? (item as { name?: unknown; value?: unknown }) : {};
    if (typeof name !== 'string' || typeof value !== 'string')
      throw fault(exec, 'env', 'holds an entry that is not a name and a value');
    all[name] = value;
  }
  return all;
}

async function clusterInfo(cluster: Entry, trust: Trust): Promise<Readonly<Record<string, unknown>>> {
  const ca = await trust.ca();
  const extensions = cluster.fields['extensions'];
  const own = Array.isArray(extensions)
    ? (extensions as unknown[]).find((item) => isJson(item) && item['name'] === 'client.authentication.k8s.io/exec')
    : undefined;
  return {
    server: text(cluster, 'server'),
    'tls-server-name': trust.serverName,
    'insecure-skip-tls-verify': trust.insecure || undefined,
    'certificate-authority-data': ca === undefined ? undefined : Buffer.from(ca, 'latin1').toString('base64'),
    'proxy-url': text(cluster, 'proxy-url'),
    config: isJson(own) ? own['extension'] : undefined,
  };
}
