// What the verbs that steer a holder share: who asks, whether the holder is one that obeys, a limit to the waiting, and
// when a holder is gone.
// Decides that a holder obeys if its record bears the signature of its own name: another elector leaves ours behind.
// Knows no verb. Invariants: who cannot obey is never waited for; a holder that may be alive is never called gone.

import type { Clock } from '../clock.ts';
import { personsName } from './alter.ts';
import type { Sighting } from '../locks/lock.ts';
import { follow, type Look, type Opened } from './look.ts';

/** With who asks, since status and the logs of others repeat it. */
export function reasonBy(reason: string | undefined): string {
  const by = `by ${personsName()}`;
  return reason === undefined ? by : `${reason}, ${by}`;
}

/** '' where there is none, or none that can be read. */
export function holderOf(sighting: Sighting): string {
  return sighting.kind === 'record' ? sighting.record.holderIdentity : '';
}

export function isObeying({ sighting }: Look): boolean {
  return sighting.kind === 'record' && sighting.signature?.identity === sighting.record.holderIdentity;
}

/** Runs `work` until it ends, or aborts its signal when so many milliseconds are over. */
export async function within<T>(
  limitMs: number,
  clock: Clock,
  stop: AbortSignal,
  work: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const cancel = clock.after(limitMs, () => {
    over.abort();
  });
  try {
    return await work(AbortSignal.any([stop, over.signal]));
  } finally {
    cancel();
  }
}

export type Gone = 'given' | 'over' | 'deleted';

/** Undefined: not until `stop`. A lease is over when no renewal was seen for so long, whatever the holder's clock says. */
export async function untilGone(
  opened: Opened,
  holder: string,
  clock: Clock,
  stop: AbortSignal,
): Promise<Gone | undefined> {
  const silent = new AbortController();
  const seen: { gone: Gone | undefined; renewTime: string; cancel: () => void } = {
    gone: undefined,
    renewTime: '',
    cancel: () => undefined,
  };
  try {
    await follow(opened, clock, AbortSignal.any([stop, silent.signal]), ({ sighting }) => {
      if (sighting.kind === 'absent') seen.gone = 'deleted';
      if (sighting.kind !== 'record') return seen.gone !== undefined;
      const { holderIdentity, renewTime, leaseDurationSeconds } = sighting.record;
      if (holderIdentity !== holder) seen.gone = 'given';
      else if (renewTime !== seen.renewTime) {
        seen.cancel();
        seen.renewTime = renewTime;
        seen.cancel = clock.after(leaseDurationSeconds * 1000, () => {
          seen.gone = 'over';
          silent.abort();
        });
      }
      return seen.gone !== undefined;
    });
  } finally {
    seen.cancel();
  }
  return seen.gone;
}
