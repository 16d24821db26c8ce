// What runs once, with the real program on a local lock: one file of the promise "a key runs once", by what its users
// meet: ten machines, a crash, a stop, a hang, an API server that is down at the end. What the API server sees is
// tested in test/cluster/jobs.test.ts.
// To check: starts are counted by the command itself, in a file that it appends to.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { parseJobs } from '../../src/job/record.ts';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming, type Run, shortTiming } from '../helpers/leader-run.ts';

/** A command that tells of its start, then does the rest. */
function counted(arena: Arena, then: string): string[] {
  return ['sh', '-c', `echo "$LEADER_RUN_KEY $LEADER_RUN_ATTEMPT" >> ${join(arena.folder, 'starts')}; ${then}`];
}

function starts(arena: Arena): string[] {
  const file = join(arena.folder, 'starts');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

interface Once {
  readonly key?: string;
  readonly attempts?: number;
  readonly flags?: readonly string[];
  readonly timing?: readonly string[];
}

function once(arena: Arena, then: string, { key = 'v42', attempts, flags = [], timing = longTiming }: Once = {}): Run {
  const limit = attempts === undefined ? [] : [`--attempts=${attempts}`];
  return arena.run({ command: counted(arena, then), timing, flags: [`--once-per=${key}`, ...limit, ...flags] });
}

/** What the lock remembers: `v42 ok 1`, the newest first. */
function remembered(arena: Arena): string[] {
  const reading = parseJobs(arena.versions().at(-1)?.note);
  if (reading.kind !== 'record') return [];
  const { claim, entries } = reading.record;
  const running = claim ? [`${claim.key} begun ${claim.attempt}`] : [];
  return [...running, ...entries.map(({ key, outcome, attempts }) => `${key} ${outcome.kind} ${attempts}`)];
}

describe.concurrent('leader-run --once-per', () => {
  test('runs once among ten that start at one moment, and all of them succeed', async ({ arena, expect }) => {
    const runs = Array.from({ length: 10 }, () => once(arena, 'sleep 0.2'));
    const ends = await Promise.all(runs.map((run) => run.end(60_000)));
    expect(ends.map(({ status }) => status)).toEqual(runs.map(() => 0));
    expect(starts(arena)).toEqual(['v42 1']);
    expect(remembered(arena)).toEqual(['v42 ok 1']);
    expect(runs.filter((run) => run.all('attempt-ended').length > 0)).toHaveLength(1);
  });

  test('ends without taking the lock when the key is done, and says who ran it', async ({ arena, expect }) => {
    await once(arena, 'true').end();
    const before = arena.versions().at(-1)?.number;
    const late = once(arena, 'true', { flags: ['--done-exit-code=9'] });
    expect(await late.end()).toMatchObject({ status: 9 });
    expect(late.events.at(-1)).toMatchObject({
      event: 'exit',
      reason: expect.stringMatching(/^key v42 is done, by \S+ at \S+Z, after .*; nothing was run$/) as string,
    });
    expect(arena.versions().at(-1)?.number).toBe(before);
    expect(starts(arena)).toHaveLength(1);
  });

  test('keeps an old release from running behind a new one that has run since', async ({ arena, expect }) => {
    for (const key of ['v41', 'v42', 'v41', 'v42']) expect(await once(arena, 'true', { key }).end()).toMatchObject({ status: 0 });
    expect(starts(arena)).toEqual(['v41 1', 'v42 1']);
  });

  test('runs again after a failure, with the next number, until it succeeds', async ({ arena, expect }) => {
    const statuses: (number | null)[] = [];
    for (let run = 0; run < 4; run += 1) {
      const { status } = await once(arena, '[ "$LEADER_RUN_ATTEMPT" -ge 3 ] || exit 7').end();
      statuses.push(status);
    }
    expect(statuses).toEqual([7, 7, 0, 0]);
    expect(starts(arena)).toEqual(['v42 1', 'v42 2', 'v42 3']);
    expect(remembered(arena)).toEqual(['v42 ok 3']);
  });

  test('gives up with 123 when its attempts are used up, and says how the last one ended', async ({ arena, expect }) => {
    expect(await once(arena, 'exit 7', { attempts: 1 }).end()).toMatchObject({ status: 7 });
    const next = once(arena, 'true', { attempts: 1 });
    expect(await next.end()).toMatchObject({ status: 123 });
    expect(next.events.at(-1)).toMatchObject({
      level: 'warn',
      reason: expect.stringContaining('key v42 was given up after 1 attempt: the last one is failed with status 7') as string,
    });
    expect(starts(arena)).toEqual(['v42 1']);
  });

  test('does not count a command that it stopped as done, even if it ends with 0', async ({ arena, expect }) => {
    const run = once(arena, "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done");
    await run.says('up\n');
    run.signal('SIGTERM');
    expect(await run.end()).toMatchObject({ status: 0 });
    expect(remembered(arena)).toEqual(['v42 interrupted 1']);
    expect(await once(arena, 'true').end()).toMatchObject({ status: 0 });
    expect(starts(arena)).toEqual(['v42 1', 'v42 2']);
  });

  test.for([
    { attempts: 1, status: 123, ran: ['v42 1'] },
    { attempts: 2, status: 0, ran: ['v42 1', 'v42 2'] },
    { attempts: undefined, status: 0, ran: ['v42 1', 'v42 2'] },
  ])('that is killed leaves an attempt of unknown end: with attempts $attempts the next one ends with $status', async (
    { attempts, status, ran },
    { arena, expect },
  ) => {
    const run = once(arena, 'echo up; sleep 100', { ...(attempts !== undefined && { attempts }), timing: shortTiming });
    await run.says('up\n');
    run.signal('SIGKILL');
    await run.isAbandoned();
    expect(remembered(arena)).toEqual(['v42 begun 1']);
    const next = once(arena, 'true', { ...(attempts !== undefined && { attempts }) });
    expect(await next.end(60_000)).toMatchObject({ status });
    expect(starts(arena)).toEqual(ran);
    if (status === 123) expect(next.text()).toContain('the last one is of unknown outcome');
  });

  test('stops a command that runs for too long, ends with 121, and counts it as failed', async ({ arena, expect }) => {
    const flags = ['--max-runtime=400ms', '--stop-grace=300ms'];
    const run = once(arena, "trap '' TERM; echo up; while :; do sleep 0.05; done", { flags });
    expect(await run.end()).toMatchObject({ status: 121 });
    expect(run.all('signalled').map(({ signal, why }) => `${String(signal)} ${String(why)}`)).toEqual([
      'SIGTERM max-runtime',
      'SIGKILL grace-over',
    ]);
    expect(remembered(arena)).toEqual(['v42 max-runtime 1']);
    expect(arena.isFree()).toBe(true);
  });

  test('tries to note the outcome for as long as the term would have lasted', async ({ arena, expect }) => {
    const run = once(arena, `echo up; until [ -e ${join(arena.folder, 'go')} ]; do sleep 0.05; done`);
    await run.says('up\n');
    arena.breakStore();
    writeFileSync(join(arena.folder, 'go'), '');
    await run.event('command-ended');
    await run.event('trouble', { fits: ({ message }) => message.includes('write') || message.includes('read') });
    arena.mendStore();
    expect(await run.end(60_000)).toMatchObject({ status: 0 });
    expect(await run.event('attempt-ended')).toMatchObject({ stored: true });
    expect(remembered(arena)).toEqual(['v42 ok 1']);
  });

  test('runs nothing where it cannot read what ran', async ({ arena, expect }) => {
    await once(arena, 'true').end();
    const { number, ...last } = arena.versions().at(-1) ?? { number: 0 };
    const text = JSON.stringify(last).replace(String.raw`{\"v\":1`, String.raw`{\"v\":2`);
    writeFileSync(join(arena.store, 'default', 'demo.lock', String(number + 1)), text);
    const next = once(arena, 'true', { key: 'v43' });
    expect(await next.end()).toMatchObject({ status: 125 });
    expect(next.events.at(-1)).toMatchObject({
      reason: expect.stringContaining('another version of leader-run wrote it') as string,
    });
    expect(starts(arena)).toHaveLength(1);
  });

  test('leaves what is remembered alone in runs without a key', async ({ arena, expect }) => {
    await once(arena, 'true').end();
    expect(await arena.run({ command: ['true'], timing: longTiming }).end()).toMatchObject({ status: 0 });
    expect(remembered(arena)).toEqual(['v42 ok 1']);
    expect(await once(arena, 'true').end()).toMatchObject({ status: 0 });
    expect(starts(arena)).toHaveLength(1);
  });
});

describe.concurrent('leader-run --once-per-tick', () => {
  test('runs one tick once, and tells its command which one', async ({ arena, expect }) => {
    const tick = (zone: string): Run =>
      arena.run({
        command: counted(arena, 'true'),
        timing: longTiming,
        flags: ['--once-per-tick', '0 0 1 1 *', '--timezone', zone],
      });
    for (const zone of ['UTC', 'UTC', 'Asia/Tokyo', 'UTC']) expect(await tick(zone).end()).toMatchObject({ status: 0 });
    // Tokyo's new year comes before that of UTC, which has begun: it is past.
    expect(starts(arena)).toEqual([expect.stringMatching(/^\d{4}-01-01T00:00:00Z 1$/)]);
  });

  test('refuses a line that never comes in one sentence, and makes nothing', async ({ arena, expect }) => {
    const run = arena.run({ command: ['true'], flags: ['--once-per-tick', '0 0 30 2 *'] });
    expect(await run.end()).toMatchObject({ status: 125 });
    const why = '--once-per-tick: 0 0 30 2 * never comes: no month that it names has such a day';
    expect(run.stderr).toBe(`leader-run: ${why}\n`);
    expect(existsSync(arena.store) ? arena.versions() : []).toEqual([]);
  });

  test('takes one crontab line on ten machines, each with a clock of its own', async ({ arena, expect }) => {
    const line = ['--once-per-tick', '0 0 1 * *', '--attempts=1'];
    const runs = Array.from({ length: 10 }, () =>
      arena.run({ command: counted(arena, 'sleep 0.05'), timing: longTiming, flags: line }),
    );
    const ends = await Promise.all(runs.map((run) => run.end(60_000)));
    expect(ends.map(({ status }) => status)).toEqual(runs.map(() => 0));
    expect(starts(arena)).toHaveLength(1);
  });
});

describe.concurrent('--hold-for', () => {
  test('counts from acquiring: a job that is long for it gives the lock back when it ends', async ({ arena, expect }) => {
    const run = arena.run({ command: ['sleep', '1'], timing: longTiming, flags: ['--hold-for=900ms'] });
    expect(await run.end()).toMatchObject({ status: 0 });
    expect(run.all('holding')).toEqual([]);
    expect(arena.isFree()).toBe(true);
  });
});
