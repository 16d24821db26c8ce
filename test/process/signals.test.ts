// Signals: a request to stop, a message for the command, or nothing at all; each reaches the command exactly once, and
// none stops leader-run itself. The puppets count what reaches them.

import { setTimeout as pause } from 'node:timers/promises';
import { describe } from 'vitest';
import { test } from '../helpers/arena.ts';
import { Dice, newSeed } from '../helpers/dice.ts';
import { longTiming, short } from '../helpers/leader-run.ts';
import { isAlive, stateOf, textOf } from '../helpers/procfs.ts';

/** A bit for each signal that the process listens to (proc(5), SigCgt). */
function listensTo(pid: number, number: number): boolean {
  const mask = /^SigCgt:\s*(\w+)$/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? '0';
  return (BigInt(`0x${mask}`) >> BigInt(number - 1)) % 2n === 1n;
}

describe.concurrent('leader-run gets', () => {
  describe('a request to stop', () => {
    test('#13 lets the command take longer than the renew deadline, and releases after it', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead();
      run.signal('SIGTERM');
      await puppet.hears('SIGTERM');
      const askedAt = Date.now();
      await arena.until(
        'renewals while the command drains',
        // By then a guardian that had heard of no renewal would have killed it.
        () => arena.renewedAt() > askedAt + short.leaseMs,
      );
      expect(puppet.isGone).toBe(false);
      const before = arena.versions().length;
      puppet.exit(7);
      const { status } = await run.end();
      expect(status).toBe(7);
      expect(puppet.got.filter((signal) => signal === 'SIGTERM')).toHaveLength(1);
      // The release is the last write, and the holder kept its name until then.
      const after = arena
        .versions()
        .slice(before - 1)
        .map(({ record }) => record.holderIdentity);
      expect(after.pop()).toBe('');
      expect(after).not.toContain('');
    });

    test('#14 kills the group when the grace is over, and releases only then', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ flags: ['--stop-grace=1s'] });
      puppet.spawn('kid', 'member');
      const kid = await arena.next('kid');
      const standby = arena.run({ command: arena.puppet('bob') });
      await standby.event('standing-by');
      run.signal('SIGTERM');
      await kid.hears('SIGTERM');
      const bob = await arena.next('bob');
      expect([puppet.isGone, kid.isGone]).toEqual([true, true]);
      expect(await run.end()).toMatchObject({ status: 137, signal: null });
      expect(
        run.events
          .map(({ event }) => event)
          .filter((kind) => ['signalled', 'command-ended', 'released'].includes(kind)),
      ).toEqual(['signalled', 'signalled', 'command-ended', 'released']);
      bob.exit(0);
      expect(await standby.end()).toMatchObject({ status: 0 });
    });

    test('#15 ends a standby at once, and its command never starts', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) {
        const standby = arena.run({ command: arena.puppet('bob'), timing: longTiming });
        await standby.event('standing-by');
        standby.signal(signal);
        expect(await standby.end()).toMatchObject({ status: null, signal });
        expect(standby.events.at(-1)).toMatchObject({ event: 'exit', reason: `stopped by ${signal}; no command was running` });
        await standby.isAbandoned();
      }
      expect(arena.puppets.seen.map(({ name }) => name)).toEqual(['alice']);
      expect(puppet.got).toEqual([]);
      puppet.exit(0);
      await run.end();
    });

    test(
      '#15 leaves the lock free whenever it comes, and nothing running',
      { timeout: 120_000 },
      async ({ arena, expect }) => {
        const seed = newSeed();
        const dice = new Dice(seed);
        const moments = Array.from({ length: 60 }, (_, index) => dice.between(index, 0, 300));
        const ask = async (afterMs: number, index: number): Promise<void> => {
          const lock = `lock-${index}`;
          const run = arena.run({ command: ['sh', '-c', 'exec sleep 1000'], lock, timing: longTiming });
          await pause(afterMs);
          run.signal('SIGTERM');
          const { status, signal } = await run.end();
          await run.isAbandoned();
          const free = arena.isFree(lock);
          expect({ status, signal, free }, `seed ${seed}, ${afterMs} ms after the start:\n${run.stderr}`).toEqual({
            status: null,
            signal: 'SIGTERM',
            free: true,
          });
        };
        for (let first = 0; first < moments.length; first += 3) {
          await Promise.all(moments.slice(first, first + 3).map((ms, index) => ask(ms, first + index)));
        }
      },
    );

    test('#15 at the instant of the election either stops the command or never starts it', async ({
      arena,
      expect,
    }) => {
      for (const event of ['taking', 'elected', 'command-started']) {
        const run = arena.run({ command: ['sh', '-c', 'exec sleep 1000'], lock: event, timing: longTiming });
        await run.event(event);
        run.signal('SIGTERM');
        expect(await run.end()).toMatchObject({ status: null, signal: 'SIGTERM' });
        await run.isAbandoned();
        expect(arena.isFree(event)).toBe(true);
      }
    });

    test('#15 between the election and the start keeps the command from starting', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      const standby = arena.run({ command: arena.puppet('bob'), timing: longTiming });
      await standby.event('standing-by');
      // The start waits for its guardian, which is replaced only after a second.
      process.kill(await arena.guardianOf(standby), 'SIGSTOP');
      puppet.exit(0);
      await standby.event('elected');
      standby.signal('SIGTERM');
      expect(await standby.end()).toMatchObject({ status: null, signal: 'SIGTERM' });
      await standby.isAbandoned();
      expect(standby.events.map(({ event }) => event)).not.toContain('command-started');
      // The guardian was let go, and has nothing to say.
      expect(standby.stderr).not.toContain('leader-run guardian');
      expect(arena.isFree()).toBe(true);
      await run.end();
    });

    test('costs the command SIGKILL at once with --stop-grace=0, which does not say that a grace was over', async ({
      arena,
      expect,
    }) => {
      const { run } = await arena.lead({ timing: longTiming, flags: ['--stop-grace=0'] });
      run.signal('SIGTERM');
      expect(await run.end()).toMatchObject({ status: 137 });
      const told = run.events.filter(({ event }) => event === 'signalled');
      expect(told).toMatchObject([{ signal: 'SIGKILL', why: 'asked' }]);
    });

    test('is passed on again when it is repeated without a terminal', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      run.signal('SIGTERM');
      await puppet.hears('SIGTERM');
      run.signal('SIGTERM');
      await puppet.hears('SIGTERM', 2);
      run.signal('SIGINT');
      await puppet.hears('SIGINT');
      puppet.exit(0);
      expect(await run.end()).toMatchObject({ status: 0 });
    });

    test('sends the signal of --stop-signal in place of SIGTERM, and Ctrl-C as it is', async ({ arena, expect }) => {
      const first = await arena.lead({ timing: longTiming, flags: ['--stop-signal=SIGUSR1'] });
      first.run.signal('SIGTERM');
      await first.puppet.hears('SIGUSR1');
      expect(first.puppet.got).not.toContain('SIGTERM');
      first.puppet.exit(0);
      await first.run.end();

      const second = await arena.lead({ timing: longTiming, flags: ['--stop-signal=SIGUSR1'] });
      second.run.signal('SIGINT');
      await second.puppet.hears('SIGINT');
      expect(second.puppet.got).not.toContain('SIGUSR1');
      second.puppet.exit(0);
      await second.run.end();
    });
  });

  describe('any other signal', () => {
    test('#24 reaches the command and its kid exactly once', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      puppet.spawn('kid', 'member');
      const kid = await arena.next('kid');
      const signals: readonly NodeJS.Signals[] = [
        ...(['SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT', 'SIGALRM'] as const),
        // Without a terminal nobody's job control sends these.
        ...(['SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const),
        // The defaults of most of these would end leader-run without a release.
        ...(['SIGURG', 'SIGIO', 'SIGPWR', 'SIGSTKFLT', 'SIGVTALRM', 'SIGXCPU'] as const),
      ];
      for (const signal of signals) {
        run.signal(signal);
        await Promise.all([puppet.hears(signal), kid.hears(signal)]);
      }
      // A fence: what was sent twice would have come before it.
      await Promise.all([puppet.ask('descriptors'), kid.ask('descriptors')]);
      expect(puppet.got).toEqual(signals);
      expect(kid.got).toEqual(signals);
      puppet.exit(0);
      kid.exit(0);
      expect(await run.end()).toMatchObject({ status: 0 });
    });

    test('#25 opens no debugger, from the moment that leader-run listens', async ({ arena, expect }) => {
      const { run: leader, puppet } = await arena.lead({ timing: longTiming });
      const standby = arena.run({ timing: longTiming });
      const usr2 = 12;
      await arena.until('leader-run to listen', () => listensTo(standby.pid, usr2));
      standby.signal('SIGUSR1');
      await standby.event('standing-by');
      standby.signal('SIGUSR1');
      leader.signal('SIGUSR1');
      await puppet.hears('SIGUSR1');
      puppet.exit(0);
      const next = await arena.next();
      next.exit(0);
      await Promise.all([leader.end(), standby.end()]);
      expect(leader.stderr + standby.stderr).not.toContain('Debugger');
    });

    test('neither stops nor ends leader-run: SIGPIPE is told once and ignored, SIGTSTP passed on', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead();
      run.signal('SIGPIPE');
      await run.event('ignored-signal', { fits: (event) => event['signal'] === 'SIGPIPE' });
      for (const signal of ['SIGPIPE', 'SIGTSTP'] as const) run.signal(signal);
      await puppet.hears('SIGTSTP');
      const before = arena.renewedAt();
      await arena.until('a renewal', () => arena.renewedAt() > before);
      expect(stateOf(run.pid)).not.toBe('T');
      expect(isAlive(puppet.pid)).toBe(true);
      const ignored = run.events.filter(({ event }) => event === 'ignored-signal').map(({ signal }) => signal);
      expect(ignored).toEqual(['SIGPIPE']);
      expect(puppet.got).toEqual(['SIGTSTP']);
      puppet.exit(0);
      await run.end();
    });
  });
});
