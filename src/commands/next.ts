// Shows the coming ticks of a cron line by both clocks, with a remark where a night of daylight saving changes them.
// Decides what is shown; which ticks there are is job/tick.ts's, and the remarks are job/coming.ts's.
// Invariant: it asks no server and no folder, and computes no more ticks than it shows.

import { isatty } from 'node:tty';
import { readArguments, valuesOf } from '../cli/arguments.ts';
import type { Ending } from '../cli/exit-status.ts';
import { table } from '../cli/table.ts';
import { systemClock } from '../clock.ts';
import { type Coming, coming } from '../job/coming.ts';
import { openSchedule } from '../job/tick.ts';
import type { Context } from './command.ts';
import type { Printed } from './look.ts';

export function next({ words, env }: Context): Ending | Printed {
  const read = readArguments(words, env, { takes: ['tick', 'form', 'show', 'next'], words: 'own' });
  if (read.print !== undefined) return { kind: read.print };
  const faults = [...read.faults];
  const [line, ...more] = read.command;
  if (line === undefined) faults.push("no cron line: put it into quotes, as in leader-run next '0 3 * * *'");
  if (more.length > 0)
    faults.push(`expected one cron line in quotes, as in '0 3 * * *', and not ${more.length + 1} words`);
  if (faults.length > 0 || line === undefined) return { kind: 'refused', faults };
  const { timezone, count, from, output, noHeaders } = valuesOf(read.readings);
  const fromMs = from ?? systemClock().now().wall;
  const schedule = openSchedule(line, timezone, fromMs);
  if ('fault' in schedule) return { kind: 'refused', faults: [schedule.fault] };
  const ticks = coming(schedule.value, fromMs, count);
  if (output === 'json') return { kind: 'answered', text: ticks.map(jsonOf).join('') };
  const layout = { isAligned: isatty(1), hasHeaders: noHeaders !== true };
  const rows = ticks.map(({ tick, local, remark }) => [local, tick, remark ?? '']);
  return { kind: 'answered', text: table(['LOCAL', 'TICK', 'REMARK'], rows, layout) };
}

function jsonOf({ tick, local, remark }: Coming): string {
  return `${JSON.stringify({ tick, local, remark: remark ?? null })}\n`;
}
