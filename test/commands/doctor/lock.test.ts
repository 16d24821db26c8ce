// What doctor makes of a lock as it is, of its namespace, and of a rehearsed write.
// To check: no state of a lock is a failure, since a candidate waits or takes it; what the server would not store is.
import { describe, expect, test } from 'vitest';
import { type Expected, judgeLook, judgeNamespace, judgeRehearsal, namespaceIn } from '../../../src/commands/doctor/lock.ts';
import { type Look, lookOf } from '../../../src/commands/look.ts';
import { completeTiming } from '../../../src/elector/timing.ts';
import type { RehearsalAnswer, Sighting, Trouble } from '../../../src/locks/lock.ts';
import { released, taken } from '../../../src/locks/record.ts';

const wall = Date.parse('2026-11-27T10:00:00Z');
const version = { object: 'uid', state: '7' };
const timing = completeTiming({ leaseDurationMs: 15_000 });
const mine: Expected = { timing, foreignGraceMs: undefined, isCoordinated: false };

type Recorded = Extract<Sighting, { kind: 'record' }>;
const held = (by: string, seconds = 15, agoMs = 1000): Recorded => ({
  ...{ kind: 'record', record: taken(undefined, by, seconds, wall - agoMs), version },
  signature: { identity: by, run: 'r', number: 1 },
});
const look = (sighting: Sighting): Look => lookOf('ops/nightly', sighting, wall);
const judge = (sighting: Sighting, expected: Partial<Expected> = {}) =>
  judgeLook(look(sighting), wall, { ...mine, ...expected });

describe('the lock', () => {
  test('is ok where it does not exist, and says who makes it', () => {
    expect(judge({ kind: 'absent' })).toEqual([
      { name: 'lock', verdict: 'ok', text: 'ops/nightly does not exist: the first candidate makes it' },
    ]);
    expect(judge({ kind: 'absent' }, { isCoordinated: true })[0]?.text).toContain('the API server makes it');
  });

  test('is ok where it is free, and where a leader-run holds it', () => {
    const free = { ...held('a'), record: released(held('a').record, wall) };
    expect(judge(free)).toMatchObject([{ verdict: 'ok', text: 'ops/nightly: free, 0 transitions' }]);
    expect(judge(held('pod-a'))).toEqual([
      {
        name: 'lock',
        verdict: 'ok',
        text: 'ops/nightly: held by pod-a since ~1 s, renewed ~1 s ago, lease 15 s, 0 transitions',
      },
    ]);
  });

  test('is a warning where its lease is over, or its record cannot be read', () => {
    expect(judge(held('a', 15, 16_000))).toMatchObject([{ name: 'lock', verdict: 'warn' }]);
    expect(judge({ kind: 'unreadable', text: '{', version })).toMatchObject([{ name: 'lock', verdict: 'warn' }]);
  });

  test.each([
    { seconds: 15, expected: {}, wait: '7 s' },
    { seconds: 15, expected: { foreignGraceMs: 3000 }, wait: '3 s' },
  ])('has a warning of a holder that is not a leader-run: $wait', ({ seconds, expected, wait }) => {
    const found = judge({ ...held('go', seconds), signature: undefined }, expected);
    expect(found).toMatchObject([{ verdict: 'ok' }, { name: 'holder', verdict: 'warn' }]);
    expect(found[1]?.text).toContain(`its holder go is not a leader-run: a candidate waits ${wait} longer`);
  });

  test('has none of one that the API server has named and that has not accepted yet', () => {
    const named = { ...held('b'), signature: undefined, record: { ...held('b').record, acquireTime: '' } };
    expect(judge(named, { isCoordinated: true })).toHaveLength(1);
    expect(judge(named)).toHaveLength(2);
  });

  test('has a warning of a longer lease, and none of an equal or a shorter one', () => {
    expect(judge(held('a', 16))).toMatchObject([{ verdict: 'ok' }, { name: 'lease', verdict: 'warn' }]);
    expect([judge(held('a', 15)), judge(held('a', 6))].map(({ length }) => length)).toEqual([1, 1]);
  });

  test('has a warning of a pause that is on, with its reason', () => {
    const paused = (pause: string) => judge({ ...held('a'), instructions: { pause } });
    expect(paused('2026-11-27T11:00:00Z move')).toMatchObject([
      { verdict: 'ok' },
      { name: 'pause', verdict: 'warn', text: 'it is paused until 2026-11-27T11:00:00Z (move): no candidate takes it' },
    ]);
    expect(paused('')[1]?.text).toBe('it is paused until leader-run resume: no candidate takes it');
    expect(paused('2026-11-27T09:59:59Z move')).toHaveLength(1);
  });

  test('has a warning where the objects of a pair disagree', () => {
    expect(judge({ ...held('a'), torn: true })).toMatchObject([{ verdict: 'ok' }, { name: 'pair', verdict: 'warn' }]);
  });

  test('is told without what a terminal would obey', () => {
    const [one, two] = judge({ ...held('\u001b[2Jx'), signature: undefined });
    expect(`${one?.text ?? ''}${two?.text ?? ''}`).not.toContain('\u001b');
  });
});

describe('the namespace', () => {
  test.each([
    { state: 'there', isBefore: false, verdict: 'ok' },
    { state: 'missing', isBefore: false, verdict: 'FAIL' },
    { state: 'missing', isBefore: true, verdict: 'warn' },
    { state: 'ending', isBefore: true, verdict: 'FAIL' },
    { state: 'unknown', isBefore: false, verdict: 'skip' },
  ] as const)('that is $state is $verdict (before a roll-out: $isBefore)', ({ state, isBefore, verdict }) => {
    const judged = judgeNamespace('ops', state, isBefore);
    expect(judged).toMatchObject({ name: 'namespace', verdict });
    expect(judged.fix).toBe(state === 'missing' ? 'kubectl create namespace ops' : undefined);
  });
});

describe('a rehearsal', () => {
  const refused = (cause: Trouble['cause']): RehearsalAnswer => {
    return { kind: 'refused', trouble: { cause, message: 'no' } };
  };

  test.each([
    { answer: { kind: 'allowed' }, state: 'there' },
    { answer: { kind: 'conflict' }, state: 'there' },
    { answer: refused('no-namespace'), state: 'missing' },
    { answer: refused('namespace-ending'), state: 'ending' },
    { answer: refused('forbidden'), state: undefined },
    { answer: { kind: 'unknown', trouble: { cause: 'server', message: 'no' } }, state: undefined },
  ] as const)('shows whether the namespace is there: $answer', ({ answer, state }) => {
    expect(namespaceIn(answer)).toBe(state);
  });

  test.each([
    { answer: { kind: 'allowed' }, allowed: true, verdicts: ['ok'] },
    { answer: { kind: 'conflict' }, allowed: true, verdicts: ['skip'] },
    { answer: { kind: 'unknown', trouble: { cause: 'server', message: 'no' } }, allowed: true, verdicts: ['skip'] },
    { answer: refused('forbidden'), allowed: false, verdicts: ['skip'] },
    { answer: refused('forbidden'), allowed: true, verdicts: ['FAIL'] },
    { answer: refused('forbidden'), allowed: undefined, verdicts: ['FAIL'] },
    { answer: refused('altered'), allowed: false, verdicts: ['FAIL'] },
    { answer: refused('invalid'), allowed: true, verdicts: ['FAIL'] },
    { answer: refused('no-namespace'), allowed: true, verdicts: [] },
    { answer: refused('namespace-ending'), allowed: true, verdicts: [] },
  ] as const)('$answer with allowed $allowed: $verdicts', ({ answer, allowed, verdicts }) => {
    expect(judgeRehearsal(answer, allowed).map(({ verdict }) => verdict)).toEqual(verdicts);
  });
});
