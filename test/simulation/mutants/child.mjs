// Small breaks of how a command is started, watched and ended: src/child with its guardian and its gate. Decides which
// test is asked for each; what only real processes show names one file and a title, so that the run stays quick.
// Invariant: as of list.mjs.

import { titled, unit } from './suites.mjs';

const driver = [unit('test/child/child.test.ts')];
const keeper = [unit('test/child/guardian/guardian.test.ts')];
const sweep = [unit('test/child/sweep.test.ts')];

const script = 'src/child/guardian/script.ts';
const node = 'src/child/guardian/guardian-node.ts';
const gate = [unit('test/child/gate/gate.test.ts')];
const full = (title) => [titled('test/process/full.test.ts', title)];
const swept = (title) => [titled('test/process/guardian-sweep.test.ts', title)];

export const mutants = [
  // The driver of a command's life.
  { name: 'the guardian is armed with the deadline before', file: 'src/child/life.ts', find: "guardBy: fact.leash.guardBy }", replace: 'guardBy: life.leash.guardBy }', suites: driver },
  { name: 'a renewal that no guardian answers is no matter', file: 'src/child/child.ts', find: "if (!isArmed) this.fail('no guardian answers');", replace: 'void isArmed;', suites: driver },
  { name: 'a command is looked for after it was told to stop', file: 'src/child/child.ts', find: "        hands.look();\n        this.#signal(order.to, order.signal);", replace: '        this.#signal(order.to, order.signal);\n        hands.look();', suites: driver },
  { name: 'a stopped command is not continued', file: 'src/child/child.ts', find: "return this.#signal(order.to, 'SIGCONT');", replace: 'return;', suites: driver },
  { name: 'stopped leftovers are not continued', file: 'src/child/child.ts', find: "return hands.signalEach(order.pids, 'SIGCONT');", replace: 'return;', suites: driver },
  { name: 'SIGKILL is sent once to a command that does not end', file: 'src/child/life.ts', find: "if (isTick) turn.orders.push({ kind: 'kill' });\n      survived", replace: 'survived', suites: driver },
  { name: 'SIGKILL is sent once to what a command leaves behind', file: 'src/child/life.ts', find: "else if (isTick && !life.isUnsure) turn.orders.push({ kind: 'kill' });", replace: '', suites: driver },
  { name: 'SIGKILL goes to the number of a group that is empty', file: 'src/child/child.ts', find: 'if (sure?.some(({ group }) => group === this.pid) ?? true)', replace: 'if (sure !== null)', suites: driver },
  { name: 'a group that nobody can look at is not killed', file: 'src/child/child.ts', find: 'group === this.pid) ?? true)', replace: 'group === this.pid) ?? false)', suites: driver },
  { name: 'who may be a stranger is killed', file: 'src/child/child.ts', find: 'hands.look()?.filter(({ isUnsure }) => isUnsure !== true)', replace: 'hands.look()', suites: driver },
  { name: 'a clock that cannot be read is one that stands still', file: 'src/child/life.ts', find: 'turn.life = { ...life, leash: { ...life.leash, graceBy: now } };', replace: '', suites: driver },
  { name: 'signals are passed on to the number of a command that has ended', file: 'src/child/life.ts', find: 'if (!hasExited(life)) passOn(', replace: 'passOn(', suites: driver },
  // The keeper of the guardian.
  { name: "a guardian's answer counts for every line it was sent", file: 'src/child/guardian/guardian.ts', find: 'if (number === 0 || asked === number) heard();', replace: 'if (asked >= 0 || number >= 0) heard();', suites: keeper },
  { name: 'a guardian that does not answer is given 10 s', file: 'src/child/guardian/guardian.ts', find: 'const answerMs = 1000;', replace: 'const answerMs = 10_000;', suites: keeper },
  { name: 'a line that was lost is not sent again', file: 'src/child/guardian/guardian.ts', find: '      undo.push(clock.after(resendMs, send));\n', replace: '', suites: keeper },
  { name: 'what is sent again is what held before', edits: [
    { file: 'src/child/guardian/guardian.ts', find: 'const send = (): void => {\n      const text = line();', replace: 'const first = line();\n    const send = (): void => {\n      const text = first;' },
  ], suites: keeper },
  { name: 'a deadline is rounded to later', file: 'src/child/guardian/guardian.ts', find: 'Math.floor(boot / 10)', replace: 'Math.ceil(boot / 10)', suites: keeper },
  { name: 'a silent guardian is replaced before it has ended', file: 'src/child/guardian/guardian.ts', find: '      await gone;\n', replace: '', suites: keeper },
  { name: 'a silent guardian is left alone', file: 'src/child/guardian/guardian.ts', find: "      old.kill('SIGKILL');\n", replace: '', suites: keeper },
  { name: 'a successor is not told whom to watch', file: 'src/child/guardian/guardian.ts', find: 'if (this.#pgid !== undefined) this.#write(', replace: 'if (this.#pgid === 0) this.#write(', suites: keeper },
  { name: 'a guardian that ended unasked is not replaced', file: 'src/child/guardian/guardian.ts', find: 'void this.#replace(`it ended', replace: 'void (`it ended', suites: keeper },
  { name: 'a guardian that has let go keeps its deadline for its successor', file: 'src/child/guardian/guardian.ts', find: '    this.#pgid = undefined;\n    this.#deadline = undefined;\n', replace: '    this.#pgid = undefined;\n', suites: keeper },
  // Who belongs to the command.
  { name: "a process with ')' in its name is none of the command's", file: 'src/child/sweep.ts', find: "text.lastIndexOf(')')", replace: "text.indexOf(')')", suites: sweep },
  { name: 'descendants are found in one pass', file: 'src/child/sweep.ts', find: '        grown = true;\n', replace: '', suites: sweep },
  { name: 'an environment is searched to 64 KiB', file: 'src/child/sweep.ts', find: "text += page.toString('latin1', 0, length);", replace: "return text + page.toString('latin1', 0, length);", suites: sweep },
  { name: 'a cookie is found anywhere in an environment', file: 'src/child/sweep.ts', find: 'environment.includes(`\\0${cookie}`)', replace: 'environment.includes(cookie)', suites: sweep },
  { name: 'whom nobody could look at for want of a descriptor is gone', file: 'src/child/sweep.ts', find: "    if (shortages.has(codeOf(error) ?? '')) throw error;\n    return undefined;\n  }\n  try {", replace: '    void error;\n    return undefined;\n  }\n  try {', suites: sweep },
  { name: 'a look that came to nothing found nobody', file: 'src/child/hands.ts', find: '        return undefined;\n', replace: '        return [];\n', suites: sweep },
  // The guardian in a shell, and in Node.
  { name: "a process with ')' in its name is none of the command's (guardian)", file: script, find: 'set -- \\${line##*) }', replace: 'set -- \\${line#*) }', suites: swept('finds a process named') },
  { name: 'a process with a line end in its name is none of the command\'s (guardian)', file: script, find: 'while IFS= read -r more || [ -n "$more" ]; do line="$line $more"; done', replace: 'IFS= read -r line', suites: swept('finds a process named') },
  { name: 'descendants are found in one pass (guardian)', file: script, find: 'known="$known$1:$5 " grown=1', replace: 'known="$known$1:$5 "', suites: swept('finds descendants to the last one') },
  { name: 'the guardian kills before it looks', file: script, find: '  look\n  kill -KILL -- -"$pgid" 2>/dev/null\n', replace: '  kill -KILL -- -"$pgid" 2>/dev/null\n  look\n', suites: swept('before that parent is killed') },
  { name: 'the guardian of an orphan tells before it looks', file: script, find: '  look\n  kill -TERM', replace: '  kill -TERM', suites: swept('before it asks an orphaned command') },
  { name: "the guardian's sweep runs once", file: script, find: '    [ $rounds -lt 40 ] || break\n', replace: '    break\n', suites: swept('sweeps for as long as') },
  { name: 'the guardian sweeps without end', file: script, find: '    [ $rounds -lt 40 ] || break\n', replace: '', suites: swept('whom it cannot kill') },
  { name: 'the guardian says that a command was killed which it could not look for', file: script, find: '  stat "$$" || members=" $pgid "\n', replace: '', suites: swept('where it cannot look') },
  { name: 'the guardian asks those who are older than the command', file: script, find: '[ "$start" -ge "$since" ] || continue', replace: '[ -n "$start" ] || continue', suites: swept('kills nobody who only looks alike') },
  { name: 'a clock that the guardian cannot read is the beginning of time', file: script, find: 'now=999999999999 ;;', replace: 'now=0 ;;', suites: swept('takes a clock that it cannot read') },
  { name: 'an orphan gets 250 ms past its deadline', file: script, find: '  [ -z "$deadline" ] || [ $((deadline - now)) -ge 25 ] || left=$((deadline - now))\n', replace: '', suites: swept('gives an orphan the time') },
  { name: 'an orphan is killed at once', file: script, find: '  pause $left\n', replace: '', suites: swept('a moment to end by itself') },
  { name: "Node's guardian kills an orphan at once", file: node, find: 'clock.after(Math.min(orphanGraceMs, leftMs), ', replace: 'clock.after(Math.min(0, leftMs), ', suites: swept('a moment to end by itself') },
  { name: "Node's guardian kills before it looks", file: node, find: "  let left = look();\n  sendSignal(-pgid, 'SIGKILL');", replace: "  sendSignal(-pgid, 'SIGKILL');\n  let left = look();", suites: swept('before that parent is killed') },
  { name: "Node's guardian of an orphan tells before it looks", file: node, find: "  look();\n  sendSignal(-pgid, 'SIGTERM');", replace: "  sendSignal(-pgid, 'SIGTERM');", suites: swept('before it asks an orphaned command') },
  { name: "the sweep of Node's guardian runs once", file: node, find: 'round < rounds &&', replace: 'round < 1 &&', suites: swept('sweeps for as long as') },
  { name: "a clock that Node's guardian cannot read is the beginning of time", file: node, find: 'return Number.POSITIVE_INFINITY;', replace: 'return 0;', suites: swept('takes a clock that it cannot read') },
  { name: "Node's guardian obeys after its deadline", file: node, find: '  check();\n  const [word', replace: '  const [word', suites: swept('obeys no line') },
  { name: "what Node's guardian cannot look for is gone", file: node, find: 'return pgid === undefined ? [] : [pgid];', replace: 'return [];', suites: swept('where it cannot look') },
  { name: 'the guardian forks while it waits', file: script, find: '  now; until=$((now + $1))\n', replace: '  sleep 0.25; return\n', suites: full('killed leader-run') },
  { name: 'the guardian forks to read the clock', file: script, find: "  IFS=' .' read -r s c rest 2>/dev/null < /proc/uptime\n", replace: "  s=$(cut -d. -f1 /proc/uptime) c=$(cut -c1-99 /proc/uptime | cut -d. -f2 | cut -c1-2)\n", suites: full('frozen leader-run') },
  // How it is started, and behind which gate.
  { name: 'a token beyond 2^53 is rounded', file: 'src/child/environment.ts', find: 'LEADER_RUN_TOKEN: token,', replace: 'LEADER_RUN_TOKEN: String(Number(token)),', suites: [unit('test/child/environment.test.ts')] },
  { name: 'a command that is given up before its start leaves the guardian armed', file: 'src/child/supervisor.ts', find: '    await this.#guardian.disarm();\n', replace: '', suites: [titled('test/process/signals.test.ts', 'between the election and the start')] },
  { name: 'what was killed at the gate is started', file: 'src/child/supervisor.ts', find: 'return prepared && !prepared.gone ? prepared', replace: 'return prepared ? prepared', suites: [titled('test/process/gate.test.ts', 'starts anew when')] },
  { name: "the gate's descriptor is handed on to the command", file: 'src/child/gate/gate.ts', find: 'exec 3<&-\n', replace: '', suites: [titled('test/process/guardian.test.ts', 'leave the command no descriptor')] },
  { name: 'what shells write into an environment stays there', file: 'src/child/gate/gate.ts', find: 'unset line odd\n${restore}', replace: 'unset line odd', suites: [titled('test/process/gate.test.ts', 'byte for byte')] },
  { name: 'what the gate calls its variables is lost', file: 'src/child/gate/gate.ts', find: '&& !ownedByScript.has(name)', replace: '', suites: gate },
  { name: 'a shell at the gate obeys BASH_ENV', file: 'src/child/gate/gate.ts', find: '&& !ownedByShells.has(name)', replace: '', suites: gate },
  { name: 'a value of lines goes to the gate line by line', file: 'src/child/gate/gate.ts', find: "&& !odd.some((line) => line.includes('\\n'))", replace: '', suites: gate },
  { name: 'the gate runs what the old folder is called', file: 'src/child/gate/gate.ts', find: "text.replaceAll(\"'\", `'\\\\''`)", replace: 'text', suites: gate },
  { name: "Node's gate opens when leader-run goes away from it", file: 'src/child/gate/gate-node.ts', find: 'if (line === undefined) process.exit(125);', replace: 'if (line === undefined) return;', suites: [titled('test/process/gate.test.ts', 'never runs once leader-run is gone')] },
  { name: "Node's gate ends of what is meant for the command", file: 'src/child/gate/gate-node.ts', find: '    process.on(signal, ignore);\n', replace: '    void ignore;\n', suites: [titled('test/process/gate.test.ts', 'drains, and tells how it ended')] },
  // Processes of others.
  { name: "another user's process counts as ended", file: 'src/common/kill.ts', find: "return 'refused';", replace: "return 'gone';", suites: [titled('test/process/unseen.test.ts', 'that hidepid hides')] },
  { name: 'who may not be looked at is gone', file: 'src/child/sweep.ts', find: 'hasCookie(pid, cookie) === undefined && isLikeUs(pid)', replace: 'hasCookie(pid, cookie) === null && isLikeUs(pid)', suites: [titled('test/process/unseen.test.ts', 'that is not dumpable')] },
  { name: 'no descriptor is kept for a look', file: 'src/child/sweep.ts', find: "    spareDescriptor ??= openSync('/dev/null', 'r');\n", replace: '', suites: sweep },
  { name: 'a descriptor is kept for one look', file: 'src/child/sweep.ts', find: '        keepDescriptor();\n', replace: '', suites: sweep },
  { name: 'a look that found nobody is believed, whoever was born meanwhile', file: 'src/child/sweep.ts', find: 'return found.length > 0 || countForks() === forks ? found :', replace: 'return found.length >= 0 || forks < 0 ? found :', suites: sweep },
  { name: "a group is none of the command's once its leader has ended", file: 'src/child/sweep.ts', find: 'return this.#led.has(number) || members.has(number);', replace: 'return members.has(number);', suites: sweep },
  { name: "a group that a member has led is the command's for ever", file: 'src/child/sweep.ts', find: 'this.#led = new Set(used.filter(', replace: 'this.#led = new Set([...this.#led, ...members.keys()].filter(', suites: sweep },
  { name: 'a doubt is told with each look', file: 'src/child/hands.ts', find: '      told.add(pid);\n', replace: '', suites: [titled('test/process/unseen.test.ts', 'that is not dumpable')] },
  // A guardian among others.
  { name: 'the guardian keeps the command that it was to let go', file: script, find: "'X '*) deadline= pgid=;", replace: "'X '*) deadline=;", suites: swept('once it has let go') },
  { name: "Node's guardian keeps the command that it was to let go", file: node, find: "if (word === 'X') pgid = deadline = undefined;", replace: "if (word === 'X') deadline = undefined;", suites: swept('once it has let go') },
  { name: 'a line that came in pieces is obeyed by its last piece', file: script, find: 'line=$part$line part=\n', replace: 'part=\n', suites: [titled('test/process/guardian.test.ts', 'that came in pieces')] },
  { name: 'an answer that came in pieces is lost', file: 'src/child/guardian/guardian.ts', find: "rest = lines.pop() ?? '';", replace: 'lines.pop();', suites: keeper },
  { name: "the guardian is in leader-run's group", file: 'src/child/guardian/guardian.ts', find: '      detached: true,\n', replace: '', suites: [titled('test/process/guardian.test.ts', 'to the whole group')] },
  { name: 'the guardian keeps a folder in use', file: 'src/child/guardian/guardian.ts', find: "      cwd: '/',\n", replace: '', suites: [titled('test/process/guardian.test.ts', 'keeps no folder in use')] },
  { name: 'a guardian that is lost for good costs nothing', file: 'src/child/guardian/guardian.ts', find: '      this.#options.onFailure(\n', replace: '      String(\n', suites: [titled('test/process/guardian.test.ts', 'makes leader-run exit with 125')] },
  { name: 'after a guardian that has killed there is no other', file: 'src/child/supervisor.ts', find: '      await this.#guardian.ready();\n', replace: '', suites: [titled('test/process/wrapper-killed.test.ts', 'once it is continued')] },
  { name: 'the command carries no cookie', file: 'src/child/supervisor.ts', find: "{ ...inherited, [cookie]: '1' }", replace: '{ ...inherited }', suites: [titled('test/process/leftovers.test.ts', 'is killed with the command when the lock is lost')] },
];
