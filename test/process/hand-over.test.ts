// Many candidates for one lock: never two commands at once, and the next one soon. Each command takes a lock of the
// kernel's (flock) without waiting and bumps a counter that nothing guards: two at once cannot go unnoticed, as long as
// anything of the first one is left, since its processes all hold that lock.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming, type Run, shortTiming } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';
import { isAlive } from '../helpers/procfs.ts';

const lacking = missing('flock');

/** A command that fails with 99 unless it is alone; what it does last is up to `then`. */
function alone(arena: Arena, then: string): string[] {
  const guard = join(arena.folder, 'guard');
  const counter = join(arena.folder, 'counter');
  writeFileSync(guard, '');
  writeFileSync(counter, '0\n');
  const bump = `read n < ${counter}; sleep 0.02; echo $((n + 1)) > ${counter}`;
  return ['sh', '-c', `exec 9>${guard}; flock -n 9 || { echo overlap; exit 99; }; ${bump}; ${then}`];
}

function count(arena: Arena): number {
  return Number(readFileSync(join(arena.folder, 'counter'), 'utf8'));
}

describe.concurrent('leader-run', () => {
  describe('candidates for one lock', () => {
    test('run their commands one after the other, each exactly once', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const command = alone(arena, 'exit 0');
      const runs = Array.from({ length: 10 }, () => arena.run({ command, timing: longTiming, logLevel: 'info' }));
      const ends = await Promise.all(runs.map((run) => run.end(60_000)));
      expect(ends.map(({ status }) => status)).toEqual(runs.map(() => 0));
      expect(count(arena)).toBe(10);
    });

    test(
      'never overlap while leaders are killed and stopped',
      { timeout: 120_000 },
      async ({ arena, expect, skip }) => {
        if (lacking !== undefined) return skip(lacking);
        // It shrugs off SIGTERM, and has a kid that left its group.
        const command = alone(arena, 'trap "" TERM; setsid sleep 1000 & echo working; while :; do sleep 1; done');
        const start = (): Run => arena.run({ command, timing: shortTiming, logLevel: 'info' });
        const candidates = new Set([start(), start(), start()]);
        const met: Run[] = [...candidates];
        const faults: NodeJS.Signals[] = ['SIGKILL', 'SIGSTOP', 'SIGKILL', 'SIGSTOP'];
        for (const [index, fault] of faults.entries()) {
          await arena.until(`command ${index + 1}`, () => count(arena) > index);
          const leader = [...candidates].find((run) =>
            run.events.some(
              ({ event, identity }) => event === 'started' && identity === arena.record()?.holderIdentity,
            ),
          );
          if (!leader) throw new Error('nobody leads');
          candidates.delete(leader);
          leader.signal(fault);
          const another = start();
          candidates.add(another);
          met.push(another);
        }
        await arena.until('the last command', () => count(arena) > faults.length);
        for (const run of met) expect(run.stdout).not.toContain('overlap');
      },
    );

    test('take a lock that is given back at once, long before its lease ends', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      const standby = arena.run({ command: arena.puppet('bob'), timing: longTiming });
      await standby.event('standing-by');
      puppet.exit(0);
      const bob = await arena.next('bob');
      expect(puppet.isGone).toBe(true);
      expect(await standby.event('elected')).toMatchObject({ transitions: 1 });
      bob.exit(0);
      await Promise.all([run.end(), standby.end()]);
    });

    test('wait for the lease to end when the leader was killed', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead();
      const standby = arena.run({ command: arena.puppet('bob') });
      await standby.event('standing-by');
      const before = arena.renewedAt();
      await arena.until('a renewal', () => arena.renewedAt() > before);
      run.signal('SIGKILL');
      const renewedAt = arena.renewedAt();
      const bob = await arena.next('bob');
      expect(Date.now()).toBeGreaterThan(renewedAt + 4000 - 10);
      expect(puppet.isGone).toBe(true);
      bob.exit(0);
      await standby.end();
    });

    test('show their commands tokens that grow', async ({ arena, expect }) => {
      const tokens: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const run = arena.run({ command: ['sh', '-c', 'echo $LEADER_RUN_TOKEN'] });
        await Promise.all([run.end(), run.isAbandoned()]);
        tokens.push(Number(run.stdout));
      }
      expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    });
  });

  describe('the time that a candidate gives itself', () => {
    test.for([
      { name: '--wait=0', options: ['--wait=0'] },
      { name: '--wait=1s', options: ['--wait=1s'] },
      { name: '--try', options: ['--try'] },
    ])('ends with 124 under $name while another leads', async ({ options }, { arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: ['--lease-duration=60s', '--retry-period=1s'] });
      const late = arena.run({ timing: longTiming, flags: options });
      // The lease that it does not wait for has 60 s.
      expect(await late.end()).toMatchObject({ status: 124, signal: null });
      const reason = `another candidate holds the lock (${arena.record()?.holderIdentity}); no command was running`;
      expect(late.events.at(-1)).toMatchObject({ level: 'warn', reason });
      expect(arena.puppets.seen).toHaveLength(1);
      expect(isAlive(puppet.pid)).toBe(true);
      puppet.exit(0);
      await run.end();
    });

    test.for(['--wait=30s', '--try'])('is enough under %s when the lock is free', async (option, { arena, expect }) => {
      for (let round = 0; round < 2; round += 1) {
        const run = arena.run({ command: ['sh', '-c', 'exit 5'], timing: longTiming, flags: [option] });
        expect(await run.end()).toMatchObject({ status: 5 });
      }
    });

    // The watch's first sighting often comes while the one look is under way, and asks for another (core.ts).
    test('is enough under --wait=0 when the lock is free', async ({ arena, expect }) => {
      for (let round = 0; round < 10; round += 1) {
        const run = arena.run({
          command: ['sh', '-c', 'exit 5'],
          timing: longTiming, flags: ['--wait=0'],
          lock: `lock-${round}`,
        });
        expect(await run.end()).toMatchObject({ status: 5 });
      }
    });

    test('under --try is enough to outlive a leader that was killed', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead();
      run.signal('SIGKILL');
      await puppet.isOver();
      const next = arena.run({ command: ['sh', '-c', 'exit 5'], flags: ['--try'] });
      expect(await next.end()).toMatchObject({ status: 5 });
    });

    test.for([
      { grace: '60s', status: 124 },
      { grace: '0', status: 0 },
    ])('is as long as --foreign-grace says for a holder that is not leader-run: $grace', async ({ grace, status }, { arena, expect }) => {
      const folder = join(arena.store, 'default', 'demo.lock');
      mkdirSync(folder, { mode: 0o700 });
      const time = new Date().toISOString().replace('Z', '000Z');
      const times = { acquireTime: time, renewTime: time };
      const record = { holderIdentity: 'mallory', leaseDurationSeconds: 1, ...times, leaseTransitions: 0 };
      writeFileSync(join(folder, '1'), JSON.stringify({ object: 'o', madeAt: Date.now(), record, signature: '' }));
      const run = arena.run({ command: ['true'], flags: [`--foreign-grace=${grace}`, '--wait=4s'] });
      expect(await run.end()).toMatchObject({ status });
      expect(await run.event('standing-by')).toMatchObject({ leader: 'mallory', foreign: true });
    });

    test('ends with what --conflict-exit-code says', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      const late = arena.run({ timing: longTiming, flags: ['--wait=0', '--conflict-exit-code=0'] });
      expect(await late.end()).toMatchObject({ status: 0 });
      puppet.exit(0);
      await run.end();
    });

    test('is longer for the lock under --hold-for, which keeps it after the command has ended', async ({
      arena,
      expect,
    }) => {
      const run = arena.run({ command: ['sh', '-c', 'exit 5'], timing: longTiming, flags: ['--hold-for=1500ms'] });
      const { time } = await run.event('command-ended');
      const second = arena.run({ command: ['sh', '-c', 'exit 0'], timing: longTiming });
      await second.event('standing-by');
      const elected = await second.event('elected');
      expect(Date.parse(elected.time) - Date.parse(time)).toBeGreaterThan(1450);
      expect(await run.end()).toMatchObject({ status: 5 });
      expect(await second.end()).toMatchObject({ status: 0 });
    });

    test('under --hold-for ends with SIGTERM, and the lock stays shut for the rest', async ({ arena, expect }) => {
      const run = arena.run({ command: ['sh', '-c', 'exit 5'], timing: longTiming, flags: ['--hold-for=60s'] });
      await run.event('holding');
      run.signal('SIGTERM');
      expect(await run.end()).toMatchObject({ status: 5, signal: null });
      const record = arena.record();
      expect(record?.holderIdentity).not.toBe('');
      expect(record?.leaseDurationSeconds).toBeGreaterThanOrEqual(30);
      expect(record?.leaseDurationSeconds).toBeLessThanOrEqual(60);
      const late = arena.run({ timing: longTiming, flags: ['--wait=0'] });
      expect(await late.end()).toMatchObject({ status: 124 });
    });
  });
});
