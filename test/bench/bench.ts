// What all measurements share: the servers, the contenders, the folder, the numbers of rounds, and the rows that come
// out. Decides how long a full and a quick run take.
// Invariant: whatever is started here is ended by close(), and the folder goes with it.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { goTool } from '../helpers/go-tool.ts';
import { etcdctlBinary, type Servers, startServers } from '../helpers/servers.ts';
import { clientGoElector } from '../helpers/client-go.ts';
import { type Contender, type Contenders, contenders, type Name, namespace, type Setting } from './contenders.ts';
import { plainEnvironment } from './processes.ts';

/** `scheduled`: leader-run while it leads and waits for a tick to come. */
export type Column = Name | 'scheduled' | 'bare node';

export interface Row {
  readonly title: string;
  /** How it was counted, where the title does not say it. */
  readonly note?: string;
  readonly unit: 'ms' | 'MB' | '/min' | 'KB/min' | 'ms/min' | 'ms/s' | '';
  readonly samples: Partial<Record<Column, readonly number[]>>;
}

export interface Rounds {
  readonly handOvers: number;
  readonly kills: number;
  readonly launches: number;
  /** How long standbys and leaders are watched doing nothing. */
  readonly standingMs: number;
  /** How often a standby is asked for its metrics, a hundred times a second. */
  readonly scrapes: number;
  readonly herds: readonly number[];
  readonly herdHandOvers: number;
  /** How many locks with a leader each are kept while the API server's CPU is counted. */
  readonly locks: readonly number[];
  /** How many real processes stand by while the API server's CPU is counted, and for how long. */
  readonly crowds: readonly number[];
  readonly crowdMs: number;
}

export const fullRounds: Rounds = {
  handOvers: 44,
  kills: 10,
  launches: 30,
  standingMs: 300_000,
  scrapes: 3000,
  herds: [2, 100, 1000],
  herdHandOvers: 6,
  locks: [100, 500],
  crowds: [1, 100, 300],
  crowdMs: 30_000,
};

export const quickRounds: Rounds = {
  handOvers: 2,
  kills: 1,
  launches: 2,
  standingMs: 3000,
  scrapes: 100,
  herds: [3],
  herdHandOvers: 2,
  locks: [2],
  crowds: [2],
  crowdMs: 2000,
};

export interface Bench {
  readonly rounds: Rounds;
  readonly servers: Servers;
  readonly setting: Setting;
  readonly contenders: Contenders;
  /** The one of that name, which must be there. */
  readonly contender: (name: Name) => Contender;
  /** The program that every contender runs as its command. */
  readonly command: string;
  readonly folder: string;
  /** A file in the folder that no other call gets. */
  readonly file: (name: string) => string;
  readonly close: () => Promise<void>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** `against`: the folder of another checkout, built, which is measured as `before`. */
export async function openBench(rounds: Rounds, against: string | undefined): Promise<Bench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'leader-run-bench-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  const [clientGo, etcdctl, command] = [
    await clientGoElector(),
    await etcdctlBinary(),
    await goTool({ dir: fileURLToPath(new URL('child/', import.meta.url)), package: '.', name: 'bench-child' }),
  ];
  const servers = await startServers();
  await servers.createNamespace(namespace);
  const kubeconfig = path.join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, servers.kubeconfig({ user: 'admin', namespace }), { mode: 0o600 });
  const setting: Setting = {
    folder,
    environment: plainEnvironment(folder),
    kubeconfig,
    etcd: servers.etcd.url,
    leaderRun: copyOfPackage(root, path.join(folder, 'package')),
    before: against === undefined ? undefined : copyOfPackage(against, path.join(folder, 'before')),
    clientGo,
    etcdctl,
  };
  const all = contenders(setting);
  let files = 0;
  return {
    rounds,
    servers,
    setting,
    contenders: all,
    contender: (name) => {
      const found = all[name];
      if (found === undefined) throw new Error(`${name} is not there to be measured`);
      return found;
    },
    command,
    folder,
    file: (name) => path.join(folder, `${(files += 1)}-${name}`),
    close: () => servers.close(),
  };
}

/** So that a build meanwhile does not change what is measured. */
function copyOfPackage(from: string, to: string): string {
  mkdirSync(to);
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(path.join(from, part), path.join(to, part), { recursive: true });
  return to;
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
