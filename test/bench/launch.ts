// What it costs to run a command under a free lock: from the launch to the command's start, and to the exit of the
// whole; beside a Node that does nothing. Decides the protocol: the stopwatch is a small program (child/main.go), since
// Node needs milliseconds to start a process, and the lock exists and was released by the launch before. CPU is that of
// leader-run and of all that it waited for; on each line of Node, of the package as npm has installed it there.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { nodeOfLine } from '../helpers/node-lines.ts';
import { install, pack } from '../helpers/packed.ts';
import { openPod, type Pod } from '../helpers/pod.ts';
import { type Bench, type Column, type Row, say } from './bench.ts';
import { leaderRun } from './contenders.ts';
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

/** The oldest line that is supported, and the one of the examples. */
const lines = [20, 24];

/** Launch to exit, in CPU: other work on the machine lengthens it less than the time, and so does a slow server. */
export async function measureInstalled(bench: Bench): Promise<Row[]> {
  const { tarball } = await pack(bench.folder);
  const kubeconfig = await readFile(bench.setting.kubeconfig, 'utf8');
  const rows: Row[] = [];
  for (const line of lines) {
    const node = await nodeOfLine(line);
    if (node === undefined) {
      say(`bench: Node ${line} is not to be had here`);
      continue;
    }
    const folder = await install(tarball, path.join(bench.folder, `node-${line}`), node);
    const ours = leaderRun(bench.setting, 'leader-run', folder, `node-${line}-`, node);
    const pod = await openPod(bench.file(`pod-${line}`), kubeconfig);
    const outside: Partial<Record<Column, number[]>> = {};
    const inside: Partial<Record<Column, number[]>> = {};
    for (let round = -1; round < bench.rounds.launches; round += 1) {
      // One that takes next to nothing: its CPU is counted as well.
      const launch = ours.launch({ lock: 'launch', identity: `run-${round}`, command: ['true'] });
      const took = await stopwatch(bench, launch);
      const tookInside = await stopwatch(bench, asPod(launch, pod), pod.through);
      const bare = await stopwatch(bench, { file: node, args: ['-e', '0'], env: bench.setting.environment });
      if (round < 0) continue;
      for (const [row, { cpuMs }] of [[outside, took], [inside, tookInside]] as const) {
        (row['leader-run'] ??= []).push(cpuMs);
        (row['bare node'] ??= []).push(bare.cpuMs);
      }
    }
    await pod.close();
    const title = `launch on a free lock, Node ${line}: CPU to the exit`;
    rows.push({ title, unit: 'ms', note: installed, samples: outside });
    rows.push({ title: `${title}, in a pod`, unit: 'ms', note: 'token and CA are files, as kubelet mounts them', samples: inside });
  }
  return rows;
}

/** Its server is named by the environment. */
function asPod({ file, args, env }: Launch, pod: Pod): Launch {
  return { file, args: args.filter((arg) => !arg.startsWith('--kubeconfig=')), env: { ...env, ...pod.env } };
}

const installed = 'of leader-run and what it waits for, a run of `true`; the package as npm installs it; bare node: `node -e 0` of that Node';

interface Took {
  readonly begun: bigint;
  readonly ended: bigint;
  readonly cpuMs: number;
}

/** `through`: what the stopwatch itself is run by. */
async function stopwatch(bench: Bench, { file, args, env }: Launch, through: readonly string[] = []): Promise<Took> {
  const [program = '', ...rest] = [...through, bench.command, 'launch', file, ...args];
  const { stdout } = await run(program, rest, { env });
  const line = stdout.split('\n').find((text) => text.startsWith('{"begun"'));
  const [, begun, ended, cpu, failed] = /"begun":(\d+),"ended":(\d+),"cpu":(\d+),"failed":(\w+)/.exec(line ?? '') ?? [];
  if (begun === undefined || ended === undefined || failed !== 'false') throw new Error(`${file} failed: ${stdout}`);
  return { begun: BigInt(begun), ended: BigInt(ended), cpuMs: Number(cpu) / 1e6 };
}
