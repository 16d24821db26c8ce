// Answers requests over HTTP (--listen): /livez, /healthz, /readyz, /leader, /metrics. Decides which path is answered
// by what, and what a client may take of us: a request for each connection, no body, little time, and a place among a
// few connections, of which the oldest goes when a new one comes.
// Knows nothing of the lock; loaded only where it is asked for.
// Invariant: no client can make leader-run wait: an answer is made at once, of what is known, and sent whole.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import { messageOf } from '../common/errors.ts';
import { type Answer, leaderJson, livez, readyz } from './probes.ts';
import type { View } from './view.ts';

/** A probe, a scraper or two, and people. */
const mostConnections = 64;
const limitMs = 5000;

const prometheus = 'text/plain; version=0.0.4; charset=utf-8';
const notThere: Answer = {
  status: 404,
  type: 'text/plain; charset=utf-8',
  body: 'there are /livez, /readyz, /healthz, /leader and /metrics\n',
};

export interface EndpointOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Undefined while leader-run starts. */
  readonly view: () => View | undefined;
  readonly metrics: (view: View) => string;
}

export interface Endpoint {
  /** `http://127.0.0.1:9090`. */
  readonly url: string;
  readonly close: () => void;
}

/** Throws a sentence when the place cannot be listened at. */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const server = createServer(
    { maxHeaderSize: 8192, headersTimeout: limitMs, requestTimeout: limitMs, connectionsCheckingInterval: 1000 },
    (request, response) => {
      reply(request, response, options);
    },
  );
  const sockets = boundConnections(server);
  const { host, port } = options;
  const where = (its: number): string => `${isIPv6(host) ? `[${host}]` : host}:${String(its)}`;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(new Error(`--listen: cannot listen at ${where(port)}: ${whyNot(error)}`));
    });
    server.listen({ host, port }, resolve);
  });
  // What a single connection suffers is not ours to tell.
  server.on('error', () => undefined);
  const address = server.address();
  return {
    url: `http://${where(typeof address === 'object' && address ? address.port : port)}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function whyNot(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'another program listens there: choose another port';
  if (error.code === 'EACCES') return 'this user may not: choose a port from 1024 on';
  if (error.code === 'EADDRNOTAVAIL') return 'this machine does not have that address';
  return messageOf(error);
}

/** The oldest first. A flood takes places from itself, and a probe that comes in finds one. */
function boundConnections(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    const [oldest] = sockets;
    if (sockets.size >= mostConnections) oldest?.destroy();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // One that does not read its answer.
    socket.setTimeout(limitMs, () => socket.destroy());
  });
  return sockets;
}

function reply(request: IncomingMessage, response: ServerResponse, options: EndpointOptions): void {
  const [path = '/'] = (request.url ?? '/').split('?');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const { status, type, body } = isRead ? answerTo(path, options) : { status: 405, type: 'text/plain', body: '' };
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    Connection: 'close',
  });
  response.end(body);
}

function answerTo(path: string, { view, metrics }: EndpointOptions): Answer {
  const seen = view();
  if (seen === undefined) return { status: 503, type: 'text/plain; charset=utf-8', body: 'leader-run is starting\n' };
  switch (path) {
    case '/livez':
    case '/healthz':
      return livez(seen);
    case '/readyz':
      return readyz(seen);
    // The leader-elector sidecar answered at /.
    case '/':
    case '/leader':
      return leaderJson(seen);
    case '/metrics':
      return { status: 200, type: prometheus, body: metrics(seen) };
    default:
      return notThere;
  }
}
