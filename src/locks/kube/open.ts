// Opens a lock that is kept in a cluster: configuration, connection, and the kind of object. Decides where the
// namespace comes from when none was given; the kinds of older electors are loaded only where they are asked for.
// Knows no election.
// Invariant: without a namespace from anywhere nothing is opened.

import type { Clock } from '../../clock.ts';
import { messageOf } from '../../common/errors.ts';
import { loadKube, podNamespace } from '../../kube-api/config/load.ts';
import type { KubeTarget } from '../../kube-api/target.ts';
import type { ExaminationOptions } from './examine.ts';
import { leaseLock, leaseShape } from './lease.ts';
import { listObjects } from './list.ts';
import type { ListAnswer, Lock, PodLabel } from '../lock.ts';
import type { Examination, ExaminationWish } from '../examination.ts';
import type { ObjectLockOptions } from './object-lock.ts';
import type { Shape } from './object.ts';
import type { PodLabelOptions } from './pod-label.ts';
import type { CompleteOptions, LabelWish, LockKind, OpenLock, Standing, Store } from '../store.ts';
import { openTransport, type Transport } from '../../kube-api/transport.ts';

export { kubeconfigReader, listContexts } from '../../kube-api/config/load.ts';

type ClusterOptions = CompleteOptions & { readonly store: Extract<Store, { kind: 'kube' }> };

/** Throws a sentence when the configuration cannot be used. */
export async function openClusterLock(options: ClusterOptions): Promise<OpenLock> {
  const { store, namespace: given, name, version, clock, warn, env } = options;
  const target = await loadKube({ clock, kubeconfig: store.kubeconfig, context: store.context, env });
  const namespace = given ?? target.namespace;
  if (namespace === undefined) {
    throw new Error(
      `lock ${name} has no namespace, and the configuration names none: use --lock NAMESPACE/${name} or --namespace`,
    );
  }
  const transport = openTransport(target, { version, env });
  const announceOver = (): Transport => openTransport(target, { version, env });
  const forObject = { transport, announceOver, namespace, name, warn };
  const lock = store.coordinated
    ? await assignedLock(store.coordinated, clock, forObject, announceOver())
    : await lockOf(store.lockKind, clock, forObject);
  const loggedIn = async (until: AbortSignal): Promise<string | undefined> =>
    await target.authorize(false, until).then(() => undefined, messageOf);
  const fullName = `${namespace}/${name}`;
  const podLabel = async (wish: LabelWish): Promise<PodLabel> =>
    await labelOf({ ...wish, lock: fullName, transportOver: announceOver }, env);
  const examine = async (wish: ExaminationWish): Promise<Examination> =>
    await examinationOf(options, wish, target, { lock, transport: announceOver(), namespace, name });
  return { lock, namespace, fullName, warnings: target.warnings, loggedIn, podLabel, examine };
}

/** All locks of a namespace. Of a pair's objects the older kind's are listed, which exist for each. */
export async function listClusterLocks(
  options: Omit<ClusterOptions, 'name'>,
  limitMs: number,
): Promise<ListAnswer & { readonly namespace: string; readonly warnings: readonly string[] }> {
  const { store, namespace: given, version, clock, env } = options;
  const target = await loadKube({ clock, kubeconfig: store.kubeconfig, context: store.context, env });
  const { warnings } = target;
  const namespace = given ?? target.namespace;
  if (namespace === undefined) throw new Error('the configuration names no namespace: use --namespace');
  const transport = openTransport(target, { version, env });
  try {
    if (store.lockKind === 'lease') {
      const answer = await listObjects({ transport, namespace, shape: leaseShape, isLock: () => true }, limitMs);
      return { ...answer, namespace, warnings };
    }
    const { isAnnotated, shapes } = await import('./annotation.ts');
    const shape = shapes[store.lockKind.startsWith('endpoints') ? 'endpoints' : 'configmaps'];
    return {
      ...(await listObjects({ transport, namespace, shape, isLock: isAnnotated }, limitMs)),
      namespace,
      warnings,
    };
  } finally {
    transport.close();
  }
}

/** The pod may be in another namespace than the lock. */
async function labelOf(options: Omit<PodLabelOptions, 'namespace'>, env: CompleteOptions['env']): Promise<PodLabel> {
  const namespace = await podNamespace(env);
  if (namespace === undefined)
    throw new Error('--label-pod: this is not a pod, or it lacks POD_NAMESPACE (from its field metadata.namespace)');
  const { podLabel } = await import('./pod-label.ts');
  return podLabel({ ...options, namespace });
}

async function examinationOf(
  { store, clock, env }: ClusterOptions,
  wish: ExaminationWish,
  target: KubeTarget,
  place: Pick<ExaminationOptions, 'lock' | 'transport' | 'namespace' | 'name'>,
): Promise<Examination> {
  const { examination } = await import('./examine.ts');
  const [shapes, podsNamespace] = await Promise.all([shapesOf(store.lockKind), podNamespace(env)]);
  return examination({ ...wish, ...place, target, clock, shapes, podsNamespace });
}

/** Of the objects that are the lock, the one that decides first. */
async function shapesOf(kind: LockKind): Promise<readonly [Shape, ...Shape[]]> {
  if (kind === 'lease') return [leaseShape];
  const { shapes } = await import('./annotation.ts');
  const older = shapes[kind.startsWith('endpoints') ? 'endpoints' : 'configmaps'];
  return kind.endsWith('leases') ? [older, leaseShape] : [older];
}

async function assignedLock(
  standing: Standing,
  clock: Clock,
  options: ObjectLockOptions,
  transport: Transport,
): Promise<Lock> {
  const { coordinatedLock } = await import('./coordinated.ts');
  return coordinatedLock({ ...options, candidate: { ...standing, transport, clock, warn: options.warn } });
}

async function lockOf(kind: LockKind, clock: Clock, options: ObjectLockOptions): Promise<Lock> {
  switch (kind) {
    case 'lease':
      return leaseLock(options);
    case 'endpoints':
    case 'configmaps': {
      const { annotationLock } = await import('./annotation.ts');
      return annotationLock(kind, options);
    }
    case 'endpointsleases':
    case 'configmapsleases': {
      const { annotationLock } = await import('./annotation.ts');
      const { pairLock } = await import('../pair.ts');
      const older = kind === 'endpointsleases' ? 'endpoints' : 'configmaps';
      const primary = annotationLock(older, options);
      return pairLock({ name: `${primary.name} and its lease`, primary, secondary: leaseLock(options), clock });
    }
  }
}
