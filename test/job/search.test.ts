// Every way in which two runners can share keys, within bounds: the shipped machine under all orders of what may happen
// (model.ts). Prints how many states there were; a fault comes with the moves that lead to it.
// To check: the searches of other protocols, which must find a fault each.
import { describe, expect, test } from 'vitest';
import { type Limits, Model, type Place } from './model.ts';

const one = { keys: [['v42'], ['v42']], kind: 'key' } as const;
const update = { keys: [['v41', 'v41'], ['v42']], kind: 'key' } as const;
const ticks = { keys: [['2026-11-26T01:00:00Z'], ['2026-11-26T02:00:00Z', '2026-11-26T01:00:00Z']], kind: 'tick' } as const;

const bounds: readonly { readonly name: string; readonly limits: Limits; readonly states: number }[] = [
  { name: 'at most once', limits: { ...one, attempts: 1, crashes: 2, doubts: 1 }, states: 2000 },
  { name: 'at most once, with more answers lost', limits: { ...one, attempts: 1, crashes: 1, doubts: 2 }, states: 1000 },
  { name: 'twice at most', limits: { ...one, attempts: 2, crashes: 2, doubts: 0 }, states: 5000 },
  { name: 'twice at most, with an answer lost', limits: { ...one, attempts: 2, crashes: 1, doubts: 1 }, states: 5000 },
  { name: 'without a limit', limits: { ...one, attempts: undefined, crashes: 2, doubts: 0, ways: ['ok', 'failed'] }, states: 5000 },
  { name: 'a rolling update, at most once', limits: { ...update, attempts: 1, crashes: 1, doubts: 1 }, states: 5000 },
  { name: 'ticks', limits: { ...ticks, attempts: 2, crashes: 1, doubts: 1 }, states: 5000 },
  { name: 'without faults', limits: { ...update, attempts: undefined, crashes: 0, doubts: 0, ways: ['ok'] }, states: 30 },
];

const wrong: readonly { readonly name: string; readonly limits: Limits; readonly fault: string }[] = [
  {
    name: 'an outcome after the release',
    limits: { ...one, attempts: undefined, crashes: 0, doubts: 0, protocol: 'outcome after the release' },
    fault: 'v42 succeeds twice, although no process was lost',
  },
  {
    name: 'a begin in a write of its own that may be lost',
    limits: { ...one, attempts: 1, crashes: 1, doubts: 1, protocol: 'begin in a write of its own' },
    fault: 'v42#1 starts twice',
  },
  {
    name: 'a record of the last key only',
    limits: { keys: [['v41', 'v42', 'v41']], kind: 'key', attempts: 1, crashes: 0, doubts: 0, protocol: 'last key only' },
    fault: 'v41#1 starts twice',
  },
];

describe('two runners', () => {
  test.for(bounds)('are right in every state: $name', ({ limits, states }) => {
    const { seen, ends, fault } = search(new Model(limits));
    console.log(`job: ${seen} states, ${ends} ends`);
    expect(fault).toBeUndefined();
    expect(seen).toBeGreaterThan(states);
    expect(ends).toBeGreaterThan(1);
  });

  test.for(wrong)('would be wrong by $name', ({ limits, fault }) => {
    expect(search(new Model(limits)).fault).toMatch(fault);
  });
});

interface Step {
  readonly from: string | undefined;
  readonly move: string;
}

/** Breadth first, so that a fault comes with the fewest moves. */
function search(model: Model): { readonly seen: number; readonly ends: number; readonly fault: string | undefined } {
  const start = model.start();
  const first = JSON.stringify(start);
  const seen = new Map<string, Step>([[first, { from: undefined, move: 'start' }]]);
  const open = [{ place: start, key: first }];
  let ends = 0;
  // Grows while it is gone through.
  for (const { place, key: from } of open) {
    const moves: [move: string, next: Place][] = [];
    model.moves(place, (move, next) => moves.push([move, next]));
    if (moves.length === 0) ends += 1;
    const fault = place.fault ?? (moves.length === 0 ? model.faultOfEnd(place) : undefined);
    if (fault !== undefined) return { seen: seen.size, ends, fault: `${fault}: ${wayTo(seen, from)}` };
    for (const [move, next] of moves) {
      const key = JSON.stringify(next);
      if (seen.has(key)) continue;
      seen.set(key, { from, move });
      open.push({ place: next, key });
    }
  }
  return { seen: seen.size, ends, fault: undefined };
}

function wayTo(seen: ReadonlyMap<string, Step>, key: string): string {
  const moves: string[] = [];
  for (let at = seen.get(key); at; at = at.from === undefined ? undefined : seen.get(at.from)) moves.unshift(at.move);
  return moves.join(' > ');
}
