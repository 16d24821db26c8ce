// How a verb writes what stands beside a record: onto the very state that it has looked at, again and again if others
// write in between. Decides whose signature such a write bears: the one that is there, so that a holder knows its own
// record, or a person's where there is none. Does not know what is written, nor whether it may be.
// Invariant: the election record stays as it is, so nobody's lease gets longer or shorter by a verb.

import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { Ending } from '../cli/exit-status.ts';
import type { WriteRequest } from '../locks/lock.ts';
import { absentText, isTorn, limitMs, type Look, type Opened } from './look.ts';

/** Another's write may come in between, and a renewal comes every 2 s. */
const mostTries = 5;

export type Alteration =
  | ({ readonly kind: 'write' } & Pick<WriteRequest, 'note' | 'instructions'>)
  /** Nothing is to be written, and the verb ends with this. */
  | { readonly kind: 'ending'; readonly ending: Ending }
  /** The same, since what is wanted is so already: after a try of ours, it has come of that. */
  | { readonly kind: 'so'; readonly ending: Ending };

/**
 * `look` is called again after each conflict. Returns the look that was written onto, or how the verb ends. A holder of
 * a local lock may obey so soon that our write, which it wrote upon, is answered as a conflict.
 */
export async function alter(
  { lock, fullName }: Opened,
  look: () => Promise<Look>,
  alterationOf: (look: Look) => Alteration,
): Promise<Look | Ending> {
  let tried: Look | undefined;
  for (let tries = 0; tries < mostTries; tries += 1) {
    const seen = await look();
    const { sighting } = seen;
    if (sighting.kind === 'absent') return no(absentText(fullName));
    if (sighting.kind === 'unreadable')
      return { kind: 'refused', faults: [`the record of ${fullName} cannot be read, so it is not written`] };
    if (isTorn(sighting))
      return { kind: 'refused', faults: [`the two objects of ${fullName} name different holders: try again`] };
    const alteration = alterationOf(seen);
    if (alteration.kind === 'ending') return alteration.ending;
    if (alteration.kind === 'so') return tried ?? alteration.ending;
    tried = seen;
    const { note, instructions } = alteration;
    const { record, version: base } = sighting;
    const signature = sighting.signature ?? { identity: personsName(), run: randomUUID(), number: 1 };
    const answer = await lock.write({ record, signature, base, note, instructions, onBehalf: true }, { limitMs });
    if (answer.kind === 'stored') return seen;
    if (answer.kind !== 'conflict') return { kind: 'refused', faults: [answer.trouble.message] };
  }
  return { kind: 'refused', faults: [`${fullName} was written by others at each of ${mostTries} tries: try again`] };
}

export function isEnding(result: Look | Ending): result is Ending {
  return 'kind' in result;
}

/** The answer is no: nothing was changed. */
export function no(remark: string): Ending {
  return { kind: 'answered', text: '', no: true, remark };
}

export function personsName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
