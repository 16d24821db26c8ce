// Leases that are no usual locks, as a real server takes and keeps them: of a coordinated election, on their way out,
// full of other people's fields. Rows 27 and 29 of the list of bad input, and noise that passes the server's own checks.
// To check: what cannot be stored at all is not tried here (test/process/bad-input.test.ts throws that).
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { onServers } from '../helpers/on-servers.ts';
import { staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';

onServers('leader-run', ({ client }) => {
  test('leads under a Lease that names a strategy of coordinated election, and leaves the strategy there', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      await lease.create({ strategy: 'OldestEmulationVersion', leaseDurationSeconds: 1 });
      const alice = await start('alice');
      await stamps.started('alice');
      await alice.event('renewed');
      expect(await lease.spec()).toMatchObject({ holderIdentity: 'alice', strategy: 'OldestEmulationVersion' });
      alice.signal('SIGTERM');
      await alice.end();
      expect((await lease.spec())['strategy']).toBe('OldestEmulationVersion');
    });
  });

  test('keeps its command while a finalizer holds back the deletion of its Lease, and makes it again afterwards', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice');
      const { pid } = await stamps.started('alice');
      await lease.patch({ metadata: { finalizers: ['example.com/keep'], labels: { app: 'x' } } });
      const before = (await lease.read())?.metadata?.uid;
      await lease.remove();
      await alice.event('renewed', { from: alice.events.length });
      expect(await lease.read()).toMatchObject({
        metadata: { uid: before, finalizers: ['example.com/keep'], labels: { app: 'x' } },
      });

      await lease.patch({ metadata: { finalizers: null } });
      const after = await until('the Lease is made again', async () => {
        const uid = (await lease.read())?.metadata?.uid;
        return uid === before ? undefined : uid;
      });
      expect(after).not.toBe(before);
      await alice.event('renewed', { from: alice.events.length });
      expect((await stamps.lives()).map((life) => life.pid)).toEqual([pid]);
    });
  });

  test('starts nothing under noise that holds the lock, and one command once the noise has run out', async () => {
    const noise = fc.record({
      holderIdentity: fc
        .string({ unit: 'binary', minLength: 1, maxLength: 40 })
        .map((text) => Buffer.from(text).toString()),
      leaseDurationSeconds: fc.constantFrom(1, 2),
      leaseTransitions: fc.nat(2 ** 31 - 1),
      renewTime: fc.constantFrom('1970-01-01T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z', null),
      acquireTime: fc.constantFrom('1970-01-01T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z', null),
    });
    const seed = Date.now() % 2 ** 31;
    const specs = fc.sample(noise, { seed, numRuns: 4 });
    await Promise.all(
      specs.map((spec) =>
        staged(client, async ({ start, stamps, lease }) => {
          await lease.create(spec);
          const madeAt = Date.now();
          const alice = await start('alice');
          const { startedAt } = await stamps.started('alice');
          expect(startedAt - madeAt, `seed ${seed}`).toBeGreaterThanOrEqual(spec.leaseDurationSeconds * 1000);
          expect(alice.stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
          expect(Number((await lease.spec())['leaseTransitions'])).toBeLessThan(2 ** 31);
        }),
      ),
    );
  });
});
