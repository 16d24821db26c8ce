// What a LeaderElector makes of its settings, and what it adds itself: the wait for a holder of another kind, and dice
// of its own, so that a crowd of candidates does not act as one. On a lock in memory and a clock that the test moves.
// Does not know who else wants the lock: each candidate has one of its own.

import { expect, test } from 'vitest';
import { LeaderElector, type LeaderElectionConfig } from '../../src/elector/leader-elector.ts';
import type { Patience } from '../../src/elector/state.ts';
import type { Lock } from '../../src/locks/lock.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { held, MemoryLock } from '../helpers/rig.ts';

const forever: Patience = { wait: { kind: 'forever' }, untilCertain: false };
const leaseMs = 15_000;

/** A candidate for a lock that mallory holds, who is not leader-run and says nothing more. */
function candidate(config: Partial<LeaderElectionConfig>): { clock: ManualClock; took: () => number | undefined } {
  const clock = new ManualClock();
  const memory = new MemoryLock();
  memory.put(held('mallory'));
  const began = clock.now().mono;
  let tookMs: number | undefined;
  const lock: Lock = {
    name: 'lease default/demo',
    where: 'memory',
    read: () => Promise.resolve({ kind: 'sighted', sighting: memory.sighting }),
    write: (request, { sending }) => {
      sending?.();
      tookMs ??= clock.now().mono - began;
      return Promise.resolve(memory.write(request));
    },
    rehearse: () => Promise.resolve({ kind: 'allowed' }),
    watch: () => () => undefined,
    compare: () => 'newer',
    close: () => undefined,
  };
  const elector = new LeaderElector({ lock, identity: 'alice', clock, leaseDurationMs: leaseMs, ...config });
  void elector.campaign(forever, new AbortController().signal);
  return { clock, took: () => tookMs };
}

test.each([
  { name: 'none', foreignGraceMs: 0, waitsMs: leaseMs },
  { name: 'a minute', foreignGraceMs: 60_000, waitsMs: leaseMs + 60_000 },
  { name: '7/15 of its duration unless it is set', foreignGraceMs: undefined, waitsMs: leaseMs + 7_000 },
])('a holder that is not leader-run gets the grace that is set: $name', async ({ foreignGraceMs, waitsMs }) => {
  const { clock, took } = candidate({ foreignGraceMs });
  await clock.pass(waitsMs - 100);
  expect(took()).toBeUndefined();
  await clock.pass(200);
  expect(took()).toBeDefined();
});

test('candidates that wait for one lease to end do not all take it at one instant', async () => {
  const instants = new Set<number | undefined>();
  for (let each = 0; each < 20; each += 1) {
    const { clock, took } = candidate({ foreignGraceMs: 0 });
    await clock.pass(leaseMs + 100);
    instants.add(took());
  }
  expect(instants).not.toContain(undefined);
  expect(instants.size).toBeGreaterThan(1);
});
