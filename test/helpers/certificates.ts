// What it decides: the certificates of a test: an authority, a server's for 127.0.0.1 and localhost, a client's.
// What it does not know: who uses them. Made by openssl once per test file and kept in memory.
// To check: nothing is left on disk.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly ca: string;
  readonly server: Pair;
  readonly client: Pair;
  /** Signed by an authority that nobody knows. */
  readonly stranger: Pair;
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(path.join(tmpdir(), 'leader-run-certificates-'));
  const file = (name: string): string => path.join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const pair = (name: string): Pair => ({
    cert: readFileSync(file(`${name}.crt`), 'utf8'),
    key: readFileSync(file(`${name}.key`), 'utf8'),
  });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = 'subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:cluster.test';
  try {
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      file('ca.key'),
      '-out',
      file('ca.crt'),
      '-days',
      '2',
      '-subj',
      '/CN=test authority',
    );
    for (const [name, extension] of [
      ['server', names],
      ['client', 'extendedKeyUsage=clientAuth'],
    ] as const) {
      writeFileSync(file(`${name}.ext`), extension);
      openssl('req', ...key, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`), '-subj', `/CN=${name}`);
      openssl(
        'x509',
        '-req',
        '-in',
        file(`${name}.csr`),
        '-CA',
        file('ca.crt'),
        '-CAkey',
        file('ca.key'),
        '-CAcreateserial',
        '-days',
        '2',
        '-extfile',
        file(`${name}.ext`),
        '-out',
        file(`${name}.crt`),
      );
    }
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      file('stranger.key'),
      '-out',
      file('stranger.crt'),
      '-days',
      '2',
      '-subj',
      '/CN=stranger',
      '-addext',
      names,
    );
    return { ca: pair('ca').cert, server: pair('server'), client: pair('client'), stranger: pair('stranger') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
