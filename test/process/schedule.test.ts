// What runs at ticks, with the real program on a local lock, by what its users meet: a tick, a leader that is killed,
// a failure, a command that is long for its ticks, a run by hand, a stop. Wall clocks leap here (fast-wall.mjs), so
// that a tick of each minute comes each few seconds; leases do not. What the API server sees is tested in test/cluster.
// To check: starts are counted by the command itself, in a file that it appends to; no test counts on a tick that a
// busy machine cannot keep.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { type JobRecord, parseJobs } from '../../src/job/record.ts';
import { type Arena, test } from '../helpers/arena.ts';
import { type Run, shortTiming } from '../helpers/leader-run.ts';

const preload = fileURLToPath(new URL('../helpers/fast-wall.mjs', import.meta.url));
const minute = 60_000;
/** No lease ends a command here, and what the clock shows is told with each renewal. */
const quickTiming = ['--lease-duration=60s', '--retry-period=400ms'];

/** A wall clock of the past, the same for all candidates that are given it, with a tick each so many seconds. */
function fastWall(seconds: number): { readonly env: Record<string, string>; readonly ticks: () => number } {
  const since = Date.now();
  const wall = `${since} ${since - 12 * 3_600_000} ${60 / seconds}`;
  const ticks = (): number => Math.floor((Date.now() - since) / (seconds * 1000));
  return { env: { NODE_OPTIONS: `--import=${preload}`, FAST_WALL: wall }, ticks };
}

interface Each {
  readonly env?: Record<string, string>;
  readonly flags?: readonly string[];
  readonly timing?: readonly string[];
  readonly line?: string;
}

/** A command that tells of each start, then does the rest. */
function scheduled(arena: Arena, then: string, { env = {}, flags = [], timing = quickTiming, line }: Each = {}): Run {
  const tell = `echo "$LEADER_RUN_TICK $LEADER_RUN_ATTEMPT $LEADER_RUN_TOKEN" >> ${join(arena.folder, 'starts')}`;
  const command = ['sh', '-c', `${tell}; ${then}`];
  return arena.run({ command, timing, env, flags: [`--schedule=${line ?? '* * * * *'}`, ...flags] });
}

interface Start {
  readonly tick: string;
  readonly attempt: number;
  readonly token: number;
}

function starts(arena: Arena): Start[] {
  const file = join(arena.folder, 'starts');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  return lines.map((line) => {
    const [tick = '', attempt, token] = line.split(' ');
    return { tick, attempt: Number(attempt), token: Number(token) };
  });
}

async function startsAre(arena: Arena, count: number): Promise<Start[]> {
  return await arena.until(`${count} starts`, () => (starts(arena).length >= count ? starts(arena) : undefined));
}

function recordOf(arena: Arena): JobRecord {
  const reading = parseJobs(arena.versions().at(-1)?.note);
  if (reading.kind !== 'record') throw new Error(`no record of ticks: ${reading.kind}`);
  return reading.record;
}

function outcomeOf(arena: Arena, key: string | undefined): object | undefined {
  return recordOf(arena).entries.find((entry) => entry.key === key)?.outcome;
}

/** Ticks of each minute that the record settles otherwise than once, from its first one on; none should be. */
function unsettled(arena: Arena): string[] {
  const { entries, cursor = '', claim } = recordOf(arena);
  const ticks = entries.flatMap(({ key, outcome }) =>
    Array.from({ length: outcome.kind === 'skipped' ? outcome.count : 1 }, (_, i) => Date.parse(key) - i * minute),
  );
  const all: string[] = [];
  for (let at = Math.min(...ticks); at <= Date.parse(cursor); at += minute) {
    const times = ticks.filter((tick) => tick === at).length + (Date.parse(claim?.key ?? '') === at ? 1 : 0);
    if (times !== 1) all.push(`${new Date(at).toISOString()} ${times} times`);
  }
  return all;
}

function ticksOf(all: readonly Start[]): string[] {
  return all.map(({ tick }) => tick);
}

describe.concurrent('leader-run --schedule', () => {
  test('runs its command at each tick, and tells it which one', async ({ arena, expect }) => {
    // A tick that comes late on a busy machine is made up for, so that none may be missing.
    const run = scheduled(arena, 'true', { env: fastWall(2).env, flags: ['--catch-up=all', '--overlap=queue'] });
    const { next } = await run.event('waiting');
    const all = await startsAre(arena, 3);
    expect(all[0]).toEqual({ tick: next, attempt: 1, token: expect.any(Number) as number });
    expect(next).toMatch(/T\d\d:\d\d:00Z$/);
    expect(unsettled(arena)).toEqual([]);
    expect(new Set(ticksOf(all)).size).toBe(all.length);
    const tokens = all.map(({ token }) => token);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    expect(run.all('elected')).toHaveLength(1);
  });

  test('goes on with the ticks of a leader that was killed, and loses or doubles none', async ({ arena, expect }) => {
    const how = { env: fastWall(2).env, flags: ['--catch-up=all', '--overlap=queue'], timing: shortTiming };
    const alice = scheduled(arena, 'true', how);
    await alice.event('attempt-ended');
    const bob = scheduled(arena, 'true', how);
    await bob.event('standing-by');
    alice.signal('SIGKILL');
    await alice.isAbandoned();
    const before = starts(arena);
    await bob.event('elected');
    const all = await startsAre(arena, before.length + 4);
    expect(new Set(ticksOf(all)).size).toBe(all.length);
    expect(unsettled(arena)).toEqual([]);
    // The first of them came while nobody led.
    const [last, made] = [before.at(-1), all[before.length]];
    expect(Date.parse(made?.tick ?? '') - Date.parse(last?.tick ?? '')).toBeLessThanOrEqual(2 * minute);
    expect(made?.token).toBeGreaterThan(last?.token ?? Infinity);
  });

  test('tries a tick again that failed, as often as --attempts allows', async ({ arena, expect }) => {
    // The second attempt comes before the next tick, whatever the machine does meanwhile.
    const run = scheduled(arena, 'exit 7', { env: fastWall(2).env, flags: ['--attempts=2', '--catch-up=all'] });
    const all = await startsAre(arena, 3);
    const [first, , third] = all;
    expect(all.slice(0, 3).map(({ attempt }) => attempt)).toEqual([1, 2, 1]);
    expect(all[1]?.tick).toBe(first?.tick);
    expect(third?.tick).not.toBe(first?.tick);
    expect(outcomeOf(arena, first?.tick)).toEqual({ kind: 'failed', status: 7 });
    expect(run.all('exit')).toEqual([]);
  });

  test('leaves a failed tick alone when the next one has come', async ({ arena, expect }) => {
    scheduled(arena, 'exit 7', { env: fastWall(14).env, flags: ['--attempts=9'] });
    const [first] = await startsAre(arena, 1);
    const isNext = ({ tick }: Start): boolean => tick !== first?.tick;
    const next = await arena.until('a start of the next tick', () => starts(arena).find(isNext));
    expect(next).toMatchObject({ attempt: 1 });
    // After 10 s, by the clock; 20 s more would be too late.
    const ofFirst = starts(arena).filter((start) => !isNext(start));
    expect(ofFirst.map(({ attempt }) => attempt)).toEqual([1, 2]);
    // With attempts left, which are for nothing now.
    const entry = recordOf(arena).entries.find(({ key }) => key === first?.tick);
    expect(entry).toMatchObject({ outcome: { kind: 'failed', status: 7 }, attempts: ofFirst.length });
  });

  test.for([
    { overlap: 'skip', waits: true },
    { overlap: 'queue', waits: false },
  ])('with --overlap $overlap does not start a second command beside one that still runs', async (
    { overlap, waits },
    { arena, expect },
  ) => {
    const wall = fastWall(2);
    const go = join(arena.folder, 'go');
    const then = `until [ -e ${go} ]; do sleep 0.05; done`;
    const run = scheduled(arena, then, { env: wall.env, flags: [`--overlap=${overlap}`] });
    const [first] = await startsAre(arena, 1);
    const since = wall.ticks();
    await arena.until('two more ticks', () => wall.ticks() >= since + 2);
    expect(starts(arena)).toHaveLength(1);
    writeFileSync(go, '');
    const { key, why } = await run.event('skipped');
    expect(why).toBe('overlap');
    const [, second] = await startsAre(arena, 2);
    expect(ticksOf(starts(arena))).not.toContain(key);
    expect(outcomeOf(arena, first?.tick)).toEqual({ kind: 'ok' });
    expect(outcomeOf(arena, String(key))).toMatchObject({ kind: 'skipped', why: 'overlap' });
    expect(Date.parse(second?.tick ?? '')).toBeGreaterThan(Date.parse(String(key)));
    expect(unsettled(arena)).toEqual([]);
    // The newest tick of the time in which the command ran is next, or is passed over with the others.
    const ended = run.events.findIndex(({ event }) => event === 'attempt-ended');
    const begun = await run.event('attempt', { from: ended });
    const between = run.events.slice(ended, run.events.indexOf(begun)).map(({ event }) => event);
    expect(between.includes('waiting')).toBe(waits);
  });

  test('with --overlap replace stops the command when its next tick comes, and runs that', async ({ arena, expect }) => {
    const then = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
    const run = scheduled(arena, then, { env: fastWall(2).env, flags: ['--overlap=replace'] });
    await run.event('signalled', { fits: ({ signal, why }) => signal === 'SIGTERM' && why === 'replaced' });
    const [first, second] = await startsAre(arena, 2);
    expect(Date.parse(second?.tick ?? '')).toBeGreaterThan(Date.parse(first?.tick ?? ''));
    // Whatever its status: leader-run stopped it.
    expect(outcomeOf(arena, first?.tick)).toEqual({ kind: 'interrupted' });
    expect(unsettled(arena)).toEqual([]);
  });

  test('stops a command that runs for too long, and goes on with the next tick', async ({ arena, expect }) => {
    const run = scheduled(arena, 'sleep 100', { env: fastWall(2).env, flags: ['--max-runtime=300ms'] });
    const [first, second] = await startsAre(arena, 2);
    expect(second?.tick).not.toBe(first?.tick);
    expect(outcomeOf(arena, first?.tick)).toEqual({ kind: 'max-runtime' });
    expect(await run.event('signalled')).toMatchObject({ signal: 'SIGTERM', why: 'max-runtime' });
    expect(run.all('exit')).toEqual([]);
  });

  test('ends at once and frees the lock when it is asked to stop between ticks', async ({ arena, expect }) => {
    const run = scheduled(arena, 'true', { line: '0 0 1 1 *' });
    await run.event('waiting');
    run.signal('SIGTERM');
    expect(await run.end()).toMatchObject({ signal: 'SIGTERM' });
    expect(await run.event('exit')).toMatchObject({ status: 143 });
    expect(arena.isFree()).toBe(true);
    expect(starts(arena)).toEqual([]);
  });

  test('runs its command when leader-run run asks, which tells how it ended', async ({ arena, expect }) => {
    const run = scheduled(arena, `exit "$(cat ${join(arena.folder, 'status')})"`, { line: '0 0 1 1 *' });
    await run.event('waiting');
    const ask = async (status: number): Promise<{ status: number | null; last: string | undefined }> => {
      writeFileSync(join(arena.folder, 'status'), String(status));
      const words = ['run', `--local=${arena.store}`, '--lock=demo', '--follow', '--reason=by hand'];
      const asked = arena.spawn([process.execPath, join(arena.bundle, 'bin/leader-run.js'), ...words]);
      const end = await asked.end();
      await asked.isAbandoned();
      return { status: end.status, last: asked.stdout.trim().split('\n').at(-1) };
    };
    expect(await ask(0)).toEqual({ status: 0, last: expect.stringMatching(/^ok, after /) as string });
    expect(await ask(7)).toEqual({ status: 1, last: expect.stringMatching(/^failed with status 7, after /) as string });
    // For no tick.
    expect(starts(arena).map(({ tick, attempt }) => `${tick} ${attempt}`)).toEqual([' 1', ' 1']);
    expect(run.all('exit')).toEqual([]);
  });

  test.for([
    {
      flags: ['--schedule=*/5 * * * *', '--jitter=5m'],
      why: '--jitter 5 min: expected less than 5 min, which lies between two ticks',
    },
    {
      // Between the last minute of one hour and the first of the next.
      flags: ['--schedule=0,59 * * * *', '--jitter=60s'],
      why: '--jitter 1 min: expected less than 1 min, which lies between two ticks',
    },
    {
      flags: ['--schedule=0 0 30 2 *'],
      why: '--schedule: 0 0 30 2 * never comes: no month that it names has such a day',
    },
  ])('refuses $flags in one sentence, and makes nothing', async ({ flags, why }, { arena, expect }) => {
    const run = arena.run({ command: ['true'], flags });
    expect(await run.end()).toMatchObject({ status: 125 });
    expect(run.stderr).toBe(`leader-run: ${why}\n`);
    expect(arena.versions()).toEqual([]);
  });
});
