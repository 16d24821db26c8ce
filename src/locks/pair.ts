// Two locks as one, for fleets that move from annotations to Leases: candidates that know only one of the two objects
// and candidates that know both exclude each other. Decides what the two show together and in which order they are
// written (client-go: resourcelock.MultiLock, until v0.36). Knows neither kind of object.
// Invariants: the primary alone decides by compare-and-swap; a write counts as stored only when both objects hold it;
// another's secondary is never written over unless it was seen, unchanged, when the write was decided on.

import type { Clock } from '../clock.ts';
import type {
  Announcement,
  Attempt,
  Lock,
  ReadAnswer,
  RehearsalAnswer,
  Sighting,
  Trouble,
  WatchNews,
  WriteAnswer,
  WriteRequest,
} from './lock.ts';
import {
  type ElectionRecord,
  sameRecord,
  sameSignature,
  sameVersion,
  type Signature,
  type Version,
  versionOf,
} from './record.ts';

/** No candidate's identity (client-go: resourcelock.UnknownLeader): who sees it waits until neither object changes. */
export const unknownLeader = 'leaderelection.k8s.io/unknown';

export interface PairOptions {
  readonly name: string;
  /** Where candidates of the older kind look. */
  readonly primary: Lock;
  readonly secondary: Lock;
  readonly clock: Clock;
}

/** The primary's, and what the secondary was beside it; undefined where there was none. */
interface PairVersion extends Version {
  readonly beside: Version | undefined;
}

type Present = Exclude<Sighting, { kind: 'absent' }>;

export function pairLock(options: PairOptions): Lock {
  return new PairLock(options);
}

class PairLock implements Lock {
  readonly #primary: Lock;
  readonly #secondary: Lock;
  readonly #clock: Clock;
  /** The run whose lock this is, known from its first write on. */
  #run: string | undefined;
  /** What each object looked like when it was last seen. */
  #first: Sighting | undefined;
  #second: Sighting | undefined;
  /** The write that may have reached the primary alone: its answer tells of it, a watch only after that. */
  #underWay: Signature | undefined;
  /** To write to both: a rehearsal or a write has shown it. */
  #isAllowed = false;
  /** What the watch keeps back until that answer is there. */
  #tellLater: (() => void) | undefined;
  readonly name: string;
  readonly where: string;
  readonly timeGrainMs: number;
  /** A field, since callers take it off the lock. */
  readonly announce?: NonNullable<Lock['announce']>;

  constructor({ name, primary, secondary, clock }: PairOptions) {
    this.#primary = primary;
    this.#secondary = secondary;
    this.#clock = clock;
    this.name = name;
    this.where = primary.where;
    this.timeGrainMs = Math.max(primary.timeGrainMs ?? 1, secondary.timeGrainMs ?? 1);
    if (primary.announce) this.announce = (announcement, attempt) => this.#announce(announcement, attempt);
  }

  async read({ limitMs, sending }: Attempt): Promise<ReadAnswer> {
    const left = countdown(limitMs, this.#clock);
    const one = await this.#primary.read({ limitMs, ...(sending && { sending }) });
    if (one.kind === 'failed') return one;
    this.#first = one.sighting;
    const { dateMs } = one;
    if (one.sighting.kind === 'absent') return one;
    const two = await this.#secondary.read({ limitMs: left() });
    if (two.kind === 'failed') return two;
    this.#second = two.sighting;
    return { kind: 'sighted', sighting: together(one.sighting, two.sighting, this.#run), dateMs };
  }

  async write(request: WriteRequest, attempt: Attempt): Promise<WriteAnswer> {
    const { signature, onBehalf } = request;
    // What was signed for a holder is not that holder's hand.
    const run = onBehalf === true ? undefined : signature.run;
    this.#run = run;
    this.#underWay = signature;
    try {
      return await this.#writeBoth(request, attempt, run);
    } finally {
      if (this.#underWay === signature) this.#underWay = undefined;
      this.#tellLater?.();
      this.#tellLater = undefined;
    }
  }

  async rehearse(request: WriteRequest, { limitMs }: Attempt): Promise<RehearsalAnswer> {
    const left = countdown(limitMs, this.#clock);
    const one = await this.#primary.rehearse(request, { limitMs });
    if (one.kind !== 'allowed') return one;
    const found = await this.#secondary.read({ limitMs: left() });
    if (found.kind === 'failed') return { kind: 'refused', trouble: found.trouble };
    const two = await this.#secondary.rehearse({ ...request, base: versionOf(found.sighting) }, { limitMs: left() });
    if (two.kind === 'allowed') this.#isAllowed = true;
    return two;
  }

  watch(tell: (news: WatchNews) => void): () => void {
    const up = new Set<Lock>();
    const hear = (lock: Lock, note: (seen: Sighting) => boolean) => (news: WatchNews) => {
      if (news.kind === 'sighted') {
        if (note(news.sighting)) this.#tellBoth(tell);
      } else if (news.kind === 'up') {
        up.add(lock);
        if (up.size === 2) tell(news);
      } else {
        up.delete(lock);
        tell(news);
      }
    };
    const [primary, secondary] = [this.#primary, this.#secondary];
    const stops = [
      primary.watch(hear(primary, (seen) => this.#noteFirst(seen))),
      secondary.watch(hear(secondary, (seen) => this.#noteSecond(seen))),
    ];
    return () => {
      this.#tellLater = undefined;
      for (const stop of stops) stop();
    };
  }

  compare(a: Version, b: Version): ReturnType<Lock['compare']> {
    const order = this.#primary.compare(a, b);
    if (order !== 'same') return order;
    const [before, after] = [besideOf(a), besideOf(b)];
    if (before !== undefined && after !== undefined) return this.#secondary.compare(before, after);
    return before === after ? 'same' : 'unordered';
  }

  close(): void {
    this.#primary.close();
    this.#secondary.close();
  }

  async #writeBoth(
    request: WriteRequest,
    { limitMs, sending }: Attempt,
    run: string | undefined,
  ): Promise<WriteAnswer> {
    const left = countdown(limitMs, this.#clock);
    const refusal = await this.#refusalOfSecond(request, left);
    if (refusal !== undefined) return { kind: 'refused', trouble: refusal };
    let one = await this.#primary.write(request, { limitMs: left(), ...(sending && { sending }) });
    if (one.kind === 'conflict' && request.base === undefined) one = await this.#resume(request, run, left);
    if (one.kind !== 'stored' || one.sighting.kind === 'absent') return one;
    this.#noteFirst(one.sighting);
    const two = await this.#follow(request, run, left);
    // The primary holds the write already, so it is not surely refused any more.
    if (two.kind === 'refused') return { kind: 'unknown', trouble: two.trouble };
    if (two.kind !== 'stored') return two;
    this.#isAllowed = true;
    this.#noteSecond(two.sighting);
    return { kind: 'stored', sighting: together(one.sighting, two.sighting, run), dateMs: two.dateMs };
  }

  /**
   * Why the secondary would not be ours. The first write to a pair asks, unless it was rehearsed: a candidate without a
   * right to one object would keep the other from those who have the right to both.
   */
  async #refusalOfSecond(request: WriteRequest, left: () => number): Promise<Trouble | undefined> {
    if (this.#isAllowed || request.record.holderIdentity === '') return undefined;
    const found = await this.#secondary.read({ limitMs: left() });
    if (found.kind === 'failed') return isRefusal(found.trouble) ? found.trouble : undefined;
    const base = versionOf(found.sighting);
    const answer = await this.#secondary.rehearse({ ...request, base }, { limitMs: left() });
    return answer.kind === 'refused' ? answer.trouble : undefined;
  }

  /** A creation that finds a primary of ours finishes what was begun, or mends what lost its secondary. */
  async #resume(request: WriteRequest, run: string | undefined, left: () => number): Promise<WriteAnswer> {
    const found = await this.#primary.read({ limitMs: left() });
    if (found.kind === 'failed' || found.sighting.kind === 'absent') return { kind: 'conflict' };
    this.#first = found.sighting;
    if (!isHeldBy(found.sighting, run)) return { kind: 'conflict' };
    return await this.#primary.write({ ...request, base: found.sighting.version }, { limitMs: left() });
  }

  /** The secondary's turn. It is read first, for the version that this write replaces: the request names the primary's. */
  async #follow(request: WriteRequest, run: string | undefined, left: () => number): Promise<WriteAnswer> {
    const found = await this.#secondary.read({ limitMs: left() });
    if (found.kind === 'failed') return { kind: 'unknown', trouble: found.trouble };
    const second = found.sighting;
    this.#second = second;
    if (!mayReplace(second, request.base, run)) return { kind: 'conflict' };
    return await this.#secondary.write({ ...request, base: versionOf(second) }, { limitMs: left() });
  }

  /** Like client-go's, on both: who looks at either object finds it. */
  async #announce(announcement: Announcement, attempt: Attempt): Promise<Trouble | undefined> {
    const one = await this.#primary.announce?.(announcement, attempt);
    return one ?? (await this.#secondary.announce?.(announcement, attempt));
  }

  #tellBoth(tell: (news: WatchNews) => void): void {
    const [first, second] = [this.#first, this.#second];
    if (first === undefined) return;
    if (first.kind === 'absent') return tell({ kind: 'sighted', sighting: first });
    // Nothing is told before both were seen: an object that is not there sends no event.
    if (second === undefined) return;
    if (this.#underWay && first.kind === 'record' && sameSignature(first.signature, this.#underWay)) {
      this.#tellLater = () => {
        this.#tellBoth(tell);
      };
    } else tell({ kind: 'sighted', sighting: together(first, second, this.#run) });
  }

  // A watch may run behind what a read or a write has shown, and ahead of it.
  #noteFirst(seen: Sighting): boolean {
    const isNew = isNews(this.#first, seen, this.#primary);
    if (isNew) this.#first = seen;
    return isNew;
  }

  #noteSecond(seen: Sighting): boolean {
    const isNew = isNews(this.#second, seen, this.#secondary);
    if (isNew) this.#second = seen;
    return isNew;
  }
}

/**
 * What the two show. The note is the primary's, which is written first: what began there may have begun. What is asked
 * may be asked at either of them.
 */
function together(one: Present, two: Sighting, run: string | undefined): Sighting {
  const both = recordsTogether(one, two, run);
  if (both.kind !== 'record') return both;
  const { note: _, instructions: __, ...bare } = both;
  const [first, second] = [textsOf(one), textsOf(two)];
  const note = first.note ?? second.note;
  const instructions = first.instructions ?? second.instructions;
  return { ...bare, ...(note !== undefined && { note }), ...(instructions && { instructions }) };
}

/** What stands beside its record. */
function textsOf(seen: Sighting): Pick<WriteRequest, 'note' | 'instructions'> {
  return seen.kind === 'record' ? seen : {};
}

function recordsTogether(one: Present, two: Sighting, run: string | undefined): Sighting {
  const version: PairVersion = { ...one.version, beside: versionOf(two) };
  if (two.kind === 'absent') {
    // Half a lock: of ours we make the other half; any other is of a candidate that knows the primary alone.
    return isHeldBy(one, run) ? two : { ...one, version };
  }
  if (one.kind === 'unreadable' || two.kind === 'unreadable') {
    return { kind: 'unreadable', text: `${rawOf(one)} ${rawOf(two)}`, version };
  }
  const [here, there] = [writerOf(one), writerOf(two)];
  if (here && here.run === there?.run && here.number !== there.number) {
    // leader-run is between the two writes, or did not get to the second: it counts from the older one, so do we.
    const [older, newer] = here.number < there.number ? [one, two] : [two, one];
    // It takes what it had released: nobody else is to take the primary from under it.
    const isTaken = older.record.holderIdentity === '' && here.run !== run;
    return { ...(isTaken ? newer : older), version };
  }
  if (one.record.holderIdentity === two.record.holderIdentity && sameRecord(one.record, two.record)) {
    return { ...one, version };
  }
  const record: ElectionRecord = {
    ...one.record,
    ...(one.record.holderIdentity !== two.record.holderIdentity && { holderIdentity: unknownLeader }),
    leaseDurationSeconds: Math.max(one.record.leaseDurationSeconds, two.record.leaseDurationSeconds),
    leaseTransitions: Math.max(one.record.leaseTransitions, two.record.leaseTransitions),
    // Times are compared as text alone, so this makes the record change when either of the two changes.
    renewTime: `${rawOf(one)} ${rawOf(two)}`,
  };
  const signature = sameSignature(one.signature, two.signature) ? one.signature : undefined;
  return { ...one, record, signature, version, torn: true };
}

function mayReplace(seen: Sighting, base: Version | undefined, run: string | undefined): boolean {
  if (seen.kind === 'absent' || isHeldBy(seen, run)) return true;
  if (base === undefined) return seen.kind === 'record' && seen.record.holderIdentity === '';
  return sameVersion(besideOf(base), seen.version);
}

function isNews(before: Sighting | undefined, seen: Sighting, lock: Lock): boolean {
  if (before === undefined || before.kind === 'absent' || seen.kind === 'absent') return true;
  return lock.compare(seen.version, before.version) !== 'older';
}

/** A server that is not there says nothing about rights. */
function isRefusal({ cause }: Trouble): boolean {
  return ['unauthorized', 'forbidden', 'no-namespace', 'invalid'].includes(cause);
}

/** Whose write it is; an elector that is not leader-run leaves the signature of the last one that was. */
function writerOf(seen: Sighting): Signature | undefined {
  if (seen.kind !== 'record') return undefined;
  const { signature, record } = seen;
  return record.holderIdentity === '' || record.holderIdentity === signature?.identity ? signature : undefined;
}

function isHeldBy(seen: Sighting, run: string | undefined): boolean {
  const held = seen.kind === 'record' && seen.record.holderIdentity !== '';
  return held && run !== undefined && writerOf(seen)?.run === run;
}

function rawOf(seen: Present): string {
  return seen.kind === 'unreadable' ? seen.text : JSON.stringify(seen.record);
}

/** Versions of a pair are made here alone, and come back as they were made. */
function besideOf(version: Version): Version | undefined {
  return (version as PairVersion).beside;
}

/** One limit for all requests of an attempt. */
function countdown(limitMs: number, clock: Clock): () => number {
  const from = clock.now().mono;
  return () => Math.max(0, limitMs - (clock.now().mono - from));
}
