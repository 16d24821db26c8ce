// What /livez, /readyz and /leader answer, for each state that a candidate can be seen in.
// To check: a restart mends only what is dead, so nothing that the API server does makes a candidate dead.
import { describe, expect, test } from 'vitest';
import type { Glance } from '../../src/elector/glance.ts';
import { leaderJson, livez, readyz } from '../../src/observe/probes.ts';
import { glanceOf, viewOf } from '../helpers/view.ts';

const glances: Readonly<Record<string, Partial<Glance>>> = {
  'of a holder': {},
  'of a holder that went silent': { state: 'unknown', changedMs: 40_000, seenMs: 40_000 },
  'of a free lock': { state: 'free' },
};

describe('/livez', () => {
  test.each(Object.entries(glances))('is ok at the sight %s', (_, glance) => {
    expect(livez(viewOf({ glance: glanceOf(glance) }))).toMatchObject({ status: 200, body: 'ok\n' });
  });

  test('is ok before the lock was seen, and while leader-run stops', () => {
    expect(livez(viewOf({ glance: undefined, isStopping: true })).status).toBe(200);
  });

  test('is not where nothing guards the command, or where timers do not go off', () => {
    const texts = [viewOf({ isGuarded: false }), viewOf({ lateMs: 10_001 })].map(livez);
    expect(texts.map(({ status, body }) => `${String(status)} ${body}`)).toEqual([
      '503 the command runs without a guardian\n',
      '503 the elector should have acted 10 s ago\n',
    ]);
    expect(livez(viewOf({ lateMs: 10_000 })).status).toBe(200);
  });
});

describe('/readyz', () => {
  test.each([
    ['a leader', viewOf({ glance: glanceOf({ isLeading: true, seenMs: 14_000 }) }), 'ok: leading'],
    ['a standby', viewOf({}), 'ok: standing by, pod-a leads'],
    ['a standby of a free lock', viewOf({ glance: glanceOf({ state: 'free' }) }), 'ok: standing by, nobody leads'],
    [
      'a standby of a paused lock',
      viewOf({ glance: glanceOf({ state: 'free' }), pause: { untilMs: undefined, reason: 'move' } }),
      'ok: standing by, the lock is paused',
    ],
  ])('is ok for %s', (_, view, text) => {
    expect(readyz(view)).toMatchObject({ status: 200, body: `${text}\n` });
  });

  test.each([
    ['has not seen the lock yet', viewOf({ glance: undefined }), 'the lock has not been seen yet'],
    ['stops', viewOf({ isStopping: true }), 'leader-run was asked to stop'],
    ['has not seen the lock for a lease', viewOf({ glance: glanceOf({ seenMs: 15_001 }) }), 'the lock was last seen 15 s ago'],
    ['is dead', viewOf({ isGuarded: false }), 'the command runs without a guardian'],
  ])('is not for a candidate that %s', (_, view, text) => {
    expect(readyz(view)).toMatchObject({ status: 503, body: `${text}\n` });
  });

  test('repeats no control character of a name', () => {
    const sighting = { ...glanceOf({}).sighting, record: { ...recordOf(), holderIdentity: 'a\u001b[2J' } };
    const odd = glanceOf({ sighting: sighting });
    expect(readyz(viewOf({ glance: odd })).body).not.toContain('\u001b');
  });
});

describe('/leader', () => {
  const body = (view: Parameters<typeof leaderJson>[0]): unknown => JSON.parse(leaderJson(view).body);

  test('names who leads, as the sidecar did, and tells what is known of the record', () => {
    expect(body(viewOf({}))).toEqual({
      ...{ name: 'pod-a', state: 'held', lock: 'ops/nightly', identity: 'me', leading: false, holder: 'pod-a' },
      ...{ since: '2026-01-01T00:00:00.000000Z', renewedMsAgo: 800, leaseMs: 15_000, transitions: 0, paused: null },
    });
  });

  test('names nobody who was not seen to renew in time', () => {
    expect(body(viewOf({ glance: glanceOf({ state: 'unknown', changedMs: 20_000 }) }))).toMatchObject({
      ...{ name: '', state: 'unknown', holder: 'pod-a', renewedMsAgo: 20_000 },
    });
  });

  test('tells of a lock that is free, absent, or was not seen', () => {
    const absent = glanceOf({ state: 'absent', sighting: { kind: 'absent' } });
    expect(body(viewOf({ glance: absent }))).toMatchObject({ name: '', state: 'absent', transitions: null });
    expect(body(viewOf({ glance: undefined }))).toMatchObject({ name: '', state: 'unknown', leading: false });
  });
});

function recordOf() {
  const { sighting } = glanceOf({});
  if (sighting.kind !== 'record') throw new Error('a glance shows a record');
  return sighting.record;
}
