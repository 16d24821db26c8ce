// The guardian: there is always one, it answers, it is replaced when it does not, it costs next to nothing, and a
// deadline that has passed stays passed. Under every kind that can be had here; images.test.ts has the others.

import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readlinkSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, vi } from 'vitest';
import { newCookie } from '../../src/child/environment.ts';
import { startGuardian } from '../../src/child/guardian/guardian.ts';
import { guardianScript } from '../../src/child/guardian/script.ts';
import { type Clock, later, systemClock } from '../../src/clock.ts';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming, type Run, short } from '../helpers/leader-run.ts';
import { missing, notRoot } from '../helpers/machine.ts';
import { descendantsOf, descriptorsOf, fieldsOf, isAlive, stateOf, textOf } from '../helpers/procfs.ts';
import { Uptime } from '../helpers/uptime.ts';

const kinds = [
  { kind: 'sh', shows: /bash|busybox|sh$/ },
  { kind: 'node', shows: /node$/ },
] as const;

const shells = [
  { name: 'bash', shell: ['bash', '--norc', '-p'] },
  { name: 'busybox', shell: ['busybox', 'sh'] },
];

describe.concurrent('leader-run has', () => {
  describe.for(kinds)('a guardian of kind $kind', ({ kind, shows }) => {
    test('is named in the first line of the log, and kills when leader-run is killed', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: [`--guardian=${kind}`] });
      expect(await run.event('started')).toMatchObject({ guardian: expect.stringMatching(shows) as string });
      puppet.spawn('kid', 'session');
      const kid = await arena.next('kid');
      run.signal('SIGKILL');
      await Promise.all([puppet.isOver(), kid.isOver(), run.isAbandoned()]);
    });

    test('kills at its deadline when leader-run is stopped', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ flags: [`--guardian=${kind}`] });
      run.signal('SIGSTOP');
      const goneAt = await puppet.isOver();
      // Not before it had to: it may have heard of one renewal less than the store.
      expect(goneAt).toBeGreaterThan(arena.renewedAt() + short.renewMs / 2);
      expect(goneAt).toBeLessThan(arena.renewedAt() + short.leaseMs);
    });

    test('#6 is replaced when it is killed, and the command goes on under its successor', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: [`--guardian=${kind}`] });
      const first = await arena.guardianOf(run);
      process.kill(first, 'SIGKILL');
      await run.event('guardian-replaced');
      const second = await arena.guardianOf(run, first);
      await puppet.ask('descriptors');
      expect(puppet.got).toEqual([]);
      // The successor knows whom to kill.
      run.signal('SIGKILL');
      await puppet.isOver();
      await arena.until('the guardian to go home', () => !isAlive(second));
    });

    test('#6 that is replaced is armed: it kills at the deadline too', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ flags: [`--guardian=${kind}`] });
      process.kill(await arena.guardianOf(run), 'SIGKILL');
      await run.event('guardian-replaced');
      run.signal('SIGSTOP');
      const goneAt = await puppet.isOver();
      expect(goneAt).toBeLessThan(arena.renewedAt() + short.leaseMs);
    });

    test('is replaced when it does not answer', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({
        timing: ['--lease-duration=15s', '--retry-period=300ms'], flags: [`--guardian=${kind}`],
      });
      const first = await arena.guardianOf(run);
      process.kill(first, 'SIGSTOP');
      await run.event('guardian-replaced');
      await arena.guardianOf(run, first);
      expect(isAlive(first)).toBe(false);
      await puppet.ask('descriptors');
      // The old one would have told the command to end had it seen the end of its input.
      expect(puppet.got).toEqual([]);
      run.signal('SIGKILL');
      await puppet.isOver();
    });

    test('is replaced before the command starts when it was stopped while standing by', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      const standby = arena.run({ command: arena.puppet('bob'), timing: longTiming, flags: [`--guardian=${kind}`] });
      await standby.event('standing-by');
      process.kill(await arena.guardianOf(standby), 'SIGSTOP');
      puppet.exit(0);
      const bob = await arena.next('bob');
      await standby.event('command-started');
      const kinds = standby.events.map(({ event }) => event);
      expect(kinds).toContain('guardian-replaced');
      expect(kinds.indexOf('guardian-replaced')).toBeLessThan(kinds.indexOf('command-started'));
      standby.signal('SIGKILL');
      await bob.isOver();
      await run.end();
    });

    test('#7 that was stopped with leader-run past the deadline kills as soon as it is continued', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead({ flags: [`--guardian=${kind}`] });
      const guardian = await arena.guardianOf(run);
      run.signal('SIGSTOP');
      process.kill(guardian, 'SIGSTOP');
      const renewedAt = arena.renewedAt();
      await arena.until('the lease to end', () => Date.now() > renewedAt + short.leaseMs);
      await puppet.ask('descriptors');
      process.kill(guardian, 'SIGCONT');
      await puppet.isOver('the command to be killed by the continued guardian');
      expect(stateOf(run.pid)).toBe('T');
    });

    test('kills what is left in other sessions although nobody reads what it has to say', async ({ arena, expect, skip }) => {
      const lacking = missing('mkfifo');
      if (lacking !== undefined) return skip(lacking);
      const fifo = join(arena.folder, 'stderr');
      execFileSync('mkfifo', [fifo]);
      const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
      const { run, puppet } = await arena.lead({
        timing: longTiming, flags: [`--guardian=${kind}`],
        through: ['sh', '-c', 'exec "$@" 2> "$0"', fifo],
      });
      puppet.spawn('kid', 'session');
      const kid = await arena.next('kid');
      expect(() => {
        for (;;) writeSync(pipe, '-'.repeat(4096));
      }).toThrow('EAGAIN');
      run.signal('SIGKILL');
      await puppet.isOver();
      await kid.isOver('the guardian to sweep');
      closeSync(pipe);
    });

    test('outlives a SIGKILL to the whole group of leader-run, and kills', async ({ arena, expect, skip }) => {
      const lacking = missing('setsid');
      if (lacking !== undefined) return skip(lacking);
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: [`--guardian=${kind}`], through: ['setsid'] });
      expect(fieldsOf(run.pid)[2]).toBe(String(run.pid));
      process.kill(-run.pid, 'SIGKILL');
      await Promise.all([puppet.isOver(), run.isAbandoned()]);
      expect(run.stderr).toContain('leader-run is gone; the command was killed');
    });

    test('keeps no folder in use', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: [`--guardian=${kind}`] });
      expect(readlinkSync(`/proc/${await arena.guardianOf(run)}/cwd`)).toBe('/');
      puppet.exit(0);
      await run.end();
    });

    test('stays when it gets the signals of a group', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ flags: [`--guardian=${kind}`] });
      const guardian = await arena.guardianOf(run);
      for (const signal of [
        'SIGHUP',
        'SIGINT',
        'SIGQUIT',
        'SIGTERM',
        'SIGUSR1',
        'SIGUSR2',
        'SIGTSTP',
        'SIGALRM',
        'SIGPIPE',
      ] as const) {
        process.kill(guardian, signal);
      }
      const before = arena.renewedAt();
      await arena.until('a renewal', () => arena.renewedAt() > before);
      expect(isAlive(guardian)).toBe(true);
      expect(run.events.filter(({ event }) => event === 'guardian-replaced')).toEqual([]);
      run.signal('SIGKILL');
      await puppet.isOver();
    });

    test('has neither the cookie nor anything else of the environment', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({
        timing: longTiming, flags: [`--guardian=${kind}`],
        env: { BASH_ENV: '/nonexistent', SECRET: 'x' },
      });
      const environment = textOf(`/proc/${await arena.guardianOf(run)}/environ`);
      expect(environment).toMatch(/^PATH=[^\0]*\0(PWD=[^\0]*\0)?(SHLVL=[^\0]*\0)?(_=[^\0]*\0)?$/);
      puppet.exit(0);
      await run.end();
    });
  });

  describe('a guardian', () => {
    test('#6 that cannot be replaced costs the command its life', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: ['--guardian=node'], ownBundle: true });
      rmSync(join(arena.folder, 'bundle/dist/guardian-node.js'));
      process.kill(await arena.guardianOf(run), 'SIGKILL');
      await puppet.isOver('the command to be killed');
      await run.end();
      expect(arena.isFree()).toBe(true);
    });

    test('#6 that cannot be replaced makes leader-run exit with 125', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: ['--guardian=node'], ownBundle: true });
      rmSync(join(arena.folder, 'bundle/dist/guardian-node.js'));
      process.kill(await arena.guardianOf(run), 'SIGKILL');
      await puppet.isOver('the command to be killed', 5000);
      expect(await run.end()).toMatchObject({ status: 125 });
      const { reason } = await run.event('exit');
      expect(reason).toContain('the guardian is lost: it ended (SIGKILL)');
    });

    test('that is lost while a command is about to start, and cannot be replaced, keeps it from starting', async ({
      arena,
      expect,
    }) => {
      const { run: leader, puppet } = await arena.lead({ timing: longTiming });
      const node = { timing: longTiming, flags: ['--guardian=node'], ownBundle: true };
      const standby = arena.run({ command: arena.puppet('bob'), ...node });
      await standby.event('standing-by');
      rmSync(join(arena.folder, 'bundle/dist/guardian-node.js'));
      process.kill(await arena.guardianOf(standby), 'SIGSTOP');
      puppet.exit(0);
      await leader.end();
      expect(await standby.end()).toMatchObject({ status: 125 });
      expect((await standby.event('exit')).reason).toContain('guardian');
      expect(standby.events.map(({ event }) => event)).not.toContain('command-started');
      await standby.isAbandoned();
      expect(arena.puppets.seen.map(({ name }) => name)).toEqual(['alice']);
      expect(arena.isFree()).toBe(true);
    });

    test('that is about its duty touches no command that starts after it', async ({ arena, expect, skip }) => {
      const lacking = missing('setsid');
      if (lacking !== undefined) return skip(lacking);
      const clock = systemClock();
      const cookie = newCookie();
      const failed = vi.fn();
      const guardian = await startGuardian({ choice: 'sh', cookie, clock, report: () => undefined, onFailure: failed });
      for (let round = 0; round < 5; round += 1) {
        const victim = arena.spawn(['setsid', 'sleep', '1000'], { env: { [cookie]: '1' } });
        await arena.until('a group of its own', () => fieldsOf(victim.pid)[2] === String(victim.pid));
        const pid = guardian.pid ?? 0;
        guardian.watch(victim.pid);
        await guardian.arm(later(clock.now(), 100));
        await victim.ended;
        // It still sweeps.
        void guardian.disarm();
        await guardian.ready();
        const next = arena.spawn(['sleep', '1000'], { env: { [cookie]: '1' } });
        await arena.until('the end of the guardian that has killed', () => !isAlive(pid));
        expect(isAlive(next.pid)).toBe(true);
        next.signal('SIGKILL');
        await next.end();
      }
      await guardian.quit();
      expect(failed).not.toHaveBeenCalled();
    });

    test('that was slow to answer keeps the latest deadline, though an earlier one is sent to it again', async ({
      arena,
      expect,
      skip,
    }) => {
      const lacking = missing('setsid');
      if (lacking !== undefined) return skip(lacking);
      const resends: (() => void)[] = [];
      const clock: Clock = {
        ...systemClock(),
        after: (_ms, wake) => {
          resends.push(wake);
          return () => undefined;
        },
      };
      const cookie = newCookie();
      const failed = vi.fn();
      const guardian = await startGuardian({ choice: 'sh', cookie, clock, report: () => undefined, onFailure: failed });
      const victim = arena.spawn(['setsid', 'sleep', '1000']);
      await arena.until('a group of its own', () => fieldsOf(victim.pid)[2] === String(victim.pid));
      guardian.watch(victim.pid);
      process.kill(guardian.pid ?? 0, 'SIGSTOP');
      const early = later(clock.now(), 2000);
      const armed = [guardian.arm(early), guardian.arm(later(early, 60_000))];
      resends[0]?.();
      process.kill(guardian.pid ?? 0, 'SIGCONT');
      expect(await Promise.all(armed)).toEqual([true, true]);
      await arena.until('the earlier deadline to be over', () => clock.now().boot > early.boot + 500);
      expect(isAlive(victim.pid)).toBe(true);
      await guardian.disarm();
      await guardian.quit();
      victim.signal('SIGKILL');
      await victim.end();
      expect(failed).not.toHaveBeenCalled();
    });

    test('of --guardian=off is none: the log says so, and a killed leader-run leaves its command', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: ['--guardian=off'] });
      expect(await run.event('started')).toMatchObject({
        guardian: 'off',
        message: expect.stringContaining('no guardian') as string,
      });
      run.signal('SIGKILL');
      await run.end();
      await puppet.ask('descriptors');
      expect(puppet.got).toEqual([]);
      puppet.exit(0);
      await puppet.isOver();
    });

    test(
      '#35 forks nothing and does not grow over 1000 renewals, and neither does leader-run',
      { timeout: 300_000 },
      async ({ arena, expect }) => {
        const timing = ['--lease-duration=10s', '--renew-deadline=5s', '--retry-period=5ms'];
        const { run, puppet } = await arena.lead({ timing, logLevel: 'info' });
        const guardian = await arena.guardianOf(run);
        const renewals = (): number => arena.versions().at(-1)?.number ?? 0;
        // What is set up once has been set up by then.
        await arena.until('200 renewals', () => renewals() > 200, 120_000);
        const before = footprint(guardian, run);
        await arena.until('1000 more renewals', () => renewals() > 1200, 150_000);
        const after = footprint(guardian, run);
        expect(after.guardianForks).toBe(before.guardianForks);
        expect(after.leaderPipes).toBe(before.leaderPipes);
        expect(after.guardianPipes).toBe(before.guardianPipes);
        expect(after.guardianKilobytes - before.guardianKilobytes).toBeLessThan(256);
        // Node's heap breathes; a leak of one record a renewal would show.
        expect(after.leaderKilobytes - before.leaderKilobytes).toBeLessThan(30_000);
        expect(descendantsOf(guardian)).toEqual([]);
        puppet.exit(0);
        await run.end();
      },
    );

    test('#35 and leader-run leave the command no descriptor but 0, 1 and 2', async ({ arena, expect }) => {
      const run = arena.run({ command: ['sh', '-c', 'exec ls /proc/self/fd'] });
      await Promise.all([run.end(), run.isAbandoned()]);
      // The last one is of ls itself, which has the folder open.
      expect(run.stdout).toBe('0\n1\n2\n3\n');
      const without = arena.run({ command: arena.puppet() });
      const puppet = await arena.next();
      const descriptors = Object.values(await puppet.ask<Record<string, string>>('descriptors'));
      expect(descriptors.filter((link) => link.includes('uptime'))).toEqual([]);
      puppet.exit(0);
      await without.end();
    });
  });

  describe.for(shells)("the guardian's text in $name", ({ name, shell }) => {
    test('#9 does not extend a deadline that has passed, however soon it reads the line', async ({
      arena,
      expect,
      skip,
    }) => {
      const lacking = missing(name, 'setsid');
      if (lacking !== undefined) return skip(lacking);
      const { guardian, victim } = await guardianAlone(arena, shell);
      const deadline = bootCentiseconds() + 100;
      guardian.process.stdin?.write(`D 1 ${deadline}\n`);
      await guardian.says('A 1\n');
      guardian.signal('SIGSTOP');
      guardian.process.stdin?.write(`D 2 ${deadline + 100_000}\n`);
      await arena.until('the deadline', () => bootCentiseconds() > deadline);
      guardian.signal('SIGCONT');
      expect(await victim.end()).toMatchObject({ signal: 'SIGKILL' });
      expect(await guardian.end()).toMatchObject({ status: 9 });
      expect(guardian.stdout).not.toContain('A 2');
    });

    test('#9 does not extend a deadline that passed in a suspend', async ({ arena, expect, skip }) => {
      const lacking = missing(name, 'setsid') ?? notRoot();
      if (lacking !== undefined) return skip(lacking);
      const uptime = new Uptime(arena);
      const { guardian, victim } = await guardianAlone(arena, [...uptime.through, ...shell]);
      const deadline = Math.floor(uptime.seconds * 100) + 10_000;
      guardian.process.stdin?.write(`D 1 ${deadline}\n`);
      await guardian.says('A 1\n');
      uptime.jump(200);
      // Read before the slice ends, and by then too late.
      guardian.process.stdin?.write(`D 2 ${deadline + 100_000}\n`);
      expect(await victim.end()).toMatchObject({ signal: 'SIGKILL' });
      expect(await guardian.end()).toMatchObject({ status: 9 });
      expect(guardian.stdout).not.toContain('A 2');
      uptime.close();
    });

    test('obeys a line that came in pieces, or at least the one sent after it', async ({ arena, expect, skip }) => {
      const lacking = missing(name, 'setsid');
      if (lacking !== undefined) return skip(lacking);
      const { guardian, victim } = await guardianAlone(arena, shell);
      const far = bootCentiseconds() + 100_000;
      guardian.process.stdin?.write(`D 1 ${far}\n`);
      await guardian.says('A 1\n');
      for (const piece of ['D ', '2', ' ', String(far).slice(0, 3)]) {
        guardian.process.stdin?.write(piece);
        // So that a slice of 250 ms ends within the line.
        await pause(200);
      }
      guardian.process.stdin?.write(`${String(far).slice(3)}\n`);
      // busybox forgets what it has read when a slice ends; leader-run sends again what is not answered.
      if (name === 'bash') await guardian.says('A 2\n');
      guardian.process.stdin?.write(`D 3 ${far}\n`);
      await guardian.says('A 3\n');
      guardian.process.stdin?.write('X 4\n');
      await guardian.says('A 4\n');
      guardian.process.stdin?.end();
      expect(await guardian.end()).toMatchObject({ status: 0 });
      expect(isAlive(victim.pid)).toBe(true);
    });
  });
});

/** The guardian by itself, as leader-run starts it, and a command for it to watch. */
async function guardianAlone(
  arena: Arena,
  shell: readonly string[],
): Promise<{ guardian: Run; group: number; victim: Run }> {
  const victim = arena.spawn(['setsid', 'sleep', '1000']);
  const words = [...shell, '-c', guardianScript, 'leader-run-guardian', newCookie()];
  // Taken for bash, it does not probe its `read -t`, for which a clock that the test makes tick may be too slow.
  const guardian = arena.spawn(words, { stdio: 'pipe', env: { BASH_VERSION: 'assumed' } });
  await guardian.says('R\n');
  await arena.until('a group of its own', () => fieldsOf(victim.pid)[2] === String(victim.pid));
  guardian.process.stdin?.write(`T ${victim.pid}\n`);
  return { guardian, group: victim.pid, victim };
}

function bootCentiseconds(): number {
  return Math.floor(Number.parseFloat(textOf('/proc/uptime')) * 100);
}

function footprint(
  guardian: number,
  run: Run,
): Record<'guardianForks' | 'guardianKilobytes' | 'guardianPipes' | 'leaderKilobytes' | 'leaderPipes', number> {
  const kilobytes = (pid: number): number => Number(/^VmRSS:\s*(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1]);
  return {
    // Page faults of children that it waited for (proc(5), cminflt): there is none without a child.
    guardianForks: Number(fieldsOf(guardian)[8]),
    guardianKilobytes: kilobytes(guardian),
    leaderKilobytes: kilobytes(run.pid),
    // Files come and go with each renewal, and with each look at the clock.
    guardianPipes: descriptorsOf(guardian).filter((link) => !link.startsWith('/')).length,
    leaderPipes: descriptorsOf(run.pid).filter((link) => !link.startsWith('/')).length,
  };
}
