// Shows who holds a lock, since when and how alive, and what ran under it: one lock, several, all of a namespace; once,
// or a line for each change. Answers two questions by its exit status: --holder and --max-age.
// Decides which of them is asked. How locks are looked at is look.ts's, how they are worded status-text.ts's.
// Invariant: it needs `get` of a lock that is named, and `list` only where none is; it writes nothing.

import { isatty } from 'node:tty';
import { type OptionValues, valuesOf } from '../cli/arguments.ts';
import type { Ending } from '../cli/exit-status.ts';
import { table } from '../cli/table.ts';
import { type Clock, systemClock } from '../clock.ts';
import { span } from '../common/quantity.ts';
import { utcText } from '../common/utc.ts';
import type { Context } from './command.ts';
import { type Asked, listAll, type Look, lookAt, orRefused, type Printed, readAsked, watchOne } from './look.ts';
import { jsonOf, keyColumns, keyRows, lastSuccessMs, lockColumns, rowOf, timeOf, viewOf } from './status-text.ts';

export async function status(context: Context): Promise<Ending | Printed> {
  const asked = readAsked(context, ['lock', 'form', 'show', 'status'], 'words');
  if (asked.kind === 'faults') return { kind: 'refused', faults: asked.faults };
  if (asked.kind !== 'asked') return asked;
  const values = valuesOf(asked.read.readings);
  const faults = faultsIn(asked, values);
  if (faults.length > 0) return { kind: 'refused', faults };
  return await orRefused(answer(asked, values, context, systemClock()));
}

/** Questions and a watch are about one lock. */
function faultsIn({ locks }: Asked, { holder, maxAge, watch }: OptionValues): string[] {
  const given = [
    ...(holder === undefined ? [] : ['--holder']),
    ...(maxAge === undefined ? [] : ['--max-age']),
    ...(watch === true ? ['--watch'] : []),
  ];
  const faults = given.length > 1 ? [`${given.join(' and ')} do not go together`] : [];
  const [first] = given;
  if (first !== undefined && locks.length !== 1) faults.push(`${first} is about one lock: name it with --lock`);
  return faults;
}

async function answer(asked: Asked, values: OptionValues, context: Context, clock: Clock): Promise<Ending> {
  const { holder, maxAge, watch, output } = values;
  const wallMs = (): number => clock.now().wall;
  const [only, ...more] = asked.locks;
  if (only && more.length === 0) {
    if (watch === true) {
      const show = (look: Look): void => {
        context.print(
          output === 'json' ? jsonOf(look, wallMs()) : `${[timeNow(wallMs()), ...rowOf(look, wallMs())].join('\t')}\n`,
        );
      };
      await watchOne(asked, only, context, clock, show);
      return { kind: 'answered', text: '' };
    }
    const look = await lookAt(asked, only, context, clock);
    if (holder !== undefined) return isHolder(look, holder);
    if (maxAge !== undefined) return isRecent(look, maxAge, wallMs());
    return shown([look], textOf([look], values, wallMs(), true));
  }
  const looks = asked.locks.length > 0 ? await lookAtEach(asked, context, clock) : await listAll(asked, context, clock);
  return shown(looks, textOf(looks, values, wallMs(), false));
}

/** A name that is not there may be a slip. */
function shown(looks: readonly Look[], text: string): Ending {
  const missing = looks.filter(({ state }) => state === 'absent').map(({ fullName }) => fullName);
  if (missing.length === 0) return { kind: 'answered', text };
  return { kind: 'answered', text, no: true, remark: `${missing.join(', ')}: no such lock` };
}

async function lookAtEach(asked: Asked, context: Context, clock: Clock): Promise<Look[]> {
  return await Promise.all(asked.locks.map((place) => lookAt(asked, place, context, clock)));
}

function textOf(looks: readonly Look[], values: OptionValues, nowMs: number, isOne: boolean): string {
  if (values.output === 'json') return looks.map((look) => jsonOf(look, nowMs)).join('');
  const layout = { isAligned: isatty(1), hasHeaders: values.noHeaders !== true };
  const [first] = looks;
  if (isOne && first && layout.isAligned) {
    const rows = keyRows(first);
    return `${viewOf(first, nowMs)}${rows.length === 0 ? '' : table(keyColumns, rows, layout)}`;
  }
  return table(
    lockColumns,
    looks.map((look) => rowOf(look, nowMs)),
    layout,
  );
}

function isHolder({ sighting, state }: Look, identity: string): Ending {
  const holder = sighting.kind === 'record' ? sighting.record.holderIdentity : '';
  return { kind: 'answered', text: '', no: state !== 'held' || holder !== identity };
}

function isRecent(look: Look, maxAgeMs: number, nowMs: number): Ending {
  const lastMs = lastSuccessMs(look);
  if (lastMs === undefined)
    return { kind: 'answered', text: '', no: true, remark: `no success is known under ${look.fullName}` };
  const ageMs = timeOf(look, nowMs) - lastMs;
  const remark = `the last success under ${look.fullName} was ~${span(ageMs)} ago`;
  return { kind: 'answered', text: '', no: ageMs > maxAgeMs, ...(ageMs > maxAgeMs && { remark }) };
}

function timeNow(nowMs: number): string {
  return utcText(nowMs);
}
