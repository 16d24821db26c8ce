// The name of a state of the model: equal for states from which the same can happen. Decides what does not matter:
// when it is, which numbers versions and writes bear as long as their order is the same, and the dice.
// Times are told in ticks from now, rounded as their comparison is (`now >= time` at ticks alone), so this loses nothing;
// what is past is told as past. Left out as well: writes that are nowhere any more, and so can never be met again;
// times in records, which nobody compares; what people were told; counters that only lengthen pauses.
// Invariant: 64 bits of hash; at a few million states a collision has odds of less than one in a million.

import type { Instant } from '../../../src/clock.ts';
import type { PendingWrite, State } from '../../../src/elector/state.ts';
import type { Sighting, Version, WriteRequest } from '../../../src/locks/lock.ts';
import type { ElectionRecord, Signature } from '../../../src/locks/record.ts';
import { type Model, type Place, tickMs } from './model.ts';

/** By then the next look is due, without a watch. */
const lookTicks = 3;

export class Key {
  high = 0;
  low = 0;
  readonly #model: Model;
  readonly #rates: readonly [number, number];
  #versions: number[] = [];
  #numbers: [number[], number[]] = [[], []];
  #local = 0;
  #tick = tickMs;
  #place: Place | undefined;
  #deadlineTicks = 0;

  constructor(model: Model, rates: readonly [number, number]) {
    this.#model = model;
    this.#rates = rates;
  }

  /** Sets `high` and `low`. */
  of(place: Place): void {
    this.high = 0x811c9dc5;
    this.low = 0x2545f491;
    this.#place = place;
    this.#collect(place);
    const { lock, procs, crashes, deletions } = place;
    this.#add(crashes);
    this.#add(deletions);
    if (lock) this.#sighting(lock);
    else this.#add(-1);
    const { newLockWaitMs } = procs[0].core.settings;
    if (lock && newLockWaitMs > 0) this.#add(Math.min((place.time - place.createdAt) * tickMs, newLockWaitMs));
    for (const index of [0, 1] as const) {
      const proc = procs[index];
      this.#local = this.#model.now(place, index).boot;
      this.#tick = tickMs * this.#rates[index];
      this.#deadlineTicks = Math.ceil(proc.core.settings.timing.renewDeadlineMs / tickMs) + 1;
      this.#core(proc.core, index);
      this.#add(proc.child ? this.#ticks(proc.child.deadBy) : -99);
      this.#add(proc.orphan ? this.#ticks(proc.orphan.deadBy) : -99);
      for (const zombie of proc.zombies) this.#write(zombie);
      this.#add(-3);
      const { request } = proc;
      if (request) {
        this.#number(request.number, index);
        if (request.write) this.#write(request.write);
        const { answer } = request;
        if (answer === undefined) this.#add(-1);
        else if (answer.kind === 'sighted' || answer.kind === 'stored') this.#sighting(answer.sighting);
        else this.#add(-2);
      } else this.#add(-4);
    }
  }

  #core(core: State, index: 0 | 1): void {
    const { want, occupied, term, leaving, observation, stored, pending, mustRead } = core;
    this.#add(
      (want === 'lead' ? 1 : want === 'leave' ? 2 : 0) +
        (occupied ? 4 : 0) +
        (mustRead ? 8 : 0) +
        (core.request ? 16 : 0),
    );
    this.#add(term ? this.#instant(term.leash.termBy) : -99);
    if (want === 'leave') {
      this.#add(leaving.tries);
      this.#add(leaving.by ? this.#instant(leaving.by) : -99);
    }
    if (observation) {
      const { sighting, own, since, waitMs, spreadMs, lastSeen } = observation;
      this.#add(own ? 1 : 2);
      if (sighting.kind === 'record') {
        this.#versionOf(sighting.version);
        this.#holder(sighting.record);
      }
      if (!own) this.#add(this.#instant({ mono: 0, boot: since.boot + waitMs + spreadMs }));
      if (!term && !own) this.#add(Math.min(this.#since(lastSeen), lookTicks));
      // What will be waited for should it vanish.
      this.#add(waitMs);
    } else this.#add(-98);
    if (stored && (term ?? observation?.own)) this.#versionOf(stored.version);
    for (const write of pending) this.#pending(write, index);
    if (want === 'leave') this.#add(Math.min(pending.length, 1));
    // An object only gets older: what counts is when it was made, which its version tells as well.
    if (core.age)
      this.#add(core.age.object.charCodeAt(4) * 100 + Math.min(60, this.#since(core.age.at) + core.age.ms / tickMs));
    this.#add(this.#instant(core.pause));
    if (want === 'lead' && !term) this.#add(this.#instant(core.takePause));
  }

  #pending({ number, kind, sentAt }: PendingWrite, index: 0 | 1): void {
    if (!this.#numbers[index].includes(number)) return;
    this.#number(number, index);
    this.#add(kind.length);
    this.#add(Math.min(this.#since(sentAt), this.#deadlineTicks));
  }

  #sighting(sighting: Sighting): void {
    if (sighting.kind !== 'record') return this.#add(-5);
    this.#versionOf(sighting.version);
    this.#holder(sighting.record);
    this.#signature(sighting.signature);
    if (sighting.ageMs !== undefined) this.#add(sighting.ageMs);
  }

  #write({ base, record, signature }: WriteRequest): void {
    if (base) this.#versionOf(base);
    else this.#add(-6);
    this.#holder(record);
    this.#signature(signature);
  }

  #holder({ holderIdentity }: ElectionRecord): void {
    this.#add(holderIdentity === '' ? 0 : holderIdentity.charCodeAt(0));
  }

  #signature(signature: Signature | undefined): void {
    if (!signature || !this.#place) return this.#add(-7);
    const index = this.#place.procs.findIndex(({ core }) => core.settings.run === signature.run);
    if (index === 0 || index === 1) this.#number(signature.number, index);
    else this.#add(-8);
  }

  /** The place of a write's number among those that still matter. */
  #number(number: number, index: 0 | 1): void {
    this.#add(this.#numbers[index].indexOf(number) + index * 100);
  }

  #versionOf({ object, state }: Version): void {
    this.#add(this.#versions.indexOf(Number(state)) + object.charCodeAt(4) * 100);
  }

  /** Ticks until `boot`, as `now >= boot` sees it. */
  #ticks(boot: number): number {
    return Math.max(-1, Math.ceil((boot - this.#local) / this.#tick - 1e-9));
  }

  #instant({ boot }: Instant): number {
    return Math.max(0, this.#ticks(boot));
  }

  #since({ boot }: Instant): number {
    return Math.min(20, Math.round((this.#local - boot) / this.#tick));
  }

  #collect({ lock, procs }: Place): void {
    const versions = this.#versions;
    versions.length = 0;
    const seen = (version: Version | undefined): void => {
      if (version === undefined) return;
      const state = Number(version.state);
      if (!versions.includes(state)) versions.push(state);
    };
    seen(lock?.version);
    for (const index of [0, 1] as const) {
      const { core, request, zombies } = procs[index];
      const numbers = this.#numbers[index];
      numbers.length = 0;
      const { observation, stored } = core;
      if (observation && observation.sighting.kind !== 'absent') seen(observation.sighting.version);
      if (core.term ?? observation?.own) seen(stored?.version);
      for (const { base } of zombies) seen(base);
      if (request) {
        seen(request.write?.base);
        const { answer } = request;
        if (answer && 'sighting' in answer && answer.sighting.kind !== 'absent') seen(answer.sighting.version);
        numbers.push(request.number);
      }
    }
    this.#collectNumbers({ lock, procs });
    versions.sort(ascending);
  }

  /** The writes that may still be met: stored, on their way, or in an answer on its way. */
  #collectNumbers({ lock, procs }: Pick<Place, 'lock' | 'procs'>): void {
    const met = (signature: Signature | undefined): void => {
      if (!signature) return;
      const index =
        procs[0].core.settings.run === signature.run ? 0 : procs[1].core.settings.run === signature.run ? 1 : 2;
      if (index !== 2 && !this.#numbers[index].includes(signature.number)) this.#numbers[index].push(signature.number);
    };
    met(lock?.signature);
    for (const { zombies, request } of procs) {
      for (const { signature } of zombies) met(signature);
      met(request?.write?.signature);
      const answer = request?.answer;
      if (answer && 'sighting' in answer && answer.sighting.kind === 'record') met(answer.sighting.signature);
    }
    for (const numbers of this.#numbers) numbers.sort(ascending);
  }

  #add(value: number): void {
    this.high = Math.imul(this.high ^ value, 0x01000193) ^ (this.high >>> 15);
    this.low = Math.imul(this.low ^ (value + 0x9e3779b9), 0x85ebca6b) ^ (this.low >>> 13);
  }
}

function ascending(a: number, b: number): number {
  return a - b;
}
