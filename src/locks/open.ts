// Opens the lock that the configuration names. What talks to clusters is loaded only for those, in one piece: `--local`
// does without HTTP/2 and TLS (kube/open.ts). Decides nothing else.
// Invariant: no kind is ever chosen silently; a missing cluster configuration is an error.

import { systemClock } from '../clock.ts';
import { listLocalLocks, localLock } from './local/lock.ts';
import type { FolderState } from './examination.ts';
import type { ListAnswer } from './lock.ts';
import type { OpenLock, OpenOptions, Store } from './store.ts';

export type { LabelWish, OpenLock, OpenOptions, Standing, Store } from './store.ts';

/** Throws a sentence when the configuration cannot be used. */
export async function openLock(given: OpenOptions): Promise<OpenLock> {
  const options = { version: 'library', clock: systemClock(), warn: () => undefined, env: process.env, ...given };
  const { store, namespace = 'default', name, clock } = options;
  switch (store.kind) {
    case 'kube': {
      const { openClusterLock } = await import('./kube/open.ts');
      return await openClusterLock({ ...options, store });
    }
    case 'local': {
      const lock = await localLock({ folder: store.folder, namespace, name, clock });
      return { lock, namespace, fullName: `${namespace}/${name}`, warnings: [] };
    }
  }
}

/** Loads what opening a lock there takes, and opens nothing. */
export async function loadStore(store: Store, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  if (store.kind === 'local') return;
  const { kubeconfigReader } = await import('./kube/open.ts');
  await kubeconfigReader({ ...store, env });
}

/** All locks of a namespace. Throws a sentence when the configuration cannot be used. */
export async function listLocks(
  given: Omit<OpenOptions, 'name'>,
  limitMs: number,
): Promise<ListAnswer & { readonly namespace: string; readonly warnings: readonly string[] }> {
  const options = { version: 'library', clock: systemClock(), warn: () => undefined, env: process.env, ...given };
  const { store, namespace = 'default', clock } = options;
  if (store.kind === 'local')
    return { ...(await listLocalLocks(store.folder, namespace, clock)), namespace, warnings: [] };
  const { listClusterLocks } = await import('./kube/open.ts');
  return await listClusterLocks({ ...options, store }, limitMs);
}

/** What --context may name, and the namespaces of these. Throws a sentence when a kubeconfig cannot be used. */
export async function listContexts(
  kubeconfig: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly { readonly name: string; readonly namespace: string | undefined }[]> {
  const { listContexts: list } = await import('./kube/open.ts');
  return await list(kubeconfig, env);
}

/** Whether a folder can hold locks. Makes nothing. */
export async function examineFolder(folder: string): Promise<FolderState> {
  return await (await import('./local/examine.ts')).examineFolder(folder);
}
