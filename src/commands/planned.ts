// What is to run, and when, as the options say it: a key, the newest tick of a cron line, or each tick of a schedule.
// Decides which of them cannot be meant, by this machine's clock. What a key or a tick means is job/'s.
// Invariant: nothing of the calendar is loaded for a command that runs at each start.

import type { Once, ScheduleConfig } from '../cli/config.ts';
import { span } from '../common/quantity.ts';
import type { Notes } from '../elector/notes.ts';
import type { Job } from '../job/key.ts';
import type { Plan, Rounds } from '../job/schedule.ts';

/** A cron line names its key by this machine's clock. */
export async function jobOf(once: Once, wallMs: number): Promise<Job | { readonly fault: string }> {
  const { attempts } = once;
  if (once.kind === 'key') return { kind: 'key', key: once.key, attempts };
  const { newestTick, openSchedule } = await import('../job/tick.ts');
  const schedule = openSchedule(once.line, once.zone, wallMs);
  if ('fault' in schedule) return { fault: `--once-per-tick: ${schedule.fault}` };
  const key = newestTick(schedule.value, wallMs);
  return key === undefined
    ? { fault: `--once-per-tick: ${once.line} has not come yet` }
    : { kind: 'tick', key, attempts };
}

/** What runs at ticks, once the lock's full name is known. */
interface Scheduled {
  readonly notes: Notes;
  readonly rounds: Rounds;
}

export type Scheduling = (lock: string) => Scheduled;

/** Loaded for a schedule alone. */
export async function scheduleOf(
  { line, zone, ...rest }: ScheduleConfig,
  wallMs: number,
): Promise<Scheduling | { readonly fault: string }> {
  const [{ openSchedule, shortestPeriodMs }, { notesOfSchedule, roundsOf }] = await Promise.all([
    import('../job/tick.ts'),
    import('../job/schedule.ts'),
  ]);
  const schedule = openSchedule(line, zone, wallMs);
  if ('fault' in schedule) return { fault: `--schedule: ${schedule.fault}` };
  const periodMs = shortestPeriodMs(schedule.value, wallMs);
  if (rest.jitterMs >= periodMs)
    return {
      fault: `--jitter ${span(rest.jitterMs)}: expected less than ${span(periodMs)}, which lies between two ticks`,
    };
  return (lock) => {
    const plan: Plan = { schedule: schedule.value, lock, ...rest };
    return { notes: notesOfSchedule(plan), rounds: roundsOf(plan) };
  };
}
