// How doctor asks for what takes more than one request: when it is content, and when it gives up.
// To check: time is moved by hand, and every watch and timer that was opened is closed.
import { describe, expect, test } from 'vitest';
import { pace, rehearsed, watched } from '../../../src/commands/doctor/ask.ts';
import { lookOf } from '../../../src/commands/look.ts';
import type { Rehearsal, Trip } from '../../../src/locks/examination.ts';
import type { Lock, RehearsalAnswer, Sighting, WatchNews } from '../../../src/locks/lock.ts';
import { ManualClock } from '../../helpers/manual-clock.ts';

const trip: Trip = { tookMs: 1, sentMs: 0, gotMs: 1, dateMs: undefined };

describe('the pace', () => {
  test('is that of five reads', async () => {
    expect(await pace({ trip: () => Promise.resolve(trip) })).toEqual([trip, trip, trip, trip, trip]);
  });

  test('is not asked for again once there was no answer', async () => {
    const answers = [trip, undefined, trip];
    expect(await pace({ trip: () => Promise.resolve(answers.shift()) })).toEqual([trip, undefined]);
  });
});

describe('a watch', () => {
  function play(isThere: boolean) {
    const clock = new ManualClock();
    const seen = { tell: (_: WatchNews): void => undefined, open: 0 };
    const lock: Pick<Lock, 'watch'> = {
      watch: (tell) => {
        seen.open += 1;
        seen.tell = tell;
        return () => (seen.open -= 1);
      },
    };
    return { clock, seen, result: watched(lock, isThere, clock) };
  }
  const sighted: WatchNews = { kind: 'sighted', sighting: { kind: 'absent' } };

  test('on a lock that is there has to tell it', async () => {
    const { clock, seen, result } = play(true);
    clock.advance(5);
    seen.tell({ kind: 'up' });
    clock.advance(3);
    seen.tell(sighted);
    expect(await result).toEqual({ kind: 'open', tookMs: 8, isTold: true });
    expect(seen.open).toBe(0);
  });

  test('on a lock that is not there has to open', async () => {
    const { clock, seen, result } = play(false);
    clock.advance(5);
    seen.tell({ kind: 'up' });
    expect(await result).toEqual({ kind: 'open', tookMs: 5, isTold: false });
    expect(seen.open).toBe(0);
  });

  test.each([true, false])('that ends says why (forbidden: %s)', async (forbidden) => {
    const { seen, result } = play(true);
    seen.tell({ kind: 'down', forbidden, message: 'why' });
    expect(await result).toEqual({ kind: 'down', isForbidden: forbidden, message: 'why' });
    expect(seen.open).toBe(0);
  });

  test.each([true, false])('that stays silent is given up (open: %s)', async (isOpen) => {
    const { clock, seen, result } = play(true);
    if (isOpen) seen.tell({ kind: 'up' });
    await clock.pass(10_000);
    expect(await result).toEqual({ kind: 'silent', isOpen, afterMs: 10_000 });
    expect(seen.open).toBe(0);
  });
});

describe('a rehearsal', () => {
  const state = (number: number): Sighting => {
    return { kind: 'unreadable', text: '', version: { object: 'o', state: String(number) } };
  };
  const me = { identity: 'me', leaseDurationMs: 15_000 };

  async function play(...answers: RehearsalAnswer[]) {
    const asked: Rehearsal[] = [];
    let looks = 0;
    const rehearse = (rehearsal: Rehearsal): Promise<RehearsalAnswer> => {
      asked.push(rehearsal);
      return Promise.resolve(answers.shift() ?? { kind: 'conflict' });
    };
    const look = () => Promise.resolve(lookOf('a/b', state((looks += 1)), undefined));
    const answer = await rehearsed({ rehearse }, me, lookOf('a/b', state(0), undefined), look);
    return { answer, asked };
  }

  test('that conflicts is made again upon the state that is there by then', async () => {
    const { answer, asked } = await play({ kind: 'conflict' }, { kind: 'allowed' });
    expect([answer, asked]).toEqual([{ kind: 'allowed' }, [0, 1].map((at) => ({ ...me, sighting: state(at) }))]);
  });

  test('that always conflicts is given up at the third', async () => {
    const { answer, asked } = await play();
    expect([answer, asked.length]).toEqual([{ kind: 'conflict' }, 3]);
  });
});
