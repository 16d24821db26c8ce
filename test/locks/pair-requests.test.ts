// What a pair asks of its two locks, in which order, and within which limit; and what it passes on of an answer that
// ends the matter. What the two show together is in pair-sights.test.ts, what a watch tells in pair-watch.test.ts.
// To check: all requests of an attempt share its one limit.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Lock, WriteRequest } from '../../src/locks/lock.ts';
import { pairLock } from '../../src/locks/pair.ts';
import { released, taken } from '../../src/locks/record.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { announcement, odd, ScriptedLock, sight, sighted, signed, silent } from '../helpers/scripted-lock.ts';

const alices = taken(undefined, 'alice', 15, 0);
const free = released(alices, 0);
const bobs = taken(undefined, 'bob', 15, 0);
const creation: WriteRequest = { record: alices, signature: signed(1), base: undefined };
const conflict = { kind: 'conflict' } as const;
const refused = { kind: 'refused', trouble: { cause: 'forbidden', message: 'no' } } as const;
const failed = { kind: 'failed', trouble: silent } as const;

let primary: ScriptedLock;
let secondary: ScriptedLock;
let pair: Lock;
beforeEach(() => {
  const clock = new ManualClock();
  [primary, secondary] = [new ScriptedLock(clock), new ScriptedLock(clock)];
  pair = pairLock({ name: 'pair', primary, secondary, clock });
});

describe('a pair', () => {
  test.each([
    [undefined, undefined, 1],
    [1000, undefined, 1000],
    [undefined, 1000, 1000],
    [20, 1000, 1000],
  ])('of grains %s and %s keeps times to %i ms', (one, two, grain) => {
    if (one !== undefined) primary.timeGrainMs = one;
    if (two !== undefined) secondary.timeGrainMs = two;
    expect(pairLock({ name: 'pair', primary, secondary, clock: new ManualClock() })).toMatchObject({
      timeGrainMs: grain,
      name: 'pair',
      where: 'nowhere',
    });
  });

  test('closes both of its locks', () => {
    pair.close();
    expect([primary.isClosed, secondary.isClosed]).toEqual([true, true]);
  });

  test.each([
    ['the same', '1', { object: 'b', state: '1' }, 'same'],
    ['an older second object', '1', { object: 'b', state: '2' }, 'older'],
    ['no second object any more', '1', undefined, 'unordered'],
    ['an older first object', '2', { object: 'b', state: '1' }, 'older'],
  ])('compares its versions by both objects: %s', (_, state, beside, order) => {
    const version = { object: 'a', state: '1', beside: { object: 'b', state: '1' } };
    expect(pair.compare(version, { object: 'a', state, beside } as typeof version)).toBe(order);
  });

  test('compares versions without a second object as the same, and in both directions', () => {
    const [none, some] = [undefined, { object: 'b', state: '1' }].map((beside) => ({ object: 'a', state: '1', beside }));
    if (!none || !some) throw new Error('unreachable');
    expect([pair.compare(none, { ...none }), pair.compare(none, some)]).toEqual(['same', 'unordered']);
  });
});

describe('a read', () => {
  const sending = (): void => undefined;

  test('hands its limit to the first object, with the stamp of sending, and what is left of it to the second', async () => {
    primary.reads = [sighted(sight(1, bobs, undefined))];
    primary.tookMs = 300;
    await pair.read({ limitMs: 1000, sending });
    expect(primary.asked).toEqual([{ what: 'read', attempt: { limitMs: 1000, sending } }]);
    expect(secondary.asked).toEqual([{ what: 'read', attempt: { limitMs: 700 } }]);
  });

  test('leaves nothing, and never less, to the second object when the first took all of its limit', async () => {
    primary.reads = [sighted(sight(1, bobs, undefined))];
    primary.tookMs = 1200;
    await pair.read({ limitMs: 1000 });
    expect(secondary.limits).toEqual([0]);
  });

  test('of which the first object tells nothing fails, and does not ask the second', async () => {
    primary.reads = [failed];
    expect(await pair.read({ limitMs: 1000 })).toEqual(failed);
    expect(secondary.calls).toEqual([]);
  });

  test('that finds no first object tells so, and does not ask the second', async () => {
    expect(await pair.read({ limitMs: 1000 })).toEqual(sighted({ kind: 'absent' }));
    expect(secondary.calls).toEqual([]);
  });

  test('of which the second object tells nothing fails', async () => {
    primary.reads = [sighted(sight(1, bobs, undefined))];
    secondary.reads = [failed];
    expect(await pair.read({ limitMs: 1000 })).toEqual(failed);
  });
});

describe('a rehearsal', () => {
  test('asks both within one limit, the second about the version that lies there', async () => {
    primary.tookMs = secondary.tookMs = 100;
    secondary.reads = [sighted(sight(7, bobs, undefined))];
    expect(await pair.rehearse(creation, { limitMs: 1000 })).toEqual({ kind: 'allowed' });
    expect(primary.asked).toEqual([{ what: 'rehearse', attempt: { limitMs: 1000 }, request: creation }]);
    expect(secondary.limits).toEqual([900, 800]);
    expect(secondary.asked[1]?.request).toEqual({ ...creation, base: { object: 'uid', state: '7' } });
  });

  test('that the first object does not allow goes no further', async () => {
    primary.rehearsals = [refused];
    expect(await pair.rehearse(creation, { limitMs: 1000 })).toEqual(refused);
    expect(secondary.calls).toEqual([]);
  });

  test('whose second object cannot be read is refused for that reason', async () => {
    secondary.reads = [failed];
    expect(await pair.rehearse(creation, { limitMs: 1000 })).toEqual({ kind: 'refused', trouble: silent });
    expect(secondary.calls).toEqual(['read']);
  });

  test('that both allow spares the first write its question', async () => {
    await pair.rehearse(creation, { limitMs: 1000 });
    secondary.asked.length = 0;
    await pair.write(creation, { limitMs: 1000 });
    expect(secondary.calls).toEqual(['read', 'write']);
  });

  test('that the second object refuses spares the first write nothing', async () => {
    secondary.rehearsals = [refused];
    expect(await pair.rehearse(creation, { limitMs: 1000 })).toEqual(refused);
    secondary.asked.length = 0;
    await pair.write(creation, { limitMs: 1000 });
    expect(secondary.calls).toEqual(['read', 'rehearse', 'read', 'write']);
  });
});

describe('a write', () => {
  const sending = (): void => undefined;

  test('shares its limit among all that it asks, and stamps the first object alone', async () => {
    primary.tookMs = secondary.tookMs = 100;
    await pair.write(creation, { limitMs: 1000, sending });
    expect(primary.asked).toEqual([{ what: 'write', attempt: { limitMs: 800, sending }, request: creation }]);
    expect(secondary.calls).toEqual(['read', 'rehearse', 'read', 'write']);
    expect(secondary.limits).toEqual([1000, 900, 700, 600]);
    expect(secondary.asked[1]?.request).toEqual(creation);
    expect(secondary.asked.map(({ attempt }) => attempt.sending)).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('of a release asks nobody for leave', async () => {
    await pair.write({ ...creation, record: free }, { limitMs: 1000 });
    expect(secondary.calls).toEqual(['read', 'write']);
  });

  test('is begun where the rehearsal of its second half tells nothing', async () => {
    secondary.rehearsals = [{ kind: 'unknown', trouble: silent }];
    await pair.write(creation, { limitMs: 1000 });
    expect(primary.calls).toEqual(['write']);
  });

  test.each(['unauthorized', 'forbidden', 'no-namespace', 'invalid'] as const)(
    'is not begun where reading the second object is refused: %s',
    async (cause) => {
      const trouble = { cause, message: 'no' };
      secondary.reads = [{ kind: 'failed', trouble }];
      expect(await pair.write(creation, { limitMs: 1000 })).toEqual({ kind: 'refused', trouble });
      expect(primary.calls).toEqual([]);
    },
  );

  test('whose answer shows no first object goes no further', async () => {
    const gone = { kind: 'stored', sighting: { kind: 'absent' } } as const;
    primary.writes = [gone];
    expect(await pair.write({ ...creation, record: free }, { limitMs: 1000 })).toEqual(gone);
    expect(secondary.calls).toEqual([]);
  });
});

describe('a creation that finds the first object there', () => {
  const attempt = { limitMs: 1000 };
  beforeEach(() => (primary.writes = [conflict]));

  test.each([
    ['cannot be read', failed],
    ['is gone again', sighted({ kind: 'absent' })],
    ['is held by another', sighted(sight(4, bobs, signed(1, '00000000-0000-4000-8000-000000000002', 'bob')))],
    ['is held by another who left our signature there', sighted(sight(4, bobs, signed(1)))],
    ['is free', sighted(sight(4, free, signed(1)))],
    ['cannot be understood', sighted(odd(4, 'what'))],
  ])('conflicts when it %s', async (_, read) => {
    primary.reads = [read];
    expect(await pair.write(creation, attempt)).toEqual(conflict);
    expect(primary.calls).toEqual(['write', 'read']);
  });

  test('writes over its own half, by the version that it found and within what is left of the limit', async () => {
    primary.tookMs = 100;
    primary.reads = [sighted(sight(4, alices, signed(1)))];
    expect(await pair.write(creation, attempt)).toMatchObject({ kind: 'stored' });
    expect(primary.asked[1]).toEqual({ what: 'read', attempt: { limitMs: 900 } });
    expect(primary.asked[2]).toEqual({
      what: 'write',
      attempt: { limitMs: 800 },
      request: { ...creation, base: { object: 'uid', state: '4' } },
    });
  });

  test('and is no creation conflicts without another look', async () => {
    const base = { object: 'uid', state: '3', beside: undefined };
    expect(await pair.write({ ...creation, base }, attempt)).toEqual(conflict);
    expect(primary.calls).toEqual(['write']);
  });
});

describe('the second half of a write', () => {
  const beside = { object: 'uid', state: '3' };
  const base = { object: 'uid', state: '8', beside };
  const write = (request: WriteRequest) => pair.write(request, { limitMs: 1000 });
  /** Before the first write the second object is looked at for leave, too. */
  const lies = (sighting: ReturnType<typeof sight | typeof odd>): void => {
    secondary.reads = [sighted(sighting), sighted(sighting)];
  };

  test.each([
    ['free', sight(3, free, undefined), 'stored'],
    ['held', sight(3, bobs, undefined), 'conflict'],
    ['not understood', odd(3, 'what'), 'conflict'],
    ['our own', sight(3, alices, signed(1)), 'stored'],
    ['released by us', sight(3, free, signed(1)), 'stored'],
  ])('of a creation replaces what is %s: %s', async (_, sighting, kind) => {
    lies(sighting);
    expect(await write(creation)).toMatchObject({ kind });
  });

  test.each([
    ['seen', 3, 'stored'],
    ['another than was seen', 4, 'conflict'],
  ])('replaces another’s that is %s when the write was decided on', async (_, state, kind) => {
    lies(sight(state, bobs, undefined));
    expect(await write({ ...creation, base })).toMatchObject({ kind });
  });

  test('names the version that it replaces', async () => {
    lies(sight(3, bobs, undefined));
    await write({ ...creation, base });
    expect(secondary.asked.at(-1)?.request).toEqual({ ...creation, base: beside });
  });
});

describe('an announcement', () => {
  const note = (lock: ScriptedLock, trouble?: typeof silent): string[] => {
    const heard: string[] = [];
    lock.announce = ({ message }, { limitMs }) => {
      heard.push(`${message} within ${limitMs}`);
      return Promise.resolve(trouble);
    };
    return heard;
  };
  const announce = (): unknown =>
    pairLock({ name: 'pair', primary, secondary, clock: new ManualClock() }).announce?.(announcement, { limitMs: 9 });

  test('is left at both objects', async () => {
    const heard = [note(primary), note(secondary)];
    expect(await announce()).toBeUndefined();
    expect(heard).toEqual([['leads within 9'], ['leads within 9']]);
  });

  test('is left at the first object alone where the second has no readers', async () => {
    const heard = note(primary);
    expect(await announce()).toBeUndefined();
    expect(heard).toEqual(['leads within 9']);
  });

  test('that the first object does not take is not left at the second', async () => {
    note(primary, silent);
    const heard = note(secondary);
    expect(await announce()).toEqual(silent);
    expect(heard).toEqual([]);
  });

  test('is not offered where the first object has no readers', () => {
    note(secondary);
    expect(announce()).toBeUndefined();
    expect(pair.announce).toBeUndefined();
  });
});
