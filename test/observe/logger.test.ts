// The log's lines, and that a log nobody reads neither throws nor blocks nor grows.
// The file system is a stand-in that answers when a test says so: full, broken, taking a part. That a real pipe does
// not block the event loop either is for test/process. To check: each write asked for is answered or left on purpose.
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Event } from '../../src/observe/events.ts';
import { createLogger, type LoggerOptions, lineWriter, openLog } from '../../src/observe/logger.ts';

interface Write {
  readonly text: string;
  readonly answer: (error: { code: string } | null, written: number) => void;
}
const writes = vi.hoisted((): Write[] => []);
vi.mock('node:fs', () => ({
  write: (_descriptor: number, bytes: Buffer, _offset: number, _length: number, _at: null, answer: Write['answer']) => {
    writes.push({ text: bytes.toString(), answer });
  },
}));

const wallMs = Date.UTC(2026, 0, 2, 3, 4, 5, 67);
const renewed: Event = { kind: 'renewed', latencyMs: 7 };
const elected: Event = { kind: 'elected', token: '4711', transitions: 2, handOverMs: 14 };
const lost: Event = { kind: 'lost', reason: 'deadline', holder: 'alice', sinceRenewalMs: 10_000 };

function linesOf(events: readonly Event[], options: Partial<LoggerOptions> = {}): string[] {
  const lines: string[] = [];
  const report = createLogger({
    format: 'pretty',
    level: 'debug',
    write: (line) => lines.push(line),
    wall: () => wallMs,
    ...options,
  });
  for (const event of events) report(event);
  return lines;
}

describe('the logger', () => {
  test('writes for people: local time, the program, a sentence', () => {
    const time = new Date(wallMs).toTimeString().slice(0, 8);
    expect(linesOf([elected])).toEqual([
      `${time}.067 leader-run  elected, 14 ms after it was seen free: leading with token 4711 after 2 transitions\n`,
    ]);
  });

  test('colours by weight', () => {
    const wrap = (name: string) => (text: string) => `<${name}>${text}</${name}>`;
    const paint = { faint: wrap('faint'), good: wrap('good'), warning: wrap('warning'), error: wrap('error') };
    const exit: Event = { kind: 'exit', status: 125, reason: 'forbidden' };
    const released: Event = { kind: 'released' };
    expect(linesOf([renewed, elected, released, lost, exit], { paint }).map((line) => line.split('  ')[1])).toEqual([
      '<faint>renewed in 7 ms</faint>\n',
      expect.stringMatching(/^<good>elected/),
      'released the lock\n',
      expect.stringMatching(/^<warning>lost/),
      '<error>exit status 125: forbidden</error>\n',
    ]);
  });

  test('writes for machines: one JSON object a line, with the facts and the sentence', () => {
    const [line = ''] = linesOf([elected], { format: 'json' });
    expect(line.endsWith('}\n')).toBe(true);
    expect(JSON.parse(line)).toEqual({
      time: '2026-01-02T03:04:05.067Z',
      level: 'info',
      event: 'elected',
      token: '4711',
      transitions: 2,
      handOverMs: 14,
      message: 'elected, 14 ms after it was seen free: leading with token 4711 after 2 transitions',
    });
  });

  test('keeps a leader’s exact name in JSON, and a terminal safe from it', () => {
    const leader = 'a\x1b[2J\u009b\u202e\u{e0001}\n\u2028b';
    const [line = ''] = linesOf([{ kind: 'taking', from: 'expired', leader }], { format: 'json' });
    expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(JSON.parse(line)).toMatchObject({ leader });
  });

  test('cuts a megabyte of a name in JSON', () => {
    const [line = ''] = linesOf([{ kind: 'taking', from: 'expired', leader: 'x'.repeat(1_400_000) }], { format: 'json' });
    expect(line.length).toBeLessThan(2000);
  });

  test.each([
    { name: 'debug', level: 'debug', lines: 4 },
    { name: 'info', level: 'info', lines: 3 },
    { name: 'warn', level: 'warn', lines: 2 },
    { name: 'error', level: 'error', lines: 1 },
  ] as const)('leaves out what is below $name', ({ level, lines }) => {
    const events: Event[] = [renewed, elected, lost, { kind: 'exit', status: 125, reason: 'forbidden' }];
    expect(linesOf(events, { level })).toHaveLength(lines);
  });
});

describe('the writer', () => {
  let pauses: { ms: number; callback: () => void }[] = [];
  let dropped: number[] = [];
  const after = (ms: number, callback: () => void): (() => void) => {
    const pause = { ms, callback };
    pauses.push(pause);
    return () => {
      pauses = pauses.filter((other) => other !== pause);
    };
  };
  const answer = (error: { code: string } | null = null, written?: number): string => {
    const next = writes.shift();
    if (!next) throw new Error('nothing was written');
    next.answer(error, written ?? Buffer.byteLength(next.text));
    return next.text;
  };
  const open = (): ReturnType<typeof lineWriter> => lineWriter(2, after, (lines) => dropped.push(lines));

  beforeEach(() => {
    writes.length = 0;
    pauses = [];
    dropped = [];
  });

  test('keeps the order, one write at a time', () => {
    const { write } = open();
    for (const line of ['a\n', 'b\n', 'c\n']) write(line);
    expect(writes).toHaveLength(1);
    expect([answer(), answer()]).toEqual(['a\n', 'b\nc\n']);
    expect(writes).toHaveLength(0);
  });

  test('writes the rest of what was taken in part', () => {
    const { write } = open();
    write('abc\n');
    expect([answer(null, 1), answer()]).toEqual(['abc\n', 'bc\n']);
  });

  test('tries a full non-blocking pipe again', () => {
    const { write } = open();
    write('a\n');
    answer({ code: 'EAGAIN' }, 0);
    expect(writes).toHaveLength(0);
    pauses[0]?.callback();
    expect(answer()).toBe('a\n');
  });

  test.each([{ name: 'EPIPE' }, { name: 'EBADF' }, { name: 'ENOSPC' }])('survives $name, and goes on', ({ name }) => {
    const { write } = open();
    write('a\n');
    write('b\n');
    answer({ code: name }, 0);
    expect(answer()).toBe('b\n');
  });

  test('drops what a stuck reader would make it collect, and says how many lines', () => {
    const { write } = open();
    write('first\n');
    for (let i = 0; i < 20_000; i++) write('x'.repeat(99) + '\n');
    answer();
    expect(answer()).toHaveLength(1_000_000);
    expect(dropped).toEqual([10_000]);
  });

  test('flushes: waits until all is out', async () => {
    const { write, flush } = open();
    await flush();
    write('a\n');
    const flushed = flush();
    answer();
    await flushed;
    expect(pauses).toEqual([]);
  });

  test('flushes: gives up on a stuck reader', async () => {
    const { write, flush } = open();
    write('a\n');
    const flushed = flush();
    expect(pauses.map(({ ms }) => ms)).toEqual([1000]);
    pauses[0]?.callback();
    await flushed;
  });

  test('is what an opened log writes to', async () => {
    const log = await openLog({ format: 'json', level: 'info', colour: true, wall: () => wallMs, after });
    log.report(renewed);
    log.report(elected);
    expect(JSON.parse(answer())).toMatchObject({ event: 'elected' });
  });

  test('tells the log of dropped lines, even where nobody wants to hear it', async () => {
    const log = await openLog({ format: 'json', level: 'error', colour: false, wall: () => wallMs, after });
    const exit: Event = { kind: 'exit', status: 125, reason: 'x'.repeat(1000) };
    for (let i = 0; i < 2000; i++) log.report(exit);
    answer();
    const flushed = log.flush();
    answer();
    await flushed;
    expect(writes).toEqual([]);
  });
});
