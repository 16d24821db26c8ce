// Small breaks of the client of an API server, of the locks that go over it, and of what else the program is made of
// besides the elector and the command (list.mjs, child.mjs). Decides which test is asked for each.
// Invariant: as of list.mjs.

import { titled, unit } from './suites.mjs';

const transport = [unit('test/kube-api/transport.test.ts')];
const retired = [unit('test/kube-api/retired.test.ts')];
const plugin = [unit('test/kube-api/exec-plugin.test.ts')];
const proxy = [unit('test/kube-api/proxy.test.ts')];
const watch = [unit('test/locks/kube/watch.test.ts')];
const lease = [unit('test/locks/kube/lease.test.ts')];
const coordinated = [unit('test/locks/kube/coordinated.test.ts')];
const candidate = [unit('test/locks/kube/lease-candidate.test.ts')];

export const mutants = [
  // Requests and connections.
  { name: 'a watch whose connection died counts as ended by the server', file: 'src/kube-api/transport.ts', find: "a line of the answer is longer than 4 MiB');\n  }\n  assertComplete(body);", replace: "a line of the answer is longer than 4 MiB');\n  }", suites: retired },
  { name: 'an answer that was cut short is an answer', file: 'src/kube-api/transport.ts', find: '  assertComplete(body);\n  return {', replace: '  return {', suites: transport },
  { name: 'idle sockets of a retired HTTP/1.1 connection are kept', file: 'src/kube-api/http1.ts', find: '      socket.destroy();\n  }\n\n  override destroy', replace: '      void socket;\n  }\n\n  override destroy', suites: retired },
  { name: 'sockets of a retired HTTP/1.1 connection are kept', file: 'src/kube-api/http1.ts', find: 'if (this.#closing) return false;', replace: '', suites: retired },
  { name: 'an HTTP/2 connection that takes no more requests is not closed', file: 'src/kube-api/http2.ts', find: 'this.#session.close();', replace: '', suites: retired },
  { name: 'a connection is kept when the client certificate was replaced', file: 'src/kube-api/credentials.ts', find: 'return a.cert === b.cert && a.key === b.key;', replace: 'return true;', suites: transport },
  { name: 'a request that timed out leaves its HTTP/2 connection in use', file: 'src/kube-api/http2.ts', find: 'this.#session.destroy(reason);', replace: 'stream.destroy(reason);', suites: transport },
  { name: 'a peer that answers no PING is kept', file: 'src/kube-api/http2.ts', find: 'if (late !== undefined) session.destroy(', replace: 'if (late === undefined) session.destroy(', suites: transport },
  { name: 'what the server says that it did not handle counts as sent', file: 'src/kube-api/failure.ts', find: 'sent: sent && !(reason instanceof NotHandled)', replace: 'sent', suites: transport },
  { name: 'a request that waits for its connection counts as sent', file: 'src/kube-api/transport.ts', find: '      const connection = await this.#connect(credentials, signal);', replace: '      starts();\n      const connection = await this.#connect(credentials, signal);', suites: transport },
  { name: 'a 401 is answered by the same credentials again', file: 'src/kube-api/transport.ts', find: 'if (sameCredentials(fresh, credentials)) return', replace: 'if (again) return', suites: transport },
  { name: 'an answer is read for as long as it comes', file: 'src/kube-api/transport.ts', find: 'if (text.length > answerCap)', replace: 'if (text.length > Infinity)', suites: transport },
  { name: 'a close leaves what is open', file: 'src/kube-api/transport.ts', find: '    for (const connection of this.#alive) connection.destroy();\n', replace: '', suites: retired },
  // Whom it trusts.
  { name: 'through a proxy nothing is verified', file: 'src/kube-api/dial.ts', find: 'rejectUnauthorized: !trust.insecure,\n', replace: 'rejectUnauthorized: !trust.insecure && proxy === undefined,\n', suites: proxy },
  { name: 'a proxy is not verified', file: 'src/kube-api/dial.ts', find: 'rejectUnauthorized: !trust.insecure };', replace: 'rejectUnauthorized: false };', suites: proxy },
  { name: "a proxy is judged by the API server's name", file: 'src/kube-api/dial.ts', find: '...namesOf(name, undefined)', replace: '...namesOf(name, trust.serverName ?? host)', suites: proxy },
  { name: 'the environment switches verification off', file: 'src/kube-api/dial.ts', find: 'rejectUnauthorized: !trust.insecure,\n', replace: "rejectUnauthorized: !trust.insecure && process.env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0',\n", suites: transport },
  { name: 'an own CA is added to the public ones', edits: [
    { file: 'src/kube-api/dial.ts', find: '  createSecureContext,\n', replace: '  createSecureContext,\n  rootCertificates,\n' },
    { file: 'src/kube-api/dial.ts', find: '...(ca !== undefined && { ca }),', replace: '...(ca !== undefined && { ca: [ca, ...rootCertificates] }),' },
  ], suites: [unit('test/kube-api/own-ca.test.ts')] },
  { name: "an own CA is added to the machine's", file: 'src/kube-api/config/chosen.ts', find: '...(given ?? machineTrust(env)) };', replace: "...machineTrust(env), ca: async () => `${(await given?.ca()) ?? ''}\\n${(await machineTrust(env).ca()) ?? ''}` };", suites: [unit('test/kube-api/config/trust.test.ts')] },
  { name: 'plain http is taken to any host whose name ends with localhost', file: 'src/kube-api/config/chosen.ts', find: "host === 'localhost'", replace: "host.endsWith('localhost')", suites: [unit('test/kube-api/config.test.ts')] },
  { name: 'insecure-skip-tls-verify: "false" (quoted) switches verification off', edits: [
    { file: 'src/kube-api/config/kubeconfig.ts', find: "if (typeof value !== 'boolean') throw", replace: "if (typeof value === 'object') throw" },
    { file: 'src/kube-api/config/chosen.ts', find: "cluster.fields['insecure-skip-tls-verify'] === true", replace: "Boolean(cluster.fields['insecure-skip-tls-verify'])" },
  ], suites: [unit('test/kube-api/config/whom.test.ts')] },
  // Credentials.
  { name: 'a token file is read once', file: 'src/kube-api/credentials.ts', find: 'possiblyElapsed(now, kept.at) < rereadMs', replace: 'possiblyElapsed(now, kept.at) < Infinity', suites: [unit('test/kube-api/config.test.ts')] },
  { name: 'credentials are renewed in the background once', file: 'src/kube-api/config/exec-plugin.ts', find: 'kept = keep(parse(output, spec), clock);', replace: 'kept = { ...keep(parse(output, spec), clock), ...(!first && { refreshBy: undefined }) };', suites: plugin },
  { name: 'a plugin asks on the terminal also while the command runs', file: 'src/kube-api/config/exec-plugin.ts', find: 'const terminal = first && onTerminal();', replace: 'const terminal = onTerminal();', suites: plugin },
  { name: 'a plugin that failed is run again at once', file: 'src/kube-api/config/exec-plugin.ts', find: 'surelyElapsed(now, failed.since) < failed.pauseMs', replace: 'surelyElapsed(now, failed.since) < 0', suites: plugin },
  { name: 'credentials that have expired are shown', file: 'src/kube-api/config/exec-plugin.ts', find: 'kept !== undefined && !(kept.expireBy !== undefined && possiblyPast(now, kept.expireBy));', replace: 'kept !== undefined;', suites: plugin },
  { name: 'two who wait log in twice', file: 'src/kube-api/config/exec-plugin.ts', find: '    if (running !== undefined) return running;\n', replace: '', suites: plugin },
  { name: 'what a plugin has started outlives its limit', file: 'src/kube-api/config/plugin-run.ts', find: "sendSignal(-pid, 'SIGKILL')", replace: "sendSignal(pid, 'SIGKILL')", suites: plugin },
  { name: 'the groups of an impersonated user are left out', file: 'src/kube-api/config/user.ts', find: "texts(user, 'as-groups', user.fields['as-groups'] ?? [])", replace: '[]', suites: [unit('test/kube-api/config/impersonation.test.ts')] },
  // Locks.
  { name: 'each sighting follows the last one of any watch', edits: [
    { file: 'src/locks/kube/watch.ts', find: 'let refusals = 0;', replace: 'let refusals = 0;\n  let lastOfAny: Version | undefined;' },
    { file: 'src/locks/kube/watch.ts', find: 'last: undefined };', replace: 'last: lastOfAny };' },
    { file: 'src/locks/kube/watch.ts', find: 'life.last = versionOf(', replace: 'lastOfAny = life.last = versionOf(' },
  ], suites: watch },
  { name: 'a watch that broke is opened again at once', file: 'src/locks/kube/watch.ts', find: '    await pause(refusals', replace: '    if (refusals > 0) await pause(refusals', suites: watch },
  { name: 'a watch goes on after its stop', file: 'src/locks/kube/watch.ts', find: 'if (stopped() || spoilt.signal.aborted) return;', replace: 'if (spoilt.signal.aborted) return;', suites: watch },
  { name: 'any 404 is a lock that is absent', file: 'src/locks/kube/answers.ts', find: 'return status?.kind === shape.resource && status.name === name;', replace: 'return answer.status === 404;', suites: lease },
  { name: "a proxy's 409 is a conflict", file: 'src/locks/kube/answers.ts', find: '  if (status === undefined) return false;\n  if (answer.status === 409) return true;', replace: '  if (answer.status === 409) return true;\n  if (status === undefined) return false;', suites: lease },
  { name: 'a rehearsal that met a renewal counts as allowed', file: 'src/elector/core.ts', find: "return set(turn, { rehearsals: turn.s.rehearsals - 1, mustRead: true });", replace: "return set(turn, { rehearsals: 0, proven: true });", suites: [unit('test/elector/core.test.ts')] },
  { name: 'a rehearsed object counts as stored', file: 'src/locks/kube/object-lock.ts', find: "    // What was not made has no version.\n", replace: "    const found = known(object, this.#shape);\n    if (found) this.#remember(found);\n", suites: lease },
  { name: 'a policy that changes a write is not noticed by its rehearsal', file: 'src/locks/kube/object-lock.ts', find: "return what === undefined ? { kind: 'allowed' }", replace: "return what !== 'all' ? { kind: 'allowed' }", suites: lease },
  { name: 'a LeaseCandidate is renewed every 45 minutes', file: 'src/locks/kube/lease-candidate.ts', find: 'const renewalMs = 5 * 60_000;', replace: 'const renewalMs = 45 * 60_000;', suites: candidate },
  { name: 'a ping that comes while the candidate is written is not answered', file: 'src/locks/kube/lease-candidate.ts', find: 'if (this.#busy === undefined) void this.#renew(limitMs);\n    else this.#isAskedMeanwhile = true;', replace: 'if (this.#busy === undefined) void this.#renew(limitMs);', suites: candidate },
  { name: 'a ping is answered by a clock that is behind', file: 'src/locks/kube/lease-candidate.ts', find: 'Math.max(wallMs, pingMs + 1)', replace: 'wallMs', suites: candidate },
  { name: 'a candidate stands before it has seen the Lease', file: 'src/locks/kube/coordinated.ts', find: 'this.#isSeen ? await', replace: 'true ? await', suites: coordinated },
  { name: 'an Event leaves its connection open', file: 'src/locks/kube/object-lock.ts', find: 'if (isUsed) transport.close();', replace: '', suites: [unit('test/locks/kube/announce.test.ts')] },
  // Around them.
  { name: '--foreign-grace is not passed on', file: 'src/commands/stage.ts', find: 'foreignGraceMs: config.foreignGraceMs,', replace: 'foreignGraceMs: undefined,', suites: [titled('test/process/hand-over.test.ts', 'as --foreign-grace says')] },
  { name: 'foreignGraceMs is not passed on', file: 'src/elector/leader-elector.ts', find: 'foreignGraceMs: config.foreignGraceMs }', replace: 'foreignGraceMs: undefined }', suites: [unit('test/elector/settings.test.ts')] },
  { name: 'all candidates throw the same dice', file: 'src/elector/leader-elector.ts', find: 'seed: Number.parseInt(run.slice(0, 8), 16)', replace: 'seed: 1', suites: [unit('test/elector/settings.test.ts')] },
  { name: 'close leaves the watch open', file: 'src/elector/driver.ts', find: '    this.#cancelWake();\n    this.#stopWatch?.();\n', replace: '    this.#cancelWake();\n', suites: [unit('test/elector/driver.test.ts')] },
  { name: 'a 409 on a release is retried without reading', edits: [
    { file: 'src/elector/pace.ts', find: 'mustRead: !seen,', replace: "mustRead: !seen && kind !== 'release'," },
    { file: 'src/elector/plan.ts', find: 'doubtful || s.mustRead', replace: 's.mustRead' },
  ], suites: [unit('test/elector/upstream.test.ts')] },
  { name: 'a deposed leader keeps the lock for --hold-for', file: 'src/run.ts', find: 'isLost ? 0 : holdMs', replace: "isLost && why !== 'deposed' ? 0 : holdMs", suites: [unit('test/run.test.ts')] },
  { name: 'after the command has ended signals still go to it', file: 'src/work.ts', find: '  desk.attach(undefined);\n', replace: '', suites: [unit('test/run.test.ts')] },
  { name: 'after a loss by deadline an unkillable process is waited for without end', file: 'src/work.ts', find: "graceMs: lostGraceMs, why: 'lost', patienceMs: 5 * leaseDurationMs", replace: "graceMs: lostGraceMs, why: 'lost'", suites: [unit('test/run.test.ts')] },
];
