// Whom a kubeconfig speaks for: the same user as with kubectl, or nobody and a sentence. What kubectl does was seen
// with kubectl v1.32 and read in client-go v0.35 (tools/clientcmd, transport, plugin/pkg/client/auth).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Credentials } from '../../../src/kube-api/credentials.ts';
import { ConfigError } from '../../../src/kube-api/config/errors.ts';
import { loadKube } from '../../../src/kube-api/config/load.ts';
import type { KubeTarget } from '../../../src/kube-api/target.ts';
import { type Certificates, makeCertificates } from '../../helpers/certificates.ts';
import { ManualClock } from '../../helpers/manual-clock.ts';

let base: string;
let folder: string;
let certificates: Certificates;
let encrypted: string;
let clock: ManualClock;
beforeAll(() => {
  base = mkdtempSync(path.join(tmpdir(), 'leader-run-whom-'));
  certificates = makeCertificates();
  const words = ['pkcs8', '-topk8', '-v2', 'aes-128-cbc', '-passout', 'pass:hush'];
  encrypted = execFileSync('openssl', words, { input: certificates.client.key, encoding: 'utf8' });
});
beforeEach(() => {
  folder = mkdtempSync(path.join(base, 'test-'));
  clock = new ManualClock();
});
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

function put(name: string, content: string | Buffer): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

function load(content: string | Buffer | object): Promise<KubeTarget> {
  const file = put('k', typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
  return loadKube({ clock, kubeconfig: file, env: { HOME: folder, PATH: process.env['PATH'] } });
}

function withUser(user: object, cluster: object = {}): object {
  return {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: { server: 'https://k.test', ...cluster } }],
    users: [{ name: 'u', user }],
  };
}

async function shown(content: string | Buffer | object): Promise<Credentials> {
  return await (await load(content)).authorize(false, AbortSignal.timeout(10_000));
}

async function faultOf(content: string | Buffer | object): Promise<string> {
  const error: unknown = await load(content).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return (error as Error).message.replaceAll(folder, 'DIR').replace(' in the kubeconfig DIR/k', '');
}

const apiVersion = 'client.authentication.k8s.io/v1';
const credential = JSON.stringify({ kind: 'ExecCredential', apiVersion, status: { token: 'plugin' } });
const exec = { apiVersion, command: '/bin/echo', args: [credential], interactiveMode: 'Never' };
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const pair = (): object => ({
  'client-certificate-data': base64(certificates.client.cert),
  'client-key-data': base64(certificates.client.key),
});
const basic = { username: 'bob', password: 'hush' };
const basicHeader = { authorization: `Basic ${base64('bob:hush')}` };

function jwt(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.eA`;
}
const oidc = (token: string | undefined): object => ({
  'auth-provider': { name: 'oidc', config: { 'refresh-token': 'r', ...(token !== undefined && { 'id-token': token }) } },
});
const living = (): string => jwt({ exp: clock.now().wall / 1000 + 600 });

describe('of two sources the one wins that wins in kubectl:', () => {
  test.each<{ name: string; user: () => object; headers: object; certificate?: boolean }>([
    { name: 'a plugin alone', user: () => ({ exec }), headers: { authorization: 'Bearer plugin' } },
    { name: 'a token, not a plugin', user: () => ({ token: 't', exec }), headers: { authorization: 'Bearer t' } },
    { name: 'a token file, not a plugin', user: () => ({ tokenFile: put('f', 'f'), exec }), headers: { authorization: 'Bearer f' } },
    { name: 'a password, not a plugin', user: () => ({ ...basic, exec }), headers: basicHeader },
    { name: 'a certificate, not a plugin', user: () => ({ ...pair(), exec }), headers: {}, certificate: true },
    { name: 'a certificate and a token', user: () => ({ ...pair(), token: 't' }), headers: { authorization: 'Bearer t' }, certificate: true },
    { name: 'a certificate and a password', user: () => ({ ...pair(), ...basic }), headers: basicHeader, certificate: true },
    { name: 'a token file, not the token', user: () => ({ token: 't', tokenFile: put('f', 'f') }), headers: { authorization: 'Bearer f' } },
    { name: 'the token where the file cannot be read', user: () => ({ token: 't', tokenFile: 'gone' }), headers: { authorization: 'Bearer t' } },
    { name: 'a token, not an auth-provider', user: () => ({ token: 't', ...oidc(living()) }), headers: { authorization: 'Bearer t' } },
    { name: 'a password, not an auth-provider', user: () => ({ ...basic, ...oidc(living()) }), headers: basicHeader },
    { name: 'a plugin with as', user: () => ({ exec, as: 'bob' }), headers: { authorization: 'Bearer plugin', 'impersonate-user': 'bob' } },
  ])('$name', async ({ user, headers, certificate = false }) => {
    expect(await shown(withUser(user()))).toEqual({ headers, ...(certificate && certificates.client) });
  });

  test.each<{ name: string; user: () => object; words: string }>([
    { name: 'a plugin and an auth-provider', user: () => ({ exec, ...oidc(living()) }), words: 'users[u].exec contradicts auth-provider; keep one' },
    { name: 'a token and a password', user: () => ({ token: 't', ...basic }), words: 'users[u].password contradicts the token; keep one' },
    { name: 'a token file and a password', user: () => ({ tokenFile: put('f', 'f'), ...basic }), words: 'users[u].password contradicts the token; keep one' },
  ])('refused: $name', async ({ user, words }) => {
    expect(await faultOf(withUser(user()))).toBe(words);
  });
});

describe('half a credential is refused, and does not go out as anonymous:', () => {
  test.each<{ name: string; user: () => object; words: string }>([
    { name: 'no key', user: () => ({ ...pair(), 'client-key-data': '' }), words: 'users[u].client-key is missing beside the client-certificate' },
    { name: 'no certificate', user: () => ({ 'client-key-data': base64(certificates.client.key) }), words: 'users[u].client-certificate is missing beside the client-key' },
    { name: 'no user name', user: () => ({ password: 'hush' }), words: 'users[u].username is missing beside the password' },
    { name: 'groups without a user', user: () => ({ token: 't', 'as-groups': ['admins'] }), words: 'users[u].as is missing, and as-uid, as-groups and as-user-extra say nothing without it' },
    { name: 'a certificate file that is not there', user: () => ({ ...pair(), 'client-certificate-data': '', 'client-certificate': 'gone.crt' }), words: 'users[u].client-certificate is of no use: cannot read DIR/gone.crt: ENOENT' },
    { name: 'a key file that is not there', user: () => ({ ...pair(), 'client-key-data': '', 'client-key': 'gone.key' }), words: 'users[u].client-key is of no use: cannot read DIR/gone.key: ENOENT' },
    { name: 'an empty key file', user: () => ({ ...pair(), 'client-key-data': '', 'client-key': put('empty', '') }), words: 'users[u].client-key is of no use: DIR/empty is not a PEM file' },
    { name: 'an encrypted key', user: () => ({ ...pair(), 'client-key-data': base64(encrypted) }), words: 'users[u].client-key is encrypted, and leader-run cannot ask for its password: decrypt it' },
    { name: 'the key of another', user: () => ({ ...pair(), 'client-key-data': base64(certificates.stranger.key) }), words: 'users[u].client-key belongs to another certificate than the client-certificate' },
    { name: 'a certificate as key', user: () => ({ ...pair(), 'client-key-data': base64(certificates.client.cert) }), words: 'users[u].client-key is not a private key' },
    { name: 'a token file that is not there', user: () => ({ tokenFile: 'gone' }), words: 'users[u].tokenFile is of no use: cannot read DIR/gone: ENOENT' },
    { name: 'an opaque id-token', user: () => oidc('opaque'), words: 'users[u].auth-provider holds an id-token that is not a JWT' },
    { name: 'no id-token', user: () => oidc(undefined), words: 'users[u].auth-provider holds no id-token, and leader-run refreshes none: use a credential plugin instead (exec, as of kubelogin)' },
    { name: 'an expired id-token', user: () => oidc(jwt({ exp: 1 })), words: 'users[u].auth-provider holds an id-token that has expired, and leader-run refreshes none: use a credential plugin instead (exec, as of kubelogin)' },
  ])('$name', async ({ user, words }) => {
    expect(await faultOf(withUser(user()))).toBe(words);
  });

  test('an id-token that ends meanwhile', async () => {
    const target = await load(withUser(oidc(living())));
    clock.advance(600_001);
    await expect(target.authorize(false, AbortSignal.timeout(10_000))).rejects.toThrow(
      /^the id-token of users\[u\] has expired/,
    );
  });
});

describe('YAML means what it means to kubectl:', () => {
  const context = 'current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n';
  const rest = `${context}clusters: [{name: k, cluster: {server: "https://k.test"}}]\n`;
  const anchors = 'x: &x {token: of-x, as: nobody}\ny: &y {token: of-y, as: somebody}\n';
  const user = (text: string): string => `${anchors}${rest}users: [{name: u, user: ${text}}]\n`;

  test.each<{ name: string; text: string | Buffer; headers: object }>([
    { name: 'a merge, then a token', text: user('{<<: *x, token: own}'), headers: { authorization: 'Bearer own', 'impersonate-user': 'nobody' } },
    { name: 'a token, then a merge', text: user('{token: own, <<: *x}'), headers: { authorization: 'Bearer of-x', 'impersonate-user': 'nobody' } },
    { name: 'two merges', text: user('{<<: [*x, *y]}'), headers: { authorization: 'Bearer of-x', 'impersonate-user': 'nobody' } },
    { name: 'a quoted merge key', text: user('{"<<": *x, token: own}'), headers: { authorization: 'Bearer own' } },
    { name: 'a key twice', text: user('{token: one, token: two}'), headers: { authorization: 'Bearer two' } },
    { name: 'a date', text: user('{token: 2001-01-01}'), headers: { authorization: 'Bearer 2001-01-01' } },
    { name: 'binary', text: user('{token: !!binary YWJj}'), headers: { authorization: 'Bearer abc' } },
    { name: 'the first of two documents', text: `---\n${user('{token: t}')}---\n: garbage [`, headers: { authorization: 'Bearer t' } },
    { name: 'a mark at the end', text: `${user('{token: t}')}---\n`, headers: { authorization: 'Bearer t' } },
    { name: 'UTF-16 of PowerShell', text: Buffer.from(`\ufeff${user('{token: t}')}`, 'utf16le'), headers: { authorization: 'Bearer t' } },
    { name: 'UTF-16, the other way round', text: Buffer.from(`\ufeff${user('{token: t}')}`, 'utf16le').swap16(), headers: { authorization: 'Bearer t' } },
    { name: 'UTF-8 with a mark', text: `\ufeff${user('{token: t}')}`, headers: { authorization: 'Bearer t' } },
  ])('$name', async ({ text, headers }) => {
    expect((await shown(text)).headers).toEqual(headers);
  });

  test('a file of aliases of aliases is read in no time', async () => {
    const bomb = Array.from({ length: 60 }, (_, index) => `b${index + 1}: &b${index + 1} [*b${index}, *b${index}]\n`);
    expect((await shown(`b0: &b0 []\n${bomb.join('')}${user('{token: t}')}`)).headers).toEqual({ authorization: 'Bearer t' });
  });

  test.each(['yes', 'y', 'on', 'True'])('%s is true', async (word) => {
    const target = await load(`${rest.replace('k.test"', `k.test", insecure-skip-tls-verify: ${word}`)}users: [{name: u, user: {token: t}}]`);
    expect(target.trust.insecure).toBe(true);
  });

  test.each<{ name: string; text: string; words: string }>([
    { name: 'a token that is a boolean', text: user('{token: no}'), words: 'users[u].token is not text (quote it)' },
    { name: 'a switch that is text', text: `${rest.replace('k.test"', 'k.test", insecure-skip-tls-verify: "true"')}users: [{name: u, user: {}}]`, words: 'clusters[k].insecure-skip-tls-verify is not true or false (without quotes)' },
    { name: 'another kind', text: `kind: Secret\n${user('{token: t}')}`, words: 'DIR/k is not a kubeconfig: its kind is not Config, which a kubeconfig has' },
    { name: 'another version', text: `apiVersion: v2\n${user('{token: t}')}`, words: 'DIR/k is not a kubeconfig: its apiVersion is not v1, which a kubeconfig has' },
    { name: 'a user who stands twice', text: user('{token: t}').replace('users: [', 'users: [{name: u, user: {token: o}}, '), words: 'users[u] stands twice' },
    { name: 'a fault in a user that is not chosen', text: user('{token: t}').replace('users: [', 'users: [{name: o, user: {token: 1}}, '), words: 'users[o].token is not text (quote it)' },
    { name: 'a password like an alias', text: user('{username: a, password: *hush}'), words: 'the kubeconfig DIR/k is not valid YAML: unidentified alias in line 6' },
    { name: 'an anchor within itself', text: `z: &z [*z, *z]\n${user('{token: t}')}`, words: 'the kubeconfig DIR/k is not valid YAML: an anchor contains itself' },
    { name: 'a password like a tag', text: `${anchors}${rest}users:\n- name: u\n  user:\n    password: !hush x\n`, words: 'the kubeconfig DIR/k is not valid YAML: unknown tag in line 9' },
  ])('refused: $name', async ({ text, words }) => {
    expect(await faultOf(text)).toBe(words);
  });
});

test.each(['admin:hush@k.test:6443', 'https://admin:hush@k.test', 'https//k.test?token=hush', 'http://k.test/#hush'])(
  'a server that may hold a secret is refused and not quoted: %s',
  async (server) => {
    const words = await faultOf(withUser({ token: 't' }, { server }));
    expect(words).toMatch(/^clusters\[k\]\.server /);
    expect(words).not.toMatch(/hush|admin/);
  },
);

test('a proxy that may hold a secret is not quoted', async () => {
  const words = await faultOf(withUser({ token: 't' }, { 'proxy-url': 'ftp://admin:hush@proxy' }));
  expect(words).not.toMatch(/hush|admin/);
});
