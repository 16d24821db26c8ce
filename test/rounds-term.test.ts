// A term under a schedule from its first wait to its summons: when the clock is looked at, what is told, and what is
// left to the release to note. Lock, command and schedule are played by the test; rounds.test.ts has doubtful claims.
// Invariant under test: nothing else starts before the outcome of a command is stored.
import { describe, expect, test } from 'vitest';
import type { Term } from '../src/elector/term.ts';
import { timeText } from '../src/job/record.ts';
import type { Due, Rounds } from '../src/job/schedule.ts';
import { keepRounds } from '../src/rounds.ts';
import { Ear, type Scene } from '../src/work.ts';
import { ManualClock } from './helpers/manual-clock.ts';
import { begin, claim, rig, tick, wait } from './helpers/rounds-rig.ts';

describe('a wait', () => {
  test('looks at the clock each half minute, since that may be set, and when its time has come', async () => {
    let until = 0;
    const { clock, counts, prepare, stop, ended } = rig({
      due: (_, wallMs) => wait((until ||= wallMs + 70_000) > wallMs ? until : Infinity),
    });
    const looks: number[] = [];
    for (const ms of [0, 29_999, 1, 30_000, 9_999, 1]) {
      await clock.pass(ms);
      looks.push(counts().asked);
    }
    expect(looks).toEqual([1, 1, 2, 3, 3, 4]);
    // The next start is prepared meanwhile.
    expect(prepare).toHaveBeenCalledTimes(4);
    stop.abort();
    expect(await ended).toEqual({ why: 'asked', end: { ran: false, alive: [] }, attempt: undefined });
  });

  test('is told once for each time that is waited for', async () => {
    const [first, second] = [Date.parse(tick), Date.parse(tick) + 60_000];
    const { clock, told } = rig({ due: (asked) => wait(asked < 3 ? first : asked < 4 ? second : Infinity) });
    await clock.pass(200_000);
    expect(told('waiting')).toEqual(
      [timeText(first), timeText(second), ''].map((next) => ({ kind: 'waiting', schedule: '0 3 * * * UTC', next })),
    );
  });

  test('ends at once when something else stands beside the record', async () => {
    const { clock, counts, ring } = rig({ due: () => wait(Infinity) });
    await clock.pass(10);
    ring();
    await clock.pass(0);
    expect(counts().asked).toBe(2);
  });

  test('for a time that is past is over at once', async () => {
    const { clock, counts } = rig({ due: (asked) => wait(asked < 3 ? 0 : Infinity) });
    await clock.pass(0);
    expect(counts().asked).toBe(3);
  });
});

describe('a tick', () => {
  test('runs once its claim is stored, its end is noted, and the term goes on', async () => {
    const { clock, counts, wishes, finish, told } = rig({
      due: (asked) => (asked === 1 ? begin() : wait(Infinity)),
      rounds: { skippedBetween: (_, after) => (after?.includes('"run"') ? [] : [{ upTo: tick, why: 'overlap', count: 1 }]) },
    });
    await clock.pass(5000);
    expect(counts()).toEqual({ asked: 1, starts: 1 });
    expect(told('attempt')).toEqual([{ kind: 'attempt', key: tick, attempt: 1, attempts: 2 }]);
    expect([wishes.length, told('skipped')]).toEqual([1, []]);
    finish();
    await clock.pass(0);
    expect(wishes.at(-1)).toEqual({ kind: 'end', claim, ending: { kind: 'ok' }, tookMs: 5000 });
    expect(told('attempt-ended')).toMatchObject([{ key: tick, stored: true }]);
    expect(told('skipped')).toEqual([{ kind: 'skipped', key: tick, why: 'overlap', count: 1 }]);
    expect(counts().asked).toBe(2);
  });

  test('may run again at once, when it is due for another attempt', async () => {
    const { clock, counts, finish } = rig({ due: (asked) => (asked < 3 ? begin() : wait(Infinity)) });
    await clock.pass(10);
    finish();
    await clock.pass(10);
    expect(counts().starts).toBe(2);
  });

  test('takes the place of the one that still runs, where it is to, by the wall clock', async () => {
    const { clock, orders, wishes } = rig({
      due: (asked) => (asked === 1 ? begin() : wait(Infinity)),
      rounds: { replacedAt: (wallMs) => wallMs + 90_000 },
    });
    await clock.pass(89_999);
    expect(orders).toEqual([]);
    await clock.pass(1);
    expect(orders).toMatchObject([{ why: 'replaced' }]);
    expect(wishes.at(-1)).toMatchObject({ kind: 'end', ending: { kind: 'interrupted' } });
  });

  test('takes that place within half a minute as well', async () => {
    const { clock, orders } = rig({
      due: (asked) => (asked === 1 ? begin() : wait(Infinity)),
      rounds: { replacedAt: (wallMs) => wallMs + 10_000 },
    });
    await clock.pass(10_000);
    expect(orders).toMatchObject([{ why: 'replaced' }]);
  });

  test('that runs for longer than it may is stopped, and the term goes on', async () => {
    const { clock, wishes, counts } = rig({
      due: (asked) => (asked === 1 ? begin() : wait(Infinity)),
      maxRuntimeMs: 60_000,
    });
    await clock.pass(60_000);
    expect(wishes.at(-1)).toMatchObject({ kind: 'end', ending: { kind: 'max-runtime' } });
    expect(counts().asked).toBe(2);
  });

  test('that ended before the next one needs no place of its own', async () => {
    const { clock, orders, finish } = rig({
      due: (asked) => (asked === 1 ? begin() : wait(Infinity)),
      rounds: { replacedAt: (wallMs) => wallMs + 90_000 },
    });
    await clock.pass(10);
    finish();
    await clock.pass(200_000);
    expect(orders).toMatchObject([{ why: 'left-over' }]);
  });
});

describe('a summons', () => {
  test('while a command runs leaves its outcome to the release', async () => {
    const { clock, stop, wishes, told, ended } = rig({ due: () => begin() });
    await clock.pass(10);
    stop.abort();
    const attempt = { end: { ending: { kind: 'interrupted' } } };
    expect(await ended).toMatchObject({ why: 'asked', end: { ran: true }, attempt });
    expect([wishes.length, told('attempt-ended')]).toEqual([1, []]);
  });

  test('while the outcome is noted leaves it to the release as well', async () => {
    const { clock, stop, finish, told, ended } = rig({ due: () => begin(), unanswered: 'end' });
    await clock.pass(10);
    finish();
    await clock.pass(10);
    stop.abort();
    const attempt = { end: { ending: { kind: 'ok' } } };
    expect(await ended).toMatchObject({ why: 'asked', end: { ran: true }, attempt });
    expect(told('attempt-ended')).toEqual([]);
  });

  test('while what a command left behind is ended asks for no renewal more', async () => {
    const its = rig({
      due: () => begin(),
      ending: () => {
        its.stop.abort();
      },
    });
    const { clock, finish, wishes, ended } = its;
    await clock.pass(10);
    finish();
    expect(await ended).toMatchObject({ why: 'asked', attempt: { end: { ending: { kind: 'ok' } } } });
    expect(wishes).toHaveLength(1);
  });

  test('is told by its own name, when nothing runs as when something does', async () => {
    for (const due of [wait(Infinity), begin()]) {
      const { clock, lose, ended } = rig({ due: () => due });
      await clock.pass(10);
      lose('deadline');
      expect((await ended).why).toBe('deadline');
    }
  });

  test('while a claim is written starts nothing, and tells nothing of it', async () => {
    const skippedBetween = () => [{ upTo: tick, why: 'missed', count: 1 }] as const;
    const { clock, stop, counts, told, ended } = rig({
      ...{ due: () => begin(), unanswered: 'begin', rounds: { skippedBetween } },
    });
    await clock.pass(10);
    stop.abort();
    expect(await ended).toEqual({ why: 'asked', end: { ran: false, alive: [] }, attempt: undefined });
    expect([counts().starts, told('skipped')]).toEqual([0, []]);
  });

  test('before the first look asks for nothing', async () => {
    const stop = new AbortController();
    stop.abort();
    const nothing = (): void => undefined;
    const term: Partial<Term> = { deposed: new Promise<never>(nothing), onLost: nothing, onBeside: nothing };
    const scene: Partial<Scene> = { clock: new ManualClock(), report: () => undefined };
    const ear = new Ear(term as Term, stop.signal);
    const ended = keepRounds(scene as Scene, term as Term, ear, {} as Rounds);
    expect(await ended).toMatchObject({ why: 'asked', end: { ran: false } });
  });
});

describe('a term ends', () => {
  test('with a command that cannot be started, which the next tick cannot either', async () => {
    const { clock, ended, wishes } = rig({
      due: () => begin(),
      start: () => Promise.resolve({ kind: 'failed', message: 'no such file' }),
    });
    await clock.pass(10);
    expect(await ended).toMatchObject({ why: 'ended', end: { ran: false, message: 'no such file' } });
    expect(wishes).toHaveLength(1);
  });

  test('with a command that outlasted its leash, whatever the elector holds', async () => {
    const { clock, finish, ended, wishes } = rig({ due: () => begin(), outlasted: true });
    await clock.pass(10);
    finish();
    expect(await ended).toMatchObject({ why: 'outlasted', attempt: { end: { ending: { kind: 'interrupted' } } } });
    expect(wishes).toHaveLength(1);
  });

  test('with processes that cannot be killed', async () => {
    const { clock, finish, ended, wishes } = rig({ due: () => begin(), end: { alive: [4711] } });
    await clock.pass(10);
    finish();
    expect(await ended).toMatchObject({ end: { alive: [4711] } });
    expect(wishes).toHaveLength(1);
  });
});

describe('what is noted without a command', () => {
  test('is told where the ticks of a schedule begin to count', async () => {
    const { clock, told, wishes, counts } = rig({
      due: (asked) => (asked === 1 ? { kind: 'note', wish: { kind: 'adopt' } } : wait(Infinity)),
    });
    await clock.pass(10);
    expect(counts()).toEqual({ asked: 2, starts: 0 });
    expect([wishes, told('schedule')]).toEqual([[{ kind: 'adopt' }], [{ kind: 'schedule', schedule: '0 3 * * * UTC' }]]);
  });

  test('is not told as a schedule where ticks are passed over', async () => {
    const skip: Due = { kind: 'note', wish: { kind: 'skip', skipped: [] } };
    const { clock, told } = rig({ due: (asked) => (asked === 1 ? skip : wait(Infinity)) });
    await clock.pass(10);
    expect([told('schedule'), told('note')]).toEqual([[], []]);
  });
});

test.each([
  { instructions: { run: 'x7 the report was wrong' }, message: 'asked to run the command now (the report was wrong)' },
  { instructions: { run: 'x7' }, message: 'asked to run the command now' },
  { instructions: {}, message: 'asked to run the command now' },
  { instructions: undefined, message: 'asked to run the command now' },
])('a run that an operator asks for by $instructions is told with its reason', async ({ instructions, message }) => {
  const { clock, told, counts } = rig({
    due: (asked) => (asked === 1 ? begin('manual/x7', false) : wait(Infinity)),
    ...(instructions && { instructions }),
  });
  await clock.pass(10);
  expect(told('note')).toEqual([{ kind: 'note', level: 'info', message }]);
  expect(counts().starts).toBe(1);
});
