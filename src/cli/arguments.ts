// Arguments and environment -> for each option whether it was left out, given or faulty, and the command behind them.
// Decides that a flag wins over its variable, that an option is given once and never empty, and where the command
// begins. Does not know which options go together, nor what follows from those that are left out: that is config.ts.
// Invariant: readArguments never throws and never stops at the first fault.

import { printable } from '../common/printable.ts';
import {
  flagOf,
  isSwitch,
  names,
  type OptionName,
  options,
  type Row,
  type Scope,
  scopeOf,
  type Standard,
  type Value,
  variableOf,
} from './options.ts';
import { closest, switchMeant } from './values.ts';

/** What became of one option. `source` is for messages: `--lock` or `LEADER_RUN_LOCK`. */
export type Reading<T, S = T | undefined> =
  /** Left out; the value is the standard, where there is one. */
  | { readonly kind: 'absent'; readonly value: S }
  | { readonly kind: 'given'; readonly value: T; readonly source: string }
  /** Given, but not to be understood, or misspelt. A fault says so, and what would follow from it needs no other. */
  | { readonly kind: 'faulty'; readonly source: string };

export type Readings = {
  readonly [N in OptionName]: Reading<Value<N>, N extends Standard ? Value<N> : undefined>;
};

/** What was given, or else the standard. */
export type OptionValues = { readonly [N in Standard]: Value<N> } & {
  readonly [N in Exclude<OptionName, Standard>]?: Value<N>;
};

export interface ArgumentsRead {
  readonly readings: Readings;
  /** The texts as they were given to each flag, in their order. */
  readonly given: ReadonlyMap<OptionName, readonly string[]>;
  readonly command: readonly string[];
  readonly print: 'help' | 'version' | undefined;
  readonly faults: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Inside a term these two tell the command about the outer leader-run, and are not options. */
const termVariables: ReadonlySet<OptionName> = new Set(['lock', 'identity']);
export const insideTerm = (env: Environment): boolean => env['LEADER_RUN_TOKEN'] !== undefined;

/** Of a faulty option nothing. */
export function valueOf<T>(reading: Reading<T>): T | undefined {
  return reading.kind === 'faulty' ? undefined : reading.value;
}

/** Undefined: it was left out. */
export function sourceOf(reading: Reading<unknown>): string | undefined {
  return reading.kind === 'absent' ? undefined : reading.source;
}

/** Of readings without a faulty one. */
export function valuesOf(readings: Readings): OptionValues {
  const values = Object.fromEntries(names.map((name) => [name, valueOf<unknown>(readings[name])]));
  // Each value came from its own row's parser, which the compiler cannot follow through a loop.
  return values as unknown as OptionValues;
}

/** What the default verb takes, which runs a command: the words behind its options are not its own. */
export const runTakes: readonly Scope[] = ['lock', 'run', 'tick'];
const ofRun: Taking = { takes: runTakes, words: 'command', isRun: true };

/** What a verb takes: the options of these scopes, and a command behind them, or words of its own among them. */
export interface Taking {
  readonly takes: readonly Scope[];
  readonly words: 'command' | 'own';
  /** It runs that command: inside a term, what the outer leader-run tells is not an option of this one. */
  readonly isRun?: boolean;
}

export function readArguments(args: readonly string[], env: Environment, taking: Taking = ofRun): ArgumentsRead {
  const { takes, words, isRun = false } = taking;
  const split = splitArguments(args, words);
  const faults = [...split.faults];
  const readings = names.map((name) => {
    const texts = split.given.get(name) ?? [];
    const isMisspelt = split.misspelt.has(name);
    const isNested = isRun && insideTerm(env);
    if (takes.includes(scopeOf(name))) return [name, readingOf(name, { texts, isMisspelt, env, isNested }, faults)];
    if (texts.length > 0) faults.push(`${flagOf(name)} does not belong to this verb: leave it out`);
    return [name, standardOf(name)];
  });
  // As in valuesOf.
  return { ...split, readings: Object.fromEntries(readings) as Readings, faults };
}

interface Given {
  /** What its flag was given, each time. */
  readonly texts: readonly string[];
  readonly isMisspelt: boolean;
  readonly env: Environment;
  /** It would run a command inside the term of another leader-run. */
  readonly isNested: boolean;
}

/** Flag before variable before standard. */
function readingOf(name: OptionName, { texts, isMisspelt, env, isNested }: Given, faults: string[]): Reading<unknown> {
  const [flag, variable] = [flagOf(name), variableOf(name)];
  const fromFlag = texts[0];
  const fromVariable = termVariables.has(name) && isNested ? undefined : env[variable];
  if (texts.length > 1) {
    faults.push(`${flag} is given ${texts.length} times: give it once`);
    return { kind: 'faulty', source: flag };
  }
  if (fromFlag !== undefined) {
    if (fromVariable === '') faults.push(emptyFault(variable));
    const { value } = options[name];
    const shown = value === '' ? flag : `${flag}${value.startsWith('[') ? '=' : ' '}${printable(fromFlag)}`;
    return parsed(name, { source: flag, text: fromFlag, shown }, faults);
  }
  if (isMisspelt) return { kind: 'faulty', source: flag };
  if (fromVariable !== undefined) {
    const shown = `${variable}=${printable(fromVariable)}`;
    return parsed(name, { source: variable, text: fromVariable, shown }, faults);
  }
  return standardOf(name);
}

function parsed(
  name: OptionName,
  { source, text, shown }: { source: string; text: string; shown: string },
  faults: string[],
): Reading<unknown> {
  const read = text === '' ? undefined : options[name].parse(text);
  if (read !== undefined && 'value' in read) return { kind: 'given', value: read.value, source };
  faults.push(read === undefined ? emptyFault(source) : `${shown}: ${read.fault}`);
  return { kind: 'faulty', source };
}

function standardOf(name: OptionName): Reading<unknown> {
  const { standard, parse }: Row<unknown> = options[name];
  const read = standard === undefined ? undefined : parse(standard);
  // A test parses every standard.
  return { kind: 'absent', value: read !== undefined && 'value' in read ? read.value : undefined };
}

const emptyFault = (source: string): string => `${source} is empty: give it a value or leave it out`;

interface Split extends Pick<ArgumentsRead, 'given'> {
  /** Those that a fault is about: that they are missing would only follow from it. */
  readonly misspelt: ReadonlySet<OptionName>;
  readonly command: readonly string[];
  readonly print: 'help' | 'version' | undefined;
  readonly faults: readonly string[];
}

/** One pass over the words, up to the first one of the command; or over all, among which a verb has its own. */
function splitArguments(args: readonly string[], words: Taking['words']): Split {
  const own: string[] = [];
  const given = new Map<OptionName, string[]>();
  const misspelt = new Set<OptionName>();
  const faults: string[] = [];
  let print: Split['print'];
  const give = (name: OptionName, text: string): void => {
    given.set(name, [...(given.get(name) ?? []), text]);
  };
  const refuse = (fault: string, meant: OptionName | undefined): void => {
    faults.push(fault);
    if (meant !== undefined) misspelt.add(meant);
  };

  for (let at = 0; at < args.length; at++) {
    const text = args[at] ?? '';
    const after = args.slice(at + 1);
    // What stands before a later -- is the value of the option that was not understood.
    const dropValue = (): void => {
      if (after[0]?.startsWith('-') === false && after.includes('--')) at++;
    };
    const word = wordOf(text);
    switch (word.kind) {
      case 'end':
        return { given, misspelt, command: [...own, ...after], print, faults };
      case 'plain': {
        if (words === 'own') {
          own.push(text);
          break;
        }
        const behind = names.find((name) => isSwitch(name) && flagOf(name) === args[at - 1]);
        if (behind === undefined || !isStray(text, after)) {
          return { given, misspelt, command: [text, ...after], print, faults };
        }
        faults.push(strayWord(behind, text));
        break;
      }
      case 'print':
        if (print !== 'help') print = word.what;
        break;
      case 'unknown': {
        const { fault, meant } = unknownOption(text);
        refuse(fault, meant);
        dropValue();
        break;
      }
      case 'switch':
        if (word.value === undefined) give(word.name, 'true');
        else if (word.name !== 'local') {
          refuse(`${flagOf(word.name)} takes no value`, word.name);
          dropValue();
        } else if (word.value.startsWith('--')) refuse(needsValue(flagOf(word.name), word.value), word.name);
        else give(word.name, word.value);
        break;
      case 'valued': {
        const value = word.value ?? after[0];
        if (value === undefined) refuse(`${text} needs a value`, word.name);
        // The word that follows is read for itself.
        else if (value.startsWith('--')) refuse(needsValue(flagOf(word.name), value), word.name);
        else {
          give(word.name, value);
          if (word.value === undefined) at++;
        }
      }
    }
  }
  return { given, misspelt, command: own, print, faults };
}

const needsValue = (flag: string, text: string): string => `${flag} needs a value, but ${printable(text)} follows`;

/** What a word is by itself, before the command. */
type Word =
  | { readonly kind: 'end' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'print'; readonly what: 'help' | 'version' }
  | { readonly kind: 'unknown' }
  /** `value`: within the same word, as in `--wait=5s`, `--local=/f` or `-nops`. */
  | { readonly kind: 'switch' | 'valued'; readonly name: OptionName; readonly value: string | undefined };

function wordOf(text: string): Word {
  if (text === '--') return { kind: 'end' };
  if (text === '--help' || text === '-h') return { kind: 'print', what: 'help' };
  if (text === '--version') return { kind: 'print', what: 'version' };
  if (dashes.test(text)) return { kind: 'unknown' };
  if (text === '-' || !text.startsWith('-')) return { kind: 'plain' };
  const [flag = ''] = text.split('=', 1);
  const long = names.find((name) => flagOf(name) === flag);
  if (long !== undefined) {
    const value = flag === text ? undefined : text.slice(flag.length + 1);
    return { kind: isSwitch(long) ? 'switch' : 'valued', name: long, value };
  }
  // Go's flags take one dash: -namespace is not the namespace "amespace".
  const short = names.some((name) => flagOf(name) === `-${flag}`) ? undefined : shortOf(text);
  if (short === undefined) return { kind: 'unknown' };
  const value = text.slice(2) || undefined;
  if (!isSwitch(short)) return { kind: 'valued', name: short, value };
  return value === undefined ? { kind: 'switch', name: short, value } : { kind: 'unknown' };
}

function shortOf(text: string): OptionName | undefined {
  return names.find((name) => {
    const { short }: Row<unknown> = options[name];
    return short !== undefined && text.startsWith(`-${short}`);
  });
}

/**
 * Whether a word behind a switch is not the command, by what follows: the -- of ours. A command without one may have a
 * -- of its own, as in `kubectl -n jobs exec pod -- date` or `head -n 5 -- notes`.
 */
function isStray(text: string, after: readonly string[]): boolean {
  if (!after.includes('--')) return false;
  if (after[0] === '--' || switchMeant(text) !== undefined) return true;
  let isOurs = false;
  for (let i = 0; after[i] !== '--'; i++) {
    const flag = after[i] ?? '';
    const word = wordOf(flag);
    if (word.kind !== 'switch' && word.kind !== 'valued') return false;
    // Many programs have an -n.
    isOurs ||= flag.startsWith('--');
    const takesNext = word.kind === 'switch' ? after[i + 1]?.startsWith('-') === false : word.value === undefined;
    if (takesNext) i++;
  }
  return isOurs;
}

/** A value that was given to a switch would become the command. */
function strayWord(name: OptionName, text: string): string {
  const isFolder = name === 'local' && 'value' in options.local.parse(text);
  const advice = isFolder
    ? `did you mean --local=${printable(text)}?`
    : `${flagOf(name)} takes no value${name === 'local' ? ' but behind =' : ''}, and the command follows --`;
  return `unexpected ${printable(text)} before --: ${advice}`;
}

/** What a word processor makes of hyphens. */
const dashes = /^-*[\u2010-\u2015\u2212]/;

function unknownOption(text: string): { fault: string; meant: OptionName | undefined } {
  const [flag = ''] = text.split('=');
  const bare = flag.replace(/^[-\u2010-\u2015\u2212]+/, '');
  const wanted = bare === '' ? '--' : closest(`--${bare}`, [...names.map(flagOf), '--help', '--version']);
  const hint = `${dashes.test(flag) ? 'no plain hyphens; ' : ''}${wanted === undefined ? 'see --help' : `did you mean ${wanted}?`}`;
  return {
    fault: `unknown option ${printable(flag)}: ${hint}`,
    meant: names.find((name) => flagOf(name) === wanted),
  };
}
