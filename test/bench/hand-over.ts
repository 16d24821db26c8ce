// How long nobody works when the lock changes hands in good order: from the old command's end to the new one's start,
// both stamped by the commands themselves. Decides the protocol: each contender keeps a holder and a standby; in each
// round each of them in turn hands over once, and its former holder is replaced by a fresh standby, which has stood by
// for a whole round when its turn comes.
// Invariant: nothing is started while a hand-over is under way.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Row } from './bench.ts';
import type { Contender, Name } from './contenders.ts';
import { killCommand, type Running, start } from './processes.ts';
import { msBetween, type Stamp, stamped } from './stamps.ts';

interface Candidate {
  readonly identity: string;
  readonly process: Running;
}

interface Pair {
  readonly contender: Contender;
  readonly stamps: string;
  readonly log: string;
  started: number;
  holder: Candidate;
  standby: Candidate;
}

type Ending = 'own end' | 'SIGTERM';

/** From the start of a standby until it is quiet: its watch is up and it has rehearsed. */
const settleMs = 900;

export async function measureHandOvers(bench: Bench): Promise<Row[]> {
  const samples: Record<Ending, Partial<Record<Name, number[]>>> = { 'own end': {}, SIGTERM: {} };
  const pairs: Pair[] = [];
  for (const contender of Object.values(bench.contenders)) pairs.push(await openPair(bench, contender));
  for (let round = 0; round < bench.rounds.handOvers; round += 1) {
    const ending: Ending = round % 2 === 0 ? 'own end' : 'SIGTERM';
    for (const pair of pairs) {
      const its = pair.contender.passesTerm ? ending : 'own end';
      (samples[its][pair.contender.name] ??= []).push(await handOver(bench, pair, its));
      await sleep(settleMs);
    }
  }
  for (const pair of pairs) await closePair(pair);
  return [
    { title: "hand-over: the command's end to the next one's start", unit: 'ms', samples: samples['own end'] },
    {
      title: 'hand-over: the same after SIGTERM to the holder',
      unit: 'ms',
      note: 'below 0: two commands at once',
      samples: samples.SIGTERM,
    },
  ];
}

async function openPair(bench: Bench, contender: Contender): Promise<Pair> {
  const stamps = bench.file('stamps');
  const log = bench.file(`${contender.name.replace(' ', '-')}.log`);
  const pair = { contender, stamps, log, started: 0 };
  const holder = enter(bench, pair);
  await stamped(stamps, 'start', holder.identity);
  const standby = enter(bench, pair);
  await sleep(settleMs);
  return { ...pair, holder, standby };
}

function enter(bench: Bench, pair: Pick<Pair, 'contender' | 'stamps' | 'log'> & { started: number }): Candidate {
  const identity = `candidate-${(pair.started += 1)}`;
  const command = [bench.command, 'work', pair.stamps, identity];
  return { identity, process: start(pair.contender.launch({ lock: 'hand-over', identity, command }), pair.log) };
}

async function handOver(bench: Bench, pair: Pair, ending: Ending): Promise<number> {
  const { holder, standby, stamps } = pair;
  const works = await stamped(stamps, 'start', holder.identity);
  // Two looks at one file, begun together: with SIGTERM a peer's next command may start before the old one's end.
  if (ending === 'own end') process.kill(works.pid, 'SIGUSR1');
  else holder.process.signal('SIGTERM');
  const next: Stamp = await stamped(stamps, 'start', standby.identity);
  const end: Stamp = await stamped(stamps, 'end', holder.identity);
  await holder.process.end('SIGCONT');
  pair.holder = standby;
  pair.standby = enter(bench, pair);
  return msBetween(end.mono, next.mono);
}

async function closePair({ holder, standby, stamps }: Pair): Promise<void> {
  // The standby first, so that it does not begin to work.
  await standby.process.end();
  const works = await stamped(stamps, 'start', holder.identity);
  await holder.process.end();
  killCommand(works.pid);
}
