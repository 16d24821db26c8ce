// Why leader-run ends -> the exit status and the last sentence that say so. Decides nothing about when it ends;
// src/run.ts and the verbs of src/commands/ do. The numbers are those of shells (126, 127, 128 + n), of timeout(1)
// (124, 125) and three of ours (121 to 123), away from what commands commonly use themselves.
// Invariant: the help and README print `exitStatusTable`, and a test compares it with `exitStatus`.

import { constants } from 'node:os';
import { nameCap, printable } from '../common/printable.ts';
import type { Settled } from '../job/once.ts';
import { settledSentence } from '../job/tell.ts';
import { type Pause, pauseText } from '../locks/instructions.ts';

/** Why a run ends that has begun: its last sentence is a line of the log. */
export type RunEnding =
  /** The command ended by itself, or was stopped because leader-run was asked to: its status is ours. */
  | { readonly kind: 'command'; readonly code: number }
  | { readonly kind: 'command-signalled'; readonly signal: NodeJS.Signals }
  /** A signal stopped leader-run while no command was running. */
  | { readonly kind: 'stopped'; readonly signal: NodeJS.Signals }
  /**
   * Leadership was lost, or given back on request (`given`), the command stopped, and --on-lost says exit. `status`:
   * what an option says.
   */
  | { readonly kind: 'lost'; readonly given?: boolean; readonly status?: number }
  /** Not elected within --wait or --try. `trouble`: it is not known who holds the lock, since it could not be asked. */
  | {
      readonly kind: 'not-acquired';
      readonly status?: number;
      readonly trouble?: { readonly message: string } | undefined;
      /** An operator wants no candidate to hold the lock. */
      readonly pause?: Pause | undefined;
      /** The name in the record; '' where it has none. */
      readonly holder?: string;
    }
  /** --max-runtime was over. */
  | { readonly kind: 'max-runtime' }
  /** Nothing was run for the key. `doneStatus`: what an option says. */
  | { readonly kind: 'settled'; readonly verdict: Settled; readonly key: string; readonly doneStatus?: number }
  /** Configuration that cannot be used, or a failure of leader-run's own. */
  | { readonly kind: 'failed'; readonly message: string };

/** Nothing was locked or started. Each fault is a plain line. */
export interface Refusal {
  readonly kind: 'refused' | 'not-executable' | 'not-found';
  readonly faults: readonly string[];
}

export type Ending =
  | RunEnding
  | Refusal
  /** What was asked for is this text. `no`: the answer to a question is no; `remark`: a line that says why. */
  | { readonly kind: 'answered'; readonly text: string; readonly no?: boolean; readonly remark?: string };

/** The two that options can set. */
export interface ExitStatuses {
  readonly conflictStatus: number;
  readonly lostStatus: number;
}

export const standardStatuses: ExitStatuses = { conflictStatus: 124, lostStatus: 122 };

export function exitStatus(ending: Ending): number {
  switch (ending.kind) {
    case 'command':
      return ending.code;
    case 'command-signalled':
    case 'stopped':
      return signalStatus(ending.signal);
    case 'lost':
      return ending.status ?? standardStatuses.lostStatus;
    case 'not-acquired':
      return ending.status ?? standardStatuses.conflictStatus;
    case 'max-runtime':
      return 121;
    case 'settled':
      return settledStatus(ending.verdict, ending.doneStatus ?? 0);
    case 'failed':
    case 'refused':
      return 125;
    case 'not-executable':
      return 126;
    case 'not-found':
      return 127;
    case 'answered':
      return ending.no === true ? 1 : 0;
  }
  ending satisfies never;
}

/** A tick that is past was settled by a newer one. What is given up is never 0: what waits for it must not go on. */
function settledStatus(verdict: Settled, doneStatus: number): number {
  switch (verdict.kind) {
    case 'done':
    case 'past':
      return doneStatus;
    case 'given-up':
      return 123;
    case 'unreadable':
    case 'clock-ahead':
      return 125;
  }
}

/** `asked`: the signal that asked leader-run to stop. */
export function lastSentence(ending: RunEnding, asked: NodeJS.Signals | undefined): string {
  const after = asked === undefined ? '' : `, after leader-run got ${asked}`;
  switch (ending.kind) {
    case 'command':
      return `the command ended${after}; the status is its own`;
    case 'command-signalled':
      return `the command ended of ${ending.signal}${after}; the status is its own`;
    case 'stopped':
      return `stopped by ${ending.signal}; no command was running`;
    case 'lost':
      if (ending.given === true) return 'the lock was given back on request, and the command stopped';
      return 'leadership was lost and the command stopped';
    case 'not-acquired':
      if (ending.pause !== undefined) return paused(ending.pause);
      return ending.trouble?.message ?? heldBy(ending.holder ?? '');
    case 'max-runtime':
      return 'the command ran for longer than --max-runtime and was stopped';
    case 'settled':
      return settledSentence(ending.verdict, ending.key);
    case 'failed':
      return ending.message;
  }
}

function paused(pause: Pause): string {
  const what = printable(pauseText(pause));
  return `the lock is paused${what === '' ? '' : ` (${what})`}; no command was running`;
}

function heldBy(holder: string): string {
  const name = holder === '' ? '' : ` (${printable(holder, nameCap)})`;
  return `another candidate holds the lock${name}; no command was running`;
}

/** As shells say it: 143 for SIGTERM. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

export const exitStatusTable: readonly (readonly [status: string, meaning: string])[] = [
  ["the command's", 'it ended by itself; 128+n if signal n ended it'],
  ['128+n', 'signal n stopped leader-run while no command was running'],
  ['121', 'the command ran for longer than --max-runtime and was stopped'],
  ['122', 'leadership was lost and the command stopped (--lost-exit-code)'],
  ['123', 'the key was given up: its attempts are used up (--attempts)'],
  ['124', 'not acquired within --wait or --try (--conflict-exit-code)'],
  ['125', "usage, configuration, or leader-run's own failure"],
  ['126', 'the command cannot be executed'],
  ['127', 'the command was not found'],
];
