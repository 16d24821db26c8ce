// A suspend, as far as clocks can tell: boot time as some processes see it, which the test can put forward or destroy.
// Monotonic time stays as it is. Needs root, for a mount in a mount namespace that ends with its processes.

import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { textOf } from './procfs.ts';

/** A file that stands for /proc/uptime to whoever is started through it, and can be put forward. */
export class Uptime {
  /** What is put in front of a command. */
  readonly through: readonly string[];
  readonly #file: number;
  readonly #ticking: NodeJS.Timeout;
  #ahead = 0;

  constructor({ folder }: { readonly folder: string }) {
    const path = join(folder, 'uptime');
    writeFileSync(path, '');
    this.#file = openSync(path, 'r+');
    this.#write();
    this.#ticking = setInterval(() => {
      this.#write();
    }, 10);
    this.through = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /proc/uptime && exec "$@"', path];
  }

  /** What /proc/uptime says to them, in seconds. */
  get seconds(): number {
    return Number.parseFloat(textOf('/proc/uptime')) + this.#ahead;
  }

  /** Returns the wall clock's milliseconds. */
  jump(seconds: number): number {
    this.#ahead += seconds;
    this.#write();
    return Date.now();
  }

  destroy(): number {
    clearInterval(this.#ticking);
    ftruncateSync(this.#file);
    closeSync(this.#file);
    return Date.now();
  }

  close(): void {
    clearInterval(this.#ticking);
    closeSync(this.#file);
  }

  /** Always of one length, so that no reader meets half of one. */
  #write(): void {
    writeSync(this.#file, `${`${this.seconds.toFixed(2)} 0.00`.padEnd(24)}\n`, 0);
  }
}
