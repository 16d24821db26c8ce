// From a host's name to one connected TCP socket. Decides in which order the addresses of a name are tried, and when:
// as RFC 8305 says, a new one every 250 ms beside those that are still under way. Node's own race gives an address up
// after 250 ms, so that a slow network behind a dead address is never reached. Knows neither TLS nor a proxy.
// Invariants: an aborted dial leaves no socket open; every socket has a listener from its making on (`heard`), since it
// may fail while its next user waits for something else, and an unheard error ends the process; a name is looked up
// once at a time, however many wait, since a lookup without an answer holds a thread that no abort frees.

import { isIP, connect, type Socket } from 'node:net';
import { getSystemErrorMap } from 'node:util';
import { codeOf, messageOf } from '../common/errors.ts';
import { untilAborted } from './credentials.ts';

/** The addresses of a name in the order of the system's preference. */
export type Lookup = (host: string) => Promise<readonly string[]>;

const keepAliveMs = 15_000;
/** RFC 8305's Connection Attempt Delay. */
const nextAfterMs = 250;

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
export async function connectTcp(
  host: string,
  port: number,
  signal: AbortSignal,
  lookup: Lookup = sharedLookup,
): Promise<Socket> {
  signal.throwIfAborted();
  const addresses = isIP(host) === 0 ? await untilAborted(lookup(host), signal) : [host];
  return await firstConnected(host, port, interleaved(addresses), signal);
}

const sharedLookup = sharing(systemLookup);

/** All who ask for a name while it is looked up get that lookup's answer. */
export function sharing(lookup: Lookup): Lookup {
  const underWay = new Map<string, Promise<readonly string[]>>();
  return (host) => {
    const found = underWay.get(host);
    if (found !== undefined) return found;
    const looking = lookup(host).finally(() => underWay.delete(host));
    underWay.set(host, looking);
    return looking;
  };
}

async function systemLookup(host: string): Promise<readonly string[]> {
  // Loaded for names alone: in a pod the server is an address.
  const { ADDRCONFIG, promises } = await import('node:dns');
  const found = await promises.lookup(host, { all: true, hints: ADDRCONFIG });
  return found.map(({ address }) => address);
}

/** The families by turns, beginning with that of the first, so that a family without a way costs one attempt alone. */
export function interleaved(addresses: readonly string[]): readonly string[] {
  const [first = ''] = addresses;
  const each = [...new Set(addresses)];
  const isLikeFirst = (address: string): boolean => isIP(address) === isIP(first);
  const [like, unlike] = [each.filter(isLikeFirst), each.filter((address) => !isLikeFirst(address))];
  return each.flatMap((_, turn) => [...like.slice(turn, turn + 1), ...unlike.slice(turn, turn + 1)]);
}

interface Failed {
  readonly address: string;
  readonly error: Error;
}

/** The first that connects; the others are destroyed. With one address there is no race and no timer. */
async function firstConnected(
  host: string,
  port: number,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const untried = [...addresses];
    const underWay = new Set<Socket>();
    const failed: Failed[] = [];
    let timer: NodeJS.Timeout | undefined;

    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      for (const socket of underWay) socket.destroy();
      underWay.clear();
    }
    function abort(): void {
      end();
      reject(signal.reason as Error);
    }
    function tryNext(): void {
      clearTimeout(timer);
      const address = untried.shift();
      if (address === undefined) {
        if (underWay.size > 0) return;
        end();
        reject(unreachable(host, port, failed));
        return;
      }
      const socket = heard(
        connect({ host: address, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }),
      );
      underWay.add(socket);
      socket.once('connect', () => {
        underWay.delete(socket);
        end();
        resolve(socket);
      });
      socket.once('close', () => {
        if (!underWay.delete(socket)) return;
        failed.push({ address, error: socket.errored ?? new Error('the connection was closed at once') });
        tryNext();
      });
      if (untried.length > 0) timer = setTimeout(tryNext, nextAfterMs);
    }
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    tryNext();
  });
}

function unreachable(host: string, port: number, failed: readonly Failed[]): Error {
  const [only, ...others] = failed;
  if (only !== undefined && others.length === 0) return only.error;
  const reasons = failed.map(({ address, error }) => `${address}: ${inWords(error)}`).join(', ');
  return new Error(`no address of ${host} can be reached at port ${String(port)}: ${reasons || 'it has none'}`);
}

/** `connection refused (ECONNREFUSED)`, without the address, which stands before it. */
function inWords(error: Error): string {
  const code = codeOf(error);
  const [, words] = [...getSystemErrorMap().values()].find(([name]) => name === code) ?? [];
  return words === undefined ? messageOf(error) : `${words} (${String(code)})`;
}
