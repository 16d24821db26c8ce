// Why a run ended -> the exit status that says so: the only place where such a number is chosen. Decides nothing about
// when a run ends; src/run.ts and src/main.ts say why, in the words of `Ending`. The numbers are those of shells (126,
// 127, 128 + n), of timeout(1) (124, 125) and one of ours (122), away from what commands commonly use themselves.
// Invariant: the help and README print `exitStatusTable`, and a test compares it with `exitStatus`.

import { constants } from 'node:os';

export type Ending =
  /** The command ended by itself, or was stopped because leader-run was asked to: its status is ours. */
  | { readonly kind: 'command'; readonly code: number }
  | { readonly kind: 'command-signalled'; readonly signal: NodeJS.Signals }
  /** A signal stopped leader-run while no command was running. */
  | { readonly kind: 'stopped'; readonly signal: NodeJS.Signals }
  /** Leadership was lost, the command stopped, and --on-lost says exit. */
  | { readonly kind: 'lost' }
  /** Not elected within --wait or --try. */
  | { readonly kind: 'not-acquired' }
  /** Usage, configuration, or a failure of leader-run's own. */
  | { readonly kind: 'failed' }
  | { readonly kind: 'not-executable' }
  | { readonly kind: 'not-found' };

/** The two that options can set. */
export interface ExitStatuses {
  readonly conflictStatus: number;
  readonly lostStatus: number;
}

export const standardStatuses: ExitStatuses = { conflictStatus: 124, lostStatus: 122 };

export function exitStatus(ending: Ending, { conflictStatus, lostStatus }: ExitStatuses = standardStatuses): number {
  switch (ending.kind) {
    case 'command':
      return ending.code;
    case 'command-signalled':
    case 'stopped':
      return signalStatus(ending.signal);
    case 'lost':
      return lostStatus;
    case 'not-acquired':
      return conflictStatus;
    case 'failed':
      return 125;
    case 'not-executable':
      return 126;
    case 'not-found':
      return 127;
  }
  ending satisfies never;
}

/** As shells say it: 143 for SIGTERM. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

export const exitStatusTable: readonly (readonly [status: string, meaning: string])[] = [
  ["the command's", 'it ended by itself; 128+n if signal n ended it'],
  ['128+n', 'signal n stopped leader-run while no command was running'],
  ['122', 'leadership was lost and the command stopped (--lost-exit-code)'],
  ['124', 'not acquired within --wait or --try (--conflict-exit-code)'],
  ['125', "usage, configuration, or leader-run's own failure"],
  ['126', 'the command cannot be executed'],
  ['127', 'the command was not found'],
];
