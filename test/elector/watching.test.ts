// A watch that is open and tells nothing: a proxy between keeps answers back, or a connection is half dead.
// Invariant under test: a look that finds what the watch did not tell within a second ends the trust in it.

import { expect, test } from 'vitest';
import { bobRun, held, kinds, MemoryLock, Rig } from '../helpers/rig.ts';

const bob = (number: number) => ({ identity: 'bob', run: bobRun, number });

function standby(): Rig {
  const lock = new MemoryLock();
  lock.put(held('bob'), bob(1));
  const rig = new Rig(lock).campaign();
  rig.feed({ kind: 'watch-up' });
  return rig.run(50);
}

function renewals(rig: Rig, from: number, count: number): void {
  for (let i = 0; i < count; i += 1) {
    rig.lock.put({ renewTime: `2026-01-01T00:00:${String(from + i).padStart(2, '0')}.000000Z` }, bob(from + i));
    rig.run(2_000);
  }
}

const looks = (rig: Rig) => rig.calls.filter((call) => call === 'read').length;

test('is found out by the first look, said once, opened anew and not relied on', () => {
  const rig = standby();
  renewals(rig, 2, 6);
  expect(kinds(rig).filter((kind) => kind === 'watch-mute')).toHaveLength(1);
  expect(rig.effects.filter((effect) => effect.kind === 'watch' && effect.on)).toHaveLength(2);
  rig.feed({ kind: 'watch-up' });
  const before = looks(rig);
  renewals(rig, 10, 10);
  // Polls as without a watch.
  expect(looks(rig) - before).toBeGreaterThanOrEqual(5);
  expect(kinds(rig).filter((kind) => kind === 'watch-mute')).toHaveLength(1);
});

test('is relied on again once it tells news', () => {
  const rig = standby();
  renewals(rig, 2, 6);
  rig.watch();
  rig.lock.put({ renewTime: 'later' }, bob(20));
  rig.watch();
  const before = looks(rig);
  rig.run(6_000);
  expect(looks(rig) - before).toBe(0);
});

test('is not suspected for being a moment late', () => {
  const rig = standby();
  rig.run(6_900);
  rig.lock.put({ renewTime: 'x' }, bob(2));
  while (!rig.asked) rig.later(50).feed({ kind: 'tick' });
  rig.later(5).answer();
  rig.later(500).watch();
  rig.run(3_000);
  expect(kinds(rig)).not.toContain('watch-mute');
});

test('does not hide a free lock for longer than a poll', () => {
  const rig = standby();
  renewals(rig, 2, 6);
  rig.lock.put({ holderIdentity: '', leaseDurationSeconds: 1 }, bob(30));
  rig.run(5_000);
  expect(rig.grant).toBeDefined();
});
