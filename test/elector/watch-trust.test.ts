// The states of a watch one by one: what opens, closes, doubts and clears it, and what is told of that. Whole lives of
// a watch that is mute are in watching.test.ts.
// Invariant under test: a watch that did not tell what a look has shown is relied on again only by what it tells.

import { describe, expect, test } from 'vitest';
import { later } from '../../src/clock.ts';
import type { State, Watch } from '../../src/elector/state.ts';
import type { Turn } from '../../src/elector/turn.ts';
import {
  compareWithWatch,
  endTrust,
  isTrusted,
  trustLeftMs,
  watchClosed,
  watchOpened,
  watchTells,
} from '../../src/elector/watching.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import { bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';
import { reportsOf, turnOf } from '../helpers/turn.ts';

const lock = new MemoryLock();
lock.put(held('bob'), { identity: 'bob', run: bobRun, number: 1 });
const rig = new Rig(lock).campaign().answer();
const { now } = rig;
const seenLast = lock.version;

/** Bob's record in a state so many writes after the one that was seen last. */
const at = (writes: number, object = lock.uid): Sighting => ({
  kind: 'record',
  record: held('bob'),
  signature: undefined,
  version: { object, state: String(seenLast + writes) },
});
const gone: Sighting = { kind: 'absent' };

const doubted: Watch = { kind: 'doubted', shown: { object: lock.uid, state: String(seenLast + 5) }, until: later(now, 1000) };
const all: readonly Watch[] = [{ kind: 'down' }, { kind: 'up' }, doubted, { kind: 'mute' }];

function turnWith(watch: Watch, changes: Partial<State> = {}): Turn {
  return turnOf(rig, { watch, toldWatch: '', ...changes });
}

test('a watch is relied on while it is up, and for as long as it is only doubted', () => {
  expect(all.map((watch) => isTrusted({ watch }))).toEqual([false, true, true, false]);
});

describe('a watch that opens', () => {
  test('is told and relied on if it was down, and else stays what it was', () => {
    const opened = all.map((watch) => {
      const turn = turnWith(watch, { toldWatch: 'cut' });
      watchOpened(turn);
      return [turn.s.watch, reportsOf(turn), turn.s.toldWatch];
    });
    expect(opened).toEqual([
      [{ kind: 'up' }, [{ kind: 'watch-up' }], ''],
      [{ kind: 'up' }, [], ''],
      [doubted, [], ''],
      [{ kind: 'mute' }, [], ''],
    ]);
  });
});

describe('a watch that closes', () => {
  test('is down, but for one that was mute, which stays so', () => {
    const closed = all.map((watch) => {
      const turn = turnWith(watch);
      watchClosed(turn, false, 'cut');
      return turn.s.watch.kind;
    });
    expect(closed).toEqual(['down', 'down', 'down', 'mute']);
  });

  test('is told with its reason, once for each reason, and anew once it was open', () => {
    const turn = turnWith({ kind: 'up' });
    for (const [forbidden, message] of [[false, 'cut'], [false, 'cut'], [true, 'no'], [false, 'cut']] as const)
      watchClosed(turn, forbidden, message);
    const [cut, no] = [
      { kind: 'watch-down', forbidden: false, message: 'cut' },
      { kind: 'watch-down', forbidden: true, message: 'no' },
    ];
    expect(reportsOf(turn)).toEqual([cut, no, cut]);
    watchOpened(turn);
    watchClosed(turn, false, 'cut');
    expect(reportsOf(turn)).toEqual([cut, no, cut, { kind: 'watch-up' }, cut]);
  });
});

describe('what a watch tells', () => {
  test.each<[string, Sighting, string]>([
    ['what the look has shown', at(5), 'up'],
    ['what came after it', at(6), 'up'],
    ['what came before it', at(4), 'doubted'],
    ['another object', at(0, 'uid-9'), 'up'],
    ['that the lock is gone', gone, 'up'],
  ])('ends the doubt or not, without a word: %s', (_, sighting, kind) => {
    const turn = turnWith(doubted);
    watchTells(turn, sighting);
    expect(turn.s.watch).toEqual(kind === 'up' ? { kind: 'up' } : doubted);
    expect(turn.effects).toEqual([]);
  });

  test.each<[string, Sighting, boolean]>([
    ['a newer state', at(1), true],
    ['another object', at(0, 'uid-9'), true],
    ['that the lock is gone', gone, true],
    ['what is known', at(0), false],
    ['an older state', at(-1), false],
  ])('makes a mute watch one to rely on if it is news, and says so: %s', (_, sighting, news) => {
    const turn = turnWith({ kind: 'mute' });
    watchTells(turn, sighting);
    expect(turn.s.watch.kind).toBe(news ? 'up' : 'mute');
    expect(reportsOf(turn)).toEqual(news ? [{ kind: 'watch-up' }] : []);
  });

  test('is news to whoever has not seen the lock, or has seen that there is none', () => {
    const { observation } = rig.state;
    const nothing = observation && { ...observation, sighting: gone };
    for (const changes of [{ observation: undefined }, { observation: nothing }]) {
      const turn = turnWith({ kind: 'mute' }, changes);
      watchTells(turn, at(-1));
      expect(turn.s.watch.kind).toBe('up');
    }
  });

  test('changes nothing of a watch that is up or down', () => {
    for (const watch of [{ kind: 'up' }, { kind: 'down' }] as const) {
      const turn = turnWith(watch);
      watchTells(turn, at(1));
      expect([turn.s.watch, turn.effects]).toEqual([watch, []]);
    }
  });
});

describe('a look', () => {
  const looked = (watch: Watch, sighting: Sighting, changes: Partial<State> = {}) => {
    const turn = turnWith(watch, changes);
    compareWithWatch(turn, sighting);
    return turn.s.watch;
  };

  test('that shows news to a candidate puts the watch in doubt for a second', () => {
    const shown = { object: lock.uid, state: String(seenLast + 1) };
    expect(looked({ kind: 'up' }, at(1))).toEqual({ kind: 'doubted', shown, until: later(now, 1000) });
    expect(looked({ kind: 'up' }, at(0, 'uid-9'))).toMatchObject({ kind: 'doubted', shown: { object: 'uid-9' } });
  });

  test('that shows what is known, what was before, or nothing, says nothing of the watch', () => {
    for (const sighting of [at(0), at(-1), gone]) expect(looked({ kind: 'up' }, sighting)).toEqual({ kind: 'up' });
  });

  test('that is the first one, or a holder’s, says nothing of the watch', () => {
    expect(looked({ kind: 'up' }, at(1), { observation: undefined })).toEqual({ kind: 'up' });
    expect(looked({ kind: 'up' }, at(1), { term: leader().grant })).toEqual({ kind: 'up' });
  });

  test('puts in doubt what is relied on alone, and gives a doubt no more time', () => {
    const others = all.filter(({ kind }) => kind !== 'up');
    expect(others.map((watch) => looked(watch, at(7)))).toEqual(others);
  });
});

describe('a doubt', () => {
  const after = (mono: number, boot = mono): Turn => ({
    ...turnWith(doubted),
    now: { ...now, mono: now.mono + mono, boot: now.boot + boot },
  });

  test('ends after a second by either clock: the watch is mute, that is told, and another one is opened', () => {
    for (const turn of [after(1000), after(10, 1000), after(1000, 10)]) {
      endTrust(turn);
      expect(turn.s.watch).toEqual({ kind: 'mute' });
      expect(turn.effects).toEqual([
        { kind: 'report', event: { kind: 'watch-mute' } },
        { kind: 'watch', on: true },
      ]);
    }
  });

  test('lasts until then, and no other state ends by time', () => {
    const turn = after(999);
    endTrust(turn);
    expect([turn.s.watch, turn.effects]).toEqual([doubted, []]);
    for (const watch of all.filter(({ kind }) => kind !== 'doubted')) {
      const other: Turn = { ...turnWith(watch), now: { ...now, ...later(now, 10_000) } };
      endTrust(other);
      expect([other.s.watch, other.effects]).toEqual([watch, []]);
    }
  });

  test('is looked at again when it ends', () => {
    const lefts = all.map((watch) => trustLeftMs(turnWith(watch).s, { ...now, ...later(now, 300) }));
    expect(lefts).toEqual([undefined, undefined, 700, undefined]);
  });
});
