// Reads PEM texts (certificates, keys), from files or from a kubeconfig's data, and says in one sentence what is wrong
// with them, since OpenSSL's own words ("no start line") name no file. Does not know what they are for.
// Invariant: a message never holds any of the text.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { printable } from '../../common/printable.ts';
import { CredentialsError, errorCode } from '../credentials.ts';
import { type Entry, fault, fileName, text } from './kubeconfig.ts';

export async function readPem(file: string): Promise<string> {
  const text = await readFile(file, 'latin1').catch((error: unknown) => {
    throw new CredentialsError(`cannot read ${printable(file)}: ${errorCode(error)}`);
  });
  if (!isPem(text)) throw new CredentialsError(`${printable(file)} is not a PEM file`);
  return text;
}

export function decodePem(base64: string): string | undefined {
  const text = Buffer.from(base64, 'base64').toString('latin1');
  return isPem(text) ? text : undefined;
}

function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/** What keeps a certificate and its key from being shown; undefined: they can be used. */
export function pairFault(cert: string, key: string): string | undefined {
  if (key.includes('ENCRYPTED')) return 'is encrypted, and leader-run cannot ask for its password: decrypt it';
  let parsed: KeyObject;
  try {
    parsed = createPrivateKey(key);
  } catch {
    return 'is not a private key';
  }
  try {
    if (new X509Certificate(cert).checkPrivateKey(parsed)) return undefined;
  } catch {
    return 'stands beside a client-certificate that cannot be read';
  }
  return 'belongs to another certificate than the client-certificate';
}

/** A file or base64 data, the data winning as in kubectl. */
export function pemSource(entry: Entry, field: string): (() => Promise<string>) | undefined {
  const data = text(entry, `${field}-data`);
  if (data !== undefined) {
    const pem = decodePem(data);
    if (pem === undefined) throw fault(entry, `${field}-data`, 'is not a PEM text in base64');
    return () => Promise.resolve(pem);
  }
  const file = fileName(entry, field);
  return file === undefined ? undefined : () => readPem(file);
}
