// Runs one scenario from beginning to end: builds the world, lets the faults happen, and asks in the end whether
// somebody leads who should (V1, V2, V5). Decides nothing that is random.
// Invariant: the same scenario gives the same trace, word for word.

import { SimCandidate } from './candidate.ts';
import { startCoordinator } from './coordinator.ts';
import { Dice } from '../helpers/dice.ts';
import { startForeign } from './foreign.ts';
import type { Net } from './network.ts';
import { Oracle } from './oracle.ts';
import { timeText } from '../../src/job/record.ts';
import { JobOracle, serverWall } from './job-oracle.ts';
import { ScheduleOracle } from './schedule-oracle.ts';
import { type Fault, isCalm, type Scenario } from './scenario.ts';
import { Store } from './store.ts';
import { World } from './world.ts';

export interface Result {
  readonly scenario: Scenario;
  readonly violation: string | undefined;
  readonly hash: number;
  readonly happenings: number;
  readonly lines: readonly string[];
  readonly seen: Oracle['seen'];
  readonly jobs: JobOracle['seen'] | undefined;
  readonly ticks: ScheduleOracle['seen'] | undefined;
}

export async function simulate(scenario: Scenario, recording = false): Promise<Result> {
  const world = new World(recording);
  const store = new Store();
  const oracle = new Oracle(world, scenario);
  // A slow fetch is a fault of its own: where short faults must cost nobody a term, it may not lengthen one by much.
  const credentialsMs = { liveness: 30, bounded: 100 }[scenario.mode as string] ?? 400;
  const jobs = scenario.jobs && new JobOracle(world, scenario.jobs);
  const ticks = scenario.schedule && new ScheduleOracle(world, scenario.schedule, mayForget(scenario));
  const judge = jobs ?? ticks;
  const net: Net = { world, store, oracle, faults: scenario.faults, credentialsMs, standing: new Set(), jobs: judge };
  const dice = new Dice(scenario.seed, 2);
  const candidates = scenario.candidates.map((plan, i) => new SimCandidate(net, scenario, i, plan, dice.of(i)));
  if (scenario.coordinator) startCoordinator(net, scenario.coordinator, dice.of(150));
  for (const [i, foreign] of scenario.foreign.entries()) startForeign(net, foreign, scenario.timing, dice.of(100 + i));
  for (const [i, fault] of scenario.faults.entries())
    world.at(fault.at, () => strike(fault, net, candidates, dice.of(200 + i)));
  if (scenario.mode === 'liveness') expectLeader(scenario, net, candidates);
  await world.run(scenario.untilMs);
  jobs?.close(store.current?.note, scenario.jobs !== undefined && isCalm(scenario.jobs));
  ticks?.close();
  const { violation, hash, happenings, lines } = world;
  return { scenario, violation, hash, happenings, lines, seen: oracle.seen, jobs: jobs?.seen, ticks: ticks?.seen };
}

function mayForget({ faults }: Scenario): boolean {
  return faults.some(({ kind }) => kind === 'delete');
}

/** Faults that are incidents; the weather is looked up where messages travel. */
function strike(fault: Fault, { world, store }: Net, candidates: readonly SimCandidate[], dice: Dice): void {
  const { kind, forMs, on, level } = fault;
  const candidate = candidates[on];
  world.tell(`fault: ${kind} on ${on} for ${Math.round(forMs)} ms, level ${level.toFixed(2)}`);
  if (!candidate) return;
  const { host, current } = candidate;
  switch (kind) {
    case 'stall':
    case 'stop': {
      current?.process.stop();
      world.in(kind === 'stall' ? Math.min(forMs, 3_000) : forMs, () => current?.process.continue());
      break;
    }
    case 'suspend':
      host.suspend();
      world.in(forMs, () => host.thaw());
      break;
    case 'kill':
      candidate.kill();
      break;
    case 'guardian-kill':
      current?.guardian.die();
      break;
    case 'guardian-stop':
      current?.guardian.stop();
      world.in(forMs, () => current?.guardian.continue());
      break;
    case 'wall-jump':
      host.jumpWall(Math.round((level - 0.5) * 7_200_000));
      break;
    case 'wall-freeze':
      host.freezeWall(true);
      world.in(forMs * 2, () => host.freezeWall(false));
      break;
    case 'sigterm':
      candidate.askToStop();
      break;
    case 'labels':
      for (let i = 0; i < 1 + level * 30; i += 1) world.in(dice.between(i, 0, forMs), () => store.edit('label'));
      break;
    case 'server-down':
      store.loseConnections();
      break;
    case 'delete':
      store.delete();
      break;
    case 'step-down':
      store.ask({ stepDown: `${store.current?.record.holderIdentity ?? ''} test` });
      break;
    case 'pause': {
      // With an end of its own, or until it is taken away.
      const ends = level < 0.5;
      const until = timeText(serverWall + world.now + forMs);
      store.ask({ pause: ends ? `${until} test` : 'test' });
      if (!ends) world.in(forMs, () => store.ask({ pause: undefined }));
      break;
    }
    case 'run-now':
      store.ask({ run: String(Math.round(world.now)) });
      break;
    case 'blank':
      store.edit({ holderIdentity: '', leaseDurationSeconds: 1 });
      break;
    case 'overwrite':
      store.edit({ holderIdentity: 'intruder' });
      break;
    default:
  }
}

/** Once faults have ended somebody leads within a bound and keeps leading; then a clean hand-over is quick. */
function expectLeader(
  { calmFromMs, timing, faults, untilMs }: Scenario,
  { world, oracle }: Net,
  candidates: readonly SimCandidate[],
): void {
  const { leaseDurationMs: lease, renewDeadlineMs, retryPeriodMs } = timing;
  // Half a lease until the next look where the watch is dead, a lease to wait, an attempt that hangs, a lost race.
  const bound = 2 * lease + renewDeadlineMs + retryPeriodMs * 2.2 + 5_000;
  world.at(calmFromMs + bound, () => {
    const [leader, ...others] = oracle.working;
    if (!leader || others.length > 0)
      return world.fail(`V1: ${String(oracle.working.size)} commands run ${Math.round(bound)} ms after the last fault`);
    world.at(untilMs - 5_000 - lease / 2, () => {
      if (!oracle.working.has(leader)) return world.fail('V5: the command does not stay, without any fault');
      const resigning = candidates.find(({ current }) => current?.runner === leader.runner);
      resigning?.askToStop();
      expectHandOver(leader.runner.name);
    });
  });

  function expectHandOver(name: string): void {
    const blind = faults.some(
      ({ kind }) => kind.startsWith('watch') || kind.startsWith('cut') || kind === 'refused' || kind === 'server-down',
    );
    const waiting = candidates.filter(({ plan, current }) => plan.watches && current?.runner.name !== name);
    const slowest = Math.max(...candidates.map(({ plan }) => plan.latencyMs));
    // Whose watch may be mute, and who has none, looks by itself: at the latest when half a lease is over.
    const lookMs = blind || waiting.length === 0 ? lease / 2 : 0;
    const limit = 250 + 8 * slowest + lookMs;
    const handOvers = oracle.seen.handOverMs.length;
    world.at(untilMs - 1, () => {
      const last = oracle.seen.handOverMs[handOvers];
      if (last === undefined || last > limit)
        world.fail(`V2: a clean hand-over takes ${String(last?.toFixed(0))} ms, not ${limit.toFixed(0)}`);
    });
  }
}
