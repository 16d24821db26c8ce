// What it decides: an API server of a test's own, which says as whom each request came, with its certificates and with
// proxies in front of it. Users, tokens and passwords are below; a certificate's user is its CN, its groups are its Os.
// What it does not know: which kubeconfigs lead to it.
// To check: requests are told apart by the name of the Lease that they ask for, so that many may run at once.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import https from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type DetailedPeerCertificate, TLSSocket } from 'node:tls';

const people = ['carol', 'dave', 'stranger'] as const;
const pemNames = [
  'root', 'middle', 'server.crt', 'server.key', 'encrypted.key',
  ...people.flatMap((who) => [`${who}.crt`, `${who}.key`] as const),
] as const;
export type Pems = Readonly<Record<(typeof pemNames)[number], string>>;

/** What the server made of a request. */
export interface Arrival {
  /** For people: `tom, by a token; as ann (groups: ops)`. */
  readonly whom: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

export interface Grounds {
  readonly server: string;
  /** The same without TLS. */
  readonly plain: string;
  /** `guarded` wants a password. */
  readonly proxies: Readonly<Record<'http' | 'https' | 'socks' | 'guarded', string>>;
  readonly pems: Pems;
  readonly arrivals: (lease: string) => readonly Arrival[];
  /** What changes from run to run is taken out of a sentence. */
  readonly neutral: (text: string) => string;
  readonly close: () => void;
}

type Asked = IncomingMessage | Http2ServerRequest;

const tokens = new Set(['tom', 'fay', 'eve', 'other', '12345', '0o17', '15', '2001-01-01', 'tom tom']);

export async function openGrounds(): Promise<Grounds> {
  const pems = makePems();
  const seen = new Map<string, Arrival[]>();
  const servers: Server[] = [];
  const listen = async (server: Server, host = '127.0.0.1', port = 0): Promise<number> => {
    server.listen(port, host);
    servers.push(server);
    await new Promise<void>((resolve, reject) => server.once('listening', resolve).once('error', reject));
    return (server.address() as AddressInfo).port;
  };
  const answer = (request: Asked, response: ServerResponse | Http2ServerResponse): void => {
    const { method = '', url = '' } = request;
    const lease = /\/leases\/([\w-]+)$/.exec(url.split('?')[0] ?? '')?.[1] ?? '';
    const { status, whom, reason } = judged(request);
    seen.set(lease, [...(seen.get(lease) ?? []), { whom, method, path: url.replace(lease, 'x'), status }]);
    response.statusCode = status;
    response.setHeader('content-type', 'application/json');
    const body = status === 200
      ? { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: lease, namespace: 'ns', uid: 'u', resourceVersion: '1' }, spec: {} }
      : { apiVersion: 'v1', kind: 'Status', status: 'Failure', code: status, reason, message: status === 401 ? 'Unauthorized' : forbidden(lease) };
    (response as ServerResponse).end(JSON.stringify(body));
  };
  const tls = { cert: `${pems['server.crt']}${pems.middle}`, key: pems['server.key'] };
  const asking = { ...tls, allowHTTP1: true, requestCert: true, rejectUnauthorized: false, ca: pems.root };
  const port = await listen(createSecureServer(asking, answer));
  await listen(createSecureServer(asking, answer), '::1', port);
  const plain = await listen(http.createServer(answer));

  const tunnel = (guarded: boolean) => (request: IncomingMessage, client: Socket): void => {
    const login = `Basic ${Buffer.from('bob:hush').toString('base64')}`;
    if (guarded && request.headers['proxy-authorization'] !== login) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    join(client, connect(port, '127.0.0.1'));
  };
  const proxies = {
    http: `http://127.0.0.1:${await listen(http.createServer().on('connect', tunnel(false)))}`,
    guarded: `http://127.0.0.1:${await listen(http.createServer().on('connect', tunnel(true)))}`,
    https: `https://127.0.0.1:${await listen(https.createServer(tls).on('connect', tunnel(false)))}`,
    socks: `socks5://127.0.0.1:${await listen(socksTo(port))}`,
  };
  const ports = new Map([[port, 'PORT'], [plain, 'PLAIN']]);
  for (const each of Object.values(proxies)) ports.set(Number(new URL(each).port), 'PROXY');
  return {
    server: `https://127.0.0.1:${port}`,
    plain: `http://127.0.0.1:${plain}`,
    proxies,
    pems,
    arrivals: (lease) => seen.get(lease) ?? [],
    neutral: (text) => [...ports].reduce((all, [number, name]) => all.replaceAll(String(number), name), text),
    close: () => {
      for (const server of servers) {
        server.close();
        if ('closeAllConnections' in server) (server as unknown as http.Server).closeAllConnections();
      }
    },
  };
}

/** As an API server's authentication and a policy that allows everything to all but anonymous users. */
function judged({ headers, socket }: Asked): { status: number; whom: string; reason: string } {
  const { authorization = '' } = headers;
  const [scheme = '', ...words] = authorization.split(' ');
  const value = words.join(' ');
  const known = scheme === 'Bearer' ? tokens.has(value) || value.split('.').length === 3 : false;
  const basic = scheme === 'Basic' ? Buffer.from(value, 'base64').toString() : '';
  const shown = scheme === 'Bearer' ? 'a token' : scheme === 'Basic' ? 'a password' : '';
  const certificate = certificateOf(socket);
  const refused = { status: 401, whom: `401 to ${shown || 'a certificate'}`, reason: 'Unauthorized' };
  if (certificate === 'unknown') return refused;
  let whom = 'system:anonymous';
  // The certificate is looked at first, and what stands beside it does not count then.
  if (certificate !== undefined) whom = `${certificate}, by certificate${shown && ` (beside ${shown})`}`;
  else if (known) whom = `${value.includes('.') ? 'olga' : value}, by token`;
  else if (basic.startsWith('bob:')) whom = `bob, by password${basic === 'bob:' ? ' (an empty one)' : ''}`;
  else if (authorization !== '') return refused;
  const as = impersonated(headers);
  const allowed = as !== undefined || whom !== 'system:anonymous';
  return { status: allowed ? 200 : 403, whom: `${whom}${as === undefined ? '' : `, as ${as}`}`, reason: allowed ? '' : 'Forbidden' };
}

function certificateOf(socket: Socket): string | undefined {
  const inner = socket instanceof TLSSocket ? socket : undefined;
  const peer = inner?.getPeerCertificate() as Partial<DetailedPeerCertificate> | undefined;
  if (inner === undefined || peer?.subject === undefined) return undefined;
  if (!inner.authorized) return 'unknown';
  return `${String(peer.subject.CN)} (groups: ${[peer.subject.O ?? []].flat().join(' ')})`;
}

function impersonated(headers: IncomingMessage['headers']): string | undefined {
  const given = Object.entries(headers).filter(([name]) => name.startsWith('impersonate-'));
  if (given.length === 0) return undefined;
  const text = (value: unknown): string => Buffer.from(String(value), 'latin1').toString('utf8');
  const parts = given
    .filter(([name]) => name !== 'impersonate-user')
    .map(([name, value]) => `${name.replace(/^impersonate-(extra-)?/, '')}: ${text(value)}`)
    .sort();
  return `\`${text(headers['impersonate-user'])}\`${parts.length > 0 ? ` (${parts.join('; ')})` : ''}`;
}

function forbidden(lease: string): string {
  return `leases.coordination.k8s.io "${lease}" is forbidden: User "system:anonymous" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "ns"`;
}

/** A SOCKS 5 proxy that takes every name for the server's. */
function socksTo(port: number): Server {
  return createServer((client) => {
    client.on('error', () => undefined).once('data', () => {
      client.write(Buffer.from([5, 0]));
      client.once('data', () => {
        client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
        join(client, connect(port, '127.0.0.1'));
      });
    });
  });
}

function join(a: Socket, b: Socket): void {
  a.pipe(b).pipe(a);
  for (const [one, other] of [[a, b], [b, a]] as const) {
    one.on('error', () => other.destroy()).on('close', () => other.destroy());
  }
}

/** root <- middle <- server, as RKE2 and OpenShift have them; root <- people; and a stranger who signs for itself. */
function makePems(): Pems {
  const folder = mkdtempSync(path.join(tmpdir(), 'leader-run-grounds-'));
  const file = (name: string): string => path.join(folder, name);
  const openssl = (...words: string[]): void => {
    execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const signed = (name: string, subject: string, issuer: string, extension: string): void => {
    writeFileSync(file(`${name}.ext`), extension);
    openssl('req', ...key, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`), '-subj', subject);
    const by = ['-CA', file(`${issuer}.crt`), '-CAkey', file(`${issuer}.key`), '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', file(`${name}.csr`), ...by, '-out', file(`${name}.crt`), '-extfile', file(`${name}.ext`));
  };
  try {
    for (const name of ['root', 'stranger'])
      openssl('req', '-x509', ...key, '-days', '2', '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`), '-subj', `/O=ops/CN=${name}`);
    signed('middle', '/CN=middle', 'root', 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign');
    signed('server', '/CN=server', 'middle', 'subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:cluster.test');
    signed('carol', '/O=ops/O=dev/CN=carol', 'root', 'extendedKeyUsage=clientAuth');
    signed('dave', '/O=ops/CN=dave', 'root', 'extendedKeyUsage=clientAuth');
    openssl('pkcs8', '-topk8', '-v2', 'aes-128-cbc', '-passout', 'pass:hush', '-in', file('carol.key'), '-out', file('encrypted.key'));
    const read = (name: string): string => readFileSync(file(name.includes('.') ? name : `${name}.crt`), 'utf8');
    return Object.fromEntries(pemNames.map((name) => [name, read(name)])) as unknown as Pems;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
