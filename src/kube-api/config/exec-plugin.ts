// Credentials from a program, as the kubeconfig's `users[].user.exec` names it (client.authentication.k8s.io). Decides
// when it is run: at first, and again when its credentials expire or were refused; in the background while they are
// still good, so that no renewal waits for it. Does not know how a program is run and ended (plugin-run.ts).
// Invariant: one run at a time, shared by all who wait. A request that gives up leaves the run going, since a person
// may be logging in; the run has a limit of its own, and one that failed is not repeated at once.

import { isatty } from 'node:tty';
import type { Clock, Instant } from '../../clock.ts';
import { later, possiblyPast, surelyElapsed } from '../../clock.ts';
import { parseJson } from '../../common/json.ts';
import { printable } from '../../common/printable.ts';
import { inBackground } from '../../common/terminal.ts';
import {
  type Authorize,
  bearer,
  type Credentials,
  CredentialsError,
  untilAborted,
  UnusableError,
} from '../credentials.ts';
import { type ExecSpec, runPlugin, title } from './plugin-run.ts';

interface Kept {
  readonly credentials: Credentials;
  readonly since: Instant;
  /** When a new run is due in the background, and when these are no longer used; never when they state no expiry. */
  readonly refreshBy: Instant | undefined;
  readonly expireBy: Instant | undefined;
}

/** The last run came to nothing; until the pause is over its error is the answer to all who ask. */
interface Failed {
  readonly error: Error;
  readonly since: Instant;
  readonly pauseMs: number;
}

/** A background run has time: what it renews is still good for this long. */
const refreshAheadMs = 120_000;
/** Enough for a login by device code where no person sits at a terminal; a person at a terminal is waited for. */
const usualLimitMs = 60_000;
const firstPauseMs = 2_000;
const longestPauseMs = 60_000;
/** Credentials that are refused as soon as they came are not a reason for one login after another. */
const believedMs = 5_000;

export function execPlugin(
  spec: ExecSpec,
  clock: Clock,
  env: NodeJS.ProcessEnv,
  { limitMs = usualLimitMs, onTerminal = () => isatty(0) && !inBackground() } = {},
): Authorize {
  let kept: Kept | undefined;
  let failed: Failed | undefined;
  let running: Promise<Credentials> | undefined;

  async function run(): Promise<Credentials> {
    const first = kept === undefined;
    // Later the terminal belongs to the command, and a question would be lost in what that prints.
    const terminal = first && onTerminal();
    const limit = terminal ? undefined : AbortSignal.timeout(limitMs);
    try {
      const output = await runPlugin(spec, env, { terminal, passOn: first, limit });
      kept = keep(parse(output, spec), clock);
      failed = undefined;
      return kept.credentials;
    } catch (error) {
      const pauseMs = failed === undefined ? firstPauseMs : Math.min(failed.pauseMs * 2, longestPauseMs);
      failed = { error: error as Error, since: clock.now(), pauseMs };
      throw error;
    } finally {
      running = undefined;
    }
  }

  function ask(now: Instant): Promise<Credentials> {
    if (running !== undefined) return running;
    if (failed !== undefined && surelyElapsed(now, failed.since) < failed.pauseMs) {
      return Promise.reject(failed.error);
    }
    running = run();
    // Its failure is kept for the next caller, also when no caller waits for it any longer.
    running.catch(() => undefined);
    return running;
  }

  return async (fresh, signal) => {
    const now = clock.now();
    const good = kept !== undefined && !(kept.expireBy !== undefined && possiblyPast(now, kept.expireBy));
    if (kept !== undefined && good && (!fresh || surelyElapsed(now, kept.since) < believedMs)) {
      // A failure here costs nothing: these credentials are still good.
      if (kept.refreshBy !== undefined && possiblyPast(now, kept.refreshBy)) ask(now).catch(() => undefined);
      return kept.credentials;
    }
    try {
      return await untilAborted(ask(now), signal);
    } catch (error) {
      if (error instanceof CredentialsError || !signal.aborted) throw error;
      throw new CredentialsError(`${title(spec)} has given no answer yet; it is still waited for`);
    }
  };
}

function parse(output: string, spec: ExecSpec): { credentials: Credentials; expiry: string | undefined } {
  const { kind, apiVersion, status } = (parseJson(output) ?? {}) as {
    kind?: unknown;
    apiVersion?: unknown;
    status?: unknown;
  };
  if (kind !== 'ExecCredential') throw new CredentialsError(`${title(spec)} did not print an ExecCredential`);
  if (apiVersion !== spec.apiVersion) {
    throw new UnusableError(
      `${title(spec)} speaks ${printable(String(apiVersion))}, and the kubeconfig asks for ${spec.apiVersion}`,
    );
  }
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = (status ?? {}) as Record<
    string,
    unknown
  >;
  const pair = typeof clientCertificateData === 'string' && typeof clientKeyData === 'string';
  if (typeof token !== 'string' && !pair)
    throw new CredentialsError(`${title(spec)} gave neither a token nor a client certificate`);
  return {
    credentials: {
      headers: typeof token === 'string' ? bearer(token.trim()) : {},
      ...(pair && { cert: clientCertificateData, key: clientKeyData }),
    },
    expiry: typeof expirationTimestamp === 'string' ? expirationTimestamp : undefined,
  };
}

/** The wall clock is asked once, when the credentials come; from then on their life is counted on our own clocks. */
function keep({ credentials, expiry }: ReturnType<typeof parse>, clock: Clock): Kept {
  const now = clock.now();
  const leftMs = expiry === undefined ? Number.NaN : Date.parse(expiry) - now.wall;
  if (Number.isNaN(leftMs)) return { credentials, since: now, refreshBy: undefined, expireBy: undefined };
  // Short-lived credentials are renewed after three quarters of their life, so that each is used for a while.
  const refreshInMs = leftMs - Math.min(refreshAheadMs, leftMs / 4);
  return { credentials, since: now, refreshBy: later(now, refreshInMs), expireBy: later(now, leftMs) };
}
