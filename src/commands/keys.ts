// Shows what a lock remembers of its keys, and takes a person's word about one: `forget` lets it run again, `mark` counts
// it as done. Decides what the words ask for; what becomes of a record is job/key.ts's.
// Knows no election. Invariants: a note is written onto the very state that it was made from, and the election record
// beside it stays as it is; a key that may be running now is left to its holder.

import { randomUUID } from 'node:crypto';
import { isatty } from 'node:tty';
import { userInfo } from 'node:os';
import { valuesOf } from '../cli/arguments.ts';
import type { Ending } from '../cli/exit-status.ts';
import { table } from '../cli/table.ts';
import { type Clock, systemClock } from '../clock.ts';
import { printable } from '../common/printable.ts';
import { forget, mark, type Resolved } from '../job/key.ts';
import { formatJobs, parseJobs, type Reading } from '../job/record.ts';
import { parseKey } from '../job/values.ts';
import type { LockPlace } from '../cli/place.ts';
import type { Context } from './command.ts';
import {
  type Asked,
  limitMs,
  type Look,
  lookAt,
  openOne,
  orRefused,
  type Printed,
  readAsked,
  readSurely,
} from './look.ts';
import { holderRun, jsonOf, keyColumns, keyRows } from './status-text.ts';

/** Another's write may come in between, and a renewal comes every 2 s. */
const mostTries = 5;

type Deed = { readonly kind: 'list' } | { readonly kind: 'forget' | 'mark'; readonly key: string };

export async function keys(context: Context): Promise<Ending | Printed> {
  const asked = readAsked(context, ['lock', 'show'], 'option');
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
    for (let tries = 0; tries < mostTries; tries += 1) {
      const look = await readSurely(opened, clock, context.desk.stop);
      const { sighting } = look;
      if (sighting.kind === 'absent') return absent(look);
      if (sighting.kind === 'unreadable')
        return { kind: 'refused', faults: [`the record of ${look.fullName} cannot be read, so it is not written`] };
      const wallMs = clock.now().wall;
      const resolved = resolvedBy(deed, parseJobs(sighting.note), holderRun(look), wallMs);
      if (resolved.kind !== 'resolved') return refusal(resolved, deed.key, look);
      const { record, version: base } = sighting;
      // Where no leader-run has signed, ours says that it is a person's word, and is nobody's holding.
      const signature = sighting.signature ?? { identity: personsName(), run: randomUUID(), number: 1 };
      const answer = await opened.lock.write(
        { record, signature, base, note: formatJobs(resolved.record) },
        { limitMs },
      );
      if (answer.kind === 'stored') return done(deed, look);
      if (answer.kind !== 'conflict') return { kind: 'refused', faults: [answer.trouble.message] };
    }
    return {
      kind: 'refused',
      faults: [`${first.fullName} was written by others at each of ${mostTries} tries: try again`],
    };
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
      return { kind: 'refused', faults: [`what ${fullName} remembers cannot be read: ${resolved.why}`] };
  }
}

function no(remark: string): Ending {
  return { kind: 'answered', text: '', no: true, remark };
}

function absent({ fullName }: Look): Ending {
  return no(`${fullName} does not exist: nothing has run under it`);
}

function personsName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
