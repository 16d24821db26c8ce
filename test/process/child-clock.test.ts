// The command's supervisor under clocks that jump, as after a suspend: the leash that is due by then kills at once, and
// no renewal saves it. First with a clock that the test moves, then the whole program, for which the test writes
// /proc/uptime.

import { describe } from 'vitest';
import type { Child } from '../../src/child/child.ts';
import { createSupervisor, type Supervisor } from '../../src/child/supervisor.ts';
import { type Clock, type Instant, later, systemClock } from '../../src/clock.ts';
import { grantTerm } from '../../src/elector/term.ts';
import type { Leash } from '../../src/child/leash.ts';
import type { Event } from '../../src/observe/events.ts';
import { type Ending, run } from '../../src/run.ts';
import { type Arena, test } from '../helpers/arena.ts';
import { short, shortTiming } from '../helpers/leader-run.ts';
import { notRoot } from '../helpers/machine.ts';
import { within } from '../helpers/wait.ts';
import { Uptime } from '../helpers/uptime.ts';

/** The machine's clock, but boot time can be put forward. */
function jumpyClock(): Clock & { jumpMs: number } {
  const real = systemClock();
  const clock = {
    jumpMs: 0,
    now: () => {
      const now = real.now();
      return { ...now, boot: now.boot + clock.jumpMs };
    },
    after: (ms: number, callback: () => void) => real.after(ms, callback),
  };
  return clock;
}

interface Prepared {
  readonly clock: Clock & { jumpMs: number };
  readonly events: Event[];
  readonly leash: () => Leash;
  readonly supervisor: Supervisor;
}

async function prepare(arena: Arena): Promise<Prepared> {
  const clock = jumpyClock();
  const events: Event[] = [];
  const from = (ms: number): Instant => later(clock.now(), ms);
  const leash = (): Leash => ({ termBy: from(30_000), killBy: from(40_000), guardBy: from(41_000) });
  const supervisor = await createSupervisor({
    command: 'sleep',
    args: ['1000'],
    inherited: arena.environment(),
    guardian: 'off',
    stopSignal: 'SIGTERM',
    signalTo: 'group',
    clock,
    report: (event) => events.push(event),
    leaseDurationMs: 60_000,
  });
  return { clock, events, leash, supervisor };
}

async function start(arena: Arena): Promise<Prepared & { child: Child }> {
  const prepared = await prepare(arena);
  const started = await prepared.supervisor.start({}, prepared.leash, () => false);
  if (started.kind !== 'started') throw new Error(`not started: ${JSON.stringify(started)}`);
  return { ...prepared, child: started.child };
}

describe.concurrent('a command whose clock jumps', () => {
  test('#33 is killed at once, although a renewal is acknowledged after the jump', async ({ arena, expect }) => {
    const { clock, events, leash, child } = await start(arena);
    clock.jumpMs = 60_000;
    child.extend(leash());
    await within(child.ended, 'the end of the command');
    expect(events).toContainEqual({ kind: 'signalled', signal: 'SIGKILL', why: 'leash' });
    expect(await child.stop({ signal: undefined, graceMs: 0, why: 'lost' })).toMatchObject({
      signal: 'SIGKILL',
      alive: [],
    });
  });

  test('is told first when the jump reaches the renew deadline alone', async ({ arena, expect }) => {
    const { clock, events, child } = await start(arena);
    clock.jumpMs = 35_000;
    await within(child.ended, 'the end of the command');
    expect(events.filter(({ kind }) => kind === 'signalled')).toEqual([
      { kind: 'signalled', signal: 'SIGTERM', why: 'lost' },
    ]);
    await child.stop({ signal: undefined, graceMs: 0, why: 'lost' });
  });

  test.for([
    { name: 'renew deadline', jumpMs: 35_000 },
    { name: 'end of the leash', jumpMs: 60_000 },
  ])('does not begin to run when the jump reaches the $name while the guardian is armed', async ({ jumpMs }, { arena, expect }) => {
    const { clock, events, leash, supervisor } = await prepare(arena);
    const given = leash();
    const jumping = (): Leash => {
      clock.jumpMs = jumpMs;
      return given;
    };
    const started = await supervisor.start({}, jumping, () => false);
    if (started.kind === 'started') await started.child.stop({ signal: undefined, graceMs: 0, why: 'lost' });
    await supervisor.close();
    expect(started).toEqual({ kind: 'too-late' });
    expect(events).toEqual([]);
  });

  test('#33 under the whole program is killed, and nothing is renewed after the jump', async ({
    arena,
    expect,
    skip,
  }) => {
    const lacking = notRoot();
    if (lacking !== undefined) return skip(lacking);
    const uptime = new Uptime(arena);
    const { run: leader, puppet } = await arena.lead({
      flags: ['--on-lost=exit'],
      through: uptime.through,
    });
    const before = arena.renewedAt();
    await arena.until('a renewal', () => arena.renewedAt() > before);
    const jumpedAt = uptime.jump(60);
    const goneAt = await puppet.isOver();
    await leader.end();
    uptime.close();
    expect(goneAt).toBeLessThan(jumpedAt + short.renewMs);
    const after = arena.versions().filter(({ record }) => Date.parse(record.renewTime) > jumpedAt + 100);
    expect(after.map(({ record }) => record.holderIdentity).filter((holder) => holder !== '')).toEqual([]);
  });

  // The leash may act before the elector has noticed; what ended the command is the loss all the same.
  test.for([
    { name: 'told', seconds: 35 },
    { name: 'killed', seconds: 60 },
  ])('#33 counts as a loss of the lock when the leash has $name it', async ({ seconds }, { arena, expect }) => {
    expect(await storyWithJump(arena, seconds)).toEqual({ kind: 'lost', given: false });
  });

  test('that cannot be read any more is killed, and leader-run ends with 125', async ({ arena, expect, skip }) => {
    const lacking = notRoot();
    if (lacking !== undefined) return skip(lacking);
    const uptime = new Uptime(arena);
    const { run: leader, puppet } = await arena.lead({ timing: shortTiming, through: uptime.through });
    const brokenAt = uptime.destroy();
    const goneAt = await puppet.isOver();
    expect(goneAt).toBeLessThan(brokenAt + short.renewMs);
    expect(await leader.end()).toMatchObject({ status: 125 });
    await leader.isAbandoned();
  });
});

/** The whole story but for the elector, which notices a jump of the clock half a second after the command's end. */
async function storyWithJump(arena: Arena, seconds: number): Promise<Ending> {
  const { clock, supervisor, leash } = await prepare(arena);
  const granter = {
    now: () => clock.now(),
    workEnded: () => undefined,
    wish: () => undefined, stepDown: () => undefined,
    resign: () => Promise.resolve({ kind: 'released' as const }),
  };
  const token = { value: '1', lockUid: 'o', transitions: 0 };
  const granted = grantTerm({ token, leash: leash(), beside: { note: undefined, instructions: undefined } }, granter);
  const notice = (): void => {
    clock.after(500, () => {
      granted.end('deadline');
    });
  };
  const ending = run({
    elector: { campaign: () => Promise.resolve({ kind: 'elected', term: granted.term }), stop: () => undefined },
    supervisor: {
      start: async (...args) => {
        const started = await supervisor.start(...args);
        clock.jumpMs = seconds * 1000;
        if (started.kind === 'started') void started.child.ended.then(notice);
        return started;
      },
    },
    desk: { stop: new AbortController().signal, asked: () => undefined, attach: () => undefined },
    report: () => undefined,
    lock: 'default/demo',
    identity: 'alice',
    patience: { wait: { kind: 'forever' }, untilCertain: false },
    onLost: 'exit',
    stopSignal: 'SIGTERM',
    stopGraceMs: 25_000,
    lostGraceMs: 3000,
    leaseDurationMs: 15_000,
    holdForMs: 0,
    clock,
  });
  return within(ending, 'the end of the story');
}
