// The work of a term under a schedule, with a lock and a command that the test plays: what starts, and what is noted.
// What is due is tested in test/job/schedule.test.ts, and the whole under faults in the simulator.
// Invariant under test: a command starts only for a claim that stands beside the record.
import { expect, test, vi } from 'vitest';
import type { Beside } from '../src/elector/notes.ts';
import type { Term } from '../src/elector/term.ts';
import { formatJobs, type JobRecord } from '../src/job/record.ts';
import type { Due, Refusal, Rounds } from '../src/job/schedule.ts';
import type { Report } from '../src/observe/events.ts';
import { sentence } from '../src/observe/sentences.ts';
import { keepRounds } from '../src/rounds.ts';
import { Ear, type Scene } from '../src/work.ts';
import { ManualClock } from './helpers/manual-clock.ts';

const tick = '2026-11-27T03:00:00Z';
const claim = { key: tick, isTick: true, attempt: 1, at: tick, by: 'alice', run: 'run-a' };
const empty: JobRecord = { since: tick, cursor: tick, schedule: '0 3 * * * UTC', claim: undefined, entries: [] };

let told: string[] = [];

/** A term whose wish for the tick is stored, after which `note` stands there. */
async function begun(
  note: string,
  isUndone = false,
  verdict?: Refusal,
): Promise<{ readonly starts: number; readonly wishes: number }> {
  told = [];
  const clock = new ManualClock();
  const stop = new AbortController();
  const beside: { now: Beside } = { now: { note: formatJobs(empty), instructions: undefined } };
  let wishes = 0;
  const term: Partial<Term> = {
    token: { value: '1', lockUid: 'uid', transitions: 0 },
    deposed: new Promise<never>(() => undefined),
    get beside() {
      return beside.now;
    },
    onLost: () => undefined,
    onBeside: () => undefined,
    wish: () => {
      wishes += 1;
      beside.now = { note, instructions: undefined };
      return Promise.resolve(verdict);
    },
  };
  const start = vi.fn(() => {
    stop.abort();
    return Promise.resolve({ kind: 'too-late' as const });
  });
  const names = { lock: 'a/b', identity: 'alice' };
  const report: Report = (event) => {
    if (event.kind === 'note') told.push(sentence(event));
  };
  const scene: Partial<Scene> = { supervisor: { start }, clock, report, ...names };
  const begin: Due = { kind: 'begin', wish: { kind: 'begin', key: tick, isTick: true, skipped: [] } };
  const rounds: Rounds = {
    name: '0 3 * * * UTC',
    attempts: 1,
    // Once there was something to begin; after that nothing is due.
    dueOf: () => (wishes === 0 || isUndone ? begin : { kind: 'wait', untilMs: Infinity }),
    skippedBetween: () => [],
    nextAfter: () => Infinity,
    replacedAt: undefined,
  };
  const ear = new Ear(term as Term, stop.signal);
  const ended = keepRounds(scene as Scene, term as Term, ear, rounds);
  await clock.pass(isUndone ? 65_000 : 10);
  stop.abort();
  await ended;
  return { starts: start.mock.calls.length, wishes };
}

test('a command starts for the claim that stands beside the record', async () => {
  expect(await begun(formatJobs({ ...empty, claim }))).toEqual({ starts: 1, wishes: 1 });
});

test('none starts where another write has taken the claim away meanwhile, or has put another there', async () => {
  expect(await begun(formatJobs(empty))).toMatchObject({ starts: 0 });
  const other = { ...claim, key: 'manual/x', isTick: false };
  expect(await begun(formatJobs({ ...empty, claim: other }))).toMatchObject({ starts: 0 });
});

test('a wish that something undoes is written again each half minute, and not as fast as the server can', async () => {
  expect(await begun(formatJobs(empty), true)).toEqual({ starts: 0, wishes: 3 });
});

test.each<{ verdict: Refusal; says: string }>([
  {
    verdict: { kind: 'clock-ahead', comesInMs: 3_600_000 },
    says: "the tick comes only in 1 h by the API server's clock: set the clock of this machine",
  },
  {
    verdict: { kind: 'unreadable', why: 'cursor is not a tick' },
    says: 'nothing is run, since it is not known what ran under this lock: cursor is not a tick; remove its annotation leader-run/job to forget all ticks',
  },
  {
    verdict: { kind: 'past', cursor: tick },
    says: 'what was due has been settled meanwhile: nothing is run',
  },
])('a wish that is $verdict.kind starts nothing, and says why', async ({ verdict, says }) => {
  expect(await begun(formatJobs({ ...empty, claim }), false, verdict)).toEqual({ starts: 0, wishes: 1 });
  expect(told).toEqual([says]);
});
