// A Lease that the API server assigns (coordinated leader election, KEP-4355): what its fields say of us, and a
// candidate that stands for it. Decides when to stand: after the Lease was seen, so that the last holder's is known
// before the server can name us. Does not know how a candidate is kept alive (candidate.ts), nor how one is chosen.
// Invariant: nothing is written into a Lease but by an invited or reigning candidate (that is the elector's, told by
// `coordinated`); the record of an invitation names nobody.

import { candidate, type CandidateOptions, oldestEmulationVersion } from './lease-candidate.ts';
import { leaseShape } from './lease.ts';
import type { Lock } from '../lock.ts';
import { objectLock, type ObjectLockOptions } from './object-lock.ts';
import { partOf, type Shape } from './object.ts';

export interface CoordinatedOptions extends ObjectLockOptions {
  readonly candidate: Omit<CandidateOptions, 'namespace' | 'leaseName' | 'strategy'>;
}

export function coordinatedLock({ candidate: given, ...options }: CoordinatedOptions): Lock {
  const { namespace, name } = options;
  const lease = objectLock(shapeFor(given.identity), options);
  const standing = candidate({ ...given, strategy: oldestEmulationVersion, namespace, leaseName: name });
  let seen = false;
  return {
    ...lease,
    coordinated: true,
    read: async (attempt) => {
      // Whoever does not stand is never chosen: that is told as loudly as a lock that cannot be read.
      const trouble = seen ? await standing.enrol(attempt.limitMs) : undefined;
      if (trouble !== undefined) return { kind: 'failed', trouble };
      const answer = await lease.read(attempt);
      if (answer.kind === 'sighted' && !seen) {
        seen = true;
        // The elector hears of the Lease before it can change because of us.
        setImmediate(() => void standing.enrol(attempt.limitMs));
      }
      return answer;
    },
    rehearse: async (request, attempt) => {
      // Whoever does not stand cannot take over, whatever rights to the Lease there are.
      const trouble = await standing.enrol(attempt.limitMs);
      return trouble === undefined ? await lease.rehearse(request, attempt) : { kind: 'refused', trouble };
    },
    watch: (tell) => {
      let stop = (): void => undefined;
      let stopped = false;
      // Until then the elector looks by itself, and so learns why we do not stand.
      void standing.enrolled.then(() => {
        if (!stopped) stop = lease.watch(tell);
      });
      return () => {
        stopped = true;
        stop();
      };
    },
    close: () => {
      standing.close();
      lease.close();
    },
  };
}

function shapeFor(identity: string): Shape {
  return {
    ...leaseShape,
    encode: (object, record) => {
      const lease = leaseShape.encode(object, record);
      return { ...lease, spec: { strategy: oldestEmulationVersion, ...partOf(lease, 'spec') } };
    },
    decode: (object) => {
      const decoded = leaseShape.decode(object);
      if (decoded.kind === 'unreadable' || decoded.record.holderIdentity !== identity) return decoded;
      const preferred = partOf(object, 'spec')['preferredHolder'] ?? '';
      if (preferred !== '' && preferred !== identity) return { ...decoded, coordinator: 'deposes' };
      // The server names a holder without an acquireTime; whoever accepts writes one.
      if (decoded.record.acquireTime !== '') return decoded;
      return { ...decoded, record: { ...decoded.record, holderIdentity: '' }, coordinator: 'invites' };
    },
  };
}
