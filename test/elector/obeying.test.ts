// What stands beside a record, step by step: what an owner is told of it, what an operator asks for, and which wish a
// write has granted. Whole lives of steered locks are in steering.test.ts, those of wishes in wishes.test.ts.
// Invariant under test: what is asked is told once, to whoever has a term, and what has not changed is not told.

import { describe, expect, test } from 'vitest';
import { later } from '../../src/clock.ts';
import { idle } from '../../src/elector/leaving.ts';
import { lose, see } from '../../src/elector/sightings.ts';
import type { PendingWrite, State } from '../../src/elector/state.ts';
import { tellPause } from '../../src/elector/tell.ts';
import type { Turn } from '../../src/elector/turn.ts';
import type { Instructions } from '../../src/locks/instructions.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import type { Signature } from '../../src/locks/record.ts';
import { aliceRun, bobRun, held, leader, MemoryLock, Rig, wallStart } from '../helpers/rig.ts';
import { reportsOf, turnOf } from '../helpers/turn.ts';

type Recorded = Extract<Sighting, { kind: 'record' }>;

const alice = (number: number): Signature => ({ identity: 'alice', run: aliceRun, number });
const until = (ms: number): string => new Date(wallStart + ms).toISOString();

/** The holder's own record with other things beside it, and whatever else is changed. */
function beside(rig: Rig, instructions: Instructions | undefined, changes: Partial<Recorded> = {}): Recorded {
  const { sighting } = rig.lock;
  if (sighting.kind !== 'record') throw new Error('unreachable');
  return { ...sighting, version: { ...sighting.version, state: '900' }, instructions, ...changes };
}

function sees(sighting: Sighting, changes: Partial<State> = {}, rig = leader()): Turn {
  const turn = turnOf(rig, changes);
  see(turn, sighting, 'read');
  return turn;
}

const told = ({ effects }: Turn) => effects.flatMap((effect) => (effect.kind === 'beside' ? [effect.beside] : []));
const deposals = (turn: Turn) => reportsOf(turn).filter(({ kind }) => kind === 'deposed');

/** A candidate that sees a free lock with this beside it. */
function candidate(instructions: Instructions | undefined): Rig {
  const lock = new MemoryLock();
  lock.instructions = instructions;
  lock.put(held(''), { identity: 'bob', run: bobRun, number: 1 });
  return new Rig(lock).campaign();
}

describe('a holder', () => {
  const rig = leader();

  test.each<[string, Partial<Recorded>]>([
    ['a note', { note: 'x' }],
    ['a request to step down', { instructions: { stepDown: 'bob' } }],
    ['a pause', { instructions: { pause: until(-1) } }],
    ['a request to run', { instructions: { run: 'now' } }],
  ])('is told of %s once it stands beside the record, and not again', (_, changes) => {
    const sighting = beside(rig, undefined, changes);
    const turn = sees(sighting, {}, rig);
    const { note, instructions } = sighting;
    expect(told(turn)).toEqual([{ note, instructions }]);
    expect(turn.s.beside).toEqual({ note, instructions });
    see(turn, { ...sighting, version: { ...sighting.version, state: '901' } }, 'read');
    expect(told(turn)).toHaveLength(1);
  });

  test('is told nothing of labels, nor without a term', () => {
    expect(told(sees(beside(rig, undefined), {}, rig))).toEqual([]);
    const over = sees(beside(rig, { stepDown: 'alice', run: 'now' }), { term: undefined }, rig);
    expect([told(over), deposals(over)]).toEqual([[], []]);
  });

  test.each<[string, Partial<Recorded>, object | undefined]>([
    ['a coordinator, before all others', { coordinator: 'deposes', instructions: { pause: 'move' } }, { by: 'coordinator', reason: '' }],
    ['a pause, before a request', { instructions: { pause: 'move', stepDown: 'alice' } }, { by: 'pause', reason: 'move', until: undefined }],
    ['a pause that has an end', { instructions: { pause: `${until(60_000)} x` } }, { by: 'pause', reason: 'x', until: '2026-01-01T00:01:00Z' }],
    ['a request by its name', { instructions: { stepDown: 'alice x' } }, { by: 'step-down', reason: 'x' }],
    ['a request after a pause that is over', { instructions: { pause: until(-1), stepDown: 'alice' } }, { by: 'step-down', reason: '' }],
    ['nobody, where another is meant', { instructions: { stepDown: 'bob' } }, undefined],
    ['nobody, where nothing is asked', {}, undefined],
  ])('is deposed by %s, and remembers by whom', (_, changes, deposal) => {
    const turn = sees(beside(rig, undefined, changes), {}, rig);
    expect(deposals(turn)).toEqual(deposal ? [{ kind: 'deposed', ...deposal }] : []);
    expect(turn.effects.filter(({ kind }) => kind === 'deposed')).toHaveLength(deposal ? 1 : 0);
    expect(turn.s.deposed).toBe((deposal as { by?: string } | undefined)?.by);
  });

  test('is deposed once, whatever is asked after that', () => {
    const turn = sees(beside(rig, { pause: 'move' }), { deposed: 'step-down' }, rig);
    expect([deposals(turn), turn.s.deposed]).toEqual([[], 'step-down']);
  });

  test('that makes its deleted lock again, and finds it steered, obeys', () => {
    const stored = beside(rig, { stepDown: 'alice' }, { signature: alice(50) });
    const { record } = stored;
    const write: PendingWrite = {
      ...{ number: 50, kind: 'create', record, base: undefined, note: undefined, wish: undefined },
      ...{ sentAt: later(rig.now, 0), openSince: undefined },
    };
    expect(deposals(sees(stored, { pending: [write] }, rig))).toHaveLength(1);
  });
});

describe('whoever stays back', () => {
  const back = { backUntil: later(leader().now, 9000) };
  const staysBack = (holder: string) => {
    const others = new MemoryLock().put(held(holder), { identity: holder, run: bobRun, number: 1 });
    return sees(others, back, new Rig(new MemoryLock()).campaign()).s.backUntil !== undefined;
  };

  test('does so until it has seen another lead, which neither a free lock nor its own name is', () => {
    expect([staysBack('bob'), staysBack(''), staysBack('alice')]).toEqual([false, true, true]);
  });

  test('was asked to step down in its last term, and stays back for a lease from its next campaign on', () => {
    for (const deposed of ['step-down', 'pause', 'coordinator', undefined] as const) {
      const rig = leader();
      rig.state = { ...rig.state, deposed, term: undefined, occupied: false, want: 'nothing', backUntil: undefined };
      rig.later(500).campaign();
      const backUntil = deposed === 'step-down' ? later({ mono: rig.now.mono, boot: rig.now.boot }, 15_000) : undefined;
      expect(rig.state).toMatchObject({ deposed: undefined, backUntil });
    }
  });
});

describe('a wish', () => {
  const renewed = (wish: number | undefined, changes: Partial<State> = {}): Turn => {
    const rig = leader().later(700);
    const sighting = beside(rig, undefined, { note: 'w', signature: alice(50) });
    const { record, note } = sighting;
    const write: PendingWrite = {
      ...{ number: 50, kind: 'renew', record, base: undefined, note, wish },
      ...{ sentAt: later(rig.now, -10), openSince: undefined },
    };
    return sees(sighting, { pending: [write], wish: { number: 7, what: 'x' }, ...changes }, rig);
  };
  const granted = ({ effects }: Turn) => effects.filter(({ kind }) => kind === 'wished');

  test('is granted by the write that carries it, and is what the work began by', () => {
    const turn = renewed(7);
    expect(granted(turn)).toEqual([{ kind: 'wished', verdict: undefined, token: turn.s.term?.token }]);
    expect(turn.s.term?.token.value).toBe('900');
    expect(turn.s).toMatchObject({ wish: undefined, work: { note: 'w', end: undefined } });
  });

  test('is not granted by a write for another wish or for none, nor after the term', () => {
    for (const turn of [renewed(6), renewed(undefined), renewed(7, { term: undefined })]) {
      expect(granted(turn)).toEqual([]);
      expect(turn.s.wish).toEqual({ number: 7, what: 'x' });
    }
    expect(granted(renewed(7, { wish: undefined }))).toEqual([]);
    expect(granted(renewed(undefined, { wish: undefined }))).toEqual([]);
  });

  test('is forgotten with the term, and heard of without one by nobody', () => {
    const turn = turnOf(leader(), { wish: { number: 7, what: 'x' } });
    lose(turn, 'deadline');
    expect(turn.s.wish).toBeUndefined();
    const rig = new Rig(new MemoryLock());
    rig.feed({ kind: 'wish', wish: 'x' });
    expect(rig.state.wish).toBeUndefined();
  });
});

describe('a pause', () => {
  const tells = (rig: Rig, changes: Partial<State> = {}): Turn => {
    const turn = turnOf(rig.answer(), { toldPause: undefined, ...changes });
    tellPause(turn);
    return turn;
  };

  test('is told to a candidate once, again when it is another one, and when it is over', () => {
    const turn = tells(candidate({ pause: `${until(60_000)} move` }));
    const paused = { kind: 'paused', reason: 'move', until: '2026-01-01T00:01:00Z' };
    expect(reportsOf(turn)).toEqual([paused]);
    tellPause(turn);
    expect(reportsOf(turn)).toEqual([paused]);
    const { observation } = turn.s;
    const seen = (instructions: Instructions | undefined): void => {
      if (observation?.sighting.kind !== 'record') throw new Error('unreachable');
      turn.s = { ...turn.s, observation: { ...observation, sighting: { ...observation.sighting, instructions } } };
      tellPause(turn);
    };
    seen({ pause: 'longer' });
    seen(undefined);
    seen(undefined);
    const longer = { kind: 'paused', reason: 'longer', until: undefined };
    expect(reportsOf(turn)).toEqual([paused, longer, { kind: 'resumed' }]);
  });

  test('is over at its very end by the wall clock', () => {
    const rig = candidate({ pause: until(5000) });
    const at = (ms: number): Turn => {
      const turn: Turn = { ...tells(candidate({ pause: until(5000) })), effects: [] };
      tellPause({ ...turn, now: { ...turn.now, wall: wallStart + ms } });
      return turn;
    };
    expect([4999, 5000].map((ms) => reportsOf(at(ms)).map(({ kind }) => kind))).toEqual([[], ['resumed']]);
    expect(reportsOf(tells(rig)).map(({ kind }) => kind)).toEqual(['paused']);
  });

  test('is no news to a holder, nor to whoever leaves', () => {
    for (const changes of [{ term: leader().grant }, { want: 'leave' }, { want: 'nothing' }] as const)
      expect(reportsOf(tells(candidate({ pause: 'move' }), changes))).toEqual([]);
  });

  test('is why a campaign ends without the lock, as long as it is on', () => {
    const end = (pause: string | undefined): unknown => {
      const turn = turnOf(candidate({ pause }).answer());
      idle(turn, { kind: 'not-acquired' });
      return turn.effects.at(-1);
    };
    const ended = { kind: 'not-acquired', trouble: undefined };
    const pause = { untilMs: undefined, reason: 'move' };
    expect(end('move')).toEqual({ kind: 'idle', outcome: { ...ended, pause } });
    for (const text of [until(-1), undefined]) expect(end(text)).toEqual({ kind: 'idle', outcome: ended });
  });

  test('ends one look and --try at once, and no other campaign', () => {
    const ends = (instructions: Instructions | undefined, waitMs?: number, untilCertain = false) => {
      const { lock } = candidate(instructions);
      return new Rig(lock).campaign(waitMs, untilCertain).answer().outcome?.kind;
    };
    const move = { pause: 'move' };
    expect([ends(move, 0), ends(move, undefined, true), ends(move, 5000, true)]).toEqual(Array(3).fill('not-acquired'));
    expect([ends(move), ends(move, 5000)]).toEqual([undefined, undefined]);
    expect([ends(undefined, 0), ends(undefined, undefined, true)]).toEqual([undefined, undefined]);
  });
});
