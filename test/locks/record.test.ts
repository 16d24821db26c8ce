// The record by itself: what each kind of write makes of the one before, which texts are a signature, and when two
// records, signatures or versions are the same.
// To check: whatever differs in one field alone differs.
import { describe, expect, test } from 'vitest';
import {
  alterationOf,
  type ElectionRecord,
  formatSignature,
  isRecord,
  microTime,
  parseSignature,
  released,
  renewed,
  sameRecord,
  sameSignature,
  sameVersion,
  shortened,
  taken,
  versionOf,
} from '../../src/locks/record.ts';

const run = '0b8d6f1c-aaaa-4bbb-8ccc-0123456789ab';
const record: ElectionRecord = {
  holderIdentity: 'alice',
  leaseDurationSeconds: 15,
  acquireTime: microTime(1000),
  renewTime: microTime(2000),
  leaseTransitions: 3,
};
/** The record with one field changed, for each of them. */
const others = Object.entries(record).map(([name, value]) => ({
  name,
  other: { ...record, [name]: typeof value === 'number' ? value + 1 : `${String(value)}x` },
}));

describe('a record', () => {
  test('is taken with all five fields, and one transition more', () => {
    expect(taken(record, 'bob', 30, 5000)).toEqual({
      holderIdentity: 'bob',
      leaseDurationSeconds: 30,
      acquireTime: '1970-01-01T00:00:05.000000Z',
      renewTime: '1970-01-01T00:00:05.000000Z',
      leaseTransitions: 4,
    });
  });

  test.each([
    ['none before', undefined, 0],
    ['none', 0, 1],
    ['a negative number', -7, 0],
    ['a fraction', 2.9, 3],
    ['a negative fraction', -0.5, 1],
    ['one less than 32 bits hold', 2 ** 31 - 2, 2 ** 31 - 1],
    ['as many as 32 bits hold', 2 ** 31 - 1, 2 ** 31 - 1],
    ['more than 32 bits hold', 2 ** 40, 2 ** 31 - 1],
  ])('counts its transitions on from %s', (_, before, after) => {
    const from = before === undefined ? undefined : { ...record, leaseTransitions: before };
    expect(taken(from, 'bob', 15, 0).leaseTransitions).toBe(after);
  });

  test('is renewed by its time alone', () => {
    expect(renewed(record, 7000)).toEqual({ ...record, renewTime: '1970-01-01T00:00:07.000000Z' });
    expect(renewed(record, 1000)).toEqual({ ...record, renewTime: '1970-01-01T00:00:01.000000Z' });
  });

  test('is renewed a grain later when its time would stay the same', () => {
    expect(renewed(record, 2000).renewTime).toBe('1970-01-01T00:00:02.001000Z');
    expect(renewed(record, 2000, 1000).renewTime).toBe('1970-01-01T00:00:03.000000Z');
  });

  test('is shortened to the seconds that are left, and to one at least', () => {
    expect(shortened(record, 4, 7000)).toEqual({ ...record, leaseDurationSeconds: 4, renewTime: microTime(7000) });
    expect(shortened(record, 0, 7000).leaseDurationSeconds).toBe(1);
  });

  test('is released without a holder, for one second, and with its transitions', () => {
    expect(released(record, 7000)).toEqual({
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: microTime(7000),
      renewTime: microTime(7000),
      leaseTransitions: 3,
    });
  });

  test('has all five fields, each of its type', () => {
    expect(isRecord(record)).toBe(true);
    for (const name of Object.keys(record)) {
      const { [name as keyof ElectionRecord]: value, ...rest } = record;
      expect(isRecord(rest)).toBe(false);
      expect(isRecord({ ...rest, [name]: typeof value === 'number' ? String(value) : 7 })).toBe(false);
    }
    expect([undefined, null, 'text', []].map(isRecord)).toEqual([false, false, false, false]);
  });

  test('is the same if all five fields are', () => {
    expect(sameRecord(record, { ...record })).toBe(true);
    for (const { other } of others) expect(sameRecord(record, other)).toBe(false);
  });
});

describe('a signature', () => {
  test.each([
    { identity: 'alice', run, number: 0 },
    { identity: 'bob of b', run, number: 999_999_999_999_999 },
    { identity: '', run, number: 12 },
    { identity: 'a\nb', run, number: 1 },
  ])('comes back as it was written: $identity', (signature) => {
    expect(parseSignature(formatSignature(signature))).toEqual(signature);
  });

  test.each([
    undefined,
    7,
    ['alice', run],
    [`alice ${run}.1`],
    '',
    'alice',
    `${run}.1`,
    `alice ${run}`,
    `alice ${run}.`,
    `alice ${run}.x1`,
    `alice ${run}.1x`,
    `alice ${run}.1\n`,
    `alice ${run}.1234567890123456`,
    `alice ${run.slice(1)}.1`,
    `alice ${run.replace('0', 'g')}.1`,
  ])('is not %j', (text) => {
    expect(parseSignature(text)).toBeUndefined();
  });

  test('is the same if identity, run and number are', () => {
    const one = { identity: 'alice', run, number: 1 };
    expect([sameSignature(one, { ...one }), sameSignature(undefined, undefined)]).toEqual([true, true]);
    for (const other of [{ ...one, identity: 'bob' }, { ...one, run: 'x' }, { ...one, number: 2 }, undefined]) {
      expect([sameSignature(one, other), sameSignature(other, one)]).toEqual([false, false]);
    }
  });
});

describe('a version', () => {
  const version = { object: 'uid', state: '1' };

  test('is the same if object and state are', () => {
    expect([sameVersion(version, { ...version }), sameVersion(undefined, undefined)]).toEqual([true, true]);
    for (const other of [{ ...version, object: 'x' }, { ...version, state: '2' }, undefined]) {
      expect([sameVersion(version, other), sameVersion(other, version)]).toEqual([false, false]);
    }
  });

  test('is that of what was seen, if anything was', () => {
    const absent = { kind: 'absent', version } as const;
    expect([versionOf(absent), versionOf({ kind: 'record', version })]).toEqual([undefined, version]);
  });
});

describe('an alteration', () => {
  const sent = { record, signature: { identity: 'alice', run, number: 1 } };

  test('is none where everything came back', () => {
    expect(alterationOf(sent, { record: { ...record }, signature: { ...sent.signature } })).toBeUndefined();
  });

  test.each(others)('names the field: $name', ({ name, other }) => {
    const field = name as keyof ElectionRecord;
    const words = `${name} is ${JSON.stringify(other[field])} where ${JSON.stringify(record[field])} was sent`;
    expect(alterationOf(sent, { record: other, signature: undefined })).toBe(words);
  });

  test('is one of the signature, missing or another', () => {
    expect(alterationOf(sent, { record, signature: undefined })).toBe('the annotation leader-run/holder is missing');
    const signature = { ...sent.signature, number: 2 };
    expect(alterationOf(sent, { record, signature })).toBe('the annotation leader-run/holder is another');
  });

  test('is one of the note, missing or another', () => {
    const noted = { ...sent, note: 'a' };
    expect(alterationOf(noted, { ...sent, note: 'a' })).toBeUndefined();
    expect(alterationOf(noted, sent)).toBe('the annotation leader-run/job is missing');
    expect(alterationOf(noted, { ...sent, note: 'b' })).toBe('the annotation leader-run/job is another');
    expect(alterationOf(noted, { ...sent, note: '' })).toBe('the annotation leader-run/job is another');
  });

  test('is none of a note that was not sent, and may stand there', () => {
    expect(alterationOf(sent, { ...sent, note: 'b' })).toBeUndefined();
  });
});
