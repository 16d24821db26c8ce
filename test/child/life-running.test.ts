// A command's life until its own process has ended: what the leash, orders, messages and failures make of it. What is
// left after that is in life-clearing.test.ts; the search of all orders is in test/simulation/life/search.test.ts.
// To check: each order is compared with all that goes out beside it.
import { describe, expect, test } from 'vitest';
import { outlasted } from '../../src/child/life.ts';
import { at, killed, leashFrom, pid, told, unkillable, Walk } from '../helpers/life-walk.ts';

describe('the leash', () => {
  test('leaves a command alone until it is due, and is looked at four times a second', () => {
    const walk = new Walk();
    expect(walk.tick(0)).toEqual([]);
    expect(walk.wakeMs).toBe(250);
    expect(walk.tick(9900)).toEqual([]);
    expect([walk.wakeMs, walk.life.state]).toEqual([100, 'running']);
  });

  test('tells the command once, when the term is over', () => {
    const walk = new Walk({ stopSignal: 'SIGQUIT', signalTo: 'command' });
    expect(walk.tick(9999)).toEqual([]);
    expect(walk.tick(10_000)).toEqual(told('SIGQUIT', 'lost', 'command'));
    expect([walk.wakeMs, walk.life.state]).toEqual([250, 'told']);
    expect(walk.tick(12_900)).toEqual([]);
    expect(walk.wakeMs).toBe(100);
  });

  test('kills the command when the time for that is over, told or not', () => {
    const walk = new Walk();
    walk.tick(10_000);
    expect(walk.tick(12_999)).toEqual([]);
    expect(walk.tick(13_000)).toEqual(killed('leash'));
    expect([walk.wakeMs, walk.life.state]).toEqual([250, 'killed']);
    expect(new Walk().tick(20_000)).toEqual(killed('leash'));
  });

  test('is lengthened by a renewal, which arms the guardian anew', () => {
    const walk = new Walk();
    const leash = leashFrom(8000);
    expect(walk.meet({ kind: 'leash', leash }, 9000)).toEqual([{ kind: 'arm', guardBy: leash.guardBy }]);
    expect(walk.tick(17_999)).toEqual([]);
    expect(walk.tick(18_000)).toEqual(told('SIGTERM', 'lost'));
  });

  test('is not lengthened once it is due', () => {
    const walk = new Walk();
    expect(walk.meet({ kind: 'leash', leash: leashFrom(9000) }, 10_000)).toEqual(told('SIGTERM', 'lost'));
    expect(walk.tick(13_000)).toEqual(killed('leash'));
  });

  test('that no clock measures is due', () => {
    const walk = new Walk();
    expect(walk.meet({ kind: 'clockless' }, 10)).toEqual(killed('grace-over'));
  });
});

describe('an order', () => {
  test('tells the command at once, and kills it when the grace is over', () => {
    const walk = new Walk({ signalTo: 'command' });
    expect(walk.order({}, 1000)).toEqual(told('SIGINT', 'asked', 'command'));
    expect([walk.wakeMs, walk.life.state]).toEqual([250, 'told']);
    expect(walk.tick(5999)).toEqual([]);
    expect(walk.wakeMs).toBe(1);
    expect(walk.tick(6000)).toEqual(killed('grace-over'));
  });

  test('is cut short by the leash, which is then the reason', () => {
    const walk = new Walk();
    walk.order({ graceMs: 60_000 }, 0);
    expect(walk.tick(10_000)).toEqual([]);
    expect(walk.tick(13_000)).toEqual(killed('leash'));
  });

  test('without a signal tells nobody, and kills when the grace is over', () => {
    const walk = new Walk();
    expect(walk.order({ signal: undefined }, 0)).toEqual([]);
    expect(walk.life.state).toBe('running');
    expect(walk.tick(5000)).toEqual(killed('grace-over'));
  });

  test('without a signal leaves the telling to one that comes later', () => {
    const walk = new Walk();
    walk.order({ signal: undefined }, 0);
    expect(walk.order({ why: 'deposed' }, 10)).toEqual(told('SIGINT', 'deposed'));
  });

  test('without a grace kills at once, for its own reason', () => {
    expect(new Walk().order({ graceMs: 0, why: 'deposed' })).toEqual(killed('deposed'));
    const walk = new Walk();
    walk.order({}, 0);
    expect(walk.order({ graceMs: 0, why: 'deposed' }, 10)).toEqual(killed('deposed'));
  });

  test('that comes again tells nobody twice, and lengthens nothing', () => {
    const walk = new Walk();
    walk.order({}, 0);
    expect(walk.order({ graceMs: 60_000 }, 1000)).toEqual([]);
    expect(walk.tick(5000)).toEqual(killed('grace-over'));
  });

  test('that comes again shortens the grace', () => {
    const walk = new Walk();
    walk.order({}, 0);
    walk.order({ graceMs: 1000 }, 1000);
    expect(walk.tick(1999)).toEqual([]);
    expect(walk.tick(2000)).toEqual(killed('grace-over'));
  });

  test('that comes after the leash has told the command tells nobody', () => {
    const walk = new Walk();
    walk.tick(10_000);
    expect(walk.order({ graceMs: 100 })).toEqual([]);
    expect(walk.tick(10_100)).toEqual(killed('grace-over'));
  });
});

describe('a message', () => {
  test('is passed on to whom signals go, until the command has ended', () => {
    const walk = new Walk({ signalTo: 'command' });
    const passed = [
      { kind: 'pass-on', signal: 'SIGHUP', to: 'command' },
      { kind: 'report', event: { kind: 'signalled', signal: 'SIGHUP', why: 'forwarded' } },
    ];
    const message = { kind: 'message', signal: 'SIGHUP' } as const;
    expect(walk.meet(message)).toEqual(passed);
    walk.order({});
    expect(walk.meet(message)).toEqual(passed);
    walk.exit();
    expect(walk.meet(message)).toEqual([]);
  });
});

describe('the end of the command', () => {
  test('is told with how long it ran, and begins a look for what is left', () => {
    const walk = new Walk({ at: at(40) });
    expect(walk.meet({ kind: 'exited', status: 143, signal: 'SIGTERM' }, 1040)).toEqual([
      { kind: 'report', event: { kind: 'command-ended', pid, status: 143, signal: 'SIGTERM', ranMs: 1000 } },
      { kind: 'look' },
    ]);
    expect([walk.wakeMs, walk.life.state]).toEqual([2, 'clearing']);
  });

  test('is believed once', () => {
    const walk = new Walk();
    walk.exit(0, 7);
    expect(walk.exit(0, 8)).toEqual([]);
    walk.see([]);
    expect(walk.life).toMatchObject({ state: 'over', end: { status: 7 } });
  });

  test('comes late when the term is over by the leash, even if nobody has noticed that', () => {
    const walks = [new Walk(), new Walk()] as const;
    expect(walks.map(({ life }) => outlasted(life))).toEqual([false, false]);
    walks[0].exit(9999);
    walks[1].exit(10_000);
    expect(walks.map(({ life }) => outlasted(life))).toEqual([false, true]);
  });

  test('is all there is to what else is heard before it', () => {
    const walk = new Walk();
    const strays = [
      { kind: 'seen', members: [] },
      { kind: 'seen-others', pids: [] },
      { kind: 'disarmed' },
    ] as const;
    for (const stray of strays) expect(walk.meet(stray)).toEqual([]);
    expect(walk.life.state).toBe('running');
  });
});

describe('a command that SIGKILL does not end', () => {
  const dying = (order = {}): Walk => {
    const walk = new Walk();
    walk.order({ graceMs: 0, ...order }, 0);
    return walk;
  };

  test('is killed again with each tick, and with nothing else', () => {
    const walk = dying();
    expect(walk.tick(250)).toEqual([{ kind: 'kill' }]);
    expect(walk.wakeMs).toBe(250);
    expect(walk.order({})).toEqual([]);
    expect(walk.tick(500)).toEqual([{ kind: 'kill' }]);
  });

  test('is told of once in each lease duration', () => {
    const walk = dying();
    expect(walk.tick(14_999)).toEqual([{ kind: 'kill' }]);
    expect(walk.tick(15_000)).toEqual([{ kind: 'kill' }, unkillable(pid)]);
    expect(walk.tick(15_250)).toEqual([{ kind: 'kill' }]);
    expect(walk.tick(29_999)).toEqual([{ kind: 'kill' }]);
    expect(walk.tick(30_000)).toEqual([{ kind: 'kill' }, unkillable(pid)]);
  });

  test('is given up on when the patience of the first order that has one is over', () => {
    const walk = dying();
    walk.order({ patienceMs: 1000 });
    walk.order({ patienceMs: 500 });
    walk.tick(999);
    expect(walk.life.state).toBe('killed');
    walk.tick(1000);
    expect(walk.life).toMatchObject({
      state: 'over',
      exit: { status: 137, signal: undefined, late: false },
      end: { status: 137, signal: undefined, alive: [pid], failure: undefined },
    });
    expect([walk.wakeMs, outlasted(walk.life)]).toEqual([undefined, false]);
  });

  test('is waited for without end where no order has a patience', () => {
    const walk = dying();
    walk.tick(10_000_000);
    expect(walk.life.state).toBe('killed');
  });
});

test('a command without a guardian is killed at once, and the first failure is its end’s', () => {
  const walk = new Walk();
  expect(walk.meet({ kind: 'unguarded', message: 'one' }, 0)).toEqual(killed('unguarded'));
  expect(walk.meet({ kind: 'unguarded', message: 'two' })).toEqual([]);
  walk.exit(10, 137);
  walk.see([]);
  expect(walk.life).toMatchObject({ end: { status: 137, alive: [], failure: 'one' } });
});

test('a life that is over goes on as it is', () => {
  const walk = new Walk();
  walk.exit();
  walk.see([]);
  const { life } = walk;
  for (const ms of [10, 100_000]) expect(walk.tick(ms)).toEqual([]);
  expect(walk.order({ graceMs: 0 })).toEqual([]);
  expect([walk.life, walk.wakeMs]).toEqual([life, undefined]);
});
