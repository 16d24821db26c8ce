// What can be asked of the place where a lock is kept before any run: of a cluster, who we are to it, what we may do
// there and how fast it answers; of a folder, whether it can hold a lock. Types alone; each store has its own way to
// ask (kube/examine.ts, local/examine.ts), and what an answer is worth is for commands/doctor to say.
// Invariant: nothing is stored by asking.

import type { RehearsalAnswer, Sighting, Trouble } from './lock.ts';

/** What a run would do besides holding the lock. */
export interface ExaminationWish {
  readonly isCoordinated: boolean;
  readonly writesEvents: boolean;
  readonly labelsPod: boolean;
}

/** Whether an authorizer allows it; unknown: it could not be asked. */
export type Allowed = 'yes' | 'no' | 'unknown';

export interface Right {
  readonly verb: string;
  /** A Role can allow it for the object's name alone. */
  readonly isNamed: boolean;
  readonly allowed: Allowed;
}

/** All that a run does with one kind of objects. */
export interface Need {
  readonly purpose: 'lock' | 'candidacy' | 'events' | 'label';
  /** `lease ops/nightly`, or the plural where the names are not known beforehand. */
  readonly what: string;
  readonly namespace: string;
  /** The RBAC names. */
  readonly group: string;
  readonly resource: string;
  readonly name: string;
  readonly rights: readonly Right[];
}

export type Reach =
  /** `version`: of Kubernetes; undefined where it is not told to us. */
  | { readonly kind: 'reached'; readonly version: string | undefined; readonly http: string | undefined }
  | { readonly kind: 'failed'; readonly trouble: Trouble };

/** `isTold`: by the server, and not by the credential alone. */
export interface Someone {
  readonly name: string;
  readonly isTold: boolean;
}

/** One read of the lock's object, however it was answered. */
export interface Trip {
  readonly tookMs: number;
  /** By our wall clock. */
  readonly sentMs: number;
  readonly gotMs: number;
  /** By the server's, in whole seconds; undefined: it did not tell. */
  readonly dateMs: number | undefined;
}

/** The pod that we run in. */
export type OwnPod =
  | { readonly kind: 'outside' }
  | { readonly kind: 'seen'; readonly name: string; readonly graceMs: number }
  /** `isForbidden`: for want of the right `get`. */
  | { readonly kind: 'unseen'; readonly namespace: string; readonly name: string; readonly isForbidden: boolean };

export interface Rehearsal {
  readonly sighting: Sighting;
  readonly identity: string;
  readonly leaseDurationMs: number;
}

export interface Examination {
  /** Its address. */
  readonly server: string;
  reach(limitMs: number): Promise<Reach>;
  /** Undefined: neither the server nor the credential says. */
  whoAmI(limitMs: number): Promise<Someone | undefined>;
  /** Undefined: no answer within the limit. */
  trip(limitMs: number): Promise<Trip | undefined>;
  needs(limitMs: number): Promise<readonly Need[]>;
  /** Why the server cannot choose a leader; undefined: it can, or it could not be asked. */
  noCoordination(limitMs: number): Promise<string | undefined>;
  /** Of the lock's namespace. */
  namespaceState(limitMs: number): Promise<'there' | 'missing' | 'ending' | 'unknown'>;
  /** Whether the server would store that we take the lock in the state that was seen. */
  rehearse(rehearsal: Rehearsal, limitMs: number): Promise<RehearsalAnswer>;
  ownPod(name: string, limitMs: number): Promise<OwnPod>;
  close(): void;
}

export type FolderState =
  /** `network`: the file system that other machines share; undefined: it is this machine's own. */
  | { readonly kind: 'fit'; readonly network: string | undefined }
  | { readonly kind: 'absent'; readonly network: string | undefined }
  | { readonly kind: 'unfit'; readonly why: string };
