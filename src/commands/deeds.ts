// What the verbs do, each in its own file, under one name: the build leaves all of it out of the program and lays it
// beside, since a run needs none of it, and each start would load it. verbs.ts says what they are called and take.
// Knows nothing itself. Invariant: it is imported where a verb is carried out, and by no run.

export { helpText, verbHelp } from '../cli/help.ts';
export { completion } from './completion.ts';
export { doctor } from './doctor.ts';
export { keys } from './keys.ts';
export { manifest } from './manifest.ts';
export { next } from './next.ts';
export { pause, resume } from './pause.ts';
export { runNow } from './run-now.ts';
export { status } from './status.ts';
export { stepDown } from './step-down.ts';
