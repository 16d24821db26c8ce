// What an operator sees of three replicas with all that shows them switched on, at a roll-out, a step-down, a pause, a
// killed leader and a right that is taken away: the verbs status and doctor, the metrics in a real Prometheus, the
// alerts, the Events and the pod's label each say what the documents say. Prints it as a table, and asserts each cell.
// Knows no reason: what happens to whom is asked of the candidates' logs alone.
// To check: a cell is read after Prometheus has scraped what it tells, and alerts are those that fired since the row
// before; the rules are the file's own, with shortened times.
import { expect, test } from 'vitest';
import { shortened } from '../helpers/alerts.ts';
import { leaderRun, Run } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';
import { onServers } from '../helpers/on-servers.ts';
import { type Prometheus, startPrometheus } from '../helpers/prometheus.ts';
import type { PolicyRule } from '../helpers/servers-client.ts';
import { leaseRule, lockName, type Stage, staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';

const lacking = missing('prometheus', 'promtool');
const more: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'patch'] },
];

interface Row {
  readonly what: string;
  readonly status: string;
  readonly metrics: string;
  readonly alerts: string;
  readonly events: string;
  readonly label: string;
  /** What it does not find well, asked as the candidates' account. */
  readonly doctor: string;
}

onServers('what is seen', ({ client }) => {
  test('of a roll-out, a step-down, a pause, a killed leader and a missing right is what the documents say', { timeout: 300_000 }, async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    await staged(client, async (stage) => {
      await client.allow('worker', stage.namespace, more);
      const prometheus = await startPrometheus(shortened());
      try {
        await play(stage, prometheus);
      } finally {
        await prometheus.close();
      }
    }, { unjudged: true });
  });

  async function play(stage: Stage, prometheus: Prometheus): Promise<void> {
    const { namespace } = stage;
    const name = `${namespace}/${lockName}`;
    const runs = new Map<string, Run>();
    const targets = new Map<string, string>();
    const admin = await stage.file('admin.operator', client.kubeconfig({ user: 'admin', namespace }));
    const worker = await stage.file('worker.operator', client.kubeconfig({ user: 'worker', namespace }));

    const start = async (pod: string): Promise<void> => {
      const metadata = { name: pod, labels: { app: lockName } };
      const spec = { containers: [{ name: 'main', image: 'none' }] };
      await client.admin('POST', `/api/v1/namespaces/${namespace}/pods`, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
      const alive = `${stage.folder}/${pod}.alive`;
      const run = await stage.start(pod, {
        env: { POD_NAME: pod, POD_NAMESPACE: namespace },
        flags: ['--listen=0', `--health-file=${alive}`, '--health-max-age=1m', '--label-pod=role=leader'],
        timing: ['--lease-duration=6s'],
        command: ['sh', '-c', `while :; do : > ${alive}; sleep 1; done`],
      });
      runs.set(pod, run);
      const { message } = await run.event('note', { fits: (line) => line.message.startsWith('answering') });
      targets.set(pod, message.replace('answering requests at http://', ''));
      await prometheus.scrape(Object.fromEntries(targets));
    };
    const stop = async (pod: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
      runs.get(pod)?.signal(signal);
      await runs.get(pod)?.end();
      runs.delete(pod);
      targets.delete(pod);
      await prometheus.scrape(Object.fromEntries(targets));
    };
    const ask = async (words: readonly string[], kubeconfig = admin): Promise<string> => {
      const its = [...words, '--lock', name, '--kubeconfig', kubeconfig];
      const env = { PATH: process.env['PATH'], HOME: stage.folder };
      const run = new Run({ name: words[0] ?? '', words: [process.execPath, leaderRun, ...its], env });
      await run.end(90_000);
      return run.stdout;
    };
    const seen = async (expr: string, withinMs?: number): Promise<void> => {
      const ever = async (): Promise<boolean> => (await prometheus.query(expr)).length > 0;
      await until(expr, ever, withinMs, stage.report);
    };
    /** Who leads of those that live: one that is gone is shown for some scrapes more. */
    const leads = async (): Promise<string> => {
      const living = `leader_election_master_status{instance=~"${[...runs.keys()].join('|')}"} == 1`;
      await seen(`count(${living}) == 1`, 60_000);
      return (await prometheus.query(living))[0]?.metric['instance'] ?? '';
    };
    const messages = async (): Promise<string[]> => {
      const { body } = await client.admin('GET', `/api/v1/namespaces/${namespace}/events`);
      return (body.items ?? []).map((item) => (item as { message?: string }).message ?? '');
    };
    let told: string[] = [];
    /** Those since the last row, once these are among them. */
    const events = async (...wanted: string[]): Promise<string> => {
      const fresh = async (): Promise<string[]> => {
        const rest = [...(await messages())];
        for (const each of told) rest.splice(rest.indexOf(each), 1);
        return rest;
      };
      const areThere = async (): Promise<boolean> => {
        const now = await fresh();
        return wanted.every((each) => now.includes(each));
      };
      await until(`the Events ${wanted.join()}`, areThere, undefined, stage.report);
      const its = await fresh();
      told = await messages();
      return its.sort().join(', ');
    };
    const label = async (pod: string): Promise<string> => {
      const labelled = async (): Promise<string> => {
        const { body } = await client.admin('GET', `/api/v1/namespaces/${namespace}/pods?labelSelector=role%3Dleader`);
        return (body.items ?? []).map(({ metadata }) => metadata?.name ?? '').join();
      };
      await until(`the label on ${pod || 'nobody'}`, async () => (await labelled()) === pod, undefined, stage.report);
      return await labelled();
    };
    let sinceS = Math.floor(Date.now() / 1000);
    const alerts = async (): Promise<string> => {
      const span = Math.max(1, Math.floor(Date.now() / 1000) - sinceS);
      const fired = await prometheus.query(`count by (alertname) (max_over_time(ALERTS{alertstate="firing"}[${String(span)}s]))`);
      sinceS = Math.floor(Date.now() / 1000);
      return fired.map(({ metric }) => metric['alertname'] ?? '').sort().join();
    };
    const status = async (): Promise<string> => {
      const { state, holder, paused } = JSON.parse(await ask(['status', '-o', 'json'])) as {
        state: string; holder: string | null; paused: { reason: string } | null;
      };
      return [state, holder ?? 'nobody', ...(paused ? [`paused: ${paused.reason.replace(/, by .*/, '')}`] : [])].join(', ');
    };
    const doctor = async (): Promise<string> => {
      const { checks } = JSON.parse(await ask(['doctor', '-o', 'json', '--lease-duration', '6s'], worker)) as {
        checks: { section: string; name: string; verdict: string }[];
      };
      const found = checks.filter(({ verdict }) => verdict === 'warn' || verdict === 'fail');
      return found.map((each) => `${each.verdict} ${each.name}`).join(', ');
    };
    const rows: Row[] = [];
    const wanted: Row[] = [];
    type Wishes = Omit<Row, 'what' | 'metrics' | 'doctor'> & { readonly doctor?: string };
    const row = async (what: string, metrics: string, wishes: Wishes, pod: string): Promise<void> => {
      await seen(metrics, 60_000);
      const its = { status: await status(), events: await events(...wishes.events.split(', ')) };
      const shown = metrics.replace(namespace, 'ops');
      const last = { label: await label(pod), alerts: await alerts(), doctor: await doctor() };
      rows.push({ what, metrics: shown, ...its, ...last });
      wanted.push({ what, metrics: shown, doctor: '', ...wishes });
    };

    for (const pod of ['a', 'b', 'c']) await start(pod);
    const first = await leads();
    await row('start', `leader_election_master_status{instance="${first}"} == 1`, {
      ...{ status: `held, ${first}`, alerts: '', events: `${first} became leader`, label: first },
    }, first);

    await start('d');
    await stop(first, 'SIGTERM');
    const second = await leads();
    await row('roll-out', `leader_election_master_status{instance="${second}"} == 1`, {
      ...{ status: `held, ${second}`, alerts: '', label: second },
      events: [`${first} stopped leading`, `${second} became leader`].sort().join(', '),
    }, second);

    await ask(['step-down']);
    await seen(`leader_election_master_status{instance="${second}"} == 0`);
    const third = await leads();
    await row('step-down', `leader_run_terms_given_back_total{instance="${second}",by="step-down"} == 1`, {
      ...{ status: `held, ${third}`, alerts: '', label: third },
      events: [`${second} stopped leading`, `${third} became leader`].sort().join(', '),
    }, third);

    await ask(['pause', '--reason', 'move']);
    await seen('ALERTS{alertstate="firing"}', 90_000);
    await row('pause', `min(leader_run_paused{lock="${name}"}) == 1`, {
      ...{ status: 'free, nobody, paused: move', alerts: 'LeaderRunPausedForADay', label: '', doctor: 'warn pause' },
      events: `${third} stopped leading`,
    }, '');
    await ask(['resume']);
    const fourth = await leads();
    // It had fired until then.
    await seen(`absent(ALERTS{alertstate="firing"})`);
    await row('resume', `max(leader_run_paused{lock="${name}"}) == 0`, {
      ...{ status: `held, ${fourth}`, events: `${fourth} became leader`, label: fourth },
      alerts: 'LeaderRunPausedForADay',
    }, fourth);

    await stop(fourth, 'SIGKILL');
    const fifth = await leads();
    await row('killed leader', `leader_election_master_status{instance="${fifth}"} == 1`, {
      ...{ status: `held, ${fifth}`, alerts: '', events: `${fifth} became leader`, label: fifth },
    }, fifth);

    // The binding of the rule for the Lease alone: Events and labels go on.
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const { body } = await client.admin('GET', `${rbac}/roles`);
    const ofLeases = (body.items ?? []).filter((role) => JSON.stringify(role).includes(leaseRule.resources[0]));
    for (const { metadata } of ofLeases) await client.admin('DELETE', `${rbac}/rolebindings/${metadata?.name ?? ''}`);
    await seen('ALERTS{alertstate="firing",alertname="LeaderRunNobodyLeads"}', 90_000);
    await seen('ALERTS{alertstate="firing",alertname="LeaderRunRequestsFailing"}', 90_000);
    await row('forbidden', `min(leader_run_requests_failing{lock="${name}"}) == 1`, {
      ...{ status: `over, ${fifth}`, label: '', events: `${fifth} stopped leading` },
      alerts: 'LeaderRunNobodyLeads,LeaderRunRequestsFailing',
      doctor: 'fail lock leases',
    }, '');

    console.table(rows);
    expect(rows).toEqual(wanted);
  }
}, { inTurn: true });
