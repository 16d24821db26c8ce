// The API server's controller of coordinated elections (KEP-4355), as far as candidates can tell: names a holder when
// the Lease is absent, empty or out of date by its own wall clock, and now and then prefers another. Its clock and its
// choice may be as wrong as a scenario says. Decides who is invited. Imitates a server, and not a friendly one.
// Invariant: it writes by compare-and-swap and keeps what it does not know (the signature of whoever wrote last).

import { type ElectionRecord, microTime } from '../../src/locks/record.ts';
import type { Dice } from '../helpers/dice.ts';
import type { Net } from './network.ts';
import type { Stored } from './store.ts';

export interface Coordinator {
  /** What its wall clock shows at the beginning. */
  readonly wallOffset: number;
  /** How often it looks. */
  readonly everyMs: number;
  /** How often, of a hundred looks, it would rather see another lead. */
  readonly moodiness: number;
}

/** What the server writes beside a name. */
const invitationSeconds = 5;

export function startCoordinator(
  { world, store, standing }: Net,
  { wallOffset, everyMs, moodiness }: Coordinator,
  dice: Dice,
): void {
  let looks = 0;

  function look(): void {
    const roll = dice.of((looks += 1));
    world.in(roll.between(0, everyMs / 2, everyMs * 1.5), look);
    const names = [...standing];
    const chosen = names[Math.floor(roll.roll(1) * names.length)];
    if (chosen === undefined) return;
    const { current } = store;
    if (!current || isFree(current)) invite(chosen, current);
    else if (roll.chance(2, moodiness / 100) && chosen !== current.record.holderIdentity) {
      world.tell(`coordinator: prefers ${chosen}`);
      store.prefer(chosen);
    }
  }

  function isFree({ record }: Stored): boolean {
    const { holderIdentity, renewTime, leaseDurationSeconds } = record;
    return holderIdentity === '' || Date.parse(renewTime) + leaseDurationSeconds * 1000 < wallOffset + world.now;
  }

  function invite(name: string, current: Stored | undefined): void {
    const record: ElectionRecord = {
      holderIdentity: name,
      leaseDurationSeconds: invitationSeconds,
      acquireTime: '',
      renewTime: microTime(wallOffset + world.now),
      leaseTransitions: 0,
    };
    world.tell(`coordinator: invites ${name}`);
    store.prefer('');
    const { uid, version } = store.current ?? {};
    const base = uid === undefined ? undefined : { object: uid, state: String(version) };
    store.write({ base, record, signature: current?.signature }, world.now);
  }

  look();
}
