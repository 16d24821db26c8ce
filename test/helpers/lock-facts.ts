// What every kind of lock promises of its store, whatever that is: told once, and asked both of the API server in
// memory, on which the contract of the elector rests, and of a real one (test/cluster/annotation-lock.test.ts).
// Knows no elector. Everything is checked by what lies in the objects themselves.
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { leaderAnnotation } from '../../src/locks/kube/annotation.ts';
import type { Lock, ReadAnswer, Sighting, WriteAnswer } from '../../src/locks/lock.ts';
import { type ElectionRecord, released, renewed, taken } from '../../src/locks/record.ts';
import type { Transport } from '../../src/kube-api/transport.ts';
import { holding, type Kind } from './lock-kinds.ts';
import type { Resource } from './memory-api.ts';

type Fields = Readonly<Record<string, unknown>>;

/** One namespace of a server, and a hand in it. */
export interface Backend {
  readonly namespace: string;
  readonly clock: Clock;
  transport(): Transport;
  get(resource: Resource): Promise<Fields | undefined>;
  /** Makes it, or replaces the fields given. */
  put(resource: Resource, fields: Fields): Promise<void>;
  delete(resource: Resource): Promise<void>;
}

const attempt = { limitMs: 10_000 };
const wall = Date.parse('2026-01-01T00:00:07.000Z');

export function facts(kind: Kind, open: () => Promise<Backend>): void {
  describe(`a lock of the kind ${kind.name}`, () => {
    let backend: Backend;
    let run: string;
    let number: number;
    const locks: Lock[] = [];
    beforeEach(async () => {
      backend = await open();
      run = randomUUID();
      number = 0;
    });
    afterEach(() => {
      for (const lock of locks.splice(0)) lock.close();
    });

    function newLock(warn: (message: string) => void = () => undefined): Lock {
      const { namespace, clock } = backend;
      const lock = kind.open({ transport: backend.transport(), namespace, name: 'demo', warn }, clock);
      locks.push(lock);
      return lock;
    }

    function write(lock: Lock, record: ElectionRecord, over?: Sighting & { kind: 'record' }): Promise<WriteAnswer> {
      number += 1;
      const signature = { identity: record.holderIdentity || 'alice', run, number };
      return lock.write({ record, signature, base: over?.version }, attempt);
    }

    const create = (lock: Lock) => write(lock, taken(undefined, 'alice', 15, wall));

    function recordIn(answer: WriteAnswer | ReadAnswer): Sighting & { kind: 'record' } {
      const sighting = answer.kind === 'stored' || answer.kind === 'sighted' ? answer.sighting : undefined;
      if (sighting?.kind !== 'record') throw new Error(`no record: ${JSON.stringify(answer)}`);
      return sighting;
    }

    async function put(record: Partial<ElectionRecord>): Promise<void> {
      for (const resource of kind.resources) await backend.put(resource, holding(resource, record));
    }

    async function metadata(resource: Resource): Promise<Fields> {
      return ((await backend.get(resource))?.['metadata'] ?? {}) as Fields;
    }

    test('is absent until somebody makes it, and says where it is', async () => {
      const lock = newLock();
      expect(await lock.read(attempt)).toMatchObject({ kind: 'sighted', sighting: { kind: 'absent' } });
      expect(lock.name).toContain(kind.resources[0] === 'leases' ? 'lease' : kind.resources[0]?.slice(0, 6));
    });

    test('shows each record that was written to it, word for word', async () => {
      const lock = newLock();
      let last = recordIn(await create(lock));
      expect(last).toMatchObject({
        record: taken(undefined, 'alice', 15, wall),
        signature: { identity: 'alice', run, number: 1 },
      });
      for (const next of [
        renewed(last.record, wall + 1000),
        released(last.record, wall + 2000),
        { ...taken(last.record, 'bob', 7, wall + 3000), leaseTransitions: 4 },
      ]) {
        const stored = recordIn(await write(lock, next, last));
        expect(stored.record).toEqual(next);
        expect(lock.compare(stored.version, last.version)).toBe('newer');
        expect(recordIn(await lock.read(attempt))).toMatchObject({ record: next, signature: stored.signature });
        last = recordIn(await newLock().read(attempt));
        expect(last).toMatchObject({ record: next, version: stored.version });
      }
    });

    test('is made once, by one of many at the same moment', async () => {
      const answers = await Promise.all(
        ['alice', 'bob', 'carol'].map((identity) => {
          const signature = { identity, run: randomUUID(), number: 1 };
          return newLock().write({ record: taken(undefined, identity, 15, wall), signature, base: undefined }, attempt);
        }),
      );
      expect(answers.filter(({ kind: what }) => what === 'stored')).toHaveLength(1);
      expect(answers.filter(({ kind: what }) => what === 'conflict')).toHaveLength(2);
      expect(await create(newLock())).toMatchObject({ kind: 'conflict' });
    });

    test('is not written from an old version, nor after it was deleted, nor after it was made again', async () => {
      const lock = newLock();
      const first = recordIn(await create(lock));
      const again = () => write(lock, renewed(first.record, wall + 5000), first);
      for (const resource of kind.resources) await backend.put(resource, { metadata: { labels: { a: 'b' } } });
      expect(await again()).toMatchObject({ kind: 'conflict' });
      for (const resource of kind.resources) await backend.delete(resource);
      expect(await again()).toMatchObject({ kind: 'conflict' });
      expect(await backend.get(kind.resources[0] ?? 'leases')).toBeUndefined();
      await put({ holderIdentity: 'bob' });
      expect(await again()).toMatchObject({ kind: 'conflict' });
      expect(recordIn(await lock.read(attempt)).record.holderIdentity).toBe('bob');
    });

    test('is free in an object that was made for something else, whose content it keeps', async () => {
      const content = { labels: { app: 'x' }, annotations: { note: 'keep me' } };
      for (const resource of kind.resources) {
        await backend.put(resource, {
          metadata: content,
          ...(resource === 'configmaps' && { data: { key: 'value' } }),
          ...(resource === 'endpoints' && {
            subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80, protocol: 'TCP' }] }],
          }),
        });
      }
      const lock = newLock();
      const free = recordIn(await lock.read(attempt));
      expect(free.record).toMatchObject({ holderIdentity: '', leaseTransitions: 0 });
      const stored = recordIn(await write(lock, taken(free.record, 'alice', 15, wall), free));
      expect(stored.record).toMatchObject({ holderIdentity: 'alice', leaseTransitions: 1 });
      for (const resource of kind.resources) {
        const object = await backend.get(resource);
        expect(object).toMatchObject({ metadata: content });
        expect(object?.['data']).toEqual(resource === 'configmaps' ? { key: 'value' } : undefined);
        if (resource === 'endpoints') expect(object?.['subsets']).toHaveLength(1);
      }
    });

    test('keeps what others put into the record beside the five fields', async () => {
      for (const resource of kind.resources) {
        const before = holding(resource, { holderIdentity: '' });
        if (resource === 'leases') {
          await backend.put(resource, { spec: { ...(before['spec'] as Fields), strategy: 'OldestEmulationVersion' } });
          continue;
        }
        const { annotations } = before['metadata'] as { annotations: Record<string, string> };
        const text = JSON.stringify({
          ...(JSON.parse(annotations[leaderAnnotation] ?? '') as Fields),
          strategy: '',
          preferredHolder: '',
        });
        await backend.put(resource, { metadata: { annotations: { [leaderAnnotation]: text } } });
      }
      const lock = newLock();
      const free = recordIn(await lock.read(attempt));
      recordIn(await write(lock, taken(free.record, 'alice', 15, wall), free));
      for (const resource of kind.resources) {
        if (resource === 'leases') {
          expect((await backend.get(resource))?.['spec']).toMatchObject({ strategy: 'OldestEmulationVersion' });
        } else {
          const { annotations } = (await metadata(resource)) as { annotations: Record<string, string> };
          expect(JSON.parse(annotations[leaderAnnotation] ?? '')).toEqual({
            holderIdentity: 'alice',
            leaseDurationSeconds: 15,
            acquireTime: '2026-01-01T00:00:07Z',
            renewTime: '2026-01-01T00:00:07Z',
            leaderTransitions: 1,
            strategy: '',
            preferredHolder: '',
          });
        }
      }
    });

    test('keeps a note beside the record, from the write that has one until the next that has', async () => {
      const lock = newLock();
      const noted = (note: string | undefined, over?: Sighting & { kind: 'record' }) => {
        number += 1;
        const signature = { identity: 'alice', run, number };
        const record = { ...taken(over?.record, 'alice', 15, wall), leaseTransitions: number };
        return lock.write({ record, signature, base: over?.version, note }, attempt);
      };
      let last = recordIn(await noted('{"v":1}'));
      expect(last.note).toBe('{"v":1}');
      last = recordIn(await noted(undefined, last));
      expect(recordIn(await newLock().read(attempt)).note).toBe('{"v":1}');
      last = recordIn(await noted('{"v":2}', last));
      for (const resource of kind.resources) await backend.put(resource, { metadata: { labels: { a: 'b' } } });
      last = recordIn(await lock.read(attempt));
      expect(last.note).toBe('{"v":2}');
      for (const resource of kind.resources) {
        expect((await metadata(resource))['annotations']).toMatchObject({ 'leader-run/job': '{"v":2}' });
      }
    });

    test('has no note where no write had one', async () => {
      const lock = newLock();
      expect(recordIn(await create(lock)).note).toBeUndefined();
      for (const resource of kind.resources) {
        expect((await metadata(resource))['annotations']).not.toHaveProperty(['leader-run/job']);
      }
    });

    test('is rehearsed without a trace', async () => {
      const lock = newLock();
      const request = { record: taken(undefined, 'alice', 15, wall), signature: { identity: 'alice', run, number: 9 } };
      expect(await lock.rehearse({ ...request, base: undefined }, attempt)).toEqual({ kind: 'allowed' });
      expect(await lock.read(attempt)).toMatchObject({ kind: 'sighted', sighting: { kind: 'absent' } });
      await put({ holderIdentity: 'bob' });
      const { version } = recordIn(await lock.read(attempt));
      expect(await lock.rehearse({ ...request, base: version }, attempt)).toEqual({ kind: 'allowed' });
      expect(recordIn(await lock.read(attempt))).toMatchObject({ record: { holderIdentity: 'bob' }, version });
    });

    test('is watched through what others make, change and delete', async () => {
      const lock = newLock();
      const seen: string[] = [];
      await lock.read(attempt);
      const stop = lock.watch((news) => {
        if (news.kind !== 'sighted') return;
        seen.push(
          news.sighting.kind === 'record' ? news.sighting.record.holderIdentity || 'nobody' : news.sighting.kind,
        );
      });
      const shows = (last: string) =>
        vi.waitFor(() => {
          expect(seen.at(-1)).toBe(last);
        });
      // A pair tells of nothing before both objects were seen.
      await put({ holderIdentity: 'bob' });
      await lock.read(attempt);
      await put({ holderIdentity: 'bob', renewTime: '2026-01-01T00:00:02.000000Z' });
      await shows('bob');
      await put({ holderIdentity: '' });
      await shows('nobody');
      for (const resource of kind.resources) await backend.delete(resource);
      await shows('absent');
      stop();
    });
  });
}
