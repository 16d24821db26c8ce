// Row 36 of the fault matrix: fifty candidates of one lock come at once, and then their leader dies. One command at a
// time, and a server that is not overrun: what reaches it is counted by the server itself.
// To check: L = 15 s, as it is by default; the fifty share this machine, so times say little and are only printed.
import { expect, test } from 'vitest';
import type { Run } from '../../helpers/leader-run.ts';
import { onServers } from '../../helpers/on-servers.ts';
import { staged } from '../../helpers/stage.ts';
import { until } from '../../helpers/wait.ts';
import type { ServersClient } from '../../helpers/servers-client.ts';

const herdSize = 50;

onServers('a herd', ({ client }) => {
  test('of fifty candidates has one command at a time, and does not overrun the server', { timeout: 300_000 }, async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const herd = await Promise.all(
        Array.from({ length: herdSize }, (_, index) => start(`c${index}`, { timing: ['--lease-duration', '15s'] })),
      );
      const settled = (each: Run) => ['elected', 'standing-by'].some((event) => each.all(event).length > 0);
      await until('all have found their place', () => herd.every(settled), 120_000);
      const holder = String((await lease.spec())['holderIdentity']);
      await stamps.started(holder);
      const leader = herd.find(({ name }) => name === holder);
      if (leader === undefined) throw new Error(`${holder} is none of the herd`);
      const idle = await requestsWhile(client, async () => {
        const from = Date.now();
        await leader.event('renewed', { fits: ({ at }) => at > from + 6000 });
      });

      leader.signal('SIGKILL');
      await leader.end();
      const renewedAt = await lease.renewedAt();
      const change = await requestsWhile(client, async () => {
        const others = herd.filter((each) => each !== leader);
        await Promise.race(others.map((each) => each.event('elected', { withinMs: 60_000 })));
        const next = others.find((each) => each.all('elected').length > 0)?.name ?? '';
        const { startedAt } = await stamps.started(next);
        expect(startedAt).toBeGreaterThanOrEqual(renewedAt + 15_000);
        const lateMs = startedAt - renewedAt - 15_000;
        console.log(`row 36: ${herdSize} candidates, leader killed: the next command ${lateMs} ms after the lease's end`);
      });
      console.log(
        `row 36: requests for Leases: ${idle.perSecond.toFixed(1)} a second in peace, ` +
          `${change.count} in the ${(change.ms / 1000).toFixed(1)} s of the change of leaders`,
      );
      expect(idle.perSecond).toBeLessThan(herdSize / 2);
      expect(change.count).toBeLessThan(20 * herdSize);
      expect(await stamps.lives()).toHaveLength(2);
    });
  });
}, { inTurn: true });

async function requestsWhile(client: ServersClient, work: () => Promise<void>) {
  const [before, from] = [await leaseRequests(client), performance.now()];
  await work();
  const ms = performance.now() - from;
  const count = (await leaseRequests(client)) - before;
  return { count, ms, perSecond: (count * 1000) / ms };
}

/** All that the server has answered for Leases. */
async function leaseRequests(client: ServersClient): Promise<number> {
  const { text } = await client.admin('GET', '/metrics');
  const counts = [...text.matchAll(/^apiserver_request_total\{[^}]*resource="leases"[^}]*\} (\d+)/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
