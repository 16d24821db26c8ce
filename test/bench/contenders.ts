// Who is compared: leader-run and the peers that somebody would use in its place, each called as its users call it.
// Decides only the command lines. client-go's elector is a program of our own around the unchanged library, which
// Kubernetes' own components use; it gives the Lease back when stopped, since without that a hand-over takes 15 s.
// Invariant: all run the same command, under the same plain environment, against the same servers.

import path from 'node:path';
import type { Launch } from './processes.ts';

/** `before`: leader-run as another checkout has built it (`--against`). */
export type Name = 'leader-run' | 'before' | 'client-go' | 'etcdctl lock' | 'flock';

export interface Timing {
  readonly lease: number;
  readonly renew: number;
  readonly retry: number;
}

export interface Order {
  /** Names the lock; every contender has one of its own of that name. */
  readonly lock: string;
  readonly identity: string;
  readonly command: readonly string[];
  readonly timing?: Timing;
  readonly kubeconfig?: string;
}

export interface Contender {
  readonly name: Name;
  /** Whether SIGTERM to it ends its command too; with the others the command runs on. */
  readonly passesTerm: boolean;
  /** Whether it is there to be compared on kills: its lock runs out some time after a crash. */
  readonly expires: boolean;
  readonly launch: (order: Order) => Launch;
}

export interface Setting {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly kubeconfig: string;
  readonly etcd: string;
  /** A copy of the package as it would be installed. */
  readonly leaderRun: string;
  /** The same of another checkout, to be measured beside it. */
  readonly before: string | undefined;
  readonly clientGo: string;
  readonly etcdctl: string;
}

export const namespace = 'bench';
export const usualTiming: Timing = { lease: 15, renew: 10, retry: 2 };

export type Contenders = Readonly<Partial<Record<Name, Contender>>>;

export function contenders(setting: Setting): Contenders {
  const { folder, environment: env, etcd } = setting;
  return {
    'leader-run': leaderRun(setting, 'leader-run', setting.leaderRun, ''),
    ...(setting.before !== undefined && { before: leaderRun(setting, 'before', setting.before, 'before-') }),
    'client-go': {
      name: 'client-go',
      passesTerm: true,
      expires: true,
      launch: ({ lock, identity, command, timing = usualTiming, kubeconfig = setting.kubeconfig }) => ({
        file: setting.clientGo,
        args: [
          '-kubeconfig',
          kubeconfig,
          '-lock',
          `${namespace}/client-go-${lock}`,
          '-identity',
          identity,
          '-lease-duration',
          `${timing.lease}s`,
          '-renew-deadline',
          `${timing.renew}s`,
          '-retry-period',
          `${timing.retry}s`,
          '-release-on-cancel',
          '--',
          ...command,
        ],
        env,
      }),
    },
    'etcdctl lock': {
      name: 'etcdctl lock',
      passesTerm: false,
      expires: false,
      launch: ({ lock, command }) => ({
        file: setting.etcdctl,
        args: [`--endpoints=${etcd}`, 'lock', lock, '--', ...command],
        env,
      }),
    },
    flock: {
      name: 'flock',
      passesTerm: false,
      expires: false,
      launch: ({ lock, command }) => ({ file: 'flock', args: [path.join(folder, `flock-${lock}`), ...command], env }),
    },
  };
}

/** The package in that folder, with locks of its own, run by that Node. */
export function leaderRun(
  setting: Setting,
  name: Name,
  folder: string,
  prefix: string,
  node = process.execPath,
): Contender {
  return {
    name,
    passesTerm: true,
    expires: true,
    launch: ({ lock, identity, command, timing = usualTiming, kubeconfig = setting.kubeconfig }) => ({
      file: node,
      args: [
        path.join(folder, 'bin', 'leader-run.js'),
        `--kubeconfig=${kubeconfig}`,
        `--lock=${namespace}/${prefix}${lock}`,
        `--identity=${identity}`,
        `--lease-duration=${timing.lease}s`,
        `--renew-deadline=${timing.renew}s`,
        `--retry-period=${timing.retry}s`,
        '--',
        ...command,
      ],
      env: setting.environment,
    }),
  };
}
