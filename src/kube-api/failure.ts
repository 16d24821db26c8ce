// Deadlines, and what it means when a request gets no usable answer: which cause it is, in words for people.
// Does not know which request it was; whether it had been sent is told by the transport.
// Invariant: only what the server itself says it did not handle, or what never left, counts as not sent.

import { codeOf, messageOf } from '../common/errors.ts';
import { printable } from '../common/printable.ts';
import { CredentialsError } from './credentials.ts';

/** Why there is no usable answer; a lock's causes of Trouble contain these. */
export type FailureCause = 'timeout' | 'unreachable' | 'untrusted' | 'credentials' | 'garbled';

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

/** The answer is longer than anything that is read here. */
export class TooLong extends Error {}

export function failureOf(error: unknown, sent: boolean, signal: AbortSignal): Failure {
  // An abort comes back as many errors (a closed stream, a killed plugin); the deadline is the one that explains.
  const reason: unknown = signal.aborted && !(error instanceof CredentialsError) ? signal.reason : error;
  return {
    kind: 'failed',
    cause: causeOf(reason),
    detail: printable(explain(reason)),
    sent: sent && !(reason instanceof NotHandled),
  };
}

function causeOf(error: unknown): FailureCause {
  if (error instanceof TimedOut) return 'timeout';
  if (error instanceof CredentialsError) return 'credentials';
  if (error instanceof TooLong) return 'garbled';
  return isDistrust(error) ? 'untrusted' : 'unreachable';
}

/** How the codes begin with which Node's name check and OpenSSL (X509_V_ERR_*) say that a certificate is bad. */
const distrust = [
  ...['ERR_TLS_CERT_', 'CERT_', 'CRL_', 'UNABLE_TO_', 'DEPTH_ZERO_', 'SELF_SIGNED_', 'INVALID_CA', 'INVALID_PURPOSE'],
  ...['PATH_LENGTH_', 'HOSTNAME_MISMATCH', 'ERROR_IN_CERT'],
];

function isDistrust(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return distrust.some((beginning) => code.startsWith(beginning));
}

function explain(error: unknown): string {
  // One error for each address that was tried.
  if (error instanceof AggregateError && error.errors.length > 0) return explain(error.errors[0]);
  const text = messageOf(error);
  const code = codeOf(error);
  return code === undefined || text.includes(code) ? text : `${text} (${code})`;
}
