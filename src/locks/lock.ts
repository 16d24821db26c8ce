// What the elector knows of a lock, whatever it is kept in: it can be read, written by compare-and-swap, and watched.
// Expected failures are data, in two kinds that must never be mixed: `refused` was surely not applied, `unknown` may
// have been or may still be. Knows nothing of terms, leases in time or candidates.
// Invariant: a write is applied at most once, and only onto the version it was based on (or onto nothing: a creation).

import type { Instructions } from './instructions.ts';
import type { ElectionRecord, Signature, Version } from './record.ts';

export type { Version } from './record.ts';

/** What a lock looks like at some moment. */
export type Sighting =
  | {
      readonly kind: 'record';
      readonly record: ElectionRecord;
      /** Whose write it says it is; undefined when leader-run did not write it. */
      readonly signature: Signature | undefined;
      readonly version: Version;
      /** The text beside the record that an elector's owner keeps there. Unset: there is none. */
      readonly note?: string | undefined;
      /** Unset: nothing is asked. */
      readonly instructions?: Instructions | undefined;
      /** The object's age by the server's own clock in milliseconds, where it can be told. */
      readonly ageMs?: number;
      /**
       * What a coordinator that assigns the lock wants of us: to take it (the record then names no holder yet), or to
       * let go of what we hold (KEP-4355).
       */
      readonly coordinator?: 'invites' | 'deposes';
      /** The two objects of a pair disagree: a write is under way or was cut short. It must not be written onto. */
      readonly torn?: true;
    }
  /** There is something, but its fields are not a record: the lock is held, and changed when its text changes. */
  | { readonly kind: 'unreadable'; readonly text: string; readonly version: Version }
  | { readonly kind: 'absent' };

/** Why a request came to nothing. */
export interface Trouble {
  readonly cause:
    | 'unauthorized' // 401
    | 'forbidden' // 403
    | 'no-namespace' // 404 of the namespace, not of the lock
    | 'no-candidate' // an assigned lock for which we cannot stand: no such API, or our name stands for another
    | 'namespace-ending' // 403 NamespaceTerminating
    | 'throttled' // 429
    | 'invalid' // 400, 422: the server, or a policy on it, does not take what we send
    | 'altered' // the server took it, and stored something else: a policy on it changes what we send
    | 'conflict' // 409 again and again, although nothing has changed: the server contradicts itself
    | 'server' // 5xx
    | 'unreachable' // no connection, or it broke
    | 'untrusted' // TLS verification failed
    | 'outdated' // the same, for a reason that time may heal
    | 'timeout' // no answer within the limit
    | 'credentials' // an exec plugin or token file failed
    | 'unusable' // what is configured can be used at no time: a plugin that is not installed, a proxy's password
    | 'garbled' // an answer that makes no sense: truncated, HTML, another kind
    | 'storage'; // the local store's disk or permissions
  /**
   * One sentence for people: attempted what, on which lock, what came back, what to do. Already stripped of controls.
   */
  readonly message: string;
  /** The server's Retry-After, in milliseconds. */
  readonly retryAfterMs?: number;
}

export type ReadAnswer =
  /** `dateMs`: the server's wall clock as it answered, in whole seconds, where it told. */
  | { readonly kind: 'sighted'; readonly sighting: Sighting; readonly dateMs?: number | undefined }
  | { readonly kind: 'failed'; readonly trouble: Trouble };

/** A lock among others, as it looked when all were listed. */
export interface Listed {
  readonly name: string;
  readonly sighting: Exclude<Sighting, { kind: 'absent' }>;
  readonly dateMs?: number | undefined;
}

export type ListAnswer =
  | { readonly kind: 'listed'; readonly locks: readonly Listed[] }
  | { readonly kind: 'failed'; readonly trouble: Trouble };

/** Why a write, or the rehearsal of one, did not go through. */
export type WriteFailure =
  /**
   * The lock is not in the state the write was based on (409; for a creation: it exists already). `message`: the
   * server's own words, for when a read shows that very state all the same.
   */
  | { readonly kind: 'conflict'; readonly message?: string }
  /** Surely not applied. */
  | { readonly kind: 'refused'; readonly trouble: Trouble }
  /** Perhaps applied, perhaps later: a time-out, a broken connection after sending, a 5xx. */
  | { readonly kind: 'unknown'; readonly trouble: Trouble };

export type WriteAnswer =
  /**
   * Applied; the sighting is what the answer says is stored now, which the caller compares with what it sent. `dateMs`
   * as of a read.
   */
  { readonly kind: 'stored'; readonly sighting: Sighting; readonly dateMs?: number | undefined } | WriteFailure;

/** A rehearsal stores nothing, so it has no sighting either. */
export type RehearsalAnswer = { readonly kind: 'allowed' } | WriteFailure;

export interface WriteRequest {
  readonly record: ElectionRecord;
  readonly signature: Signature;
  /** The version that the write replaces; undefined creates, and must conflict if the lock exists. */
  readonly base: Version | undefined;
  /** What is to stand beside the record from now on. Unset: what stood there. */
  readonly note?: string | undefined;
  /** All that is asked from now on. Unset: what was. */
  readonly instructions?: Instructions | undefined;
  /** Another writes what bears a holder's signature: nothing of that holder's is replaced but what was seen. */
  readonly onBehalf?: boolean;
}

export interface Attempt {
  /** Abort after this many milliseconds, counting everything (credential plugins too), and drop the connection used. */
  readonly limitMs: number;
  /** Called synchronously just before the request's first byte goes out, again if it is sent anew after a 401. */
  readonly sending?: () => void;
}

export type WatchNews =
  | { readonly kind: 'up' }
  /**
   * A hint of the lock's state: may be late, repeated or missing. `follows`: the state before it, where the watch knows
   * that there was no other in between.
   */
  | { readonly kind: 'sighted'; readonly sighting: Sighting; readonly follows?: Version | undefined }
  /** Not watching now; the lock itself tries again, with pauses, unless `forbidden`. */
  | { readonly kind: 'down'; readonly forbidden: boolean; readonly message: string };

/** For people who look at the lock object (`kubectl describe`). */
export interface Announcement {
  readonly message: string;
  /** When it happened, by the wall clock. */
  readonly wallMs: number;
}

/** A label on the pod that we run in, for as long as we lead. Undefined: done. */
export interface PodLabel {
  /** Our pod has it from then on, and no pod of an earlier holder. */
  put(attempt: Attempt): Promise<Trouble | undefined>;
  takeOff(attempt: Attempt): Promise<Trouble | undefined>;
}

export interface Lock {
  /** For people: `lease default/demo`, and where: a server's host or a folder. */
  readonly name: string;
  readonly where: string;
  /** Times in a record are kept to so many milliseconds: what is written must be a multiple. Unset: 1. */
  readonly timeGrainMs?: number;
  /** A coordinator assigns it: it is never taken without its invitation, however free it looks. */
  readonly coordinated?: boolean;
  read(attempt: Attempt): Promise<ReadAnswer>;
  write(request: WriteRequest, attempt: Attempt): Promise<WriteAnswer>;
  /**
   * Asks whether a write like this would be allowed, without writing (dryRun=All). Locks that cannot tell say allowed.
   */
  rehearse(request: WriteRequest, attempt: Attempt): Promise<RehearsalAnswer>;
  /** Tells of changes until the returned function is called. Starts with what is there now, if anything is. */
  watch(tell: (news: WatchNews) => void): () => void;
  /**
   * Leaves a note at the lock; undefined: done. While the lock is watched, an elector uses it, and the note takes a
   * connection of its own. Some locks have no readers.
   */
  announce?: (announcement: Announcement, attempt: Attempt) => Promise<Trouble | undefined>;
  /** 'unordered' when the two cannot be compared (another object, versions that are not numbers). */
  compare(a: Version, b: Version): 'older' | 'same' | 'newer' | 'unordered';
  /** Lets go of connections and descriptors. No answer comes after it. */
  close(): void;
}
