// The suites that a mutant may name. Decides how each is asked for; does not know which mutant asks, nor how a suite is
// run (scripts/mutants.mjs).
// Invariant: a suite names files that exist, and of a title words that a test in them bears.

export const simulator = [{ kind: 'simulation' }, { kind: 'search' }];
/** Seeds in which each run is for a key. */
export const jobs = [{ kind: 'jobs' }];
/** Seeds in which a command runs at each tick, and operators steer. */
export const schedules = [{ kind: 'schedule' }];
export const unit = (...files) => ({ kind: 'unit', files });
export const processes = (...files) => ({ kind: 'process', files });
/** Tests of one file with these words in their titles. */
export const titled = (file, title) => ({ kind: 'process', files: [file], title });
