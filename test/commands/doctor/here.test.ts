// What doctor makes of the place in which the command will run: each verdict, at the bounds where it changes.
// To check: the guardian is a real one; where it is Node is seen by test/process, which has the bundle.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import {
  judgeCommand,
  judgeEnvironment,
  judgeFolder,
  judgeGrace,
  judgeGuardian,
  judgePlace,
  judgeProcesses,
  judgeTiming,
} from '../../../src/commands/doctor/here.ts';
import { completeTiming } from '../../../src/elector/timing.ts';

test('the command is looked up as a run does', () => {
  expect(judgeCommand('/bin/sh', undefined)).toEqual({ name: 'command', verdict: 'ok', text: 'command /bin/sh can be started' });
  expect(judgeCommand('no-such-thing', '/bin')).toEqual({ name: 'command', verdict: 'FAIL', text: 'command no-such-thing was not found' });
  expect(judgeCommand('/', undefined).text).toBe('command / cannot be executed: it is not a file');
});

test('the guardian is ok if there is one, and a warning if it is off', async () => {
  const clock = systemClock();
  expect((await judgeGuardian('auto', clock)).text).toMatch(/^guardian \//);
  expect(await judgeGuardian('auto', clock)).toMatchObject({ verdict: 'ok' });
  expect(await judgeGuardian('off', clock)).toMatchObject({ verdict: 'warn', fix: 'leave out --guardian off' });
});

test.each([
  { platform: 'linux', fault: undefined, blindness: undefined, verdict: 'ok' },
  { platform: 'linux', fault: 'no /proc', blindness: 'hidden', verdict: 'FAIL' },
  { platform: 'linux', fault: undefined, blindness: 'hidden', verdict: 'warn' },
  { platform: 'darwin', fault: undefined, blindness: undefined, verdict: 'skip' },
])('processes on $platform, fault $fault, blindness $blindness: $verdict', ({ platform, fault, blindness, verdict }) => {
  const judged = judgeProcesses(platform, fault, blindness);
  expect(judged).toMatchObject({ name: 'processes', verdict });
  expect([fault ?? blindness ?? judged.text]).toContain(judged.text);
});

describe('the place of --listen', () => {
  /** Answers each request with a text, for as long as `use` takes. */
  async function taken<T>(text: string, use: (port: number) => Promise<T>): Promise<T> {
    const server: Server = createServer((_, response) => response.end(text));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    try {
      return await use((server.address() as AddressInfo).port);
    } finally {
      server.close();
    }
  }

  test('is ok where a run could listen, and is free again after that', async () => {
    const { text, verdict } = await judgePlace({ host: '127.0.0.1', port: 0 }, 'nightly');
    expect(verdict).toBe('ok');
    expect(text).toMatch(/^requests can be answered at http:\/\/127\.0\.0\.1:\d+$/);
    const port = Number(new URL(text.split(' ').at(-1) ?? '').port);
    expect(await judgePlace({ host: '127.0.0.1', port }, 'nightly')).toMatchObject({ verdict: 'ok' });
  });

  test('is ok where a leader-run of the same lock answers, as in a pod that runs', async () => {
    const judged = await taken('{"lock":"ops/nightly"}', (port) => judgePlace({ host: '127.0.0.1', port }, 'nightly'));
    expect(judged).toMatchObject({ verdict: 'ok', text: 'a leader-run for ops/nightly answers requests there already' });
  });

  test.each(['{"lock":"ops/other"}', '{}', 'null', 'hello'])('is a failure where another program answers: %s', async (text) => {
    const judged = await taken(text, (port) => judgePlace({ host: '127.0.0.1', port }, 'nightly'));
    expect(judged).toMatchObject({ verdict: 'FAIL', text: expect.stringContaining('another program listens there') as string });
  });
});

test('the environment is ok, or a warning for each thing', () => {
  expect(judgeEnvironment([])).toMatchObject([{ name: 'environment', verdict: 'ok' }]);
  expect(judgeEnvironment(['a', 'b'])).toEqual(['a', 'b'].map((text) => ({ name: 'environment', verdict: 'warn', text })));
});

test('the timing is told whole', () => {
  expect(judgeTiming({ timing: completeTiming({ leaseDurationMs: 15_000 }), stopGraceMs: 45_000 }).text).toBe(
    'timing: lease 15 s, renew deadline 10 s, retry period 2 s, lost grace 3 s, stop grace 45 s',
  );
});

describe('the grace of the pod', () => {
  const judge = (seconds: number, stopGraceMs: number, hooksMs?: number) =>
    judgeGrace(
      { kind: 'seen', name: 'a', graceMs: seconds * 1000 },
      { stopGraceMs, hooks: hooksMs === undefined ? undefined : { lines: {}, timeoutMs: hooksMs } },
    );

  test.each([
    { seconds: 30, grace: 25_000, verdict: 'ok' },
    { seconds: 28, grace: 25_000, verdict: 'ok' },
    { seconds: 27, grace: 25_000, verdict: 'warn' },
    { seconds: 26, grace: 25_000, verdict: 'warn' },
    { seconds: 25, grace: 25_000, verdict: 'FAIL' },
    { seconds: 0, grace: 0, verdict: 'FAIL' },
    { seconds: 30, grace: 25_000, hooks: 10_000, verdict: 'warn' },
    { seconds: 38, grace: 25_000, hooks: 10_000, verdict: 'ok' },
  ])('of $seconds s for a stop grace of $grace ms and hooks of $hooks ms is $verdict', ({ seconds, grace, hooks, verdict }) => {
    const judged = judge(seconds, grace, hooks);
    expect(judged).toMatchObject({ name: 'grace', verdict });
    expect(judged?.fix).toBe(
      verdict === 'ok' ? undefined : `set terminationGracePeriodSeconds to ${(grace + 3000 + (hooks ?? 0)) / 1000} or more`,
    );
  });

  test('is not asked for outside of a pod, and skipped where the pod cannot be seen', () => {
    const config = { stopGraceMs: 25_000, hooks: undefined };
    expect(judgeGrace({ kind: 'outside' }, config)).toBeUndefined();
    const unseen = { kind: 'unseen', namespace: 'ops', name: 'a' } as const;
    expect(judgeGrace({ ...unseen, isForbidden: true }, config)).toMatchObject({
      verdict: 'skip',
      fix: "- {apiGroups: [''], resources: [pods], verbs: [get]}",
    });
    expect(judgeGrace({ ...unseen, isForbidden: false }, config)?.text).toContain('there is no pod ops/a: set POD_NAME');
  });
});

test.each([
  { state: { kind: 'fit', network: undefined }, verdict: 'ok', text: 'the folder /f is ours alone' },
  { state: { kind: 'absent', network: undefined }, verdict: 'ok', text: 'the folder /f does not exist: the first candidate makes it' },
  { state: { kind: 'absent', network: 'NFS' }, verdict: 'warn', text: 'on a network file system (NFS)' },
  { state: { kind: 'fit', network: 'NFS' }, verdict: 'warn', text: 'on a network file system (NFS)' },
  { state: { kind: 'unfit', why: 'it is a link' }, verdict: 'FAIL', text: 'it is a link' },
] as const)('a folder that is $state is $verdict', ({ state, verdict, text }) => {
  const judged = judgeFolder('/f', state);
  expect(judged).toMatchObject({ name: 'folder', verdict });
  expect(judged.text).toContain(text);
});
