// Where the configuration comes from, what of it is refused and with which words.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KubeTarget } from '../../src/kube-api/target.ts';
import { ConfigError } from '../../src/kube-api/config/errors.ts';
import { loadKube, type KubeOptions } from '../../src/kube-api/config/load.ts';
import { makeCertificates, type Certificates } from '../helpers/certificates.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

let folder: string;
let certificates: Certificates;
let clock: ManualClock;
beforeAll(() => {
  certificates = makeCertificates();
});
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leader-run-kube-'));
  folders.push(folder);
  clock = new ManualClock();
});
const folders: string[] = [];
afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true, force: true });
});

function put(name: string, content: unknown): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

/** Outside a pod and with an empty home, unless a test says otherwise. */
function load({ env = {}, ...options }: Partial<KubeOptions> = {}): Promise<KubeTarget> {
  return loadKube({
    clock,
    env: { HOME: path.join(folder, 'home'), ...env },
    serviceAccountFolder: path.join(folder, 'service-account'),
    ...options,
  });
}

async function faultOf(options: Partial<KubeOptions>): Promise<string> {
  const error: unknown = await load(options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  const { message } = error as Error;
  expect(message).not.toMatch(/[\n\r]/);
  return message.replaceAll(folder, 'DIR');
}

interface Parts {
  readonly name?: string;
  readonly current?: unknown;
  readonly cluster?: object;
  readonly user?: object | null;
  readonly context?: object;
}

/** Has credentials, and none that the mode of its file could give away. */
const named = { username: 'ann' };

function kubeconfig({ name = 'prod', current = name, cluster = {}, user = named, context = {} }: Parts = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current,
    contexts: [{ name, context: { cluster: name, ...(user !== null && { user: name }), ...context } }],
    clusters: [{ name, cluster: { server: `https://${name}.test:6443`, ...cluster } }],
    users: user === null ? [] : [{ name, user }],
  };
}

async function headersOf(target: KubeTarget, fresh = false): Promise<object> {
  return (await target.authorize(fresh, new AbortController().signal)).headers;
}

describe('the configuration', () => {
  test('comes from --kubeconfig before all else', async () => {
    const target = await load({
      kubeconfig: put('flag', kubeconfig({ name: 'flag' })),
      env: { KUBECONFIG: put('listed', kubeconfig()) },
    });
    expect(target.server.href).toBe('https://flag.test:6443/');
    expect(target.where).toBe('flag.test:6443');
  });

  test('comes from ~/.kube/config when nothing is named', async () => {
    put('home/.kube/config', kubeconfig({ name: 'home', context: { namespace: 'team' } }));
    const target = await load();
    expect(target).toMatchObject({ where: 'home.test:6443', namespace: 'team' });
  });

  test('of a list takes the first current-context and the first of equal names, and skips what is not there', async () => {
    const first = put('a/first', {
      ...kubeconfig({ name: 'blue' }),
      users: [{ name: 'blue', user: { token: 'first' } }],
    });
    const second = put('b/second', {
      ...kubeconfig({ name: 'green' }),
      clusters: [
        { name: 'blue', cluster: { server: 'https://wrong' } },
        { name: 'green', cluster: { server: 'https://green' } },
      ],
      users: [
        { name: 'blue', user: { token: 'second' } },
        { name: 'green', user: { token: 'green' } },
      ],
    });
    const env = { KUBECONFIG: [path.join(folder, 'missing'), first, '', second].join(path.delimiter) };
    const target = await load({ env });
    expect(target.where).toBe('blue.test:6443');
    expect(await headersOf(target)).toEqual({ authorization: 'Bearer first' });
    expect((await load({ env, context: 'green' })).where).toBe('green');
  });

  test('finds a context of one file whose cluster stands in another', async () => {
    const contexts = put('contexts', {
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    });
    const rest = put('sub/rest', {
      clusters: [{ name: 'k', cluster: { server: 'https://k', 'certificate-authority': 'ca.pem' } }],
      users: [{ name: 'u', user: { tokenFile: 'token' } }],
    });
    put('sub/ca.pem', certificates.ca);
    put('sub/token', 'from the file\n'.replaceAll(' ', '-'));
    const target = await load({ env: { KUBECONFIG: `${contexts}${path.delimiter}${rest}` } });
    expect(await target.trust.ca()).toBe(certificates.ca);
    expect(await headersOf(target)).toEqual({ authorization: 'Bearer from-the-file' });
  });

  test('may be YAML, but not with two entries of one name, which kubectl refuses too', async () => {
    const clusters = '- {name: a, cluster: {server: "https://one"}}\n';
    const user = 'users: [{name: u, user: {token: t}}]\n';
    const yaml = `${user}current-context: a\ncontexts:\n- {name: a, context: {cluster: a, user: u}}\nclusters:\n${clusters}`;
    expect((await load({ kubeconfig: put('once', yaml) })).where).toBe('one');
    expect(await faultOf({ kubeconfig: put('twice', `${yaml}${clusters}`) })).toBe(
      'clusters[a] stands twice in the kubeconfig DIR/twice',
    );
  });

  test('keeps base path, proxy and server name', async () => {
    const cluster = {
      server: 'https://rancher.test/k8s/clusters/c-1/',
      'proxy-url': 'socks5://127.0.0.1:1080',
      'tls-server-name': 'inner.test',
    };
    const target = await load({ kubeconfig: put('k', kubeconfig({ cluster })) });
    expect(target.server.pathname).toBe('/k8s/clusters/c-1/');
    expect(target.proxy?.href).toBe('socks5://127.0.0.1:1080');
    expect(target.trust).toMatchObject({ insecure: false, serverName: 'inner.test' });
    expect(target.warnings).toEqual([]);
  });

  test.each(['http://127.0.0.1:8001', 'http://localhost:8001', 'http://[::1]:8001'])(
    'may be unencrypted on this machine: %s',
    async (server) => {
      expect((await load({ kubeconfig: put('k', kubeconfig({ cluster: { server } })) })).server.protocol).toBe('http:');
    },
  );

  test.each(['http://notlocalhost', 'http://evil.localhost', 'http://localhost.test', 'http://127.0.0.1.test', 'http://128.0.0.1'])(
    'may not be unencrypted elsewhere, however it is called: %s',
    async (server) => {
      expect(await faultOf({ kubeconfig: put('k', kubeconfig({ cluster: { server } })) })).toContain(': unencrypted, which');
    },
  );

  test('that skips verification is taken with a warning', async () => {
    const target = await load({ kubeconfig: put('k', kubeconfig({ cluster: { 'insecure-skip-tls-verify': true } })) });
    expect(target.trust.insecure).toBe(true);
    expect(target.warnings).toEqual([expect.stringContaining('insecure-skip-tls-verify is set')]);
  });
});

describe('a configuration is refused in one sentence', () => {
  test('when there is none', async () => {
    expect(await faultOf({})).toBe(
      'no cluster is configured: DIR/home/.kube/config does not exist or is empty, and this is not a pod; name one with --kubeconfig, or use --local for a lock on this machine alone',
    );
  });

  test('when every file of the list is missing', async () => {
    expect(await faultOf({ env: { KUBECONFIG: `/missing-1${path.delimiter}/missing-2` } })).toMatch(
      /^no cluster is configured: \/missing-1, \/missing-2 do not exist .*--kubeconfig.*--local/,
    );
  });

  test('when the named file is missing', async () => {
    expect(await faultOf({ kubeconfig: path.join(folder, 'nope') })).toBe(
      'cannot read the kubeconfig DIR/nope: it does not exist',
    );
  });

  test('when it is a folder', async () => {
    expect(await faultOf({ kubeconfig: folder })).toBe('cannot read the kubeconfig DIR: it is a directory');
  });

  test('when it may not be read', async ({ skip }) => {
    skip(process.getuid?.() === 0, 'root may read everything');
    const file = put('secret', kubeconfig());
    chmodSync(file, 0);
    expect(await faultOf({ kubeconfig: file })).toBe('cannot read the kubeconfig DIR/secret: permission denied');
  });

  test('when it is no YAML, without quoting what stands in it', async () => {
    const message = await faultOf({ kubeconfig: put('bad', 'users:\n- token: "hush\n  x: [') });
    expect(message).toMatch(/^the kubeconfig DIR\/bad is not valid YAML: .* in line \d$/);
    expect(message).not.toContain('hush');
  });

  test.each<{ name: string; content: unknown; context?: string; words: string }>([
    {
      name: 'it is no mapping',
      content: '- a\n- b\n',
      words: 'the kubeconfig DIR/k holds no mapping with clusters, users and contexts',
    },
    {
      name: 'it is empty',
      content: '',
      words: 'the kubeconfig DIR/k sets no current-context; choose one with --context (there are: none)',
    },
    {
      name: 'no context is chosen',
      content: kubeconfig({ current: '' }),
      words: 'the kubeconfig DIR/k sets no current-context; choose one with --context (there are: prod)',
    },
    {
      name: '--context is unknown',
      content: kubeconfig(),
      context: 'prid',
      words: '--context names prid, which the kubeconfig DIR/k does not hold (there are: prod)',
    },
    {
      name: 'current-context is unknown',
      content: kubeconfig({ current: 'x\u001b[2J' }),
      words: 'current-context names x\\x1b[2J, which the kubeconfig DIR/k does not hold (there are: prod)',
    },
    {
      name: 'the cluster is missing',
      content: kubeconfig({ context: { cluster: 'gone' } }),
      words: 'contexts[prod] in the kubeconfig DIR/k names the cluster gone, which is not there',
    },
    {
      name: 'no cluster is named',
      content: kubeconfig({ context: { cluster: '' } }),
      words: 'contexts[prod] in the kubeconfig DIR/k names no cluster',
    },
    {
      name: 'the user is missing',
      content: kubeconfig({ context: { user: 'gone' } }),
      words: 'contexts[prod] in the kubeconfig DIR/k names the user gone, which is not there',
    },
    {
      name: 'a list is none',
      content: { ...kubeconfig(), users: {} },
      words: 'users in the kubeconfig DIR/k is not a list',
    },
    {
      name: 'a name is a number',
      content: { ...kubeconfig(), users: [{ name: 5, user: {} }] },
      words: 'users[0] in the kubeconfig DIR/k has no name',
    },
    {
      name: 'there are no credentials',
      content: kubeconfig({ user: { as: 'bob' } }),
      words:
        'users[prod] in the kubeconfig DIR/k holds no credentials, so that requests would go out as system:anonymous',
    },
    {
      name: 'there is no user',
      content: kubeconfig({ user: null }),
      words: 'contexts[prod] in the kubeconfig DIR/k names no user, so that requests would go out as system:anonymous',
    },
    {
      name: 'data is not base64',
      content: kubeconfig({ user: { token: 't', 'client-key-data': 'YQ' } }),
      words: 'users[prod].client-key-data in the kubeconfig DIR/k is not base64',
    },
    {
      name: 'a CA stands there twice',
      content: kubeconfig({ cluster: { 'certificate-authority': 'ca.pem', 'certificate-authority-data': 'aGVsbG8=' } }),
      words:
        'clusters[prod].certificate-authority in the kubeconfig DIR/k contradicts certificate-authority-data; keep one of the two',
    },
    {
      name: 'the namespace cannot be one',
      content: kubeconfig({ context: { namespace: 'Team' } }),
      words:
        'contexts[prod].namespace in the kubeconfig DIR/k cannot be one: it takes small letters, digits and hyphens, 63 at most',
    },
    {
      name: 'the server is missing',
      content: kubeconfig({ cluster: { server: '' } }),
      words: 'clusters[prod].server in the kubeconfig DIR/k is missing',
    },
    {
      name: 'the server is no address',
      content: kubeconfig({ cluster: { server: 'prod:6443' } }),
      words: 'clusters[prod].server in the kubeconfig DIR/k is prod:6443, which is not an https:// address',
    },
    {
      name: 'the server is unencrypted',
      content: kubeconfig({ cluster: { server: 'http://prod' } }),
      words:
        'clusters[prod].server in the kubeconfig DIR/k is http://prod: unencrypted, which is taken only on this machine (kubectl proxy)',
    },
    {
      name: 'the proxy speaks an unknown protocol',
      content: kubeconfig({ cluster: { 'proxy-url': 'ftp://x' } }),
      words:
        'clusters[prod].proxy-url in the kubeconfig DIR/k is not an address that begins with http://, https:// or socks5://',
    },
    {
      name: 'the CA is no PEM',
      content: kubeconfig({ cluster: { 'certificate-authority-data': 'aGVsbG8=' } }),
      words: 'clusters[prod].certificate-authority-data in the kubeconfig DIR/k is not a PEM text in base64',
    },
    {
      name: 'the CA file is missing',
      content: kubeconfig({ cluster: { 'certificate-authority': 'ca.pem' } }),
      words:
        'clusters[prod].certificate-authority in the kubeconfig DIR/k is of no use: cannot read DIR/ca.pem: ENOENT',
    },
    {
      name: 'it verifies and does not',
      content: kubeconfig({ cluster: { 'insecure-skip-tls-verify': true, 'certificate-authority': 'ca.pem' } }),
      words:
        'clusters[prod].insecure-skip-tls-verify in the kubeconfig DIR/k contradicts certificate-authority; keep one of the two',
    },
    {
      name: 'a token is a number',
      content: kubeconfig({ user: { token: 123 } }),
      words: 'users[prod].token in the kubeconfig DIR/k is not text (quote it)',
    },
    {
      name: 'a token spans lines',
      content: kubeconfig({ user: { token: 'a\nb' } }),
      words: 'users[prod].token in the kubeconfig DIR/k holds blanks or other characters that no token has',
    },
    {
      name: 'as-groups is no list',
      content: kubeconfig({ user: { as: 'bob', 'as-groups': 'x' } }),
      words: 'users[prod].as-groups in the kubeconfig DIR/k is not a list of texts',
    },
    {
      name: 'the provider is unknown',
      content: kubeconfig({ user: { 'auth-provider': { name: 'openstack' } } }),
      words: 'users[prod].auth-provider in the kubeconfig DIR/k is openstack; oidc is known',
    },
    {
      name: 'the provider is one of old',
      content: kubeconfig({ user: { 'auth-provider': { name: 'gcp', config: { 'access-token': 'abc' } } } }),
      words:
        'users[prod].auth-provider in the kubeconfig DIR/k is gcp, which kubectl takes no longer either: use a credential plugin (exec, gke-gcloud-auth-plugin)',
    },
    {
      name: 'exec has no command',
      content: kubeconfig({ user: { exec: { apiVersion: 'client.authentication.k8s.io/v1' } } }),
      words: 'users[prod].exec.command in the kubeconfig DIR/k is missing',
    },
    {
      name: 'exec speaks an old version',
      content: kubeconfig({ user: { exec: { command: 'x', apiVersion: 'client.authentication.k8s.io/v1alpha1' } } }),
      words:
        'users[prod].exec.apiVersion in the kubeconfig DIR/k is client.authentication.k8s.io/v1alpha1; client.authentication.k8s.io/v1 and v1beta1 are known',
    },
    {
      name: 'exec asks in an unknown way',
      content: kubeconfig({
        user: { exec: { command: 'x', apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Perhaps' } },
      }),
      words: 'users[prod].exec.interactiveMode in the kubeconfig DIR/k is none of Never, IfAvailable, Always',
    },
    {
      name: 'an exec variable has no value',
      content: kubeconfig({
        user: { exec: { command: 'x', apiVersion: 'client.authentication.k8s.io/v1beta1', env: [{ name: 'A' }] } },
      }),
      words: 'users[prod].exec.env in the kubeconfig DIR/k holds an entry that is not a name and a value',
    },
  ])('when $name', async ({ content, context, words }) => {
    expect(await faultOf({ kubeconfig: put('k', content), context })).toBe(words);
  });
});

describe('in a pod', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };

  test('the service account is used', async () => {
    put('service-account/token', 'abc\n');
    put('service-account/ca.crt', certificates.ca);
    put('service-account/namespace', 'team\n');
    const target = await load({ env });
    expect(target).toMatchObject({ namespace: 'team', where: '10.0.0.1', warnings: [] });
    expect(await target.trust.ca()).toBe(certificates.ca);
    expect(await headersOf(target)).toEqual({ authorization: 'Bearer abc' });
  });

  test('an empty kubeconfig in the home folder does not stand in the way', async () => {
    put('home/.kube/config', 'apiVersion: v1\nkind: Config\ncontexts: []\n');
    put('service-account/token', 'abc');
    expect((await load({ env })).where).toBe('10.0.0.1');
  });

  test('an IPv6 address and a strange port are TLS as well', async () => {
    put('service-account/token', 'abc');
    const target = await load({ env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '8080' } });
    expect(target.server.href).toBe('https://[fd00::1]:8080/');
  });

  test('without a token the way to one is told', async () => {
    expect(await faultOf({ env })).toBe(
      'this is a pod, but cannot read the token file DIR/service-account/token: ENOENT; let it have its token (automountServiceAccountToken), or name a --kubeconfig',
    );
  });

  test('without a CA the certificates that the machine trusts are believed, with a warning', async () => {
    put('service-account/token', 'abc');
    const SSL_CERT_FILE = put('roots.pem', certificates.ca);
    const target = await load({ env: { ...env, SSL_CERT_FILE, SSL_CERT_DIR: path.join(folder, 'none') } });
    expect(await target.trust.ca()).toBe(certificates.ca);
    expect(target.warnings).toHaveLength(1);
  });

  test('a token lying about outside a pod is not used', async () => {
    put('service-account/token', 'abc');
    expect(await faultOf({})).toMatch(/^no cluster is configured/);
  });

  test('--context without a kubeconfig is an error, not the service account', async () => {
    put('service-account/token', 'abc');
    expect(await faultOf({ env, context: 'prod' })).toMatch(/^--context names prod, which .* \(there are: none\)$/);
  });
});

describe('a user', () => {
  async function userOf(user: object): Promise<KubeTarget> {
    return await load({ kubeconfig: put('k', kubeconfig({ user })) });
  }

  test('may show a token or a password', async () => {
    expect(await headersOf(await userOf({ token: 'abc' }))).toEqual({ authorization: 'Bearer abc' });
    expect(await headersOf(await userOf({ username: 'bob', password: 'hush' }))).toEqual({
      authorization: `Basic ${Buffer.from('bob:hush').toString('base64')}`,
    });
  });

  test('shows nothing over plain HTTP, where kubectl proxy has credentials of its own', async () => {
    const cluster = { server: 'http://127.0.0.1:8001' };
    const user = { token: 'abc', as: 'bob' };
    const target = await load({ kubeconfig: put('k', kubeconfig({ cluster, user })) });
    expect(await headersOf(target)).toEqual({ 'impersonate-user': 'bob' });
    expect(await headersOf(await load({ kubeconfig: put('k', kubeconfig({ cluster, user: null })) }))).toEqual({});
  });

  test('shows a certificate of data with a key of a file', async () => {
    put('client.key', certificates.client.key);
    const target = await userOf({
      'client-certificate-data': Buffer.from(certificates.client.cert).toString('base64'),
      'client-key': 'client.key',
    });
    expect(await target.authorize(false, new AbortController().signal)).toEqual({
      headers: {},
      ...certificates.client,
    });
  });

  test('has its certificate files read anew, and one that goes missing is named', async () => {
    const cert = put('client.pem', certificates.client.cert);
    put('client.key', certificates.client.key);
    const target = await userOf({ 'client-certificate': 'client.pem', 'client-key': 'client.key' });
    const signal = new AbortController().signal;
    expect(await target.authorize(false, signal)).toEqual({ headers: {}, ...certificates.client });
    rmSync(cert);
    clock.advance(61_000);
    expect(await target.authorize(false, signal)).toEqual({ headers: {}, ...certificates.client });
    await expect(target.authorize(true, signal)).rejects.toThrow(
      `users[prod].client-certificate in the kubeconfig ${folder}/k is of no use: cannot read ${cert}: ENOENT`,
    );
  });

  test('impersonates with groups, uid and extras', async () => {
    const target = await userOf({
      token: 'abc',
      as: 'bob',
      'as-uid': '7',
      'as-groups': ['a', 'b'],
      'as-user-extra': { 'example.org/Scopes': ['x'] },
    });
    expect(await headersOf(target)).toEqual({
      authorization: 'Bearer abc',
      'impersonate-user': 'bob',
      'impersonate-uid': '7',
      'impersonate-group': ['a', 'b'],
      'impersonate-extra-example.org%2fscopes': ['x'],
    });
  });

  test('with a token file is read again each minute, and at once after a 401', async () => {
    const file = put('token', 'one\n');
    const target = await userOf({ token: 'stale', tokenFile: 'token' });
    expect(await headersOf(target)).toEqual({ authorization: 'Bearer one' });
    writeFileSync(file, ' two ');
    clock.advance(59_000);
    expect(await headersOf(target)).toEqual({ authorization: 'Bearer one' });
    expect(await headersOf(target, true)).toEqual({ authorization: 'Bearer two' });
    writeFileSync(file, 'three');
    clock.advance(61_000);
    expect(await headersOf(target)).toEqual({ authorization: 'Bearer three' });
  });

  test('keeps the token it has while the file is being replaced', async () => {
    const file = put('token', 'one');
    const target = await userOf({ tokenFile: 'token' });
    await headersOf(target);
    rmSync(file);
    clock.advance(61_000);
    expect(await headersOf(target)).toEqual({ authorization: 'Bearer one' });
    await expect(headersOf(target, true)).rejects.toThrow(/^cannot read the token file .*token: ENOENT$/);
  });

  test.each([
    { name: 'empty', content: ' \n', words: /the token file .* is empty$/ },
    { name: 'of two lines', content: 'a\nb', words: /characters that no HTTP header can carry$/ },
  ])('with a token file that is $name cannot be shown', async ({ content, words }) => {
    put('token', content);
    await expect(headersOf(await userOf({ tokenFile: 'token' }))).rejects.toThrow(words);
  });

  test('with an oidc provider shows its id-token', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const idToken = `${part({ alg: 'none' })}.${part({ exp: 32_503_680_000 })}.${Buffer.from('x').toString('base64url')}`;
    const target = await userOf({ 'auth-provider': { name: 'oidc', config: { 'id-token': idToken } } });
    expect(await headersOf(target)).toEqual({ authorization: `Bearer ${idToken}` });
  });
});
