// What a process believes of names: files of its own in place of /etc/hosts and /etc/resolv.conf, in a mount namespace,
// and a name server that never answers. The network stays the machine's, so that servers on loopback can be reached.
// Does not know who asks.
// To check: no mount outlives the processes of the namespace; `close` frees the name server's port.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import path from 'node:path';
import { missing, notRoot } from './machine.ts';

/** Why names cannot be made up here, if they cannot. */
export function noNames(): string | undefined {
  return missing('unshare') ?? notRoot();
}

/** Words that are put in front of a program, which they become. `folder` is made, and holds the files. */
export function withNames(folder: string, hosts: readonly string[], resolver: readonly string[] = []): string[] {
  mkdirSync(folder);
  for (const [name, lines] of Object.entries({ hosts, 'resolv.conf': resolver })) {
    writeFileSync(path.join(folder, name), lines.map((line) => `${line}\n`).join(''));
  }
  const mounts = ['hosts', 'resolv.conf'].map((name) => `mount --bind "$0/${name}" /etc/${name}`);
  return ['unshare', '--mount', 'sh', '-c', [...mounts, 'exec "$@"'].join(' && '), folder];
}

export interface MuteNameServer {
  readonly address: string;
  /** Questions that have come. */
  readonly asked: () => number;
  readonly close: () => void;
}

export async function muteNameServer(): Promise<MuteNameServer> {
  const address = `127.53.${String(randomInt(256))}.${String(randomInt(1, 255))}`;
  const socket = createSocket('udp4');
  let asked = 0;
  socket.on('message', () => (asked += 1));
  socket.bind(53, address);
  await once(socket, 'listening');
  return { address, asked: () => asked, close: () => socket.close() };
}
