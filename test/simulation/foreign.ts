// A candidate with client-go's elector (tools/leaderelection), as far as others on the same lock can tell: it polls,
// counts its deadline from the answer, lets the last request take a further deadline, and with ReleaseOnCancel frees
// the lock before its work has ended. Decides when it believes to lead. Known faults are imitated, not corrected.
// Invariant: it waits out the record's duration from the receipt of the last change, as client-go does.

import type { WriteRequest } from '../../src/locks/lock.ts';
import { type ElectionRecord, released, renewed, sameRecord, taken } from '../../src/locks/record.ts';
import type { Timing } from '../../src/elector/timing.ts';
import { Command } from './command.ts';
import type { Dice } from '../helpers/dice.ts';
import { Host, Process } from './host.ts';
import type { Net } from './network.ts';
import type { Runner } from './oracle.ts';
import type { Foreign } from './scenario.ts';
import type { Stored } from './store.ts';

const jitter = 1.2;

export function startForeign(net: Net, foreign: Foreign, timing: Timing, dice: Dice): void {
  const { world, store, oracle } = net;
  const host = new Host(world, foreign.ppm, 5_000, 1.7e12);
  const process = new Process(host, dice);
  const runner: Runner = { name: 'client-go', foreign: true, host, leaseDurationMs: timing.leaseDurationMs };
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = timing;
  let observed: { moment: Stored; since: number } | undefined;
  let command: Command | undefined;
  let lastAnswer = 0;
  let count = 0;
  let round = 0;

  /** One round trip; lost now and then. */
  const call = (serve: () => void, then: (ok: boolean) => void): void => {
    const roll = dice.of((count += 1));
    if (roll.chance(0, 0.05)) return void world.in(renewDeadlineMs / 2, () => then(false));
    world.in(roll.skewed(1, foreign.latencyMs * 0.3, foreign.latencyMs * 2), () => {
      serve();
      world.in(roll.skewed(2, foreign.latencyMs * 0.3, foreign.latencyMs * 2), () => then(true));
    });
  };

  function attempt(then: (ours: boolean) => void): void {
    let seen: Stored | undefined;
    call(
      () => (seen = store.current),
      (ok) => {
        if (!ok) return then(false);
        if (seen && (observed?.moment.uid !== seen.uid || !sameRecord(observed.moment.record, seen.record))) {
          observed = { moment: seen, since: host.mono() };
        }
        const before = seen?.record;
        const ours = before?.holderIdentity === runner.name;
        if (before && observed && !ours && before.holderIdentity !== '') {
          if (host.mono() < observed.since + before.leaseDurationSeconds * 1000) return then(false);
        }
        const record = ours
          ? renewed(before, host.wall())
          : taken(before, runner.name, leaseDurationMs / 1000, host.wall());
        put(record, seen, then);
      },
    );
  }

  function put(record: ElectionRecord, seen: Stored | undefined, then: (ours: boolean) => void): void {
    const base = seen && { object: seen.uid, state: String(seen.version) };
    const request: Pick<WriteRequest, 'base' | 'record'> = { base, record };
    let result: Stored | 'conflict' | undefined;
    call(
      () => {
        // The annotation of whoever led before stays in place.
        result = store.write({ ...request, signature: seen?.signature }, world.now);
        world.tell(
          `store: client-go (${record.holderIdentity}) ${result === 'conflict' ? result : `is version ${result.version}`}`,
        );
      },
      (ok) => {
        if (ok && result && result !== 'conflict') observed = { moment: result, since: host.mono() };
        then(ok && result !== 'conflict');
      },
    );
  }

  function acquire(): void {
    attempt((ours) => {
      if (ours && command === undefined) {
        lastAnswer = host.mono();
        command = new Command(
          runner,
          { drainMs: 10, endsAfterMs: undefined, other: undefined, killTakesMs: 1 },
          oracle,
          undefined,
        );
        return void world.in(retryPeriodMs, renew);
      }
      world.in(retryPeriodMs * (1 + jitter * dice.roll(5000 + (round += 1))), acquire);
    });
  }

  function renew(): void {
    attempt((ours) => {
      if (ours) lastAnswer = host.mono();
      if (ours || host.mono() < lastAnswer + renewDeadlineMs) return void world.in(retryPeriodMs, renew);
      stepDown();
    });
  }

  function stepDown(): void {
    const done = (): void => {
      command?.term();
      command = undefined;
      world.in(retryPeriodMs, acquire);
    };
    const { current } = store;
    if (!foreign.releases || current?.record.holderIdentity !== runner.name) return done();
    put(released(current.record, host.wall()), current, done);
  }

  process.world.in(foreign.bootAt, acquire);
}
