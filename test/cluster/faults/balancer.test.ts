// The rows of the fault matrix for a control plane of two API servers on one etcd, behind a balancer that hands each
// connection to the other server than the one before and does not know which of them lives, as before a health check
// has noticed. Half of all connections are refused while one is down.
// To check: each server has its own CA, its own watch cache and its own port; both know the same tokens. L = 15 s.
import { once } from 'node:events';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onOwnServers } from '../../helpers/on-servers.ts';
import { freePort, startServers, type Servers } from '../../helpers/servers.ts';
import { connect, type ServersClient } from '../../helpers/servers-client.ts';
import type { Stage } from '../../helpers/stage.ts';
import { type ConditionalRow, expectKept, inPod, playRow, type Played, printed, renewedAgain, startPair } from './table.ts';

const timing = ['--lease-duration', '15s'];

interface Balancer {
  readonly port: number;
  /** Connections that were handed to each. */
  readonly handed: readonly number[];
  readonly close: () => void;
}

async function balance(urls: readonly string[]): Promise<Balancer> {
  const ports = urls.map((url) => Number(new URL(url).port));
  const handed = ports.map(() => 0);
  const sockets = new Set<Socket>();
  let next = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const at = next;
    next = (next + 1) % ports.length;
    handed[at] = (handed[at] ?? 0) + 1;
    const upstream = connectTo({ host: '127.0.0.1', port: ports[at] ?? 0, noDelay: true });
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(one);
      one.on('error', () => undefined).on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    handed,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

let both: readonly [Servers, Servers];
let balancer: Balancer;

/** While it is down the other answers; afterwards both do. */
async function without(downed: Servers, stage: Stage, pair: Awaited<ReturnType<typeof startPair>>): Promise<number> {
  const at = Date.now();
  await downed.apiserver.kill();
  const recovered = await renewedAgain(pair.alice, 60_000);
  await renewedAgain(pair.alice, 60_000);
  await expectKept(stage, pair);
  await downed.apiserver.restart();
  return recovered - at;
}

const rows: readonly ConditionalRow[] = [
  {
    row: '43', fault: 'two API servers behind a balancer, each dies in turn', expected: 'same command',
    play: async (stage) => {
      const pair = await startPair(stage, { alice: { timing }, bob: { timing } });
      expect(Math.min(...balancer.handed)).toBeGreaterThan(0);
      const took = [];
      for (const downed of both) took.push(await without(downed, stage, pair));
      pair.alice.signal('SIGTERM');
      const { startedAt } = await stage.stamps.started('bob');
      const { lastSeen } = await stage.stamps.started('alice');
      expect(startedAt).toBeGreaterThan(lastSeen);
      return {
        recoverMs: Math.max(...took),
        note: `same command, renewed ${took.join(' and ')} ms later; then a hand-over in ${startedAt - lastSeen} ms`,
      };
    },
  },
  {
    row: '43b', fault: 'two API servers behind a balancer, the leader crashes while one is down',
    expected: 'taken over when the lease has ended',
    play: async (stage) => {
      const { alice, bob } = await startPair(stage, { alice: { timing }, bob: { timing } });
      await both[0].apiserver.kill();
      await renewedAgain(alice, 60_000);
      alice.signal('SIGKILL');
      const { at } = await alice.end();
      await bob.event('elected', { withinMs: 60_000 });
      const { startedAt } = await stage.stamps.started('bob');
      const { lastSeen } = await stage.stamps.started('alice');
      expect(startedAt).toBeGreaterThan(lastSeen);
      await both[0].apiserver.restart();
      return { recoverMs: startedAt - at };
    },
  },
];

onOwnServers('the fault matrix, two API servers', ({ servers: own, figures }) => {
  const table: Played[] = [];
  let client: ServersClient;
  beforeAll(async () => {
    const first = own();
    both = [first, await startServers({ beside: first })];
    balancer = await balance(both.map(({ url }) => url));
    const { tokens } = first;
    const caPem = both.map((each) => each.caPem).join('');
    client = connect({ url: `https://127.0.0.1:${balancer.port}`, caPem, tokens });
  });
  afterAll(async () => {
    client.disconnect();
    balancer.close();
    await both[1].close();
    figures.push(printed(table));
  });

  test.for([...rows, ...rows.slice(0, 1).map(inPod)])(
    'row $row: $fault: $expected',
    async ({ needs, ...row }, { skip }) => {
      const lacking = needs?.();
      skip(lacking !== undefined, lacking);
      table.push(await playRow(client, row));
      expect(table.at(-1)?.worstOverlapMs).toBe(0);
    },
  );
});
