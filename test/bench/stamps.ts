// What the contenders' commands wrote down about themselves (child/main.go): the only witness of when one began and
// ended. Decides nothing. All times are nanoseconds of the machine's own clocks, the same for all processes.

import { readFileSync } from 'node:fs';
import { adoptCommand, until } from './processes.ts';

export interface Stamp {
  readonly kind: 'start' | 'end';
  readonly name: string;
  readonly pid: number;
  /** CLOCK_MONOTONIC, as process.hrtime.bigint(). */
  readonly mono: bigint;
  /** CLOCK_REALTIME, to compare with what a Lease says. */
  readonly wall: bigint;
}

export function readStamps(file: string): readonly Stamp[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return []; // Nobody has begun yet.
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [kind, name = '', pid, mono = '', wall = ''] = line.split(' ');
      return { kind: kind === 'end' ? 'end' : 'start', name, pid: Number(pid), mono: BigInt(mono), wall: BigInt(wall) };
    });
}

export async function stamped(file: string, kind: Stamp['kind'], name: string, withinMs = 60_000): Promise<Stamp> {
  const stamp = await until(
    `the ${kind} of ${name}`,
    () => readStamps(file).find((each) => each.kind === kind && each.name === name),
    withinMs,
  );
  if (kind === 'start') adoptCommand(stamp.pid, file);
  return stamp;
}

export function msBetween(from: bigint, to: bigint): number {
  return Number(to - from) / 1e6;
}
