// Judges the place in which the command will run: the command itself, the guardian, /proc, what is inherited, the pod's
// grace against ours, a local lock's folder. Decides what leader-run alone knows of it, in the words of a run.
// Asks this machine and starts one guardian, which goes home again; the pod's facts come in.
// Invariant: what a run would refuse to start with is a failure here.

import type { Config } from '../../cli/config.ts';
import { environmentWarnings, newCookie } from '../../child/environment.ts';
import { type GuardianChoice, startGuardian } from '../../child/guardian/guardian.ts';
import { hookFault } from '../../child/hook.ts';
import { findCommand } from '../../child/lookup.ts';
import { procBlindness, procFault } from '../../child/sweep.ts';
import type { Clock } from '../../clock.ts';
import { messageOf } from '../../common/errors.ts';
import { isJson } from '../../common/json.ts';
import { printable } from '../../common/printable.ts';
import { span } from '../../common/quantity.ts';
import type { FolderState, OwnPod } from '../../locks/examination.ts';
import type { Judged } from './finding.ts';

/** `pid`: ours, since some variables are for one process. */
export async function judgeMachine(
  config: Config,
  env: NodeJS.ProcessEnv,
  pid: number,
  clock: Clock,
): Promise<Judged[]> {
  const command = config.command === '' ? [] : [judgeCommand(config.command, env['PATH'])];
  const hooks = (config.hooks ?? config.health?.line) && hookFault();
  const place = config.listen && (await judgePlace(config.listen, config.lock.name));
  return [
    ...command,
    await judgeGuardian(config.guardian, clock),
    judgeProcesses(process.platform, procFault(), procBlindness()),
    ...(hooks === undefined ? [] : [{ name: 'hooks', verdict: 'FAIL', text: hooks } as const]),
    ...(place ? [place] : []),
    ...judgeEnvironment(environmentWarnings(env, pid)),
  ];
}

export function judgeCommand(command: string, path: string | undefined): Judged {
  const [name, shown] = ['command', printable(command)];
  const found = findCommand(command, path);
  if (found.kind === 'found') return { name, verdict: 'ok', text: `command ${shown} can be started` };
  return { name, verdict: 'FAIL', text: `command ${shown} ${printable(found.why)}` };
}

export async function judgeGuardian(choice: GuardianChoice, clock: Clock): Promise<Judged> {
  const name = 'guardian';
  if (choice === 'off') {
    const text = 'guardian off: nothing ends the command if leader-run is killed, stopped or stuck, and two may run';
    return { name, verdict: 'warn', text, fix: 'leave out --guardian off' };
  }
  try {
    const nothing = (): void => undefined;
    const guardian = await startGuardian({ choice, cookie: newCookie(), clock, report: nothing, onFailure: nothing });
    const { kind } = guardian;
    await guardian.quit();
    return { name, verdict: 'ok', text: `guardian ${kind}` };
  } catch (error) {
    return { name, verdict: 'FAIL', text: messageOf(error) };
  }
}

/** `fault` and `blindness` are those of child/sweep.ts. */
export function judgeProcesses(platform: string, fault: string | undefined, blindness: string | undefined): Judged {
  const name = 'processes';
  if (fault !== undefined) return { name, verdict: 'FAIL', text: fault };
  if (blindness !== undefined) return { name, verdict: 'warn', text: blindness };
  if (platform === 'linux') return { name, verdict: 'ok', text: '/proc shows what the command will start' };
  return {
    name,
    verdict: 'skip',
    text: `there is no /proc on ${platform}: the command's process group is all that is found`,
  };
}

export function judgeEnvironment(warnings: readonly string[]): Judged[] {
  const name = 'environment';
  if (warnings.length === 0)
    return [{ name, verdict: 'ok', text: 'no variable means something else than with a bare start' }];
  return warnings.map((text) => ({ name, verdict: 'warn', text }));
}

/** Listens there for a moment. A leader-run of this very lock may do so already: doctor is asked in its pod as well. */
export async function judgePlace(listen: NonNullable<Config['listen']>, lockName: string): Promise<Judged> {
  const name = 'listen';
  const { openEndpoint } = await import('../../observe/endpoint.ts');
  try {
    const endpoint = await openEndpoint({ ...listen, view: () => undefined, metrics: () => '' });
    endpoint.close();
    return { name, verdict: 'ok', text: `requests can be answered at ${endpoint.url}` };
  } catch (error) {
    const lock = await lockAnswering(listen);
    if (lock?.split('/').at(-1) === lockName)
      return { name, verdict: 'ok', text: `a leader-run for ${printable(lock)} answers requests there already` };
    return { name, verdict: 'FAIL', text: messageOf(error) };
  }
}

const askMs = 1000;

/** Whose leader-run answers at a place; undefined: none does. */
async function lockAnswering({ host, port }: NonNullable<Config['listen']>): Promise<string | undefined> {
  // At all addresses means at this machine's own as well.
  const hostname = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host);
  try {
    const answer = await fetch(`http://${hostname}:${String(port)}/leader`, { signal: AbortSignal.timeout(askMs) });
    const body: unknown = await answer.json();
    return isJson(body) && typeof body['lock'] === 'string' ? body['lock'] : undefined;
  } catch {
    return undefined;
  }
}

export function judgeTiming({ timing, stopGraceMs }: Pick<Config, 'timing' | 'stopGraceMs'>): Judged {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs, lostGraceMs } = timing;
  const parts = [
    `lease ${span(leaseDurationMs)}`,
    `renew deadline ${span(renewDeadlineMs)}`,
    `retry period ${span(retryPeriodMs)}`,
    `lost grace ${span(lostGraceMs)}`,
    `stop grace ${span(stopGraceMs)}`,
  ];
  return { name: 'timing', verdict: 'ok', text: `timing: ${parts.join(', ')}` };
}

/** What leader-run may need after the command is gone: 2 s for the release, and 1 s for the last Events. */
const afterwardsMs = 3000;

/** The kubelet sends SIGTERM, and SIGKILL to all when the pod's grace is over. */
export function judgeGrace(
  pod: OwnPod,
  { stopGraceMs, hooks }: Pick<Config, 'stopGraceMs' | 'hooks'>,
): Judged | undefined {
  const name = 'grace';
  switch (pod.kind) {
    case 'outside':
      return undefined;
    case 'unseen': {
      const which = `pod ${pod.namespace}/${printable(pod.name)}`;
      if (!pod.isForbidden)
        return {
          name,
          verdict: 'skip',
          text: `there is no ${which}: set POD_NAME and POD_NAMESPACE from the pod's own fields`,
        };
      const rule = "- {apiGroups: [''], resources: [pods], verbs: [get]}";
      return {
        name,
        verdict: 'skip',
        text: `terminationGracePeriodSeconds of ${which} was not read: the right to get it is missing`,
        fix: rule,
      };
    }
    case 'seen': {
      const hooksMs = hooks?.timeoutMs ?? 0;
      const neededMs = stopGraceMs + afterwardsMs + hooksMs;
      const seconds = String(pod.graceMs / 1000);
      const fix = `set terminationGracePeriodSeconds to ${String(Math.ceil(neededMs / 1000))} or more`;
      const both = `terminationGracePeriodSeconds ${seconds}, stop grace ${span(stopGraceMs)}`;
      if (pod.graceMs <= stopGraceMs)
        return { name, verdict: 'FAIL', text: `${both}: the kubelet kills the command before leader-run may`, fix };
      if (pod.graceMs >= neededMs) return { name, verdict: 'ok', text: both };
      const what = hooksMs > 0 ? 'the release of the lock and the hooks' : 'the release of the lock';
      return { name, verdict: 'warn', text: `${both}: little time is left for ${what}`, fix };
    }
  }
}

export function judgeFolder(folder: string, state: FolderState): Judged {
  const name = 'folder';
  if (state.kind === 'unfit') return { name, verdict: 'FAIL', text: state.why };
  const shown = printable(folder);
  if (state.network !== undefined) {
    const where = `on a network file system (${state.network})`;
    const text = `the folder ${shown} is ${where}: --local excludes the processes of one machine alone`;
    return { name, verdict: 'warn', text };
  }
  if (state.kind === 'fit') return { name, verdict: 'ok', text: `the folder ${shown} is ours alone` };
  return { name, verdict: 'ok', text: `the folder ${shown} does not exist: the first candidate makes it` };
}
