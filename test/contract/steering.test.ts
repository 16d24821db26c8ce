// What an operator asks for, on every kind of lock: written as an annotation by any client, it reaches the holder over
// the watch, and is gone once it was obeyed. Invariant under test: a request costs no request more than the release
// and the renewal that there are anyway.
import { beforeEach, describe, expect, test } from 'vitest';
import { bench } from '../helpers/elector-bench.ts';
import { kinds } from '../helpers/lock-kinds.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { MemoryApi, type Resource } from '../helpers/memory-api.ts';

describe.each(kinds)('a lock of kind $name', (kind) => {
  let api: MemoryApi;
  let clock: ManualClock;
  beforeEach(() => {
    api = new MemoryApi();
    clock = new ManualClock();
  });

  function annotations(resource: Resource): Record<string, string> {
    return { ...api.get(resource)?.metadata.annotations };
  }

  /** As `kubectl annotate` does. */
  function annotate(resource: Resource, name: string, text: string | undefined): void {
    const { [name]: _, ...others } = annotations(resource);
    api.put(resource, { metadata: { annotations: { ...others, ...(text !== undefined && { [name]: text }) } } });
  }

  test.each(kind.resources)('is given back on a request that stands at the %s, which goes with it', async (resource) => {
    const alice = bench(kind, api, clock, 'alice');
    const term = await alice.lead();
    let isDeposed = false;
    void term.deposed.then(() => (isDeposed = true));
    annotate(resource, 'leader-run/step-down', 'alice kernel update');
    await clock.pass(100);
    expect(isDeposed).toBe(true);
    expect(alice.events.filter(({ kind: of }) => of === 'deposed')).toEqual([
      { kind: 'deposed', by: 'step-down', reason: 'kernel update' },
    ]);
    const before = api.calls.length;
    term.workEnded();
    void term.resign();
    await clock.pass(100);
    expect(api.calls.slice(before).filter((call) => !call.startsWith('WATCH'))).toEqual([...kind.writes]);
    for (const each of kind.resources) expect(Object.keys(annotations(each))).not.toContain('leader-run/step-down');
  });

  test('is held by nobody while it is paused, and by the one that waits as soon as it is not', async () => {
    const primary = kind.resources[0] ?? 'leases';
    const alice = bench(kind, api, clock, 'alice');
    const term = await alice.lead();
    const bob = bench(kind, api, clock, 'bob');
    const waiting = bob.campaign();
    await clock.pass(100);
    annotate(primary, 'leader-run/pause', 'storage migration');
    await clock.pass(100);
    term.workEnded();
    void term.resign();
    await clock.pass(60_000);
    expect(waiting.end).toBeUndefined();
    annotate(primary, 'leader-run/pause', undefined);
    await clock.pass(500);
    expect(waiting.end).toMatchObject({ kind: 'elected' });
    expect(bob.events.map(({ kind: of }) => of).filter((of) => of === 'paused' || of === 'resumed')).toEqual([
      ...['paused', 'resumed'],
    ]);
  });
});
