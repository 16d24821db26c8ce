// What a key costs, for every kind of lock: the requests of a run with a key beside those of a run without one, and of
// a key that is done. Counted by the server in memory.
import { beforeEach, describe, expect, test } from 'vitest';
import { type Job } from '../../src/job/key.ts';
import { notesOf, type WorkEnd } from '../../src/job/once.ts';
import { parseJobs } from '../../src/job/record.ts';
import { bench } from '../helpers/elector-bench.ts';
import { kinds } from '../helpers/lock-kinds.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { MemoryApi } from '../helpers/memory-api.ts';

const job: Job = { kind: 'key', key: 'v42', attempts: 1 };
const done: WorkEnd = { ending: { kind: 'ok' }, tookMs: 5 };

describe.each(kinds)('a key under $name', (kind) => {
  let api: MemoryApi;
  let clock: ManualClock;
  beforeEach(() => {
    api = new MemoryApi();
    clock = new ManualClock();
  });

  /** Leads, works and gives back; returns what it asked of the server. */
  async function cost(identity: string, of: Job | undefined): Promise<string[]> {
    const before = api.calls.length;
    const candidate = bench(kind, api, clock, identity, 15_000, of && notesOf(of));
    const term = await candidate.lead();
    term.workEnded(done);
    void term.resign();
    await clock.pass(50);
    return api.calls.slice(before).filter((call) => !call.startsWith('WATCH'));
  }

  test('costs no request more than a run without one, and none less', async () => {
    const bare = await cost('alice', undefined);
    expect(await cost('bob', job)).toEqual(await cost('carol', undefined));
    // Creating it took the others.
    expect(bare.length).toBeGreaterThan(2);
  });

  test('that is done costs one look, whoever asks', async () => {
    await cost('alice', job);
    for (const identity of ['alice', 'bob']) {
      const before = api.calls.length;
      const late = bench(kind, api, clock, identity, 15_000, notesOf(job)).campaign();
      await clock.pass(50);
      expect(late.end).toMatchObject({ kind: 'settled', verdict: { kind: 'done' } });
      expect(api.calls.slice(before)).toEqual([...kind.looks]);
    }
  });

  test('is remembered by each object that is the lock, and no other elector loses it', async () => {
    await cost('alice', job);
    await cost('bob', undefined);
    for (const resource of kind.resources) {
      const metadata = (api.get(resource)?.['metadata'] ?? {}) as { annotations?: Record<string, string> };
      const reading = parseJobs(metadata.annotations?.['leader-run/job']);
      expect(reading).toMatchObject({ kind: 'record', record: { entries: [{ key: 'v42', outcome: { kind: 'ok' } }] } });
    }
  });
});
