// What --listen costs: the memory of a standby with it beside one without, once Prometheus has asked it for a minute's
// worth and more, and how long it takes to be asked. Decides the protocol: five of each stand by for one leader, and
// are looked at together; the one that asks is a small program (child/main.go), on the same cores.
// To check: without the flag a standby is started in the very same way.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Bench, Row } from './bench.ts';
import { type Memory, memoryOf, type Running, start, until } from './processes.ts';

const run = promisify(execFile);
const pairs = 5;
/** After a start, and after the last scrape. */
const settleMs = 5000;

export async function measureListening(bench: Bench): Promise<{ readonly rows: Row[] }> {
  const candidate = (name: string, flags: readonly string[]): { readonly process: Running; readonly log: string } => {
    const log = bench.file(`${name}.log`);
    const command = [bench.command, 'work', bench.file('stamps'), name];
    const launch = bench.contender('leader-run').launch({ lock: 'listening', identity: name, command });
    const [program = '', ...rest] = launch.args;
    return { process: start({ ...launch, args: [program, '--log-format=json', ...flags, ...rest] }, log), log };
  };
  const said = async (log: string, pattern: RegExp): Promise<RegExpExecArray> =>
    await until(`${String(pattern)} in ${log}`, () => pattern.exec(readFileSync(log, 'utf8')));
  const ask = async (address: string, count: number, everyMs: number): Promise<number[]> => {
    const words = ['scrape', address, String(count), String(everyMs)];
    const { stdout } = await run(bench.command, words, { maxBuffer: 2 ** 24 });
    return (JSON.parse(stdout) as number[]).map((ns) => ns / 1e6);
  };

  const leader = candidate('leader', []);
  await said(leader.log, /"command-started"/);
  const silent: Running[] = [];
  const listening: { readonly process: Running; readonly address: string }[] = [];
  for (let i = 0; i < pairs; i += 1) {
    const [without, asked] = [candidate(`silent-${i}`, []), candidate(`listening-${i}`, ['--listen=0'])];
    const [, address = ''] = await said(asked.log, /answering requests at http:\/\/([\d.:]+)/);
    for (const { log } of [without, asked]) await said(log, /"standing-by"/);
    silent.push(without.process);
    listening.push({ process: asked.process, address });
  }
  await sleep(settleMs);
  for (const { address } of listening) await ask(address, 60, 20);
  await sleep(settleMs);
  const memories = (processes: readonly Running[]): Memory[] => processes.map(({ pid }) => memoryOf(pid));
  const [without, asked] = [memories(silent), memories(listening.map(({ process }) => process))];
  const took = await ask(listening[0]?.address ?? '', bench.rounds.scrapes, 10);
  for (const process of [...silent, ...listening.map((its) => its.process), leader.process]) await process.end();

  const row = (title: string, of: (memory: Memory) => number): Row[] => [
    { title: `standby with --listen: ${title}`, unit: 'MB', note: protocol, samples: { 'leader-run': asked.map(of) } },
    { title: `standby beside it without: ${title}`, unit: 'MB', samples: { 'leader-run': without.map(of) } },
  ];
  return {
    rows: [
      ...row('RSS', ({ rssMb }) => rssMb),
      ...row('private memory', ({ privateMb }) => privateMb),
      { title: 'a scrape of /metrics, 100 a second', unit: 'ms', note: scraped, samples: { 'leader-run': took } },
    ],
  };
}

const protocol = `${pairs} of each under one leader; asked for /metrics 60 times, then left alone for 5 s`;
const scraped = 'each over a connection of its own, until that is closed; the one who asks runs on the same cores';
