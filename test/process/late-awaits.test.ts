// Failures that come while nobody has begun to listen: under a build whose awaits all come back late
// (helpers/late-build.mjs), every way in which a network, a file, a plugin or a proxy can fail ends with a sentence and
// a status, and never as an internal error. The shapes are those of the field: a CA beside the kubeconfig, a pod's
// mounted files, proxies, credential plugins.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Certificates, makeCertificates } from '../helpers/certificates.ts';
import { type Arena, test } from '../helpers/arena.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';
let certificates: Certificates;

beforeAll(() => {
  certificates = makeCertificates();
  // Within the project: packages are found from there.
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'late-'));
  const made = spawnSync(process.execPath, [join(root, 'test/helpers/late-build.mjs'), join(folder, 'leader-run.mjs')], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(made.stderr);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const close of closing.splice(0)) close();
});

const closing: (() => void)[] = [];

type Meeting = (socket: Socket) => void;

/** A port on which somebody does this to each connection. */
async function listener(meet: Meeting): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    meet(socket);
  });
  return await listening(server);
}

/** After the handshake; `meet` gets the TCP connection beneath, since TLS cannot reset. */
async function tlsListener(protocol: 'h2' | 'http/1.1', when: 'secure' | 'asked', meet: Meeting): Promise<number> {
  const server = createTlsServer({ ...certificates.server, ALPNProtocols: [protocol] });
  server.on('tlsClientError', () => undefined);
  return await listener((beneath) => {
    server.once('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      if (when === 'secure') meet(beneath);
      else socket.once('data', () => void meet(beneath));
    });
    server.emit('connection', beneath);
  });
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const reset: Meeting = (socket) => void socket.resetAndDestroy();
const close: Meeting = (socket) => void socket.destroy();
const onData =
  (then: Meeting): Meeting =>
  (socket) =>
    void socket.once('data', () => {
      then(socket);
    });

interface Cluster {
  readonly server: string;
  readonly 'proxy-url'?: string;
}

/** A kubeconfig that names its CA as a file, as kubeadm, minikube and every pod do. */
function kubeconfig(arena: Arena, cluster: Cluster, user: object = { token: 'secret' }): string {
  const file = join(arena.folder, 'kubeconfig');
  writeFileSync(join(arena.folder, 'ca.crt'), certificates.ca);
  const entry = { ...cluster, 'certificate-authority': 'ca.crt' };
  writeFileSync(
    file,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      clusters: [{ name: 'test', cluster: entry }],
      users: [{ name: 'test', user }],
    }),
    { mode: 0o600 },
  );
  return file;
}

function lateRun(arena: Arena, words: readonly string[], env: Record<string, string | undefined> = {}) {
  const program = join(folder, 'leader-run.mjs');
  const given = ['--lock=demo/demo', '--wait=1500ms', '--log-format=json', ...words, '--', 'true'];
  return arena.spawn([process.execPath, program, ...given], {
    env: { HOME: arena.folder, KUBECONFIG: undefined, ...env },
  });
}

const https = (port: number): string => `https://127.0.0.1:${String(port)}`;

/** Each gives the address of something that goes wrong in its own way. */
const servers: readonly { readonly name: string; readonly make: () => Promise<Cluster> }[] = [
  { name: 'a refused connection', make: () => Promise.resolve({ server: 'https://127.0.0.1:1' }) },
  { name: 'a name that nobody knows', make: () => Promise.resolve({ server: 'https://nowhere.invalid' }) },
  { name: 'a connection that is reset at once', make: async () => ({ server: https(await listener(reset)) }) },
  { name: 'a connection that is closed at once', make: async () => ({ server: https(await listener(close)) }) },
  { name: 'a reset in the handshake', make: async () => ({ server: https(await listener(onData(reset))) }) },
  { name: 'an end in the handshake', make: async () => ({ server: https(await listener(onData(close))) }) },
  ...(['h2', 'http/1.1'] as const).flatMap((protocol) => [
    { name: `a reset after the handshake (${protocol})`, make: async () => ({ server: https(await tlsListener(protocol, 'secure', reset)) }) },
    { name: `an end after the handshake (${protocol})`, make: async () => ({ server: https(await tlsListener(protocol, 'secure', close)) }) },
    { name: `a reset of the request (${protocol})`, make: async () => ({ server: https(await tlsListener(protocol, 'asked', reset)) }) },
  ]),
  ...['http', 'https', 'socks5'].flatMap((scheme) => {
    const through = (port: number): Cluster => ({
      server: 'https://cluster.test:6443',
      'proxy-url': `${scheme}://127.0.0.1:${String(port)}`,
    });
    return [
      { name: `a proxy (${scheme}) that refuses`, make: () => Promise.resolve(through(1)) },
      { name: `a proxy (${scheme}) that resets at once`, make: async () => through(await listener(reset)) },
      { name: `a proxy (${scheme}) that resets when it is asked`, make: async () => through(await listener(onData(reset))) },
      { name: `a proxy (${scheme}) that says nothing`, make: async () => through(await listener(() => undefined)) },
    ];
  }),
  {
    name: 'a proxy that makes the tunnel and resets it',
    make: async () => ({
      server: 'https://cluster.test:6443',
      'proxy-url': `http://127.0.0.1:${String(await listener(onData((socket) => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n', () => socket.resetAndDestroy());
      })))}`,
    }),
  },
  {
    name: 'a proxy that makes the tunnel to nowhere',
    make: async () => ({
      server: 'https://cluster.test:6443',
      'proxy-url': `http://127.0.0.1:${String(await listener(onData((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'))))}`,
    }),
  },
];

const exec = (command: string) => ({
  exec: { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' },
});

const plugins: readonly { readonly name: string; readonly text: string | undefined; readonly mode?: number }[] = [
  { name: 'is not there', text: undefined },
  { name: 'cannot be executed', text: '#!/bin/sh\n', mode: 0o600 },
  { name: 'fails', text: '#!/bin/sh\necho no login >&2; exit 1\n' },
  { name: 'says nothing', text: '#!/bin/sh\nexec sleep 60\n' },
  { name: 'kills itself', text: '#!/bin/sh\nkill -9 $$\n' },
];

describe.concurrent('no failure that comes while nobody listens is an internal error:', () => {
  test.for(servers)('$name', async ({ make }, { arena, expect }) => {
    const run = lateRun(arena, ['--kubeconfig', kubeconfig(arena, await make())]);
    expect(await run.end()).toMatchObject({ status: 124 });
    expect(run.stderr).not.toContain('internal error');
    expect(run.events.at(-1)).toMatchObject({ event: 'exit', status: 124 });
  });

  test.for(plugins)('a credential plugin that $name', async ({ text, mode = 0o700 }, { arena, expect }) => {
    const plugin = join(arena.folder, 'plugin');
    if (text !== undefined) {
      writeFileSync(plugin, text);
      chmodSync(plugin, mode);
    }
    const run = lateRun(arena, ['--kubeconfig', kubeconfig(arena, { server: 'https://127.0.0.1:1' }, exec(plugin))]);
    const { status } = await run.end();
    expect([124, 125]).toContain(status);
    expect(run.stderr).not.toContain('internal error');
    expect(run.events.at(-1)).toMatchObject({ event: 'exit', status });
  });

  test.for(['tokenFile', 'client-key', 'client-certificate'])(
    'a %s that is not there',
    async (field, { arena, expect }) => {
      const user = { [field]: 'absent', ...(field === 'client-key' && { 'client-certificate': 'ca.crt' }) };
      const run = lateRun(arena, ['--kubeconfig', kubeconfig(arena, { server: 'https://127.0.0.1:1' }, user)]);
      const { status } = await run.end();
      expect([124, 125]).toContain(status);
      expect(run.stderr).not.toContain('internal error');
    },
  );
});
