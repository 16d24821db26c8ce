// What happened, as numbers for Prometheus (/metrics): counts the program's events, and writes them beside what is
// seen of the lock. Decides names, labels and buckets; docs/metrics.md has the same list.
// Knows neither HTTP nor the lock. Invariants: every candidate writes what the lock shows, so that an alert needs no
// leader alive; a series with a label for a reason exists from the start, at 0, or its first increase would be missed.

import type { DeposedBy, Event, LossReason, RunEnding } from './events.ts';
import type { View } from './view.ts';

const lossReasons = {
  ...{ deadline: 0, taken: 0, recreated: 0 },
  ...{ edited: 0, altered: 0, 'rolled-back': 0 },
} satisfies Record<LossReason, number>;
const deposers = { coordinator: 0, 'step-down': 0, pause: 0, health: 0 } satisfies Record<DeposedBy, number>;
const runEndings = {
  ...{ ok: 0, failed: 0, stopped: 0, deposed: 0, replaced: 0, lost: 0 },
  ...{ 'max-runtime': 0, unguarded: 0, 'not-started': 0 },
} satisfies Record<RunEnding, number>;

/** Seconds. */
const bucketLimits = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class Metrics {
  readonly #lost = { ...lossReasons };
  readonly #deposed = { ...deposers };
  readonly #exits = { ...runEndings };
  readonly #buckets = bucketLimits.map(() => 0);
  readonly #isHealthChecked: boolean;
  #renewals = { count: 0, sumS: 0 };
  #terms = 0;
  #handOverS: number | undefined;
  #guardiansReplaced = 0;
  #isRunning = false;
  #isHealthy = true;
  #isFailing = false;

  constructor({ isHealthChecked }: { readonly isHealthChecked: boolean }) {
    this.#isHealthChecked = isHealthChecked;
  }

  /** A listener like the log. */
  hear(event: Event): void {
    switch (event.kind) {
      case 'renewed':
        return this.#renewed(event.latencyMs / 1000);
      case 'elected':
        this.#terms += 1;
        if (event.handOverMs !== undefined) this.#handOverS = event.handOverMs / 1000;
        return;
      case 'lost':
        this.#lost[event.reason] += 1;
        return;
      case 'deposed':
        this.#deposed[event.by] += 1;
        this.#isHealthy &&= event.by !== 'health';
        return;
      case 'command-started':
        this.#isRunning = true;
        this.#isHealthy = true;
        return;
      case 'work-ended':
        this.#isRunning = false;
        this.#exits[event.how] += 1;
        return;
      case 'guardian-replaced':
        this.#guardiansReplaced += 1;
        return;
      case 'trouble':
        this.#isFailing = true;
        return;
      case 'recovered':
        this.#isFailing = false;
        return;
      default:
        return undefined;
    }
  }

  #renewed(seconds: number): void {
    this.#renewals = { count: this.#renewals.count + 1, sumS: this.#renewals.sumS + seconds };
    bucketLimits.forEach((limit, i) => {
      if (seconds <= limit) this.#buckets[i] = (this.#buckets[i] ?? 0) + 1;
    });
  }

  /** In Prometheus' text format, version 0.0.4. */
  text(view: View): string {
    const of = labels({ lock: view.lock });
    return [
      ...this.#ofCandidate(view, of),
      ...lockFamilies(view, of),
      ...this.#ofTerms(of),
      ...jobFamilies(view, of),
    ].join('');
  }

  #ofCandidate(view: View, of: Labels): string[] {
    const { identity, version, guardian, glance, isGuarded } = view;
    return [
      gauge(
        'leader_election_master_status',
        'Whether this candidate leads (the name that client-go gives it).',
        one(labels({ name: view.lock }), glance?.isLeading === true),
      ),
      gauge('leader_run_info', 'About this candidate.', one(`${of},${labels({ identity, version, guardian })}`, true)),
      gauge('leader_run_guarded', 'Whether a guardian is there for the command, if one runs.', one(of, isGuarded)),
      gauge('leader_run_requests_failing', 'Whether requests to the lock come to nothing.', one(of, this.#isFailing)),
      gauge('leader_run_command_running', 'Whether the command runs here.', one(of, this.#isRunning)),
      this.#isHealthChecked
        ? gauge(
            'leader_run_command_healthy',
            'Whether the command showed signs of life (--health-file, --health-command).',
            one(of, this.#isHealthy),
          )
        : '',
    ];
  }

  #ofTerms(of: Labels): string[] {
    return [
      counter('leader_run_terms', 'Terms of this candidate.', [[of, this.#terms]]),
      counter('leader_run_terms_lost', 'Terms that were lost.', by('reason', this.#lost, of)),
      counter('leader_run_terms_given_back', 'Terms given back on request.', by('by', this.#deposed, of)),
      this.#handOverS === undefined
        ? ''
        : gauge('leader_run_handover_seconds', 'From the lock being free to this candidate leading, the last time.', [
            [of, this.#handOverS],
          ]),
      this.#histogram(of),
      counter('leader_run_command_exits', 'Ends of the command.', by('outcome', this.#exits, of)),
      counter('leader_run_guardians_replaced', 'Guardians that died or did not answer.', [
        [of, this.#guardiansReplaced],
      ]),
    ];
  }

  #histogram(of: Labels): string {
    const name = 'leader_run_renew_seconds';
    const { count, sumS } = this.#renewals;
    const limits = bucketLimits.map((limit, i) => [String(limit), this.#buckets[i] ?? 0] as const);
    return family(name, 'histogram', 'How long renewals took.', [
      ...[...limits, ['+Inf', count] as const].map(
        ([le, below]) => [`${name}_bucket`, `${of},le="${le}"`, below] as const,
      ),
      [`${name}_sum`, of, sumS],
      [`${name}_count`, of, count],
    ]);
  }
}

function lockFamilies({ glance, pause, wallMs }: View, of: Labels): string[] {
  const record = glance?.sighting.kind === 'record' ? glance.sighting.record : undefined;
  const isHeld = glance?.state === 'held';
  return [
    gauge(
      'leader_run_lock_held',
      'Whether a holder was seen to renew in time, as this candidate sees it.',
      one(of, isHeld),
    ),
    gauge('leader_run_paused', 'Whether the lock is paused.', one(of, pause !== undefined)),
    record
      ? counter('leader_run_transitions', 'How often the holder has changed, as the lock tells.', [
          [of, record.leaseTransitions],
        ])
      : '',
    glance && record && record.holderIdentity !== ''
      ? gauge(
          'leader_run_last_renewal_timestamp_seconds',
          'When the lock was last seen to be renewed, by any holder.',
          [[of, (wallMs - glance.changedMs) / 1000]],
        )
      : '',
  ];
}

function jobFamilies({ job, nextMs }: View, of: Labels): string[] {
  if (job === undefined) return [];
  const { lastSuccessMs, lastDurationMs, runs, isGivenUp } = job;
  const seconds = (name: string, help: string, ms: number | undefined): string =>
    ms === undefined ? '' : gauge(`leader_run_job_${name}_seconds`, help, [[of, ms / 1000]]);
  return [
    seconds(
      'last_success_timestamp',
      'When a run last succeeded; before any has, when this was first looked for.',
      lastSuccessMs,
    ),
    seconds('last_duration', 'How long the last run took.', lastDurationMs),
    seconds('next_timestamp', 'When the next tick of the schedule begins.', nextMs),
    counter('leader_run_job_runs', 'Runs and skipped ticks, as the lock tells.', by('outcome', runs, of)),
    isGivenUp === undefined
      ? ''
      : gauge(
          'leader_run_job_given_up',
          'Whether the last key or tick failed with no attempt left.',
          one(of, isGivenUp),
        ),
  ];
}

/** As they are written: made once for each answer, of which most lines have the same. */
type Labels = string;
type Sample = readonly [name: string, labels: Labels, value: number];
type Samples = readonly (readonly [Labels, number])[];

function one(of: Labels, isSo: boolean): Samples {
  return [[of, isSo ? 1 : 0]];
}

function by(label: string, counts: Readonly<Record<string, number>>, of: Labels): Samples {
  return Object.entries(counts).map(([name, count]) => [`${of},${label}="${name}"`, count] as const);
}

function gauge(name: string, help: string, samples: Samples): string {
  return family(
    name,
    'gauge',
    help,
    samples.map(([of, value]) => [name, of, value] as const),
  );
}

function counter(name: string, help: string, samples: Samples): string {
  const total = `${name}_total`;
  return family(
    total,
    'counter',
    help,
    samples.map(([of, value]) => [total, of, value] as const),
  );
}

function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([its, of, value]) => `${its}{${of}} ${String(value)}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labels(texts: Readonly<Record<string, string>>): Labels {
  return Object.entries(texts)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (it) => (it === '\n' ? '\\n' : `\\${it}`))}"`)
    .join(',');
}
