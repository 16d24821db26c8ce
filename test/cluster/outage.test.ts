// What a leader does while the API server is silent and when it is back again: it keeps its command while that is safe,
// ends it before anyone else could start theirs, and leads again when the server answers. On servers of its own, which
// are frozen here, so these tests run one after the other. Servers that are killed: faults/servers.test.ts.
// To check: deadlines are measured from the sending of the last acknowledged renewal, which the log tells as time and
// latency; what is asserted is that the command was dead before that sending plus the lease.
import { expect, test } from 'vitest';
import { type Run, short } from '../helpers/leader-run.ts';
import { onOwnServers } from '../helpers/on-servers.ts';
import { type Stage, staged } from '../helpers/stage.ts';
import { untilDead } from '../helpers/wait.ts';

onOwnServers('leader-run, when the API server', ({ servers, figures }) => {
  test('is silent past the renew deadline, ends its command before the lock can be taken, and leads again later', async () => {
    await staged(servers(), async (stage) => {
      const { start, stamps } = stage;
      const alice = await start('alice', { ignoreTerm: true, offspring: true });
      const first = await stamps.started('alice');
      await alice.event('renewed');
      servers().apiserver.stop();
      try {
        const deadAt = await treeDead(stage, first.pid);
        const sentAt = lastSent(alice);
        const { askedAt = 0 } = await stamps.started('alice');
        figures.push(
          `API server frozen: SIGTERM ${Math.round(askedAt - sentAt)} ms after the last renewal was sent (R = ${short.renewMs}), ` +
            `tree dead after ${Math.round(deadAt - sentAt)} ms (goal: L - margin = ${short.leaseMs - short.marginMs})`,
        );
        expect(deadAt).toBeLessThan(sentAt + short.leaseMs);
        expect((await alice.event('lost'))['reason']).toBe('deadline');
      } finally {
        servers().apiserver.cont();
      }
      const second = await stamps.started('alice', 2);
      expect(BigInt(second.token)).toBeGreaterThan(BigInt(first.token));
    });
  });

  test('answers again within the renew deadline, keeps the same command', async () => {
    await staged(servers(), async ({ start, stamps }) => {
      // R = 10 s, so that a busy machine has time to see the trouble and to end it.
      const alice = await start('alice', { timing: ['--lease-duration', '15s', '--retry-period', '400ms'] });
      await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      await alice.event('renewed');
      servers().apiserver.stop();
      try {
        // The first attempt is given up after R/4; nothing is lost before R.
        await alice.event('trouble');
      } finally {
        servers().apiserver.cont();
      }
      const { afterMs } = await alice.event('recovered');
      await alice.event('renewed', { from: alice.events.length });
      figures.push(`API server frozen for a while: answered again after ${Math.round(Number(afterMs))} ms, same command`);
      expect(alice.all('lost')).toEqual([]);
      expect(await stamps.lives()).toHaveLength(1);
    });
  });

  test('has its store frozen, ends its command before the lock can be taken', async () => {
    await staged(servers(), async (stage) => {
      const { start, stamps } = stage;
      const alice = await start('alice', { ignoreTerm: true });
      const first = await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      await alice.event('renewed');
      servers().etcd.stop();
      try {
        const deadAt = await treeDead(stage, first.pid);
        const sentAt = lastSent(alice);
        figures.push(`etcd frozen: the command dead ${Math.round(deadAt - sentAt)} ms after the last renewal was sent`);
        expect(deadAt).toBeLessThan(sentAt + short.leaseMs);
      } finally {
        servers().etcd.cont();
      }
      await Promise.race([alice, bob].map((each) => each.event('elected', { from: each.events.length, withinMs: 30_000 })));
    });
  });
});

async function treeDead({ stamps }: Stage, pid: number): Promise<number> {
  await untilDead([pid]);
  const life = (await stamps.lives()).find((each) => each.pid === pid);
  return await untilDead(life?.offspring ?? []);
}

/** When the last acknowledged renewal went out. */
function lastSent(candidate: Run): number {
  const line = candidate.all('renewed').at(-1);
  return (line?.at ?? Number.NaN) - Number(line?.['latencyMs']);
}
