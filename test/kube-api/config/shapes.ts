// What it decides: the kubeconfigs, as the field has them, with which kubectl.test.ts holds leader-run against kubectl:
// their files, their environment, and where leader-run means to differ, why.
// What it does not know: how either of the two is run, and what comes of it.
// To check: `why` states a reason and stands only where the two differ; the test refuses one that is not needed.
import { X509Certificate } from 'node:crypto';
import type { Grounds } from './grounds.ts';

export interface Shape {
  /** The heading of the table that it stands in. */
  readonly part: string;
  readonly name: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
  /** KUBECONFIG, as file names; unset: the file `config`. */
  readonly list?: readonly string[];
  readonly context?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What is compared: a request for a Lease, or the namespace that is used when none is given. */
  readonly about?: 'request' | 'namespace';
  /** Why leader-run does otherwise than kubectl. */
  readonly why?: string;
}

type Fields = Readonly<Record<string, unknown>>;

const exec = (token: string): Fields => ({
  apiVersion: 'client.authentication.k8s.io/v1',
  command: '/bin/echo',
  args: [
    JSON.stringify({ kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1', status: { token } }),
  ],
  interactiveMode: 'Never',
});
const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

function jwt(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.eA`;
}
/** In seconds; no test of this century meets its end. */
const farAway = 4_102_444_800;

function document(server: string, ca: string, cluster: Fields, user: Fields | undefined, rest: Fields = {}): Fields {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', ...(user && { user: 'u' }) } }],
    clusters: [{ name: 'k', cluster: { server, 'certificate-authority-data': base64(ca), ...cluster } }],
    ...(user && { users: [{ name: 'u', user }] }),
    ...rest,
  };
}

export function shapesOn(grounds: Grounds): Shape[] {
  const { server, pems } = grounds;
  const all: Shape[] = [];
  const config = (user: Fields | undefined, cluster: Fields = {}, rest: Fields = {}): string =>
    JSON.stringify(document(server, pems.root, cluster, user, rest), (_, value: unknown) => value ?? undefined);
  let part = '';
  const add = (name: string, content: string | Buffer, more: Partial<Shape> = {}): void => {
    all.push({ part, name, files: { config: content, ...more.files }, ...without(more) });
  };
  const certificate = (who: 'carol' | 'dave'): Fields => ({
    'client-certificate-data': base64(pems[`${who}.crt`]),
    'client-key-data': base64(pems[`${who}.key`]),
  });
  const oidc = (token: string | undefined): Fields => ({
    'auth-provider': {
      name: 'oidc',
      config: { 'client-id': 'x', 'idp-issuer-url': 'https://127.0.0.1:1', ...(token !== undefined && { 'id-token': token }) },
    },
  });
  const living = jwt({ iss: 'https://127.0.0.1:1', sub: 'olga', exp: farAway });
  const expired = jwt({ iss: 'https://127.0.0.1:1', sub: 'olga', exp: 1_000_000_000 });

  part = 'One source of credentials';
  const sources: Record<string, { user: Fields; files?: Record<string, string> }> = {
    'token': { user: { token: 'tom' } },
    'tokenFile': { user: { tokenFile: 'fay' }, files: { fay: 'fay' } },
    'exec': { user: { exec: exec('eve') } },
    'oidc': { user: oidc(living) },
    'client-certificate-data': { user: certificate('carol') },
    'client-certificate': {
      user: { 'client-certificate': 'carol.crt', 'client-key': 'carol.key' },
      files: { 'carol.crt': pems['carol.crt'], 'carol.key': pems['carol.key'] },
    },
    'username and password': { user: { username: 'bob', password: 'hush' } },
    'nothing': { user: {} },
  };
  for (const [name, { user, files = {} }] of Object.entries(sources)) add(name, config(user), { files });

  part = 'Two sources of credentials';
  const names = Object.keys(sources).filter((name) => name !== 'nothing');
  for (const [index, one] of names.entries()) {
    for (const other of names.slice(index + 1)) {
      const [a, b] = [sources[one], sources[other]];
      // Both forms of a certificate in one user are a row of their own, with two certificates.
      if (a === undefined || b === undefined || (one.startsWith('client') && other.startsWith('client'))) continue;
      add(`${one}, ${other}`, config({ ...a.user, ...b.user }), {
        files: { ...a.files, ...b.files },
      });
    }
  }
  add('a certificate as data and another as file', config({ ...certificate('dave'), ...sources['client-certificate']?.user }), {
    files: sources['client-certificate']?.files ?? {},
  });

  part = 'Half a credential, and broken ones';
  add('client-certificate-data without a key', config({ ...certificate('carol'), 'client-key-data': undefined }));
  add('client-key-data without a certificate', config({ ...certificate('carol'), 'client-certificate-data': undefined }), {});
  add('the key of another certificate', config({ ...certificate('carol'), 'client-key-data': base64(pems['dave.key']) }));
  add('an encrypted key', config({ ...certificate('carol'), 'client-key-data': base64(pems['encrypted.key']) }));
  add('a certificate that is not PEM', config({ ...certificate('carol'), 'client-certificate-data': base64('rubbish') }));
  add('a certificate that is not base64', config({ ...certificate('carol'), 'client-certificate-data': '%%%' }));
  add('a client-certificate file that is missing', config({ 'client-certificate': 'gone.crt', 'client-key': 'gone.key' }));
  add('a client-key file that is missing', config({ ...certificate('carol'), 'client-key-data': undefined, 'client-key': 'gone.key' }));
  add('a certificate of an authority that the server does not know', config({
    'client-certificate-data': base64(pems['stranger.crt']), 'client-key-data': base64(pems['stranger.key']),
  }));
  add('a token that the server does not know', config({ token: 'nobody' }));
  add('a token with a blank', config({ token: 'tom tom' }), { why: 'it is no token, and refused before it is sent' });
  add('a token with a line break at its end', config({ token: 'tom\n' }));
  add('a token file with a line break', config({ tokenFile: 'fay' }), { files: { fay: 'fay\n' } });
  add('a token file that is empty', config({ tokenFile: 'fay' }), { files: { fay: '' } });
  add('a token file that is missing', config({ tokenFile: 'gone' }));
  add('a token beside a token file that is missing', config({ token: 'tom', tokenFile: 'gone' }));
  add('a password without a user name', config({ password: 'hush' }));
  add('a user name without a password', config({ username: 'bob' }));
  add('an empty token', config({ token: '' }));
  add('an id-token that has expired, without a refresh-token', config(oidc(expired)));
  add('an id-token that is not a JWT', config(oidc('rubbish')));
  add('oidc without an id-token', config(oidc(undefined)));
  add('auth-provider gcp', config({ 'auth-provider': { name: 'gcp' } }));
  add('an auth-provider that is not known', config({ 'auth-provider': { name: 'ldap' } }));

  part = 'Credential plugins';
  add('without interactiveMode, v1', config({ exec: { ...exec('eve'), interactiveMode: undefined } }));
  add('without interactiveMode, v1beta1', config({
    exec: {
      ...exec('eve'), apiVersion: 'client.authentication.k8s.io/v1beta1', interactiveMode: undefined,
      args: [JSON.stringify({ kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1beta1', status: { token: 'eve' } })],
    },
  }));
  add('v1alpha1', config({ exec: { ...exec('eve'), apiVersion: 'client.authentication.k8s.io/v1alpha1' } }));
  add('without apiVersion', config({ exec: { ...exec('eve'), apiVersion: undefined } }));
  add('without command', config({ exec: { ...exec('eve'), command: undefined } }));
  add('not installed', config({ exec: { ...exec('eve'), command: 'no-such-plugin', installHint: 'get it from the shelf' } }));
  add('that fails', config({ exec: { ...exec('eve'), command: '/bin/false' } }));
  add('that prints nothing', config({ exec: { ...exec('eve'), command: '/bin/true' } }));
  add('that speaks another version', config({
    exec: { ...exec('eve'), args: [JSON.stringify({ kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1beta1', status: { token: 'eve' } })] },
  }));
  add('that gives neither token nor certificate', config({
    exec: { ...exec('eve'), args: [JSON.stringify({ kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1', status: {} })] },
  }));
  add('that gives a certificate', config({
    exec: { ...exec('eve'), args: [JSON.stringify({
      kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1',
      status: { clientCertificateData: pems['carol.crt'], clientKeyData: pems['carol.key'] },
    })] },
  }));
  add('that gives half a certificate', config({
    exec: { ...exec('eve'), args: [JSON.stringify({
      kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1',
      status: { clientCertificateData: pems['carol.crt'] },
    })] },
  }));
  add('that gives a token whose time is over', config({
    exec: { ...exec('eve'), args: [JSON.stringify({
      kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1',
      status: { token: 'eve', expirationTimestamp: '2001-01-01T00:00:00Z' },
    })] },
  }));
  add('relative to the file, with env', config({
    exec: { ...exec('eve'), command: './plugin', args: [], env: [{ name: 'WHO', value: 'eve' }] },
  }), {
    files: { plugin: '#!/bin/sh\nprintf \'{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"%s"}}\' "$WHO"\n' },
  });
  add('with an env entry that has no name', config({ exec: { ...exec('eve'), env: [{ value: 'x' }] } }));
  add('with arguments that are numbers', config({ exec: { ...exec('eve'), args: [1] } }));
  add('that asks, where there is no terminal', config({ exec: { ...exec('eve'), interactiveMode: 'Always' } }));

  part = 'Acting as another user';
  add('as', config({ token: 'tom', as: 'ann' }));
  add('as with as-groups', config({ token: 'tom', as: 'ann', 'as-groups': ['ops', 'dev'] }));
  add('as with as-uid', config({ token: 'tom', as: 'ann', 'as-uid': '17' }));
  add('as with as-user-extra', config({ token: 'tom', as: 'ann', 'as-user-extra': { 'Reason/Why (x)': ['a', 'b'], view: ['c'] } }));
  add('as with letters that are not ASCII', config({ token: 'tom', as: 'Łukasz', 'as-groups': ['żółw'], 'as-user-extra': { Größe: ['日本'] } }));
  add('as with a line break', config({ token: 'tom', as: 'ann\nx' }));
  add('as with blanks around', config({ token: 'tom', as: ' ann ' }), {
    why: 'a server that leaves out the header, as this one does, would take the request for that of another user',
  });
  add('as with a comma in a group', config({ token: 'tom', as: 'ann', 'as-groups': ['a,b'] }));
  add('as with a plugin', config({ exec: exec('eve'), as: 'ann' }));
  add('as with a certificate', config({ ...certificate('carol'), as: 'ann' }));
  add('as without other credentials', config({ as: 'ann' }));
  add('as-groups without as', config({ token: 'tom', 'as-groups': ['ops'] }));
  add('as-uid without as', config({ token: 'tom', 'as-uid': '17' }));
  add('as-user-extra without as', config({ token: 'tom', 'as-user-extra': { a: ['b'] } }));
  add('as that is empty', config({ token: 'tom', as: '' }));
  add('as that is a number', config({ token: 'tom', as: 5 }));
  add('as-groups that is a text', config({ token: 'tom', as: 'ann', 'as-groups': 'ops' }));
  add('as-groups with a number', config({ token: 'tom', as: 'ann', 'as-groups': [7] }));
  add('as-groups with an empty text', config({ token: 'tom', as: 'ann', 'as-groups': [''] }));

  part = 'YAML';
  const head = 'apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- {name: c, context: {cluster: k, user: u}}\n';
  const cluster = `clusters:\n- name: k\n  cluster:\n    server: ${server}\n    certificate-authority-data: ${base64(pems.root)}\n`;
  const yaml = `${head}${cluster}users:\n- {name: u, user: {token: tom}}\n`;
  const withUser = (user: string): string => `${head}${cluster}users:\n- name: u\n  user: ${user}\n`;
  add('block style', `${head}${cluster}users:\n- name: u\n  user:\n    token: tom\n`);
  add('a merge key before the token', `x: &x {as: ann}\n${withUser('{<<: *x, token: tom}')}`);
  add('a merge key behind what it replaces', `x: &x {token: other}\n${withUser('{token: tom, <<: *x}')}`);
  add('a merge of a list', `x: &x {token: tom}\ny: &y {token: other, as: ann}\n${withUser('{<<: [*x, *y]}')}`);
  add('a quoted merge key', `x: &x {as: ann}\n${withUser('{"<<": *x, token: tom}')}`);
  add('an anchor and an alias', `x: &x {token: tom}\n${withUser('*x')}`);
  add('an alias that nothing defines', withUser('*x'));
  add('a token that YAML 1.1 takes for a boolean', withUser('{token: no}'));
  add('a token that is a number', withUser('{token: 12345}'));
  add('a token that is a date', withUser('{token: 2001-01-01}'));
  add('a token that is null', withUser('{token: ~}'));
  add('a token in octal', withUser('{token: 0o17}'));
  add('a token with a tag', withUser('{token: !!str tom}'));
  add('a token as !!binary', withUser('{token: !!binary dG9t}'));
  add('insecure-skip-tls-verify: yes', yaml.replace(`certificate-authority-data: ${base64(pems.root)}`, 'insecure-skip-tls-verify: yes'));
  add('insecure-skip-tls-verify: "true"', yaml.replace(`certificate-authority-data: ${base64(pems.root)}`, 'insecure-skip-tls-verify: "true"'));
  add('two documents', `${yaml}---\n${yaml.replace('tom', 'other')}`);
  add('a second document that is rubbish', `${yaml}---\n{{{{\n`);
  add('--- before', `---\n${yaml}`);
  add('--- at the end', `${yaml}---\n`);
  add('... at the end', `${yaml}...\n`);
  add('a comment and --- before', `# of the provider\n---\n${yaml}`);
  add('tabs for indentation', yaml.replace('  cluster:', '\tcluster:'));
  add('tabs behind values', yaml.replace('kind: Config', 'kind: Config\t'));
  add('CR LF', yaml.replaceAll('\n', '\r\n'));
  add('CR LF and two documents', `${yaml}---\n${yaml.replace('tom', 'other')}`.replaceAll('\n', '\r\n'));
  add('UTF-8 with a mark', `\ufeff${yaml}`);
  add('UTF-16 with a mark, as of PowerShell', Buffer.from(`\ufeff${yaml.replaceAll('\n', '\r\n')}`, 'utf16le'));
  add('UTF-16 big endian with a mark', Buffer.from(`\ufeff${yaml}`, 'utf16le').swap16());
  add('UTF-16 without a mark', Buffer.from(yaml, 'utf16le'));
  add('Latin-1', Buffer.from(`${yaml}# Grüße\n`, 'latin1'));
  add('a NUL character', `${yaml}# \0\n`);
  add('JSON', JSON.stringify(document(server, pems.root, {}, { token: 'tom' })));
  add('JSON in lines, with tabs', JSON.stringify(document(server, pems.root, {}, { token: 'tom' }), undefined, '\t'));
  add('JSON with something behind it', `${JSON.stringify(document(server, pems.root, {}, { token: 'tom' }))} x`, {
    why: 'what is not valid is not guessed at',
  });
  add('a key twice in a mapping', withUser('{token: other, token: tom}'));
  add('a list twice', `${yaml}users:\n- {name: u, user: {token: other}}\n`);
  add('keys in other letter cases', withUser('{Token: tom}'));
  add('unknown fields', `${yaml}colors: true\n`.replace('{token: tom}', '{token: tom, colour: red}'));
  add('extensions and preferences', `${yaml}preferences: {colors: true}\nextensions:\n- {name: x, extension: {a: b}}\n`);
  add('kind: Deployment', yaml.replace('kind: Config', 'kind: Deployment'));
  add('apiVersion: v2', yaml.replace('apiVersion: v1', 'apiVersion: v2'));
  add('neither kind nor apiVersion', yaml.replace('apiVersion: v1\nkind: Config\n', ''));
  add('kind in small letters', yaml.replace('kind: Config', 'kind: config'));
  add('users that is a mapping', yaml.replace('- {name: u, user: {token: tom}}', '  u: {token: tom}'));
  add('a user that is a text', withUser('tom'));
  add('a user that is null', withUser(''));
  add('an entry without a name', `${yaml}- {user: {token: other}}\n`);
  add('a list, not a mapping', '- a\n- b\n');
  add('an empty file', '');
  add('nothing but a comment', '# nothing\n');
  add('a text of one line', 'hello\n');
  add('a broken entry of a user that is not used', `${yaml}- {name: v, user: {token: 5}}\n`);
  add('a broken certificate of a user that is not used', `${yaml}- {name: v, user: {client-certificate-data: "%%%"}}\n`);
  add('a number as the name of the context', yaml.replace('current-context: c', 'current-context: 5').replace('name: c,', 'name: 5,'));
  add('a template that was not filled in', yaml.replace('{token: tom}', '{token: {{ .Token }}}'));

  part = 'Names and several files';
  add('no current-context', config({ token: 'tom' }, {}, { 'current-context': undefined }));
  add('an empty current-context', config({ token: 'tom' }, {}, { 'current-context': '' }));
  add('a current-context that is not there', config({ token: 'tom' }, {}, { 'current-context': 'd' }));
  add('--context', config({ token: 'tom' }, {}, { 'current-context': 'd' }), { context: 'c' });
  add('--context that is not there', config({ token: 'tom' }), { context: 'd' });
  add('a context without a user', config(undefined));
  add('a context whose user is not there', config({ token: 'tom' }, {}, { users: [] }));
  add('a context without a cluster', config({ token: 'tom' }, {}, { contexts: [{ name: 'c', context: { user: 'u' } }] }));
  add('a context whose cluster is not there', config({ token: 'tom' }, {}, { clusters: [] }));
  add('a user twice in one file', config(undefined, {}, {
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    users: [{ name: 'u', user: { token: 'tom' } }, { name: 'u', user: { token: 'other' } }],
  }));
  add('a cluster without a server', config({ token: 'tom' }, { server: undefined }));
  const only = (user: Fields): string => JSON.stringify({ users: [{ name: 'u', user }] });
  add('two files, the first user wins', config({ token: 'tom' }), {
    files: { first: only({ token: 'fay' }) }, list: ['first', 'config'],
  });
  add('two files, whose users are not merged field by field', config({ token: 'tom' }), {
    files: { first: only({ as: 'ann' }) }, list: ['first', 'config'],
  });
  add('two files, the first current-context wins', config({ token: 'tom' }, {}, { 'current-context': 'd' }), {
    files: { first: JSON.stringify({ 'current-context': 'c' }) }, list: ['first', 'config'],
  });
  add('a missing file in the list', config({ token: 'tom' }), { list: ['gone', 'config'] });
  add('nothing but missing files in the list', config({ token: 'tom' }), { list: ['gone', 'gone-too'] });
  add('an empty item in the list', config({ token: 'tom' }), { list: ['', 'config', ''] });
  add('an empty file in the list', config({ token: 'tom' }), { files: { empty: '' }, list: ['empty', 'config'] });
  add('a broken file in the list', config({ token: 'tom' }), { files: { broken: 'a: [' }, list: ['broken', 'config'] });
  add('a broken file behind', config({ token: 'tom' }), { files: { broken: 'a: [' }, list: ['config', 'broken'] });
  add('a file twice in the list', config({ token: 'tom' }), { list: ['config', 'config'] });
  add('a context in one file, its user in another', JSON.stringify({ users: [{ name: 'u', user: { token: 'tom' } }] }), {
    files: { first: config(undefined, {}, { contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }] }) },
    list: ['first', 'config'],
  });
  add('files relative to the file that names them', config(undefined, {}, { contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }] }), {
    files: { 'sub/users': only({ tokenFile: 'fay' }), 'sub/fay': 'fay', fay: 'other' }, list: ['config', 'sub/users'],
  });
  add('a tilde in a file name', config({ tokenFile: '~/fay' }), { files: { fay: 'fay' } });
  add('a variable in a file name', config({ tokenFile: '$HOME/fay' }), { files: { fay: 'fay' } });
  add('a folder in place of the file', config({ token: 'tom' }), { list: ['sub'], files: { 'sub/x': '' } });

  part = 'Trust';
  const trust = (name: string, fields: Fields, more: Partial<Shape> = {}): void => {
    add(name, config({ token: 'tom' }, { 'certificate-authority-data': undefined, ...fields }), more);
  };
  trust('a root as data', { 'certificate-authority-data': base64(pems.root) });
  trust('a root as file', { 'certificate-authority': 'ca.crt' }, { files: { 'ca.crt': pems.root } });
  trust('an intermediate', { 'certificate-authority-data': base64(pems.middle) });
  trust("the server's own certificate", { 'certificate-authority-data': base64(pems['server.crt']) });
  trust('another authority', { 'certificate-authority-data': base64(pems['stranger.crt']) });
  trust('several, and one of them is right', { 'certificate-authority-data': base64(`${pems['stranger.crt']}${pems.root}`) });
  trust('text around the certificates', { 'certificate-authority-data': base64(`# of the cluster\n${pems.root}\n# end\n`) });
  trust('a broken certificate before the right one', {
    'certificate-authority-data': base64(`-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${pems.root}`),
  });
  trust('data with line breaks', { 'certificate-authority-data': base64(pems.root).replaceAll(/(.{64})/g, '$1\n') });
  trust('DER in place of PEM', { 'certificate-authority-data': base64(derOf(pems.root)) });
  trust('a file and other data', { 'certificate-authority': 'ca.crt', 'certificate-authority-data': base64(pems.root) }, {
    files: { 'ca.crt': pems['stranger.crt'] },
  });
  trust('data that is empty, and a file', { 'certificate-authority': 'ca.crt', 'certificate-authority-data': '' }, { files: { 'ca.crt': pems.root } });
  trust('a file that is empty', { 'certificate-authority': 'ca.crt' }, { files: { 'ca.crt': '' } });
  trust('a file that is missing', { 'certificate-authority': 'gone.crt' });
  trust('a file with a key in place of a certificate', { 'certificate-authority': 'ca.crt' }, { files: { 'ca.crt': pems['carol.key'] } });
  trust('data that is not base64', { 'certificate-authority-data': '%%%' });
  trust('data in base64 without its padding', { 'certificate-authority-data': base64(`${pems.root}${'\n'.repeat(3 - ((pems.root.length + 1) % 3))}`).replaceAll('=', '') });
  trust('insecure-skip-tls-verify', { 'insecure-skip-tls-verify': true });
  trust('insecure-skip-tls-verify with a CA', { 'insecure-skip-tls-verify': true, 'certificate-authority-data': base64(pems.root) });
  trust('tls-server-name', { 'certificate-authority-data': base64(pems.root), 'tls-server-name': 'cluster.test' });
  trust('tls-server-name of another server', { 'certificate-authority-data': base64(pems.root), 'tls-server-name': 'other.test' });
  trust('tls-server-name that is an address', { 'certificate-authority-data': base64(pems.root), 'tls-server-name': '127.0.0.1' });
  trust('none, and the machine trusts the server', {}, { env: { SSL_CERT_FILE: 'roots.pem', SSL_CERT_DIR: '' }, files: { 'roots.pem': pems.root } });
  trust('none, and a folder of the machine trusts the server', {}, {
    env: { SSL_CERT_FILE: 'none.pem', SSL_CERT_DIR: 'empty:roots' }, files: { 'roots/a.crt': pems.root, 'empty/readme': 'nothing' },
  });
  trust('none, and the machine does not trust the server', {}, {
    env: { SSL_CERT_FILE: 'roots.pem', SSL_CERT_DIR: 'empty' }, files: { 'roots.pem': pems['stranger.crt'], 'empty/readme': 'nothing' },
  });
  trust('a CA, and the machine trusts the server', { 'certificate-authority-data': base64(pems['stranger.crt']) }, {
    env: { SSL_CERT_FILE: 'roots.pem' }, files: { 'roots.pem': pems.root },
  });

  part = 'The server';
  const at = (name: string, address: string, more: Partial<Shape> = {}): void => {
    add(name, config({ token: 'tom' }, { server: address }), more);
  };
  at('a trailing slash', `${server}/`);
  at('a path in front, as of Rancher', `${server}/k8s/clusters/c-1`);
  at('a path in front with a slash at its end', `${server}/k8s/clusters/c-1/`);
  at('a query', `${server}/k8s?x=y`);
  at('a fragment', `${server}#x`);
  at('a name', server.replace('127.0.0.1', 'localhost'));
  at('capital letters', server.replace('https://127.0.0.1', 'HTTPS://LOCALHOST'));
  at('IPv6', server.replace('127.0.0.1', '[::1]'));
  at('no scheme', server.replace('https://', ''));
  at('blanks around', ` ${server} `);
  at('http on this machine', grounds.plain);
  at('http elsewhere', 'http://0.0.0.0:1');
  at('https where http is spoken', grounds.plain.replace('http:', 'https:'));
  at('http where https is spoken', server.replace('https:', 'http:'));
  at('a login in the address', server.replace('https://', 'https://bob:hush@'), {
    why: 'each line that names the server would show the password: name it in the user',
  });
  at('another scheme', server.replace('https:', 'ftp:'));
  at('not an address', 'https://');
  at('no process listens', 'https://127.0.0.1:1');

  part = 'A proxy';
  const through = (name: string, proxy: string, more: Partial<Shape> = {}): void => {
    add(name, config({ token: 'tom' }, { 'proxy-url': proxy }), more);
  };
  const { proxies } = grounds;
  through('https', proxies.https);
  through('http', proxies.http);
  through('http with a login', proxies.http.replace('http://', 'http://bob:hush@'));
  through('http with a wrong password', proxies.guarded.replace('http://', 'http://bob:wrong@'));
  through('socks5', proxies.socks);
  through('socks5h', proxies.socks.replace('socks5:', 'socks5h:'), { why: 'it is what kubectl does for socks5' });
  through('without a scheme', proxies.http.replace('http://', ''));
  through('of another scheme', proxies.http.replace('http:', 'ftp:'));
  through('where no process listens', 'http://127.0.0.1:1');
  through('that is empty', '');
  add('HTTPS_PROXY, for a server on this machine', config({ token: 'tom' }), { env: { HTTPS_PROXY: 'http://127.0.0.1:1' } });

  part = 'The namespace';
  const space = (name: string, namespace: unknown, more: Partial<Shape> = {}): void => {
    add(name, config({ token: 'tom' }, {}, { contexts: [{ name: 'c', context: { cluster: 'k', user: 'u', namespace } }] }), {
      about: 'namespace', ...more,
    });
  };
  space("the context's", 'team');
  const guess = { why: 'a lock in a namespace that was not meant would be another lock' };
  space('none', undefined, guess);
  space('an empty one', '', guess);
  space('capital letters', 'Team', { why: 'the server would refuse each request' });
  space('a number', 5);
  return all;
}

function derOf(pem: string): Buffer {
  return new X509Certificate(pem).raw;
}

function without({ files: _, ...rest }: Partial<Shape>): Partial<Shape> {
  return rest;
}
