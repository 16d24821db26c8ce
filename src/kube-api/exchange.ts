// What one exchange of HTTP/1.1 and one of HTTP/2 share: waiting for the answer's head, or for whatever ends the wait
// before it comes. Decides nothing: how a request is started and what an error means is told by http1.ts and http2.ts.
// Invariant: an abort destroys what the request is on until the exchange is over, also after its head is in.

import type { EventEmitter } from 'node:events';
import type { Incoming } from './connection.ts';

export interface Exchange {
  /** The request or stream: emits `error` and `close`. Nothing has been emitted yet. */
  readonly carrier: EventEmitter;
  readonly giveUp: (reason: Error) => void;
  /** What is told of an error, or of an end without one. */
  readonly broken: (error: Error | undefined) => Error;
  readonly answered: (resolve: (incoming: Incoming) => void) => void;
}

export async function headOf({ carrier, giveUp, broken, answered }: Exchange, signal: AbortSignal): Promise<Incoming> {
  return await new Promise((resolve, reject) => {
    function abort(): void {
      giveUp(signal.reason as Error);
    }
    signal.addEventListener('abort', abort, { once: true });
    carrier.on('error', (error: Error) => {
      reject(broken(error));
    });
    carrier.once('close', () => {
      signal.removeEventListener('abort', abort);
      reject(broken(undefined));
    });
    answered(resolve);
  });
}
