// What a watch on a pair tells: both objects together, once both were seen; nothing of a write of ours that has reached
// the first object alone; and no state older than one that is known. Reads and writes are in pair-requests.test.ts.
// To check: what is kept back is told as soon as the write has its answer.
import { beforeEach, expect, test } from 'vitest';
import type { Lock, Sighting, WatchNews } from '../../src/locks/lock.ts';
import { pairLock } from '../../src/locks/pair.ts';
import { renewed, taken } from '../../src/locks/record.ts';
import { ManualClock, settled } from '../helpers/manual-clock.ts';
import { odd, ScriptedLock, sight, sighted, signed } from '../helpers/scripted-lock.ts';

const alices = taken(undefined, 'alice', 15, 0);
const bobs = taken(undefined, 'bob', 15, 0);
const absent = { kind: 'absent' } as const;
const up = { kind: 'up' } as const;
const down = { kind: 'down', forbidden: false, message: 'cut' } as const;
const attempt = { limitMs: 1000 };

let primary: ScriptedLock;
let secondary: ScriptedLock;
let pair: Lock;
let told: WatchNews[];
let stop: () => void;
beforeEach(() => {
  [primary, secondary] = [new ScriptedLock(), new ScriptedLock()];
  pair = pairLock({ name: 'pair', primary, secondary, clock: new ManualClock() });
  told = [];
  stop = pair.watch((news) => told.push(news));
});

/** The states of both objects, as they were told. */
const states = (): unknown[] =>
  told.map((news) => {
    if (news.kind !== 'sighted' || news.sighting.kind === 'absent') return news;
    const { state, beside } = news.sighting.version as { state: string; beside?: { state: string } };
    return [Number(state), Number(beside?.state)];
  });

function show(lock: ScriptedLock, sighting: Sighting): void {
  lock.tell(sighted(sighting));
}

test('it is up when both watches are', () => {
  primary.tell(up);
  expect(told).toEqual([]);
  secondary.tell(up);
  expect(told).toEqual([up]);
});

test('it is down when either is, and up again when that one is', () => {
  for (const lock of [primary, secondary]) lock.tell(up);
  secondary.tell(down);
  primary.tell(up);
  expect(told).toEqual([up, down]);
  secondary.tell(up);
  expect(told).toEqual([up, down, up]);
});

test('it tells of both objects when both were seen', () => {
  show(primary, sight(1, bobs, undefined));
  expect(told).toEqual([]);
  show(secondary, sight(5, bobs, undefined));
  show(primary, sight(2, bobs, undefined));
  expect(states()).toEqual([[1, 5], [2, 5]]);
});

test('it tells nothing of a second object alone', () => {
  show(secondary, sight(5, bobs, undefined));
  expect(told).toEqual([]);
});

test('it tells of a first object that is gone, whatever lies beside it', () => {
  show(primary, absent);
  expect(told).toEqual([sighted(absent)]);
});

test('it tells of a second object that is gone, and of one that is there again', () => {
  show(primary, sight(1, bobs, undefined));
  show(secondary, sight(5, bobs, undefined));
  show(secondary, absent);
  show(secondary, sight(3, bobs, undefined));
  expect(states()).toEqual([[1, 5], [1, NaN], [1, 3]]);
});

test('it neither tells of an older state nor keeps it', () => {
  show(primary, sight(8, bobs, undefined));
  show(secondary, sight(5, bobs, undefined));
  show(primary, sight(7, bobs, undefined));
  show(secondary, sight(4, bobs, undefined));
  expect(states()).toEqual([[8, 5]]);
  show(primary, sight(9, bobs, undefined));
  show(secondary, sight(6, bobs, undefined));
  expect(states()).toEqual([[8, 5], [9, 5], [9, 6]]);
});

test('it keeps no older state of the first object', () => {
  show(primary, sight(8, bobs, undefined));
  show(secondary, sight(5, bobs, undefined));
  show(primary, sight(7, bobs, undefined));
  show(secondary, sight(6, bobs, undefined));
  expect(states()).toEqual([[8, 5], [8, 6]]);
});

test('it tells of a state that is seen again, which may say more', () => {
  show(primary, sight(8, bobs, undefined));
  show(secondary, sight(5, bobs, undefined));
  show(secondary, sight(5, bobs, undefined));
  expect(states()).toEqual([[8, 5], [8, 5]]);
});

test('it goes by what reads have shown', async () => {
  primary.reads = [sighted(sight(8, bobs, undefined))];
  secondary.reads = [sighted(sight(5, bobs, undefined))];
  await pair.read(attempt);
  show(primary, sight(7, bobs, undefined));
  show(secondary, sight(4, bobs, undefined));
  expect(told).toEqual([]);
  show(secondary, sight(6, bobs, undefined));
  expect(states()).toEqual([[8, 6]]);
});

test('it goes by what writes have stored', async () => {
  await pair.write({ record: alices, signature: signed(1), base: undefined }, attempt);
  show(secondary, sight(2, bobs, undefined));
  expect(states()).toEqual([[1, 2]]);
});

test('it ends with both watches', () => {
  stop();
  expect([primary.isWatched, secondary.isWatched]).toEqual([false, false]);
});

/** A write of alice's is on its way to the second object; what comes back lets its answer through. */
async function halfWritten(number = 1): Promise<() => Promise<void>> {
  let open = (): void => undefined;
  secondary.gate = new Promise((resolve) => (open = resolve));
  const writing = pair.write({ record: alices, signature: signed(number), base: undefined }, attempt);
  await settled();
  return async () => {
    open();
    await writing;
  };
}

test('it keeps a write of ours back until that has its answer', async () => {
  const answer = await halfWritten();
  show(primary, sight(1, alices, signed(1)));
  expect(told).toEqual([]);
  await answer();
  expect(states()).toEqual([[1, 1]]);
});

test('it keeps back nothing that another wrote meanwhile', async () => {
  const answer = await halfWritten();
  show(primary, sight(2, bobs, undefined));
  expect(states()).toEqual([[2, NaN]]);
  show(primary, odd(3, 'what'));
  expect(states()).toEqual([[2, NaN], [3, NaN]]);
  await answer();
});

test('it keeps back no other write of ours', async () => {
  const answer = await halfWritten();
  show(primary, sight(2, alices, signed(7)));
  expect(told).toHaveLength(1);
  await answer();
});

test('it keeps back nothing once the write has its answer', async () => {
  await (await halfWritten())();
  show(primary, sight(1, alices, signed(1)));
  expect(states()).toEqual([[1, 1]]);
});

test('it tells what was kept back once', async () => {
  const answer = await halfWritten();
  show(primary, sight(1, alices, signed(1)));
  await answer();
  const base = { object: 'uid', state: '1', beside: { object: 'uid', state: '1' } };
  await pair.write({ record: renewed(alices, 2000), signature: signed(2), base }, attempt);
  expect(told).toHaveLength(1);
});

test('it keeps a second write back when the answer of the first comes late', async () => {
  const first = await halfWritten();
  const second = await halfWritten(2);
  await first();
  show(primary, sight(2, alices, signed(2)));
  expect(told).toEqual([]);
  await second();
  expect(told).toHaveLength(1);
});

test('it tells nothing that was kept back once it has ended', async () => {
  const answer = await halfWritten();
  show(primary, sight(1, alices, signed(1)));
  stop();
  await answer();
  expect(told).toEqual([]);
});
