// Where tests run leader-run on a local lock, each test in an arena of its own: a folder with a store, a meeting place
// for puppets, and a mark in the environment by which everything that the test started is found again. Decides how it
// is started there, and what the store holds; knows no cluster and no test.
// To check: an arena that closes leaves no process behind.

import type { StdioOptions } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test as plainTest } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { localLock } from '../../src/locks/local/lock.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import { type ElectionRecord, taken } from '../../src/locks/record.ts';
import { copyBundle } from './bundle.ts';
import { Run, shortTiming } from './leader-run.ts';
import {
  childrenOf,
  descendantsOf,
  isAlive,
  killQuietly,
  listOf,
  listPids,
  startOf,
  textOf,
  wordsOf,
} from './procfs.ts';
import { type Puppet, Puppets, puppetScript } from './puppets.ts';
import { patienceMs, until } from './wait.ts';

export interface RunOptions {
  /** Behind `--`. */
  readonly command?: readonly string[];
  /** Options besides store, lock, log and timing. */
  readonly flags?: readonly string[];
  /** Instead of the short one. */
  readonly timing?: readonly string[];
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

/** A version of the lock's record, as the store holds it. */
export interface Version {
  readonly number: number;
  readonly object: string;
  readonly record: ElectionRecord;
  readonly signature: string;
  readonly note?: string;
}

export class Arena {
  readonly folder = mkdtempSync(join(tmpdir(), 'leader-run-test-'));
  readonly store = join(this.folder, 'store');
  readonly puppets = new Puppets();
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
    return join(this.folder, 'puppets');
  }

  async open(): Promise<void> {
    for (const folder of ['store', 'versions']) mkdirSync(join(this.folder, folder), { mode: 0o700 });
    this.mendStore();
    await this.puppets.listen(this.socket);
  }

  /** The command that is a puppet of this name. */
  puppet(name = 'alice', socket = this.socket): string[] {
    return [process.execPath, puppetScript, socket, name];
  }

  /** leader-run's own words, to be put behind something else. */
  words(options: RunOptions): string[] {
    const { command = this.puppet(), timing = shortTiming, flags = [], lock = 'demo', store = this.store } = options;
    const bundle = options.ownBundle === true ? this.#ownBundle() : this.bundle;
    const log = ['--log-format=json', `--log-level=${options.logLevel ?? 'debug'}`];
    return [
      join(bundle, 'bin/leader-run.js'),
      `--local=${store}`,
      '--lock',
      lock,
      ...log,
      ...timing,
      ...flags,
      '--',
      ...command,
    ];
  }

  environment(env: RunOptions['env'] = {}): NodeJS.ProcessEnv {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(LEADER_RUN_|VITEST|NODE_OPTIONS$)/.test(name));
    return { ...Object.fromEntries(inherited), [this.#mark]: '1', ...env };
  }

  run(options: RunOptions = {}): Run {
    return this.spawn([...(options.through ?? []), process.execPath, ...this.words(options)], options);
  }

  /** Anything else that the test wants to have started, watched and cleaned up. */
  spawn(words: readonly string[], { env, stdio }: RunOptions = {}): Run {
    const run = new Run({
      name: 'leader-run',
      words,
      env: this.environment(env),
      ...(stdio !== undefined && { stdio }),
    });
    this.runs.push(run);
    return run;
  }

  /** The next puppet of this name. */
  next(name = 'alice'): Promise<Puppet> {
    return this.puppets.next(name, () => this.runs.map(({ stderr }) => stderr).join('\n'));
  }

  /** leader-run, leading, and its puppet. */
  async lead(options: RunOptions = {}, name = 'alice'): Promise<{ run: Run; puppet: Puppet }> {
    const run = this.run({ command: this.puppet(name), ...options });
    return { run, puppet: await this.next(name) };
  }

  /** The guardian of a leader-run: its child of that name. It is ended with the arena, whatever state it is in. */
  async guardianOf(run: Run | number, except?: number): Promise<number> {
    const parent = typeof run === 'number' ? run : run.pid;
    const isIt = (pid: number): boolean => pid !== except && isNamed(pid, /leader-run-guardian|guardian-node/);
    return this.#remember(await this.until(`a guardian of process ${parent}`, () => childrenOf(parent).find(isIt)));
  }

  /** What waits at the gate of a standby, once it is there. */
  async gateOf({ pid }: Run): Promise<number> {
    const isIt = (child: number): boolean => isNamed(child, /leader-run-gate|gate-node/);
    return await this.until(`a gate of process ${pid}`, () => childrenOf(pid).find(isIt));
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
    this.#point('puppets');
  }

  mendStore(): void {
    this.#point('versions');
  }

  /** A link, since one can be replaced in one step: a moment without a folder would be a lock that was deleted. */
  #point(target: string): void {
    symlinkSync(join('..', target), join(this.folder, 'link'));
    renameSync(join(this.folder, 'link'), join(this.store, 'default'));
  }

  /** For what no event tells of, such as files and the processes of others; a failure shows what was said. */
  async until<T>(what: string, ask: () => T | Promise<T>, withinMs?: number): Promise<NonNullable<T>> {
    return await until(what, ask, withinMs, () => this.runs.map((run) => run.text()).join('\n'));
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
    this.puppets.close();
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
}

function isNamed(pid: number, name: RegExp): boolean {
  return wordsOf(pid).some((word) => name.test(word));
}

/** Each test gets an arena of its own, and all tests of a file get one copy of the bundle. */
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
