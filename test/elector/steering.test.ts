// What an operator asks for at the lock: a holder that is to step down gives the lock back in its own time and stays
// back; a paused lock is held by no candidate. Asked for by an annotation, as kubectl or a verb writes it.
// Invariant under test: nothing that is asked for makes a lock free sooner, or a candidate take it sooner.
import { describe, expect, test } from 'vitest';
import { aliceRun, bobRun, held, kinds, leader, MemoryLock, Rig, wallStart } from '../helpers/rig.ts';

const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });
const at = (ms: number): string => new Date(wallStart + ms).toISOString();

/** One that bob holds, and that alice watches. */
function standby(lock = new MemoryLock()): Rig {
  lock.put(held('bob'), bob(1));
  const rig = new Rig(lock).campaign().answer().answer();
  rig.feed({ kind: 'watch-up' });
  return rig;
}

/** The work ends as it was asked to, and the lock is given back. */
function giveBack(rig: Rig): Rig {
  rig.feed({ kind: 'work-ended' });
  rig.feed({ kind: 'resign', holdMs: 0 });
  return rig.answer();
}

const taken = ({ calls }: Rig): boolean => calls.includes('take') || calls.includes('create');
const deposals = (rig: Rig): unknown[] => rig.reports.filter(({ kind }) => kind === 'deposed');

describe('a holder', () => {
  test('that is asked to step down is told once, and renews until its work has ended', () => {
    const rig = leader();
    rig.lock.ask({ stepDown: 'alice kernel update' });
    rig.watch().run(20_000);
    expect(deposals(rig)).toEqual([{ kind: 'deposed', by: 'step-down', reason: 'kernel update' }]);
    expect(rig.effects.filter(({ kind }) => kind === 'deposed')).toHaveLength(1);
    expect(rig.lost).toBeUndefined();
    expect(new Set(rig.calls)).toEqual(new Set(['renew']));
    expect(rig.lock.instructions).toEqual({ stepDown: 'alice kernel update' });
  });

  test('hears it from the answer to a renewal as well, where nothing is watched', () => {
    const rig = leader();
    rig.lock.ask({ stepDown: 'alice' });
    // The renewal is a conflict, and the look that follows tells.
    rig.run(2500);
    expect(deposals(rig)).toEqual([{ kind: 'deposed', by: 'step-down', reason: '' }]);
  });

  test.each(['bob', 'alice2', 'Alice', ''])('does not step down when %j is asked to', (whom) => {
    const rig = leader();
    rig.lock.ask({ stepDown: whom });
    rig.watch().run(20_000);
    expect(deposals(rig)).toEqual([]);
  });

  test('takes the request away with the lock, and no other', () => {
    const rig = leader();
    rig.lock.ask({ stepDown: 'alice', run: 'now' });
    giveBack(rig.watch());
    expect(rig.outcome).toEqual({ kind: 'released' });
    expect(rig.lock.instructions).toEqual({ stepDown: undefined, run: 'now' });
    const other = leader();
    other.lock.ask({ stepDown: 'bob' });
    giveBack(other.watch());
    expect(other.lock.instructions).toEqual({ stepDown: 'bob' });
  });

  test('that gave the lock back on request takes it again only after a lease', () => {
    const rig = leader();
    rig.lock.ask({ stepDown: 'alice' });
    giveBack(rig.watch());
    rig.calls.length = 0;
    rig.campaign().run(14_900);
    expect(taken(rig)).toBe(false);
    expect(rig.grant).toBeUndefined();
    expect(rig.run(200).grant).toBeDefined();
  });

  test('or once it has seen another lead', () => {
    const rig = leader();
    rig.lock.ask({ stepDown: 'alice' });
    giveBack(rig.watch()).campaign();
    rig.lock.put(held('bob'), bob(1));
    rig.watch();
    rig.lock.put(held(''), bob(2));
    rig.watch().run(100);
    expect(rig.grant).toBeDefined();
  });

  test('that gave the lock back for itself takes it again at once', () => {
    const rig = giveBack(leader()).campaign().run(50);
    expect(rig.grant).toBeDefined();
  });

  describe('whose command is not healthy', () => {
    const unhealthy = (rig = leader()): Rig => {
      rig.feed({ kind: 'step-down', reason: 'no sign of life' });
      return rig;
    };

    test('is deposed as by an operator, and tells all others why with a renewal at once', () => {
      const rig = unhealthy().run(10);
      expect(deposals(rig)).toEqual([{ kind: 'deposed', by: 'health', reason: 'no sign of life' }]);
      expect(rig.effects.filter(({ kind }) => kind === 'deposed')).toHaveLength(1);
      expect(rig.lock.instructions).toEqual({ stepDown: 'alice not healthy: no sign of life' });
      expect(rig.calls).toEqual(['renew']);
    });

    test('goes on renewing while its command ends, and is deposed once', () => {
      const rig = unhealthy(unhealthy()).run(20_000);
      expect(deposals(rig)).toHaveLength(1);
      expect(rig.lost).toBeUndefined();
      expect(rig.calls.length).toBeGreaterThan(8);
    });

    test('leaves what operators ask for, and takes what it has told away with the lock', () => {
      const rig = leader();
      rig.lock.ask({ run: 'now' });
      unhealthy(rig.watch()).run(10);
      expect(rig.lock.instructions).toEqual({ run: 'now', stepDown: 'alice not healthy: no sign of life' });
      giveBack(rig);
      expect(rig.lock.instructions).toEqual({ run: 'now', stepDown: undefined });
    });

    test('does not write over what another was asked', () => {
      const rig = leader();
      rig.lock.ask({ stepDown: 'bob soon' });
      unhealthy(rig.watch()).run(3000);
      expect(rig.lock.instructions).toEqual({ stepDown: 'bob soon' });
    });

    test('stays back for a lease', () => {
      const rig = giveBack(unhealthy().run(10));
      rig.calls.length = 0;
      rig.campaign().run(14_900);
      expect(taken(rig)).toBe(false);
      expect(rig.run(200).grant).toBeDefined();
    });

    test('says nothing of it in its next term', () => {
      const rig = giveBack(unhealthy().run(10)).campaign().run(20_000);
      expect(rig.grant).toBeDefined();
      expect(rig.lock.instructions?.stepDown).toBeUndefined();
      expect(deposals(rig)).toHaveLength(1);
    });

    test('which is deposed already has nothing to add', () => {
      const rig = leader();
      rig.lock.ask({ stepDown: 'alice kernel update' });
      unhealthy(rig.watch()).run(3000);
      expect(deposals(rig)).toEqual([{ kind: 'deposed', by: 'step-down', reason: 'kernel update' }]);
      expect(rig.lock.instructions).toEqual({ stepDown: 'alice kernel update' });
    });

    test('asks for nothing without a term', () => {
      const rig = unhealthy(standby()).run(3000);
      expect(deposals(rig)).toEqual([]);
      expect(rig.lock.instructions).toBeUndefined();
    });
  });

  test('of a paused lock is told why, and until when', () => {
    const rig = leader();
    rig.lock.ask({ pause: `${at(3_600_000)} storage migration` });
    rig.watch();
    expect(deposals(rig)).toEqual([
      { kind: 'deposed', by: 'pause', reason: 'storage migration', until: '2026-01-01T01:00:00Z' },
    ]);
  });

  test('of a lock whose pause is over by its own clock goes on', () => {
    const rig = leader();
    rig.lock.ask({ pause: at(0) });
    rig.watch().run(20_000);
    expect(deposals(rig)).toEqual([]);
  });
});

describe('a candidate', () => {
  test('does not take a paused lock, whether free, released or over, and says so once', () => {
    const lock = new MemoryLock();
    lock.ask({ pause: '' });
    const rig = standby(lock).run(60_000);
    expect(taken(rig)).toBe(false);
    lock.put(held(''), bob(2));
    rig.watch().run(60_000);
    expect(taken(rig)).toBe(false);
    expect(rig.reports.filter(({ kind }) => kind === 'paused')).toEqual([
      { kind: 'paused', reason: '', until: undefined },
    ]);
  });

  test('takes it as soon as the pause is taken away, and says so', () => {
    const lock = new MemoryLock();
    lock.instructions = { pause: 'move' };
    const rig = standby(lock).run(60_000);
    lock.ask({ pause: undefined });
    rig.watch().run(50);
    expect(rig.grant).toBeDefined();
    expect(kinds(rig).filter((kind) => kind === 'paused' || kind === 'resumed')).toEqual(['paused', 'resumed']);
  });

  test('takes it by itself when the time of the pause comes, and not before', () => {
    const lock = new MemoryLock();
    lock.instructions = { pause: `${at(40_000)} move` };
    lock.put(held(''), bob(1));
    const rig = new Rig(lock).campaign().run(39_900);
    expect(taken(rig)).toBe(false);
    expect(rig.run(200).grant).toBeDefined();
  });

  test('that a pause has kept waiting for a lease waits for the rest of the lease all the same', () => {
    const lock = new MemoryLock();
    lock.instructions = { pause: 'move' };
    const rig = standby(lock).run(5000);
    lock.ask({ pause: undefined });
    rig.watch().run(9000);
    expect(taken(rig)).toBe(false);
    expect(rig.run(1100).grant).toBeDefined();
  });

  test.each([
    { name: 'one look', begin: (rig: Rig) => rig.campaign(0) },
    { name: '--try', begin: (rig: Rig) => rig.campaign(undefined, true) },
  ])('of $name leaves a paused lock at once, and tells of the pause', ({ begin }) => {
    const lock = new MemoryLock();
    lock.instructions = { pause: `${at(60_000)} move` };
    lock.put(held(''), bob(1));
    const rig = begin(new Rig(lock)).answer();
    expect(rig.outcome).toMatchObject({
      kind: 'not-acquired',
      pause: { untilMs: wallStart + 60_000, reason: 'move' },
      trouble: undefined,
    });
  });

  test('takes a request to step down away with the lock, since whoever it is for holds it no more', () => {
    const lock = new MemoryLock();
    lock.instructions = { stepDown: 'alice', run: 'now' };
    const rig = standby(lock).run(16_000);
    expect(rig.grant).toMatchObject({ beside: { instructions: { run: 'now' } } });
    expect(lock.instructions).toEqual({ stepDown: undefined, run: 'now' });
    expect(deposals(rig.run(20_000))).toEqual([]);
  });

  test('of a lock that is not steered writes nothing about it', () => {
    const rig = leader().run(6000);
    giveBack(rig);
    const written = rig.effects.flatMap((effect) => (effect.kind === 'write' ? [effect.request.instructions] : []));
    expect(new Set(written)).toEqual(new Set([undefined]));
  });
});

test('a twin of the holder, by name, does not obey what the holder is asked for', () => {
  const lock = new MemoryLock();
  lock.put(held('alice'), { identity: 'alice', run: bobRun, number: 1 });
  const rig = new Rig(lock, { run: aliceRun }).campaign().answer().answer();
  lock.ask({ stepDown: 'alice' });
  rig.watch().run(5000);
  expect(deposals(rig)).toEqual([]);
});
