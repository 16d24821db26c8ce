// The alerts of examples/prometheus in a real Prometheus that scrapes real candidates, while one of each fault happens
// to a lock of its own: exactly its alerts fire, and none of a lock with a roll-out, a dead leader and a step-down.
// The rules are those of the file, with all their times shortened by test/helpers/alerts.ts. "Two lead" is an
// imitation: two exporters that say 1, since leader-run does not do that.
// To check: what has ever fired is asked of Prometheus at the end, not gathered on the way.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { rulesFile, shortened, shortSeconds } from '../helpers/alerts.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import type { Run } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';
import { onServers } from '../helpers/on-servers.ts';
import { childrenOf, killQuietly, wordsOf } from '../helpers/procfs.ts';
import { panelsOf, type Prometheus, startPrometheus } from '../helpers/prometheus.ts';
import { type Stage, staged, type StartOptions } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';

const lacking = missing('prometheus', 'promtool');

/** A busy machine costs nobody a term with this. */
const calm = ['--lease-duration=15s'];
const schedule = ['--schedule=0 0 1 1 *', '--attempts=1'];
const stays = ['sleep', '1000'];

/** Where a candidate answers, without the scheme. */
async function addressOf(run: Run): Promise<string> {
  const { message } = await run.event('note', { fits: ({ message: text }) => text.startsWith('answering') });
  return message.replace('answering requests at http://', '');
}

/** Candidates of many locks, each scraped under its name from its start on. */
class Fleet {
  readonly #stage: Stage;
  readonly #prometheus: Prometheus;
  readonly #targets = new Map<string, string>();

  constructor(stage: Stage, prometheus: Prometheus) {
    this.#stage = stage;
    this.#prometheus = prometheus;
  }

  async start(lock: string, name: string, options: StartOptions = {}): Promise<Run> {
    const { flags = [], ...more } = options;
    const its = { timing: calm, command: stays, ...more, flags: ['--listen=0', '--no-events', ...flags] };
    const run = await this.#stage.start(`${lock}-${name}`, { ...its, lock: this.lock(lock) });
    await this.scrape(`${lock}-${name}`, await addressOf(run));
    return run;
  }

  lock(name: string): string {
    return `${this.#stage.namespace}/${name}`;
  }

  async scrape(name: string, address: string): Promise<void> {
    this.#targets.set(name, address);
    await this.#prometheus.scrape(Object.fromEntries(this.#targets));
  }

  /** As service discovery does, some time after the pod is gone. */
  async forget(name: string): Promise<void> {
    this.#targets.delete(name);
    await this.#prometheus.scrape(Object.fromEntries(this.#targets));
  }
}

/** What a program with two leaders would export. */
async function imitation(lock: string): Promise<{ address: string; close: () => void }> {
  const server = createServer((_, response) => {
    response.end(`# TYPE leader_election_master_status gauge\nleader_election_master_status{name="${lock}"} 1\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `127.0.0.1:${String(port)}`, close };
}

onServers('the alerts', ({ client, figures }) => {
  test('fire for their faults in a real Prometheus, and for nothing else', { timeout: 300_000 }, async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    await staged(client, async (stage) => {
      const prometheus = await startPrometheus(shortened());
      const closes: (() => void)[] = [];
      try {
        await play(stage, prometheus, closes);
      } finally {
        for (const close of closes) close();
        await prometheus.close();
      }
    }, { unjudged: true });
  });

  async function play(stage: Stage, prometheus: Prometheus, closes: (() => void)[]): Promise<void> {
    const fleet = new Fleet(stage, prometheus);
    const { port, hostname } = new URL(client.url);
    const behindProxy = async () => {
      const proxy = await startFaultProxy({ to: { host: hostname, port: Number(port) } });
      closes.push(() => { proxy.close(); });
      const cut = (): void => { proxy.refuse(); proxy.reset(); };
      return { server: `https://127.0.0.1:${String(proxy.port)}`, cut };
    };
    const annotate = async (lock: string, name: string, text: string | null): Promise<void> => {
      const at = stage.lease.path.replace(/[^/]*$/, lock);
      const headers = { 'content-type': 'application/merge-patch+json' };
      const patch = { metadata: { annotations: { [name]: text } } };
      const answer = await client.admin('PATCH', at, patch, headers);
      if (answer.status !== 200) throw new Error(answer.text);
    };
    /** Until Prometheus has an answer to it. */
    const seen = async (expr: string): Promise<void> => {
      const ask = async (): Promise<boolean> => (await prometheus.query(expr)).length > 0;
      await until(expr, ask, undefined, stage.report);
    };

    // A schedule with a run each few seconds, of three candidates that are replaced one after the other.
    const crew = [];
    for (const name of ['a', 'b', 'c']) crew.push(await fleet.start('well', name, { flags: schedule, command: ['true'] }));
    const [first, second, third] = crew as [Run, Run, Run];
    await first.event('elected');
    let number = 0;
    const goesOn = async (): Promise<void> => {
      number += 1;
      await annotate('well', 'leader-run/run', `word-${String(number)}`);
    };
    await goesOn();
    const nightly = setInterval(() => void goesOn().catch(() => undefined), 3000);
    closes.push(() => { clearInterval(nightly); });

    // One fault for each lock.
    const none = await behindProxy();
    for (const name of ['a', 'b', 'c']) {
      await fleet.start('nobody', name, { server: none.server, timing: ['--lease-duration=6s'] });
    }
    const half = await behindProxy();
    const steady = await fleet.start('cut', 'a');
    await steady.event('elected');
    const cut = await fleet.start('cut', 'b', { server: half.server });
    await cut.event('standing-by');
    none.cut();
    half.cut();

    const paused = await fleet.start('paused', 'a');
    await paused.event('elected');
    await annotate('paused', 'leader-run/pause', 'and forgotten');

    const idle = await fleet.start('overdue', 'a', { flags: schedule });
    await idle.event('elected');

    const failing = await fleet.start('given-up', 'a', { flags: schedule, command: ['false'] });
    await failing.event('elected');
    await annotate('given-up', 'leader-run/run', 'once');

    const gone = await fleet.start('gone', 'a');
    await gone.event('elected');

    const guarded = await fleet.start('guarded', 'a');
    await guarded.event('command-started');
    await seen(`leader_run_guardians_replaced_total{lock="${fleet.lock('guarded')}"} == 0`);
    for (const nth of [1, 2, 3, 4]) {
      const isGuardian = (pid: number): boolean => /leader-run-guardian|guardian-node/.test(wordsOf(pid).join(' '));
      killQuietly(await until('a guardian', () => childrenOf(guarded.pid).find(isGuardian)));
      await until('the next guardian', () => guarded.all('guardian-replaced').length >= nth, undefined, stage.report);
    }

    for (const name of ['a', 'b']) {
      const { address, close } = await imitation(fleet.lock('two'));
      closes.push(close);
      await fleet.scrape(`two-${name}`, address);
    }

    const flaps = { a: await fleet.start('flaps', 'a'), b: await fleet.start('flaps', 'b') };
    await seen(`leader_run_info{lock="${fleet.lock('gone')}"}`);
    gone.signal('SIGTERM');
    await gone.end();
    await fleet.forget('gone-a');
    for (let round = 0; round < 12; round += 1) {
      const holder = round % 2 === 0 ? ('a' as const) : ('b' as const);
      await until('the leader', () => flaps[holder].all('elected').length > Math.floor(round / 2), undefined, stage.report);
      // Until both were scraped, or the changes keep step with the scrapes: each would lead whenever it is asked.
      await seen(`count(leader_run_transitions_total{lock="${fleet.lock('flaps')}"} == ${String(round)}) == 2`);
      await annotate('flaps', 'leader-run/step-down', `flaps-${holder}`);
    }

    // What happens in peace, to the lock that is well.
    const terms = (runs: readonly Run[]): number => runs.reduce((sum, run) => sum + run.all('elected').length, 0);
    const another = async (runs: readonly Run[], than: number): Promise<void> => {
      await until('another term', () => terms(runs) > than, 60_000, stage.report);
    };
    await annotate('well', 'leader-run/step-down', 'well-a');
    await another([second, third], 0);
    await seen(`leader_run_terms_given_back_total{lock="${fleet.lock('well')}",by="step-down"} > 0`);
    const [leader, other] = second.all('elected').length > 0 ? [second, third] : [third, second];
    leader.signal('SIGTERM');
    await leader.end();
    const last = await fleet.start('well', 'd', { flags: schedule, command: ['true'] });
    await fleet.forget(leader.name);
    await another([first, other, last], 1);
    const after = [first, other, last].find((run) => terms([run]) > (run === first ? 1 : 0)) ?? last;
    const rest = [first, other, last].filter((run) => run !== after);
    const before = terms(rest);
    after.signal('SIGKILL');
    await another(rest, before);

    const texts = new Map<string, string>();
    const missed = async (): Promise<string[]> => {
      for (const { state, labels, annotations } of await prometheus.alerts()) {
        const [{ lock = '', alertname = '' }, its] = [labels, Object.values(annotations).join('\n')];
        if (state === 'firing') texts.set(`${lock.replace(`${stage.namespace}/`, '')} ${alertname}`, its);
      }
      return all.filter((each) => !texts.has(each));
    };
    const all = Object.entries(expected).flatMap(([lock, alerts]) => alerts.map((alert) => `${lock} ${alert}`));
    const detail = (): string => `${all.filter((each) => !texts.has(each)).join('\n')}\n${stage.report()}`;
    await until('these alerts:', async () => (await missed()).length === 0, 90_000, detail);
    const daily = (failing.events[0]?.at ?? Infinity) + 1000 * shortSeconds(26 * 3600);
    await until('the time in which a job has to succeed', () => Date.now() > daily, 60_000);
    await missed();
    const ever = await prometheus.query('max_over_time(ALERTS{alertstate="firing"}[10m])');
    const fired = ever.map(({ metric }) => `${(metric['lock'] ?? '').replace(`${stage.namespace}/`, '')} ${metric['alertname'] ?? ''}`);
    figures.push(...[...new Set(fired)].sort());
    expect([...new Set(fired)].sort()).toEqual([...all].sort());
    for (const [name, text] of texts) {
      expect(text).toContain(fleet.lock(name.split(' ')[0] ?? ''));
      expect(text).not.toMatch(/<no value>|<error|\{\{/);
    }

    // The panels, asked as Grafana asks them: again and again, for the newest leader is yet to be scraped.
    const dashboard = path.join(path.dirname(rulesFile), 'dashboard.json');
    for (const { title, exprs } of await panelsOf(dashboard)) {
      const answers = exprs.map((expr) => expr.replaceAll('$lock', fleet.lock('well')).replaceAll('$__rate_interval', '2m'));
      const shows = async (): Promise<boolean> =>
        (await Promise.all(answers.map((expr) => prometheus.query(expr)))).flat().length > 0;
      await until(`the panel ${title} to show something`, shows);
    }

    const text = await (await fetch(`http://${await addressOf(last === after ? other : last)}/metrics`)).text();
    expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8', stdio: 'pipe' })).toBe('');
  }
}, { inTurn: true });

/** By lock; of the lock that is well, none. */
const expected: Readonly<Record<string, readonly string[]>> = {
  nobody: ['LeaderRunNobodyLeads', 'LeaderRunRequestsFailing'],
  cut: ['LeaderRunRequestsFailing'],
  paused: ['LeaderRunPausedForADay'],
  overdue: ['LeaderRunSuccessOverdue'],
  'given-up': ['LeaderRunGivenUp', 'LeaderRunSuccessOverdue'],
  gone: ['LeaderRunNoCandidates'],
  guarded: ['LeaderRunGuardianDies'],
  two: ['LeaderRunTwoLead'],
  flaps: ['LeaderRunFlapping'],
};
