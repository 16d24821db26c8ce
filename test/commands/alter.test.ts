// What a verb writes beside a record, on a lock that the test plays: which look counts as the one that was written
// onto, and when a verb ends without a write.
// To check: each answer of the lock is the test's own, so none is by chance.
import { expect, test } from 'vitest';
import { type Alteration, alter } from '../../src/commands/alter.ts';
import { type Look, lookOf } from '../../src/commands/look.ts';
import type { Lock, WriteAnswer } from '../../src/locks/lock.ts';
import { held } from '../helpers/rig.ts';

const nothing: Alteration = { kind: 'so', ending: { kind: 'answered', text: 'nothing to do\n' } };
const write: Alteration = { kind: 'write', instructions: { stepDown: 'alice' } };

/** Held by these, one after the other; each write is a conflict. */
async function altering(holders: readonly string[], alterationOf: (holder: string) => Alteration) {
  const looks = holders.map((holder, i): Look => {
    const version = { object: 'uid', state: String(i + 1) };
    return lookOf('ops/nightly', { kind: 'record', record: held(holder), signature: undefined, version }, undefined);
  });
  const lock: Partial<Lock> = { write: (): Promise<WriteAnswer> => Promise.resolve({ kind: 'conflict' }) };
  let asked = 0;
  const result = await alter(
    { lock: lock as Lock, fullName: 'ops/nightly', warnings: [] },
    () => Promise.resolve(lookAt(looks, asked++)),
    ({ sighting }) => alterationOf(sighting.kind === 'record' ? sighting.record.holderIdentity : ''),
  );
  return { result, looks };
}

/** The last one again, once all have been seen. */
function lookAt(looks: readonly Look[], i: number): Look {
  const look = looks[Math.min(i, looks.length - 1)];
  if (look === undefined) throw new Error('a lock needs a holder to be seen with');
  return look;
}

test('what was asked for has come of the write, where it is so when that write seems to be a conflict', async () => {
  const { result, looks } = await altering(['alice', ''], (holder) => (holder === '' ? nothing : write));
  expect(result).toBe(looks[0]);
});

test('there is nothing to do where it was so before any write', async () => {
  const { result } = await altering([''], () => nothing);
  expect(result).toEqual(nothing.ending);
});

test('a refusal stands, whatever was tried before', async () => {
  const refusal: Alteration = { kind: 'ending', ending: { kind: 'answered', text: '', no: true, remark: 'foreign' } };
  const { result } = await altering(['alice', 'other'], (holder) => (holder === 'alice' ? write : refusal));
  expect(result).toEqual(refusal.ending);
});

test('a lock that is written by others all the time is left after five tries', async () => {
  const { result } = await altering(['alice'], () => write);
  expect(result).toEqual({
    kind: 'refused',
    faults: ['ops/nightly was written by others at each of 5 tries: try again'],
  });
});
