// What many standbys cost the API server: its CPU while they stand by, and the requests and the time of a hand-over
// among them. Decides how many are real processes (crowds) and how many share a process (herds: herd-process.ts), since
// a thousand real ones do not fit into the memory and the two cores of a small machine.
// Invariant: nothing but the candidates speaks to the servers while something is counted, apart from the count itself.

import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Bench, type Row, say } from './bench.ts';
import { type Name, namespace } from './contenders.ts';
import { killCommand, loadAverage, memoryOf, type Running, start, tickedCpuMs, until } from './processes.ts';
import { msBetween, stamped } from './stamps.ts';

const folder = path.dirname(fileURLToPath(import.meta.url));
/** Starting a crowd keeps both cores busy for a while; then the server still has garbage to collect. */
const settleMs = 5000;
/** How long requests count as those of a hand-over; the former holder stands by again after this (herd-process.ts). */
const countedMs = 2500;

export async function measureCrowds(bench: Bench): Promise<Row[]> {
  const samples: Record<string, Partial<Record<Name, number[]>>> = {};
  const idle = await serverCpu(bench);
  for (const size of bench.rounds.crowds) {
    for (const name of ['leader-run', 'client-go'] as const) {
      (samples[`${size}`] ??= {})[name] = [(await withCrowd(bench, name, size)) - idle];
    }
  }
  const note = `beyond the ${idle.toFixed(1)} ms/s of an idle server; one leader renews every 2 s; real processes`;
  return Object.entries(samples).map(([size, each]) => ({
    title: `API server CPU, ${size} standing by`,
    unit: 'ms/s',
    note,
    samples: each,
  }));
}

/** Milliseconds of CPU in a second. */
async function serverCpu({ servers, rounds }: Bench): Promise<number> {
  await sleep(Math.min(settleMs, rounds.crowdMs));
  const [from, cpu] = [performance.now(), tickedCpuMs(servers.apiserver.pid)];
  await sleep(rounds.crowdMs);
  return ((tickedCpuMs(servers.apiserver.pid) - cpu) * 1000) / (performance.now() - from);
}

async function withCrowd(bench: Bench, name: Name, size: number): Promise<number> {
  const stamps = bench.file('stamps');
  const log = bench.file('crowd.log');
  const lock = `crowd-${size}`;
  const enter = (identity: string): Running =>
    start(bench.contender(name).launch({ lock, identity, command: [bench.command, 'work', stamps, identity] }), log);
  const leader = enter('leader');
  const works = await stamped(stamps, 'start', 'leader');
  const standbys: Running[] = [];
  for (let index = 0; index < size; index += 1) {
    standbys.push(enter(`standby-${index}`));
    // Not all at once: the machine has to start them as well.
    if (index % 10 === 9) await calm();
  }
  await calm();
  const cpu = await serverCpu(bench);
  await Promise.all(standbys.map((standby) => standby.end()));
  await leader.end();
  killCommand(works.pid);
  return cpu;
}

async function calm(): Promise<void> {
  await sleep(1000);
}

interface Herd {
  readonly running: ReturnType<typeof start>;
  readonly lines: { readonly what: string; readonly at: bigint }[];
}

export interface Herds {
  readonly rows: Row[];
  readonly remarks: readonly string[];
}

export async function measureHerds(bench: Bench): Promise<Herds> {
  const rows: Row[] = [];
  const remarks: string[] = [];
  for (const size of bench.rounds.herds) {
    const idle = await serverCpu(bench);
    const memory = memoryOf(bench.servers.apiserver.pid).rssMb;
    const herds = await openHerds(bench, size);
    const cpu = await serverCpu(bench);
    const grownMb = memoryOf(bench.servers.apiserver.pid).rssMb - memory;
    const handOvers: HandOver[] = [];
    for (let round = 0; round < bench.rounds.herdHandOvers; round += 1) handOvers.push(await handOver(bench, herds));
    await closeHerds(herds);
    const [first, ...later] = handOvers;
    const ours = (of: (each: HandOver) => number): Row['samples'] => ({ 'leader-run': later.map(of) });
    const among = `among ${size} candidates`;
    rows.push(
      {
        title: `API server CPU, ${size - 1} standing by in two processes`,
        unit: 'ms/s',
        note: 'beyond an idle server',
        samples: { 'leader-run': [cpu - idle] },
      },
      {
        title: `hand-over ${among}: time`,
        unit: 'ms',
        note: 'the first one left out; no command; release sent to lock granted',
        samples: ours(({ ms }) => ms),
      },
      {
        title: `hand-over ${among}: write attempts`,
        unit: '',
        note: 'the first one left out',
        samples: ours(({ attempts }) => attempts),
      },
      {
        title: `hand-over ${among}: all requests`,
        unit: '',
        note: 'the first one left out',
        samples: ours(({ requests }) => requests),
      },
    );
    const told = handOvers.map(
      (each) =>
        `${each.attempts} attempts, ${each.ms.toFixed(0)} ms (CPU in ${countedMs / 1000} s: server ${each.cpuMs.toFixed(0)} ms, ` +
        `candidates ${each.candidatesCpuMs.toFixed(0)} ms)`,
    );
    remarks.push(
      `${among}, hand-over by hand-over: ${told.join('; ')}; the API server's RSS grew by ${grownMb.toFixed(0)} MB`,
    );
    say(`  ${remarks.at(-1) ?? ''}${first === undefined ? '' : ` (load ${loadAverage()})`}`);
  }
  return { rows, remarks };
}

async function openHerds(bench: Bench, size: number): Promise<Herd[]> {
  const lock = `herd-${size}`;
  // The first holder alone, so that nobody has lost a race before the first hand-over. Two processes, as many as the
  // cores of a small machine.
  const counts = [1, Math.ceil((size - 1) / 2), Math.floor((size - 1) / 2)].filter((count) => count > 0);
  const herds: Herd[] = [];
  for (const [index, count] of counts.entries()) herds.push(await openHerd(bench, [lock, `${count}`, `herd-${index}`]));
  return herds;
}

/** Resolves once all of its candidates stand by or lead. */
async function openHerd(bench: Bench, args: readonly string[]): Promise<Herd> {
  const loader = ['--import', path.join(folder, 'typescript.mjs')];
  const program = [path.join(folder, 'herd-process.ts'), bench.setting.kubeconfig, namespace];
  const launch = { file: process.execPath, args: [...loader, ...program, ...args], env: bench.setting.environment };
  const running = start(launch, bench.file('herd.log'), 'pipe');
  const herd: Herd = { running, lines: [] };
  const { stdout } = running.child;
  if (stdout === null) throw new Error('a herd without a voice');
  createInterface({ input: stdout }).on('line', (line) => {
    const [what = '', at = '0'] = line.split(' ');
    herd.lines.push({ what, at: BigInt(at) });
  });
  const isReady = (): boolean => {
    if (running.ended()) throw new Error(`a herd (${args.join(' ')}) has ended early`);
    return herd.lines.some(({ what }) => what === 'ready');
  };
  await until(`a herd (${args.join(' ')}) is ready`, isReady, 120_000);
  return herd;
}

/** Many locks, each with a leader and nobody else: what renewals alone cost. */
export async function measureLocks(bench: Bench): Promise<Herds> {
  const rows: Row[] = [];
  const remarks: string[] = [];
  const { etcd } = bench.servers;
  for (const count of bench.rounds.locks) {
    const idle = await serverCpu(bench);
    const herd = await openHerd(bench, [`locks-${count}`, `${count}`, 'leaders', 'apart']);
    const [from, etcdFrom] = [performance.now(), tickedCpuMs(etcd.pid)];
    const cpu = await serverCpu(bench);
    const etcdCpu = ((tickedCpuMs(etcd.pid) - etcdFrom) * 1000) / (performance.now() - from);
    await closeHerds([herd]);
    rows.push({
      title: `API server CPU, ${count} locks with a leader each`,
      unit: 'ms/s',
      note: 'beyond an idle server; each renews every 2 s',
      samples: { 'leader-run': [cpu - idle] },
    });
    remarks.push(`etcd with ${count} locks: ${etcdCpu.toFixed(0)} ms of CPU a second`);
  }
  return { rows, remarks };
}

interface HandOver {
  readonly ms: number;
  readonly attempts: number;
  readonly requests: number;
  readonly cpuMs: number;
  /** Of all candidates together; on one machine it is what the hand-over waits for. */
  readonly candidatesCpuMs: number;
}

async function handOver(bench: Bench, herds: readonly Herd[]): Promise<HandOver> {
  const instants = (kind: string): bigint[] =>
    herds.flatMap(({ lines }) => lines.filter(({ what }) => what === kind).map(({ at }) => at));
  const elected = instants('elected').length;
  const before = await countRequests(bench);
  const cpu = tickedCpuMs(bench.servers.apiserver.pid);
  const candidatesCpu = (): number => herds.reduce((sum, { running }) => sum + tickedCpuMs(running.pid), 0);
  const candidatesBefore = candidatesCpu();
  for (const { running } of herds) running.child.stdin?.write('release\n');
  await until('the next one is elected', () => instants('elected').length > elected, 30_000);
  // Whoever lost the race looks again meanwhile; the former holder does not yet.
  await sleep(countedMs);
  const after = await countRequests(bench);
  const cpuAfter = tickedCpuMs(bench.servers.apiserver.pid);
  const candidatesCpuMs = candidatesCpu() - candidatesBefore;
  await sleep(settleMs);
  const from = instants('releasing').reduce((a, b) => (a > b ? a : b));
  const to = instants('elected')
    .filter((at) => at > from)
    .reduce((a, b) => (a < b ? a : b));
  return {
    ms: msBetween(from, to),
    // The one that was granted, and those that came too late.
    attempts: after.refused - before.refused + 1,
    requests: after.all - before.all,
    cpuMs: cpuAfter - cpu,
    candidatesCpuMs,
  };
}

/** From the server's own metrics; refused are all writes without success: conflicts, and too many at a time (429). */
async function countRequests({ servers }: Bench): Promise<{ refused: number; all: number }> {
  const { text } = await servers.admin('GET', '/metrics');
  let [refused, all] = [0, 0];
  for (const line of text.split('\n')) {
    if (!line.startsWith('apiserver_request_total{') || !line.includes('resource="leases"')) continue;
    const count = Number(line.slice(line.lastIndexOf(' ')));
    all += count;
    if (/verb="(PUT|POST)"/.test(line) && !/code="20[01]"/.test(line)) refused += count;
  }
  return { refused, all };
}

async function closeHerds(herds: readonly Herd[]): Promise<void> {
  for (const { running } of herds.toReversed()) {
    running.child.stdin?.write('exit\n');
    if (!running.ended()) await Promise.race([once(running.child, 'exit'), sleep(2000)]);
    await running.end('SIGKILL');
  }
}
