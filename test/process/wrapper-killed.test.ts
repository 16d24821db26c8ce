// What becomes of the command when leader-run itself is killed, stopped, stuck or crashes: it never outlives the lease.
// leader-run gets the fault, and the puppets' sockets tell when the kernel has ended them.

import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { test } from '../helpers/arena.ts';
import { Dice, newSeed } from '../helpers/dice.ts';
import { longTiming, short } from '../helpers/leader-run.ts';

const faults = fileURLToPath(new URL('../helpers/faults.mjs', import.meta.url));
const withFault = (fault: string, ...more: string[]): Record<string, string> => ({
  NODE_OPTIONS: [`--import=${faults}`, ...more].join(' '),
  LEADER_RUN_TEST_FAULT: fault,
});

/** Two signals that come at once may be handled in either order. */
const told = ['SIGCONT', 'SIGTERM'];

describe.concurrent('faults of leader-run', () => {
  describe('a leader-run that is gone', () => {
    test('#1 takes the whole group with it when it is killed, long before the lease ends', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      puppet.spawn('kid', 'member');
      const kid = await arena.next('kid');
      run.signal('SIGKILL');
      await Promise.all([puppet.isOver(), kid.isOver(), run.isAbandoned()]);
      expect(puppet.got.sort()).toEqual(told);
      expect(kid.got.sort()).toEqual(told);
      expect(run.stderr).toContain('leader-run guardian: leader-run is gone; the command was killed');
    });

    test('#1 leaves the command a moment after SIGTERM to end by itself', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      const left = puppet.hears('SIGTERM').then(() => {
        puppet.exit(0);
      });
      run.signal('SIGKILL');
      await left;
      await run.isAbandoned();
      expect(puppet.isGone).toBe(true);
    });

    test.for([
      { name: 'throws', env: withFault('throw') },
      { name: 'aborts', env: withFault('abort') },
      { name: 'runs out of memory', env: withFault('run out of memory', '--max-old-space-size=64') },
    ])('#5 takes the command with it when it $name', async ({ env }, { arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, env });
      run.signal('SIGPWR');
      await Promise.all([puppet.isOver(), run.isAbandoned()]);
      const { status, signal } = await run.end();
      expect({ status, signal }).not.toEqual({ status: 0, signal: null });
      expect(puppet.got.sort()).toEqual(told);
    });
  });

  describe('a leader-run that does nothing any more', () => {
    test('#2 loses its command to the guardian before the lease ends when it is stopped', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead();
      puppet.spawn('kid', 'member');
      const kid = await arena.next('kid');
      run.signal('SIGSTOP');
      const goneAt = Math.max(await puppet.isOver(), await kid.isOver());
      const renewedAt = arena.renewedAt();
      expect(goneAt).toBeGreaterThan(renewedAt + short.renewMs / 2);
      expect(goneAt).toBeLessThan(renewedAt + short.leaseMs);
      expect(puppet.got).toEqual([]);
      await run.warns('leader-run guardian: the lease is about to end and was not renewed; the command was killed');
    });

    test('#2 begins a new term with a new command once it is continued', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead();
      run.signal('SIGSTOP');
      await puppet.isOver();
      run.signal('SIGCONT');
      const second = await arena.next();
      expect(second.pid).not.toBe(puppet.pid);
      await run.event('elected', { fits: ({ transitions }) => transitions === 1 });
      const elections = run.events.filter(({ event }) => event === 'elected');
      expect(elections.map(({ transitions }) => transitions)).toEqual([0, 1]);
      const [first = 0, last = 0] = elections.map(({ token }) => Number(token));
      expect(last).toBeGreaterThan(first);
    });

    test('#3 keeps its command when it is continued in time, three times over', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: ['--lease-duration=10s', '--retry-period=300ms'] });
      for (let round = 1; round <= 3; round += 1) {
        const before = arena.renewedAt();
        run.signal('SIGSTOP');
        // How long the fault lasts; the renew deadline is 6.7 s.
        await pause(1200);
        run.signal('SIGCONT');
        await arena.until('a renewal after the stop', () => arena.renewedAt() > before);
      }
      await puppet.ask('descriptors');
      // Passed on, as every SIGCONT is.
      expect(puppet.got).not.toContain('SIGTERM');
      expect(run.events.filter(({ event }) => event === 'command-started')).toHaveLength(1);
      expect(run.events.filter(({ event }) => event === 'guardian-replaced')).toEqual([]);
    });

    test('#4 loses its command to the guardian before the lease ends when its event loop is blocked', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead({ env: withFault('block') });
      run.signal('SIGPWR');
      const goneAt = await puppet.isOver();
      const renewedAt = arena.renewedAt();
      expect(goneAt).toBeGreaterThan(renewedAt + short.renewMs / 2);
      expect(goneAt).toBeLessThan(renewedAt + short.leaseMs);
      expect(puppet.got).toEqual([]);
    });
  });

  describe('a leader-run that is killed while it starts', () => {
    test(
      '#10 leaves neither command nor gate nor guardian, whenever it happens',
      { timeout: 120_000 },
      async ({ arena, expect }) => {
        const stages = ['started', 'taking', 'elected', 'command-started'] as const;
        const begun = performance.now();
        const sample = await arena.lead({ lock: 'sample', timing: longTiming });
        // A start takes so long here and now: shots come at random until somewhat later.
        const slowestMs = (performance.now() - begun) * 1.3;
        const seed = newSeed();
        const dice = new Dice(seed);
        const random = Array.from({ length: 56 }, (_, index) => dice.between(index, 0, slowestMs));
        const shots = [...stages, ...random];
        const shoot = async (when: number | string, index: number): Promise<void> => {
          const name = `shot-${index}`;
          const run = arena.run({ command: arena.puppet(name), lock: name, timing: longTiming });
          await (typeof when === 'number' ? pause(when) : run.event(when));
          run.signal('SIGKILL');
          // Command, gate and guardian all hold its stderr: whoever survived would keep it open.
          await run.isAbandoned();
        };
        for (let first = 0; first < shots.length; first += 3) {
          await Promise.all(shots.slice(first, first + 3).map((when, index) => shoot(when, first + index)));
        }
        sample.run.signal('SIGKILL');
        await sample.run.isAbandoned();
        const alive = arena.puppets.seen.filter(({ isGone }) => !isGone).map(({ name }) => name);
        expect(alive, `seed ${seed}, shots: ${shots.join(' ')}`).toEqual([]);
      },
    );
  });
});
