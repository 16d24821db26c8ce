// What can stand where on a command line, for the shells that complete it: the verbs, the options of each, and what may
// follow an option. Decides what is offered; how a shell is told is bash.ts's, zsh.ts's and fish.ts's.
// Does not know any verb or option by name, but for the two that a kubeconfig answers.
// Invariant: every verb with a summary is offered, and every option that it takes.

import { runTakes } from '../arguments.ts';
import type { Described } from '../help.ts';
import { flagOf, isSwitch, names, type OptionName, options, type Row, type Scope, scopeOf } from '../options.ts';

/** What a shell offers as a value. A kubeconfig names contexts and namespaces, so no cluster is asked. */
export type Offer =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'files' | 'folders' | 'contexts' | 'namespaces' | 'nothing' };

export interface OfferedOption {
  readonly flag: string;
  /** With its hyphen. */
  readonly short: string | undefined;
  /** `inside`: behind = within the same word, or left out. */
  readonly takes: 'no value' | 'a value' | 'inside';
  readonly offer: Offer;
  /** What its value is, in a word; '' for a switch. */
  readonly value: string;
  readonly help: string;
}

/** A verb, or the default one, which runs a command. */
export interface Place {
  /** '' for the default one. */
  readonly verb: string;
  readonly summary: string;
  readonly options: readonly OfferedOption[];
  /** What its first own word may be, where that can be told. */
  readonly words: readonly string[];
  /** The first word that is neither an option nor a value begins a command. */
  readonly hasCommand: boolean;
}

export interface Places {
  readonly run: Place;
  readonly verbs: readonly Place[];
  /** All options of all places, each once. */
  readonly options: readonly OfferedOption[];
}

export function placesOf(verbs: readonly Described[]): Places {
  const offered = verbs.filter(({ summary }) => summary !== undefined);
  const run: Place = {
    ...{ verb: '', summary: '', words: [], hasCommand: true },
    options: [...optionsOf(runTakes), helpSwitch, versionSwitch],
  };
  const places = offered.map(({ name, summary = '', usage = '', words = [], takes }): Place => {
    const helped = offered.filter(({ about }) => about !== undefined).map((verb) => verb.name);
    return {
      ...{ verb: name, summary, options: [...optionsOf(takes), helpSwitch] },
      words: words === 'verbs' ? helped : words,
      hasCommand: usage.includes('<command>'),
    };
  });
  const all = new Map([run, ...places].flatMap((place) => place.options.map((option) => [option.flag, option])));
  return { run, verbs: places, options: [...all.values()] };
}

function optionsOf(takes: readonly Scope[]): OfferedOption[] {
  return names.filter((name) => takes.includes(scopeOf(name))).map(offeredOption);
}

function offeredOption(name: OptionName): OfferedOption {
  const { value, help, short }: Row<unknown> = options[name];
  return {
    flag: flagOf(name),
    short: short === undefined ? undefined : `-${short}`,
    takes: value === '' ? 'no value' : isSwitch(name) ? 'inside' : 'a value',
    offer: offerOf(name),
    value: value.replaceAll(/[^\w= ]/g, '').replace(/^=/, ''),
    help,
  };
}

function offerOf(name: OptionName): Offer {
  const { value, parse }: Row<unknown> = options[name];
  if (parse.choices !== undefined) return { kind: 'words', words: parse.choices };
  if (name === 'context') return { kind: 'contexts' };
  if (name === 'namespace') return { kind: 'namespaces' };
  return { kind: value === '<file>' ? 'files' : value === '[=dir]' ? 'folders' : 'nothing' };
}

const bare = { short: undefined, takes: 'no value', offer: { kind: 'nothing' }, value: '' } as const;
const helpSwitch: OfferedOption = { ...bare, flag: '--help', short: '-h', help: 'print this' };
const versionSwitch: OfferedOption = { ...bare, flag: '--version', help: 'print the version' };
