// The record of jobs as a text: what is written is read back, what grows is cut, what is odd is refused.
// To check: each row of the odd texts differs from a good one in one thing, and none of them reads as an empty record.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatJobs, isKey, longestText, mostEntries, nameOf, parseJobs, timeText } from '../../src/job/record.ts';
import { anyRecord, at, entry, podA, record } from './samples.ts';

const bytes = (text: string): number => Buffer.byteLength(text);

/** To shrink a record that fills 4 KB takes minutes. */
const unshrunk = { endOnFailure: true };

describe('a record of jobs', () => {
  test('is one line of JSON that a person can read', () => {
    const claim = { key: '2026-11-26T03:00:00Z', isTick: true, attempt: 1, at, by: 'pod-a', run: 'run-a' };
    const entries = [entry('v42', 'ok'), entry('v41', 'failed', 3), entry('v40', 'max-runtime'), entry('v39', 'unknown', 2)];
    const text = formatJobs(record(entries, { cursor: '2026-11-26T02:00:00Z', claim }));
    expect(text.replace(/(?<=[{,])(?="(?:since|cursor|run|keys)")|(?<=[[\]],?)(?=\[)/g, '\n').split('\n')).toEqual([
      '{"v":1,',
      '"since":"2026-11-01T00:00:00Z",',
      '"cursor":"2026-11-26T02:00:00Z",',
      '"run":{"key":"2026-11-26T03:00:00Z","tick":true,"n":1,"by":"pod-a","at":"2026-11-26T10:00:00Z","id":"run-a"},',
      '"keys":[',
      '["v42","ok",1,"2026-11-26T10:00:00Z",88,"pod-b"],',
      '["v41","failed",3,"2026-11-26T10:00:00Z",88,"pod-b",3],',
      '["v40","failed",1,"2026-11-26T10:00:00Z",88,"pod-b","max-runtime"],',
      '["v39","unknown",2,"2026-11-26T10:00:00Z",null,"pod-b"]]}',
    ]);
  });

  test('is read back as it was, but for the oldest entries of a long one', () => {
    fc.assert(
      fc.property(anyRecord, (before) => {
        const reading = parseJobs(formatJobs(before));
        if (reading.kind !== 'record') return expect(reading).toEqual(before);
        const kept = reading.record.entries.length;
        expect(reading.record).toEqual({ ...before, entries: before.entries.slice(0, kept) });
      }),
      unshrunk,
    );
  });

  test('is written alike when it is read and written again', () => {
    fc.assert(
      fc.property(anyRecord, (before) => {
        const text = formatJobs(before);
        const reading = parseJobs(text);
        expect(reading.kind === 'record' && formatJobs(reading.record)).toBe(text);
      }),
      unshrunk,
    );
  });

  test('has at most 4 KB and 32 entries, loses no entry without need, and never the newest', () => {
    fc.assert(
      fc.property(anyRecord, (before) => {
        const text = formatJobs(before);
        expect(bytes(text)).toBeLessThanOrEqual(longestText);
        const reading = parseJobs(text);
        const kept = reading.kind === 'record' ? reading.record.entries.length : 0;
        expect(kept).toBeGreaterThanOrEqual(Math.min(1, before.entries.length));
        if (kept === before.entries.length || kept === mostEntries) return;
        // One more would not have fitted.
        const next = JSON.stringify({ ...JSON.parse(text) as object, keys: [] });
        const all = formatJobs({ ...before, entries: before.entries.slice(kept, kept + 1) });
        expect(bytes(text) + bytes(all) - bytes(next) + 1).toBeGreaterThan(longestText);
      }),
      unshrunk,
    );
  });

  test('is cut before it has more bytes than it may, whatever its characters', () => {
    const entries = Array.from({ length: 32 }, (_, i) => ({ ...entry(`v${i}`, 'ok'), by: '\u{1f600}'.repeat(64) }));
    const reading = parseJobs(formatJobs(record(entries)));
    const kept = reading.kind === 'record' ? reading.record.entries.map(({ key }) => key) : [];
    expect(kept).toEqual(entries.slice(0, kept.length).map(({ key }) => key));
    expect([kept.length > 1, kept.length < 16]).toEqual([true, true]);
  });

  test('keeps twenty keys of the longest, by names of the longest', () => {
    const entries = Array.from({ length: 32 }, (_, i) => ({ ...entry(`${i}`.padEnd(64, 'x'), 'failed'), by: 'n'.repeat(64) }));
    const reading = parseJobs(formatJobs(record(entries)));
    expect(reading.kind === 'record' && reading.record.entries.length).toBeGreaterThanOrEqual(20);
  });

  test('keeps the last 32 ticks of pods with long names', () => {
    const ticks = Array.from({ length: 40 }, (_, i) => timeText(Date.parse('2026-11-26T03:00:00Z') - i * 60_000));
    const by = nameOf('nightly-reports-7d4b9c8f6-x2x9k_5bf32a10-0000-4000-8000-00000000000a');
    const reading = parseJobs(formatJobs(record(ticks.map((key) => ({ ...entry(key, 'failed'), by })))));
    expect(reading.kind === 'record' && reading.record.entries.map(({ key }) => key)).toEqual(ticks.slice(0, 32));
  });
});

describe('a text', () => {
  const good = {
    v: 1,
    since: '2026-11-01T00:00:00Z',
    run: { key: 'v42', n: 2, by: 'pod-a', at: '2026-11-26T10:00:00Z', id: 'run-a' },
    keys: [['v41', 'failed', 1, '2026-11-20T10:00:00Z', 88, 'pod-b', 3]],
  };
  const withKeys = (...keys: unknown[]): string => JSON.stringify({ ...good, keys });
  const withRun = (run: object): string => JSON.stringify({ ...good, run: { ...good.run, ...run } });

  test('that is missing is no record, and no fault', () => {
    expect(parseJobs(undefined)).toEqual({ kind: 'absent' });
  });

  test('of this version is a record', () => {
    expect(parseJobs(JSON.stringify(good)).kind).toBe('record');
  });

  test.each([
    { name: 'empty', text: '', why: 'it is not a JSON object' },
    { name: 'cut off', text: JSON.stringify(good).slice(0, -1), why: 'it is not a JSON object' },
    { name: 'null', text: 'null', why: 'it is not a JSON object' },
    { name: 'a list', text: '[]', why: 'it is not a JSON object' },
    { name: 'an object of nothing', text: '{}', why: 'another version of leader-run wrote it' },
    { name: 'of a later version', text: JSON.stringify({ ...good, v: 2 }), why: 'another version of leader-run wrote it' },
    { name: 'with a field more', text: JSON.stringify({ ...good, pause: 'x' }), why: 'it has fields that this version of leader-run does not know' },
    { name: 'with a prototype', text: JSON.stringify(good).replace('{', '{"__proto__":1,'), why: 'it has fields that this version of leader-run does not know' },
    { name: 'of no time', text: JSON.stringify({ ...good, since: 'once' }), why: 'since is not a time' },
    { name: 'of the 31st of February', text: JSON.stringify({ ...good, since: '2026-02-31T00:00:00Z' }), why: 'since is not a time' },
    { name: 'with a cursor of another form', text: JSON.stringify({ ...good, cursor: '2026-11-26T04:00:00+01:00' }), why: 'cursor is not a tick' },
    { name: 'with no list of keys', text: JSON.stringify({ ...good, keys: {} }), why: 'keys is not a list' },
    { name: 'with a claim of nothing', text: JSON.stringify({ ...good, run: null }), why: 'run is not a claim' },
    { name: 'with attempt 0 claimed', text: withRun({ n: 0 }), why: 'run is not a claim' },
    { name: 'with a claim of more', text: withRun({ host: 'x' }), why: 'run is not a claim' },
    { name: 'with a claim of a tick that is none', text: withRun({ tick: true }), why: 'run is not a claim' },
    { name: 'with a claim without a process', text: withRun({ id: 7 }), why: 'run is not a claim' },
    { name: 'with a key of other characters', text: withKeys(['v 41', 'ok', 1, at, 88, 'pod-b']), why: 'keys has an item that is not an entry' },
    { name: 'with an outcome of another word', text: withKeys(['v41', 'done', 1, at, 88, 'pod-b']), why: 'keys has an item that is not an entry' },
    { name: 'with a failure of no status', text: withKeys(['v41', 'failed', 1, at, 88, 'pod-b']), why: 'keys has an item that is not an entry' },
    { name: 'with a success of a status', text: withKeys(['v41', 'ok', 1, at, 88, 'pod-b', 0]), why: 'keys has an item that is not an entry' },
    { name: 'with half an attempt', text: withKeys(['v41', 'ok', 0.5, at, 88, 'pod-b']), why: 'keys has an item that is not an entry' },
    { name: 'with an item more', text: withKeys(['v41', 'failed', 1, at, 88, 'pod-b', 3, 3]), why: 'keys has an item that is not an entry' },
    { name: 'with a name that fills it', text: withKeys(['v41', 'ok', 1, at, 88, 'x'.repeat(65)]), why: 'keys has an item that is not an entry' },
    { name: 'with a key twice', text: withKeys(...good.keys, ...good.keys), why: 'keys has a key twice' },
  ])('that is $name is unreadable, and not an empty record', ({ text, why }) => {
    expect(parseJobs(text)).toEqual({ kind: 'unreadable', why });
  });

  test('of any kind is read without an exception', () => {
    const mixed = fc.object().map((value) => JSON.stringify({ ...good, ...value }));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), mixed), (text) => {
        expect(['record', 'unreadable']).toContain(parseJobs(text).kind);
      }),
    );
  });

  test('of any kind in one field is read without an exception, and as what it says or not at all', () => {
    const path = fc.constantFrom('v', 'since', 'cursor', 'run', 'keys');
    fc.assert(
      fc.property(path, fc.jsonValue(), (name, value) => {
        const reading = parseJobs(JSON.stringify({ ...good, [name]: value }));
        if (reading.kind === 'record') expect(JSON.parse(formatJobs(reading.record))).toEqual({ ...good, [name]: value });
      }),
    );
  });
});

describe('a key', () => {
  test('is 1 to 64 letters, digits and a few signs', () => {
    const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    const keys = ['v42', '2026-11-26T03:00:00Z', 'registry/app@sha256:0a', 'a+b_c-d', sha256];
    expect(keys.filter((key) => !isKey(key))).toEqual([]);
    expect(['', 'a b', 'ä', 'a\n', 'a,b', '"', `${sha256}0`].filter(isKey)).toEqual([]);
  });
});

describe('a name in the record', () => {
  test('leaves out the uuid that makes an identity unique', () => {
    expect(nameOf(podA.identity)).toBe('pod-a');
    expect(nameOf('vm-2')).toBe('vm-2');
    expect(nameOf('_5bf32a10-0000-4000-8000-00000000000a')).toBe('_5bf32a10-0000-4000-8000-00000000000a');
  });

  test('is cut between characters', () => {
    expect(nameOf('😀'.repeat(100))).toBe('😀'.repeat(64));
  });
});
