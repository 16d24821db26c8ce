// Which servers a kubeconfig's certificate-authority believes: as in Go, those below any certificate that it holds.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { loadKube } from '../../../src/kube-api/config/load.ts';
import { startDeadline } from '../../../src/kube-api/failure.ts';
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

async function answerWith(ca: string): Promise<unknown> {
  const server = createServer({ cert: `${read('server.crt')}${read('middle.crt')}`, key: read('server.key') }, (_, response) => {
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cluster = { server: address, 'certificate-authority': file(ca) };
  const content = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
  writeFileSync(file('kubeconfig'), JSON.stringify(content));
  const target = await loadKube({ clock: systemClock(), kubeconfig: file('kubeconfig'), env: {} });
  const transport = openTransport(target, { version: '0' });
  const deadline = startDeadline(10_000);
  try {
    return await transport.request({ method: 'GET', path: '/x' }, deadline);
  } finally {
    deadline.end();
    transport.close();
    server.close();
  }
}

test.each(['root.crt', 'middle.crt'])('a server below %s is believed', async (ca) => {
  expect(await answerWith(ca)).toMatchObject({ kind: 'answer', status: 200 });
});

test('a server below another authority is not', async () => {
  expect(await answerWith('stranger.crt')).toMatchObject({ kind: 'failed', cause: 'untrusted', sent: false });
});
