// Small breaks of what runs once: the machine of a key, the rules of the note, what the elector carries, and what the
// story says of an end. Decides which suites are asked: the seeds in which each run is for a key, or unit tests.
// Invariant: as in list.mjs.

import { jobs, schedules, unit } from './suites.mjs';

export const mutants = [
  { name: 'an outcome is not in the write that gives the lock back', file: 'src/elector/plan.ts', find: 'const note = s.settings.notes?.releasing(pageOf(s, observation, now));', replace: 'const note = undefined;', suites: jobs },
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
  { name: 'a command starts without its claim being stored', file: 'src/elector/core.ts', find: "if (turn.s.term) set(turn, { wish: { number: turn.s.nextNumber, what: event.wish } });", replace: "if (turn.s.term) set(turn, { wish: { number: turn.s.nextNumber, what: event.wish } });\n      turn.effects.push({ kind: 'wished', verdict: undefined });", suites: schedules },
  { name: 'a claim is written onto a lock that is paused', file: 'src/elector/sightings.ts', find: 'set(turn, { deposed: deposal.by, wish: undefined });', replace: 'set(turn, { deposed: deposal.by });', suites: [unit('test/elector/wishes.test.ts'), ...schedules] },
  { name: 'a paused lock is taken', file: 'src/elector/plan.ts', find: 'mayTake(s, observation) && !pause', replace: 'mayTake(s, observation)', suites: [unit('test/elector/steering.test.ts')] },
  { name: 'a holder that stepped down comes back at once', file: 'src/elector/core.ts', find: "backUntil: deposed === 'step-down' ? later(now, settings.timing.leaseDurationMs) : undefined,", replace: 'backUntil: undefined,', suites: [unit('test/elector/steering.test.ts')] },
  { name: 'any holder obeys a request to step down', file: 'src/locks/instructions.ts', find: "if (stepDown === identity) return '';", replace: "if (stepDown !== undefined) return '';", suites: [unit('test/elector/steering.test.ts')] },
  { name: 'what another left of a tick is forgotten', file: 'src/job/schedule.ts', find: 'return { note: formatJobs(settledRecord(page) ?? withoutClaim(reading.record)) };', replace: 'return { note: formatJobs({ ...(settledRecord(page) ?? reading.record), claim: undefined }) };', suites: schedules },
  { name: 'ticks that came while a command ran are run late', file: 'src/job/schedule.ts', find: "const passed = plan.overlap === 'skip' ? due : due.slice(0, -1);", replace: 'const passed = due.slice(0, -1);', suites: [unit('test/job/schedule.test.ts')] },
  { name: 'a tick is claimed by a clock that is far ahead', file: 'src/job/schedule.ts', find: 'const ahead = wish.isTick ? aheadOf(page, wish.key) : undefined;', replace: 'const ahead = undefined;', suites: schedules },
  { name: 'the ticks of a pause are made up for', file: 'src/job/schedule.ts', find: 'if (pausedMs !== undefined && pausedMs <= wallMs) {', replace: 'if (pausedMs !== undefined && pausedMs <= wallMs && wallMs < 0) {', suites: [unit('test/job/schedule.test.ts')] },
  { name: 'a tick that failed is tried again for ever', file: 'src/job/schedule.ts', find: 'entry.attempts >= atMost) return undefined;', replace: 'entry.attempts >= Infinity) return undefined;', suites: [unit('test/job/schedule.test.ts')] },
  { name: 'the next command starts before the outcome of the last is stored', file: 'src/rounds.ts', find: "if ((await bell.wish(wish)) === 'summoned') return { ...worked, why: ear.summons ?? why };", replace: 'void bell.wish(wish);', suites: schedules },
  { name: 'a claim counts though another stands beside the record', file: 'src/rounds.ts', find: "due.kind === 'begin' && attemptIn(term.beside.note)?.claim.key === due.wish.key", replace: "due.kind === 'begin'", suites: [unit('test/rounds.test.ts')] },
];
