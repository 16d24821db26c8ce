// Answers that meet a state which has moved on: a watch has told already, another trouble is on, the candidate is
// leaving, or the server told the time once. Plain answers are in core.test.ts.
// Invariant under test: an answer changes what it tells of, and nothing else.

import { describe, expect, test } from 'vitest';
import { later } from '../../src/clock.ts';
import { bobRun, held, kinds, leader, MemoryLock, Rig } from '../helpers/rig.ts';

const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });

/** A holder whose renewal is under way. */
function renewing(): Rig {
  const rig = leader();
  rig.later(2000).feed({ kind: 'tick' });
  return rig;
}

function untilAsked(rig: Rig): void {
  while (!rig.asked) rig.later(20).feed({ kind: 'tick' });
}

/** A candidate that sees a free lock, and takes it. */
function taking(): Rig {
  const lock = new MemoryLock();
  lock.put(held(''), bob(1));
  const rig = new Rig(lock).campaign().answer();
  expect(rig.calls).toEqual(['read', 'take']);
  return rig;
}

/** Carries out the write under way, whose answer does not come yet. */
function carriedOut(rig: Rig): void {
  if (rig.request.kind !== 'write') throw new Error(`a ${rig.request.kind} is under way`);
  rig.lock.write(rig.request.request);
}

const troubles = (rig: Rig) => rig.reports.filter(({ kind }) => kind === 'trouble');

describe('a renewal that a watch has told of', () => {
  test('is stored, even if its answer is a conflict: it was sent twice', () => {
    const rig = renewing();
    carriedOut(rig);
    rig.watch().reply({ kind: 'conflict' });
    expect(rig.state).toMatchObject({ mustRead: false, disputed: undefined });
    expect(rig.run(1990).calls).toEqual(['renew']);
    expect(rig.grant).toBeDefined();
  });

  test('is stored, even if its answer never comes: no look is needed', () => {
    const rig = renewing();
    carriedOut(rig);
    rig.watch().fail('timeout');
    expect(rig.calls).toEqual(['renew', 'renew']);
    expect(rig.state.mustRead).toBe(false);
  });
});

describe('trouble', () => {
  test('of a holder is told with the time that is left of its term, and that of a candidate without', () => {
    const rig = renewing().later(5);
    const leftMs = (rig.grant?.leash.termBy.mono ?? 0) - rig.now.mono;
    rig.fail('server');
    const trouble = { cause: 'server', message: 'server' };
    expect(troubles(rig)).toEqual([{ kind: 'trouble', doing: 'write', trouble, leftMs }]);
    const candidate = taking();
    candidate.fail('server');
    expect(troubles(candidate)).toMatchObject([{ doing: 'write', leftMs: undefined }]);
  });

  test('with a write is over with a conflict, since the server answers, and begins the pauses anew', () => {
    const rig = renewing();
    rig.fail('server');
    untilAsked(rig);
    rig.answer();
    untilAsked(rig);
    expect(rig.state).toMatchObject({ failures: 1, request: { kind: 'write' } });
    rig.lock.label();
    rig.answer();
    expect(rig.state).toMatchObject({ failures: 0, trouble: undefined });
    expect(kinds(rig).filter((kind) => /trouble|recovered/.test(kind))).toEqual(['trouble', 'recovered']);
  });

  test('with the write of a candidate is not over because the lock can be read', () => {
    const rig = taking();
    rig.fail('server');
    untilAsked(rig);
    expect(rig.request.kind).toBe('read');
    rig.answer();
    expect(rig.state).toMatchObject({ failures: 1, trouble: { doing: 'write', cause: 'server' } });
    expect(kinds(rig)).not.toContain('recovered');
  });

  test('of a conflict is not over for a holder that reads a lock which has changed', () => {
    const rig = renewing();
    const trouble = { doing: 'write', cause: 'conflict', since: rig.now, told: true } as const;
    rig.state = { ...rig.state, trouble: { ...trouble, last: { cause: 'conflict', message: 'no' } } };
    rig.lock.label();
    rig.answer().answer();
    expect(rig.state.trouble).toMatchObject({ cause: 'conflict' });
  });
});

describe('a verdict after three seconds', () => {
  test('ends no campaign of whoever was allowed before', () => {
    const lock = new MemoryLock();
    lock.put(held('bob'), bob(1));
    const rig = new Rig(lock).campaign().answer().answer();
    expect(rig.state.proven).toBe(true);
    rig.later(4000);
    untilAsked(rig);
    rig.fail('forbidden');
    expect([rig.outcome, rig.state.want]).toEqual([undefined, 'lead']);
  });

  test('is not how whoever was told to stop ends', () => {
    const rig = taking();
    rig.later(3500);
    rig.feed({ kind: 'stop' });
    rig.fail('timeout');
    expect(rig.request.kind).toBe('read');
    rig.fail('forbidden');
    while (!rig.outcome) {
      if (rig.asked) rig.fail('forbidden');
      else rig.later(20).feed({ kind: 'tick' });
    }
    expect(rig.outcome).toEqual({ kind: 'stopped' });
  });
});

describe('a write in doubt', () => {
  test('is waited for by a candidate after a look that does not show it, and counts when it shows', () => {
    const rig = taking();
    const { request } = rig;
    rig.fail('timeout');
    untilAsked(rig);
    rig.answer();
    expect(rig.state.pending.map(({ kind }) => kind)).toEqual(['take', 'take']);
    if (request.kind === 'write') rig.lock.write(request.request);
    rig.watch();
    expect(rig.grant).toBeDefined();
  });

  test('is waited for by a holder that resigns, and not by whoever holds nothing any more', () => {
    const resigned = renewing();
    resigned.feed({ kind: 'resign', holdMs: 0 });
    resigned.fail('timeout');
    untilAsked(resigned);
    expect(resigned.request.kind).toBe('read');
    resigned.answer();
    expect(resigned.state.pending.map(({ kind }) => kind)).toContain('renew');
    const stopped = taking();
    stopped.feed({ kind: 'stop' });
    stopped.fail('timeout').answer();
    expect(stopped.outcome).toEqual({ kind: 'stopped' });
    expect(stopped.state.pending).toEqual([]);
  });
});

test('the server’s time is kept when a later answer does not tell it', () => {
  const lock = new MemoryLock();
  lock.put(held('bob'), bob(1));
  const rig = new Rig(lock).campaign();
  const told = { ms: 1_700_000_000_000, at: rig.now };
  rig.reply({ kind: 'sighted', sighting: lock.sighting, dateMs: told.ms });
  rig.answer();
  untilAsked(rig);
  rig.answer();
  expect(rig.state.serverTime).toEqual(told);
});

test('an answer to a request that was given up changes nothing', () => {
  const rig = renewing();
  const before = rig.state;
  const number = (before.request?.number ?? 0) + 1;
  const { sighting } = rig.lock;
  rig.feed({ kind: 'read', number, sighting: { kind: 'absent' } });
  rig.feed({ kind: 'read-failed', number, trouble: { cause: 'server', message: 'x' } });
  rig.feed({ kind: 'wrote', number, answer: { kind: 'stored', sighting } });
  rig.feed({ kind: 'rehearsed', number, answer: { kind: 'allowed' } });
  expect(rig.state).toEqual(before);
});

test('a write counts from when it was sent, which its answer does not change', () => {
  const rig = renewing();
  const sentAt = rig.now;
  rig.later(40).answer();
  expect(rig.grant?.leash.termBy).toEqual(later({ mono: sentAt.mono, boot: sentAt.boot }, 10_000));
});
