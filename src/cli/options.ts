// The options: one table that flags, variables, defaults, help and README's rows come from, and which verbs take which.
// Decides what an option is called, what its text may be and what applies without it. Does not know how arguments are
// read (arguments.ts), which options go together (config.ts), nor any verb by name.
// Invariant: an option is added here and nowhere else, but for what config.ts makes of it.

import { parseAttempts, parseCronLine, parseKey, parseZone } from '../job/values.ts';
import type { LockKind } from '../locks/store.ts';
import { parseDuration } from './duration.ts';
import {
  anyText,
  exitCode,
  fileName,
  healthTime,
  hookLine,
  identityText,
  imageName,
  instant,
  leaseTime,
  listenPlace,
  lockName,
  loseLine,
  namespaceName,
  oneOf,
  type Parser,
  podLabel,
  positiveTime,
  reasonText,
  replicaCount,
  semanticVersion,
  signalName,
  switchOrFolder,
  switchText,
  tickCount,
  waitTime,
} from './values.ts';

export const lockKinds = [
  'lease',
  'endpoints',
  'configmaps',
  'endpointsleases',
  'configmapsleases',
] as const satisfies readonly LockKind[];

/**
 * What a verb does, as far as options are concerned: finds a lock, runs a command, reads a cron line, shows things (in
 * one form or another, in columns), judges a run, makes a manifest, asks a holder for something (and until when, for
 * whom, or to its end).
 */
export type Scope =
  | 'lock'
  | 'run'
  | 'tick'
  | 'form'
  | 'show'
  | 'status'
  | 'next'
  | 'judge'
  | 'manifest'
  | 'ask'
  | 'until'
  | 'to'
  | 'follow';

export interface Row<T, S extends string | undefined = string | undefined> {
  readonly group:
    'Lock' | 'Timing' | 'Waiting' | 'Once' | 'Command' | 'Hooks' | 'Output' | 'Status' | 'Steering' | 'Manifest';
  /** The verbs that take it, by what they do. Default: those that run a command. */
  readonly scope?: Scope;
  /** What stands for the value in help; '' for a switch. */
  readonly value: string;
  readonly parse: Parser<T>;
  /** What applies when neither flag nor variable is given: a text for `parse`, or words when it follows from others. */
  readonly standard?: S;
  readonly otherwise?: string;
  readonly short?: string;
  readonly help: string;
}

// A generic identity function keeps each row's own types; an annotation would unite them.
const row = <T, S extends string | undefined = undefined>(it: Row<T, S>): Row<T, S> => it;

export const options = {
  lock: row({
    group: 'Lock',
    scope: 'lock',
    value: '<name>',
    parse: lockName,
    help: 'the lock, as name or namespace/name; required',
  }),
  namespace: row({
    group: 'Lock',
    scope: 'lock',
    value: '<name>',
    short: 'n',
    parse: namespaceName,
    otherwise: "the service account's or context's",
    help: "the lock's namespace",
  }),
  lockKind: row({
    group: 'Lock',
    scope: 'lock',
    value: '<kind>',
    parse: oneOf(lockKinds),
    standard: 'lease',
    help: `the object that is the lock: ${lockKinds.join(', ')}`,
  }),
  local: row({
    group: 'Lock',
    scope: 'lock',
    value: '[=dir]',
    parse: switchOrFolder,
    otherwise: 'off; ~/.local/state/leader-run if no folder is given',
    help: 'no cluster: lock among the processes of this machine and user, in a folder',
  }),
  kubeconfig: row({
    group: 'Lock',
    scope: 'lock',
    value: '<file>',
    parse: anyText,
    otherwise: 'KUBECONFIG, then ~/.kube/config, then in-cluster',
    help: 'how to reach the cluster',
  }),
  context: row({
    group: 'Lock',
    scope: 'lock',
    value: '<name>',
    parse: anyText,
    otherwise: 'the current one',
    help: 'the context of the kubeconfig to use',
  }),
  identity: row({
    group: 'Lock',
    value: '<text>',
    parse: identityText,
    otherwise: 'pod or host name and a random suffix',
    help: 'what the record calls this candidate; unique among all candidates',
  }),
  coordinated: row({
    group: 'Lock',
    value: '',
    parse: switchText,
    otherwise: 'off',
    help: 'let the API server choose the leader: the candidate of the oldest version',
  }),
  binaryVersion: row({
    group: 'Lock',
    value: '<version>',
    parse: semanticVersion,
    otherwise: 'none; required with --coordinated',
    help: "the command's version, as in 1.4.0",
  }),
  emulationVersion: row({
    group: 'Lock',
    value: '<version>',
    parse: semanticVersion,
    otherwise: 'the binary version',
    help: 'the version that the command behaves like; the oldest is chosen',
  }),

  leaseDuration: row({
    group: 'Timing',
    value: '<time>',
    parse: leaseTime,
    standard: '15s',
    help: 'others take the lock this long after the last renewal they saw',
  }),
  renewDeadline: row({
    group: 'Timing',
    value: '<time>',
    parse: parseDuration,
    otherwise: '2/3 of the lease duration',
    help: 'leadership is lost this long after the last renewal that succeeded',
  }),
  retryPeriod: row({
    group: 'Timing',
    value: '<time>',
    parse: parseDuration,
    otherwise: '2/15 of the lease duration',
    help: 'the pause between renewals',
  }),
  lostGrace: row({
    group: 'Timing',
    value: '<time>',
    parse: parseDuration,
    otherwise: 'all that the lease leaves',
    help: 'from the stop signal to SIGKILL when leadership is lost',
  }),
  foreignGrace: row({
    group: 'Timing',
    value: '<time>',
    parse: parseDuration,
    otherwise: '7/15 of its lease duration',
    help: 'wait this much longer for a holder that is not leader-run',
  }),
  newLockWait: row({
    group: 'Timing',
    value: '<time>',
    parse: parseDuration,
    standard: '0',
    help: 'do not take a lock that was created less than this ago',
  }),

  wait: row({
    group: 'Waiting',
    value: '<time>',
    parse: waitTime,
    standard: 'forever',
    help: 'give up after this long; 0 looks once',
  }),
  try: row({
    group: 'Waiting',
    value: '',
    parse: switchText,
    otherwise: 'off',
    help: 'give up as soon as another leader is certain to be alive',
  }),
  onLost: row({
    group: 'Waiting',
    value: '<what>',
    parse: oneOf(['rejoin', 'exit'] as const),
    otherwise: 'rejoin; exit with --try or a bounded --wait',
    help: 'after leadership is lost: rejoin (wait to be elected again) or exit',
  }),
  conflictExitCode: row({
    group: 'Waiting',
    value: '<n>',
    parse: exitCode,
    standard: '124',
    help: 'exit status when not acquired in time',
  }),
  lostExitCode: row({
    group: 'Waiting',
    value: '<n>',
    parse: exitCode,
    standard: '122',
    help: 'exit status when leadership was lost',
  }),

  oncePer: row({
    group: 'Once',
    value: '<key>',
    parse: parseKey,
    otherwise: 'run at each start',
    help: 'run once for this key across all machines, and exit at once when it is done',
  }),
  oncePerTick: row({
    group: 'Once',
    value: '<cron>',
    parse: parseCronLine,
    otherwise: 'run at each start',
    help: 'the same, with the newest tick of a cron line as the key, as in "0 3 * * *"',
  }),
  schedule: row({
    group: 'Once',
    value: '<cron>',
    parse: parseCronLine,
    otherwise: 'the command runs at once',
    help: 'keep the lock and run the command at each tick of a cron line, as in "0 3 * * *"',
  }),
  catchUp: row({
    group: 'Once',
    value: '<which>',
    parse: oneOf(['last', 'all'] as const),
    standard: 'last',
    help: 'which ticks to make up for, of those that no leader was there for: the last, or all, 100 at the most',
  }),
  startDeadline: row({
    group: 'Once',
    value: '<time>',
    parse: positiveTime,
    otherwise: 'however late',
    help: 'skip a tick that is older than this when its turn comes',
  }),
  overlap: row({
    group: 'Once',
    value: '<way>',
    parse: oneOf(['skip', 'queue', 'replace'] as const),
    standard: 'skip',
    help: 'a tick that comes while the command still runs: skip it, queue the newest, or replace the command',
  }),
  jitter: row({
    group: 'Once',
    value: '<time>',
    parse: parseDuration,
    standard: '0',
    help: 'start up to this much later, each tick by its own measure, the same on all machines',
  }),
  timezone: row({
    group: 'Once',
    scope: 'tick',
    value: '<zone>',
    parse: parseZone,
    standard: 'UTC',
    help: 'the time zone of the cron line, as in Europe/Berlin',
  }),
  attempts: row({
    group: 'Once',
    value: '<n>',
    parse: parseAttempts,
    otherwise: 'until it succeeds; with --schedule 1',
    help: 'how often a key or tick may begin: 1 is at most once, n at least once within n',
  }),
  doneExitCode: row({
    group: 'Once',
    value: '<n>',
    parse: exitCode,
    standard: '0',
    help: 'exit status when the key is done already',
  }),

  stopSignal: row({
    group: 'Command',
    value: '<name>',
    parse: signalName,
    standard: 'SIGTERM',
    help: 'what the command gets when leader-run is asked to stop',
  }),
  signalTo: row({
    group: 'Command',
    value: '<whom>',
    parse: oneOf(['group', 'command']),
    standard: 'group',
    help: "who gets signals: the command's process group, or the command alone; SIGKILL goes to all",
  }),
  stopGrace: row({
    group: 'Command',
    value: '<time>',
    parse: parseDuration,
    standard: '25s',
    help: 'from that signal to SIGKILL; the lock stays held meanwhile',
  }),
  holdFor: row({
    group: 'Command',
    value: '<time>',
    parse: parseDuration,
    standard: '0',
    help: 'keep the lock until so long after it was acquired, if the command ends sooner',
  }),
  maxRuntime: row({
    group: 'Command',
    value: '<time>',
    parse: positiveTime,
    otherwise: 'no limit',
    help: 'stop a command that runs for longer, and exit with 121',
  }),
  healthFile: row({
    group: 'Command',
    value: '<file>',
    parse: fileName,
    otherwise: 'none',
    help: 'a file that the command touches for as long as it is well',
  }),
  healthCommand: row({
    group: 'Command',
    value: '<command>',
    parse: hookLine,
    otherwise: 'none',
    help: 'a line for sh -c, run beside the command, that ends with 0 for as long as the command is well',
  }),
  healthMaxAge: row({
    group: 'Command',
    value: '<time>',
    parse: healthTime,
    standard: '30s',
    help: 'step down when the file or the line gave no such sign for this long',
  }),
  guardian: row({
    group: 'Command',
    value: '<kind>',
    parse: oneOf(['auto', 'sh', 'node', 'off'] as const),
    standard: 'auto',
    help: 'the process that kills the command if leader-run cannot: auto, sh, node, off',
  }),

  onAcquire: row({
    group: 'Hooks',
    value: '<command>',
    parse: hookLine,
    otherwise: 'none',
    help: 'a line for sh -c, run when a term has begun',
  }),
  onLose: row({
    group: 'Hooks',
    value: '<command>',
    parse: loseLine,
    otherwise: 'none',
    help: 'the same, when the term has ended: lost, or given back',
  }),
  onSuccess: row({
    group: 'Hooks',
    value: '<command>',
    parse: hookLine,
    otherwise: 'none',
    help: 'the same, when the command has ended by itself with status 0',
  }),
  onFailure: row({
    group: 'Hooks',
    value: '<command>',
    parse: hookLine,
    otherwise: 'none',
    help: 'the same, when the command has ended in any other way',
  }),
  hookTimeout: row({
    group: 'Hooks',
    value: '<time>',
    parse: positiveTime,
    standard: '10s',
    help: 'a hook that runs for longer is killed',
  }),

  noEvents: row({
    group: 'Output',
    value: '',
    parse: switchText,
    otherwise: 'off',
    help: 'write no Kubernetes Events about the lock (who became leader, who stopped)',
  }),
  labelPod: row({
    group: 'Output',
    value: '<key=value>',
    parse: podLabel,
    otherwise: 'none',
    help: 'the label that the pod of the leader carries, for a Service to find it',
  }),
  listen: row({
    group: 'Output',
    value: '<[host:]port>',
    parse: listenPlace,
    otherwise: 'off',
    help: 'answer /livez, /readyz, /leader and /metrics over HTTP; without a host to this machine alone',
  }),
  logLevel: row({
    group: 'Output',
    value: '<level>',
    parse: oneOf(['debug', 'info', 'warn', 'error'] as const),
    standard: 'info',
    help: 'debug, info, warn or error',
  }),
  logFormat: row({
    group: 'Output',
    value: '<format>',
    parse: oneOf(['auto', 'pretty', 'json'] as const),
    standard: 'auto',
    help: 'auto (pretty on a terminal, else json), pretty or json; always to stderr',
  }),

  output: row({
    group: 'Status',
    scope: 'form',
    value: '<form>',
    short: 'o',
    parse: oneOf(['text', 'json'] as const),
    standard: 'text',
    help: 'text (a table on a terminal, else separated by tabs) or json, a line for each lock; manifest: YAML or json',
  }),
  noHeaders: row({
    group: 'Status',
    scope: 'show',
    value: '',
    parse: switchText,
    otherwise: 'off',
    help: 'no line with the names of the columns',
  }),
  watch: row({
    group: 'Status',
    scope: 'status',
    value: '',
    short: 'w',
    parse: switchText,
    otherwise: 'off',
    help: 'go on, with a line for each change',
  }),
  holder: row({
    group: 'Status',
    scope: 'status',
    value: '<identity>',
    parse: identityText,
    otherwise: 'do not ask',
    help: 'print nothing: exit with 0 if this candidate holds the lock, else with 1',
  }),
  maxAge: row({
    group: 'Status',
    scope: 'status',
    value: '<time>',
    parse: positiveTime,
    otherwise: 'do not ask',
    help: 'exit with 1 unless a key succeeded within this time',
  }),
  count: row({
    group: 'Status',
    scope: 'next',
    value: '<n>',
    short: 'c',
    parse: tickCount,
    standard: '10',
    help: 'so many ticks, 100 at the most',
  }),
  from: row({
    group: 'Status',
    scope: 'next',
    value: '<time>',
    parse: instant,
    otherwise: 'now',
    help: 'the ticks after this time, as in 2026-10-24 or 2026-10-24T12:00:00Z',
  }),
  pre: row({
    group: 'Status',
    scope: 'judge',
    value: '',
    parse: switchText,
    otherwise: 'off',
    help: 'only what can be known before the roll-out, on a machine that will not run the command',
  }),
  reason: row({
    group: 'Steering',
    scope: 'ask',
    value: '<text>',
    parse: reasonText,
    otherwise: 'none',
    help: 'why: status and the logs of all candidates repeat it, with your name',
  }),
  timeout: row({
    group: 'Steering',
    scope: 'ask',
    value: '<time>',
    parse: parseDuration,
    standard: '1m',
    help: 'how long to wait for what comes of it; 0 does not wait',
  }),
  to: row({
    group: 'Steering',
    scope: 'to',
    value: '<identity>',
    parse: identityText,
    otherwise: 'any candidate',
    help: 'exit with 1 unless this candidate leads next',
  }),
  follow: row({
    group: 'Steering',
    scope: 'follow',
    value: '',
    parse: switchText,
    otherwise: 'off',
    help: 'wait for the end of the run, and exit with 1 unless it succeeds',
  }),
  until: row({
    group: 'Steering',
    scope: 'until',
    value: '<time>',
    parse: instant,
    otherwise: 'leader-run resume',
    help: 'when the pause ends by itself, as in 2026-10-24T06:00:00Z',
  }),
  image: row({
    group: 'Manifest',
    scope: 'manifest',
    value: '<ref>',
    parse: imageName,
    help: 'the image, which starts leader-run; required',
  }),
  replicas: row({
    group: 'Manifest',
    scope: 'manifest',
    value: '<n>',
    parse: replicaCount,
    standard: '2',
    help: 'how many candidates the Deployment has',
  }),
};

export type OptionName = keyof typeof options;
type Options = typeof options;
export type Value<N extends OptionName> = Options[N] extends Row<infer T> ? T : never;
/** The options that have a standard. */
export type Standard = { [N in OptionName]: Options[N] extends Row<unknown, undefined> ? never : N }[OptionName];

export const names = Object.keys(options) as OptionName[];

export const flagOf = (name: OptionName): string => `--${kebab(name)}`;
export const variableOf = (name: OptionName): string => `LEADER_RUN_${kebab(name).replaceAll('-', '_').toUpperCase()}`;

/** Takes no value, or one behind = alone. */
export const isSwitch = (name: OptionName): boolean => !options[name].value.startsWith('<');

export function scopeOf(name: OptionName): Scope {
  const { scope }: Row<unknown> = options[name];
  return scope ?? 'run';
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
