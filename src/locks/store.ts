// Where a lock is kept, and what opening one needs: the union of all stores, and the kinds of objects that a cluster's
// lock may be. Types alone. Knows no store.
// Invariant: a new store or kind of lock begins as a member of a union here; the compiler names the other places.

import type { Clock } from '../clock.ts';
import type { Examination, ExaminationWish } from './examination.ts';
import type { Lock, PodLabel } from './lock.ts';

/** The Kubernetes objects that can be a lock (`--lock-kind`): a Lease, client-go's older kinds, and pairs of both. */
export type LockKind = 'lease' | 'endpoints' | 'configmaps' | 'endpointsleases' | 'configmapsleases';

export type Store =
  | {
      readonly kind: 'kube';
      readonly lockKind: LockKind;
      readonly kubeconfig?: string;
      readonly context?: string;
      /** The API server assigns the Lease (KEP-4355). */
      readonly coordinated?: Standing;
    }
  | { readonly kind: 'local'; readonly folder: string };

/** What a candidate for an assigned Lease says of itself. */
export interface Standing {
  /** The elector's too: the server names the holder by it. Letters, digits, `-`, `_` and `.`. */
  readonly identity: string;
  /** Semantic versions: the candidate of the oldest emulation version is chosen, then of the oldest binary. */
  readonly binaryVersion: string;
  readonly emulationVersion: string;
}

/** A label for the pod that leads, and which pod we run in. */
export interface LabelWish {
  readonly key: string;
  readonly value: string;
  readonly pod: string;
}

export interface OpenLock {
  readonly lock: Lock;
  /** `namespace/name`, complete. */
  readonly fullName: string;
  readonly namespace: string;
  /** To be told once at the start. */
  readonly warnings: readonly string[];
  /**
   * Resolves once there are credentials for a first request, or with what keeps them away, which that request would
   * tell. A person who logs in takes longer than a request has; unset: this lock takes no credentials.
   */
  readonly loggedIn?: (until: AbortSignal) => Promise<string | undefined>;
  /** Unset: this lock is in no cluster. Throws a sentence where we are in no pod. */
  readonly podLabel?: (wish: LabelWish) => Promise<PodLabel>;
  /**
   * Unset: as for `podLabel`. It has a connection of its own. For the verb doctor, and no part of the library.
   * @internal
   */
  readonly examine?: (wish: ExaminationWish) => Promise<Examination>;
}

export interface OpenOptions {
  readonly store: Store;
  /** Default: the service account's or the context's; `default` in a local store. */
  readonly namespace?: string | undefined;
  readonly name: string;
  /** For the User-Agent. */
  readonly version?: string;
  readonly clock?: Clock;
  /** Names kubeconfigs and proxies, and is what credential plugins inherit. Default: this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told of what comes up later, while the lock is used. */
  readonly warn?: (message: string) => void;
}

/** With what was left out filled in. */
export type CompleteOptions = OpenOptions & Required<Pick<OpenOptions, 'version' | 'clock' | 'warn' | 'env'>>;
