// What a process believes of names: files of its own in place of /etc/hosts and /etc/resolv.conf, in a mount namespace,
// and a name server that can fall silent. The network stays the machine's, so that servers on loopback can be reached.
// Does not know who asks, nor for what.
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

export interface NameServer {
  readonly address: string;
  /** From now on no question is answered. */
  readonly mute: () => void;
  /** Answers again. */
  readonly speak: () => void;
  /** Questions that have come. */
  readonly asked: () => number;
  readonly close: () => void;
}

/** Every name has the address 127.0.0.1 and no other. */
export async function nameServer(): Promise<NameServer> {
  const address = `127.53.${String(randomInt(256))}.${String(randomInt(1, 255))}`;
  const socket = createSocket('udp4');
  let [asked, isMute] = [0, false];
  socket.on('message', (question, { port, address: from }) => {
    asked += 1;
    if (!isMute) socket.send(answerTo(question), port, from);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  return {
    address,
    mute: () => (isMute = true),
    speak: () => (isMute = false),
    asked: () => asked,
    close: () => socket.close(),
  };
}

/** RFC 1035: the question again, and for type A one record that points back to its name and lives for 0 s. */
function answerTo(question: Buffer): Buffer {
  const end = question.indexOf(0, 12) + 5;
  const isForA = question.readUInt16BE(end - 4) === 1;
  const head = Buffer.from(question.subarray(0, 12));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(isForA ? 1 : 0, 6);
  head.fill(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
  return Buffer.concat([head, question.subarray(12, end), ...(isForA ? [record] : [])]);
}
