// Which verbs there are, and which one a command line names. Decides that a verb is the first word of all, as it
// stands: a program of such a name is run behind --, or behind an option. What a verb does is its own file's.
// Invariant: a name of this list, as the first word, never runs a program.

import type { Command } from './command.ts';
import { help, version } from './print.ts';
import { reserved } from './reserved.ts';
import { run } from './run.ts';

export const verbs: readonly Command[] = [help, version, ...reserved];

export function chosen(words: readonly string[]): { readonly command: Command; readonly words: readonly string[] } {
  const [first, ...behind] = words;
  const verb = verbs.find(({ name }) => name === first);
  return verb === undefined ? { command: run, words } : { command: verb, words: behind };
}
