// A terminal of a test: python3 makes it and stands in for the person in front of it, who types, resizes, looks at its
// settings and goes away. What runs on it is a shell with job control, or one program in place of that.
// Knows neither leader-run nor what the settings should be.
// To check: what is asked is answered by the terminal itself, in the order of the orders, and never by the screen.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type Arena, type RunOptions } from '../helpers/arena.ts';
import type { Run } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';
import { within } from '../helpers/wait.ts';

/** Orders come as lines of JSON on stdin, answers go out on descriptor 3, and stdout is the screen. */
const person = `
import fcntl, json, os, pty, select, struct, sys, termios
child, master = pty.fork()
if child == 0:
    os.close(3)
    os.execvp(sys.argv[1], sys.argv[1:])

def answer(**fields):
    os.write(3, (json.dumps(fields) + "\\n").encode())

def settings():
    iflag, oflag, cflag, lflag, _, _, keys = termios.tcgetattr(master)
    names = {"echo": termios.ECHO, "lines": termios.ICANON, "signals": termios.ISIG, "tostop": termios.TOSTOP}
    flags = {name: bool(lflag & flag) for name, flag in names.items()}
    all = json.dumps([iflag, oflag, cflag, lflag, [str(key) for key in keys]])
    return dict(flags, all=all)

def obey(order):
    global master
    if "type" in order:
        os.write(master, order["type"].encode("latin-1"))
    elif "columns" in order:
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, order["columns"], 0, 0))
    elif "look" in order:
        answer(settings=settings(), foreground=os.tcgetpgrp(master))
    elif "leave" in order:
        os.close(master)
        master = -1

rest = b""
orders = True
ended = None
while True:
    ready, _, _ = select.select([fd for fd in (master, 0 if orders else -1) if fd >= 0], [], [], 0.05)
    if 0 in ready:
        got = os.read(0, 65536)
        orders = got != b""
        *lines, rest = (rest + got).split(b"\\n")
        for line in lines:
            obey(json.loads(line))
    elif master in ready:
        try:
            got = os.read(master, 65536)
        except OSError:
            got = b""
        if got == b"":
            os.close(master)
            master = -1
        else:
            os.write(1, got)
    if ended is None:
        done, status = os.waitpid(child, os.WNOHANG)
        ended = status if done else None
    # What it wrote last is read first.
    if ended is not None and not ready:
        code = os.waitstatus_to_exitcode(ended)
        answer(end={"status": code} if code >= 0 else {"signal": -code})
        break
    if not orders and master < 0:
        os.waitpid(child, 0)
        break
`;

export interface Settings {
  readonly echo: boolean;
  /** Line by line, rather than key by key. */
  readonly lines: boolean;
  /** Ctrl-C is a signal. */
  readonly signals: boolean;
  readonly tostop: boolean;
  /** Everything that is set, to be compared. */
  readonly all: string;
}

export interface Look {
  readonly settings: Settings;
  /** The process group that the keys belong to. */
  readonly foreground: number;
}

type TerminalEnd = { readonly status: number } | { readonly signal: number };

const prompt = 'your turn> ';

/** Why no terminal can be had here, if so. */
export const noTerminal = (...programs: string[]): string | undefined => missing('python3', 'bash', ...programs);

export class Terminal {
  readonly #looks: ((look: Look) => void)[] = [];
  readonly #arena: Arena;
  readonly run: Run;
  /** How what runs on it ended. */
  readonly ended: Promise<TerminalEnd>;

  constructor(arena: Arena, words: readonly string[], options: Pick<RunOptions, 'env'> = {}) {
    const stdio = ['pipe', 'pipe', 'pipe', 'pipe'] as const;
    this.#arena = arena;
    this.run = arena.spawn(['python3', '-c', person, ...words], { stdio: [...stdio], ...options });
    const answers = createInterface({ input: this.run.process.stdio[3] as Readable });
    this.ended = new Promise((resolve) => {
      answers.on('line', (line) => {
        const answer = JSON.parse(line) as Look | { readonly end: TerminalEnd };
        if ('end' in answer) resolve(answer.end);
        else this.#looks.shift()?.(answer);
      });
    });
  }

  get screen(): string {
    return this.run.stdout;
  }

  type(keys: string): void {
    this.#order({ type: keys });
  }

  resize(columns: number): void {
    this.#order({ columns });
  }

  /** Closes it, as a connection that breaks does. */
  leave(): void {
    this.#order({ leave: true });
  }

  async look(): Promise<Look> {
    const look = new Promise<Look>((resolve) => this.#looks.push(resolve));
    this.#order({ look: true });
    return await within(look, 'a look at the terminal', () => this.run.text());
  }

  async settings(): Promise<Settings> {
    return (await this.look()).settings;
  }

  /** Until the settings are such. */
  async is(what: string, fits: (settings: Settings) => boolean): Promise<void> {
    await this.#arena.until(what, async () => fits(await this.settings()));
  }

  async end(): Promise<TerminalEnd> {
    return await within(this.ended, 'the end of what runs on the terminal', () => this.run.text());
  }

  /** The shell has asked for commands so many times. */
  async prompts(times: number): Promise<void> {
    await this.#arena.until(`prompt number ${times}`, () => this.screen.split(prompt).length > times);
  }

  #order(order: Record<string, unknown>): void {
    this.run.process.stdin?.write(`${JSON.stringify(order)}\n`);
  }
}

/** An interactive shell in the arena's folder, where `./lead COMMAND` is a leader-run. */
export async function openShell(arena: Arena, options: RunOptions = {}): Promise<Terminal> {
  writeLead(arena, options);
  const shell = ['bash', '--norc', '--noprofile', '--noediting', '-i'];
  const terminal = new Terminal(arena, ['env', '-C', arena.folder, `PS1=${prompt}`, 'HISTFILE=', ...shell]);
  await terminal.prompts(1);
  return terminal;
}

function writeLead(arena: Arena, options: RunOptions): void {
  const quoted = [process.execPath, ...arena.words({ ...options, command: [] })].map((word) => `'${word}'`).join(' ');
  writeFileSync(join(arena.folder, 'lead'), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
  const puppet = arena
    .puppet()
    .map((word) => `'${word}'`)
    .join(' ');
  writeFileSync(join(arena.folder, 'puppet'), `#!/bin/sh\nexec ${puppet}\n`, { mode: 0o755 });
}
