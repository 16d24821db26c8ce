// Starts the processes that leader-run needs beside the command, through execa: credential plugins and hooks. Decides
// that their callers alone end them and keep what they print; execa is met in this file only, and loaded when the first
// such process is started. Does not know what is started, nor why.
// Invariant: a process ends by itself or by its caller, never by execa.

import type { Readable, Writable } from 'node:stream';

/** The part of execa's subprocess that is used; what it resolves with says why there is no process. */
export interface Spawned extends PromiseLike<{ readonly cause?: unknown }> {
  readonly pid?: number | undefined;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly stdio: readonly (Readable | Writable | null | undefined)[];
  kill(signal: NodeJS.Signals): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
  once(event: 'close' | 'exit', listener: (status: number | null, signal: NodeJS.Signals | null) => void): unknown;
}

type Stream = 'ignore' | 'inherit' | 'pipe';

export interface SpawnOptions {
  /** All of it. */
  readonly env: NodeJS.ProcessEnv;
  /** In a session and a process group of its own. */
  readonly detached: boolean;
  readonly stdio: [Stream, Stream, Stream, ...Stream[]];
}

/** Not an async function of its own, since what it gives has a `then`. */
export type Start = (file: string, args: readonly string[], options: SpawnOptions) => Spawned;

export async function openStart(): Promise<Start> {
  const { execa } = await import('execa');
  const settled = {
    extendEnv: false,
    cleanup: false,
    forceKillAfterDelay: false,
    reject: false,
    buffer: false,
  } as const;
  return (file, args, options) => execa(file, args, { ...options, ...settled });
}
