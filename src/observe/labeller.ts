// Keeps the label on the holder's pod (--label-pod) in step with who leads. Decides by the program's events when the
// label is due and when it is not: not before a term begins, not from the moment on when its command is to stop; and
// when it is looked at again. Knows no request and no pod; a PodLabel does.
// Invariants: one call at a time, and the last wish counts; nothing waits for a call but `flush`, and that not for
// long; the label is put only between a term's beginning and its end.

import type { Clock } from '../clock.ts';
import type { PodLabel, Trouble } from '../locks/lock.ts';
import type { Event, Report } from './events.ts';

export interface LabellerOptions {
  readonly label: PodLabel;
  /** Told when a call came to nothing. */
  readonly report: Report;
  readonly clock: Clock;
}

/** At the beginning of a term the command's start comes first. */
const pauseMs = 100;
const limitMs = 5000;
/** Another program may have taken the label off, and a holder that was stopped may have put it on late. */
const lookAgainMs = 30_000;
const flushMs = 1000;

/** Signals that end the command before its term's end is told. */
const endings: ReadonlySet<string> = new Set(['asked', 'deposed', 'lost', 'max-runtime', 'leash', 'unguarded']);

/** A listener like the log; `flush` is to be called when the lock is no longer needed. */
export class Labeller {
  readonly #options: LabellerOptions;
  #wish: 'on' | 'off' | 'unset' = 'unset';
  /** How the label is; undefined: that is not known. */
  #done: 'on' | 'off' | undefined;
  #isLeading = false;
  /** It is to be looked at with the next renewal. */
  #isDue = false;
  #working: Promise<void> | undefined;
  readonly #told = new Set<Trouble['cause']>();
  #cancel = (): void => undefined;
  #cancelLook = (): void => undefined;

  constructor(options: LabellerOptions) {
    this.#options = options;
  }

  hear(event: Event): void {
    switch (event.kind) {
      case 'standing-by':
        // A run before this one may have left it, if it was killed.
        if (this.#wish === 'unset') this.#want('off');
        return;
      case 'elected':
        this.#isLeading = true;
        return this.#want('on');
      case 'command-started':
      case 'waiting':
        // A schedule keeps the lock when the command of a tick has ended, however that was.
        return this.#isLeading ? this.#want('on') : undefined;
      case 'renewed':
        return this.#isDue && this.#wish === 'on' ? this.#soon(0) : undefined;
      case 'signalled':
        return endings.has(event.why) ? this.#want('off') : undefined;
      case 'deposed':
      case 'holding':
        return this.#want('off');
      case 'lost':
      case 'released':
      case 'left-held':
      case 'release-failed':
        this.#isLeading = false;
        return this.#want('off');
      default:
        return undefined;
    }
  }

  /** Resolves when the label is off, or soon. */
  async flush(): Promise<void> {
    if (this.#wish === 'unset') return;
    this.#wish = 'off';
    this.#work();
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => (cancel = this.#options.clock.after(flushMs, resolve)));
    await Promise.race([this.#working, late]);
    cancel();
    this.#cancelLook();
  }

  /** It is put a little later; it is taken off at once, though not within the turn that orders the command's end. */
  #want(wish: 'on' | 'off'): void {
    if (this.#wish === wish) return;
    this.#wish = wish;
    this.#soon(wish === 'on' ? pauseMs : 0);
  }

  #soon(ms: number): void {
    this.#cancel();
    this.#cancel = this.#options.clock.after(ms, () => {
      this.#work();
    });
  }

  #work(): void {
    this.#cancel();
    this.#working ??= this.#workAll().finally(() => (this.#working = undefined));
  }

  async #workAll(): Promise<void> {
    const { label } = this.#options;
    while (this.#wish !== 'unset' && this.#wish !== this.#done) {
      const wish = this.#wish;
      this.#isDue = false;
      this.#cancelLook();
      const trouble = await (wish === 'on' ? label.put({ limitMs }) : label.takeOff({ limitMs }));
      this.#done = trouble ? undefined : wish;
      if (trouble) this.#complain(trouble);
      else this.#told.clear();
      if (trouble || wish === 'on') this.#lookLater();
      if (trouble && this.#wish === wish) return;
    }
  }

  /** Tries again what failed, and looks at what may have been undone: on a renewal, which proves that we lead. */
  #lookLater(): void {
    this.#cancelLook = this.#options.clock.after(lookAgainMs, () => {
      this.#done = undefined;
      this.#isDue = true;
      if (this.#wish === 'off') this.#work();
    });
  }

  #complain({ cause, message }: Trouble): void {
    if (this.#told.has(cause)) return;
    this.#told.add(cause);
    const text = `${message}; the label of the pod is not as it should be, and leading does not depend on it`;
    this.#options.report({ kind: 'note', level: 'warn', message: text });
  }
}
