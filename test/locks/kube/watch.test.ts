// The watch on one Lease: what is told, and what happens when it ends, breaks or is forbidden.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { leaseLock } from '../../../src/locks/kube/lease.ts';
import type { Lock, WatchNews } from '../../../src/locks/lock.ts';
import { openTransport } from '../../../src/kube-api/transport.ts';
import { startFakeApi, type Asked, type FakeApi } from '../../helpers/fake-api.ts';

let api: FakeApi;
let lock: Lock;
let news: WatchNews[];
let stop: (() => void) | undefined;
beforeEach(async () => {
  api = await startFakeApi({ tls: undefined, protocol: 'http/1.1' });
  news = [];
  lock = leaseLock({
    namespace: 'default',
    name: 'demo',
    random: () => 0,
    transport: openTransport(
      {
        server: new URL(api.url),
        where: 'prod:6443',
        namespace: undefined,
        proxy: undefined,
        trust: { insecure: false, serverName: undefined, ca: () => Promise.resolve(undefined) },
        authorize: () => Promise.resolve({ headers: {} }),
        warnings: [],
      },
      { version: '0', env: {} },
    ),
  });
});
afterEach(async () => {
  stop?.();
  vi.useRealTimers();
  lock.close();
  await api.close();
});

function watch(): void {
  stop = lock.watch((one) => news.push(one));
}

function event(type: string, resourceVersion: string, holderIdentity: string): string {
  const object = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'demo', uid: 'u', resourceVersion },
    spec: { holderIdentity, leaseDurationSeconds: 15, acquireTime: '', renewTime: '', leaseTransitions: 0 },
  };
  return `${JSON.stringify({ type, object })}\n`;
}

async function asked(count: number): Promise<Asked> {
  await vi.waitFor(() => {
    expect(api.asked).toHaveLength(count);
  });
  const last = api.asked.at(-1);
  if (last === undefined) throw new Error('nothing was asked');
  return last;
}

async function told(...kinds: string[]): Promise<void> {
  await vi.waitFor(() => {
    expect(news.map(({ kind }) => kind)).toEqual(kinds);
  });
}

/** Only these: the sockets of Node are timed by others. */
function fakeTimeouts(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
}

const opens = (one: Asked): void => {
  one.open();
};

test('a watch asks for one name and states how long it wants to last', async () => {
  api.handle = opens;
  watch();
  const url = new URL((await asked(1)).path, api.url);
  expect(url.pathname).toBe('/apis/coordination.k8s.io/v1/namespaces/default/leases');
  expect(Object.fromEntries(url.searchParams)).toEqual({
    watch: '1',
    fieldSelector: 'metadata.name=demo',
    allowWatchBookmarks: 'true',
    timeoutSeconds: '300',
  });
});

test('what is there, what changes and what is deleted is told; a bookmark is not', async () => {
  api.handle = opens;
  watch();
  const one = await asked(1);
  one.write(event('ADDED', '1', 'alice'));
  one.write(event('BOOKMARK', '5', ''));
  one.write(event('MODIFIED', '7', ''));
  one.write(event('DELETED', '8', ''));
  await told('up', 'sighted', 'sighted', 'sighted');
  expect(news).toMatchObject([
    { kind: 'up' },
    { sighting: { kind: 'record', record: { holderIdentity: 'alice' }, version: { object: 'u', state: '1' } } },
    { sighting: { kind: 'record', record: { holderIdentity: '' }, version: { state: '7' } } },
    { sighting: { kind: 'absent' } },
  ]);
});

test('each state follows the one that the same watch told before it, and none of an earlier watch', async () => {
  fakeTimeouts();
  api.handle = opens;
  watch();
  const one = await asked(1);
  one.write(event('ADDED', '1', 'alice'));
  one.write(event('MODIFIED', '2', ''));
  await told('up', 'sighted', 'sighted');
  await vi.advanceTimersByTimeAsync(6_000);
  one.end();
  // What happened between the two is not told by either.
  (await asked(2)).write(event('ADDED', '9', 'alice'));
  await told('up', 'sighted', 'sighted', 'sighted');
  const follows = news.flatMap((each) => (each.kind === 'sighted' ? [each.follows] : []));
  expect(follows).toEqual([undefined, { object: 'u', state: '1' }, undefined]);
});

test('a write may follow an event at once, without a read', async () => {
  api.handle = opens;
  watch();
  (await asked(1)).write(event('ADDED', '7', ''));
  await told('up', 'sighted');
  const record = {
    holderIdentity: 'bob',
    leaseDurationSeconds: 15,
    acquireTime: '',
    renewTime: '',
    leaseTransitions: 1,
  };
  api.handle = (put) => {
    put.answer(409, { kind: 'Status', code: 409, reason: 'Conflict' });
  };
  await lock.write(
    {
      record,
      signature: { identity: 'bob', run: '0b8d6f1c-aaaa-4bbb-8ccc-0123456789ab', number: 1 },
      base: { object: 'u', state: '7' },
    },
    { limitMs: 5000 },
  );
  expect(JSON.parse((await asked(2)).body)).toMatchObject({ metadata: { uid: 'u', resourceVersion: '7' } });
});

test('a watch that the server ends after its time is opened again without a word', async () => {
  fakeTimeouts();
  api.handle = opens;
  watch();
  const one = await asked(1);
  await told('up');
  await vi.advanceTimersByTimeAsync(6_000);
  one.end();
  (await asked(2)).write(event('ADDED', '1', 'alice'));
  await told('up', 'sighted');
});

test('a watch that ends at once is tried again with growing pauses', async () => {
  fakeTimeouts();
  api.handle = (one) => {
    one.open();
    one.end();
  };
  watch();
  await told('up', 'down');
  expect(api.asked).toHaveLength(1);
  // Half of 250 ms, 500 ms and 1 s, since the chance of this test is 0.
  for (const [turn, pauseMs] of [125, 250, 500].entries()) {
    await vi.advanceTimersByTimeAsync(pauseMs + 100);
    await asked(turn + 2);
    await vi.waitFor(() => {
      expect(news.filter(({ kind }) => kind === 'down')).toHaveLength(turn + 2);
    });
  }
});

test('a 410 in the stream is told and followed by a new watch from what is there', async () => {
  fakeTimeouts();
  api.handle = opens;
  watch();
  const one = await asked(1);
  one.write(
    `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old resource version' } })}\n`,
  );
  await told('up', 'down');
  expect(news[1]).toEqual({
    kind: 'down',
    forbidden: false,
    message: 'the server ended the watch: too old resource version',
  });
  await vi.advanceTimersByTimeAsync(300);
  expect((await asked(2)).path).not.toContain('resourceVersion');
});

test('a stream that turns into something else is left', async () => {
  api.handle = opens;
  watch();
  (await asked(1)).write('<html>\n');
  await told('up', 'down');
  expect(news[1]).toMatchObject({ forbidden: false, message: 'the watch sent a line that is not an event' });
});

test('a broken connection is told and tried again', async () => {
  fakeTimeouts();
  api.handle = opens;
  watch();
  await asked(1);
  await told('up');
  api.reset();
  await told('up', 'down');
  await vi.advanceTimersByTimeAsync(300);
  await told('up', 'down', 'up');
});

test('a forbidden watch is told with the missing right, and rests for minutes once that is meant', async () => {
  fakeTimeouts();
  api.handle = (one) => {
    one.answer(403, {
      kind: 'Status',
      code: 403,
      reason: 'Forbidden',
      message: 'leases is forbidden: User "alice" cannot watch resource "leases"',
      details: { kind: 'leases' },
    });
  };
  watch();
  await told('down');
  expect(news[0]).toMatchObject({
    forbidden: true,
    message: expect.stringContaining('the verb watch on leases is missing') as string,
  });
  // A server that has just started forbids for a moment what it will allow: so the first ones are tried again soon.
  for (const times of [2, 3, 4]) {
    await vi.advanceTimersByTimeAsync(2000);
    await told(...Array<'down'>(times).fill('down'));
  }
  await vi.advanceTimersByTimeAsync(290_000);
  expect(api.asked).toHaveLength(4);
  api.handle = opens;
  await vi.advanceTimersByTimeAsync(15_000);
  await told('down', 'down', 'down', 'down', 'up');
});

test('nothing is told after the stop', async () => {
  api.handle = opens;
  watch();
  const one = await asked(1);
  await told('up');
  stop?.();
  one.write(event('ADDED', '1', 'alice'));
  one.end();
  api.handle = (read) => {
    read.answer(404, {});
  };
  await lock.read({ limitMs: 5000 });
  expect(news).toEqual([{ kind: 'up' }]);
});

test('nothing is told after the stop, not even what came together with the news that led to it', async () => {
  api.handle = opens;
  stop = lock.watch((one) => {
    news.push(one);
    if (one.kind === 'sighted') stop?.();
  });
  (await asked(1)).write(event('ADDED', '1', 'alice') + event('MODIFIED', '2', ''));
  await told('up', 'sighted');
  api.handle = (read) => {
    read.answer(404, {});
  };
  await lock.read({ limitMs: 5000 });
  expect(news.map(({ kind }) => kind)).toEqual(['up', 'sighted']);
});

test('an object that cannot be read as a record is told as such', async () => {
  api.handle = opens;
  watch();
  (await asked(1)).write(event('ADDED', '1', '').replace('"leaseDurationSeconds":15', '"leaseDurationSeconds":"15"'));
  await told('up', 'sighted');
  expect(news[1]).toMatchObject({ sighting: { kind: 'unreadable', version: { object: 'u', state: '1' } } });
});
