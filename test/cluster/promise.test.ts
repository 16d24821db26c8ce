// The promise on a real API server: at most one command at any moment, the next one within milliseconds of a clean end,
// and after a crash when the lease ends. The built program, real processes, real signals; every test is one of the ways
// in which other wrappers were measured to break it (two commands at once for seconds, or without end).
// To check: what is asserted is the order of events and generous bounds; the figures are measured and printed.
import { expect, test } from 'vitest';
import { short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { isAlive } from '../helpers/procfs.ts';
import { staged } from '../helpers/stage.ts';
import { until, untilDead } from '../helpers/wait.ts';

onServers('leader-run', ({ client, figures }) => {
  test('hands the lock over as soon as a draining command has ended, and not before', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { drainMs: 4000 });
      const { pid } = await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');

      alice.signal('SIGTERM');
      const asked = await until('the command is told', async () => (await stamps.lives())[0]?.askedAt);
      await alice.event('renewed', { fits: (line) => line.at > asked + 1000 });
      expect((await lease.spec())['holderIdentity']).toBe('alice');
      expect((await alice.end()).status).toBe(0);
      const [first, second] = [await stamps.started('alice'), await stamps.started('bob')];

      expect(first).toMatchObject({ pid, ended: true });
      const gapMs = second.startedAt - first.lastSeen;
      figures.push(`SIGTERM to the leader: drained ${first.lastSeen - asked} ms, the next command ${gapMs} ms after its end`);
      expect(gapMs).toBeGreaterThanOrEqual(0);
      expect(gapMs).toBeLessThan(2 * short.leaseMs);
    });
  });

  test('ends the whole tree when it is killed, and the next command starts only after the lease', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { offspring: true, ignoreTerm: true });
      await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      const tree = await until('the tree stands', async () => {
        const life = (await stamps.lives())[0];
        return life?.offspring.length === 2 ? [life.pid, ...life.offspring] : undefined;
      });
      expect(tree.filter(isAlive)).toEqual(tree);

      const killedAt = Date.now();
      alice.signal('SIGKILL');
      const deadAt = await untilDead(tree);
      const renewedAt = await lease.renewedAt();
      const { startedAt } = await stamps.started('bob');
      figures.push(
        `SIGKILL of the wrapper: its tree of ${tree.length} dead after ${deadAt - killedAt} ms, ` +
          `the next command ${startedAt - renewedAt - short.leaseMs} ms after the lease's end`,
      );
      expect(deadAt).toBeLessThan(renewedAt + short.leaseMs);
      expect(startedAt).toBeGreaterThanOrEqual(renewedAt + short.leaseMs);
    });
  });

  test('has its command dead before the lock can be taken while it is stopped, and begins anew after that', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { offspring: true, ignoreTerm: true });
      const first = await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      await alice.event('renewed');

      alice.signal('SIGSTOP');
      await untilDead([first.pid]);
      const { lastSeen, offspring } = await stamps.started('alice');
      const deadAt = await untilDead(offspring);
      // A lower bound of the sending, so this is stricter than the rule.
      const renewedAt = await lease.renewedAt();
      expect(deadAt).toBeLessThan(renewedAt + short.leaseMs);
      const second = await stamps.started('bob');
      figures.push(
        `SIGSTOP of the wrapper: its tree dead ${renewedAt + short.leaseMs - deadAt} ms before the lease's end, ` +
          `the next command ${second.startedAt - lastSeen} ms after its last sign of life`,
      );
      expect(second.startedAt).toBeGreaterThanOrEqual(renewedAt + short.leaseMs);

      const from = alice.events.length;
      alice.signal('SIGCONT');
      await alice.event('lost', { from });
      await alice.event('standing-by', { from });
      bob.signal('SIGTERM');
      const third = await stamps.started('alice', 2);
      expect(third.uid).toBe(first.uid);
      expect(BigInt(third.token)).toBeGreaterThan(BigInt(second.token));
    });
  });

  test('ends what the command leaves behind before it gives the lock back', async () => {
    await staged(client, async ({ start, stamps }) => {
      const alice = await start('alice', { offspring: true, status: 7 });
      const { pid } = await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      // To the command, not to leader-run: it comes to its own end.
      process.kill(pid, 'SIGTERM');
      expect((await alice.end()).status).toBe(7);
      const second = await stamps.started('bob');
      const [first] = await stamps.lives();
      expect(first?.offspring.filter(isAlive)).toEqual([]);
      figures.push(`the command's own end, with offspring: the next one ${second.startedAt - (first?.lastSeen ?? 0)} ms later`);
      await bob.event('command-started');
    });
  });

  test('wakes its standby when a command ends by itself', async () => {
    await staged(client, async ({ start, stamps }) => {
      const gaps: number[] = [];
      const candidates = [];
      for (const name of ['alice', 'bob', 'carol', 'dave', 'erin']) {
        // The first one's runs until all others stand by.
        const candidate = await start(name, name === 'alice' ? {} : { runMs: 400 });
        candidates.push(candidate);
        await candidate.event(name === 'alice' ? 'command-started' : 'standing-by');
      }
      process.kill((await stamps.started('alice')).pid, 'SIGTERM');
      for (const candidate of candidates) expect((await candidate.end()).status).toBe(0);
      const lives = await stamps.lives();
      expect(lives).toHaveLength(5);
      for (const [index, life] of lives.slice(1).entries()) gaps.push(life.startedAt - (lives[index]?.lastSeen ?? 0));
      figures.push(`hand-overs after a command's own end, 4 of them among 5 candidates: ${gaps.join(', ')} ms`);
      expect(Math.max(...gaps)).toBeLessThan(2 * short.leaseMs);
    });
  });
});
