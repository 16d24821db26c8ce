// How tests run candidates against a real API server: leader-run itself (the built bundle) or client-go's elector, on a
// lock, in a namespace and a folder of the test's own. Decides how they are started, watched and cleared away.
// Does not know what is tested. Whether two commands ever lived at once is decided in stamps.ts.
// To check: everything is waited for by a condition with a deadline; nothing outlives its stage: whatever the test did,
// processes are ended by pid, and what they may have left is looked for by the name of the stage's folder.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openPod, type Pod } from './pod.ts';
import type { KubeObject, PolicyRule, ServersClient, User } from './servers-client.ts';
import { type CommandOptions, openStamps, type Stamps } from './stamps.ts';

/** L = 4 s, R = 2 s, r = 0.4 s; lost grace 550 ms, which is all that L leaves. */
export const shortTimings = ['--lease-duration', '4s', '--renew-deadline', '2s', '--retry-period', '400ms'] as const;
export const short = { leaseMs: 4000, renewMs: 2000, retryMs: 400, marginMs: 1200 } as const;

/** What the example Role of README allows, for any lock of the namespace. */
export const leaseRule = {
  apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update', 'watch'],
} as const;

/** One line of JSON from a candidate's stderr. */
export interface LogLine {
  /** Wall clock in ms; NaN where the line carries none. */
  readonly at: number;
  readonly event: string;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface End {
  /** As a shell would say it: 128 + n for a signal. */
  readonly status: number;
  readonly signal: NodeJS.Signals | null;
  readonly at: number;
}

export interface Candidate {
  readonly name: string;
  readonly pid: number;
  readonly identity: string;
  /** What was logged up to now. */
  readonly lines: readonly LogLine[];
  /** All of stderr, for messages. */
  text(): string;
  /** Of one event, so far. */
  all(event: string): readonly LogLine[];
  /** The first line of that event that fits; rejects at once when the candidate has ended without one. */
  line(event: string, options?: LineOptions): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  end(withinMs?: number): Promise<End>;
}

export interface LineOptions {
  readonly fits?: (line: LogLine) => boolean;
  /** Only at or after this position in `lines`. */
  readonly from?: number;
  readonly withinMs?: number;
}

export interface StartOptions extends CommandOptions {
  readonly flags?: readonly string[];
  /** Instead of the short ones. */
  readonly timings?: readonly string[];
  readonly user?: User;
  /** What stands between the candidate and the server. */
  readonly server?: string;
  /** Instead of one made for the user. */
  readonly kubeconfig?: string;
  readonly lock?: string;
  /** A folder of `--local` instead of the cluster. */
  readonly local?: string;
  /** Put in front: `unshare ...`, `sh -c ...`; it must become leader-run, so that signals reach that. */
  readonly through?: readonly string[];
  /** Instead of a stamped command. */
  readonly command?: readonly string[];
  readonly identity?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Stage {
  readonly namespace: string;
  readonly folder: string;
  readonly stamps: Stamps;
  readonly lease: LeaseDesk;
  readonly start: (name: string, options?: StartOptions) => Promise<Candidate>;
  /** client-go's own elector: `binary` is what `clientGoElector` gives. */
  readonly startClientGo: (name: string, binary: string, options?: StartOptions) => Promise<Candidate>;
  /** Writes a file into the folder and gives its path. */
  readonly file: (name: string, text: string) => Promise<string>;
  /** What all candidates have said, for a failure. */
  readonly report: () => string;
  readonly close: () => Promise<void>;
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

export const leaderRun = fileURLToPath(new URL('../../bin/leader-run.js', import.meta.url));
export const lockName = 'job';

/** Where a candidate finds its cluster: in a kubeconfig, or as in a pod, in files that kubelet mounts and replaces. */
export type Shape = 'kubeconfig' | 'pod';

export interface StageOptions {
  readonly shape?: Shape;
  /** What `worker` may do in the stage's namespace; none: nothing. */
  readonly rules?: readonly PolicyRule[];
  /** Two commands at once are no failure here: another elector is at work, and the test says what it saw. */
  readonly unjudged?: boolean;
}

/** Plays on a stage of its own; afterwards the witnesses are heard and everything is cleared away. */
export async function staged(
  client: ServersClient,
  play: (stage: Stage) => Promise<void>,
  options?: StageOptions,
): Promise<void> {
  const stage = await openStage(client, options);
  try {
    await play(stage);
    const { complaints } = await stage.stamps.verdict();
    if (complaints.length > 0 && options?.unjudged !== true) throw new Error(`two commands at once: ${complaints.join('; ')}`);
  } catch (error) {
    console.error(`${String(error)}
${stage.report()}`);
    throw error;
  } finally {
    await stage.close();
  }
}

async function openStage(
  client: ServersClient,
  { rules = [leaseRule], shape = 'kubeconfig' }: StageOptions = {},
): Promise<Stage> {
  const namespace = `stage-${randomUUID().slice(0, 13)}`;
  const folder = await mkdtemp(path.join(tmpdir(), 'leader-run-stage-'));
  const candidates: Process[] = [];
  const orphaning = new Set<string>();
  const pods: Pod[] = [];
  await client.createNamespace(namespace);
  if (rules.length > 0) await client.allow('worker', namespace, rules);
  const stamps = await openStamps(folder);

  const file = async (name: string, text: string): Promise<string> => {
    const full = path.join(folder, name);
    await writeFile(full, text, { mode: 0o600 });
    return full;
  };
  const launch = (name: string, identity: string, argv: Argv, env: StartOptions['env']): Candidate => {
    const candidate = new Process(name, identity, folder, argv, env);
    candidates.push(candidate);
    return candidate;
  };
  const configOf = async (name: string, { user = 'worker', server, kubeconfig }: StartOptions): Promise<string> => {
    if (kubeconfig !== undefined) return kubeconfig;
    const text = client.kubeconfig({ user, namespace, ...(server === undefined ? {} : { server }) });
    return await file(`${name}.kubeconfig`, text);
  };

  return {
    namespace,
    folder,
    stamps,
    lease: leaseDesk(client, namespace),
    file,
    report: () => candidates.map((candidate) => `--- ${candidate.name}\n${candidate.text()}`).join('\n'),
    async start(name, options = {}) {
      const { flags = [], timings = shortTimings, lock = `${namespace}/${lockName}`, identity = name, env } = options;
      const { command = stamps.command(name, options), through = [], local } = options;
      if (shape === 'pod') {
        const pod = await openPod(path.join(folder, `${name}.pod`), await readFile(await configOf(name, options), 'utf8'));
        pods.push(pod);
        const given = ['--lock', lock, '--identity', identity, ...logging, ...timings, ...flags, '--', ...command];
        const [file, ...words] = [...pod.through, ...through, process.execPath, leaderRun, ...given];
        return launch(name, identity, [file, ...words], { ...pod.env, ...env });
      }
      const where = local === undefined ? ['--kubeconfig', await configOf(name, options)] : [`--local=${local}`];
      const given = ['--lock', lock, ...where, '--identity', identity, ...logging, ...timings, ...flags];
      const [file = '', ...words] = [...through, process.execPath, leaderRun, ...given, '--', ...command];
      return launch(name, identity, [file, ...words], env);
    },
    async startClientGo(name, binary, options = {}) {
      const { flags = [], identity = name, timings = ['-lease-duration=4s', '-renew-deadline=2s', '-retry-period=400ms'], env } = options;
      const { command = stamps.command(name, options) } = options;
      const config = await configOf(name, options);
      orphaning.add(name);
      const set = [`-kubeconfig=${config}`, `-lock=${namespace}/${lockName}`, `-identity=${identity}`];
      return launch(name, identity, [binary, ...set, ...timings, ...flags, '--', ...command], env);
    },
    async close() {
      for (const pod of pods) await pod.close();
      for (const candidate of candidates) candidate.signal('SIGCONT');
      for (const candidate of candidates) candidate.signal('SIGKILL');
      for (const candidate of candidates) await candidate.end();
      // client-go has nobody who would end its command for it.
      for (const life of await stamps.lives()) if (orphaning.has(life.name) && isAlive(life.pid)) kill(life.pid);
      // The guardians have some 250 ms for what the candidates leave; what is left after that is a fault, and ended.
      const left = await untilNobodyNames(folder, 10_000);
      for (const pid of left) kill(pid);
      await rm(folder, { recursive: true, force: true });
      if (left.length > 0) throw new Error(`processes outlived the test: ${left.join(', ')}`);
    },
  };
}

function leaseDesk(client: ServersClient, namespace: string): LeaseDesk {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const its = `${collection}/${lockName}`;
  const must = async (status: number, ...call: Parameters<ServersClient['admin']>): Promise<void> => {
    const answer = await client.admin(...call);
    const [method, at] = call;
    if (answer.status !== status) throw new Error(`${method} ${at}: the server answered ${answer.status}: ${answer.text}`);
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

const logging = ['--log-format', 'json', '--log-level', 'debug'] as const;

type Argv = readonly [string, ...string[]];

class Process implements Candidate {
  readonly name: string;
  readonly identity: string;
  readonly lines: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<End>;
  readonly #argv: readonly string[];
  #text = '';
  #end: End | undefined;
  #wake: (() => void)[] = [];

  constructor(name: string, identity: string, folder: string, argv: Argv, env: StartOptions['env'] = {}) {
    this.name = name;
    this.identity = identity;
    this.#argv = argv;
    const [file, ...args] = argv;
    this.#child = spawn(file, args, {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let rest = '';
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#read(line);
      this.#tell();
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      // Not `close`: a command that lives on would keep the pipe open.
      this.#child.once('exit', (code, signal) => {
        const at = Date.now();
        // What it wrote last is read before its end is told.
        setImmediate(() => {
          this.#end = { status: code ?? 128 + signalNumber(signal), signal, at };
          resolve(this.#end);
          this.#tell();
        });
      });
    });
    this.#ended.catch(() => undefined);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} could not be started`);
    return this.#child.pid;
  }

  text(): string {
    return `$ ${this.#argv.map((part) => (/^[\w./:=@-]+$/.test(part) ? part : `'…'`)).join(' ')}\n${this.#text}`;
  }

  all(event: string): readonly LogLine[] {
    return this.lines.filter((line) => line.event === event);
  }

  async line(event: string, { fits = () => true, from = 0, withinMs = 20_000 }: LineOptions = {}): Promise<LogLine> {
    const deadline = performance.now() + withinMs;
    let afterEnd = false;
    for (;;) {
      const found = this.lines.slice(from).find((line) => line.event === event && fits(line));
      if (found !== undefined) return found;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`${this.name} did not say "${event}" within ${withinMs} ms:\n${this.text()}`);
      if (afterEnd) throw new Error(`${this.name} ended without saying "${event}":\n${this.text()}`);
      if (this.#end !== undefined) {
        // The pipe may be a little behind the exit.
        afterEnd = true;
        await sleep(100);
        continue;
      }
      await this.#news(leftMs);
    }
  }

  signal(signal: NodeJS.Signals): void {
    // Node keeps the pid until the exit is reaped, so this cannot hit a stranger.
    if (this.#end === undefined) this.#child.kill(signal);
  }

  async end(withinMs = 20_000): Promise<End> {
    const deadline = performance.now() + withinMs;
    while (this.#end === undefined) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`${this.name} did not end within ${withinMs} ms:\n${this.text()}`);
      await Promise.race([this.#ended, this.#news(leftMs)]);
    }
    return this.#end;
  }

  #read(line: string): void {
    // Its guardian, its command and Node itself write here too.
    if (!line.startsWith('{')) return;
    const fields = JSON.parse(line) as Record<string, unknown>;
    const { event = '', level = '', message = '', time, at } = fields;
    const its = { event: String(event), level: String(level), message: String(message) };
    this.lines.push({ at: Date.parse(String(time ?? at)), ...its, fields });
  }

  async #news(withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #tell(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 }[String(signal)] ?? 0;
}

/** Waits for the condition, asked again every few milliseconds; `what` is for the message. */
export async function until<T>(what: string, ask: () => T | Promise<T>, withinMs = 20_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(5); // A step of polling; the condition is the caller's.
  }
}

/** Resolves with the wall time at which none of them lived any more, looking each millisecond. */
export async function untilDead(pids: readonly number[], withinMs = 20_000): Promise<number> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const living = pids.filter(isAlive);
    if (living.length === 0) return Date.now();
    if (performance.now() > deadline) throw new Error(`still alive after ${withinMs} ms: ${living.join(', ')}`);
    await sleep(1); // A step of polling; the condition is the processes' state.
  }
}

/** Zombies are dead: they run nothing. */
export function isAlive(pid: number): boolean {
  const stat = readProc(pid, 'stat');
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return stat !== '' && state !== 'Z' && state !== 'X';
}

async function untilNobodyNames(folder: string, withinMs: number): Promise<readonly number[]> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
    const left = pids.filter((pid) => pid !== process.pid && isAlive(pid) && (names(pid, 'cmdline') || names(pid, 'environ')));
    if (left.length === 0 || performance.now() > deadline) return left;
    await sleep(20); // A step of polling; the condition is that nobody is left.
  }

  function names(pid: number, file: string): boolean {
    return readProc(pid, file).includes(folder);
  }
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // Gone, or not ours to read.
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone in the meantime.
  }
}
