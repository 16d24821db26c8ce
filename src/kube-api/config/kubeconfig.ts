// Which cluster, user and namespace a kubeconfig names, the way kubectl reads it: the first file of a KUBECONFIG list
// that sets something wins, missing files of the list are skipped, and paths are relative to the file that holds them.
// Anything else could elect in the wrong cluster. Knows nothing of connections; what the fields mean to one is
// chosen.ts's and user.ts's.
// Invariant: every fault is a ConfigError of one sentence with file and key, and no message quotes a file's content.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isJson, type Json } from '../../common/json.ts';
import { nameCap, printable } from '../../common/printable.ts';
import { errorCode } from '../credentials.ts';
import { ConfigError } from './errors.ts';
import { decodePem, readPem } from './pem.ts';
import { readYaml, Unreadable } from './yaml.ts';

export type Fields = Json;

/** One named entry of a kubeconfig, with the file it stands in. */
export interface Entry {
  readonly file: string;
  /** For messages: `clusters[prod]`. */
  readonly key: string;
  readonly name: string;
  readonly fields: Fields;
}

export interface Chosen {
  readonly cluster: Entry;
  /** Undefined for a context without a user: requests go out anonymous. */
  readonly user: Entry | undefined;
  readonly context: Entry;
}

interface Merged {
  readonly files: string[];
  currentContext: string | undefined;
  readonly contexts: Map<string, Entry>;
  readonly clusters: Map<string, Entry>;
  readonly users: Map<string, Entry>;
}

/**
 * Reads the files in order; undefined when none of them exists or all are empty, unless `required`.
 * `context` overrides current-context.
 */
export async function chooseContext(
  files: readonly string[],
  { required, context }: { readonly required: boolean; readonly context: string | undefined },
): Promise<Chosen | undefined> {
  const merged = await mergedOf(files, required);
  const empty =
    merged.contexts.size + merged.clusters.size + merged.users.size === 0 && merged.currentContext === undefined;
  if (empty && !required && context === undefined) return undefined;
  return choose(merged, context, files);
}

/** All that the files name, in the order in which they stand there. */
export async function contextsOf(files: readonly string[], required: boolean): Promise<readonly Entry[]> {
  return [...(await mergedOf(files, required)).contexts.values()];
}

async function mergedOf(files: readonly string[], required: boolean): Promise<Merged> {
  const merged: Merged = {
    files: [],
    currentContext: undefined,
    contexts: new Map(),
    clusters: new Map(),
    users: new Map(),
  };
  for (const file of files) {
    const document = await readDocument(file, required);
    if (document !== undefined) merge(merged, file, document);
  }
  return merged;
}

async function readDocument(file: string, required: boolean): Promise<Fields | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' && !required) return undefined;
    const why = { ENOENT: 'it does not exist', EISDIR: 'it is a directory', EACCES: 'permission denied' }[code] ?? code;
    throw new ConfigError(`cannot read the kubeconfig ${printable(file)}: ${why}`);
  }
  const document = parseYaml(file, bytes);
  if (document === undefined || document === null) return undefined;
  if (!isJson(document))
    throw new ConfigError(`the kubeconfig ${printable(file)} holds no mapping with clusters, users and contexts`);
  return document;
}

function parseYaml(file: string, bytes: Buffer): unknown {
  try {
    return readYaml(bytes);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new ConfigError(`the kubeconfig ${printable(file)} is not valid YAML: ${error.message}`);
  }
}

/** Something else that Kubernetes keeps in YAML, or a kubeconfig of a time to come. */
function assertKind(file: string, document: Fields): void {
  for (const [field, expected] of [
    ['apiVersion', 'v1'],
    ['kind', 'Config'],
  ] as const) {
    const given = document[field] ?? '';
    if (given === '' || given === expected) continue;
    throw new ConfigError(
      `${printable(file)} is not a kubeconfig: its ${field} is not ${expected}, which a kubeconfig has`,
    );
  }
}

function merge(merged: Merged, file: string, document: Fields): void {
  assertKind(file, document);
  merged.files.push(file);
  const current = document['current-context'];
  if (typeof current === 'string' && current !== '') merged.currentContext ??= current;
  for (const [list, kind, into] of [
    ['contexts', 'context', merged.contexts],
    ['clusters', 'cluster', merged.clusters],
    ['users', 'user', merged.users],
  ] as const) {
    const entries = document[list] ?? [];
    if (!Array.isArray(entries)) throw new ConfigError(`${list} in the kubeconfig ${printable(file)} is not a list`);
    const here = new Set<string>();
    entries.forEach((entry: unknown, index) => {
      // As in kubectl an entry may have no name; then it is one that nothing names.
      const name = isJson(entry) ? (entry['name'] ?? '') : undefined;
      if (!isJson(entry) || typeof name !== 'string') {
        throw new ConfigError(`${list}[${String(index)}] in the kubeconfig ${printable(file)} has no name`);
      }
      const fields = entry[kind] ?? {};
      const key = `${list}[${printable(name, nameCap)}]`;
      if (!isJson(fields))
        throw new ConfigError(`${key}.${kind} in the kubeconfig ${printable(file)} is not a mapping`);
      if (here.has(name)) throw new ConfigError(`${key} stands twice in the kubeconfig ${printable(file)}`);
      here.add(name);
      const entered: Entry = { file, key, name, fields };
      assertTypes(entered, kind);
      if (!into.has(name)) into.set(name, entered);
    });
  }
}

function choose(merged: Merged, asked: string | undefined, files: readonly string[]): Chosen {
  const where = `the kubeconfig ${(merged.files.length > 0 ? merged.files : files).map((file) => printable(file)).join(':')}`;
  const known = [...merged.contexts.keys()].map((name) => printable(name, nameCap)).join(', ') || 'none';
  const name = asked ?? merged.currentContext;
  if (name === undefined) {
    throw new ConfigError(`${where} sets no current-context; choose one with --context (there are: ${known})`);
  }
  const context = merged.contexts.get(name);
  if (context === undefined) {
    const source = asked === undefined ? 'current-context names' : '--context names';
    throw new ConfigError(`${source} ${printable(name, nameCap)}, which ${where} does not hold (there are: ${known})`);
  }
  const clusterName = text(context, 'cluster');
  const cluster = clusterName === undefined ? undefined : merged.clusters.get(clusterName);
  if (cluster === undefined) throw missing(context, 'cluster', clusterName);
  const userName = text(context, 'user');
  const user = userName === undefined ? undefined : merged.users.get(userName);
  if (userName !== undefined && user === undefined) throw missing(context, 'user', userName);
  return { cluster, user, context };
}

function missing(context: Entry, kind: string, name: string | undefined): ConfigError {
  const named =
    name === undefined ? `names no ${kind}` : `names the ${kind} ${printable(name, nameCap)}, which is not there`;
  return new ConfigError(`${context.key} in the kubeconfig ${printable(context.file)} ${named}`);
}

/** Those that kubectl refuses to read when they are of another type; all others it leaves to their users. */
const textFields = {
  context: ['cluster', 'user', 'namespace'],
  cluster: ['server', 'tls-server-name', 'certificate-authority', 'certificate-authority-data', 'proxy-url'],
  user: [
    ...['client-certificate', 'client-certificate-data', 'client-key', 'client-key-data', 'token', 'tokenFile'],
    ...['username', 'password', 'as', 'as-uid'],
  ],
};
const switches = { context: [], cluster: ['insecure-skip-tls-verify', 'disable-compression'], user: [] };

/** Also of entries that are not chosen: kubectl refuses the whole file. */
function assertTypes(entry: Entry, kind: 'context' | 'cluster' | 'user'): void {
  for (const field of textFields[kind]) {
    const value = text(entry, field) ?? '';
    if (field.endsWith('-data') && !isBase64(value)) throw fault(entry, field, 'is not base64');
  }
  for (const field of switches[kind]) {
    const value = entry.fields[field] ?? false;
    if (typeof value !== 'boolean') throw fault(entry, field, 'is not true or false (without quotes)');
  }
}

/** As Go reads it, which lets line breaks pass and no missing padding. */
function isBase64(value: string): boolean {
  const whole = value.replaceAll(/[\r\n]/g, '');
  return whole.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(whole);
}

/** A field that must be text if it is there; '' counts as absent, as in kubectl. */
export function text(entry: Entry, field: string): string | undefined {
  const value = entry.fields[field];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw fault(entry, field, 'is not text (quote it)');
}

/** A file name, made absolute from the folder of the kubeconfig that names it. */
export function fileName(entry: Entry, field: string): string | undefined {
  const name = text(entry, field);
  return name === undefined ? undefined : path.resolve(path.dirname(entry.file), name);
}

/** A file or base64 data; both are refused, as in kubectl. */
export function pemSource(entry: Entry, field: string): (() => Promise<string>) | undefined {
  const [data, file] = [text(entry, `${field}-data`), fileName(entry, field)];
  if (data === undefined) return file === undefined ? undefined : () => readPem(file);
  if (file !== undefined) throw fault(entry, field, `contradicts ${field}-data; keep one of the two`);
  const pem = decodePem(data);
  if (pem === undefined) throw fault(entry, `${field}-data`, 'is not a PEM text in base64');
  return () => Promise.resolve(pem);
}

export function fault(entry: Entry, field: string, what: string): ConfigError {
  return new ConfigError(`${entry.key}.${field} in the kubeconfig ${printable(entry.file)} ${what}`);
}
