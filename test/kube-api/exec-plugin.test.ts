// Credentials from plugins: how often they are run, what they are told, and what is made of bad ones.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Authorize, CredentialsError } from '../../src/kube-api/credentials.ts';
import { ConfigError } from '../../src/kube-api/config/errors.ts';
import { execPlugin } from '../../src/kube-api/config/exec-plugin.ts';
import type { ExecSpec } from '../../src/kube-api/config/plugin-run.ts';
import type { KubeTarget } from '../../src/kube-api/target.ts';
import { loadKube } from '../../src/kube-api/config/load.ts';
import { makeCertificates, type Certificates } from '../helpers/certificates.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

/** How long a busy machine may take. */
const soon = { timeout: 10_000 };
const apiVersion = 'client.authentication.k8s.io/v1';
let folder: string;
let clock: ManualClock;
let certificates: Certificates;
const folders: string[] = [];
beforeAll(() => {
  certificates = makeCertificates();
});
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leader-run-exec-'));
  folders.push(folder);
  clock = new ManualClock();
});
afterEach(() => {
  // Runs that a test left going on purpose, which end with the process in the field.
  const pids = path.join(folder, 'runs.pids');
  for (const pid of existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n') : []) {
    if (isOurs(pid)) process.kill(-Number(pid), 'SIGKILL');
  }
});
afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true, force: true });
});

function isOurs(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`RUNS=${folder}/`);
  } catch {
    return false;
  }
}

/** A target whose plugin is this shell script. It may count its runs by appending to $RUNS. */
async function targetWith(script: string, exec: object = {}, cluster: object = {}): Promise<KubeTarget> {
  writeFileSync(path.join(folder, 'plugin'), `#!/bin/sh\necho $$ >> "$RUNS.pids"\nprintf x >> "$RUNS"\n${script}\n`, { mode: 0o755 });
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

/** The same without a kubeconfig, and with a limit that a test can wait for. */
type PluginOptions = Parameters<typeof execPlugin>[3];
function pluginOf(script: string, options: PluginOptions = {}, spec: Partial<ExecSpec> = {}): Authorize {
  const command = path.join(folder, 'plugin');
  writeFileSync(command, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const usual = { command, args: [], env: {}, apiVersion, installHint: undefined, cluster: undefined };
  return execPlugin({ ...usual, interactiveMode: 'Never', ...spec }, clock, { PATH: process.env['PATH'] }, options);
}

function runs(): number {
  const file = path.join(folder, 'runs');
  return existsSync(file) ? readFileSync(file).length : 0;
}

/** Where nobody reaps, an orphan that has ended stays as a zombie. */
function hasEnded(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return true;
  }
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
  }, soon);
});

test('a credential is renewed in the background each time, not only the first', async () => {
  const expiry = path.join(folder, 'expiry');
  const status = `{\\"token\\":\\"run-$(wc -c < "$RUNS" | tr -d " ")\\",\\"expirationTimestamp\\":\\"$(cat ${expiry})\\"}`;
  const target = await targetWith(
    `echo "{\\"apiVersion\\":\\"${apiVersion}\\",\\"kind\\":\\"ExecCredential\\",\\"status\\":${status}}"`,
  );
  writeFileSync(expiry, inMs(3_600_000));
  expect(await tokenOf(target)).toBe('Bearer run-1');
  for (const turn of [2, 3, 4]) {
    clock.advance(3_500_000);
    writeFileSync(expiry, inMs(3_600_000));
    expect(await tokenOf(target)).toBe(`Bearer run-${String(turn - 1)}`);
    await vi.waitFor(async () => {
      expect(await tokenOf(target)).toBe(`Bearer run-${String(turn)}`);
    }, soon);
  }
});

test('a plugin may ask on the terminal before the command runs, and never again', async () => {
  const told = path.join(folder, 'told');
  const authorize = pluginOf(
    `echo "$KUBERNETES_EXEC_INFO" >> ${told}\necho '${JSON.stringify({ apiVersion, kind: 'ExecCredential', status: { token: 't' } })}'`,
    { onTerminal: () => true },
    { interactiveMode: 'IfAvailable' },
  );
  await authorize(false, AbortSignal.timeout(10_000));
  clock.advance(60_000);
  await authorize(true, AbortSignal.timeout(10_000));
  const asked = readFileSync(told, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { spec: unknown });
  expect(asked.map(({ spec }) => spec)).toEqual([{ interactive: true }, { interactive: false }]);
});

test('a plugin that hangs is killed when the limit ends', async () => {
  const pid = path.join(folder, 'pid');
  const authorize = pluginOf(`sleep 600 &\necho $$ $! > ${pid}\necho "open example.org" >&2\nexec sleep 600`, { limitMs: 500 });
  await expect(authorize(false, AbortSignal.timeout(10_000))).rejects.toThrow(
    /^the credential plugin .*plugin gave no answer in time and was killed: open example.org$/,
  );
  // With what it has started.
  const pids = readFileSync(pid, 'utf8').trim().split(' ').map(Number);
  expect(pids).toHaveLength(2);
  for (const one of pids) {
    await vi.waitFor(() => {
      expect(hasEnded(one)).toBe(true);
    }, soon);
  }
});

test('a request that gives up leaves the plugin running, and the next ones get what it gives', async () => {
  const go = path.join(folder, 'go');
  const target = await targetWith(`until [ -e ${go} ]; do sleep 0.02; done\n${prints()}`);
  for (let turn = 0; turn < 3; turn++) {
    const limit = new AbortController();
    const waiting = tokenOf(target, { signal: limit.signal });
    const outcome = expect(waiting).rejects.toThrow(/plugin has given no answer yet; it is still waited for$/);
    await vi.waitFor(() => {
      expect(runs()).toBe(1);
    }, soon);
    limit.abort(new Error('over'));
    await outcome;
    await expect(waiting).rejects.toBeInstanceOf(CredentialsError);
  }
  writeFileSync(go, '');
  expect(await tokenOf(target)).toBe('Bearer run-1');
});

test('requests that wait at the same time share one run', async () => {
  const target = await targetWith(prints());
  const all = await Promise.all([tokenOf(target), tokenOf(target, { fresh: true }), tokenOf(target)]);
  expect(all).toEqual(['Bearer run-1', 'Bearer run-1', 'Bearer run-1']);
  expect(runs()).toBe(1);
});

test('a run that failed is not repeated before a pause, which grows', async () => {
  const target = await targetWith('echo "no network" >&2; exit 1');
  const pauses: number[] = [];
  for (let ms = 0, before = -1; ms <= 75_000; ms += 500, clock.advance(500)) {
    await expect(tokenOf(target, { fresh: ms % 1000 === 0 })).rejects.toThrow('no network');
    if (runs() > before) pauses.push(ms);
    before = runs();
  }
  expect(pauses).toEqual([0, 2_000, 6_000, 14_000, 30_000, 62_000]);
});

test('a credential that is refused as soon as it came is no reason to log in again and again', async () => {
  const target = await targetWith(prints());
  for (let turn = 0; turn < 5; turn++) {
    expect(await tokenOf(target, { fresh: true })).toBe('Bearer run-1');
    clock.advance(900);
  }
  clock.advance(1_000);
  expect(await tokenOf(target, { fresh: true })).toBe('Bearer run-2');
});

test('a background run that hangs or fails delays nobody while the credential is good', async () => {
  const target = await targetWith(
    `[ $(wc -c < "$RUNS") = 1 ] || exec sleep 600\n${prints({ expirationTimestamp: inMs(3_600_000) })}`,
  );
  const kept = await tokenOf(target);
  clock.advance(3_500_000);
  expect(await tokenOf(target)).toBe(kept);
  await vi.waitFor(() => {
    expect(runs()).toBe(2);
  }, soon);
  for (let turn = 0; turn < 3; turn++) expect(await tokenOf(target)).toBe(kept);
  expect(runs()).toBe(2);
});

test('a plugin that has ended is not waited for because of a browser that it opened', async () => {
  const target = await targetWith(`sleep 600 &\necho $! > ${path.join(folder, 'browser')}\n${prints()}`);
  expect(await tokenOf(target)).toBe('Bearer run-1');
  const browser = Number(readFileSync(path.join(folder, 'browser'), 'utf8'));
  // Nor is the browser killed.
  expect(process.kill(browser, 0)).toBe(true);
  process.kill(browser, 'SIGKILL');
});

test('a grandchild that holds the pipes does not keep anybody waiting', async () => {
  const target = await targetWith('sleep 5 &\nexec sleep 600');
  const limit = new AbortController();
  const outcome = expect(tokenOf(target, { signal: limit.signal })).rejects.toBeInstanceOf(CredentialsError);
  await vi.waitFor(() => {
    expect(runs()).toBe(1);
  }, soon);
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
  {
    name: 'fails with a long story',
    script: 'printf "ERROR: the session\tis over \\r\\n\\n  at a.py\\n  at b.py\\nlog in   again\\n" >&2\nexit 1',
    words: /failed with status 1: ERROR: the session is over … log in again$/,
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
  const authorize = pluginOf('', {}, { command: 'no-such-plugin', installHint: 'Get it at\nexample.org.' });
  await expect(authorize(false, AbortSignal.timeout(10_000))).rejects.toThrow(
    'the credential plugin no-such-plugin is not installed (looked for on PATH); Get it at example.org.',
  );
});

test('a plugin that is not installed is refused at the start', async () => {
  await expect(targetWith('', { command: 'no-such-plugin' })).rejects.toThrow(ConfigError);
});

test.each([
  { name: 'is gone', prepare: () => rmSync(path.join(folder, 'plugin')), words: /plugin does not exist$/ },
  {
    name: 'may not be executed',
    prepare: () => chmodSync(path.join(folder, 'plugin'), 0o600),
    words: /plugin may not be executed$/,
  },
  {
    name: 'has no interpreter',
    prepare: () => writeFileSync(path.join(folder, 'plugin'), '#!/no/such/sh\n'),
    words: /plugin: the interpreter that its first line names does not exist$/,
  },
])('a plugin that $name is told of in words', async ({ prepare, words }) => {
  const authorize = pluginOf('');
  prepare();
  await expect(authorize(false, AbortSignal.timeout(10_000))).rejects.toThrow(words);
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
