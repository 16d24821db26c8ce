// What /metrics says after which events, and of which view. To check: a series is found by its whole name and labels,
// as an alert names it; docs/metrics.md names each family, and promtool reads the text (test/cluster).
import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/observe/events.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { glanceOf, viewOf } from '../helpers/view.ts';

const of = 'lock="ops/nightly"';

/** By name and labels. */
function series(events: readonly Event[], view = viewOf({}), isHealthChecked = false): Map<string, number> {
  const metrics = new Metrics({ isHealthChecked });
  for (const event of events) metrics.hear(event);
  const lines = metrics.text(view).trim().split('\n').filter((line) => !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

describe('a candidate', () => {
  test('that leads is the master, by the name that client-go gives that', () => {
    const name = 'leader_election_master_status{name="ops/nightly"}';
    expect(series([]).get(name)).toBe(0);
    expect(series([], viewOf({ glance: glanceOf({ isLeading: true }) })).get(name)).toBe(1);
    expect(series([], viewOf({ glance: undefined })).get(name)).toBe(0);
  });

  test('tells who it is, with its texts escaped', () => {
    const info = [...series([], viewOf({ identity: 'a"b\\c\nd' })).keys()].find((name) => name.startsWith('leader_run_info'));
    expect(info).toBe(
      `leader_run_info{${of},identity="a\\"b\\\\c\\nd",version="0.1.0",guardian="/bin/bash"}`,
    );
  });

  test('counts its terms, and how each ended', () => {
    const lost: Event = { kind: 'lost', reason: 'taken', holder: 'bob', sinceRenewalMs: 1 };
    const elected: Event = { kind: 'elected', token: '1', transitions: 0, handOverMs: 12 };
    const seen = series([elected, lost, { ...elected, handOverMs: undefined }, { kind: 'deposed', by: 'pause', reason: '' }]);
    expect(seen.get(`leader_run_terms_total{${of}}`)).toBe(2);
    expect(seen.get(`leader_run_terms_lost_total{${of},reason="taken"}`)).toBe(1);
    expect(seen.get(`leader_run_terms_lost_total{${of},reason="deadline"}`)).toBe(0);
    expect(seen.get(`leader_run_terms_given_back_total{${of},by="pause"}`)).toBe(1);
    expect(seen.get(`leader_run_handover_seconds{${of}}`)).toBe(0.012);
  });

  test('has no hand-over to tell of before its first', () => {
    expect(series([]).has(`leader_run_handover_seconds{${of}}`)).toBe(false);
  });

  test('tells how long renewals took, in buckets that hold all below them', () => {
    const seen = series([3, 5, 80, 20_000].map((latencyMs) => ({ kind: 'renewed', latencyMs })));
    const below = (le: string) => seen.get(`leader_run_renew_seconds_bucket{${of},le="${le}"}`);
    expect(['0.005', '0.01', '0.1', '10', '+Inf'].map(below)).toEqual([2, 2, 3, 3, 4]);
    expect(seen.get(`leader_run_renew_seconds_count{${of}}`)).toBe(4);
    expect(seen.get(`leader_run_renew_seconds_sum{${of}}`)).toBeCloseTo(20.088);
  });

  test('tells whether its command runs and is healthy', () => {
    const started: Event = { kind: 'command-started', pid: 1, command: 'job' };
    const sick: Event = { kind: 'deposed', by: 'health', reason: 'silent' };
    const ended: Event = { kind: 'work-ended', how: 'deposed', status: 143 };
    const [runs, health] = [`leader_run_command_running{${of}}`, `leader_run_command_healthy{${of}}`];
    const states = [[], [started], [started, sick], [started, sick, ended], [started, sick, ended, started]];
    expect(states.map((events) => [runs, health].map((name) => series(events, viewOf({}), true).get(name)))).toEqual([
      [0, 1],
      [1, 1],
      [1, 0],
      [0, 0],
      [1, 1],
    ]);
    expect(series([started]).has(health)).toBe(false);
    expect(series([started, sick, ended]).get(`leader_run_command_exits_total{${of},outcome="deposed"}`)).toBe(1);
  });

  test('tells of requests that come to nothing, until they do not', () => {
    const trouble: Event = { kind: 'trouble', doing: 'read', trouble: { cause: 'timeout', message: '' }, leftMs: undefined };
    const name = `leader_run_requests_failing{${of}}`;
    expect(series([trouble]).get(name)).toBe(1);
    expect(series([trouble, { kind: 'recovered', afterMs: 3 }]).get(name)).toBe(0);
  });
});

describe('the lock', () => {
  test('is shown by a standby as well', () => {
    const seen = series([], viewOf({ pause: { untilMs: undefined, reason: '' } }));
    expect(seen.get(`leader_run_lock_held{${of}}`)).toBe(1);
    expect(seen.get(`leader_run_paused{${of}}`)).toBe(1);
    expect(seen.get(`leader_run_transitions_total{${of}}`)).toBe(0);
    const at = Date.parse('2026-01-01T00:00:00Z') / 1000 - 0.8;
    expect(seen.get(`leader_run_last_renewal_timestamp_seconds{${of}}`)).toBeCloseTo(at, 3);
  });

  test('that is not there has no transitions and no renewal', () => {
    const seen = series([], viewOf({ glance: glanceOf({ state: 'absent', sighting: { kind: 'absent' } }) }));
    expect([...seen.keys()].filter((name) => /transitions|last_renewal/.test(name))).toEqual([]);
    expect(seen.get(`leader_run_lock_held{${of}}`)).toBe(0);
  });
});

test('jobs are shown where there are any', () => {
  const runs = { ok: 4, failed: 1, interrupted: 0, unknown: 0, skipped: 9 };
  const job = { lastSuccessMs: 5000, lastDurationMs: 1500, runs, isGivenUp: true };
  const seen = series([], viewOf({ job, nextMs: 60_000 }));
  expect(seen.get(`leader_run_job_last_success_timestamp_seconds{${of}}`)).toBe(5);
  expect(seen.get(`leader_run_job_last_duration_seconds{${of}}`)).toBe(1.5);
  expect(seen.get(`leader_run_job_next_timestamp_seconds{${of}}`)).toBe(60);
  expect(seen.get(`leader_run_job_runs_total{${of},outcome="skipped"}`)).toBe(9);
  expect(seen.get(`leader_run_job_given_up{${of}}`)).toBe(1);
  expect([...series([]).keys()].filter((name) => name.includes('job'))).toEqual([]);
});

test('what is not known is left out', () => {
  const runs = { ok: 0, failed: 0, interrupted: 0, unknown: 0, skipped: 0 };
  const job = { lastSuccessMs: 5000, lastDurationMs: undefined, runs, isGivenUp: undefined };
  const names = [...series([], viewOf({ job })).keys()].filter((name) => /job_(last_duration|next|given)/.test(name));
  expect(names).toEqual([]);
});
