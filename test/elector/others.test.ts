// What a lock that is gone, or another's, does to a candidate and to a holder: what is told, forgotten and ended.
// Knows no request. To check: each thing that is told comes once and word for word, and what another holder does not
// change stays as it was.

import { describe, expect, test } from 'vitest';
import { later } from '../../src/clock.ts';
import { lose, see } from '../../src/elector/sightings.ts';
import type { Patience, State } from '../../src/elector/state.ts';
import type { Turn } from '../../src/elector/turn.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import type { ElectionRecord } from '../../src/locks/record.ts';
import { bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';
import { reportsOf, turnOf } from '../helpers/turn.ts';

const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });
const gone: Sighting = { kind: 'absent' };

/** A candidate that stands by for bob, 700 ms after it has seen him. */
function standby(): Rig {
  const lock = new MemoryLock();
  lock.put(held('bob'), bob(1));
  return new Rig(lock).campaign().answer().later(700);
}

const losses = ({ effects }: Turn) => effects.filter(({ kind }) => kind === 'lost');

describe('a lock that is gone', () => {
  test('is told to a candidate with how long it waits, once', () => {
    const rig = standby();
    const turn = turnOf(rig, { mustRead: true });
    see(turn, gone, 'read');
    expect(reportsOf(turn)).toEqual([{ kind: 'vanished', leading: false, waitMs: 15_000 }]);
    const observation = { sighting: gone, since: rig.now, lastSeen: rig.now, own: false, waitMs: 15_000, spreadMs: 0 };
    expect(turn.s).toMatchObject({ observation, told: { kind: 'nothing' }, mustRead: false, pause: rig.state.pause });
    const again: Turn = { ...turn, now: { ...turn.now, ...later(turn.now, 300) }, effects: [] };
    see(again, gone, 'read');
    expect(reportsOf(again)).toEqual([]);
    expect(again.s.observation).toEqual({ ...observation, lastSeen: again.now });
  });

  test('is told to a holder, who makes it again at once', () => {
    const rig = leader().later(700);
    const turn = turnOf(rig);
    see(turn, gone, 'read');
    expect(reportsOf(turn)).toEqual([{ kind: 'vanished', leading: true, waitMs: 0 }]);
    expect(turn.s.pause).toEqual(rig.now);
    expect(turn.s.term).toEqual(rig.grant);
  });

  test('is no news to whoever never saw it', () => {
    const turn = turnOf(new Rig(new MemoryLock()).campaign());
    see(turn, gone, 'read');
    expect(reportsOf(turn)).toEqual([]);
    expect(turn.s.observation).toMatchObject({ waitMs: 0 });
  });

  test('spreads a herd as a free one does', () => {
    const rig = standby();
    const turn = turnOf(rig, { herd: { ms: 900, until: later(rig.now, 1000) } });
    see(turn, gone, 'read');
    expect(turn.s.observation?.spreadMs).toBeGreaterThan(0);
    expect(turn.s.observation?.spreadMs).toBeLessThan(900);
  });
});

describe('a candidate that sees', () => {
  const sees = (sighting: Sighting, changes: Partial<State> = {}, rig = standby()): Turn => {
    const turn = turnOf(rig, { lostRaces: 3, herd: undefined, ...changes });
    see(turn, sighting, 'read');
    return turn;
  };
  const after = (record: Partial<ElectionRecord>, number = 2): Sighting =>
    new MemoryLock().put(held('bob', record), bob(number));

  test('a holder forgets its lost races, and one that sees a free lock does not', () => {
    expect(sees(after({ renewTime: 'x' })).s.lostRaces).toBe(0);
    expect(sees(after({ holderIdentity: '' })).s.lostRaces).toBe(3);
  });

  test('another holder than before has met the herd, and one that sees the same, none, or its first has not', () => {
    const rig = standby();
    const until = later(rig.now, 60_000);
    expect(sees(after({ holderIdentity: 'carol' })).s.herd).toEqual({ ms: 0, until });
    expect(sees(after({ renewTime: 'x' })).s.herd).toBeUndefined();
    expect(sees(after({ holderIdentity: '' })).s.herd).toBeUndefined();
    expect(sees(after({ holderIdentity: 'carol' }), { observation: undefined }).s.herd).toBeUndefined();
  });

  test('another’s record forgets its own last write, and needs no look any more', () => {
    const { stored } = leader().state;
    const turn = sees(after({ renewTime: 'x' }), { stored, mustRead: true });
    expect(turn.s).toMatchObject({ stored: undefined, mustRead: false, observation: { own: false } });
  });

  test('who leads is told so, and whoever leaves is not', () => {
    const told = (want: State['want']) => reportsOf(sees(after({ holderIdentity: 'carol' }), { want })).length;
    expect([told('lead'), told('leave'), told('nothing')]).toEqual([1, 0, 0]);
  });

  test('its own name is told whether that moves: not at first sight, and not if nothing has changed', () => {
    const twins = (changes: Partial<State>, sighting = after({ holderIdentity: 'alice' })) =>
      reportsOf(sees(sighting, changes)).filter(({ kind }) => kind === 'own-name');
    const own = { kind: 'own-name', whose: 'another-run' };
    expect(twins({ observation: undefined })).toEqual([{ ...own, moving: false }]);
    expect(twins({})).toEqual([{ ...own, moving: true }]);
    const { observation } = standby().state;
    const known = after({ holderIdentity: 'alice' });
    const same = { observation: observation && { ...observation, sighting: known } };
    expect(twins(same, known)).toEqual([{ ...own, moving: false }]);
  });

  test.each<[string, Sighting, boolean, Partial<State>]>([
    ['a holder that moves', after({ renewTime: 'x' }), true, {}],
    ['a new holder', after({ holderIdentity: 'carol' }), true, {}],
    ['a holder for the first time', after({ renewTime: 'x' }), false, { observation: undefined }],
    ['the same record again', after({}, 1), false, {}],
    ['a free lock', after({ holderIdentity: '' }), false, {}],
  ])('%s gives up or not, if it waits for certainty alone', (_, sighting, leaves, changes) => {
    const patience: Patience = { wait: { kind: 'forever' }, untilCertain: true };
    const rig = standby();
    const certain = { campaign: { ...rig.state.campaign, patience }, ...changes };
    expect(sees(sighting, certain, rig).s.want).toBe(leaves ? 'leave' : 'lead');
    expect(sees(sighting, changes, rig).s.want).toBe('lead');
  });
});

describe('work that is still ending', () => {
  const ending = (sighting: Sighting, changes: Partial<State> = {}): object[] => {
    const rig = leader();
    const turn = turnOf(rig, { term: undefined, want: 'nothing', occupied: true, ...changes });
    see(turn, sighting, 'read');
    expect(reportsOf(turn)).toEqual([]);
    return losses(turn);
  };
  const others = (holder: string): Sighting => {
    const { lock } = leader();
    return lock.put(held(holder), bob(1));
  };

  test('has no grace left once another holds the lock, which is told to its owner alone', () => {
    expect(ending(others('bob'))).toEqual([{ kind: 'lost', reason: 'taken' }]);
  });

  test('keeps its grace while nobody does, and where it was told before', () => {
    expect(ending(others(''))).toEqual([]);
    expect(ending(others('bob'), { stored: undefined })).toEqual([]);
    expect(ending(others('bob'), { occupied: false })).toEqual([]);
  });
});

describe('a term that is lost', () => {
  test.each([
    ['taken', 'bob'],
    ['rolled-back', 'bob'],
    ['deadline', ''],
    ['altered', ''],
  ] as const)('is told as %s, with who holds the lock: "%s", and when it was renewed last', (reason, holder) => {
    const rig = leader().later(2500);
    const { observation, stored } = rig.state;
    if (!observation || !stored) throw new Error('unreachable');
    const sighting = new MemoryLock().put(held('bob'), bob(1));
    const turn = turnOf(rig, { observation: { ...observation, sighting } });
    lose(turn, reason);
    const sinceRenewalMs = rig.now.mono - stored.sentAt.mono;
    expect(turn.effects).toEqual([
      { kind: 'report', event: { kind: 'lost', reason, holder, sinceRenewalMs } },
      { kind: 'lost', reason },
    ]);
    expect(turn.s).toMatchObject({ term: undefined, want: 'nothing' });
  });

  test('of which nothing was seen or stored is told without a holder and without a time', () => {
    const turn = turnOf(leader(), { observation: undefined, stored: undefined });
    lose(turn, 'taken');
    expect(reportsOf(turn)).toEqual([{ kind: 'lost', reason: 'taken', holder: '', sinceRenewalMs: 0 }]);
  });

  test('while it is given back leaves it to be given back', () => {
    const turn = turnOf(leader(), { want: 'leave' });
    lose(turn, 'deadline');
    expect(turn.s).toMatchObject({ term: undefined, want: 'leave' });
  });
});
