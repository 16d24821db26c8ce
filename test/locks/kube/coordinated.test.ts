// A Lease that the API server assigns, and our candidate for it: what is sent, in which order, and what is told when we
// cannot stand. What the server then does is tested on a real one (test/cluster/coordinated.test.ts).
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../../../src/clock.ts';
import { coordinatedLock } from '../../../src/locks/kube/coordinated.ts';
import type { Lock, ReadAnswer, WatchNews } from '../../../src/locks/lock.ts';
import { taken } from '../../../src/locks/record.ts';
import { openTransport, type Transport } from '../../../src/kube-api/transport.ts';
import { startFakeApi, type Asked, type FakeApi } from '../../helpers/fake-api.ts';

const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
const candidates = '/apis/coordination.k8s.io/v1beta1/namespaces/default/leasecandidates';
const attempt = { limitMs: 10_000 };

let api: FakeApi;
let lock: Lock;
const warnings: string[] = [];
beforeEach(async () => {
  api = await startFakeApi({ tls: undefined, protocol: 'http/1.1' });
  warnings.length = 0;
  lock = coordinatedLock({
    namespace: 'default',
    name: 'demo',
    transport: transport(),
    candidate: {
      identity: 'alice',
      binaryVersion: '1.4.0',
      emulationVersion: '1.3.0',
      transport: transport(),
      clock: quickClock(),
      warn: (message) => warnings.push(message),
    },
  });
});
afterEach(async () => {
  lock.close();
  await api.close();
});

/** Half a minute of waiting for the server's choice is over when a test says so; all else takes its time. */
let chosenLate: (() => void)[] = [];
function quickClock(): Clock {
  const clock = systemClock();
  chosenLate = [];
  const after = (ms: number, act: () => void) => {
    if (ms !== 30_000) return clock.after(ms, act);
    chosenLate.push(act);
    return () => {
      chosenLate = chosenLate.filter((each) => each !== act);
    };
  };
  return { now: () => clock.now(), after };
}

function transport(): Transport {
  const trust = { insecure: false, serverName: undefined, ca: () => Promise.resolve(undefined) };
  const authorize = () => Promise.resolve({ headers: {} });
  const server = new URL(api.url);
  const target = { server, where: 'prod:6443', namespace: undefined, proxy: undefined, trust, authorize, warnings: [] };
  return openTransport(target, { version: '0', env: {} });
}

function lease(spec: Record<string, unknown>): Record<string, unknown> {
  const metadata = { name: 'demo', namespace: 'default', uid: 'u-1', resourceVersion: '41' };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
}

function candidate(spec: Record<string, unknown>, resourceVersion = '50'): Record<string, unknown> {
  const metadata = { name: 'alice', namespace: 'default', uid: 'u-2', resourceVersion };
  return { apiVersion: 'coordination.k8s.io/v1beta1', kind: 'LeaseCandidate', metadata, spec };
}

const absent = {
  kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404, message: 'not found',
  details: { name: 'alice', group: 'coordination.k8s.io', kind: 'leasecandidates' },
};
const held = lease({ holderIdentity: 'bob', leaseDurationSeconds: 15, acquireTime: 'a', renewTime: 'b' });

/** Answers the Lease's requests by itself, and hands the candidate's to `about`. */
function serve(about: (asked: Asked) => void, sighted: unknown = held): void {
  api.handle = (asked) => {
    if (asked.path.includes('watch=1')) asked.open();
    else if (asked.path.startsWith(leases)) asked.answer(200, sighted);
    else about(asked);
  };
}

const accept = (asked: Asked): void => {
  if (asked.method === 'GET') asked.answer(404, absent);
  else asked.answer(201, candidate({ ...(JSON.parse(asked.body) as { spec: object }).spec }));
};

const callsOf = (what: string) => api.asked.filter(({ path }) => path.startsWith(what)).map(({ method }) => method);
const sightingOf = async () => {
  const answer = await lock.read(attempt);
  return answer.kind === 'sighted' && answer.sighting.kind === 'record' ? answer.sighting : undefined;
};
const troubleOf = (answer: ReadAnswer) => (answer.kind === 'failed' ? answer.trouble : undefined);

describe('a candidate', () => {
  test('stands only after the Lease was read, and then watches it', async () => {
    serve(accept);
    const news: WatchNews[] = [];
    lock.watch((it) => news.push(it));
    expect(callsOf('/')).toEqual([]);
    expect((await lock.read(attempt)).kind).toBe('sighted');
    await vi.waitFor(() => {
      expect(news).toContainEqual({ kind: 'up' });
    });
    expect(api.asked.map(({ method, path }) => `${method} ${path.split('?')[0] ?? ''}`).slice(0, 3)).toEqual([
      `GET ${leases}/demo`, `GET ${candidates}/alice`, `POST ${candidates}`,
    ]);
    expect(JSON.parse(api.asked.find(({ method }) => method === 'POST')?.body ?? '')).toMatchObject({
      kind: 'LeaseCandidate',
      metadata: { name: 'alice', namespace: 'default' },
      spec: { leaseName: 'demo', binaryVersion: '1.4.0', emulationVersion: '1.3.0', strategy: 'OldestEmulationVersion' },
    });
  });

  test.each(['DELETED', 'no API any more'])('stands again, or says why not, as soon as its object is gone: %s', async (how) => {
    const watches: Asked[] = [];
    let served = true;
    api.handle = (asked) => {
      if (asked.path.includes('watch=1')) {
        if (!served && asked.path.startsWith(candidates)) return void asked.answer(404, '404 page not found');
        asked.open();
        if (asked.path.startsWith(candidates)) watches.push(asked);
      } else if (asked.path.startsWith(leases)) asked.answer(200, held);
      else if (served) accept(asked);
      else asked.answer(404, '404 page not found');
    };
    await lock.read(attempt);
    await vi.waitFor(() => {
      expect(watches).toHaveLength(1);
    });
    const before = callsOf(candidates).filter((method) => method === 'POST').length;
    if (how === 'DELETED') {
      watches[0]?.write(`${JSON.stringify({ type: 'DELETED', object: candidate({ leaseName: 'demo' }) })}\n`);
      await vi.waitFor(() => {
        expect(callsOf(candidates).filter((method) => method === 'POST').length).toBe(before + 1);
      });
    } else {
      served = false;
      watches[0]?.destroy();
      await vi.waitFor(() => {
        expect(warnings.join()).toContain('does not offer coordinated leader election');
      }, 5000);
    }
  });

  test('is told that the server chooses nobody, once, and not before it had the time', async () => {
    serve(accept, lease({}));
    await lock.read(attempt);
    await lock.read(attempt);
    expect(warnings).toEqual([]);
    expect(chosenLate).toHaveLength(1);
    for (const act of chosenLate) act();
    expect(warnings.join()).toContain('has chosen no holder of lease default/demo for 30 s');
    serve(accept, held);
    await lock.read(attempt);
    expect(chosenLate).toHaveLength(0);
  });

  test('says that the server does not offer it', async () => {
    serve((asked) => {
      asked.answer(404, '404 page not found');
    });
    await lock.read(attempt);
    const trouble = troubleOf(await lock.read(attempt));
    expect(trouble?.cause).toBe('no-candidate');
    expect(trouble?.message).toContain('does not offer coordinated leader election');
    expect(trouble?.message).toContain('leave out --coordinated');
  });

  const forbidden = {
    kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: 403,
    message: 'leasecandidates is forbidden: User "alice" cannot get resource "leasecandidates"', details: {},
  };

  test('names the rule for candidates, whose names no Role can know', async () => {
    serve((asked) => {
      asked.answer(403, forbidden);
    });
    await lock.read(attempt);
    const trouble = troubleOf(await lock.read(attempt));
    expect(trouble?.cause).toBe('forbidden');
    expect(trouble?.message).toContain('resources: [leasecandidates], verbs: [get, create, update, watch]} in a Role');
    expect(trouble?.message).not.toContain('resourceNames');
  });

  test('could not take over while it does not stand, whatever its rights to the Lease', async () => {
    serve((asked) => {
      asked.answer(403, forbidden);
    });
    const sighting = await sightingOf();
    const signature = { identity: 'alice', run: '0b8d6f1c-aaaa-4bbb-8ccc-0123456789ab', number: 7 };
    const request = { record: taken(sighting?.record, 'alice', 15, 0), signature, base: sighting?.version };
    expect(await lock.rehearse(request, attempt)).toMatchObject({ kind: 'refused', trouble: { cause: 'forbidden' } });
  });

  test('says that its name stands for another Lease', async () => {
    serve((asked) => {
      asked.answer(200, candidate({ leaseName: 'other' }));
    });
    await lock.read(attempt);
    const trouble = troubleOf(await lock.read(attempt));
    expect(trouble?.cause).toBe('no-candidate');
    expect(trouble?.message).toContain('default/alice stands for lease other already: use another --identity');
    expect(callsOf(candidates)).not.toContain('PUT');
  });

  test('that stood before keeps its object, with new versions and a new time', async () => {
    serve((asked) => {
      const before = candidate({ leaseName: 'demo', binaryVersion: '1.0.0', renewTime: '2020-01-01T00:00:00.000000Z', kept: 1 });
      if (asked.method === 'GET') asked.answer(200, before);
      else asked.answer(200, JSON.parse(asked.body));
    });
    await lock.read(attempt);
    await vi.waitFor(() => {
      expect(callsOf(candidates)).toContain('PUT');
    });
    const put = JSON.parse(api.asked.find(({ method }) => method === 'PUT')?.body ?? '') as ReturnType<typeof candidate>;
    expect(put).toMatchObject({ metadata: { resourceVersion: '50' }, spec: { binaryVersion: '1.4.0', kept: 1 } });
    expect(String((put['spec'] as Record<string, string>)['renewTime']) > '2026').toBe(true);
  });
});

describe('a coordinated Lease', () => {
  const read = async (spec: Record<string, unknown>) => {
    serve(accept, lease(spec));
    const answer = await lock.read(attempt);
    return answer.kind === 'sighted' && answer.sighting.kind === 'record' ? answer.sighting : undefined;
  };
  const ours = { holderIdentity: 'alice', leaseDurationSeconds: 5, renewTime: 'b', strategy: 'OldestEmulationVersion' };

  test('invites when it names us and nobody has accepted', async () => {
    const sighting = await read(ours);
    expect(sighting?.coordinator).toBe('invites');
    expect(sighting?.record.holderIdentity).toBe('');
  });

  test.each([
    ['another is named', { ...ours, holderIdentity: 'bob' }],
    ['it is held already', { ...ours, acquireTime: 'a' }],
    ['another is preferred, and we do not hold it', { ...ours, holderIdentity: 'bob', preferredHolder: 'carol' }],
  ])('does not invite when %s', async (_, spec) => {
    expect((await read(spec))?.coordinator).toBeUndefined();
  });

  test('deposes when another is preferred to us', async () => {
    const sighting = await read({ ...ours, acquireTime: 'a', preferredHolder: 'bob' });
    expect(sighting).toMatchObject({ coordinator: 'deposes', record: { holderIdentity: 'alice' } });
  });

  test('keeps strategy and preference when it is written', async () => {
    const sighting = await read({ ...ours, preferredHolder: 'alice' });
    const signature = { identity: 'alice', run: '0b8d6f1c-aaaa-4bbb-8ccc-0123456789ab', number: 7 };
    await lock.write({ record: taken(sighting?.record, 'alice', 15, 0), signature, base: sighting?.version }, attempt);
    const put = api.asked.find(({ method, path }) => method === 'PUT' && path.startsWith(leases));
    expect(JSON.parse(put?.body ?? '')).toMatchObject({
      spec: { holderIdentity: 'alice', leaseDurationSeconds: 15, strategy: 'OldestEmulationVersion', preferredHolder: 'alice' },
    });
  });
});
