// How long a candidate waits and how long a lock is kept, on a real Lease: --wait, --try, --hold-for, and what they
// make together: one crontab line on ten machines that runs a job once. Also two runs that share an identity.
// To check: statuses are those of the exit table; the Lease is read by the admin.
import { expect, test } from 'vitest';
import { type Run, short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { staged } from '../helpers/stage.ts';

/** Boot time ticks in hundredths of a second, and a holder believes whichever of its clocks ran further. */
const bootTickMs = 10;

onServers('leader-run', ({ client, figures }) => {
  test('with --wait 0 takes a lock that is free, and leaves one that is held', async () => {
    await staged(client, async ({ start, stamps }) => {
      const alice = await start('alice', { flags: ['--wait', '0'] });
      await stamps.started('alice');
      const startedAt = Date.now();
      const bob = await start('bob', { flags: ['--wait', '0'] });
      const { status, at } = await bob.end();
      expect(status).toBe(124);
      figures.push(`--wait 0 with a live leader: gave up ${at - startedAt} ms after its start`);
      alice.signal('SIGTERM');
      await alice.end();
      const carol = await start('carol', { flags: ['--wait', '0'], runMs: 50, status: 3 });
      expect((await carol.end()).status).toBe(3);
    });
  });

  test('with --try gives up once it has seen the leader renew', async () => {
    await staged(client, async ({ start, stamps }) => {
      const alice = await start('alice');
      await stamps.started('alice');
      const startedAt = Date.now();
      const bob = await start('bob', { flags: ['--try'] });
      const { status, at } = await bob.end();
      figures.push(`--try with a live leader: gave up ${at - startedAt} ms after its start (r = ${short.retryMs} ms)`);
      expect(status).toBe(124);
      alice.signal('SIGTERM');
    });
  });

  test('with --try takes over from a leader that is dead', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice');
      await stamps.started('alice');
      alice.signal('SIGKILL');
      await alice.end();
      const renewedAt = await lease.renewedAt();
      const bob = await start('bob', { flags: ['--try'], runMs: 50 });
      const { startedAt } = await stamps.started('bob');
      expect(startedAt).toBeGreaterThanOrEqual(renewedAt + short.leaseMs);
      expect((await bob.end()).status).toBe(0);
    });
  });

  test('with --wait gives up in time, with the status asked for', async () => {
    await staged(client, async ({ start, stamps }) => {
      await start('alice');
      await stamps.started('alice');
      const bob = await start('bob', { flags: ['--wait', '1s', '--conflict-exit-code', '75'] });
      expect((await bob.end()).status).toBe(75);
      expect((await bob.event('exit')).message).toContain('another candidate holds the lock');
    });
  });

  test('with --hold-for keeps the lock after the command, and gives it back then', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { flags: ['--hold-for', '6s'], runMs: 100 });
      await stamps.started('alice');
      const acquiredAt = Date.parse(String((await lease.spec())['acquireTime']));
      const bob = await start('bob');
      await bob.event('standing-by');
      const { startedAt } = await stamps.started('bob');
      figures.push(`--hold-for 6s: the next command ${startedAt - acquiredAt} ms after the first one's write`);
      expect(startedAt - acquiredAt).toBeGreaterThanOrEqual(6000 - bootTickMs);
      expect((await alice.end()).status).toBe(0);
    });
  });

  test('asked to stop while it holds on leaves its name for the time that is left, and goes', async () => {
    await staged(client, async ({ start, lease, stamps }) => {
      const alice = await start('alice', { flags: ['--hold-for', '30s'], runMs: 100 });
      await alice.event('holding');
      alice.signal('SIGTERM');
      const { status } = await alice.end();
      expect(status).toBe(0);
      const spec = await lease.spec();
      expect(spec['holderIdentity']).toBe('alice');
      expect(spec['leaseDurationSeconds']).toBeGreaterThan(25);
      expect(spec['leaseDurationSeconds']).toBeLessThanOrEqual(30);
      const bob = await start('bob', { flags: ['--wait', '5s'] });
      expect((await bob.end()).status).toBe(124);
      expect(await stamps.lives()).toHaveLength(1);
    });
  });

  test('runs a crontab line of ten machines once', async () => {
    await staged(client, async ({ start, stamps }) => {
      const startedAt = Date.now();
      // Longer than the slowest of them may need to come.
      const flags = ['--try', '--hold-for', '90s'];
      const machines = await Promise.all(
        Array.from({ length: 10 }, (_, index) => start(`machine-${index}`, { flags, runMs: 200 })),
      );
      const winner = await Promise.any(machines.map(async (machine) => {
        await machine.event('holding', { withinMs: 60_000 });
        return machine;
      }));
      for (const machine of machines) if (machine !== winner) await machine.end(60_000);
      winner.signal('SIGTERM');
      const ends = await Promise.all(machines.map((machine) => machine.end()));
      expect(ends.map(({ status }) => status).sort()).toEqual([0, ...Array<number>(9).fill(124)]);
      expect(await stamps.lives()).toHaveLength(1);
      const losers = ends.filter(({ status }) => status === 124).map(({ at }) => at - startedAt);
      figures.push(`crontab line on 10 machines: 1 ran, 9 ended with 124 within ${Math.max(...losers)} ms`);
    });
  });

  test('waits for a twin with its own identity like for anyone else, and says so', async () => {
    await staged(client, async ({ start, stamps }) => {
      const first = await start('first', { identity: 'twin' });
      const { pid } = await stamps.started('first');
      const second = await start('second', { identity: 'twin' });
      await second.event('own-name', { fits: ({ moving }) => moving === true });
      await first.event('renewed', { fits: ({ at }) => at > (second.events[0]?.at ?? 0) + short.leaseMs });
      expect(await stamps.lives()).toMatchObject([{ pid }]);
      expect(ended([first, second])).toEqual([]);
      first.signal('SIGTERM');
      await stamps.started('second');
    });
  });

  test('waits out the lease of an earlier run with its own identity', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const first = await start('first', { identity: 'twin' });
      await stamps.started('first');
      first.signal('SIGKILL');
      await first.end();
      const renewedAt = await lease.renewedAt();
      await start('second', { identity: 'twin' });
      const { startedAt } = await stamps.started('second');
      expect(startedAt).toBeGreaterThanOrEqual(renewedAt + short.leaseMs);
    });
  });

  test('obeys the duration of the record, not its own', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { timing: ['--lease-duration', '9s'] });
      await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      alice.signal('SIGKILL');
      await alice.end();
      const renewedAt = await lease.renewedAt();
      const { startedAt } = await stamps.started('bob');
      expect(startedAt).toBeGreaterThanOrEqual(renewedAt + 9000);
    });
  });
});

function ended(candidates: readonly Run[]): readonly string[] {
  return candidates.filter((candidate) => candidate.all('exit').length > 0).map(({ name }) => name);
}
