// What the owner of a term may rely on: the time that it has left, and one end.
import { expect, test } from 'vitest';
import { later, type Now } from '../../src/clock.ts';
import { grantTerm } from '../../src/elector/term.ts';
import { completeTiming, leashFrom } from '../../src/elector/timing.ts';

const timing = completeTiming({ leaseDurationMs: 15_000 });

function setUp() {
  const start: Now = { mono: 1000, boot: 5000, wall: 0 };
  const at = { now: start };
  const granter = {
    now: () => at.now,
    workEnded: () => undefined,
    wish: () => undefined, stepDown: () => undefined,
    resign: () => Promise.resolve({ kind: 'released' as const }),
  };
  const token = { value: '7', lockUid: 'uid', transitions: 0 };
  const beside = { note: undefined, instructions: undefined };
  const granted = grantTerm({ token, leash: leashFrom(start, timing), beside }, granter);
  const pass = (mono: number, boot = mono): void => {
    at.now = { mono: at.now.mono + mono, boot: at.now.boot + boot, wall: 0 };
  };
  return { ...granted, granter, start, pass };
}

test('a term has as long left as the clock that ran further leaves it', () => {
  const { term, pass } = setUp();
  expect(term.msLeft()).toBe(10_000);
  pass(1000);
  expect(term.msLeft()).toBe(9000);
  // A suspend: monotonic time stands still, and the others wait no less for that.
  pass(0, 4000);
  expect(term.msLeft()).toBe(5000);
  pass(6000);
  expect(term.msLeft()).toBe(0);
});

test('a renewal gives a term more time', () => {
  const { term, start, pass, extend } = setUp();
  pass(2000);
  extend(leashFrom(later(start, 2000), timing));
  expect(term.msLeft()).toBe(10_000);
});

test('a term that is lost has no time left, and none is added to it', async () => {
  const { term, start, extend, end } = setUp();
  const { leash } = term;
  const longer: unknown[] = [];
  term.onLeash((each) => longer.push(each));
  end('taken');
  extend(leashFrom(later(start, 2000), timing));
  expect([term.msLeft(), await term.lost, longer]).toEqual([0, 'taken', []]);
  expect(term.leash).toBe(leash);
});

test('a loss is told to who listens later, too, and again when no grace is left', () => {
  const { term, end } = setUp();
  const reasons: string[] = [];
  end('deadline');
  term.onLost((reason) => reasons.push(reason));
  end('taken');
  expect(reasons).toEqual(['deadline', 'taken']);
});

test('a term shows what stands beside the record now, and tells its owner of each change', () => {
  const { term, tellBeside } = setUp();
  const heard: unknown[] = [];
  const [first, second] = ['a', 'b'].map((note) => ({ note, instructions: undefined }));
  if (!first || !second) throw new Error('unreachable');
  // Nobody listens yet.
  tellBeside(first);
  expect(term.beside).toBe(first);
  term.onBeside(() => heard.push(term.beside));
  tellBeside(second);
  expect(heard).toEqual([second]);
});

test('a wish is the elector’s to grant, and ends with what it says of it', async () => {
  const { term, granter, tellWished } = setUp();
  const wishes: unknown[] = [];
  granter.wish = (wish?: unknown) => void wishes.push(wish);
  // Of a term that is over nobody waits for one.
  tellWished(undefined, undefined);
  const wished = term.wish('a');
  expect(wishes).toEqual(['a']);
  tellWished({ why: 'not now' }, undefined);
  expect(await wished).toEqual({ why: 'not now' });
});

test('a wish that is stored brings the token of its write, and one that is not leaves the token as it was', async () => {
  const { term, tellWished } = setUp();
  const { token } = term;
  const refused = term.wish('a');
  tellWished('no', undefined);
  expect([await refused, term.token]).toEqual(['no', token]);
  const larger = { ...token, value: '8' };
  const stored = term.wish('b');
  tellWished(undefined, larger);
  expect([await stored, term.token]).toEqual([undefined, larger]);
});

test('a term shows its owner nothing that only the elector may do', () => {
  const { term } = setUp();
  expect(Object.keys(term).sort()).toEqual(
    [
      ...['beside', 'deposed', 'leash', 'lost', 'msLeft', 'onBeside', 'onLeash', 'onLost', 'resign', 'stepDown', 'token'],
      ...['wish', 'workEnded'],
    ],
  );
});
