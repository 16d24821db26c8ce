// What it costs to stand by, and to lead, while nothing happens: memory, CPU, requests and bytes, over minutes. Decides
// how each is counted. Requests: the API server's own audit log, one user for each candidate. Bytes: a TCP proxy
// before each candidate, both directions, TLS included. CPU and memory: /proc, of leader-run with guardian and gate.
// Invariant: the servers are of this measurement's own, since auditing would slow down the others.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Servers, startServers } from '../helpers/servers.ts';
import type { User } from '../helpers/servers-client.ts';
import type { Bench, Column, Row } from './bench.ts';
import { type Name, namespace, type Order } from './contenders.ts';
import {
  commandLine,
  cpuMs,
  descendants,
  descriptors,
  killCommand,
  type Launch,
  memoryOf,
  type Running,
  start,
} from './processes.ts';
import { stamped } from './stamps.ts';

type Role = 'leader' | 'standby';
/** `scheduled`: leader-run as a leader that waits for a tick of a far day. */
type Part = Name | 'scheduled';

interface Candidate {
  readonly name: Part;
  readonly role: Role;
  readonly user: User;
  readonly process: Running;
  readonly bytes: () => number;
}

/** What one of them did in the time looked at. */
interface Bill {
  readonly rss: number;
  readonly pss: number;
  readonly guardianPss: number;
  readonly gatePss: number;
  readonly rssGrowth: number;
  readonly descriptorGrowth: number;
  readonly cpuMs: number;
  readonly requests: number;
  readonly kilobytes: number;
  readonly verbs: string;
  readonly rssMeanwhile: readonly number[];
}

/** Start-up, the first rehearsal and the first garbage are over by then; a longer look settles for a twelfth of it. */
const settleMs = 10_000;
/** So often the memory is looked at meanwhile. */
const looks = 12;

const cast: readonly { readonly name: Part; readonly role: Role; readonly user: User }[] = [
  { name: 'leader-run', role: 'leader', user: 'alice' },
  { name: 'client-go', role: 'leader', user: 'bob' },
  { name: 'leader-run', role: 'standby', user: 'carol' },
  { name: 'client-go', role: 'standby', user: 'worker' },
  { name: 'before', role: 'leader', user: 'dave' },
  { name: 'before', role: 'standby', user: 'erin' },
  { name: 'scheduled', role: 'leader', user: 'frank' },
];

export interface Standing {
  readonly rows: Row[];
  /** For people: which requests were made. */
  readonly remarks: readonly string[];
}

export async function measureStanding(bench: Bench): Promise<Standing> {
  const folder = mkdtempSync(path.join(tmpdir(), 'leader-run-audit-'));
  const log = path.join(folder, 'audit.log');
  const policy = path.join(folder, 'policy.yaml');
  writeFileSync(
    policy,
    'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n',
  );
  const servers = await startServers({ apiserverFlags: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`] });
  try {
    return await observe(bench, servers, log);
  } finally {
    await servers.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function observe(bench: Bench, servers: Servers, auditLog: string): Promise<Standing> {
  await servers.createNamespace(namespace);
  const stamps = bench.file('stamps');
  const bare = start(
    { file: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'], env: bench.setting.environment },
    bench.file('bare.log'),
  );
  const candidates: Candidate[] = [];
  for (const { name, role, user } of cast.filter(({ name }) => name === 'scheduled' || bench.contenders[name] !== undefined)) {
    const verbs = ['get', 'create', 'update', 'watch'];
    await servers.allow(user, namespace, [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs }]);
    const proxy = await countingProxy(servers.url);
    const kubeconfig = bench.file('kubeconfig');
    writeFileSync(kubeconfig, servers.kubeconfig({ user, namespace, server: proxy.url }), { mode: 0o600 });
    const identity = `${name}-${role}`;
    const command = [bench.command, 'work', stamps, identity];
    const log = bench.file(`${identity}.log`);
    const running = start(launchOf(bench, name, { identity, command, kubeconfig }), log);
    if (name === 'scheduled') await waits(log);
    else if (role === 'leader') await stamped(stamps, 'start', identity);
    candidates.push({ name, role, user, process: running, bytes: proxy.bytes });
  }
  const { standingMs } = bench.rounds;
  await sleep(Math.max(Math.min(settleMs, standingMs), standingMs / 12));
  const before = candidates.map(look);
  const from = Date.now();
  const rss = candidates.map((): number[] => []);
  for (let part = 0; part < looks; part += 1) {
    await sleep(standingMs / looks);
    candidates.forEach((candidate, index) => rss[index]?.push(look(candidate).rss));
  }
  const to = Date.now();
  const minutes = (to - from) / 60_000;
  const requests = readAudit(auditLog, from, to);
  const bills = candidates.map((candidate, index): Bill => {
    const now = look(candidate);
    const then = before[index] ?? now;
    const its = requests.filter(({ user }) => user === candidate.user);
    return {
      rss: now.rss,
      pss: now.pss,
      guardianPss: now.guardianPss,
      gatePss: now.gatePss,
      rssGrowth: now.rss - then.rss,
      descriptorGrowth: now.descriptors - then.descriptors,
      cpuMs: (now.cpu - then.cpu) / minutes,
      requests: its.length / minutes,
      kilobytes: (now.bytes - then.bytes) / 1000 / minutes,
      verbs: countedVerbs(its.map(({ verb }) => verb)),
      rssMeanwhile: rss[index] ?? [],
    };
  });
  const bareMemory = memoryOf(bare.pid);
  // Standbys first, so that none of them begins to work.
  for (const { process } of candidates.toReversed()) await process.end();
  for (const { name } of candidates.filter((its) => its.name !== 'scheduled')) killCommand((await stamped(stamps, 'start', `${name}-leader`)).pid);
  await bare.end();
  return report(candidates, bills, { rss: bareMemory.rssMb, pss: bareMemory.pssMb }, minutes);
}

function launchOf(bench: Bench, part: Part, order: Omit<Order, 'lock'>): Launch {
  if (part !== 'scheduled') return bench.contender(part).launch({ ...order, lock: 'standing' });
  const launch = bench.contender('leader-run').launch({ ...order, lock: 'scheduled' });
  const [program = '', ...flags] = launch.args;
  return { ...launch, args: [program, '--schedule=0 0 29 2 *', ...flags] };
}

/** It leads, and runs nothing. */
async function waits(log: string): Promise<void> {
  for (const endAt = Date.now() + 30_000; !readFileSync(log, 'utf8').includes('"waiting"'); await sleep(50))
    if (Date.now() > endAt) throw new Error(`no leader waits for a tick, by ${log}`);
}

interface Look {
  readonly rss: number;
  readonly pss: number;
  readonly guardianPss: number;
  readonly gatePss: number;
  readonly descriptors: number;
  readonly cpu: number;
  readonly bytes: number;
}

function look({ process: { pid }, bytes }: Candidate): Look {
  const helpers = descendants(pid);
  const helper = (mark: string): number | undefined => helpers.find((each) => commandLine(each).includes(mark));
  const guardian = helper('leader-run-guardian');
  const gate = helper('leader-run-gate');
  const { rssMb, pssMb } = memoryOf(pid);
  return {
    rss: rssMb,
    pss: pssMb,
    guardianPss: guardian === undefined ? 0 : memoryOf(guardian).pssMb,
    gatePss: gate === undefined ? 0 : memoryOf(gate).pssMb,
    descriptors: descriptors(pid),
    cpu: cpuMs(pid) + (guardian === undefined ? 0 : cpuMs(guardian)),
    bytes: bytes(),
  };
}

interface Request {
  readonly user: string;
  readonly verb: string;
}

/** One line for each answered request; a watch is told when it begins and when it ends, and counts as it begins. */
function readAudit(file: string, from: number, to: number): readonly Request[] {
  const requests: Request[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const event = JSON.parse(line) as {
      stage: string;
      verb: string;
      user: { username: string };
      requestReceivedTimestamp: string;
    };
    const at = Date.parse(event.requestReceivedTimestamp);
    const counts = event.stage === (event.verb === 'watch' ? 'ResponseStarted' : 'ResponseComplete');
    if (counts && at >= from && at < to) requests.push({ user: event.user.username, verb: event.verb });
  }
  return requests;
}

function countedVerbs(verbs: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const verb of verbs) counts.set(verb, (counts.get(verb) ?? 0) + 1);
  return [...counts].map(([verb, count]) => `${count} ${verb}`).join(', ') || 'none';
}

function report(
  candidates: readonly Candidate[],
  bills: readonly Bill[],
  bare: { rss: number; pss: number },
  minutes: number,
): Standing {
  const row = (
    title: string,
    unit: Row['unit'],
    role: Role,
    of: (bill: Bill) => number,
    bareValue?: number,
    note?: string,
  ): Row => {
    const samples: Partial<Record<Column, number[]>> = bareValue === undefined ? {} : { 'bare node': [bareValue] };
    candidates.forEach(({ name, role: its }, index) => {
      const bill = bills[index];
      if (its === role && bill) samples[name] = [of(bill)];
    });
    return { title, unit, samples, ...(note !== undefined && { note }) };
  };
  const ours = (role: Role): Bill | undefined =>
    bills[candidates.findIndex(({ name, role: its }) => name === 'leader-run' && its === role)];
  const helpers = `guardian ${ours('standby')?.guardianPss.toFixed(1) ?? '?'} MB and gate ${ours('standby')?.gatePss.toFixed(1) ?? '?'} MB of PSS come on top`;
  const rows = (['standby', 'leader'] as const).flatMap((role): Row[] => [
    row(`${role}: RSS of the wrapper`, 'MB', role, ({ rss }) => rss, bare.rss),
    row(
      `${role}: PSS of the wrapper`,
      'MB',
      role,
      ({ pss }) => pss,
      bare.pss,
      role === 'standby' ? helpers : undefined,
    ),
    row(`${role}: CPU, guardian included`, 'ms/min', role, ({ cpuMs: its }) => its),
    row(`${role}: requests to the API server`, '/min', role, ({ requests }) => requests),
    row(`${role}: bytes to and from the API server`, 'KB/min', role, ({ kilobytes }) => kilobytes),
    row(`${role}: RSS growth in ${minutes.toFixed(0)} minutes`, 'MB', role, ({ rssGrowth }) => rssGrowth),
    row(`${role}: new descriptors in ${minutes.toFixed(0)} minutes`, '', role, ({ descriptorGrowth }) => descriptorGrowth),
  ]);
  rows.push({
    title: 'guardian: PSS',
    unit: 'MB',
    samples: { 'leader-run': [ours('leader')?.guardianPss ?? Number.NaN] },
  });
  const remarks = candidates.map(({ name, role }, index) => {
    const bill = bills[index];
    if (!bill) return '';
    const memory = bill.rssMeanwhile.map((mb) => mb.toFixed(1)).join(', ');
    return `${name} as ${role}, in ${minutes.toFixed(1)} minutes: requests ${bill.verbs}; RSS each twelfth of the time: ${memory} MB`;
  });
  return { rows, remarks };
}

interface CountingProxy {
  readonly url: string;
  readonly bytes: () => number;
}

/** Passes bytes on as they are and counts them. */
async function countingProxy(target: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(target);
  let bytes = 0;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.setNoDelay(true);
      one.on('data', (chunk: Buffer) => (bytes += chunk.length));
      one.on('error', () => other.destroy());
      one.pipe(other);
    }
  });
  server.unref();
  server.on('connection', (socket: Socket) => socket.unref());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, bytes: () => bytes };
}
