// The shells for which there is a completion script, and the script of each. Decides nothing else.
// Does not know what is offered (places.ts) nor how a shell is told (bash.ts, zsh.ts, fish.ts).
// Invariant: a script is made of the tables of options and verbs alone, so the same release makes the same one.

import type { Described } from '../help.ts';
import { oneOf } from '../values.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { placesOf, type Places } from './places.ts';
import { zshScript } from './zsh.ts';

const makers = { bash: bashScript, zsh: zshScript, fish: fishScript } satisfies Record<
  string,
  (places: Places) => string
>;

export const parseShell = oneOf(['bash', 'zsh', 'fish']);
export type Shell = keyof typeof makers;

export const scriptFor = (shell: Shell, verbs: readonly Described[]): string => makers[shell](placesOf(verbs));
