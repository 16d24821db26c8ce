// What the command is told in its environment: the lock, the identity, the fencing token; and the cookie by which its
// descendants are recognised. Decides the names. Knows neither how the command is started nor who leads.
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

/**
 * The name of a variable that only this run's command and its descendants have. The name is random, not the value, so
 * that a nested leader-run adds its own beside it, and the outer one still finds the inner one's command.
 */
export function newCookie(): string {
  return `LEADER_RUN_COOKIE_${randomBytes(8).toString('hex')}`;
}
