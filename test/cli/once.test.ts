// The options of what runs once: which of them go together, and how each slip is answered. What a key, a number or a
// cron line may be is tested with its parser (test/job/values.test.ts).
// To check: each fault is compared as a whole list.
import { expect, test, vi } from 'vitest';
import { readConfig } from '../../src/cli/config.ts';
import type { Facts } from '../../src/cli/facts.ts';

const facts: Facts = { hostname: 'alice', home: '/home/alice', folder: '/', uuid: 'u', isTerminal: false, hasAllBytes: true };

function read(options: readonly string[], env: Record<string, string> = {}) {
  return readConfig(['--lock', 'a/b', ...options, '--', 'job'], env, facts);
}

const tick = ['--once-per-tick', '0 3 * * *'];

test.each([
  { options: [], once: undefined },
  { options: ['--once-per', 'v42'], once: { kind: 'key', key: 'v42', attempts: undefined, doneStatus: 0 } },
  {
    options: ['--once-per', 'v42', '--attempts', '3', '--done-exit-code', '9'],
    once: { kind: 'key', key: 'v42', attempts: 3, doneStatus: 9 },
  },
  { options: tick, once: { kind: 'tick', line: '0 3 * * *', zone: 'UTC', attempts: undefined, doneStatus: 0 } },
  {
    options: [...tick, '--timezone', 'Europe/Berlin', '--attempts', '1', '--hold-for', '0'],
    once: { kind: 'tick', line: '0 3 * * *', zone: 'Europe/Berlin', attempts: 1, doneStatus: 0 },
  },
])('$options name what runs once', ({ options, once }) => {
  expect(read(options)).toMatchObject({ kind: 'run', config: { once } });
});

test('what runs once is named by a variable as well', () => {
  expect(read([], { LEADER_RUN_ONCE_PER: 'v42', LEADER_RUN_ATTEMPTS: '1' })).toMatchObject({
    config: { once: { kind: 'key', key: 'v42', attempts: 1 } },
  });
});

test('a limit of the time that the command may run needs no key', () => {
  expect(read(['--max-runtime', '30m'])).toMatchObject({ config: { maxRuntimeMs: 1_800_000, once: undefined } });
});

test('a run without a cron line loads nothing of time zones, which would cost each start 20 ms', () => {
  using zones = vi.spyOn(Intl, 'DateTimeFormat');
  expect(read([])).toMatchObject({ kind: 'run' });
  expect(zones).not.toHaveBeenCalled();
});

const ways = '--once-per or --once-per-tick';

test.each([
  { options: ['--once-per', 'v42', ...tick], faults: ['--once-per and --once-per-tick both name a key: leave out one of them'] },
  { options: ['--attempts', '1'], faults: [`--attempts: only with ${ways}, since it counts by key`] },
  { options: ['--done-exit-code', '1'], faults: [`--done-exit-code: only with ${ways}, since it counts by key`] },
  { options: ['--timezone', 'UTC', '--once-per', 'v42'], faults: ['--timezone: only with --once-per-tick or --schedule'] },
  {
    options: ['--hold-for', '1m', '--once-per', 'v42'],
    faults: ['--hold-for does not go with --once-per, which remembers the key: leave it out'],
  },
  {
    options: ['--hold-for', '1m', ...tick],
    faults: ['--hold-for does not go with --once-per-tick, which remembers the key: leave it out'],
  },
  { options: ['--once-per', ''], faults: ['--once-per is empty: give it a value or leave it out'] },
  { options: ['--once-per', 'a b'], faults: [expect.stringMatching(/^--once-per a b: a key has at most 64 letters/)] },
  { options: ['--once-per', 'v42', '--attempts', '0'], faults: [expect.stringMatching(/^--attempts 0: with 0 attempts/)] },
  { options: ['--once-per-tick', '0 3 * *'], faults: [expect.stringMatching(/: expected five fields .*, and not 4$/)] },
  { options: ['--once-per-tick', '2026-01-01'], faults: [expect.stringMatching(/: a date comes only once/)] },
  { options: [...tick, '--timezone', 'Mars'], faults: [expect.stringMatching(/^--timezone Mars: expected a time zone/)] },
  { options: ['--max-runtime', '0'], faults: ['--max-runtime 0: expected more than 0, as in 30m'] },
])('$options is a slip', ({ options, faults }) => {
  expect(read(options)).toEqual({ kind: 'faults', faults });
});
