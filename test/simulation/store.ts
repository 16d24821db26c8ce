// The simulated store: one object under exact compare-and-swap, as a Kubernetes API server keeps a Lease. Decides what
// a write does and remembers every state the object was in, so that watches can be stale. Knows no time but the true
// one and no network.
// Invariants: resourceVersions only grow, over deletions too; a write is applied only onto the uid and version it
// names, a creation only onto nothing.

import type { Instructions } from '../../src/locks/instructions.ts';
import type { Sighting, Version, WriteRequest } from '../../src/locks/lock.ts';
import type { ElectionRecord } from '../../src/locks/record.ts';
import type { Signature } from '../../src/locks/record.ts';

export interface Stored {
  readonly uid: string;
  readonly version: number;
  readonly record: ElectionRecord;
  readonly signature: Signature | undefined;
  readonly note?: string | undefined;
  readonly instructions?: Instructions | undefined;
  readonly createdAt: number;
  /** Whom a coordinator would rather see lead; '': nobody. */
  readonly preferred: string;
}

type Shown = Omit<Extract<Sighting, { kind: 'record' }>, 'version' | 'ageMs'>;

/** What was there from some instant on; undefined: nothing. */
export type Moment = Stored | undefined;

/** Told to watchers in place of a state's index: the server has gone. */
export const connectionsLost = -1;

export class Store {
  readonly history: Moment[] = [undefined];
  readonly watchers = new Set<(index: number) => void>();
  #version = 100;
  #uids = 0;

  get current(): Moment {
    return this.history[this.history.length - 1];
  }

  /** Applies a write or says that it conflicts. */
  write(
    { base, record, signature, note, instructions }: Omit<WriteRequest, 'signature'> & { signature: Signature | undefined },
    now: number,
  ): Stored | 'conflict' {
    const { current } = this;
    if (base === undefined) {
      if (current) return 'conflict';
      this.#uids += 1;
      return this.#put({ uid: `uid-${String(this.#uids)}`, version: 0, record, signature, note, createdAt: now, preferred: '' });
    }
    if (current?.uid !== base.object || String(current.version) !== base.state) return 'conflict';
    const beside = { note: note ?? current.note, instructions: instructions ?? current.instructions };
    return this.#put({ ...current, record, signature, ...beside });
  }

  /** An operator's hand, with or without a word about what was to be settled. */
  ask(instructions: Instructions): void {
    const { current } = this;
    if (current) this.#put({ ...current, instructions: { ...current.instructions, ...instructions } });
  }

  /** Somebody's hand: a label (nothing that matters changes), another record, or the end of the object. */
  edit(change: Partial<ElectionRecord> | 'label'): void {
    const { current } = this;
    if (current) this.#put(change === 'label' ? current : { ...current, record: { ...current.record, ...change } });
  }

  /** The coordinator's hand. */
  prefer(preferred: string): void {
    const { current } = this;
    if (current && current.preferred !== preferred) this.#put({ ...current, preferred });
  }

  delete(): void {
    if (this.current) this.#push(undefined);
    // A deletion has a number too.
    this.#version += 1;
  }

  loseConnections(): void {
    for (const watcher of [...this.watchers]) watcher(connectionsLost);
  }

  #put(stored: Stored): Stored {
    this.#version += 1;
    const next = { ...stored, version: this.#version };
    this.#push(next);
    return next;
  }

  #push(moment: Moment): void {
    this.history.push(moment);
    for (const watcher of [...this.watchers]) watcher(this.history.length - 1);
  }
}

/**
 * As the lock shows it; the age by the server's clock, in whole seconds and rounded down, is told in answers only. To a
 * candidate of a coordinated lock, given by its name, also what the coordinator wants of it (kube/coordinated.ts).
 */
export function sightingOf(moment: Moment, answeredAt?: number, candidate?: string): Sighting {
  if (!moment) return { kind: 'absent' };
  const { uid, version, createdAt } = moment;
  const seen = { ...shownTo(moment, candidate), version: { object: uid, state: String(version) } };
  if (answeredAt === undefined) return seen;
  const ageMs = (Math.floor(answeredAt / 1000) - Math.floor(createdAt / 1000) - 1) * 1000;
  return { ...seen, ageMs: Math.max(0, ageMs) };
}

export function versionOf(moment: Moment): Version | undefined {
  return moment && { object: moment.uid, state: String(moment.version) };
}

function shownTo({ record, signature, note, instructions, preferred }: Stored, candidate: string | undefined): Shown {
  const seen = { kind: 'record', record, signature, note, instructions } as const;
  if (candidate === undefined || record.holderIdentity !== candidate) return seen;
  if (preferred !== '' && preferred !== candidate) return { ...seen, coordinator: 'deposes' };
  if (record.acquireTime !== '') return seen;
  return { ...seen, record: { ...record, holderIdentity: '' }, coordinator: 'invites' };
}

export function compare(a: Version, b: Version): 'older' | 'same' | 'newer' | 'unordered' {
  if (a.object !== b.object) return 'unordered';
  const order = Number(a.state) - Number(b.state);
  return order === 0 ? 'same' : order < 0 ? 'older' : 'newer';
}
