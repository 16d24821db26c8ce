// What happens when somebody other than an elector lays hands on the Lease: takes it away, empties it, deletes it,
// fills it with what is no record, removes its namespace. A leader that sees another holder kills at once, because that
// one's command may be running; a standby never takes what it cannot read.
// To check: the hands are the admin's, through the real API; the commands' stamps decide what happened.
import { expect, test } from 'vitest';
import { type Run, short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { stateOf } from '../helpers/procfs.ts';
import { staged } from '../helpers/stage.ts';
import { until, untilDead } from '../helpers/wait.ts';

onServers('leader-run', ({ client, figures }) => {
  test('kills its command at once when another takes the Lease', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { ignoreTerm: true });
      const { pid } = await stamps.started('alice');
      await alice.event('renewed');
      const takenAt = Date.now();
      await lease.patch({ spec: { holderIdentity: 'mallory', leaseDurationSeconds: 2 } });
      const deadAt = await untilDead([pid]);
      figures.push(`Lease taken by PATCH: the command dead after ${deadAt - takenAt} ms`);
      expect(deadAt - takenAt).toBeLessThan(4000);
      expect(await alice.event('lost')).toMatchObject({ reason: 'taken', holder: 'mallory' });
      // A holder that is not leader-run: 2 s, and 7/15 of that more.
      const again = await stamps.started('alice', 2);
      expect(again.startedAt - takenAt).toBeGreaterThanOrEqual(2000 * (1 + 7 / 15));
    });
  });

  test('sees an intruder that is gone again, and starts anew instead of going on', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { ignoreTerm: true });
      const first = await stamps.started('alice');
      // It is the watch that sees what no read would.
      await alice.event('watch-up');
      await alice.event('renewed');
      const holder = (await lease.spec())['holderIdentity'];
      await lease.patch({ spec: { holderIdentity: 'mallory' } });
      await lease.patch({ spec: { holderIdentity: holder } });
      await untilDead([first.pid]);
      const second = await stamps.started('alice', 2);
      expect(BigInt(second.token)).toBeGreaterThan(BigInt(first.token));
    });
  });

  test('kills its command at once when the holder is blanked, before another starts', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { ignoreTerm: true });
      const { pid } = await stamps.started('alice');
      await alice.event('renewed');
      const blankedAt = Date.now();
      await lease.patch({ spec: { holderIdentity: '' } });
      const deadAt = await untilDead([pid]);
      figures.push(`holder blanked by PATCH: the command dead after ${deadAt - blankedAt} ms`);
      expect(deadAt - blankedAt).toBeLessThan(4000);
      await stamps.started('alice', 2);
    });
  });

  test('makes a deleted Lease again within its term, with the same command', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      // A lease so long that neither she nor her guardian has a reason to act while she is stopped.
      const alice = await start('alice', { timing: ['--lease-duration', '60s'] });
      await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      await bob.event('watch-up');
      const before = (await lease.read())?.metadata?.uid;
      // The other one looks once the watch tells him: she makes it again after that, or he would not see it gone.
      alice.signal('SIGSTOP');
      await until('alice stands still', () => stateOf(alice.pid) === 'T' || undefined);
      await lease.remove();
      await bob.event('vanished');
      const seen = alice.events.length;
      alice.signal('SIGCONT');
      const after = await until('the Lease is made again', async () => (await lease.read())?.metadata?.uid);
      expect(after).not.toBe(before);
      expect((await lease.spec())['holderIdentity']).toBe('alice');
      await alice.event('renewed', { from: seen });
      expect(alice.all('lost')).toEqual([]);
      expect(await stamps.lives()).toHaveLength(1);
    });
  });

  test('ends its command when the Lease is deleted and made again by another', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      // A lease so long that her guardian has no reason to act while she is stopped.
      const alice = await start('alice', { ignoreTerm: true, timing: ['--lease-duration', '60s'] });
      const { pid } = await stamps.started('alice');
      // For as long as the other one needs to come first.
      alice.signal('SIGSTOP');
      await until('alice stands still', () => stateOf(alice.pid) === 'T' || undefined);
      await lease.remove();
      await lease.create({ holderIdentity: 'mallory', leaseDurationSeconds: 2 });
      alice.signal('SIGCONT');
      await untilDead([pid]);
      const { reason, holder } = await alice.event('lost');
      expect(['recreated', 'taken']).toContain(reason);
      expect(holder).toBe('mallory');
    });
  });

  test('goes on when somebody writes labels onto its Lease all the time, and keeps them', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice');
      await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      const endAt = performance.now() + 2 * short.leaseMs;
      let writes = 0;
      while (performance.now() < endAt) {
        writes += 1;
        await lease.patch({ metadata: { labels: { stamp: String(writes) } } });
      }
      figures.push(`labels written ${writes} times in ${(2 * short.leaseMs) / 1000} s: ${alice.all('renewed').length} renewals`);
      expect(alice.all('lost')).toEqual([]);
      expect(await stamps.lives()).toHaveLength(1);
      await alice.event('renewed', { from: alice.events.length });
      expect((await lease.read())?.metadata?.labels).toEqual({ stamp: String(writes) });
    });
  });

  const garbage: readonly { readonly name: string; readonly spec: unknown; readonly heldForMs: number }[] = [
    { name: 'a holder and no duration: held for our own', spec: { holderIdentity: 'mallory' }, heldForMs: short.leaseMs },
    { name: 'nothing in it: free', spec: {}, heldForMs: 0 },
    { name: 'no holder, and the rest', spec: { holderIdentity: null, leaseDurationSeconds: 60, leaseTransitions: 5 }, heldForMs: 0 },
    { name: 'the largest count of transitions', spec: { holderIdentity: '', leaseTransitions: 2147483647 }, heldForMs: 0 },
    {
      name: 'a renewal that is years ahead',
      spec: { holderIdentity: 'mallory', leaseDurationSeconds: 2, renewTime: '2099-01-01T00:00:00.000000Z' },
      heldForMs: 2000,
    },
    { name: 'a terminal escape for a holder', spec: { holderIdentity: '\u001b]2;pwned\u0007', leaseDurationSeconds: 1 }, heldForMs: 1000 },
  ];
  test.each(garbage)('waits as long as it must for a Lease with $name', async ({ spec, heldForMs }) => {
    await staged(client, async ({ start, stamps, lease }) => {
      await lease.create(spec);
      const startedAt = Date.now();
      const alice = await start('alice');
      const life = await stamps.started('alice');
      expect(life.startedAt - startedAt).toBeGreaterThanOrEqual(heldForMs);
      expect(alice.stderr).not.toContain('\u001b');
      // Who takes a Lease for a free one has nobody to stand by for.
      expect(alice.all('standing-by').length > 0).toBe(heldForMs > 0);
      const before = alice.events.length;
      await alice.event('renewed', { from: before });
    });
  });

  test('says so and stops when its namespace is deleted, and its standby waits', async () => {
    await staged(client, async ({ start, stamps, namespace }) => {
      const alice = await start('alice', { flags: ['--on-lost', 'exit'] });
      await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      // No controller empties a namespace here, so its content goes by hand, as that controller would do it.
      expect((await client.admin('DELETE', `/api/v1/namespaces/${namespace}`)).status).toBe(200);
      expect((await client.admin('DELETE', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/job`)).status).toBe(200);
      const { message } = await alice.event('trouble');
      expect(message).toContain('namespace');
      const end = await alice.end();
      expect(end.status).toBe(122);
      expect(await stamps.lives()).toHaveLength(1);
      expect(stillWaits(bob)).toBe(true);
    });
  });
});

function stillWaits(candidate: Run): boolean {
  return candidate.all('exit').length === 0 && candidate.all('elected').length === 0;
}
