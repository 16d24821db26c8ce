// What a kubeconfig's bytes say, the way kubectl's parser reads them (sigs.k8s.io/yaml on go-yaml v2): YAML 1.1
// booleans, merge keys, the first of several documents, UTF-16 with its mark, the last of two equal keys. Does not know
// what the fields mean (kubeconfig.ts).
// Invariant: an error tells the place and the kind of fault and quotes nothing, since any line may hold a secret.

import { isUtf8 } from 'node:buffer';
import { CORE_SCHEMA, load, Type, YAMLException } from 'js-yaml';
import { printable } from '../../common/printable.ts';

/** With what kubectl takes for a boolean: `token: no` is one, and then refused. */
const truths = ['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'];
const untruths = ['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'];
/** Stands for a plain `<<`, which a quoted one is not. */
const mergeKey = '\u0000<<';
const schema = CORE_SCHEMA.extend({
  implicit: [
    new Type('tag:yaml.org,2002:bool', {
      kind: 'scalar',
      resolve: (text: unknown) => typeof text === 'string' && (truths.includes(text) || untruths.includes(text)),
      construct: (text: string) => truths.includes(text),
    }),
    new Type('tag:yaml.org,2002:merge-key', {
      kind: 'scalar',
      resolve: (text: unknown) => text === '<<',
      construct: () => mergeKey,
    }),
  ],
  explicit: [
    new Type('tag:yaml.org,2002:binary', {
      kind: 'scalar',
      resolve: (text: unknown) => typeof text === 'string',
      construct: (text: string) => Buffer.from(text, 'base64').toString('utf8'),
    }),
  ],
});

/** Throws an Unreadable. */
export function readYaml(bytes: Buffer): unknown {
  try {
    return merged(load(firstDocument(decoded(bytes)), { schema, json: true }));
  } catch (error) {
    if (error instanceof Unreadable) throw error;
    throw new Unreadable(error instanceof YAMLException ? placeOf(error) : 'it cannot be read');
  }
}

/** Its message is what is wrong, fit for people. */
export class Unreadable extends Error {}

/** PowerShell's `>` writes UTF-16. */
function decoded(bytes: Buffer): string {
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark !== 'fffe' && mark !== 'feff') {
    if (!isUtf8(bytes)) throw new Unreadable('it is not in UTF-8');
    return bytes.toString('utf8').replace(/^\ufeff/, '');
  }
  const even = Buffer.from(bytes.subarray(2, bytes.length - (bytes.length % 2)));
  return (mark === 'feff' ? even.swap16() : even).toString('utf16le');
}

/** Up to the second `---`, or to `...`: what comes after does not count, and may not be YAML at all. */
function firstDocument(text: string): string {
  const lines = text.split('\n');
  let begun = false;
  const end = lines.findIndex((line) => {
    if (/^\.\.\.(\s|$)/.test(line)) return true;
    if (/^---(\s|$)/.test(line)) {
      const second = begun;
      begun = true;
      return second;
    }
    begun ||= !/^\s*(#|$)|^%/.test(line);
    return false;
  });
  return end < 0 ? text : lines.slice(0, end).join('\n');
}

/**
 * The same with merge keys carried out. As in go-yaml v2 what is merged replaces what stands before it in the mapping,
 * and is replaced by what stands behind; of several mappings the first wins.
 */
function merged(value: unknown, done = new Map<object, unknown>()): unknown {
  if (typeof value !== 'object' || value === null) return value;
  // An alias stands for the same object, once made: a file of aliases of aliases must not grow without end.
  if (done.has(value)) {
    const before = done.get(value);
    if (before === undefined) throw new Unreadable('an anchor contains itself');
    return before;
  }
  done.set(value, undefined);
  const made = Array.isArray(value) ? value.map((item) => merged(item, done)) : mergedFields(value, done);
  done.set(value, made);
  return made;
}

function mergedFields(value: object, done: Map<object, unknown>): object {
  const all = new Map<string, unknown>();
  for (const [key, item] of Object.entries(value)) {
    const inner = merged(item, done);
    if (key !== mergeKey) {
      all.set(key, inner);
      continue;
    }
    for (const source of Array.isArray(inner) ? [...(inner as unknown[])].reverse() : [inner]) {
      if (typeof source !== 'object' || source === null || Array.isArray(source))
        throw new Unreadable('a merge key (<<) names what is not a mapping');
      for (const [name, taken] of Object.entries(source)) all.set(name, taken);
    }
  }
  return Object.fromEntries(all);
}

function placeOf({ reason, mark }: YAMLException): string {
  // A name that begins with * or ! may be a password that was not quoted.
  const kind = reason.replaceAll(/\s*("[^]*"|!?<[^]*>|\([^]*\))/g, '').trim();
  const line = (mark as typeof mark | undefined)?.line;
  return `${printable(kind)}${line === undefined ? '' : ` in line ${String(line + 1)}`}`;
}
