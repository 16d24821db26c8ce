// What other wrappers and client-go were measured to get wrong, and leader-run does not, on a real API server: those of
// the cases that no other file of this folder has (docs/proof.md has the list of all). One test for each.
// To check: each title names who fails how; commands are stamped ones where the promise is about two of them.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { leaderRun, short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { isAlive } from '../helpers/procfs.ts';
import { staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { startMeddler } from './faults/meddler.ts';

onServers('where others fail, leader-run', ({ client }) => {
  test('ends with 7 when its command does (k8s-await-election: 1; lock-run-cmd, consul lock: 0)', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { runMs: 100, status: 7 });
      expect((await alice.end()).status).toBe(7);
      expect(await stamps.lives()).toHaveLength(1);
      expect((await lease.spec())['holderIdentity']).toBe('');
    });
  });

  test('ends with 128 + n when its command dies of a signal (klock, etcdctl lock: 255)', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice');
      process.kill((await stamps.started('alice')).pid, 'SIGSEGV');
      expect(await alice.end()).toMatchObject({ status: 139, signal: null });
      expect((await lease.spec())['holderIdentity']).toBe('');
    });
  });

  test('ends with 122 when it has lost the lock, and 124 when it does not get it (klock: 0, and 1 for both)', async () => {
    const { hostname: host, port } = new URL(client.url);
    const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
    try {
      await staged(client, async ({ start, stamps }) => {
        const alice = await start('alice', { server: `https://127.0.0.1:${proxy.port}`, flags: ['--on-lost', 'exit'] });
        await stamps.started('alice');
        const bob = await start('bob', { flags: ['--wait', '0'] });
        expect((await bob.end()).status).toBe(124);
        proxy.blackhole();
        expect((await alice.end()).status).toBe(122);
      });
    } finally {
      proxy.close();
    }
  });

  test('hands arguments over as they are, blanks, quotes and line breaks too (klock quotes, consul lock joins them)', async () => {
    await staged(client, async ({ start, file, folder }) => {
      const args = ['a b', '', ' ', "it's", '"$HOME"', '*', 'one\ntwo', '--', '-n'];
      // Into a file: the log, which goes to stderr as well, may come between two of its writes.
      const show = await file('show.sh', `for each; do printf "[%s]" "$each"; done >${folder}/shown\n`);
      const alice = await start('alice', { command: ['sh', show, ...args] });
      expect((await alice.end()).status).toBe(0);
      expect(await readFile(`${folder}/shown`, 'utf8')).toBe(args.map((arg) => `[${arg}]`).join(''));
    });
  });

  test('passes signals on as they are (lock-run-cmd: TERM as INT; timeout dies of USR1; etcdctl lock: none)', async () => {
    await staged(client, async ({ start, file }) => {
      const tell = 'for s in USR1 HUP INT; do trap "echo got $s >&2" $s; done; trap "echo got TERM >&2; exit 3" TERM\n';
      const script = await file('tell.sh', `${tell}echo ready >&2\nwhile :; do sleep 0.05; done\n`);
      const alice = await start('alice', { command: ['sh', script] });
      await until('it is ready', () => alice.stderr.includes('ready'));
      for (const signal of ['SIGUSR1', 'SIGHUP', 'SIGTERM'] as const) {
        alice.signal(signal);
        await until(`it got ${signal}`, () => alice.stderr.includes(`got ${signal.slice(3)}`));
      }
      expect((await alice.end()).status).toBe(3);
      expect(alice.stderr).not.toContain('got INT');
    });
  });

  test('ends a grandchild too when it gets SIGTERM, before the lock is free (flock: it lives on and keeps the lock)', async () => {
    await staged(client, async ({ start, stamps }) => {
      const alice = await start('alice', { offspring: true });
      const { offspring } = await until('the tree stands', async () => {
        const life = (await stamps.lives())[0];
        return life?.offspring.length === 2 ? life : undefined;
      });
      const bob = await start('bob');
      await bob.event('standing-by');
      alice.signal('SIGTERM');
      await stamps.started('bob');
      expect(offspring.filter(isAlive)).toEqual([]);
      // The command came to its own end when it was asked to.
      expect((await alice.end()).status).toBe(0);
    });
  });

  test('shows a nested command the inner lock (etcdctl lock: the outer one)', async () => {
    await staged(client, async ({ start, namespace, file }) => {
      const config = await file('inner.kubeconfig', client.kubeconfig({ user: 'worker', namespace }));
      const nested = (lock: string) => [
        process.execPath, leaderRun, '--lock', `${namespace}/${lock}`, '--kubeconfig', config, '--identity', 'inner',
        '--', 'sh', '-c', 'echo "lock $LEADER_RUN_LOCK of $LEADER_RUN_IDENTITY under $LEADER_RUN_TOKEN" >&2; exit 9',
      ];
      const alice = await start('alice', { command: nested('inner') });
      expect((await alice.end()).status).toBe(9);
      expect(alice.stderr).toMatch(new RegExp(`^lock ${namespace}/inner of inner under \\d+$`, 'm'));

      // It would wait for itself for ever.
      const bob = await start('bob', { command: nested('job') });
      expect((await bob.end()).status).toBe(125);
      expect(bob.stderr).toContain('is held by the leader-run that runs this one');
    });
  });

  test('ends with 127 and without a lock when there is no such command (klock: 1)', async () => {
    await staged(client, async ({ start, lease }) => {
      const alice = await start('alice', { command: ['/nowhere/at-all'] });
      expect((await alice.end()).status).toBe(127);
      expect(await lease.read()).toBeUndefined();
    });
  });

  test('keeps its command when one connection hangs and others do not (client-go: two requests, no third, lost)', async () => {
    const { hostname: host, port } = new URL(client.url);
    const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
    try {
      await staged(client, async ({ start, stamps }) => {
        const timing = ['--lease-duration', '15s', '--retry-period', '400ms'];
        const alice = await start('alice', { server: `https://127.0.0.1:${proxy.port}`, timing });
        const { pid } = await stamps.started('alice');
        await alice.event('renewed');
        const from = alice.events.length;
        proxy.blackhole({ connections: 'existing' });
        await alice.event('trouble', { from });
        await alice.event('recovered', { from });
        await alice.event('renewed', { from: alice.events.length });
        expect(alice.all('lost')).toEqual([]);
        expect((await stamps.lives()).map((life) => life.pid)).toEqual([pid]);
      });
    } finally {
      proxy.close();
    }
  });

  test('releases no Lease that another has taken meanwhile (client-go blanks it: a third one leads beside the second)', async () => {
    const meddler = await startMeddler(client);
    try {
      await staged(client, async ({ start, stamps, lease, namespace, file }) => {
        const kubeconfig = await file('meddled.kubeconfig', meddler.kubeconfig(namespace));
        const alice = await start('alice', { kubeconfig });
        await stamps.started('alice');
        await alice.event('renewed');
        let taken: Promise<void> | undefined;
        meddler.meddle(async (exchange) => {
          // Its next write, the release or a last renewal before it, comes after the other one's.
          if (exchange.kind === 'write') {
            await (taken ??= lease.patch({ spec: { holderIdentity: 'mallory', leaseDurationSeconds: 60 } }));
          }
          await exchange.pass();
        });
        alice.signal('SIGTERM');
        await alice.end();
        await taken;
        expect(await lease.spec()).toMatchObject({ holderIdentity: 'mallory', leaseDurationSeconds: 60 });
        expect(alice.all('released')).toEqual([]);
        const bob = await start('bob', { flags: ['--wait', '2s'] });
        expect((await bob.end()).status).toBe(124);
        expect(await stamps.lives()).toHaveLength(1);
      });
    } finally {
      await meddler.close();
    }
  });

  test('works on for nobody once another holder is seen: dead before the next one starts (client-go: 6.5 s more)', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { ignoreTerm: true, flags: ['--on-lost', 'exit'] });
      const { pid } = await stamps.started('alice');
      await alice.event('renewed');
      await lease.patch({ spec: { holderIdentity: 'mallory', leaseDurationSeconds: 1 } });
      const bob = await start('bob');
      await stamps.started('bob');
      expect(isAlive(pid)).toBe(false);
      expect((await alice.end()).status).toBe(122);
      await bob.event('renewed', { fits: ({ at }) => at > (bob.events[0]?.at ?? 0) + short.leaseMs });
    });
  });
});
