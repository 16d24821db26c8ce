// The server is away from a renewal on, and back one second before the first of twelve leaders would lose its term: in
// each way of being away that a network knows. Every term must go on, whatever pauses the leaders have come to.
// To check: the time of the return is counted from the latest moment at which the last renewal can have been sent.
import { afterAll, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../helpers/fault-proxy.ts';
import type { Run } from '../../helpers/leader-run.ts';
import { onServers } from '../../helpers/on-servers.ts';
import { staged } from '../../helpers/stage.ts';
import { until } from '../../helpers/wait.ts';

const leaders = 12;
const timing = ['--lease-duration=12s', '--renew-deadline=8s', '--retry-period=2s'];
const [renewMs, retryMs, spareMs] = [8000, 2000, 1000];

onServers('twelve terms go on when the server is back a second before their deadline,', ({ client, figures }) => {
  const proxies: FaultProxy[] = [];
  afterAll(() => {
    for (const proxy of proxies) proxy.close();
  });

  test.each<[string, (proxy: FaultProxy) => void]>([
    ['after its port was closed', (proxy) => { proxy.refuse(); proxy.reset(); }],
    ['after all bytes were lost', (proxy) => { proxy.blackhole(); }],
    ['after connections were held', (proxy) => { proxy.hold(); }],
  ])('%s', async (how, takeAway) => {
    await staged(client, async (stage) => {
      const { hostname: host, port } = new URL(client.url);
      const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
      proxies.push(proxy);
      const runs: Run[] = [];
      for (let i = 0; i < leaders; i += 1) {
        const server = `https://127.0.0.1:${proxy.port}`;
        runs.push(await stage.start(`leader-${i}`, { server, timing, lock: `${stage.namespace}/lock-${i}`, command: ['sleep', '600'] }));
      }
      for (const run of runs) await run.event('renewed');
      takeAway(proxy);
      const at = Date.now();
      await until('the last second', () => Date.now() >= at - retryMs + renewMs - spareMs);
      await proxy.pass();
      const back = runs.map((run) => run.events.length);
      for (const [i, run] of runs.entries()) {
        const next = await Promise.race([run.event('renewed', { from: back[i] ?? 0 }), run.event('lost')]);
        expect(next.event, run.text()).toBe('renewed');
      }
      const lost = runs.filter((run) => run.all('lost').length > 0).length;
      figures.push(`${how}, back ${spareMs} ms before the deadline: ${lost} of ${leaders} terms lost`);
      expect(lost).toBe(0);
    }, { unjudged: true });
  }, 120_000);
}, { inTurn: true });
