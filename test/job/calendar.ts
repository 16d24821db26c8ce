// An independent reference for ticks: each minute in UTC is put on a wall of the zone, and asked whether the cron line
// names it. Debian's rules where the wall jumps: a fixed time (no * and no step in minute and hour) that the wall
// leaves out is due when the wall goes on, and one that it shows twice is due the first time.
// To check: nothing here is shared with src/job/tick.ts but the table of time zones in Node.

interface Wall {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

const minuteMs = 60_000;

/** What the walls of a zone show in each minute of a window, from before it, so that what is shown twice is known. */
export class Calendar {
  readonly #minutes: readonly { readonly at: number; readonly wall: number }[];
  readonly #from: number;

  constructor(zone: string, from: number, to: number) {
    const early = from - 26 * 60 * minuteMs;
    const count = (to - early) / minuteMs + 1;
    const instants = Array.from({ length: count }, (_, i) => early + i * minuteMs);
    const numeric = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
    const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', ...numeric });
    this.#minutes = instants.map((at) => ({ at, wall: wallMs(format, at) }));
    this.#from = from;
  }

  /** Milliseconds of each tick after the beginning of the window and up to its end. */
  ticks(line: string): number[] {
    const isDue = named(line);
    const isFixed = line.split(' ').slice(0, 2).every((field) => !/[*/]/.test(field));
    const ticks = new Set<number>();
    const shown = new Set<number>();
    let last: number | undefined;
    for (const { at, wall } of this.#minutes) {
      if (isFixed && last !== undefined) {
        for (let skipped = last + minuteMs; skipped < wall; skipped += minuteMs) {
          if (isDue(wallOf(skipped))) ticks.add(at);
        }
      }
      if (isDue(wallOf(wall)) && !(isFixed && shown.has(wall))) ticks.add(at);
      shown.add(wall);
      last = wall;
    }
    return [...ticks].filter((at) => at > this.#from).sort((a, b) => a - b);
  }
}

function named(line: string): (wall: Wall) => boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = line.split(' ');
  const [minutes, hours, days] = [values(minute, 0, 59), values(hour, 0, 23), values(day, 1, 31)];
  const [months, weekdays] = [values(month, 1, 12), new Set([...values(weekday, 0, 7)].map((each) => each % 7))];
  const isEither = day !== '*' && weekday !== '*';
  return (wall) => {
    const [isDay, isWeekday] = [days.has(wall.day), weekdays.has(wall.weekday)];
    const isDate = isEither ? isDay || isWeekday : isDay && isWeekday;
    return minutes.has(wall.minute) && hours.has(wall.hour) && months.has(wall.month) && isDate;
  };
}

function values(field: string, low: number, high: number): Set<number> {
  const found = new Set<number>();
  for (const item of field.split(',')) {
    const [range = '', step = '1'] = item.split('/');
    const [from, to] = range === '*' ? [low, high] : range.split('-').map(Number);
    for (let value = from ?? low; value <= (to ?? from ?? high); value += Number(step)) found.add(value);
  }
  return found;
}

/** What the wall shows, as if it were UTC. */
function wallMs(format: Intl.DateTimeFormat, at: number): number {
  const parts = format.formatToParts(at);
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value);
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'));
}

function wallOf(ms: number): Wall {
  const date = new Date(ms);
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
  };
}
