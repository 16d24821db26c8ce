// Keeps one guardian alive: a small process that kills the command when leader-run cannot. Decides which kind there is
// to be had (a shell with a fractional `read -t`, else Node), and that one which does not answer is replaced. Knows no
// lock; deadlines come from the leash.
// Invariants: never two at a time (the older one would see its input end and kill); a deadline counts as armed only
// once it is acknowledged; a caller that cannot have a guardian in time is told so, and must kill.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock, Instant } from '../../clock.ts';
import type { Report } from '../../observe/events.ts';
import { isExecutable } from '../lookup.ts';
import { guardianScript } from './script.ts';

export type GuardianChoice = 'auto' | 'sh' | 'node' | 'off';

/** A guardian that does not answer for so long is dead, whatever it looks like: it may be stopped. */
const answerMs = 1000;
/** Of guardians one after the other; a machine on which none answers cannot be helped. */
const mostAsked = 3;
/** A line may be lost (busybox's `read -t` drops what it has read when a slice ends within a line). */
const resendMs = 400;

type GuardianProcess = ChildProcessByStdio<Writable, Readable, null>;

interface Launch {
  readonly kind: 'sh' | 'node';
  readonly file: string;
  readonly args: readonly string[];
}

export interface GuardianOptions {
  readonly choice: GuardianChoice;
  /** The name of the environment variable that the command's processes carry. */
  readonly cookie: string;
  readonly clock: Clock;
  readonly report: Report;
  /** No guardian can be had while one is needed: kill the command now. */
  readonly onFailure: (message: string) => void;
}

/** Throws a sentence when the kind that was asked for cannot be had. */
export async function startGuardian(options: GuardianOptions): Promise<Guardian> {
  const guardian = new Guardian(options);
  await guardian.launch();
  return guardian;
}

export class Guardian {
  readonly #options: GuardianOptions;
  #process: GuardianProcess | undefined;
  #launch: Launch | undefined;
  #pgid: number | undefined;
  #deadline: Instant | undefined;
  #sent = 0;
  #waiting = new Map<number, () => void>();
  #replacing: Promise<void> | undefined;
  #disarmed: Promise<unknown> | undefined;
  #quitting = false;

  constructor(options: GuardianOptions) {
    this.#options = options;
  }

  /** For the log: which shell, or Node. */
  get kind(): string {
    return this.#options.choice === 'off' ? 'off' : (this.#launch?.file ?? 'none');
  }

  /** Whether there is one, if there is a command to guard. */
  get isOnGuard(): boolean {
    return this.#options.choice === 'off' || this.#pgid === undefined || this.#process !== undefined;
  }

  /** Its pid, which sweeps must spare. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** From now on the group is killed if leader-run is gone, and once armed also at the deadline. */
  watch(pgid: number): void {
    this.#pgid = pgid;
    this.#write(`T ${String(pgid)}`);
  }

  /**
   * Resolves with true once the guardian has the deadline, which replaces the one before, whichever is later; with
   * false if there is no guardian to be had.
   */
  async arm(deadline: Instant): Promise<boolean> {
    this.#deadline = deadline;
    if (this.#options.choice === 'off') return true;
    // A successor is asked for what holds by then.
    return await this.#ask(() => (this.#deadline ? `D # ${centiseconds(this.#deadline)}` : undefined));
  }

  /** The group is gone: its number may soon be another's. */
  async disarm(): Promise<void> {
    this.#pgid = undefined;
    this.#deadline = undefined;
    // A guardian that is gone watches no command.
    this.#disarmed = this.#ask(() => 'X #');
    await this.#disarmed;
  }

  async quit(): Promise<void> {
    // A guardian that is still armed would take our end for a crash.
    await this.#disarmed;
    this.#quitting = true;
    this.#process?.stdin.end();
  }

  /**
   * For another command: the guardian has let go of the one before, or is gone. One that is still about its duty would
   * take the next command, which carries the same cookie, for what is left of the last.
   */
  async ready(): Promise<void> {
    await this.#disarmed;
    await this.launch();
  }

  /** Starts the first process that is fit to be a guardian; also after one has ended by doing its duty. */
  async launch(): Promise<void> {
    const { choice } = this.#options;
    if (choice === 'off' || this.#process) return;
    for (const launch of this.#launch ? [this.#launch] : launches(choice)) {
      const process = await tryLaunch(launch, this.#options.cookie);
      if (!process) continue;
      this.#launch = launch;
      this.#adopt(process);
      return;
    }
    const advice =
      choice === 'sh'
        ? 'it needs bash or a busybox sh, or use --guardian=node'
        : 'is a limit of processes, memory or open files reached?';
    throw new Error(`no guardian of kind ${choice} can be started: ${advice}`);
  }

  #adopt(process: GuardianProcess): void {
    this.#process = process;
    let rest = '';
    process.stdout.on('data', (bytes: Buffer) => {
      const lines = (rest + bytes.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#hear(line);
    });
    process.on('exit', (status, signal) => {
      if (this.#process === process) this.#process = undefined;
      // The command is gone, so no guardian has to answer for it.
      if (this.#pgid === undefined) for (const heard of this.#waiting.values()) heard();
      // 9: it has killed the command, and leader-run will find that out by itself.
      if (this.#quitting || status === 9 || this.#pgid === undefined) return;
      void this.#replace(`it ended (${signal ?? String(status)})`);
    });
    if (this.#pgid !== undefined) this.#write(`T ${String(this.#pgid)}`);
    if (this.#deadline) this.#write(`D 0 ${centiseconds(this.#deadline)}`);
  }

  #hear(line: string): void {
    if (!line.startsWith('A ')) return;
    const number = Number(line.slice(2));
    // 0 answers the state that a successor was given, and with it everything that its predecessor was asked.
    for (const [asked, heard] of this.#waiting) if (number === 0 || asked === number) heard();
  }

  /**
   * Sends a line until it is answered; a guardian that stays silent is replaced, and its successor, which gets the
   * state, is asked too. True as well when there is nothing left to say; false when there is none that answers.
   */
  async #ask(line: () => string | undefined): Promise<boolean> {
    for (let asked = 0; asked < mostAsked; asked += 1) {
      if (this.#replacing) await this.#replacing;
      const guardian = this.#process;
      if (line() === undefined) return true;
      if (!guardian) return false;
      if (await this.#isHeard(line)) return true;
      // One that has ended has either done its duty or been replaced.
      if (this.#process === guardian) await this.#replace('it did not answer');
    }
    return false;
  }

  /** With a number in place of `#`, by which the answer is known. What is sent again is what holds by then. */
  async #isHeard(line: () => string | undefined): Promise<boolean> {
    const { clock } = this.#options;
    const number = (this.#sent += 1);
    const send = (): void => {
      const text = line();
      if (text !== undefined) this.#write(text.replace('#', String(number)));
    };
    const undo: (() => void)[] = [];
    const answered = new Promise<true>((resolve) => {
      this.#waiting.set(number, () => {
        resolve(true);
      });
    });
    const silent = new Promise<false>((resolve) => {
      undo.push(clock.after(resendMs, send));
      undo.push(
        clock.after(answerMs, () => {
          // What it has answered while leader-run was stopped is read first.
          setImmediate(() => {
            resolve(false);
          });
        }),
      );
    });
    send();
    const heard = await Promise.race([answered, silent]);
    for (const cancel of undo) cancel();
    this.#waiting.delete(number);
    return heard;
  }

  #write(line: string): void {
    // A guardian that has just died cannot be written to; its exit is what counts.
    if (this.#process?.stdin.writable) this.#process.stdin.write(`${line}\n`);
  }

  #replace(why: string): Promise<void> {
    this.#replacing ??= this.#startAnother(why).finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  async #startAnother(why: string): Promise<void> {
    const old = this.#process;
    if (old) {
      const gone = new Promise<void>((resolve) =>
        old.once('exit', () => {
          resolve();
        }),
      );
      this.#process = undefined;
      old.kill('SIGKILL');
      await gone;
    }
    try {
      await this.launch();
      this.#options.report({ kind: 'guardian-replaced', why });
    } catch (error) {
      this.#options.onFailure(
        `the guardian is lost: ${why}, and ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

/** --norc: with a socket for stdin, which Node's pipes are, bash takes itself for a remote shell and runs ~/.bashrc. */
function launches(choice: GuardianChoice): Launch[] {
  const sh = (file: string, ...before: string[]): Launch[] =>
    isExecutable(file) ? [{ kind: 'sh', file, args: [...before, '-c', guardianScript, 'leader-run-guardian'] }] : [];
  const shells = ['/bin', '/usr/bin', '/usr/local/bin'].flatMap((folder) => [
    ...sh(`${folder}/bash`, '--norc', '-p'),
    ...sh(`${folder}/sh`),
    ...sh(`${folder}/busybox`, 'sh'),
  ]);
  const node: Launch = {
    kind: 'node',
    file: process.execPath,
    args: [fileURLToPath(new URL('guardian-node.js', import.meta.url))],
  };
  if (choice === 'node') return [node];
  const bashFirst = shells.sort((a, b) => Number(b.file.endsWith('/bash')) - Number(a.file.endsWith('/bash')));
  return choice === 'sh' ? bashFirst : [...bashFirst, node];
}

/** Resolves with the process once it says that it is ready, or with nothing if it is not fit. */
function tryLaunch({ file, args }: Launch, cookie: string): Promise<GuardianProcess | undefined> {
  return new Promise((resolve) => {
    // Its own session, no cookie, and nothing of the user's that a shell might obey.
    const process_ = spawn(file, [...args, cookie], {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: '/',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin' },
    });
    process_.on('error', () => {
      resolve(undefined);
    });
    process_.on('exit', () => {
      resolve(undefined);
    });
    // Where no descriptor is left (EMFILE), Node gives a process without streams, and its error a tick later.
    const { stdin, stdout } = process_ as { stdin?: Writable; stdout?: Readable };
    for (const stream of [stdin, stdout]) stream?.on('error', () => undefined);
    stdout?.once('data', () => {
      resolve(process_);
    });
  });
}

/** Rounded down: early is safe. */
function centiseconds({ boot }: Instant): string {
  return String(Math.floor(boot / 10));
}
