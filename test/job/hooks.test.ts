// Which event calls which hook, what the hook is told, and how hooks wait for each other. Processes are made up here;
// test/process/hooks.test.ts runs real ones.
// To check: every event of a term that matters to a hook is in one of the tables.
import { describe, expect, test } from 'vitest';
import { type Call, hearing, hookNames, Hooks, unheard } from '../../src/job/hooks.ts';
import type { Event, RunEnding } from '../../src/observe/events.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const taking: Event = { kind: 'taking', from: 'expired', leader: 'bob' };
const elected: Event = { kind: 'elected', token: '7', transitions: 1, handOverMs: undefined };
const released: Event = { kind: 'released' };
const lost: Event = { kind: 'lost', reason: 'taken', holder: 'bob', sinceRenewalMs: 5 };
const deposed: Event = { kind: 'deposed', by: 'step-down', reason: '' };
const ended = (how: RunEnding, status?: number): Event => ({ kind: 'work-ended', how, status });

/** The hooks that the events call, each with what it is told of its reason. */
function called(...events: readonly Event[]): string[] {
  let heard = unheard();
  return events.flatMap((event) => {
    const told = hearing(heard, event);
    heard = told.heard;
    if (told.calls === undefined) return [];
    const { hook, reason, status } = told.calls;
    return [[hook, reason, status].filter((it) => it !== undefined).join(' ')];
  });
}

describe('hooks', () => {
  test.each([
    { name: 'a term that is given back', events: [taking, elected, released], calls: ['onAcquire expired', 'onLose released'] },
    { name: 'a term that is lost', events: [elected, lost], calls: ['onAcquire released', 'onLose taken'] },
    { name: 'a lock that is left held', events: [elected, { kind: 'left-held', forMs: 5 }], calls: ['onAcquire released', 'onLose left-held'] },
    { name: 'a lock that cannot be given back', events: [elected, { kind: 'release-failed', freeInMs: 5, message: '' }], calls: ['onAcquire released', 'onLose not-given'] },
    { name: 'a request to step down', events: [elected, deposed, released], calls: ['onAcquire released', 'onLose step-down'] },
    { name: 'a term after one that was deposed', events: [elected, deposed, released, elected, released], calls: ['onAcquire released', 'onLose step-down', 'onAcquire released', 'onLose released'] },
    { name: 'two ends of one term', events: [elected, lost, released], calls: ['onAcquire released', 'onLose taken'] },
    { name: 'a candidate that never led', events: [lost, released], calls: [] },
    { name: 'what is no end of a term', events: [elected, { kind: 'renewed', latencyMs: 5 }, { kind: 'vanished', leading: true, waitMs: 0 }], calls: ['onAcquire released'] },
    { name: 'the end of a term after what is none', events: [elected, { kind: 'renewed', latencyMs: 5 }, lost], calls: ['onAcquire released', 'onLose taken'] },
  ] satisfies readonly { name: string; events: Event[]; calls: string[] }[])('are called for $name: $calls', ({ events, calls }) => {
    expect(called(...events)).toEqual(calls);
  });

  test('call a run a success only if the command ended by itself with 0', () => {
    const events = [
      ended('ok', 0),
      ended('failed', 3),
      ended('stopped', 0),
      ended('deposed', 143),
      ended('lost', 137),
      ended('max-runtime', 143),
      ended('unguarded', 137),
      ended('not-started'),
    ];
    const failures = ['failed 3', 'stopped 0', 'deposed 143', 'lost 137', 'max-runtime 143', 'unguarded 137', 'not-started'];
    expect(called(...events)).toEqual(['onSuccess ok 0', ...failures.map((it) => `onFailure ${it}`)]);
  });
});

interface Running {
  readonly line: string;
  readonly environment: Call['environment'];
  readonly limit: AbortSignal;
  readonly end: (complaint?: string) => void;
}

function rig({ only = hookNames, key }: { only?: readonly (typeof hookNames)[number][]; key?: string } = {}) {
  const clock = new ManualClock();
  const runs: Running[] = [];
  const warnings: string[] = [];
  const hooks = new Hooks({
    lines: Object.fromEntries(only.map((name) => [name, `echo ${name}`])),
    timeoutMs: 10_000,
    lock: 'default/demo',
    identity: 'alice',
    key,
    clock,
    warn: (message) => warnings.push(message),
    run: (line, environment, limit) =>
      new Promise((resolve) => {
        runs.push({ line, environment, limit, end: resolve });
        limit.addEventListener('abort', () => {
          resolve('was killed');
        });
      }),
  });
  const lines = (): string[] => runs.map(({ line }) => line);
  return { clock, runs, lines, warnings, hooks };
}

describe('a hook', () => {
  test('is told of the lock, the term, the key and the reason, and of no status of another run', async () => {
    const { clock, runs, hooks } = rig({ key: 'v42' });
    for (const event of [taking, elected, ended('failed', 3), released]) hooks.hear(event);
    for (const count of [1, 2, 3]) {
      await clock.pass(100);
      expect(runs).toHaveLength(count);
      runs.at(-1)?.end();
    }
    const [acquire, failure, lose] = runs.map(({ environment }) => environment);
    const ours = { LEADER_RUN_LOCK: 'default/demo', LEADER_RUN_IDENTITY: 'alice', LEADER_RUN_TOKEN: '7', LEADER_RUN_KEY: 'v42' };
    expect(acquire).toEqual({ ...ours, LEADER_RUN_REASON: 'expired', LEADER_RUN_STATUS: undefined });
    expect(failure).toEqual({ ...ours, LEADER_RUN_REASON: 'failed', LEADER_RUN_STATUS: '3' });
    expect(lose).toEqual({ ...ours, LEADER_RUN_REASON: 'released', LEADER_RUN_STATUS: undefined });
  });

  test('is told of the key that runs, where each run has its own', async () => {
    const { clock, runs, hooks } = rig({ only: ['onSuccess'] });
    for (const event of [elected, { kind: 'attempt', key: 'tick', attempt: 1, attempts: 1 } as const, ended('ok', 0)])
      hooks.hear(event);
    await clock.pass(100);
    expect(runs[0]?.environment).toMatchObject({ LEADER_RUN_KEY: 'tick' });
  });

  test('that is not set is not run', async () => {
    const { lines, hooks } = rig({ only: ['onFailure'] });
    for (const event of [elected, ended('ok', 0), released]) hooks.hear(event);
    await hooks.flush();
    expect(lines()).toEqual([]);
  });

  test('begins a little after what calls it, so that the command starts and ends first', async () => {
    const { clock, lines, hooks } = rig();
    hooks.hear(elected);
    await clock.pass(99);
    expect(lines()).toEqual([]);
    await clock.pass(1);
    expect(lines()).toEqual(['echo onAcquire']);
  });

  test('waits for the one before it', async () => {
    const { clock, lines, runs, hooks } = rig();
    hooks.hear(elected);
    hooks.hear(lost);
    await clock.pass(5000);
    expect(lines()).toEqual(['echo onAcquire']);
    runs[0]?.end();
    await clock.pass(0);
    expect(lines()).toEqual(['echo onAcquire', 'echo onLose']);
  });

  test('begins as well long after the one before it has ended, and ends well without a word', async () => {
    const { clock, lines, runs, warnings, hooks } = rig();
    hooks.hear(elected);
    await clock.pass(100);
    runs[0]?.end();
    await clock.pass(60_000);
    hooks.hear(lost);
    await clock.pass(100);
    expect(lines()).toEqual(['echo onAcquire', 'echo onLose']);
    runs[1]?.end();
    await hooks.flush();
    expect(warnings).toEqual([]);
  });

  test('that hangs is killed at its limit with a warning, and the next one begins', async () => {
    const { clock, lines, runs, warnings, hooks } = rig();
    hooks.hear(elected);
    hooks.hear(lost);
    await clock.pass(100 + 9999);
    expect(runs[0]?.limit.aborted).toBe(false);
    await clock.pass(1);
    expect(runs[0]?.limit.aborted).toBe(true);
    expect(warnings).toEqual(['--on-acquire was killed after 10 s (--hook-timeout); leading does not depend on it']);
    expect(lines()).toEqual(['echo onAcquire', 'echo onLose']);
  });

  test('that does not end well is one warning', async () => {
    const { clock, runs, warnings, hooks } = rig();
    hooks.hear(elected);
    await clock.pass(100);
    runs[0]?.end('ended with status 3');
    await clock.pass(10_000);
    expect(warnings).toEqual(['--on-acquire ended with status 3; leading does not depend on it']);
  });

  test('is not run when more wait than a term that flaps may leave', async () => {
    const { clock, lines, warnings, hooks } = rig({ only: ['onLose'] });
    hooks.hear(elected);
    hooks.hear(lost);
    await clock.pass(100);
    for (let term = 0; term < 18; term += 1) {
      hooks.hear(elected);
      hooks.hear(lost);
    }
    expect(warnings).toHaveLength(2);
    expect(lines()).toHaveLength(1);
  });
});

describe('the end of leader-run', () => {
  test('waits for hooks that are due, each up to its limit, and starts them at once', async () => {
    const { clock, runs, lines, hooks } = rig();
    hooks.hear(elected);
    hooks.hear(released);
    let isOver = false;
    void hooks.flush().then(() => (isOver = true));
    await clock.pass(0);
    expect(lines()).toEqual(['echo onAcquire']);
    runs[0]?.end();
    await clock.pass(9999);
    expect([lines(), isOver]).toEqual([['echo onAcquire', 'echo onLose'], false]);
    await clock.pass(1);
    expect(isOver).toBe(true);
  });

  test('is an end of a term that has had none', async () => {
    const { clock, runs, hooks } = rig({ only: ['onLose'] });
    hooks.hear(elected);
    void hooks.flush();
    await clock.pass(0);
    expect(runs[0]?.environment).toMatchObject({ LEADER_RUN_REASON: 'not-given' });
  });

  test('waits for none once leader-run is asked again to stop', async () => {
    const { clock, lines, warnings, hooks } = rig();
    hooks.hear(elected);
    hooks.hear(released);
    let isOver = false;
    void hooks.flush().then(() => (isOver = true));
    await clock.pass(0);
    hooks.cut();
    await clock.pass(0);
    expect(isOver).toBe(true);
    expect(lines()).toEqual(['echo onAcquire']);
    expect(warnings).toEqual([
      '--on-acquire was killed: leader-run was asked to wait no longer; leading does not depend on it',
    ]);
  });
});
