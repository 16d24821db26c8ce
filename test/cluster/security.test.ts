// Security on the real server, where it alone can answer: what it stores of a hostile holder, that a stranger's
// authority is not believed, what the machine shows of a candidate's token, and that nobody borrows its name.
// To check: the output is searched as it came, byte for byte; the commands' stamps say who lived.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { leaderRun, short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { staged } from '../helpers/stage.ts';
import { until, untilDead } from '../helpers/wait.ts';
import { makeCertificates } from '../helpers/certificates.ts';

const evil = 'bob\u001b[2J\u001b]8;;http://x\u0007\u009b31m\r\n{"event":"exit"}\u202e\u2028';

onServers('leader-run', ({ client }) => {
  test('shows a holder of terminal escapes as text, for people and for machines, and outlives it', async () => {
    await staged(client, async ({ start, stamps, lease, namespace, file }) => {
      await lease.create({ holderIdentity: evil, leaseDurationSeconds: 2 });
      expect((await lease.spec())['holderIdentity']).toBe(evil);
      const config = await file('config', client.kubeconfig({ user: 'worker', namespace }));
      const pretty = await standsBy(['--lock', `${namespace}/job`, '--kubeconfig', config, '--log-format', 'pretty']);
      const alice = await start('alice');
      await stamps.started('alice');
      for (const out of [pretty, alice.stderr]) {
        expect(out).toContain('bob');
        expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }
    });
  });

  test('cuts a holder of a megabyte short, and waits for it as for any other', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      await lease.create({ holderIdentity: 'x'.repeat(1_000_000), leaseDurationSeconds: 2 });
      const madeAt = Date.now();
      const alice = await start('alice');
      const { startedAt } = await stamps.started('alice');
      expect(startedAt - madeAt).toBeGreaterThanOrEqual(2000);
      expect(alice.all('standing-by')).toHaveLength(1);
      expect(alice.stderr.length).toBeLessThan(20_000);
    });
  });

  test('hands its connection to nobody: the command has 0, 1 and 2', async () => {
    await staged(client, async ({ start }) => {
      // With one more of ls itself, for the folder that it reads.
      const command = ['sh', '-c', 'exec ls -m /proc/self/fd >&2'];
      const alice = await start('alice', { command });
      expect((await alice.end()).status).toBe(0);
      expect(/^0, .*$/m.exec(alice.stderr)?.[0]).toBe('0, 1, 2, 3');
    });
  });

  test('believes no server of a stranger’s authority, whatever the environment says', async () => {
    await staged(client, async ({ start, stamps, file, namespace }) => {
      const config = client.kubeconfig({ user: 'worker', namespace });
      const stranger = Buffer.from(makeCertificates().ca).toString('base64');
      const kubeconfig = await file('stranger', config.replace(/(certificate-authority-data: ).*/, `$1${stranger}`));
      const alice = await start('alice', { kubeconfig, env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } });
      expect((await alice.event('trouble')).message).toMatch(/certificate/);
      alice.signal('SIGTERM');
      await alice.end();
      expect(await stamps.lives()).toEqual([]);

      const insecure = config.replace(/certificate-authority-data: .*/, 'insecure-skip-tls-verify: true');
      const bob = await start('bob', { kubeconfig: await file('insecure', insecure) });
      await stamps.started('bob');
      expect(bob.all('note').map(({ message }) => message)).toContainEqual(
        expect.stringContaining('insecure-skip-tls-verify is set'),
      );
    });
  });

  test('shows its token to nobody: not in its log, its arguments, its command or its guardian', async () => {
    await staged(client, async ({ start, stamps, report, lease }) => {
      const token = client.tokens.worker;
      const alice = await start('alice', { drainMs: 200 });
      const { pid } = await stamps.started('alice');
      const bob = await start('bob');
      await bob.event('standing-by');
      await alice.event('renewed');
      // Hers are the guardian and the command, his the guardian and the gate.
      const family = await until('both families', () => {
        const all = [alice.pid, bob.pid, ...childrenOf(alice.pid), ...childrenOf(bob.pid)];
        return all.length >= 6 && all.includes(pid) ? all : undefined;
      });
      for (const each of family) {
        expect(read(each, 'cmdline')).not.toContain(token);
        expect(read(each, 'environ')).not.toContain(token);
      }

      alice.signal('SIGTERM');
      await alice.end();
      await stamps.started('bob');
      await lease.patch({ spec: { holderIdentity: 'mallory', leaseDurationSeconds: 1 } });
      await bob.event('lost');
      expect(report()).not.toContain(token);
      expect(report()).not.toContain(Buffer.from(token).toString('base64').slice(0, 24));
    });
  });

  test('is not fooled by a renewal in its own name: it ends its command', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { ignoreTerm: true });
      const { pid } = await stamps.started('alice');
      await alice.event('renewed');
      // Somebody who can update the Lease copies everything that is there, and prolongs it.
      await lease.patch({ spec: { holderIdentity: 'alice', renewTime: '2999-01-01T00:00:00.000000Z' } });
      await untilDead([pid], short.leaseMs);
      await alice.event('lost');
    });
  });

  test('waits for a huge duration without harm, and says so', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      await lease.create({ holderIdentity: 'mallory', leaseDurationSeconds: 2147483647 });
      const alice = await start('alice');
      const { message } = await alice.event('long-lease');
      expect(message).toContain('mallory holds a lease of');
      // Its clock does not run wild: what cannot be waited for by one timer is waited for by many.
      const from = alice.events.length;
      const at = Date.now();
      await until('a second has passed', () => Date.now() > at + 1000);
      expect(alice.events.length - from).toBeLessThan(20);
      expect(await stamps.lives()).toEqual([]);
    });
  });
});

/** What one that stands by has written by then. */
async function standsBy(options: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [leaderRun, ...options, '--', 'true'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const gone = once(child, 'close');
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
  try {
    await until('it stands by', () => text.includes('standing by'));
  } finally {
    child.kill('SIGTERM');
    await gone;
  }
  return text;
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    read(pid, `task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return ''; // Gone in the meantime.
  }
}
