// One process of a test, leader-run or whatever stands in its place: how it is started, what it says and how it ends.
// Knows the log's lines, and those that the other electors of the interop tests write in their likeness; knows no lock,
// no cluster and no test.
// To check: nothing here sleeps where it could wait for something, and everything that is waited for has a limit.
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { patienceMs, within } from './wait.ts';

/** The built program of this tree. */
export const leaderRun = fileURLToPath(new URL('../../bin/leader-run.js', import.meta.url));

/** Short, and as safe as any: 2 s to renew, SIGKILL at 2.55 s, the guardian's at 2.8 s, others at 4 s. */
export const shortTiming = ['--lease-duration=4s', '--renew-deadline=2s', '--retry-period=400ms'] as const;

/** The same in milliseconds, for bounds. A lost term leaves a grace of 550 ms, which is all that the lease leaves. */
export const short = { leaseMs: 4000, renewMs: 2000, retryMs: 400, marginMs: 1200 } as const;

/** A lease so long that whatever ends a command within a test's patience is not the lease. */
export const longTiming = ['--lease-duration=60s'] as const;

/** A line of the log, with all its fields. */
export interface LogEvent {
  readonly event: string;
  readonly level: string;
  readonly message: string;
  /** As it is written there. */
  readonly time: string;
  /** The same in milliseconds of the wall clock; NaN where the line carries none. */
  readonly at: number;
  readonly [field: string]: unknown;
}

export interface EventOptions {
  readonly fits?: (event: LogEvent) => boolean;
  /** Only at or after this position in `events`. */
  readonly from?: number;
  readonly withinMs?: number;
}

export interface End {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The wall clock's milliseconds. */
  readonly at: number;
}

export interface Launch {
  readonly name: string;
  /** The program and its arguments. */
  readonly words: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly stdio?: StdioOptions;
}

/** One leader-run, or what was put in front of it. */
export class Run {
  readonly #waiting = new Set<() => void>();
  readonly #words: readonly string[];
  #isAbandoned = false;
  readonly name: string;
  readonly process: ChildProcess;
  readonly pid: number;
  readonly ended: Promise<End>;
  /** No process holds its stdout or stderr any more: command, gate and guardian are gone too. */
  readonly abandoned: Promise<void>;
  /** What was logged up to now. */
  readonly events: LogEvent[] = [];
  stdout = '';
  stderr = '';

  constructor({ name, words, env, cwd, stdio = ['ignore', 'pipe', 'pipe'] }: Launch) {
    const [file = '', ...args] = words;
    const child = spawn(file, args, { env, stdio, ...(cwd !== undefined && { cwd }) });
    // Without a pid, which is looked at below; Node tells it as an event as well.
    child.once('error', () => undefined);
    if (child.pid === undefined) throw new Error(`${name}: cannot start ${file}`);
    this.name = name;
    this.process = child;
    this.pid = child.pid;
    this.#words = words;
    this.#hear('stdout', child.stdout?.setEncoding('latin1'));
    this.#hear('stderr', child.stderr?.setEncoding('utf8'));
    // It may end before it has read everything that a test writes to it.
    child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      child.once('exit', (status, signal) => {
        resolve({ status, signal, at: Date.now() });
      });
    });
    this.abandoned = new Promise((resolve) => {
      child.once('close', () => {
        this.#isAbandoned = true;
        this.#look();
        resolve();
      });
    });
  }

  /** All events of the kind, so far. */
  all(kind: string): LogEvent[] {
    return this.events.filter(({ event }) => event === kind);
  }

  /** The first event of the kind that fits, past or to come. */
  async event(kind: string, { fits = () => true, from = 0, withinMs }: EventOptions = {}): Promise<LogEvent> {
    const find = (): LogEvent | undefined => this.events.slice(from).find((each) => each.event === kind && fits(each));
    return await this.#until(find, `the event ${kind}`, withinMs);
  }

  /** Waits for a text on stdout. */
  async says(text: string): Promise<void> {
    await this.#until(() => this.stdout.includes(text) || undefined, JSON.stringify(text));
  }

  /** Waits for a text on stderr. */
  async warns(text: string): Promise<void> {
    await this.#until(() => this.stderr.includes(text) || undefined, `${JSON.stringify(text)} on stderr`);
  }

  /** Node keeps the pid until the exit is reaped, so that this cannot hit a stranger. */
  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Its end, and all that it had said by then. */
  async end(withinMs = patienceMs): Promise<End> {
    const end = await within(this.ended, `the end of ${this.name}`, () => this.text(), withinMs);
    // What it wrote last is in the pipe by now, and each turn of the loop reads a pipe empty.
    await turn();
    await turn();
    // Where it is not the process that was started but one behind that, its last word of all may still be to come.
    if (end.signal !== 'SIGKILL' && this.all('started').length > 0) {
      const exit = this.event('exit', { withinMs: patienceMs / 4 }).catch(() => undefined);
      await Promise.race([this.abandoned, exit]);
    }
    return end;
  }

  async isAbandoned(): Promise<void> {
    await within(this.abandoned, `the others to let go of stdout and stderr of ${this.name}`, () => this.text());
  }

  /** How it was called and all that it said, for a failure. */
  text(): string {
    const words = this.#words.map((word) => (/^[\w./:=@-]+$/.test(word) ? word : `'…'`));
    return [`--- ${this.name}\n$ ${words.join(' ')}`, `stdout:\n${this.stdout}`, `stderr:\n${this.stderr}`].join('\n');
  }

  #hear(name: 'stdout' | 'stderr', stream: NodeJS.ReadableStream | undefined): void {
    let rest = '';
    stream?.on('data', (text: string) => {
      this[name] += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#read(line);
      this.#look();
    });
  }

  /** Of leader-run, whose line may begin with what was typed on a terminal (^C), or of another elector. */
  #read(line: string): void {
    const json = /\{"time".*|^\{"(?:event|at)".*/.exec(line)?.[0];
    if (json === undefined) return;
    try {
      const fields = JSON.parse(json) as Record<string, unknown>;
      const { event, level, message, time, at } = fields;
      const its = { event: asText(event), level: asText(level), message: asText(message), time: asText(time ?? at) };
      this.events.push({ ...fields, ...its, at: Date.parse(its.time) });
    } catch {
      // Guardian, command and Node write here too, and may have written into the line.
    }
  }

  /** Rejects as soon as no process is left that could bring it about. */
  async #until<T>(find: () => T | undefined, what: string, withinMs?: number): Promise<T> {
    const found = new Promise<T>((resolve, reject) => {
      const look = (): void => {
        const it = find();
        if (it === undefined && !this.#isAbandoned) return;
        this.#waiting.delete(look);
        if (it === undefined) reject(new Error(`${this.name} ended without ${what}\n${this.text()}`));
        else resolve(it);
      };
      this.#waiting.add(look);
      look();
    });
    return await within(found, `${what} of ${this.name}`, () => this.text(), withinMs);
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
