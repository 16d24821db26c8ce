// The note beside the record, which the elector carries for its owner: which writes have one, what it is made from, and
// what the owner's verdicts do to a campaign. The rules here are plain marks; those of a job are tested in test/job.
// Invariant under test: a note is made from the very state that its write replaces, and never costs a request more.
import { describe, expect, test } from 'vitest';
import type { Notes } from '../../src/elector/notes.ts';
import type { WriteRequest } from '../../src/locks/lock.ts';
import { bobRun, held, MemoryLock, Rig } from '../helpers/rig.ts';

const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });

/** `+` for each write that takes the lock, `-end` for each that gives it back. */
const marks: Notes = {
  settled: ({ note }) => (note?.includes('done') === true ? { why: note } : undefined),
  taking: ({ note = '' }) => (note.includes('stop') ? { verdict: { why: note } } : { note: `${note}+` }),
  releasing: ({ note = '', work }) => `${note}-${String(work?.end)}`,
};

function rigWith(lock = new MemoryLock()): Rig {
  return new Rig(lock, { notes: marks });
}

function leads(lock = new MemoryLock()): Rig {
  const rig = rigWith(lock).campaign();
  while (!rig.grant) rig.answer();
  rig.calls.length = 0;
  return rig;
}

/** The note of the write that waits for its answer. */
function sent(rig: Rig): string | undefined {
  return writeOf(rig).note;
}

function writeOf({ request }: Rig): WriteRequest {
  if (request.kind !== 'write') throw new Error(`a ${request.kind} is under way`);
  return request.request;
}

/** The notes of all writes so far. */
function notesSent({ effects }: Rig): (string | undefined)[] {
  return effects.flatMap((effect) => (effect.kind === 'write' ? [effect.request.note] : []));
}

function put(lock: MemoryLock, note: string): MemoryLock {
  lock.note = note;
  lock.put({});
  return lock;
}

describe('a note', () => {
  test('is in the write that takes the lock, which costs no request more', () => {
    const lock = put(new MemoryLock(), 'a');
    const rig = leads(lock);
    expect(lock.note).toBe('a+');
    expect(rig.grant).toMatchObject({ beside: { note: 'a+' } });
    expect(rig.effects.map(({ kind }) => kind).filter((kind) => kind === 'read' || kind === 'write')).toEqual(['read', 'write']);
  });

  test('is in no renewal', () => {
    const rig = leads();
    rig.run(6000);
    expect(rig.calls).toEqual(['renew', 'renew', 'renew']);
    expect(rig.lock.note).toBe('+');
    expect(notesSent(rig)).toEqual(['+', undefined, undefined, undefined]);
  });

  test('is in the write that gives the lock back, with what the owner says of the end', () => {
    const rig = leads();
    rig.feed({ kind: 'work-ended', end: 'ok' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    expect(sent(rig)).toBe('+-ok');
    rig.answer();
    expect(rig.lock.note).toBe('+-ok');
    expect(rig.outcome).toEqual({ kind: 'released' });
  });

  test('is made anew from what a person has written meanwhile', () => {
    const lock = new MemoryLock();
    const rig = leads(lock);
    rig.feed({ kind: 'work-ended', end: 'ok' });
    lock.note = 'edited';
    lock.put({}, lock.sighting.kind === 'record' ? lock.sighting.signature : undefined);
    rig.feed({ kind: 'resign', holdMs: 0 });
    rig.answer().answer();
    expect(sent(rig)).toBe('edited-ok');
    rig.answer();
    expect(rig.outcome).toEqual({ kind: 'released' });
  });

  test('goes with the lock that its holder makes again within a term', () => {
    const lock = new MemoryLock();
    const rig = leads(lock);
    lock.note = '+ marked';
    lock.put({}, lock.sighting.kind === 'record' ? lock.sighting.signature : undefined);
    rig.watch();
    lock.delete();
    rig.watch().run(4000);
    expect(rig.calls).toContain('create');
    expect(lock.note).toBe('+ marked');
    expect(rig.outcome).toBeUndefined();
  });

  test('is left alone by an elector whose owner keeps none', () => {
    const lock = put(new MemoryLock(), 'a');
    const rig = new Rig(lock).campaign();
    while (!rig.grant) rig.answer();
    expect(notesSent(rig)).toEqual([undefined]);
    lock.delete();
    rig.watch().run(4000);
    expect(lock.note).toBe('a');
  });

  test('that is stored otherwise than it was sent begins no term', () => {
    const lock = new MemoryLock();
    const rig = rigWith(lock).campaign().answer();
    const answer = lock.write({ ...writeOf(rig), note: 'x' });
    rig.reply(answer);
    expect(rig.grant).toBeUndefined();
    while (!rig.outcome) rig.answer();
    expect(rig.outcome).toMatchObject({ kind: 'refused', trouble: { cause: 'altered' } });
  });

  test('that a watch shows changed is waited for, and not believed to be ours', () => {
    const lock = new MemoryLock();
    const rig = rigWith(lock).campaign().answer();
    const request = writeOf(rig);
    const answer = lock.write(request);
    lock.note = 'another';
    lock.put(request.record, request.signature);
    rig.watch();
    expect(rig.grant).toBeUndefined();
    rig.reply(answer);
    expect(rig.grant).toMatchObject({ beside: { note: '+' } });
  });
});

describe('a verdict', () => {
  test('that nothing is left to lead for ends a campaign after one look, whoever holds the lock', () => {
    for (const holder of ['bob', '']) {
      const lock = new MemoryLock();
      lock.note = 'done';
      lock.put(held(holder), bob(1));
      const rig = rigWith(lock).campaign().answer();
      expect(rig.calls).toEqual(['read']);
      expect(rig.effects.filter((effect) => effect.kind === 'watch' && effect.on)).toEqual([]);
      expect(rig.outcome).toEqual({ kind: 'settled', verdict: { why: 'done' } });
    }
  });

  test('ends the waiting as soon as the holder has noted it', () => {
    const lock = new MemoryLock();
    lock.put(held('bob'), bob(1));
    const rig = rigWith(lock).campaign().answer();
    while (rig.asked) rig.answer();
    expect(rig.effects).toContainEqual({ kind: 'watch', on: true });
    lock.note = 'done';
    lock.put(held(''), bob(2));
    rig.watch();
    expect(rig.outcome).toMatchObject({ kind: 'settled' });
    expect(rig.calls).not.toContain('take');
  });

  test('is better than that the lock was not acquired', () => {
    const lock = new MemoryLock();
    lock.note = 'done';
    lock.put(held('bob'), bob(1));
    expect(rigWith(lock).campaign(0).answer().outcome).toMatchObject({ kind: 'settled' });
    expect(rigWith(lock).campaign(undefined, true).answer().outcome).toMatchObject({ kind: 'settled' });
  });

  test('against taking the lock is asked for when it could be taken, and not before', () => {
    const lock = new MemoryLock();
    lock.note = 'stop';
    lock.put(held('bob'), bob(1));
    const rig = rigWith(lock).campaign().run(14_900);
    expect(rig.outcome).toBeUndefined();
    rig.run(200);
    expect(rig.outcome).toEqual({ kind: 'settled', verdict: { why: 'stop' } });
    expect(lock.sighting).toMatchObject({ record: { holderIdentity: 'bob' } });
  });

  test('on a lock that is ours already lets go of it', () => {
    const lock = new MemoryLock();
    const rig = rigWith(lock).campaign().answer();
    // Stored, and answered too late to begin a term.
    const request = writeOf(rig);
    const answer = lock.write(request);
    rig.later(4900).reply(answer);
    expect(rig.grant).toBeUndefined();
    lock.note = 'done';
    lock.put(request.record, request.signature);
    rig.watch();
    for (let i = 0; i < 4 && !rig.outcome; i += 1) rig.answer();
    expect(rig.outcome).toMatchObject({ kind: 'settled' });
    expect(lock.sighting).toMatchObject({ record: { holderIdentity: '' } });
  });
});

describe('the end of a holding', () => {
  test('is tried for as long as the term would have lasted, since a note depends on it', () => {
    const rig = leads();
    rig.feed({ kind: 'work-ended', end: 'ok' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    const began = rig.now.mono;
    while (!rig.outcome && rig.now.mono < began + 20_000) {
      if (rig.asked) rig.later(50).fail('server');
      else rig.later(50).feed({ kind: 'tick' });
    }
    expect(rig.outcome).toEqual({ kind: 'not-released' });
    expect(rig.now.mono - began).toBeGreaterThan(9_000);
    expect(rig.now.mono - began).toBeLessThan(10_100);
    expect(rig.calls.filter((call) => call === 'release' || call === 'read').length).toBeGreaterThan(4);
  });

  test('is tried with more than two writes, when a look shows each time that none was stored', () => {
    const rig = leads();
    rig.feed({ kind: 'work-ended', end: 'ok' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    for (let i = 0; i < 400 && !rig.outcome; i += 1) {
      if (!rig.asked) rig.later(50).feed({ kind: 'tick' });
      else if (rig.request.kind === 'write') rig.later(5).fail('server');
      else rig.later(5).answer();
    }
    expect(rig.outcome).toEqual({ kind: 'not-released' });
    expect(rig.calls.filter((call) => call === 'release').length).toBeGreaterThan(2);
  });

  test('comes with the first write that is stored', () => {
    const rig = leads();
    rig.feed({ kind: 'work-ended', end: 'ok' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    for (let failures = 0; failures < 6; ) {
      if (rig.asked) rig.fail('unreachable');
      else rig.later(50).feed({ kind: 'tick' });
      failures += rig.asked ? 0 : 1;
    }
    for (let i = 0; i < 100 && !rig.outcome; i += 1) {
      if (rig.asked) rig.answer();
      else rig.later(50).feed({ kind: 'tick' });
    }
    expect(rig.outcome).toEqual({ kind: 'released' });
    expect(rig.lock.note).toBe('+-ok');
  });

  test('without a note is given up after two tries, as ever', () => {
    const rig = new Rig(new MemoryLock()).campaign();
    while (!rig.grant) rig.answer();
    rig.calls.length = 0;
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    const began = rig.now.mono;
    while (!rig.outcome) {
      if (rig.asked) rig.fail('server');
      else rig.later(50).feed({ kind: 'tick' });
    }
    expect(rig.now.mono - began).toBeLessThan(2_100);
  });
});

test('the owner’s rules are told the server’s time, as it is by now', () => {
  const times: (number | undefined)[] = [];
  const taking: Notes['taking'] = ({ serverMs }) => {
    times.push(serverMs);
    return { note: 'x' };
  };
  const lock = new MemoryLock();
  lock.put(held('bob'), bob(1));
  const rig = new Rig(lock, { notes: { ...marks, taking } }).campaign();
  const dateMs = rig.now.wall - 61_000;
  rig.reply({ kind: 'sighted', sighting: lock.sighting, dateMs });
  expect(times.at(-1)).toBe(dateMs);
  rig.feed({ kind: 'watch-up' });
  rig.reply({ kind: 'allowed' });
  rig.later(5_000).feed({ kind: 'tick' });
  expect(times.at(-1)).toBe(dateMs + 5_000);
});
