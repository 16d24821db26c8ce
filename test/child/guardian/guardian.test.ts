// The keeper of the guardian against guardians of the test's own making, which answer what the test says: which answer
// counts for which line, how long a silent one is waited for, and what its successor is told. What real ones do is
// tested in test/process/guardian.test.ts. Time passes by hand.

import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { beforeEach, expect, test, vi } from 'vitest';
import { Guardian } from '../../../src/child/guardian/guardian.ts';
import { type Instant, later } from '../../../src/clock.ts';
import { ManualClock, settled } from '../../helpers/manual-clock.ts';

const made = vi.hoisted(() => ({ next: (): unknown => undefined }));
vi.mock('node:child_process', () => ({ spawn: () => made.next() }));

/** A process that says that it is ready, and then what the test tells it to say. */
class Fake extends EventEmitter {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly lines: string[] = [];
  isKilled = false;

  constructor() {
    super();
    this.stdin.setEncoding('latin1').on('data', (text: string) => this.lines.push(...text.trim().split('\n')));
    this.say('R');
  }

  say(line: string): void {
    this.stdout.write(`${line}\n`);
  }

  kill(): void {
    this.isKilled = true;
    setImmediate(() => this.emit('exit', null, 'SIGKILL'));
  }
}

let clock: ManualClock;
let fakes: Fake[];
let failures: string[];
let guardian: Guardian;
beforeEach(async () => {
  clock = new ManualClock();
  fakes = [];
  failures = [];
  made.next = () => {
    const fake = new Fake();
    fakes.push(fake);
    return fake;
  };
  const onFailure = (message: string): void => void failures.push(message);
  guardian = new Guardian({ choice: 'node', cookie: 'C', clock, report: () => undefined, onFailure });
  await guardian.launch();
  guardian.watch(4711);
});

/** What became of a promise so far. */
function followed<T>(promise: Promise<T>): { value: T | 'pending' } {
  const state: { value: T | 'pending' } = { value: 'pending' };
  void promise.then((value) => (state.value = value));
  return state;
}

function at(ms: number): { deadline: Instant; text: string } {
  const deadline = later(clock.now(), ms);
  return { deadline, text: String(Math.floor(deadline.boot / 10)) };
}

function fake(index: number): Fake {
  const found = fakes[index];
  if (found === undefined) throw new Error(`there is no guardian ${String(index)}`);
  return found;
}

test('an answer counts for its own line, and for no other that was sent', async () => {
  const [first, second] = [at(10_000), at(20_000)];
  const armed = [followed(guardian.arm(first.deadline)), followed(guardian.arm(second.deadline))];
  await settled();
  expect(fake(0).lines).toEqual(['T 4711', `D 1 ${first.text}`, `D 2 ${second.text}`]);
  fake(0).say('A 1');
  await vi.waitFor(() => {
    expect(armed[0]?.value).toBe(true);
  });
  expect(armed[1]?.value).toBe('pending');
  fake(0).say('A 2');
  await vi.waitFor(() => {
    expect(armed[1]?.value).toBe(true);
  });
});

test('an answer counts also when it comes in pieces, and with others', async () => {
  const armed = [1, 2, 3].map((each) => followed(guardian.arm(at(each * 10_000).deadline)));
  await settled();
  for (const piece of ['A', ' 1\nA ', '2\nA 3', '\n']) fake(0).stdout.write(piece);
  await vi.waitFor(() => {
    expect(armed.map(({ value }) => value)).toEqual([true, true, true]);
  });
});

test('a deadline is rounded to earlier, never to later', async () => {
  const base = clock.now();
  void guardian.arm({ mono: base.mono + 1_009, boot: base.boot + 1_009 });
  await settled();
  expect(fake(0).lines.at(-1)).toBe(`D 1 ${String(base.boot / 10 + 100)}`);
});

test('a guardian that does not answer is replaced after a second, and its successor is told all that holds', async () => {
  const { deadline, text } = at(10_000);
  const armed = followed(guardian.arm(deadline));
  await clock.pass(999);
  expect(fakes).toHaveLength(1);
  await clock.pass(50);
  expect(fake(0).isKilled).toBe(true);
  await vi.waitFor(() => {
    expect(fakes).toHaveLength(2);
    expect(fake(1).lines.slice(0, 2)).toEqual(['T 4711', `D 0 ${text}`]);
  });
  expect(armed.value).toBe('pending');
  fake(1).say('A 0');
  await vi.waitFor(() => {
    expect(armed.value).toBe(true);
  });
});

test('a line that is not answered is sent once more before that, as it holds by then', async () => {
  const [first, second] = [at(10_000), at(20_000)];
  void guardian.arm(first.deadline);
  await clock.pass(100);
  void guardian.arm(second.deadline);
  await clock.pass(350);
  expect(fake(0).lines.filter((line) => line.startsWith('D 1 '))).toEqual([`D 1 ${first.text}`, `D 1 ${second.text}`]);
});

test('there are never two at a time, and of three that say nothing the last one is the last', async () => {
  const armed = followed(guardian.arm(at(60_000).deadline));
  const alive = (): number => fakes.filter(({ isKilled }) => !isKilled).length;
  for (let ms = 0; ms < 10_000; ms += 100) {
    await clock.pass(100);
    expect(alive()).toBeLessThanOrEqual(1);
  }
  await vi.waitFor(() => {
    expect(armed.value).toBe(false);
  });
  expect(fakes.length).toBeLessThanOrEqual(4);
});

test('a guardian that has let go of the command is not armed again for it by its successor', async () => {
  const armed = guardian.arm(at(10_000).deadline);
  await settled();
  fake(0).say('A 1');
  await armed;
  const disarmed = followed(guardian.disarm());
  await clock.pass(1_100);
  await vi.waitFor(() => {
    expect(fake(1).lines).toHaveLength(1);
  });
  expect(disarmed.value).toBe('pending');
  expect(fake(1).lines[0]).toMatch(/^X \d+$/);
  fake(1).say(`A ${String(fake(1).lines[0]?.slice(2))}`);
  await vi.waitFor(() => {
    expect(disarmed.value).toBeUndefined();
  });
});

test('a guardian that ends unasked is replaced, and one that has done its duty is not', async () => {
  fake(0).emit('exit', 9, null);
  await clock.pass(100);
  expect(fakes).toHaveLength(1);
  await guardian.launch();
  expect(fakes).toHaveLength(2);
  guardian.watch(4712);
  fake(1).emit('exit', null, 'SIGSEGV');
  await vi.waitFor(() => {
    expect(fakes).toHaveLength(3);
    expect(fake(2).lines).toEqual(['T 4712']);
  });
  expect(failures).toEqual([]);
});
