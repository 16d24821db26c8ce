// The name of a state of the model: equal for states from which the same can happen. Decides what does not matter:
// when it is, and which numbers versions and writes bear as long as their order is the same. Times are told in ticks
// from now, rounded as their comparison is (`now >= time` at ticks alone), so this loses nothing; what is past is told
// as past. Left out as well: writes that are nowhere any more, and so can never be met again; times in records, which
// nobody compares; what people were told.
// Invariants: states of one name have the same moves to states of one name (search.test.ts looks at some thousands);
// 64 bits of hash, so that at some millions of states a collision has odds of less than one in a million.

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
  #oldEnoughMs = 0;

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
    this.#oldEnoughMs = newLockWaitMs;
    if (lock && newLockWaitMs > 0) this.#add(Math.min((place.time - place.createdAt) * tickMs, newLockWaitMs));
    for (const index of [0, 1] as const) {
      const proc = procs[index];
      this.#local = this.#model.now(place, index).boot;
      this.#tick = tickMs * this.#rates[index];
      this.#deadlineTicks = Math.ceil(proc.core.settings.timing.renewDeadlineMs / tickMs) + 1;
      this.#core(proc.core, index);
      this.#add(proc.wakeAt === Infinity ? -1 : Math.max(0, this.#ticks(proc.wakeAt)));
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
    const { want, occupied, term, leaving, observation, stored, pending, mustRead, request, age } = core;
    this.#add(
      (want === 'lead' ? 1 : want === 'leave' ? 2 : 0) +
        (occupied ? 4 : 0) +
        (mustRead ? 8 : 0) +
        (request ? 16 : 0) +
        // What it was asked for, should it fail.
        (request?.must === true ? 64 : 0) +
        (term ? 32 : 0),
    );
    if (term) this.#add(this.#instant(term.leash.termBy));
    if (want === 'leave') {
      this.#add(leaving.tries);
      this.#add(leaving.by ? this.#instant(leaving.by) : -99);
    }
    if (observation) {
      const { sighting, own, since, waitMs, spreadMs, lastSeen } = observation;
      this.#add((own ? 1 : 2) + (sighting.kind === 'record' ? 4 : 0));
      if (sighting.kind === 'record') {
        this.#versionOf(sighting.version);
        this.#holder(sighting.record);
        // Not whose it is, but whether it would look changed.
        if (!own) this.#signature(sighting.signature);
      }
      if (!own) this.#add(this.#instant({ mono: 0, boot: since.boot + waitMs + spreadMs }));
      // When the next look is due; or whether a look at this very moment would be old news.
      this.#add(Math.min(this.#since(lastSeen), own ? 1 : lookTicks));
      // An answer that was asked for before that is old news.
      if (request?.kind === 'read') this.#add(Number(request.sentAt.mono <= lastSeen.mono));
      // What will be waited for should it vanish.
      this.#add(waitMs);
    } else this.#add(-98);
    if (stored && (term ?? observation?.own)) this.#versionOf(stored.version);
    this.#pending(pending, term !== undefined || want === 'leave', index);
    // An object only gets older: what counts is when it was made, which its version tells as well.
    if (age) {
      const ageMs = Math.round(this.#local - age.at.boot + age.ms);
      this.#add(age.object.charCodeAt(4) * 100_000 + Math.min(ageMs, this.#oldEnoughMs));
    }
    this.#add(this.#instant(core.pause));
    if (want === 'lead' && !term) this.#add(this.#instant(core.takePause));
    this.#add(-97);
  }

  /** `held`: in a term, or on the way out of one. */
  #pending(pending: readonly PendingWrite[], held: boolean, index: 0 | 1): void {
    let gone = false;
    let met = held;
    for (const { number, kind, sentAt } of pending) {
      gone = !this.#numbers[index].includes(number);
      if (gone) continue;
      met = true;
      this.#number(number, index);
      this.#add(kind.length);
      this.#add(Math.min(this.#since(sentAt), this.#deadlineTicks));
    }
    // Whoever leaves looks for a write that cannot be met all the same, unless a later one has been answered since.
    if (gone && met) this.#add(-9);
  }

  #sighting(sighting: Sighting): void {
    if (sighting.kind !== 'record') return this.#add(-5);
    this.#versionOf(sighting.version);
    this.#holder(sighting.record);
    this.#signature(sighting.signature);
    if (sighting.ageMs !== undefined) this.#add(Math.min(sighting.ageMs, this.#oldEnoughMs));
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

  /** The versions and the writes that may still be met: stored, on their way, or in an answer on its way. */
  #collect({ lock, procs }: Place): void {
    this.#versions.length = 0;
    this.#numbers[0].length = 0;
    this.#numbers[1].length = 0;
    const [first] = procs;
    const { run } = first.core.settings;
    if (lock) this.#meet(lock, run);
    for (const index of [0, 1] as const) {
      const { core, request, zombies } = procs[index];
      const { observation, stored } = core;
      if (observation && observation.sighting.kind !== 'absent') this.#see(observation.sighting.version);
      if (core.term ?? observation?.own) this.#see(stored?.version);
      for (const { base, signature } of zombies) {
        this.#see(base);
        this.#met(signature, run);
      }
      if (!request) continue;
      const { write, answer, number } = request;
      insert(this.#numbers[index], number);
      if (write) {
        this.#see(write.base);
        this.#met(write.signature, run);
      }
      if (answer && 'sighting' in answer && answer.sighting.kind === 'record') this.#meet(answer.sighting, run);
    }
  }

  #meet({ version, signature }: Extract<Sighting, { kind: 'record' }>, run: string): void {
    this.#see(version);
    this.#met(signature, run);
  }

  #see(version: Version | undefined): void {
    if (version) insert(this.#versions, Number(version.state));
  }

  /** `run` is the first process's. */
  #met(signature: Signature | undefined, run: string): void {
    if (!signature || !this.#place) return;
    if (signature.run === run) insert(this.#numbers[0], signature.number);
    else if (signature.run === this.#place.procs[1].core.settings.run) insert(this.#numbers[1], signature.number);
  }

  #add(value: number): void {
    this.high = Math.imul(this.high ^ value, 0x01000193) ^ (this.high >>> 15);
    this.low = Math.imul(this.low ^ (value + 0x9e3779b9), 0x85ebca6b) ^ (this.low >>> 13);
  }
}

/** Once, in order; there are few. */
function insert(into: number[], number: number): void {
  let at = into.length;
  while (at > 0) {
    const before = into[at - 1] ?? 0;
    if (before === number) return;
    if (before < number) break;
    at -= 1;
  }
  into.push(number);
  for (let i = into.length - 1; i > at; i -= 1) into[i] = into[i - 1] ?? 0;
  into[at] = number;
}
