// A term under a schedule whose lock, command and schedule a test plays: keepRounds with a clock that is moved by hand.
// Decides nothing: each wish is stored at once, unless the test leaves it unanswered, and a command runs until the test
// ends it. To check: what stands beside the record is what the last wish has made of it.
import { vi } from 'vitest';
import type { Child } from '../../src/child/child.ts';
import type { End, StopOrder } from '../../src/child/life.ts';
import type { Beside } from '../../src/elector/notes.ts';
import type { Term } from '../../src/elector/term.ts';
import { formatJobs, type JobRecord } from '../../src/job/record.ts';
import type { Due, Rounds, Wish } from '../../src/job/schedule.ts';
import type { Instructions } from '../../src/locks/instructions.ts';
import type { Event, LossReason } from '../../src/observe/events.ts';
import { keepRounds } from '../../src/rounds.ts';
import { Ear, type Scene } from '../../src/work.ts';
import { ManualClock } from './manual-clock.ts';

export const tick = '2026-11-27T03:00:00Z';
const empty: JobRecord = { since: tick, cursor: tick, schedule: '0 3 * * * UTC', claim: undefined, entries: [] };
export const claim = { key: tick, isTick: true, attempt: 1, at: tick, by: 'alice', run: 'run-a' };
export const begin = (key = tick, isTick = true): Due => ({ kind: 'begin', wish: { kind: 'begin', key, isTick, skipped: [] } });
export const wait = (untilMs: number): Due => ({ kind: 'wait', untilMs });

interface Plot {
  /** What is due, by how often that was asked and by the wall clock. */
  readonly due: (asked: number, wallMs: number) => Due;
  readonly rounds?: Partial<Rounds>;
  readonly end?: Partial<End>;
  /** Called while what is left of a command is ended. */
  readonly ending?: () => void;
  readonly outlasted?: boolean;
  readonly maxRuntimeMs?: number;
  readonly start?: Scene['supervisor']['start'];
  readonly instructions?: Instructions;
  /** The wishes that are never answered. */
  readonly unanswered?: Wish['kind'];
}

export function rig(plot: Plot) {
  const { due, rounds = {}, end = {}, ending, outlasted = false, maxRuntimeMs, start, instructions, unanswered } = plot;
  const clock = new ManualClock();
  const stop = new AbortController();
  const [events, wishes, orders]: [Event[], Wish[], StopOrder[]] = [[], [], []];
  let [asked, starts] = [0, 0];
  let [ring, finish] = [(): void => undefined, (): void => undefined];
  let lose = (_: LossReason): void => undefined;
  let beside: Beside = { note: formatJobs(empty), instructions };
  const term: Partial<Term> = {
    token: { value: '1', lockUid: 'uid', transitions: 0 },
    deposed: new Promise<never>(() => undefined),
    get beside() {
      return beside;
    },
    onLost: (listener) => (lose = listener),
    onLeash: () => undefined,
    onBeside: (listener) => (ring = listener),
    wish: (what) => {
      const wish = what as Wish;
      wishes.push(wish);
      if (wish.kind === unanswered) return new Promise(() => undefined);
      const isBegun = wish.kind === 'begin';
      const begun = isBegun ? { ...claim, key: wish.key, isTick: wish.isTick } : undefined;
      beside = { note: formatJobs({ ...empty, claim: begun }), instructions };
      return Promise.resolve(undefined);
    },
  };
  const child = (): Partial<Child> => ({
    outlasted,
    ended: new Promise<void>((resolve) => (finish = resolve)),
    extend: () => undefined,
    stop: (order) => {
      orders.push(order);
      ending?.();
      return Promise.resolve({ status: 0, signal: undefined, alive: [], ...end });
    },
  });
  const prepare = vi.fn(() => Promise.resolve());
  const started: Scene['supervisor']['start'] = () => {
    starts += 1;
    return Promise.resolve({ kind: 'started', child: child() as Child });
  };
  const scene: Partial<Scene> = {
    ...{ clock, lock: 'a/b', identity: 'alice', stopSignal: 'SIGTERM', stopGraceMs: 5000, leaseDurationMs: 15_000 },
    maxRuntimeMs,
    report: (event) => void events.push(event),
    supervisor: { start: start ?? started, prepare },
    desk: { stop: stop.signal, asked: () => undefined, attach: () => undefined },
  };
  const its: Partial<Rounds> = {
    ...{ name: '0 3 * * * UTC', attempts: 2, skippedBetween: () => [], replacedAt: undefined },
    dueOf: (_, wallMs) => due((asked += 1), wallMs),
    ...rounds,
  };
  const ended = keepRounds(scene as Scene, term as Term, new Ear(term as Term, stop.signal), its as Rounds);
  return {
    ...{ clock, stop, events, wishes, orders, prepare, ended },
    counts: () => ({ asked, starts }),
    ring: () => { ring(); },
    finish: () => { finish(); },
    lose: (reason: LossReason) => { lose(reason); },
    told: (kind: Event['kind']) => events.filter((event) => event.kind === kind),
  };
}
