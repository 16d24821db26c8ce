// What it costs to run a command under a free lock: from the launch to the command's start, and to the exit of the
// whole; beside a Node that does nothing. Decides the protocol: the stopwatch is a small program (child/main.go), since
// Node needs milliseconds to start a process, and the lock exists and was released by the launch before.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Bench, Column, Row } from './bench.ts';
import type { Launch } from './processes.ts';
import { msBetween, stamped } from './stamps.ts';

const run = promisify(execFile);

export async function measureLaunches(bench: Bench): Promise<Row[]> {
  const toStart: Partial<Record<Column, number[]>> = {};
  const toExit: Partial<Record<Column, number[]>> = {};
  const bare: Launch = { file: process.execPath, args: ['-e', '0'] };
  const { environment } = bench.setting;
  // One round more than is counted: the first finds no Lease and cold files.
  for (let round = -1; round < bench.rounds.launches; round += 1) {
    for (const contender of Object.values(bench.contenders)) {
      const stamps = bench.file('stamps');
      const command = [bench.command, 'once', stamps, 'command'];
      const took = await stopwatch(bench, contender.launch({ lock: 'launch', identity: `run-${round}`, command }));
      const started = await stamped(stamps, 'start', 'command');
      if (round < 0) continue;
      (toStart[contender.name] ??= []).push(msBetween(took.begun, started.mono));
      (toExit[contender.name] ??= []).push(msBetween(took.begun, took.ended));
    }
    const took = await stopwatch(bench, { ...bare, env: environment });
    if (round >= 0) (toExit['bare node'] ??= []).push(msBetween(took.begun, took.ended));
  }
  return [
    { title: "launch on a free lock: to the command's start", unit: 'ms', samples: toStart },
    {
      title: 'launch on a free lock: to the exit, lock released',
      unit: 'ms',
      note: 'bare node: `node -e 0`',
      samples: toExit,
    },
  ];
}

async function stopwatch(bench: Bench, { file, args, env }: Launch): Promise<{ begun: bigint; ended: bigint }> {
  const { stdout } = await run(bench.command, ['launch', file, ...args], { env });
  const line = stdout.split('\n').find((text) => text.startsWith('{"begun"'));
  const [, begun, ended, failed] = /"begun":(\d+),"ended":(\d+),"failed":(\w+)/.exec(line ?? '') ?? [];
  if (begun === undefined || ended === undefined || failed !== 'false') throw new Error(`${file} failed: ${stdout}`);
  return { begun: BigInt(begun), ended: BigInt(ended) };
}
