// Every kind of lock on the API server in memory: that this one is a server as the facts know it, and what only it can
// show, since it keeps every request.
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../helpers/manual-clock.ts';
import { type Backend, facts } from '../helpers/lock-facts.ts';
import { kinds } from '../helpers/lock-kinds.ts';
import { MemoryApi } from '../helpers/memory-api.ts';

for (const kind of kinds) facts(kind, () => Promise.resolve(memory(new MemoryApi())));

describe.each(kinds)('a lock of the kind $name', (kind) => {
  test('sends uid and resourceVersion with each write that is no creation', async () => {
    const api = new MemoryApi();
    const transport = api.transport();
    const lock = kind.open({ transport, namespace: 'default', name: 'demo' }, new ManualClock());
    const run = '00000000-0000-4000-8000-000000000000';
    const record = {
      holderIdentity: 'alice',
      leaseDurationSeconds: 15,
      acquireTime: '',
      renewTime: '',
      leaseTransitions: 0,
    };
    const limit = { limitMs: 1000 };
    const first = await lock.write(
      { record, signature: { identity: 'alice', run, number: 1 }, base: undefined },
      limit,
    );
    if (first.kind !== 'stored' || first.sighting.kind === 'absent') throw new Error(JSON.stringify(first));
    const creations = api.calls.length;
    const next = { ...record, leaseTransitions: 1 };
    await lock.write(
      { record: next, signature: { identity: 'alice', run, number: 2 }, base: first.sighting.version },
      limit,
    );
    const puts = api.bodies.slice(creations).filter((body) => body !== undefined) as {
      metadata: Record<string, string>;
    }[];
    expect(puts).toHaveLength(kind.resources.length);
    for (const { metadata } of puts) {
      expect(metadata['uid']).toMatch(/./);
      expect(metadata['resourceVersion']).toMatch(/./);
    }
    // What creates is a POST, but for a Lease, of which the server makes no second by PUT.
    expect(api.calls.filter((call) => call.startsWith('PUT') && !call.endsWith('leases')).length).toBe(
      kind.resources[0] === 'leases' ? 0 : 1,
    );
  });

  test('tells once what the server warns of with every answer', async () => {
    const api = new MemoryApi();
    const transport = api.transport();
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    const lock = kind.open({ transport, namespace: 'default', name: 'demo', warn }, new ManualClock());
    for (let look = 0; look < 3; look += 1) await lock.read({ limitMs: 1000 });
    const deprecation = expect.stringContaining('memory warns: v1 Endpoints is deprecated') as string;
    expect(warnings).toEqual(kind.resources[0] === 'endpoints' ? [deprecation] : []);
  });
});

function memory(api: MemoryApi): Backend {
  return {
    namespace: 'default',
    clock: new ManualClock(),
    transport: () => api.transport(),
    get: (resource) => Promise.resolve(api.get(resource)),
    put: (resource, fields) => {
      api.put(resource, fields);
      return Promise.resolve();
    },
    delete: (resource) => {
      api.delete(resource);
      return Promise.resolve();
    },
  };
}
