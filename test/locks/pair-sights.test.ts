// What the two objects of a pair show together, for each way in which they can differ. Whose writes they are is told by
// their signatures, and what changes in either of them must change what is shown.
// To check: a pair is never shown as freer, or for a shorter time, than either of its objects.
import { expect, test } from 'vitest';
import type { Sighting } from '../../src/locks/lock.ts';
import { pairLock, unknownLeader } from '../../src/locks/pair.ts';
import { released, taken } from '../../src/locks/record.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { odd, ScriptedLock, sight, sighted, signed } from '../helpers/scripted-lock.ts';

const alices = taken(undefined, 'alice', 15, 0);
const free = released(alices, 0);
const later = { ...alices, renewTime: '2026-01-01T00:00:05.000000Z' };
const others = '00000000-0000-4000-8000-000000000002';
const absent = { kind: 'absent' } as const;

/** As seen by a run that has written nothing, or by alice's. */
async function shown(one: Sighting, two: Sighting, isAlice = false): Promise<Sighting> {
  const [primary, secondary] = [new ScriptedLock(), new ScriptedLock()];
  const pair = pairLock({ name: 'pair', primary, secondary, clock: new ManualClock() });
  if (isAlice) await pair.write({ record: alices, signature: signed(1), base: undefined }, { limitMs: 1000 });
  [primary.reads, secondary.reads] = [[sighted(one)], [sighted(two)]];
  const answer = await pair.read({ limitMs: 1000 });
  if (answer.kind !== 'sighted') throw new Error(answer.trouble.message);
  return answer.sighting;
}

const at = (first: number, second?: number): unknown => ({
  object: 'uid',
  state: String(first),
  beside: second === undefined ? undefined : { object: 'uid', state: String(second) },
});

test('two that are alike are shown as the first one, in the version of both', async () => {
  const one = { ...sight(4, alices, signed(1)), ageMs: 5 };
  expect(await shown(one, sight(9, alices, signed(1)))).toEqual({ ...one, version: at(4, 9) });
});

test('half a lock of another is shown as it is', async () => {
  expect(await shown(sight(4, alices, signed(1)), absent)).toEqual({ ...sight(4, alices, signed(1)), version: at(4) });
  const [theirs, old] = [sight(4, alices, signed(1, others)), sight(4, alices, undefined)];
  expect(await shown(theirs, absent, true)).toMatchObject({ kind: 'record', record: alices });
  expect(await shown(old, absent, true)).toMatchObject({ kind: 'record', record: alices });
});

test('half a lock of ours is shown as absent, to be made again', async () => {
  expect(await shown(sight(4, alices, signed(1)), absent, true)).toEqual(absent);
});

test.each([
  ['that we released', sight(4, free, signed(1))],
  ['that another took over our signature', sight(4, { ...alices, holderIdentity: 'thief' }, signed(1))],
  ['that cannot be read', odd(4, 'what')],
])('half a lock %s is not ours', async (_, one) => {
  expect(await shown(one, absent, true)).toEqual({ ...one, version: at(4) });
});

test.each([
  [odd(4, 'one'), odd(9, 'two'), 'one two'],
  [odd(4, 'one'), sight(9, alices, undefined), `one ${JSON.stringify(alices)}`],
  [sight(4, alices, undefined), odd(9, 'two'), `${JSON.stringify(alices)} two`],
])('a pair of which one object cannot be read cannot be read, and changes with either', async (one, two, text) => {
  expect(await shown(one, two)).toEqual({ kind: 'unreadable', text, version: at(4, 9) });
});

test.each([
  ['the second, which is the older', 2, 1, later],
  ['the first, which is the older', 1, 2, alices],
])('a holder between two writes is shown by %s', async (_, first, second, record) => {
  const [one, two] = [sight(4, alices, signed(first)), sight(9, later, signed(second))];
  expect(await shown(one, two)).toEqual({
    kind: 'record',
    record,
    signature: signed(Math.min(first, second)),
    version: at(4, 9),
  });
});

test('a holder that is between the two writes of its release is not gone', async () => {
  expect(await shown(sight(4, free, signed(2)), sight(9, alices, signed(1)))).toMatchObject({ record: alices });
});

test('a holder that is between the two writes by which it takes what it had released is a holder to all but itself', async () => {
  const [one, two] = [sight(4, alices, signed(3)), sight(9, free, signed(2))];
  expect(await shown(one, two)).toEqual({ ...one, version: at(4, 9) });
  // Itself has not led yet: it takes the lock once more, on both.
  expect(await shown(one, two, true)).toEqual({ ...two, version: at(4, 9) });
});

test.each([
  ['is that of the first', { note: 'one' }, { note: 'two' }, 'one'],
  ['is that of the second, where the first has none', {}, { note: 'two' }, 'two'],
  ['is that of the first, where the second has none', { note: 'one' }, {}, 'one'],
  ['may be empty', { note: '' }, { note: 'two' }, ''],
])('the note of a pair %s', async (_, one, two, note) => {
  const both = await shown({ ...sight(4, alices, signed(2)), ...one }, { ...sight(9, alices, signed(2)), ...two });
  expect(both).toMatchObject({ note });
  // The record is that of the second, which is the older.
  const between = await shown({ ...sight(4, later, signed(3)), ...one }, { ...sight(9, alices, signed(2)), ...two });
  expect(between).toMatchObject({ record: alices, note });
});

test.each([
  ['first', { instructions: { pause: 'move' } }, {}],
  ['second', {}, { instructions: { pause: 'move' } }],
  ['first, whatever is asked at the other', { instructions: { pause: 'move' } }, { instructions: { run: 'now' } }],
])('what is asked at the %s object of a pair is asked of it', async (_, one, two) => {
  const both = await shown({ ...sight(4, alices, signed(1)), ...one }, { ...sight(9, alices, signed(1)), ...two });
  expect(both).toMatchObject({ instructions: { pause: 'move' } });
  expect(both).not.toHaveProperty('note');
});

test('a pair shows what stands beside a half that is of another, and nothing beside what cannot be read', async () => {
  const one = { ...sight(4, alices, signed(1, others)), note: 'a', instructions: { pause: 'move' } };
  expect(await shown(one, absent)).toMatchObject({ note: 'a', instructions: { pause: 'move' } });
  expect(await shown(one, odd(9, 'odd'))).toEqual({
    ...{ kind: 'unreadable', text: `${JSON.stringify(alices)} odd`, version: at(4, 9) },
  });
});

test.each([
  ['of two runs', signed(1), signed(2, others)],
  ['of which one is unsigned', signed(1), undefined],
  ['of which neither is signed', undefined, undefined],
])('two writes %s are not one holder between them', async (_, one, two) => {
  const { renewTime } = (await shown(sight(4, alices, one), sight(9, later, two))) as { renewTime?: string };
  expect(renewTime).toBeUndefined();
  expect(await shown(sight(4, alices, one), sight(9, later, two))).toMatchObject({
    record: { holderIdentity: 'alice', renewTime: `${JSON.stringify(alices)} ${JSON.stringify(later)}` },
  });
});

test('one write that reads otherwise in the two is shown as both, under its name and signature', async () => {
  expect(await shown(sight(4, alices, signed(1)), sight(9, later, signed(1)))).toEqual({
    kind: 'record',
    record: { ...alices, renewTime: `${JSON.stringify(alices)} ${JSON.stringify(later)}` },
    signature: signed(1),
    version: at(4, 9),
    torn: true,
  });
});

test('two holders are nobody known, for the longer duration and after the more transitions', async () => {
  const bobs = { ...taken(alices, 'bob', 40, 0), leaseTransitions: 7 };
  for (const [one, two] of [[alices, bobs] as const, [bobs, alices] as const]) {
    expect(await shown(sight(4, one, signed(1)), sight(9, two, undefined))).toEqual({
      kind: 'record',
      record: {
        ...one,
        holderIdentity: unknownLeader,
        leaseDurationSeconds: 40,
        leaseTransitions: 7,
        renewTime: `${JSON.stringify(one)} ${JSON.stringify(two)}`,
      },
      signature: undefined,
      version: at(4, 9),
      torn: true,
    });
  }
});
