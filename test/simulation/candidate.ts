// A simulated candidate: the real Elector and the real run() story, on a simulated machine, lock and command. Decides
// when it is started again after its end. Everything that judges is the shipped code.
// Invariants: a killed run never comes back; its command is left to its guardian; a new run has a new uuid.

import { Elector } from '../../src/elector/driver.ts';
import type { Patience } from '../../src/elector/state.ts';
import type { Event } from '../../src/observe/events.ts';
import { run as runStory } from '../../src/run.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import { notesOf } from '../../src/job/once.ts';
import type { Job } from '../../src/job/key.ts';
import { notesOfSchedule, roundsOf } from '../../src/job/schedule.ts';
import { planOf } from './schedule-oracle.ts';
import { timeText } from '../../src/job/record.ts';
import { SimGuardian } from './command.ts';
import type { Dice } from '../helpers/dice.ts';
import { Host, Process } from './host.ts';
import { type Net, SimLock } from './network.ts';
import type { Runner } from './oracle.ts';
import type { Candidate, Fault, Scenario } from './scenario.ts';
import { SimSupervisor } from './supervisor.ts';

interface Run {
  readonly process: Process;
  readonly guardian: SimGuardian;
  readonly supervisor: SimSupervisor;
  readonly stop: AbortController;
  readonly runner: Runner;
}

export class SimCandidate {
  readonly host: Host;
  readonly plan: Candidate;
  current: Run | undefined;
  readonly #net: Net;
  readonly #scenario: Scenario;
  readonly #index: number;
  readonly #dice: Dice;
  readonly #open = new Set<Runner>();
  /** Their terms end by being given back; whether the release got through is not always told. */
  readonly #deposed = new Set<Runner>();
  #runs = 0;

  constructor(net: Net, scenario: Scenario, index: number, plan: Candidate, dice: Dice) {
    this.#net = net;
    this.#scenario = scenario;
    this.#index = index;
    this.plan = plan;
    this.#dice = dice;
    this.host = new Host(net.world, plan.ppm, plan.offset, plan.wallOffset);
    net.world.in(plan.bootAt, () => this.#boot());
  }

  /** The same candidate in a new container. */
  restart(): void {
    this.current = undefined;
    this.#net.world.in(this.plan.restartMs, () => this.#boot());
  }

  /** SIGKILL to leader-run alone. */
  kill(): void {
    const { current } = this;
    if (!current) return;
    current.process.kill();
    current.guardian.endOfFile();
    this.restart();
  }

  askToStop(): void {
    const { current } = this;
    if (!current || current.stop.signal.aborted) return;
    const { world } = this.#net;
    world.tell(`${current.runner.name}: SIGTERM`);
    current.process.enter(() => current.stop.abort());
    this.#expectEnd(current);
  }

  #boot(): void {
    if (this.current) return;
    const { world, oracle, faults } = this.#net;
    const { plan } = this;
    const number = (this.#runs += 1);
    const dice = this.#dice.of(number);
    const process = new Process(this.host, dice.of(1));
    const name = `${plan.identity}#${this.#index}.${number}`;
    const { leaseDurationMs } = this.#timing();
    const runner: Runner = { name, foreign: false, host: this.host, leaseDurationMs };
    const run = `00000000-0000-4000-8000-${String(this.#index * 1000 + number).padStart(12, '0')}`;
    const guardian = new SimGuardian(process, dice.of(2));
    const slow = (): Fault | undefined =>
      faults.find(
        ({ kind, on, at, forMs }) =>
          kind === 'slow-start' && on === this.#index && at <= world.now && world.now < at + forMs,
      );
    const supervisor = new SimSupervisor({
      process,
      runner,
      run,
      program: plan.program,
      guardian,
      oracle,
      dice: dice.of(3),
      leads: () => this.#open.has(runner),
      leaseDurationMs,
      stopGraceMs: plan.stopGraceMs,
      jobs: this.#net.jobs,
      failing: (this.#scenario.jobs ?? this.#scenario.schedule)?.failing ?? 0,
      spawnMs: () => (slow() ? dice.between(4, 0, slow()?.forMs ?? 0) : dice.between(5, 1, 30)),
    });
    const { latencyMs, watches, identity } = plan;
    const stands = this.#scenario.coordinator && identity;
    const about = { index: this.#index, latencyMs, watches, stands };
    const lock = new SimLock(this.#net, process, runner, about, dice.of(6));
    const stop = new AbortController();
    const mine: Run = { process, guardian, supervisor, stop, runner };
    this.current = mine;
    lock.onNews = (news) => {
      if (news.kind === 'sighted') this.#watchForOthers(mine, run, news.sighting);
    };
    world.tell(`${name}: starts`);
    process.enter(() => this.#play(mine, lock, run, dice));
  }

  #play(mine: Run, lock: SimLock, run: string, dice: Dice): void {
    const { world } = this.#net;
    const { process, supervisor, stop, runner } = mine;
    const { identity, waitMs, onLost, holdForMs, stopGraceMs } = this.plan;
    const timing = this.#timing();
    const { leaseDurationMs } = timing;
    const report = (event: Event): void => {
      if (event.kind === 'elected') this.#net.oracle.granted(runner, run);
      this.#hear(runner, event);
    };
    const rules = { leaseDurationMs, foreignGraceMs: undefined };
    const job = this.#job();
    const { newLockWaitMs, schedule } = this.#scenario;
    const plan = schedule && planOf(schedule);
    const notes = plan ? notesOfSchedule(plan) : job && notesOf(job);
    const settings = { identity, run, timing, rules, newLockWaitMs, notes };
    const elector = new Elector({
      lock,
      clock: process.clock,
      report,
      seed: Math.floor(dice.roll(7) * 2 ** 32),
      settings,
    });
    const desk = {
      stop: stop.signal,
      asked: (): NodeJS.Signals | undefined => (stop.signal.aborted ? 'SIGTERM' : undefined),
      attach: (): void => undefined,
    };
    runStory({
      elector,
      supervisor,
      desk,
      report,
      lock: 'default/demo',
      identity,
      patience: { wait: waitOf(waitMs), untilCertain: false },
      onLost,
      stopSignal: 'SIGTERM',
      stopGraceMs,
      lostGraceMs: timing.lostGraceMs,
      leaseDurationMs,
      holdForMs,
      clock: process.clock,
      attempts: job && { atMost: job.attempts },
      rounds: plan && roundsOf(plan),
    }).then(
      (ending) => {
        world.tell(`${runner.name}: ends, ${ending.kind}`);
        if (ending.kind === 'command' && supervisor.child?.late === true && !stop.signal.aborted)
          world.fail(`V6: ${runner.name} ends as its command did, which had outlasted its term`);
        if (this.current !== mine) return;
        elector.close();
        process.kill();
        this.restart();
      },
      (error: unknown) => {
        world.fail(`${runner.name} throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      },
    );
  }

  /** The newest tick by its own clock, or the newest release, which candidates hear of one after the other. */
  #job(): Job | undefined {
    const { jobs } = this.#scenario;
    if (!jobs) return undefined;
    const { kind, everyMs, attempts } = jobs;
    const heardMs = this.#net.world.now - 400 * this.#index;
    const newest = Math.max(0, Math.floor((kind === 'tick' ? this.host.wall() : heardMs) / everyMs));
    const key = kind === 'tick' ? timeText(newest * everyMs) : `v${newest}`;
    this.#net.jobs?.asked(key);
    return { kind, key, attempts };
  }

  #timing(): Scenario['timing'] {
    const { timing } = this.#scenario;
    const { leaseDurationMs } = this.plan;
    return { ...timing, leaseDurationMs };
  }

  /** Terms begin and end in turn. */
  #hear(runner: Runner, event: Event): void {
    const { world, oracle } = this.#net;
    world.tell(`${runner.name}: ${event.kind}${event.kind === 'lost' ? ` (${event.reason} ${event.holder})` : ''}`);
    switch (event.kind) {
      case 'elected':
        oracle.seen.terms += 1;
        if (this.#open.has(runner) && !this.#deposed.delete(runner))
          world.fail(`P7: ${runner.name} is elected within a term`);
        this.#open.add(runner);
        break;
      case 'lost':
        oracle.seen.losses += 1;
        if (!this.#open.delete(runner)) world.fail(`P7: ${runner.name} loses a term that it does not have`);
        if (this.#scenario.mode === 'bounded')
          world.fail(`V3: ${runner.name} loses its term (${event.reason}) in spite of short faults`);
        break;
      case 'deposed':
        this.#deposed.add(runner);
        break;
      case 'released':
        oracle.seen.releases += 1;
        this.#open.delete(runner);
        break;
      case 'left-held':
      case 'release-failed':
        this.#open.delete(runner);
        break;
      default:
    }
  }

  /** P6: whoever sees another holder kills at once. */
  #watchForOthers({ process, supervisor, runner }: Run, run: string, sighting: Sighting): void {
    if (sighting.kind !== 'record' || sighting.signature?.run === run) return;
    const { world, store } = this.#net;
    const { command } = supervisor;
    if (!command?.alive || command.killed || process.halted || !this.#open.has(runner)) return;
    const seen = Number(sighting.version.state);
    const ours = store.history.findLast((moment) => moment?.signature?.run === run);
    // A version of another object cannot be compared: there a read decides.
    if (ours?.uid !== sighting.version.object || ours.version >= seen) return;
    world.in(1, () => {
      if (command.alive && !command.killed && !process.halted && this.#open.has(runner))
        world.fail(`P6: ${runner.name} sees another holder and goes on`);
    });
  }

  /** V4, unless something that the bound does not know holds it up. */
  #expectEnd(mine: Run): void {
    const { world, faults } = this.#net;
    const untold = ['stall', 'stop', 'suspend', 'guardian-stop', 'guardian-kill', 'slow-start'];
    if (faults.some(({ kind, on }) => on === this.#index && untold.includes(kind))) return;
    const { stopGraceMs, program } = this.plan;
    const { renewDeadlineMs } = this.#timing();
    // A command gets its grace, its leftovers 2 s; then there are 2 s to let go, after a write that is under way.
    const runs = mine.supervisor.command?.alive ?? false;
    const bound = (runs ? stopGraceMs + program.killTakesMs + 2_000 : 0) + renewDeadlineMs + 2_000 + 1_000;
    world.in(bound, () => {
      if (this.current === mine) world.fail(`V4: ${mine.runner.name} still runs ${Math.round(bound)} ms after SIGTERM`);
    });
  }
}

/** As a scenario writes it: undefined for ever, 0 for one look. */
function waitOf(waitMs: number | undefined): Patience['wait'] {
  if (waitMs === undefined) return { kind: 'forever' };
  return waitMs === 0 ? { kind: 'one-look' } : { kind: 'for', ms: waitMs };
}
