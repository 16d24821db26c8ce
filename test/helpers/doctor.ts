// leader-run doctor on a stage of test/cluster, and its report as programs read it.
// Decides as whom it asks. Knows no check by name.
// To check: what it prints is one object of JSON, or the test fails.
import { leaderRun, Run } from './leader-run.ts';
import type { ServersClient, User } from './servers-client.ts';
import { lockName, type Stage } from './stage.ts';

export interface Check {
  readonly section: string;
  readonly name: string;
  readonly verdict: 'ok' | 'warn' | 'fail' | 'skip';
  readonly text: string;
  readonly fix?: string;
}

export interface Report {
  readonly status: number | null;
  readonly stderr: string;
  readonly checks: readonly Check[];
  readonly failed: readonly Check[];
  readonly of: (name: string) => Check | undefined;
}

export interface ExamineOptions {
  readonly user?: User;
  readonly kubeconfig?: string;
  readonly lock?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** doctor for the lock `job` of the stage, with a command, as JSON. */
export async function examine(
  client: ServersClient,
  stage: Stage,
  flags: readonly string[],
  { user = 'worker', kubeconfig, lock = `${stage.namespace}/${lockName}`, env = {} }: ExamineOptions = {},
): Promise<Report> {
  const file = kubeconfig ?? (await stage.file(`${user}.doctor`, client.kubeconfig({ user, namespace: stage.namespace })));
  const words = [process.execPath, leaderRun, 'doctor', '--lock', lock, '--kubeconfig', file, '-o', 'json', ...flags, '--', 'true'];
  const run = new Run({ name: 'doctor', words, env: { PATH: process.env['PATH'], HOME: stage.folder, ...env } });
  const { status } = await run.end();
  const { checks } = JSON.parse(run.stdout) as { checks: Check[] };
  const failed = checks.filter(({ verdict }) => verdict === 'fail');
  return { status, stderr: run.stderr, checks, failed, of: (name) => checks.find((check) => check.name === name) };
}

