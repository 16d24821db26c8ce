// Says before a run whether it could do its work: judges the cluster, the rights, the lock as it is, and the place in
// which the command will run, for the options that the run will be given.
// Decides which checks are made, in which order, and what is left out where an answer is missing. What an answer is
// worth is said by the files of doctor/.
// Invariant: nothing is written, the lock is never taken, and no folder is made.

import { type ArgumentsRead, readArguments, runTakes, type Taking, valuesOf } from '../cli/arguments.ts';
import { type Config, configOf, podName } from '../cli/config.ts';
import type { Ending } from '../cli/exit-status.ts';
import { type Facts, systemFacts } from '../cli/facts.ts';
import { refusedLock } from '../cli/place.ts';
import { type Clock, systemClock } from '../clock.ts';
import { messageOf } from '../common/errors.ts';
import type { Examination, Need } from '../locks/examination.ts';
import type { Lock } from '../locks/lock.ts';
import { examineFolder, type OpenLock, openLock, type Store } from '../locks/open.ts';
import type { Context } from './command.ts';
import { pace, rehearsed, watched } from './doctor/ask.ts';
import { judgeClock, judgePace, judgeReach, judgeWatch } from './doctor/cluster.ts';
import {
  type Finding,
  hasFailed,
  inSection,
  type Judged,
  jsonOf,
  lastLine,
  type Section,
  sectionText,
} from './doctor/finding.ts';
import { judgeFolder, judgeGrace, judgeMachine, judgeTiming } from './doctor/here.ts';
import { judgeLook, judgeNamespace, judgeRehearsal, namespaceIn } from './doctor/lock.ts';
import { judgeNeed, mayDo } from './doctor/rights.ts';
import { limitMs, type Look, lookAt, orRefused, type Printed, readOnce, readSurely } from './look.ts';
import { jobOf, scheduleOf } from './planned.ts';

const taking: Taking = { takes: [...runTakes, 'form', 'judge'], words: 'command' };

/** What is judged, and by what. */
interface Case {
  readonly config: Config;
  readonly read: ArgumentsRead;
  readonly facts: Facts;
  /** --pre. */
  readonly isBefore: boolean;
  readonly context: Context;
  readonly clock: Clock;
  /** As found, a section at a time. */
  readonly tell: (section: Section, judged: readonly Judged[]) => void;
}

export async function doctor(context: Context): Promise<Ending | Printed> {
  const facts = systemFacts();
  const read = readArguments(context.words, context.env, taking);
  const asked = configOf(read, context.env, facts, 'judge');
  if (asked.kind === 'print') return { kind: asked.what };
  if (asked.kind === 'faults') return { kind: 'refused', faults: asked.faults };
  const { config } = asked;
  const { output, pre: isBefore = false } = valuesOf(read.readings);
  const clock = systemClock();
  const faults = await faultsIn(config, isBefore, clock);
  if (faults.length > 0) return { kind: 'refused', faults };
  const findings: Finding[] = [];
  const tell: Case['tell'] = (section, judged) => {
    const found = inSection(section, judged);
    findings.push(...found);
    if (output === 'text') context.print(sectionText(section, found));
  };
  const examined = examine({ config, read, facts, isBefore, context, clock, tell });
  return await unlessStopped(
    orRefused(
      examined.then((fullName): Ending => {
        const text = output === 'json' ? jsonOf(fullName, findings) : lastLine(findings);
        return { kind: 'answered', text, no: findings.some(hasFailed) };
      }),
    ),
    context,
  );
}

/** What a run tells of its options once it has read them. */
async function faultsIn({ once, schedule, store }: Config, isBefore: boolean, clock: Clock): Promise<string[]> {
  const { wall } = clock.now();
  const [job, rounds] = [once && (await jobOf(once, wall)), schedule && (await scheduleOf(schedule, wall))];
  const faults = [job, rounds].flatMap((made) => (made && 'fault' in made ? [made.fault] : []));
  if (isBefore && store.kind === 'local')
    faults.push('--pre is about a cluster, and does not go with --local: leave it out');
  return faults;
}

async function unlessStopped(work: Promise<Ending>, { desk }: Context): Promise<Ending> {
  const stopped = new Promise<Ending>((resolve) => {
    const stop = (): void => {
      resolve({ kind: 'stopped', signal: desk.asked() ?? 'SIGINT' });
    };
    if (desk.stop.aborted) stop();
    desk.stop.addEventListener('abort', stop, { once: true });
  });
  return await Promise.race([work, stopped]);
}

/** Returns the lock's full name. Throws a sentence where the configuration cannot be used. */
async function examine(its: Case): Promise<string> {
  const { store } = its.config;
  return store.kind === 'local' ? await examineLocally(its, store) : await examineCluster(its, store);
}

async function examineLocally(its: Case, store: Extract<Store, { kind: 'local' }>): Promise<string> {
  const { config, read, context, clock, tell } = its;
  const { namespace = 'default', name } = config.lock;
  const folder = judgeFolder(store.folder, await examineFolder(store.folder));
  if (folder.verdict !== 'FAIL') {
    const asked = { store, namespace, locks: [config.lock], words: [], read };
    const look = await lookAt(asked, config.lock, context, clock);
    tell('lock', judgeLook(look, clock.now().wall, expected(config)));
  }
  tell('here', [folder, ...(await machine(its))]);
  return `${namespace}/${name}`;
}

async function examineCluster(its: Case, { coordinated, ...store }: Extract<Store, { kind: 'kube' }>): Promise<string> {
  const { config, context, clock, isBefore, facts, tell } = its;
  const { name, namespace } = config.lock;
  const told: string[] = [];
  const warn = (message: string): number => told.push(message);
  // Without its candidacy, since one that stands would be chosen.
  const opened = await openLock({ store, namespace, name, clock, warn, version: context.version, env: context.env });
  const { lock, fullName, warnings } = opened;
  const wish = { isCoordinated: coordinated !== undefined, writesEvents: config.events, labelsPod: !!config.labelPod };
  const examination = await opened.examine?.(wish);
  if (examination === undefined) throw new Error(`${lock.name} cannot be examined`);
  try {
    const refused = refusedLock({ name, namespace: opened.namespace }, store.kind, config.outerLock);
    if (refused !== undefined) throw new Error(refused);
    await opened.loggedIn?.(context.desk.stop);
    const reach = await examination.reach(limitMs);
    const who = reach.kind === 'reached' ? await examination.whoAmI(limitMs) : undefined;
    const server = judgeReach(examination.server, reach, who);
    const configured = warnings.map((text): Judged => ({ name: 'configuration', verdict: 'warn', text }));
    if (reach.kind === 'failed') {
      tell('cluster', [server, ...configured]);
      tell('rights', [unasked('rights')]);
      tell('lock', [unasked('lock')]);
    } else {
      const seen = await readSeen(opened, clock, context.desk.stop);
      const needs = await examination.needs(limitMs);
      const way = await judgeWay(its, examination, lock, needs, 'fullName' in seen && seen.state !== 'absent');
      const said = told.map((text): Judged => ({ name: 'warning', verdict: 'warn', text }));
      tell('cluster', [server, ...configured, ...way, ...said]);
      tell('rights', [...needs.map(judgeNeed), ...(await coordination(examination))]);
      tell('lock', await judgeLock(its, opened, examination, needs, seen));
    }
    const pod = isBefore
      ? ({ kind: 'outside' } as const)
      : await examination.ownPod(podName(context.env, facts), limitMs);
    const grace = judgeGrace(pod, config);
    tell('here', [...(await machine(its)), ...(grace ? [grace] : []), ...(await label(its, opened))]);
    return fullName;
  } finally {
    examination.close();
    lock.close();
  }
}

function unasked(name: string): Judged {
  return { name, verdict: 'skip', text: 'the server does not answer' };
}

function expected({ timing, foreignGraceMs, store }: Config) {
  return { timing, foreignGraceMs, isCoordinated: store.kind === 'kube' && store.coordinated !== undefined };
}

/** What this machine alone shows of the way to the server is left out before a roll-out. */
async function judgeWay(
  { config: { timing, schedule, once }, clock, isBefore }: Case,
  examination: Examination,
  lock: Lock,
  needs: readonly Need[],
  isThere: boolean,
): Promise<Judged[]> {
  const watch = judgeWatch(await watched(lock, isThere, clock), mayDo(needs, 'watch'), timing);
  if (isBefore) return [watch];
  const trips = await pace(examination);
  return [judgePace(trips, timing), judgeClock(trips, schedule !== undefined || once?.kind === 'tick'), watch];
}

async function coordination(examination: Examination): Promise<Judged[]> {
  const why = await examination.noCoordination(limitMs);
  return why === undefined ? [] : [{ name: 'coordination', verdict: 'FAIL', text: why }];
}

/** The longest lease that is waited for, to see whether its holder is dead. */
const longestWaitMs = 30_000;

type Seen = Look | { readonly trouble: string };

async function readSeen({ lock, fullName }: OpenLock, clock: Clock, stop: AbortSignal): Promise<Seen> {
  try {
    const look = await readOnce(lock, fullName);
    const isLong = look.sighting.kind === 'record' && look.sighting.record.leaseDurationSeconds * 1000 > longestWaitMs;
    return look.state !== 'over' || isLong ? look : await readSurely({ lock, fullName, warnings: [] }, clock, stop);
  } catch (error) {
    return { trouble: messageOf(error) };
  }
}

async function judgeLock(
  { config, clock, isBefore }: Case,
  { lock, fullName, namespace }: OpenLock,
  examination: Examination,
  needs: readonly Need[],
  seen: Seen,
): Promise<Judged[]> {
  const judgeState = async (): Promise<Judged> =>
    judgeNamespace(namespace, await examination.namespaceState(limitMs), isBefore);
  if ('trouble' in seen) {
    if (mayDo(needs, 'get') !== false) return [{ name: 'lock', verdict: 'FAIL', text: seen.trouble }];
    return [
      await judgeState(),
      { name: 'lock', verdict: 'skip', text: 'the lock was not read: the right to get it is missing' },
    ];
  }
  const { identity, timing } = config;
  const candidate = { identity, leaseDurationMs: timing.leaseDurationMs };
  const rehearsal = await rehearsed(examination, candidate, seen, () => readOnce(lock, fullName));
  const shown = namespaceIn(rehearsal);
  const state = shown === undefined ? await judgeState() : judgeNamespace(namespace, shown, isBefore);
  // A pair is read by its second object's rights only where there is a first one.
  const answers = ['get', 'create', 'update'].map((verb) => mayDo(needs, verb));
  const isAllowed = answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
  return [
    // A lock that is there is somewhere.
    ...(seen.state === 'absent' || state.verdict === 'FAIL' ? [state] : []),
    ...judgeLook(seen, clock.now().wall, expected(config)),
    ...judgeRehearsal(rehearsal, isAllowed),
  ];
}

async function machine({ config, context, clock, isBefore }: Case): Promise<Judged[]> {
  const timing = judgeTiming(config);
  return isBefore ? [timing] : [...(await judgeMachine(config, context.env, process.pid, clock)), timing];
}

/** A run with a label is refused outside of a pod. */
async function label({ config: { labelPod }, isBefore }: Case, { podLabel }: OpenLock): Promise<Judged[]> {
  if (isBefore || labelPod === undefined) return [];
  const why = await podLabel?.(labelPod).then(() => undefined, messageOf);
  return why === undefined ? [] : [{ name: 'label', verdict: 'FAIL', text: why }];
}
