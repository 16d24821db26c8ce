// The inequalities. Decides which durations are safe together, what the unset ones become, and which instants follow
// from the sending of a write. Knows no clock and no record.
// Invariant: termBy < killBy < guardBy < sentAt + lease duration, the last gap being the margin, which covers clock
// rates that differ by up to 1000 ppm over a lease (L/1000, well under L/20) and a SIGKILL that runs up to 1 s late.

import { type Instant, later } from '../clock.ts';

/** All in milliseconds. The first three carry client-go's names (leaderelection.LeaderElectionConfig). */
export interface Timing {
  /** How long others wait after the last renewal that they saw; whole seconds. */
  readonly leaseDurationMs: number;
  /** A term ends this long after the last renewal that succeeded was sent. */
  readonly renewDeadlineMs: number;
  /** Pause between renewals, and between a standby's looks while it cannot watch. */
  readonly retryPeriodMs: number;
  /** From SIGTERM to SIGKILL when the term is lost. */
  readonly lostGraceMs: number;
}

/** When a holder must do what unless a later write is acknowledged: instants on the clocks of this process. */
export interface Leash {
  /** The term is lost: SIGTERM. */
  readonly termBy: Instant;
  /** SIGKILL by leader-run. */
  readonly killBy: Instant;
  /** SIGKILL by the guardian, even if leader-run is stopped, stuck or dead. */
  readonly guardBy: Instant;
}

/** client-go's JitterFactor: a pause of r lasts up to r * (1 + 1.2), and R must exceed r * 1.2. */
export const jitterFactor = 1.2;

/** leader-run kills this long before its guardian would, so that the guardian acts only when leader-run cannot. */
export const guardLeadMs = 250;

/**
 * How much longer a holder that is not leader-run is waited for, as a part of its lease. client-go may stop its work as
 * late as 2R + r after the last renewal, 7/15 of L after the lease's end at its defaults of 15/10/2 s, since it counts
 * from the answer and gives the last request a further deadline.
 */
export const foreignGraceFactor = 7 / 15;

/** What starting a command may take: none is started unless it would run before half of the renew deadline is over. */
export const startAllowanceMs = 500;

/** Half of it must leave room for the start, and a little for the request before it. */
const smallestDeadlineMs = 2 * startAllowanceMs + 200;

/** Between the last kill and the moment others may start: 1 s for a late SIGKILL, L/20 for clock rates and scans. */
export function marginMs(leaseDurationMs: number): number {
  return 1000 + leaseDurationMs / 20;
}

export function leashFrom(sentAt: Instant, { leaseDurationMs, renewDeadlineMs }: Timing): Leash {
  const guardMs = leaseDurationMs - marginMs(leaseDurationMs);
  return {
    termBy: later(sentAt, renewDeadlineMs),
    killBy: later(sentAt, guardMs - guardLeadMs),
    guardBy: later(sentAt, guardMs),
  };
}

/** What was set; the rest follows from it. */
export type GivenTiming = Pick<Timing, 'leaseDurationMs'> & {
  readonly [Name in keyof Timing]?: Timing[Name] | undefined;
};

/** Fills unset durations from the lease duration: 2/3, 2/15 (so 15 s gives 10 s and 2 s), and all the grace left. */
export function completeTiming(given: GivenTiming): Timing {
  const { leaseDurationMs } = given;
  const renewDeadlineMs = given.renewDeadlineMs ?? Math.round((leaseDurationMs * 2) / 3);
  const retryPeriodMs = given.retryPeriodMs ?? Math.round((leaseDurationMs * 2) / 15);
  const left = leaseDurationMs - renewDeadlineMs - guardLeadMs - marginMs(leaseDurationMs);
  return { leaseDurationMs, renewDeadlineMs, retryPeriodMs, lostGraceMs: given.lostGraceMs ?? Math.max(0, left) };
}

/** One thing that is wrong with a timing: which duration to change, and a sentence with the sum and what would fit. */
export interface TimingFault {
  readonly setting: keyof Timing;
  readonly message: string;
}

/** Empty when the timing is safe. client-go checks the first two inequalities; the third is ours. */
export function timingFaults(given: GivenTiming): TimingFault[] {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs, lostGraceMs } = completeTiming(given);
  const faults: TimingFault[] = [];
  const fault = (setting: keyof Timing, message: string): number => faults.push({ setting, message });

  if (leaseDurationMs < 1000 || leaseDurationMs % 1000 !== 0) {
    fault(
      'leaseDurationMs',
      `the lease duration must be whole seconds and more than 0s, since the record holds whole seconds; got ${seconds(leaseDurationMs)}`,
    );
  } else if (leaseDurationMs / 1000 > 2 ** 31 - 1) {
    fault('leaseDurationMs', `the lease duration must fit 32 bits of seconds; got ${seconds(leaseDurationMs)}`);
  }
  if (retryPeriodMs <= 0) fault('retryPeriodMs', 'the retry period must be more than 0');
  if (renewDeadlineMs <= 0) fault('renewDeadlineMs', 'the renew deadline must be more than 0');
  if (lostGraceMs < 0) fault('lostGraceMs', 'the lost grace must not be negative');
  if (faults.length > 0) return faults;

  if (renewDeadlineMs <= jitterFactor * retryPeriodMs) {
    fault(
      'renewDeadlineMs',
      `the renew deadline (${seconds(renewDeadlineMs)}) must be more than ${String(jitterFactor)} x the retry period ` +
        `(${seconds(retryPeriodMs)}): use a renew deadline above ${seconds(jitterFactor * retryPeriodMs)}`,
    );
  }
  if (renewDeadlineMs < smallestDeadlineMs) {
    fault(
      'renewDeadlineMs',
      `the renew deadline (${seconds(renewDeadlineMs)}) must be at least ${seconds(smallestDeadlineMs)}: ` +
        'a command is started only when half of it, less 500 ms, is still ahead',
    );
  }
  const needed = renewDeadlineMs + lostGraceMs + guardLeadMs + marginMs(leaseDurationMs);
  if (leaseDurationMs <= renewDeadlineMs) {
    fault(
      'leaseDurationMs',
      `the lease duration (${seconds(leaseDurationMs)}) must be more than the renew deadline (${seconds(renewDeadlineMs)}): ` +
        `use a lease duration of at least ${seconds(smallestLeaseMs(given))}`,
    );
  } else if (needed > leaseDurationMs) {
    fault(
      'leaseDurationMs',
      `renew deadline ${seconds(renewDeadlineMs)} + lost grace ${seconds(lostGraceMs)} + ${seconds(guardLeadMs)} + margin ` +
        `${seconds(marginMs(leaseDurationMs))} = ${seconds(needed)} is more than the lease duration (${seconds(leaseDurationMs)}): ` +
        `use a lease duration of at least ${seconds(smallestLeaseMs(given))}`,
    );
  }
  return faults;
}

/** The shortest lease duration, in whole seconds, with which everything fits; what was left unset follows it. */
function smallestLeaseMs(given: GivenTiming): number {
  for (let leaseDurationMs = Math.floor((given.renewDeadlineMs ?? 0) / 1000) * 1000 + 1000; ; leaseDurationMs += 1000) {
    const { renewDeadlineMs, lostGraceMs } = completeTiming({ ...given, leaseDurationMs });
    const needed = renewDeadlineMs + lostGraceMs + guardLeadMs + marginMs(leaseDurationMs);
    const starts = given.renewDeadlineMs !== undefined || renewDeadlineMs >= smallestDeadlineMs;
    if (starts && needed <= leaseDurationMs) return leaseDurationMs;
  }
}

function seconds(ms: number): string {
  return `${String(Math.round(ms) / 1000)}s`;
}
