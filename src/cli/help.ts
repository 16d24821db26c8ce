// What is printed about options and verbs: the help, and the rows that README repeats. Decides words and layout alone;
// commander lays out the help and is met in this file only, which is loaded when help is asked for.
// Does not know how arguments are read, nor what a verb does.
// Invariant: no line of the help is wider than 80 columns, and every option of a run and every verb with a summary is
// in it; the help of a verb fits a screen of 24 lines.

import { Command, Option } from 'commander';
import { runTakes } from './arguments.ts';
import { exitStatusTable } from './exit-status.ts';
import { flagOf, names, type OptionName, options, type Row, type Scope, scopeOf } from './options.ts';

/** A verb, as far as the help tells of it. */
export interface Described {
  readonly name: string;
  /** Without one the verb is not listed. */
  readonly summary?: string;
  /** The words behind it. */
  readonly usage?: string;
  /** What the first of these words may be, where that can be told: for completion. */
  readonly words?: readonly string[] | 'verbs';
  /** What its own help says before its options. */
  readonly about?: string;
  /** Its options are those of these scopes. */
  readonly takes: readonly Scope[];
}

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

/** Of the default verb, and of all others in a line each. */
export function helpText(verbs: readonly Described[] = []): string {
  const program = described('leader-run', '[options] -- <command> [args...]', contract, runTakes);
  program.addOption(new Option('--version', 'print the version').helpGroup('Output:'));
  for (const { name, summary } of verbs) {
    if (summary !== undefined) program.addCommand(new Command(name).description(summary).helpGroup('Verbs:'));
  }
  return program.helpInformation();
}

/** On one screen, so options that leader-run's own help explains are named alone. */
export function verbHelp({ name, usage = '', about = '', takes }: Described): string {
  const isOfRun = takes.includes('run');
  const heading = isOfRun ? 'Options, beside those of a run (leader-run --help):' : 'Options:';
  const locks = isOfRun ? [] : names.filter((each) => scopeOf(each) === 'lock' && takes.includes('lock'));
  const lock = locks.length === 0 ? '' : `\n\nThe lock (leader-run --help says more):\n${filled(locks.map(termOf))}`;
  const told = takes.filter((scope) => (isOfRun ? !runTakes.includes(scope) : scope !== 'lock'));
  // commander ends the text with a line break only behind a list of commands.
  return `${described(`leader-run ${name}`, usage, `${about}${lock}`, told, heading).helpInformation().trimEnd()}\n`;
}

/** Lines of at most 80 columns, indented so that commander leaves them as they are. */
function filled(terms: readonly string[]): string {
  return terms.reduce((text, term) => {
    const line = text.slice(text.lastIndexOf('\n') + 1);
    return `${text}${`${line}  ${term}`.length > 80 ? '\n' : ''}  ${term}`;
  }, '');
}

/** `heading`: of one list of all options, without what says nothing of those that are left out. */
function described(name: string, usage: string, about: string, takes: readonly Scope[], heading?: string): Command {
  const program = new Command(name)
    .usage(usage)
    .description(about)
    .helpOption(false)
    .helpCommand(false)
    .configureHelp({
      helpWidth: 80,
      optionTerm: ({ long, flags }) => names.filter((name) => flagOf(name) === long).map(termOf)[0] ?? flags,
      subcommandTerm: (verb) => verb.name(),
    });
  for (const name of names.filter((each) => takes.includes(scopeOf(each)))) {
    const { group, value, help }: Row<unknown> = options[name];
    // commander has no `[=dir]`.
    const term = name === 'local' ? '--local' : termOf(name);
    const known = value === '' ? '' : fallbackOf(name);
    const fallback = heading !== undefined && nothing.has(known) ? '' : known;
    const option = new Option(term, `${help}${fallback === '' ? '' : ` (default: ${fallback})`}`);
    program.addOption(option.helpGroup(heading ?? `${group}:`));
  }
  return program.addOption(new Option('-h, --help', 'print this').helpGroup(heading ?? 'Output:'));
}

const nothing: ReadonlySet<string> = new Set(['none', 'do not ask']);

/** What leader-run does. */
export const promise = `Runs a command only while it holds a Kubernetes leader-election lock: at most
one command runs under a lock at any moment.

  leader-run --lock default/reports -- ./send-reports --all

No shell: what follows -- is started as it stands. Background processes die
with the command, and the lock is given back when all of them are gone.
When leadership is lost, the command gets --stop-signal, then SIGKILL before
anyone else can take the lock; then leader-run waits to lead again (--on-lost).
On SIGTERM to leader-run the command gets --stop-signal and --stop-grace.`;

/** How a command line is written. */
export const spelling = `Each option is also a variable: --hold-for 30s is LEADER_RUN_HOLD_FOR=30s.
A flag wins over its variable. Times are written 500ms, 15s, 1m30s or 1.5h.
Without -- the first word that is no option or its value begins the command.
A verb's name as the first word of all is the verb: leader-run -- status runs a
program of that name.`;

// The first screen of the help. Its indented lines keep commander from joining and wrapping the others.
const contract = `${promise}

Exit status:
${exitStatusTable.map(([status, meaning]) => `  ${status.padEnd(13)}  ${meaning}`).join('\n')}

${spelling}`;
