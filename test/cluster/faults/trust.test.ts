// Row 35 of the fault matrix, as far as it is about what a connection rests on: the name of the server, the authority
// that vouches for it, its certificate's dates. Each changes under a leader that has a connection, which is then cut,
// so that she has to believe all of it anew.
// To check: names are resolved by the machine's own resolver, in a mount namespace whose files are the test's (needs
// root). R = 10 s where the fault ends within it.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { missing, notRoot } from '../../helpers/machine.ts';
import type { Stage } from '../../helpers/stage.ts';
import { until } from '../../helpers/wait.ts';
import { startFaultProxy } from '../../helpers/fault-proxy.ts';
import type { ServersClient } from '../../helpers/servers-client.ts';
import { makeCertificates, type Pair } from '../../helpers/certificates.ts';
import { type Meddler, startMeddler } from './meddler.ts';
import { playAll } from './suite.ts';
import { type ConditionalRow, expectKept, renewedAgain, startPair, takenOver } from './table.ts';

const closing: (() => void | Promise<void>)[] = [];
const timing = ['--lease-duration', '15s', '--retry-period', '400ms'];
let client: ServersClient;

const hostName = 'apiserver.test';

/** A candidate that knows its server by name, through a proxy that can cut its connections. */
async function named(stage: Stage) {
  const { hostname: host, port } = new URL(client.url);
  const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
  closing.push(() => {
    proxy.close();
  });
  const server = `https://${hostName}:${proxy.port}`;
  const text = client.kubeconfig({ user: 'worker', namespace: stage.namespace, server });
  // The server has a certificate for its address.
  const kubeconfig = await stage.file('named.kubeconfig', text.replace('    server:', '    tls-server-name: 127.0.0.1\n    server:'));
  const hosts = await stage.file('hosts', '');
  // Nobody listens there.
  const resolver = await stage.file('resolv.conf', 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
  const bind = 'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"';
  const known = (isKnown: boolean) => {
    writeFileSync(hosts, isKnown ? `127.0.0.1 ${hostName}\n` : '');
  };
  known(true);
  return { kubeconfig, proxy, known, through: ['unshare', '--mount', 'sh', '-c', bind, hosts, resolver] };
}

/** A candidate that reads the authority of her server, which is the meddler, from a file. */
async function trusting(stage: Stage): Promise<{ meddler: Meddler; kubeconfig: string; trust: (ca: string) => void }> {
  const meddler = await startMeddler(client);
  closing.push(() => meddler.close());
  const text = meddler.kubeconfig(stage.namespace);
  const [, data = ''] = /certificate-authority-data: (.*)/.exec(text) ?? [];
  const file = await stage.file('ca.crt', Buffer.from(data, 'base64').toString());
  const kubeconfig = await stage.file('trusting.kubeconfig', text.replace(/certificate-authority-data: .*/, `certificate-authority: ${file}`));
  return { meddler, kubeconfig, trust: (ca) => { writeFileSync(file, ca); } };
}

const rows: readonly ConditionalRow[] = [
  {
    row: '35e', fault: "the server's name is not known for a while", expected: 'same command',
    needs: () => missing('unshare') ?? notRoot(),
    play: async (stage) => {
      const { kubeconfig, proxy, known, through } = await named(stage);
      const pair = await startPair(stage, { alice: { kubeconfig, through, timing } });
      known(false);
      proxy.reset();
      // In whatever line: the connection that was cut is trouble of the same cause, which is told once.
      await until('alice knows no such name', () => /ENOTFOUND|EAI_AGAIN/.test(pair.alice.stderr));
      known(true);
      const healedAt = Date.now();
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - healedAt };
    },
  },
  {
    row: '35e+', fault: "the server's name is not known any more to the leader", expected: 'taken over',
    needs: () => missing('unshare') ?? notRoot(),
    play: async (stage) => {
      const { kubeconfig, proxy, known, through } = await named(stage);
      const { alice } = await startPair(stage, { alice: { kubeconfig, through, ignoreTerm: true } });
      const at = Date.now();
      known(false);
      proxy.reset();
      const outcome = await takenOver(stage, at);
      expect((await alice.event('lost'))['reason']).toBe('deadline');
      known(true);
      // Healed without a restart: she stands by.
      await alice.event('standing-by', { from: alice.events.findIndex(({ event }) => event === 'lost') });
      return outcome;
    },
  },
  {
    row: '35f', fault: 'authority and certificate are replaced, on both sides', expected: 'same command',
    play: async (stage) => {
      const { meddler, kubeconfig, trust } = await trusting(stage);
      const pair = await startPair(stage, { alice: { kubeconfig, timing } });
      const next = makeCertificates();
      trust(next.ca);
      const at = Date.now();
      meddler.present(next.server);
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - at };
    },
  },
  {
    row: '35g', fault: "the certificate is another authority's, and the file follows later", expected: 'same command',
    play: async (stage) => {
      const { meddler, kubeconfig, trust } = await trusting(stage);
      const pair = await startPair(stage, { alice: { kubeconfig, timing } });
      const next = makeCertificates();
      meddler.present(next.server);
      await pair.alice.event('trouble', { fits: ({ message }) => message.includes('certificate-authority') });
      trust(next.ca);
      const healedAt = Date.now();
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - healedAt };
    },
  },
  {
    row: '35g+', fault: "the certificate is a stranger's, for good", expected: 'taken over; nothing is sent to the stranger',
    play: async (stage) => {
      const { meddler, kubeconfig } = await trusting(stage);
      const { alice } = await startPair(stage, { alice: { kubeconfig, ignoreTerm: true } });
      const at = Date.now();
      meddler.present(makeCertificates().server);
      const before = meddler.seen.length;
      const outcome = await takenOver(stage, at);
      expect((await alice.event('lost'))['reason']).toBe('deadline');
      expect(meddler.seen.slice(before)).toEqual([]);
      return outcome;
    },
  },
  {
    row: '35h', fault: 'the certificate has expired, and is renewed in time', expected: 'same command',
    play: async (stage) => {
      const { meddler, kubeconfig, trust } = await trusting(stage);
      const fresh = makeCertificates();
      trust(fresh.ca);
      meddler.present(fresh.server);
      const pair = await startPair(stage, { alice: { kubeconfig, timing } });
      const old = expired(stage.folder);
      trust(`${fresh.ca}${old.cert}`);
      meddler.present(old);
      await pair.alice.event('trouble', { fits: ({ message }) => message.includes('expired') });
      meddler.present(fresh.server);
      const healedAt = Date.now();
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - healedAt };
    },
  },
];

playAll('the fault matrix, trust', rows, closing, (connected) => (client = connected));

/** Its own authority, valid until yesterday. */
function expired(folder: string): Pair {
  const file = (name: string): string => path.join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  writeFileSync(file('old.ext'), 'subjectAltName=IP:127.0.0.1');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file('old.key')];
  openssl('req', '-new', ...key, '-out', file('old.csr'), '-subj', '/CN=old');
  const sign = ['-signkey', file('old.key'), '-days', '-1', '-extfile', file('old.ext')];
  openssl('x509', '-req', '-in', file('old.csr'), ...sign, '-out', file('old.crt'));
  return { cert: readFileSync(file('old.crt'), 'utf8'), key: readFileSync(file('old.key'), 'utf8') };
}
