// What it decides: how a test plays an API server: over HTTP/2 or HTTP/1.1, with TLS or without, answering as told and
// keeping every request.
// What it does not know: leases; a test says what is answered.
// To check: an unplanned request is answered with 500 and fails the test by what it then asserts; close() leaves no
// socket.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Pair } from './certificates.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Which connection of the server's life it came on, from 1. */
  readonly connection: number;
  readonly protocol: string;
  /** The subject of the client's certificate, if it showed one. */
  readonly client: string | undefined;
  answer(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  /** The head, and then lines as they come. */
  open(status?: number): void;
  write(text: string): void;
  end(): void;
  /** Says that it was not handled (HTTP/2's REFUSED_STREAM). */
  refuse(): void;
  /** Breaks off without a word. */
  destroy(): void;
}

export interface FakeApi {
  readonly port: number;
  readonly url: string;
  readonly asked: Asked[];
  /** What is done with each request from now on. */
  handle: (asked: Asked) => void;
  connections(): number;
  /** Those of them that are open. */
  alive(): number;
  /** GOAWAY on every HTTP/2 session: what is open goes on, nothing new. */
  goaway(): void;
  /** Destroys every socket. */
  reset(): void;
  close(): Promise<void>;
}

export interface FakeOptions {
  readonly protocol?: 'h2' | 'http/1.1';
  /** '::1' where there is IPv6. */
  readonly host?: string;
  /** Undefined: no TLS. */
  readonly tls?: (Pair & { readonly ca?: string }) | undefined;
}

export async function startFakeApi({ protocol = 'h2', host = '127.0.0.1', tls }: FakeOptions): Promise<FakeApi> {
  const sockets: Socket[] = [];
  const sessions = new Set<http2.ServerHttp2Session>();
  const numbers = new WeakMap<object, number>();
  const secure = tls && {
    cert: tls.cert,
    key: tls.key,
    ...(tls.ca !== undefined && { ca: tls.ca, requestCert: true, rejectUnauthorized: false }),
  };
  const server =
    secure === undefined
      ? http.createServer()
      : protocol === 'h2'
        ? http2.createSecureServer(secure)
        : https.createServer(secure);

  server.on(secure === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    sockets.push(socket);
    numbers.set(socket, sockets.length);
    socket.on('error', () => undefined);
  });
  if (protocol === 'h2' && secure !== undefined) {
    server.on('session', (session: http2.ServerHttp2Session) => {
      sessions.add(session);
      session.on('error', () => undefined);
      session.once('close', () => sessions.delete(session));
    });
  }
  server.on(
    'request',
    (
      request: http.IncomingMessage | http2.Http2ServerRequest,
      response: http.ServerResponse & http2.Http2ServerResponse,
    ) => {
      void receive(request, response);
    },
  );

  async function receive(
    request: http.IncomingMessage | http2.Http2ServerRequest,
    response: http.ServerResponse & http2.Http2ServerResponse,
  ): Promise<void> {
    const stream = 'stream' in request ? request.stream : undefined;
    stream?.on('error', () => undefined);
    response.on('error', () => undefined);
    const port = 'stream' in request ? request.stream.session?.socket.remotePort : request.socket.remotePort;
    const socket = sockets.find((one) => one.remotePort === port) ?? sockets[0];
    if (socket === undefined) throw new Error('a request without a socket');
    const client =
      socket instanceof TLSSocket
        ? (socket.getPeerCertificate() as { subject?: { CN?: string } }).subject?.CN
        : undefined;
    let body = '';
    request.setEncoding('utf8');
    for await (const chunk of request) body += String(chunk);
    const asked: Asked = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
      connection: numbers.get(socket) ?? 0,
      protocol: stream === undefined ? 'http/1.1' : 'h2',
      client,
      answer(status, value, headers = {}) {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(typeof value === 'string' ? value : JSON.stringify(value));
      },
      open(status = 200) {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.flushHeaders();
      },
      write: (text) => void response.write(text),
      end: () => void response.end(),
      refuse: () => void stream?.close(http2.constants.NGHTTP2_REFUSED_STREAM),
      destroy: () => void (stream ?? socket).destroy(),
    };
    api.asked.push(asked);
    api.handle(asked);
  }

  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const api: FakeApi = {
    port,
    url: `${secure === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${String(port)}`,
    asked: [],
    handle: (asked) => {
      asked.answer(500, { kind: 'Status', message: 'no answer planned' });
    },
    connections: () => sockets.length,
    alive: () => sockets.filter(({ destroyed }) => !destroyed).length,
    goaway: () => {
      for (const session of sessions) session.goaway();
    },
    reset: () => {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      api.reset();
      server.close();
      await once(server, 'close');
    },
  };
  return api;
}
