// Every way in which a command can end, within bounds: the shipped life (src/child/life.ts) under all orders of what
// may happen (model.ts). Prints how many states there were; a fault comes with the moves that lead to it.

import { describe, expect, test } from 'vitest';
import { type Limits, Model, type Place } from './model.ts';

const bounds: readonly { readonly name: string; readonly limits: Limits; readonly states: number }[] = [
  { name: 'alone', limits: { others: [], ticks: 6, renewals: 1, orders: 2, isInit: false }, states: 50_000 },
  { name: 'with another in its group', limits: { others: ['in group'], ticks: 6, renewals: 0, orders: 1, isInit: false }, states: 30_000 },
  { name: 'with another apart', limits: { others: ['apart'], ticks: 6, renewals: 0, orders: 1, isInit: false }, states: 30_000 },
  { name: 'with both', limits: { others: ['in group', 'apart'], ticks: 5, renewals: 0, orders: 1, isInit: false }, states: 50_000 },
  { name: 'with both, the command alone being told', limits: { others: ['in group', 'apart'], ticks: 4, renewals: 0, orders: 1, isInit: false, signalTo: 'command' }, states: 20_000 },
  { name: 'as process 1', limits: { others: ['unmarked'], ticks: 5, renewals: 0, orders: 1, isInit: true }, states: 10_000 },
];

describe('the end of a command', () => {
  test.for(bounds)('$name is right in every state', ({ limits, states }) => {
    const { seen, ends, fault } = search(new Model(limits));
    console.log(`life: ${seen} states, ${ends} of them over`);
    expect(fault).toBeUndefined();
    expect(seen).toBeGreaterThan(states);
    expect(ends).toBeGreaterThan(100);
  });
});

/** How a state was first reached. */
interface Step {
  readonly from: string | undefined;
  readonly move: string;
}

interface Found {
  readonly seen: number;
  readonly ends: number;
  readonly fault: string | undefined;
}

/** Breadth first, so that a fault comes with the fewest moves. */
function search(model: Model): Found {
  const start = model.start();
  const seen = new Map<string, Step>([
    [keyOf(start), { from: undefined, move: 'start' }],
  ]);
  const open: Place[] = [start];
  let ends = 0;
  // Grows while it is gone through.
  for (const place of open) {
    const from = keyOf(place);
    if (place.fault !== undefined) return { seen: seen.size, ends, fault: `${place.fault}: ${wayTo(seen, from)}` };
    if (place.life.state === 'over') ends += 1;
    model.moves(place, (move, next) => {
      const key = keyOf(next);
      if (seen.has(key)) return;
      seen.set(key, { from, move });
      open.push(next);
    });
  }
  return { seen: seen.size, ends, fault: undefined };
}

function wayTo(seen: ReadonlyMap<string, Step>, key: string): string {
  const moves: string[] = [];
  for (let at = seen.get(key); at; at = at.from === undefined ? undefined : seen.get(at.from)) moves.unshift(at.move);
  return moves.join(' > ');
}

/** All of it is plain data. */
function keyOf(place: Place): string {
  return JSON.stringify(place);
}
