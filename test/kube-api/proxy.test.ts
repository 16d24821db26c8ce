// Which proxy is used, and whether requests get through one.
import { once } from 'node:events';
import http from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startDeadline } from '../../src/kube-api/failure.ts';
import { proxyFor } from '../../src/kube-api/proxy.ts';
import { openTransport } from '../../src/kube-api/transport.ts';
import { makeCertificates, type Certificates } from '../helpers/certificates.ts';
import { startFakeApi, type FakeApi } from '../helpers/fake-api.ts';

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
    for (const close of open.splice(0).reverse()) await close();
  });

  async function ask(proxy: string, api: FakeApi): Promise<unknown> {
    const transport = openTransport(
      {
        // A name that only the proxy knows.
        server: new URL(`https://cluster.test:${String(api.port)}`),
        where: 'cluster.test',
        namespace: undefined,
        proxy: new URL(proxy),
        trust: { insecure: false, serverName: undefined, ca: () => Promise.resolve(certificates.ca) },
        authorize: () => Promise.resolve({ headers: {} }),
        warnings: [],
      },
      { version: '0' },
    );
    open.push(() => {
      transport.close();
    });
    const deadline = startDeadline(5000);
    const answer = await transport.request({ method: 'GET', path: '/' }, deadline);
    deadline.end();
    return answer;
  }

  async function api(): Promise<FakeApi> {
    const started = await startFakeApi({ tls: certificates.server });
    open.push(() => started.close());
    started.handle = (asked) => {
      asked.answer(200, {});
    };
    return started;
  }

  async function listen(server: Server): Promise<number> {
    server.listen(0, '127.0.0.1');
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

  test('and a proxy that refuses is told of', async () => {
    const proxy = http.createServer();
    proxy.on('connect', (_, client: Socket) => client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'));
    const port = await listen(proxy);
    expect(await ask(`http://127.0.0.1:${String(port)}`, await api())).toEqual({
      kind: 'failed',
      cause: 'unusable',
      detail: `the proxy 127.0.0.1:${String(port)} answered 407 to CONNECT`,
      sent: false,
    });
  });

  test('a SOCKS proxy, which resolves the name', async () => {
    const target = await api();
    const wanted: string[] = [];
    const proxy = createServer((client) => {
      client.once('data', () => {
        client.write(Buffer.from([5, 0]));
        client.once('data', (request) => {
          wanted.push(`${String(request[3])} ${request.subarray(5, 5 + (request[4] ?? 0)).toString()}`);
          client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
          join(client, connect(target.port, '127.0.0.1'));
        });
      });
    });
    expect(await ask(`socks5://127.0.0.1:${String(await listen(proxy))}`, target)).toMatchObject({ status: 200 });
    expect(wanted).toEqual(['3 cluster.test']);
  });
});
