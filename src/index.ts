// The library's public face: re-exports only. `leader-run` the command is built from the same parts.
// Decides what is public; everything that is not named here may change without notice.
// Invariant: nothing is done on import.

export { LeaderElector } from './elector/leader-elector.ts';
export type { LeaderCallbacks, LeaderElectionConfig, LeaderTerm, RunEnd } from './elector/leader-elector.ts';
export type { Beside, Notes, Page, Wished, Work } from './elector/notes.ts';
export type { SkipReason } from './job/record.ts';
export type { Instructions, Pause } from './locks/instructions.ts';
export type { Glance } from './elector/glance.ts';
export type { Outcome, Patience, Token } from './elector/state.ts';
export type { Elected, Term } from './elector/term.ts';
export type { Leash } from './elector/timing.ts';
export { openLock } from './locks/open.ts';
export type { LabelWish, LockKind, OpenLock, OpenOptions, Standing, Store } from './locks/store.ts';
export type {
  Announcement,
  Attempt,
  Lock,
  ReadAnswer,
  Sighting,
  Trouble,
  Version,
  WatchNews,
  RehearsalAnswer,
  WriteAnswer,
  WriteFailure,
  WriteRequest,
  PodLabel,
} from './locks/lock.ts';
export type { ElectionRecord, Signature } from './locks/record.ts';
export type { DeposedBy, Event, LossReason, Report, RunEnding, TakenFrom } from './observe/events.ts';
export type { Clock, Instant, Now } from './clock.ts';
