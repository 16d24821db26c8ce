// The oracle: sees everything that really happens, in true time, and says which promise it breaks (P1 to P8, safety,
// and V1 to V5, liveness; each is worded where it is judged). Decides nothing in the simulated world and shares no
// code with what it judges but the numbers of the configuration.
// Invariant: it believes effects (a command is alive, a write was applied), never what a candidate says of itself.

import { guardLeadMs, marginMs, type Leash } from '../../src/elector/timing.ts';
import type { WriteRequest } from '../../src/locks/lock.ts';
import type { Host } from './host.ts';
import type { Scenario } from './scenario.ts';
import type { Stored } from './store.ts';
import type { World } from './world.ts';

/** A run of leader-run, or of a foreign elector, from its start to its end. */
export interface Runner {
  readonly name: string;
  readonly foreign: boolean;
  readonly host: Host;
  readonly leaseDurationMs: number;
}

/** A command with all its processes. */
export interface Work {
  readonly runner: Runner;
  readonly startedAt: number;
}

interface Sent {
  readonly at: number;
  applied: boolean;
}

/** After a thaw a command may run so much longer: a slice of the guardian and a late SIGKILL. */
const afterThawMs = 1250;

export class Oracle {
  readonly working = new Set<Work>();
  /** For the table of results. */
  readonly seen = {
    starts: 0,
    terms: 0,
    losses: 0,
    releases: 0,
    overlaps: 0,
    foreignOverlaps: 0,
    handOverMs: [] as number[],
  };
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #sent = new Map<string, Sent>();
  #lastToken = 0;
  #lastEnd = 0;

  constructor(world: World, scenario: Scenario) {
    this.#world = world;
    this.#scenario = scenario;
  }

  /** With a hand on the Lease, or an assumption broken, two at once are no fault of ours, unless the age rule is on. */
  get #promised(): boolean {
    const { mode, newLockWaitMs, faults } = this.#scenario;
    if (mode === 'break') return false;
    if (mode === 'schedule') return faults.every(({ kind }) => kind !== 'delete');
    if (mode !== 'tampering') return true;
    return newLockWaitMs > 0 && faults.every(({ kind }) => kind !== 'blank' && kind !== 'overwrite');
  }

  started(work: Work, token: number | undefined): void {
    const { runner } = work;
    this.seen.starts += 1;
    for (const other of this.working) {
      if (other.runner === runner) this.#world.fail(`P2: ${runner.name} starts a command while its last one is alive`);
    }
    this.working.add(work);
    this.#world.tell(`${runner.name}: command runs, token ${String(token)}`);
    if (token !== undefined) {
      // Where a hand lets two lead at once, the earlier term may be the later one to start its command.
      if (token <= this.#lastToken && this.#promised)
        this.#world.fail(`P7: token ${token} of ${runner.name} after ${this.#lastToken}`);
      this.#lastToken = Math.max(token, this.#lastToken);
    }
    if (this.#lastEnd > 0) this.seen.handOverMs.push(this.#world.now - this.#lastEnd);
    this.look();
  }

  ended(work: Work): void {
    if (!this.working.delete(work)) return;
    this.#lastEnd = this.#world.now;
    this.#world.tell(`${work.runner.name}: nothing is left of its command`);
  }

  /** P1. */
  look(): void {
    const active = [...this.working].filter(({ runner: { host } }) => !host.suspended);
    if (active.length < 2) return;
    const culprits = active.filter(({ runner: { host } }) => this.#world.now > host.thawedAt + afterThawMs);
    if (culprits.length < active.length) this.#world.in(afterThawMs, () => this.look());
    if (culprits.length < 2) return;
    const names = culprits.map(({ runner }) => runner.name).join(' and ');
    // client-go frees the lock while its work runs, and stops late: when it was first, it is its own promise.
    const [first] = culprits.sort((a, b) => a.startedAt - b.startedAt);
    if (first?.runner.foreign) this.seen.foreignOverlaps += 1;
    else if (this.#promised) this.#world.fail(`P1: commands of ${names} run at once`);
    else this.seen.overlaps += 1;
  }

  sending(runner: Runner, { signature: { run, number }, base, record }: WriteRequest): void {
    this.#sent.set(`${run}.${String(number)}`, { at: this.#world.now, applied: false });
    if (base && (base.object === '' || base.state === '')) this.#world.fail('P5: a write without a version');
    const working = [...this.working].some((work) => work.runner === runner);
    if (record.holderIdentity === '' && working)
      this.#world.fail(`P3: ${runner.name} releases while its command is alive`);
  }

  applied({ signature }: Stored): void {
    const sent = signature && this.#sent.get(`${signature.run}.${String(signature.number)}`);
    if (sent) sent.applied = true;
  }

  /** T5: no term begins so late that its command would be born dying. */
  granted(runner: Runner, run: string): void {
    const ageMs = this.#world.now - this.#lastApplied(run);
    const most = this.#scenario.timing.renewDeadlineMs / 2;
    if (ageMs > most)
      this.#world.fail(`P2: ${runner.name} begins a term by a write that is ${ageMs.toFixed(0)} ms old`);
  }

  #lastApplied(run: string): number {
    let latest = -Infinity;
    for (const [name, { applied, at }] of this.#sent) if (applied && at > latest && name.startsWith(run)) latest = at;
    return latest;
  }

  /** P8: no leash is longer than the last write that really was applied allows, counted from its real sending. */
  leashed(runner: Runner, run: string, leash: Leash): void {
    const latest = this.#lastApplied(run);
    const { leaseDurationMs: lease, host } = runner;
    const lateMs = leash.guardBy.boot - (host.boot(latest) + lease - marginMs(lease));
    if (lateMs > 1) this.#world.fail(`P8: the leash of ${runner.name} is ${lateMs.toFixed(0)} ms too long`);
    if (leash.guardBy.boot - leash.killBy.boot < guardLeadMs - 1 || leash.termBy.boot > leash.killBy.boot) {
      this.#world.fail(`P8: the leash of ${runner.name} is out of order`);
    }
  }
}
