// Steps of the core one by one: what each event leaves in the state, and what is told of it. Whole campaigns and terms
// are in candidate.test.ts and holder.test.ts.
// Invariant under test: a write that is refused is forgotten, one that is in doubt is looked for, and each end is
// told once, with what the driver must undo.

import { describe, expect, test } from 'vitest';
import { bobRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';

const bob = { identity: 'bob', run: bobRun, number: 1 };

/** Stands by for bob, with a watch, and has rehearsed nothing yet. */
function standby(): Rig {
  const lock = new MemoryLock();
  lock.put(held('bob'), bob);
  return new Rig(lock).campaign().answer();
}

function untilAsked(rig: Rig): void {
  while (!rig.asked) rig.later(20).feed({ kind: 'tick' });
}

describe('a core', () => {
  test('begins with nothing wanted, known or told, and wakes for nothing', () => {
    const rig = new Rig(new MemoryLock());
    expect(rig.state).toMatchObject({
      want: 'nothing',
      deposed: undefined,
      mustRead: false,
      campaign: { since: rig.now, patience: { wait: { kind: 'forever' }, untilCertain: false } },
      told: { kind: 'nothing' },
    });
    expect(rig.feed({ kind: 'tick' })).toEqual([]);
  });

  test('opens the watch as a campaign begins, forgets what it told, and takes one campaign at a time', () => {
    const rig = standby();
    expect(rig.effects[0]).toEqual({ kind: 'watch', on: true });
    const again = { kind: 'campaign', patience: { wait: { kind: 'forever' }, untilCertain: false } } as const;
    expect(() => rig.feed(again)).toThrow('already under way');
    const holder = leader();
    expect(() => holder.feed(again)).toThrow('already under way');
    rig.feed({ kind: 'stop' });
    rig.feed(again);
    expect(rig.state.told).toEqual({ kind: 'nothing' });
  });

  test('closes the watch and says how it ended when it is stopped', () => {
    const rig = standby();
    rig.feed({ kind: 'watch-up' });
    rig.feed({ kind: 'stop' });
    expect(rig.effects.slice(-2)).toEqual([
      { kind: 'watch', on: false },
      { kind: 'idle', outcome: { kind: 'stopped' } },
    ]);
    expect(rig.state).toMatchObject({ want: 'nothing', term: undefined, watch: { kind: 'down' }, mustRead: false });
  });

  test('hears of a watch that went down', () => {
    const rig = standby();
    rig.feed({ kind: 'watch-up' });
    rig.feed({ kind: 'watch-down', forbidden: false, message: 'cut' });
    expect(rig.state.watch).toEqual({ kind: 'down' });
  });
});

describe('a resignation', () => {
  test('tells of a holding only if there is one', () => {
    const told = (holdMs: number) => {
      const rig = leader();
      rig.feed({ kind: 'resign', holdMs });
      return rig.reports.filter(({ kind }) => kind === 'holding');
    };
    expect([told(0), told(700)]).toEqual([[], [{ kind: 'holding', forMs: 700 }]]);
    const idle = new Rig(new MemoryLock());
    idle.feed({ kind: 'resign', holdMs: 700 });
    expect(idle.reports).toEqual([]);
  });

  test('is told as a release once the lock is given back', () => {
    const rig = leader();
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    rig.run(100);
    expect(rig.reports.filter(({ kind }) => /release|held/.test(kind))).toEqual([{ kind: 'released' }]);
    expect(rig.outcome).toEqual({ kind: 'released' });
  });

  test('that a stop cuts short leaves the name for the time that is left, and says for how long', () => {
    const rig = leader();
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 60_000 });
    rig.run(50);
    rig.feed({ kind: 'stop' });
    rig.run(100);
    const left = rig.reports.filter(({ kind }) => kind === 'left-held' || kind === 'released');
    expect(left).toEqual([{ kind: 'left-held', forMs: expect.any(Number) as number }]);
    expect(rig.record.holderIdentity).toBe('alice');
  });

  test('that the server does not answer is told with the cause, and when the lock is free by itself', () => {
    const rig = leader();
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    while (!rig.outcome) {
      if (rig.asked) rig.later(200).fail('unreachable');
      else rig.later(20).feed({ kind: 'tick' });
    }
    expect(rig.outcome).toEqual({ kind: 'not-released' });
    expect(rig.reports.filter(({ kind }) => kind === 'release-failed')).toEqual([
      { kind: 'release-failed', freeInMs: 15_000, message: 'unreachable' },
    ]);
  });

  test('of a leader that is stopped gives the lock back', () => {
    const rig = leader();
    rig.feed({ kind: 'stop' });
    expect(rig.state).toMatchObject({ want: 'leave', leaving: { outcome: 'released', shorten: false } });
    expect(rig.grant).toBeDefined();
  });
});

describe('the sending of a write', () => {
  test('is stamped on that write and its request alone', () => {
    const rig = leader();
    rig.later(2000).feed({ kind: 'tick' });
    const { request, pending } = rig.state;
    const number = request?.number ?? Number.NaN;
    rig.later(30).feed({ kind: 'sending', number: number + 1 });
    expect(rig.state).toMatchObject({ request, pending });
    rig.feed({ kind: 'sending', number });
    expect(rig.state.request?.sentAt).toEqual(rig.now);
    expect(rig.state.pending.map(({ sentAt }) => sentAt)).toEqual([rig.now]);
  });

  test('of nothing that was asked changes nothing', () => {
    const rig = new Rig(new MemoryLock());
    rig.feed({ kind: 'sending', number: 1 });
    expect(rig.state.request).toBeUndefined();
  });
});

describe('an answer', () => {
  const renewing = (): Rig => {
    const rig = leader();
    rig.later(2000).feed({ kind: 'tick' });
    return rig;
  };

  test('of a refusal leaves nothing of the write, and one that is in doubt leaves it and a look to take', () => {
    const [refused, doubtful] = [renewing(), renewing()];
    refused.fail('throttled');
    expect(refused.state).toMatchObject({ pending: [], mustRead: false });
    doubtful.fail('timeout');
    expect(doubtful.state.pending).toHaveLength(1);
    expect(doubtful.state.request).toMatchObject({ kind: 'read', must: true });
  });

  test('of a refusal leaves the writes before it', () => {
    const rig = renewing();
    rig.fail('timeout');
    const [before] = rig.state.pending;
    untilAsked(rig);
    rig.answer();
    untilAsked(rig);
    const kept = rig.state.pending.filter(({ number }) => number !== rig.state.request?.number);
    rig.fail('throttled');
    expect(rig.state.pending).toEqual(kept);
    expect(before).toBeDefined();
  });

  test('that does not come to a look that had to be taken leaves it to be taken', () => {
    const must = renewing();
    must.fail('timeout');
    untilAsked(must);
    must.fail('unreachable');
    expect(must.state.mustRead).toBe(true);
    const may = new Rig(new MemoryLock()).campaign();
    may.fail('unreachable');
    expect(may.state.mustRead).toBe(false);
  });

  test('of a conflict does not show that we are allowed to lead, as one that was stored does', () => {
    const rig = new Rig(new MemoryLock()).campaign().answer();
    rig.lock.put(held('bob'), bob);
    rig.answer();
    expect(rig.state.proven).toBe(false);
    expect(leader().state.proven).toBe(true);
  });
});

describe('a rehearsal', () => {
  const rehearsing = (): Rig => {
    const rig = standby();
    expect(rig.request.kind).toBe('rehearse');
    return rig;
  };

  test('that is allowed shows that we may lead, and an overload shows nothing; neither is asked again', () => {
    const [allowed, overload] = [rehearsing(), rehearsing()];
    allowed.answer();
    overload.fail('server');
    expect([allowed, overload].map(({ state }) => state.proven)).toEqual([true, false]);
    for (const rig of [allowed, overload]) {
      untilAsked(rig);
      expect(rig.request.kind).toBe('read');
    }
  });

  test('in conflict with a renewal is sent again on what is there now, and is refused there', () => {
    const rig = rehearsing();
    rig.lock.put(held('alice-2'), bob);
    rig.reply({ kind: 'conflict' });
    expect([rig.request.kind, rig.state.proven]).toEqual(['read', false]);
    rig.answer();
    expect(rig.request.kind).toBe('rehearse');
    rig.fail('forbidden');
    expect(rig.state.trouble).toMatchObject({ doing: 'rehearse', cause: 'forbidden' });
  });

  test('in conflict three times is given up', () => {
    const rig = rehearsing();
    const kinds: string[] = [];
    for (let i = 0; i < 6; i++) {
      untilAsked(rig);
      kinds.push(rig.request.kind);
      if (rig.request.kind === 'rehearse') rig.reply({ kind: 'conflict' });
      else rig.answer();
    }
    expect(kinds).toEqual(['rehearse', 'read', 'rehearse', 'read', 'rehearse', 'read']);
    untilAsked(rig);
    expect([rig.request.kind, rig.state.proven]).toEqual(['read', false]);
  });

  test('that is refused is asked for again, and refused for 3 s ends the campaign', () => {
    const rig = rehearsing();
    rig.fail('forbidden');
    expect(rig.state).toMatchObject({ proven: false, failures: 1 });
    while (!rig.outcome) {
      if (rig.asked) rig.fail('forbidden');
      else rig.later(20).feed({ kind: 'tick' });
    }
    expect(rig.outcome).toMatchObject({ kind: 'refused', trouble: { cause: 'forbidden' } });
  });

  test('that is refused once we were allowed is not asked for again', () => {
    const rig = rehearsing();
    rig.state = { ...rig.state, proven: true };
    rig.fail('forbidden');
    expect(rig.state).toMatchObject({ rehearsals: 0, proven: true });
  });
});

describe('one look', () => {
  test('takes a lock that is free, and is over where it is held', () => {
    const free = new Rig(new MemoryLock()).campaign(0).answer();
    expect(free.request.kind).toBe('write');
    const lock = new MemoryLock();
    lock.put(held('bob'), bob);
    const taken = new Rig(lock).campaign(0).answer();
    expect(taken.outcome).toEqual({ kind: 'not-acquired', trouble: undefined });
  });

  test('that may not be taken ends with why, and one that no server answers with that', () => {
    const forbidden = new Rig(new MemoryLock()).campaign(0);
    forbidden.fail('forbidden');
    expect(forbidden.outcome).toMatchObject({ kind: 'refused', trouble: { cause: 'forbidden' } });
    const mute = new Rig(new MemoryLock()).campaign(0);
    mute.fail('unreachable');
    expect(mute.outcome).toMatchObject({ kind: 'not-acquired', trouble: { cause: 'unreachable' } });
  });

  test('of whoever was allowed before ends as not acquired, whatever it meets', () => {
    const rig = new Rig(new MemoryLock()).campaign(0);
    rig.state = { ...rig.state, proven: true };
    rig.fail('forbidden');
    expect(rig.outcome).toMatchObject({ kind: 'not-acquired', trouble: { cause: 'forbidden' } });
  });
});
