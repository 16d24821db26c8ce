// Which servers are believed: as in Go, those below any certificate that the kubeconfig's certificate-authority holds,
// and without one those below what the machine trusts, in the places where Go looks.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { loadKube } from '../../../src/kube-api/config/load.ts';
import { machineTrust } from '../../../src/kube-api/config/trust.ts';
import { failureOf, startDeadline } from '../../../src/kube-api/failure.ts';
import { openTransport } from '../../../src/kube-api/transport.ts';

let folder: string;
const file = (name: string): string => path.join(folder, name);
const read = (name: string): string => readFileSync(file(name), 'utf8');

/** root <- middle <- server, as RKE2 and OpenShift have them; and a stranger who signs for nobody here. */
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leader-run-trust-'));
  const openssl = (...words: string[]): void => {
    execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const name of ['root', 'stranger'])
    openssl('req', '-x509', ...key, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`), '-subj', `/CN=${name}`);
  for (const [name, issuer, extension] of [
    ['middle', 'root', 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign'],
    ['server', 'middle', 'subjectAltName=IP:127.0.0.1'],
  ] as const) {
    writeFileSync(file(`${name}.ext`), extension);
    openssl('req', ...key, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`), '-subj', `/CN=${name}`);
    const by = ['-CA', file(`${issuer}.crt`), '-CAkey', file(`${issuer}.key`), '-CAcreateserial'];
    openssl('x509', '-req', '-in', file(`${name}.csr`), ...by, '-out', file(`${name}.crt`), '-extfile', file(`${name}.ext`));
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function answerWith(ca: string | undefined, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const server = createServer({ cert: `${read('server.crt')}${read('middle.crt')}`, key: read('server.key') }, (_, response) => {
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await ask({ server: address, ...(ca !== undefined && { 'certificate-authority': file(ca) }) }, env);
  } finally {
    server.close();
  }
}

async function ask(cluster: object, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const content = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
  writeFileSync(file('kubeconfig'), JSON.stringify(content));
  const target = await loadKube({ clock: systemClock(), kubeconfig: file('kubeconfig'), env });
  const transport = openTransport(target, { version: '0' });
  const deadline = startDeadline(10_000);
  try {
    return await transport.request({ method: 'GET', path: '/x' }, deadline);
  } finally {
    deadline.end();
    transport.close();
  }
}

test.each(['root.crt', 'middle.crt'])('a server below %s is believed', async (ca) => {
  expect(await answerWith(ca)).toMatchObject({ kind: 'answer', status: 200 });
});

test('a server below another authority is not', async () => {
  expect(await answerWith('stranger.crt')).toMatchObject({ kind: 'failed', cause: 'untrusted', sent: false });
});

test('a server below an authority that the machine trusts is not, where the kubeconfig names another', async () => {
  const env = { SSL_CERT_FILE: file('root.crt'), SSL_CERT_DIR: file('.'), NODE_EXTRA_CA_CERTS: file('root.crt') };
  expect(await answerWith('stranger.crt', env)).toMatchObject({ kind: 'failed', cause: 'untrusted', sent: false });
});

test('what stands around the certificates, and one that cannot be read, does no harm', async () => {
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  writeFileSync(file('mixed.crt'), `# ours\n${broken}${read('root.crt')}# end`);
  expect(await answerWith('mixed.crt')).toMatchObject({ kind: 'answer', status: 200 });
});

describe('what OpenSSL says is told in words:', () => {
  async function detailOf(server: Server, protocol = 'https'): Promise<string> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const cluster = { server: `${protocol}://127.0.0.1:${port}`, 'certificate-authority': file('root.crt') };
    const failed = await ask(cluster);
    server.close();
    expect(failed).toMatchObject({ kind: 'failed', cause: 'unreachable' });
    return (failed as { detail: string }).detail;
  }
  const tls = (): object => ({ cert: `${read('server.crt')}${read('middle.crt')}`, key: read('server.key') });

  test.each([
    { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', text: 'tlsv13 alert certificate required', words: 'certificate required' },
    { code: 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', text: 'ssl/tls alert bad certificate', words: 'bad certificate' },
    { code: 'EPROTO', text: 'tlsv1 alert unknown ca', words: 'unknown ca' },
  ])('a client certificate that the server does not take: $words', ({ code, text, words }) => {
    const line = `80A:error:0A000418:SSL routines:ssl3_read_bytes:${text}:../deps/ssl/record/rec_layer_s3.c:1605:SSL alert number 48\n`;
    const error = Object.assign(new Error(line), { code });
    expect(failureOf(error, true, new AbortController().signal).detail).toBe(
      `the server ended the TLS connection: ${words} (it does not take the client certificate, or wants one)`,
    );
  });

  test('a server without TLS', async () => {
    expect(await detailOf(createHttp())).toBe('the server does not speak TLS');
  });

  test('a server of TLS 1.1 alone', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    expect(await detailOf(createServer({ ...tls(), ...old }))).toBe(
      'the server ended the TLS connection: protocol version',
    );
  });
});

describe('without a certificate-authority', () => {
  const empty = (): string => file('empty');
  beforeAll(() => {
    mkdirSync(empty());
    mkdirSync(file('store'));
    writeFileSync(file('store/middle.pem'), read('middle.crt'));
    writeFileSync(file('store/readme'), 'Not a certificate.');
    // As OpenSSL names it a second time.
    symlinkSync('middle.pem', file('store/0123abcd.0'));
    symlinkSync(file('root.crt'), file('store/linked.crt'));
  });

  test('a server below a certificate of the machine is believed', async () => {
    const answered = { kind: 'answer', status: 200 };
    const inFile = { SSL_CERT_FILE: file('root.crt'), SSL_CERT_DIR: empty() };
    expect(await answerWith(undefined, inFile)).toMatchObject(answered);
    const inFolder = { SSL_CERT_FILE: file('stranger.crt'), SSL_CERT_DIR: `${empty()}:${file('store')}` };
    expect(await answerWith(undefined, inFolder)).toMatchObject(answered);
  });

  test('another is not, and the failure says where certificates were looked for', async () => {
    const env = { SSL_CERT_FILE: file('stranger.crt'), SSL_CERT_DIR: empty() };
    const failed = await answerWith(undefined, env);
    expect(failed).toMatchObject({ kind: 'failed', cause: 'untrusted', sent: false });
    const { detail } = failed as { detail: string };
    expect(detail).toMatch(new RegExp(`; trusted are the certificates of ${file('stranger.crt')}$`));
  });

  test("what Node's users add is believed beside the machine's", async () => {
    const env = { SSL_CERT_FILE: file('stranger.crt'), SSL_CERT_DIR: empty(), NODE_EXTRA_CA_CERTS: file('root.crt') };
    expect(await answerWith(undefined, env)).toMatchObject({ kind: 'answer', status: 200 });
  });

  test('a place that is named and holds nothing is told, and no other is looked at', async () => {
    const env = { SSL_CERT_FILE: file('gone.crt'), SSL_CERT_DIR: empty() };
    const detail = `no certificate can be read from ${file('gone.crt')}, ${empty()} (look at SSL_CERT_FILE and SSL_CERT_DIR)`;
    expect(await answerWith(undefined, env)).toMatchObject({ kind: 'failed', cause: 'credentials', detail });
  });

  test('each certificate is taken once, and read again only once a place has changed', async () => {
    const bundle = file('bundle.pem');
    writeFileSync(bundle, read('root.crt'));
    const { ca, from } = machineTrust({ SSL_CERT_FILE: bundle, SSL_CERT_DIR: file('store') });
    const first = await ca();
    expect(first?.match(/BEGIN/g)).toHaveLength(2);
    expect(from?.()).toBe(`${bundle} and ${file('store')}`);
    writeFileSync(file('store/middle.pem'), read('stranger.crt'));
    expect(await ca()).toBe(first);
    writeFileSync(bundle, `${read('root.crt')}${read('server.crt')}`);
    expect((await ca())?.match(/BEGIN/g)).toHaveLength(3);
  });
});
