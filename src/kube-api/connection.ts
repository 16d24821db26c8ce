// One way of getting requests to the server and answers back, whichever version of HTTP the server chose: http2.ts or
// http1.ts. Types alone. Does not know what a request means or who is allowed to send it.
// Invariant: `sending` is called synchronously before the first byte of a request and not otherwise; an abort of a
// request destroys the connection under it, since an unanswered request says that the connection may be dead.

import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string | undefined;
}

export interface Incoming {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /** Ends this answer alone, sparing other requests of the connection where that can be done. */
  readonly cancel: () => void;
}

export interface Connection {
  /** False once no new request may be sent on it. */
  readonly usable: () => boolean;
  /** True once it is neither usable nor open for what is still on it. */
  readonly over: () => boolean;
  /** Resolves with the answer's head. Aborting before its body has ended destroys the connection. */
  readonly open: (request: Outgoing, sending: () => void, signal: AbortSignal) => Promise<Incoming>;
  /** Asks again and again whether the peer lives, until the returned function is called. */
  readonly keepAsking: () => () => void;
  /** Takes no new requests and closes when those under way are done. */
  readonly retire: () => void;
  readonly destroy: () => void;
}
