// The alert rules of examples/prometheus, by promtool: in each made-up hour of three candidates exactly the named
// alerts fire, and no other. And what rules and dashboard name exists: series, sections of the runbook.
// Does not know leader-run: test/cluster/alerts.test.ts has a real Prometheus and real faults.
// To check: a case tells all that fires at its end, so a rule that is too eager fails many cases.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dump } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { rules, rulesFile, shortened } from './helpers/alerts.ts';
import { missing } from './helpers/machine.ts';

type Values = Readonly<Record<string, string>>;

/** The candidates a, b and c of one lock; a leads. What a case names replaces the healthy value; '' is no series. */
interface Case {
  readonly title: string;
  readonly series: Values;
  /** Minutes. */
  readonly after: number;
  readonly fires: readonly string[];
  readonly stepS?: number;
}

const lock = 'lock="ops/nightly"';

/** `10*1 4*0 _`: a value for each step, the last one for ever after. `0+1` grows with each step. */
function values(text: string, steps: number): string {
  const parts = text.split(' ');
  return parts
    .map((part, i) => {
      const [, count = '', value = ''] = /^(?:(\d+)\*)?(.*)$/.exec(part) ?? [];
      const left = i === parts.length - 1 ? steps : Number(count === '' ? 1 : count);
      if (value === 'stale') return 'stale';
      if (value === '_') return `_x${String(left)}`;
      return `${value.includes('+') ? value : `${value}+0`}x${String(left - 1)}`;
    })
    .join(' ');
}

function healthy(name: string): Values {
  const of = (more = ''): string => `{instance="${name}",${lock}${more}}`;
  return {
    [`leader_election_master_status{instance="${name}",name="ops/nightly"}`]: name === 'a' ? '1' : '0',
    [`leader_run_info${of(`,identity="${name}",version="1",guardian="sh"`)}`]: '1',
    [`leader_run_guarded${of()}`]: '1',
    [`leader_run_requests_failing${of()}`]: '0',
    [`leader_run_lock_held${of()}`]: '1',
    [`leader_run_paused${of()}`]: '0',
    [`leader_run_transitions_total${of()}`]: '7',
    [`leader_run_guardians_replaced_total${of()}`]: '0',
  };
}

/** As a case writes it: `lock_held a` is that series of candidate a. */
function named(short: string): string {
  if (short.includes('{')) return short;
  const [name = '', candidate = ''] = short.split(' ');
  if (name === 'master_status') return `leader_election_master_status{instance="${candidate}",name="ops/nightly"}`;
  const more = name === 'info' ? `,identity="${candidate}",version="1",guardian="sh"` : '';
  return `leader_run_${name}{instance="${candidate}",${lock}${more}}`;
}

const all = (name: string, text: string): Values =>
  Object.fromEntries(['a', 'b', 'c'].map((candidate) => [`${name} ${candidate}`, text]));

/** All that is scraped of it. */
const whole = (candidate: string, text: string): Values =>
  Object.fromEntries(Object.entries(healthy(candidate)).map(([name, value]) => [name, text.replaceAll('v', value)]));

const gone = { ...whole('a', '9*v stale _'), ...whole('b', '9*v stale _'), ...whole('c', '9*v stale _') };
const success = 'job_last_success_timestamp_seconds';
const hours = 60;

const cases: readonly Case[] = [
  { title: 'nothing fires where all is well', series: {}, after: 60, fires: [] },

  { title: 'nobody leads', series: all('lock_held', '8*1 0'), after: 4, fires: ['LeaderRunNobodyLeads'] },
  { title: 'nobody leads, which one scrape shows', series: all('lock_held', '8*1 0 1'), after: 2, fires: [] },
  {
    title: 'the leader cannot be scraped, and one standby of two is cut off',
    series: { ...whole('a', '9*v stale _'), 'lock_held b': '0' },
    ...{ after: 10, fires: [] },
  },
  {
    title: 'a paused lock is free',
    series: { ...all('lock_held', '0'), ...all('paused', '1'), ...all('master_status', '0') },
    ...{ after: 60, fires: [] },
  },

  { title: 'two lead', series: { 'master_status b': '8*0 1' }, after: 5, fires: ['LeaderRunTwoLead'] },
  {
    // Scraped one after the other, so that two of three show it at any time.
    title: 'three lead in turn for a few seconds each',
    series: {
      'master_status a': '1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0',
      'master_status b': '0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1',
      'master_status c': '1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1',
    },
    ...{ after: 4.25, fires: [] },
  },
  {
    title: 'a leader is gone, is shown for three more scrapes, and a new candidate leads',
    series: { ...whole('a', '12*v stale _'), ...whole('b', '9*_ v'), 'master_status b': '9*_ 1' },
    ...{ after: 3.25, fires: [] },
  },
  {
    title: 'a leader is gone, is shown for three more scrapes, and another leads',
    series: { ...whole('a', '12*v stale _'), 'master_status b': '9*0 1' },
    ...{ after: 2.75, fires: [] },
  },
  {
    title: "two lead two locks, and two other programs have client-go's metric under one name",
    series: {
      'leader_election_master_status{instance="d",name="ops/other"}': '1',
      'leader_election_master_status{instance="e",name="scheduler"}': '1',
      'leader_election_master_status{instance="f",name="scheduler"}': '1',
    },
    ...{ after: 10, fires: [] },
  },

  { title: 'the leader changes', series: all('transitions_total', '20*7 8*8 8*9 4*10 4*11 12'), after: 12, fires: ['LeaderRunFlapping'] },
  {
    title: 'the leader changes, and each time its candidate is gone for good',
    series: {
      ...{ ...whole('a', '12*v stale _'), 'transitions_total a': '8*7 4*8 stale _' },
      ...{ ...whole('b', '8*_ 16*v stale _'), 'transitions_total b': '8*_ 4*8 8*9 4*10 stale _' },
      ...{ ...whole('c', '20*_ v'), 'transitions_total c': '20*_ 4*10 8*11 12' },
    },
    ...{ after: 12, fires: ['LeaderRunFlapping'] },
  },
  { title: 'the leader changes three times in a roll-out', series: all('transitions_total', '20*7 4*8 4*9 10'), after: 12, fires: [] },
  {
    title: 'all candidates start anew, and a standby is told late',
    series: { ...all('transitions_total', '10*7 8*_ 7'), 'transitions_total b': '10*2 8*_ 20*2 7' },
    ...{ after: 14, fires: [] },
  },
  { title: 'the lock is deleted', series: all('transitions_total', '20*7 4*_ 0'), after: 12, fires: [] },

  { title: 'a job has not succeeded for 27 h', series: all(success, '0'), after: 27 * hours, stepS: 240, fires: ['LeaderRunSuccessOverdue'] },
  { title: 'a job has not succeeded for 25 h', series: all(success, '0'), after: 25 * hours, stepS: 240, fires: [] },
  {
    title: 'a job has succeeded, of which one candidate has not heard',
    series: { ...all(success, '0'), [`${success} b`]: '250*0 60000' },
    ...{ after: 27 * hours, stepS: 240, fires: [] },
  },

  { title: 'a tick is given up', series: { 'job_given_up b': '0 1', 'job_given_up a': '0 1' }, after: 4, fires: ['LeaderRunGivenUp'] },
  {
    title: 'a standby that is cut off knows of a tick that was given up, and of a pause',
    series: { 'job_given_up b': '1', 'job_given_up a': '0', 'paused b': '1', 'requests_failing b': '1' },
    ...{ after: 26 * hours, stepS: 240, fires: ['LeaderRunRequestsFailing'] },
  },

  { title: 'a pause of 25 h', series: all('paused', '1'), after: 25 * hours, stepS: 240, fires: ['LeaderRunPausedForADay'] },
  { title: 'a pause of 23 h', series: all('paused', '1'), after: 23 * hours, stepS: 240, fires: [] },
  {
    title: 'a pause of 25 h that was over for a while',
    series: all('paused', '200*1 5*0 1'),
    ...{ after: 25 * hours, stepS: 240, fires: [] },
  },

  { title: 'requests fail', series: { 'requests_failing b': '4*0 1' }, after: 4, fires: ['LeaderRunRequestsFailing'] },
  { title: 'requests fail for half a minute', series: { 'requests_failing b': '4*0 3*1 0' }, after: 4, fires: [] },

  { title: 'a guardian dies thrice', series: { 'guardians_replaced_total a': '20*0 4*1 4*2 4*3 4' }, after: 10, fires: ['LeaderRunGuardianDies'] },
  { title: 'a guardian dies once', series: { 'guardians_replaced_total a': '20*0 1' }, after: 10, fires: [] },
  {
    title: 'guardians died before their candidates started anew',
    series: { 'guardians_replaced_total a': '60*9 0' },
    ...{ after: 20, fires: [] },
  },
  { title: 'no guardian can be started', series: { 'guarded a': '20*1 0' }, after: 10, fires: ['LeaderRunGuardianDies'] },

  { title: 'all candidates are gone', series: gone, after: 10, fires: ['LeaderRunNoCandidates'] },
  { title: 'all candidates are gone for three minutes', series: gone, after: 5, fires: [] },
  { title: 'all candidates are gone since an hour', series: gone, after: 70, fires: [] },
  {
    title: 'all candidates of --once-per are gone, for the key is done',
    series: { ...gone, [`leader_run_job_runs_total{instance="a",${lock},outcome="ok"}`]: '9*1 stale _' },
    ...{ after: 10, fires: [] },
  },
  {
    title: 'all candidates of a schedule are gone',
    series: {
      ...gone,
      [`leader_run_job_runs_total{instance="a",${lock},outcome="ok"}`]: '9*1 stale _',
      'job_next_timestamp_seconds a': '9*1000 stale _',
    },
    ...{ after: 10, fires: ['LeaderRunNoCandidates'] },
  },
  { title: 'a candidate is gone and another one came', series: { ...whole('a', '9*v stale _'), 'master_status b': '9*0 1' }, after: 10, fires: [] },
];

function testFile({ series, after, stepS = 15, fires }: Case): string {
  const steps = Math.ceil((after * 60) / stepS) + 1;
  const given = Object.fromEntries(Object.entries(series).map(([name, text]) => [named(name), text]));
  const its = { ...healthy('a'), ...healthy('b'), ...healthy('c'), ...given };
  return dump({
    rule_files: [rulesFile],
    evaluation_interval: `${stepS}s`,
    tests: [
      {
        interval: `${stepS}s`,
        input_series: Object.entries(its).map(([name, text]) => ({ series: name, values: values(text, steps) })),
        promql_expr_test: [
          {
            expr: 'count by (alertname, lock) (ALERTS{alertstate="firing"})',
            eval_time: `${after * 60}s`,
            exp_samples: fires.map((alert) => ({ labels: `{alertname="${alert}",${lock}}`, value: 1 })),
          },
        ],
      },
    ],
  });
}

/** What promtool says of it; '' is nothing to complain of. */
function complaints(words: readonly string[], text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'leader-run-alerts-'));
  const file = path.join(folder, 'rules.yaml');
  writeFileSync(file, text);
  try {
    execFileSync('promtool', [...words, file], { encoding: 'utf8', stdio: 'pipe' });
    return '';
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `${stdout}${stderr}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const lacking = missing('promtool');

describe('the alerts', () => {
  test('are rules that promtool takes, as they are and with shortened times', ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    expect(complaints(['check', 'rules'], readFileSync(rulesFile, 'utf8'))).toBe('');
    expect(complaints(['check', 'rules'], shortened())).toBe('');
  });

  test.for(cases)('fire as they are meant to: $title', (its, { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    expect(complaints(['test', 'rules'], testFile(its))).toBe('');
  });

  test('have a case in which they fire, each', () => {
    const names = rules().map(({ alert }) => alert);
    expect([...new Set(cases.flatMap(({ fires }) => fires))].sort()).toEqual([...names].sort());
  });

  test('have texts, a severity, and a section of the runbook in their order', () => {
    const runbook = readFileSync(path.join(import.meta.dirname, '../docs/runbook.md'), 'utf8');
    const titles = [...runbook.matchAll(/^## (.*)$/gm)].map(([, title = '']) => title.toLowerCase());
    const sections = titles.map((title) => `docs/runbook.md#${title.replaceAll(' ', '-')}`);
    expect(rules().map(({ annotations }) => annotations['runbook'])).toEqual(sections);
    for (const { annotations, labels } of rules()) {
      expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook']);
      expect(['critical', 'warning']).toContain(labels['severity']);
      expect(annotations['summary']).toMatch(/\{\{ \$labels\.(lock|name) \}\}/);
    }
  });
});

describe('the dashboard', () => {
  const text = readFileSync(path.join(path.dirname(rulesFile), 'dashboard.json'), 'utf8');
  const { panels } = JSON.parse(text) as { panels: { title: string; targets: { expr: string }[] }[] };
  const page = readFileSync(path.join(import.meta.dirname, '../docs/metrics.md'), 'utf8');
  const families = new Set([...page.matchAll(/^\| `(\w+)\{/gm)].map(([, name = '']) => name));
  const strays = (expr: string): string[] =>
    (expr.match(/\bleader_\w+/g) ?? []).filter((name) => !families.has(name.replace(/_(?:bucket|sum|count)$/, '')));

  test('and the alerts name series that docs/metrics.md has', () => {
    expect(families.size).toBeGreaterThan(10);
    const shown = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect([...rules().map(({ expr }) => expr), ...shown].flatMap(strays)).toEqual([]);
    expect(strays('leader_run_gone{lock="a"}')).toEqual(['leader_run_gone']);
  });

  test('has no two panels of one name, and each shows something of the chosen lock', () => {
    const titles = panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    for (const { expr } of panels.flatMap(({ targets }) => targets)) expect(expr).toMatch(/\{(?:lock|name)="\$lock"\}/);
  });
});

test('docs/metrics.md has a row for each alert, in their order', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../docs/metrics.md'), 'utf8');
  const named = [...page.matchAll(/^\| `(LeaderRun\w+)` \|/gm)].map(([, name]) => name);
  expect(named).toEqual(rules().map(({ alert }) => alert));
});
