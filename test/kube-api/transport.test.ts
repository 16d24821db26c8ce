// Requests: over what they go, when they count as sent, what ends them, and what is made of a broken connection.
import { networkInterfaces } from 'node:os';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { CredentialsError, type Credentials } from '../../src/kube-api/credentials.ts';
import { startDeadline } from '../../src/kube-api/failure.ts';
import type { KubeTarget } from '../../src/kube-api/target.ts';
import {
  openTransport,
  type Answer,
  type Call,
  type Transport,
  type TransportOptions,
} from '../../src/kube-api/transport.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { makeCertificates, type Certificates } from '../helpers/certificates.ts';
import { startFakeApi, type Asked, type FakeApi, type FakeOptions } from '../helpers/fake-api.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function fakeApi(options: FakeOptions = {}): Promise<FakeApi> {
  const api = await startFakeApi({ tls: certificates.server, ...options });
  open.push(() => api.close());
  return api;
}

function transportTo(
  url: string,
  target: Partial<KubeTarget> = {},
  options: Partial<TransportOptions> = {},
): Transport {
  const transport = openTransport(
    {
      server: new URL(url),
      where: new URL(url).host,
      namespace: undefined,
      proxy: undefined,
      trust: { insecure: false, serverName: undefined, ca: () => Promise.resolve(certificates.ca) },
      authorize: () => Promise.resolve({ headers: {} }),
      warnings: [],
      ...target,
    },
    { version: '1.2.3', env: {}, ...options },
  );
  open.push(() => {
    transport.close();
  });
  return transport;
}

async function ask(
  transport: Transport,
  { limitMs = 10_000, sending, ...call }: Partial<Call> & { limitMs?: number; sending?: () => void } = {},
) {
  const deadline = startDeadline(limitMs);
  try {
    return await transport.request({ method: 'GET', path: '/lock', ...call }, deadline, sending);
  } finally {
    deadline.end();
  }
}

function signal(): { readonly promise: Promise<void>; readonly give: () => void } {
  let give: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => (give = resolve));
  return { promise, give };
}

const hello = (asked: Asked): void => {
  asked.answer(200, { hello: asked.path });
};

describe.each(['h2', 'http/1.1'] as const)('over %s', (protocol) => {
  test('requests follow each other on one warm connection', async () => {
    const api = await fakeApi({ protocol });
    api.handle = hello;
    const transport = transportTo(`${api.url}/base/`);
    for (let turn = 0; turn < 3; turn++) {
      expect(await ask(transport, { method: 'PUT', body: '{"ü":1}' })).toMatchObject({
        kind: 'answer',
        status: 200,
        text: '{"hello":"/base/lock"}',
      });
    }
    expect(api.connections()).toBe(1);
    expect(api.asked.map(({ protocol: spoken, method, body }) => ({ spoken, method, body }))).toEqual(
      Array.from({ length: 3 }, () => ({ spoken: protocol, method: 'PUT', body: '{"ü":1}' })),
    );
    expect(api.asked[0]?.headers).toMatchObject({
      'user-agent': 'leader-run/1.2.3',
      accept: 'application/json',
      'content-type': 'application/json',
    });
  });

  test('a request counts as sent only from the moment its connection stands', async () => {
    const api = await fakeApi({ protocol });
    api.handle = hello;
    const proxy = await startFaultProxy({ to: { host: '127.0.0.1', port: api.port } });
    open.push(() => {
      proxy.close();
    });
    proxy.hold('down');
    let sent = 0;
    const transport = transportTo(`https://127.0.0.1:${String(proxy.port)}`);
    const asking = ask(transport, {
      sending: () => {
        sent += 1;
        expect(api.asked).toEqual([]);
      },
    });
    await vi.waitFor(() => {
      expect(proxy.held('down')).toBeGreaterThan(0); // The server's side of the handshake waits here.
    });
    expect(sent).toBe(0);
    await proxy.pass();
    expect(await asking).toMatchObject({ status: 200 });
    expect(sent).toBe(1);
  });

  test('a time-out throws the connection away and the next request gets a fresh one', async () => {
    const api = await fakeApi({ protocol });
    api.handle = () => undefined;
    const transport = transportTo(api.url);
    expect(await ask(transport, { limitMs: 100 })).toEqual({
      kind: 'failed',
      cause: 'timeout',
      detail: 'no answer within 0.1 s',
      sent: true,
    });
    api.handle = hello;
    expect(await ask(transport)).toMatchObject({ status: 200 });
    expect(api.asked.map(({ connection }) => connection)).toEqual([1, 2]);
  });

  test('the limit covers an answer that trickles in', async () => {
    const api = await fakeApi({ protocol });
    api.handle = (asked) => {
      asked.open();
      const timer = setInterval(() => {
        asked.write(' ');
      }, 10);
      open.push(() => {
        clearInterval(timer);
      });
    };
    expect(await ask(transportTo(api.url), { limitMs: 150 })).toMatchObject({
      kind: 'failed',
      cause: 'timeout',
      sent: true,
    });
  });

  test('a connection that breaks after sending leaves the outcome open', async () => {
    const api = await fakeApi({ protocol });
    api.handle = () => {
      api.reset();
    };
    const transport = transportTo(api.url);
    expect(await ask(transport, { method: 'PUT', body: '{}' })).toMatchObject({
      kind: 'failed',
      cause: 'unreachable',
      sent: true,
    });
    expect(api.asked).toHaveLength(1);
    api.handle = hello;
    expect(await ask(transport)).toMatchObject({ status: 200 });
  });

  test('an answer cut short is a failure, not an answer', async () => {
    const api = await fakeApi({ protocol });
    api.handle = (asked) => {
      asked.open();
      asked.write('{"kind":');
      setTimeout(() => {
        api.reset();
      }, 20);
    };
    expect(await ask(transportTo(api.url))).toMatchObject({ kind: 'failed', sent: true });
  });

  test('an endless answer is not read to the end', async () => {
    const api = await fakeApi({ protocol });
    api.handle = (asked) => {
      asked.answer(200, 'x'.repeat(5 << 20));
    };
    expect(await ask(transportTo(api.url))).toMatchObject({
      kind: 'failed',
      cause: 'garbled',
      detail: 'the answer is longer than 4 MiB',
    });
  });

  test('a 401 is answered once with credentials read anew', async () => {
    const api = await fakeApi({ protocol });
    let token = 'old';
    const seen: boolean[] = [];
    const authorize = (fresh: boolean): Promise<Credentials> => {
      seen.push(fresh);
      if (fresh) token = 'new';
      return Promise.resolve({ headers: { authorization: `Bearer ${token}` } });
    };
    api.handle = (asked) => {
      asked.answer(asked.headers.authorization === 'Bearer new' ? 200 : 401, {});
    };
    const sending = vi.fn();
    expect(await ask(transportTo(api.url, { authorize }), { sending })).toMatchObject({ status: 200 });
    expect(seen).toEqual([false, true]);
    expect(sending).toHaveBeenCalledTimes(2);
    expect(api.connections()).toBe(1);
  });

  test('a 401 that stays is handed on after one more try', async () => {
    const api = await fakeApi({ protocol });
    let count = 0;
    api.handle = (asked) => {
      asked.answer(401, {});
    };
    const authorize = (): Promise<Credentials> =>
      Promise.resolve({ headers: { authorization: `Bearer ${String(++count)}` } });
    expect(await ask(transportTo(api.url, { authorize }))).toMatchObject({ kind: 'answer', status: 401 });
    expect(api.asked).toHaveLength(2);
  });

  test('a 401 is not repeated with the same credentials', async () => {
    const api = await fakeApi({ protocol });
    api.handle = (asked) => {
      asked.answer(401, {});
    };
    const authorize = (): Promise<Credentials> => Promise.resolve({ headers: { authorization: 'Bearer same' } });
    expect(await ask(transportTo(api.url, { authorize }))).toMatchObject({ kind: 'answer', status: 401 });
    expect(api.asked).toHaveLength(1);
  });

  test('new client certificates get a connection of their own', async () => {
    const api = await fakeApi({ protocol, tls: { ...certificates.server, ca: certificates.ca } });
    api.handle = hello;
    let credentials: Credentials = { headers: {} };
    const transport = transportTo(api.url, { authorize: () => Promise.resolve(credentials) });
    await ask(transport);
    credentials = { headers: {}, ...certificates.client };
    await ask(transport);
    await ask(transport);
    expect(api.asked.map(({ connection, client }) => ({ connection, client }))).toEqual([
      { connection: 1, client: undefined },
      { connection: 2, client: 'client' },
      { connection: 2, client: 'client' },
    ]);
  });

  test('an answer is followed line by line, however it is cut into chunks', async () => {
    const api = await fakeApi({ protocol });
    api.handle = (asked) => {
      asked.open();
      asked.write('{"a":"');
      setTimeout(() => {
        asked.write('ü"}\n{"b":1}\n\n{"c"');
        setTimeout(() => {
          asked.write(':2}\n');
          asked.end();
        }, 10);
      }, 10);
    };
    const lines: string[] = [];
    const opened = vi.fn();
    const ending = await transportTo(api.url).follow(
      '/watch',
      { opened, line: (text) => lines.push(text) },
      { openMs: 5000, totalMs: 5000 },
      new AbortController().signal,
    );
    expect(ending).toEqual({ kind: 'ended' });
    expect(opened).toHaveBeenCalledOnce();
    expect(lines).toEqual(['{"a":"ü"}', '{"b":1}', '{"c":2}']);
  });

  test('a request beside an open watch is answered at once, and stopping the watch spares it', async () => {
    const api = await fakeApi({ protocol });
    api.handle = (asked) => {
      if (asked.path === '/watch') asked.open();
      else hello(asked);
    };
    const transport = transportTo(api.url);
    const stop = new AbortController();
    const opened = signal();
    const following = transport.follow(
      '/watch',
      { opened: opened.give, line: () => undefined },
      { openMs: 5000, totalMs: 60_000 },
      stop.signal,
    );
    await opened.promise;
    expect(await ask(transport)).toMatchObject({ status: 200 });
    stop.abort();
    await following;
    expect(await ask(transport)).toMatchObject({ status: 200 });
    expect(api.connections()).toBe(protocol === 'h2' ? 1 : 2);
  });

  test('a watch without an end is ended here', async () => {
    const api = await fakeApi({ protocol });
    api.handle = (asked) => {
      asked.open();
    };
    const ending = await transportTo(api.url).follow(
      '/watch',
      { opened: () => undefined, line: () => undefined },
      { openMs: 5000, totalMs: 50 },
      new AbortController().signal,
    );
    expect(ending.kind).toMatch(/ended|failed/);
  });
});

describe('the connection', () => {
  test('is replaced after a GOAWAY while a watch on the old one goes on', async () => {
    const api = await fakeApi();
    let watching: Asked | undefined;
    api.handle = (asked) => {
      if (asked.path !== '/watch') {
        hello(asked);
        return;
      }
      watching = asked;
      asked.open();
    };
    const transport = transportTo(api.url);
    const lines: string[] = [];
    const opened = signal();
    const following = transport.follow(
      '/watch',
      { opened: opened.give, line: (text) => lines.push(text) },
      { openMs: 5000, totalMs: 60_000 },
      new AbortController().signal,
    );
    await opened.promise;
    api.goaway();
    await vi.waitFor(async () => {
      await ask(transport);
      expect(api.asked.at(-1)?.connection).toBe(2);
    });
    watching?.write('still here\n');
    watching?.end();
    await following;
    expect(lines).toEqual(['still here']);
  });

  test('tells a request that the server says it did not handle as not sent', async () => {
    const api = await fakeApi();
    api.handle = (asked) => {
      asked.refuse();
    };
    const transport = transportTo(api.url);
    expect(await ask(transport, { method: 'PUT', body: '{}' })).toMatchObject({
      kind: 'failed',
      cause: 'unreachable',
      sent: false,
    });
    expect(api.asked).toHaveLength(1);
  });

  test('reaches an IPv6 address, and its certificate names it', async ({ skip }) => {
    skip(!Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1')), 'no IPv6');
    const api = await fakeApi({ host: '::1' });
    api.handle = hello;
    expect(await ask(transportTo(api.url))).toMatchObject({ status: 200 });
  });

  test('is thrown away when a watched peer stops answering PINGs', async () => {
    const api = await fakeApi();
    api.handle = (asked) => {
      asked.open();
    };
    const proxy = await startFaultProxy({ to: { host: '127.0.0.1', port: api.port } });
    open.push(() => {
      proxy.close();
    });
    const transport = transportTo(
      `https://127.0.0.1:${String(proxy.port)}`,
      {},
      { ping: { everyMs: 30, withinMs: 100 } },
    );
    const opened = signal();
    const following = transport.follow(
      '/watch',
      { opened: opened.give, line: () => undefined },
      { openMs: 5000, totalMs: 60_000 },
      new AbortController().signal,
    );
    await opened.promise;
    proxy.blackhole({ connections: 'existing' });
    expect(await following).toMatchObject({ kind: 'failed', cause: 'unreachable' });
    api.handle = hello;
    expect(await ask(transport)).toMatchObject({ status: 200 });
  });

  test('that nobody accepts is told as unreachable and not sent', async () => {
    const api = await fakeApi();
    const transport = transportTo(api.url);
    await open.pop()?.(); // The transport of this test is the last one opened,
    await open.pop()?.(); // and the server the one before.
    expect(await ask(transportTo(api.url))).toMatchObject({
      kind: 'failed',
      cause: 'unreachable',
      sent: false,
      detail: expect.stringContaining('ECONNREFUSED') as string,
    });
    expect(await ask(transport)).toMatchObject({ kind: 'failed', sent: false });
  });

  test('that hangs while connecting is given up within the limit, not sent, and dialled anew', async () => {
    const api = await fakeApi();
    api.handle = hello;
    const proxy = await startFaultProxy({ to: { host: '127.0.0.1', port: api.port } });
    open.push(() => {
      proxy.close();
    });
    proxy.blackhole({ connections: 'new' });
    const transport = transportTo(`https://127.0.0.1:${String(proxy.port)}`);
    expect(await ask(transport, { limitMs: 100 })).toEqual({
      kind: 'failed',
      cause: 'timeout',
      detail: 'no answer within 0.1 s',
      sent: false,
    });
    await proxy.pass();
    expect(await ask(transport)).toMatchObject({ status: 200 });
  });

  test('to a server whose certificate is signed by a stranger is refused', async () => {
    const api = await fakeApi({ tls: certificates.stranger });
    expect(await ask(transportTo(api.url))).toMatchObject({
      kind: 'failed',
      cause: 'untrusted',
      sent: false,
      detail: expect.stringMatching(/self.signed certificate/) as string,
    });
  });

  test('to a server with another name is refused, unless that name is expected', async () => {
    const api = await fakeApi();
    api.handle = hello;
    const ca = () => Promise.resolve(certificates.ca);
    const other = await ask(transportTo(api.url, { trust: { insecure: false, serverName: 'elsewhere.test', ca } }));
    expect(other).toMatchObject({
      kind: 'failed',
      cause: 'untrusted',
      detail: expect.stringContaining('elsewhere.test') as string,
    });
    expect(
      await ask(transportTo(api.url, { trust: { insecure: false, serverName: 'cluster.test', ca } })),
    ).toMatchObject({ status: 200 });
  });

  test('is verified even if the environment says otherwise, and is not if the configuration says so', async () => {
    const api = await fakeApi({ tls: certificates.stranger });
    api.handle = hello;
    vi.spyOn(process, 'emitWarning').mockReturnValue(undefined); // Node warns of the variable, though it changes nothing here.
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    expect(await ask(transportTo(api.url))).toMatchObject({ kind: 'failed', cause: 'untrusted' });
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    const insecure = { insecure: true, serverName: undefined, ca: () => Promise.resolve(undefined) };
    expect(await ask(transportTo(api.url, { trust: insecure }))).toMatchObject({ status: 200 });
  });

  test('sees a CA that was replaced', async () => {
    const api = await fakeApi();
    api.handle = hello;
    let ca = certificates.stranger.cert;
    const transport = transportTo(api.url, {
      trust: { insecure: false, serverName: undefined, ca: () => Promise.resolve(ca) },
    });
    expect(await ask(transport)).toMatchObject({ cause: 'untrusted' });
    ca = certificates.ca;
    expect(await ask(transport)).toMatchObject({ status: 200 });
  });

  test('goes in clear text to a proxy on this machine', async () => {
    const api = await fakeApi({ protocol: 'http/1.1', tls: undefined });
    api.handle = hello;
    expect(await ask(transportTo(api.url))).toMatchObject({ status: 200 });
  });

  test('with a client certificate that cannot be used says so', async () => {
    const api = await fakeApi();
    const authorize = (): Promise<Credentials> =>
      Promise.resolve({ headers: {}, cert: certificates.client.cert, key: certificates.server.key });
    expect(await ask(transportTo(api.url, { authorize }))).toMatchObject({
      kind: 'failed',
      cause: 'unusable',
      sent: false,
    });
  });
});

describe('credentials', () => {
  test('that cannot be had send nothing', async () => {
    const api = await fakeApi();
    const authorize = (): Promise<Credentials> => Promise.reject(new CredentialsError('the plugin is ill'));
    expect(await ask(transportTo(api.url, { authorize }))).toEqual({
      kind: 'failed',
      cause: 'credentials',
      detail: 'the plugin is ill',
      sent: false,
    });
    expect(api.asked).toEqual([]);
  });

  test('that fail after a 401 leave the 401 as the answer', async () => {
    const api = await fakeApi();
    api.handle = (asked) => {
      asked.answer(401, {});
    };
    const authorize = (fresh: boolean): Promise<Credentials> =>
      fresh ? Promise.reject(new CredentialsError('gone')) : Promise.resolve({ headers: {} });
    expect(await ask(transportTo(api.url, { authorize }))).toMatchObject({ kind: 'answer', status: 401 });
  });
});

test('after close nothing goes out', async () => {
  const api = await fakeApi();
  const transport = transportTo(api.url);
  transport.close();
  const answer = await ask(transport);
  expect(answer).toMatchObject({ kind: 'failed', sent: false } satisfies Partial<Answer> | object);
  expect(api.connections()).toBe(0);
});
