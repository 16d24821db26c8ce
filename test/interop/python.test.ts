// leader-run and the elector of the Python client, on a Lease and on a ConfigMap, where it writes its duration as text
// and its times without a zone: leader-run holds such a record for held and warns once.
// Knows where that elector is not safe: its requests have no limit in time, so cut off it leads for ever; and it
// reckons with its own lease duration. It cannot give a lock back.
// To check: the commands' stamps judge every test but those of what is not safe, which expect two commands at once.
import { expect, test } from 'vitest';
import { type Stage, staged } from '../helpers/stage.ts';
import {
  alongside, cutOff, had, impatience, kindFlags, mainEndings, pathOf, type Peer, relay, remembersPast, rules,
  startPeer, versions,
} from './peers.ts';
import { pythonElector } from './python/elector.ts';

const program = await had('the Python client', pythonElector);
const kinds = ['leases', 'configmaps'] as const;

alongside('leader-run and the Python client', program, ({ client, rows, figures }) => {
  // It takes no retry period under a second. Its zone is not ours: nobody may read its times.
  const peer: Peer = {
    name: `Python client ${versions.python}`,
    program: program ?? '',
    timing: ['-lease-duration=4', '-renew-deadline=2', '-retry-period=1'],
    env: { TZ: 'Asia/Kolkata' },
  };

  test.each(kinds)('take %s from each other, however the holder ends', async (kind) => {
    rows.push(await relay(client, { peer, kind, odd: kind === 'configmaps' }));
  });

  test.each(kinds)('on %s leaves a key remembered that was done', async (kind) => {
    expect(await remembersPast(client, { peer, kind })).toBe('the key');
  });

  test('exclude each other where it is on a ConfigMap and leader-run on the pair, on its way to a Lease', async () => {
    const kinds = { kind: 'configmaps', ourKind: 'configmapsleases' } as const;
    rows.push(await relay(client, { peer, ...kinds, run: mainEndings, odd: true }));
  });

  test.each(kinds)('live together on %s when it is cut off, since its request never ends', async (kind) => {
    const gap = await cutOff(client, { peer, kind, patienceMs: 3000 });
    figures.push(`${peer.name} on ${kind} cut off: its command still ran ${-gap} ms after leader-run's had begun`);
    expect(gap).toBeLessThan(-2000);
  });

  test('live together when its own duration is the shorter one and leader-run is cut off', async () => {
    const timing = ['-lease-duration=2', '-renew-deadline=1.5', '-retry-period=1'];
    const overlap = await impatience(client, { peer, kind: 'configmaps', timing });
    figures.push(`${peer.name} set to 2 s, leader-run to 15 s: two commands for ${overlap} ms and more`);
  });

  test('treat other annotations differently: it takes them away from an object without a record', async () => {
    const left = async (name: string, start: 'ours' | 'theirs'): Promise<unknown> => {
      let annotations: unknown;
      const play = async (stage: Stage): Promise<void> => {
        const path = pathOf(stage, 'configmaps');
        const metadata = { name: 'job', annotations: { note: 'keep me' } };
        expect((await client.admin('POST', path.replace(/\/job$/, ''), { metadata })).status).toBe(201);
        if (start === 'ours') await stage.start(name, { flags: kindFlags('configmaps') });
        else await startPeer(stage, peer, name, 'configmaps');
        await stage.stamps.started(name);
        annotations = (await client.admin('GET', path)).body.metadata?.annotations;
      };
      await staged(client, play, { rules });
      return annotations;
    };
    expect(await left('alice', 'ours')).toMatchObject({ note: 'keep me' });
    expect(await left('serpent', 'theirs')).not.toHaveProperty('note');
  });
});
