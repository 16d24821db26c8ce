// A pair of objects beside candidates that know only one of them: the old ones, with the annotation alone, and the new
// ones, with the Lease alone. These are the cases that client-go tested of its MultiLock until v0.27, and those of a
// write that got no further than the first object.
import { beforeEach, describe, expect, test } from 'vitest';
import { leaderAnnotation } from '../../src/locks/kube/annotation.ts';
import { unknownLeader } from '../../src/locks/pair.ts';
import type { ElectionRecord } from '../../src/locks/record.ts';
import { bench } from '../helpers/elector-bench.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { holding, pairs } from '../helpers/lock-kinds.ts';
import { type Fault, MemoryApi, type Resource } from '../helpers/memory-api.ts';

const forbidden: Fault = {
  kind: 'answer',
  status: 403,
  headers: {},
  text: '{"kind":"Status","reason":"Forbidden","message":"leases is forbidden: User cannot update resource"}',
};

describe.each(pairs)('$name', (kind) => {
  const [old = 'endpoints'] = kind.resources;
  let api: MemoryApi;
  let clock: ManualClock;
  beforeEach(() => {
    api = new MemoryApi();
    clock = new ManualClock();
  });

  const put = (resource: Resource, record: Partial<ElectionRecord>): unknown =>
    api.put(resource, holding(resource, record));

  function holders(): unknown[] {
    const text = api.get(old)?.metadata.annotations?.[leaderAnnotation];
    const spec = api.get('leases')?.['spec'] as { holderIdentity?: string } | undefined;
    const record = text === undefined ? undefined : (JSON.parse(text) as { holderIdentity: string });
    return [record?.holderIdentity, spec?.holderIdentity];
  }

  async function once(candidate = bench(kind, api, clock)): Promise<string | undefined> {
    const under = candidate.campaign({ wait: { kind: 'one-look' } });
    await clock.pass(1);
    return under.end?.kind;
  }

  test('is made of both objects, the old one first', async () => {
    expect(await once()).toBe('elected');
    expect(api.calls).toEqual([`GET ${old}`, 'GET leases', `POST ${old}`, 'GET leases', 'PUT leases']);
    expect(holders()).toEqual(['alice', 'alice']);
  });

  test('is free while nobody holds the old object and there is no Lease', async () => {
    put(old, { holderIdentity: '' });
    expect(await once()).toBe('elected');
    expect(holders()).toEqual(['alice', 'alice']);
  });

  test('is free while nobody holds either', async () => {
    put(old, { holderIdentity: '' });
    put('leases', { holderIdentity: '' });
    expect(await once()).toBe('elected');
    expect(holders()).toEqual(['alice', 'alice']);
  });

  test('is held by an old candidate without a Lease, until its lease is over', async () => {
    put(old, { holderIdentity: 'old' });
    const alice = bench(kind, api, clock);
    expect(await once(alice)).toBe('not-acquired');
    expect(alice.events).toContainEqual(expect.objectContaining({ kind: 'standing-by', leader: 'old' }));
    await clock.pass(3100);
    expect(await once(alice)).toBe('elected');
    expect(holders()).toEqual(['alice', 'alice']);
  });

  test('is taken when both are stale', async () => {
    for (const resource of kind.resources) put(resource, { holderIdentity: 'bob' });
    const alice = bench(kind, api, clock);
    expect(await once(alice)).toBe('not-acquired');
    await clock.pass(3100);
    expect(await once(alice)).toBe('elected');
    expect(holders()).toEqual(['alice', 'alice']);
  });

  test('is held by nobody known when the two differ, until neither has changed for a lease', async () => {
    put(old, { holderIdentity: 'old' });
    put('leases', { holderIdentity: 'new' });
    const alice = bench(kind, api, clock);
    const under = alice.campaign();
    await clock.pass(2000);
    put('leases', { holderIdentity: 'new', renewTime: '2026-01-01T00:00:02.000000Z' });
    await clock.pass(2900);
    expect(under.end).toBeUndefined();
    expect(alice.events).toContainEqual(expect.objectContaining({ kind: 'standing-by', leader: unknownLeader }));
    await clock.pass(300);
    expect(under.end?.kind).toBe('elected');
    expect(holders()).toEqual(['alice', 'alice']);
  });

  test.each(['the old object', 'the Lease'])('is held by whoever renews %s alone under one name', async (which) => {
    for (const resource of kind.resources) put(resource, { holderIdentity: 'bob' });
    const under = bench(kind, api, clock).campaign();
    for (const second of [2, 4, 6]) {
      await clock.pass(2000);
      put(which === 'the Lease' ? 'leases' : old, { renewTime: `2026-01-01T00:00:0${second}.000000Z` });
    }
    await clock.pass(2900);
    expect(under.end).toBeUndefined();
    await clock.pass(300);
    expect(under.end?.kind).toBe('elected');
  });

  test.each(['the old object', 'the Lease'])('is lost at once when another takes %s', async (which) => {
    const alice = bench(kind, api, clock);
    await alice.lead();
    put(which === 'the Lease' ? 'leases' : old, { holderIdentity: 'thief' });
    await clock.pass(1);
    expect(alice.events).toContainEqual(
      expect.objectContaining({ kind: 'lost', reason: 'taken', holder: unknownLeader }),
    );
  });

  test('is renewed in both, and its token is of the old object', async () => {
    const alice = bench(kind, api, clock);
    const term = await alice.lead();
    const { resourceVersion, uid } = api.get(old)?.metadata ?? {};
    expect(term.token).toEqual({ value: resourceVersion, lockUid: uid, transitions: 0 });
    await clock.pass(2000);
    const text = api.get(old)?.metadata.annotations?.[leaderAnnotation] ?? '';
    const { renewTime } = JSON.parse(text) as { renewTime: string };
    expect(api.get('leases')?.['spec']).toMatchObject({ renewTime: renewTime.replace('Z', '.000000Z') });
  });

  test('gets a deleted Lease back with the next renewal', async () => {
    const alice = bench(kind, api, clock);
    await alice.lead();
    api.delete('leases');
    await clock.pass(4100);
    expect(holders()).toEqual(['alice', 'alice']);
    expect(alice.events.filter(({ kind: what }) => what === 'lost')).toEqual([]);
  });

  test('is not renewed by the old object alone', async () => {
    const alice = bench(kind, api, clock);
    const term = await alice.lead();
    const { mono } = term.leash.termBy;
    api.fault = (call) => (call === 'PUT leases' ? forbidden : undefined);
    await clock.pass(9900);
    expect(term.leash.termBy.mono).toBe(mono);
    await clock.pass(200);
    expect(alice.events).toContainEqual(expect.objectContaining({ kind: 'lost', reason: 'deadline' }));
  });

  test('goes on after a renewal that reached the old object alone', async () => {
    const alice = bench(kind, api, clock);
    await alice.lead();
    let refusals = 1;
    api.fault = (call) => (call === 'PUT leases' && refusals-- > 0 ? forbidden : undefined);
    await clock.pass(30_000);
    expect(alice.events.filter(({ kind: what }) => what === 'lost')).toEqual([]);
  });

  test('is nobody else’s while its holder is between the two writes', async () => {
    const alice = bench(kind, api, clock);
    const term = await alice.lead();
    const bob = bench(kind, api, clock, 'bob');
    const under = bob.campaign({ untilCertain: false });
    await clock.pass(100);
    let goOn = (): void => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    api.hold = (call) => (call === 'PUT leases' ? gate : undefined);
    term.workEnded();
    void term.resign();
    await clock.pass(500);
    expect(holders()).toEqual(['', 'alice']);
    expect(under.end).toBeUndefined();
    api.hold = () => undefined;
    goOn();
    await clock.pass(500);
    expect(under.end?.kind).toBe('elected');
    expect(bob.events.flatMap((event) => (event.kind === 'standing-by' ? [event.leader] : []))).toEqual(['alice']);
  });

  test('is not taken over the head of a candidate that took the Lease meanwhile', async () => {
    for (const resource of kind.resources) put(resource, { holderIdentity: 'bob' });
    const alice = bench(kind, api, clock);
    await once(alice);
    await clock.pass(3100);
    // Between the first write and the second.
    api.hold = (call) => {
      if (call === 'GET leases') put('leases', { holderIdentity: 'new' });
      return undefined;
    };
    expect(await once(alice)).toBe('not-acquired');
    expect(holders()).toEqual(['alice', 'new']);
  });

  test('is not acquired by the old object alone', async () => {
    const alice = bench(kind, api, clock);
    api.fault = (call) => (call === 'PUT leases' || call === 'POST leases' ? forbidden : undefined);
    const under = alice.campaign();
    await clock.pass(2500);
    expect(holders()).toEqual(['alice', undefined]);
    expect(under.end).toBeUndefined();
    await clock.pass(2500);
    expect(under.end).toMatchObject({ kind: 'refused', trouble: { cause: 'forbidden' } });
  });

  test('is made over an old Lease, and led only when that has not changed for a lease', async () => {
    put('leases', { holderIdentity: 'new' });
    const alice = bench(kind, api, clock);
    const under = alice.campaign();
    await clock.pass(14_900);
    expect(under.end).toBeUndefined();
    expect(holders()).toEqual(['alice', 'new']);
    await clock.pass(1000);
    expect(under.end?.kind).toBe('elected');
    expect(holders()).toEqual(['alice', 'alice']);
  });

  test('is created again under its own half', async () => {
    const alice = bench(kind, api, clock);
    let losses = 2;
    api.fault = (call) => (/(PUT|POST) leases/.test(call) && losses-- > 0 ? forbidden : undefined);
    const under = alice.campaign();
    await clock.pass(2000);
    expect(under.end?.kind).toBe('elected');
    expect(holders()).toEqual(['alice', 'alice']);
  });
});
