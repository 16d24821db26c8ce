// Connections that take no more requests: they are closed as soon as nothing is on them, since each is a socket of the
// server's and one more for every rotation of a client certificate; and what dies under a watch is told as a death.
// The server counts what is open; does not know why a connection was retired.
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Credentials } from '../../src/kube-api/credentials.ts';
import { startDeadline } from '../../src/kube-api/failure.ts';
import { openTransport, type Transport } from '../../src/kube-api/transport.ts';
import { type Certificates, makeCertificates } from '../helpers/certificates.ts';
import { type Asked, type FakeApi, startFakeApi } from '../helpers/fake-api.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Stage {
  readonly api: FakeApi;
  readonly transport: Transport;
  /** What is watched, once it is. */
  readonly watching: Asked;
  readonly ended: Promise<unknown>;
  /** From now on requests show another client certificate. */
  readonly rotate: () => void;
  readonly ask: () => Promise<unknown>;
}

/** A transport with a watch, and a request that has been answered. */
async function begin(protocol: 'h2' | 'http/1.1'): Promise<Stage> {
  const api = await startFakeApi({ protocol, tls: { ...certificates.server, ca: certificates.ca } });
  open.push(() => api.close());
  api.handle = (asked) => {
    if (asked.path === '/watch') asked.open();
    else asked.answer(200, {});
  };
  let credentials: Credentials = { headers: {} };
  const trust = { insecure: false, serverName: undefined, ca: () => Promise.resolve(certificates.ca) };
  const server = new URL(api.url);
  const authorize = (): Promise<Credentials> => Promise.resolve(credentials);
  const target = { server, where: server.host, namespace: undefined, proxy: undefined, trust, authorize, warnings: [] };
  const transport = openTransport(target, { version: '0', env: {} });
  open.push(() => {
    transport.close();
  });
  const ask = async (): Promise<unknown> => {
    const deadline = startDeadline(10_000);
    return await transport.request({ method: 'GET', path: '/lock' }, deadline).finally(() => {
      deadline.end();
    });
  };
  const opened = vi.fn();
  const limits = { openMs: 5000, totalMs: 60_000 };
  const ended = transport.follow('/watch', { opened, line: () => undefined }, limits, new AbortController().signal);
  await vi.waitFor(() => {
    expect(opened).toHaveBeenCalled();
  });
  expect(await ask()).toMatchObject({ status: 200 });
  const [watching] = api.asked;
  if (watching === undefined) throw new Error('no watch came');
  const rotate = (): void => {
    credentials = { headers: {}, ...certificates.client };
  };
  return { api, transport, watching, ended, rotate, ask };
}

describe.each(['h2', 'http/1.1'] as const)('over %s', (protocol) => {
  test('a connection whose certificate was replaced closes when its last watch has ended, and not before', async () => {
    const { api, watching, ended, rotate, ask } = await begin(protocol);
    expect(api.alive()).toBe(protocol === 'h2' ? 1 : 2);
    rotate();
    expect(await ask()).toMatchObject({ status: 200 });
    // That of the watch, and the new one: of HTTP/1.1 the idle one is gone.
    await vi.waitFor(() => {
      expect(api.alive()).toBe(2);
    });
    watching.end();
    expect(await ended).toEqual({ kind: 'ended' });
    await vi.waitFor(() => {
      expect(api.alive()).toBe(1);
    });
    expect(await ask()).toMatchObject({ status: 200 });
  });

  test('a close ends all connections, also one that takes no new requests and has a watch on it', async () => {
    const { api, transport, ended, rotate, ask } = await begin(protocol);
    rotate();
    expect(await ask()).toMatchObject({ status: 200 });
    transport.close();
    await ended;
    await vi.waitFor(() => {
      expect(api.alive()).toBe(0);
    });
  });

  test('a watch whose connection died has failed, and was not ended by the server', async () => {
    const { api, ended } = await begin(protocol);
    api.reset();
    expect(await ended).toMatchObject({ kind: 'failed', cause: 'unreachable' });
  });
});
