// Keeps all candidates from a lock for a while, and lets them go on. Decides what is written and what is waited for:
// the holder ends its command and releases the lock, and no candidate takes it until the pause is over.
// Does not know what runs under the lock. Invariant: a pause never ends sooner than was asked for by a slip: what is
// read as a time has its day and its zone.

import type { Ending } from '../cli/exit-status.ts';
import { type Clock, shownElapsed, systemClock } from '../clock.ts';
import { nameCap, printable } from '../common/printable.ts';
import { span } from '../common/quantity.ts';
import { type Pause, pauseAt, pauseText } from '../locks/instructions.ts';
import { alter, isEnding, no } from './alter.ts';
import type { Context } from './command.ts';
import { follow, type Look, onLock, type Opened, type Printed, readAskedOne, readOnce } from './look.ts';
import { isObeying, reasonBy, within } from './steering.ts';

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
    (look) => ({ kind: 'write', instructions: { ...instructionsOf(look), pause: pauseText(wanted) } }),
  );
  if (isEnding(result)) return result;
  const { untilMs } = wanted;
  context.print(
    `paused ${fullName} ${untilMs === undefined ? 'until leader-run resume' : `until ${timeText(untilMs)}`}\n`,
  );
  const holder = holderOf(result);
  if (holder === '' || timeoutMs === 0) return { kind: 'answered', text: '' };
  if (!isObeying(result)) {
    const who = printable(holder, nameCap);
    return no(
      `${who} holds it, is not a leader-run and does not stop: end it in its own way; leader-run will not take the lock`,
    );
  }
  return await released(opened, holder, timeoutMs, context, clock);
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
  const seen: { end: 'given' | 'over' | undefined } = { end: undefined };
  context.print(`${who} is ending its command\n`);
  await within(timeoutMs, clock, context.desk.stop, (stop) =>
    follow(opened, clock, stop, (look) => {
      seen.end = holderOf(look) !== holder ? 'given' : look.state === 'over' ? 'over' : undefined;
      return seen.end !== undefined;
    }),
  );
  const took = span(shownElapsed(clock.now(), since));
  if (seen.end === 'given') return { kind: 'answered', text: `${who} gave the lock back, ${took} after the request\n` };
  if (seen.end === 'over') return { kind: 'answered', text: `the lease of ${who} is over\n` };
  if (context.desk.stop.aborted) return no('stopped waiting; the pause stands');
  return no(`${who} still holds the lock after ${took}: its command may still be ending; the pause stands`);
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
  const result = await alter(
    opened,
    () => readOnce(lock, fullName),
    (look) => {
      const instructions = instructionsOf(look);
      if (instructions?.pause !== undefined)
        return { kind: 'write', instructions: { ...instructions, pause: undefined } };
      return { kind: 'ending', ending: { kind: 'answered', text: `nothing to do: ${fullName} is not paused\n` } };
    },
  );
  if (isEnding(result)) return result;
  const wasOver = pauseAt(instructionsOf(result), clock.now().wall) === undefined;
  return { kind: 'answered', text: wasOver ? `the pause of ${fullName} was over\n` : `resumed ${fullName}\n` };
}

function instructionsOf({ sighting }: Look) {
  return sighting.kind === 'record' ? sighting.instructions : undefined;
}

function holderOf({ sighting }: Look): string {
  return sighting.kind === 'record' ? sighting.record.holderIdentity : '';
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
