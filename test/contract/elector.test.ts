// What client-go's own tests promise of an elector (leaderelection_test.go), in our words and for every kind of lock:
// what is taken when, who is reported, and which requests it takes, all of them counted.
// Decides nothing about how a kind keeps its record: lock-kinds.ts does.
import { beforeEach, describe, expect, test } from 'vitest';
import type { ElectionRecord } from '../../src/locks/record.ts';
import { bench } from '../helpers/elector-bench.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { holding, kinds } from '../helpers/lock-kinds.ts';
import { type Fault, MemoryApi } from '../helpers/memory-api.ts';

const conflict: Fault = { kind: 'answer', status: 409, headers: {}, text: '{"kind":"Status","reason":"Conflict"}' };

describe.each(kinds)('an elector on $name', (kind) => {
  let api: MemoryApi;
  let clock: ManualClock;
  beforeEach(() => {
    api = new MemoryApi();
    clock = new ManualClock();
  });

  function put(record: Partial<ElectionRecord>): void {
    for (const resource of kind.resources) api.put(resource, holding(resource, record));
  }

  async function stored(): Promise<ElectionRecord> {
    const { lock } = bench(kind, api, clock, 'reader');
    const answer = await lock.read({ limitMs: 1000 });
    if (answer.kind !== 'sighted' || answer.sighting.kind !== 'record') throw new Error(JSON.stringify(answer));
    return answer.sighting.record;
  }

  /** One look, as client-go's tryAcquireOrRenew. */
  async function lookOnce(candidate = bench(kind, api, clock)): Promise<string | undefined> {
    const under = candidate.campaign({ wait: { kind: 'one-look' } });
    await clock.pass(1);
    return under.end?.kind;
  }

  describe('that looks once', () => {
    test('makes a lock that is not there, without a transition', async () => {
      expect(await lookOnce()).toBe('elected');
      expect(api.calls).toEqual([...kind.looksInVain, ...kind.asksFirst, ...kind.creates]);
      expect(await stored()).toMatchObject({ holderIdentity: 'alice', leaseDurationSeconds: 15, leaseTransitions: 0 });
    });

    test('takes an object without a record, which counts as a transition', async () => {
      for (const resource of kind.resources) api.put(resource, {});
      expect(await lookOnce()).toBe('elected');
      expect(api.calls).toEqual([...kind.looks, ...kind.asksFirst, ...kind.writes]);
      expect(await stored()).toMatchObject({ holderIdentity: 'alice', leaseTransitions: 1 });
    });

    test('takes a lock that nobody holds', async () => {
      put({ holderIdentity: '', leaseTransitions: 6 });
      expect(await lookOnce()).toBe('elected');
      expect(api.calls).toEqual([...kind.looks, ...kind.asksFirst, ...kind.writes]);
      expect(await stored()).toMatchObject({ holderIdentity: 'alice', leaseTransitions: 7 });
    });

    test('takes a lock that nobody holds whatever time is written in it', async () => {
      put({ holderIdentity: '', renewTime: '2036-01-01T00:00:00.000000Z' });
      expect(await lookOnce()).toBe('elected');
    });

    test('leaves a lock that is held, names the holder and asks no second time', async () => {
      put({ holderIdentity: 'bob' });
      const alice = bench(kind, api, clock);
      expect(await lookOnce(alice)).toBe('not-acquired');
      expect(api.calls).toEqual(kind.looks);
      const standingBy = { kind: 'standing-by', leader: 'bob', durationMs: 3000 };
      expect(alice.events).toContainEqual(expect.objectContaining(standingBy));
    });

    test('takes without a further look a lock whose holder it saw last long ago', async () => {
      put({ holderIdentity: 'bob' });
      const alice = bench(kind, api, clock);
      await lookOnce(alice);
      await clock.pass(3100);
      expect(await lookOnce(alice)).toBe('elected');
      expect(api.calls).toEqual([...kind.looks, ...kind.asksFirst, ...kind.writes]);
      expect(await stored()).toMatchObject({ holderIdentity: 'alice', leaseTransitions: 1 });
    });

    test('takes nothing that was renewed meanwhile, since the version has changed', async () => {
      put({ holderIdentity: 'bob' });
      const alice = bench(kind, api, clock);
      await lookOnce(alice);
      await clock.pass(3100);
      put({ holderIdentity: 'bob', renewTime: '2026-01-01T00:00:02.000000Z' });
      expect(await lookOnce(alice)).toBe('not-acquired');
      expect((await stored()).holderIdentity).toBe('bob');
    });
  });

  test("waits out the record's duration, not its own", async () => {
    put({ holderIdentity: 'bob', leaseDurationSeconds: 3 });
    const alice = bench(kind, api, clock);
    const under = alice.campaign();
    await clock.pass(2999);
    expect(under.end).toBeUndefined();
    await clock.pass(100);
    expect(under.end?.kind).toBe('elected');
    expect(await stored()).toMatchObject({ holderIdentity: 'alice', leaseDurationSeconds: 15, leaseTransitions: 1 });
  });

  test('waits on for a holder whose record changes', async () => {
    put({ holderIdentity: 'bob' });
    const under = bench(kind, api, clock).campaign();
    for (const second of [2, 4, 6, 8]) {
      await clock.pass(2000);
      put({ holderIdentity: 'bob', renewTime: `2026-01-01T00:00:0${second}.000000Z` });
    }
    await clock.pass(2900);
    expect(under.end).toBeUndefined();
  });

  test('renews by one write each, with no look between', async () => {
    const alice = bench(kind, api, clock);
    await alice.lead();
    const first = await stored();
    api.calls.length = 0;
    await clock.pass(6000);
    expect(api.calls).toEqual([...kind.writes, ...kind.writes, ...kind.writes]);
    const last = await stored();
    expect(last).toEqual({ ...first, renewTime: last.renewTime });
    expect(Date.parse(last.renewTime)).toBeGreaterThan(Date.parse(first.renewTime));
    await clock.pass(60_000);
    expect(alice.events.filter(({ kind: what }) => what === 'renewed').length).toBeGreaterThan(30);
    expect(alice.events.filter(({ kind: what }) => what === 'lost')).toEqual([]);
  });

  test('renews more often than a second although times are whole seconds', async () => {
    const alice = bench(kind, api, clock, 'alice', 4000);
    await alice.lead();
    await clock.pass(20_000);
    expect(alice.events.filter(({ kind: what }) => what === 'lost')).toEqual([]);
    const sent = api.bodies.filter((body) => body !== undefined).map((body) => JSON.stringify(body));
    expect(new Set(sent).size).toBe(sent.length);
  });

  test('goes on when somebody writes labels, on the version that the watch has told', async () => {
    const alice = bench(kind, api, clock);
    await alice.lead();
    for (const resource of kind.resources) api.put(resource, { metadata: { labels: { a: 'b' } } });
    api.calls.length = 0;
    await clock.pass(2000);
    expect(api.calls).toEqual(kind.writes);
    for (const resource of kind.resources) expect(api.get(resource)?.metadata['labels']).toEqual({ a: 'b' });
  });

  test('looks once after a conflict, and goes on', async () => {
    const alice = bench(kind, api, clock);
    await alice.lead();
    const [write = ''] = kind.writes;
    let conflicts = 1;
    api.fault = (call) => (call === write && conflicts-- > 0 ? conflict : undefined);
    api.calls.length = 0;
    await clock.pass(2000);
    expect(api.calls).toEqual([write, ...kind.looks, ...kind.writes]);
    expect(alice.events.filter(({ kind: what }) => what === 'lost')).toEqual([]);
  });

  test('counts a renewal whose answer was lost from its sending, once it sees it', async () => {
    const alice = bench(kind, api, clock);
    const term = await alice.lead();
    const [write = ''] = kind.writes;
    let losses = 1;
    api.fault = (call) => (call === write && losses-- > 0 ? 'lost' : undefined);
    const before = term.leash.termBy.mono;
    await clock.pass(9000);
    expect(term.leash.termBy.mono).toBeGreaterThan(before);
    expect(alice.events.filter(({ kind: what }) => what === 'lost')).toEqual([]);
  });

  test('is over at the first sight of another holder', async () => {
    const alice = bench(kind, api, clock);
    await alice.lead();
    put({ holderIdentity: 'bob' });
    await clock.pass(1);
    expect(alice.events).toContainEqual(expect.objectContaining({ kind: 'lost', reason: 'taken' }));
  });

  test('makes a deleted lock again within its term', async () => {
    const alice = bench(kind, api, clock);
    await alice.lead();
    for (const resource of kind.resources) api.delete(resource);
    await clock.pass(5000);
    expect(alice.events.filter(({ kind: what }) => what === 'lost')).toEqual([]);
    expect(await stored()).toMatchObject({ holderIdentity: 'alice', leaseTransitions: 0 });
  });

  describe('that lets go', () => {
    test('leaves nobody in the record, one second, and the transitions', async () => {
      const alice = bench(kind, api, clock);
      const term = await alice.lead();
      await clock.pass(1000);
      api.calls.length = 0;
      term.workEnded();
      const returned = term.resign();
      await clock.pass(1000);
      expect(await returned).toEqual({ kind: 'released' });
      expect(api.calls).toEqual(kind.writes);
      expect(await stored()).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 0 });
      expect((await stored()).acquireTime).not.toBe('');
    });

    test('gives nothing back while its work runs', async () => {
      const alice = bench(kind, api, clock);
      const term = await alice.lead();
      void term.resign();
      await clock.pass(10_000);
      expect((await stored()).holderIdentity).toBe('alice');
      term.workEnded();
      await clock.pass(1000);
      expect((await stored()).holderIdentity).toBe('');
    });

    test('tries again after a conflict, from what it has read then', async () => {
      const alice = bench(kind, api, clock);
      const term = await alice.lead();
      const [write = ''] = kind.writes;
      let conflicts = 1;
      api.fault = (call) => (call === write && conflicts-- > 0 ? conflict : undefined);
      api.calls.length = 0;
      term.workEnded();
      const returned = term.resign();
      await clock.pass(2000);
      expect(await returned).toEqual({ kind: 'released' });
      expect(api.calls).toEqual([write, ...kind.looks, ...kind.writes]);
    });

    test('leaves alone what another has taken meanwhile', async () => {
      const alice = bench(kind, api, clock);
      const term = await alice.lead();
      put({ holderIdentity: 'bob' });
      term.workEnded();
      const returned = term.resign();
      await clock.pass(3000);
      expect(await returned).toEqual({ kind: 'not-released' });
      expect((await stored()).holderIdentity).toBe('bob');
    });

    test.each([
      { name: 'look', held: () => kind.looks[0] },
      { name: 'write', held: () => kind.writes[0] },
    ])('when it is stopped while a $name is under way holds nothing afterwards', async ({ held }) => {
      put({ holderIdentity: '' });
      let goOn = (): void => undefined;
      const gate = new Promise<void>((resolve) => (goOn = resolve));
      api.hold = (call) => (call === held() ? gate : undefined);
      const under = bench(kind, api, clock).campaign();
      await clock.pass(10);
      under.stop();
      await clock.pass(10);
      api.hold = () => undefined;
      goOn();
      await clock.pass(3000);
      expect(under.end).toEqual({ kind: 'stopped' });
      expect(await stored()).toMatchObject({ holderIdentity: '' });
    });
  });

  test('hands over to a standby at once, on a watch and without a look', async () => {
    const alice = bench(kind, api, clock);
    const term = await alice.lead();
    const bob = bench(kind, api, clock, 'bob');
    const under = bob.campaign();
    await clock.pass(1000);
    term.workEnded();
    api.calls.length = 0;
    void term.resign();
    await clock.pass(1);
    expect(under.end?.kind).toBe('elected');
    expect(api.calls).toEqual([...kind.writes, ...kind.writes]);
    expect(await stored()).toMatchObject({ holderIdentity: 'bob', leaseTransitions: 1 });
    expect(bob.events.flatMap((event) => (event.kind === 'standing-by' ? [event.leader] : []))).toEqual(['alice']);
  });
});
