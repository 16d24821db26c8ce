// How tests wait: for a promise or for a condition, always with a limit, and with a sentence that says what did not
// come. Decides how often a condition is asked again; knows nothing of what is waited for.
// To check: nothing here sleeps where it could be told; a condition that holds at once costs no time.
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './procfs.ts';

/** A limit that only a test that has failed already meets. */
export const patienceMs = 20_000;

/** Fails with a sentence, and with whatever else is known by then, when the promise takes too long. */
export async function within<T>(promise: Promise<T>, what: string, detail?: () => string, ms = patienceMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${ms} ms in vain for ${what}${told(detail)}`));
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again every few milliseconds until the answer is something: for what no event tells of, such as files. */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  withinMs = patienceMs,
  detail?: () => string,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain for ${what}${told(detail)}`);
    await sleep(5); // A step of polling; the condition is the caller's.
  }
}

/** Resolves with the wall time at which none of them lived any more, looking each millisecond. */
export async function untilDead(pids: readonly number[], withinMs = patienceMs): Promise<number> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const living = pids.filter(isAlive);
    if (living.length === 0) return Date.now();
    if (performance.now() > deadline) throw new Error(`still alive after ${withinMs} ms: ${living.join(', ')}`);
    await sleep(1); // A step of polling; the condition is the processes' state.
  }
}

function told(detail: (() => string) | undefined): string {
  return detail === undefined ? '' : `\n${detail()}`;
}
