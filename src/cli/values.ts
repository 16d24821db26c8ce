// What the text of an option means by itself, or why it means nothing: Kubernetes names, choices, signals, statuses.
// Each parser answers with a value or a fault that says what would be right. Knows no option by name.
// Invariant: no parser throws, and no fault repeats its text unescaped (what it offers instead is always well-formed).

import { isIPv4, isIPv6 } from 'node:net';
import { constants } from 'node:os';
import { printable } from '../common/printable.ts';
import { utcText } from '../common/utc.ts';
import { parseDuration, type Parsed } from './duration.ts';

export function anyText(text: string): Parsed<string> {
  return { value: text };
}

/** What sh makes of it is told when it runs. */
export function hookLine(text: string): Parsed<string> {
  return text.trim() === '' ? { fault: 'expected a line for sh -c, and it is blank' } : { value: text };
}

/** --on-lost is another option, one letter away. */
export function loseLine(text: string): Parsed<string> {
  const meant = text.trim();
  if (meant === 'rejoin' || meant === 'exit') return { fault: `did you mean --on-lost ${meant}?` };
  return hookLine(text);
}

/** Its `choices` are all that there are, where they can be told. */
export interface Parser<T> {
  (text: string): Parsed<T>;
  readonly choices?: readonly string[];
}

export function oneOf<const T extends string>(choices: readonly T[]): Parser<T> {
  const parse = (text: string): Parsed<T> => {
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return { value: found };
    const wanted = closest(text, choices);
    return { fault: `expected ${listed(choices)}${wanted === undefined ? '' : meant(wanted)}` };
  };
  return Object.assign(parse, { choices });
}

export function switchText(text: string): Parsed<boolean> {
  if (text === 'true' || text === '1') return { value: true };
  if (text === 'false' || text === '0') return { value: false };
  return { fault: 'expected true or false' };
}

const yes: ReadonlySet<string> = new Set(['1', 'true', 't', 'yes', 'y', 'on', 'enable', 'enabled']);
const no: ReadonlySet<string> = new Set(['0', 'false', 'f', 'no', 'n', 'off', 'disable', 'disabled', 'none']);

/** What a word says to people, whether it is taken or not; undefined: neither yes nor no. */
export function switchMeant(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  return yes.has(word) ? true : no.has(word) ? false : undefined;
}

/**
 * A folder, or true for the usual one; a folder of such a name is written ./true. A slip must not pass for a folder:
 * whose lock is in another one may start a second command.
 */
export function switchOrFolder(text: string): Parsed<boolean | string> {
  const parsed = switchText(text);
  if ('value' in parsed) return parsed;
  const meant = switchMeant(text);
  if (meant !== undefined) {
    return { fault: `expected true, false or a folder: write ${String(meant)}, or the folder's path from / on` };
  }
  // Shells expand it at the beginning of a word only, and not behind --local=.
  if (text.startsWith('~')) {
    const home = text === '~' || text.startsWith('~/') ? '$HOME in its place, or ' : '';
    return { fault: `the ~ is not expanded here: write ${home}the path from / on` };
  }
  return { value: text };
}

/** How long to wait for the lock: the elector's words, which it is handed as they are. */
export type Wait =
  | { readonly kind: 'forever' }
  /** Take the lock if it is free now. */
  | { readonly kind: 'one-look' }
  | { readonly kind: 'for'; readonly ms: number };

export function waitTime(text: string): Parsed<Wait> {
  if (text === 'forever') return { value: { kind: 'forever' } };
  const parsed = parseDuration(text);
  if ('fault' in parsed) return { fault: `${parsed.fault}; 0 looks once, forever never gives up` };
  return { value: parsed.value === 0 ? { kind: 'one-look' } : { kind: 'for', ms: parsed.value } };
}

/** What it must be beside the other durations is told by `timingFaults`. */
export function leaseTime(text: string): Parsed<number> {
  const parsed = parseDuration(text);
  if ('fault' in parsed && !/^\d+\.\d+$/.test(text)) return parsed;
  if ('value' in parsed && parsed.value >= 1000 && parsed.value % 1000 === 0) return parsed;
  return { fault: 'expected whole seconds such as 15s, since the record holds no parts of them' };
}

/** Milliseconds. */
export function positiveTime(text: string): Parsed<number> {
  const parsed = parseDuration(text);
  return 'value' in parsed && parsed.value === 0 ? { fault: 'expected more than 0, as in 30m' } : parsed;
}

/** Each check has a third of it. */
export function healthTime(text: string): Parsed<number> {
  const parsed = parseDuration(text);
  return 'value' in parsed && parsed.value < 1000 ? { fault: 'expected at least 1s' } : parsed;
}

export function fileName(text: string): Parsed<string> {
  if (text === '') return { fault: "expected a file's path, and it is empty" };
  return text.startsWith('~') ? { fault: 'the ~ is not expanded here: write $HOME in its place' } : { value: text };
}

/** Where to listen for requests. */
export interface Place {
  /** An address. */
  readonly host: string;
  readonly port: number;
}

/** `[host:]port`. Names are not looked up: which address one has is no affair of a start. */
export function listenPlace(text: string): Parsed<Place> {
  const [, six, named, digits = ''] = /^(?:(?:\[(.*)\]|([^:]*)):)?(\d{1,5})$/.exec(text) ?? [];
  const host = named === 'localhost' || (six ?? named) === undefined ? '127.0.0.1' : (six ?? named ?? '');
  if (host === '' && digits !== '')
    return { fault: `write ${digits} for this machine alone, or 0.0.0.0:${digits} for all who can reach it` };
  const isAddress = six === undefined ? isIPv4(host) : isIPv6(six);
  if (isAddress && digits !== '' && Number(digits) <= 65_535) return { value: { host, port: Number(digits) } };
  return { fault: 'expected a port, or an address and a port, such as 9090, 0.0.0.0:9090 or [::]:9090' };
}

/** How many ticks to compute: a line may have one a minute. */
export function tickCount(text: string): Parsed<number> {
  if (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 100) return { value: Number(text) };
  return { fault: 'expected a number from 1 to 100' };
}

/** A day in UTC, or a time with its zone: one without would mean another instant on each machine. */
export function instant(text: string): Parsed<number> {
  const [, day = ''] = /^(\d{4}-\d\d-\d\d)(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.exec(text) ?? [];
  const ms = isDay(day) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return { value: ms };
  return { fault: 'expected a day such as 2026-10-24, or a time with its zone such as 2026-10-24T12:00:00Z' };
}

/** Date.parse takes February 30 for March 2. */
function isDay(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && utcText(ms).startsWith(text);
}

export function exitCode(text: string): Parsed<number> {
  if (/^\d{1,3}$/.test(text) && Number(text) <= 255) return { value: Number(text) };
  return { fault: 'expected an exit status from 0 to 255' };
}

const signals = Object.keys(constants.signals) as NodeJS.Signals[];

export const signalName: Parser<NodeJS.Signals> = Object.assign(parseSignal, {
  choices: signals.filter((signal) => signal !== 'SIGSTOP' && signal !== 'SIGKILL'),
});

function parseSignal(text: string): Parsed<NodeJS.Signals> {
  const name = text.toUpperCase();
  const found = signals.find((signal) => signal === name || signal === `SIG${name}`);
  // SIGSTOP cannot be caught and ends nothing.
  if (found === 'SIGSTOP') return { fault: 'a stopped process never ends; use SIGTERM, SIGINT or SIGQUIT' };
  if (found !== undefined) return { value: found };
  const offered = signals.filter((signal) => signal !== 'SIGSTOP');
  const byNumber = offered.find((signal) => String(constants.signals[signal]) === text);
  // What all names share would make any two of them alike.
  const bare = closest(
    name.replace(/^SIG/, ''),
    offered.map((signal) => signal.slice('SIG'.length)),
  );
  const wanted = byNumber ?? (bare === undefined ? undefined : `SIG${bare}`);
  return { fault: `expected a signal's name such as SIGTERM${wanted === undefined ? '' : meant(wanted)}` };
}

export function identityText(text: string): Parsed<string> {
  if (text.length > 253) return { fault: 'an identity has at most 253 characters' };
  if (printable(text, 253) !== text) return { fault: 'an identity must not hold control or invisible characters' };
  return { value: text };
}

/** For the eyes of others, in one line of a log. */
export function reasonText(text: string): Parsed<string> {
  if (text.length > 200) return { fault: 'a reason has at most 200 characters' };
  if (printable(text, 200) !== text) return { fault: 'a reason must not hold control or invisible characters' };
  return { value: text };
}

export interface Label {
  readonly key: string;
  readonly value: string;
}

/** As Kubernetes takes it; the part of the key before a slash is a domain's name. */
export function podLabel(text: string): Parsed<Label> {
  const [, key = '', value = ''] = /^([^=]*)=([^]*)$/.exec(text) ?? [];
  const [name = '', prefix, ...more] = key.split('/').reverse();
  const isKey = isLabelPart(name) && more.length === 0 && (prefix === undefined || isLockName(prefix));
  if (isKey && (value === '' || isLabelPart(value))) return { value: { key, value } };
  const form = 'at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit';
  return { fault: `expected key=value, as in role=leader; each is ${form}` };
}

function isLabelPart(text: string): boolean {
  return text.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text);
}

const repository = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const registry = String.raw`(?:[A-Za-z0-9][-A-Za-z0-9.]*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?`;
const image = new RegExp(
  String.raw`^(?:${registry}/)?${repository}(?:/${repository})*(?::\w[\w.-]{0,127})?(?:@[a-z0-9+._-]+:[0-9a-fA-F]{32,})?$`,
);

/** The kubelet takes no other one (InvalidImageName), and tells it long after the manifest was applied. */
export function imageName(text: string): Parsed<string> {
  if (image.test(text)) return { value: text };
  const form = 'expected an image such as registry.example.com/app:1.4 or app@sha256:...';
  return { fault: /[A-Z]/.test(text.replace(/[:@][^/]*$/, '')) ? `${form}; its path has small letters only` : form };
}

export function replicaCount(text: string): Parsed<number> {
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000) return { value: Number(text) };
  return { fault: 'expected a number from 1 to 1000' };
}

/** As a LeaseCandidate takes it: no leading zeros, since they do not compare (semver.org 2 and 9). */
export function semanticVersion(text: string): Parsed<string> {
  if (/^(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/.test(text)) return { value: text };
  return { fault: 'expected a semantic version such as 1.4.0' };
}

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const labelOnly = new RegExp(`^${label}$`);
const subdomain = new RegExp(`^${label}(\\.${label})*$`);
const isNamespace = (text: string): boolean => text.length <= 63 && labelOnly.test(text);
const isLockName = (text: string): boolean => text.length <= 253 && subdomain.test(text);

const namespaceFault =
  'a namespace is at most 63 lower-case letters, digits and -, beginning and ending with a letter or digit';
const nameFault =
  'the name of a lock is at most 253 lower-case letters, digits, - and ., beginning and ending with a letter or digit';

/** RFC 1123 subdomain, as the server demands of a Lease's name. */
export function lockName(text: string): Parsed<{ namespace: string | undefined; name: string }> {
  const parts = text.split('/');
  const [name = '', namespace] = parts.reverse();
  if (parts.length > 2 || parts.includes('')) return { fault: 'expected name or namespace/name' };
  const fault =
    namespace !== undefined && !isNamespace(namespace) ? namespaceFault : isLockName(name) ? undefined : nameFault;
  if (fault === undefined) return { value: { namespace, name } };
  const likely = [namespace ?? [], name].flat().map(corrected);
  const isRight = isLockName(likely.at(-1) ?? '') && (namespace === undefined || isNamespace(likely[0] ?? ''));
  return { fault: `${fault}${isRight ? meant(likely.join('/')) : ''}` };
}

/** RFC 1123 label. */
export function namespaceName(text: string): Parsed<string> {
  if (isNamespace(text)) return { value: text };
  const likely = corrected(text);
  return { fault: `${namespaceFault}${isNamespace(likely) ? meant(likely) : ''}` };
}

function corrected(name: string): string {
  return name.toLowerCase().replaceAll(/[_ ]/g, '-');
}

function meant(likely: string): string {
  return `; did you mean ${likely}?`;
}

function listed(choices: readonly string[]): string {
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1) ?? ''}`;
}

/** The choice that the fewest edits make of a word, if they are few for its length; or else what it is short for. */
export function closest(word: string, choices: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const ranked = choices.map((choice) => ({ choice, edits: editDistance(lower, choice.toLowerCase()) }));
  const [best] = ranked.sort((a, b) => a.edits - b.edits);
  if (best !== undefined && best.edits <= Math.min(3, best.choice.length / 3)) return best.choice;
  const akin = choices.filter((choice) => {
    const long = choice.toLowerCase();
    return lower.startsWith(long) || (lower.length >= 3 && long.startsWith(lower));
  });
  return akin.length === 1 ? akin[0] : undefined;
}

function editDistance(a: string, b: string): number {
  // An argument may be megabytes long; it is not a slip of a known word then.
  if (Math.abs(a.length - b.length) > 3) return 4;
  const table = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => table[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const line = (table[i] = [i]);
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? at(i - 2, j - 2) + 1 : replaced;
      line.push(Math.min(replaced, swapped, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(a.length, b.length);
}
