// What a job's record says, in words for people: how an attempt ended, and why nothing is run for a key. Decides words
// alone. Knows no log and no exit status.
// Invariant: names and keys of a record went through `printable`, since any candidate may have written them.

import { nameCap, printable } from '../common/printable.ts';
import { count, span } from '../common/quantity.ts';
import type { Ending } from './key.ts';
import type { Settled } from './once.ts';
import type { Entry, Outcome } from './record.ts';

/** For people: what has become of an attempt. */
export function outcomeText(outcome: Ending | Outcome): string {
  switch (outcome.kind) {
    case 'failed':
      return `failed with status ${String(outcome.status)}`;
    case 'max-runtime':
      return 'failed, since it ran for too long';
    case 'unknown':
      return 'of unknown outcome';
    case 'unstarted':
      return 'not started';
    case 'skipped':
      return `skipped (${outcome.why})`;
    case 'ok':
    case 'interrupted':
      return outcome.kind;
  }
  outcome satisfies never;
}

/** The same in one word, for a column. */
export function outcomeWord({ kind }: Outcome): string {
  return kind === 'max-runtime' ? 'failed' : kind;
}

/** Why nothing was run. */
export function settledSentence(settled: Settled, key: string): string {
  switch (settled.kind) {
    case 'done':
      return `key ${key} is done, by ${endOf(settled.entry)}; nothing was run`;
    case 'past':
      return `tick ${key} is past: the newer one ${settled.cursor} has begun; nothing was run (is this clock behind?)`;
    case 'given-up': {
      const { entry, why } = settled;
      const after = why === 'attempts' ? `after ${count(entry.attempts, 'attempt')}` : 'since a newer tick has begun';
      const last = `the last one is ${outcomeText(entry.outcome)} (${endOf(entry)})`;
      return `key ${key} was given up ${after}: ${last}; leader-run keys forget ${key} lets it run again`;
    }
    case 'unreadable':
      return `it is not known what ran under this lock, since ${settled.why}: remove its annotation leader-run/job to forget all keys`;
    case 'clock-ahead':
      return `tick ${key} comes only in ${span(settled.comesInMs)} by the API server's clock; nothing was run: set the clock of this machine`;
  }
  settled satisfies never;
}

/** Why a verb cannot tell or change what a lock remembers; `why` is that of a Reading. */
export function unreadableJobs(lock: string, why: string): string {
  return `what ${lock} remembers cannot be read, since ${why}: remove its annotation leader-run/job to forget all keys`;
}

function endOf({ by, at, tookMs }: Entry): string {
  const took = tookMs === undefined ? '' : `, after ${span(tookMs)}`;
  return `${printable(by, nameCap)} at ${at}${took}`;
}
