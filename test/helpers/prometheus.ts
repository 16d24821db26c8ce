// A real Prometheus for tests: scrapes each second what it is told of by a file, runs the rules that it is given, and
// answers queries. Decides its settings. Knows no alert and no leader-run; .ci/run fetches the program.
// To check: it listens on this machine alone, and ends with the test, by pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from './servers.ts';
import { until } from './wait.ts';

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [atS: number, value: string];
}

export interface Alert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Prometheus {
  /** Scrapes these from now on, each a host and a port by its name, and no others. */
  readonly scrape: (targets: Readonly<Record<string, string>>) => Promise<void>;
  readonly query: (expr: string) => Promise<readonly Sample[]>;
  readonly alerts: () => Promise<readonly Alert[]>;
  readonly close: () => Promise<void>;
}

const config = (folder: string): string => `
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: ['${folder}/rules.yaml']
scrape_configs:
  - job_name: leader-run
    file_sd_configs: [{files: ['${folder}/targets.json'], refresh_interval: 1s}]
`;

export async function startPrometheus(rules: string): Promise<Prometheus> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leader-run-prometheus-'));
  const address = `127.0.0.1:${await freePort()}`;
  await writeFile(path.join(folder, 'config.yaml'), config(folder));
  await writeFile(path.join(folder, 'rules.yaml'), rules);
  const scrape: Prometheus['scrape'] = async (targets) => {
    const list = Object.entries(targets).map(([instance, target]) => ({ targets: [target], labels: { instance } }));
    // In one step, or half of it is read.
    await writeFile(path.join(folder, 'targets.json.new'), JSON.stringify(list));
    await rename(path.join(folder, 'targets.json.new'), path.join(folder, 'targets.json'));
  };
  await scrape({});
  const flags = [`--config.file=${folder}/config.yaml`, `--storage.tsdb.path=${folder}/data`];
  const child = spawn('prometheus', [...flags, `--web.listen-address=${address}`, '--query.lookback-delta=20s'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], GOMAXPROCS: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ask = async (what: string): Promise<unknown> => {
    const response = await fetch(`http://${address}/api/v1/${what}`);
    const body = (await response.json()) as { status: string; data: unknown; error?: string };
    if (body.status !== 'success') throw new Error(`${what}: ${body.error ?? ''}`);
    return body.data;
  };
  const close = async (): Promise<void> => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const isReady = async (): Promise<boolean> => {
      if (child.exitCode !== null) throw new Error('Prometheus has ended.');
      return await fetch(`http://${address}/-/ready`).then(({ ok }) => ok, () => false);
    };
    await until('Prometheus to be ready', isReady, 60_000, () => said);
  } catch (error) {
    await close();
    throw new Error(`${String(error)}\n${said}`, { cause: error });
  }
  return {
    scrape,
    query: async (expr) => ((await ask(`query?query=${encodeURIComponent(expr)}`)) as { result: Sample[] }).result,
    alerts: async () => ((await ask('alerts')) as { alerts: Alert[] }).alerts,
    close,
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** The panels of a dashboard of Grafana's, as far as a query goes. */
export async function panelsOf(file: string): Promise<readonly { title: string; exprs: readonly string[] }[]> {
  const { panels } = JSON.parse(await readFile(file, 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  return panels.map(({ title, targets }) => ({ title, exprs: targets.map(({ expr }) => expr) }));
}
