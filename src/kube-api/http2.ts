// A connection to a server that speaks HTTP/2: one session that carries everything. Decides when it is good for nothing
// more, by GOAWAY, by PINGs that stay unanswered while a watch is open, and by any request that is given up. Does not
// know HTTP/1.1 (http1.ts), nor what a request means.
// Invariant: as of every Connection (connection.ts); an abort destroys the session, and with it all that is on it.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import type { Socket } from 'node:net';
import { messageOf } from '../common/errors.ts';
import type { Connection, Incoming, Outgoing } from './connection.ts';
import { headOf } from './exchange.ts';
import { NotHandled } from './failure.ts';

/** How often a peer is asked whether it lives while a watch is open, and how long it may take to answer. */
const pingEveryMs = 15_000;
const pongWithinMs = 5_000;

export interface PingTimes {
  readonly everyMs: number;
  readonly withinMs: number;
}

export async function http2Connection(
  socket: Socket,
  server: URL,
  ping: PingTimes = { everyMs: pingEveryMs, withinMs: pongWithinMs },
): Promise<Connection> {
  const session = connectHttp2(server, { createConnection: () => socket, settings: { enablePush: false } });
  const connection = new Http2Connection(session, ping);
  await new Promise<void>((resolve, reject) => {
    session.once('connect', () => {
      resolve();
    });
    session.once('close', () => {
      reject(new Error('the connection was closed at once'));
    });
  });
  return connection;
}

class Http2Connection implements Connection {
  readonly #session: ClientHttp2Session;
  readonly #ping: PingTimes;
  #draining = false;

  constructor(session: ClientHttp2Session, ping: PingTimes) {
    this.#session = session;
    this.#ping = ping;
    // A request that waits for an answer hears of it through its stream; without a listener it would end the process.
    session.on('error', () => undefined);
    session.on('goaway', () => (this.#draining = true));
  }

  usable(): boolean {
    return !this.#draining && !this.#session.closed && !this.#session.destroyed;
  }

  over(): boolean {
    return this.#session.destroyed;
  }

  async open(request: Outgoing, sending: () => void, signal: AbortSignal): Promise<Incoming> {
    signal.throwIfAborted();
    sending();
    const stream = startStream(this.#session, request);
    if (request.body !== undefined) stream.end(request.body);
    return await headOf(
      {
        carrier: stream,
        giveUp: (reason) => {
          this.#session.destroy(reason);
        },
        broken: (error) => brokenStream(stream, error),
        answered: (resolve) => {
          stream.once('response', (headers) => {
            resolve(incomingOf(stream, headers));
          });
        },
      },
      signal,
    );
  }

  keepAsking(): () => void {
    const { everyMs, withinMs } = this.#ping;
    const session = this.#session;
    let late: NodeJS.Timeout | undefined;
    const timer = setInterval(() => {
      if (session.destroyed || late !== undefined) return;
      late = setTimeout(() => {
        // After a stall of this process timers run first; the answer may have come long ago and is read before this.
        setImmediate(() => {
          if (late !== undefined) session.destroy(new Error(`no answer to a PING within ${String(withinMs / 1000)} s`));
        });
      }, withinMs);
      session.ping(() => {
        clearTimeout(late);
        late = undefined;
      });
    }, everyMs);
    return () => {
      clearInterval(timer);
      clearTimeout(late);
      late = undefined;
    };
  }

  retire(): void {
    this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }
}

function incomingOf(stream: ClientHttp2Stream, headers: IncomingHttpHeaders & IncomingHttpStatusHeader): Incoming {
  return {
    status: headers[':status'] ?? 0,
    headers,
    body: stream,
    cancel: () => {
      stream.close(constants.NGHTTP2_CANCEL);
    },
  };
}

function startStream(session: ClientHttp2Session, { method, path, headers, body }: Outgoing): ClientHttp2Stream {
  try {
    return session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
  } catch (error) {
    // Thrown before anything is written: the session ended in this very moment.
    throw new NotHandled(messageOf(error));
  }
}

function brokenStream(stream: ClientHttp2Stream, error: Error | undefined): Error {
  if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM)
    return new NotHandled('the server refused to handle the request');
  return error ?? new Error('the connection was closed before the answer');
}
