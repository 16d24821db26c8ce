// What is asked of the lock next, state by state: which request, for how long, and how long to wait where nothing is
// due. The states are those of a rig that leads, stands by or leaves, with the one thing changed that a test is about.
// Invariant under test: a request's limit leaves room for the next one, and a wait ends no later than what is due.

import { describe, expect, test } from 'vitest';
import { later, type Instant } from '../../src/clock.ts';
import { nextRequest } from '../../src/elector/plan.ts';
import type { State } from '../../src/elector/state.ts';
import { bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';

interface Stage {
  readonly state: State;
  readonly now: Rig['now'];
}

/** Leads since now, with all of it known. */
function leading(changes: Partial<State> = {}, leftMs = 10_000): Stage {
  const { state, now } = leader();
  if (!state.term) throw new Error('unreachable');
  const leash = { ...state.term.leash, termBy: later(now, leftMs) };
  return { state: { ...state, term: { ...state.term, leash }, ...changes }, now };
}

/** Stands by for bob, who holds the lock. */
function standing(changes: Partial<State> = {}): Stage {
  const lock = new MemoryLock();
  lock.put(held('bob'), { identity: 'bob', run: bobRun, number: 1 });
  const rig = new Rig(lock).campaign().answer();
  while (rig.asked) rig.answer();
  rig.feed({ kind: 'watch-up' });
  return { state: { ...rig.state, ...changes }, now: rig.now };
}

/** Has nothing running any more and would give the lock back. */
function leavingWith(changes: Partial<State> = {}, leaving: Partial<State['leaving']> = {}): Stage {
  const { state, now } = leading();
  const done = { ...state, term: undefined, occupied: false, want: 'leave' as const, pending: [], mustRead: false };
  return { state: { ...done, pause: now, leaving: { ...state.leaving, ...leaving }, ...changes }, now };
}

const plan = ({ state, now }: Stage) => nextRequest(state, now);
/** As a change of the state that `of` makes. */
const from = (of: (changes?: Partial<State>) => Stage, changes: (now: Instant) => Partial<State>): Stage =>
  of(changes(of().now));

describe('a holder', () => {
  test('looks at once when only a look can tell, and after the pause once that has failed', () => {
    const doubt = (failures: number) =>
      plan(from(leading, (now) => ({ mustRead: true, failures, pause: later(now, 700) })));
    expect(doubt(0)).toMatchObject({ kind: 'read' });
    expect(doubt(1)).toEqual({ kind: 'wait', ms: 700 });
  });

  test('waits for its pause when it knows enough', () => {
    expect(plan(from(leading, (now) => ({ mustRead: false, pause: later(now, 700) })))).toEqual({ kind: 'wait', ms: 700 });
  });

  test.each([
    // What is left of the term, time-outs before, and the limit: R/4 is 2500.
    [10_000, 0, 2500],
    [10_000, 1, 5000],
    [10_000, 2, 7500],
    [5000, 2, 2500],
    [4000, 2, 2500],
    [3700, 2, 2450],
    [3000, 0, 1750],
    [3000, 2, 1750],
    [2400, 2, 1250],
    [2000, 0, 1250],
    [1250, 0, 1250],
    [1000, 0, 1000],
  ])('with %i ms left after %i time-outs gives an attempt %i ms', (leftMs, timeouts, limitMs) => {
    expect(plan(leading({ mustRead: true, failures: 0, timeouts }, leftMs))).toEqual({ kind: 'read', limitMs });
  });

  test('writes no finer time than the lock keeps', () => {
    const { state, now } = from(leading, (instant) => ({ pause: instant, mustRead: false }));
    const settings = { ...state.settings, timeGrainMs: 1000 };
    const renewal = nextRequest({ ...state, settings }, { ...now, wall: Date.parse('2026-01-01T00:00:07.750Z') });
    expect(renewal).toMatchObject({ write: 'renew', record: { renewTime: '2026-01-01T00:00:07.000000Z' } });
  });
});

describe('a candidate', () => {
  const doubt = (lostRaces: number, watch: State['watch']) =>
    plan(from(standing, (now) => ({ mustRead: true, lostRaces, watch, pause: now, takePause: later(now, 400) })));

  test('that lost a race leaves it to the watch to show who won', () => {
    expect(doubt(1, { kind: 'up' })).toEqual({ kind: 'wait', ms: 400 });
  });

  test('that lost no race, or has no watch, looks at once', () => {
    expect(doubt(0, { kind: 'up' })).toMatchObject({ kind: 'read', limitMs: 5000 });
    expect(doubt(1, { kind: 'down' })).toMatchObject({ kind: 'read' });
  });

  test('waits no longer than its patience', () => {
    const patience: State['campaign']['patience'] = { wait: { kind: 'for', ms: 300 }, untilCertain: false };
    expect(plan(from(standing, (since) => ({ campaign: { since, patience } })))).toEqual({ kind: 'wait', ms: 300 });
  });

  test('that leaves has no patience to run out', () => {
    const patience: State['campaign']['patience'] = { wait: { kind: 'for', ms: 300 }, untilCertain: false };
    const stage = from(standing, (since) => ({
      campaign: { since, patience },
      want: 'leave',
      request: { kind: 'read', number: 9, sentAt: since, must: false },
    }));
    expect(plan(stage)).toEqual({ kind: 'wait', ms: undefined });
  });

  test('with nothing to do waits for nothing', () => {
    expect(plan(standing({ want: 'nothing' }))).toEqual({ kind: 'wait', ms: undefined });
  });
});

describe('whoever leaves', () => {
  test('gives the lock back in two tries, each counted', () => {
    const stage = leavingWith();
    const by = later(stage.now, 2000);
    expect(plan(stage)).toMatchObject({ kind: 'write', write: 'release', limitMs: 1000, leaving: { tries: 1, by } });
    expect(plan(leavingWith({}, { tries: 1, by }))).toMatchObject({ write: 'release', leaving: { tries: 2, by } });
    expect(plan(leavingWith({}, { tries: 2, by }))).toMatchObject({ kind: 'end' });
  });

  test('asks no longer than the time for both tries lasts', () => {
    const { now } = leavingWith();
    expect(plan(leavingWith({}, { by: later(now, 600) }))).toMatchObject({ kind: 'write', limitMs: 600 });
    expect(plan(leavingWith({}, { by: now }))).toMatchObject({ kind: 'end' });
  });

  test('looks first when only a look can tell', () => {
    expect(plan(leavingWith({ mustRead: true }))).toMatchObject({ kind: 'read', limitMs: 1000 });
  });

  test('looks first when a write may have made it the holder, whatever was seen last', () => {
    const { state } = leavingWith();
    const pending = leader().state.stored;
    if (!pending || !state.observation) throw new Error('unreachable');
    const write = { ...pending, kind: 'take' as const, base: undefined, openSince: undefined, wish: undefined };
    const others = { ...state.observation, own: false };
    expect(plan(leavingWith({ pending: [write] }))).toMatchObject({ kind: 'read' });
    expect(plan(leavingWith({ pending: [write], observation: others }))).toMatchObject({ kind: 'read' });
    expect(plan(leavingWith({ observation: others }))).toMatchObject({ kind: 'end' });
  });

  test('waits for the pause, or for the end of its tries', () => {
    const { now } = leavingWith();
    expect(plan(leavingWith({ pause: later(now, 50) }))).toEqual({ kind: 'wait', ms: 50 });
    expect(plan(leavingWith({ pause: later(now, 500) }, { by: later(now, 100) }))).toEqual({ kind: 'wait', ms: 100 });
  });
});
