// Whose write a sighting shows, as a table: one record of ours with one thing changed in each row, and what each
// question says of it. Knows no answer and no term's end.
// Invariant under test: what this run did not write, word for word, is never taken for its write.

import { describe, expect, test } from 'vitest';
import type { PendingWrite, Settings, State } from '../../src/elector/state.ts';
import {
  alterationIn,
  givesUp,
  isAnsweredSoon,
  isEarlierRenewal,
  isStored,
  isWrite,
  keepsOthersAway,
  lossBy,
} from '../../src/elector/whose.ts';
import type { Sighting, Version } from '../../src/locks/lock.ts';
import type { ElectionRecord, Signature } from '../../src/locks/record.ts';
import { aliceRun, bobRun, held, leader } from '../helpers/rig.ts';

type Recorded = Extract<Sighting, { kind: 'record' }>;
type Present = Exclude<Sighting, { kind: 'absent' }>;

const version: Version = { object: 'uid-1', state: '107' };
const another: Version = { object: 'uid-2', state: '107' };
const record = held('alice');
const signature: Signature = { identity: 'alice', run: aliceRun, number: 7 };
const unreadable: Sighting = { kind: 'unreadable', text: 'x', version };

/** The write that number 7 of this run is. */
const write: PendingWrite = {
  ...{ number: 7, kind: 'renew', record, base: undefined, note: undefined, openSince: undefined },
  ...{ sentAt: { mono: 0, boot: 0 }, wish: undefined },
};

/** The sighting of that very write, with something else in it. */
const seen = (changes: Partial<Recorded> = {}): Recorded => ({ kind: 'record', record, signature, version, ...changes });
const signed = (changes: Partial<Signature>) => seen({ signature: { ...signature, ...changes } });
const wrote = (changes: Partial<ElectionRecord>) => seen({ record: { ...record, ...changes } });
const unsigned = (changes: Partial<ElectionRecord> = {}) =>
  seen({ signature: undefined, record: { ...record, ...changes } });

/** Leads by write number 7. */
function state(changes: Partial<State> = {}): State {
  const { sentAt } = write;
  const stored = { number: 7, record, note: undefined, version, sentAt };
  return { ...leader().state, stored, ...changes };
}

const { settings } = state();
const named = (identity: string): Settings => ({ ...settings, identity });

describe('a write of ours', () => {
  test.each<[string, Sighting, boolean]>([
    ['itself', seen(), true],
    ['itself under a newer version', seen({ version: another }), true],
    ['nothing', { kind: 'absent' }, false],
    ['what cannot be read', unreadable, false],
    ['another run’s', signed({ run: bobRun }), false],
    ['another number', signed({ number: 8 }), false],
    ['unsigned', unsigned(), false],
    ['with another time', wrote({ renewTime: 'x' }), false],
    ['with a note that nobody asked for', seen({ note: 'x' }), true],
  ])('is known by all it consists of: %s', (_, sighting, is) => {
    expect(isWrite(sighting, write, settings)).toBe(is);
  });

  test('is known by its note as well, if it has one', () => {
    const noted = (note: string | undefined) => isWrite(seen({ note }), { ...write, note: 'a' }, settings);
    expect([noted('a'), noted('b'), noted(undefined)]).toEqual([true, false, false]);
  });

  test('gives up the lock if it empties the record or leaves our name in it', () => {
    const kinds = ['create', 'take', 'renew', 'release', 'shorten'] as const;
    expect(kinds.filter((kind) => givesUp({ ...write, kind }))).toEqual(['release', 'shorten']);
  });
});

describe('the record that we know to be ours', () => {
  test.each<[string, Sighting, boolean]>([
    ['itself', seen(), true],
    ['with other labels', seen({ version: { ...version, state: '109' } }), true],
    ['without its annotation', unsigned(), true],
    ['with another run’s annotation', signed({ run: bobRun }), false],
    ['with the annotation of another write', signed({ number: 6 }), false],
    ['with another time', wrote({ renewTime: 'x' }), false],
    ['in another object', seen({ version: another }), false],
    ['gone', { kind: 'absent' }, false],
    ['unreadable', unreadable, false],
  ])('is it still: %s', (_, sighting, is) => {
    expect(isStored(sighting, state())).toBe(is);
  });

  test('is none before we wrote one', () => {
    expect(isStored(seen(), state({ stored: undefined }))).toBe(false);
  });
});

describe('an earlier renewal of this term', () => {
  const earlier = (changes: Partial<ElectionRecord> = {}): Recorded => ({
    ...signed({ number: 6 }),
    record: { ...record, renewTime: 'earlier', ...changes },
  });

  test.each<[string, Sighting, boolean]>([
    ['one with an earlier time', earlier(), true],
    ['the last one', { ...earlier(), signature }, false],
    ['one that is not written yet', { ...earlier(), signature: { ...signature, number: 8 } }, false],
    ['another run’s', { ...earlier(), signature: { ...signature, run: bobRun, number: 6 } }, false],
    ['an unsigned one', { ...earlier(), signature: undefined }, false],
    ['one of another term', earlier({ acquireTime: 'before' }), false],
    ['one in another object', { ...earlier(), version: another }, false],
    ['nothing', { kind: 'absent' }, false],
    ['what cannot be read', unreadable, false],
  ])('is known by all but its time and its number: %s', (_, sighting, is) => {
    expect(isEarlierRenewal(sighting, state())).toBe(is);
  });

  test('is none without a term, or before a write is stored', () => {
    expect(isEarlierRenewal(earlier(), state({ term: undefined }))).toBe(false);
    expect(isEarlierRenewal(earlier(), state({ stored: undefined }))).toBe(false);
  });
});

describe('what the answer to a write shows to be altered', () => {
  test.each<[string, Sighting, string | undefined]>([
    ['nothing, where all is as it was sent', seen(), undefined],
    ['a field of ours', wrote({ leaseDurationSeconds: 5 }), 'leaseDurationSeconds is 5 where 15 was sent'],
    ['the holder, where the signature is ours', wrote({ holderIdentity: 'x' }), 'holderIdentity is "x" where "alice" was sent'],
    ['the annotation, where the name is ours', unsigned(), 'the annotation leader-run/holder is missing'],
    ['nothing of another’s record', unsigned({ holderIdentity: 'bob' }), undefined],
    ['nothing of another run’s record', signed({ run: bobRun }), undefined],
    ['nothing of another write of ours', { ...signed({ number: 6 }), record: held('alice', { renewTime: 'x' }) }, undefined],
    ['nothing where nothing is', { kind: 'absent' }, undefined],
    ['nothing of what cannot be read', unreadable, undefined],
  ])('is %s', (_, sighting, what) => {
    expect(alterationIn(sighting, write, settings)).toBe(what);
  });
});

describe('the write under way, as a watch may show it changed', () => {
  const underWay = (changes: Partial<State> = {}): State =>
    state({
      // An earlier one is in doubt as well.
      pending: [{ ...write, number: 6, record: held('alice', { acquireTime: 'before' }) }, write],
      request: { kind: 'write', number: 7, sentAt: write.sentAt, must: false },
      ...changes,
    });

  test.each<[string, Sighting, boolean]>([
    ['signed as it was sent', wrote({ renewTime: 'x' }), true],
    ['signed as an earlier one', signed({ number: 6 }), false],
    ['signed by another run', signed({ run: bobRun }), false],
    ['signed by another run with another number', signed({ run: bobRun, number: 6 }), false],
    ['signed, with another time of taking', wrote({ acquireTime: 'x' }), true],
    ['unsigned', unsigned(), true],
    ['unsigned, with another time of taking', unsigned({ acquireTime: 'x' }), false],
    ['unsigned, with the time of the earlier one', unsigned({ acquireTime: 'before' }), false],
    ['with a shorter lease', wrote({ leaseDurationSeconds: 14 }), false],
    ['with a longer lease', wrote({ leaseDurationSeconds: 16 }), true],
    ['with another holder', wrote({ holderIdentity: 'bob' }), false],
    ['gone', { kind: 'absent' }, false],
    ['unreadable', unreadable, false],
  ])('is waited for: %s', (_, sighting, is) => {
    expect(isAnsweredSoon(sighting, underWay())).toBe(is);
  });

  test('is none where no write is under way', () => {
    const look = { kind: 'read', number: 8, sentAt: write.sentAt, must: false } as const;
    for (const changes of [{ request: undefined }, { request: look }, { pending: [] }])
      expect(isAnsweredSoon(seen(), underWay(changes))).toBe(false);
  });
});

test('others wait as long for a record as for ours if it has our name and at least our duration', () => {
  const rows = [record, held('alice', { leaseDurationSeconds: 14 }), held('alice', { leaseDurationSeconds: 16 }), held('bob')];
  expect(rows.map((each) => keepsOthersAway(seen({ record: each }), settings))).toEqual([true, false, true, false]);
});

describe('a term that ends at a sighting has been', () => {
  test.each<[string, Present, string]>([
    ['taken by another name', wrote({ holderIdentity: 'bob' }), 'taken'],
    ['taken by another name that left our signature', { ...wrote({ holderIdentity: 'bob' }), signature }, 'taken'],
    ['taken by another run of our name', signed({ run: bobRun }), 'taken'],
    ['edited, where the signature is ours', wrote({ leaseDurationSeconds: 99 }), 'edited'],
    ['edited, where our name and its time of taking are there', unsigned({ leaseDurationSeconds: 99 }), 'edited'],
    ['taken, where our name is there since another time', unsigned({ acquireTime: 'x' }), 'taken'],
    ['taken by what cannot be read', unreadable, 'taken'],
    ['recreated, where the object is another', seen({ version: another }), 'recreated'],
  ])('%s', (_, sighting, reason) => {
    expect(lossBy(sighting, 'newer', state())).toBe(reason);
  });

  test('rolled back, where an older state shows, unless that is another object', () => {
    expect(lossBy(seen(), 'older', state())).toBe('rolled-back');
    expect(lossBy(wrote({ holderIdentity: 'bob' }), 'older', state())).toBe('rolled-back');
    expect(lossBy(seen({ version: another }), 'older', state())).toBe('recreated');
  });

  test('taken, where nothing of ours was stored that an unsigned record could be', () => {
    expect(lossBy(unsigned(), 'newer', state({ stored: undefined }))).toBe('taken');
  });

  test('taken by what cannot be read, even for a candidate whose name is a question mark', () => {
    expect(lossBy(unreadable, 'newer', state({ settings: named('?') }))).toBe('taken');
  });
});
