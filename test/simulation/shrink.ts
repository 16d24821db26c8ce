// Makes a failing scenario small: leaves out faults, foreign electors and candidates as long as the same kind of
// promise stays broken, then shortens what is left. Decides nothing about right and wrong.
// Invariant: what comes out fails by itself, with the same P or V as what went in.

import type { Scenario } from './scenario.ts';
import { type Result, simulate } from './simulate.ts';

const mostRuns = 400;

export async function shrink(failing: Result): Promise<Result> {
  let best = failing;
  let runs = 0;
  const kind = kindOf(failing);
  const attempt = async (scenario: Scenario): Promise<boolean> => {
    if ((runs += 1) > mostRuns) return false;
    const result = await simulate(scenario);
    if (result.violation === undefined || kindOf(result) !== kind) return false;
    best = result;
    return true;
  };
  for (
    let size = Math.max(1, best.scenario.faults.length >> 1), again = true;
    again || size > 1;
    size = Math.max(1, size >> 1)
  ) {
    again = false;
    for (let from = 0; from < best.scenario.faults.length;) {
      const faults = best.scenario.faults.filter((_, i) => i < from || i >= from + size);
      if (await attempt({ ...best.scenario, faults })) again = true;
      else from += size;
    }
    if (runs > mostRuns) break;
  }
  if (best.scenario.foreign.length > 0) await attempt({ ...best.scenario, foreign: [] });
  // The last candidates only: faults name the others by their place.
  for (;;) {
    const { candidates } = best.scenario;
    if (candidates.length < 2 || !(await attempt({ ...best.scenario, candidates: candidates.slice(0, -1) }))) break;
  }
  for (let i = 0; i < best.scenario.faults.length; i += 1) {
    for (const factor of [0.25, 0.5, 0.75]) {
      const faults = best.scenario.faults.map((fault, at) =>
        at === i ? { ...fault, forMs: Math.round(fault.forMs * factor) } : fault,
      );
      if (await attempt({ ...best.scenario, faults })) break;
    }
  }
  return best;
}

/** Everything that somebody needs to see it again. */
export async function explain(failing: Result): Promise<string> {
  const small = await shrink(failing);
  const { lines } = await simulate(small.scenario, true);
  const { seed, mode, timing, candidates, faults } = small.scenario;
  const script = faults.map(({ kind, at, forMs, on, level }) => {
    return `  ${(at / 1000).toFixed(3)} s: ${kind} on ${on} for ${Math.round(forMs)} ms, level ${level.toFixed(2)}`;
  });
  return [
    `seed ${seed} (${mode}): ${failing.violation ?? 'no violation'}`,
    `replay: npm run soak -- --seed ${seed}`,
    `shrunk to ${faults.length} faults, ${candidates.length} candidates, lease ${timing.leaseDurationMs} ms: ${small.violation ?? ''}`,
    ...script,
    'the end of its trace:',
    ...lines.slice(-40).map((line) => `  ${line}`),
  ].join('\n');
}

function kindOf({ violation = '' }: Result): string {
  return violation.replace(/^at [\d.]+ s: /, '').split(/[: ]/)[0] ?? '';
}
