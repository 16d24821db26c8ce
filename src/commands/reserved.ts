// Names that are kept for verbs of later releases, and refused until then. A later release can add such a verb without
// changing what a command line does that has worked before.
// Decides the refusal alone. Does not know what the verbs will do.
// Invariant: nothing is locked or started.

import type { Command } from './command.ts';

const names = ['manifest', 'completion'] as const;

export const reserved: readonly Command[] = names.map((name) => ({
  name,
  takes: [],
  run: () => {
    const advice = `to run a program of that name, put it behind --, as in leader-run --lock default/my-job -- ${name}`;
    return Promise.resolve({ kind: 'refused', faults: [`the verb ${name} is not there yet: ${advice}`] });
  },
}));
