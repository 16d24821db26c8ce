// Asks for doctor what takes more than one request: some reads in a row, a watch until it has shown that it works, and
// a rehearsal that a renewal may come in between of. Decides how long to wait.
// Judges nothing. Invariant: no watch is left open.

import type { Clock } from '../../clock.ts';
import { shownElapsed } from '../../clock.ts';
import type { Examination, Trip } from '../../locks/examination.ts';
import type { Lock, RehearsalAnswer } from '../../locks/lock.ts';
import { limitMs, type Look } from '../look.ts';
import type { Watched } from './cluster.ts';

const reads = 5;
/** Another's renewal may come in between, which comes every 2 s. */
const mostRehearsals = 3;

/** The connection is warm by then. A server that does not answer once is not asked on. */
export async function pace({ trip }: Pick<Examination, 'trip'>): Promise<(Trip | undefined)[]> {
  const trips: (Trip | undefined)[] = [];
  while (trips.length < reads && !trips.includes(undefined)) trips.push(await trip(limitMs));
  return trips;
}

/** `isThere`: the lock exists, so that it is told at once. */
export async function watched(lock: Pick<Lock, 'watch'>, isThere: boolean, clock: Clock): Promise<Watched> {
  const since = clock.now();
  let isOpen = false;
  let end: () => void = () => undefined;
  return await new Promise<Watched>((resolve) => {
    const cancel = clock.after(limitMs, () => {
      resolve({ kind: 'silent', isOpen, afterMs: limitMs });
    });
    const stop = lock.watch((news) => {
      const tookMs = shownElapsed(clock.now(), since);
      if (news.kind === 'down') resolve({ kind: 'down', isForbidden: news.forbidden, message: news.message });
      else if (news.kind === 'sighted') resolve({ kind: 'open', tookMs, isTold: true });
      else if (isThere) isOpen = true;
      else resolve({ kind: 'open', tookMs, isTold: false });
    });
    end = () => {
      cancel();
      stop();
    };
  }).finally(() => {
    end();
  });
}

/** `look` is called again where the lock has changed. */
export async function rehearsed(
  { rehearse }: Pick<Examination, 'rehearse'>,
  candidate: { readonly identity: string; readonly leaseDurationMs: number },
  first: Look,
  look: () => Promise<Look>,
): Promise<RehearsalAnswer> {
  let seen = first;
  for (let tries = 1; ; tries += 1) {
    const answer = await rehearse({ ...candidate, sighting: seen.sighting }, limitMs);
    if (answer.kind !== 'conflict' || tries === mostRehearsals) return answer;
    seen = await look();
  }
}
