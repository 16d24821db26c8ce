// A cluster's own CA replaces all others: whoever has a certificate of a public authority for the server's name gets
// nothing. The public ones are Node's; here a stranger is among them. What a kubeconfig or the machine gives is tested
// in config/trust.test.ts.
import { beforeAll, expect, test, vi } from 'vitest';
import { startDeadline } from '../../src/kube-api/failure.ts';
import { openTransport } from '../../src/kube-api/transport.ts';
import { type Certificates, makeCertificates } from '../helpers/certificates.ts';
import { startFakeApi } from '../helpers/fake-api.ts';

const roots = vi.hoisted(() => ({ known: [] as string[] }));
vi.mock('node:tls', async (original) => {
  const tls = await original<typeof import('node:tls')>();
  return {
    ...tls,
    get rootCertificates() {
      return roots.known;
    },
    getCACertificates: () => roots.known,
  };
});

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
  roots.known = [certificates.stranger.cert];
});

test.each([
  { name: 'its own CA', pair: () => certificates.server, answer: { kind: 'answer', status: 200 } },
  { name: 'a public one', pair: () => certificates.stranger, answer: { kind: 'failed', cause: 'untrusted', sent: false } },
])('of a cluster with a CA of its own, a server below $name: $answer.kind', async ({ pair, answer }) => {
  const api = await startFakeApi({ tls: pair() });
  api.handle = (asked) => {
    asked.answer(200, {});
  };
  const trust = { insecure: false, serverName: undefined, ca: () => Promise.resolve(certificates.ca) };
  const server = new URL(api.url);
  const authorize = () => Promise.resolve({ headers: {} });
  const target = { server, where: server.host, namespace: undefined, proxy: undefined, trust, authorize, warnings: [] };
  const transport = openTransport(target, { version: '0', env: {} });
  const deadline = startDeadline(10_000);
  expect(await transport.request({ method: 'GET', path: '/' }, deadline)).toMatchObject(answer);
  deadline.end();
  transport.close();
  await api.close();
});
