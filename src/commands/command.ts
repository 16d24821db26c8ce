// What a verb is: a name, a line for the help, the options that it takes, and what it does. Types alone.
// Knows no verb (verbs.ts has the list) and nothing of what a verb needs beside the process's own surroundings.
// Invariant: a new verb is a file of its own here and a line in that list.

import type { Ending } from '../cli/exit-status.ts';
import type { Described } from '../cli/help.ts';
import type { Scope } from '../cli/options.ts';
import type { SignalDesk } from '../signals.ts';

export interface Command extends Described {
  /** Its options are those of these scopes (cli/options.ts). */
  readonly takes: readonly Scope[];
  /** Never throws for what a user can bring about. What it has to say is in the ending, unless it goes on. */
  run(context: Context): Promise<Ending>;
}

export interface Context {
  /** The arguments behind the verb. */
  readonly words: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  readonly desk: SignalDesk;
  /** To stdout at once. */
  readonly print: (text: string) => void;
  /** All that there are, for the help. */
  readonly verbs: readonly Described[];
}
