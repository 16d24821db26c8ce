// leader-run and the elector of client-go v0.20, which knows all five kinds of locks, on today's API server: alike on
// each kind, and as neighbours in a migration (docs/migration.md), one of them a step ahead of the other.
// Knows where that release is not safe: it releases before its command has ended, as all do, and it reckons with its
// own lease duration, whatever the record says.
// To check: the commands' stamps judge every test but those of what is not safe, which expect two commands at once.
import { expect, test } from 'vitest';
import { oldClientGoElector } from '../helpers/client-go.ts';
import {
  alongside, cutOff, earlyRelease, had, impatience, type LockKind, mainEndings, type Peer, relay, remembersPast,
  versions,
} from './peers.ts';

const program = await had('client-go v0.20', oldClientGoElector);
const kinds: readonly LockKind[] = ['leases', 'endpoints', 'configmaps', 'endpointsleases', 'configmapsleases'];

/** The old fleet's kind and leader-run's: each step of the migration, and the way back from it. */
const neighbours: readonly (readonly [LockKind, LockKind])[] = [
  ['endpoints', 'endpointsleases'],
  ['endpointsleases', 'leases'],
  ['endpointsleases', 'endpoints'],
  ['configmaps', 'configmapsleases'],
  ['configmapsleases', 'leases'],
  ['leases', 'configmapsleases'],
];

alongside('leader-run and client-go v0.20', program, ({ client, rows, figures }) => {
  const peer: Peer = { name: `client-go ${versions.oldClientGo}`, program: program ?? '', release: '-release-on-cancel' };

  test.each(kinds)('take %s from each other, however the holder ends', async (kind) => {
    rows.push(await relay(client, { peer, kind }));
  });

  test.each(kinds)('on %s leaves a key remembered that was done', async (kind) => {
    expect(await remembersPast(client, { peer, kind })).toBe('the key');
  });

  test.each(neighbours)('exclude each other where it is on %s and leader-run on %s', async (kind, ourKind) => {
    rows.push(await relay(client, { peer, kind, ourKind, run: mainEndings }));
  });

  test('do not meet when it is cut off and stops late, as the foreign grace is for that', async () => {
    const gap = await cutOff(client, { peer, kind: 'endpoints' });
    figures.push(`${peer.name} cut off: leader-run's command began ${gap} ms after the end of its command`);
    expect(gap).toBeGreaterThan(0);
  });

  test('live together while it drains after its release, as is to be expected of it', async () => {
    const overlap = await earlyRelease(client, { peer, kind: 'endpointsleases' });
    figures.push(`${peer.name} with ReleaseOnCancel whose command drains 3000 ms: two commands for ${overlap} ms`);
    expect(overlap).toBeGreaterThan(0);
  });

  test('live together when its own duration is the shorter one and leader-run is cut off', async () => {
    const timing = ['-lease-duration=2s', '-renew-deadline=1500ms', '-retry-period=400ms'];
    const overlap = await impatience(client, { peer, kind: 'configmaps', timing });
    figures.push(`${peer.name} set to 2 s, leader-run to 15 s: two commands for ${overlap} ms and more`);
  });
});
