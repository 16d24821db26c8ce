// Step-down, pause and resume with the real program on a local lock: who runs when an operator asks, and how each kind
// of run takes it (plain, --once-per, --try, --wait, --on-lost exit). What the verbs say is tested in test/commands.
// To check: that nobody starts is seen when a candidate has waited in vain for longer than a lease, not after a sleep.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { parseJobs } from '../../src/job/record.ts';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming, type Run, short, shortTiming } from '../helpers/leader-run.ts';

/** An operator's command line about the lock of the arena. */
function ask(arena: Arena, verb: string, ...words: string[]): Run {
  const program = join(arena.bundle, 'bin/leader-run.js');
  return arena.spawn([process.execPath, program, verb, `--local=${arena.store}`, '--lock=demo', ...words]);
}

async function asked(arena: Arena, verb: string, ...words: string[]) {
  const run = ask(arena, verb, ...words);
  const { status } = await run.end(60_000);
  return { status, stdout: run.stdout, stderr: run.stderr };
}

type Words = readonly string[];

/** Leads, with a puppet of its name as the command. */
async function lead(arena: Arena, name: string, flags: Words = [], timing: Words = shortTiming) {
  return await arena.lead({ flags: [`--identity=${name}`, ...flags], timing }, name);
}

async function standBy(arena: Arena, name: string): Promise<Run> {
  const run = arena.run({ command: arena.puppet(name), flags: [`--identity=${name}`] });
  await run.event('standing-by');
  return run;
}

/** A lock that was held once, and is paused. */
async function pausedLock(arena: Arena, ...words: string[]): Promise<void> {
  await arena.run({ command: ['true'], timing: longTiming }).end();
  expectDone(await asked(arena, 'pause', ...words));
}

function expectDone({ status, stderr }: { status: number | null; stderr: string }): void {
  if (status !== 0) throw new Error(`status ${status}: ${stderr}`);
}

describe.concurrent('step-down', () => {
  test('moves the command to the standby, and the old holder back when that one has led', async ({ arena, expect }) => {
    const alice = await lead(arena, 'alice');
    const bob = await standBy(arena, 'bob');
    const verb = ask(arena, 'step-down', '--reason=kernel update');
    await alice.puppet.hears('SIGTERM');
    expect(bob.all('elected')).toEqual([]);
    alice.puppet.exit(0);
    const next = await arena.next('bob');
    expect(alice.puppet.isGone).toBe(true);
    expect(await verb.end()).toMatchObject({ status: 0 });
    expect(verb.stdout).toMatch(/^asked alice to .*\nalice gave it back, .*\nbob leads, .* after the request\n$/);
    expect(alice.run.all('deposed')).toMatchObject([
      { by: 'step-down', reason: expect.stringMatching(/^kernel update, by \w+$/) as string },
    ]);
    expect(alice.run.all('signalled')).toMatchObject([{ signal: 'SIGTERM', why: 'deposed' }]);
    const back = ask(arena, 'step-down');
    await next.hears('SIGTERM');
    next.exit(0);
    await arena.next('alice');
    expect(await back.end()).toMatchObject({ status: 0 });
    expect([alice.run, bob].flatMap((run) => run.all('lost'))).toEqual([]);
  });

  test('of a holder that is alone brings it back after one lease', async ({ arena, expect }) => {
    const { run, puppet } = await lead(arena, 'alice');
    const verb = ask(arena, 'step-down');
    await puppet.hears('SIGTERM');
    puppet.exit(0);
    await arena.next('alice');
    const [gave] = run.all('released');
    const [, again] = run.all('elected');
    // The log's times are whole milliseconds of a clock that may be set.
    expect((again?.at ?? 0) - (gave?.at ?? Infinity)).toBeGreaterThan(short.leaseMs - 200);
    expect(await verb.end()).toMatchObject({ status: 0 });
    expect(verb.stdout).toMatch(/\nalice leads, .* after the request\n$/);
  });

  test('says what it waits for while the command drains, which is killed after its stop grace', async ({ arena, expect }) => {
    const { run, puppet } = await lead(arena, 'alice', ['--stop-grace=3s']);
    const bob = await standBy(arena, 'bob');
    expect(await asked(arena, 'step-down', '--timeout=300ms')).toEqual({
      status: 1,
      stdout: 'asked alice to hand over default/demo\n',
      stderr:
        'leader-run: alice has not handed over within 300 ms: its command may still be ending; the request stands\n',
    });
    expect(puppet.isGone).toBe(false);
    await bob.event('elected');
    expect(puppet.isGone).toBe(true);
    expect(run.all('signalled')).toMatchObject([
      { signal: 'SIGTERM', why: 'deposed' },
      { signal: 'SIGKILL', why: 'grace-over' },
    ]);
  });

  test('ends a leader-run with --on-lost exit: status 122, and the lock is free before', async ({ arena, expect }) => {
    const { run, puppet } = await lead(arena, 'alice', ['--on-lost=exit'], longTiming);
    const verb = ask(arena, 'step-down', '--timeout=0');
    await puppet.hears('SIGTERM');
    puppet.exit(0);
    expect(await run.end()).toMatchObject({ status: 122 });
    expect(run.events.at(-1)).toMatchObject({
      reason: 'the lock was given back on request, and the command stopped',
    });
    expect(arena.isFree()).toBe(true);
    expect(await verb.end()).toMatchObject({ status: 0 });
  });

  test('interrupts an attempt of --once-per, and the other candidate runs the next one', async ({ arena, expect }) => {
    const go = join(arena.folder, 'go');
    const starts = join(arena.folder, 'starts');
    const note = `echo "$1 $LEADER_RUN_ATTEMPT" >> ${starts}`;
    const script = `trap 'exit 0' TERM; ${note}; until [ -e ${go} ]; do sleep 0.05; done`;
    const once = (name: string): Run =>
      arena.run({ command: ['sh', '-c', script, 'sh', name], flags: [`--identity=${name}`, '--once-per=v42'] });
    const ran = (): string => (existsSync(starts) ? readFileSync(starts, 'utf8') : '');
    const alice = once('alice');
    await arena.until('the first attempt', () => ran() === 'alice 1\n');
    const bob = once('bob');
    await bob.event('standing-by');
    expectDone(await asked(arena, 'step-down', '--to=bob'));
    await arena.until('the second attempt', () => ran() === 'alice 1\nbob 2\n');
    writeFileSync(go, '');
    expect(await bob.end()).toMatchObject({ status: 0 });
    // Its command ended with 0, which counts for nothing: it was told to end.
    expect(alice.all('attempt-ended')).toMatchObject([{ key: 'v42', outcome: 'interrupted' }]);
    expect(await alice.end()).toMatchObject({ status: 0 });
    expect(alice.events.at(-1)?.['reason']).toMatch(/^key v42 is done, by bob /);
    const reading = parseJobs(arena.versions().at(-1)?.note);
    expect(reading).toMatchObject({ record: { entries: [{ key: 'v42', outcome: { kind: 'ok' }, attempts: 2 }] } });
  });

  test('can be asked for by the command itself, which names the lock to it', async ({ arena, expect }) => {
    const program = join(arena.bundle, 'bin/leader-run.js');
    const script = `trap 'exit 0' TERM; "$0" "$1" step-down --timeout=0; while :; do sleep 0.05; done`;
    const run = arena.run({
      command: ['sh', '-c', script, process.execPath, program],
      flags: ['--on-lost=exit'],
      timing: longTiming,
      env: { LEADER_RUN_LOCAL: arena.store },
    });
    await run.says(' to hand over default/demo\n');
    expect(await run.end()).toMatchObject({ status: 122 });
  });
});

describe.concurrent('pause', () => {
  test('ends the command, and nobody starts one until resume', async ({ arena, expect }) => {
    const alice = await lead(arena, 'alice');
    const bob = await standBy(arena, 'bob');
    const verb = ask(arena, 'pause', '--reason=move');
    await alice.puppet.hears('SIGTERM');
    await verb.says('alice is ending its command\n');
    alice.puppet.exit(0);
    expect(await verb.end()).toMatchObject({ status: 0 });
    expect(arena.isFree()).toBe(true);
    const carol = arena.run({ command: arena.puppet('carol'), flags: ['--wait=6s'] });
    expect(await carol.end()).toMatchObject({ status: 124 });
    expect(carol.events.at(-1)?.['reason']).toMatch(/^the lock is paused \(move, by \w+\); no command was running$/);
    const because = expect.stringMatching(/^move, by/) as string;
    for (const run of [alice.run, bob]) expect(run.all('paused')).toMatchObject([{ reason: because }]);
    expect([alice.run.all('elected'), bob.all('elected')].map(({ length }) => length)).toEqual([1, 0]);
    const from = alice.run.events.length;
    expect(await asked(arena, 'resume')).toEqual({ status: 0, stdout: 'resumed default/demo\n', stderr: '' });
    await Promise.race([alice.run.event('elected', { from }), bob.event('elected')]);
    await Promise.all([alice.run, bob].map((run) => run.event('resumed')));
  });

  test('that was set before the first start keeps it, SIGTERM ends it, and --try says why', async ({ arena, expect }) => {
    await pausedLock(arena, '--reason=move');
    const alice = await standing(arena);
    alice.signal('SIGTERM');
    expect(await alice.end()).toMatchObject({ signal: 'SIGTERM' });
    expect(alice.events.at(-1)).toMatchObject({ reason: 'stopped by SIGTERM; no command was running' });
    const tried = arena.run({ command: ['true'], flags: ['--try'] });
    expect(await tried.end()).toMatchObject({ status: 124 });
    expect(tried.events.at(-1)?.['reason']).toMatch(/^the lock is paused \(move, by \w+\); no command was running$/);
    expect([alice, tried].flatMap((run) => run.all('elected'))).toEqual([]);
  });

  test('ends by itself at its time, and not before', async ({ arena, expect }) => {
    const untilMs = Math.ceil(Date.now() / 1000) * 1000 + 5000;
    await pausedLock(arena, `--until=${new Date(untilMs).toISOString()}`);
    const run = await standing(arena);
    const { at } = await run.event('elected');
    expect(at).toBeGreaterThanOrEqual(untilMs);
    expect(run.all('paused')).toMatchObject([{ until: new Date(untilMs).toISOString().replace('.000Z', 'Z') }]);
    expect(run.all('resumed')).toHaveLength(1);
  });

  test('outlives the release of the holder, which does not come back', async ({ arena, expect }) => {
    const { run, puppet } = await lead(arena, 'alice', [], longTiming);
    const verb = ask(arena, 'pause');
    await puppet.hears('SIGTERM');
    puppet.exit(0);
    await run.event('paused');
    expect(await verb.end()).toMatchObject({ status: 0 });
    expect((await asked(arena, 'status', '-o', 'json')).stdout).toContain('"paused":{"until":null,');
  });

  test('is done when the holder was killed meanwhile, once its lease is over', async ({ arena, expect }) => {
    const { run } = await lead(arena, 'alice', ['--stop-grace=30s']);
    const verb = ask(arena, 'pause');
    await verb.says('alice is ending its command\n');
    run.signal('SIGKILL');
    expect(await verb.end()).toMatchObject({ status: 0 });
    expect(verb.stdout).toContain('\nthe lease of alice is over\n');
    await run.isAbandoned();
  });

  async function standing(arena: Arena): Promise<Run> {
    const run = arena.run({ command: ['true'] });
    await run.event('paused');
    return run;
  }
});
