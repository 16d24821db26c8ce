// A renewal that carries a note since the term’s owner wished for it: when it goes out, what it is made from, and when
// the owner is told. The rules here are plain marks; those of a schedule are tested in test/job.
// Invariant under test: the owner hears of a wish only once a write with it is stored, and never after the term.
import { describe, expect, test } from 'vitest';
import type { Notes } from '../../src/elector/notes.ts';
import type { Rig } from '../helpers/rig.ts';
import { leader, MemoryLock } from '../helpers/rig.ts';

const marks: Notes = {
  settled: () => undefined,
  taking: ({ note = '' }) => ({ note: `${note}+` }),
  renewing: ({ note = '' }, wish) =>
    wish === 'no' ? { verdict: { why: note } } : { note: `${note}:${String(wish)}`, obeys: wish === 'run' ? 'run' : undefined },
  releasing: ({ note = '', work }) => `${note}-${String(work?.note)}`,
};

const { renewing: _, ...unwishing } = marks;

function leads(lock = new MemoryLock()): Rig {
  return leader(lock, { notes: marks });
}

function wish(rig: Rig, what: unknown): Rig {
  rig.feed({ kind: 'wish', wish: what });
  return rig;
}

const granted = ({ effects }: Rig): unknown[] =>
  effects.flatMap((effect) => (effect.kind === 'wished' ? [effect.verdict ?? 'stored'] : []));

describe('a wish', () => {
  test('is in a renewal of its own, which takes the place of the one that was due', () => {
    const rig = wish(leads().run(500), 'a');
    expect(rig.calls).toEqual(['renew']);
    expect(granted(rig)).toEqual([]);
    rig.answer();
    expect(granted(rig)).toEqual(['stored']);
    expect(rig.lock.note).toBe('+:a');
    expect(rig.run(1990).calls).toEqual(['renew']);
    expect(rig.run(20).calls).toEqual(['renew', 'renew']);
    expect(rig.run(4000).lock.note).toBe('+:a');
  });

  test('waits for the request that is under way', () => {
    const rig = leads().run(1990).later(20);
    rig.feed({ kind: 'tick' });
    wish(rig, 'a');
    expect(rig.calls).toEqual(['renew']);
    rig.answer();
    expect(rig.calls).toEqual(['renew', 'renew']);
    expect(granted(rig)).toEqual([]);
    expect(granted(rig.answer())).toEqual(['stored']);
  });

  test('is told at once where the rules have a verdict, and nothing is written', () => {
    const rig = wish(leads().run(500), 'no');
    expect(granted(rig)).toEqual([{ why: '+' }]);
    expect(rig.calls).toEqual([]);
    expect(granted(rig.run(6000))).toHaveLength(1);
  });

  test('is made anew from what another has written meanwhile', () => {
    const rig = leads().run(500);
    rig.lock.note = 'theirs';
    rig.lock.label();
    wish(rig, 'a').run(100);
    expect(rig.lock.note).toBe('theirs:a');
    expect(granted(rig)).toEqual(['stored']);
  });

  test('whose answer is lost is stored once, and told when a look shows it', () => {
    const rig = wish(leads().run(500), 'a');
    const { request } = rig;
    if (request.kind !== 'write') throw new Error('unreachable');
    rig.lock.write(request.request);
    rig.fail('timeout');
    expect(granted(rig)).toEqual([]);
    rig.run(1000);
    expect(rig.lock.note).toBe('+:a');
    expect(granted(rig)).toEqual(['stored']);
  });

  test('that was refused is tried again with the pauses of a renewal', () => {
    const rig = wish(leads().run(500), 'a').fail('throttled', 1000);
    expect(rig.run(900).calls).toEqual(['renew']);
    rig.run(200);
    expect(rig.calls).toEqual(['renew', 'renew']);
    expect(granted(rig)).toEqual(['stored']);
  });

  test('takes away what an operator asked for and it does', () => {
    const rig = leads();
    rig.lock.ask({ run: 'now', pause: '2025-01-01T00:00:00Z' });
    wish(rig.watch(), 'run').answer();
    expect(rig.lock.instructions).toEqual({ run: undefined, pause: '2025-01-01T00:00:00Z' });
    expect(rig.effects.findLast(({ kind }) => kind === 'beside')).toMatchObject({ beside: { note: '+:run' } });
  });

  test('is not told of once the term is lost or given back, and counts for nothing', () => {
    const lost = wish(leads().run(500), 'a');
    lost.later(16_000).feed({ kind: 'tick' });
    lost.answer();
    expect([lost.lost, granted(lost)]).toEqual(['deadline', []]);
    const given = wish(leads().run(500), 'a');
    given.feed({ kind: 'work-ended' });
    given.feed({ kind: 'resign', holdMs: 0 });
    given.run(50);
    expect(granted(given)).toEqual([]);
    // What had begun under the term is what it was granted for.
    expect(given.lock.note).toBe('+:a-+');
  });

  test('is what the work began by, for the token and for the rules of the release', () => {
    const rig = leads().run(500);
    const before = Number(rig.grant?.token.value);
    wish(rig, 'a').answer();
    expect(rig.effects.findLast(({ kind }) => kind === 'wished')).toMatchObject({ token: rig.grant?.token });
    expect(Number(rig.grant?.token.value)).toBeGreaterThan(before);
    rig.feed({ kind: 'work-ended' });
    rig.feed({ kind: 'resign', holdMs: 0 });
    rig.answer();
    expect(rig.lock.note).toBe('+:a-+:a');
  });

  test('is judged by the server’s time as the last renewal told it, since a holder does not read for months', () => {
    const times: (number | undefined)[] = [];
    const renewing: Notes['renewing'] = ({ serverMs }) => {
      times.push(serverMs);
      return { verdict: 'no' };
    };
    const rig = leader(new MemoryLock(), { notes: { ...marks, renewing } }).run(1990).later(20);
    rig.feed({ kind: 'tick' });
    const { request } = rig;
    if (request.kind !== 'write') throw new Error('unreachable');
    // All clocks were set since the lock was taken.
    const dateMs = rig.now.wall + 300_000;
    const answer = rig.lock.write(request.request);
    if (answer.kind !== 'stored') throw new Error('unreachable');
    wish(rig.reply({ ...answer, dateMs }).later(500), 'a');
    expect(times.at(-1)).toBe(dateMs + 500);
  });

  test('waits until a deleted lock is there again, with what it remembered', () => {
    const rig = leads().run(500);
    rig.lock.delete();
    wish(rig, 'a').run(200);
    expect(rig.lock.note).toBe('+:a');
    expect(granted(rig)).toEqual(['stored']);
  });

  test('is judged by what the lock remembers, and never by its absence', () => {
    const rig = leads().run(1990).later(20);
    rig.feed({ kind: 'tick' });
    rig.lock.delete();
    wish(rig, 'no').run(200);
    expect(granted(rig)).toEqual([{ why: '+' }]);
  });

  test('that waits while the holder learns that it is to give the lock back comes to nothing', () => {
    const rig = leads().run(1990).later(20);
    rig.feed({ kind: 'tick' });
    rig.lock.ask({ pause: 'move' });
    wish(rig, 'a').answer().run(3000);
    expect(granted(rig)).toEqual([]);
    expect(rig.lock.note).toBe('+');
    expect(rig.reports.filter(({ kind }) => kind === 'deposed')).toHaveLength(1);
  });

  test.each([
    { which: 'rules', settings: {} },
    { which: 'a rule for renewals', settings: { notes: unwishing } },
  ])('comes to nothing without $which', ({ settings }) => {
    const rig = leader(new MemoryLock(), settings);
    wish(rig, 'a').run(6000);
    expect(rig.calls).toEqual(['renew', 'renew', 'renew']);
    expect(granted(rig)).toEqual([]);
  });
});

test('an owner hears of what stands beside the record, from a watch or a renewal, whenever it changes', () => {
  const rig = leads();
  const heard = (): unknown[] => rig.effects.flatMap((effect) => (effect.kind === 'beside' ? [effect.beside] : []));
  rig.lock.ask({ run: 'now' });
  rig.watch();
  expect(heard()).toEqual([{ note: '+', instructions: { run: 'now' } }]);
  rig.lock.note = 'theirs';
  rig.lock.label();
  rig.run(5000);
  expect(heard()).toEqual([
    { note: '+', instructions: { run: 'now' } },
    { note: 'theirs', instructions: { run: 'now' } },
  ]);
});
