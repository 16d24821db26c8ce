// The test's hand on its puppets (puppet-child.mjs): waits for them to appear, hears of their signals, tells them what
// to do and learns when they are gone. Knows no leader-run.
// To check: `gone` is the kernel's word, not the puppet's: it closes the socket of a process when that process is dead.

import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from './wait.ts';

export const puppetScript = fileURLToPath(new URL('puppet-child.mjs', import.meta.url));

export type Runaway = 'member' | 'session' | 'orphan' | 'nameless session' | 'nameless group' | 'nameless orphan';

interface Hello {
  readonly hello: string;
  readonly pid: number;
  readonly group: number;
  readonly session: number;
  readonly args: readonly string[];
}

type Message = Hello | { readonly got: NodeJS.Signals } | { readonly id: number; readonly answer: unknown };

export class Puppet {
  readonly name: string;
  /** As it sees itself: inside a pid namespace others see another number. */
  readonly pid: number;
  readonly group: number;
  readonly session: number;
  readonly args: readonly string[];
  /** The signals that reached it, in their order. */
  readonly got: NodeJS.Signals[] = [];
  /** Resolves when the process is dead, with the wall clock's milliseconds. */
  readonly gone: Promise<number>;
  isGone = false;

  readonly #socket: Socket;
  readonly #waiting = new Set<() => void>();
  readonly #answers = new Map<number, (answer: unknown) => void>();
  #asked = 0;

  constructor(socket: Socket, hello: Hello) {
    ({ hello: this.name, pid: this.pid, group: this.group, session: this.session, args: this.args } = hello);
    this.#socket = socket;
    this.gone = new Promise((resolve) => {
      socket.once('close', () => {
        this.isGone = true;
        resolve(Date.now());
      });
    });
  }

  hear(message: Exclude<Message, Hello>): void {
    if ('got' in message) this.got.push(message.got);
    else this.#answers.get(message.id)?.(message.answer);
    for (const look of this.#waiting) look();
  }

  /** Resolves once the signal has reached it so many times. */
  async hears(signal: NodeJS.Signals, times = 1): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.got.filter((each) => each === signal).length < times) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    await within(heard, `${signal} to reach ${this.name}`, () => `it got ${this.got.join(' ')}`);
  }

  exit(status: number): void {
    this.#send({ act: 'exit', status });
  }

  /** Dies of the signal, as if it had never listened. */
  die(signal: NodeJS.Signals): void {
    this.#send({ act: 'die', signal });
  }

  print(text: string): void {
    this.#send({ act: 'print', text });
  }

  spawn(kid: string, how: Runaway): void {
    this.#send({ act: 'spawn', kid, how });
  }

  /** A round trip: it is running, and has done what it was told before. */
  async ask<T>(act: 'environment' | 'descriptors' | 'readLine'): Promise<T> {
    const id = (this.#asked += 1);
    const answer = new Promise<T>((resolve) => {
      this.#answers.set(id, resolve as (answer: unknown) => void);
    });
    this.#send({ act, id });
    return within(answer, `${this.name} to answer ${act}`);
  }

  async isOver(what = `${this.name} to be gone`, ms?: number): Promise<number> {
    return within(this.gone, what, () => `it got ${this.got.join(' ') || 'no signal'}`, ms);
  }

  #send(order: Record<string, unknown>): void {
    this.#socket.write(`${JSON.stringify(order)}\n`);
  }
}

/** Where puppets say hello. */
export class Puppets {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #seen: Puppet[] = [];
  readonly #taken = new Set<Puppet>();
  readonly #waiting = new Set<() => void>();

  /** All puppets that ever appeared. */
  get seen(): readonly Puppet[] {
    return this.#seen;
  }

  /** More than one place, for puppets that see another root folder. */
  async listen(path: string): Promise<void> {
    const server = createServer((socket) => {
      this.#meet(socket);
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }

  /** The next puppet of this name that no earlier call got. */
  async next(name: string, detail?: () => string): Promise<Puppet> {
    const met = new Promise<Puppet>((resolve) => {
      const look = (): void => {
        const puppet = this.#seen.find((each) => each.name === name && !this.#taken.has(each));
        if (!puppet) return;
        this.#waiting.delete(look);
        this.#taken.add(puppet);
        resolve(puppet);
      };
      this.#waiting.add(look);
      look();
    });
    return within(met, `${name} to say hello`, detail);
  }

  /** Puppets end when they lose their test. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
  }

  #meet(socket: Socket): void {
    this.#sockets.add(socket);
    // A puppet that is killed while it is written to; its end is what counts.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    let puppet: Puppet | undefined;
    createInterface({ input: socket }).on('line', (line) => {
      const message = JSON.parse(line) as Message;
      if (puppet && !('hello' in message)) return puppet.hear(message);
      if (!('hello' in message)) return;
      puppet = new Puppet(socket, message);
      this.#seen.push(puppet);
      for (const look of this.#waiting) look();
    });
  }
}
