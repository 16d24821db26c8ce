// The verbs that steer a lock, on a store in a folder: each sentence and exit status, with a holder that the test plays
// or with none. That real holders obey is tested in test/process and test/cluster.
// To check: the played holder writes as a candidate would, with versions, so that a verb meets what it would meet.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/cli/exit-status.ts';
import { systemClock } from '../../src/clock.ts';
import { alter } from '../../src/commands/alter.ts';
import { lookOf, readOnce } from '../../src/commands/look.ts';
import { jsonOf, rowOf, viewOf } from '../../src/commands/status-text.ts';
import { chosen } from '../../src/commands/verbs.ts';
import type { Instructions } from '../../src/locks/instructions.ts';
import { localLock } from '../../src/locks/local/lock.ts';
import type { Lock, Sighting } from '../../src/locks/lock.ts';
import { released, renewed, taken } from '../../src/locks/record.ts';
import { verbContext } from '../helpers/verb-context.ts';

const run = '01234567-89ab-cdef-0123-456789abcdef';
const me = userInfo().username;
const limit = { limitMs: 5000 };
let folder: string;
let stop: AbortController;
let printed: string;
let lock: Lock;

beforeEach(async () => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'leader-run-steering-')), 'store');
  lock = await localLock({ folder, namespace: 'ops', name: 'nightly', clock: systemClock() });
  stop = new AbortController();
  printed = '';
});
afterEach(() => {
  lock.close();
  rmSync(path.dirname(folder), { recursive: true, force: true });
});

/** Runs a verb as main.ts does. `says` is all of stdout. */
async function ask(words: readonly string[], env: Record<string, string> = {}) {
  const print = (text: string): string => (printed += text);
  const given = { LEADER_RUN_LOCAL: folder, LEADER_RUN_LOCK: 'ops/nightly', ...env };
  const context = verbContext({ env: given, stop: stop.signal, print });
  const { command, words: its } = chosen(words);
  const ending = await command.run({ ...context, words: its });
  const status = exitStatus(ending);
  if (ending.kind !== 'answered') return { says: printed, status, why: 'faults' in ending ? ending.faults : [] };
  const says = (printed + ending.text).replace(/\d+(\.\d+)? m?s after/g, 'T after');
  return { says, status, why: ending.remark === undefined ? [] : [ending.remark] };
}

async function sight(): Promise<Sighting> {
  const answer = await lock.read(limit);
  if (answer.kind !== 'sighted') throw new Error(answer.trouble.message);
  return answer.sighting;
}

async function asked(): Promise<Instructions> {
  const sighting = await sight();
  const found = sighting.kind === 'record' ? sighting.instructions : undefined;
  return Object.fromEntries(Object.entries(found ?? {}).filter(([, text]) => text !== undefined));
}

interface Play {
  readonly leaseSeconds?: number;
  readonly agoMs?: number;
  /** Another elector leaves the signature of whoever was before it. */
  readonly isForeign?: boolean;
  readonly instructions?: Instructions;
}

/** Somebody takes the lock; '' gives it back. */
async function hold(who: string, { leaseSeconds = 15, agoMs = 0, isForeign = false, instructions }: Play = {}) {
  const before = await sight();
  const [record, base] = before.kind === 'record' ? [before.record, before.version] : [undefined, undefined];
  const wall = Date.now() - agoMs;
  const next = who === '' && record ? released(record, wall) : taken(record, who, leaseSeconds, wall);
  const signature = { identity: isForeign ? 'somebody-before' : who, run, number: 1 };
  const answer = await lock.write({ record: next, signature, base, note: undefined, instructions }, limit);
  expect(answer).toMatchObject({ kind: 'stored' });
}

/** The holder's next renewal, whatever was written in between. */
async function renew(): Promise<void> {
  const before = await sight();
  if (before.kind !== 'record' || !before.signature) throw new Error('nobody holds it');
  const { record, version: base, signature } = before;
  const write = { record: renewed(record, Date.now(), 1), signature, base, note: undefined };
  expect(await lock.write(write, limit)).toMatchObject({ kind: 'stored' });
}

/** What a holder does that obeys. */
async function giveBackWhenAsked(of: keyof Instructions, next = ''): Promise<void> {
  await expect.poll(async () => (await asked())[of]).toBeDefined();
  await hold('', { instructions: { ...(await asked()), stepDown: undefined } });
  if (next === '') return;
  await expect.poll(() => printed).toContain('gave it back');
  await hold(next);
}

describe('step-down', () => {
  test('asks the holder by name, says when it gave the lock back and who leads next', async () => {
    await hold('pod-a');
    const [answer] = await Promise.all([
      ask(['step-down', '--reason', 'kernel update']),
      expect
        .poll(asked)
        .toEqual({ stepDown: `pod-a kernel update, by ${me}` })
        .then(() => giveBackWhenAsked('stepDown', 'pod-c')),
    ]);
    expect(answer).toEqual({
      says: 'asked pod-a to hand over ops/nightly\npod-a gave it back, T after the request\npod-c leads, T after the request\n',
      ...{ status: 0, why: [] },
    });
  });

  test('counts a later term of the same holder as the next one', async () => {
    await hold('pod-a');
    const [answer] = await Promise.all([ask(['step-down']), giveBackWhenAsked('stepDown', 'pod-a')]);
    expect(answer).toMatchObject({ says: expect.stringContaining('pod-a leads, T after') as string, status: 0 });
  });

  test.each([
    { to: 'pod-c', status: 0, why: [] },
    { to: 'pod-b', status: 1, why: ['it is not pod-b'] },
  ])('--to $to ends with $status when pod-c leads next', async ({ to, status, why }) => {
    await hold('pod-a');
    const [answer] = await Promise.all([ask(['step-down', '--to', to]), giveBackWhenAsked('stepDown', 'pod-c')]);
    expect(answer).toMatchObject({ says: expect.stringContaining('pod-c leads') as string, status, why });
  });

  test.each([
    { name: 'nobody holds it', play: () => hold('pod-a').then(() => hold('')), says: 'nobody holds ops/nightly' },
    {
      name: 'the lease is over',
      play: () => hold('pod-a', { agoMs: 60_000, leaseSeconds: 1 }),
      says: 'the lease of pod-a is over',
    },
    { name: '--to leads already', to: 'pod-a', play: () => hold('pod-a'), says: 'pod-a leads already' },
  ])('has nothing to do if $name, and asks nothing', async ({ play, says, to }) => {
    await play();
    expect(await ask(['step-down', ...(to === undefined ? [] : ['--to', to])])).toEqual({
      says: `nothing to do: ${says}\n`,
      ...{ status: 0, why: [] },
    });
    expect(await asked()).toEqual({});
  });

  test('does not wait for a holder that is not a leader-run, and asks nothing of it', async () => {
    await hold('controller', { isForeign: true });
    expect(await ask(['step-down'])).toEqual({
      ...{ says: '', status: 1 },
      why: ['ops/nightly is held by controller, which is not a leader-run and obeys no request: end it in its own way'],
    });
    expect(await asked()).toEqual({});
  });

  test('waits for nothing with --timeout 0', async () => {
    await hold('pod-a');
    expect(await ask(['step-down', '--timeout', '0'])).toEqual({
      says: 'asked pod-a to hand over ops/nightly\n',
      ...{ status: 0, why: [] },
    });
    expect(await asked()).toEqual({ stepDown: `pod-a by ${me}` });
  });

  test('says what it still waits for when its time is over', async () => {
    await hold('pod-a');
    expect(await ask(['step-down', '--timeout', '200ms'])).toMatchObject({
      status: 1,
      why: ['pod-a has not handed over within 200 ms: its command may still be ending; the request stands'],
    });
    expect(await asked()).toHaveProperty('stepDown');
  });

  test.each([
    { name: 'nobody follows', pause: undefined, why: 'is there another candidate?' },
    { name: 'it is paused', pause: 'move', why: 'it is paused' },
  ])('says that nobody has taken the lock when $name', async ({ pause, why }) => {
    await hold('pod-a', { instructions: { pause } });
    const [answer] = await Promise.all([ask(['step-down', '--timeout', '1500ms']), giveBackWhenAsked('stepDown')]);
    expect(answer).toMatchObject({ status: 1, why: [`nobody has taken ops/nightly within 1.5 s: ${why}`] });
  });

  test('that is told to stop leaves its request', async () => {
    await hold('pod-a');
    const asking = ask(['step-down']);
    await expect.poll(() => printed).toContain('asked pod-a');
    stop.abort();
    expect(await asking).toMatchObject({ status: 1, why: ['stopped waiting; the request stands'] });
  });
});

describe('pause', () => {
  test('says that the holder is ending its command, and when it gave the lock back', async () => {
    await hold('pod-a');
    const [answer] = await Promise.all([ask(['pause', '--reason', 'move']), giveBackWhenAsked('pause')]);
    expect(answer).toEqual({
      says: 'paused ops/nightly until leader-run resume\npod-a is ending its command\npod-a gave the lock back, T after the request\n',
      ...{ status: 0, why: [] },
    });
    expect(await asked()).toEqual({ pause: `move, by ${me}` });
  });

  test('ends by itself at --until', async () => {
    await hold('pod-a').then(() => hold(''));
    const line = ['pause', '--until', '2099-01-01T07:00:00+01:00', '--reason', 'move'];
    expect(await ask(line)).toEqual({ says: 'paused ops/nightly until 2099-01-01T06:00:00Z\n', status: 0, why: [] });
    expect(await asked()).toEqual({ pause: `2099-01-01T06:00:00Z move, by ${me}` });
  });

  test('has no end where its reason alone begins with a time', async () => {
    await hold('pod-a').then(() => hold(''));
    await ask(['pause', '--reason', '2026-01-01T00:00:00Z was the first failure']);
    expect((await ask(['status', '-o', 'json'])).says).toContain('"paused":{"until":null,');
  });

  test('takes the place of an earlier one, and leaves what else is asked', async () => {
    await hold('pod-a', { instructions: { stepDown: 'pod-a', pause: 'x', run: 'now' } });
    await ask(['pause', '--timeout', '0', '--reason', 'y']);
    expect(await asked()).toEqual({ stepDown: 'pod-a', pause: `y, by ${me}`, run: 'now' });
  });

  test('is refused if --until is over', async () => {
    await hold('pod-a');
    expect(await ask(['pause', '--until', '2026-01-01'])).toMatchObject({
      status: 125,
      why: ['--until 2026-01-01T00:00:00Z is over: name a time that is still to come'],
    });
    expect(await asked()).toEqual({});
  });

  test('stands against a holder that is not a leader-run, which is not waited for', async () => {
    await hold('controller', { isForeign: true });
    expect(await ask(['pause'])).toEqual({
      says: 'paused ops/nightly until leader-run resume\n',
      status: 1,
      why: [
        'controller holds it, is not a leader-run and does not stop: end it in its own way; leader-run will not take the lock',
      ],
    });
    expect(await asked()).toEqual({ pause: `by ${me}` });
  });

  test.each([
    { name: 'a leader-run', isForeign: false },
    { name: 'not a leader-run', isForeign: true },
  ])('is done when the lease of a holder that died is over: $name', async ({ isForeign }) => {
    await hold('pod-a', { isForeign, leaseSeconds: 1, agoMs: isForeign ? 60_000 : 0 });
    expect(await ask(['pause'])).toMatchObject({
      says: expect.stringMatching(/\nthe lease of pod-a is over\n$/) as string,
      ...{ status: 0, why: [] },
    });
  });

  test('waits for a holder that renews, though its clock is a minute behind', async () => {
    await hold('pod-a', { agoMs: 60_000, leaseSeconds: 2 });
    const asking = ask(['pause', '--timeout', '1s']);
    await expect.poll(() => printed).toContain('is ending its command');
    await renew();
    expect(await asking).toMatchObject({
      status: 1,
      why: [expect.stringMatching(/^pod-a still holds the lock after .*: its command may still be ending; the pause/)],
    });
  });

  test('says that it went with the lock when that is deleted meanwhile', async () => {
    await hold('pod-a');
    const asking = ask(['pause']);
    await expect.poll(() => printed).toContain('is ending its command');
    rmSync(path.join(folder, 'ops', 'nightly.lock'), { recursive: true });
    expect(await asking).toMatchObject({ status: 1, why: ['ops/nightly was deleted, and the pause with it'] });
  });

  test('that is told to stop stands', async () => {
    await hold('pod-a');
    const asking = ask(['pause']);
    await expect.poll(() => printed).toContain('is ending');
    stop.abort();
    expect(await asking).toMatchObject({ status: 1, why: ['stopped waiting; the pause stands'] });
  });
});

describe('resume', () => {
  test.each([
    { pause: 'x', says: 'resumed ops/nightly' },
    { pause: '2026-01-01T00:00:00Z x', says: 'the pause of ops/nightly was over' },
    { pause: undefined, says: 'nothing to do: ops/nightly is not paused' },
  ])('of a pause $pause says: $says', async ({ pause, says }) => {
    await hold('pod-a', { instructions: { pause, run: 'now' } });
    expect(await ask(['resume'])).toEqual({ says: `${says}\n`, status: 0, why: [] });
    expect(await asked()).toEqual({ run: 'now' });
  });
});

describe.each(['step-down', 'pause', 'resume'])('%s', (verb) => {
  test('ends with 1 for a lock that does not exist, and makes none', async () => {
    const away = path.join(folder, '..', 'other');
    expect(await ask([verb, '--lock', 'ops/typo', `--local=${away}`])).toEqual({
      ...{ says: '', status: 1 },
      why: ['ops/typo does not exist: it was never taken, or it was deleted'],
    });
    expect(existsSync(away)).toBe(false);
    expect(await ask([verb, '--lock', 'ops/typo'])).toMatchObject({ status: 1 });
    expect(existsSync(path.join(folder, 'ops', 'typo.lock'))).toBe(false);
  });

  test.each([
    { words: ['now'], why: 'now: this verb takes options alone' },
    { words: ['--wait', '5s'], why: '--wait does not belong to this verb: leave it out' },
    { words: ['--lock', 'a/b/c'], why: '--lock a/b/c: expected name or namespace/name' },
  ])('refuses $words in one sentence', async ({ words, why }) => {
    await hold('pod-a');
    expect(await ask([verb, ...words])).toEqual({ says: '', status: 125, why: [why] });
    expect(await asked()).toEqual({});
  });

  test('is found in the environment of a term', async () => {
    await hold('pod-a').then(() => hold(''));
    expect(
      await ask([verb, '--timeout', '0'].slice(0, verb === 'resume' ? 1 : 3), { LEADER_RUN_TOKEN: '7' }),
    ).toMatchObject({
      status: 0,
    });
  });

  test('leaves the election as it is', async () => {
    await hold('pod-a', { instructions: { pause: 'x' } });
    const before = await sight();
    await ask([verb, ...(verb === 'resume' ? [] : ['--timeout', '0'])]);
    const after = await sight();
    if (before.kind !== 'record' || after.kind !== 'record') throw new Error('no record');
    expect([after.record, after.signature]).toEqual([before.record, before.signature]);
    expect(after.version).not.toEqual(before.version);
  });
});

describe('a write of a verb', () => {
  const write = () => ({ kind: 'write', note: undefined, instructions: { pause: 'x' } }) as const;

  test.each([
    { times: 1, ends: false },
    { times: 4, ends: false },
    { times: 5, ends: true },
  ])('is made anew after each of $times renewals in between, and given up after 5', async ({ times, ends }) => {
    await hold('pod-a');
    let left = times;
    const look = async () => {
      const sighting = await sight();
      if (left > 0) await renew();
      left -= 1;
      return lookOf('ops/nightly', sighting, Date.now());
    };
    const result = await alter({ lock, fullName: 'ops/nightly', warnings: [] }, look, write);
    if (ends)
      expect(result).toEqual({
        kind: 'refused',
        faults: ['ops/nightly was written by others at each of 5 tries: try again'],
      });
    else expect(result).toMatchObject({ state: 'held' });
    expect(await asked()).toEqual(ends ? {} : { pause: 'x' });
  });
});

describe('a pair of locks that is between two writes', () => {
  const between = async (times: number) => {
    await hold('pod-a');
    const reads: string[] = [];
    const read: Lock['read'] = async (attempt) => {
      const answer = await lock.read(attempt);
      reads.push(answer.kind);
      if (answer.kind === 'failed' || answer.sighting.kind !== 'record' || reads.length > times) return answer;
      const { record } = answer.sighting;
      return { ...answer, sighting: { ...answer.sighting, record: { ...record, holderIdentity: '?' }, torn: true } };
    };
    const writes: Lock['write'] = (request, attempt) => lock.write(request, attempt);
    const pair = { read, write: writes } as unknown as Lock;
    return { pair, reads };
  };
  const write = () => ({ kind: 'write', note: undefined, instructions: { pause: 'x' } }) as const;

  test('is read again until both are written', async () => {
    const { pair, reads } = await between(3);
    const opened = { lock: pair, fullName: 'ops/nightly', warnings: [] };
    expect(await alter(opened, () => readOnce(pair, 'ops/nightly'), write)).toMatchObject({ state: 'held' });
    expect(reads).toHaveLength(4);
    expect(await sight()).toMatchObject({ record: { holderIdentity: 'pod-a' }, instructions: { pause: 'x' } });
  });

  test('and stays there is not written', async () => {
    const { pair } = await between(Infinity);
    const opened = { lock: pair, fullName: 'ops/nightly', warnings: [] };
    expect(await alter(opened, () => readOnce(pair, 'ops/nightly'), write)).toEqual({
      kind: 'refused',
      faults: ['the two objects of ops/nightly name different holders: try again'],
    });
    expect(await asked()).toEqual({});
  });
});

describe('status', () => {
  const now = Date.parse('2026-11-27T05:00:00Z');
  const asking = (instructions: Instructions): Sighting => ({
    kind: 'record',
    record: taken(undefined, 'pod-a', 15, now - 1000),
    signature: { identity: 'pod-a', run, number: 1 },
    version: { object: 'uid-1', state: '8812' },
    instructions,
  });
  const look = (instructions: Instructions) => lookOf('ops/nightly', asking(instructions), now);

  test.each([
    { pause: '2026-11-27T06:00:00Z move', line: 'paused         until 2026-11-27T06:00:00Z, move' },
    { pause: 'move\x1b[2J', line: 'paused         until resume, move\\x1b[2J' },
    { pause: '', line: 'paused         until resume' },
  ])('shows a pause of $pause', ({ pause, line }) => {
    expect(viewOf(look({ pause }), now).split('\n')[2]).toBe(line);
    expect(rowOf(look({ pause }), now)).toContain('paused');
    const { paused } = JSON.parse(jsonOf(look({ pause }), now)) as { paused: unknown };
    expect(paused).toEqual(
      pause.startsWith('2026') ? { until: '2026-11-27T06:00:00Z', reason: 'move' } : { until: null, reason: pause },
    );
  });

  test('shows a request to step down, and to whom', () => {
    const its = look({ stepDown: 'pod-a kernel update, by root' });
    expect(viewOf(its, now)).toContain('\nasked          to step down: pod-a kernel update, by root\n');
    expect(JSON.parse(jsonOf(its, now))).toMatchObject({ stepDown: 'pod-a kernel update, by root', paused: null });
  });

  test('shows nothing of a pause that is over, or where nothing is asked', () => {
    const quiet = viewOf(look({}), now);
    expect(viewOf(look({ pause: '2026-11-27T05:00:00Z move' }), now)).toBe(quiet);
    expect(rowOf(look({ pause: '2026-11-27T05:00:00Z move' }), now)).not.toContain('paused');
    expect(quiet).not.toMatch(/paused|asked/);
    expect(JSON.parse(jsonOf(look({}), now))).toMatchObject({ paused: null, stepDown: null });
  });
});
