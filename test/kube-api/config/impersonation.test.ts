// As whom a kubeconfig's user acts, seen from the server: the bytes of the headers, on both versions of HTTP.
import { createServer as createHttp1, type IncomingHttpHeaders } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { loadKube } from '../../../src/kube-api/config/load.ts';
import { startDeadline } from '../../../src/kube-api/failure.ts';
import { openTransport } from '../../../src/kube-api/transport.ts';
import { type Certificates, makeCertificates } from '../../helpers/certificates.ts';

let folder: string;
let certificates: Certificates;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leader-run-as-'));
  certificates = makeCertificates();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Handler = (request: { headers: IncomingHttpHeaders }, response: { end(text: string): unknown }) => void;

/** The headers that a PUT with a body arrives with. */
async function arriving(user: object, version: 'http' | 'http/1.1' | 'h2'): Promise<IncomingHttpHeaders> {
  let seen: IncomingHttpHeaders = {};
  const answer: Handler = ({ headers }, response) => {
    seen = headers;
    response.end('{}');
  };
  const tls = { cert: certificates.server.cert, key: certificates.server.key };
  const server: Server =
    version === 'http'
      ? createHttp1(answer)
      : version === 'h2'
        ? createSecureServer(tls, answer)
        : createHttps(tls, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const file = path.join(folder, 'kubeconfig');
  const cluster = {
    server: `${version === 'http' ? 'http' : 'https'}://127.0.0.1:${port}`,
    ...(version !== 'http' && { 'certificate-authority-data': Buffer.from(certificates.ca).toString('base64') }),
  };
  const content = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster }],
    users: [{ name: 'u', user }],
  };
  writeFileSync(file, JSON.stringify(content));
  const transport = openTransport(await loadKube({ clock: systemClock(), kubeconfig: file, env: {} }), { version: '0' });
  const deadline = startDeadline(10_000);
  try {
    const reply = await transport.request({ method: 'PUT', path: '/x', body: '{"spec":"ü"}' }, deadline);
    expect(reply).toMatchObject({ kind: 'answer', status: 200 });
  } finally {
    deadline.end();
    transport.close();
    server.close();
  }
  return seen;
}

function utf8(value: unknown): string {
  return Buffer.from(String(value), 'latin1').toString('utf8');
}

test.each(['http', 'http/1.1', 'h2'] as const)('a name that is not ASCII arrives as it was written over %s', async (version) => {
  const headers = await arriving(
    { token: 't', as: 'Łukasz', 'as-groups': ['żółw', 'a'], 'as-user-extra': { 'Größe (cm)': ['日本'] } },
    version,
  );
  expect(utf8(headers['impersonate-user'])).toBe('Łukasz');
  expect(utf8(headers['impersonate-group'])).toBe('żółw, a');
  expect(utf8(headers['impersonate-extra-gr%c3%b6%c3%9fe%20%28cm%29'])).toBe('日本');
});
