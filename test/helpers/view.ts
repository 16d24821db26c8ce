// A candidate as it can be seen (src/observe/view.ts), of which a test changes what it is about: a standby that sees
// pod-a lead ops/nightly. Decides nothing.
// Invariant: what a test does not name is healthy.

import type { Glance } from '../../src/elector/glance.ts';
import type { View } from '../../src/observe/view.ts';
import { held, wallStart } from './rig.ts';

export function glanceOf(more: Partial<Glance>): Glance {
  return {
    sighting: { kind: 'record', record: held('pod-a'), signature: undefined, version: { object: 'uid', state: '7' } },
    note: undefined,
    isLeading: false,
    state: 'held',
    changedMs: 800,
    seenMs: 800,
    ...more,
  };
}

export function viewOf(more: Partial<View>): View {
  return {
    lock: 'ops/nightly',
    identity: 'me',
    version: '0.1.0',
    guardian: '/bin/bash',
    isGuarded: true,
    isStopping: false,
    leaseDurationMs: 15_000,
    lateMs: 0,
    glance: glanceOf({}),
    pause: undefined,
    job: undefined,
    nextMs: undefined,
    wallMs: wallStart,
    ...more,
  };
}
