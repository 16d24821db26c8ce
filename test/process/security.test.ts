// What leader-run shows, keeps and trusts, as those meet it who wish it ill: other users of the machine, a server that
// is not the one, a server that lies, an environment prepared for a shell. The real bundle against a server of the
// test's own. What a real API server adds is in test/cluster/security.test.ts; the threat model is SECURITY.md.
// To check: a canary stands for each secret, and all output is searched for it as it is and in base64.

import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createServer } from 'node:tls';
import { beforeAll, describe, type ExpectStatic } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import type { Run } from '../helpers/leader-run.ts';
import { descendantsOf, descriptorsOf, textOf } from '../helpers/procfs.ts';
import { type Certificates, makeCertificates } from '../helpers/certificates.ts';
import { type Asked, type FakeApi, type FakeOptions, startFakeApi } from '../helpers/fake-api.ts';

const ourLines = /^((leader-run: .*|\d\d:\d\d:\d\d\.\d{3} leader-run {2}.*|\{"time":.*)\n)+$/;

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});

const canary = 'canary-5c1ab04f9e';
const evil = 'bob\u001b[2J\u001b]8;;http://x\u0007\u009b31m\r\n{"event":"exit"}\u202e\u2028';

describe.concurrent('leader-run', () => {
  const formats = ['pretty', 'json'];
  describe('to the eyes of a terminal', () => {
    test.for(formats)('shows a holder of escapes as text: %s', async (format, { arena, expect }) => {
      await withApi({}, async (api) => {
        api.handle = answering(200, lease({ holderIdentity: evil, leaseDurationSeconds: 60 }));
        const run = kubeRun(arena, { api, options: [`--log-format=${format}`] });
        await run.warns('standing by: bob');
        await stop(run);
        expectPlain(run, expect);
      });
    });

    test.for(formats)('shows the message of an error as text: %s', async (format, { arena, expect }) => {
      await withApi({}, async (api) => {
        api.handle = answering(403, { kind: 'Status', code: 403, reason: 'Forbidden', message: `no: ${evil}` });
        const run = kubeRun(arena, { api, options: [`--log-format=${format}`] });
        expect(await endOf(run)).toBe(125);
        expectPlain(run, expect);
        expect(run.stderr).toContain('no: bob');
      });
    });

    test('shows a login page, and a record that is none, as text', async ({ arena, expect }) => {
      await withApi({}, async (api) => {
        for (const body of [`<html>${evil}</html>`, lease({ holderIdentity: [evil] })]) {
          api.handle = answering(200, body);
          const run = kubeRun(arena, { api, options: ['--log-format=pretty'] });
          await run.warns('bob');
          await stop(run);
          expectPlain(run, expect);
        }
      });
    });

    test('shows the names of a kubeconfig as text', async ({ arena, expect }) => {
      const config = kubeconfig('https://127.0.0.1:1', {});
      const run = kubeRun(arena, { config: { ...config, 'current-context': evil } });
      expect(await endOf(run)).toBe(125);
      expectPlain(run, expect);
    });
  });

  describe('told to run a command of a strange name', () => {
    test('shows its name as text', async ({ arena, expect }) => {
      const run = arena.run({ command: [`/nowhere/${evil}`] });
      expect(await endOf(run)).toBe(127);
      expectPlain(run, expect);
    });

    test('shows the name of one that is there as text too', async ({ arena, expect }) => {
      const command = put(arena, evil.replaceAll('/', '_'), '#!/bin/sh\n', 0o700);
      for (const format of formats) {
        const words = arena.words({ command: [command] }).map((word) => word.replace('--log-format=json', `--log-format=${format}`));
        const run = arena.spawn([process.execPath, ...words]);
        expect(await endOf(run)).toBe(0);
        expectPlain(run, expect);
        expect(run.stderr).toContain('bob');
      }
    });
  });

  describe('with credentials', () => {
    interface Secret {
      readonly name: string;
      readonly user?: (arena: Arena) => object;
      readonly text?: string;
      readonly answer?: (asked: Asked) => void;
      readonly env?: Readonly<Record<string, string>>;
    }
    const unauthorized = answering(401, { kind: 'Status', code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
    const secrets: readonly Secret[] = [
      { name: 'a token that is refused', user: () => ({ token: canary }), answer: unauthorized },
      { name: 'a token that is none', user: () => ({ token: `${canary} ${canary}` }) },
      { name: 'a token of two lines', user: () => ({ token: `${canary}\n${canary}` }) },
      { name: 'a token file of two lines', user: (arena) => ({ tokenFile: put(arena, 'token', `${canary}\n${canary}`) }) },
      { name: 'a password', user: () => ({ username: 'bob', password: canary }), answer: unauthorized },
      { name: 'a key that is none', user: () => ({ 'client-certificate-data': base64(canary), 'client-key-data': base64(canary) }) },
      { name: 'a kubeconfig that is no YAML', text: `users: [{name: a, user: {token: ${canary}}]\n  x` },
      { name: 'a kubeconfig that is one text', text: canary },
      { name: 'a plugin that prints what is no credential', user: (arena) => plugin(arena, `echo ${canary}`) },
      { name: 'a plugin that fails after it has printed', user: (arena) => plugin(arena, `echo ${canary}; exit 3`) },
      { name: 'a plugin that gives a token that no header can carry', user: (arena) => plugin(arena, credential(`${canary}\\n${canary}`)) },
      { name: 'a plugin whose token is refused', user: (arena) => plugin(arena, credential(canary)), answer: unauthorized },
      { name: 'an answer cut short', user: () => ({ token: canary }), answer: (asked) => { asked.destroy(); } },
    ]; // prettier-ignore

    test.for(secrets)('shows nothing of $name, at any level', async (secret, { arena, expect }) => {
      await withApi({ tls: certificates.server }, async (api) => {
        if (secret.answer !== undefined) api.handle = secret.answer;
        const user = secret.user?.(arena) ?? {};
        const run = kubeRun(arena, {
          config: secret.text ?? kubeconfig(api.url, user, { 'certificate-authority-data': base64(certificates.ca) }),
          options: ['--log-level=debug'],
        });
        // Told of and tried again, or refused at once.
        await run.event('trouble').catch(() => run.end());
        await stop(run);
        expect(run.stderr).not.toBe('');
        expectNoCanary(run, expect);
        expect(run.stderr).not.toMatch(/^\s+at /m);
      });
    });

    test('shows nothing of a client key, whose owner may do nothing', async ({ arena, expect }) => {
      await withApi({ tls: { ...certificates.server, ca: certificates.ca } }, async (api) => {
        api.handle = answering(403, { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no' });
        const { cert, key } = certificates.client;
        const user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) };
        const cluster = { 'certificate-authority-data': base64(certificates.ca) };
        const run = kubeRun(arena, { config: kubeconfig(api.url, user, cluster), options: ['--log-level=debug'] });
        expect(await endOf(run)).toBe(125);
        expect(api.asked[0]?.client).toBe('client');
        const parts = [...key.split('\n'), ...(base64(key).match(/.{40}/g) ?? [])];
        const lines = parts.filter((line) => /^[\w+/=]{40,}$/.test(line));
        expect(lines.length).toBeGreaterThan(3);
        for (const line of lines) expect(run.stderr).not.toContain(line);
      });
    });

    test('that crashes shows none of them, and hands none of them to its command', async ({ arena, expect }) => {
      await withApi({ tls: certificates.server }, async (api) => {
        api.handle = memoryApi();
        const faults = path.join(import.meta.dirname, '../helpers/faults.mjs');
        const run = kubeRun(arena, {
          config: kubeconfig(api.url, { token: canary }, { 'certificate-authority-data': base64(certificates.ca) }),
          options: ['--log-level=debug'],
          command: arena.puppet(),
          env: { NODE_OPTIONS: `--import=${faults}`, LEADER_RUN_TEST_FAULT: 'throw' },
        });
        const puppet = await arena.next();
        expect(api.asked.some(({ headers }) => headers.authorization === `Bearer ${canary}`)).toBe(true);
        expect(JSON.stringify(await puppet.ask('environment'))).not.toContain(canary);
        // What `ps` shows to everybody.
        const lines = [run.pid, ...descendantsOf(run.pid)].map((pid) => textOf(`/proc/${pid}/cmdline`));
        expect(lines.length).toBeGreaterThan(2);
        expect(lines.filter((line) => line.includes(canary))).toEqual([]);
        run.signal('SIGPWR');
        expect(await endOf(run)).toBe(125);
        await puppet.isOver();
        expect(run.stderr).toContain('internal error');
        expectNoCanary(run, expect);
      });
    });
  });

  describe('verifies its server', () => {
    test('also where the environment says otherwise, and sends it nothing before that', async ({ arena, expect }) => {
      await withApi({ tls: certificates.stranger }, async (api) => {
        const run = kubeRun(arena, {
          config: kubeconfig(api.url, { token: canary }, { 'certificate-authority-data': base64(certificates.ca) }),
          env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
        });
        expect((await run.event('trouble')).message).toMatch(/certificate/);
        await stop(run);
        expect(api.asked).toEqual([]);
      });
    });

    test('by the authority of its kubeconfig alone, whomever the environment vouches for', async ({ arena, expect }) => {
      await withApi({ tls: certificates.stranger }, async (api) => {
        const run = kubeRun(arena, {
          config: kubeconfig(api.url, { token: canary }, { 'certificate-authority-data': base64(certificates.ca) }),
          env: { NODE_EXTRA_CA_CERTS: put(arena, 'stranger.crt', certificates.stranger.cert) },
        });
        expect((await run.event('trouble')).message).toMatch(/certificate/);
        await stop(run);
        expect(api.asked).toEqual([]);
      });
    });

    test('which has to speak TLS 1.2 or later', async ({ arena, expect }) => {
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
      let connected = 0;
      const server = createServer({ ...certificates.server, ...old }, () => (connected += 1));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const ca = { 'certificate-authority-data': base64(certificates.ca) };
      const run = kubeRun(arena, { config: kubeconfig(`https://127.0.0.1:${port}`, { token: canary }, ca) });
      expect((await run.event('trouble')).message).toMatch(/protocol|EPROTO|alert|version/i);
      await stop(run);
      expect(connected).toBe(0);
      server.close();
    });

    test('unless the kubeconfig says otherwise, which is told at each start', async ({ arena, expect }) => {
      await withApi({ tls: certificates.stranger }, async (api) => {
        api.handle = answering(200, lease({ holderIdentity: 'bob', leaseDurationSeconds: 60 }));
        const config = kubeconfig(api.url, { token: canary }, { 'insecure-skip-tls-verify': true });
        const run = kubeRun(arena, { config });
        await run.event('standing-by');
        await stop(run);
        expect(run.stderr).toContain('insecure-skip-tls-verify is set');
        expect(api.asked.length).toBeGreaterThan(0);
      });
    });
  });

  describe('in an environment that is prepared', () => {
    test.for([
      { name: 'as it is', more: {} },
      { name: 'behind env, for names that shells do not bear', more: { 'a.b': 'x' } },
    ])('runs nothing of BASH_ENV, ENV and exported functions: $name', async ({ more }, { arena, expect }) => {
      const trace = path.join(arena.folder, 'trace');
      const script = put(arena, 'rc', `echo "$0" >> ${trace}\n`);
      const functions = ['read', 'exec', 'kill', 'trap', 'env', 'sleep'].map((name) => [
        `BASH_FUNC_${name}%%`,
        `() { echo "$0 ${name}" >> ${trace}; builtin ${name} "$@"; }`,
      ]);
      const env = {
        BASH_ENV: script,
        ENV: script,
        ...(Object.fromEntries(functions) as Record<string, string>),
        ...more,
      };
      const { run, puppet } = await arena.lead({ env });
      await arena.guardianOf(run);
      run.signal('SIGKILL');
      await puppet.isOver();
      expect(existsSync(trace) ? textOf(trace) : '').toBe('');
    });

    test('runs nothing that PATH has for a shell or its helpers, be it to start, to guard or to kill', async ({
      arena,
      expect,
    }) => {
      const trace = path.join(arena.folder, 'trace');
      const folder = path.join(arena.folder, 'first');
      mkdirSync(folder);
      const programs = ['sh', 'bash', 'dash', 'busybox', 'env', 'kill', 'sleep', 'cat', 'grep', 'node', 'setsid', 'ps'];
      for (const name of programs)
        writeFileSync(path.join(folder, name), `#!/bin/sh\necho ${name} >> ${trace}\n`, { mode: 0o700 });
      const { run, puppet } = await arena.lead({ env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` } });
      puppet.spawn('kid', 'session');
      const kid = await arena.next('kid');
      await arena.guardianOf(run);
      run.signal('SIGKILL');
      await Promise.all([puppet.isOver(), kid.isOver()]);
      expect(existsSync(trace) ? textOf(trace) : '').toBe('');
    });
  });

  describe('on a machine of many users', () => {
    test('opens no port, and leaves nothing in folders that they share', async ({ arena, expect }) => {
      await withApi({}, async (api) => {
        api.handle = memoryApi();
        const shared = path.join(arena.folder, 'shared');
        mkdirSync(shared);
        const env = { TMPDIR: shared, TMP: shared, TEMP: shared };
        const run = kubeRun(arena, { api, command: arena.puppet(), env });
        const puppet = await arena.next();
        const listening = [run.pid, ...descendantsOf(run.pid)].filter((pid) => pid !== puppet.pid).flatMap(listensOn);
        expect(listening).toEqual([]);
        puppet.exit(0);
        expect(await endOf(run)).toBe(0);
        expect(readdirSync(shared)).toEqual([]);
      });
    });

    test("takes no other user's folder for a store", async ({ arena, expect, skip }) => {
      skip(process.getuid?.() !== 0, 'needs root');
      const store = path.join(arena.folder, 'theirs');
      mkdirSync(store, { mode: 0o700 });
      chownSync(store, 65534, 65534);
      const run = arena.run({ store, command: ['true'] });
      expect(await endOf(run)).toBe(125);
      expect(run.stderr).toContain('belongs to another user');
      expect(readdirSync(store)).toEqual([]);
    });

    test('keeps its store to itself, whatever the umask', async ({ arena, expect }) => {
      const store = path.join(arena.folder, 'fresh');
      const through = ['sh', '-c', 'umask 0; exec "$@"', 'sh'];
      const { run, puppet } = await arena.lead({ store, through });
      await run.event('renewed');
      puppet.exit(0);
      await run.end();
      const all = [
        store,
        ...readdirSync(store, { recursive: true, encoding: 'utf8' }).map((name) => path.join(store, name)),
      ];
      const modes = all.map((each) => `${statSync(each).isFile() ? 'file' : 'folder'} ${modeOf(each)}`);
      expect(new Set(modes)).toEqual(new Set(['folder 700', 'file 600']));
    });

    test('takes no link for a store, which another may point elsewhere', async ({ arena, expect }) => {
      const store = path.join(arena.folder, 'elsewhere');
      mkdirSync(path.join(arena.folder, 'real'), { mode: 0o700 });
      symlinkSync('real', store);
      const run = arena.run({ store, command: ['true'] });
      expect(await endOf(run)).toBe(125);
      expect(run.stderr).toContain(`the folder ${store} is a link`);
      expect(readdirSync(path.join(arena.folder, 'real'))).toEqual([]);
    });
  });
});

describe('the package', () => {
  const read = (file: string): unknown =>
    JSON.parse(readFileSync(path.join(import.meta.dirname, '../..', file), 'utf8')) as unknown;
  const manifest = read('package.json') as Record<string, Record<string, string> | undefined>;

  test('brings no code but its own, of which an install runs one file, that compiles ahead', ({ expect }) => {
    for (const list of ['dependencies', 'optionalDependencies', 'peerDependencies', 'bundledDependencies'])
      expect(manifest[list], list).toBeUndefined();
    const scripts = Object.keys(manifest['scripts'] ?? {});
    expect(scripts.filter((name) => /^(pre|post)?install$/.test(name))).toEqual(['postinstall']);
    expect(manifest['scripts']?.['postinstall']).toBe('NODE_OPTIONS= node bin/compile-ahead.js || exit 0');
  });

  test('is built from versions that are pinned, and from no other files', ({ expect }) => {
    const exact = /^\d+\.\d+\.\d+$/;
    for (const [name, version] of Object.entries(manifest['devDependencies'] ?? {})) expect(version, name).toMatch(exact);
    const { packages } = read('package-lock.json') as { packages: Record<string, { version: string; integrity?: string }> };
    const { '': own, ...others } = packages;
    expect(own?.version).toMatch(exact);
    for (const [name, { version, integrity }] of Object.entries(others)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+/);
      expect(integrity, name).toMatch(/^sha512-/);
    }
  });
});

interface KubeRun {
  readonly api?: FakeApi;
  readonly config?: object | string;
  readonly options?: readonly string[];
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The real bundle on a Lease, with a kubeconfig of its own; its command leaves a trace unless the test gives one. */
function kubeRun(arena: Arena, { api, config, options = [], command = ['touch', 'started'], env = {} }: KubeRun): Run {
  const content = config ?? kubeconfig(api?.url ?? '', {});
  const file = put(arena, 'kubeconfig', typeof content === 'string' ? content : JSON.stringify(content));
  const words = ['--lock=default/demo', `--kubeconfig=${file}`, ...options, '--', ...command];
  return arena.spawn([process.execPath, path.join(arena.bundle, 'bin/leader-run.js'), ...words], {
    env: { KUBECONFIG: undefined, KUBERNETES_SERVICE_HOST: undefined, ...env },
  });
}

function kubeconfig(server: string, user: object, cluster: object = {}): object {
  return {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user }],
  };
}

function plugin(arena: Arena, script: string): object {
  const command = put(arena, 'plugin', `#!/bin/sh\n${script}\n`, 0o700);
  return { exec: { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' } };
}

function credential(token: string): string {
  const apiVersion = 'client.authentication.k8s.io/v1';
  const json = `{"apiVersion":"${apiVersion}","kind":"ExecCredential","status":{"token":"${token}"}}`;
  return `printf '%s' '${json}'`;
}

function put(arena: Arena, name: string, text: string, mode = 0o600): string {
  const file = path.join(arena.folder, name);
  writeFileSync(file, text, { mode });
  return file;
}

async function withApi(options: FakeOptions, play: (api: FakeApi) => Promise<void>): Promise<void> {
  const api = await startFakeApi({ protocol: options.tls === undefined ? 'http/1.1' : 'h2', ...options });
  try {
    await play(api);
  } finally {
    await api.close();
  }
}

function answering(status: number, body: unknown): (asked: Asked) => void {
  return (asked) => {
    asked.answer(status, body);
  };
}

function lease(spec: object): object {
  const metadata = { name: 'demo', namespace: 'default', uid: 'u-1', resourceVersion: '41' };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
}

/** Stores what is put, and watches nothing. */
function memoryApi(): (asked: Asked) => void {
  let stored: object | undefined;
  let version = 40;
  return (asked) => {
    const absent = { kind: 'Status', code: 404, reason: 'NotFound', details: { name: 'demo', kind: 'leases' } };
    if (asked.path.includes('watch=')) return void asked.open();
    if (asked.method === 'GET') return void asked.answer(stored === undefined ? 404 : 200, stored ?? absent);
    const { metadata, ...rest } = JSON.parse(asked.body) as { metadata: object };
    stored = { ...rest, metadata: { ...metadata, uid: 'u-1', resourceVersion: String((version += 1)) } };
    asked.answer(200, stored);
  };
}

async function endOf(run: Run): Promise<number | null> {
  const { status } = await run.end();
  await run.isAbandoned();
  return status;
}

async function stop(run: Run): Promise<void> {
  if (run.process.exitCode === null) run.signal('SIGTERM');
  await endOf(run);
}

/** Nothing that a terminal obeys, and no line that is not ours. */
function expectPlain(run: Run, expect: ExpectStatic): void {
  expect(run.stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(run.stderr).toMatch(ourLines);
  expect(run.stdout).toBe('');
}

function expectNoCanary(run: Run, expect: ExpectStatic): void {
  const out = run.stdout + run.stderr;
  for (const shape of [canary, base64(canary).slice(0, 20), encodeURIComponent(canary)])
    expect(out).not.toContain(shape);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The sockets of the process that wait for connections (proc(5): state 0A in net/tcp; flags 00010000 in net/unix). */
function listensOn(pid: number): string[] {
  const sockets = new Set(descriptorsOf(pid).flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const lines = (file: string): string[][] =>
    textOf(`/proc/${pid}/net/${file}`).split('\n').slice(1).map((line) => line.trim().split(/\s+/));
  const isOurs = (inode = ''): boolean => sockets.has(inode);
  const tcp = ['tcp', 'tcp6'].flatMap(lines).filter((line) => line[3] === '0A' && isOurs(line[9]));
  const unix = lines('unix').filter((line) => line[3] === '00010000' && isOurs(line[6]));
  return [...tcp, ...unix].map((line) => line.join(' '));
}

function modeOf(file: string): string {
  return (statSync(file).mode & 0o777).toString(8);
}
