// The work of a term whose command runs at each tick of a schedule: waits for what is due, notes the claim, runs the
// command, notes how it ended, again and again. Decides how long to wait before the clock is looked at again; what is
// due is job/schedule.ts's, and the running of one command work.ts's.
// Knows no lock. Invariant: a command starts only after its claim is stored, and nothing else starts before its outcome
// is, so that whoever follows knows of each tick what became of it.

import type { Clock } from './clock.ts';
import type { Beside } from './elector/notes.ts';
import type { Term } from './elector/term.ts';
import { attemptIn } from './job/once.ts';
import { timeText } from './job/record.ts';
import type { Refusal, Rounds, Skipped, Wish } from './job/schedule.ts';
import { span } from './common/quantity.ts';
import { runIn } from './locks/instructions.ts';
import { type Ear, type Scene, tellEnd, work, type Worked } from './work.ts';

/** Wall clocks are set, and machines suspended: a wait is looked at again this often, and so is a refusal. */
const longestWaitMs = 30_000;

/** Until the term is summoned to end; what was running then has ended, and its outcome is for the release to note. */
export async function keepRounds(scene: Scene, term: Term, ear: Ear, rounds: Rounds): Promise<Worked> {
  const { clock, report } = scene;
  const bell = new Bell(clock, ear, term);
  let announced: number | undefined;
  let last = '';
  while (ear.summons === undefined) {
    const { note } = term.beside;
    const { wall } = clock.now();
    const due = rounds.dueOf(term.beside, wall);
    if (due.kind === 'wait') {
      if (due.untilMs !== announced) report({ kind: 'waiting', schedule: rounds.name, next: nextText(due.untilMs) });
      announced = due.untilMs;
      // The start of the next command does not wait for its spawn.
      void scene.supervisor.prepare?.();
      await bell.after(due.untilMs - wall);
      continue;
    }
    const wanted = JSON.stringify(due.wish);
    if (wanted === last) {
      // It was stored, and is due as before: something undoes it. It is not to be written as fast as the server can.
      last = '';
      await bell.after(longestWaitMs);
      continue;
    }
    last = wanted;
    if (due.kind === 'begin' && !due.wish.isTick) tellAsked(scene, term.beside);
    if (due.wish.kind === 'adopt') report({ kind: 'schedule', schedule: rounds.name });
    const noted = await bell.wish(due.wish);
    if (noted === 'summoned') break;
    tellSkipped(scene, rounds.skippedBetween(note, term.beside.note));
    if (noted.verdict !== undefined) {
      tellRefusal(scene, noted.verdict as Refusal);
      last = '';
      // What stands beside the record may be another by then, and the clock may be set.
      await bell.after(longestWaitMs);
    } else if (due.kind === 'begin' && attemptIn(term.beside.note)?.claim.key === due.wish.key) {
      const worked = await workOnce(scene, term, ear, rounds, bell);
      if (worked) return worked;
      // The same tick may be due for another attempt.
      last = '';
    }
  }
  return { why: ear.summons ?? 'asked', end: { ran: false, alive: [] }, attempt: undefined };
}

function nextText(wallMs: number): string {
  return Number.isFinite(wallMs) ? timeText(wallMs) : '';
}

/** One command, for the claim that is noted; undefined: its outcome is noted as well, and the term goes on. */
async function workOnce(
  scene: Scene,
  term: Term,
  ear: Ear,
  { attempts: atMost, replacedAt, skippedBetween }: Rounds,
  bell: Bell,
): Promise<Worked | undefined> {
  const replacer = replacedAt && atWall(scene.clock, replacedAt(scene.clock.now().wall));
  const worked = await work(scene, term, ear, { forKey: true, atMost, replaced: replacer?.reached });
  replacer?.cancel();
  const { why, end, attempt } = worked;
  const goesOn = why === 'ended' || why === 'max-runtime' || why === 'replaced';
  // A command that leader-run cannot start will not start at the next tick either.
  if (!goesOn || !attempt || end.alive.length > 0 || !end.ran) return worked;
  const { claim, end: ended } = attempt;
  const wish: Wish = { kind: 'end', claim, ...ended };
  const { note } = term.beside;
  if ((await bell.wish(wish)) === 'summoned') return { ...worked, why: ear.summons ?? why };
  tellEnd(scene, attempt, true);
  tellSkipped(scene, skippedBetween(note, term.beside.note));
  return undefined;
}

/** Waits for one thing at a time, and for the summons with it. Listens once for a whole term, as an Ear does. */
class Bell {
  readonly #clock: Clock;
  readonly #ear: Ear;
  readonly #term: Term;
  #ring: () => void = () => undefined;

  constructor(clock: Clock, ear: Ear, term: Term) {
    this.#clock = clock;
    this.#ear = ear;
    this.#term = term;
    term.onBeside(() => {
      this.#ring();
    });
  }

  /** Until a time has passed, a summons has come, or something else stands beside the record. */
  async after(ms: number): Promise<void> {
    let cancel = (): void => undefined;
    await new Promise<void>((resolve) => {
      this.#ring = resolve;
      cancel = this.#clock.after(Math.max(0, Math.min(ms, longestWaitMs)), resolve);
      this.#ear.listen(resolve);
    });
    cancel();
    this.#ear.listen(undefined);
  }

  /** Until the wish is stored or has a verdict, or a summons has come, which leaves open whether it is stored. */
  async wish(wish: Wish): Promise<'summoned' | { readonly verdict: unknown }> {
    const answer = await new Promise<'summoned' | { readonly verdict: unknown }>((resolve) => {
      this.#ear.listen(() => {
        resolve('summoned');
      });
      if (this.#ear.summons === undefined)
        void this.#term.wish(wish).then((verdict) => {
          resolve({ verdict });
        });
    });
    this.#ear.listen(undefined);
    return answer;
  }
}

/** Resolves once the wall clock shows a time. */
function atWall(clock: Clock, wallMs: number): { readonly reached: Promise<void>; readonly cancel: () => void } {
  let cancel = (): void => undefined;
  const reached = new Promise<void>((resolve) => {
    const look = (): void => {
      const leftMs = wallMs - clock.now().wall;
      if (leftMs <= 0) return resolve();
      cancel = clock.after(Math.min(leftMs, longestWaitMs), look);
    };
    look();
  });
  return {
    reached,
    cancel: () => {
      cancel();
    },
  };
}

/** What a write has passed over, now that it is stored. */
function tellSkipped({ report }: Scene, skipped: readonly Skipped[]): void {
  for (const { upTo, why, count } of skipped) report({ kind: 'skipped', key: upTo, why, count });
}

function tellAsked({ report }: Scene, { instructions }: Beside): void {
  const reason = instructions && runIn(instructions)?.reason;
  const why = reason === undefined || reason === '' ? '' : ` (${reason})`;
  report({ kind: 'note', level: 'info', message: `asked to run the command now${why}` });
}

function tellRefusal({ report }: Scene, verdict: Refusal): void {
  const warn = (message: string): void => {
    report({ kind: 'note', level: 'warn', message });
  };
  switch (verdict.kind) {
    case 'clock-ahead':
      return warn(
        `the tick comes only in ${span(verdict.comesInMs)} by the API server's clock: set the clock of this machine`,
      );
    case 'unreadable':
      return warn(
        `nothing is run, since it is not known what ran under this lock: ${verdict.why}; remove its annotation leader-run/job to forget all ticks`,
      );
    default:
      return report({
        kind: 'note',
        level: 'info',
        message: 'what was due has been settled meanwhile: nothing is run',
      });
  }
}
