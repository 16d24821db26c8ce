// Whether a proxy stands between us and the API server, and the way through it. Decides by the kubeconfig's proxy-url,
// else by HTTPS_PROXY and NO_PROXY as kubectl does (golang.org/x/net/http/httpproxy). Ends with a plain socket to the
// server; TLS with the server is dial.ts's, so no proxy ever sees a request.
// Invariants: an https proxy is judged by its own name before it sees a password; as in tcp.ts, an aborted dial leaves
// no socket open, and no socket is unheard.

import http from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import { NoWay } from './failure.ts';
import { assertOpen, connectTcp, heard } from './tcp.ts';

/** Undefined: straight to the server. A proxy-url wins and knows no exceptions. */
export function proxyFor(server: URL, configured: URL | undefined, env: NodeJS.ProcessEnv): URL | undefined {
  if (configured !== undefined) return configured;
  if (server.protocol !== 'https:') return undefined;
  const given = env['HTTPS_PROXY'] || env['https_proxy'] || '';
  if (given === '' || isExcepted(server, env['NO_PROXY'] || env['no_proxy'] || '')) return undefined;
  // As in Go, a proxy without a scheme speaks HTTP.
  const address = given.includes('://') ? given : `http://${given}`;
  const proxy = URL.canParse(address) ? new URL(address) : undefined;
  if (isProxy(proxy)) return proxy;
  throw new Error('HTTPS_PROXY is not an address of a proxy that begins with http://, https:// or socks5://');
}

export function isProxy(address: URL | undefined): address is URL {
  return ['http:', 'https:', 'socks5:', 'socks5h:'].includes(address?.protocol ?? '');
}

function isExcepted(server: URL, list: string): boolean {
  const host = bareHost(server).toLowerCase();
  const port = portOf(server);
  if (host === 'localhost' || within(host, '127.0.0.0/8') || host === '::1') return true;
  return list.split(',').some((item) => {
    let rule = item.trim().toLowerCase();
    if (rule === '*') return true;
    if (within(host, rule)) return true;
    const withPort = /^(.*?[^:]|\[.*\]):(\d+)$/.exec(rule);
    if (withPort) {
      if (Number(withPort[2]) !== port) return false;
      rule = withPort[1] ?? '';
    }
    rule = rule.replace(/^\[(.*)\]$/, '$1').replace(/^\*(?=\.)/, '');
    if (rule === '') return false;
    return host === rule || host.endsWith(rule.startsWith('.') ? rule : `.${rule}`);
  });
}

/** Whether `host` is an address inside `network` (10.0.0.0/8); false for names. */
function within(host: string, network: string): boolean {
  const [, base = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(network) ?? [];
  const [family, networkFamily] = [isIP(host), isIP(base)];
  if (family === 0 || family !== networkFamily || Number(bits) > (family === 6 ? 128 : 32)) return false;
  const type = family === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(base, Number(bits), type);
  return list.check(host, type);
}

export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return { 'https:': 443, 'http:': 80 }[url.protocol] ?? 1080;
}

/** TLS over a socket with the peer that should have this name; destroys the socket if that fails. */
export type Secure = (plain: Socket, name: string) => Promise<Socket>;

/** A socket to the server through the proxy. */
export async function tunnel(
  proxy: URL,
  host: string,
  port: number,
  secure: Secure,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await connectTcp(bareHost(proxy), portOf(proxy), signal);
  if (proxy.protocol.startsWith('socks')) return await throughSocks(socket, proxy, host, port, signal);
  const toProxy = proxy.protocol === 'https:' ? await secure(socket, bareHost(proxy)) : socket;
  return await throughHttp(toProxy, proxy, host, port, signal);
}

async function throughSocks(
  socket: Socket,
  proxy: URL,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  const abort = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    const { SocksClient } = await import('socks');
    signal.throwIfAborted();
    assertOpen(socket);
    // The proxy resolves the name, as with kubectl: a private cluster's name is often known only behind it.
    await SocksClient.createConnection({
      command: 'connect',
      destination: { host, port },
      existing_socket: socket,
      proxy: {
        host: bareHost(proxy),
        port: portOf(proxy),
        type: 5,
        userId: decodeURIComponent(proxy.username),
        password: decodeURIComponent(proxy.password),
      },
    });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function throughHttp(
  toProxy: Socket,
  proxy: URL,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${String(port)}`;
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const hasLogin = login !== ':';
  const request = http.request({
    createConnection: () => toProxy,
    method: 'CONNECT',
    path: authority,
    headers: {
      host: authority,
      ...(hasLogin && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
    },
    signal,
  });
  // An abort reaches it also when the tunnel stands and no caller waits for it any more.
  request.on('error', () => undefined);
  request.end();
  const { response, socket } = await new Promise<{ response: http.IncomingMessage; socket: Socket }>(
    (resolve, reject) => {
      request.once('error', reject);
      request.once('connect', (response, socket: Socket) => {
        resolve({ response, socket: heard(socket) });
      });
    },
  );
  if (response.statusCode === 200) return socket;
  socket.destroy();
  const why = refusal(proxy, response.statusCode, hasLogin);
  throw response.statusCode === 407 ? new NoWay(why) : new Error(why);
}

function refusal({ host }: URL, status: number | undefined, hasLogin: boolean): string {
  if (status !== 407) return `the proxy ${host} answered ${String(status)} to CONNECT`;
  return hasLogin
    ? `the proxy ${host} does not take this user and password (407)`
    : `the proxy ${host} wants a user and a password in its address (407)`;
}
