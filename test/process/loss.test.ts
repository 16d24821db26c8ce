// What becomes of the command when the lock is lost: it is gone before anyone else may start theirs, with as much grace
// as is left, and what comes after is a new term. Faults are done to the store; puppets say what reaches them.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { test } from '../helpers/arena.ts';
import { longTiming, short } from '../helpers/leader-run.ts';
import { textOf } from '../helpers/procfs.ts';

describe.concurrent('leader-run meets', () => {
  describe('a lock that somebody else has taken', () => {
    test('#11 kills the command without grace, and exits with 122', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: ['--on-lost=exit'] });
      puppet.spawn('kid', 'member');
      const kid = await arena.next('kid');
      await arena.steal();
      await Promise.all([puppet.isOver(), kid.isOver()]);
      expect([...puppet.got, ...kid.got]).toEqual([]);
      expect(await run.end()).toMatchObject({ status: 122 });
      expect(await run.event('lost')).toMatchObject({ reason: 'taken', holder: 'mallory' });
      // It is not ours to give back.
      expect(arena.record()?.holderIdentity).toBe('mallory');
    });

    test('#11 kills a command that is draining, whatever its --stop-grace', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      run.signal('SIGTERM');
      await puppet.hears('SIGTERM');
      await arena.steal();
      await puppet.isOver();
      // Asked to stop, it does not join again.
      expect(await run.end()).toMatchObject({ status: 137 });
      expect(arena.record()?.holderIdentity).toBe('mallory');
    });

    test('begins a new term with a new command and a larger token, once it is free again', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      const first = await run.event('elected');
      await arena.steal('demo', 'mallory', 1);
      await puppet.isOver();
      const second = await arena.next();
      const again = await run.event('elected', { fits: ({ transitions }) => transitions === 2 });
      expect(second.pid).not.toBe(puppet.pid);
      expect(Number(again['token'])).toBeGreaterThan(Number(first['token']));
      const environment = Buffer.from(await second.ask<string>('environment'), 'base64').toString();
      expect(environment).toContain(`\0LEADER_RUN_TOKEN=${String(again['token'])}\0`);
      second.exit(4);
      expect(await run.end()).toMatchObject({ status: 4 });
      expect(arena.isFree()).toBe(true);
    });

    test('is lost too when it was deleted and made again by another', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: ['--on-lost=exit'] });
      const [version] = arena.versions();
      const stolen = {
        ...version,
        object: 'another',
        record: { ...version?.record, holderIdentity: 'mallory' },
        signature: '',
      };
      const folder = join(arena.store, 'default', 'demo.lock');
      for (const { number } of arena.versions()) rmSync(join(folder, String(number)));
      writeFileSync(join(folder, '1'), JSON.stringify(stolen));
      await puppet.isOver();
      expect(puppet.got).toEqual([]);
      expect(await run.end()).toMatchObject({ status: 122 });
      expect(['taken', 'recreated']).toContain((await run.event('lost'))['reason']);
    });
  });

  describe('a store that does not answer', () => {
    test('#12 costs the command SIGTERM at the renew deadline, and SIGKILL before the lease ends', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead({ flags: ['--on-lost=exit'] });
      puppet.spawn('kid', 'member');
      const kid = await arena.next('kid');
      const heardAt = puppet.hears('SIGTERM').then(() => Date.now());
      arena.breakStore();
      const toldAt = await heardAt;
      const goneAt = Math.max(await puppet.isOver(), await kid.isOver());
      arena.mendStore();
      // Of the last one that was acknowledged: the store may hold one more, whose answer the fault has swallowed.
      const last = run.events.filter(({ event }) => event === 'renewed' || event === 'taking').at(-1);
      const sentAt = Date.parse(last?.time ?? '') - Number(last?.['latencyMs'] ?? 0);
      // Boot time ticks in hundredths of a second, and a log line in thousandths.
      expect(toldAt).toBeGreaterThanOrEqual(sentAt + short.renewMs - 12);
      expect(goneAt).toBeGreaterThanOrEqual(toldAt);
      expect(goneAt).toBeLessThan(sentAt + short.leaseMs);
      expect(goneAt).toBeLessThan(arena.renewedAt() + short.leaseMs);
      expect(kid.got).toContain('SIGTERM');
      expect(await run.end()).toMatchObject({ status: 122 });
      expect(await run.event('lost')).toMatchObject({ reason: 'deadline' });
      expect(run.events.filter(({ event }) => event === 'signalled').map(({ signal }) => signal)).toEqual([
        'SIGTERM',
        'SIGKILL',
      ]);
    });

    test('#12 costs nothing when it answers again in time', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: ['--lease-duration=15s', '--retry-period=300ms'] });
      arena.breakStore();
      await run.event('trouble');
      arena.mendStore();
      const before = arena.renewedAt();
      await arena.until('a renewal', () => arena.renewedAt() > before);
      await run.event('recovered');
      await puppet.ask('descriptors');
      expect(puppet.got).toEqual([]);
      puppet.exit(0);
      expect(await run.end()).toMatchObject({ status: 0 });
      expect(run.events.filter(({ event }) => event === 'elected')).toHaveLength(1);
    });

    test('leads again as soon as it answers, with a new command, when nobody else took the lock', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead();
      arena.breakStore();
      await puppet.hears('SIGTERM');
      await run.event('lost');
      puppet.exit(0);
      await run.event('command-ended');
      arena.mendStore();
      const second = await arena.next();
      await run.event('elected', { fits: ({ transitions }) => transitions === 1 });
      expect(await run.event('taking', { fits: ({ from }) => from === 'own' })).toMatchObject({ event: 'taking' });
      expect(run.events.filter(({ event }) => event === 'elected').map(({ transitions }) => transitions)).toEqual([
        0, 1,
      ]);
      second.exit(0);
      expect(await run.end()).toMatchObject({ status: 0 });
    });

    test('#17 costs the whole group of a shell its life, not only the shell', async ({ arena, expect }) => {
      const worker = arena
        .puppet('worker')
        .map((word) => `'${word}'`)
        .join(' ');
      const run = arena.run({ command: ['sh', '-c', `${worker} & wait`], flags: ['--on-lost=exit'] });
      const puppet = await arena.next('worker');
      arena.breakStore();
      await puppet.hears('SIGTERM');
      const goneAt = await puppet.isOver();
      arena.mendStore();
      expect(goneAt).toBeLessThan(arena.renewedAt() + short.leaseMs);
      expect(await run.end()).toMatchObject({ status: 122 });
    });

    test('#34 lets a stopped command end by itself within its grace', async ({ arena, expect }) => {
      // 7 s of grace: SIGTERM at 2 s, SIGKILL at 9.25 s.
      const timing = ['--lease-duration=12s', '--renew-deadline=2s', '--retry-period=400ms'];
      const { run, puppet } = await arena.lead({ timing, flags: ['--on-lost=exit'] });
      process.kill(puppet.pid, 'SIGSTOP');
      const ends = puppet.hears('SIGTERM').then(() => {
        puppet.exit(5);
      });
      arena.breakStore();
      await ends;
      expect(await run.event('command-ended')).toMatchObject({ status: 5 });
      expect(run.events.filter(({ event }) => event === 'signalled').map(({ signal }) => signal)).toEqual(['SIGTERM']);
      arena.mendStore();
      expect(await run.end()).toMatchObject({ status: 122 });
    });

    test('gives no more grace when a stop is asked for after the loss, and then does not lead again', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead({ flags: ['--stop-grace=60s'] });
      arena.breakStore();
      await puppet.hears('SIGTERM');
      run.signal('SIGTERM');
      const goneAt = await puppet.isOver();
      arena.mendStore();
      expect(goneAt).toBeLessThan(arena.renewedAt() + short.leaseMs);
      const { status, signal } = await run.end();
      expect([status, signal]).toEqual([137, null]);
      expect(arena.puppets.seen).toHaveLength(1);
    });

    test('gives no more grace when the loss comes after a stop was asked for', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ flags: ['--stop-grace=60s'] });
      run.signal('SIGTERM');
      await puppet.hears('SIGTERM');
      arena.breakStore();
      const goneAt = await puppet.isOver();
      arena.mendStore();
      expect(goneAt).toBeLessThan(arena.renewedAt() + short.leaseMs);
      expect(await run.end()).toMatchObject({ status: 137 });
    });
  });

  describe('a machine that stands still', () => {
    test('between the election and the start keeps the command from starting', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead();
      const standby = arena.run({ command: arena.puppet('bob'), flags: ['--on-lost=exit'] });
      await standby.event('standing-by');
      // The start waits for its guardian, which is replaced only after a second.
      process.kill(await arena.guardianOf(standby), 'SIGSTOP');
      puppet.exit(0);
      await standby.event('elected');
      standby.signal('SIGSTOP');
      const electedAt = arena.renewedAt();
      await arena.until('the renew deadline', () => Date.now() > electedAt + short.renewMs);
      standby.signal('SIGCONT');
      expect(await standby.end()).toMatchObject({ status: 122 });
      expect(standby.events.map(({ event }) => event)).not.toContain('command-started');
      await run.end();
    });

    test('#8 past the lease kills the command after the thaw, before anything is renewed', async ({
      arena,
      expect,
      skip,
    }) => {
      const freezer = arena.freezer();
      if (freezer.reason !== undefined) return skip(freezer.reason);
      const through = ['sh', '-c', `echo $$ > ${freezer.folder}/cgroup.procs && exec "$@"`, 'sh'];
      const { run, puppet } = await arena.lead({ flags: ['--on-lost=exit'], through });
      puppet.spawn('kid', 'session');
      const kid = await arena.next('kid');
      const before = arena.renewedAt();
      await arena.until('a renewal', () => arena.renewedAt() > before);
      await arena.until('everything to be frozen', () => {
        // Repeated, since whatever forks meanwhile leaves it FREEZING.
        writeFileSync(join(freezer.folder, 'freezer.state'), 'FROZEN');
        return textOf(join(freezer.folder, 'freezer.state')).trim() === 'FROZEN';
      });
      const versions = arena.versions();
      const frozen = arena.renewedAt();
      await arena.until('the lease to end', () => Date.now() > frozen + short.leaseMs + 500);
      writeFileSync(join(freezer.folder, 'freezer.state'), 'THAWED');
      await Promise.all([puppet.isOver(), kid.isOver()]);
      await run.end();
      const later = arena.versions().filter(({ number }) => number > (versions.at(-1)?.number ?? 0));
      // At most the release of what is still ours.
      expect(later.map(({ record }) => record.holderIdentity).filter((holder) => holder !== '')).toEqual([]);
    });
  });
});
