// What people are told of a lock, word for word, and that they are told it once. Knows no request; each test tells one
// thing after another to a state and compares all that was reported.
// Invariant under test: what is news is told once, what comes back after something else is told again.

import { describe, expect, test } from 'vitest';
import { later } from '../../src/clock.ts';
import type { State } from '../../src/elector/state.ts';
import { tellLongLease, tellRecovery, tellStanding, tellTaking, tellTrouble } from '../../src/elector/tell.ts';
import type { Turn } from '../../src/elector/turn.ts';
import type { Sighting, Trouble } from '../../src/locks/lock.ts';
import type { ElectionRecord, Signature } from '../../src/locks/record.ts';
import { aliceRun, bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';
import { reportsOf, turnOf } from '../helpers/turn.ts';

type Present = Exclude<Sighting, { kind: 'absent' }>;
type Observed = NonNullable<State['observation']>;

const version = { object: 'uid-1', state: '7' };
const since = '2026-01-01T00:00:00.000000Z';
const by = (identity: string, run = bobRun): Signature => ({ identity, run, number: 1 });
const gone: Sighting = { kind: 'absent' };

function recorded(holder: string, more: Partial<ElectionRecord> = {}, signature?: Signature): Present {
  return { kind: 'record', record: held(holder, more), signature, version };
}

const unreadable = (text: string): Present => ({ kind: 'unreadable', text, version });

/** A candidate that waits for ever, and has been told nothing. */
function candidate(changes: Partial<State> = {}): Turn {
  return turnOf(new Rig(new MemoryLock()).campaign(), changes);
}

function passed(turn: Turn, ms: number): Turn {
  return { ...turn, now: { ...turn.now, ...later(turn.now, ms) } };
}

/** All that was reported since it was asked last. */
function told(turn: Turn): object[] {
  const reports = reportsOf(turn);
  turn.effects.length = 0;
  return reports;
}

function observed(turn: Turn, sighting: Sighting, more: Partial<Observed> = {}): Observed {
  return { sighting, since: turn.now, lastSeen: turn.now, own: false, waitMs: 0, spreadMs: 0, ...more };
}

describe('who leads', () => {
  const bobLeads = { kind: 'standing-by', leader: 'bob', since, durationMs: 15_000, foreign: false };

  test('is told once, with the lease and whose work it is, however often the record changes', () => {
    const turn = candidate();
    for (const changed of [false, true, true]) tellStanding(turn, recorded('bob', {}, by('bob')), changed);
    tellStanding(turn, recorded('bob', { leaseDurationSeconds: 60, renewTime: 'x' }, by('bob')), true);
    expect(told(turn)).toEqual([bobLeads]);
  });

  test('is told of another leader, of the same one since another time, and of one that comes back', () => {
    const turn = candidate();
    const carol = recorded('carol', { leaseDurationSeconds: 0 });
    for (const sighting of [recorded('bob', {}, by('bob')), carol, recorded('bob', {}, by('bob'))])
      tellStanding(turn, sighting, true);
    tellStanding(turn, recorded('bob', { acquireTime: 'x' }, by('bob')), true);
    expect(told(turn)).toEqual([
      bobLeads,
      { ...bobLeads, leader: 'carol', foreign: true },
      bobLeads,
      { ...bobLeads, since: 'x' },
    ]);
  });

  test('is nobody, of which nothing is told, and then the same leader is told again', () => {
    const turn = candidate();
    tellStanding(turn, recorded('bob', {}, by('bob')), false);
    tellStanding(turn, recorded(''), true);
    expect(turn.s.told).toEqual({ kind: 'nothing' });
    tellStanding(turn, recorded('bob', {}, by('bob')), true);
    expect(told(turn)).toEqual([bobLeads, bobLeads]);
  });

  test.each<[string, Signature | undefined, string, boolean]>([
    ['this run', by('alice', aliceRun), 'this-run', false],
    ['another run', by('alice'), 'another-run', false],
    ['nobody who signs', undefined, 'unsigned', true],
  ])('is told to have our name, and to be of %s; once more when its record moves', (_, signature, whose, foreign) => {
    const turn = candidate();
    const standing = { ...bobLeads, leader: 'alice', foreign };
    const tell = (changed: boolean): object[] => {
      tellStanding(turn, recorded('alice', {}, signature), changed);
      return told(turn);
    };
    expect(tell(false)).toEqual([standing, { kind: 'own-name', moving: false, whose }]);
    expect(tell(false)).toEqual([]);
    expect(tell(true)).toEqual([standing, { kind: 'own-name', moving: true, whose }]);
    expect([tell(true), tell(false)]).toEqual([[], []]);
  });

  test('cannot be read: told once with the text, however often that changes, and again after a leader', () => {
    const turn = candidate();
    tellStanding(turn, unreadable('a'), false);
    tellStanding(turn, unreadable('b'), true);
    expect(turn.s.told).toEqual({ kind: 'unreadable' });
    tellStanding(turn, recorded('bob', {}, by('bob')), true);
    tellStanding(turn, unreadable('c'), true);
    expect(told(turn)).toEqual([{ kind: 'unreadable', text: 'a' }, bobLeads, { kind: 'unreadable', text: 'c' }]);
  });
});

describe('that the lock is taken', () => {
  const taking = (sighting: Sighting, more: Partial<Observed> = {}, turn = candidate()): object[] => {
    turn.s = { ...turn.s, observation: observed(turn, sighting, more) };
    tellTaking(turn);
    return told(turn);
  };
  const invited: Sighting = { ...recorded(''), coordinator: 'invites' } as Sighting;

  test.each<[string, Sighting, Partial<Observed>, object]>([
    ['nothing', gone, {}, { from: 'absent', leader: '' }],
    ['nothing, where our own lock was', gone, { own: true }, { from: 'absent', leader: '' }],
    ['a holder that let go', recorded(''), {}, { from: 'released', leader: '' }],
    ['a holder whose lease ended', recorded('bob'), {}, { from: 'expired', leader: 'bob' }],
    ['what cannot be read', unreadable('x'), {}, { from: 'expired', leader: '?' }],
    ['ourselves', recorded('alice'), { own: true }, { from: 'own', leader: 'alice' }],
    ['whom a coordinator has named', invited, {}, { from: 'invited', leader: '' }],
  ])('is told with what it is taken from: %s', (_, sighting, more, from) => {
    expect(taking(sighting, more)).toEqual([{ kind: 'taking', ...from }]);
  });

  test('is told once for each kind and each leader, and again after something else was told', () => {
    const turn = candidate();
    const counts = [gone, gone, recorded(''), recorded('bob'), recorded('carol'), recorded('carol'), recorded('')].map(
      (sighting) => taking(sighting, {}, turn).length,
    );
    expect(counts).toEqual([1, 0, 1, 1, 1, 0, 1]);
    expect(turn.s.told).toEqual({ kind: 'taking', from: 'released', leader: '' });
    // The same leader by another way.
    expect(taking(recorded('bob'), {}, turn)).toHaveLength(1);
    expect(taking(recorded('bob'), { own: true }, turn)).toEqual([{ kind: 'taking', from: 'own', leader: 'bob' }]);
    tellStanding(turn, recorded('bob'), false);
    expect(told(turn)).toHaveLength(1);
    expect(taking(recorded('bob'), { own: true }, turn)).toHaveLength(1);
  });

  test('is not told of a lock that was never seen', () => {
    const turn = candidate({ observation: undefined });
    tellTaking(turn);
    expect(told(turn)).toEqual([]);
  });
});

describe('a lease of more than ten minutes', () => {
  const waiting = (waitMs: number, changes: Partial<State> = {}): Turn => {
    const turn = candidate();
    turn.s = { ...turn.s, observation: observed(turn, recorded('bob'), { waitMs }), ...changes };
    return turn;
  };

  test('is told with its leader and how long it is waited out, and one of ten minutes is not', () => {
    const [ten, longer] = [waiting(600_000), waiting(600_001)];
    for (const turn of [ten, longer]) tellLongLease(turn);
    expect(told(ten)).toEqual([]);
    expect(told(longer)).toEqual([{ kind: 'long-lease', leader: 'bob', durationMs: 600_001 }]);
  });

  test('is told again after each ten minutes', () => {
    const turn = waiting(3_600_000);
    const counts = [0, 599_999, 600_000, 600_001, 1_199_999, 1_200_000].map((ms) => {
      const then = passed(turn, ms);
      tellLongLease(then);
      turn.s = then.s;
      return told(then).length;
    });
    expect(counts).toEqual([1, 0, 1, 0, 0, 1]);
  });

  test('is no news to a holder, to whoever leaves, and to whoever has not seen the lock', () => {
    const others = [{ term: leader().grant }, { want: 'leave' }, { want: 'nothing' }, { observation: undefined }] as const;
    for (const changes of others) {
      const turn = waiting(3_600_000, changes);
      tellLongLease(turn);
      expect(told(turn)).toEqual([]);
    }
  });
});

describe('trouble', () => {
  const server: Trouble = { cause: 'server', message: 'overloaded' };
  const cut: Trouble = { cause: 'unreachable', message: 'cut' };
  const oneLook: State['campaign']['patience'] = { wait: { kind: 'one-look' }, untilCertain: false };

  /** Meets it so long after the one before; tells what was told. */
  const meets = (turn: Turn, trouble: Trouble, afterMs = 0, leftMs?: number): object[] => {
    const then = passed(turn, afterMs);
    tellTrouble(then, 'write', trouble, leftMs);
    Object.assign(turn, { now: then.now, s: then.s });
    return told(turn);
  };
  const recovers = (turn: Turn): object[] => {
    tellRecovery(turn);
    turn.s = { ...turn.s, trouble: undefined };
    return told(turn);
  };

  test('is told with what was done, what came of it and the time that is left', () => {
    const turn = candidate();
    expect(meets(turn, server, 0, 4200)).toEqual([{ kind: 'trouble', doing: 'write', trouble: server, leftMs: 4200 }]);
    expect(turn.s.toldTrouble).toEqual({ cause: 'server', at: turn.now });
  });

  test('is told once for as long as its cause stays, and remembered since it began, with what was met last', () => {
    const turn = candidate();
    const began = turn.now;
    expect(meets(turn, server)).toHaveLength(1);
    const again = { ...server, message: 'still' };
    for (const ms of [100, 30_000, 30_000]) expect(meets(turn, again, ms)).toEqual([]);
    expect(turn.s.trouble).toEqual({ doing: 'write', cause: 'server', since: began, last: again, told: true });
  });

  test('is told again with each other cause, and its time goes on from the first one', () => {
    const turn = candidate();
    const began = turn.now;
    const counts = [server, cut, cut, server].map((trouble, index) => meets(turn, trouble, index * 11_000).length);
    expect(counts).toEqual([1, 1, 0, 1]);
    expect(turn.s.trouble).toMatchObject({ cause: 'server', since: began });
  });

  test('that comes and goes with each request is told once within a renew deadline, and so is its end', () => {
    const turn = candidate();
    expect(meets(turn, server)).toHaveLength(1);
    expect(recovers(turn)).toHaveLength(1);
    // Counted from when it was met last, told or not.
    for (const ms of [9_999, 9_999]) {
      expect(meets(turn, server, ms)).toEqual([]);
      expect(recovers(turn)).toEqual([]);
    }
    expect(meets(turn, server, 10_000)).toHaveLength(1);
    expect(recovers(turn)).toHaveLength(1);
  });

  test('that goes is told with how long it lasted, if it was told at all', () => {
    const turn = candidate();
    meets(turn, server);
    meets(turn, server, 1500);
    expect(recovers(turn)).toEqual([{ kind: 'recovered', afterMs: 1500 }]);
    expect(recovers(turn)).toEqual([]);
  });

  test('of one look is left to the end of its campaign, and that of a term is told whatever its campaign was', () => {
    const { campaign } = candidate().s;
    const once = { campaign: { ...campaign, patience: oneLook } };
    const look = candidate(once);
    expect(meets(look, server)).toEqual([]);
    expect(look.s.trouble).toMatchObject({ cause: 'server', told: false });
    expect(recovers(look)).toEqual([]);
    expect(meets(candidate({ ...once, term: leader().grant }), server)).toHaveLength(1);
  });
});
