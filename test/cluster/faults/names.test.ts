// The rows of the fault matrix in which the way to the server's name is at fault: two addresses of which the first is
// dead, and name servers that fall silent while the connection is lost.
// To check: a dead address swallows what is sent to it (a full queue of a listener on ::1, so that the name has an AAAA
// that leads nowhere); candidates believe names through files of a mount namespace; bob goes straight to the server.
import path from 'node:path';
import { expect } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../../helpers/fault-proxy.ts';
import { nameServer, noNames, withNames } from '../../helpers/names.ts';
import type { ServersClient } from '../../helpers/servers-client.ts';
import type { Stage } from '../../helpers/stage.ts';
import { stalledListener } from '../../helpers/stalled-listener.ts';
import { untilDead } from '../../helpers/wait.ts';
import { playAll } from './suite.ts';
import { type ConditionalRow, expectKept, renewedAgain, startPair, takenOver } from './table.ts';

const closing: (() => void | Promise<void>)[] = [];
const timing = ['--lease-duration', '15s', '--retry-period', '400ms'];
/** A name of the server's certificate. */
const name = 'kubernetes.default.svc';
let client: ServersClient;

async function bytesBetween(): Promise<FaultProxy> {
  const { hostname: host, port } = new URL(client.url);
  const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
  closing.push(() => {
    proxy.close();
  });
  return proxy;
}

/** How alice finds the server: by a name that a name server knows, which may fall silent. */
async function named(stage: Stage) {
  const proxy = await bytesBetween();
  const dns = await nameServer();
  closing.push(dns.close);
  const through = withNames(path.join(stage.folder, 'names'), [], [`nameserver ${dns.address}`]);
  return { proxy, dns, through, server: `https://${name}:${proxy.port}` };
}

const rows: readonly ConditionalRow[] = [
  {
    row: '41', fault: 'two addresses, the first dead; connections reset', expected: 'same command',
    needs: noNames,
    play: async (stage) => {
      const proxy = await bytesBetween();
      const dead = await stalledListener('::1', proxy.port);
      closing.push(dead.close);
      const through = withNames(path.join(stage.folder, 'names'), [`::1 ${name}`, `127.0.0.1 ${name}`]);
      const server = `https://${name}:${proxy.port}`;
      const pair = await startPair(stage, { alice: { server, through, timing } });
      const at = Date.now();
      proxy.reset();
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - at };
    },
  },
  {
    row: '42', fault: 'DNS mute and the connection reset, for less than R (L = 15 s)', expected: 'same command',
    needs: noNames,
    play: async (stage) => {
      const { proxy, dns, through, server } = await named(stage);
      const pair = await startPair(stage, { alice: { server, through, timing } });
      dns.mute();
      proxy.reset();
      await pair.alice.event('trouble');
      dns.speak();
      const at = Date.now();
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - at };
    },
  },
  {
    row: '42+', fault: 'DNS mute and the connection reset, for good', expected: 'ended in time; taken over; exits',
    needs: noNames,
    play: async (stage) => {
      const { proxy, dns, through, server } = await named(stage);
      const flags = ['--on-lost', 'exit'];
      const { alice, first } = await startPair(stage, { alice: { server, through, flags, ignoreTerm: true } });
      const at = Date.now();
      dns.mute();
      proxy.reset();
      await untilDead([first.pid]);
      const outcome = await takenOver(stage, at);
      const { status, at: endedAt } = await alice.end();
      expect(status).toBe(122);
      // A lookup that is under way ends by itself, after 2 s.
      const lateMs = endedAt - (await alice.event('exit')).at;
      expect(lateMs).toBeLessThan(5000);
      return { ...outcome, note: `${outcome.note ?? ''}; exit ${lateMs} ms after it was due` };
    },
  },
];

playAll('the fault matrix, names', rows, closing, (connected) => (client = connected));
