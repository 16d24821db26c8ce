// Shows what a lock remembers of its keys, and takes a person's word about one: `forget` lets it run again, `mark` counts
// it as done. Decides what the words ask for; what becomes of a record is job/key.ts's.
// Knows no election. Invariants: a note is written onto the very state that it was made from, and the election record
// beside it stays as it is; a key that may be running now is left to its holder.

import { isatty } from 'node:tty';
import { valuesOf } from '../cli/arguments.ts';
import type { Ending } from '../cli/exit-status.ts';
import { table } from '../cli/table.ts';
import { type Clock, systemClock } from '../clock.ts';
import { printable } from '../common/printable.ts';
import { forget, mark, type Resolved } from '../job/key.ts';
import { formatJobs, parseJobs, type Reading } from '../job/record.ts';
import { unreadableJobs } from '../job/tell.ts';
import { parseKey } from '../job/values.ts';
import type { LockPlace } from '../cli/place.ts';
import { alter, isEnding, no, personsName } from './alter.ts';
import type { Context } from './command.ts';
import { type Asked, type Look, lookAt, openOne, orRefused, type Printed, readAsked, readSurely } from './look.ts';
import { holderRun, jsonOf, keyColumns, keyRows } from './status-text.ts';
import { noteOf } from '../elector/observation.ts';

type Deed = { readonly kind: 'list' } | { readonly kind: 'forget' | 'mark'; readonly key: string };

export async function keys(context: Context): Promise<Ending | Printed> {
  const asked = readAsked(context, ['lock', 'form', 'show'], 'option');
  if (asked.kind === 'faults') return { kind: 'refused', faults: asked.faults };
  if (asked.kind !== 'asked') return asked;
  const [place] = asked.locks;
  const deed = deedOf(asked.words);
  const faults = 'fault' in deed ? [deed.fault] : [];
  if (!place) faults.push('no lock: name it, as in --lock default/my-job');
  if (!place || 'fault' in deed) return { kind: 'refused', faults };
  const clock = systemClock();
  if (deed.kind === 'list') return await orRefused(list(asked, place, context, clock));
  return await orRefused(resolve(asked, place, deed, context, clock));
}

function deedOf(words: readonly string[]): Deed | { readonly fault: string } {
  const [what, text, ...rest] = words;
  if (what === undefined) return { kind: 'list' };
  const usage = 'expected nothing, forget KEY or mark KEY';
  if ((what !== 'forget' && what !== 'mark') || rest.length > 0)
    return { fault: `${printable(words.join(' '))}: ${usage}` };
  if (text === undefined) return { fault: `${what} needs a key, as in ${what} v42` };
  const key = parseKey(text);
  return 'fault' in key ? { fault: `${what} ${printable(text)}: ${key.fault}` } : { kind: what, key: key.value };
}

async function list(asked: Asked, place: LockPlace, context: Context, clock: Clock): Promise<Ending> {
  const { output, noHeaders } = valuesOf(asked.read.readings);
  const look = await lookAt(asked, place, context, clock);
  if (look.state === 'absent') return absent(look);
  if (output === 'json') return { kind: 'answered', text: jsonOf(look, clock.now().wall) };
  const layout = { isAligned: isatty(1), hasHeaders: noHeaders !== true };
  return { kind: 'answered', text: table(keyColumns, keyRows(look), layout) };
}

async function resolve(
  asked: Asked,
  place: LockPlace,
  deed: Exclude<Deed, { kind: 'list' }>,
  context: Context,
  clock: Clock,
): Promise<Ending> {
  const first = await lookAt(asked, place, context, clock);
  if (first.state === 'absent') return absent(first);
  const opened = await openOne(asked, place, context, clock);
  try {
    const look = (): Promise<Look> => readSurely(opened, clock, context.desk.stop);
    const result = await alter(opened, look, (seen) => {
      const reading = parseJobs(noteOf(seen.sighting));
      const resolved = resolvedBy(deed, reading, holderRun(seen), clock.now().wall);
      if (resolved.kind === 'resolved') return { kind: 'write', note: formatJobs(resolved.record) };
      const kind = resolved.kind === 'unknown-key' ? 'so' : 'ending';
      return { kind, ending: refusal(resolved, deed.key, seen) };
    });
    return isEnding(result) ? result : done(deed, result);
  } finally {
    opened.lock.close();
  }
}

function resolvedBy(
  { kind, key }: Exclude<Deed, { kind: 'list' }>,
  reading: Reading,
  holder: string | undefined,
  wallMs: number,
): Resolved {
  return kind === 'forget' ? forget(reading, key, holder) : mark(reading, key, personsName(), holder, wallMs);
}

function done({ kind, key }: Exclude<Deed, { kind: 'list' }>, { fullName }: Look): Ending {
  const text =
    kind === 'forget'
      ? `${key} is forgotten at ${fullName}, and may run again\n`
      : `${key} counts as done at ${fullName}\n`;
  return { kind: 'answered', text };
}

/** The answer is no: nothing was changed. */
function refusal(resolved: Exclude<Resolved, { kind: 'resolved' }>, key: string, { fullName }: Look): Ending {
  switch (resolved.kind) {
    case 'running': {
      const { by, attempt } = resolved.claim;
      return no(
        `key ${key} is running, by ${printable(by)}, attempt ${String(attempt)}: stop that first, or wait for its end`,
      );
    }
    case 'unknown-key':
      return no(`${fullName} knows no key ${key}`);
    case 'unreadable':
      return { kind: 'refused', faults: [unreadableJobs(fullName, resolved.why)] };
  }
}

function absent({ fullName }: Look): Ending {
  return no(`${fullName} does not exist: nothing has run under it`);
}
