// A connection to a server that speaks only HTTP/1.1: as many sockets as there are requests at a time (two, when a
// watch is open), kept alive by Node's own pool. Decides when a new one must be dialled, and does that before the
// request is made, so that `sending` is called when the socket stands. Does not know HTTP/2 (http2.ts).
// Invariant: as of every Connection; here an abort destroys the one socket under the request.

import http from 'node:http';
import type { Socket } from 'node:net';
import type { Connection, Incoming, Outgoing } from './connection.ts';
import type { Dialed } from './dial.ts';
import { headOf } from './exchange.ts';
import { NotHandled } from './failure.ts';
import { assertOpen } from './tcp.ts';

export class Http1Connection implements Connection {
  readonly #server: URL;
  readonly #redial: (signal: AbortSignal) => Promise<Dialed>;
  readonly #pool: Pool;
  #open = true;

  constructor(first: Socket, server: URL, redial: (signal: AbortSignal) => Promise<Dialed>) {
    this.#server = server;
    this.#redial = redial;
    this.#pool = new Pool(first);
  }

  usable(): boolean {
    return this.#open;
  }

  over(): boolean {
    return !this.#open && this.#pool.isEmpty();
  }

  async open(request: Outgoing, sending: () => void, signal: AbortSignal): Promise<Incoming> {
    if (this.#pool.mustDial()) {
      const { socket, protocol } = await this.#redial(signal);
      assertOpen(socket);
      this.#pool.add(socket);
      if (protocol !== 'http/1.1') {
        // The server has learnt HTTP/2 since: the next request finds a new connection.
        this.destroy();
        throw new NotHandled('the server changed its protocol');
      }
    }
    return await this.#exchange(request, sending, signal);
  }

  /** An HTTP/1.1 peer cannot be asked; TCP keep-alive and the watch's own end must do. */
  keepAsking(): () => void {
    return () => undefined;
  }

  retire(): void {
    this.#open = false;
    this.#pool.closeWhenIdle();
  }

  destroy(): void {
    this.#open = false;
    this.#pool.destroy();
  }

  async #exchange(request: Outgoing, sending: () => void, signal: AbortSignal): Promise<Incoming> {
    signal.throwIfAborted();
    const { method, path, body } = request;
    const headers = {
      ...request.headers,
      host: this.#server.host,
      ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
    };
    const outgoing = http.request({ agent: this.#pool, method, path, headers });
    // Comes when the request has got its socket, in the same turn in which its head is written to it.
    outgoing.once('socket', sending);
    // As bytes: a text would be sent together with the head, whose bytes would then be encoded once more.
    outgoing.end(body === undefined ? undefined : Buffer.from(body));
    return await headOf(
      {
        carrier: outgoing,
        giveUp: (reason) => outgoing.destroy(reason),
        broken: (error) => error ?? new Error('the connection was closed before the answer'),
        answered: (resolve) => {
          outgoing.once('response', (response) => {
            resolve(incomingOf(response));
          });
        },
      },
      signal,
    );
  }
}

function incomingOf(response: http.IncomingMessage): Incoming {
  response.on('error', () => undefined); // Its reader hears of it as well.
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: response,
    cancel: () => {
      response.destroy();
    },
  };
}

/** Node's own keep-alive pool, fed with sockets that are already connected and trusted. */
class Pool extends http.Agent {
  readonly #ready: Socket[];
  readonly #live = new Set<Socket>();
  #closing = false;

  constructor(first: Socket) {
    super({ keepAlive: true });
    this.#ready = [];
    this.add(first);
  }

  mustDial(): boolean {
    return (
      this.#ready.length === 0 &&
      Object.values(this.freeSockets).every((list) => list === undefined || list.length === 0)
    );
  }

  isEmpty(): boolean {
    return this.#live.size === 0;
  }

  add(socket: Socket): void {
    this.#ready.push(socket);
    this.#live.add(socket);
    socket.once('close', () => {
      this.#live.delete(socket);
      const index = this.#ready.indexOf(socket);
      if (index >= 0) this.#ready.splice(index, 1);
    });
  }

  override createConnection(): Socket {
    const socket = this.#ready.pop();
    if (socket === undefined) throw new Error('the connection was closed before the request');
    return socket;
  }

  override keepSocketAlive(socket: Socket): boolean {
    if (this.#closing) return false;
    super.keepSocketAlive(socket);
    return true;
  }

  closeWhenIdle(): void {
    this.#closing = true;
    for (const socket of [...this.#ready, ...Object.values(this.freeSockets).flatMap((list) => list ?? [])])
      socket.destroy();
  }

  override destroy(): void {
    super.destroy();
    for (const socket of this.#live) socket.destroy();
  }
}
