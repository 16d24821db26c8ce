// That a log which is not read neither throws nor blocks nor grows.
// The file system is a stand-in that answers when a test says so: full, broken, taking a part. That a real pipe does
// not block the event loop either is for test/process. To check: each write asked for is answered or left on purpose.
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Event } from '../../src/observe/events.ts';
import { LineWriter } from '../../src/observe/line-writer.ts';
import { openLog } from '../../src/observe/logger.ts';

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
  const open = (): LineWriter => new LineWriter({ descriptor: 2, after, onDropped: (lines) => dropped.push(lines) });

  beforeEach(() => {
    writes.length = 0;
    pauses = [];
    dropped = [];
  });

  test('keeps the order, one write at a time', () => {
    const writer = open();
    for (const line of ['a\n', 'b\n', 'c\n']) writer.write(line);
    expect(writes).toHaveLength(1);
    expect([answer(), answer()]).toEqual(['a\n', 'b\nc\n']);
    expect(writes).toHaveLength(0);
  });

  test('writes the rest of what was taken in part', () => {
    const writer = open();
    writer.write('abc\n');
    expect([answer(null, 1), answer()]).toEqual(['abc\n', 'bc\n']);
  });

  test('tries a full non-blocking pipe again', () => {
    const writer = open();
    writer.write('a\n');
    answer({ code: 'EAGAIN' }, 0);
    expect(writes).toHaveLength(0);
    pauses[0]?.callback();
    expect(answer()).toBe('a\n');
  });

  test.each([{ name: 'EPIPE' }, { name: 'EBADF' }, { name: 'ENOSPC' }])('survives $name, and goes on', ({ name }) => {
    const writer = open();
    writer.write('a\n');
    writer.write('b\n');
    answer({ code: name }, 0);
    expect(answer()).toBe('b\n');
  });

  test('drops what a stuck reader would make it collect, and says how many lines', () => {
    const writer = open();
    writer.write('first\n');
    for (let i = 0; i < 20_000; i++) writer.write('x'.repeat(99) + '\n');
    answer();
    expect(answer()).toHaveLength(1_000_000);
    expect(dropped).toEqual([10_000]);
  });

  test('flushes: waits until all is out', async () => {
    const writer = open();
    await writer.flush();
    writer.write('a\n');
    const flushed = writer.flush();
    answer();
    await flushed;
    expect(pauses).toEqual([]);
  });

  test('flushes: gives up on a stuck reader', async () => {
    const writer = open();
    writer.write('a\n');
    const flushed = writer.flush();
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
