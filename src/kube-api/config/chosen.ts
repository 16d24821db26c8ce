// What a kubeconfig's chosen cluster means to a connection: address, proxy, trust. Decides which contradictions are
// refused at the start rather than met at the first request. Knows neither how files are merged (kubeconfig.ts), nor
// what a user is (user.ts), nor how a connection is made.
// Invariant: no credentials go out unencrypted; plain HTTP is spoken only over loopback, where `kubectl proxy` listens.

import { constants } from 'node:fs';
import { stat } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import type { Clock } from '../../clock.ts';
import { messageOf } from '../../common/errors.ts';
import { nameCap, printable } from '../../common/printable.ts';
import { isProxy } from '../proxy.ts';
import type { KubeTarget, Trust } from '../target.ts';
import { chooseContext, type Entry, fault, fileName, pemSource, text } from './kubeconfig.ts';
import { givenTrust, machineTrust } from './trust.ts';
import { anonymous, authorizeOf, impersonatedOnly } from './user.ts';

/** Undefined when no file exists or all are empty, unless one is required. */
export async function targetOfKubeconfig(
  files: readonly string[],
  options: { readonly required: boolean; readonly context: string | undefined },
  clock: Clock,
  env: NodeJS.ProcessEnv,
): Promise<KubeTarget | undefined> {
  const chosen = await chooseContext(files, options);
  if (chosen === undefined) return undefined;
  const { cluster, user, context } = chosen;
  const server = serverOf(cluster);
  const trust = await trustOf(cluster, env);
  if (user === undefined && server.protocol === 'https:') throw anonymous(context, 'names no user');
  return {
    server,
    where: server.host,
    namespace: namespaceOf(context),
    proxy: proxyOf(cluster),
    trust,
    authorize:
      user === undefined
        ? () => Promise.resolve({ headers: {} })
        : server.protocol === 'http:'
          ? impersonatedOnly(user)
          : await authorizeOf(user, cluster, trust, clock, env),
    warnings: [trust.insecure ? unverified(cluster, server) : [], await openSecrets(user)].flat(),
  };
}

function unverified({ key }: Entry, { host }: URL): string {
  return `${key}.insecure-skip-tls-verify is set: anyone between here and ${host} can read and change everything`;
}

/** What stands in the file itself; files that it names have modes of their own. */
const secretFields = ['token', 'password', 'client-key-data', 'auth-provider'];

/** Readable by a group is what a Secret's volume looks like, so only what every user can read is told. */
async function openSecrets(user: Entry | undefined): Promise<string[]> {
  if (user === undefined || !secretFields.some((field) => Boolean(user.fields[field]))) return [];
  // It has been read: should it be gone by now, there is nothing to warn of.
  const mode = await stat(user.file).then(
    (found) => found.mode,
    () => 0,
  );
  if ((mode & constants.S_IROTH) === 0) return [];
  return [`${printable(user.file)} holds credentials that every user of this machine can read: chmod 600 it`];
}

function serverOf(cluster: Entry): URL {
  const given = text(cluster, 'server');
  if (given === undefined) throw fault(cluster, 'server', 'is missing');
  // A URL loses the blanks around it, and Go refuses them.
  const server = URL.canParse(given) && given === given.trim() ? new URL(given) : undefined;
  if (server?.protocol !== 'https:' && server?.protocol !== 'http:') {
    throw fault(cluster, 'server', `is ${shown(given)}, which is not an https:// address`);
  }
  // kubectl would send them as a login, and every line that names the server would show them.
  if (server.username !== '' || server.password !== '') {
    throw fault(cluster, 'server', 'holds a user name or a password: name them as username and password of the user');
  }
  if (server.protocol === 'http:' && !isLoopback(server.hostname)) {
    throw fault(
      cluster,
      'server',
      `is ${shown(given)}: unencrypted, which is taken only on this machine (kubectl proxy)`,
    );
  }
  return server;
}

/** What stands before an @ may be a password, and a query a token. */
function shown(address: string): string {
  return /[@?#]/.test(address) ? 'a text that may hold a password' : printable(address, nameCap);
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

function namespaceOf(context: Entry): string | undefined {
  const namespace = text(context, 'namespace');
  if (namespace === undefined || /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace)) return namespace;
  throw fault(context, 'namespace', 'cannot be one: it takes small letters, digits and hyphens, 63 at most');
}

function proxyOf(cluster: Entry): URL | undefined {
  const given = text(cluster, 'proxy-url');
  if (given === undefined) return undefined;
  const proxy = URL.canParse(given) ? new URL(given) : undefined;
  if (isProxy(proxy)) return proxy;
  throw fault(cluster, 'proxy-url', 'is not an address that begins with http://, https:// or socks5://');
}

async function trustOf(cluster: Entry, env: NodeJS.ProcessEnv): Promise<Trust> {
  const insecure = cluster.fields['insecure-skip-tls-verify'] === true;
  const ca = pemSource(cluster, 'certificate-authority');
  if (insecure && ca !== undefined) {
    throw fault(cluster, 'insecure-skip-tls-verify', 'contradicts certificate-authority; keep one of the two');
  }
  const file = fileName(cluster, 'certificate-authority');
  const from = file === undefined ? `${cluster.key}.certificate-authority-data` : printable(file);
  const given = ca && givenTrust(ca, from);
  await given?.ca().catch((error: unknown) => {
    throw fault(cluster, 'certificate-authority', `is of no use: ${messageOf(error)}`);
  });
  return { insecure, serverName: text(cluster, 'tls-server-name'), ...(given ?? machineTrust(env)) };
}
