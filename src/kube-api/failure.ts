// Deadlines, and what it means when a request gets no usable answer: which cause it is, in words for people.
// Does not know which request it was; whether it had been sent is told by the transport.
// Invariant: only what the server itself says it did not handle, or what never left, counts as not sent.

import { codeOf, messageOf } from '../common/errors.ts';
import { printable } from '../common/printable.ts';
import { CredentialsError, UnusableError } from './credentials.ts';
import type { Trust } from './target.ts';

/** Why there is no usable answer; a lock's causes of Trouble contain these. */
export type FailureCause =
  'timeout' | 'unreachable' | 'untrusted' | 'outdated' | 'credentials' | 'unusable' | 'garbled';

export interface Failure {
  readonly kind: 'failed';
  readonly cause: FailureCause;
  /** What happened, for people; stripped of controls. */
  readonly detail: string;
  /** False when the server surely did not handle the request. */
  readonly sent: boolean;
}

/** One limit over several steps. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** The caller that started it ends it, so that no timer is left. */
  end(): void;
}

export function startDeadline(limitMs: number): Deadline {
  const controller = new AbortController();
  let ended = false;
  // A timer longer than 2^31 - 1 ms would fire at once.
  const timer = setTimeout(
    () => {
      // After a stall of this process timers run first; the answer may have come long ago and is read before this.
      setImmediate(() => {
        if (!ended) controller.abort(new TimedOut(`no answer within ${String(Math.round(limitMs) / 1000)} s`));
      });
    },
    Math.min(Math.max(0, limitMs), 2 ** 31 - 1),
  );
  return {
    signal: controller.signal,
    end: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}

class TimedOut extends Error {}

/** The request was surely not handled, though it went out: the server says so itself. */
export class NotHandled extends Error {}

/** The way to the server is barred, and asking again changes nothing: a proxy does not take our password. */
export class NoWay extends Error {}

/** The answer is longer than anything that is read here. */
export class TooLong extends Error {}

export function failureOf(error: unknown, sent: boolean, signal: AbortSignal, trust?: Trust): Failure {
  // An abort comes back as many errors (a closed stream, a killed plugin); the deadline is the one that explains.
  const reason: unknown = signal.aborted && !(error instanceof CredentialsError) ? signal.reason : error;
  const cause = causeOf(reason);
  const from = cause === 'untrusted' ? trust?.from?.() : undefined;
  return {
    kind: 'failed',
    cause,
    detail: printable(`${explain(reason)}${from === undefined ? '' : `; trusted are the certificates of ${from}`}`),
    sent: sent && !(reason instanceof NotHandled),
  };
}

function causeOf(error: unknown): FailureCause {
  if (error instanceof TimedOut) return 'timeout';
  if (error instanceof UnusableError || error instanceof NoWay) return 'unusable';
  if (error instanceof CredentialsError) return 'credentials';
  if (error instanceof TooLong) return 'garbled';
  if (!isDistrust(error)) return 'unreachable';
  return outdated.some((beginning) => codeOf(error)?.startsWith(beginning)) ? 'outdated' : 'untrusted';
}

/** How the codes begin with which Node's name check and OpenSSL (X509_V_ERR_*) say that a certificate is bad. */
const distrust = [
  ...['ERR_TLS_CERT_', 'CERT_', 'CRL_', 'UNABLE_TO_', 'DEPTH_ZERO_', 'SELF_SIGNED_', 'INVALID_CA', 'INVALID_PURPOSE'],
  ...['PATH_LENGTH_', 'HOSTNAME_MISMATCH', 'ERROR_IN_CERT'],
];

/** Of these: what passes with time, as the clocks go on and certificates are replaced. */
const outdated = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'CRL_', 'UNABLE_TO_GET_CRL'];

function isDistrust(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return distrust.some((beginning) => code.startsWith(beginning));
}

function explain(error: unknown): string {
  // One error for each address that was tried.
  if (error instanceof AggregateError && error.errors.length > 0) return explain(error.errors[0]);
  const tls = tlsWords(error);
  if (tls !== undefined) return tls;
  const text = messageOf(error);
  const code = codeOf(error);
  return code === undefined || text.includes(code) ? text : `${text} (${code})`;
}

/** What OpenSSL tells by the number of an alert and the line of its own code that met it. */
function tlsWords(error: unknown): string | undefined {
  const code = codeOf(error) ?? '';
  if (!code.startsWith('ERR_SSL_') && code !== 'EPROTO') return undefined;
  const text = messageOf(error);
  const alert = /alert ([a-z ]+)/.exec(text)?.[1]?.trim();
  if (alert !== undefined) {
    const ours = /certificate|unknown ca/.test(alert) ? ' (it does not take the client certificate, or wants one)' : '';
    return `the server ended the TLS connection: ${alert}${ours}`;
  }
  if (/wrong version number|packet length too long|http request/.test(text)) return 'the server does not speak TLS';
  const reason = /SSL routines:[^:]*:([^:]+):/.exec(text)?.[1];
  return reason && `TLS with the server failed: ${reason}`;
}
