// Five candidates on the real servers for as long as one likes, while two tormentors are at work: one kills, stops and
// continues wrappers and guardians, the other spoils connections and freezes or restarts the servers. Decides what is
// done to whom from a seed, and what is counted; whether two commands ever lived at once, the stamps decide.
// To check: only faults inside the promise. So nobody edits or deletes the Lease, no guardian is killed while its
// leader-run is stopped or dying, and no command leaves its session and environment at once. A pause between two faults
// is part of the schedule, not a wait for something; the machine's timing is not repeated by the seed.
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Run } from '../helpers/leader-run.ts';
import { isAlive } from '../helpers/procfs.ts';
import { type Shape, type Stage, staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts';
import type { Servers } from '../helpers/servers.ts';
import type { CommandOptions, Life } from '../helpers/stamps.ts';
import { Dice } from '../helpers/dice.ts';

export interface SoakOptions {
  readonly servers: Servers;
  readonly forMs: number;
  readonly seed: number;
  /** How the candidates find their cluster. Unset: by a kubeconfig. */
  readonly shape?: Shape;
  /** Told once in a while; none: silence. */
  readonly say?: (line: string) => void;
}

export interface Growth {
  /** After the warm-up, which is the first third: the median of the second. */
  readonly first: number;
  /** The median of the last third. */
  readonly last: number;
  readonly most: number;
  /** The slope of a straight line through the samples after the warm-up. */
  readonly perHour: number;
}

export interface SoakFigures {
  readonly seed: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly commands: number;
  /** From the last sign of one command to the first of the next; the longest are crashes and outages. */
  readonly handOverMs: { readonly median: number; readonly longest: number };
  readonly wrappersStarted: number;
  readonly worstOverlapMs: number;
  readonly complaints: readonly string[];
  /** Wrappers, gates, guardians and commands that lived on after all wrappers had ended. */
  readonly leaked: readonly number[];
  /** Of the one candidate that nobody ends. */
  readonly descriptors: Growth;
  readonly residentKb: Growth;
  /** How long it took until somebody's command was at work once the faults had ceased. */
  readonly recoveredMs: number;
  /** Stack traces and internal errors in any log. */
  readonly crashes: readonly string[];
}

interface Sample {
  readonly atMs: number;
  readonly value: number;
}

const seats = 5;
const sampleMs = 500;
const patienceMs = 60_000;

export async function soak({ servers, forMs, seed, shape = 'kubeconfig', say }: SoakOptions): Promise<SoakFigures> {
  let figures: SoakFigures | undefined;
  await staged(servers, async (stage) => {
    const proxies = await Promise.all(Array.from({ length: seats }, () => proxyOf(servers)));
    try {
      figures = await new Soak(stage, servers, proxies, seed).run(forMs, say);
    } finally {
      for (const proxy of proxies) proxy.close();
    }
  }, { shape });
  if (figures === undefined) throw new Error('the soak has no figures');
  return figures;
}

async function proxyOf(servers: Servers): Promise<FaultProxy> {
  const { hostname: host, port } = new URL(servers.url);
  return await startFaultProxy({ to: { host, port: Number(port) } });
}

/** Where one candidate after the other sits, behind a proxy of its own. */
interface Seat {
  readonly number: number;
  readonly proxy: FaultProxy;
  candidate: Run;
  generation: number;
  ended: boolean;
}

class Soak {
  readonly #stage: Stage;
  readonly #servers: Servers;
  readonly #proxies: readonly FaultProxy[];
  readonly #dice: Dice;
  readonly #seed: number;
  readonly #seats: Seat[] = [];
  readonly #faults: Record<string, number> = {};
  /** All processes that any wrapper was ever seen to have below it, with their start times. */
  readonly #family = new Map<number, string>();
  readonly #descriptors: Sample[] = [];
  readonly #resident: Sample[] = [];
  #over = false;

  constructor(stage: Stage, servers: Servers, proxies: readonly FaultProxy[], seed: number) {
    this.#stage = stage;
    this.#servers = servers;
    this.#proxies = proxies;
    this.#seed = seed;
    this.#dice = new Dice(seed);
  }

  async run(forMs: number, say: SoakOptions['say']): Promise<SoakFigures> {
    const began = performance.now();
    for (const [number, proxy] of this.#proxies.entries()) {
      const seat: Seat = { number, proxy, generation: 1, ended: false, candidate: await this.#start(number, 1, proxy) };
      this.#seats.push(seat);
      heed(seat);
    }
    await until('a first command', async () => (await this.#stage.stamps.lives()).length > 0, patienceMs);

    const endAt = performance.now() + forMs;
    const goesOn = (): boolean => performance.now() < endAt;
    const torment = Promise.all([this.#killAndStop(goesOn), this.#spoil(goesOn)]).finally(() => (this.#over = true));
    await Promise.all([torment, this.#watch(), this.#tell(say)]);

    const ceasedAt = Date.now();
    const works = (life: Life): boolean => life.lastSeen > ceasedAt;
    await until('a command at work', async () => (await this.#stage.stamps.lives()).some(works), patienceMs);
    const recoveredMs = Date.now() - ceasedAt;

    for (const { candidate } of this.#seats) candidate.signal('SIGTERM');
    for (const { candidate } of this.#seats) await candidate.end(patienceMs);
    const leaked = await this.#leftOver();
    const lives = await this.#stage.stamps.lives();
    const { worstOverlapMs, complaints } = await this.#stage.stamps.verdict();
    const gaps = lives.slice(1).map((life, index) => life.startedAt - (lives[index]?.lastSeen ?? 0));
    return {
      seed: this.#seed,
      seconds: Math.round((performance.now() - began) / 1000),
      faults: this.#faults,
      commands: lives.length,
      handOverMs: { median: median(gaps), longest: Math.max(0, ...gaps) },
      wrappersStarted: this.#seats.reduce((sum, { generation }) => sum + generation, 0),
      worstOverlapMs,
      complaints,
      leaked,
      descriptors: growth(this.#descriptors),
      residentKb: growth(this.#resident),
      recoveredMs,
      crashes: this.#stage.report().match(/.*internal error.*|^\s+at .*/gm) ?? [],
    };
  }

  /** The first seat's command never ends by itself: its leader-run is the one that is measured. */
  async #start(number: number, generation: number, { port }: FaultProxy): Promise<Run> {
    const dice = this.#dice.of(number, generation);
    const command: CommandOptions = {
      drainMs: dice.skewed(0, 0, 1500),
      ignoreTerm: dice.chance(1, 0.15),
      offspring: dice.chance(2, 0.3),
      ...(number > 0 && dice.chance(3, 0.4) ? { runMs: dice.between(4, 200, 8000) } : {}),
    };
    const options = { ...command, server: `https://127.0.0.1:${port}` };
    return await this.#stage.start(`c${number}.${generation}`, options);
  }

  async #refill(seat: Seat): Promise<void> {
    seat.generation += 1;
    seat.candidate = await this.#start(seat.number, seat.generation, seat.proxy);
    seat.ended = false;
    heed(seat);
  }

  async #killAndStop(goesOn: () => boolean): Promise<void> {
    for (let round = 0; goesOn(); round += 1) {
      const dice = this.#dice.of(1001, round);
      await pause(dice.between(0, 50, 1200));
      for (const seat of this.#seats) if (seat.ended) await this.#refill(seat);
      const leading = await this.#leading();
      // Half of the time it hits who leads, and the first seat is never ended.
      const seat = dice.chance(1, 0.5) && leading !== undefined ? leading : dice.pick(2, this.#list);
      const what = dice.pick(3, seat.number === 0 ? gentle : hard);
      if (seat.ended) continue;
      this.#count(what === 'guardian' ? 'SIGKILL guardian' : `SIG${what.toUpperCase()} wrapper`);
      if (what === 'kill' || what === 'term') {
        seat.candidate.signal(what === 'kill' ? 'SIGKILL' : 'SIGTERM');
        await seat.candidate.end(patienceMs);
      } else if (what === 'stop') {
        seat.candidate.signal('SIGSTOP');
        await pause(dice.skewed(4, 100, 7000));
        seat.candidate.signal('SIGCONT');
      } else {
        await this.#killGuardian(seat);
      }
    }
  }

  async #killGuardian(seat: Seat): Promise<void> {
    const { pid } = seat.candidate;
    const guardians = (): readonly number[] =>
      childrenOf(pid).filter((each) => /leader-run-guardian|guardian-node/.test(read(each, 'cmdline')));
    const [guardian] = guardians();
    if (guardian === undefined) return;
    try {
      process.kill(guardian, 'SIGKILL');
    } catch {
      return; // Gone with its leader-run in the meantime.
    }
    // Both at once are outside the promise, so nothing else happens to a leader until it has another guardian, or no
    // command any more. A standby gets one when it is to lead.
    const guarded = async (): Promise<boolean> => {
      if (seat.ended || guardians().some((each) => each !== guardian)) return true;
      const last = await this.#lastCommand();
      return last?.name !== seat.candidate.name || !isAlive(last.pid);
    };
    await until('another guardian', guarded, patienceMs);
  }

  async #spoil(goesOn: () => boolean): Promise<void> {
    const { apiserver, etcd } = this.#servers;
    for (let round = 0; goesOn(); round += 1) {
      const dice = this.#dice.of(1002, round);
      await pause(dice.between(0, 50, 1500));
      // Dear, so rarely: some seconds until it is ready again.
      if (round === 2 || dice.chance(1, 0.03)) {
        this.#count('API server killed and restarted');
        await apiserver.restart();
        continue;
      }
      const { proxy } = (dice.chance(2, 0.5) ? await this.#leading() : undefined) ?? dice.pick(3, this.#list);
      const faults: readonly [Fault, ...Fault[]] = [
        { name: 'latency', begin: () => { proxy.delay(dice.between(4, 20, 800)); } },
        { name: 'black hole', begin: () => { proxy.blackhole(); } },
        { name: 'black hole one way', begin: () => { proxy.blackhole({ directions: dice.pick(5, ['up', 'down']) }); } },
        { name: 'answers held back', begin: () => { proxy.hold(dice.pick(5, ['up', 'down', 'both'])); } },
        { name: 'half-open', begin: () => { proxy.cut(dice.pick(5, ['client', 'server'])); } },
        { name: 'reset', begin: () => { proxy.reset(); } },
        { name: 'refused', begin: () => { proxy.refuse(); proxy.reset(); } },
        { name: 'API server frozen', begin: () => { apiserver.stop(); }, finish: () => { apiserver.cont(); } },
        { name: 'etcd frozen', begin: () => { etcd.stop(); }, finish: () => { etcd.cont(); } },
      ]; // prettier-ignore
      const { name, begin, finish } = dice.pick(6, faults);
      this.#count(name);
      begin();
      await pause(dice.skewed(7, 100, 6000));
      finish?.();
      await proxy.pass();
    }
  }

  /** Looks at everybody's processes, and at what the first candidate uses. */
  async #watch(): Promise<void> {
    while (!this.#over) {
      for (const { candidate, ended } of this.#seats) {
        if (ended) continue;
        for (const pid of [candidate.pid, ...childrenOf(candidate.pid)]) this.#remember(pid);
      }
      const pid = this.#seats[0]?.candidate.pid ?? 0;
      const atMs = performance.now();
      this.#descriptors.push({ atMs, value: readdirSync(`/proc/${pid}/fd`).length });
      this.#resident.push({ atMs, value: Number(/VmRSS:\s+(\d+)/.exec(read(pid, 'status'))?.[1]) });
      await pause(sampleMs);
    }
  }

  async #tell(say: SoakOptions['say']): Promise<void> {
    if (say === undefined) return;
    for (let next = performance.now() + 30_000; !this.#over; await pause(sampleMs)) {
      if (performance.now() < next) continue;
      next += 30_000;
      const { lives, worstOverlapMs, complaints } = await this.#stage.stamps.verdict();
      const faults = Object.values(this.#faults).reduce((sum, each) => sum + each, 0);
      const kilobytes = this.#resident.at(-1)?.value ?? 0;
      say(`${lives} commands, ${faults} faults, worst overlap ${shown(worstOverlapMs, complaints)}, resident ${kilobytes} KB`);
    }
  }

  /** Whose command began last; the Lease cannot be asked while the server is frozen. */
  async #leading(): Promise<Seat | undefined> {
    const last = await this.#lastCommand();
    return this.#seats.find(({ candidate, ended }) => !ended && candidate.name === last?.name);
  }

  /** From the file without the beats, which after some minutes takes as long to read as a fault lasts. */
  async #lastCommand(): Promise<{ readonly name: string; readonly pid: number } | undefined> {
    const text = await readFile(path.join(this.#stage.folder, 'stamps'), 'utf8');
    const [, name = '', pid] = [...text.matchAll(/^\d+ start (\S+) (\d+) /gm)].at(-1) ?? [];
    return pid === undefined ? undefined : { name, pid: Number(pid) };
  }

  async #leftOver(): Promise<readonly number[]> {
    const left = (): number[] =>
      [...this.#family].filter(([pid, start]) => isAlive(pid) && startOf(pid) === start).map(([pid]) => pid);
    await until('everybody to be gone', () => left().length === 0, 5000).catch(() => undefined);
    const leaked = left();
    for (const pid of leaked) process.kill(pid, 'SIGKILL');
    return leaked;
  }

  #remember(pid: number): void {
    const start = startOf(pid);
    if (start !== '') this.#family.set(pid, start);
  }

  #count(fault: string): void {
    this.#faults[fault] = (this.#faults[fault] ?? 0) + 1;
  }

  get #list(): [Seat, ...Seat[]] {
    return this.#seats as [Seat, ...Seat[]];
  }
}

interface Fault {
  readonly name: string;
  readonly begin: () => void;
  readonly finish?: () => void;
}

const gentle = ['stop', 'stop', 'guardian'] as const;
const hard = ['kill', 'kill', 'term', ...gentle] as const;

/** Notes when its candidate ends, for whatever reason. */
function heed(seat: Seat): void {
  void seat.candidate.end(2 ** 31 - 1).then(() => {
    seat.ended = true;
  });
}

/** For people, and for docs/proof.md. */
export function printed(figures: SoakFigures): string {
  const { faults, handOverMs, descriptors, residentKb, complaints, leaked, crashes } = figures;
  const kinds = Object.entries(faults).sort(([a], [b]) => a.localeCompare(b));
  const total = kinds.reduce((sum, [, count]) => sum + count, 0);
  const change = ({ first, last, most, perHour }: Growth): string =>
    `${first} after warm-up, ${last} at last, ${most} at most; after the first third ${perHour} an hour`;
  const rows: readonly (readonly [string, string])[] = [
    ['seed', String(figures.seed)],
    ['time', `${figures.seconds} s`],
    ['candidates', `${seats} at a time, ${figures.wrappersStarted} in all`],
    ['commands, one after the other', String(figures.commands)],
    ['between two commands', `median ${handOverMs.median} ms, longest ${handOverMs.longest} ms`],
    ['faults', `${total}: ${kinds.map(([name, count]) => `${count} ${name}`).join(', ')}`],
    ['worst overlap', shown(figures.worstOverlapMs, complaints)],
    ['leaked processes', leaked.length === 0 ? 'none' : leaked.join(', ')],
    ['crashes', crashes.length === 0 ? 'none' : crashes.join('; ')],
    ['descriptors of one leader-run', change(descriptors)],
    ['resident KB of one leader-run', change(residentKb)],
    ['a command at work after the last fault', `within ${figures.recoveredMs} ms`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function shown(worstOverlapMs: number, complaints: readonly string[]): string {
  return worstOverlapMs === 0 && complaints.length === 0 ? 'none' : `${worstOverlapMs} ms: ${complaints.join('; ')}`;
}

/** Whether there is more the longer it runs, told generously: a heap breathes, and a run of minutes tells little. */
export function grows({ seconds, residentKb, descriptors }: SoakFigures): boolean {
  return seconds >= 600 && (residentKb.perHour > 100_000 || descriptors.perHour > 100);
}

function growth(samples: readonly Sample[]): Growth {
  const third = Math.ceil(samples.length / 3);
  const values = samples.map(({ value }) => value);
  return {
    first: median(values.slice(third, 2 * third)),
    last: median(values.slice(-third)),
    most: values.reduce((most, value) => Math.max(most, value), 0),
    perHour: Math.round(slope(samples.slice(third)) * 3_600_000),
  };
}

/** Of the line of least squares, in units per millisecond. */
function slope(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, each) => sum + of(each), 0) / samples.length;
  const [at, value] = [mean(({ atMs }) => atMs), mean((each) => each.value)];
  const spread = mean((each) => (each.atMs - at) ** 2);
  return spread > 0 ? mean((each) => (each.atMs - at) * (each.value - value)) / spread : 0;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function childrenOf(pid: number): readonly number[] {
  return read(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function startOf(pid: number): string {
  const stat = read(pid, 'stat');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return ''; // Gone in the meantime.
  }
}
