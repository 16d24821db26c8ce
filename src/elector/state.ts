// The words that the core speaks: its state, the events it is told, the effects it asks for. Flat data and no closures,
// so that a state can be hashed, printed and searched; the settings are constant for a run and shared by all its
// states.
// Decides nothing.
// Invariant: a state holds everything that the next step depends on, besides the event and `now`.

import type { Instant } from '../clock.ts';
import type { RehearsalAnswer, Sighting, Trouble, Version, WriteAnswer, WriteRequest } from '../locks/lock.ts';
import type { ElectionRecord } from '../locks/record.ts';
import type { DeposedBy, Event as Reported, LossReason, TakenFrom } from '../observe/events.ts';
import type { Pause } from '../locks/instructions.ts';
import type { Beside, Notes, Work } from './notes.ts';
import type { Observation, ObservationRules } from './observation.ts';
import type { Leash, Timing } from './timing.ts';

export interface Settings {
  readonly identity: string;
  /** A uuid that no other run has: safety rests on it, never on the identity. */
  readonly run: string;
  readonly timing: Timing;
  readonly rules: ObservationRules;
  /** A command starts only under an object that is at least so old by the server's clock. */
  readonly newLockWaitMs: number;
  /** The lock's finest time: a record with finer ones would come back changed, as another holder's. Unset: 1. */
  readonly timeGrainMs?: number;
  /** The lock's: it is taken by invitation only. Unset: false. */
  readonly coordinated?: boolean;
  readonly compare: (a: Version, b: Version) => 'older' | 'same' | 'newer' | 'unordered';
  /** What the owner keeps beside the record. Unset: nothing, and what stands there is left alone. */
  readonly notes?: Notes | undefined;
}

/** How long a campaign may last. */
export interface Patience {
  /** `one-look`: give up unless the first look shows a lock that can be taken at once. `ms`: milliseconds. */
  readonly wait:
    { readonly kind: 'forever' } | { readonly kind: 'one-look' } | { readonly kind: 'for'; readonly ms: number };
  /** Give up as soon as a live holder is certain: its record changed before our eyes. */
  readonly untilCertain: boolean;
}

/** renew also stands for re-creating a deleted lock inside a term. */
export type WriteKind = 'create' | 'take' | 'renew' | 'release' | 'shorten';

/** A write of this run whose answer is still out, or never came: it may be applied at any time. */
export interface PendingWrite {
  readonly number: number;
  readonly kind: WriteKind;
  readonly record: ElectionRecord;
  readonly base: Version | undefined;
  readonly note: string | undefined;
  /** The number of the owner's wish that it answers. */
  readonly wish: number | undefined;
  readonly sentAt: Instant;
  /** When the lock was there to be taken, for telling how long a hand-over took. */
  readonly openSince: Instant | undefined;
}

export type Doing = 'read' | 'rehearse' | 'write';

export interface Request {
  readonly kind: Doing;
  readonly number: number;
  readonly sentAt: Instant;
  /** A read that has to come before anything is written. */
  readonly must: boolean;
}

/** The fencing token of a term: for servers that can compare it with the highest one they have seen. */
export interface Token {
  /**
   * The resourceVersion of the write that the work began by, or a local lock's number of it: that which acquired the
   * lock, or the last one that was wished for. A whole number that grows from term to term, and from wish to wish, for
   * as long as the lock object lives (comparable by rule since Kubernetes 1.35).
   */
  readonly value: string;
  /** The uid of the lock object. A lock that was deleted and made again has another one. */
  readonly lockUid: string;
  /** How often the holder has changed (LeaseSpec.leaseTransitions). */
  readonly transitions: number;
}

/** A term as the core grants it. */
export interface Grant {
  readonly token: Token;
  readonly leash: Leash;
  /** What stands beside the record that the term was granted for. */
  readonly beside: Beside;
}

/** How a campaign or a term that was given back ended, other than by a grant or a loss. */
export type Outcome =
  | { readonly kind: 'stopped' }
  /** `trouble`: it is not known whether the lock has a holder, since the lock could not be asked. */
  | {
      readonly kind: 'not-acquired';
      readonly trouble?: Trouble | undefined;
      /** An operator wants no candidate to hold the lock. */
      readonly pause?: Pause | undefined;
    }
  | { readonly kind: 'refused'; readonly trouble: Trouble }
  | { readonly kind: 'released' }
  /** The record keeps our name for this long, and no process renews it. */
  | { readonly kind: 'left-held'; readonly forMs: number }
  /** Ours no longer, or it could not be told in time: it becomes free by itself. */
  | { readonly kind: 'not-released' }
  /** There is nothing to lead for, as the owner's rules have it. */
  | { readonly kind: 'settled'; readonly verdict: unknown };

export type CoreEvent =
  | { readonly kind: 'campaign'; readonly patience: Patience }
  /** Give the lock back, at once or not before some time from now has passed, as soon as nothing runs under it. */
  | { readonly kind: 'resign'; readonly holdMs: number }
  /** The term is to be given back as if an operator had asked for it, and this is why. */
  | { readonly kind: 'step-down'; readonly reason: string }
  /** Give up whatever is going on: a campaign, or the holding after `resign`. */
  | { readonly kind: 'stop' }
  /** `end`: for the owner's rules. */
  | { readonly kind: 'work-ended'; readonly end?: unknown }
  /** A renewal is to carry what the owner's rules make of this. */
  | { readonly kind: 'wish'; readonly wish: unknown }
  | { readonly kind: 'sending'; readonly number: number }
  /** `dateMs`: the server's wall clock. */
  | {
      readonly kind: 'read';
      readonly number: number;
      readonly sighting: Sighting;
      readonly dateMs?: number | undefined;
    }
  | { readonly kind: 'read-failed'; readonly number: number; readonly trouble: Trouble }
  | { readonly kind: 'wrote'; readonly number: number; readonly answer: WriteAnswer }
  | { readonly kind: 'rehearsed'; readonly number: number; readonly answer: RehearsalAnswer }
  | { readonly kind: 'watched'; readonly sighting: Sighting; readonly follows?: Version | undefined }
  | { readonly kind: 'watch-up' }
  | { readonly kind: 'watch-down'; readonly forbidden: boolean; readonly message: string }
  | { readonly kind: 'tick' };

export type Effect =
  | { readonly kind: 'read'; readonly number: number; readonly limitMs: number }
  | { readonly kind: 'write' | 'rehearse'; readonly request: WriteRequest; readonly limitMs: number }
  /** The driver watches from a campaign's start to its idle. */
  | { readonly kind: 'watch'; readonly on: boolean }
  | { readonly kind: 'granted'; readonly grant: Grant }
  | { readonly kind: 'leash'; readonly leash: Leash }
  | { readonly kind: 'lost'; readonly reason: LossReason }
  /** The term is to be given back, in its own time. */
  | { readonly kind: 'deposed' }
  /** What stands beside the record has changed. */
  | { readonly kind: 'beside'; readonly beside: Beside }
  /** The rules had a verdict on the wish, or it is stored, and what begins by it has this token. */
  | { readonly kind: 'wished'; readonly verdict: unknown; readonly token?: Token }
  | { readonly kind: 'idle'; readonly outcome: Outcome }
  | { readonly kind: 'report'; readonly event: Reported };

/** What people were told last of who has the lock, so that they are told once. */
export type Told =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'taking'; readonly from: TakenFrom; readonly leader: string }
  /** `moving`: the leader has our name, and renews its lease before our eyes. */
  | { readonly kind: 'leader'; readonly identity: string; readonly since: string; readonly moving: boolean };

/**
 * How a campaign or a term ends once nothing is left to be asked; `refused`: by what the server does; `settled`: by the
 * owner's rules.
 */
export type Leaving = 'stopped' | 'not-acquired' | 'released' | 'refused' | 'settled';

/** What the watch is worth. */
export type Watch =
  | { readonly kind: 'down' }
  | { readonly kind: 'up' }
  /** A look has shown this state, which the watch has until then to tell of. */
  | { readonly kind: 'doubted'; readonly shown: Version; readonly until: Instant }
  /** Open, and known not to tell: not relied on before it tells something. */
  | { readonly kind: 'mute' };

export interface State {
  readonly settings: Settings;
  readonly random: number;
  readonly want: 'nothing' | 'lead' | 'leave';
  /** Something may be running under the lock: set by a grant, cleared by work-ended and nothing else. */
  readonly occupied: boolean;
  /** The grant that is valid now. Once gone it never comes back. */
  readonly term: Grant | undefined;
  /** Who wants the term given back, of which the work under the term was told. Kept until the next campaign. */
  readonly deposed: DeposedBy | undefined;
  /** Why the holder steps down of itself: renewals tell all others, until the lock is given back. */
  readonly confession: string | undefined;
  /** After it was asked to step down, a candidate lets others go first until then, or until it sees another lead. */
  readonly backUntil: Instant | undefined;
  /** No term before this: a coordinator has invited us, and until then the last holder may lead, as far as we know. */
  readonly soleFrom: Instant | undefined;
  readonly campaign: { readonly since: Instant; readonly patience: Patience };
  /** How to leave: give up the lock or leave our name in it; `by` is the end of the tries. */
  readonly leaving: {
    readonly outcome: Leaving;
    /** Of `refused`. */
    readonly because: Trouble | undefined;
    /** Of `settled`. */
    readonly verdict: unknown;
    readonly holdUntil: Instant;
    readonly shorten: boolean;
    /** A note depends on it: it is tried until `by`, however often. */
    readonly insists: boolean;
    readonly tries: number;
    readonly by: Instant | undefined;
  };
  readonly observation: Observation | undefined;
  /** How old the object was by the server's clock when that was last told. */
  readonly age: { readonly object: string; readonly ms: number; readonly at: Instant } | undefined;
  /** Our last write that is known to be stored. */
  readonly stored:
    | {
        readonly number: number;
        readonly record: ElectionRecord;
        readonly note: string | undefined;
        readonly version: Version;
        readonly sentAt: Instant;
      }
    | undefined;
  readonly work: Work | undefined;
  /** What stands beside the record, as the term's owner was told. */
  readonly beside: Beside;
  /** Of the term's owner; one at a time. */
  readonly wish: { readonly number: number; readonly what: unknown } | undefined;
  /** What the server's wall clock showed when that was last told, and when. For the owner's rules alone. */
  readonly serverTime: { readonly ms: number; readonly at: Instant } | undefined;
  readonly pending: readonly PendingWrite[];
  readonly request: Request | undefined;
  readonly nextNumber: number;
  /** A write on this state was a conflict, in these words; `seen`: a look has shown the same state after it. */
  readonly disputed:
    { readonly base: Version | undefined; readonly message: string; readonly seen: boolean } | undefined;
  /** Only a read can tell what comes next. */
  readonly mustRead: boolean;
  /** No request before this instant. */
  readonly pause: Instant;
  /** No taking before this instant: a lost race, or an object that is too young. */
  readonly takePause: Instant;
  readonly failures: number;
  readonly timeouts: number;
  /** Conflicts in a row, since a holder was last seen. */
  readonly lostRaces: number;
  /** Attempts on a free lock are spread over `ms`: what the last lost race took beyond a quick answer. */
  readonly herd: { readonly ms: number; readonly until: Instant } | undefined;
  /** The driver was told to watch. */
  readonly watching: boolean;
  readonly watch: Watch;
  /** A write or a rehearsal went through: we are allowed to lead. A conflict is no proof. */
  readonly proven: boolean;
  /** How many may still be sent. */
  readonly rehearsals: number;
  readonly trouble:
    | {
        readonly doing: Doing;
        readonly cause: Trouble['cause'];
        readonly since: Instant;
        readonly last: Trouble;
        readonly told: boolean;
      }
    | undefined;
  /** The cause that was met last, and when, told or not. */
  readonly toldTrouble: { readonly cause: Trouble['cause']; readonly at: Instant } | undefined;
  readonly told: Told;
  /** Why the watch is down, as it was told. */
  readonly toldWatch: string;
  readonly toldLong: Instant | undefined;
  /** The pause as it was told. */
  readonly toldPause: string | undefined;
}
