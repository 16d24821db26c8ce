// The options: one table that flags, environment variables, defaults, help and README come from. Decides that an option
// is given once and never empty, and which source wins. Does not know which options go together, nor what follows from
// those that are left out: that is config.ts.
// commander splits the arguments and lays out the help, and is imported here only; a run needs neither once it has
// its Config, so src/main.ts imports this folder dynamically.
// Invariant: readOptions never throws and never stops at the first fault.

import { Command, CommanderError, Option } from 'commander';
import { printable } from '../common/printable.ts';
import type { LockKind } from '../locks/store.ts';
import { parseDuration, type Parsed } from './duration.ts';
import { exitStatusTable } from './exit-status.ts';
import {
  anyText,
  closest,
  exitCode,
  identityText,
  leaseTime,
  lockName,
  namespaceName,
  oneOf,
  semanticVersion,
  signalName,
  switchMeant,
  switchOrFolder,
  switchText,
  waitTime,
} from './values.ts';

export const lockKinds = [
  'lease',
  'endpoints',
  'configmaps',
  'endpointsleases',
  'configmapsleases',
] as const satisfies readonly LockKind[];

interface Row<T, S extends string | undefined = string | undefined> {
  readonly group: 'Lock' | 'Timing' | 'Waiting' | 'Command' | 'Output';
  /** What stands for the value in help; '' for a switch. */
  readonly value: string;
  readonly parse: (text: string) => Parsed<T>;
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
    value: '<name>',
    parse: lockName,
    help: 'the lock, as name or namespace/name; required',
  }),
  namespace: row({
    group: 'Lock',
    value: '<name>',
    short: 'n',
    parse: namespaceName,
    otherwise: "the service account's or context's",
    help: "the lock's namespace",
  }),
  lockKind: row({
    group: 'Lock',
    value: '<kind>',
    parse: oneOf(lockKinds),
    standard: 'lease',
    help: `the object that is the lock: ${lockKinds.join(', ')}`,
  }),
  local: row({
    group: 'Lock',
    value: '[=dir]',
    parse: switchOrFolder,
    otherwise: 'off; ~/.local/state/leader-run if no folder is given',
    help: 'no cluster: lock among the processes of this machine and user, in a folder',
  }),
  kubeconfig: row({
    group: 'Lock',
    value: '<file>',
    parse: anyText,
    otherwise: 'KUBECONFIG, then ~/.kube/config, then in-cluster',
    help: 'how to reach the cluster',
  }),
  context: row({
    group: 'Lock',
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
    help: 'from SIGTERM to SIGKILL when leadership is lost',
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

  stopSignal: row({
    group: 'Command',
    value: '<name>',
    parse: signalName,
    standard: 'SIGTERM',
    help: 'what the command gets when leader-run is asked to stop',
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
    help: 'keep the lock for this long after the command has ended',
  }),
  guardian: row({
    group: 'Command',
    value: '<kind>',
    parse: oneOf(['auto', 'sh', 'node', 'off'] as const),
    standard: 'auto',
    help: 'the process that kills the command if leader-run cannot: auto, sh, node, off',
  }),

  noEvents: row({
    group: 'Output',
    value: '',
    parse: switchText,
    otherwise: 'off',
    help: 'write no Kubernetes Events about the lock (who became leader, who stopped)',
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
};

export type OptionName = keyof typeof options;
type Options = typeof options;
type Value<N extends OptionName> = Options[N] extends Row<infer T> ? T : never;
type Standard = { [N in OptionName]: Options[N] extends Row<unknown, undefined> ? never : N }[OptionName];
/** What was given, or else the standard. */
export type OptionValues = { readonly [N in Standard]: Value<N> } & {
  readonly [N in Exclude<OptionName, Standard>]?: Value<N>;
};

export interface OptionsRead {
  /** An option with a fault is absent. */
  readonly values: Partial<OptionValues>;
  /** Where each given option came from, for messages: `--lock` or `LEADER_RUN_LOCK`. A misspelt one counts as given. */
  readonly sources: Readonly<Partial<Record<OptionName, string>>>;
  readonly command: readonly string[];
  readonly print: 'help' | 'version' | undefined;
  readonly faults: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const flagOf = (name: OptionName): string => `--${kebab(name)}`;
export const variableOf = (name: OptionName): string => `LEADER_RUN_${kebab(name).replaceAll('-', '_').toUpperCase()}`;

const isSwitch = (name: OptionName): boolean => !options[name].value.startsWith('<');

/** How the option is written in help and README: `-n, --namespace <name>`. */
export function termOf(name: OptionName): string {
  const { short, value }: Row<unknown> = options[name];
  const space = value.startsWith('<') ? ' ' : '';
  return `${short === undefined ? '' : `-${short}, `}${flagOf(name)}${space}${value}`;
}

/** What help and README say about leaving the option out. */
export function fallbackOf(name: OptionName): string {
  const { standard, otherwise }: Row<unknown> = options[name];
  return standard ?? otherwise ?? '';
}

const names = Object.keys(options) as OptionName[];

/** Inside a term these two tell the command about the outer leader-run, and are no options. */
const termVariables: ReadonlySet<OptionName> = new Set(['lock', 'identity']);
export const insideTerm = (env: Environment): boolean => env['LEADER_RUN_TOKEN'] !== undefined;

/** Flag before variable before standard. */
export function readOptions(args: readonly string[], env: Environment): OptionsRead {
  const { given, intended, command, print, faults } = splitArguments(args);
  const values: Partial<Record<OptionName, unknown>> = {};
  const sources: Partial<Record<OptionName, string>> = {};

  const take = (name: OptionName, source: string, text: string, shown: string): void => {
    sources[name] = source;
    if (text === '') return void faults.push(`${source} is empty: give it a value or leave it out`);
    const parsed = options[name].parse(text);
    if ('fault' in parsed) faults.push(`${shown}: ${parsed.fault}`);
    else values[name] = parsed.value;
  };

  for (const name of names) {
    const [flag, ...more] = given.get(name) ?? [];
    const variable = variableOf(name);
    const text = termVariables.has(name) && insideTerm(env) ? undefined : env[variable];
    if (more.length > 0) {
      sources[name] = flagOf(name);
      faults.push(`${flagOf(name)} is given ${String(more.length + 1)} times: give it once`);
    } else if (flag !== undefined) {
      if (text === '') faults.push(`${variable} is empty: give it a value or leave it out`);
      const { value } = options[name];
      const shown =
        value === '' ? flagOf(name) : `${flagOf(name)}${value.startsWith('[') ? '=' : ' '}${printable(flag)}`;
      take(name, flagOf(name), flag, shown);
    } else if (intended.has(name)) {
      sources[name] = flagOf(name);
    } else if (text !== undefined) {
      take(name, variable, text, `${variable}=${printable(text)}`);
    } else {
      const { standard }: Row<unknown> = options[name];
      const parsed = standard === undefined ? undefined : options[name].parse(standard);
      if (parsed !== undefined && 'value' in parsed) values[name] = parsed.value;
    }
  }
  // Each value came from its own row's parser, which the compiler cannot follow through the loop.
  return { values: values as Partial<OptionValues>, sources, command, print, faults };
}

interface Split {
  readonly given: ReadonlyMap<OptionName, readonly string[]>;
  /** Those that a fault is about: that they are missing would only follow from it. */
  readonly intended: ReadonlySet<OptionName>;
  readonly command: readonly string[];
  readonly print: 'help' | 'version' | undefined;
  readonly faults: string[];
}

function splitArguments(args: readonly string[]): Split {
  const given = new Map<OptionName, string[]>();
  const intended = new Set<OptionName>();
  const faults: string[] = [];
  let print: Split['print'];
  const intend = (flag: string | undefined): void => {
    const name = flag === '-n' ? 'namespace' : names.find((name) => flagOf(name) === flag);
    if (name !== undefined) intended.add(name);
  };
  const refuse = (text: string): void => {
    const { fault, wanted } = unknownOption(text);
    faults.push(fault);
    intend(wanted);
  };
  const give = (name: OptionName, text: string): void => {
    if (text.startsWith('--')) {
      faults.push(`${flagOf(name)} needs a value, but ${printable(text)} follows`);
      intended.add(name);
      intend(text.split('=')[0]);
    } else if (name === 'namespace' && names.some((long) => `-n${text}`.split('=')[0] === flagOf(long).slice(1))) {
      // Go's flags take one dash; read as commander does, -namespace would name the namespace "amespace".
      faults.push(`unknown option -n${printable(text)}: did you mean --n${printable(text)}?`);
    } else {
      given.set(name, [...(given.get(name) ?? []), text]);
    }
  };

  const program = buildProgram();
  for (const name of names) {
    program.on(`option:${kebab(name)}`, (text: string | undefined) => {
      give(name, text ?? 'true');
    });
  }
  program.on('option:help', () => (print = 'help'));
  program.on('option:version', () => (print ??= 'version'));

  // commander stops at the first option that it does not know and hands back the rest, which is read in turn.
  let rest = args;
  // What stands before a later -- was the unknown option's value.
  const dropValue = (): void => {
    if (rest[0]?.startsWith('-') === false && rest.includes('--')) rest = rest.slice(1);
  };
  for (;;) {
    const { operands, unknown, missing } = parse(program, rest);
    if (missing !== undefined) faults.push(`${missing} needs a value`);
    intend(missing);
    const [flag, ...after] = unknown;
    if (flag === undefined) {
      const before = rest[rest.length - operands.length - 1];
      const name = names.find((name) => isSwitch(name) && flagOf(name) === before);
      const [word = '', ...more] = operands;
      rest = more;
      if (before !== '--' && dashes.test(word)) {
        refuse(word);
        dropValue();
      } else if (name !== undefined && isStray(word, more)) {
        faults.push(strayWord(name, word));
      } else {
        return { given, intended, command: operands, print, faults };
      }
      continue;
    }
    rest = after;
    if (flag.startsWith('--local=')) {
      give('local', flag.slice('--local='.length));
      continue;
    }
    refuse(flag);
    dropValue();
  }
}

function parse(
  program: Command,
  args: readonly string[],
): { operands: readonly string[]; unknown: readonly string[]; missing?: string } {
  try {
    return program.parseOptions([...args]);
  } catch (error) {
    // Only a last flag without its value gets here; anything else is a mistake of ours.
    if (!(error instanceof CommanderError) || error.code !== 'commander.optionMissingArgument') throw error;
    return { operands: [], unknown: [], missing: args.at(-1) ?? '' };
  }
}

/**
 * Whether a word behind a switch is no command, by what follows: the -- of ours. A command without one may have a -- of
 * its own, as in `kubectl -n jobs exec pod -- date` or `head -n 5 -- notes`.
 */
function isStray(word: string, after: readonly string[]): boolean {
  if (!after.includes('--')) return false;
  if (after[0] === '--' || switchMeant(word) !== undefined) return true;
  let isOurs = false;
  for (let i = 0; after[i] !== '--'; i++) {
    const [flag = '', value] = (after[i] ?? '').split('=');
    const name = flag === '-n' ? 'namespace' : names.find((name) => flagOf(name) === flag);
    if (name === undefined) return false;
    isOurs ||= flag !== '-n';
    const takesNext = isSwitch(name) ? after[i + 1]?.startsWith('-') === false : value === undefined;
    if (takesNext) i++;
  }
  return isOurs;
}

/** A value that somebody gave to a switch would become the command. */
function strayWord(name: OptionName, word: string): string {
  const isFolder = name === 'local' && 'value' in options.local.parse(word);
  const advice = isFolder
    ? `did you mean --local=${printable(word)}?`
    : `${flagOf(name)} takes no value${name === 'local' ? ' but behind =' : ''}, and the command follows --`;
  return `unexpected ${printable(word)} before --: ${advice}`;
}

/** What a word processor makes of hyphens. */
const dashes = /^-*[\u2010-\u2015\u2212]/;

function unknownOption(text: string): { fault: string; wanted: string | undefined } {
  const [flag = ''] = text.split('=');
  if (names.some((name) => flagOf(name) === flag)) return { fault: `${flag} takes no value`, wanted: flag };
  const bare = flag.replace(/^[-\u2010-\u2015\u2212]+/, '');
  const wanted = bare === '' ? '--' : closest(`--${bare}`, [...names.map(flagOf), '--help', '--version']);
  const hint = `${dashes.test(flag) ? 'no plain hyphens; ' : ''}${wanted === undefined ? 'see --help' : `did you mean ${wanted}?`}`;
  return { fault: `unknown option ${printable(flag)}: ${hint}`, wanted };
}

function buildProgram(): Command {
  const program = new Command('leader-run')
    .usage('[options] -- <command> [args...]')
    .description(contract)
    .passThroughOptions()
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .configureHelp({
      helpWidth: 80,
      optionTerm: (option) => names.filter((name) => kebab(name) === option.name()).map(termOf)[0] ?? option.flags,
    });
  for (const name of names) {
    const { group, value, help }: Row<unknown> = options[name];
    // --local takes its folder behind = only: with commander's [dir], `--local ./job.sh` would swallow the command.
    const term = name === 'local' ? '--local' : termOf(name);
    const fallback = value === '' ? '' : fallbackOf(name);
    const option = new Option(term, `${help}${fallback === '' ? '' : ` (default: ${fallback})`}`);
    program.addOption(option.helpGroup(`${group}:`));
  }
  program.addOption(new Option('-h, --help', 'print this').helpGroup('Output:'));
  program.addOption(new Option('--version', 'print the version').helpGroup('Output:'));
  return program;
}

// The first screen of the help. Its indented lines keep commander from joining and wrapping the others.
const contract = `Runs a command only while it holds a Kubernetes leader-election lock: at most
one command runs under a lock at any moment.

  leader-run --lock default/reports -- ./send-reports --all

No shell: what follows -- is started as it stands. Background processes die
with the command: SIGTERM when it ends, SIGKILL 2s later. The lock is given
back only when all of them are gone.
When leadership is lost, the command gets SIGTERM, then SIGKILL before anyone
else can take the lock; then leader-run waits to lead again (see --on-lost).
On SIGTERM to leader-run the command gets --stop-signal, then SIGKILL after
--stop-grace; the lock stays held until it is gone.

Exit status:
${exitStatusTable.map(([status, meaning]) => `  ${status.padEnd(13)}  ${meaning}`).join('\n')}

Each option is also a variable: --hold-for 30s is LEADER_RUN_HOLD_FOR=30s.
A flag wins over its variable. Times are written 500ms, 15s, 1m30s or 1.5h.
Without -- the first word that is no option or its value begins the command.`;

export function helpText(): string {
  return buildProgram().helpInformation();
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
