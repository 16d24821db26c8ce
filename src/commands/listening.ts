// What `--listen` shows, put together: the endpoint, the metrics, and what they are shown of the elector, the supervisor
// and the jobs. Decides nothing but how often the record of jobs is looked at.
// Loaded only with --listen. Invariant: all of it is read when it is asked for; nothing here changes anything.

import type { Config } from '../cli/config.ts';
import type { Place } from '../cli/values.ts';
import type { Clock } from '../clock.ts';
import type { Supervisor } from '../child/supervisor.ts';
import type { Glance } from '../elector/glance.ts';
import type { LeaderElector } from '../elector/leader-elector.ts';
import { instructionsOf } from '../elector/observation.ts';
import { JobCounter } from '../job/figures.ts';
import type { Job } from '../job/key.ts';
import type { Rounds } from '../job/schedule.ts';
import { pauseAt } from '../locks/instructions.ts';
import { openEndpoint } from '../observe/endpoint.ts';
import type { Report } from '../observe/events.ts';
import { Metrics } from '../observe/metrics.ts';
import type { View } from '../observe/view.ts';

/** Runs that follow each other more quickly than this, for one key, may be counted as one. */
const lookEveryMs = 500;

/** What is shown, once it is there. */
export interface Shown {
  readonly lock: string;
  readonly elector: LeaderElector;
  readonly supervisor: Supervisor;
  readonly job: Job | undefined;
  readonly rounds: Rounds | undefined;
}

export interface Listening {
  readonly url: string;
  readonly hear: Report;
  readonly show: (shown: Shown) => void;
  readonly close: () => void;
}

/** Throws a sentence when the place cannot be listened at. */
export async function openListening(
  { health, identity, timing }: Config,
  place: Place,
  { version, clock, stop }: { readonly version: string; readonly clock: Clock; readonly stop: AbortSignal },
): Promise<Listening> {
  const metrics = new Metrics({ isHealthChecked: health !== undefined });
  let view: () => View | undefined = () => undefined;
  let cancelLook = (): void => undefined;
  const endpoint = await openEndpoint({
    ...place,
    view: () => view(),
    metrics: (seen) => metrics.text(seen),
  });
  return {
    url: endpoint.url,
    hear: (event) => {
      metrics.hear(event);
    },
    show: ({ lock, elector, supervisor, job, rounds }) => {
      const counter = new JobCounter({ job, attempts: rounds?.attempts, sinceMs: clock.now().wall });
      const look = (): Glance | undefined => {
        const glance = elector.glance();
        if (glance) counter.see(glance.note);
        return glance;
      };
      const lookAgain = (): void => {
        look();
        cancelLook = clock.after(lookEveryMs, lookAgain);
      };
      lookAgain();
      view = () => {
        const wallMs = clock.now().wall;
        const glance = look();
        const next = rounds?.nextAfter(wallMs);
        return {
          ...{ lock, identity, version, wallMs, glance },
          guardian: supervisor.guardianKind,
          isGuarded: supervisor.isGuarded,
          isStopping: stop.aborted,
          leaseDurationMs: timing.leaseDurationMs,
          lateMs: elector.lateMs,
          pause: pauseAt(instructionsOf(glance?.sighting), wallMs),
          job: counter.figures(),
          nextMs: next === Infinity ? undefined : next,
        };
      };
    },
    close: () => {
      cancelLook();
      endpoint.close();
    },
  };
}
