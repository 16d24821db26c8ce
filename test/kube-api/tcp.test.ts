// From a name to a socket: which address is tried when, what becomes of the others, and what is said when none can be
// reached.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { connectTcp, interleaved, sharing } from '../../src/kube-api/tcp.ts';
import { stalledListener, type StalledListener } from '../helpers/stalled-listener.ts';
import { freePort } from '../helpers/servers.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of open.splice(0).reverse()) await close();
});

async function stalled(host: string, port?: number): Promise<StalledListener> {
  const listener = await stalledListener(host, port);
  open.push(listener.close);
  return listener;
}

interface Listening {
  readonly port: number;
  readonly sockets: Socket[];
}

async function listening(host: string, port = 0): Promise<Listening> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  server.listen(port, host);
  await once(server, 'listening');
  open.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

async function dialed(port: number, addresses: readonly string[], signal = new AbortController().signal) {
  const socket = await connectTcp('two.test', port, signal, () => Promise.resolve(addresses));
  open.push(() => socket.destroy());
  return socket;
}

describe('a name with two addresses', () => {
  test('is reached at the live one when the first is dead', async () => {
    const dead = await stalled('127.0.0.2');
    const { sockets } = await listening('127.0.0.3', dead.port);
    const socket = await dialed(dead.port, ['127.0.0.2', '127.0.0.3']);
    expect(socket.remoteAddress).toBe('127.0.0.3');
    // The other attempt has left nothing behind, or the listener would find it when it comes to life.
    dead.wake();
    await vi.waitFor(() => {
      expect(dead.accepted()).toBe(0);
    });
    expect(sockets).toHaveLength(1);
  });

  test.for([
    ['the slow one first', ['127.0.0.2', '127.0.0.3']],
    ['the dead one first', ['127.0.0.3', '127.0.0.2']],
  ] as const)('is reached over a round trip of a second when the other is dead, %s', async ([, addresses]) => {
    const slow = await stalled('127.0.0.2');
    await stalled('127.0.0.3', slow.port);
    const dialing = dialed(slow.port, addresses);
    // Later than an address is given up by a race of Node's own: this is the fault itself.
    const later = setTimeout(slow.wake, 700);
    open.push(() => {
      clearTimeout(later);
    });
    expect((await dialing).remoteAddress).toBe('127.0.0.2');
  });

  test('of which the first refuses is reached at the second at once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const { port } = await listening('127.0.0.3');
      // No timer goes off here.
      expect((await dialed(port, ['127.0.0.2', '127.0.0.3'])).remoteAddress).toBe('127.0.0.3');
    } finally {
      vi.useRealTimers();
    }
  });

  test('that both fail is told with what happened at each', async () => {
    const port = await freePort();
    await expect(dialed(port, ['127.0.0.2', '255.255.255.255'])).rejects.toThrow(
      `no address of two.test can be reached at port ${String(port)}: ` +
        '127.0.0.2: connection refused (ECONNREFUSED), 255.255.255.255: ',
    );
  });

  test('leaves no attempt under way when it is given up', async () => {
    const dead = await stalled('127.0.0.2');
    await stalled('127.0.0.3', dead.port);
    const giving = new AbortController();
    const dialing = dialed(dead.port, ['127.0.0.2', '127.0.0.3'], giving.signal);
    setTimeout(() => {
      giving.abort(new Error('given up'));
    }, 400);
    await expect(dialing).rejects.toThrow('given up');
    expect(process.getActiveResourcesInfo().filter((name) => name === 'TCPConnectWrap')).toEqual([]);
  });
});

test('an address alone is connected to without a timer, and its error is told as it is', async () => {
  const timer = vi.spyOn(globalThis, 'setTimeout');
  const port = await freePort();
  await expect(connectTcp('127.0.0.1', port, new AbortController().signal)).rejects.toThrow(
    `connect ECONNREFUSED 127.0.0.1:${String(port)}`,
  );
  expect(timer).not.toHaveBeenCalled();
});

test('a name is looked up by the system, in its order', async () => {
  const { port } = await listening('127.0.0.1');
  const socket = await connectTcp('localhost', port, new AbortController().signal);
  open.push(() => socket.destroy());
  expect(socket.remotePort).toBe(port);
});

test('the families take turns', () => {
  expect(interleaved(['fd00::1', 'fd00::2', 'fd00::3', '10.0.0.1', '10.0.0.2'])).toEqual([
    ...['fd00::1', '10.0.0.1', 'fd00::2', '10.0.0.2', 'fd00::3'],
  ]);
  expect(interleaved(['10.0.0.1', '10.0.0.1', 'fd00::1'])).toEqual(['10.0.0.1', 'fd00::1']);
  expect(interleaved([])).toEqual([]);
});

describe('a lookup that no server answers', () => {
  test('is the only one of its name, however many wait and give up', async () => {
    let answer: (addresses: string[]) => void = () => undefined;
    const lookup = vi.fn(() => new Promise<string[]>((resolve) => (answer = resolve)));
    const shared = sharing(lookup);
    for (const reason of ['first', 'second']) {
      const giving = new AbortController();
      const dialing = connectTcp('mute.test', 1, giving.signal, shared);
      giving.abort(new Error(reason));
      await expect(dialing).rejects.toThrow(reason);
    }
    expect(lookup).toHaveBeenCalledTimes(1);
    const { port } = await listening('127.0.0.1');
    const dialing = connectTcp('mute.test', port, new AbortController().signal, shared);
    answer(['127.0.0.1']);
    const socket = await dialing;
    open.push(() => socket.destroy());
    expect(lookup).toHaveBeenCalledTimes(1);
  });

  test('is asked anew once it has failed', async () => {
    const lookup = vi.fn((host: string) => Promise.reject(new Error(`${host} is not known`)));
    const shared = sharing(lookup);
    for (let turn = 0; turn < 2; turn++) {
      await expect(connectTcp('mute.test', 1, new AbortController().signal, shared)).rejects.toThrow('is not known');
    }
    expect(lookup).toHaveBeenCalledTimes(2);
  });
});
