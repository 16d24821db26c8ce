// A command's life after its own process has ended: who of the rest is told, who is killed, and when nothing is left.
// Until then it is in life-running.test.ts.
// To check: nobody is told twice, strangers are never signalled, and nothing ends but by a look that found no process
// or by a patience that is over.
import { describe, expect, test } from 'vitest';
import { killed, leashFrom, pid, toldEach, unkillable, Walk } from '../helpers/life-walk.ts';

const blind = { kind: 'seen', members: undefined } as const;

function ended(birth = {}, how: (walk: Walk) => unknown = () => undefined): Walk {
  const walk = new Walk(birth);
  how(walk);
  walk.exit(1000, 3);
  return walk;
}

const asked = (walk: Walk): unknown => walk.order({ graceMs: 6000 }, 0);
const killedFirst = (walk: Walk): unknown => walk.order({ graceMs: 0 }, 0);

describe('a look', () => {
  test('that finds nobody lets the guardian go, and is the end', () => {
    const walk = new Walk();
    walk.meet({ kind: 'exited', status: 129, signal: 'SIGHUP' }, 0);
    expect(walk.see([])).toEqual([{ kind: 'disarm' }]);
    expect(walk.life).toEqual({
      state: 'over',
      exit: { status: 129, signal: 'SIGHUP', late: false },
      end: { status: 129, signal: 'SIGHUP', alive: [], failure: undefined },
    });
    expect(walk.wakeMs).toBeUndefined();
  });

  test('is taken with each tick, less and less often', () => {
    const walk = ended();
    const waits = [walk.wakeMs];
    for (let i = 0; i < 6; i++) {
      expect(walk.tick(1000)).toEqual([{ kind: 'look' }]);
      walk.see([7]);
      waits.push(walk.wakeMs);
    }
    expect(waits).toEqual([2, 4, 8, 16, 32, 50, 50]);
  });

  test('comes early when something is due', () => {
    const walk = ended();
    for (let i = 0; i < 6; i++) walk.see([7]);
    walk.tick(2990);
    expect(walk.wakeMs).toBe(10);
  });
});

describe('what is left', () => {
  test('by a command that ended unasked is told once, and killed after two seconds', () => {
    const walk = ended();
    expect(walk.see([7], [8])).toEqual(toldEach(7, 8));
    expect(walk.see([7], [8, 9])).toEqual([]);
    expect(walk.tick(2999)).toEqual([{ kind: 'look' }]);
    expect(walk.tick(3000)).toEqual([{ kind: 'look' }, ...killed('grace-over')]);
  });

  test('by a command that was told keeps its grace; its group was told with it', () => {
    const walk = ended({}, asked);
    expect(walk.see([7], [8])).toEqual(toldEach(8));
    expect(walk.see([7], [8])).toEqual([]);
    expect(walk.tick(5999)).toEqual([{ kind: 'look' }]);
    expect(walk.tick(6000)).toEqual([{ kind: 'look' }, ...killed('grace-over')]);
  });

  test('in the group of a command that was told is told by nobody', () => {
    expect(ended({}, asked).see([7])).toEqual([]);
  });

  test('by a command that alone was told is told as a whole', () => {
    expect(ended({ signalTo: 'command' }, asked).see([7], [8])).toEqual(toldEach(7, 8));
  });

  test('by a command that was killed is told nothing, and killed again with each tick', () => {
    const walk = ended({}, killedFirst);
    expect(walk.wakeMs).toBe(2);
    expect(walk.see([7], [8])).toEqual([]);
    expect(walk.tick(1010)).toEqual([{ kind: 'look' }, { kind: 'kill' }]);
    expect(walk.wakeMs).toBe(4);
    expect(walk.see([7], [8])).toEqual([]);
  });

  test('and was killed is told nothing', () => {
    const walk = ended();
    walk.tick(3000);
    expect(walk.see([7], [8])).toEqual([]);
    expect(walk.order({ graceMs: 0 })).toEqual([]);
    expect(walk.tick(3010)).toEqual([{ kind: 'look' }, { kind: 'kill' }]);
  });

  test('is killed at once by an order without a grace', () => {
    const walk = ended();
    expect(walk.order({ graceMs: 0 })).toEqual(killed('asked'));
  });

  test('is under the leash, which a renewal lengthens', () => {
    const walk = ended({}, (its) => its.order({ graceMs: 60_000 }, 0));
    const leash = leashFrom(5000);
    expect(walk.meet({ kind: 'leash', leash }, 6000)).toEqual([{ kind: 'arm', guardBy: leash.guardBy }]);
    expect(walk.tick(17_999)).toEqual([{ kind: 'look' }]);
    expect(walk.tick(18_000)).toEqual([{ kind: 'look' }, ...killed('leash')]);
  });
});

describe('where no look is possible', () => {
  test('the group is told once, and nothing is over', () => {
    const walk = ended();
    expect(walk.meet(blind)).toEqual(toldEach(-pid));
    expect(walk.meet(blind)).toEqual([]);
    expect([walk.life.state, walk.wakeMs]).toEqual(['clearing', 8]);
  });

  test('the group of a command that was told is told no more', () => {
    expect(ended({}, asked).meet(blind)).toEqual([]);
  });

  test('who is found later outside of the group is told then', () => {
    const walk = ended();
    walk.meet(blind);
    expect(walk.see([7], [8])).toEqual(toldEach(8));
  });

  test('the command stands for what may be left when the patience is over', () => {
    const walk = ended({}, (its) => its.order({ graceMs: 0, patienceMs: 1500 }, 0));
    walk.meet(blind, 1499);
    expect(walk.life.state).toBe('clearing');
    walk.meet(blind, 1500);
    expect(walk.life).toMatchObject({ state: 'over', end: { status: 3, alive: [pid] } });
  });
});

describe('what may be strangers', () => {
  test('are told nothing, beside others who are', () => {
    const walk = ended();
    expect(walk.suspect([7])).toEqual([]);
    const members = [{ pid: 7, group: 7, isUnsure: true }, { pid: 8, group: 8, isUnsure: false }];
    expect(walk.meet({ kind: 'seen', members })).toEqual(toldEach(8));
  });

  test('are not killed, and are waited for as long as the patience says', () => {
    const walk = ended({}, (its) => its.order({ patienceMs: 1000 }, 0));
    walk.suspect([7]);
    expect(walk.tick(5000)).toEqual([{ kind: 'look' }]);
    expect(walk.tick(5100)).toEqual([{ kind: 'look' }]);
    expect(walk.suspect([7], 5999)).toEqual([]);
    expect(walk.life.state).toBe('clearing');
    walk.suspect([7], 6000);
    expect(walk.life).toMatchObject({ state: 'over', end: { alive: [7] } });
  });

  test('are killed with the next tick once they turn out to be none', () => {
    const walk = ended();
    walk.suspect([7]);
    walk.tick(3000);
    walk.see([7]);
    expect(walk.tick(3010)).toEqual([{ kind: 'look' }, { kind: 'kill' }]);
    expect(walk.meet({ kind: 'message', signal: 'SIGHUP' })).toEqual([]);
  });
});

describe('what SIGKILL does not end', () => {
  test('is told of once in each lease duration', () => {
    const walk = ended({}, killedFirst);
    expect(walk.see([7], [8], 14_999)).toEqual([]);
    expect(walk.see([7], [8], 15_000)).toEqual([unkillable(7, 8)]);
    expect(walk.see([7], [8], 15_001)).toEqual([]);
    expect(walk.see([7], [8], 30_000)).toEqual([unkillable(7, 8)]);
  });

  test('is given up on when the patience is over, with the command’s own status', () => {
    const walk = ended({}, (its) => its.order({ graceMs: 0, patienceMs: 2000 }, 0));
    walk.see([7], [8], 1999);
    expect(walk.life.state).toBe('clearing');
    walk.see([7], [8], 2000);
    expect(walk.life).toMatchObject({ state: 'over', end: { status: 3, alive: [7, 8], failure: undefined } });
  });

  test('is not given up on for what was not killed yet', () => {
    const walk = ended({}, (its) => its.order({ graceMs: 60_000, patienceMs: 1 }, 0));
    walk.see([7], [], 5000);
    expect(walk.life.state).toBe('clearing');
  });
});

describe('as process 1', () => {
  const emptying = (how?: (walk: Walk) => unknown): Walk => {
    const walk = ended({ isInit: true }, how);
    expect(walk.see([])).toEqual([{ kind: 'disarm' }]);
    return walk;
  };

  test('everybody else is killed once the guardian is let go', () => {
    const walk = emptying();
    expect([walk.life.state, walk.wakeMs]).toEqual(['emptying', 2]);
    expect(walk.meet({ kind: 'disarmed' })).toEqual([{ kind: 'kill-others' }, { kind: 'look-for-others' }]);
    expect(walk.tick(1010)).toEqual([{ kind: 'look-for-others' }, { kind: 'kill-others' }]);
  });

  test('nobody left is the end', () => {
    const walk = emptying();
    expect(walk.meet({ kind: 'seen-others', pids: [] })).toEqual([]);
    expect(walk.life).toMatchObject({ state: 'over', end: { status: 3, alive: [] } });
  });

  test('others are looked for less and less often, and told of once in each lease duration', () => {
    const walk = emptying();
    const others = { kind: 'seen-others', pids: [9] } as const;
    const waits = [];
    for (let i = 0; i < 6; i++) {
      expect(walk.meet(others)).toEqual([]);
      waits.push(walk.wakeMs);
    }
    expect(waits).toEqual([4, 8, 16, 32, 50, 50]);
    expect(walk.meet(others, 15_999)).toEqual([]);
    expect(walk.meet(others, 16_000)).toEqual([unkillable(9)]);
    expect(walk.meet(others, 16_010)).toEqual([]);
  });

  test('others are given up on after the patience, which counts from the first kill', () => {
    const walk = emptying((its) => its.order({ graceMs: 0, patienceMs: 3000 }, 0));
    walk.meet({ kind: 'seen-others', pids: [9] }, 2999);
    expect(walk.life.state).toBe('emptying');
    walk.meet({ kind: 'seen-others', pids: [9] }, 3000);
    expect(walk.life).toMatchObject({ state: 'over', end: { status: 3, alive: [9] } });
  });

  test('neither renewals nor what was looked for before mean anything any more', () => {
    const walk = emptying();
    expect(walk.meet({ kind: 'leash', leash: leashFrom(900) })).toEqual([]);
    expect(walk.see([])).toEqual([]);
    expect(walk.see([7])).toEqual([]);
    expect(walk.exit()).toEqual([]);
    expect(walk.life.state).toBe('emptying');
  });

  test('news of others mean nothing before', () => {
    const walk = ended({ isInit: true });
    expect(walk.meet({ kind: 'seen-others', pids: [] })).toEqual([]);
    expect(walk.meet({ kind: 'disarmed' })).toEqual([]);
    expect(walk.life.state).toBe('clearing');
  });
});
