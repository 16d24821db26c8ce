// An address that swallows what is sent to it, as a dead one or one behind a firewall does, and that can come to life:
// a listener whose queue is full, so that the kernel drops each SYN. It is on a thread that stands still, so no
// connection is accepted. Once woken it takes what the clients send again a second after the first SYN, which is what a
// network with a round trip of a second looks like to them. Needs no right and no firewall.
// To check: no socket outlives `close`.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

export interface StalledListener {
  readonly port: number;
  /** Accepts what waits and what comes. */
  readonly wake: () => void;
  /** Connections of others than the ones that fill its queue; only once it is awake. */
  readonly accepted: () => number;
  readonly close: () => Promise<void>;
}

const script = `
  const { createServer } = require('node:net');
  const { parentPort, workerData: { host, port, state } } = require('node:worker_threads');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    Atomics.add(state, 1, 1);
  });
  server.listen({ host, port, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(state, 0, 0));
  });
`;

/** A queue of this length holds one more. */
const fillers = 2;

export async function stalledListener(host: string, port = 0): Promise<StalledListener> {
  const state = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(script, { eval: true, workerData: { host, port, state } });
  const [its] = (await once(worker, 'message')) as [number];
  const filling: Socket[] = [];
  for (let count = 0; count < fillers; count += 1) {
    const socket = connect({ host, port: its }).on('error', () => undefined);
    filling.push(socket);
    await once(socket, 'connect');
  }
  const wake = (): void => {
    Atomics.store(state, 0, 1);
    Atomics.notify(state, 0);
  };
  return {
    port: its,
    wake,
    accepted: () => Atomics.load(state, 1) - fillers,
    close: async () => {
      wake();
      for (const socket of filling) socket.destroy();
      await worker.terminate();
    },
  };
}
