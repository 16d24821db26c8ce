// Watches one object for as long as it is wanted: tells what is there now and each change, and tries again by itself
// when the watch ends. Decides how long to pause and what is worth telling. It is a hint only: what it tells may be
// late, and silence proves nothing.
// Invariant: nothing is told after the stop; no loop without a pause, unless the last watch had been healthy.

import { isJson, parseJson } from '../../common/json.ts';
import { printable } from '../../common/printable.ts';
import type { Failure } from '../../kube-api/failure.ts';
import type { Answer, Ended, Transport } from '../../kube-api/transport.ts';
import type { Sighting, WatchNews } from '../lock.ts';
import { type Version, versionOf } from '../record.ts';
import { isAbsent, readTrouble, type Subject } from './answers.ts';
import { known, type Known, type Shape, sightingOf } from './object.ts';

export interface WatchOptions {
  readonly transport: Transport;
  readonly collection: string;
  readonly subject: Subject & { readonly shape: Shape };
  readonly random: () => number;
  readonly remember: (known: Known) => void;
  readonly tell: (news: WatchNews) => void;
}

/** Spread, so that the watches of many candidates do not end together. */
const shortestMs = 5 * 60_000;
const longestMs = 10 * 60_000;
/** A watch's head comes at once; this is for a server that is starting. */
const openMs = 15_000;
const firstPauseMs = 250;
const longestPauseMs = 30_000;
/** A watch that lived this long was a good one: the next failure is a first one. */
const healthyMs = 5_000;
/** A server that has just started forbids for a moment what it will allow; so many refusals in a row are meant. */
const meantRefusals = 4;
/** An administrator may grant the right while we wait. */
const forbiddenPauseMs = 5 * 60_000;

export function watchObject(options: WatchOptions): () => void {
  const stop = new AbortController();
  void keepWatching(options, stop.signal);
  return () => {
    stop.abort();
  };
}

async function keepWatching(
  { transport, collection, subject, random, remember, tell }: WatchOptions,
  stop: AbortSignal,
): Promise<void> {
  const selector = encodeURIComponent(`metadata.name=${subject.name}`);
  let failures = 0;
  let refusals = 0;
  let up = false;
  const stopped = (): boolean => stop.aborted;
  while (!stopped()) {
    const lengthMs = Math.round(shortestMs + (longestMs - shortestMs) * random());
    // Without a resourceVersion it begins with what is there now; RBAC by name wants the selector and no `list`.
    const query = `watch=1&fieldSelector=${selector}&allowWatchBookmarks=true&timeoutSeconds=${String(Math.round(lengthMs / 1000))}`;
    const spoilt = new AbortController();
    const life: Life = { healthy: false, complaint: undefined, last: undefined };
    let timer: NodeJS.Timeout | undefined;
    const ending = await transport.follow(
      `${collection}?${query}`,
      {
        opened: () => {
          timer = setTimeout(() => (life.healthy = true), healthyMs);
          if (!up) tell({ kind: 'up' });
          up = true;
        },
        line: (text) => {
          if (stopped() || spoilt.signal.aborted) return;
          const event = readEvent(text, subject, remember);
          if (event.kind === 'sighted') {
            // One watch leaves nothing out.
            tell({ ...event, follows: life.last });
            life.last = versionOf(event.sighting);
          }
          if (event.kind !== 'fault') return;
          life.complaint = event.message;
          spoilt.abort();
        },
      },
      { openMs, totalMs: lengthMs + 30_000 },
      AbortSignal.any([stop, spoilt.signal]),
    );
    clearTimeout(timer);
    if (stopped()) return;
    if (life.healthy) failures = 0;
    // The server ends each watch after its time; the next one follows at once and no user needs to know.
    if (life.healthy && ending.kind === 'ended' && life.complaint === undefined) continue;
    failures += 1;
    up = false;
    const forbidden = ending.kind === 'answer' && ending.status === 403;
    refusals = forbidden ? refusals + 1 : 0;
    tell({ kind: 'down', forbidden, message: life.complaint ?? explain(ending, subject) });
    await pause(refusals < meantRefusals ? backOff(failures, random) : forbiddenPauseMs, stop);
  }
}

/** Of one watch, until the server ends it. */
interface Life {
  healthy: boolean;
  complaint: string | undefined;
  /** The state that it told of last. */
  last: Version | undefined;
}

type WatchEvent =
  | { readonly kind: 'sighted'; readonly sighting: Sighting }
  | { readonly kind: 'fault'; readonly message: string }
  | { readonly kind: 'nothing' };

function readEvent(text: string, subject: WatchOptions['subject'], remember: (known: Known) => void): WatchEvent {
  const event = parseJson(text);
  if (!isJson(event)) return { kind: 'fault', message: 'the watch sent a line that is not an event' };
  const { type, object } = event as { type?: unknown; object?: unknown };
  if (type === 'DELETED') return { kind: 'sighted', sighting: { kind: 'absent' } };
  if (type === 'ERROR') {
    // 410 Gone among them: the next watch starts from what is there then.
    const message = isJson(object) && typeof object['message'] === 'string' ? object['message'] : 'no reason given';
    return { kind: 'fault', message: `the server ended the watch: ${printable(message)}` };
  }
  if (type !== 'ADDED' && type !== 'MODIFIED') return { kind: 'nothing' };
  const found = known(object, subject.shape);
  if (found === undefined) return { kind: 'fault', message: 'the watch sent an object of another kind' };
  remember(found);
  return { kind: 'sighted', sighting: sightingOf(found, subject.shape) };
}

function explain(ending: Answer | Failure | Ended, subject: Subject): string {
  if (ending.kind === 'ended') return 'the server ended the watch';
  if (ending.kind === 'answer' && isAbsent(ending, subject)) return 'the server knows no such object to watch';
  return readTrouble(ending, 'watch', subject).message;
}

function backOff(failures: number, random: () => number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1)) * (0.5 + random() / 2);
}

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    function done(): void {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    }
    const timer = setTimeout(done, ms);
    stop.addEventListener('abort', done, { once: true });
  });
}
