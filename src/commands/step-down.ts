// Asks the holder of a lock to hand over: to end its command, release the lock and stay back for a while. Decides whom
// the request names and what is waited for; the holder obeys it (src/elector).
// Does not know how long a command takes to end. Invariant: a request names one holder, so one that comes too late
// asks nothing of the next; who cannot obey is not waited for.

import type { Ending } from '../cli/exit-status.ts';
import { type Clock, shownElapsed, systemClock } from '../clock.ts';
import { nameCap, printable } from '../common/printable.ts';
import { span } from '../common/quantity.ts';
import { instructionsOf } from '../elector/observation.ts';
import { pauseAt, stepDownText } from '../locks/instructions.ts';
import type { Sighting } from '../locks/lock.ts';
import { alter, isEnding, no } from './alter.ts';
import type { Context } from './command.ts';
import { follow, type Look, onLock, type Opened, type Printed, readAskedOne, readSurely } from './look.ts';
import { holderOf, isObeying, reasonBy, within } from './steering.ts';

export async function stepDown(context: Context): Promise<Ending | Printed> {
  const read = readAskedOne(context, ['lock', 'ask', 'to']);
  if (read.kind !== 'asked') return read;
  const { asked, place, values } = read;
  const clock = systemClock();
  const reason = reasonBy(values.reason);
  return await onLock(asked, place, context, clock, (opened) =>
    handOver(opened, { ...values, reason }, context, clock),
  );
}

interface Wanted {
  readonly reason: string;
  readonly timeout: number;
  readonly to?: string | undefined;
}

async function handOver(opened: Opened, wanted: Wanted, context: Context, clock: Clock): Promise<Ending> {
  const { fullName } = opened;
  const result = await alter(
    opened,
    () => readSurely(opened, clock, context.desk.stop),
    (look) => {
      const { sighting, state } = look;
      const holder = holderOf(sighting);
      if (state !== 'held') {
        const why =
          state === 'over' ? `the lease of ${printable(holder, nameCap)} is over` : `nobody holds ${fullName}`;
        return { kind: 'so', ending: { kind: 'answered', text: `nothing to do: ${why}\n` } };
      }
      if (holder === wanted.to)
        return {
          kind: 'so',
          ending: { kind: 'answered', text: `nothing to do: ${printable(holder, nameCap)} leads already\n` },
        };
      if (!isObeying(look)) return { kind: 'ending', ending: no(foreign(fullName, holder)) };
      const text = stepDownText(holder, wanted.reason);
      return { kind: 'write', instructions: { ...instructionsOf(sighting), stepDown: text } };
    },
  );
  if (isEnding(result)) return result;
  const from = printable(holderOf(result.sighting), nameCap);
  context.print(`asked ${from} to hand over ${fullName}\n`);
  if (wanted.timeout === 0) return { kind: 'answered', text: '' };
  return await outcome(opened, result, wanted, context, clock);
}

/** Who leads next, and how long it took; or how far it came. */
async function outcome(opened: Opened, before: Look, wanted: Wanted, context: Context, clock: Clock): Promise<Ending> {
  const { fullName } = opened;
  const since = clock.now();
  const took = (): string => span(shownElapsed(clock.now(), since));
  const from = printable(holderOf(before.sighting), nameCap);
  const seen: { isFree: boolean; isPaused: boolean; next: string | undefined } = {
    isFree: false,
    isPaused: false,
    next: undefined,
  };
  await within(wanted.timeout, clock, context.desk.stop, (stop) =>
    follow(opened, clock, stop, ({ sighting }) => {
      const holder = holderOf(sighting);
      seen.isPaused = pauseAt(instructionsOf(sighting), clock.now().wall) !== undefined;
      if (sighting.kind === 'record' && holder === '' && !seen.isFree) {
        seen.isFree = true;
        context.print(`${from} gave it back, ${took()} after the request\n`);
      }
      if (holder === '' || !isAnother(sighting, before.sighting)) return false;
      seen.next = holder;
      return true;
    }),
  );
  if (seen.next !== undefined) {
    const text = `${printable(seen.next, nameCap)} leads, ${took()} after the request\n`;
    const isWanted = wanted.to === undefined || wanted.to === seen.next;
    return isWanted
      ? { kind: 'answered', text }
      : { kind: 'answered', text, no: true, remark: `it is not ${wanted.to}` };
  }
  if (context.desk.stop.aborted) return no('stopped waiting; the request stands');
  if (seen.isFree) {
    const why = seen.isPaused ? 'it is paused' : 'is there another candidate?';
    return no(`nobody has taken ${fullName} within ${span(wanted.timeout)}: ${why}`);
  }
  return no(
    `${from} has not handed over within ${span(wanted.timeout)}: its command may still be ending; the request stands`,
  );
}

/** Another holder, or the same one in a term that began later. */
function isAnother(after: Sighting, before: Sighting): boolean {
  if (after.kind !== 'record' || before.kind !== 'record') return true;
  if (after.version.object !== before.version.object) return true;
  return after.signature?.run !== before.signature?.run || after.record.acquireTime !== before.record.acquireTime;
}

function foreign(fullName: string, holder: string): string {
  return `${fullName} is held by ${printable(holder, nameCap)}, which is not a leader-run and obeys no request: end it in its own way`;
}
