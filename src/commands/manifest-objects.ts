// From the options of a run to the objects that let a cluster run it: an account with its rights, and a Deployment with
// its disruption budget, or a CronJob. Decides which rights the options need, how long a pod may take to end, and how
// words pass through the kubelet, which rewrites $ in arguments. Asks nothing; whether the options can be meant in a
// pod is for manifest.ts to say.
// Invariants: no right that the options do not need; never a lock itself, since applying one again would replace the
// record of the holder; what the pod's leader-run is given is word for word what manifest was given.

import { type ArgumentsRead, runTakes } from '../cli/arguments.ts';
import type { Config } from '../cli/config.ts';
import { flagOf, isSwitch, scopeOf } from '../cli/options.ts';

export interface Wish {
  readonly config: Config;
  readonly namespace: string;
  /** What leader-run is given in the pod. */
  readonly args: readonly string[];
  readonly image: string;
  readonly replicas: number;
  /** Where it answers probes; undefined: nowhere. */
  readonly probePort: number | undefined;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Labels };
  readonly [field: string]: unknown;
}

type Labels = Readonly<Record<string, string>>;
type Fields = Readonly<Record<string, unknown>>;

/** By which the Deployment and the budget find their pods. */
export const labelKey = 'app';

/** What a pod is told of itself, and what its arguments may name as `$(POD_NAME)`. */
export const podFields = { POD_NAME: 'metadata.name', POD_NAMESPACE: 'metadata.namespace' } as const;

/** In the order in which they need each other. */
export function objectsOf(wish: Wish): KubeObject[] {
  return wish.config.once?.kind === 'tick'
    ? [...accountOf(wish), cronJobOf(wish, wish.config.once)]
    : [...accountOf(wish), ...budgetOf(wish), deploymentOf(wish)];
}

/** The run's own options, as they were given, and the command. */
export function argsOf({ given, command }: Pick<ArgumentsRead, 'given' | 'command'>): string[] {
  const ofRun = [...given].filter(([name]) => runTakes.includes(scopeOf(name)));
  const flags = ofRun.map(([name, [text = '']]) => (isSwitch(name) ? flagOf(name) : `${flagOf(name)}=${text}`));
  return [...flags, '--', ...command].map(throughKubelet);
}

const podReference = new RegExp(String.raw`\$\((?:${Object.keys(podFields).join('|')})\)`);
const rewritten = new RegExp(String.raw`${podReference.source}|\$+(?=[(\u0080-\uffff])|\${2,}`, 'g');

/**
 * What the kubelet makes this text of. It puts `$` for `$$` and a variable's value for `$(NAME)`, and spoils a
 * character outside of ASCII behind `$`; a shell gets `$$` and `$(date)` only if their `$` is doubled.
 */
function throughKubelet(text: string): string {
  return text.replace(rewritten, (found) => (podReference.test(found) ? found : found + found));
}

/** Whether each pod makes a text of its own of it. */
export function namesPod(text: string): boolean {
  return podReference.test(text);
}

function headOf({ config, namespace }: Wish): Pick<KubeObject, 'metadata'> {
  const { name } = config.lock;
  return { metadata: { name, namespace, labels: labelsOf(config) } };
}

function labelsOf({ lock }: Config): Labels {
  return { [labelKey]: lock.name };
}

const rbac = 'rbac.authorization.k8s.io';

function accountOf(wish: Wish): KubeObject[] {
  const head = headOf(wish);
  const { name, namespace } = head.metadata;
  const roleRef = { apiGroup: rbac, kind: 'Role', name };
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', ...head },
    { apiVersion: `${rbac}/v1`, kind: 'Role', ...head, rules: rulesOf(wish.config) },
    { apiVersion: `${rbac}/v1`, kind: 'RoleBinding', ...head, roleRef, subjects },
  ];
}

interface Rule {
  readonly apiGroups: readonly [string];
  readonly resources: readonly [string];
  readonly resourceNames?: readonly [string];
  readonly verbs: readonly string[];
}

const allVerbs = ['get', 'create', 'update', 'watch'];
const coordination = 'coordination.k8s.io';

function rulesOf({ lock, store, events, labelPod }: Config): Rule[] {
  if (store.kind === 'local') return [];
  const { lockKind, coordinated } = store;
  return [
    ...(lockKind.startsWith('endpoints') ? annotated('endpoints', lock.name) : []),
    ...(lockKind.startsWith('configmaps') ? annotated('configmaps', lock.name) : []),
    // leader-run creates a Lease by PUT, which carries its name.
    ...(lockKind.includes('lease') ? [rule(coordination, 'leases', allVerbs, lock.name)] : []),
    ...(coordinated ? [rule(coordination, 'leasecandidates', allVerbs)] : []),
    ...(events ? [rule('', 'events', ['create'])] : []),
    ...(labelPod ? [rule('', 'pods', ['get', 'list', 'patch'])] : []),
  ];
}

/** A creation by POST carries no name, so a rule with one would not allow it. */
function annotated(resource: string, name: string): Rule[] {
  return [rule('', resource, ['get', 'update', 'watch'], name), rule('', resource, ['create'])];
}

function rule(group: string, resource: string, verbs: readonly string[], name?: string): Rule {
  return { apiGroups: [group], resources: [resource], ...(name !== undefined && { resourceNames: [name] }), verbs };
}

/** One pod at a time leaves its node. With a single one a budget would do nothing, or hold up a drain for ever. */
function budgetOf(wish: Wish): KubeObject[] {
  if (wish.replicas < 2) return [];
  const selector = { matchLabels: labelsOf(wish.config) };
  // Pods that fail anyway must not hold up a drain.
  const spec = { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector };
  return [{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', ...headOf(wish), spec }];
}

function deploymentOf(wish: Wish): KubeObject {
  const { config, replicas } = wish;
  const labels = labelsOf(config);
  const selector = { matchLabels: labels };
  // A new candidate stands by before an old one goes, so that a hand-over always has somebody to go to.
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: selector,
  };
  const apart = replicas < 2 ? {} : { topologySpreadConstraints: [spread] };
  const template = { metadata: { labels }, spec: { ...podOf(wish), ...apart } };
  const spec = { replicas, selector, strategy, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', ...headOf(wish), spec };
}

function cronJobOf(
  wish: Wish,
  { line, zone, attempts }: { line: string; zone: string; attempts: number | undefined },
): KubeObject {
  const pod = { ...podOf(wish), restartPolicy: 'Never' };
  const template = { metadata: { labels: labelsOf(wish.config) }, spec: pod };
  // As many pods as attempts.
  const job = { ...(attempts !== undefined && { backoffLimit: attempts - 1 }), template };
  // The lock decides who runs. Forbid would also skip a tick because of a pod that hangs on a dead node.
  const spec = { schedule: line, timeZone: zone, concurrencyPolicy: 'Allow', jobTemplate: { spec: job } };
  return { apiVersion: 'batch/v1', kind: 'CronJob', ...headOf(wish), spec };
}

function podOf({ config, args, image, probePort }: Wish): Fields {
  const { name } = config.lock;
  const env = Object.entries(podFields).map(([variable, fieldPath]) => {
    return { name: variable, valueFrom: { fieldRef: { fieldPath } } };
  });
  const container = {
    // Of a lock's name a container's may have all but the dots.
    name: name.replaceAll('.', '-'),
    image,
    args,
    env,
    // The promise rests on a due SIGKILL that runs within a second.
    resources: { requests: { cpu: '100m', memory: '96Mi' } },
    ...probesOf(probePort),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
  return {
    serviceAccountName: name,
    terminationGracePeriodSeconds: endSeconds(config),
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container],
    // Most commands fail without it, and the root file system is read-only.
    volumes: [{ name: 'tmp', emptyDir: {} }],
  };
}

/** What comes behind the stop grace: SIGKILL and the sweep, two tries to release, the last Events, the exit. */
const releaseMs = 10_000;

/**
 * From SIGTERM to SIGKILL by the kubelet: more than leader-run takes. A release that carries an outcome is tried for
 * another renew deadline, and the hooks that are due at the end run one after the other.
 */
function endSeconds({ stopGraceMs, timing, once, schedule, hooks }: Config): number {
  const outcomeMs = once || schedule ? timing.renewDeadlineMs : 0;
  const { onAcquire, onLose, onSuccess, onFailure } = hooks?.lines ?? {};
  const due = [onAcquire, onLose, onSuccess ?? onFailure].filter((line) => line !== undefined);
  const hooksMs = due.length * (hooks?.timeoutMs ?? 0);
  return Math.ceil((stopGraceMs + releaseMs + outcomeMs + hooksMs) / 1000);
}

/** A standby is ready: a probe that asked who leads would hold up every rolling update. */
export function probesOf(port: number | undefined): Fields {
  if (port === undefined) return {};
  const ask = (path: string): Fields => ({ httpGet: { path, port }, periodSeconds: 10, timeoutSeconds: 5 });
  return { livenessProbe: ask('/livez'), readinessProbe: ask('/readyz') };
}
