// Whether a proxy stands between us and the API server, and the way through it. Decides by the kubeconfig's proxy-url,
// else by HTTPS_PROXY and NO_PROXY as kubectl does (golang.org/x/net/http/httpproxy). Ends with a plain socket to the
// server; TLS with the server is dial.ts's, so no proxy ever sees a request.
// Invariants: an aborted dial leaves no socket open; every socket has a listener from its making on, since it may fail
// while its next user is still waiting for something else, and an unheard error ends the process (`heard`).

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { BlockList, connect, isIP, type Socket } from 'node:net';
import { NoWay } from './failure.ts';

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

const keepAliveMs = 15_000;

/** Listens to its errors for good; its next user asks `assertOpen` whether it has failed meanwhile. */
export function heard<Heard extends Socket>(socket: Heard): Heard {
  return socket.on('error', () => undefined);
}

/** Throws what has ended the socket since it was handed out. */
export function assertOpen(socket: Socket): void {
  if (socket.errored) throw socket.errored;
  if (socket.destroyed || socket.readableEnded) throw new Error('the connection was closed at once');
}

/** A connected socket; with TCP keep-alive, so that a dead peer is noticed even when nothing is sent. */
export async function connectTcp(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = heard(connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }));
  const abort = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await once(socket, 'connect');
    return socket;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** A socket to the server through the proxy. */
export async function tunnel(proxy: URL, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return proxy.protocol.startsWith('socks')
    ? await throughSocks(proxy, host, port, signal)
    : await throughHttp(proxy, host, port, signal);
}

async function throughSocks(proxy: URL, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const { SocksClient } = await import('socks');
  const socket = await connectTcp(bareHost(proxy), portOf(proxy), signal);
  const abort = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
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

async function throughHttp(proxy: URL, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${String(port)}`;
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const request = (proxy.protocol === 'https:' ? https : http).request({
    host: bareHost(proxy),
    port: portOf(proxy),
    method: 'CONNECT',
    path: authority,
    headers: {
      host: authority,
      ...(login !== ':' && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
    },
    agent: false,
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
  if (response.statusCode !== 200) {
    socket.destroy();
    const why = `the proxy ${proxy.host} answered ${String(response.statusCode)} to CONNECT`;
    throw response.statusCode === 407 ? new NoWay(why) : new Error(why);
  }
  return socket.setNoDelay(true).setKeepAlive(true, keepAliveMs);
}
