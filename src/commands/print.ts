// The verbs that tell about leader-run itself: help and version, which are also --help and --version. They answer
// whatever else is on the command line.
// Decides no word of it (cli/help.ts, loaded when it is asked for).
// Invariant: nothing is locked or started.

import type { Command } from './command.ts';

/** Without summaries: the help tells of both as options. */
export const help: Command = {
  name: 'help',
  takes: [],
  run: async ({ verbs }) => {
    const { helpText } = await import('../cli/help.ts');
    return { kind: 'answered', text: helpText(verbs) };
  },
};

export const version: Command = {
  name: 'version',
  takes: [],
  run: ({ version: its }) => Promise.resolve({ kind: 'answered', text: `leader-run ${its}\n` }),
};
