// The driver of a command's life: in which order it looks, signals and arms, with hands and a guardian that only write
// down what they are told, and a clock that the test moves. What is ordered when is life.ts's, and proved elsewhere
// (test/simulation/life).

import { expect, test } from 'vitest';
import { Child, type Hands } from '../../src/child/child.ts';
import { hold, type Leash } from '../../src/child/leash.ts';
import type { Member } from '../../src/child/life.ts';
import { type Instant, later, type Now } from '../../src/clock.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const pid = 100;
const member: Member = { pid, group: pid };
const apart: Member = { pid: 200, group: 200 };

function leashFrom(now: Instant): Leash {
  return { termBy: later(now, 10_000), killBy: later(now, 13_000), guardBy: later(now, 13_250) };
}

function begin({ arms = () => true }: { readonly arms?: (guardBy: Instant) => boolean } = {}) {
  const manual = new ManualClock();
  const done: string[] = [];
  const reports: string[] = [];
  const world = { members: [member] as readonly Member[] | undefined, isClockBroken: false };
  const clock = {
    now: (): Now => {
      if (world.isClockBroken) throw new Error('no clock');
      return manual.now();
    },
    after: (ms: number, act: () => void) => manual.after(ms, act),
  };
  const hands: Hands = {
    look: () => {
      done.push('look');
      return world.members;
    },
    signalGroup: (signal) => done.push(`${signal} to the group`),
    signalEach: (pids, signal) => void (pids.length > 0 && done.push(`${signal} to ${pids.join(' ')}`)),
    others: undefined,
  };
  const armed: Instant[] = [];
  const guardian = {
    arm: (guardBy: Instant) => {
      armed.push(guardBy);
      return Promise.resolve(arms(guardBy));
    },
    disarm: () => {
      done.push('disarm');
      return Promise.resolve();
    },
  };
  let exit: (status: number) => void = () => undefined;
  const exited = new Promise<{ status: number; signal: undefined }>((resolve) => {
    exit = (status) => {
      resolve({ status, signal: undefined });
    };
  });
  const report = (event: { readonly kind: string; readonly why?: string }): void =>
    void reports.push(`${event.kind} ${event.why ?? ''}`.trim());
  const options = { stopSignal: 'SIGTERM', signalTo: 'group', clock, report, leaseDurationMs: 15_000 } as const;
  const child = new Child(options, { pid, exited }, guardian, hands, hold(leashFrom(manual.now())));
  return { child, clock: manual, world, done, reports, armed, exit };
}

const lost = { signal: undefined, graceMs: 0, why: 'lost' } as const;

test('a renewal gives the guardian its own deadline, not the one before', async () => {
  const { child, clock, armed } = begin();
  await clock.pass(2_000);
  const next = leashFrom(clock.now());
  child.extend(next);
  expect(armed).toEqual([next.guardBy]);
});

test('a renewal that no guardian answers costs the command its life', async () => {
  const { child, clock, done, reports } = begin({ arms: () => false });
  child.extend(leashFrom(later(clock.now(), 1_000)));
  await clock.pass(10);
  expect(done).toEqual(['look', 'SIGKILL to the group', `SIGKILL to ${pid}`]);
  expect(reports).toContain('signalled unguarded');
});

test('a command that is told to stop is looked for before, and continued after', async () => {
  const { child, clock, done } = begin();
  void child.stop({ signal: 'SIGTERM', graceMs: 5_000, why: 'asked' });
  await clock.pass(10);
  expect(done).toEqual(['look', 'SIGTERM to the group', 'SIGCONT to the group']);
});

test('what a command leaves behind is told to end, and continued, since a stopped process acts on nothing', async () => {
  const { child, clock, world, done, exit } = begin();
  world.members = [apart];
  exit(0);
  await child.ended;
  expect(done).toEqual(['look', 'SIGTERM to 200', 'SIGCONT to 200']);
  world.members = [];
  await clock.pass(50);
  expect(done.at(-1)).toBe('disarm');
});

test('SIGKILL is sent again for as long as anything is left, to what has come since as well', async () => {
  const { child, clock, world, done } = begin();
  void child.stop(lost);
  world.members = [member, apart];
  await clock.pass(1_000);
  const kills = done.filter((each) => each.startsWith('SIGKILL to the group'));
  expect(kills.length).toBeGreaterThan(3);
  expect(done).toContain(`SIGKILL to ${pid} 200`);
});

test('SIGKILL goes on when the command itself has ended and others have not', async () => {
  const { child, clock, world, done, exit } = begin();
  void child.stop(lost);
  world.members = [apart];
  exit(137);
  await child.ended;
  done.length = 0;
  await clock.pass(1_000);
  expect(done.filter((each) => each === 'SIGKILL to 200').length).toBeGreaterThan(3);
  // The number of a group that is empty may be a stranger's by now.
  expect(done).not.toContain('SIGKILL to the group');
});

test('where no look is possible, the group is killed and nothing counts as gone', async () => {
  const { child, clock, world, done, exit } = begin();
  world.members = undefined;
  void child.stop(lost);
  expect(done).toEqual(['look', 'SIGKILL to the group']);
  exit(137);
  await child.ended;
  await clock.pass(60_000);
  expect(done).not.toContain('disarm');
});

test('who may be a stranger is neither signalled nor forgotten', async () => {
  const { child, clock, world, done, exit } = begin();
  world.members = [{ ...apart, isUnsure: true }];
  exit(0);
  await child.ended;
  await clock.pass(60_000);
  expect(new Set(done)).toEqual(new Set(['look']));
  world.members = [];
  await clock.pass(1_000);
  expect(done.at(-1)).toBe('disarm');
});

test('nor is a stranger hit by the SIGKILL for those who surely belong to the command', () => {
  const { child, world, done } = begin();
  world.members = [member, { ...apart, isUnsure: true }];
  void child.stop(lost);
  expect(done).toEqual(['look', 'SIGKILL to the group', `SIGKILL to ${pid}`]);
});

test('a signal for a command that has ended goes to nobody, since its number may be a stranger’s by now', async () => {
  const { child, world, done, exit } = begin();
  world.members = [apart];
  child.forward('SIGUSR1');
  exit(0);
  await child.ended;
  child.forward('SIGUSR2');
  expect(done.filter((each) => each.startsWith('SIGUSR'))).toEqual(['SIGUSR1 to the group']);
});

test('a clock that cannot be read is a leash that is due', async () => {
  const { clock, world, done } = begin();
  world.isClockBroken = true;
  await clock.pass(300);
  expect(done).toContain('SIGKILL to the group');
});
