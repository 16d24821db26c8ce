// A step in the making, on the state of a rig, for tests of the files that the core is made of.
// Decides nothing. Invariant: the rig itself stays as it is.

import type { State } from '../../src/elector/state.ts';
import type { Turn } from '../../src/elector/turn.ts';
import type { Event as Reported } from '../../src/observe/events.ts';
import type { Rig } from './rig.ts';

export function turnOf({ state, now }: Rig, changes: Partial<State> = {}): Turn {
  return { now, effects: [], s: { ...state, ...changes } };
}

export function reportsOf({ effects }: Turn): Reported[] {
  return effects.flatMap((effect) => (effect.kind === 'report' ? [effect.event] : []));
}
