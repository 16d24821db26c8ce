// What it decides: what becomes of one row of the fault matrix: how it is played, what is measured and how the table at
// the end of a run looks.
// What it does not know: the faults themselves.
// To check: the worst overlap comes from the stamps of the commands and from nowhere else.
import { expect } from 'vitest';
import { type Run, short } from '../../helpers/leader-run.ts';
import { notRoot } from '../../helpers/machine.ts';
import { type Stage, staged, type StageOptions } from '../../helpers/stage.ts';
import type { Life } from '../../helpers/stamps.ts';
import type { ServersClient } from '../../helpers/servers-client.ts';

export interface Outcome {
  /** From the fault (or from its end, where that is what one waits for) until somebody leads again with proof of it. */
  readonly recoverMs: number;
  readonly note?: string;
}

export interface Row {
  readonly row: string;
  readonly fault: string;
  /** What a user is promised for it. */
  readonly expected: string;
  readonly play: (stage: Stage) => Promise<Outcome>;
  readonly options?: StageOptions;
}

export interface ConditionalRow extends Row {
  /** What this machine lacks for it, if anything. */
  readonly needs?: () => string | undefined;
}

export interface Played {
  readonly row: string;
  readonly fault: string;
  readonly runs: number;
  readonly worstOverlapMs: number | undefined;
  readonly recoverMs: number;
  readonly note: string;
}

/** The same row again for candidates in the shape of a pod. */
export function inPod(row: ConditionalRow): ConditionalRow {
  return { ...row, row: `${row.row} pod`, options: { ...row.options, shape: 'pod' }, needs: () => notRoot() ?? row.needs?.() };
}

/** Plays it on a stage of its own; the stage judges the stamps at its end. */
export async function playRow(client: ServersClient, { row, fault, expected, play, options }: Row): Promise<Played> {
  let played: Played | undefined;
  await staged(
    client,
    async (stage) => {
      const { recoverMs, note = '' } = await play(stage);
      const { lives, worstOverlapMs } = await stage.stamps.verdict();
      expect(lives).toBeGreaterThan(0);
      const seen = note === '' ? expected : note;
      played = { row, fault, runs: lives, worstOverlapMs, recoverMs: Math.round(recoverMs), note: seen };
    },
    options,
  );
  if (played === undefined) throw new Error(`row ${row} was not played`);
  return played;
}

export function printed(rows: readonly Played[]): string {
  const head = ['row', 'fault', 'runs', 'worst overlap', 'time to recover', 'what was seen'];
  const lines = [...rows]
    .sort((a, b) => Number.parseInt(a.row, 10) - Number.parseInt(b.row, 10) || a.row.localeCompare(b.row))
    .map(({ row, fault, runs, worstOverlapMs, recoverMs, note }) => [
      row, fault, String(runs), worstOverlapMs === 0 ? 'none' : `${worstOverlapMs ?? '?'} ms`, `${recoverMs} ms`, note,
    ]);
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => (line[column] ?? '').length)));
  const wide = (cell: string, column: number): string => cell.padEnd(widths[column] ?? 0);
  return [head, ...lines].map((line) => line.map(wide).join(' | ').trimEnd()).join('\n');
}

/** alice leads and has renewed at least once; bob stands by. */
export interface Pair {
  readonly alice: Run;
  readonly bob: Run;
  readonly first: Life;
}

export interface PairOptions {
  /** kubeconfigs; none: straight to the server. */
  readonly alice?: Parameters<Stage['start']>[1];
  readonly bob?: Parameters<Stage['start']>[1];
}

export async function startPair({ start, stamps }: Stage, options: PairOptions = {}): Promise<Pair> {
  const alice = await start('alice', options.alice);
  const first = await stamps.started('alice');
  const bob = await start('bob', options.bob);
  await bob.event('standing-by');
  await renewedAgain(alice);
  return { alice, bob, first };
}

/** The next acknowledged renewal. */
export async function renewedAgain(candidate: Run, withinMs = 20_000): Promise<number> {
  return (await candidate.event('renewed', { from: candidate.events.length, withinMs })).at;
}

/** The same command went on: nothing was lost and nothing else has run. */
export async function expectKept({ stamps }: Stage, { alice, first }: Pair): Promise<void> {
  expect(alice.all('lost')).toEqual([]);
  expect((await stamps.lives()).map(({ pid }) => pid)).toEqual([first.pid]);
}

/** bob's command has begun; how long after `at`, and after the end of alice's. */
export async function takenOver({ stamps }: Stage, at: number): Promise<Outcome> {
  const { startedAt } = await stamps.started('bob');
  const { lastSeen } = await stamps.started('alice');
  expect(startedAt).toBeGreaterThan(lastSeen);
  return { recoverMs: startedAt - at, note: `taken over ${startedAt - lastSeen} ms after the first command's end` };
}

/** V1: within so long after the last renewal the next one leads. */
export const crashBoundMs = short.leaseMs + 1.2 * short.retryMs + short.renewMs / 2;
