// kubectl itself, for tests: built once from test/kube-api/config/kubectl, and run against a server as its admin.
// Decides where it finds its cluster: in a kubeconfig of the caller's, and in nothing of this machine's.
// To check: a failure is an answer with its words, and never an exception of the helper.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { goTool } from './go-tool.ts';

/** A first build takes minutes. */
export const longestBuildMs = 20 * 60_000;

/** Throws ToolMissing where it can be neither found nor built. */
export async function kubectlBinary(): Promise<string> {
  const dir = path.join(import.meta.dirname, '../kube-api/config/kubectl');
  return await goTool({ dir, package: '.', name: 'kubectl' });
}

export interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Kubectl {
  readonly run: (words: readonly string[], stdin?: string) => Promise<Said>;
  /** A line for sh, in which `kubectl` is this one and `leader-run` the built program. */
  readonly shell: (line: string, leaderRun: string) => Promise<Said>;
  readonly close: () => Promise<void>;
}

export async function openKubectl(kubeconfig: string): Promise<Kubectl> {
  const binary = await kubectlBinary();
  const folder = await mkdtemp(path.join(tmpdir(), 'leader-run-kubectl-'));
  const config = path.join(folder, 'config');
  await writeFile(config, kubeconfig, { mode: 0o600 });
  const env = { HOME: folder, PATH: process.env['PATH'], KUBECONFIG: config, GOMAXPROCS: '2' };
  const run = async (file: string, words: readonly string[], stdin: string): Promise<Said> =>
    await new Promise((resolve) => {
      const options = { env, cwd: folder, maxBuffer: 2 ** 26 };
      const child = execFile(file, words, options, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
      // It may end before it has read all.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(stdin);
    });
  return {
    run: async (words, stdin = '') => await run(binary, words, stdin),
    shell: async (line, leaderRun) => {
      const named = `kubectl() { ${binary} "$@"; }; program() { ${process.execPath} ${leaderRun} "$@"; }`;
      return await run('sh', ['-c', `${named}; ${line.replace(/^leader-run /, 'program ')}`], '');
    },
    close: async () => {
      await rm(folder, { recursive: true, force: true });
    },
  };
}
