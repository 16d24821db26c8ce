// What it decides: how an HTTP proxy in front of the API server spoils single exchanges on command: which are held
// back, answered in the server's place, applied without an answer, or cut short. Bytes are fault-proxy.ts's business.
// What it does not know: elections; a test says what happens to which request.
// To check: a request is forwarded word for word, at most as often as the test says; close() leaves no socket.
import { once } from 'node:events';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ServersClient } from '../../helpers/servers-client.ts';
import { makeCertificates, type Pair } from '../../helpers/certificates.ts';

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Exchange {
  /** `rehearsal` is a write with dryRun. */
  readonly kind: 'read' | 'write' | 'rehearsal' | 'watch' | 'event';
  readonly method: string;
  readonly at: number;
  /** As nobody had been here. A watch is passed on as it comes. */
  pass(): Promise<void>;
  /** Asks the server, and gives its whole answer to the test instead of the client. Not for watches. */
  forward(): Promise<Answered>;
  reply(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  /** The head and some text of the body, with no end. */
  begin(status: number, text: string): void;
  /** More of what was begun. */
  more(text: string): void;
  /** Ends the connection without an answer. */
  cut(): void;
  /** Whether the client still waits. */
  waits(): boolean;
}

export interface Meddler {
  /** For a kubeconfig, with the authority that its certificate is of. */
  kubeconfig(namespace: string): string;
  /** Decides on every request from now on; undefined: everything passes. */
  meddle(handle: ((exchange: Exchange) => void | Promise<void>) | undefined): void;
  /** Shows another certificate from now on, and ends all connections, so that everybody looks at it. */
  present(pair: Pair): void;
  /** Those of all requests so far. */
  readonly seen: readonly Pick<Exchange, 'kind' | 'method' | 'at'>[];
  close(): Promise<void>;
}

const certificates = makeCertificates();

export async function startMeddler(client: ServersClient): Promise<Meddler> {
  const agent = new Agent({ ca: client.caPem, keepAlive: true });
  // Those in their handshake too, which are no sessions yet: each keeps the certificate of when it was accepted.
  const connections = new Set<Socket>();
  const seen: Pick<Exchange, 'kind' | 'method' | 'at'>[] = [];
  let handle: (exchange: Exchange) => void | Promise<void> = (exchange) => exchange.pass();

  const server = createSecureServer(certificates.server);
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  server.on('session', (session) => session.on('error', () => undefined));
  server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    // A client that has gone away is an ordinary thing here.
    for (const each of [request, response, request.stream]) each.on('error', () => undefined);
    void receive(request, response);
  });

  async function receive(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    let body = '';
    const { method, url } = request;
    const exchange: Exchange = {
      kind: kindOf(method, url),
      method,
      at: Date.now(),
      async pass() {
        const upstream = await ask(request, body).catch(() => undefined);
        if (upstream === undefined) {
          exchange.cut();
          return;
        }
        upstream.on('error', () => undefined);
        response.once('close', () => upstream.destroy());
        if (response.stream.destroyed) upstream.destroy();
        else response.writeHead(upstream.statusCode ?? 500, plain(upstream.headers));
        // An answer that breaks off upstream must not look complete here.
        upstream.once('aborted', () => {
          exchange.cut();
        });
        upstream.pipe(response);
      },
      async forward() {
        const upstream = await ask(request, body);
        let text = '';
        for await (const chunk of upstream.setEncoding('utf8')) text += String(chunk);
        return { status: upstream.statusCode ?? 500, headers: plain(upstream.headers), text };
      },
      reply(status, value, headers = {}) {
        if (response.stream.destroyed) return;
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(typeof value === 'string' ? value : JSON.stringify(value));
      },
      begin(status, text) {
        if (response.stream.destroyed) return;
        response.writeHead(status, { 'content-type': 'application/json' });
        response.write(text);
      },
      more(text) {
        if (!response.stream.destroyed) response.write(text);
      },
      cut() {
        request.stream.session?.destroy();
      },
      waits: () => !response.stream.destroyed,
    };
    // Before its body: what comes later than a call of present() is of a later connection.
    seen.push(exchange);
    try {
      for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
      await handle(exchange);
    } catch {
      // The server or the client has gone away in the middle of it, which the client then sees for itself.
      exchange.cut();
    }
  }

  async function ask(request: Http2ServerRequest, body: string): Promise<IncomingMessage> {
    const { authorization, accept } = request.headers;
    const headers = {
      ...(authorization === undefined ? {} : { authorization }),
      ...(accept === undefined ? {} : { accept }),
      ...(body === '' ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    };
    return await new Promise((resolve, reject) => {
      const upstream = httpsRequest(`${client.url}${request.url}`, { agent, method: request.method, headers });
      upstream.once('response', resolve);
      upstream.on('error', reject);
      upstream.end(body);
    });
  }

  function endConnections(): void {
    for (const socket of connections) socket.destroy();
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    seen,
    kubeconfig: (namespace) =>
      client
        .kubeconfig({ user: 'worker', namespace, server: `https://127.0.0.1:${port}` })
        .replace(/certificate-authority-data: .*/, `certificate-authority-data: ${base64(certificates.ca)}`),
    meddle(next) {
      handle = next ?? ((exchange) => exchange.pass());
    },
    present(pair) {
      server.setSecureContext(pair);
      endConnections();
    },
    async close() {
      endConnections();
      agent.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function kindOf(method: string, url: string): Exchange['kind'] {
  if (method === 'GET') return url.includes('watch=') ? 'watch' : 'read';
  // What is told at the lock object, not the lock itself.
  if (url.includes('/events')) return 'event';
  return url.includes('dryRun=') ? 'rehearsal' : 'write';
}

/** Without what belongs to one connection, which HTTP/2 forbids. */
function plain(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { connection: _connection, 'transfer-encoding': _encoding, 'keep-alive': _alive, ...rest } = headers;
  return rest;
}
