// Where the lock is: its name, its namespace, and the store that keeps it, from the options that say so. Decides which
// of them go together. Opens nothing: whether a kubeconfig exists or a namespace is allowed is told by those who use
// them.
// Invariant: what cannot be meant is a fault, and a lock that is not ours to take has a sentence that says why.

import path from 'node:path';
import { printable } from '../common/printable.ts';
import type { Standing, Store } from '../locks/store.ts';
import { type ArgumentsRead, sourceOf, valueOf } from './arguments.ts';
import type { Facts } from './facts.ts';
import { variableOf } from './options.ts';

/** No namespace: that of the service account or of the context, which only the cluster's configuration tells. */
export interface LockPlace {
  readonly namespace: string | undefined;
  readonly name: string;
}

/**
 * Why a lock must not be used, by its full name. `--lock name` takes its namespace from the cluster's configuration, so
 * that the full name is known at the latest when the lock has been opened (commands/run.ts); a name that is complete
 * before is judged with all other options.
 */
export function refusedLock(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  kind: Store['kind'],
  outerLock: string | undefined,
): string | undefined {
  const full = `${namespace}/${name}`;
  if (full === outerLock) {
    const why = 'is held by the leader-run that runs this one, which would wait for its own end';
    return `lock ${full} ${why}: use another lock`;
  }
  if (kind === 'local') return undefined;
  if (namespace === 'kube-node-lease') {
    return `lock ${full} is in kube-node-lease, where nodes keep their heartbeats: use a namespace of your own`;
  }
  if (namespace === 'kube-system' && name.startsWith('kube-')) {
    return `lock ${full} belongs to Kubernetes itself, which would stop working: use a name of your own`;
  }
  return undefined;
}

export function lockOf({ readings }: ArgumentsRead, faults: string[]): LockPlace | undefined {
  const { lock, namespace } = readings;
  if (lock.kind === 'absent') faults.push('no lock: name it, as in --lock default/my-job (see --help)');
  if (lock.kind !== 'given') return undefined;
  if (lock.value.namespace !== undefined && namespace.kind !== 'absent') {
    const already = `${lock.source} already names the namespace ${lock.value.namespace}`;
    faults.push(`${already}: leave out ${namespace.source}, or the part before /`);
  }
  return { namespace: lock.value.namespace ?? valueOf(namespace), name: lock.value.name };
}

export function storeOf(
  { readings }: ArgumentsRead,
  facts: Facts,
  coordinated: Standing | undefined,
  faults: string[],
): Store | undefined {
  const { local } = readings;
  if (local.kind === 'faulty') return undefined;
  if (local.kind === 'absent' || local.value === false) {
    const [kubeconfig, context] = [valueOf(readings.kubeconfig), valueOf(readings.context)];
    return {
      kind: 'kube',
      lockKind: valueOf(readings.lockKind) ?? 'lease',
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
      ...(coordinated === undefined ? {} : { coordinated }),
    };
  }

  const { value: folder, source } = local;
  const clusterOnly = (['kubeconfig', 'context', 'lockKind', 'coordinated', 'labelPod'] as const).flatMap(
    (name) => sourceOf(readings[name]) ?? [],
  );
  if (clusterOnly.length > 0) {
    faults.push(`${source} uses no cluster, so it does not go with ${clusterOnly.join(', ')}`);
  }
  // A variable is set once for programs that start in many folders.
  if (folder !== true && source === variableOf('local') && !path.isAbsolute(folder)) {
    const where = 'would be another folder in each working directory';
    faults.push(`${source}=${printable(folder)}: ${where}: write its path from / on, or true for the usual one`);
    return undefined;
  }
  const base = folder === true ? facts.home : path.isAbsolute(folder) ? '/' : facts.folder;
  if (base === undefined) {
    faults.push(
      folder === true
        ? '--local: this user has no home folder in the passwd file; name a folder, as in --local=/var/lib/leader-run'
        : `--local=${printable(folder)}: the current folder does not exist any more; name the folder from / on`,
    );
    return undefined;
  }
  return { kind: 'local', folder: path.resolve(base, folder === true ? '.local/state/leader-run' : folder) };
}
