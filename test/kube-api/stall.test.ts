// A stall of this process: timers run before input is read, so an answer that is there already would count as late.
// To check: nothing rests on how fast the machine is. The server runs in a thread of its own and raises a flag once its
// answer has left it; this thread stands still until then, and until the request's limit is over as well.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { startDeadline } from '../../src/kube-api/failure.ts';
import { openTransport, type Transport } from '../../src/kube-api/transport.ts';
import { makeCertificates } from '../helpers/certificates.ts';

const server = `
  const { parentPort, workerData: { flag, cert, key, protocol } } = require('node:worker_threads');
  const [http2, https] = [require('node:http2'), require('node:https')];
  const answer = (request, response) => response.end('{"answer":true}', () => {
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  });
  const make = protocol === 'h2' ? http2.createSecureServer : https.createServer;
  const server = make({ cert, key }, answer);
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

test.for(['h2', 'http/1.1'])(
  'an answer over %s that came while this process stood still is taken',
  async (protocol) => {
    const certificates = makeCertificates();
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(server, { eval: true, workerData: { flag, protocol, ...certificates.server } });
    open.push(() => worker.terminate());
    const [port] = (await once(worker, 'message')) as [number];
    const transport: Transport = openTransport(
      {
        server: new URL(`https://127.0.0.1:${port}`),
        where: 'here',
        namespace: undefined,
        proxy: undefined,
        trust: { insecure: false, serverName: undefined, ca: () => Promise.resolve(certificates.ca) },
        authorize: () => Promise.resolve({ headers: {} }),
        warnings: [],
      },
      { version: 'test', env: {} },
    );
    open.push(() => {
      transport.close();
    });
    const call = { method: 'GET', path: '/' } as const;
    const limitMs = 200;
    expect(await transport.request(call, startDeadline(20_000))).toMatchObject({ kind: 'answer' });

    Atomics.store(flag, 0, 0);
    const answered = transport.request(call, startDeadline(limitMs));
    // The request is written to its socket in the turns that follow; then this thread sees nothing until it is
    // answered.
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(Atomics.wait(flag, 0, 0, 10_000)).not.toBe('timed-out');
    Atomics.wait(flag, 0, 1, limitMs + 50);
    expect(await answered).toMatchObject({ kind: 'answer', text: '{"answer":true}' });
  },
);
