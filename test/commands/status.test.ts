// The verbs that show locks, on a store in a folder: what they print in a pipe, what their exit status answers, and
// that looking makes nothing. What people see on a terminal is the view, tested by itself.
// To check: each verb is run as main.ts runs it, with words and an environment.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/cli/exit-status.ts';
import { systemClock } from '../../src/clock.ts';
import { lookOf } from '../../src/commands/look.ts';
import { keyRows, viewOf } from '../../src/commands/status-text.ts';
import { chosen } from '../../src/commands/verbs.ts';
import { notesOf } from '../../src/job/once.ts';
import { emptyRecord } from '../../src/job/key.ts';
import { formatJobs, type JobRecord } from '../../src/job/record.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import { localLock } from '../../src/locks/local/lock.ts';
import { released, taken } from '../../src/locks/record.ts';
import { verbContext } from '../helpers/verb-context.ts';

const run = '01234567-89ab-cdef-0123-456789abcdef';
let folder: string;
let stop: AbortController;
let printed: string;

beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'leader-run-status-')), 'store');
  stop = new AbortController();
  printed = '';
});
afterEach(() => {
  rmSync(path.dirname(folder), { recursive: true, force: true });
});

async function ask(line: string, env: Record<string, string> = {}) {
  const print = (text: string): string => (printed += text);
  const context = verbContext({ env: { LEADER_RUN_LOCAL: folder, ...env }, stop: stop.signal, print });
  const { command, words } = chosen(line.split(' '));
  const ending = await command.run({ ...context, words });
  if (ending.kind === 'answered') return { text: ending.text, remark: ending.remark, status: exitStatus(ending) };
  return { faults: 'faults' in ending ? ending.faults : [], status: exitStatus(ending) };
}

interface Given {
  readonly holder?: string;
  readonly job?: JobRecord;
  readonly agoMs?: number;
  readonly leaseSeconds?: number;
}

/** A lock as a candidate would have left it. */
async function put(name: string, { holder, job, agoMs = 0, leaseSeconds = 15 }: Given = {}): Promise<void> {
  const lock = await localLock({ folder, namespace: 'ops', name, clock: systemClock() });
  const wall = Date.now() - agoMs;
  const answer = await lock.read({ limitMs: 1000 });
  const before = answer.kind === 'sighted' && answer.sighting.kind === 'record' ? answer.sighting : undefined;
  const record = taken(before?.record, holder ?? 'x', leaseSeconds, wall);
  const signature = { identity: holder ?? 'x', run, number: 1 };
  const note = job && formatJobs(job);
  const request = {
    record: holder === undefined ? released(record, wall) : record,
    signature,
    base: before?.version,
    note,
  };
  expect(await lock.write(request, { limitMs: 1000 })).toMatchObject({ kind: 'stored' });
  lock.close();
}

const entry = { outcome: { kind: 'ok' }, attempts: 1, at: '2026-11-26T10:00:03Z', tookMs: 5123, by: 'pod-a' } as const;
const remembered: JobRecord = {
  ...emptyRecord(Date.parse('2026-11-01T00:00:00Z')),
  entries: [
    { ...entry, key: 'v42' },
    { ...entry, key: 'v41', outcome: { kind: 'failed', status: 3 }, attempts: 3, by: 'pod-b' },
  ],
};
const claimed: JobRecord = {
  ...remembered,
  claim: { key: 'v43', isTick: false, attempt: 2, at: '2026-11-26T11:00:00Z', by: 'pod-c', run },
};

describe('status', () => {
  test('shows a lock in a line of tabs', async () => {
    await put('nightly', { holder: 'pod-a', job: claimed });
    const { text, status } = await ask('status --lock ops/nightly --no-headers');
    const [line = '', ...more] = (text ?? '').split('\n');
    expect([status, more]).toEqual([0, ['']]);
    expect(line.split('\t')).toEqual([
      'ops/nightly',
      'pod-a',
      expect.stringMatching(/^~/),
      expect.stringMatching(/^~/),
      '15 s',
      '0',
      'running v43',
      expect.stringMatching(/^v42 ok ~/),
    ]);
  });

  test('finds the lock in the environment, inside a term as well', async () => {
    await put('nightly', { holder: 'pod-a' });
    const { text } = await ask('status --no-headers', { LEADER_RUN_LOCK: 'ops/nightly', LEADER_RUN_TOKEN: '7' });
    expect(text).toMatch(/^ops\/nightly\tpod-a\t/);
  });

  test('shows several locks that are named, and all of a namespace', async () => {
    await put('one', { holder: 'a' });
    await put('two');
    const headers = /^LOCK\tHOLDER\tSINCE\tRENEWED\tLEASE\tTRANSITIONS\tJOB\tLAST\n/;
    for (const line of ['status ops/one ops/two', 'status -n ops one two', 'status -n ops', 'status --namespace=ops']) {
      const { text = '', status } = await ask(line);
      expect([line, status]).toEqual([line, 0]);
      expect(text).toMatch(headers);
      expect(
        text
          .trim()
          .split('\n')
          .slice(1)
          .map((row) => row.split('\t').slice(0, 2)),
      ).toEqual([
        ['ops/one', 'a'],
        ['ops/two', '-'],
      ]);
    }
    // The surroundings name a lock; the question is about a namespace.
    expect((await ask('status -n ops', { LEADER_RUN_LOCK: 'ops/one' })).text?.trim().split('\n')).toHaveLength(3);
  });

  test('ends with 1 for a lock that is not there, and makes nothing by looking', async () => {
    expect(await ask('status --lock ops/typo')).toMatchObject({ status: 1, remark: 'ops/typo: no such lock' });
    expect(existsSync(folder)).toBe(false);
  });

  test('tells by its exit status whether a candidate holds the lock, and prints nothing', async () => {
    await put('nightly', { holder: 'pod-a' });
    expect(await ask('status --lock ops/nightly --holder pod-a')).toEqual({ text: '', status: 0 });
    expect(await ask('status --lock ops/nightly --holder pod-b')).toEqual({ text: '', status: 1 });
    expect(await ask('status --lock ops/typo --holder pod-b')).toEqual({ text: '', status: 1 });
  });

  test('watches for a whole lease before it says that a holder is gone, since clocks may be wrong', async () => {
    await put('nightly', { holder: 'pod-a', agoMs: 60_000, leaseSeconds: 1 });
    expect(await ask('status --lock ops/nightly --holder pod-a')).toMatchObject({ status: 1 });
    await put('nightly', { holder: 'pod-a', agoMs: 60_000, leaseSeconds: 30 });
    const asked = ask('status --lock ops/nightly --holder pod-a');
    // Its clock is a minute behind, and it renews.
    await put('nightly', { holder: 'pod-a', agoMs: 59_000, leaseSeconds: 30 });
    expect(await asked).toMatchObject({ status: 0 });
  });

  test('tells by its exit status whether anything succeeded lately', async () => {
    await put('nightly', {
      job: {
        ...remembered,
        entries: [{ ...entry, key: 'v42', at: new Date(Date.now() - 60_000).toISOString().replace(/\.\d+Z/, 'Z') }],
      },
    });
    expect(await ask('status --lock ops/nightly --max-age 5m')).toMatchObject({ status: 0 });
    const late = await ask('status --lock ops/nightly --max-age 30s');
    expect(late).toMatchObject({
      status: 1,
      remark: expect.stringMatching(/^the last success under ops\/nightly was ~1 min/) as string,
    });
    await put('fresh');
    expect(await ask('status --lock ops/fresh --max-age 30s')).toMatchObject({
      status: 1,
      remark: 'no success is known under ops/fresh',
    });
  });

  test('is JSON, a line for each lock, with the fields that docs/status.md names', async () => {
    await put('nightly', { holder: 'pod-a', job: claimed });
    await put('other');
    const { text = '' } = await ask('status -n ops -o json');
    const [first, second] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toMatchObject({
      ...{
        lock: 'ops/nightly',
        state: 'held',
        held: true,
        holder: 'pod-a',
        leaseMs: 15_000,
        transitions: 0,
        version: '1',
      },
      job: {
        since: '2026-11-01T00:00:00Z',
        running: { key: 'v43', attempt: 2, by: 'pod-c', at: '2026-11-26T11:00:00Z' },
        keys: [
          { key: 'v42', outcome: 'ok', attempts: 1, at: '2026-11-26T10:00:03Z', tookMs: 5123, by: 'pod-a' },
          { key: 'v41', outcome: 'failed', status: 3, attempts: 3 },
        ],
      },
    });
    expect(second).toMatchObject({ lock: 'ops/other', state: 'free', held: false, holder: null, job: null });
  });

  test('goes on with a line for each change when it watches, and none for a renewal', async () => {
    await put('nightly');
    const watching = ask('status --lock ops/nightly -w');
    await expect.poll(() => printed.split('\n').length).toBe(2);
    await put('nightly', { holder: 'pod-a' });
    await expect.poll(() => printed.split('\n').length).toBe(3);
    stop.abort();
    expect(await watching).toMatchObject({ status: 0 });
    expect(
      printed
        .trim()
        .split('\n')
        .map((line) => line.split('\t').slice(1, 3)),
    ).toEqual([
      ['ops/nightly', '-'],
      ['ops/nightly', 'pod-a'],
    ]);
  });

  test.each([
    { line: 'status --lock ops/a --holder x --max-age 1m', faults: ['--holder and --max-age do not go together'] },
    { line: 'status -n ops --holder x', faults: ['--holder is about one lock: name it with --lock'] },
    { line: 'status ops/a ops/b -w', faults: ['--watch is about one lock: name it with --lock'] },
    { line: 'status ops/a/b', faults: ['ops/a/b: expected name or namespace/name'] },
    { line: 'status --lock ops/a -o yaml', faults: ['-o yaml'] },
    { line: 'status --lock ops/a --wait 5s', faults: ['--wait does not belong to this verb: leave it out'] },
  ])('refuses $line in one sentence', async ({ line, faults }) => {
    const answer = await ask(line);
    expect(answer).toMatchObject({ status: 125 });
    expect(answer.faults?.map((fault) => fault.replace(/^--output yaml: .*$/, '-o yaml'))).toEqual(faults);
  });
});

describe('the view of one lock', () => {
  const now = Date.parse('2026-11-26T11:00:42Z');
  const version = { object: 'uid-1', state: '8812' };
  const record = {
    ...taken(undefined, 'pod-a_5bf3', 15, now - 840_000),
    renewTime: '2026-11-26T11:00:41.000000Z',
    leaseTransitions: 7,
  };
  const sighting: Sighting = {
    kind: 'record',
    record,
    signature: { identity: 'pod-a_5bf3', run, number: 9 },
    version,
    note: formatJobs(claimed),
  };

  test('says who leads, how alive that is, and what runs', () => {
    expect(viewOf(lookOf('ops/nightly', sighting, now), now)).toBe(
      'ops/nightly    held by pod-a_5bf3 since ~14 min, renewed ~1 s ago, lease 15 s, 7 transitions\n' +
        '               uid uid-1, version 8812\n' +
        'running        key v43, attempt 2, for ~42 s\n',
    );
  });

  test('says why a holder may be gone, and what nobody holds', () => {
    const late = lookOf('ops/nightly', sighting, now + 60_000);
    expect(viewOf(late, now)).toContain('lease 15 s: its lease is over, or its clock is behind\n');
    expect(viewOf({ ...late, isObserved: true }, now)).toContain('lease 15 s: no renewal was seen for a whole lease\n');
    expect(viewOf(lookOf('ops/x', { kind: 'absent' }, now), now)).toContain('does not exist');
    const free: Sighting = { ...sighting, record: released(record, now) };
    expect(viewOf(lookOf('ops/x', free, now), now)).toContain('free, 7 transitions');
    expect(viewOf(lookOf('ops/x', { kind: 'unreadable', text: 'a\x1bb', version }, now), now)).toContain(
      'cannot be read: a\\x1bb',
    );
    expect(viewOf(lookOf('ops/x', { ...sighting, note: '{}' }, now), now)).toContain('keys           cannot be read:');
  });

  test('shows a claim whose holder is gone as an attempt of unknown end', () => {
    expect(keyRows(lookOf('ops/x', sighting, now)).map((row) => row.slice(0, 3))).toEqual([
      ['v43', 'running', '2'],
      ['v42', 'ok', '1'],
      ['v41', 'failed', '3'],
    ]);
    expect(keyRows(lookOf('ops/x', sighting, now + 60_000))[0]?.slice(0, 3)).toEqual(['v43', 'unknown', '2']);
  });
});

describe('keys', () => {
  test('lists what a lock remembers', async () => {
    await put('migrate', { job: remembered });
    expect((await ask('keys --lock ops/migrate')).text).toBe(
      'KEY\tOUTCOME\tATTEMPTS\tWHEN\tTOOK\tBY\tSTATUS\n' +
        'v42\tok\t1\t2026-11-26T10:00:03Z\t5.1 s\tpod-a\t-\n' +
        'v41\tfailed\t3\t2026-11-26T10:00:03Z\t5.1 s\tpod-b\t3\n',
    );
  });

  test('forgets one, which may run again, and marks one, which does not', async () => {
    await put('migrate', { job: remembered });
    expect(await ask('keys --lock ops/migrate forget v42')).toMatchObject({
      status: 0,
      text: 'v42 is forgotten at ops/migrate, and may run again\n',
    });
    expect(await ask('keys mark v41 --lock ops/migrate')).toMatchObject({
      status: 0,
      text: 'v41 counts as done at ops/migrate\n',
    });
    const { text = '' } = await ask('keys --lock ops/migrate --no-headers');
    expect(text.split('\n').map((line) => line.split('\t').slice(0, 3).join(' '))).toEqual(['v41 ok 3', '']);
    const answer = await (
      await localLock({ folder, namespace: 'ops', name: 'migrate', clock: systemClock() })
    ).read({ limitMs: 1000 });
    const sighting = answer.kind === 'sighted' ? answer.sighting : undefined;
    if (sighting?.kind !== 'record') throw new Error('no record');
    const page = { note: sighting.note, work: undefined, identity: 'a', run: 'r', wallMs: 0, serverMs: undefined };
    expect(notesOf({ kind: 'key', key: 'v41', attempts: undefined }).settled(page)).toMatchObject({ kind: 'done' });
    // The record of who leads is as it was.
    expect(sighting).toMatchObject({ record: { holderIdentity: '' }, signature: { run, number: 1 } });
  });

  test('leaves a key alone that is running', async () => {
    await put('migrate', { holder: 'pod-c', job: claimed });
    for (const deed of ['forget', 'mark']) {
      expect(await ask(`keys --lock ops/migrate ${deed} v43`)).toEqual({
        ...{ text: '', status: 1 },
        remark: 'key v43 is running, by pod-c, attempt 2: stop that first, or wait for its end',
      });
    }
    expect(await ask('keys --lock ops/migrate mark v44')).toMatchObject({ status: 0 });
  });

  test.each([
    { line: 'keys --lock ops/migrate forget v50', status: 1, says: 'ops/migrate knows no key v50' },
    { line: 'keys --lock ops/typo', status: 1, says: 'ops/typo does not exist: nothing has run under it' },
    { line: 'keys --lock ops/typo mark v1', status: 1, says: 'ops/typo does not exist: nothing has run under it' },
    { line: 'keys', status: 125, says: 'no lock: name it, as in --lock default/my-job' },
    { line: 'keys --lock ops/migrate forget', status: 125, says: 'forget needs a key, as in forget v42' },
    { line: 'keys --lock ops/migrate drop v1', status: 125, says: 'drop v1: expected nothing, forget KEY or mark KEY' },
  ])('answers $line with $status', async ({ line, status, says }) => {
    await put('migrate', { job: remembered });
    const answer = await ask(line);
    expect([answer.status, answer.remark ?? answer.faults?.join()]).toEqual([status, says]);
  });

  test('writes nothing where it cannot read what is remembered', async () => {
    await put('migrate', { job: remembered });
    const lock = await localLock({ folder, namespace: 'ops', name: 'migrate', clock: systemClock() });
    const answer = await lock.read({ limitMs: 1000 });
    if (answer.kind !== 'sighted' || answer.sighting.kind !== 'record') throw new Error('no record');
    const { record, version: base } = answer.sighting;
    await lock.write(
      { record, base, signature: { identity: 'x', run, number: 2 }, note: '{"v":2}' },
      { limitMs: 1000 },
    );
    expect(await ask('keys --lock ops/migrate mark v1')).toMatchObject({
      status: 125,
      faults: ['what ops/migrate remembers cannot be read, since another version of leader-run wrote it: remove its annotation leader-run/job to forget all keys'],
    });
  });
});
