// The log's lines: what each says to people and to machines, and which events have one.
import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/observe/events.ts';
import { createLogger, type LoggerOptions } from '../../src/observe/logger.ts';

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
