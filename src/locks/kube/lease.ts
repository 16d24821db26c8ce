// The record in a coordination.k8s.io/v1 Lease, the lock of today's electors. Decides which spec is readable, and that
// all other fields of it are kept. Does not know how it is sent (object-lock.ts).
// Invariant: times pass through as the server's own text: a MicroTime taken apart and put together loses digits, and
// the server refuses any number of them but six.

import { isJson, type Json } from '../../common/json.ts';
import type { Lock } from '../lock.ts';
import { type ElectionRecord, isRecord } from '../record.ts';
import { type Decoded, partOf, type Shape } from './object.ts';
import { objectLock, type ObjectLockOptions } from './object-lock.ts';

export function leaseLock(options: ObjectLockOptions): Lock {
  return objectLock(leaseShape, options);
}

export const leaseShape: Shape = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  group: 'coordination.k8s.io',
  resource: 'leases',
  createsByPut: true,
  encode,
  decode,
};

function encode(object: Json, record: ElectionRecord): Json {
  return {
    ...object,
    spec: {
      ...partOf(object, 'spec'),
      holderIdentity: record.holderIdentity,
      // What a record does not state was null, and the server takes neither 0 nor ''.
      leaseDurationSeconds: record.leaseDurationSeconds || null,
      acquireTime: record.acquireTime || null,
      renewTime: record.renewTime || null,
      leaseTransitions: record.leaseTransitions,
    },
  };
}

/** A Lease may come without any of the fields: kubectl makes such ones, and some electors release by nulls. */
function decode(object: Json): Decoded {
  const spec = object['spec'] ?? {};
  if (isJson(spec)) {
    const record = {
      holderIdentity: spec['holderIdentity'] ?? '',
      leaseDurationSeconds: spec['leaseDurationSeconds'] ?? 0,
      acquireTime: spec['acquireTime'] ?? '',
      renewTime: spec['renewTime'] ?? '',
      leaseTransitions: spec['leaseTransitions'] ?? 0,
    };
    if (isRecord(record)) return { kind: 'record', record };
  }
  return { kind: 'unreadable', text: JSON.stringify(spec) };
}
