// Where tests run candidates against a real API server: a namespace, users and rights, a folder and stamped commands of
// the test's own, and leader-run or client-go's elector as candidates of one lock. Decides how a candidate finds its
// cluster and how everything is cleared away. Does not know what is tested; stamps.ts decides whether two commands ever
// lived at once.
// To check: nothing outlives its stage: whatever the test did, processes are ended by pid, and what they may have left
// is looked for by the name of the stage's folder.
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { leaderRun, Run, shortTiming } from './leader-run.ts';
import { openPod, type Pod } from './pod.ts';
import { isAlive, killQuietly, listPids, textOf } from './procfs.ts';
import type { KubeObject, PolicyRule, ServersClient, User } from './servers-client.ts';
import { type CommandOptions, openStamps, type Stamps } from './stamps.ts';

/** What the example Role of README allows, for any lock of the namespace. */
export const leaseRule = {
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  verbs: ['get', 'create', 'update', 'watch'],
} as const;

export const lockName = 'job';

/** Where a candidate finds its cluster: in a kubeconfig, or as in a pod, in files that kubelet mounts and replaces. */
export type Shape = 'kubeconfig' | 'pod';

export interface StageOptions {
  readonly shape?: Shape;
  /** What `worker` may do in the stage's namespace; none: nothing. */
  readonly rules?: readonly PolicyRule[];
  /** Two commands at once are no failure here: another elector is at work, and the test says what it saw. */
  readonly unjudged?: boolean;
  /** The storage is put back, and with it the numbers of its versions: a token may come again. */
  readonly tokensRepeat?: boolean;
}

export interface StartOptions extends CommandOptions {
  readonly flags?: readonly string[];
  /** Instead of the short one. */
  readonly timing?: readonly string[];
  readonly user?: User;
  /** What stands between the candidate and the server. */
  readonly server?: string;
  /** Instead of one made for the user. */
  readonly kubeconfig?: string;
  readonly lock?: string;
  /** A folder of `--local` instead of the cluster. */
  readonly store?: string;
  /** Put in front: `unshare ...`, `sh -c ...`; it must become leader-run, so that signals reach that. */
  readonly through?: readonly string[];
  /** Instead of a stamped command. */
  readonly command?: readonly string[];
  /** Instead of all other arguments, the command among them. */
  readonly args?: readonly string[];
  readonly identity?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Plays on a stage of its own; afterwards the witnesses are heard and everything is cleared away. */
export async function staged(
  client: ServersClient,
  play: (stage: Stage) => Promise<void>,
  options: StageOptions = {},
): Promise<void> {
  const namespace = `stage-${randomUUID().slice(0, 13)}`;
  await client.createNamespace(namespace);
  const { rules = [leaseRule] } = options;
  if (rules.length > 0) await client.allow('worker', namespace, rules);
  const folder = await mkdtemp(path.join(tmpdir(), 'leader-run-stage-'));
  const stage = new Stage(client, namespace, folder, await openStamps(folder), options.shape);
  try {
    await play(stage);
    const { complaints } = await stage.stamps.verdict();
    const meant = complaints.filter((each) => !(options.tokensRepeat === true && each.startsWith('token ')));
    if (meant.length > 0 && options.unjudged !== true) throw new Error(`two commands at once: ${meant.join('; ')}`);
  } catch (error) {
    console.error(`${String(error)}\n${stage.report()}`);
    throw error;
  } finally {
    await stage.close();
  }
}

/** Tests take it apart, so what they call are fields and not methods. */
export class Stage {
  readonly #client: ServersClient;
  readonly #shape: Shape;
  readonly #runs: Run[] = [];
  readonly #pods: Pod[] = [];
  /** Candidates whose command nobody ends when they die. */
  readonly #orphaning = new Set<string>();
  readonly namespace: string;
  readonly folder: string;
  readonly stamps: Stamps;
  readonly lease: LeaseDesk;

  constructor(client: ServersClient, namespace: string, folder: string, stamps: Stamps, shape: Shape = 'kubeconfig') {
    this.#client = client;
    this.#shape = shape;
    this.namespace = namespace;
    this.folder = folder;
    this.stamps = stamps;
    this.lease = leaseDesk(client, namespace);
  }

  readonly start = async (name: string, options: StartOptions = {}): Promise<Run> => {
    const { flags = [], timing = shortTiming, lock = `${this.namespace}/${lockName}`, identity = name } = options;
    const { command = this.stamps.command(name, options), through = [] } = options;
    const place = await this.#placeOf(name, options);
    const log = ['--log-format=json', '--log-level=debug'];
    const given = [
      '--lock',
      lock,
      ...place.flags,
      '--identity',
      identity,
      ...log,
      ...timing,
      ...flags,
      '--',
      ...command,
    ];
    const words = [...place.through, ...through, process.execPath, leaderRun, ...(options.args ?? given)];
    const run = this.#launch(name, words, { ...place.env, ...options.env });
    // Its files are replaced for as long as it reads them.
    void run.ended.then(() => place.pod?.close());
    return run;
  };

  /** client-go's own elector: `binary` is what `clientGoElector` gives. */
  readonly startClientGo = async (name: string, binary: string, options: StartOptions = {}): Promise<Run> => {
    const { flags = [], identity = name, command = this.stamps.command(name, options), env } = options;
    const { timing = ['-lease-duration=4s', '-renew-deadline=2s', '-retry-period=400ms'] } = options;
    const config = await this.#configOf(name, options);
    const set = [`-kubeconfig=${config}`, `-lock=${this.namespace}/${lockName}`, `-identity=${identity}`];
    this.#orphaning.add(name);
    return this.#launch(name, [binary, ...set, ...timing, ...flags, '--', ...command], env);
  };

  /** Writes a file into the folder and gives its path. */
  readonly file = async (name: string, text: string): Promise<string> => {
    const full = path.join(this.folder, name);
    await writeFile(full, text, { mode: 0o600 });
    return full;
  };

  /** What all candidates have said, for a failure. */
  readonly report = (): string => this.#runs.map((run) => run.text()).join('\n');

  async close(): Promise<void> {
    for (const pod of this.#pods) await pod.close();
    for (const run of this.#runs) run.signal('SIGCONT');
    for (const run of this.#runs) run.signal('SIGKILL');
    for (const run of this.#runs) await run.end();
    for (const life of await this.stamps.lives())
      if (this.#orphaning.has(life.name) && isAlive(life.pid)) killQuietly(life.pid);
    // The guardians have some 250 ms for what the candidates leave; what is left after that is a fault, and ended.
    const left = await untilNoneNames(this.folder, 10_000);
    for (const pid of left) killQuietly(pid);
    await rm(this.folder, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`processes outlived the test: ${left.join(', ')}`);
  }

  #launch(name: string, words: readonly string[], env: StartOptions['env']): Run {
    const its = { PATH: process.env['PATH'], HOME: this.folder, ...env };
    const run = new Run({ name, words, env: its, cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#runs.push(run);
    return run;
  }

  async #placeOf(name: string, options: StartOptions): Promise<Place> {
    if (options.store !== undefined) return { flags: [`--local=${options.store}`], through: [], env: {} };
    const config = await this.#configOf(name, options);
    if (this.#shape === 'kubeconfig') return { flags: ['--kubeconfig', config], through: [], env: {} };
    const pod = await openPod(path.join(this.folder, `${name}.pod`), await readFile(config, 'utf8'));
    this.#pods.push(pod);
    return { flags: [], through: pod.through, env: pod.env, pod };
  }

  async #configOf(name: string, { user = 'worker', server, kubeconfig }: StartOptions): Promise<string> {
    if (kubeconfig !== undefined) return kubeconfig;
    const { namespace } = this;
    const text = this.#client.kubeconfig({ user, namespace, ...(server !== undefined && { server }) });
    return await this.file(`${name}.kubeconfig`, text);
  }
}

/** What tells a candidate where its lock is: flags, or a pod around it. */
interface Place {
  readonly flags: readonly string[];
  readonly through: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly pod?: Pod;
}

/** The Lease `job` of the stage, as the admin sees and changes it. */
export interface LeaseDesk {
  readonly path: string;
  readonly read: () => Promise<KubeObject | undefined>;
  readonly spec: () => Promise<Readonly<Record<string, unknown>>>;
  /** A merge patch, by somebody who ignores all rules. */
  readonly patch: (patch: unknown) => Promise<void>;
  readonly create: (spec: unknown) => Promise<void>;
  readonly remove: () => Promise<void>;
  /** When the holder wrote its last renewal, by its own wall clock: a lower bound of when that was sent. */
  readonly renewedAt: () => Promise<number>;
}

function leaseDesk(client: ServersClient, namespace: string): LeaseDesk {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const its = `${collection}/${lockName}`;
  const must = async (status: number, ...call: Parameters<ServersClient['admin']>): Promise<void> => {
    const answer = await client.admin(...call);
    const [method, at] = call;
    if (answer.status !== status)
      throw new Error(`${method} ${at}: the server answered ${answer.status}: ${answer.text}`);
  };
  const desk: LeaseDesk = {
    path: its,
    async read() {
      const { status, body, text } = await client.admin('GET', its);
      if (status === 404) return undefined;
      if (status !== 200) throw new Error(`GET ${its}: the server answered ${status}: ${text}`);
      return body;
    },
    async spec() {
      return (await desk.read())?.spec ?? {};
    },
    patch: (patch) => must(200, 'PATCH', its, patch, { 'content-type': 'application/merge-patch+json' }),
    create: (spec) => must(201, 'POST', collection, { metadata: { name: lockName }, spec }),
    remove: () => must(200, 'DELETE', its),
    async renewedAt() {
      return Date.parse(String((await desk.spec())['renewTime']));
    },
  };
  return desk;
}

/** Resolves with the processes that still name the folder, in their words or their environment, when time is up. */
async function untilNoneNames(folder: string, withinMs: number): Promise<readonly number[]> {
  const names = (pid: number): boolean =>
    ['cmdline', 'environ'].some((file) => textOf(`/proc/${pid}/${file}`).includes(folder));
  for (const deadline = performance.now() + withinMs; ; await sleep(20)) {
    const left = listPids().filter((pid) => pid !== process.pid && names(pid) && isAlive(pid));
    if (left.length === 0 || performance.now() > deadline) return left;
  }
}
