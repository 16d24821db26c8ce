// Keeps all candidates from a lock for a while, and lets them go on. Decides what is written and what is waited for:
// the holder ends its command and releases the lock, and no candidate takes it until the pause is over.
// Does not know what runs under the lock. Invariant: a pause never ends sooner than was asked for by a slip: what is
// read as a time has its day and its zone.

import type { Ending } from '../cli/exit-status.ts';
import { type Clock, shownElapsed, systemClock } from '../clock.ts';
import { nameCap, printable } from '../common/printable.ts';
import { count, span } from '../common/quantity.ts';
import { instructionsOf, noteOf } from '../elector/observation.ts';
import { formatJobs, parseJobs } from '../job/record.ts';
import { resumed } from '../job/schedule.ts';
import { parseSchedule } from '../job/tick.ts';
import { type Pause, pauseAt, pauseText, timeText } from '../locks/instructions.ts';
import { alter, isEnding, no, personsName } from './alter.ts';
import type { Context } from './command.ts';
import { type Look, onLock, type Opened, type Printed, readAskedOne, readOnce, readSurely } from './look.ts';
import { holderOf, isObeying, reasonBy, untilGone, within } from './steering.ts';

export async function pause(context: Context): Promise<Ending | Printed> {
  const read = readAskedOne(context, ['lock', 'ask', 'until']);
  if (read.kind !== 'asked') return read;
  const { asked, place, values } = read;
  const clock = systemClock();
  const { until: untilMs, timeout } = values;
  if (untilMs !== undefined && untilMs <= clock.now().wall)
    return { kind: 'refused', faults: [`--until ${timeText(untilMs)} is over: name a time that is still to come`] };
  const wanted: Pause = { untilMs, reason: reasonBy(values.reason) };
  return await onLock(asked, place, context, clock, (opened) => keepFrom(opened, wanted, timeout, context, clock));
}

async function keepFrom(
  opened: Opened,
  wanted: Pause,
  timeoutMs: number,
  context: Context,
  clock: Clock,
): Promise<Ending> {
  const { lock, fullName } = opened;
  const result = await alter(
    opened,
    () => readOnce(lock, fullName),
    (look) => ({ kind: 'write', instructions: { ...instructionsOf(look.sighting), pause: pauseText(wanted) } }),
  );
  if (isEnding(result)) return result;
  const { untilMs } = wanted;
  context.print(
    `paused ${fullName} ${untilMs === undefined ? 'until leader-run resume' : `until ${timeText(untilMs)}`}\n`,
  );
  const holder = holderOf(result.sighting);
  if (holder === '' || timeoutMs === 0) return { kind: 'answered', text: '' };
  if (isObeying(result)) return await released(opened, holder, timeoutMs, context, clock);
  const who = printable(holder, nameCap);
  if (result.state === 'over' && (await readSurely(opened, clock, context.desk.stop)).state === 'over')
    return { kind: 'answered', text: `the lease of ${who} is over\n` };
  return no(
    `${who} holds it, is not a leader-run and does not stop: end it in its own way; leader-run will not take the lock`,
  );
}

/** Until the holder has given the lock back, or its lease is over. */
async function released(
  opened: Opened,
  holder: string,
  timeoutMs: number,
  context: Context,
  clock: Clock,
): Promise<Ending> {
  const since = clock.now();
  const who = printable(holder, nameCap);
  context.print(`${who} is ending its command\n`);
  const end = await within(timeoutMs, clock, context.desk.stop, (stop) => untilGone(opened, holder, clock, stop));
  const took = span(shownElapsed(clock.now(), since));
  switch (end) {
    case 'given':
      return { kind: 'answered', text: `${who} gave the lock back, ${took} after the request\n` };
    case 'over':
      return { kind: 'answered', text: `the lease of ${who} is over\n` };
    case 'deleted':
      return no(`${opened.fullName} was deleted, and the pause with it`);
    case undefined:
      if (context.desk.stop.aborted) return no('stopped waiting; the pause stands');
      return no(`${who} still holds the lock after ${took}: its command may still be ending; the pause stands`);
  }
}

export async function resume(context: Context): Promise<Ending | Printed> {
  const read = readAskedOne(context, ['lock']);
  if (read.kind !== 'asked') return read;
  const { asked, place } = read;
  const clock = systemClock();
  return await onLock(asked, place, context, clock, (opened) => letGoOn(opened, clock));
}

async function letGoOn(opened: Opened, clock: Clock): Promise<Ending> {
  const { lock, fullName } = opened;
  let passed: ReturnType<typeof passedMeanwhile>;
  const result = await alter(
    opened,
    () => readOnce(lock, fullName),
    (look) => {
      const instructions = instructionsOf(look.sighting);
      if (instructions?.pause === undefined)
        return { kind: 'so', ending: { kind: 'answered', text: `nothing to do: ${fullName} is not paused\n` } };
      passed = passedMeanwhile(look, clock.now().wall);
      return { kind: 'write', instructions: { ...instructions, pause: undefined }, note: passed?.note };
    },
  );
  if (isEnding(result)) return result;
  const wasOver = pauseAt(instructionsOf(result.sighting), clock.now().wall) === undefined;
  const text = wasOver ? `the pause of ${fullName} was over\n` : `resumed ${fullName}\n`;
  return { kind: 'answered', text: passed ? `${text}${notMadeUp(passed.count, fullName)}\n` : text };
}

/** What a schedule has missed, settled; undefined: nothing, or a holder is there to settle it. */
function passedMeanwhile(look: Look, wallMs: number): { readonly note: string; readonly count: number } | undefined {
  const { sighting, dateMs, state } = look;
  const reading = parseJobs(noteOf(sighting));
  const spec = reading.kind === 'record' ? reading.record.schedule : undefined;
  if (reading.kind !== 'record' || spec === undefined || state === 'held') return undefined;
  const schedule = parseSchedule(spec, wallMs);
  if ('fault' in schedule) return undefined;
  const after = resumed(schedule.value, reading.record, personsName(), dateMs ?? wallMs);
  return after.count === 0 ? undefined : { note: formatJobs(after.record), count: after.count };
}

function notMadeUp(passed: number, fullName: string): string {
  const [ticks, verb] = [count(passed, 'tick'), passed === 1 ? 'is' : 'are'];
  return `${ticks} came meanwhile and ${verb} not made up for: leader-run run --lock ${fullName} runs the command now`;
}
