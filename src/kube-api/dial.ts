// From an address to a socket on which requests can go out: TCP or a proxy's tunnel, then TLS with exactly the trust
// that the configuration gives. Offers HTTP/2 and HTTP/1.1 and leaves the choice to the server (ALPN). Knows nothing of
// requests.
// Invariant: verification is on unless the configuration says otherwise, whatever the environment says; and a given CA
// replaces all others.

import { isIP, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { codeOf, messageOf } from '../common/errors.ts';
import { type Credentials, errorCode, UnusableError } from './credentials.ts';
import type { KubeTarget, Trust } from './target.ts';
import { bareHost, portOf, proxyFor, tunnel } from './proxy.ts';
import { assertOpen, connectTcp, heard } from './tcp.ts';

export interface Dialed {
  readonly socket: Socket;
  readonly protocol: 'h2' | 'http/1.1';
}

export async function dial(
  target: KubeTarget,
  credentials: Credentials,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Dialed> {
  const { server, trust } = target;
  const [host, port] = [bareHost(server), portOf(server)];
  const proxy = proxyFor(server, target.proxy, env);
  let making: Promise<SecureContext> | undefined;
  const context = (): Promise<SecureContext> => (making ??= makeContext(trust, credentials));

  /** As kubectl judges it: by what is trusted at the server, and by the proxy's own name. */
  async function securedProxy(plain: Socket, name: string): Promise<Socket> {
    const [, secureContext] = await meanwhile(Promise.resolve(plain), context());
    try {
      const options = { secureContext, ...namesOf(name, undefined), rejectUnauthorized: !trust.insecure };
      return await secured(plain, options, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw Object.assign(new Error(`the proxy ${name}: ${messageOf(error)}`), { code: codeOf(error) });
    }
  }

  const connecting =
    proxy === undefined ? connectTcp(host, port, signal) : tunnel(proxy, host, port, securedProxy, signal);
  if (server.protocol === 'http:') return { socket: await connecting, protocol: 'http/1.1' };
  const [plain, secureContext] = await meanwhile(connecting, context());
  const socket = await secured(
    plain,
    {
      secureContext,
      ...namesOf(host, trust.serverName),
      rejectUnauthorized: !trust.insecure,
      ALPNProtocols: ['h2', 'http/1.1'],
    },
    signal,
  );
  return { socket, protocol: socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1' };
}

/** Waits for both at once, so that neither can fail unheard; a socket that comes too late to be used is closed. */
async function meanwhile<Made>(connecting: Promise<Socket>, making: Promise<Made>): Promise<[Socket, Made]> {
  try {
    return await Promise.all([connecting, making]);
  } catch (error) {
    connecting.then(
      (socket) => socket.destroy(),
      () => undefined,
    );
    throw error;
  }
}

/**
 * The first context costs Node 17 ms (it parses its own roots even when a CA is given), so it is made while the TCP
 * connection is under way.
 */
async function makeContext(trust: Trust, credentials: Credentials): Promise<SecureContext> {
  return contextOf(await trust.ca(), credentials);
}

let last:
  | {
      readonly ca: string | undefined;
      readonly cert: string | undefined;
      readonly key: string | undefined;
      readonly context: SecureContext;
    }
  | undefined;

function contextOf(ca: string | undefined, { cert, key }: Credentials): SecureContext {
  if (last !== undefined && last.ca === ca && last.cert === cert && last.key === key) return last.context;
  try {
    const context = createSecureContext({
      // As Go does: any certificate that the configuration trusts is trusted, also one that is not a root.
      ...(ca !== undefined && { allowPartialTrustChain: true }),
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    });
    last = { ca, cert, key, context };
    return context;
  } catch (error) {
    throw new UnusableError(`the CA or the client certificate and key cannot be used: ${errorCode(error)}`);
  }
}

/** SNI carries no addresses, and the name to verify may be another than the host. */
function namesOf(host: string, serverName: string | undefined): ConnectionOptions {
  const expected = serverName ?? host;
  return {
    host,
    ...(isIP(expected) === 0 && { servername: expected }),
    checkServerIdentity: (_, certificate) => checkServerIdentity(expected, certificate),
  };
}

async function secured(plain: Socket, options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  return await new Promise((resolve, reject) => {
    if (signal.aborted) {
      plain.destroy();
      reject(signal.reason as Error);
      return;
    }
    assertOpen(plain);
    const socket = heard(connect({ ...options, socket: plain }));
    function abort(): void {
      socket.destroy(signal.reason as Error);
    }
    function failed(error: Error): void {
      signal.removeEventListener('abort', abort);
      plain.destroy();
      reject(error);
    }
    function closed(): void {
      failed(new Error('the connection was closed during the TLS handshake'));
    }
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', failed).off('close', closed);
      resolve(socket);
    });
  });
}
