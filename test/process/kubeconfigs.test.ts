// What becomes of a leader-run whose kubeconfig cannot work, or works only after a person has logged in: it ends with
// 125 and the reason where no time heals it, and waits where a person is waited for. The real bundle against a server
// of the test's own, over TLS.

import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import { beforeAll, describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import { type Certificates, makeCertificates } from '../helpers/certificates.ts';
import { type FakeApi, startFakeApi } from '../helpers/fake-api.ts';
import { type Run, shortTiming } from '../helpers/leader-run.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});

const apiVersion = 'client.authentication.k8s.io/v1';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A server whose Lease another candidate holds. */
async function withApi(play: (api: FakeApi) => Promise<void>): Promise<void> {
  const api = await startFakeApi({ tls: { ...certificates.server, ca: certificates.ca } });
  const metadata = { name: 'demo', namespace: 'default', uid: 'u-1', resourceVersion: '41' };
  const spec = { holderIdentity: 'bob', leaseDurationSeconds: 60 };
  api.handle = (asked) => {
    asked.answer(200, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
  };
  try {
    await play(api);
  } finally {
    await api.close();
  }
}

interface Given {
  readonly server: string;
  readonly cluster?: object;
  readonly user: object;
  readonly options?: readonly string[];
}

function runWith(arena: Arena, { server, cluster, user, options = [] }: Given): Run {
  const file = path.join(arena.folder, 'kubeconfig');
  const ca = { 'certificate-authority-data': base64(certificates.ca) };
  const content = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: { server, ...ca, ...cluster } }],
    users: [{ name: 'u', user }],
  };
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 });
  const words = ['--lock=default/demo', `--kubeconfig=${file}`, ...options, '--', 'true'];
  return arena.spawn([process.execPath, path.join(arena.bundle, 'bin/leader-run.js'), ...words]);
}

/** A plugin that says that it has begun, by a file, and then does as the script says. */
function plugin(arena: Arena, script: string): { readonly user: object; readonly begun: () => boolean } {
  const command = path.join(arena.folder, 'plugin');
  writeFileSync(command, `#!/bin/sh\ntouch ${command}.begun\n${script}\n`, { mode: 0o700 });
  const exec = { apiVersion, command, interactiveMode: 'Never' };
  return { user: { exec }, begun: () => existsSync(`${command}.begun`) };
}
const credential = `printf '%s' '{"apiVersion":"${apiVersion}","kind":"ExecCredential","status":{"token":"t"}}'`;

/** A request gets 25 s of these: nothing that takes long here ends by its limit. */
const slow = ['--lease-duration=150s', '--renew-deadline=100s'] as const;

describe.concurrent('a login', () => {
  test('may take longer than a request, also with --wait 0', async ({ arena, expect }) => {
    await withApi(async (api) => {
      // With the short timing a request gets half a second.
      const { user } = plugin(arena, `sleep 1.2\n${credential}`);
      const run = runWith(arena, { server: api.url, user, options: ['--wait=0', ...shortTiming] });
      expect((await run.end()).status).toBe(124);
      expect(api.asked[0]?.headers.authorization).toBe('Bearer t');
      expect(run.stderr).toContain('another candidate holds the lock');
    });
  });

  test('is left at once when leader-run is asked to stop', async ({ arena, expect }) => {
    await withApi(async (api) => {
      const { user, begun } = plugin(arena, 'exec sleep 1000');
      const run = runWith(arena, { server: api.url, user, options: slow });
      await arena.until('the plugin', begun);
      const asked = Date.now();
      run.signal('SIGTERM');
      expect((await run.end()).at - asked).toBeLessThan(15_000);
      expect(api.asked).toEqual([]);
    });
  });

  test('is waited for within --wait, and then named', async ({ arena, expect }) => {
    await withApi(async (api) => {
      const { user } = plugin(arena, 'exec sleep 1000');
      const run = runWith(arena, { server: api.url, user, options: ['--wait=1s', ...slow] });
      expect((await run.end()).status).toBe(124);
      expect(run.stderr).toContain('has given no answer yet');
      expect(run.stderr).not.toContain('another candidate');
    });
  });
});

describe.concurrent('what no time heals ends with 125 and the reason:', () => {
  test('a server of another cluster', async ({ arena, expect }) => {
    await withApi(async (api) => {
      const cluster = { 'certificate-authority-data': base64(certificates.stranger.cert) };
      const run = runWith(arena, { server: api.url, cluster, user: { token: 't' } });
      expect((await run.end()).status).toBe(125);
      expect(run.stderr).toContain('trusted are the certificates of clusters[k].certificate-authority-data');
    });
  });

  test('a plugin that has another version', async ({ arena, expect }) => {
    await withApi(async (api) => {
      const { user } = plugin(arena, credential.replace('k8s.io/v1', 'k8s.io/v1beta1'));
      const run = runWith(arena, { server: api.url, user });
      expect((await run.end()).status).toBe(125);
      expect(run.stderr).toContain(`speaks ${apiVersion}beta1, and the kubeconfig asks for ${apiVersion}`);
    });
  });

  test('a proxy that does not take the password, which is sent a few times at most', async ({ arena, expect }) => {
    await withApi(async (api) => {
      let asked = 0;
      const proxy = http.createServer().on('connect', (_, client: Socket) => {
        asked += 1;
        client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      });
      proxy.listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const { port } = proxy.address() as AddressInfo;
      const cluster = { 'proxy-url': `http://bob:hush@127.0.0.1:${port}` };
      const run = runWith(arena, { server: api.url, cluster, user: { token: 't' } });
      expect((await run.end()).status).toBe(125);
      expect(run.stderr).toContain('407');
      expect(run.stderr).not.toContain('hush');
      expect(asked).toBeLessThan(10);
      proxy.close();
    });
  });

  test('but a plugin that fails is run again', async ({ arena, expect }) => {
    await withApi(async (api) => {
      const runs = path.join(arena.folder, 'runs');
      const { user } = plugin(arena, `echo x >> ${runs}; [ $(wc -l < ${runs}) -ge 2 ] || exit 1\n${credential}`);
      const run = runWith(arena, { server: api.url, user });
      await run.event('standing-by');
      expect(run.stderr).toContain('failed with status 1');
      run.signal('SIGTERM');
      await run.end();
    });
  });
});
