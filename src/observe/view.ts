// What a candidate can be seen to be at this moment: of itself, of the lock as it last saw it, and of the jobs that run
// under it. Types alone. Does not know who asks, nor in which form (metrics.ts, probes.ts).
// Invariant: no field carries a credential, the command's arguments or its environment.

import type { Glance } from '../elector/glance.ts';
import type { Figures } from '../job/figures.ts';
import type { Pause } from '../locks/instructions.ts';

export interface View {
  /** `namespace/name`. */
  readonly lock: string;
  readonly identity: string;
  readonly version: string;
  /** Which guardian there is, as the log tells it. */
  readonly guardian: string;
  readonly isGuarded: boolean;
  /** leader-run was asked to stop. */
  readonly isStopping: boolean;
  /** Of this candidate. */
  readonly leaseDurationMs: number;
  /** How late the elector's own next step is. */
  readonly lateMs: number;
  /** Undefined: the lock was not seen yet. */
  readonly glance: Glance | undefined;
  /** One that is on. */
  readonly pause: Pause | undefined;
  /** Undefined: nothing runs for a key. */
  readonly job: Figures | undefined;
  /** When the next tick of this candidate's schedule begins; undefined: it keeps none, or none comes. */
  readonly nextMs: number | undefined;
  readonly wallMs: number;
}
