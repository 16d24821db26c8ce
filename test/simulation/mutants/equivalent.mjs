// Mutants of Stryker that no test can notice, since they make no difference. Decides which survivors
// scripts/mutants-all.mjs excuses: the file, the whole line in which the mutant begins, what it replaces there and by
// what, and why that is the same.
// Invariant: the run fails if one of them is not there any more, or is noticed after all.

const swap = 'const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];';
const beforeFirst = 'before the first letter there is none, which equals no letter';
const soonest = 'return untilPullMs > 0 ? Math.min(atMostMs, untilPullMs) : atMostMs;';
const noLimit = 'without an entry no attempt is used, and each limit is 1 at least';
const oneFits = 'one entry always fits';
const noStep = 'what is not stated is no number, and neither less nor more';
const anyTime = 'the time is made again from its milliseconds and compared as a whole';
const nothingAhead = 'only of a leash that is due as a whole is nothing ahead, and then the command is killed already';
const leastLease = 'const starts = given.renewDeadlineMs !== undefined || renewDeadlineMs >= smallestDeadlineMs;';
const neverLess = 'a lease with room for the margin has room for the start, whatever deadline follows from it';
const allKinds = 'each kind has a case above; this line is for the types';
const isAsked = 'an answer that is not of the request under way has been turned away above';
const itsTerm = 'a term rests on a write that is stored and seen; the question is for the types';
const noTerm = 'a renewal without a term is asked about twice, and once is enough';

/** @type {{ file: string, line: string, find: string, replace: string, why: string }[]} */
export const equivalents = [
  { file: 'src/locks/record.ts', line: String.raw`const match = /^(.*) ([0-9a-f-]{36})\.(\d{1,15})$/s.exec(text);`, find: String.raw`/^(.*) ([0-9a-f-]{36})\.(\d{1,15})$/s`, replace: String.raw`/(.*) ([0-9a-f-]{36})\.(\d{1,15})$/s`, why: 'the first part takes any text, so a match begins at the first letter' },
  { file: 'src/locks/pair.ts', line: 'const one = await this.#primary.announce?.(announcement, attempt);', find: 'this.#primary.announce?.(announcement, attempt)', replace: 'this.#primary.announce(announcement, attempt)', why: 'a pair whose first lock takes no note offers none' },
  { file: 'src/locks/pair.ts', line: "if (this.#underWay && first.kind === 'record' && sameSignature(first.signature, this.#underWay)) {", find: "first.kind === 'record'", replace: 'true', why: 'only a record has a signature; the question is for the types' },
  { file: 'src/locks/pair.ts', line: 'const [older, newer] = here.number < there.number ? [one, two] : [two, one];', find: 'here.number < there.number', replace: 'here.number <= there.number', why: 'the two numbers differ here' },
  { file: 'src/locks/pair.ts', line: 'if (one.record.holderIdentity === two.record.holderIdentity && sameRecord(one.record, two.record)) {', find: 'one.record.holderIdentity === two.record.holderIdentity', replace: 'true', why: 'the records are compared as a whole beside it' },
  { file: 'src/locks/pair.ts', line: "if (seen.kind !== 'record') return undefined;", find: "seen.kind !== 'record'", replace: 'false', why: 'only records come here; the question is for the types' },
  { file: 'src/locks/pair.ts', line: "return seen.kind === 'record' ? seen : {};", find: "seen.kind === 'record'", replace: 'true', why: 'nothing else has texts beside it; the question is for the types' },
  { file: 'src/locks/kube/annotation.ts', line: "if (text === undefined || text === '') return undefined;", find: 'text === undefined', replace: 'false', why: 'what is no text is no JSON, and stays undefined' },
  { file: 'src/locks/kube/object.ts', line: 'const ageMs = dateMs === undefined ? Number.NaN : dateMs - Date.parse(String(creationTimestamp)) - 1000;', find: 'dateMs === undefined', replace: 'false', why: 'a sum with undefined is no number either' },
  { file: 'src/child/leash.ts', line: 'const instants = [leash.termBy, leash.killBy, ...(leash.graceBy ? [leash.graceBy] : [])];', find: '[]', replace: '["Stryker was here"]', why: 'what is no instant is no time ahead' },
  { file: 'src/child/life.ts', line: "if (turn.life.state !== 'over') obeyLeash(turn, turn.life, fact.kind === 'tick');", find: "turn.life.state !== 'over'", replace: 'true', why: 'nothing is due to a life that is over; the question is for the types' },
  { file: 'src/child/life.ts', line: "killed: life.state === 'killed' ? life.killed : undefined,", find: "life.state === 'killed'", replace: 'true', why: 'a command that was not killed has no time of it' },
  { file: 'src/child/life.ts', line: "const untold = told === 'group' ? sure?.filter(({ group }) => group !== birth.pid) : sure;", find: 'sure?.filter', replace: 'sure.filter', why: 'a group that was told and cannot be looked at is answered for above' },
  { file: 'src/child/life.ts', line: soonest, find: 'untilPullMs > 0', replace: 'true', why: nothingAhead },
  { file: 'src/child/life.ts', line: soonest, find: 'untilPullMs > 0', replace: 'untilPullMs >= 0', why: nothingAhead },
  { file: 'src/cli/values.ts', line: 'const at = (i: number, j: number): number => table[i]?.[j] ?? 0;', find: 'table[i]?.[j]', replace: 'table[i][j]', why: 'each line that is asked for is there' },
  ...['i > 1 && j > 1 -> true', 'i > 1 && j > 1 -> i > 1 || j > 1', 'i > 1 -> true', 'i > 1 -> i >= 1', 'j > 1 -> true', 'j > 1 -> j >= 1']
    .map((edit) => edit.split(' -> '))
    .map(([find = '', replace = '']) => ({ file: 'src/cli/values.ts', line: swap, find, replace, why: beforeFirst })),
  { file: 'src/common/json.ts', line: '} catch {', find: '{ return undefined; // The caller says that the text makes no sense. }', replace: '{}', why: 'a function that ends returns undefined' },
  { file: 'src/common/printable.ts', line: 'if (text.length <= cap && isPlain(text)) return text;', find: 'text.length <= cap && isPlain(text)', replace: 'false', why: 'the long way comes to the same; this spares looking up classes of Unicode' },
  { file: 'src/common/printable.ts', line: 'if (text.length <= cap && isPlain(text)) return text;', find: 'text.length <= cap', replace: 'text.length < cap', why: 'the long way comes to the same; this spares looking up classes of Unicode' },
  { file: 'src/job/figures.ts', line: 'if (this.#seen && note === this.#seen.note) return;', find: 'this.#seen && note === this.#seen.note', replace: 'false', why: 'what was counted is not counted again; this spares reading it' },
  { file: 'src/job/figures.ts', line: 'this.#seen = { note };', find: '{ note }', replace: '{}', why: 'what was counted is not counted again; this spares reading it' },
  { file: 'src/job/figures.ts', line: "const record = this.#reading.kind === 'record' ? this.#reading.record : undefined;", find: "this.#reading.kind === 'record'", replace: 'true', why: 'nothing else has a record; the question is for the types' },
  { file: 'src/job/figures.ts', line: "const nobody = { identity: '', run: '', started: undefined };", find: "{ identity: '', run: '', started: undefined }", replace: '{}', why: 'no claim is of either' },
  { file: 'src/job/key.ts', line: 'if (cursor !== undefined) {', find: 'cursor !== undefined', replace: 'true', why: 'no key comes before or after undefined' },
  { file: 'src/job/key.ts', line: "if (last !== undefined && job.key < cursor) return { kind: 'given-up', why: 'later-tick', entry: last };", find: 'last !== undefined', replace: 'true', why: 'without an entry an older tick is past already; the question is for the types' },
  { file: 'src/job/key.ts', line: 'if (last !== undefined && used >= (job.attempts ?? Infinity))', find: 'last !== undefined', replace: 'true', why: noLimit },
  { file: 'src/job/key.ts', line: 'const ticks = rest.entries.map((entry) => entry.key).filter((each) => isTick(each) && each < key);', find: 'each < key', replace: 'each <= key', why: 'the entry of the key itself is gone' },
  { file: 'src/job/key.ts', line: 'return a === undefined || a < b ? b : a;', find: 'a < b', replace: 'a <= b', why: 'of two that are equal either will do' },
  { file: 'src/job/key.ts', line: "return reading.kind === 'record' ? reading.record : undefined;", find: "reading.kind === 'record'", replace: 'true', why: 'nothing else has a record; the question is for the types' },
  { file: 'src/job/record.ts', line: 'while (Buffer.byteLength(text) > longestText && entries.length > 1) {', find: 'entries.length > 1', replace: 'entries.length >= 1', why: oneFits },
  { file: 'src/job/record.ts', line: 'while (Buffer.byteLength(text) > longestText && entries.length > 1) {', find: 'entries.length > 1', replace: 'true', why: oneFits },
  { file: 'src/job/record.ts', line: 'const claim = run === undefined ? undefined : claimOf(run);', find: 'run === undefined', replace: 'false', why: 'what is not there is no claim either' },
  { file: 'src/job/record.ts', line: String.raw`return utcText(wallMs).replace(/\.\d+Z$/, 'Z');`, find: String.raw`/\.\d+Z$/`, replace: String.raw`/\.\d+Z/`, why: 'such a text has one Z, at its end' },
  { file: 'src/job/record.ts', line: String.raw`if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) return false;`, find: "typeof value !== 'string'", replace: 'false', why: anyTime },
  { file: 'src/job/record.ts', line: String.raw`if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) return false;`, find: String.raw`/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/`, replace: String.raw`/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/`, why: anyTime },
  { file: 'src/job/schedule.ts', line: "const record = reading.kind === 'record' ? reading.record : undefined;", find: "reading.kind === 'record'", replace: 'true', why: 'nothing else has a record; the question is for the types' },
  { file: 'src/job/schedule.ts', line: 'if (pausedMs !== undefined && pausedMs <= wallMs) {', find: 'pausedMs !== undefined', replace: 'true', why: noStep },
  { file: 'src/job/schedule.ts', line: 'if (retryMs !== undefined && retryMs <= wallMs)', find: 'retryMs !== undefined', replace: 'true', why: noStep },
  { file: 'src/job/schedule.ts', line: 'if (record === undefined || claim === undefined) return undefined;', find: 'claim === undefined', replace: 'false', why: 'what is settled had a claim; the question is for the types' },
  { file: 'src/job/schedule.ts', line: 'const cursor = record.cursor === undefined || record.cursor < now ? now : record.cursor;', find: 'record.cursor < now', replace: 'record.cursor <= now', why: 'of two that are equal either will do' },
  { file: 'src/job/schedule.ts', line: 'const comesInMs = tick === undefined ? 0 : Date.parse(tick) - (serverMs ?? Infinity);', find: 'tick === undefined', replace: 'false', why: noStep },
  { file: 'src/job/hooks.ts', line: 'if (dropped) warn(`${flags[dropped.hook]} was not run: too many hooks wait for one that does not end`);', find: 'dropped', replace: 'true', why: 'where too many wait there is a first; the question is for the types' },
  { file: 'src/job/coming.ts', line: 'const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.find((each) => each.type === type)?.value);', find: 'parts.find((each) => each.type === type)?.value', replace: 'parts.find(each => each.type === type).value', why: 'each part that is asked for is there; the question is for the types' },
  { file: 'src/job/values.ts', line: "const read = readField(parts[i]?.toUpperCase() ?? '', field);", find: 'parts[i]?.toUpperCase', replace: 'parts[i].toUpperCase', why: 'there are as many parts as fields; the question is for the types' },
  { file: 'src/job/values.ts', line: 'if (step !== undefined && (Number(step) < 1 || Number(step) > count)) return fault(`a step is from 1 to ${count}`);', find: 'step !== undefined', replace: 'true', why: noStep },
  { file: 'src/job/values.ts', line: 'const [from, to] = [numberOf(first, field), last === undefined ? undefined : numberOf(last, field)];', find: 'last === undefined', replace: 'false', why: noStep },
  { file: 'src/job/values.ts', line: 'if (to !== undefined && to < from) return fault(`a range goes upwards: write ${from}-${high},${low}-${to}`);', find: 'to !== undefined', replace: 'true', why: noStep },
  { file: 'src/job/values.ts', line: 'function numberOf(text: string, { low, high, words = [] }: Field): number | undefined {', find: '[]', replace: '["Stryker was here"]', why: 'no item of a cron line has blanks and small letters' },
  { file: 'src/work.ts', line: "stop.addEventListener('abort', onStop, { once: true });", find: '{ once: true }', replace: '{}', why: 'only the first summons is heard' },
  { file: 'src/work.ts', line: "stop.addEventListener('abort', onStop, { once: true });", find: 'true', replace: 'false', why: 'only the first summons is heard' },
  { file: 'src/work.ts', line: 'if (ear.summons !== undefined) resolve(ear.summons);', find: 'ear.summons !== undefined', replace: 'true', why: 'nothing is told before there is a summons; the question is for the types' },
  { file: 'src/elector/timing.ts', line: 'for (let leaseDurationMs = Math.floor((given.renewDeadlineMs ?? 0) / 1000) * 1000 + 1000; ; leaseDurationMs += 1000) {', find: 'Math.floor((given.renewDeadlineMs ?? 0) / 1000) * 1000 + 1000', replace: 'Math.floor((given.renewDeadlineMs ?? 0) / 1000) * 1000 - 1000', why: 'a lease that is no longer than its deadline never fits, so it may be looked at as well' },
  { file: 'src/elector/timing.ts', line: leastLease, find: 'given.renewDeadlineMs !== undefined || renewDeadlineMs >= smallestDeadlineMs', replace: 'true', why: neverLess },
  { file: 'src/elector/timing.ts', line: leastLease, find: 'renewDeadlineMs >= smallestDeadlineMs', replace: 'renewDeadlineMs > smallestDeadlineMs', why: neverLess },
  { file: 'src/elector/whose.ts', line: "if (sighting.kind !== 'record') return false;", find: "sighting.kind !== 'record'", replace: 'false', why: 'what is not a record has no signature, so it is not this write' },
  { file: 'src/elector/watching.ts', line: "const until: Instant | undefined = watch.kind === 'doubted' ? watch.until : undefined;", find: "watch.kind === 'doubted'", replace: 'true', why: 'no other state has an end; the question is for the types' },
  { file: 'src/elector/tell.ts', line: "const known = told.kind === 'leader' && told.identity === identity && told.since === since;", find: "told.kind === 'leader'", replace: 'true', why: 'nothing else that is told has an identity; the question is for the types' },
  { file: 'src/elector/tell.ts', line: "if (told.kind === 'taking' && told.from === from && told.leader === leader) return;", find: "told.kind === 'taking'", replace: 'true', why: 'nothing else that is told has what it is taken from; the question is for the types' },
  ...['event', 'plan', 'answer'].map((of) => ({ file: 'src/elector/core.ts', line: 'default:', find: `default: ${of} satisfies never;`, replace: 'default:', why: allKinds })),
  { file: 'src/elector/core.ts', line: "case 'tick':", find: "case 'tick': return;", replace: "case 'tick':", why: 'what follows does nothing' },
  { file: 'src/elector/core.ts', line: 'look(turn, event.sighting, asked?.sentAt);', find: 'asked?.sentAt', replace: 'asked.sentAt', why: isAsked },
  { file: 'src/elector/core.ts', line: 'if (asked?.must === true) set(turn, { mustRead: true });', find: 'asked?.must', replace: 'asked.must', why: isAsked },
  { file: 'src/elector/core.ts', line: "return { kind: 'wait', ms: undefined };", find: "{ kind: 'wait', ms: undefined }", replace: '{}', why: 'neither wakes anybody' },
  { file: 'src/elector/core.ts', line: "const wakes = [plan.kind === 'wait' ? plan.ms : undefined, trustLeftMs(turn.s, now)].filter((ms) => ms !== undefined);", find: "plan.kind === 'wait'", replace: 'true', why: 'no other plan has a time to wait; the question is for the types' },
  { file: 'src/elector/core.ts', line: "if (wait.kind === 'for' && possiblyPast(turn.now, later(campaign.since, wait.ms))) leave(turn, 'not-acquired');", find: "wait.kind === 'for'", replace: 'true', why: 'no other patience has a length, and no time is past what is no number' },
  { file: 'src/elector/core.ts', line: "else if (want === 'lead' && term) resign(turn, 0);", find: "want === 'lead'", replace: 'true', why: 'whoever has a term leads, or leaves and was asked above' },
  { file: 'src/elector/core.ts', line: "if (write && !givesUp(write) && sighting.kind === 'record') {", find: "sighting.kind === 'record'", replace: 'true', why: 'nothing else is an altered record; the question is for the types' },
  { file: 'src/elector/sightings.ts', line: 'default:', find: 'default: write.kind satisfies never;', replace: 'default:', why: allKinds },
  { file: 'src/elector/sightings.ts', line: "if (from === 'watch' && isAnsweredSoon(sighting, s)) return;", find: "from === 'watch'", replace: 'true', why: 'while a write is under way only a watch tells anything' },
  { file: 'src/elector/sightings.ts', line: 'return askedAt !== undefined && s.observation !== undefined && askedAt.mono <= s.observation.lastSeen.mono;', find: 's.observation !== undefined', replace: 'true', why: 'nothing is older than what was not seen; the question is for the types' },
  { file: 'src/elector/sightings.ts', line: 'const known = term ? stored?.version : observation && versionOf(observation.sighting);', find: 'stored?.version', replace: 'stored.version', why: itsTerm },
  { file: 'src/elector/sightings.ts', line: 'const observation = s.observation?.own ? { ...s.observation, sighting, lastSeen: turn.now } : s.observation;', find: 's.observation?.own', replace: 's.observation.own', why: itsTerm },
  { file: 'src/elector/sightings.ts', line: 'if (!stored || !term) return;', find: '!stored || !term', replace: 'false', why: itsTerm },
  { file: 'src/elector/sightings.ts', line: 'if (!stored || !term) return;', find: '!stored || !term', replace: '!stored && !term', why: itsTerm },
  { file: 'src/elector/sightings.ts', line: 'if (s.term) extend(turn, sentAt);', find: 's.term', replace: 'true', why: noTerm },
  { file: 'src/elector/sightings.ts', line: 'if (!term) return;', find: '!term', replace: 'false', why: noTerm },
  { file: 'src/elector/sightings.ts', line: "if (sighting.kind === 'record' && sighting.ageMs !== undefined) {", find: "sighting.kind === 'record'", replace: 'true', why: 'nothing else has an age; the question is for the types' },
  { file: 'src/elector/page.ts', line: "if (!wish || mustRead || !stored || observation?.sighting.kind !== 'record') return undefined;", find: 'observation?.sighting', replace: 'observation.sighting', why: itsTerm },
  { file: 'src/elector/observation.ts', line: "return sighting.kind === 'record' ? sighting.note : undefined;", find: "sighting.kind === 'record'", replace: 'true', why: 'nothing else has a note; the question is for the types' },
  { file: 'src/elector/core.ts', line: 'beside: { note: undefined, instructions: undefined },', find: '{ note: undefined, instructions: undefined }', replace: '{}', why: 'what is not there is undefined as well' },
];
