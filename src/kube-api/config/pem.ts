// Reads PEM texts (certificates, keys), from files or from a kubeconfig's data, and says in one sentence what is wrong
// with them, since OpenSSL's own words ("no start line") name no file. Does not know what they are for.
// Invariant: a message never holds any of the text.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { printable } from '../../common/printable.ts';
import { CredentialsError, errorCode } from '../credentials.ts';

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

/** The certificates of a PEM text, without what stands around them and without those that cannot be read, as in Go. */
export function certificatesIn(pem: string): string[] {
  return pem.match(certificate)?.filter(isCertificate) ?? [];
}

/** The same for a trust store: 150 certificates are not parsed twice, only looked at for whether they are whole. */
export function roughlyCertificatesIn(pem: string): string[] {
  return pem.match(certificate)?.filter(isWhole) ?? [];
}

const certificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** What OpenSSL cannot read makes it pass over all that comes behind. */
function isWhole(pem: string): boolean {
  const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----/g, ''), 'base64');
  const [sequence, longLength] = [0x30, 0x82];
  return der[0] === sequence && der[1] === longLength && der.length === 4 + der.readUInt16BE(2);
}
