// The Event that a lock leaves at its object: every field, the right that it needs, and that it goes its own way.
import { describe, expect, test } from 'vitest';
import { bench } from '../../helpers/elector-bench.ts';
import { ManualClock } from '../../helpers/manual-clock.ts';
import type { Transport } from '../../../src/kube-api/transport.ts';
import { type Kind, kinds } from '../../helpers/lock-kinds.ts';
import { MemoryApi, type Resource } from '../../helpers/memory-api.ts';

const attempt = { limitMs: 1000 };
const announcement = {
  message: 'alice became leader',
  wallMs: Date.parse('2026-01-01T00:00:07.900Z'),
};
const objects = { leases: 'Lease', endpoints: 'Endpoints', configmaps: 'ConfigMap' } satisfies Record<Resource, string>;

describe.each(kinds)('a lock of the kind $name', (kind) => {
  test('announces at each of its objects', async () => {
    const api = new MemoryApi();
    const events = new MemoryApi();
    const options = {
      transport: api.transport(),
      announceOver: () => events.transport(),
      namespace: 'default',
      name: 'demo',
    };
    const lock = kind.open(options, new ManualClock());
    for (const resource of kind.resources) api.put(resource, {});
    await lock.read(attempt);
    const stop = lock.watch(() => undefined);
    expect(await lock.announce?.(announcement, attempt)).toBeUndefined();
    stop();
    expect(events.calls).toEqual(kind.resources.map(() => 'POST events'));
    expect(events.bodies).toEqual(
      kind.resources.map((resource) => ({
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { namespace: 'default', name: expect.stringMatching(/^demo\.[0-9a-f]{16}$/) as string },
        involvedObject: {
          apiVersion: resource === 'leases' ? 'coordination.k8s.io/v1' : 'v1',
          kind: objects[resource],
          namespace: 'default',
          name: 'demo',
          uid: api.get(resource)?.metadata.uid,
          resourceVersion: api.get(resource)?.metadata.resourceVersion,
        },
        reason: 'LeaderElection',
        message: 'alice became leader',
        type: 'Normal',
        source: { component: 'leader-run' },
        reportingComponent: 'leader-run',
        firstTimestamp: '2026-01-01T00:00:07Z',
        lastTimestamp: '2026-01-01T00:00:07Z',
        count: 1,
      })),
    );
    expect(api.calls.filter((call) => call.endsWith('events'))).toEqual([]);
  });

  test('uses its own connection once no elector watches it any more, and leaves it open', async () => {
    const api = new MemoryApi();
    const announceOver = (): never => {
      throw new Error('a connection too many');
    };
    const lock = kind.open(
      { transport: api.transport(), announceOver, namespace: 'default', name: 'demo' },
      new ManualClock(),
    );
    for (const resource of kind.resources) api.put(resource, {});
    await lock.read(attempt);
    lock.watch(() => undefined)();
    expect(await lock.announce?.(announcement, attempt)).toBeUndefined();
    expect(api.calls.filter((call) => call === 'POST events')).toHaveLength(kind.resources.length);
    expect(await lock.read(attempt)).toMatchObject({ kind: 'sighted' });
  });

  test('goes another way while an elector uses the lock, and the same way once the lock was given back', async () => {
    const [api, events, clock] = [new MemoryApi(), new MemoryApi(), new ManualClock()];
    let unclosed = 0;
    const announceOver = (): Transport => {
      unclosed += 1;
      return { ...events.transport(), close: () => void (unclosed -= 1) };
    };
    const open: Kind['open'] = (options) => kind.open({ ...options, announceOver }, clock);
    const under = bench({ ...kind, open }, api, clock);
    const { lock } = under;
    const posts = ({ calls }: MemoryApi): number => calls.filter((call) => call === 'POST events').length;

    const term = await under.lead();
    expect(await lock.announce?.(announcement, attempt)).toBeUndefined();
    expect([posts(api), posts(events)]).toEqual([0, kind.resources.length]);
    expect(unclosed).toBe(0);

    term.workEnded();
    const given = term.resign();
    await clock.pass(1000);
    expect(await given).toEqual({ kind: 'released' });
    expect(await lock.announce?.(announcement, attempt)).toBeUndefined();
    expect([posts(api), posts(events)]).toEqual([kind.resources.length, kind.resources.length]);
  });

  test('says which right is missing', async () => {
    const api = new MemoryApi();
    const transport = api.transport();
    const lock = kind.open(
      { transport, announceOver: () => transport, namespace: 'default', name: 'demo' },
      new ManualClock(),
    );
    for (const resource of kind.resources) api.put(resource, {});
    await lock.read(attempt);
    const message = 'events is forbidden: User \\"alice\\" cannot create resource \\"events\\" in API group \\"\\"';
    const text = `{"kind":"Status","reason":"Forbidden","message":"${message}"}`;
    api.fault = () => ({ kind: 'answer', status: 403, headers: {}, text });
    expect(await lock.announce?.(announcement, attempt)).toMatchObject({
      cause: 'forbidden',
      message: expect.stringContaining(
        'the verb create on events is missing: allow {apiGroups: [""], resources: [events], verbs: [create]}',
      ) as string,
    });
  });

  test('announces nothing before its object was seen, nor where nobody reads it', async () => {
    const api = new MemoryApi();
    const transport = api.transport();
    const lock = kind.open(
      { transport, announceOver: () => transport, namespace: 'default', name: 'demo' },
      new ManualClock(),
    );
    await lock.announce?.(announcement, attempt);
    expect(api.calls).toEqual([]);
    expect(bench(kind, api, new ManualClock()).lock.announce).toBeUndefined();
  });
});
