// For each kubeconfig of shapes.ts: as whom kubectl asks the API server, as whom leader-run does, and what they say
// when they do not. docs/kubeconfigs.md is what comes of it; LEADER_RUN_WRITE_PAGES=1 in the environment writes it.
// To check: no row has two users. A row in which one of the two asks and the other does not states why.
// kubectl is built from kubectl/go.mod; without Go the test is skipped, and with CI set it fails instead.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { messageOf } from '../../../src/common/errors.ts';
import { loadKube } from '../../../src/kube-api/config/load.ts';
import { openTransport } from '../../../src/kube-api/transport.ts';
import { leaseLock } from '../../../src/locks/kube/lease.ts';
import { ToolMissing } from '../../helpers/go-tool.ts';
import { kubectlBinary, longestBuildMs } from '../../helpers/kubectl.ts';
import { type Grounds, openGrounds } from './grounds.ts';
import { type Shape, shapesOn } from './shapes.ts';

/** What came of a kubeconfig: as whom the server was asked, and what was said if that came to nothing. */
interface Outcome {
  readonly whom: string | undefined;
  readonly said: string | undefined;
}

interface Row {
  readonly shape: Shape;
  readonly kubectl: Outcome;
  readonly ours: Outcome;
}

let base: string;
let grounds: Grounds;
beforeAll(async () => {
  base = mkdtempSync(path.join(tmpdir(), 'leader-run-shapes-'));
  grounds = await openGrounds();
});
afterAll(() => {
  grounds.close();
  rmSync(base, { recursive: true, force: true });
});

/** Its files in a folder of its own, and the environment of whoever uses them. */
function laidOut(shape: Shape, index: number): { folder: string; env: Record<string, string> } {
  const folder = path.join(base, `shape-${index}`);
  mkdirSync(folder);
  for (const [name, content] of Object.entries(shape.files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    // 0755 so that a plugin can be run; leader-run's warning about it is not what is compared.
    writeFileSync(path.join(folder, name), content, { mode: 0o755 });
  }
  const inFolder = (names: readonly string[]): string =>
    names.map((name) => (name === '' ? '' : path.join(folder, name))).join(':');
  const list = inFolder(shape.list ?? ['config']);
  const env: Record<string, string> = { HOME: folder, PATH: '/usr/bin:/bin', KUBECONFIG: list };
  for (const [name, value] of Object.entries(shape.env ?? {}))
    env[name] = name.startsWith('SSL_') ? inFolder(value.split(':')) : value;
  return { folder, env };
}

/** One line, without what differs from run to run. */
function tidied(text: string, folder: string, lease: string): string {
  const line = text.trim().replaceAll(folder, 'DIR').replaceAll(lease, 'x').replaceAll(/\s+/g, ' ')
    // A certificate is not always of the same length.
    .replace(/input byte \d+/, 'input byte N');
  return grounds.neutral(line);
}

function outcome(lease: string, said: string | undefined): Outcome {
  const arrivals = grounds.arrivals(lease);
  const last = arrivals.at(-1);
  const whom = last && `${last.whom}${last.path.startsWith('/apis/') ? '' : ` at ${last.path.replace(/\/apis.*/, '')}`}`;
  if (last?.status === 200) return { whom, said: undefined };
  return { whom: last?.status === 401 ? undefined : whom, said };
}

async function askKubectl(kubectl: string, shape: Shape, index: number): Promise<Outcome> {
  const { folder, env } = laidOut(shape, index);
  const lease = `kubectl-${index}`;
  const options = { env: { ...env, GOMAXPROCS: '1' }, cwd: folder };
  const context = shape.context === undefined ? [] : ['--context', shape.context];
  const run = async (...what: string[]): Promise<{ status: number; stdout: string; stderr: string }> => {
    return await new Promise((resolve) => {
      const words = [...what, ...context, '--request-timeout', '10s'];
      const child = execFile(kubectl, words, options, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : 1, stdout, stderr });
      });
      child.stdin?.end();
    });
  };
  const { status, stderr } = await run('get', '--raw', `/apis/coordination.k8s.io/v1/namespaces/ns/leases/${lease}`);
  // Its own log's lines, and the advice that it ends with, are not what it says.
  const own = stderr.replaceAll(/^[EWI]\d{4} .*$/gm, '').replace(/To view or setup config.*$/s, '');
  const said = tidied(own, folder, lease);
  if (shape.about === 'namespace' && status === 0) {
    const { stdout } = await run('config', 'view', '--minify', '--output', 'jsonpath={.contexts[0].context.namespace}');
    return { whom: stdout || 'default', said: undefined };
  }
  return outcome(lease, status === 0 ? undefined : said);
}

async function askOurs(shape: Shape, index: number): Promise<Outcome> {
  const { folder, env } = laidOut(shape, index);
  const lease = `ours-${index}`;
  const refused = (error: unknown): Outcome => ({ whom: undefined, said: tidied(messageOf(error), folder, lease) });
  try {
    const target = await loadKube({ clock: systemClock(), env, context: shape.context, serviceAccountFolder: folder });
    const { namespace } = target;
    if (shape.about === 'namespace')
      return { whom: namespace, said: namespace === undefined ? 'has no namespace; use --namespace' : undefined };
    const transport = openTransport(target, { version: '0', env });
    const lock = leaseLock({ transport, namespace: 'ns', name: lease });
    try {
      const answer = await lock.read({ limitMs: 10_000 });
      return outcome(lease, answer.kind === 'failed' ? tidied(answer.trouble.message, folder, lease) : undefined);
    } finally {
      lock.close();
    }
  } catch (error) {
    return refused(error);
  }
}

/** Two at a time, since kubectl takes a core for a tenth of a second. */
async function eachOf<In, Out>(all: readonly In[], work: (one: In, index: number) => Promise<Out>): Promise<Out[]> {
  const made: Out[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < all.length; index = next++) made[index] = await work(all[index] as In, index);
  };
  await Promise.all([worker(), worker()]);
  return made;
}

const root = path.join(import.meta.dirname, '../../..');
const page = path.join(root, 'docs/kubeconfigs.md');

test('for each kubeconfig leader-run is the user that kubectl is, or says why not', { timeout: longestBuildMs }, async (context) => {
  let kubectl: string;
  try {
    kubectl = await kubectlBinary();
  } catch (error) {
    const { CI: ci = '' } = process.env;
    if (!(error instanceof ToolMissing) || (ci !== '' && ci !== 'false')) throw error;
    return context.skip(error.message);
  }
  const shapes = shapesOn(grounds);
  const rows = await eachOf(shapes, async (shape, index): Promise<Row> => ({
    shape,
    kubectl: await askKubectl(kubectl, shape, 2 * index),
    ours: await askOurs(shape, 2 * index + 1),
  }));
  if (process.env['LEADER_RUN_WRITE_PAGES'] === '1') writeFileSync(page, pageOf(rows));
  const titled = (row: Row): string => `${row.shape.part}: ${row.shape.name}`;
  const different = rows.filter((row) => row.kubectl.whom !== row.ours.whom);
  // The worst of all: another user than kubectl.
  const others = different.filter((row) => row.kubectl.whom !== undefined && row.ours.whom !== undefined);
  expect(others.map(line)).toEqual([]);
  expect(different.filter(({ shape }) => shape.why === undefined).map(line)).toEqual([]);
  expect(rows.filter((row) => row.shape.why !== undefined && !different.includes(row)).map(titled)).toEqual([]);
  expect(rows.filter(({ ours }) => ours.whom === undefined && !ours.said).map(titled)).toEqual([]);
  expect(rows.length).toBeGreaterThanOrEqual(60);
  expect(readFileSync(page, 'utf8')).toBe(pageOf(rows));
});

function line({ shape, kubectl, ours }: Row): string {
  return `${shape.part}: ${shape.name}\n  kubectl: ${cell(kubectl)}\n  ours: ${cell(ours)}`;
}

function cell({ whom, said }: Outcome): string {
  const words = said === undefined ? '' : said.length > longest ? `${said.slice(0, longest - 1)}…` : said;
  const text = [whom, words].filter(Boolean).join(': ');
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*');
}
const longest = 300;

function pageOf(rows: readonly Row[]): string {
  const parts = [...new Set(rows.map(({ shape }) => shape.part))];
  const version = /k8s\.io\/kubectl v0\.(\S+)/.exec(readFileSync(path.join(import.meta.dirname, 'kubectl/go.mod'), 'utf8'))?.[1] ?? '';
  const { length: same } = rows.filter(({ kubectl, ours }) => kubectl.whom === ours.whom);
  return [
    '# Kubeconfigs, beside kubectl',
    '',
    'Whom a kubeconfig speaks for, as an API server of the tests saw it: first with kubectl, then with leader-run. A test',
    `run has made this page (\`test/kube-api/config/kubectl.test.ts\`, kubectl 1.${version}), and each later one compares it.`,
    '',
    '- `error: EOF` is what kubectl says where it would ask for a user name, and there is no terminal.',
    '- A cell with a user was answered. The others hold what the program said; nothing was done then.',
    '- `olga`, `tom`, `fay` and `eve` are the users of the id-token, the token, the token file and the plugin. `carol` and',
    '  `dave` have certificates, `bob` a password.',
    `- ${same} of ${rows.length} kubeconfigs come out the same. In the others the last column says why leader-run does otherwise.`,
    '  In none of them are the two different users.',
    '',
    ...parts.flatMap((part) => [
      `## ${part}`,
      '',
      '| kubeconfig | kubectl | leader-run | why otherwise |',
      '| --- | --- | --- | --- |',
      ...rows
        .filter(({ shape }) => shape.part === part)
        .map(({ shape, kubectl, ours }) => `| ${shape.name} | ${cell(kubectl)} | ${cell(ours)} | ${shape.why ?? ''} |`),
      '',
    ]),
  ].join('\n').replace(/\n+$/, '\n');
}
