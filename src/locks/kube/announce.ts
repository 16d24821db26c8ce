// A Kubernetes Event about a lock, as client-go's recorder makes it: core/v1, reason LeaderElection, on the object that
// is the lock. Decides its fields and nothing else. Knows neither what happened, nor over which connection the Event
// goes (object-lock.ts).
// Invariant: one request, no second try.

import { randomBytes } from 'node:crypto';
import { utcText } from '../../common/utc.ts';
import type { Deadline } from '../../kube-api/failure.ts';
import type { Transport } from '../../kube-api/transport.ts';
import type { Announcement, Trouble } from '../lock.ts';
import type { Version } from '../record.ts';
import { readTrouble, type Subject } from './answers.ts';
import { collectionOf } from './object.ts';

export interface Addressee {
  readonly transport: Transport;
  readonly subject: Subject;
  /** Of the lock object as it was last seen. */
  readonly version: Version;
}

export const events = { apiVersion: 'v1', kind: 'Event', group: '', resource: 'events', createsByPut: false } as const;
const component = 'leader-run';

/** Undefined when it is there. */
export async function postEvent(
  { transport, subject, version }: Addressee,
  { message, wallMs }: Announcement,
  deadline: Deadline,
): Promise<Trouble | undefined> {
  const { namespace, name, shape } = subject;
  // metav1.Time: whole seconds.
  const time = utcText(wallMs).replace(/\.\d+Z$/, 'Z');
  const body = {
    apiVersion: events.apiVersion,
    kind: events.kind,
    metadata: { namespace, name: eventName(name) },
    involvedObject: {
      apiVersion: shape.apiVersion,
      kind: shape.kind,
      namespace,
      name,
      uid: version.object,
      resourceVersion: version.state,
    },
    reason: 'LeaderElection',
    message,
    type: 'Normal',
    source: { component },
    reportingComponent: component,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
  const path = collectionOf(events, namespace);
  const reply = await transport.request({ method: 'POST', path, body: JSON.stringify(body) }, deadline);
  if (reply.kind === 'answer' && reply.status === 201) return undefined;
  return readTrouble(reply, 'create', { ...subject, shape: events });
}

/** The lock's name and something that no other Event has, within the length of a name. */
function eventName(lock: string): string {
  const unique = randomBytes(8).toString('hex');
  return `${lock.slice(0, 253 - unique.length - 1).replace(/[^a-z0-9]+$/, '')}.${unique}`;
}
