// When the label of the holder's pod is put on and taken off, and that it never holds anything up.
// To check: `done` is what was asked of the pod, in its order.
import { describe, expect, test } from 'vitest';
import type { PodLabel, Trouble } from '../../src/locks/lock.ts';
import type { Event } from '../../src/observe/events.ts';
import { Labeller } from '../../src/observe/labeller.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const elected: Event = { kind: 'elected', token: '7', transitions: 1, handOverMs: undefined };
const renewed: Event = { kind: 'renewed', latencyMs: 5 };
const standingBy: Event = { kind: 'standing-by', leader: 'bob', since: '', durationMs: 5, foreign: false };
const forbidden: Trouble = { cause: 'forbidden', message: 'pods is forbidden' };

function rig(answer: (what: string) => Promise<Trouble | undefined> | undefined = () => undefined) {
  const clock = new ManualClock();
  const done: string[] = [];
  const warnings: string[] = [];
  const act = async (what: string): Promise<Trouble | undefined> => {
    done.push(what);
    return await answer(what);
  };
  const label: PodLabel = { put: () => act('on'), takeOff: () => act('off') };
  const report = (event: Event): void => {
    if (event.kind === 'note') warnings.push(event.message);
  };
  return { clock, done, warnings, labeller: new Labeller({ label, report, clock }) };
}

async function leading(given?: Parameters<typeof rig>[0]): Promise<ReturnType<typeof rig>> {
  const its = rig(given);
  its.labeller.hear(elected);
  await its.clock.pass(100);
  expect(its.done).toEqual(['on']);
  return its;
}

describe('the label of the pod', () => {
  test('is put a little after a term begins, so that its command starts first', async () => {
    const { clock, done, labeller } = rig();
    labeller.hear(elected);
    await clock.pass(99);
    expect(done).toEqual([]);
    await clock.pass(1);
    expect(done).toEqual(['on']);
  });

  const ends: readonly Event[] = [
    { kind: 'signalled', signal: 'SIGTERM', why: 'asked' },
    { kind: 'signalled', signal: 'SIGTERM', why: 'lost' },
    { kind: 'signalled', signal: 'SIGKILL', why: 'leash' },
    { kind: 'signalled', signal: 'SIGTERM', why: 'max-runtime' },
    { kind: 'deposed', by: 'step-down', reason: '' },
    { kind: 'lost', reason: 'taken', holder: 'bob', sinceRenewalMs: 5 },
    { kind: 'holding', forMs: 5 },
    { kind: 'released' },
    { kind: 'left-held', forMs: 5 },
    { kind: 'release-failed', freeInMs: 5, message: '' },
  ];
  test.each(ends)('is taken off at once by $kind $why', async (end) => {
    const { clock, done, labeller } = await leading();
    labeller.hear(end);
    await clock.pass(0);
    expect(done).toEqual(['on', 'off']);
  });

  test.each<Event>([
    { kind: 'signalled', signal: 'SIGHUP', why: 'forwarded' },
    { kind: 'signalled', signal: 'SIGTERM', why: 'left-over' },
    { kind: 'command-ended', pid: 1, status: 0, signal: undefined, ranMs: 5 },
    { kind: 'vanished', leading: true, waitMs: 0 },
  ])('stays at $kind $why, which ends no term', async (event) => {
    const { clock, done, labeller } = await leading();
    labeller.hear(event);
    await clock.pass(1000);
    expect(done).toEqual(['on']);
  });

  test.each<Event>([
    { kind: 'command-started', pid: 1, command: 'x' },
    { kind: 'waiting', schedule: '', next: '' },
  ])('comes back with $kind, where the term goes on', async (event) => {
    const { clock, done, labeller } = await leading();
    labeller.hear({ kind: 'signalled', signal: 'SIGTERM', why: 'max-runtime' });
    await clock.pass(100);
    labeller.hear(event);
    await clock.pass(100);
    expect(done).toEqual(['on', 'off', 'on']);
  });

  test('is not put by a command that starts when its term is over', async () => {
    const { clock, done, labeller } = await leading();
    labeller.hear({ kind: 'lost', reason: 'taken', holder: 'bob', sinceRenewalMs: 5 });
    labeller.hear({ kind: 'command-started', pid: 1, command: 'x' });
    await clock.pass(1000);
    expect(done).toEqual(['on', 'off']);
  });

  test('that a killed run has left is taken off by the next run in that pod, once', async () => {
    const { clock, done, labeller } = rig();
    labeller.hear(standingBy);
    labeller.hear(standingBy);
    await clock.pass(0);
    labeller.hear(standingBy);
    await clock.pass(60_000);
    expect(done).toEqual(['off']);
  });

  test('is looked at again by renewals, every 30 s at the most', async () => {
    const { clock, done, labeller } = await leading();
    for (let second = 0; second < 65; second += 1) {
      await clock.pass(1000);
      labeller.hear(renewed);
    }
    expect(done).toEqual(['on', 'on', 'on']);
  });

  test('is not looked at without a renewal, since another may lead by then', async () => {
    const { clock, done } = await leading();
    await clock.pass(600_000);
    expect(done).toEqual(['on']);
  });

  test('that cannot be put is one warning a term, and is tried again by renewals', async () => {
    const answer = (what: string) => Promise.resolve(what === 'on' ? forbidden : undefined);
    const { clock, done, warnings, labeller } = await leading(answer);
    for (let second = 0; second < 65; second += 1) {
      await clock.pass(1000);
      labeller.hear(renewed);
    }
    expect(done).toEqual(['on', 'on', 'on']);
    expect(warnings).toEqual([
      'pods is forbidden; the label of the pod is not as it should be, and leading does not depend on it',
    ]);
    labeller.hear({ kind: 'released' });
    await clock.pass(0);
    labeller.hear(elected);
    await clock.pass(100);
    expect(warnings).toHaveLength(2);
  });

  test('that cannot be taken off is tried again', async () => {
    let isDown = true;
    const answer = (what: string) => Promise.resolve(what === 'off' && isDown ? forbidden : undefined);
    const { clock, done, labeller } = await leading(answer);
    labeller.hear({ kind: 'released' });
    await clock.pass(29_999);
    expect(done).toEqual(['on', 'off']);
    isDown = false;
    await clock.pass(1);
    expect(done).toEqual(['on', 'off', 'off']);
    await clock.pass(600_000);
    expect(done).toEqual(['on', 'off', 'off']);
  });

  test('is asked for one call at a time, and the last wish counts', async () => {
    const ends: (() => void)[] = [];
    const { clock, done, labeller } = rig(() => new Promise((resolve) => void ends.push(() => resolve(undefined))));
    labeller.hear(elected);
    await clock.pass(100);
    for (const event of [{ kind: 'released' }, elected, { kind: 'released' }] as const) labeller.hear(event);
    await clock.pass(1000);
    expect(done).toEqual(['on']);
    ends[0]?.();
    await clock.pass(0);
    expect(done).toEqual(['on', 'off']);
  });
});

describe('the end of leader-run', () => {
  test('takes the label off', async () => {
    const { done, labeller } = await leading();
    await labeller.flush();
    expect(done).toEqual(['on', 'off']);
  });

  test('asks nothing where the label is off already, or never was of any concern', async () => {
    const { clock, done, labeller } = await leading();
    labeller.hear({ kind: 'released' });
    await clock.pass(0);
    await labeller.flush();
    expect(done).toEqual(['on', 'off']);
    const other = rig();
    await other.labeller.flush();
    expect(other.done).toEqual([]);
  });

  test('waits for a second at most', async () => {
    const { clock, labeller } = await leading((what) => (what === 'off' ? new Promise(() => undefined) : undefined));
    let isOver = false;
    void labeller.flush().then(() => (isOver = true));
    await clock.pass(999);
    expect(isOver).toBe(false);
    await clock.pass(1);
    expect(isOver).toBe(true);
  });
});
