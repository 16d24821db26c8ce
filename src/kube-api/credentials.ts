// What a request shows to prove who sends it, and how long an answer from a file is believed. Token and certificate
// files are rotated under a running process (a service account's token about hourly), so they are read again each
// minute, as client-go does, and at once after a 401.
// Does not know where the files are named (kubeconfig.ts) or how a plugin is run (exec-plugin.ts).
// Invariant: no message made here holds a credential; a header value that HTTP cannot carry never gets out.

import { readFile } from 'node:fs/promises';
import { validateHeaderValue } from 'node:http';
import type { Clock, Instant } from '../clock.ts';
import { possiblyElapsed } from '../clock.ts';
import { printable } from '../common/printable.ts';

export interface Credentials {
  /** Authorization and impersonation. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Client certificate and key in PEM: a connection belongs to the pair that it was made with. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * `fresh` asks for new ones since the last were answered with 401. Rejects with a CredentialsError, or once aborted.
 */
export type Authorize = (fresh: boolean, signal: AbortSignal) => Promise<Credentials>;

/** Credentials cannot be had now; a later attempt may succeed. The message is fit for people. */
export class CredentialsError extends Error {}

/** Nor later, unless the configuration changes: such a failure ends a start, as an answer of 401 does. */
export class UnusableError extends CredentialsError {}

export function bearer(token: string): Readonly<Record<string, string>> {
  const value = `Bearer ${token}`;
  try {
    validateHeaderValue('authorization', value);
  } catch {
    throw new CredentialsError('the token holds characters that no HTTP header can carry');
  }
  return { authorization: value };
}

export async function readToken(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CredentialsError(`cannot read the token file ${printable(file)}: ${errorCode(error)}`);
  });
  const token = text.trim();
  if (token === '') throw new CredentialsError(`the token file ${printable(file)} is empty`);
  return token;
}

/** As often as client-go looks at token files (transport/token_source.go). */
export const rereadMs = 60_000;

/** Reads at most each minute, and at once when asked for fresh ones. A failing re-read keeps what is still believed. */
export function rereading(clock: Clock, load: () => Promise<Credentials>): Authorize {
  let kept: { readonly credentials: Credentials; at: Instant } | undefined;
  return async (fresh, signal) => {
    const now = clock.now();
    if (kept !== undefined && !fresh && possiblyElapsed(now, kept.at) < rereadMs) return kept.credentials;
    try {
      kept = { credentials: await untilAborted(load(), signal), at: now };
    } catch (error) {
      if (kept === undefined || fresh || signal.aborted) throw error;
      kept.at = now;
    }
    return kept.credentials;
  };
}

/** Later sources win: a plugin's token over the kubeconfig's. */
export function combined(sources: readonly Authorize[]): Authorize {
  return async (fresh, signal) => {
    let all: Credentials = { headers: {} };
    for (const source of sources) {
      const part = await source(fresh, signal);
      all = { ...all, ...part, headers: { ...all.headers, ...part.headers } };
    }
    return all;
  };
}

export function sameCredentials(a: Credentials, b: Credentials): boolean {
  return sameIdentity(a, b) && JSON.stringify(a.headers) === JSON.stringify(b.headers);
}

/** Whether a connection made with one serves the other. */
export function sameIdentity(a: Credentials, b: Credentials): boolean {
  return a.cert === b.cert && a.key === b.key;
}

/** Stops waiting when aborted; what is waited for may go on and is ignored. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // It may fail when no caller waits any more, or before a caller has begun to.
  work.catch(() => undefined);
  signal.throwIfAborted();
  let give: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    give = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', give, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', give);
  }
}

/** The system's name of an error (ENOENT), which says less about the machine than its message. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return printable(error instanceof Error ? error.message : String(error));
}
