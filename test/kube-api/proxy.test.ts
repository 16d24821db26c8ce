// Which proxy is used, and whether requests get through one.
import dns from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, type MockInstance, test, vi } from 'vitest';
import { startDeadline } from '../../src/kube-api/failure.ts';
import { proxyFor } from '../../src/kube-api/proxy.ts';
import { openTransport } from '../../src/kube-api/transport.ts';
import { makeCertificates, type Certificates, type Pair } from '../helpers/certificates.ts';
import { startFakeApi, type FakeApi } from '../helpers/fake-api.ts';
import { stalledListener } from '../helpers/stalled-listener.ts';

describe('the proxy', () => {
  const server = new URL('https://api.prod.test:6443');

  test.each([
    {
      name: 'the kubeconfig before the environment',
      configured: 'http://own:1',
      env: { HTTPS_PROXY: 'http://env:2', NO_PROXY: '*' },
      proxy: 'http://own:1/',
    },
    { name: 'the environment', env: { HTTPS_PROXY: 'http://env:2' }, proxy: 'http://env:2/' },
    { name: 'the environment in small letters', env: { https_proxy: 'socks5://env:2' }, proxy: 'socks5://env:2' },
    { name: 'an address without a scheme', env: { HTTPS_PROXY: 'env:2' }, proxy: 'http://env:2/' },
    { name: 'nothing for HTTP_PROXY', env: { HTTP_PROXY: 'http://env:2' }, proxy: undefined },
  ])('is taken from $name', ({ configured, env, proxy }) => {
    expect(proxyFor(server, configured === undefined ? undefined : new URL(configured), env)?.href).toBe(proxy);
  });

  test('that is no address is an error, and never passed by', () => {
    expect(() => proxyFor(server, undefined, { HTTPS_PROXY: 'ftp://env:2' })).toThrow(
      'HTTPS_PROXY is not an address of a proxy',
    );
  });

  test.each([
    { url: 'https://api.prod.test:6443', list: 'x, api.prod.test', excepted: true },
    { url: 'https://api.prod.test:6443', list: 'prod.test', excepted: true },
    { url: 'https://api.prod.test:6443', list: '.prod.test', excepted: true },
    { url: 'https://api.prod.test:6443', list: '*.prod.test', excepted: true },
    { url: 'https://api.prod.test:6443', list: 'PROD.TEST:6443', excepted: true },
    { url: 'https://api.prod.test:6443', list: 'prod.test:443', excepted: false },
    { url: 'https://api.prod.test:6443', list: 'rod.test', excepted: false },
    { url: 'https://api.prod.test:6443', list: '*', excepted: true },
    { url: 'https://api.prod.test:6443', list: ' , ', excepted: false },
    { url: 'https://prod.test', list: '.prod.test', excepted: false },
    { url: 'https://10.1.2.3', list: '10.0.0.0/8', excepted: true },
    { url: 'https://11.1.2.3', list: '10.0.0.0/8', excepted: false },
    { url: 'https://10.1.2.3', list: '10.1.2.3', excepted: true },
    { url: 'https://[fd00::1]:6443', list: 'fd00::/8', excepted: true },
    { url: 'https://[fd00::1]:6443', list: '[fd00::1]:6443', excepted: true },
    { url: 'https://[fd00::1]:6443', list: 'fd00::1', excepted: true },
    { url: 'https://127.0.0.1:6443', list: '', excepted: true },
    { url: 'https://localhost:6443', list: '', excepted: true },
  ])('with NO_PROXY="$list" for $url: excepted $excepted', ({ url, list, excepted }) => {
    const proxy = proxyFor(new URL(url), undefined, { HTTPS_PROXY: 'http://proxy:1', NO_PROXY: list });
    expect(proxy === undefined).toBe(excepted);
  });
});

describe('requests get through', () => {
  let certificates: Certificates;
  beforeAll(() => {
    certificates = makeCertificates();
  });
  const open: (() => unknown)[] = [];
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const close of open.splice(0).reverse()) await close();
  });

  interface AskOptions {
    /** A name that only the proxy knows. */
    readonly host?: string;
    readonly serverName?: string;
    readonly limitMs?: number;
  }

  async function ask(
    proxy: string,
    api: FakeApi,
    { host = 'cluster.test', serverName, limitMs = 5000 }: AskOptions = {},
  ): Promise<unknown> {
    const transport = openTransport(
      {
        server: new URL(`https://${host}:${String(api.port)}`),
        where: host,
        namespace: undefined,
        proxy: new URL(proxy),
        trust: { insecure: false, serverName, ca: () => Promise.resolve(certificates.ca) },
        authorize: () => Promise.resolve({ headers: {} }),
        warnings: [],
      },
      { version: '0' },
    );
    open.push(() => {
      transport.close();
    });
    const deadline = startDeadline(limitMs);
    const answer = await transport.request({ method: 'GET', path: '/' }, deadline);
    deadline.end();
    return answer;
  }

  async function api(pair = certificates.server): Promise<FakeApi> {
    const started = await startFakeApi({ tls: pair });
    open.push(() => started.close());
    started.handle = (asked) => {
      asked.answer(200, {});
    };
    return started;
  }

  function httpProxy(target: FakeApi): Server {
    return http.createServer().on('connect', (_, client: Socket) => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      join(client, connect(target.port, '127.0.0.1'));
    });
  }

  /** Told as well: whom it was asked for. */
  function socksProxy(target: FakeApi, wanted: string[] = []): Server {
    return createServer((client) => {
      client.once('data', () => {
        client.write(Buffer.from([5, 0]));
        client.once('data', (request) => {
          wanted.push(`${String(request[3])} ${request.subarray(5, 5 + (request[4] ?? 0)).toString()}`);
          client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
          join(client, connect(target.port, '127.0.0.1'));
        });
      });
    });
  }

  async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
    server.listen(0, host);
    await once(server, 'listening');
    open.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  function join(a: Socket, b: Socket): void {
    a.pipe(b).pipe(a);
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  }

  test('an HTTP proxy, with a login', async () => {
    const target = await api();
    const connects: unknown[] = [];
    const proxy = http.createServer();
    proxy.on('connect', (request, client: Socket) => {
      connects.push({ to: request.url, login: request.headers['proxy-authorization'] });
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      join(client, connect(target.port, '127.0.0.1'));
    });
    expect(await ask(`http://bob:p%40ss@127.0.0.1:${String(await listen(proxy))}`, target)).toMatchObject({
      status: 200,
    });
    expect(connects).toEqual([
      { to: `cluster.test:${String(target.port)}`, login: `Basic ${Buffer.from('bob:p@ss').toString('base64')}` },
    ]);
    expect(target.asked[0]?.protocol).toBe('h2');
  });

  test.each([
    { login: 'bob:secret@', answer: '407 Proxy Authentication Required', said: 'does not take this user and password (407)' },
    { login: '', answer: '407 Proxy Authentication Required', said: 'wants a user and a password in its address (407)' },
    { login: '', answer: '503 Service Unavailable', said: 'answered 503 to CONNECT' },
  ])('and a proxy that refuses "$login" with $answer is told of', async ({ login, answer, said }) => {
    const proxy = http.createServer();
    proxy.on('connect', (_, client: Socket) => client.end(`HTTP/1.1 ${answer}\r\n\r\n`));
    const port = await listen(proxy);
    expect(await ask(`http://${login}127.0.0.1:${String(port)}`, await api())).toEqual({
      kind: 'failed',
      cause: answer.startsWith('407') ? 'unusable' : 'unreachable',
      detail: `the proxy 127.0.0.1:${String(port)} ${said}`,
      sent: false,
    });
  });

  describe('an HTTPS proxy', () => {
    /** Told as well: by which names it was asked for its certificate. */
    async function proxyWith(pair: Pair, target: FakeApi, host: string): Promise<{ port: number; names: unknown[] }> {
      const names: unknown[] = [];
      const proxy = https.createServer(pair);
      proxy.on('secureConnection', ({ servername }) => names.push(servername));
      proxy.on('tlsClientError', () => undefined);
      proxy.on('connect', (_, client: Socket) => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        join(client, connect(target.port, '127.0.0.1'));
      });
      return { port: await listen(proxy, host), names };
    }

    test('is judged by its own name, not by the API server’s, and by the CA of the kubeconfig', async () => {
      const target = await api();
      const { port, names } = await proxyWith(certificates.server, target, '127.0.0.1');
      const elsewhere = { host: 'elsewhere.test', serverName: 'cluster.test' };
      expect(await ask(`https://localhost:${String(port)}`, target, elsewhere)).toMatchObject({ status: 200 });
      expect(names).toEqual(['localhost']);
      expect(target.asked[0]?.protocol).toBe('h2');
    });

    test.each([
      { name: 'another name', host: '127.0.0.2', pair: () => certificates.server, said: /^the proxy 127\.0\.0\.2: .*127\.0\.0\.2/ },
      { name: 'a signature of a stranger', host: '127.0.0.1', pair: () => certificates.stranger, said: /^the proxy 127\.0\.0\.1: .*self.signed/ },
    ])('whose certificate has $name gets no password', async ({ host, pair, said }) => {
      const target = await api();
      const { port } = await proxyWith(pair(), target, host);
      expect(await ask(`https://bob:secret@${host}:${String(port)}`, target)).toMatchObject({
        ...{ kind: 'failed', cause: 'untrusted', sent: false },
        detail: expect.stringMatching(said) as string,
      });
      expect(target.connections()).toBe(0);
    });

    test('that is given up in the middle of its handshake is left', async () => {
      const target = await api();
      const sockets: Socket[] = [];
      const mute = createServer((socket) => sockets.push(socket.on('error', () => undefined).resume()));
      const port = await listen(mute);
      expect(await ask(`https://127.0.0.1:${String(port)}`, target, { limitMs: 200 })).toMatchObject({ cause: 'timeout' });
      await vi.waitFor(() => {
        expect(sockets.map(({ closed }) => closed)).toEqual([true]);
      });
    });
  });

  test('a proxy of two addresses, the first of which is dead', async () => {
    const dead = await stalledListener('127.0.0.2');
    open.push(dead.close);
    const target = await api();
    const proxy = httpProxy(target);
    proxy.listen(dead.port, '127.0.0.1');
    await once(proxy, 'listening');
    open.push(() => proxy.close());
    const lookup = vi.spyOn(dns.promises, 'lookup') as unknown as MockInstance<() => Promise<dns.LookupAddress[]>>;
    lookup.mockResolvedValue(['127.0.0.2', '127.0.0.1'].map((address) => ({ address, family: 4 })));
    expect(await ask(`http://proxy.test:${String(dead.port)}`, target)).toMatchObject({ status: 200 });
  });

  test('a SOCKS proxy, which resolves the name', async () => {
    const target = await api();
    const wanted: string[] = [];
    const proxy = socksProxy(target, wanted);
    expect(await ask(`socks5://127.0.0.1:${String(await listen(proxy))}`, target)).toMatchObject({ status: 200 });
    expect(wanted).toEqual(['3 cluster.test']);
  });

  test.each([
    { scheme: 'http', make: httpProxy },
    { scheme: 'socks5', make: socksProxy },
  ])('a proxy ($scheme), behind which the API server is judged as without one', async ({ scheme, make }) => {
    const target = await api(certificates.stranger);
    const port = await listen(make(target));
    expect(await ask(`${scheme}://127.0.0.1:${String(port)}`, target)).toMatchObject({
      ...{ kind: 'failed', cause: 'untrusted', sent: false },
      detail: expect.stringMatching(/self.signed certificate/) as string,
    });
    expect(target.asked).toEqual([]);
  });
});
