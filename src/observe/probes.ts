// What a candidate answers to those who ask how it is: /livez, /readyz and /leader (--listen). Decides that a candidate
// lives for as long as restarting it would mend nothing, and is ready once it could take the lock, so that no roll-out
// waits for leadership; and that nobody is named as leader who was not seen to renew in time.
// Knows no HTTP beyond the status.
// Invariant: an outage of the API server makes no candidate dead.

import { nameCap, printable } from '../common/printable.ts';
import { span } from '../common/quantity.ts';
import type { View } from './view.ts';

export interface Answer {
  readonly status: 200 | 404 | 503;
  readonly type: string;
  readonly body: string;
}

/** The elector's next step cannot be so late unless its timers are broken: then only a new process helps. */
const mostLateMs = 10_000;

const plain = (status: 200 | 503, text: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${text}\n`,
});

export function livez({ isGuarded, lateMs }: View): Answer {
  if (!isGuarded) return plain(503, 'the command runs without a guardian');
  if (lateMs > mostLateMs) return plain(503, `the elector should have acted ${span(lateMs)} ago`);
  return plain(200, 'ok');
}

export function readyz(view: View): Answer {
  const { glance, isStopping, leaseDurationMs, pause } = view;
  const alive = livez(view);
  if (alive.status !== 200) return alive;
  if (isStopping) return plain(503, 'leader-run was asked to stop');
  if (glance === undefined) return plain(503, 'the lock has not been seen yet');
  if (glance.isLeading) return plain(200, 'ok: leading');
  // A standby looks at least twice in this time.
  if (glance.seenMs > leaseDurationMs) return plain(503, `the lock was last seen ${span(glance.seenMs)} ago`);
  const leader = leaderOf(view);
  const who = leader === '' ? 'nobody leads' : `${printable(leader, nameCap)} leads`;
  return plain(200, `ok: standing by, ${pause ? 'the lock is paused' : who}`);
}

/** The name of who leads, as far as is known; '' for nobody, and where that is not known. */
export function leaderOf({ glance }: View): string {
  if (glance?.state !== 'held' || glance.sighting.kind !== 'record') return '';
  return glance.sighting.record.holderIdentity;
}

/** `name` is the leader's, as the leader-elector sidecar had it; the others may grow in number. */
export function leaderJson(view: View): Answer {
  const { lock, identity, glance, pause } = view;
  const record = glance?.sighting.kind === 'record' ? glance.sighting.record : undefined;
  const isNamed = record !== undefined && record.holderIdentity !== '';
  const body = {
    name: leaderOf(view),
    state: glance?.state ?? 'unknown',
    lock,
    identity,
    leading: glance?.isLeading ?? false,
    holder: isNamed ? record.holderIdentity : null,
    since: isNamed ? record.acquireTime : null,
    renewedMsAgo: isNamed ? glance?.changedMs : null,
    leaseMs: isNamed ? record.leaseDurationSeconds * 1000 : null,
    transitions: record?.leaseTransitions ?? null,
    paused: pause ? pause.reason : null,
  };
  return { status: 200, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}
