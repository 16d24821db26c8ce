// Whose certificates a server is believed by: those that the configuration gives, else the machine's own, in the places
// where Go looks for them (crypto/x509), else Node's. Knows neither kubeconfigs nor pods, nor how a connection is made.
// Invariant: what is given replaces all others. The machine's are read on no other path, since 150 of them take time,
// and are kept for as long as the files and folders are unchanged.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { printable } from '../../common/printable.ts';
import { CredentialsError } from '../credentials.ts';
import type { Trust } from '../target.ts';
import { certificatesIn, roughlyCertificatesIn } from './pem.ts';

type Roots = Pick<Trust, 'ca' | 'from'>;

/** `from` names it to people. */
export function givenTrust(read: () => Promise<string>, from: string): Roots {
  return {
    ca: async () => {
      const found = certificatesIn(await read());
      if (found.length === 0) throw new CredentialsError(`${from} holds no certificate`);
      return joined(found);
    },
    from: () => from,
  };
}

/** Of these Go takes the first that can be read. */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Alpine
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/pki/tls/cacert.pem', // OpenELEC
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // CentOS, RHEL 7
  '/etc/ssl/cert.pem', // Alpine, macOS
];
/** And of these all. */
const folders = ['/etc/ssl/certs', '/etc/pki/tls/certs'];

interface Store {
  readonly ca: string | undefined;
  readonly from: string;
}

export function machineTrust(env: NodeJS.ProcessEnv): Roots {
  let kept: { readonly stamp: string; readonly store: Store } | undefined;
  return {
    ca: async () => {
      const places = placesOf(env);
      const stamp = await stampOf(places);
      if (kept?.stamp !== stamp) kept = { stamp, store: readStore(places) };
      return kept.store.ca;
    },
    from: () => kept?.store.from ?? "the machine's certificates",
  };
}

interface Places {
  readonly files: readonly string[];
  readonly folders: readonly string[];
  /** What Node's users have always set, beside all others. */
  readonly extra: string | undefined;
  /** Variables that say where to look: then there must be something. */
  readonly named: readonly string[];
}

function placesOf(env: NodeJS.ProcessEnv): Places {
  const { SSL_CERT_FILE: file = '', SSL_CERT_DIR: list = '', NODE_EXTRA_CA_CERTS: extra = '' } = env;
  return {
    files: file === '' ? bundles : [file],
    folders: list === '' ? folders : list.split(':').filter((folder) => folder !== ''),
    extra: extra || undefined,
    named: [file && 'SSL_CERT_FILE', list && 'SSL_CERT_DIR'].filter(Boolean),
  };
}

/** A folder's time changes with what it holds by name, which is how trust stores are updated. */
async function stampOf({ files, folders, extra }: Places): Promise<string> {
  const stamps = [...files, ...folders, extra ?? ''].map((place) =>
    stat(place).then(
      ({ ino, size, mtimeMs }) => `${String(ino)} ${String(size)} ${String(mtimeMs)}`,
      () => '-',
    ),
  );
  return (await Promise.all(stamps)).join(', ');
}

/** At one go, since 150 small files take three times as long otherwise. */
function readStore({ files, folders, extra, named }: Places): Store {
  const found = new Set<string>();
  const from: string[] = [];
  function take(place: string, text: string): void {
    const before = found.size;
    for (const certificate of roughlyCertificatesIn(text)) found.add(certificate);
    if (found.size > before) from.push(printable(place));
  }
  for (const file of files) {
    const text = textOf(file);
    if (text === undefined) continue;
    take(file, text);
    break;
  }
  for (const folder of folders) take(folder, textsIn(folder));
  if (found.size === 0 && named.length > 0) {
    const places = [...files, ...folders].map((place) => printable(place)).join(', ');
    throw new CredentialsError(`no certificate can be read from ${places} (look at ${named.join(' and ')})`);
  }
  // Node adds these by itself only to its own.
  if (found.size > 0 && extra !== undefined) take(extra, textOf(extra) ?? '');
  if (found.size === 0) return { ca: undefined, from: "Node's own certificates, since this machine has none" };
  return { ca: joined([...found]), from: from.join(' and ') };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}

function textsIn(folder: string): string {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !(entry.isSymbolicLink() && isSecondName(path.join(folder, entry.name))))
      .map(({ name }) => textOf(path.join(folder, name)) ?? '')
      .join('\n');
  } catch {
    return '';
  }
}

/** OpenSSL's names (`5ed36f99.0`) for files of the same folder. */
function isSecondName(link: string): boolean {
  try {
    return !readlinkSync(link).includes('/');
  } catch {
    return true;
  }
}

function joined(certificates: readonly string[]): string {
  return certificates.map((certificate) => `${certificate}\n`).join('');
}
