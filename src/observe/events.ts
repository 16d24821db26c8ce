// Everything that can happen, as one closed union: the only thing that modules hand to the logger and the metrics.
// An event carries facts, not sentences; the logger words them. Knows neither who reports an event nor who reads it.
// Invariant: no event carries a credential, a kubeconfig's content or the command's environment.

import type { SkipReason } from '../job/record.ts';
import type { Trouble } from '../locks/lock.ts';

export type LossReason =
  /** No renewal succeeded within the renew deadline. */
  | 'deadline'
  /** Another holder, or a record we did not write, was seen. */
  | 'taken'
  /** The lock was deleted and made again by another. */
  | 'recreated'
  /** The record is a write of ours that another program, a person or a policy has changed. */
  | 'edited'
  /** The server stored a renewal otherwise than it was sent, in a way that still keeps other candidates away. */
  | 'altered'
  /** The lock's storage was put back to an older state, in which this candidate does not hold it. */
  | 'rolled-back';

/**
 * Who wants a holder to give the lock back: the API server of an assigned lock, an operator in either way, or the
 * holder itself, whose command is not healthy.
 */
export type DeposedBy = 'coordinator' | 'step-down' | 'pause' | 'health';

/** How the run of a command counts for its hooks. What leader-run ended was not a success, whatever its status. */
export type RunEnding =
  'ok' | 'failed' | 'stopped' | 'deposed' | 'replaced' | 'lost' | 'max-runtime' | 'unguarded' | 'not-started';

/** Why a lock may be taken. */
export type TakenFrom = 'absent' | 'released' | 'expired' | 'own' | 'invited';

export type Event =
  | {
      readonly kind: 'started';
      readonly lock: string;
      readonly where: string;
      readonly identity: string;
      readonly guardian: string;
    }
  /** A candidate sees who leads; `since` is the record's acquireTime, as text. */
  | {
      readonly kind: 'standing-by';
      readonly leader: string;
      readonly since: string;
      readonly durationMs: number;
      readonly foreign: boolean;
    }
  /** The lock is free, absent or expired, and this candidate is about to take it. */
  | { readonly kind: 'taking'; readonly from: TakenFrom; readonly leader: string }
  /** `handOverMs`: from the moment the lock was seen free, or its lease's end, to the grant. */
  | {
      readonly kind: 'elected';
      readonly token: string;
      readonly transitions: number;
      readonly handOverMs: number | undefined;
    }
  | { readonly kind: 'renewed'; readonly latencyMs: number }
  | { readonly kind: 'race-lost' }
  /** A request came to nothing; told once per change of cause, `leading` with the time that is left. */
  | {
      readonly kind: 'trouble';
      readonly doing: 'read' | 'write' | 'rehearse';
      readonly trouble: Trouble;
      readonly leftMs: number | undefined;
    }
  | { readonly kind: 'recovered'; readonly afterMs: number }
  | { readonly kind: 'lost'; readonly reason: LossReason; readonly holder: string; readonly sinceRenewalMs: number }
  /** The term is to be given back: it goes on until the command has ended in its own time. `until`: of a pause. */
  | { readonly kind: 'deposed'; readonly by: DeposedBy; readonly reason: string; readonly until?: string | undefined }
  /** A candidate sees that no candidate is to hold the lock; `until`: RFC 3339, or open. */
  | { readonly kind: 'paused'; readonly reason: string; readonly until: string | undefined }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'vanished'; readonly leading: boolean; readonly waitMs: number }
  /**
   * The record has our identity and is none that we wrote last. `whose`: an earlier write of this run, one that no
   * leader-run signed, or another run's; `moving`: it changes before our eyes.
   */
  | { readonly kind: 'own-name'; readonly moving: boolean; readonly whose: 'this-run' | 'unsigned' | 'another-run' }
  | { readonly kind: 'unreadable'; readonly text: string }
  | { readonly kind: 'long-lease'; readonly leader: string; readonly durationMs: number }
  | { readonly kind: 'watch-down'; readonly forbidden: boolean; readonly message: string }
  | { readonly kind: 'watch-up' }
  /** A look has found what the watch, which is open, did not tell of. */
  | { readonly kind: 'watch-mute' }
  | { readonly kind: 'released' }
  | { readonly kind: 'release-failed'; readonly freeInMs: number; readonly message: string }
  | { readonly kind: 'holding'; readonly forMs: number }
  | { readonly kind: 'left-held'; readonly forMs: number }
  /** A term begins for a key; `attempts`: as many as there may be. */
  | {
      readonly kind: 'attempt';
      readonly key: string;
      readonly attempt: number;
      readonly attempts: number | undefined;
    }
  /** It has ended; `stored`: all others will know how. */
  | { readonly kind: 'attempt-ended'; readonly key: string; readonly outcome: string; readonly stored: boolean }
  /** The ticks of a schedule count from now on: the lock knew none, or another. */
  | { readonly kind: 'schedule'; readonly schedule: string }
  /** `next`: RFC 3339; '' where no tick will come. */
  | { readonly kind: 'waiting'; readonly schedule: string; readonly next: string }
  /** So many ticks up to this one were passed over. */
  | { readonly kind: 'skipped'; readonly key: string; readonly why: SkipReason; readonly count: number }
  | { readonly kind: 'command-started'; readonly pid: number; readonly command: string }
  | {
      readonly kind: 'command-ended';
      readonly pid: number;
      readonly status: number;
      readonly signal: string | undefined;
      readonly ranMs: number;
    }
  /** Nothing is left of the command, or it could not be started; `status`: unset for one that never ran. */
  | { readonly kind: 'work-ended'; readonly how: RunEnding; readonly status: number | undefined }
  /** A signal was sent to the command's group, and why. */
  | {
      readonly kind: 'signalled';
      readonly signal: string;
      readonly why:
        | 'forwarded'
        | 'asked'
        | 'deposed'
        | 'lost'
        | 'max-runtime'
        | 'replaced'
        | 'grace-over'
        | 'left-over'
        | 'leash'
        | 'unguarded';
    }
  | { readonly kind: 'unkillable'; readonly pids: readonly number[] }
  | { readonly kind: 'guardian-replaced'; readonly why: string }
  | { readonly kind: 'ignored-signal'; readonly signal: string }
  | { readonly kind: 'pid-1'; readonly zombies: number }
  | { readonly kind: 'note'; readonly level: 'debug' | 'info' | 'warn'; readonly message: string }
  /** The last line: whose status it is. */
  | {
      readonly kind: 'exit';
      readonly status: number;
      readonly reason: string;
      /** Whether no command was started because another candidate leads, as far as is known. */
      readonly skipped?: boolean;
    };

export type Report = (event: Event) => void;
