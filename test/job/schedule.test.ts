// What a holder of a schedule is to do next, by what the record says and the clock shows: which tick begins, which are
// passed over and why, when a failed one is tried again. And what the rules write for it. By records made by hand, on a
// line with a tick each minute. Invariant under test: each tick up to the cursor is settled, and the cursor only grows.
import { describe, expect, test } from 'vitest';
import type { Entry, JobRecord } from '../../src/job/record.ts';
import { formatJobs, timeText } from '../../src/job/record.ts';
import { dueOf, nextStart, skippedBetween, startOf, type Wish } from '../../src/job/schedule.ts';
import { podB } from './samples.ts';
import {
  begin,
  begins,
  claim,
  due,
  entry,
  minute,
  noted,
  now,
  page,
  plan,
  record,
  renewed,
  rules,
  schedule,
  t0,
  tick,
} from './schedule-samples.ts';

describe('of the ticks of a schedule', () => {
  test('the next one is waited for, when all before it are settled', () => {
    expect(due(plan(), record(3), t0 + 3 * minute + 1)).toEqual({ kind: 'wait', untilMs: t0 + 4 * minute });
    expect(due(plan(), record(3), t0 + 4 * minute - 1)).toEqual({ kind: 'wait', untilMs: t0 + 4 * minute });
  });

  test('one that has come begins', () => {
    expect(due(plan(), record(3), t0 + 4 * minute)).toEqual(begins(4));
    expect(due(plan(), record(3), t0 + 5 * minute - 1)).toEqual(begins(4));
  });

  test('none at all begin where the clock was set back behind the cursor', () => {
    expect(due(plan(), record(3), t0)).toEqual({ kind: 'wait', untilMs: t0 + 4 * minute });
  });

  test('the last of those that were missed begins, and the others are passed over', () => {
    const skipped = [{ upTo: tick(6), why: 'missed', count: 3 }];
    expect(due(plan(), record(3), t0 + 7 * minute)).toEqual(begins(7, skipped));
  });

  test('all begin one by one with --catch-up all, the oldest first, but for those beyond a hundred', () => {
    const all = plan({ catchUp: 'all' });
    expect(due(all, record(3), t0 + 7 * minute)).toEqual(begins(4));
    expect(due(all, record(0), t0 + 100 * minute)).toEqual(begins(1));
    const skipped = [{ upTo: tick(50), why: 'missed', count: 50 }];
    expect(due(all, record(0), t0 + 150 * minute)).toEqual(begins(51, skipped));
  });

  test('an outage of years is caught up with, without counting to its end', () => {
    const after = 3 * 365 * 24 * 60;
    const skipped = [{ upTo: tick(after - 1), why: 'missed', count: 1000 }];
    expect(due(plan(), record(0), t0 + after * minute)).toEqual(begins(after, skipped));
    const all = [{ upTo: tick(after - 100), why: 'missed', count: 1000 }];
    expect(due(plan({ catchUp: 'all' }), record(0), t0 + after * minute)).toEqual(begins(after - 99, all));
  });

  test('those that are older than the start deadline do not begin', () => {
    const late = plan({ startDeadlineMs: 90_000, catchUp: 'all' });
    const skipped = [{ upTo: tick(5), why: 'late', count: 2 }];
    expect(due(late, record(3), t0 + 7 * minute + 5000)).toEqual(begins(6, skipped));
    const hourly = plan({ schedule: schedule('0 * * * *'), startDeadlineMs: 90_000 });
    const hourlyRecord = record(0, { schedule: '0 * * * * UTC' });
    expect(due(hourly, hourlyRecord, t0 + 60 * minute + 90_000)).toMatchObject({ kind: 'begin' });
    expect(due(hourly, hourlyRecord, t0 + 60 * minute + 90_001)).toEqual({
      kind: 'note',
      wish: { kind: 'skip', skipped: [{ upTo: tick(60), why: 'late', count: 1 }] },
    });
  });

  test('each starts later by its own jitter, the same for everyone, and never an earlier one after it', () => {
    const jittered = plan({ jitterMs: 30_000 });
    const starts = Array.from({ length: 200 }, (_, n) => startOf(jittered, t0 + n * minute) - (t0 + n * minute));
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...starts)).toBeLessThan(30_000);
    // Spread over all of it.
    for (let from = 0; from < 30_000; from += 6000)
      expect(starts.filter((ms) => ms >= from && ms < from + 6000).length).toBeGreaterThan(20);
    expect(startOf({ ...jittered, lock: 'ops/other' }, t0)).not.toBe(startOf(jittered, t0));
    const start = startOf(jittered, t0 + 4 * minute);
    expect(nextStart(jittered, t0 + 3 * minute)).toBe(start);
    expect(due(jittered, record(3), start - 1)).toEqual({ kind: 'wait', untilMs: start });
    expect(due(jittered, record(3), start)).toEqual(begins(4));
  });

  test('none count before the schedule is known, or after it was changed', () => {
    const adopt = { kind: 'note', wish: { kind: 'adopt' } };
    expect(due(plan(), record(undefined), t0)).toEqual(adopt);
    expect(due(plan(), record(3, { schedule: undefined }), t0 + 9 * minute)).toEqual(adopt);
    expect(due(plan(), record(3, { schedule: '*/5 * * * * UTC' }), t0 + 9 * minute)).toEqual(adopt);
    expect(dueOf(plan(), { note: undefined, instructions: undefined }, t0)).toEqual(adopt);
  });

  test('those of a pause that is over are passed over, and the pause is taken away', () => {
    const pause = `${tick(6)} move`;
    expect(due(plan(), record(3), t0 + 9 * minute, { pause })).toEqual({
      kind: 'note',
      wish: { kind: 'skip', skipped: [{ upTo: tick(6), why: 'paused', count: 3 }], obeys: 'pause' },
    });
    // However many there are.
    const years = `${tick(10_000)} move`;
    expect(due(plan(), record(3), t0 + 20_000 * minute, { pause: years })).toMatchObject({
      wish: { skipped: [{ upTo: tick(10_000), why: 'paused', count: 1000 }] },
    });
    expect(due(plan(), record(6), t0 + 6.5 * minute, { pause })).toEqual({
      kind: 'note',
      wish: { kind: 'skip', skipped: [], obeys: 'pause' },
    });
  });
});

describe('a run that an operator asks for', () => {
  test('begins when no tick is due, once for each word', () => {
    const now = t0 + 3 * minute + 1;
    expect(due(plan(), record(3), now, { run: 'x' })).toEqual({
      kind: 'begin',
      wish: { kind: 'begin', key: 'manual/x', isTick: false, skipped: [] },
    });
    expect(due(plan(), record(3), t0 + 4 * minute, { run: 'x' })).toEqual(begins(4));
    const known = { ...entry(3, { kind: 'failed', status: 1 }), key: 'manual/x' };
    for (const [before, run] of [[record(3, { entries: [known] }), 'x'], [record(3), 'w/o,comma']] as const)
      expect(due(plan(), before, now, { run })).toEqual({ kind: 'note', wish: { kind: 'forget-run' } });
  });
});

describe('a tick that has begun', () => {
  const failed = (attempts: number, at = 3): JobRecord =>
    record(3, { entries: [entry(3, { kind: 'failed', status: 1 }, attempts, at)] });

  test('is tried again after ten seconds, twice that the next time, and five minutes at the most', () => {
    const often = plan({ attempts: 20, schedule: schedule('0 * * * *') });
    const hourly = (attempts: number): JobRecord => ({ ...failed(attempts), schedule: '0 * * * * UTC' });
    const start = t0 + 3 * minute;
    for (const [attempts, afterMs] of [[1, 10_000], [2, 20_000], [5, 160_000], [6, 300_000], [19, 300_000]] as const) {
      expect(due(often, hourly(attempts), start)).toEqual({ kind: 'wait', untilMs: start + afterMs });
      expect(due(often, hourly(attempts), start + afterMs)).toEqual(begins(3));
    }
    expect(due(often, hourly(20), start)).toEqual({ kind: 'wait', untilMs: t0 + 60 * minute });
  });

  test('is not tried again once the next tick has come, but with --catch-up all', () => {
    expect(due(plan({ attempts: 3 }), failed(1), t0 + 4 * minute)).toEqual(begins(4));
    expect(due(plan({ attempts: 3, catchUp: 'all' }), failed(1), t0 + 4 * minute)).toEqual(begins(3));
    const waiting = due(plan({ attempts: 3, catchUp: 'all' }), failed(1, 4), t0 + 4 * minute + 5000);
    expect(waiting).toEqual({ kind: 'wait', untilMs: t0 + 4 * minute + 10_000 });
  });

  test('is tried again at once where it was interrupted, or its end is not known', () => {
    for (const kind of ['interrupted', 'unknown'] as const) {
      const before = record(3, { entries: [entry(3, { kind })] });
      expect(due(plan({ attempts: 2 }), before, t0 + 3 * minute + 1)).toEqual(begins(3));
      expect(due(plan(), before, t0 + 3 * minute + 1)).toMatchObject({ kind: 'wait' });
    }
  });

  test('is not tried again when it succeeded, or was passed over', () => {
    for (const outcome of [{ kind: 'ok' }, { kind: 'skipped', why: 'overlap', count: 1 }] as const) {
      const before = record(3, { entries: [entry(3, outcome, 0)] });
      expect(due(plan({ attempts: 3 }), before, t0 + 3 * minute + 1)).toMatchObject({ kind: 'wait' });
    }
  });

  test('is tried again at once where the other machine’s clock is ahead', () => {
    expect(due(plan({ attempts: 3 }), failed(1, 60), t0 + 3 * minute + 1)).toEqual(begins(3));
  });
});

describe('the write that takes the lock', () => {
  test('begins a record whose ticks count from now on, by the server’s clock where ours is far ahead', () => {
    expect(noted(rules().taking(page(undefined, now)))).toEqual(record(4, { since: tick(4), cursor: timeText(now) }));
    const ahead = noted(rules().taking(page(undefined, now, { serverMs: t0 })));
    expect(ahead.cursor).toBe(timeText(t0 + 30_000));
  });

  test('settles what another left as unknown, and what is known of our own', () => {
    const theirs = noted(rules().taking(page(record(3, { claim: { ...claim, run: podB.run } }), now)));
    expect(theirs).toMatchObject({ claim: undefined, cursor: tick(4) });
    expect(theirs.entries).toMatchObject([{ key: tick(4), outcome: { kind: 'unknown' } }]);
    const mine = record(3, { claim });
    const work = { note: formatJobs(mine), end: { ending: { kind: 'interrupted' }, tookMs: 5 } };
    const ours = noted(rules().taking(page(mine, now, { work })));
    expect(ours).toMatchObject({ claim: undefined, entries: [{ key: tick(4), outcome: { kind: 'interrupted' } }] });
    // Stored, and its answer came when the term was over: nothing was started under it.
    const unstarted = noted(rules().taking(page(mine, now, { work: { note: formatJobs(record(3)), end: undefined } })));
    expect(unstarted).toEqual(record(3));
  });

  test('leaves all else as it is', () => {
    const before = record(3, { entries: [entry(3, { kind: 'ok' })] });
    expect(rules().taking(page(before, now))).toEqual({ note: formatJobs(before) });
  });

  test('is not made where the record cannot be read', () => {
    const unreadable = { kind: 'unreadable', why: 'another version of leader-run wrote it' };
    const text = { note: '{"v":2}' };
    expect(rules().taking(page(undefined, now, text))).toEqual({ verdict: unreadable });
    expect(rules().settled(page(undefined, now, text))).toEqual(unreadable);
    expect(rules().renewing?.(page(undefined, now, text), begin(4))).toEqual({ verdict: unreadable });
    expect(rules().settled(page(record(3), now))).toBeUndefined();
  });
});

describe('a renewal', () => {
  test('claims a tick, after those that are passed over', () => {
    const after = noted(renewed(plan(), record(1), begin(4, [{ upTo: tick(3), why: 'missed', count: 2 }]), now));
    expect(after).toMatchObject({
      cursor: tick(3),
      claim,
      entries: [{ key: tick(3), outcome: { kind: 'skipped', why: 'missed', count: 2 }, attempts: 0, by: 'pod-a' }],
    });
  });

  test('claims no tick that comes more than half a minute later by the server’s clock', () => {
    const at = (serverMs: number) => renewed(plan(), record(3), begin(4), now, { serverMs });
    expect(at(t0 + 4 * minute - 30_001)).toEqual({ verdict: { kind: 'clock-ahead', comesInMs: 30_001 } });
    expect(at(t0 + 4 * minute - 30_000)).toHaveProperty('note');
    const skip = { kind: 'skip', skipped: [{ upTo: tick(4), why: 'late', count: 1 }] } as const;
    expect(renewed(plan(), record(3), skip, now, { serverMs: t0 })).toEqual({
      verdict: { kind: 'clock-ahead', comesInMs: 4 * minute },
    });
  });

  test('claims no tick again that is settled meanwhile', () => {
    const marked = record(4, { entries: [entry(4, { kind: 'ok' })] });
    expect(renewed(plan(), marked, begin(4), now)).toMatchObject({ verdict: { kind: 'done' } });
    const used = record(4, { entries: [entry(4, { kind: 'failed', status: 1 })] });
    expect(renewed(plan(), used, begin(4), now)).toMatchObject({ verdict: { kind: 'given-up' } });
    expect(renewed(plan({ attempts: 2 }), used, begin(4), now)).toHaveProperty('note');
    expect(renewed(plan(), record(5), begin(4), now)).toMatchObject({ verdict: { kind: 'past' } });
  });

  test('claims what an operator asks for, and takes the word away', () => {
    const wish = { kind: 'begin', key: 'manual/x', isTick: false, skipped: [] } as const;
    const answer = renewed(plan({ attempts: 5 }), record(3), wish, now, { serverMs: 0 });
    expect(answer).toMatchObject({ obeys: 'run' });
    expect(noted(answer)).toMatchObject({ cursor: tick(3), claim: { key: 'manual/x', isTick: false, attempt: 1 } });
    const forgotten = renewed(plan(), record(3), { kind: 'forget-run' }, now);
    expect(forgotten).toEqual({ note: formatJobs(record(3)), obeys: 'run' });
  });

  test('notes how a tick ended, and passes over those that came meanwhile', () => {
    const running = record(3, { claim });
    const end: Wish = { kind: 'end', claim, ending: { kind: 'ok' }, tookMs: 125_000 };
    const late = t0 + 6 * minute + 5000;
    const skipped = noted(renewed(plan(), running, end, late));
    expect(skipped).toMatchObject({
      claim: undefined,
      cursor: tick(6),
      entries: [
        { key: tick(6), outcome: { kind: 'skipped', why: 'overlap', count: 2 } },
        { key: tick(4), outcome: { kind: 'ok' }, attempts: 1, tookMs: 125_000 },
      ],
    });
    for (const overlap of ['queue', 'replace'] as const) {
      const queued = noted(renewed(plan({ overlap }), running, end, late));
      expect(queued).toMatchObject({ cursor: tick(5), entries: [{ outcome: { count: 1 } }, { key: tick(4) }] });
    }
    // By a clock that is far ahead nothing was missed.
    expect(noted(renewed(plan(), running, end, t0 + 1e7, { serverMs: t0 + 4 * minute })).cursor).toBe(tick(4));
  });

  test('passes over nothing while older ticks wait to be made up for', () => {
    const running = record(3, { claim: { ...claim, at: tick(6) } });
    const end: Wish = { kind: 'end', claim: { ...claim, at: tick(6) }, ending: { kind: 'ok' }, tookMs: 70_000 };
    const wallMs = t0 + 7 * minute + 10_000;
    expect(noted(renewed(plan({ catchUp: 'all' }), running, end, wallMs))).toMatchObject({ cursor: tick(4) });
    expect(noted(renewed(plan(), running, end, wallMs))).toMatchObject({ cursor: tick(7) });
  });

  test('withdraws a claim under which nothing started, whose tick then is due as before', () => {
    const end: Wish = { kind: 'end', claim, ending: { kind: 'unstarted' }, tookMs: 0 };
    expect(noted(renewed(plan(), record(3, { claim }), end, t0 + 9 * minute))).toEqual(record(3));
  });

  test('leaves the record alone where a person has settled the tick', () => {
    const end: Wish = { kind: 'end', claim, ending: { kind: 'ok' }, tookMs: 1 };
    const before = record(4, { entries: [entry(4, { kind: 'ok' })] });
    expect(noted(renewed(plan(), before, end, now))).toEqual(before);
  });

  test('adopts a schedule: its ticks count from now on, and the cursor does not go back', () => {
    const before = record(2, { schedule: '*/5 * * * * UTC', claim });
    const after = noted(renewed(plan(), before, { kind: 'adopt' }, now));
    expect(after).toMatchObject({ schedule: '* * * * * UTC', cursor: timeText(now), claim: undefined });
    expect(noted(renewed(plan(), record(60), { kind: 'adopt' }, now)).cursor).toBe(tick(60));
  });

  test('passes over the ticks of a pause, and takes it away', () => {
    const skip = { kind: 'skip', skipped: [{ upTo: tick(4), why: 'paused', count: 4 }], obeys: 'pause' } as const;
    const answer = renewed(plan(), record(0), skip, now);
    expect(answer).toMatchObject({ obeys: 'pause' });
    expect(noted(answer)).toMatchObject({
      cursor: tick(4),
      entries: [{ outcome: { kind: 'skipped', why: 'paused', count: 4 } }],
    });
  });
});

describe('the write that gives the lock back', () => {
  const before = record(3, { claim });
  const work = { note: formatJobs(before), end: { ending: { kind: 'interrupted' }, tookMs: 5 } };

  test('notes what was interrupted, and passes over what came meanwhile', () => {
    const released = rules().releasing(page(before, t0 + 6 * minute + 5000, { work }));
    expect(noted({ note: released })).toMatchObject({
      claim: undefined,
      cursor: tick(6),
      entries: [{ outcome: { kind: 'skipped', why: 'overlap' } }, { key: tick(4), outcome: { kind: 'interrupted' } }],
    });
  });

  test('changes nothing where no command was running', () => {
    expect(rules().releasing(page(record(3), now))).toBeUndefined();
    expect(rules().releasing(page(before, now, { run: podB.run, work }))).toBeUndefined();
  });

  test('leaves a tick due whose claim was stored, and whose command was not begun', () => {
    const unbegun = { note: formatJobs(record(3)), end: undefined };
    const after = rules().releasing(page(before, t0 + 6 * minute, { work: unbegun }));
    expect(noted({ note: after })).toEqual(record(3));
  });
});

test('what a write has passed over is told the oldest first, and once', () => {
  const older = entry(2, { kind: 'skipped', why: 'missed', count: 2 }, 0);
  const newer = entry(5, { kind: 'skipped', why: 'late', count: 1 }, 0);
  const text = (entries: Entry[]): string => formatJobs(record(5, { entries }));
  expect(skippedBetween(text([]), text([newer, older, entry(1, { kind: 'ok' })]))).toEqual([
    { upTo: tick(2), why: 'missed', count: 2 },
    { upTo: tick(5), why: 'late', count: 1 },
  ]);
  expect(skippedBetween(text([older]), text([newer, older]))).toEqual([{ upTo: tick(5), why: 'late', count: 1 }]);
  expect(skippedBetween(undefined, undefined)).toEqual([]);
});
