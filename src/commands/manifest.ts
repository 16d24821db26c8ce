// Prints the objects that let a cluster run a command under a lock, for `kubectl apply`. Decides which options cannot
// be meant in a pod, and in which form the objects are printed; which objects there are is for manifest-objects.ts.
// Invariants: no cluster and no file is asked; the options of the run are judged as the run will judge them, and none
// comes from a variable of this process, which the pod does not have.

import {
  type ArgumentsRead,
  readArguments,
  type Readings,
  runTakes,
  sourceOf,
  valueOf,
  valuesOf,
} from '../cli/arguments.ts';
import { configOf, type Config } from '../cli/config.ts';
import type { Ending } from '../cli/exit-status.ts';
import { systemFacts } from '../cli/facts.ts';
import { flagOf, names, type Scope, scopeOf, variableOf } from '../cli/options.ts';
import type { Context } from './command.ts';
import type { Printed } from './look.ts';
import { argsOf, type KubeObject, labelKey, namesPod, objectsOf } from './manifest-objects.ts';

const own: readonly Scope[] = ['form', 'manifest'];

export async function manifest({ words, env }: Context): Promise<Ending | Printed> {
  const read = readArguments(words, ownVariables(env), { takes: [...runTakes, ...own], words: 'command' });
  if (read.print !== undefined) return { kind: read.print };
  const run = configOf(read, {}, systemFacts(), 'run');
  const config = run.kind === 'run' ? run.config : undefined;
  const faults = [...(run.kind === 'faults' ? run.faults : []), ...faultsIn(read), ...(config ? faultsOf(config) : [])];
  const { image, replicas, output } = valuesOf(read.readings);
  const namespace = config?.lock.namespace;
  // The other three are there whenever there is no fault; the compiler wants to see it.
  if (faults.length > 0 || !config || namespace === undefined || image === undefined)
    return { kind: 'refused', faults };
  const objects = objectsOf({ config, namespace, args: argsOf(read), image, replicas, probePort: config.listen?.port });
  return { kind: 'answered', text: output === 'json' ? jsonOf(objects) : await yamlOf(objects) };
}

/** A variable that this process happens to have is not seen in the command line, and would be in no pod. */
function ownVariables(env: Context['env']): Record<string, string | undefined> {
  const variables = names.filter((name) => own.includes(scopeOf(name))).map(variableOf);
  return Object.fromEntries(variables.map((name) => [name, env[name]]));
}

/** What each option is by itself. */
function faultsIn({ readings }: ArgumentsRead): string[] {
  const { image, lock, namespace, oncePer, identity, replicas, oncePerTick } = readings;
  const faults: string[] = [];
  if (image.kind === 'absent')
    faults.push('no image: name one that starts leader-run, as in --image registry.example.com/app:1.4');
  for (const name of ['local', 'kubeconfig', 'context'] as const) {
    if (readings[name].kind !== 'absent')
      faults.push(`${flagOf(name)}: a pod finds its cluster by its service account: leave it out`);
  }
  if (lock.kind === 'given' && lock.value.namespace === undefined && namespace.kind === 'absent')
    faults.push(
      `--lock ${lock.value.name}: a RoleBinding names a namespace: write it, as in --lock ops/${lock.value.name}`,
    );
  if (oncePer.kind === 'given')
    faults.push(
      '--once-per: a Deployment would start it again and again when the key is done: use an init container, as ' +
        'examples/kubernetes/migrate.yaml does, or --once-per-tick for a CronJob',
    );
  if (identity.kind === 'given' && !namesPod(identity.value))
    faults.push('--identity: all pods would have the same: leave it out, or write $(POD_NAME) into it');
  if (oncePerTick.kind === 'absent') faults.push(...hasteIn(readings));
  else if (replicas.kind === 'given')
    faults.push('--replicas does not go with --once-per-tick, which makes a CronJob: leave it out');
  return faults;
}

/** Each would end a standby, which the kubelet starts again, ever more slowly. */
function hasteIn({ try: once, wait }: Readings): string[] {
  const isBounded = wait.kind === 'given' && wait.value.kind !== 'forever';
  const hasty = [valueOf(once) === true ? sourceOf(once) : undefined, isBounded ? wait.source : undefined];
  return hasty
    .filter((flag) => flag !== undefined)
    .map((flag) => `${flag}: a Deployment would start a standby again that gave up: leave it out`);
}

/** A label holds so many characters, and so does a container's name. */
const mostOfLabel = 63;
/** The controller adds 11 more for the name of a Job. */
const mostOfCronJob = 52;

/** What the options come to as objects of a cluster. */
function faultsOf({ lock: { name }, once, labelPod, listen }: Config): string[] {
  const faults: string[] = [];
  const [most, what] = once?.kind === 'tick' ? [mostOfCronJob, 'a CronJob'] : [mostOfLabel, 'labels'];
  if (listen && !isForKubelet(listen))
    faults.push('--listen: the kubelet asks from outside of the pod: write 0.0.0.0 and a port, as in 0.0.0.0:9090');
  if (name.length > most)
    faults.push(`--lock: ${what} would be called like it, and may have ${most} characters and not ${name.length}`);
  if (name === 'default')
    faults.push('--lock: the service account default is that of all other pods: give the lock another name');
  if (labelPod?.key === labelKey)
    faults.push(`--label-pod: the Deployment finds its pods by the label ${labelKey}: use another key`);
  if (once?.kind === 'tick' && once.line.split(' ')[4]?.includes('7') === true)
    faults.push('--once-per-tick: a CronJob knows no day of week 7: write 0 for Sunday, as in 5-6,0 for 5-7');
  return faults;
}

/** At all addresses, and at a port that is known before. */
function isForKubelet({ host, port }: NonNullable<Config['listen']>): boolean {
  return (host === '0.0.0.0' || host === '::') && port !== 0;
}

function jsonOf(items: readonly KubeObject[]): string {
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`;
}

/** What kubectl's YAML 1.1 may take for a number, such as `1_000`, `0X1F` and `+.5`; js-yaml quotes the other ones. */
const numberLike = /^[-+.]?[\d.]/;

async function yamlOf(objects: readonly KubeObject[]): Promise<string> {
  const { DEFAULT_SCHEMA, dump, Type } = await import('js-yaml');
  // A text is quoted that any type of the schema would resolve.
  const number = new Type('tag:yaml.org,2002:number', {
    kind: 'scalar',
    resolve: (text: unknown) => typeof text === 'string' && numberLike.test(text),
  });
  const schema = DEFAULT_SCHEMA.extend({ implicit: [number] });
  return objects.map((each) => dump(each, { schema, lineWidth: -1, noRefs: true })).join('---\n');
}
