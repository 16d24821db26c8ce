// How a campaign or a holding ends: which outcome, what is told with it, and what the next campaign finds.
// Knows no request. To check: each outcome by name, each cause that is a verdict and each that is none, and that a
// write under way is not forgotten.

import { describe, expect, test } from 'vitest';
import { idle, isVerdict, leave, leavingAs, outcomeOf } from '../../src/elector/leaving.ts';
import type { Leaving, Outcome, State } from '../../src/elector/state.ts';
import type { Trouble } from '../../src/locks/lock.ts';
import { bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';
import { reportsOf, turnOf } from '../helpers/turn.ts';

const bob = { identity: 'bob', run: bobRun, number: 1 };
const forbidden: Trouble = { cause: 'forbidden', message: 'no' };

function standby(): Rig {
  const lock = new MemoryLock();
  lock.put(held('bob'), bob);
  const rig = new Rig(lock).campaign().answer();
  while (rig.asked) rig.answer();
  rig.feed({ kind: 'watch-up' });
  return rig;
}

function met(rig: Rig, trouble: Trouble): Pick<State, 'trouble'> {
  return { trouble: { doing: 'write', cause: trouble.cause, since: rig.now, last: trouble, told: true } };
}

describe('the outcome', () => {
  test.each<[Leaving, 'released' | 'not-released', Outcome]>([
    ['released', 'released', { kind: 'released' }],
    ['released', 'not-released', { kind: 'not-released' }],
    ['stopped', 'not-released', { kind: 'stopped' }],
    ['not-acquired', 'not-released', { kind: 'not-acquired' }],
    ['settled', 'not-released', { kind: 'settled', verdict: 'done' }],
    ['refused', 'not-released', { kind: 'refused', trouble: forbidden }],
  ])('of leaving as %s, where the lock was %s', (as, unreleased, outcome) => {
    const { state, now } = standby();
    const leaving = { ...leavingAs(as, now), because: forbidden, verdict: 'done' };
    expect(outcomeOf({ ...state, leaving }, unreleased)).toEqual(outcome);
  });

  test('of a refusal that nobody can name is that the lock was not acquired', () => {
    const { state, now } = standby();
    const leaving = leavingAs('refused', now);
    expect(outcomeOf({ ...state, leaving }, 'not-released')).toEqual({ kind: 'not-acquired' });
  });
});

describe('an answer', () => {
  const all: Record<Trouble['cause'], boolean> = {
    ...{ unauthorized: true, forbidden: true, 'no-namespace': true, 'no-candidate': true, 'namespace-ending': false },
    ...{ throttled: false, invalid: true, altered: true, conflict: false, server: false, unreachable: false },
    ...{ untrusted: true, outdated: false, timeout: false, credentials: false, unusable: true, garbled: false },
    storage: false,
  };

  test.each(Object.entries(all) as [Trouble['cause'], boolean][])('of %s is a verdict: %s', (cause, verdict) => {
    expect(isVerdict(cause)).toBe(verdict);
  });
});

describe('leaving', () => {
  test('begins with nothing tried and nothing to be kept', () => {
    const { now } = standby();
    expect(leavingAs('released', now)).toEqual({
      ...{ outcome: 'released', because: undefined, verdict: undefined, holdUntil: now, shorten: false },
      ...{ insists: false, tries: 0, by: undefined },
    });
  });

  test('waits for a write that is under way, and for no look', () => {
    const rig = standby();
    for (const kind of ['write', 'read', 'rehearse'] as const) {
      const request = { kind, number: 9, sentAt: rig.now, must: false };
      const turn = turnOf(rig, { request });
      leave(turn, 'stopped');
      expect(turn.s.request).toEqual(kind === 'write' ? request : undefined);
    }
  });

  test('needs no pause, and remembers what went wrong last', () => {
    const rig = standby();
    const pause = { ...rig.now, mono: rig.now.mono + 700 };
    const turn = turnOf(rig, { pause, ...met(rig, forbidden) });
    leave(turn, 'settled', 'done');
    expect(turn.s).toMatchObject({
      want: 'leave',
      pause: rig.now,
      leaving: { outcome: 'settled', because: forbidden, verdict: 'done', holdUntil: rig.now },
    });
  });

  test.each<[string, boolean, Trouble['cause'] | undefined, string]>([
    ['was never allowed and meets a verdict is refused', false, 'forbidden', 'refused'],
    ['was allowed once only leaves', true, 'forbidden', 'not-acquired'],
    ['meets no verdict only leaves', false, 'unreachable', 'not-acquired'],
    ['meets nothing only leaves', false, undefined, 'not-acquired'],
  ])('without the lock, whoever %s', (_, proven, cause, end) => {
    const rig = standby();
    const trouble = cause && { cause, message: 'no' };
    const turn = turnOf(rig, { proven, ...(trouble ? met(rig, trouble) : { trouble: undefined }) });
    leave(turn, 'not-acquired');
    const idled = turn.effects.find(({ kind }) => kind === 'idle');
    if (end === 'refused') expect(idled).toEqual({ kind: 'idle', outcome: { kind: 'refused', trouble } });
    else expect([idled, turn.s.want, turn.s.leaving.outcome]).toEqual([undefined, 'leave', end]);
  });
});

describe('the end', () => {
  test('closes the watch, says how it ended, and leaves nothing wanted', () => {
    const rig = standby();
    const turn = turnOf(rig, { mustRead: true, watching: true });
    idle(turn, { kind: 'stopped' });
    expect(turn.effects).toEqual([
      { kind: 'watch', on: false },
      { kind: 'idle', outcome: { kind: 'stopped' } },
    ]);
    const nothing = { want: 'nothing', term: undefined, watching: false, watch: { kind: 'down' }, mustRead: false };
    expect(turn.s).toMatchObject(nothing);
  });

  test('of one campaign lets the next one watch again', () => {
    const rig = standby();
    rig.feed({ kind: 'stop' });
    rig.effects.length = 0;
    rig.campaign();
    expect(rig.effects[0]).toEqual({ kind: 'watch', on: true });
  });

  test.each<[Outcome, object[]]>([
    [{ kind: 'released' }, [{ kind: 'released' }]],
    [{ kind: 'left-held', forMs: 700 }, [{ kind: 'left-held', forMs: 700 }]],
    [{ kind: 'stopped' }, []],
    [{ kind: 'settled', verdict: 1 }, []],
    [{ kind: 'refused', trouble: forbidden }, []],
  ])('%o is told as %o', (outcome, reports) => {
    const turn = turnOf(leader());
    idle(turn, outcome);
    expect(reportsOf(turn)).toEqual(reports);
    expect(turn.effects.at(-1)).toEqual({ kind: 'idle', outcome });
  });

  test('without a release is told with what was met last and when the lock is free, if the lock is ours at all', () => {
    const rig = leader();
    const told = (changes: Partial<State>) => {
      const turn = turnOf(rig, changes);
      idle(turn, { kind: 'not-released' });
      return reportsOf(turn);
    };
    const failed = { kind: 'release-failed', freeInMs: 15_000 };
    expect(told(met(rig, forbidden))).toEqual([{ ...failed, message: forbidden.message }]);
    expect(told({ trouble: undefined })).toEqual([{ ...failed, message: 'no answer' }]);
    expect(told({ observation: undefined })).toEqual([]);
    expect(told({ observation: standby().state.observation })).toEqual([]);
  });

  test('without the lock says why it is not known who leads, unless it is', () => {
    const rig = standby();
    const ended = (changes: Partial<State>) => {
      const turn = turnOf(rig, changes);
      idle(turn, { kind: 'not-acquired' });
      return turn.effects.at(-1);
    };
    const outcome = (trouble: Trouble | undefined) => ({ kind: 'idle', outcome: { kind: 'not-acquired', trouble } });
    expect(ended({ trouble: undefined })).toEqual(outcome(undefined));
    expect(ended(met(rig, forbidden))).toEqual(outcome(forbidden));
    const silence = 'no answer came in time, so it is not known who leads';
    expect(ended({ observation: undefined })).toEqual(outcome({ cause: 'timeout', message: silence }));
  });
});
