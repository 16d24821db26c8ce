// Opens the lock that the configuration names. What talks to clusters is loaded only for those, in one piece: `--local`
// does without HTTP/2 and TLS (cluster.ts). Decides nothing else.
// Invariant: no kind is ever chosen silently; a missing cluster configuration is an error.

import { type Clock, systemClock } from '../clock.ts';
import { localLock } from './local.ts';
import type { Lock } from './lock.ts';

export type Store =
  | {
      readonly kind: 'kube';
      readonly lockKind: string;
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

export interface OpenLock {
  readonly lock: Lock;
  /** `namespace/name`, complete. */
  readonly fullName: string;
  readonly namespace: string;
  /** To be told once at the start. */
  readonly warnings: readonly string[];
}

export interface OpenOptions {
  readonly store: Store;
  /** Default: the service account's or the context's; `default` in a local store. */
  readonly namespace?: string | undefined;
  readonly name: string;
  /** For the User-Agent. */
  readonly version?: string;
  readonly clock?: Clock;
  /** Told of what comes up later, while the lock is used. */
  readonly warn?: (message: string) => void;
}

/** With what was left out filled in. */
export type CompleteOptions = OpenOptions & Required<Pick<OpenOptions, 'version' | 'clock' | 'warn'>>;

/** Throws a sentence when the configuration cannot be used. */
export async function openLock(given: OpenOptions): Promise<OpenLock> {
  const options = { version: 'library', clock: systemClock(), warn: () => undefined, ...given };
  const { store, namespace = 'default', name, clock } = options;
  if (store.kind === 'kube') {
    const { openClusterLock } = await import('./cluster.ts');
    return openClusterLock({ ...options, store });
  }
  const lock = await localLock({ folder: store.folder, namespace, name, clock });
  return { lock, namespace, fullName: `${namespace}/${name}`, warnings: [] };
}
