// The options of what runs at ticks: which of them go together, and how each slip is answered. What a cron line or a
// zone may be is tested with its parser (test/job/values.test.ts), and a jitter that is too long for its line with the
// real program.
// To check: each fault is compared as a whole list.
import { expect, test } from 'vitest';
import { readConfig } from '../../src/cli/config.ts';
import type { Facts } from '../../src/cli/facts.ts';

const facts: Facts = { hostname: 'alice', home: '/home/alice', folder: '/', uuid: 'u', isTerminal: false, hasAllBytes: true };

function read(options: readonly string[], env: Record<string, string> = {}) {
  return readConfig(['--lock', 'a/b', ...options, '--', 'job'], env, facts);
}

const nightly = ['--schedule', '0 3 * * *'];
const plain = {
  ...{ line: '0 3 * * *', zone: 'UTC', attempts: 1, catchUp: 'last' },
  ...{ startDeadlineMs: undefined, overlap: 'skip', jitterMs: 0 },
};

test.each([
  { options: [], schedule: undefined },
  { options: nightly, schedule: plain },
  { options: ['--schedule', ' 0  3 * * mon-FRI '], schedule: { ...plain, line: '0 3 * * 1-5' } },
  { options: [...nightly, '--timezone', 'Europe/Berlin'], schedule: { ...plain, zone: 'Europe/Berlin' } },
  { options: [...nightly, '--attempts', '3'], schedule: { ...plain, attempts: 3 } },
  { options: [...nightly, '--catch-up', 'all'], schedule: { ...plain, catchUp: 'all' } },
  { options: [...nightly, '--overlap', 'queue'], schedule: { ...plain, overlap: 'queue' } },
  { options: [...nightly, '--overlap', 'replace'], schedule: { ...plain, overlap: 'replace' } },
  { options: [...nightly, '--jitter', '10m'], schedule: { ...plain, jitterMs: 600_000 } },
  { options: [...nightly, '--start-deadline', '52s'], schedule: { ...plain, startDeadlineMs: 52_000 } },
  // The lease, and what is waited for a foreign holder, are those that are asked for.
  {
    options: [...nightly, '--lease-duration', '60s', '--foreign-grace', '0', '--start-deadline', '90s'],
    schedule: { ...plain, startDeadlineMs: 90_000 },
  },
  { options: [...nightly, '--hold-for', '0', '--max-runtime', '1h'], schedule: plain },
])('$options say what runs at which ticks', ({ options, schedule }) => {
  const config = read(options);
  expect(config.kind).toBe('run');
  expect(config.kind === 'run' && config.config).toMatchObject({ once: undefined });
  expect(config.kind === 'run' && config.config.schedule).toEqual(schedule);
});

test('what runs at ticks is named by variables as well', () => {
  const env = { LEADER_RUN_SCHEDULE: '0 3 * * *', LEADER_RUN_CATCH_UP: 'all', LEADER_RUN_OVERLAP: 'queue' };
  expect(read([], env)).toMatchObject({ config: { schedule: { ...plain, catchUp: 'all', overlap: 'queue' } } });
});

const names = 'minute, hour, day of month, month, day of week';
const disputed = 'means different days to different crons: write * for one of them';
const zones = 'expected a time zone by its name, such as UTC or Europe/Berlin';
const keys = 'its ticks are keys already; leave out one';
const parts = 'the lease duration, the grace for foreign holders and 30 s for clocks';

test.each([
  { options: ['--schedule', ''], faults: ['--schedule is empty: give it a value or leave it out'] },
  { options: ['--schedule', '0 3 * *'], faults: [`--schedule 0 3 * *: expected five fields (${names}), as in 0 3 * * *, and not 4`] },
  { options: ['--schedule', '@daily'], faults: ['--schedule @daily: write 0 0 * * *'] },
  { options: ['--schedule', '@reboot'], faults: ['--schedule @reboot: expected the five fields of a cron line, as in 0 3 * * *'] },
  { options: ['--schedule', '@every'], faults: ['--schedule @every: expected the five fields of a cron line, as in 0 3 * * *'] },
  { options: ['--schedule', '60 3 * * *'], faults: ['--schedule 60 3 * * *: minute 60: expected values from 0 to 59'] },
  { options: ['--schedule', '0 3 */2 * 1'], faults: [`--schedule 0 3 */2 * 1: day of month */2 with day of week 1 ${disputed}, or 1-31/2 for */2`] },
  { options: [...nightly, ...nightly], faults: ['--schedule is given 2 times: give it once'] },
  { options: [...nightly, '--catch-up', 'lst'], faults: ['--catch-up lst: expected last or all; did you mean last?'] },
  { options: [...nightly, '--catch-up', 'none'], faults: ['--catch-up none: expected last or all'] },
  { options: [...nightly, '--overlap', 'wait'], faults: ['--overlap wait: expected skip, queue or replace'] },
  { options: [...nightly, '--overlap', 'repalce'], faults: ['--overlap repalce: expected skip, queue or replace; did you mean replace?'] },
  { options: [...nightly, '--jitter', '5'], faults: ['--jitter 5: a duration needs a unit; write 5s for seconds'] },
  { options: [...nightly, '--jitter', '-5s'], faults: ['--jitter -5s: a duration must not be negative'] },
  { options: [...nightly, '--jitter', ''], faults: ['--jitter is empty: give it a value or leave it out'] },
  { options: [...nightly, '--attempts', '0'], faults: ['--attempts 0: with 0 attempts the command never runs; 1 runs it at most once'] },
  { options: [...nightly, '--attempts', 'many'], faults: ['--attempts many: expected a number from 1 to 999999; 1 runs the command at most once'] },
  { options: [...nightly, '--timezone', 'Mars'], faults: [`--timezone Mars: ${zones}; this Node knows none of this name`] },
  { options: [...nightly, '--timezone', '+02:00'], faults: [`--timezone +02:00: ${zones}`] },
  { options: [...nightly, '--start-deadline', '0'], faults: ['--start-deadline 0: expected more than 0, as in 30m'] },
  { options: [...nightly, '--start-deadline', 'soon'], faults: ['--start-deadline soon: expected a duration such as 500ms, 15s, 1m30s or 1.5h'] },
  { options: [...nightly, '--start-deadline', '51s'], faults: [`--start-deadline: expected at least 52s: ${parts}`] },
  {
    options: [...nightly, '--start-deadline', '90s', '--lease-duration', '60s'],
    faults: [`--start-deadline: expected at least 118s: ${parts}`],
  },
  {
    options: [...nightly, '--start-deadline', '1m', '--foreign-grace', '1m'],
    faults: [`--start-deadline: expected at least 105s: ${parts}`],
  },
  { options: [...nightly, '--hold-for', '1m'], faults: ['--hold-for does not go with --schedule, which keeps the lock: leave it out'] },
  { options: [...nightly, '--once-per', 'v42'], faults: [`--schedule does not go with --once-per: ${keys}`] },
  { options: [...nightly, '--once-per-tick', '0 3 * * *'], faults: [`--schedule does not go with --once-per-tick: ${keys}`] },
  { options: [...nightly, '--done-exit-code', '1'], faults: ['--done-exit-code: only with --once-per or --once-per-tick, since it counts by key'] },
  { options: ['--catch-up', 'all'], faults: ['--catch-up: only with --schedule'] },
  { options: ['--start-deadline', '5m'], faults: ['--start-deadline: only with --schedule'] },
  { options: ['--overlap', 'queue'], faults: ['--overlap: only with --schedule'] },
  { options: ['--jitter', '5m'], faults: ['--jitter: only with --schedule'] },
  { options: ['--jitter', '5m', '--once-per', 'v42'], faults: ['--jitter: only with --schedule'] },
  { options: ['--timezone', 'UTC'], faults: ['--timezone: only with --once-per-tick or --schedule'] },
])('$options is a slip', ({ options, faults }) => {
  expect(read(options)).toEqual({ kind: 'faults', faults });
});

test('a variable that slips is called by its name', () => {
  const fault = 'LEADER_RUN_JITTER=5: a duration needs a unit; write 5s for seconds';
  expect(read(nightly, { LEADER_RUN_JITTER: '5' })).toEqual({ kind: 'faults', faults: [fault] });
});

test('slips of several options are told at once, one sentence each', () => {
  const options = [...nightly, '--overlap', 'wait', '--jitter', '5', '--hold-for', '1m'];
  const faults = [
    '--overlap wait: expected skip, queue or replace',
    '--jitter 5: a duration needs a unit; write 5s for seconds',
    '--hold-for does not go with --schedule, which keeps the lock: leave it out',
  ];
  expect(read(options)).toEqual({ kind: 'faults', faults });
});
