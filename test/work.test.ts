// One command under a term: what it is told, how it is ended for each reason, and how its end counts. Supervisor, child
// and term are made up here; what a term and a release make of it is tested with run.ts.
// To check: each reason to end a command is in the table of orders.
import { describe, expect, test, vi } from 'vitest';
import type { Child } from '../src/child/child.ts';
import type { End, StopOrder } from '../src/child/life.ts';
import type { Started } from '../src/child/supervisor.ts';
import type { Term } from '../src/elector/term.ts';
import type { Leash } from '../src/elector/timing.ts';
import { formatJobs, type JobRecord } from '../src/job/record.ts';
import type { Event, LossReason } from '../src/observe/events.ts';
import { Ear, type Scene, type Task, tellEnd, work } from '../src/work.ts';
import { ManualClock, settled } from './helpers/manual-clock.ts';

const at = '2026-11-27T03:00:00Z';
const claim = { key: 'v42', isTick: false, attempt: 2, at, by: 'alice', run: 'run-a' };
const record: JobRecord = { since: at, cursor: undefined, schedule: undefined, claim, entries: [] };

function leashOf(mono: number): Leash {
  const instant = { mono, boot: mono };
  return { termBy: instant, killBy: instant, guardBy: instant };
}

interface Plot {
  readonly task?: Partial<Task>;
  readonly scene?: Partial<Scene>;
  readonly started?: Exclude<Started, { kind: 'started' }>;
  readonly end?: Partial<End>;
  readonly outlasted?: boolean;
  readonly asked?: NodeJS.Signals;
}

/** A command that runs until the test ends it. */
function rig({ task, scene, started, end = {}, outlasted = false, asked }: Plot = {}) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const events: Event[] = [];
  const orders: StopOrder[] = [];
  const [extended, forwarded]: [Leash[], NodeJS.Signals[]] = [[], []];
  const handlers: Record<'lost' | 'leash' | 'depose' | 'finish', (...some: never[]) => void> = {
    ...{ lost: () => undefined, leash: () => undefined, depose: () => undefined, finish: () => undefined },
  };
  const deposed = new Promise<void>((resolve) => (handlers.depose = resolve));
  const term: Partial<Term> = {
    ...{ token: { value: '7', lockUid: 'uid', transitions: 3 }, leash: leashOf(1), deposed },
    beside: { note: formatJobs(record), instructions: undefined },
    onLost: (listener) => (handlers.lost = listener),
    onLeash: (listener) => (handlers.leash = listener),
  };
  const child: Partial<Child> = {
    outlasted,
    ended: new Promise<void>((resolve) => (handlers.finish = resolve)),
    extend: (leash) => void extended.push(leash),
    forward: (signal) => void forwarded.push(signal),
    stop: (order) => {
      orders.push(order);
      return Promise.resolve({ status: 0, signal: undefined, alive: [], ...end });
    },
  };
  const start = vi.fn(() => Promise.resolve(started ?? { kind: 'started' as const, child: child as Child }));
  const attached: Parameters<Scene['desk']['attach']>[0][] = [];
  const its: Scene = {
    ...{ clock, lock: 'a/b', identity: 'alice', stopSignal: 'SIGQUIT', stopGraceMs: 5000, lostGraceMs: 3000 },
    ...{ leaseDurationMs: 15_000, report: (event: Event) => void events.push(event) },
    supervisor: { start },
    desk: { stop: stop.signal, asked: () => asked, attach: (receiver) => void attached.push(receiver) },
    ...scene,
  };
  const ear = new Ear(term as Term, stop.signal);
  const worked = work(its, term as Term, ear, { forKey: true, ...task });
  const lose = (reason: LossReason): void => {
    (handlers.lost as (why: LossReason) => void)(reason);
  };
  const renew = (leash: Leash): void => {
    (handlers.leash as (longer: Leash) => void)(leash);
  };
  const calls = { depose: () => { handlers.depose(); }, finish: () => { handlers.finish(); }, lose, renew };
  return { ...calls, clock, stop, events, orders, extended, forwarded, attached, start, ear, worked, term, scene: its };
}

describe('a command', () => {
  test('is told the term and what it runs for, and the log which attempt it is', async () => {
    const { start, events, finish, worked, term, ear, stop } = rig({ task: { atMost: 3 } });
    const [environment, leash, isOver] = start.mock.calls[0] as unknown as Parameters<Scene['supervisor']['start']>;
    expect(environment).toMatchObject({
      ...{ LEADER_RUN_LOCK: 'a/b', LEADER_RUN_IDENTITY: 'alice', LEADER_RUN_TOKEN: '7' },
      ...{ LEADER_RUN_KEY: 'v42', LEADER_RUN_ATTEMPT: '2' },
    });
    expect(leash()).toBe(term.leash);
    expect(isOver()).toBe(false);
    expect(events).toEqual([{ kind: 'attempt', key: 'v42', attempt: 2, attempts: 3 }]);
    finish();
    await worked;
    stop.abort();
    expect([ear.summons, isOver()]).toEqual(['asked', true]);
  });

  test('that runs for no key is told of none, whatever stands beside the record', async () => {
    const { start, events, finish, worked } = rig({ task: { forKey: false } });
    const [environment] = start.mock.calls[0] as unknown as [Record<string, string>];
    expect(environment).not.toHaveProperty('LEADER_RUN_KEY');
    finish();
    expect(await worked).toMatchObject({ why: 'ended', attempt: undefined });
    expect(events.map(({ kind }) => kind)).toEqual(['work-ended']);
  });

  test('is bound by each leash of its term while it runs, and by none afterwards', async () => {
    const { extended, renew, finish, worked, term } = rig();
    await settled();
    renew(leashOf(2));
    expect(extended).toEqual([term.leash, leashOf(2)]);
    finish();
    await worked;
    renew(leashOf(3));
    expect(extended).toHaveLength(2);
  });

  test('gets the signals of leader-run while it runs, of which the last kills it', async () => {
    const { attached, forwarded, orders, finish, worked } = rig();
    await settled();
    const [receiver] = attached;
    receiver?.forward('SIGHUP');
    expect(forwarded).toEqual(['SIGHUP']);
    receiver?.kill();
    expect(orders).toEqual([{ signal: undefined, graceMs: 0, why: 'asked' }]);
    finish();
    await worked;
    expect(attached).toEqual([receiver, undefined]);
  });

  test('that drains when its term is lost gets no more time than the loss leaves', async () => {
    const { orders, stop, lose, worked } = rig();
    await settled();
    stop.abort();
    lose('deadline');
    lose('taken');
    expect(await worked).toMatchObject({ why: 'asked' });
    expect(orders.map(({ why, graceMs }) => [why, graceMs])).toEqual([['lost', 3000], ['lost', 0], ['asked', 5000]]);
  });

  test('that was too late to start waits for what its term is to end for', async () => {
    const { ear, lose, worked, events } = rig({ started: { kind: 'too-late' } });
    await settled();
    expect(ear.summons).toBeUndefined();
    lose('deadline');
    expect(await worked).toMatchObject({
      ...{ why: 'deadline', end: { ran: false, alive: [] }, attempt: { end: { ending: { kind: 'unstarted' } } } },
    });
    expect(events.map(({ kind }) => kind)).toEqual(['attempt']);
  });
});

const stopped = { signal: 'SIGQUIT', graceMs: 5000 };
const lost = { why: 'lost', patienceMs: 75_000 };

interface Case {
  readonly why: string;
  readonly how?: string;
  readonly order: object;
  readonly asked?: NodeJS.Signals;
  readonly happens: (its: ReturnType<typeof rig>) => void;
}

test.each<Case>([
  { why: 'ended', how: 'ok', order: { signal: undefined, graceMs: 2000, why: 'left-over' }, happens: ({ finish }) => { finish(); } },
  { why: 'asked', how: 'stopped', order: { ...stopped, why: 'asked' }, happens: ({ stop }) => { stop.abort(); } },
  { why: 'asked', how: 'stopped', order: { ...stopped, signal: 'SIGINT', why: 'asked' }, asked: 'SIGINT', happens: ({ stop }) => { stop.abort(); } },
  { why: 'asked', how: 'stopped', order: { ...stopped, why: 'asked' }, asked: 'SIGTERM', happens: ({ stop }) => { stop.abort(); } },
  { why: 'deposed', how: 'deposed', order: { ...stopped, why: 'deposed' }, happens: ({ depose }) => { depose(); } },
  ...(['deadline', 'altered'] as const).map((why) => ({
    ...{ why, order: { signal: 'SIGQUIT', graceMs: 3000, ...lost } },
    happens: ({ lose }: ReturnType<typeof rig>) => { lose(why); },
  })),
  ...(['taken', 'recreated', 'edited', 'rolled-back'] as const).map((why) => ({
    ...{ why, order: { signal: undefined, graceMs: 0, ...lost } },
    happens: ({ lose }: ReturnType<typeof rig>) => { lose(why); },
  })),
])('a command that is $why is ended by $order', async ({ why, how = 'lost', order, asked, happens }) => {
  const its = rig(asked === undefined ? {} : { asked });
  await settled();
  happens(its);
  expect((await its.worked).why).toBe(why);
  expect(its.orders.at(-1)).toEqual(order);
  expect(its.events.at(-1)).toEqual({ kind: 'work-ended', how, status: 0 });
});

test('a command that runs for longer than it may is told to stop, and one that does not is left alone', async () => {
  const long = rig({ scene: { maxRuntimeMs: 60_000 } });
  await long.clock.pass(59_999);
  expect(long.orders).toEqual([]);
  await long.clock.pass(1);
  expect(await long.worked).toMatchObject({ why: 'max-runtime', attempt: { end: { ending: { kind: 'max-runtime' } } } });
  expect(long.orders).toEqual([{ ...stopped, why: 'max-runtime' }]);
  expect(long.events.at(-1)).toEqual({ kind: 'work-ended', how: 'max-runtime', status: 0 });
  const free = rig();
  await free.clock.pass(1e9);
  expect(free.orders).toEqual([]);
});

test('a command is told to stop when another is to begin in its place', async () => {
  const { orders, worked, events } = rig({ task: { replaced: Promise.resolve() } });
  expect(await worked).toMatchObject({ why: 'replaced', attempt: { end: { ending: { kind: 'interrupted' } } } });
  expect(orders).toEqual([{ ...stopped, why: 'replaced' }]);
  expect(events.at(-1)).toEqual({ kind: 'work-ended', how: 'replaced', status: 0 });
});

test.each([
  { plot: {}, ending: { kind: 'ok' } },
  { plot: { end: { status: 3 } }, ending: { kind: 'failed', status: 3 } },
  { plot: { end: { failure: 'no guardian' } }, ending: { kind: 'interrupted' } },
  { plot: { outlasted: true }, ending: { kind: 'interrupted' } },
])('an end by itself with $plot counts as $ending', async ({ plot, ending }) => {
  const { clock, finish, worked, scene, events } = rig(plot);
  await clock.pass(5000);
  finish();
  const { attempt } = await worked;
  expect(attempt).toMatchObject({ claim, end: { ending, tookMs: 5000 } });
  if (attempt) tellEnd(scene, attempt, true);
  expect(events.at(-1)).toMatchObject({ kind: 'attempt-ended', key: 'v42', stored: true });
});

test('a command that cannot be started is no attempt, and is told of', async () => {
  const { worked, events } = rig({ started: { kind: 'failed', message: 'no such file' } });
  expect(await worked).toMatchObject({
    ...{ why: 'ended', end: { ran: false, alive: [], message: 'no such file' }, attempt: { end: { ending: { kind: 'unstarted' } } } },
  });
  expect(events.at(-1)).toEqual({ kind: 'work-ended', how: 'not-started', status: undefined });
});

describe('an ear', () => {
  test('hears the first summons and the last loss, and tells what came before it was listened to', () => {
    const { ear, lose, stop } = rig();
    lose('deadline');
    stop.abort();
    lose('taken');
    const [tell, tellLost] = [vi.fn(), vi.fn()];
    ear.listen(tell, tellLost);
    expect([ear.summons, ear.lost]).toEqual(['deadline', 'taken']);
    expect([tell.mock.calls, tellLost.mock.calls]).toEqual([[[]], [['taken']]]);
  });

  test('hears what was asked before the term began, and nothing once it is closed', () => {
    const { term } = rig();
    expect(new Ear(term as Term, AbortSignal.abort()).summons).toBe('asked');
    const stop = new AbortController();
    const ear = new Ear(term as Term, stop.signal);
    ear.close();
    stop.abort();
    expect(ear.summons).toBeUndefined();
  });
});
