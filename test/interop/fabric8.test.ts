// leader-run and the elector of fabric8's Java client, on a Lease and on a ConfigMap, where it names its duration
// `leaseDuration`: leader-run holds such a record for held and warns once.
// Knows where that elector is not safe (it releases before its command has ended, waits longer for a request than its
// deadline allows, and believes written times) and where it is stuck: in a ConfigMap it reads no record but fabric8's.
// To check: the commands' stamps judge every test but those of what is not safe, which expect two commands at once.
import { expect, test } from 'vitest';
import { short } from '../helpers/leader-run.ts';
import { type Stage, staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';
import { fabric8Elector } from './fabric8/elector.ts';
import {
  alongside, beforeRenewal, cutOff, earlyRelease, foreignGraceMs, had, kindFlags, oddities, pathOf, type Peer, relay,
  remembersPast,  rules, startPeer, versions,
} from './peers.ts';

const program = await had("fabric8's Java client", fabric8Elector);

alongside("leader-run and fabric8's Java client", program, ({ client, rows, figures }) => {
  const peer: Peer = {
    name: `fabric8 ${versions.fabric8}`,
    program: program ?? '',
    timing: ['-lease-duration=4', '-renew-deadline=2', '-retry-period=0.4'],
    release: '-release-on-cancel',
  };

  test('take a Lease from each other, however the holder ends', async () => {
    rows.push(await relay(client, { peer, kind: 'leases' }));
  });

  test.each(['leases'] as const)('on %s leaves a key remembered that was done', async (kind) => {
    expect(await remembersPast(client, { peer, kind })).toBe('the key');
  });

  test('live together on a Lease when it is cut off, as its request outlasts its deadline', async () => {
    const gap = await cutOff(client, { peer, kind: 'leases', patienceMs: 30_000 });
    figures.push(`${peer.name} cut off: its command ended ${-gap} ms after leader-run's had begun`);
    expect(gap).toBeLessThan(0);
  });

  test('do not meet when it is cut off and its request ends in time', async () => {
    const gap = await cutOff(client, { peer, kind: 'leases', flags: ['-request-timeout=1'] });
    figures.push(`${peer.name} with a request timeout of 1 s cut off: leader-run's command began ${gap} ms after the end`);
  });

  test('live together while it drains after its release, as is to be expected of it', async () => {
    const overlap = await earlyRelease(client, { peer, kind: 'leases' });
    figures.push(`${peer.name} with releaseOnCancel whose command drains 3000 ms: two commands for ${overlap} ms`);
    expect(overlap).toBeGreaterThan(0);
  });

  test('judge an old record differently: it takes it by the time that is written there', async () => {
    const play = async (stage: Stage): Promise<void> => {
      const old = '2026-01-01T00:00:00.000000Z';
      await stage.lease.create({ holderIdentity: 'x', leaseDurationSeconds: 60, acquireTime: old, renewTime: old });
      const alice = await stage.start('alice');
      await alice.event('standing-by', { fits: ({ leader }) => leader === 'x' });
      await startPeer(stage, peer, 'theirs', 'leases');
      await stage.stamps.started('theirs');
      await alice.event('standing-by', { fits: ({ leader }) => leader === 'theirs' });
    };
    await staged(client, play, { rules });
  });

  test('go one way on a ConfigMap: leader-run takes it, with one warning, and it takes back only a new one', async () => {
    const play = async (stage: Stage): Promise<void> => {
      const path = pathOf(stage, 'configmaps');
      const flags = kindFlags('configmaps');
      const crashing = await startPeer(stage, peer, 'theirs-1', 'configmaps');
      const { pid } = await stage.stamps.started('theirs-1');
      const alice = await stage.start('alice', { flags });
      await alice.event('standing-by', { fits: ({ leader }) => leader === 'theirs-1' });
      const since = await beforeRenewal(client, path);
      crashing.signal('SIGKILL');
      process.kill(pid, 'SIGKILL');
      const first = await stage.stamps.started('alice');
      expect(first.startedAt).toBeGreaterThanOrEqual(since + short.leaseMs + foreignGraceMs);
      expect(oddities(alice)).toHaveLength(1);
      const stuck = await startPeer(stage, peer, 'theirs-2', 'configmaps');
      const unread = (): number => stuck.text().split('Error deserializing').length;
      await until('it tries to read the record', () => unread() > 2);
      alice.signal('SIGTERM');
      await alice.end();
      const before = unread();
      // At 0.4 to 0.9 s a try, these take longer than any lease here.
      await until('it tries to read the released record', () => unread() > before + 12);
      expect((await stage.stamps.lives()).map(({ name }) => name)).toEqual(['theirs-1', 'alice']);
      const bob = await stage.start('bob', { flags });
      await stage.stamps.started('bob');
      bob.signal('SIGTERM');
      await bob.end();
      expect((await client.admin('DELETE', path)).status).toBe(200);
      await stage.stamps.started('theirs-2');
    };
    await staged(client, play, { rules });
  });

  test('hand a ConfigMap over to leader-run when its command ends', async () => {
    const play = async (stage: Stage): Promise<void> => {
      await startPeer(stage, peer, 'theirs', 'configmaps', { flags: ['-release-on-cancel'] });
      const { pid } = await stage.stamps.started('theirs');
      const alice = await stage.start('alice', { flags: kindFlags('configmaps') });
      await alice.event('standing-by');
      process.kill(pid, 'SIGTERM');
      const second = await stage.stamps.started('alice');
      const first = await stage.stamps.started('theirs');
      expect(first.ended).toBe(true);
      figures.push(`${peer.name} on configmaps, its command ends: leader-run's began ${second.startedAt - first.lastSeen} ms later`);
    };
    await staged(client, play, { rules });
  });
});
