// What the command is told in its environment: the lock, the identity, the fencing token; and the cookie by which its
// descendants are recognised. Decides the names, and what of the rest to warn of. Knows neither how the command is
// started nor who leads.
// Invariant: everything else in the command's environment is byte for byte what leader-run inherited.

import { randomBytes } from 'node:crypto';

export interface TermFacts {
  readonly lock: string;
  readonly identity: string;
  /** resourceVersion of the acquiring write: larger in each later term of this lock object. */
  readonly token: string;
  /** leaseTransitions of the acquiring write. */
  readonly transitions: number;
  /** metadata.uid of the lock object. */
  readonly lockUid: string;
}

/** Known only once the lock is held. */
export function termEnvironment({ lock, identity, token, transitions, lockUid }: TermFacts): Record<string, string> {
  return {
    LEADER_RUN_LOCK: lock,
    LEADER_RUN_IDENTITY: identity,
    LEADER_RUN_TOKEN: token,
    LEADER_RUN_TRANSITIONS: String(transitions),
    LEADER_RUN_LOCK_UID: lockUid,
  };
}

/** What of the inherited environment means something else than with a bare start, a sentence each. */
export function environmentWarnings(env: NodeJS.ProcessEnv, pid: number): string[] {
  const isFor = (name: string): boolean => (env[name] ?? String(pid)) === String(pid);
  const warnings: string[] = [];
  if (Number(env['LISTEN_FDS']) > 0 && isFor('LISTEN_PID'))
    warnings.push('LISTEN_FDS hands over sockets, which the command does not get: let it listen by itself');
  if (env['WATCHDOG_USEC'] !== undefined && isFor('WATCHDOG_PID'))
    warnings.push(
      "systemd's watchdog waits for leader-run, which gives no sign of life: set NotifyAccess=all, and start the " +
        'command with env -u WATCHDOG_PID',
    );
  if ((env['NODE_OPTIONS'] ?? '') !== '')
    warnings.push('NODE_OPTIONS acts on leader-run, too: set it for the command alone, as in -- env NODE_OPTIONS=...');
  return warnings;
}

/**
 * The name of a variable that only this run's command and its descendants have. The name is random, not the value, so
 * that a nested leader-run adds its own beside it, and the outer one still finds the inner one's command.
 */
export function newCookie(): string {
  return `LEADER_RUN_COOKIE_${randomBytes(8).toString('hex')}`;
}
