// Starts the real leader-run, from a copy of the real bundle, each test in an arena of its own: a folder with a local
// store, a stage for puppets, and a mark in the environment by which everything that the test started is found again.
// Knows how runs are watched (log events, exit, pipes) and what the store holds; knows no test.
// To check: nothing here sleeps where it could wait for something; an arena that closes leaves no process behind.

import { type ChildProcess, spawn, spawnSync, type StdioOptions } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test as plainTest } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { localLock } from '../../src/locks/local/lock.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import { type ElectionRecord, taken } from '../../src/locks/record.ts';
import { patienceMs, type Puppet, puppetScript, Stage, within } from './puppet-child.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Short, and as safe as any: 2 s to renew, SIGKILL at 2.55 s, the guardian's at 2.8 s, others at 4 s. */
export const shortTiming = ['--lease-duration=4s', '--renew-deadline=2s', '--retry-period=400ms'] as const;

/** The same in milliseconds after the sending of the last renewal, for safety bounds. */
export const short = { renewDeadlineMs: 2000, leaseMs: 4000 } as const;

/** A lease so long that whoever ends a command within a test's patience did not do so because of it. */
export const longTiming = ['--lease-duration=60s'] as const;

export interface LogEvent {
  readonly event: string;
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface RunOptions {
  /** Behind `--`. */
  readonly command?: readonly string[];
  /** Options besides store, lock and log. */
  readonly options?: readonly string[];
  readonly lock?: string;
  /** Added to this process's environment; undefined takes away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Put in front: `unshare ...`, `sh -c ...`. */
  readonly through?: readonly string[];
  readonly stdio?: StdioOptions;
  readonly store?: string;
  /** Run a copy of the bundle that the test may spoil: `<folder>/bundle`. */
  readonly ownBundle?: boolean;
  readonly logLevel?: 'debug' | 'info' | 'error';
}

/** One leader-run, or what was put in front of it. */
export class Run {
  readonly process: ChildProcess;
  readonly pid: number;
  /** How it ended; `at` is the wall clock. */
  readonly ended: Promise<{
    readonly status: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly at: number;
  }>;
  /** Nobody holds its stdout or stderr any more: command, gate and guardian are gone too. */
  readonly abandoned: Promise<void>;
  stdout = '';
  stderr = '';

  readonly #waiting = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.process = child;
    if (child.pid === undefined) throw new Error('cannot start it');
    this.pid = child.pid;
    child.stdout?.setEncoding('latin1').on('data', (text: string) => {
      this.stdout += text;
      this.#look();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#look();
    });
    // It may end before it has read everything that a test writes to it.
    child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      child.once('exit', (status, signal) => {
        resolve({ status, signal, at: Date.now() });
      });
    });
    this.abandoned = new Promise((resolve) => {
      child.once('close', () => {
        resolve();
      });
    });
  }

  get events(): LogEvent[] {
    // On a terminal a line may begin with what was typed (^C).
    const lines = `${this.stderr}\n${this.stdout}`.match(/\{"time".*/g) ?? [];
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as LogEvent];
      } catch {
        // The last one may still be on its way.
        return [];
      }
    });
  }

  /** The first event of the kind that fits, past or to come. */
  async event(kind: string, fits: (event: LogEvent) => boolean = () => true): Promise<LogEvent> {
    const find = (): LogEvent | undefined => this.events.find((event) => event.event === kind && fits(event));
    await this.#until(() => find() !== undefined, `the event ${kind}`);
    const found = find();
    if (!found) throw new Error(`the event ${kind} is gone again`);
    return found;
  }

  async says(text: string): Promise<void> {
    await this.#until(() => this.stdout.includes(text), JSON.stringify(text));
  }

  async warns(text: string): Promise<void> {
    await this.#until(() => this.stderr.includes(text), `${JSON.stringify(text)} on stderr`);
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Its end, and all that it had said by then. */
  async end(ms = patienceMs): Promise<{ status: number | null; signal: NodeJS.Signals | null; at: number }> {
    const end = await within(this.ended, 'leader-run to end', () => this.#all(), ms);
    // Its last words may still be in the pipe, which never ends while somebody whom it started holds it too. The last
    // of all is its exit, unless it was killed or never began.
    const said = end.signal === 'SIGKILL' ? pause(lastWordsMs) : this.#saysExit();
    await Promise.race([this.abandoned, said]);
    return end;
  }

  async isAbandoned(): Promise<void> {
    await within(this.abandoned, 'everybody to let go of stdout and stderr', () => this.#all());
  }

  async #saysExit(): Promise<void> {
    const undo = new AbortController();
    const said = this.#until(() => this.events.some(({ event }) => event === 'exit'), 'its exit').catch(() => undefined);
    await Promise.race([said, pause(patienceMs / 4, undefined, { signal: undo.signal }).catch(() => undefined)]);
    undo.abort();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    const held = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    await within(held, what, () => this.#all());
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }

  #all(): string {
    return `stdout:\n${this.stdout}\nstderr:\n${this.stderr}`;
  }
}

const lastWordsMs = 250;

/** A version of the lock's record, as the store holds it. */
export interface Version {
  readonly number: number;
  readonly object: string;
  readonly record: ElectionRecord;
  readonly signature: string;
}

export class Arena {
  readonly folder = mkdtempSync(join(tmpdir(), 'leader-run-test-'));
  readonly store = join(this.folder, 'store');
  readonly stage = new Stage();
  readonly runs: Run[] = [];
  readonly bundle: string;
  /** A name that nothing else on the machine has: what carries it was started by this test. */
  readonly #mark = `LEADER_RUN_TEST_${randomBytes(16).toString('hex')}`;
  readonly #own = new Map<number, string>();
  readonly #freezers: string[] = [];

  constructor(bundle: string) {
    this.bundle = bundle;
  }

  get socket(): string {
    return join(this.folder, 'stage');
  }

  async open(): Promise<void> {
    for (const folder of ['store', 'versions']) mkdirSync(join(this.folder, folder), { mode: 0o700 });
    this.mendStore();
    await this.stage.listen(this.socket);
  }

  /** The command that is a puppet of this name. */
  puppet(name = 'alice', socket = this.socket): string[] {
    return [process.execPath, puppetScript, socket, name];
  }

  /** leader-run's own words, to be put behind something else. */
  words(options: RunOptions): string[] {
    const { command = this.puppet(), options: more = shortTiming, lock = 'demo', store = this.store } = options;
    const bundle = options.ownBundle === true ? this.#ownBundle() : this.bundle;
    const log = ['--log-format=json', `--log-level=${options.logLevel ?? 'debug'}`];
    return [join(bundle, 'bin/leader-run.js'), `--local=${store}`, '--lock', lock, ...log, ...more, '--', ...command];
  }

  environment(env: RunOptions['env'] = {}): NodeJS.ProcessEnv {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(LEADER_RUN_|VITEST|NODE_OPTIONS$)/.test(name));
    return { ...Object.fromEntries(inherited), [this.#mark]: '1', ...env };
  }

  run(options: RunOptions = {}): Run {
    return this.spawn([...(options.through ?? []), process.execPath, ...this.words(options)], options);
  }

  /** Anything else that the test wants to have started, watched and cleaned up. */
  spawn([file = '', ...args]: readonly string[], { env, stdio = ['ignore', 'pipe', 'pipe'] }: RunOptions = {}): Run {
    const run = new Run(spawn(file, args, { env: this.environment(env), stdio }));
    this.runs.push(run);
    return run;
  }

  /** The next puppet of this name. */
  next(name = 'alice'): Promise<Puppet> {
    return this.stage.next(name, () => this.runs.map(({ stderr }) => stderr).join('\n'));
  }

  /** leader-run, leading, and its puppet. */
  async lead(options: RunOptions = {}, name = 'alice'): Promise<{ run: Run; puppet: Puppet }> {
    const run = this.run({ command: this.puppet(name), ...options });
    return { run, puppet: await this.next(name) };
  }

  /** The guardian of a leader-run: its child of that name. It is ended with the arena, whatever state it is in. */
  async guardianOf(run: Run | number, except?: number): Promise<number> {
    const parent = typeof run === 'number' ? run : run.pid;
    let found: number | undefined;
    await this.until(() => {
      found = childrenOf(parent).find(
        (pid) => pid !== except && /leader-run-guardian|guardian-node/.test(textOf(`/proc/${pid}/cmdline`)),
      );
      return found !== undefined;
    }, `a guardian of process ${parent}`);
    return this.#remember(found ?? 0);
  }

  /** What waits at the gate of a standby, once it is there. */
  async gateOf(run: Run): Promise<number> {
    let found: number | undefined;
    await this.until(() => {
      found = childrenOf(run.pid).find((pid) => /leader-run-gate|gate-node/.test(textOf(`/proc/${pid}/cmdline`)));
      return found !== undefined;
    }, `a gate of process ${run.pid}`);
    return found ?? 0;
  }

  /** All versions of the lock's record that are kept, oldest first. */
  versions(lock = 'demo'): Version[] {
    const folder = join(this.store, 'default', `${lock}.lock`);
    const numbers = listOf(folder)
      .map(Number)
      .filter((number) => number > 0)
      .sort((a, b) => a - b);
    return numbers.flatMap((number) => {
      const text = textOf(join(folder, String(number)));
      // Collected meanwhile.
      return text === '' ? [] : [{ number, ...(JSON.parse(text) as Omit<Version, 'number'>) }];
    });
  }

  /** What the lock holds now. */
  record(lock = 'demo'): ElectionRecord | undefined {
    return this.versions(lock).at(-1)?.record;
  }

  /** The wall clock's milliseconds at which the holder sent its last renewal. */
  renewedAt(lock = 'demo'): number {
    return Date.parse(this.record(lock)?.renewTime ?? '');
  }

  isFree(lock = 'demo'): boolean {
    return (this.record(lock)?.holderIdentity ?? '') === '';
  }

  /** Somebody takes the lock without asking how it stands. */
  async steal(lock = 'demo', thief = 'mallory', durationSeconds = 1): Promise<number> {
    const store = await localLock({ folder: this.store, namespace: 'default', name: lock, clock: systemClock() });
    for (let number = 1; ; number += 1) {
      const { sighting } = (await store.read({ limitMs: patienceMs })) as { sighting: Sighting };
      const before = sighting.kind === 'record' ? sighting.record : undefined;
      const record = taken(before, thief, durationSeconds, Date.now());
      const base = sighting.kind === 'absent' ? undefined : sighting.version;
      const request = { record, base, signature: { identity: thief, run: randomUUID(), number } };
      const at = Date.now();
      // A renewal may come in between.
      if ((await store.write(request, { limitMs: patienceMs })).kind === 'stored') return at;
    }
  }

  /** The store is out of order, until it is mended: where its folder was there is a file. */
  breakStore(): void {
    this.#point('stage');
  }

  mendStore(): void {
    this.#point('versions');
  }

  /** A link, since one can be replaced in one step: a moment without a folder would be a lock that was deleted. */
  #point(target: string): void {
    symlinkSync(join('..', target), join(this.folder, 'link'));
    renameSync(join(this.folder, 'link'), join(this.store, 'default'));
  }

  /** Looks every 10 ms: for what nobody tells of, such as files and other people's processes. */
  async until(holds: () => boolean, what: string, ms = patienceMs): Promise<void> {
    for (const end = performance.now() + ms; !holds();) {
      if (performance.now() > end) throw new Error(`waited ${ms} ms in vain for ${what}\n${this.#logs()}`);
      await pause(10);
    }
  }

  /** Why no freezer can be had here, or one: a cgroup v1 that stops all that is in it, as `docker pause` does. */
  freezer(): { readonly reason: string } | { readonly reason: undefined; readonly folder: string } {
    const base = '/sys/fs/cgroup/freezer';
    if (!existsSync(base)) return { reason: 'no cgroup v1 freezer here' };
    const folder = join(base, this.#mark.toLowerCase());
    try {
      mkdirSync(folder);
    } catch (error) {
      return { reason: `no freezer can be made: ${String(error)}` };
    }
    this.#freezers.push(folder);
    return { reason: undefined, folder };
  }

  async close(): Promise<void> {
    for (const folder of this.#freezers) await writeFile(join(folder, 'freezer.state'), 'THAWED');
    for (const { pid, process: child } of this.runs) {
      if (child.exitCode === null && child.signalCode === null)
        for (const each of [pid, ...descendantsOf(pid)]) this.#remember(each);
    }
    this.stage.close();
    // Again until none is left: what forks while it is looked for is found the next time.
    for (const end = performance.now() + patienceMs; ; await pause(10)) {
      const left = [...this.#remembered(), ...this.#marked()];
      if (left.length === 0) break;
      for (const pid of left) killQuietly(pid);
      if (performance.now() > end) throw new Error(`cannot end processes ${left.join(', ')}`);
    }
    for (const folder of this.#freezers) rmdirSync(folder);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #ownBundle(): string {
    const folder = join(this.folder, 'bundle');
    cpSync(this.bundle, folder, { recursive: true });
    return folder;
  }

  /** Everybody alive who carries this arena's mark. Guardians carry none. */
  #marked(): number[] {
    const needle = `${this.#mark}=`;
    return listPids().filter((pid) => textOf(`/proc/${pid}/environ`).includes(needle) && isAlive(pid));
  }

  /** A number alone might be another process's by the time it is ended. */
  #remember(pid: number): number {
    this.#own.set(pid, startOf(pid));
    return pid;
  }

  #remembered(): number[] {
    return [...this.#own]
      .filter(([pid, start]) => start !== '' && startOf(pid) === start && isAlive(pid))
      .map(([pid]) => pid);
  }

  #logs(): string {
    return this.runs.map(({ stdout, stderr }) => `stdout:\n${stdout}\nstderr:\n${stderr}`).join('\n');
  }
}

/** Tests get an arena of their own, and all tests of a file one copy of the bundle. */
export const test = plainTest.extend<{ bundle: string; arena: Arena }>({
  bundle: [
    async ({}, use) => {
      const folder = copyBundle();
      await use(folder);
      rmSync(folder, { recursive: true });
    },
    { scope: 'file' },
  ],
  arena: async ({ bundle }, use) => {
    const arena = new Arena(bundle);
    await arena.open();
    try {
      await use(arena);
    } finally {
      await arena.close();
    }
  },
});

/** Why a program that a test needs cannot be had, if it cannot; for skipping. */
export function missing(...programs: string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':');
  const absent = programs.filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
  return absent.length === 0 ? undefined : `${absent.join(' and ')} not installed here`;
}

/** Why this machine lets us make no namespaces or other roots, if it does not. */
export function notRoot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const { status } = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']);
  return status === 0 ? undefined : 'namespaces cannot be made here';
}

export function childrenOf(pid: number): number[] {
  const threads = listOf(`/proc/${pid}/task`);
  const lists = threads.map((thread) => textOf(`/proc/${pid}/task/${thread}/children`));
  return lists.flatMap((list) =>
    list
      .split(' ')
      .filter((each) => each !== '')
      .map(Number),
  );
}

export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Not there, or only as a zombie. */
export function isAlive(pid: number): boolean {
  return !['', 'Z', 'X'].includes(stateOf(pid));
}

/** R, S, D, T, t, Z or X; '' when there is no such process. */
export function stateOf(pid: number): string {
  return fieldsOf(pid)[0] ?? '';
}

/** Of /proc/N/stat, from the third on, since the second may hold anything. */
export function fieldsOf(pid: number): string[] {
  const text = textOf(`/proc/${pid}/stat`);
  return text === '' ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

export function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // Gone meanwhile; nothing is known of it then.
    return '';
  }
}

/** What the process's descriptors lead to. */
export function descriptorsOf(pid: number): string[] {
  return listOf(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

function startOf(pid: number): string {
  return fieldsOf(pid)[19] ?? '';
}

export function listPids(): number[] {
  return listOf('/proc')
    .map(Number)
    .filter((pid) => pid > 1);
}

function listOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // As above.
    return [];
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone in the meantime, which is all that was wanted.
  }
}

/** Of the bundle as it is now, so that a build by somebody else does not pull it away in the middle of a test. */
function copyBundle(): string {
  buildIfStale();
  const folder = mkdtempSync(join(tmpdir(), 'leader-run-bundle-'));
  for (const part of ['bin', 'dist', 'package.json']) cpSync(join(root, part), join(folder, part), { recursive: true });
  return folder;
}

function buildIfStale(): void {
  const newest = ['src', 'scripts', 'package.json']
    .flatMap((part) => filesUnder(join(root, part)))
    .reduce((latest, file) => Math.max(latest, statSync(file).mtimeMs), 0);
  const built = join(root, 'dist/leader-run.js');
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return;
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build failed:\n${stderr}`);
}

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile());
}
