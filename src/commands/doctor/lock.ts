// Judges the lock as it is: whether its namespace is there, who holds it and whether that one is alive, what keeps
// candidates from it, and whether the server would store what a candidate writes.
// Decides what of that is worth a warning; how a lock is looked at is look.ts's. Asks nothing itself.
// Invariant: a lock that is held, or over, is no failure: a candidate waits, or takes it.

import { nameCap, printable } from '../../common/printable.ts';
import { span } from '../../common/quantity.ts';
import { instructionsOf } from '../../elector/observation.ts';
import { foreignGraceFactor, type Timing } from '../../elector/timing.ts';
import { pauseAt, pauseFacts } from '../../locks/instructions.ts';
import type { RehearsalAnswer } from '../../locks/lock.ts';
import { isTorn, type Look } from '../look.ts';
import { standing, timeOf } from '../status-text.ts';
import { isObeying } from '../steering.ts';
import type { Judged } from './finding.ts';

export interface Expected {
  readonly timing: Timing;
  /** Undefined: 7/15 of the foreign holder's own lease. */
  readonly foreignGraceMs: number | undefined;
  readonly isCoordinated: boolean;
}

export function judgeLook(look: Look, nowMs: number, { timing, foreignGraceMs, isCoordinated }: Expected): Judged[] {
  const { fullName, state, sighting } = look;
  const shown = `${fullName}: ${standing(look, nowMs)}`;
  const first: Judged = {
    name: 'lock',
    verdict: state === 'over' || state === 'unreadable' ? 'warn' : 'ok',
    text: shown,
  };
  if (sighting.kind === 'absent') {
    const maker = isCoordinated ? 'the API server makes it' : 'the first candidate makes it';
    return [{ ...first, text: `${fullName} does not exist: ${maker}` }];
  }
  if (sighting.kind === 'unreadable')
    return [{ ...first, fix: 'what wrote it? leader-run waits until it has not changed for a lease, and takes it' }];
  const { leaseDurationSeconds, holderIdentity, acquireTime } = sighting.record;
  const more: Judged[] = [];
  const isHeld = state === 'held' || state === 'over';
  if (isTorn(sighting))
    more.push({
      name: 'pair',
      verdict: 'warn',
      text: 'the two objects of the lock name different holders: is an elector among its users that writes one alone?',
    });
  // One that the API server has named, and that has not accepted yet, has signed nothing.
  if (isHeld && !isObeying(look) && !(isCoordinated && acquireTime === '')) {
    const graceMs = foreignGraceMs ?? leaseDurationSeconds * 1000 * foreignGraceFactor;
    const who = printable(holderIdentity, nameCap);
    const means = `a candidate waits ${span(graceMs)} longer for it, and it obeys no step-down and no pause`;
    const text = `its holder ${who} is not a leader-run: ${means}`;
    more.push({ name: 'holder', verdict: 'warn', text });
  }
  const leaseMs = leaseDurationSeconds * 1000;
  if (isHeld && leaseMs > timing.leaseDurationMs) {
    const both = `its holder's lease is ${span(leaseMs)}, and yours ${span(timing.leaseDurationMs)}`;
    const text = `${both}: after a crash of that holder a candidate waits for the longer one`;
    more.push({ name: 'lease', verdict: 'warn', text });
  }
  const pause = pauseAt(instructionsOf(sighting), timeOf(look, nowMs));
  if (pause) {
    const { until = 'leader-run resume', reason } = pauseFacts(pause);
    const why = reason === '' ? '' : ` (${printable(reason)})`;
    more.push({ name: 'pause', verdict: 'warn', text: `it is paused until ${until}${why}: no candidate takes it` });
  }
  return [first, ...more];
}

export type NamespaceState = 'there' | 'missing' | 'ending' | 'unknown';

/** `isBefore`: a roll-out may still make it. */
export function judgeNamespace(namespace: string, state: NamespaceState, isBefore: boolean): Judged {
  const name = 'namespace';
  switch (state) {
    case 'there':
      return { name, verdict: 'ok', text: `namespace ${namespace}` };
    case 'missing': {
      const text = `namespace ${namespace} does not exist`;
      return { name, verdict: isBefore ? 'warn' : 'FAIL', text, fix: `kubectl create namespace ${namespace}` };
    }
    case 'ending':
      return { name, verdict: 'FAIL', text: `namespace ${namespace} is being deleted: nothing can be made in it` };
    case 'unknown':
      return {
        name,
        verdict: 'skip',
        text: `whether namespace ${namespace} exists shows once the lock may be created`,
      };
  }
}

/** What the rehearsal of a write shows of the namespace; undefined: nothing. */
export function namespaceIn(answer: RehearsalAnswer): NamespaceState | undefined {
  if (answer.kind === 'allowed' || answer.kind === 'conflict') return 'there';
  if (answer.trouble.cause === 'no-namespace') return 'missing';
  return answer.trouble.cause === 'namespace-ending' ? 'ending' : undefined;
}

/** `isAllowed`: the rights to get, create and update, where they could be asked for. */
export function judgeRehearsal(answer: RehearsalAnswer, isAllowed: boolean | undefined): Judged[] {
  const name = 'rehearsal';
  // Told of the namespace itself.
  if (['missing', 'ending'].includes(namespaceIn(answer) ?? '')) return [];
  switch (answer.kind) {
    case 'allowed':
      return [{ name, verdict: 'ok', text: 'the server would store what a candidate writes (dryRun=All)' }];
    case 'conflict':
      return [{ name, verdict: 'skip', text: 'the lock changed at each rehearsal of a write' }];
    case 'unknown':
      return [{ name, verdict: 'skip', text: answer.trouble.message }];
    case 'refused':
      if (answer.trouble.cause === 'forbidden' && isAllowed === false)
        return [{ name, verdict: 'skip', text: 'no write was rehearsed: rights are missing' }];
      return [{ name, verdict: 'FAIL', text: answer.trouble.message }];
  }
}
