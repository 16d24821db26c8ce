// Credentials from a program, as the kubeconfig's `users[].user.exec` names it (client.authentication.k8s.io). Decides
// when it is run: once, then again when its credentials expire or were refused. While they are about to expire it is
// run in the background, so that no renewal waits for it. client-node's own runner has no time limit, keeps nothing
// that has no expiry, and tells the plugin nothing of the cluster.
// Invariant: a plugin is killed when nobody waits for it any longer, and what it printed is never shown, since it may
// hold the credential; only its stderr is.

import { type ChildProcess, spawn } from 'node:child_process';
import { isatty } from 'node:tty';
import type { Clock, Instant } from '../../clock.ts';
import { later, possiblyPast } from '../../clock.ts';
import { printable } from '../../common/printable.ts';
import { type Authorize, bearer, type Credentials, CredentialsError, errorCode } from '../credentials.ts';

export interface ExecSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
  readonly interactiveMode: 'Never' | 'IfAvailable' | 'Always';
  readonly installHint: string | undefined;
  /** What KUBERNETES_EXEC_INFO says of the cluster; undefined unless provideClusterInfo is set. */
  readonly cluster: (() => Promise<Readonly<Record<string, unknown>>>) | undefined;
}

interface Kept {
  readonly credentials: Credentials;
  /** When a new run is due in the background, and when these are no longer used; never when they state no expiry. */
  readonly refreshBy: Instant | undefined;
  readonly expireBy: Instant | undefined;
}

/** A background run has time: what it renews is still good for this long. */
const refreshAheadMs = 120_000;
const backgroundLimitMs = 60_000;
/** An ExecCredential is a few KB; a plugin that prints without end is stopped. */
const outputCap = 1 << 20;

export function execPlugin(spec: ExecSpec, clock: Clock, env: NodeJS.ProcessEnv): Authorize {
  let kept: Kept | undefined;
  let refreshing = false;

  async function renew(mayAsk: boolean, signal: AbortSignal): Promise<Credentials> {
    const output = await run(spec, env, mayAsk && isatty(0), signal);
    kept = keep(parse(output, spec), clock);
    return kept.credentials;
  }

  function refresh(): void {
    refreshing = true;
    // A failure here costs nothing: these credentials are still good, and the next request after them tells.
    void renew(false, AbortSignal.timeout(backgroundLimitMs))
      .catch(() => undefined)
      .finally(() => (refreshing = false));
  }

  return async (fresh, signal) => {
    const now = clock.now();
    if (kept === undefined || fresh || (kept.expireBy !== undefined && possiblyPast(now, kept.expireBy))) {
      // Later the terminal belongs to the command, and a question would be lost in what that prints.
      return await renew(kept === undefined, signal);
    }
    if (!refreshing && kept.refreshBy !== undefined && possiblyPast(now, kept.refreshBy)) refresh();
    return kept.credentials;
  };
}

async function run(spec: ExecSpec, env: NodeJS.ProcessEnv, terminal: boolean, signal: AbortSignal): Promise<string> {
  const { command, interactiveMode } = spec;
  if (interactiveMode === 'Always' && !terminal) {
    throw new CredentialsError(`the credential plugin ${printable(command)} wants to ask, and there is no terminal`);
  }
  const interactive = terminal && interactiveMode !== 'Never';
  const cluster = await spec.cluster?.();
  const info = {
    apiVersion: spec.apiVersion,
    kind: 'ExecCredential',
    spec: { interactive, ...(cluster && { cluster }) },
  };
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    let child: ChildProcess;
    try {
      child = spawn(command, spec.args, {
        env: { ...env, ...spec.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
        stdio: [interactive ? 'inherit' : 'ignore', 'pipe', interactive ? 'inherit' : 'pipe'],
      });
    } catch (error) {
      // Node tells of some errors by an event and throws the others (E2BIG, ENOMEM).
      reject(notRun(error, spec));
      return;
    }
    // For good: a SIGKILL that another user's plugin refuses (EPERM) is told by an error, too.
    for (const emitter of [child, child.stdout, child.stderr]) emitter?.on('error', () => undefined);
    const printed = { output: '', complaint: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      printed.output += text;
      if (printed.output.length > outputCap) stop(new CredentialsError(`${title(spec)} prints without end`));
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      printed.complaint = (printed.complaint + text).slice(-4096);
    });
    function stop(reason: Error): void {
      // The pipes are closed too: a grandchild that holds them open must not keep this process waiting.
      child.kill('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      settle();
      reject(reason);
    }
    function abort(): void {
      stop(new CredentialsError(`${title(spec)} gave no answer in time and was killed`));
    }
    function settle(): void {
      signal.removeEventListener('abort', abort);
    }
    signal.addEventListener('abort', abort, { once: true });
    child.once('error', (error) => {
      settle();
      reject(notRun(error, spec));
    });
    child.once('close', (status, killedBy) => {
      settle();
      if (status === 0) resolve(printed.output);
      else
        reject(
          new CredentialsError(
            `${title(spec)} failed with ${killedBy ?? `status ${String(status)}`}${said(printed.complaint)}`,
          ),
        );
    });
  });
}

function notRun(error: unknown, spec: ExecSpec): CredentialsError {
  const hint = spec.installHint === undefined ? '' : `; ${printable(spec.installHint.trim())}`;
  return new CredentialsError(`cannot run ${title(spec)}: ${errorCode(error)}${hint}`);
}

function parse(output: string, spec: ExecSpec): { credentials: Credentials; expiry: string | undefined } {
  const { kind, apiVersion, status } = (tryJson(output) ?? {}) as {
    kind?: unknown;
    apiVersion?: unknown;
    status?: unknown;
  };
  if (kind !== 'ExecCredential') throw new CredentialsError(`${title(spec)} did not print an ExecCredential`);
  if (apiVersion !== spec.apiVersion) {
    throw new CredentialsError(
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
  if (Number.isNaN(leftMs)) return { credentials, refreshBy: undefined, expireBy: undefined };
  // Short-lived credentials are renewed after three quarters of their life, so that each is used for a while.
  const refreshInMs = leftMs - Math.min(refreshAheadMs, leftMs / 4);
  return { credentials, refreshBy: later(now, refreshInMs), expireBy: later(now, leftMs) };
}

function title(spec: ExecSpec): string {
  return `the credential plugin ${printable(spec.command)}`;
}

function said(complaint: string): string {
  const text = complaint.trim().split('\n').slice(-3).join(' ');
  return text === '' ? '' : `: ${printable(text)}`;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The caller says that this is no ExecCredential; the text itself may hold a secret.
  }
}
