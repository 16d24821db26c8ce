// The kinds of locks, each with the requests that reading, making and writing it take, and with a hand that writes
// records into it as another elector would. The contract is the same for all of them; only this table knows them.
// Knows no election.
import { annotationLock, leaderAnnotation } from '../../src/locks/kube/annotation.ts';
import { leaseLock } from '../../src/locks/kube/lease.ts';
import type { Lock } from '../../src/locks/lock.ts';
import { pairLock } from '../../src/locks/pair.ts';
import type { ObjectLockOptions } from '../../src/locks/kube/object-lock.ts';
import type { ElectionRecord } from '../../src/locks/record.ts';
import type { Clock } from '../../src/clock.ts';
import type { Resource } from './memory-api.ts';

export interface Kind {
  readonly name: 'lease' | 'endpoints' | 'configmaps' | 'endpointsleases' | 'configmapsleases';
  /** The primary first. */
  readonly resources: readonly Resource[];
  readonly open: (options: ObjectLockOptions, clock: Clock) => Lock;
  /** What each step asks of the server. */
  readonly looks: readonly string[];
  readonly looksInVain: readonly string[];
  /** Before the first write of a run, unless it has rehearsed. */
  readonly asksFirst: readonly string[];
  readonly creates: readonly string[];
  readonly writes: readonly string[];
}

const lease: Kind = {
  name: 'lease',
  resources: ['leases'],
  open: leaseLock,
  looks: ['GET leases'],
  looksInVain: ['GET leases'],
  asksFirst: [],
  creates: ['PUT leases'],
  writes: ['PUT leases'],
};

function annotated(name: 'endpoints' | 'configmaps'): Kind {
  return {
    name,
    resources: [name],
    open: (options) => annotationLock(name, options),
    looks: [`GET ${name}`],
    looksInVain: [`GET ${name}`],
    asksFirst: [],
    // A PUT would make Endpoints, but also replace them whatever their version.
    creates: [`POST ${name}`],
    writes: [`PUT ${name}`],
  };
}

function pair(name: 'endpointsleases' | 'configmapsleases', primary: 'endpoints' | 'configmaps'): Kind {
  return {
    name,
    resources: [primary, 'leases'],
    open: (options, clock) => {
      const both = { primary: annotationLock(primary, options), secondary: leaseLock(options), clock };
      return pairLock({ name: `${primary} and lease`, ...both });
    },
    looks: [`GET ${primary}`, 'GET leases'],
    looksInVain: [`GET ${primary}`],
    asksFirst: ['GET leases'],
    creates: [`POST ${primary}`, 'GET leases', 'PUT leases'],
    writes: [`PUT ${primary}`, 'GET leases', 'PUT leases'],
  };
}

export const kinds: readonly Kind[] = [
  lease,
  annotated('endpoints'),
  annotated('configmaps'),
  pair('endpointsleases', 'endpoints'),
  pair('configmapsleases', 'configmaps'),
];

export const pairs = kinds.filter(({ resources }) => resources.length === 2);

/** One object of a lock with this record in it, as client-go would write it. */
export function holding(resource: Resource, record: Partial<ElectionRecord>): Readonly<Record<string, unknown>> {
  const time = '2026-01-01T00:00:00.000000Z';
  const full = {
    holderIdentity: 'bob',
    leaseDurationSeconds: 3,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: 0,
    ...record,
  };
  if (resource === 'leases') return { spec: full };
  const { leaseTransitions: leaderTransitions, acquireTime, renewTime, ...same } = full;
  const [acquired, renewed] = [acquireTime, renewTime].map((text) => text.replace('.000000Z', 'Z'));
  const text = JSON.stringify({ ...same, acquireTime: acquired, renewTime: renewed, leaderTransitions });
  return { metadata: { annotations: { [leaderAnnotation]: text } } };
}
