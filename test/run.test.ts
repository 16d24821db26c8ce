// The story in the corners where its parts disagree or one of them does not come to its end: how much time each reason
// leaves the command, to whom signals go when nothing runs, and what becomes of the lock. Child, elector and desk are
// made up here; the simulator has the rest.

import { describe, expect, test } from 'vitest';
import type { Child } from '../src/child/child.ts';
import type { End, StopOrder } from '../src/child/life.ts';
import type { Term } from '../src/elector/term.ts';
import type { Event, LossReason, RunEnding } from '../src/observe/events.ts';
import { type Ending, run, type Story } from '../src/run.ts';
import { ManualClock } from './helpers/manual-clock.ts';

const never = new Promise<never>(() => undefined);
const instant = { mono: 0, boot: 0 };

interface Plot {
  readonly child?: Partial<Pick<Child, 'outlasted' | 'ended'>>;
  readonly end?: Partial<End>;
  /** Why the term is over, if it is. */
  readonly lost?: LossReason;
  readonly deposed?: boolean;
  readonly settings?: Partial<Story>;
}

interface Played {
  readonly ending: Ending;
  /** What happened to the lock and to the signals, in its order. */
  readonly done: readonly string[];
  readonly orders: readonly StopOrder[];
}

async function play({ child = {}, end = {}, lost, deposed = false, settings = {} }: Plot): Promise<Played> {
  const done: string[] = [];
  const orders: StopOrder[] = [];
  const term: Partial<Term> = {
    token: { value: '1', lockUid: 'uid', transitions: 0 },
    leash: { termBy: instant, killBy: instant, guardBy: instant },
    lost: lost === undefined ? never : Promise.resolve(lost),
    deposed: deposed ? Promise.resolve() : never,
    onLost: (listener) => {
      if (lost !== undefined) void Promise.resolve().then(() => { listener(lost); });
    },
    onLeash: () => undefined,
    workEnded: () => done.push('work ended'),
    resign: (holdMs = 0) => {
      done.push(holdMs === 0 ? 'resigned' : `resigned after ${String(holdMs)} ms`);
      return Promise.resolve({ kind: 'released' });
    },
  };
  const running = {
    outlasted: false,
    ended: never,
    extend: () => undefined,
    forward: () => undefined,
    stop: (order: StopOrder): Promise<End> => {
      orders.push(order);
      return Promise.resolve({ status: 137, signal: 'SIGKILL', alive: [], ...end });
    },
    ...child,
  };
  const campaigns = [{ kind: 'elected', term: term as Term }, { kind: 'not-acquired', trouble: undefined }] as const;
  let held = 0;
  const story: Partial<Story> = {
    elector: { campaign: () => Promise.resolve(campaigns[held++ === 0 ? 0 : 1]), stop: () => undefined },
    supervisor: { start: () => Promise.resolve({ kind: 'started', child: running as unknown as Child }) },
    desk: {
      stop: new AbortController().signal,
      asked: () => undefined,
      attach: (receiver) => done.push(receiver === undefined ? 'signals to nobody' : 'signals to the command'),
    },
    report: () => undefined,
    clock: new ManualClock(),
    lock: 'default/demo',
    identity: 'alice',
    patience: { wait: { kind: 'forever' }, untilCertain: false },
    onLost: 'rejoin',
    stopSignal: 'SIGTERM',
    stopGraceMs: 1000,
    lostGraceMs: 1000,
    leaseDurationMs: 4000,
    holdForMs: 0,
    ...settings,
  };
  return { ending: await run(story as Story), done, orders };
}

test('gives the lock back when its command has outlasted its leash, and the elector holds the term still', async () => {
  const { ending, done } = await play({ child: { outlasted: true, ended: Promise.resolve() } });
  expect(ending).toMatchObject({ kind: 'not-acquired' });
  expect(done.slice(-2)).toEqual(['work ended', 'resigned']);
});

test('passes no signal on once the command has ended, from before the lock is held on for --hold-for', async () => {
  const { done } = await play({ child: { ended: Promise.resolve() }, settings: { holdForMs: 30_000 } });
  expect(done).toEqual(['signals to the command', 'signals to nobody', 'work ended', 'resigned after 30000 ms']);
});

test.each<{ name: string; plot: Plot }>([
  { name: 'another is to lead', plot: { deposed: true } },
  { name: 'its command outlasted the leash', plot: { child: { outlasted: true, ended: Promise.resolve() } } },
  { name: 'its command had to be killed for a failure of ours', plot: { child: { ended: Promise.resolve() }, end: { failure: 'no guardian' } } },
])('holds the lock on for nobody when $name, whatever --hold-for says', async ({ plot }) => {
  const { done } = await play({ ...plot, settings: { holdForMs: 30_000 } });
  expect(done.at(-1)).toBe('resigned');
});

const ended = Promise.resolve();
const unstarted: Partial<Story> = {
  supervisor: { start: () => Promise.resolve({ kind: 'failed', message: 'no such file' }) },
};
test.each<{ how: RunEnding; status?: number; plot: Plot }>([
  { how: 'ok', status: 0, plot: { child: { ended }, end: { status: 0, signal: undefined } } },
  { how: 'failed', status: 137, plot: { child: { ended } } },
  { how: 'deposed', status: 0, plot: { deposed: true, end: { status: 0, signal: undefined } } },
  { how: 'lost', status: 0, plot: { lost: 'taken', end: { status: 0, signal: undefined } } },
  { how: 'lost', status: 137, plot: { child: { outlasted: true, ended } } },
  { how: 'unguarded', status: 0, plot: { child: { ended }, end: { status: 0, signal: undefined, failure: 'gone' } } },
  { how: 'not-started', plot: { settings: unstarted } },
])('tells that a run with status $status was $how', async ({ how, status, plot }) => {
  const told: Event[] = [];
  await play({ ...plot, settings: { ...plot.settings, report: (event) => void told.push(event) } });
  expect(told.filter(({ kind }) => kind === 'work-ended')).toEqual([{ kind: 'work-ended', how, status }]);
});

describe('after a loss', () => {
  const reasons: readonly LossReason[] = ['deadline', 'altered', 'taken', 'recreated', 'edited', 'rolled-back'];

  test.each(reasons)('waits for processes that cannot be killed for a few leases and no longer: %s', async (lost) => {
    const { ending, orders, done } = await play({ lost, end: { alive: [4711] } });
    expect([...new Set(orders.map(({ patienceMs }) => patienceMs))]).toEqual([20_000]);
    expect(ending).toEqual({ kind: 'failed', message: 'processes 4711 cannot be killed' });
    expect(done).not.toContain('work ended');
  });

  test('alone: what a command leaves behind that ended by itself is waited for without end', async () => {
    const { orders } = await play({ child: { ended: Promise.resolve() } });
    expect(orders.map(({ patienceMs }) => patienceMs)).toEqual([undefined]);
  });
});
