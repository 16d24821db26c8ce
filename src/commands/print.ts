// The verbs that tell about leader-run itself: help and version, which are also --help and --version. They answer
// whatever else is on the command line.
// Decides no word of it (cli/help.ts).
// Invariant: nothing is locked or started.

import type { Command } from './command.ts';

export const help: Command = {
  name: 'help',
  summary: 'this, or the help of a verb',
  takes: [],
  words: 'verbs',
  run: async ({ words: [about], verbs }) => {
    const { helpText, verbHelp } = await import('./deeds.ts');
    const verb = verbs.find(({ name, about: text }) => name === about && text !== undefined);
    return { kind: 'answered', text: verb ? verbHelp(verb) : helpText(verbs) };
  },
};

export const version: Command = {
  name: 'version',
  summary: 'the version',
  takes: [],
  run: ({ version: its }) => Promise.resolve({ kind: 'answered', text: `leader-run ${its}\n` }),
};
