// The rows of the fault matrix in which a server itself is killed, frozen or put back in time. On servers of their own,
// one row after the other, since the next one wants them whole.
// To check: L = 15 s where a restart must fit into the renew deadline; else the short timings. RBAC users throughout,
// so that a restarted server's first 403s are met (row 14).
import { cp, readFile, rename, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Run, short } from '../../helpers/leader-run.ts';
import { onOwnServers } from '../../helpers/on-servers.ts';
import { type Stage, staged } from '../../helpers/stage.ts';
import { until } from '../../helpers/wait.ts';
import type { Servers } from '../../helpers/servers.ts';
import { type ConditionalRow, expectKept, inPod, playRow, type Played, printed, renewedAgain, startPair } from './table.ts';

let servers: Servers;

const patient = { timing: ['--lease-duration', '15s'] };

/** Whoever leads has renewed after `at`; how long that took. */
async function somebodyRenews({ lease }: Stage, at: number): Promise<number> {
  return await until('a renewal', async () => {
    const renewedAt = await lease.renewedAt().catch(() => Number.NaN);
    return renewedAt > at && (await lease.spec())['holderIdentity'] !== '' ? renewedAt - at : undefined;
  }, 60_000);
}

const rows: readonly ConditionalRow[] = [
  {
    row: '13', fault: 'API server killed and restarted (L = 15 s)', expected: 'same command',
    play: async (stage) => {
      const pair = await startPair(stage, { alice: patient, bob: patient });
      const at = Date.now();
      await servers.apiserver.restart();
      const recovered = await renewedAgain(pair.alice, 60_000);
      await expectKept(stage, pair);

      // Row 14: its first answers were 403s, and they have cost nobody the watch.
      const from = pair.bob.events.findIndex(({ event }) => event === 'watch-down');
      await pair.bob.event('watch-up', { from, withinMs: 30_000 });
      pair.alice.signal('SIGTERM');
      const { startedAt } = await stage.stamps.started('bob');
      const { lastSeen } = await stage.stamps.started('alice');
      const note = `same command; afterwards a hand-over in ${startedAt - lastSeen} ms`;
      return { recoverMs: recovered - at, note };
    },
  },
  {
    row: '15a', fault: 'etcd frozen for less than R (L = 15 s)', expected: 'same command',
    play: async (stage) => {
      const pair = await startPair(stage, { alice: patient, bob: patient });
      servers.etcd.stop();
      try {
        await pair.alice.event('trouble');
      } finally {
        servers.etcd.cont();
      }
      const at = Date.now();
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - at };
    },
  },
  {
    row: '15b', fault: 'etcd frozen past L', expected: 'ended in time; somebody leads again',
    play: async (stage) => {
      const { alice } = await startPair(stage, { alice: { ignoreTerm: true } });
      servers.etcd.stop();
      let at: number;
      try {
        const { at: lostAt } = await alice.event('lost');
        await until('the lease has run out', () => Date.now() > lostAt + short.leaseMs);
      } finally {
        servers.etcd.cont();
        at = Date.now();
      }
      return { recoverMs: await somebodyRenews(stage, at) };
    },
  },
  {
    row: '15c', fault: 'etcd killed and restarted (L = 15 s)', expected: 'same command',
    play: async (stage) => {
      const pair = await startPair(stage, { alice: patient, bob: patient });
      const at = Date.now();
      await servers.etcd.restart();
      const recovered = await renewedAgain(pair.alice, 60_000);
      await expectKept(stage, pair);
      return { recoverMs: recovered - at };
    },
  },
  {
    row: '16', fault: 'etcd rolled back to an older state (L = 8 s)', expected: 'one command at a time; leads again',
    play: async (stage) => {
      const eight = { timing: ['--lease-duration', '8s'] };
      const pair = await startPair(stage, { alice: eight, bob: eight });
      const data = await dataFolder();
      const copy = `${data}-before`;
      await servers.etcd.kill();
      await cp(data, copy, { recursive: true });
      await servers.etcd.restart();
      await somebodyRenews(stage, Date.now());
      await somebodyRenews(stage, Date.now());
      const at = Date.now();
      await Promise.all([servers.apiserver.kill(), servers.etcd.kill()]);
      await rm(data, { recursive: true });
      await cp(copy, data, { recursive: true });
      await servers.etcd.restart();
      await servers.apiserver.restart();
      const recoverMs = await somebodyRenews(stage, at);
      const alive = async () => (await stage.stamps.lives()).some(({ lastSeen }) => lastSeen > at + recoverMs);
      await until('a command', alive, 40_000);
      const kept = pair.alice.all('lost').length === 0;
      return { recoverMs, note: `${kept ? 'same command' : 'a new term'}; one at a time` };
    },
    options: { tokensRepeat: true },
  },
];

/** How many requests about Leases the API server has answered, but for watches. */
async function leaseRequests(): Promise<number> {
  const { text } = await servers.admin('GET', '/metrics');
  const counts = text.matchAll(/^apiserver_request_total\{[^}]*resource="leases"[^}]*verb="(GET|POST|PUT)"[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, , count]) => sum + Number(count), 0);
}

onOwnServers('the fault matrix, servers', ({ servers: own, figures }) => {
  const table: Played[] = [];
  beforeAll(() => {
    servers = own();
  });
  afterAll(() => {
    figures.push(printed(table));
  });

  test.for([...rows, ...rows.map(inPod)])('row $row: $fault: $expected', async ({ needs, ...row }, { skip }) => {
    const lacking = needs?.();
    skip(lacking !== undefined, lacking);
    table.push(await playRow(servers, row));
    expect(table.at(-1)?.worstOverlapMs).toBe(0);
  });

  test.each(['kubeconfig', 'pod'] as const)('five leaders ask no flood of questions when etcd is put back under a living API server (%s)', async (shape) => {
    await staged(servers, async (stage) => {
      const leaders: Run[] = [];
      for (const name of ['one', 'two', 'three', 'four', 'five']) {
        leaders.push(await stage.start(name, { ...patient, lock: `${stage.namespace}/${name}` }));
        await stage.stamps.started(name);
      }
      const renewed = async () => {
        for (const leader of leaders) await leader.event('renewed', { from: leader.events.length });
      };
      await putBack(async () => {
        await renewed();
        await renewed();
      });
      const at = Date.now();
      const before = await leaseRequests();
      await until('9 s after it', () => Date.now() > at + 9000);
      const asked = (await leaseRequests()) - before;
      // When all is well each renews every 2 s.
      expect(asked).toBeLessThanOrEqual(10 * 5 * (9000 / 2000));
      const lost = leaders.filter((leader) => leader.all('lost').length > 0).length;
      figures.push(`etcd put back under five leaders (${shape}): ${asked} requests in 9 s, ${lost} terms lost`);
      await renewed();
      // Five commands of five locks are no overlap.
    }, { shape, unjudged: true });
  });
});

/** Takes etcd back to what it held before `meanwhile`; the API server goes on as if nothing had happened. */
async function putBack(meanwhile: () => Promise<void>): Promise<void> {
  const data = await dataFolder();
  const copy = `${data}-before`;
  await servers.etcd.kill();
  await cp(data, copy, { recursive: true });
  await servers.etcd.restart();
  await meanwhile();
  await servers.etcd.kill();
  await rm(data, { recursive: true });
  await rename(copy, data);
  await servers.etcd.restart();
}

async function dataFolder(): Promise<string> {
  const args = (await readFile(`/proc/${servers.etcd.pid}/cmdline`, 'utf8')).split('\0');
  const folder = args.find((arg) => arg.startsWith('--data-dir='))?.slice('--data-dir='.length);
  if (folder === undefined) throw new Error('etcd was started without --data-dir');
  return folder;
}
