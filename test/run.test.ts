// The story where elector and child disagree: a pause of this process between the two, as the smallest CPU quota makes
// one, lets a renewal reach the elector in time and the command's leash too late.

import { expect, test } from 'vitest';
import type { Child } from '../src/child/child.ts';
import type { Term } from '../src/elector/term.ts';
import { run, type Story } from '../src/run.ts';
import { ManualClock } from './helpers/manual-clock.ts';

const never = new Promise<never>(() => undefined);
const instant = { mono: 0, boot: 0 };

test('gives the lock back when its command has outlasted its leash, and the elector holds the term still', async () => {
  const done: string[] = [];
  const term: Partial<Term> = {
    token: { value: '1', lockUid: 'uid', transitions: 0 },
    leash: { termBy: instant, killBy: instant, guardBy: instant },
    lost: never,
    deposed: never,
    onLost: () => undefined,
    onLeash: () => undefined,
    workEnded: () => done.push('work ended'),
    resign: () => {
      done.push('resigned');
      return Promise.resolve({ kind: 'released' });
    },
  };
  const child = {
    outlasted: true,
    ended: Promise.resolve(),
    extend: () => undefined,
    forward: () => undefined,
    stop: () => Promise.resolve({ status: 137, signal: 'SIGKILL', alive: [] }),
  };
  const campaigns = [{ kind: 'elected', term: term as Term }, { kind: 'not-acquired', trouble: undefined }] as const;
  const story: Partial<Story> = {
    elector: { campaign: () => Promise.resolve(campaigns[done.includes('resigned') ? 1 : 0]), stop: () => undefined },
    supervisor: { start: () => Promise.resolve({ kind: 'started', child: child as unknown as Child }) },
    desk: { stop: new AbortController().signal, asked: () => undefined, attach: () => undefined },
    report: () => undefined,
    clock: new ManualClock(),
    lock: 'default/demo',
    identity: 'alice',
    patience: { wait: { kind: 'forever' }, untilCertain: false },
    onLost: 'rejoin',
    stopSignal: 'SIGTERM',
    stopGraceMs: 1000,
    lostGraceMs: 1000,
    leaseDurationMs: 4000,
    holdForMs: 0,
  };
  expect(await run(story as Story)).toMatchObject({ kind: 'not-acquired' });
  expect(done).toEqual(['work ended', 'resigned']);
});
