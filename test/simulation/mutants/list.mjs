// Small breaks that the suites must notice, each a search text that occurs exactly once in its file, and what takes
// its place; or two such edits, where a rule is guarded twice. Decides which suites are asked, in order; those of
// src/elector are left to the simulator and the search.
// A number in brackets names a mistake that other electors have made, or might.
// Invariant: `npm run mutants` says which suite killed each; one that survives fails it.

import { mutants as ofChild } from './child.mjs';
import { mutants as ofClient } from './client.mjs';
import { mutants as ofJobs } from './jobs.mjs';
import { processes, simulator, titled, unit } from './suites.mjs';

/** A mistake in core.ts may need what sightings.ts keeps for itself. */
const lentToCore = (name) => [
  { file: 'src/elector/sightings.ts', find: `\nfunction ${name}(`, replace: `\nexport function ${name}(` },
  { file: 'src/elector/core.ts', find: "import { contradicted, lose, see, seeAltered, stepDown } from './sightings.ts';", replace: `import { ${name}, contradicted, lose, see, seeAltered, stepDown } from './sightings.ts';` },
];

/**
 * @typedef {{ kind: string, files?: string[], title?: string }} Suite
 * @typedef {{ file: string, find: string, replace: string }} Edit
 * @type {({ name: string, suites: Suite[] } & (Edit | { edits: Edit[] }))[]}
 */
export const mutants = [
  // The elector.
  { name: '[1] a renewal counts from its answer', file: 'src/elector/sightings.ts', find: 'const { number, record, sentAt } = write;', replace: 'const { number, record } = write;\n  const sentAt = now;', suites: simulator },
  { name: '[2] a candidate counts from its last look before the change', file: 'src/elector/observation.ts', find: 'return { sighting, since: now, lastSeen: now, own: false, waitMs, spreadMs };', replace: 'return { sighting, since: before?.lastSeen ?? now, lastSeen: now, own: false, waitMs, spreadMs };', suites: simulator },
  { name: 'a holder that resigns lets go of its term while its command drains', file: 'src/elector/plan.ts', find: "s.want === 'leave' && !s.occupied", replace: "s.want === 'leave'", suites: simulator },
  { name: '[5] a late answer to the taking write begins a term', file: 'src/elector/sightings.ts', find: '+ startAllowanceMs >= timing.renewDeadlineMs / 2', replace: '+ startAllowanceMs >= Infinity', suites: simulator },
  { name: '[6] a read that shows our record renews the term', file: 'src/elector/sightings.ts', find: '  set(turn, { stored, observation, mustRead: false });', replace: '  set(turn, { stored, observation, mustRead: false });\n  extend(turn, turn.now);', suites: simulator },
  { name: '[7] the margin leaves no second for a late SIGKILL', file: 'src/elector/timing.ts', find: 'return 1000 + leaseDurationMs / 20;', replace: 'return leaseDurationMs / 20;', suites: simulator },
  { name: '[7] the leash lasts as long as the lease', file: 'src/elector/timing.ts', find: 'const guardMs = leaseDurationMs - marginMs(leaseDurationMs);', replace: 'const guardMs = leaseDurationMs;', suites: simulator },
  { name: '[8] a lock that vanished is made again at once by a candidate', file: 'src/elector/observation.ts', find: 'return leaseMs(before.sighting, rules);', replace: 'return 0;', suites: simulator },
  { name: '[9] a command starts under an object of any age', file: 'src/elector/sightings.ts', find: 'Math.max(newLockWaitMs - ageMs,', replace: 'Math.max(0 * ageMs,', suites: simulator },
  { name: '[10] an unknown age is old enough', file: 'src/elector/sightings.ts', find: 'surelyElapsed(now, age.at) : 0;', replace: 'surelyElapsed(now, age.at) : Infinity;', suites: simulator },
  { name: "[13] a candidate waits its own duration, not the record's", file: 'src/elector/observation.ts', find: 'return stated > 0 ? stated * 1000 : leaseDurationMs;', replace: 'return leaseDurationMs;', suites: simulator },
  { name: "[14] a candidate counts from the record's renewTime", file: 'src/elector/observation.ts', find: 'const waitMs = waitFor(before, sighting, rules);', replace: "const late = sighting.kind === 'record' ? now.wall - Date.parse(sighting.record.renewTime) : 0;\n  const waitMs = Math.max(0, waitFor(before, sighting, rules) - (Number.isFinite(late) ? late : 0));", suites: simulator },
  { name: '[15] a holder counts monotonic time alone', edits: [
    { file: 'src/clock.ts', find: 'return now.mono >= by.mono || now.boot >= by.boot;', replace: 'return now.mono >= by.mono;' },
    { file: 'src/clock.ts', find: 'return Math.max(0, Math.min(by.mono - now.mono, by.boot - now.boot));', replace: 'return Math.max(0, by.mono - now.mono);' },
  ], suites: simulator },
  { name: '[19] the leash is extended by sending a renewal', edits: [
    { file: 'src/elector/core.ts', find: '  if (request?.number === number) set(turn, { request: { ...request, sentAt } });', replace: '  if (request?.number === number) set(turn, { request: { ...request, sentAt } });\n  extend(turn, sentAt);' },
    ...lentToCore('extend'),
  ], suites: simulator },
  { name: '[21] a conflict ends the term', file: 'src/elector/core.ts', find: 'if (write) conflicted(turn, write, ', replace: "if (turn.s.term) lose(turn, 'taken');\n      else if (write) conflicted(turn, write, ", suites: simulator },
  { name: '[22] a write that timed out is forgotten', file: 'src/elector/core.ts', find: 'if (write) set(turn, { mustRead: true });', replace: 'if (write) set(turn, { mustRead: true, pending: turn.s.pending.filter((each) => each !== write) });', suites: simulator },
  { name: '[23] a record with our name is our write', file: 'src/elector/whose.ts', find: 'if (signature?.run !== run || signature.number !== write.number || !sameRecord(record, write.record)) return false;', replace: 'if (signature === undefined || run === \'\' || record.holderIdentity !== write.record.holderIdentity) return false;', suites: simulator },
  { name: '[3, 24] the lock is released or taken again while the command of a lost term ends', file: 'src/elector/plan.ts', find: "if (s.occupied || s.want === 'nothing') return wait(undefined);", replace: "if (s.want === 'nothing') return wait(undefined);", suites: [{ kind: 'search' }] },
  { name: '[24] nobody asks whether a command is alive before a term begins', edits: [
    { file: 'src/elector/sightings.ts', find: "if (s.want !== 'lead' || s.occupied) return;", replace: "if (s.want !== 'lead') return;" },
    { file: 'src/elector/plan.ts', find: "if (s.occupied || s.want === 'nothing') return wait(undefined);", replace: "if (s.want === 'nothing') return wait(undefined);" },
  ], suites: simulator },
  { name: '[25] a 403 ends the term', file: 'src/elector/core.ts', find: '  slowDown(turn, trouble);', replace: "  if (s.term && isVerdict(trouble.cause)) return lose(turn, 'taken');\n  slowDown(turn, trouble);", suites: simulator },
  { name: '[26] a candidate trusts its watch alone', file: 'src/elector/plan.ts', find: 'if (isTrusted(s)) return later(lastSeen,', replace: 'if (isTrusted(s)) return later(lastSeen, 1e9 +', suites: [unit('test/elector')] },
  { name: '[27] failures are retried without a pause', file: 'src/elector/pace.ts', find: 'const wantedMs = Math.max(timedOut ? 0 : backOffMs, trouble.retryAfterMs ?? 0);', replace: 'const wantedMs = timedOut ? 0 : Math.min(backOffMs, trouble.retryAfterMs ?? 0);', suites: simulator },
  { name: '[28] a 200 counts whatever its body is', edits: [
    { file: 'src/elector/core.ts', find: "return stored(turn, write, answer.sighting);", replace: "if (write && answer.sighting.kind !== 'absent') return acknowledge(turn, write, answer.sighting);\n      return stored(turn, write, answer.sighting);" },
    ...lentToCore('acknowledge'),
  ], suites: simulator },
  { name: 'the event is looked at before what is due', file: 'src/elector/core.ts', find: '  expire(turn);\n  apply(turn, event);', replace: '  apply(turn, event);\n  expire(turn);', suites: simulator },
  { name: 'another holder is seen and ignored', file: 'src/elector/sightings.ts', find: 'if (term) lose(turn, reason);', replace: 'if (term) return;', suites: simulator },
  { name: 'old news of a watch is believed', edits: [
    { file: 'src/elector/sightings.ts', find: "  if (from === 'watch') return true;\n", replace: '' },
    { file: 'src/elector/sightings.ts', find: "if (order === 'same') return s.term !== undefined;", replace: "if (order === 'same') return false;" },
  ], suites: simulator },
  { name: 'a read in flight when the watch told more is believed', file: 'src/elector/sightings.ts', find: 'return askedAt !== undefined && s.observation !== undefined && askedAt.mono <= s.observation.lastSeen.mono;', replace: 'return false;', suites: [...simulator, unit('test/elector')] },
  { name: 'the measure of the herd is halved by each quick refusal', file: 'src/elector/pace.ts', find: 'Math.max(measuredMs, herdMs(turn))', replace: 'Math.max(measuredMs, herdMs(turn) / 2)', suites: [unit('test/elector')] },
  { name: 'a herd is forgotten by those who did not come to try', file: 'src/elector/sightings.ts', find: 'if (beaten) meetHerd(turn, 0);', replace: 'void beaten;', suites: [unit('test/elector')] },
  { name: 'waiting out a deletion asks without end', file: 'src/elector/sightings.ts', find: 'set(turn, { observation: { ...observation, lastSeen: turn.now } });\n  } else', replace: '// nothing\n  } else', suites: simulator },
  { name: 'leaving with a doubtful write has no end', file: 'src/elector/plan.ts', find: "return { kind: 'read', limitMs, leaving: { by } };", replace: "return { kind: 'read', limitMs };", suites: [...simulator, unit('test/elector')] },
  { name: 'the driver stamps no sending', file: 'src/elector/driver.ts', find: "this.#feed({ kind: 'sending', number });", replace: 'void number;', suites: [...simulator, unit('test/elector')] },
  { name: 'the driver gives up on no request', file: 'src/elector/driver.ts', find: 'limitMs + overtimeMs', replace: 'limitMs + 1e9', suites: [...simulator, unit('test/elector')] },
  { name: 'an invitation to a coordinated lock is a term', file: 'src/elector/sightings.ts', find: 's.soleFrom ? untilSurely(now, s.soleFrom) : 0', replace: '0', suites: simulator },
  { name: 'what a watch has left out counts as seen', file: 'src/elector/sightings.ts', find: 'last ? sameVersion(follows, last) || sameVersion(version, last) : !signature;', replace: 'true as boolean;', suites: simulator },
  { name: 'a conflict that does not go away is no failure', file: 'src/elector/core.ts', find: 'if (same && disputed.seen) contradicted(turn, disputed.message);', replace: 'if (same && disputed.seen) void contradicted;', suites: [unit('test/elector')] },
  { name: 'the same conflict again counts as an answer', file: 'src/elector/core.ts', find: "if (turn.s.trouble?.cause !== 'conflict') answered(turn, 'write');", replace: "answered(turn, 'write');", suites: [unit('test/elector')] },
  { name: 'a back-off may jump over the deadline', file: 'src/elector/pace.ts', find: 'return Math.min(retryPeriodMs, untilLastQuarterMs > 0 ? untilLastQuarterMs : firstPauseMs);', replace: 'return retryPeriodMs;', suites: [unit('test/elector')] },
  { name: 'a storage that was put back is not seen within a term', file: 'src/elector/sightings.ts', find: '  return askedAt !== undefined && s.observation !== undefined &&', replace: '  if (s.term) return true;\n  return askedAt !== undefined && s.observation !== undefined &&', suites: [unit('test/elector')] },
  { name: 'a renewal rests on an earlier one that others do not wait for', file: 'src/elector/whose.ts', find: "return ours && sameRecord({ ...record, renewTime: '' }, { ...stored.record, renewTime: '' });", replace: 'return ours;', suites: [unit('test/elector')] },
  { name: 'a term begins with a record that was changed on its way', file: 'src/elector/core.ts', find: 'if (altered !== undefined) return seeAltered(turn, write, sighting, altered);', replace: 'void altered;\n    if (write) return see(turn, { ...sighting, record: write.record, signature: { identity: turn.s.settings.identity, run: turn.s.settings.run, number: write.number } }, "answer");', suites: [unit('test/elector')] },
  { name: 'a renewal that others do not wait for leaves the command its grace', file: 'src/elector/sightings.ts', find: "keepsOthersAway(sighting, s.settings) ? 'altered' : 'edited'", replace: "keepsOthersAway(sighting, s.settings) ? 'altered' : 'altered'", suites: [unit('test/elector')] },
  { name: 'a mute watch is relied on', file: 'src/elector/watching.ts', find: "set(turn, { watch: { kind: 'mute' } });", replace: "set(turn, { watch: { kind: 'up' } });", suites: [unit('test/elector')] },
  // The story and the leash.
  { name: '[3] the lock is given back before the rest of the command has ended', file: 'src/work.ts', find: 'const end = await child.stop(orderFor(why, scene));', replace: 'void child.stop(orderFor(why, scene));\n  const end = { status: 0, signal: undefined, alive: [] };', suites: simulator },
  { name: '[17] the leash never says kill', file: 'src/child/leash.ts', find: "return 'kill';", replace: "return 'term';", suites: simulator },
  { name: '[20] a leash that is due can be extended', file: 'src/child/leash.ts', find: "if (pull(leash, now) !== 'none') return leash;", replace: '', suites: [unit('test/child')] },
  { name: 'a later order may lengthen the grace', file: 'src/child/leash.ts', find: 'leash.graceBy ? earliest(leash.graceBy, by) : by', replace: 'by', suites: [unit('test/child')] },
  { name: 'renewals do not reach the command', file: 'src/work.ts', find: '    child.extend(leash);\n', replace: '', suites: simulator },
  { name: 'a command that outlasted its term ended by itself', file: 'src/work.ts', find: "child.outlasted ? 'outlasted' : 'ended'", replace: "'ended'", suites: simulator },
  { name: 'a command starts whatever became of its term meanwhile', file: 'src/work.ts', find: 'const isOver = (): boolean => ear.summons !== undefined;', replace: 'const isOver = (): boolean => ear.lost !== undefined && scene.desk.stop.aborted;', suites: simulator },
  { name: 'a lost term goes on to another campaign before its command has ended', file: 'src/work.ts', find: 'const end = await child.stop(orderFor(why, scene));', replace: "const stopping = child.stop(orderFor(why, scene));\n  const end = why === 'deadline' ? { status: 0, signal: undefined, alive: [], failure: undefined } : await stopping;", suites: simulator },
  // The end of a command.
  { name: 'what was told to stop with the command gets the 2 s of left-overs', file: 'src/child/life.ts', find: "leash: life.state === 'running' ? shorten(leash, leftoverGraceMs, now) : leash,", replace: 'leash: shorten(leash, leftoverGraceMs, now),', suites: simulator },
  { name: 'the guardian is let go when the command has ended, whoever else is alive', file: 'src/child/life.ts', find: "  turn.orders.push({ kind: 'look' });\n  turn.life = {", replace: "  turn.orders.push({ kind: 'disarm' }, { kind: 'look' });\n  turn.life = {", suites: simulator },
  { name: 'a command is over when it has ended', file: 'src/child/life.ts', find: 'if (members?.length === 0) return cleared(turn, life);', replace: 'if (members !== undefined) return cleared(turn, life);', suites: simulator },
  { name: 'whom nobody can look for is gone', file: 'src/child/life.ts', find: 'if (members?.length === 0) return cleared(turn, life);', replace: 'if ((members?.length ?? 0) === 0) return cleared(turn, life);', suites: [{ kind: 'life' }] },
  { name: 'whoever is left apart is not told', file: 'src/child/life.ts', find: "  if (pids.length > 0) {\n    turn.orders.push({ kind: 'tell-each'", replace: "  if (pids.length > 0 && told === 'nobody') {\n    turn.orders.push({ kind: 'tell-each'", suites: [{ kind: 'life' }] },
  { name: 'a leash that is due is not obeyed once the command was told', file: 'src/child/life.ts', find: "      if (due === 'kill') kill(turn, life);", replace: "      if (due === 'kill' && life.state === 'running') kill(turn, life);", suites: simulator },
  { name: 'a leash that is due spares what the command left behind', file: 'src/child/life.ts', find: "      if (pull(life.leash, turn.now) !== 'kill') return;", replace: '      return;', suites: [{ kind: 'life' }] },
  { name: 'a second order may give more time', file: 'src/child/life.ts', find: 'atOnce: life.atOnce ?? (graceMs === 0 ? why : undefined),', replace: "atOnce: graceMs === 0 ? why : undefined,\n    ...(life.state === 'told' && { leash: { ...life.leash, graceBy: undefined } }),", suites: [{ kind: 'life' }, ...simulator] },
  { name: 'process 1 gives the lock back before everybody else is dead', file: 'src/child/life.ts', find: '  if (life.birth.isInit)\n', replace: '  if (life.birth.isInit && life.killed)\n', suites: [{ kind: 'life' }] },
  { name: 'a guardian that is lost leaves the command its grace', file: 'src/child/life.ts', find: "const order = { signal: undefined, graceMs: 0, why: 'unguarded' } as const;", replace: "const order = { signal: undefined, graceMs: 60_000, why: 'unguarded' } as const;", suites: [{ kind: 'life' }] },
  // The locks.
  { name: '[4] the local store writes whatever is there', file: 'src/locks/local/lock.ts', find: "if (!sameVersion(versionOf(before), base)) return { kind: 'conflict' };", replace: '', suites: [unit('test/locks/local/lock.test.ts'), processes('test/process/hand-over.test.ts')] },
  { name: 'the local store does not look again after linking', file: 'src/locks/local/lock.ts', find: "if (highest !== number) return { kind: 'conflict' };", replace: '', suites: [unit('test/locks/local/lock.test.ts')] },
  { name: '[12] a write carries no uid and version', file: 'src/locks/kube/object.ts', find: 'const { managedFields: _, ...metadata }', replace: 'const { managedFields: _, uid: _uid, ...metadata }', suites: [unit('test/locks')] },
  { name: 'a write whose answer is lost counts as refused', file: 'src/locks/kube/answers.ts', find: "kind: reply.sent ? 'unknown' : 'refused'", replace: "kind: 'refused'", suites: [unit('test/locks')] },
  { name: 'two renewals with equal times look the same', file: 'src/locks/record.ts', find: 'a?.number === b?.number', replace: 'true', suites: [unit('test/elector'), unit('test/locks')] },
  { name: 'a pair that the second object refuses counts as refused', file: 'src/locks/pair.ts', find: "if (two.kind === 'refused') return { kind: 'unknown', trouble: two.trouble };", replace: '', suites: [unit('test/locks/pair.test.ts')] },
  { name: 'a pair whose second object cannot be read counts as a conflict', file: 'src/locks/pair.ts', find: "if (found.kind === 'failed') return { kind: 'unknown', trouble: found.trouble };", replace: "if (found.kind === 'failed') return { kind: 'conflict' };", suites: [unit('test/locks/pair.test.ts')] },
  { name: "a pair writes over another's second object", file: 'src/locks/pair.ts', find: "if (!mayReplace(second, request.base, run)) return { kind: 'conflict' };", replace: '', suites: [unit('test/contract/pair.test.ts')] },
  { name: 'a pair is stored when its first object is', file: 'src/locks/pair.ts', find: 'if (two.kind !== \'stored\') return two;', replace: "if (two.kind !== 'stored') return one;", suites: [unit('test/locks/pair.test.ts')] },
  { name: 'Kubernetes Events tell of an end that had no beginning', file: 'src/observe/announcer.ts', find: "if (this.#isLeading) this.#say('stopped leading');", replace: "this.#say('stopped leading');", suites: [unit('test/observe/announcer.test.ts')] },
  { name: 'Kubernetes Events that are forbidden are told of each time', file: 'src/observe/announcer.ts', find: 'if (trouble === undefined || this.#isTold) continue;', replace: 'if (trouble === undefined) continue;', suites: [unit('test/observe/announcer.test.ts')] },
  { name: 'Kubernetes Events hold up the end for as long as they take', file: 'src/observe/announcer.ts', find: 'await Promise.race([this.#sending, late]);', replace: 'await this.#sending;', suites: [unit('test/observe/announcer.test.ts')] },
  // The command and its guardian.
  { name: '[18] SIGKILL goes to one process', file: 'src/child/hands.ts', find: 'sendSignal(-pgid, signal);', replace: 'sendSignal(pgid, signal);', suites: [processes('test/process/leftovers.test.ts', 'test/process/sweep.test.ts', 'test/process/loss.test.ts')] },
  { name: 'the command starts before the guardian is armed', file: 'src/child/supervisor.ts', find: 'const isArmed = await armed;', replace: 'void armed;\n    const isArmed = true as boolean;', suites: [titled('test/process/guardian.test.ts', 'is replaced before the command starts')] },
  { name: 'a command starts though a stop was asked meanwhile', file: 'src/child/supervisor.ts', find: "if (isOver() || pull(held, clock.now()) !== 'none') {", replace: "if (pull(held, clock.now()) !== 'none') {", suites: [processes('test/process/signals.test.ts', 'test/process/loss.test.ts')] },
  { name: 'a command starts under a leash that is due', file: 'src/child/supervisor.ts', find: "if (isOver() || pull(held, clock.now()) !== 'none') {", replace: 'if (isOver()) {', suites: [titled('test/process/child-clock.test.ts', 'does not begin to run when the jump')] },
  { name: 'a start does not need a guardian that answers', file: 'src/child/supervisor.ts', find: 'if (gate.gone || !isArmed) {', replace: 'if (gate.gone) {', suites: [titled('test/process/guardian.test.ts', 'keeps it from starting')] },
  { name: 'the guardian tells what it did before it sweeps', file: 'src/child/guardian/script.ts', find: '  kill -KILL -- -"$pgid" 2>/dev/null\n  rounds=0\n', replace: '  kill -KILL -- -"$pgid" 2>/dev/null\n  echo "$1" >&2\n  rounds=0\n', suites: [titled('test/process/guardian.test.ts', 'although nobody reads')] },
  { name: 'pids never come all the way round', file: 'src/child/sweep.ts', find: '(now - forks) * 8 >= ahead', replace: '(now - forks) / 8 >= ahead', suites: [processes('test/process/sweep.test.ts')] },
  { name: 'renewals do not reach the guardian', file: 'src/child/child.ts', find: 'return void this.#guardian.arm(order.guardBy).then(', replace: 'return void Promise.resolve(true).then(', suites: [titled('test/process/signals.test.ts', 'lets the command take longer than the renew deadline')] },
  { name: 'a guardian that takes over is not told the deadline', file: 'src/child/guardian/guardian.ts', find: 'if (this.#deadline) this.#write(`D 0 ${centiseconds(this.#deadline)}`);', replace: '', suites: [titled('test/process/guardian.test.ts', 'that is replaced is armed')] },
  { name: 'the gate opens when leader-run goes away from it', file: 'src/child/gate/gate.ts', find: 'IFS= read -r line <&3 || exit 125', replace: 'IFS= read -r line <&3 || break', suites: [titled('test/process/signals.test.ts', 'ends a standby at once')] },
  { name: 'the guardian does not notice that leader-run is gone', file: 'src/child/guardian/script.ts', find: '[ $status -gt 128 ] || [ $((now - begun)) -ge $((slice - 3)) ] || orphaned', replace: ':', suites: [processes('test/process/wrapper-killed.test.ts')] },
  { name: '[20] the guardian obeys after its deadline', file: 'src/child/guardian/script.ts', find: "    [ $now -lt \"$deadline\" ] || finish 'the lease is about to end and was not renewed'", replace: '', suites: [processes('test/process/guardian.test.ts', 'test/process/loss.test.ts')] },
  ...ofChild,
  ...ofClient,
  ...ofJobs,
];
