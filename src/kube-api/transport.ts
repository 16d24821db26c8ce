// Requests to one API server with one deadline each, over one warm connection: raw JSON in and out, so that fields this
// program does not know survive. client-node makes a new TLS connection for each call, has no time limit, and decodes
// into its own models. Decides when a connection is thrown away and whether a failed request had been sent; does not
// know what a request means.
// Invariant: a request goes out at most once, and once more only if the first was answered with 401 and there are new
// credentials; the deadline covers credentials, connecting, sending and the whole answer; no answer exceeds the cap.

import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Connection, Incoming } from './connection.ts';
import { type Credentials, sameCredentials, sameIdentity, untilAborted } from './credentials.ts';
import { dial, type Dialed } from './dial.ts';
import { type Deadline, type Failure, failureOf, startDeadline, TooLong } from './failure.ts';
import { Http1Connection } from './http1.ts';
import { http2Connection, type PingTimes } from './http2.ts';
import { assertOpen } from './tcp.ts';
import type { KubeTarget } from './target.ts';

export interface Call {
  /** A PATCH is a merge patch (RFC 7386). */
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH';
  /** Below the server's base path, with the query. */
  readonly path: string;
  readonly body?: string;
}

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Following {
  /** The answer's head has come and says 200. */
  readonly opened: () => void;
  readonly line: (text: string) => void;
}

export interface FollowLimits {
  /** Until the answer's head is in. */
  readonly openMs: number;
  /** Until the server should have ended it by itself. */
  readonly totalMs: number;
}

export interface Transport {
  /** For people: the server's host and port. */
  readonly where: string;
  /** Of HTTP, on the last connection; undefined: there was none yet. */
  readonly version?: () => '1.1' | '2' | undefined;
  /** `sending` as in Attempt: just before the first byte, again if the request is sent anew after a 401. */
  request(call: Call, deadline: Deadline, sending?: () => void): Promise<Answer | Failure>;
  /** Hands out an answer line by line until it ends (the server closed it) or `stop` is aborted. */
  follow(
    path: string,
    following: Following,
    limits: FollowLimits,
    stop: AbortSignal,
  ): Promise<Answer | Failure | Ended>;
  close(): void;
}

export interface Ended {
  readonly kind: 'ended';
}

export interface TransportOptions {
  readonly version: string;
  readonly env?: NodeJS.ProcessEnv;
  /** For tests. */
  readonly ping?: PingTimes;
}

export function openTransport(target: KubeTarget, { version, env = process.env, ping }: TransportOptions): Transport {
  return new RestTransport(target, version, env, ping);
}

/** A Lease is about 1 KB; a page of an intercepting proxy must not fill the memory. In characters. */
const answerCap = 4 << 20;

/** The connection that new requests use, from the moment it is dialled. */
interface Held {
  readonly credentials: Credentials;
  readonly dialing: AbortController;
  readonly connection: Promise<Connection>;
  /** The same once it is there. */
  ready: Connection | undefined;
}

interface Opened {
  readonly incoming: Incoming;
  readonly connection: Connection;
}

class RestTransport implements Transport {
  readonly where: string;
  readonly #target: KubeTarget;
  readonly #env: NodeJS.ProcessEnv;
  readonly #ping: PingTimes | undefined;
  readonly #basePath: string;
  readonly #fixedHeaders: Readonly<Record<string, string>>;
  #held: Held | undefined;
  /** All that are open: one that takes no new requests lives on while a watch is still on it. */
  readonly #alive = new Set<Connection>();
  #protocol: Dialed['protocol'] | undefined;
  #closed = false;

  constructor(target: KubeTarget, version: string, env: NodeJS.ProcessEnv, ping: PingTimes | undefined) {
    this.where = target.where;
    this.#target = target;
    this.#env = env;
    this.#ping = ping;
    this.#basePath = target.server.pathname.replace(/\/+$/, '');
    this.#fixedHeaders = { accept: 'application/json', 'user-agent': `leader-run/${version}` };
  }

  version(): '1.1' | '2' | undefined {
    return this.#protocol && (this.#protocol === 'h2' ? '2' : '1.1');
  }

  async request(call: Call, { signal }: Deadline, sending?: () => void): Promise<Answer | Failure> {
    const attempt = { sent: false };
    try {
      const { incoming } = await this.#open(call, signal, attempt, sending);
      return await readAnswer(incoming);
    } catch (error) {
      return failureOf(error, attempt.sent, signal, this.#target.trust);
    }
  }

  async follow(
    path: string,
    following: Following,
    limits: FollowLimits,
    stop: AbortSignal,
  ): Promise<Answer | Failure | Ended> {
    const opening = startDeadline(limits.openMs);
    const attempt = { sent: false };
    let release: () => void = () => undefined;
    try {
      // A stop during this is obeyed after it: aborting here would destroy the connection under others' requests.
      const { incoming, connection } = await this.#open({ method: 'GET', path }, opening.signal, attempt);
      if (incoming.status !== 200) return await readAnswer(incoming);
      opening.end();
      const overdue = setTimeout(incoming.cancel, limits.totalMs);
      const stopAsking = connection.keepAsking();
      stop.addEventListener('abort', incoming.cancel, { once: true });
      release = () => {
        clearTimeout(overdue);
        stopAsking();
        stop.removeEventListener('abort', incoming.cancel);
        incoming.cancel();
      };
      if (stop.aborted) return { kind: 'ended' };
      following.opened();
      await readLines(incoming, following.line);
      return { kind: 'ended' };
    } catch (error) {
      return failureOf(error, attempt.sent, opening.signal, this.#target.trust);
    } finally {
      opening.end();
      release();
    }
  }

  close(): void {
    this.#closed = true;
    this.#held?.dialing.abort(new Error('closed'));
    this.#held = undefined;
    for (const connection of this.#alive) connection.destroy();
    this.#alive.clear();
  }

  async #open(call: Call, signal: AbortSignal, attempt: { sent: boolean }, sending?: () => void): Promise<Opened> {
    const { method, body } = call;
    const path = this.#basePath + call.path;
    const form = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const type = body === undefined ? undefined : { 'content-type': form };
    function starts(): void {
      attempt.sent = true;
      sending?.();
    }
    let credentials = await this.#target.authorize(false, signal);
    for (let again = false; ; again = true) {
      const connection = await this.#connect(credentials, signal);
      const headers = { ...this.#fixedHeaders, ...credentials.headers, ...type };
      const incoming = await connection.open({ method, path, headers, body }, starts, signal);
      if (incoming.status !== 401 || again) return { incoming, connection };
      const fresh = await this.#target.authorize(true, signal).catch(() => credentials); // Then the 401 is the news.
      if (sameCredentials(fresh, credentials)) return { incoming, connection };
      await readAnswer(incoming); // So that an HTTP/1.1 connection is free again.
      attempt.sent = false;
      credentials = fresh;
    }
  }

  async #connect(credentials: Credentials, signal: AbortSignal): Promise<Connection> {
    if (this.#closed) throw new Error('closed');
    let held = this.#held;
    if (held === undefined || !sameIdentity(held.credentials, credentials) || held.ready?.usable() === false) {
      held?.ready?.retire();
      held = this.#dial(credentials);
    }
    if (held.ready !== undefined) return held.ready;
    try {
      return await untilAborted(held.connection, signal);
    } catch (error) {
      // The next request dials anew; others that wait for this connection fail with it.
      held.dialing.abort(error);
      if (this.#held === held) this.#held = undefined;
      throw error;
    }
  }

  async #over({ socket, protocol }: Dialed, redial: (signal: AbortSignal) => Promise<Dialed>): Promise<Connection> {
    assertOpen(socket);
    this.#protocol = protocol;
    const { server } = this.#target;
    return protocol === 'h2'
      ? await http2Connection(socket, server, this.#ping)
      : new Http1Connection(socket, server, redial);
  }

  #dial(credentials: Credentials): Held {
    const dialing = new AbortController();
    const redial = (signal: AbortSignal) => dial(this.#target, credentials, this.#env, signal);
    const connection = redial(dialing.signal).then(async (dialed) => {
      const made = await this.#over(dialed, redial);
      if (dialing.signal.aborted) {
        made.destroy();
        throw dialing.signal.reason as Error;
      }
      for (const other of this.#alive) if (other.over()) this.#alive.delete(other);
      this.#alive.add(made);
      held.ready = made;
      return made;
    });
    // A request that waits hears of a failure; when all have gone, none needs to.
    connection.catch(() => undefined);
    const held: Held = { credentials, dialing, connection, ready: undefined };
    this.#held = held;
    return held;
  }
}

async function readAnswer({ status, headers, body }: Incoming): Promise<Answer> {
  let text = '';
  body.setEncoding('utf8');
  // Leaving the loop early destroys the body.
  for await (const chunk of body as AsyncIterable<string>) {
    text += chunk;
    if (text.length > answerCap) throw new TooLong('the answer is longer than 4 MiB');
  }
  assertComplete(body);
  return { kind: 'answer', status, headers, text };
}

async function readLines({ body }: Incoming, line: (text: string) => void): Promise<void> {
  let rest = '';
  body.setEncoding('utf8');
  for await (const chunk of body as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) if (text !== '') line(text);
    if (rest.length > answerCap) throw new TooLong('a line of the answer is longer than 4 MiB');
  }
  assertComplete(body);
}

/** When an HTTP/2 connection dies, Node closes its streams without an error, as if they had come to their end. */
function assertComplete(body: Readable): void {
  if (!body.readableEnded) throw new Error('the connection was closed before the end of the answer');
}
