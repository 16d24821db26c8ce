// How long nobody works after the holder was killed, counted from the instant at which the others may take its lock:
// the end of its Lease, which is the record's renewTime, written by the holder's wall clock as it renews, plus the
// lease duration. The next command's start is stamped by the same machine's wall clock. Decides the protocol only.
// Invariant: the record is read after the kill, so no later renewal can have been missed.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Row } from './bench.ts';
import { type Contender, type Name, namespace, type Timing } from './contenders.ts';
import { killCommand, start } from './processes.ts';
import { stamped } from './stamps.ts';

const timing: Timing = { lease: 6, renew: 4, retry: 1 };
const settleMs = 900;

export async function measureKills(bench: Bench): Promise<Row[]> {
  const samples: Partial<Record<Name, number[]>> = {};
  const those = Object.values(bench.contenders).filter(({ expires }) => expires);
  for (let round = 0; round < bench.rounds.kills; round += 1) {
    for (const contender of those) (samples[contender.name] ??= []).push(await killOnce(bench, contender, round));
  }
  const { lease, renew, retry } = timing;
  return [
    {
      title: "holder killed: the Lease's end to the next command's start",
      unit: 'ms',
      note: `${lease}/${renew}/${retry} s; the Lease's end is the record's renewTime + ${lease} s`,
      samples,
    },
  ];
}

async function killOnce(bench: Bench, contender: Contender, round: number): Promise<number> {
  const stamps = bench.file('stamps');
  const log = bench.file('kill.log');
  const lock = `kill-${round}`;
  const enter = (identity: string): ReturnType<typeof start> =>
    start(contender.launch({ lock, identity, timing, command: [bench.command, 'work', stamps, identity] }), log);
  const holder = enter('holder');
  const works = await stamped(stamps, 'start', 'holder');
  const standby = enter('standby');
  // At another moment between two renewals each time.
  await sleep(settleMs + ((round * 370) % (timing.retry * 1000)));
  await holder.end('SIGKILL');
  // Without a guardian it would go on.
  killCommand(works.pid);
  const endsAt = (await renewedAt(bench, contender, lock)) + timing.lease * 1000;
  const next = await stamped(stamps, 'start', 'standby');
  await standby.end();
  killCommand(next.pid);
  return Number(next.wall) / 1e6 - endsAt;
}

async function renewedAt(bench: Bench, contender: Contender, lock: string): Promise<number> {
  const name = contender.name === 'client-go' ? `client-go-${lock}` : lock;
  const { body } = await bench.servers.admin(
    'GET',
    `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`,
  );
  // 2026-01-01T00:00:00.123456Z: Date knows milliseconds only.
  const text = String(body.spec?.['renewTime']);
  return Date.parse(text) + Number(/\.\d{3}(\d{3})/.exec(text)?.[1] ?? 0) / 1000;
}
