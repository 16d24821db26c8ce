// What the verbs that steer a holder share: who asks, whether the holder is one that obeys, and a limit to the waiting.
// Decides that a holder obeys if its record bears the signature of its own name: another elector leaves ours behind.
// Knows no verb. Invariant: who cannot obey is never waited for.

import type { Clock } from '../clock.ts';
import type { Look } from './look.ts';
import { personsName } from './alter.ts';

/** With who asks, since status and the logs of others repeat it. */
export function reasonBy(reason: string | undefined): string {
  const by = `by ${personsName()}`;
  return reason === undefined ? by : `${reason}, ${by}`;
}

export function isObeying({ sighting }: Look): boolean {
  return sighting.kind === 'record' && sighting.signature?.identity === sighting.record.holderIdentity;
}

/** Runs `work` until it ends, or aborts its signal when so many milliseconds are over. */
export async function within(
  limitMs: number,
  clock: Clock,
  stop: AbortSignal,
  work: (stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const cancel = clock.after(limitMs, () => {
    over.abort();
  });
  try {
    await work(AbortSignal.any([stop, over.signal]));
  } finally {
    cancel();
  }
}
