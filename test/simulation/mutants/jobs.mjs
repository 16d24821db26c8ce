// Small breaks of what runs once: the machine of a key, the rules of the note, what the elector carries, and what the
// story says of an end. Decides which suites are asked: the seeds in which each run is for a key, or unit tests.
// Invariant: as in list.mjs.

import { jobs, unit } from './suites.mjs';

export const mutants = [
  { name: 'an outcome is not in the write that gives the lock back', file: 'src/elector/plan.ts', find: 'const note = s.settings.notes?.releasing(pageOf(s, now));', replace: 'const note = undefined;', suites: jobs },
  { name: 'a claim is not in the write that takes the lock', file: 'src/elector/plan.ts', find: "const note = taking && 'note' in taking ? taking.note : undefined;", replace: 'const note = undefined;', suites: jobs },
  { name: 'the last key alone is remembered', file: 'src/job/record.ts', find: 'const entries = record.entries.slice(0, mostEntries);', replace: 'const entries = record.entries.slice(0, 1);', suites: jobs },
  { name: 'what leader-run stopped counts as the command says', file: 'src/work.ts', find: "if (why !== 'ended' || end.failure !== undefined) return { kind: 'interrupted' };", replace: '', suites: jobs },
  { name: 'a claim under which nothing started is an attempt', file: 'src/job/key.ts', find: 'return claim.run === run && !(started !== undefined && isSameClaim(claim, started));', replace: 'return claim.run === run && started === undefined && claim.run === \'\';', suites: [...jobs, unit('test/job')] },
  { name: 'a claim that another left is no attempt', file: 'src/job/key.ts', find: 'const last = claim?.key === job.key ? unknownEnd(claim) : entry;', replace: 'const last = entry;', suites: jobs },
  { name: 'an outcome is noted for a claim of another', file: 'src/job/once.ts', find: 'if (claim.run !== run) return undefined;', replace: '', suites: [...jobs, unit('test/job')] },
  { name: 'a key that has succeeded may run', file: 'src/job/key.ts', find: "if (entry?.outcome.kind === 'ok') return { kind: 'done', entry };", replace: "if (entry?.outcome.kind === 'ok' && holding === 'held') return { kind: 'done', entry };", suites: [...jobs, unit('test/job')] },
  { name: 'attempts have no limit', file: 'src/job/key.ts', find: 'used >= (job.attempts ?? Infinity)', replace: 'used >= Infinity', suites: jobs },
  { name: 'a tick may be claimed long before its time', file: 'src/job/once.ts', find: 'if (comesInMs > tooFarAheadMs)', replace: 'if (comesInMs > 1e12)', suites: jobs },
  { name: 'an older tick begins after a newer one', file: 'src/job/key.ts', find: "const cursor = job.kind === 'tick' ? cursorOf(record) : undefined;", replace: 'const cursor = undefined;', suites: [unit('test/job')] },
  { name: 'an outcome is given up after two tries', file: 'src/elector/plan.ts', find: 'const tired = !leaving.insists && leaving.tries >= releaseTries;', replace: 'const tired = leaving.tries >= releaseTries;', suites: [unit('test/elector/notes.test.ts')] },
  { name: 'a lock that is made again within a term forgets its note', file: 'src/elector/plan.ts', find: "return { kind: 'write', write: 'create', record, base, note: s.stored.note, limitMs };", replace: "return { kind: 'write', write: 'create', record, base, note: undefined, limitMs };", suites: [unit('test/elector/notes.test.ts')] },
  { name: 'a write whose note was changed on its way counts as ours', file: 'src/elector/whose.ts', find: 'return write.note === undefined || write.note === note;', replace: 'return write.note === undefined || note === note;', suites: [unit('test/elector/notes.test.ts')] },
];
