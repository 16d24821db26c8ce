// Credentials from plugins: how often they are run, what they are told, and what is made of bad ones.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { CredentialsError } from '../../src/kube-api/credentials.ts';
import type { KubeTarget } from '../../src/kube-api/target.ts';
import { loadKube } from '../../src/kube-api/config/load.ts';
import { makeCertificates, type Certificates } from '../helpers/certificates.ts';
import { fakeClock, type FakeClock } from '../helpers/fake-clock.ts';

const apiVersion = 'client.authentication.k8s.io/v1';
let folder: string;
let clock: FakeClock;
let certificates: Certificates;
const folders: string[] = [];
beforeAll(() => {
  certificates = makeCertificates();
});
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leader-run-exec-'));
  folders.push(folder);
  clock = fakeClock();
});
afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true, force: true });
});

/** A target whose plugin is this shell script. It may count its runs by appending to $RUNS. */
async function targetWith(script: string, exec: object = {}, cluster: object = {}): Promise<KubeTarget> {
  writeFileSync(path.join(folder, 'plugin'), `#!/bin/sh\nprintf x >> "$RUNS"\n${script}\n`, { mode: 0o755 });
  const spec = {
    apiVersion,
    command: './plugin',
    env: [{ name: 'RUNS', value: path.join(folder, 'runs') }],
    interactiveMode: 'Never',
    ...exec,
  };
  const file = path.join(folder, 'kubeconfig');
  const content = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: { server: 'https://k.test', ...cluster } }],
    users: [{ name: 'u', user: { exec: spec } }],
  };
  writeFileSync(file, JSON.stringify(content));
  return await loadKube({ clock, kubeconfig: file, env: { PATH: process.env['PATH'] } });
}

function runs(): number {
  const file = path.join(folder, 'runs');
  return existsSync(file) ? readFileSync(file).length : 0;
}

/** Prints a credential whose token is the number of the run. */
function prints(status: object = {}): string {
  return `cat <<END\n${JSON.stringify({ apiVersion, kind: 'ExecCredential', status: { token: 'run-NUMBER', ...status } }).replace('NUMBER', '$(wc -c < "$RUNS" | tr -d " ")')}\nEND`;
}

async function tokenOf(
  target: KubeTarget,
  { fresh = false, signal = AbortSignal.timeout(10_000) } = {},
): Promise<unknown> {
  return (await target.authorize(fresh, signal)).headers['authorization'];
}

function inMs(ms: number): string {
  return new Date(clock.now().wall + ms).toISOString();
}

test('a credential without expiry is kept until it is refused', async () => {
  const target = await targetWith(prints());
  for (let turn = 0; turn < 3; turn++) expect(await tokenOf(target)).toBe('Bearer run-1');
  clock.advance(1e9);
  expect(await tokenOf(target)).toBe('Bearer run-1');
  expect(await tokenOf(target, { fresh: true })).toBe('Bearer run-2');
  expect(await tokenOf(target)).toBe('Bearer run-2');
});

test('an expired credential is not shown again', async () => {
  const target = await targetWith(prints({ expirationTimestamp: inMs(600_000) }));
  expect(await tokenOf(target)).toBe('Bearer run-1');
  clock.advance(600_001);
  expect(await tokenOf(target)).toBe('Bearer run-2');
});

test('a credential that is about to expire is renewed in the background, once', async () => {
  const target = await targetWith(prints({ expirationTimestamp: inMs(3_600_000) }));
  await tokenOf(target);
  clock.advance(3_500_000);
  expect(await tokenOf(target)).toBe('Bearer run-1');
  expect(await tokenOf(target)).toBe('Bearer run-1');
  await vi.waitFor(async () => {
    expect(await tokenOf(target)).not.toBe('Bearer run-1');
  });
});

test('a plugin that hangs is killed when the limit ends', async () => {
  const pid = path.join(folder, 'pid');
  const target = await targetWith(`echo $$ > ${pid}\nexec sleep 600`);
  const limit = new AbortController();
  const waiting = tokenOf(target, { signal: limit.signal });
  const outcome = expect(waiting).rejects.toThrow(
    /^the credential plugin .*plugin gave no answer in time and was killed$/,
  );
  await vi.waitFor(() => {
    expect(readFileSync(pid, 'utf8')).toMatch(/\d\n/);
  });
  limit.abort(new Error('over'));
  await outcome;
  await vi.waitFor(() => {
    expect(() => process.kill(Number(readFileSync(pid, 'utf8')), 0)).toThrow('ESRCH');
  });
});

test('a grandchild that holds the pipes does not keep anybody waiting', async () => {
  const target = await targetWith('sleep 5 &\nexec sleep 600');
  const limit = new AbortController();
  const outcome = expect(tokenOf(target, { signal: limit.signal })).rejects.toBeInstanceOf(CredentialsError);
  await vi.waitFor(() => {
    expect(runs()).toBe(1);
  });
  limit.abort(new Error('over'));
  await outcome;
});

test.each([
  { name: 'prints no JSON', script: 'echo secret-garbage', words: /did not print an ExecCredential$/ },
  {
    name: 'prints another kind',
    script: `echo '{"kind":"Secret","status":{"token":"secret"}}'`,
    words: /did not print an ExecCredential$/,
  },
  {
    name: 'prints another version',
    script: `echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"secret"}}'`,
    words: /speaks client\.authentication.*v1beta1, and the kubeconfig asks for client\.authentication.*v1$/,
  },
  {
    name: 'gives nothing to show',
    script: `echo '{"kind":"ExecCredential","apiVersion":"${apiVersion}","status":{}}'`,
    words: /gave neither a token nor a client certificate$/,
  },
  {
    name: 'fails',
    script: 'echo secret\necho "please log in\u001b[0m" >&2\nexit 3',
    words: /failed with status 3: please log in\\x1b\[0m$/,
  },
  { name: 'dies', script: 'kill -9 $$', words: /failed with SIGKILL$/ },
  { name: 'prints without end', script: 'yes secret', words: /prints without end$/ },
])('a plugin that $name is told of without what it printed', async ({ script, words }) => {
  const error: unknown = await tokenOf(await targetWith(script)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CredentialsError);
  expect((error as Error).message).toMatch(words);
  expect((error as Error).message).not.toContain('secret');
});

test('a plugin that is not installed is told of with the way to install it', async () => {
  const target = await targetWith('', { command: 'no-such-plugin', installHint: 'Get it at\nexample.org.' });
  await expect(tokenOf(target)).rejects.toThrow(
    'cannot run the credential plugin no-such-plugin: ENOENT; Get it at\\x0aexample.org.',
  );
});

test('a plugin that must ask fails where there is nobody', async () => {
  if (process.stdin.isTTY) return;
  await expect(tokenOf(await targetWith(prints(), { interactiveMode: 'Always' }))).rejects.toThrow(
    'wants to ask, and there is no terminal',
  );
  expect(runs()).toBe(0);
});

test('a plugin is told of the cluster when it wants to be', async () => {
  const info = path.join(folder, 'info');
  const cluster = {
    'certificate-authority-data': Buffer.from(certificates.ca).toString('base64'),
    'tls-server-name': 'inner',
    extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'a' } }],
  };
  const target = await targetWith(
    `printf %s "$KUBERNETES_EXEC_INFO" > ${info}\n${prints()}`,
    { provideClusterInfo: true },
    cluster,
  );
  await tokenOf(target);
  expect(JSON.parse(readFileSync(info, 'utf8'))).toEqual({
    apiVersion,
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      cluster: {
        server: 'https://k.test',
        'tls-server-name': 'inner',
        'certificate-authority-data': Buffer.from(certificates.ca).toString('base64'),
        config: { audience: 'a' },
      },
    },
  });
});

test('a plugin may give a client certificate', async () => {
  writeFileSync(
    path.join(folder, 'credential'),
    JSON.stringify({
      apiVersion,
      kind: 'ExecCredential',
      status: { clientCertificateData: certificates.client.cert, clientKeyData: certificates.client.key },
    }),
  );
  const target = await targetWith('cat "$(dirname "$0")/credential"');
  expect(await target.authorize(false, AbortSignal.timeout(10_000))).toEqual({ headers: {}, ...certificates.client });
});
