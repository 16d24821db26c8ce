// A Lease that the API server assigns (coordinated leader election, KEP-4355): what its fields say of us, and a
// candidate that stands for it. Decides when to stand: after the Lease was seen, so that the last holder's is known
// before the server can name us; and when a server that does not choose is told of. Does not know how our candidacy is
// kept alive (lease-candidate.ts), nor how the server chooses.
// Invariant: nothing is written into a Lease but by an invited or reigning candidate (that is the elector's, told by
// `coordinated`); the record of an invitation names no holder.

import type {
  Attempt,
  Lock,
  ReadAnswer,
  RehearsalAnswer,
  Sighting,
  Version,
  WatchNews,
  WriteAnswer,
  WriteRequest,
} from '../lock.ts';
import { LeaseCandidate, type LeaseCandidateOptions, oldestEmulationVersion } from './lease-candidate.ts';
import { leaseShape } from './lease.ts';
import { partOf, type Shape } from './object.ts';
import { objectLock, type ObjectLockOptions } from './object-lock.ts';

export interface CoordinatedOptions extends ObjectLockOptions {
  readonly candidate: Omit<LeaseCandidateOptions, 'namespace' | 'leaseName' | 'strategy'>;
}

export function coordinatedLock({ candidate, ...options }: CoordinatedOptions): Lock {
  const { namespace, name } = options;
  const lease = objectLock(shapeFor(candidate.identity), options);
  const strategy = oldestEmulationVersion;
  const standing = new LeaseCandidate({ ...candidate, strategy, namespace, leaseName: name });
  return new CoordinatedLock({ candidate, ...options }, lease, standing);
}

/** The server asks all candidates and waits 5 s for them; by then it has long chosen, if it chooses at all. */
const chosenWithinMs = 30_000;

class CoordinatedLock implements Lock {
  readonly #lease: Lock;
  readonly #candidate: LeaseCandidate;
  readonly #options: CoordinatedOptions;
  /** Whether the Lease was looked at, so that we may stand for it. */
  #isSeen = false;
  /** Runs since the Lease was seen to have no holder. */
  #cancelComplaint: (() => void) | undefined;
  readonly name: string;
  readonly where: string;
  readonly coordinated = true;
  /** A field, since callers take it off the lock. */
  readonly announce?: NonNullable<Lock['announce']>;

  constructor(options: CoordinatedOptions, lease: Lock, candidate: LeaseCandidate) {
    this.#options = options;
    this.#lease = lease;
    this.#candidate = candidate;
    this.name = lease.name;
    this.where = lease.where;
    if (lease.announce) this.announce = lease.announce;
  }

  async read(attempt: Attempt): Promise<ReadAnswer> {
    // A candidate that does not stand is never chosen: that is told as loudly as a lock that cannot be read.
    const trouble = this.#isSeen ? await this.#candidate.enrol(attempt.limitMs) : undefined;
    if (trouble !== undefined) return { kind: 'failed', trouble };
    const answer = await this.#lease.read(attempt);
    if (answer.kind === 'sighted') this.#note(answer.sighting);
    if (answer.kind === 'sighted' && !this.#isSeen) {
      this.#isSeen = true;
      // The elector hears of the Lease before it can change because of us.
      setImmediate(() => void this.#candidate.enrol(attempt.limitMs));
    }
    return answer;
  }

  write(request: WriteRequest, attempt: Attempt): Promise<WriteAnswer> {
    return this.#lease.write(request, attempt);
  }

  async rehearse(request: WriteRequest, attempt: Attempt): Promise<RehearsalAnswer> {
    // A candidate that does not stand cannot take over, whatever rights to the Lease it has.
    const trouble = await this.#candidate.enrol(attempt.limitMs);
    return trouble === undefined ? await this.#lease.rehearse(request, attempt) : { kind: 'refused', trouble };
  }

  watch(tell: (news: WatchNews) => void): () => void {
    let stop = (): void => undefined;
    let isStopped = false;
    // Until we stand the elector looks by itself, and so learns why we do not.
    void this.#candidate.enrolled.then(() => {
      if (isStopped) return;
      stop = this.#lease.watch((news) => {
        if (news.kind === 'sighted') this.#note(news.sighting);
        tell(news);
      });
    });
    return () => {
      isStopped = true;
      stop();
    };
  }

  compare(a: Version, b: Version): ReturnType<Lock['compare']> {
    return this.#lease.compare(a, b);
  }

  /** A Lease that stays free is a server that does not choose, which no answer of its tells. */
  #note(sighting: Sighting): void {
    const isFree = sighting.kind === 'absent' || (sighting.kind === 'record' && sighting.record.holderIdentity === '');
    const isChosen = sighting.kind === 'record' && sighting.coordinator === 'invites';
    if (!isFree || isChosen) {
      this.#cancelComplaint?.();
      this.#cancelComplaint = undefined;
      return;
    }
    const { clock, warn } = this.#options.candidate;
    this.#cancelComplaint ??= clock.after(chosenWithinMs, () => {
      warn?.(
        `the API server at ${this.where} has chosen no holder of ${this.name} for ${String(chosenWithinMs / 1000)} s: ` +
          'is its feature gate CoordinatedLeaderElection on?',
      );
    });
  }

  close(): void {
    this.#cancelComplaint?.();
    this.#candidate.close();
    this.#lease.close();
  }
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
      // The server names a holder without an acquireTime; a candidate that accepts writes one.
      if (decoded.record.acquireTime !== '') return decoded;
      return { ...decoded, record: { ...decoded.record, holderIdentity: '' }, coordinator: 'invites' };
    },
  };
}
