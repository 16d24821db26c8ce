// Asks the holder of a schedule to run its command once, now. Decides what is asked and what is waited for; the holder
// claims the run under a key of its own (src/job/schedule.ts), so that it runs once however often it is asked for.
// Does not know when the holder is free to begin. Invariant: who cannot obey is not asked: a paused lock, one without a
// schedule, a holder that is not a leader-run.

import type { Ending } from '../cli/exit-status.ts';
import { type Clock, shownElapsed, systemClock } from '../clock.ts';
import { nameCap, printable } from '../common/printable.ts';
import { span } from '../common/quantity.ts';
import { utcText } from '../common/utc.ts';
import type { Claim, Entry } from '../job/record.ts';
import { parseJobs } from '../job/record.ts';
import { manualKey } from '../job/schedule.ts';
import { outcomeText, unreadableJobs } from '../job/tell.ts';
import { pauseAt, pauseText, runText } from '../locks/instructions.ts';
import { type Alteration, alter, isEnding, no } from './alter.ts';
import type { Context } from './command.ts';
import { follow, type Look, onLock, type Opened, type Printed, readAskedOne, readOnce } from './look.ts';
import { isObeying, reasonBy, within } from './steering.ts';
import { noteOf } from '../elector/observation.ts';

export async function runNow(context: Context): Promise<Ending | Printed> {
  const read = readAskedOne(context, ['lock', 'ask', 'follow']);
  if (read.kind !== 'asked') return read;
  const { asked, place, values } = read;
  const clock = systemClock();
  const word = utcText(clock.now().wall);
  const wanted = { word, reason: reasonBy(values.reason), timeout: values.timeout, follow: values.follow === true };
  return await onLock(asked, place, context, clock, (opened) => runOnce(opened, wanted, context, clock));
}

interface Wanted {
  readonly word: string;
  readonly reason: string;
  readonly timeout: number;
  readonly follow: boolean;
}

async function runOnce(opened: Opened, wanted: Wanted, context: Context, clock: Clock): Promise<Ending> {
  const { lock, fullName } = opened;
  const result = await alter(
    opened,
    () => readOnce(lock, fullName),
    (look) => asking(look, wanted, clock.now().wall),
  );
  if (isEnding(result)) return result;
  const key = manualKey(wanted.word);
  context.print(`asked for a run of ${fullName}, key ${key}\n`);
  if (wanted.timeout === 0 && !wanted.follow) return { kind: 'answered', text: '' };
  return await outcome(opened, key, wanted, context, clock);
}

function asking(look: Look, { word, reason }: Wanted, wallMs: number): Alteration {
  const { fullName, sighting } = look;
  if (sighting.kind !== 'record') return { kind: 'ending', ending: no(`${fullName} has no record`) };
  const reading = parseJobs(sighting.note);
  if (reading.kind === 'unreadable')
    return { kind: 'ending', ending: { kind: 'refused', faults: [unreadableJobs(fullName, reading.why)] } };
  const pause = pauseAt(sighting.instructions, wallMs);
  if (pause) return refuse(`${fullName} is paused (${printable(pauseText(pause))}): leader-run resume comes first`);
  if (reading.kind !== 'record' || reading.record.schedule === undefined)
    return refuse(`${fullName} has no schedule: its command runs whenever a candidate leads, or for its key`);
  const holder = sighting.record.holderIdentity;
  if (holder !== '' && !isObeying(look))
    return refuse(`${fullName} is held by ${printable(holder, nameCap)}, which is not a leader-run and runs nothing`);
  return { kind: 'write', instructions: { ...sighting.instructions, run: runText(word, reason) } };
}

function refuse(remark: string): Alteration {
  return { kind: 'ending', ending: no(remark) };
}

/** Until it has begun, or with --follow until it has ended. */
async function outcome(opened: Opened, key: string, wanted: Wanted, context: Context, clock: Clock): Promise<Ending> {
  const since = clock.now();
  const { stop } = context.desk;
  const seen: { claim: Claim | undefined; entry: Entry | undefined } = { claim: undefined, entry: undefined };
  const look = (isEnough: () => boolean) => (over: AbortSignal) =>
    follow(opened, clock, over, ({ sighting }) => {
      const reading = parseJobs(noteOf(sighting));
      if (reading.kind !== 'record') return false;
      const { claim, entries } = reading.record;
      seen.claim ??= claim?.key === key ? claim : undefined;
      seen.entry = entries.find((entry) => entry.key === key);
      return isEnough();
    });
  await within(
    wanted.timeout,
    clock,
    stop,
    look(() => (seen.claim ?? seen.entry) !== undefined),
  );
  const by = seen.claim?.by ?? seen.entry?.by;
  if (by === undefined) {
    if (stop.aborted) return no('stopped waiting; the request stands');
    return no(`it has not begun within ${span(wanted.timeout)}: a command may still run; the request stands`);
  }
  context.print(`${printable(by, nameCap)} runs it, ${span(shownElapsed(clock.now(), since))} after the request\n`);
  if (!wanted.follow) return { kind: 'answered', text: '' };
  await look(() => seen.entry !== undefined)(stop);
  if (seen.entry === undefined) return no('stopped waiting; the run goes on');
  const { outcome: ended, tookMs } = seen.entry;
  const took = tookMs === undefined ? '' : `, after ${span(tookMs)}`;
  return { kind: 'answered', text: `${outcomeText(ended)}${took}\n`, no: ended.kind !== 'ok' };
}
