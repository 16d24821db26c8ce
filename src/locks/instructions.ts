// What an operator asks of a lock's holder, or of all its candidates: three texts beside the record, which any elector
// leaves where they are, and which `kubectl annotate` can write as well. Decides what they look like and what is read
// in one that a person wrote by hand. Knows neither who obeys them (src/elector) nor how they are stored.
// Invariant: a pause whose end cannot be read has none; nothing that a person writes is read as a shorter one.

import { utcText } from '../common/utc.ts';

/** Unset: it is not asked. */
export interface Instructions {
  /** `<identity> <reason>`: that holder is to end its command, release the lock, and stay back. */
  readonly stepDown?: string | undefined;
  /** `<until> <reason>`: no candidate is to hold the lock before then. Without a time: until this is taken away. */
  readonly pause?: string | undefined;
  /** `<word> <reason>`: the holder of a schedule is to run its command once for this word. */
  readonly run?: string | undefined;
}

/** Where each lies: annotations, and on a local lock the same names. */
export const instructionAnnotations: Readonly<Record<keyof Instructions, string>> = {
  stepDown: 'leader-run/step-down',
  pause: 'leader-run/pause',
  run: 'leader-run/run',
};

/** Undefined where there are none: a lock that is not steered looks as it always did. */
export function instructionsIn(texts: Readonly<Record<string, unknown>>): Instructions | undefined {
  const found = Object.entries(instructionAnnotations).flatMap(([name, at]) => {
    const text = texts[at];
    return typeof text === 'string' ? [[name, text] as const] : [];
  });
  return found.length > 0 ? Object.fromEntries(found) : undefined;
}

/** All of them; undefined is for one that is to go. */
export function annotationsOf(instructions: Instructions): Record<string, string | undefined> {
  const names = Object.keys(instructionAnnotations) as (keyof Instructions)[];
  return Object.fromEntries(names.map((name) => [instructionAnnotations[name], instructions[name]]));
}

export function sameInstructions(a: Instructions | undefined, b: Instructions | undefined): boolean {
  return a?.stepDown === b?.stepDown && a?.pause === b?.pause && a?.run === b?.run;
}

export interface Pause {
  /** By wall clocks, in milliseconds since 1970; undefined: until it is ended. */
  readonly untilMs: number | undefined;
  /** '' where none was given. */
  readonly reason: string;
}

/** RFC 3339, of which the seconds may be missing. */
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** The pause that is asked for, over or not. */
export function pauseIn({ pause }: Instructions): Pause | undefined {
  if (pause === undefined) return undefined;
  const [first = '', ...rest] = pause.trim().split(' ');
  const untilMs = time.test(first) ? Date.parse(first) : Number.NaN;
  if (Number.isNaN(untilMs)) return { untilMs: undefined, reason: pause.trim() };
  return { untilMs, reason: rest.join(' ') };
}

/** The pause that is on at this wall time. */
export function pauseAt(instructions: Instructions | undefined, wallMs: number): Pause | undefined {
  const pause = instructions && pauseIn(instructions);
  return pause?.untilMs !== undefined && pause.untilMs <= wallMs ? undefined : pause;
}

export function pauseText({ untilMs, reason }: Pause): string {
  if (untilMs !== undefined) return [timeText(untilMs), reason].filter((part) => part !== '').join(' ');
  // A reason that begins with a time would be read as the end of the pause.
  return pauseIn({ pause: reason })?.untilMs === undefined ? reason : `reason: ${reason}`;
}

/** For events, and for status. */
export function pauseFacts({ reason, untilMs }: Pause): {
  readonly reason: string;
  readonly until: string | undefined;
} {
  return { reason, until: untilMs === undefined ? undefined : timeText(untilMs) };
}

/** RFC 3339, without fractions where they are 0. */
export function timeText(ms: number): string {
  return utcText(ms).replace('.000Z', 'Z');
}

/** The reason why the holder of this name is to step down; undefined: it is not asked to. */
export function stepDownReason({ stepDown }: Instructions, identity: string): string | undefined {
  if (stepDown === identity) return '';
  return stepDown?.startsWith(`${identity} `) === true ? stepDown.slice(identity.length + 1).trim() : undefined;
}

export function stepDownText(identity: string, reason: string): string {
  return withReason(identity, reason);
}

export function runText(word: string, reason: string): string {
  return withReason(word, reason);
}

function withReason(what: string, reason: string): string {
  return reason === '' ? what : `${what} ${reason}`;
}

export function runIn({ run }: Instructions): { readonly word: string; readonly reason: string } | undefined {
  if (run === undefined) return undefined;
  const [word = '', ...rest] = run.trim().split(' ');
  return { word, reason: rest.join(' ') };
}
