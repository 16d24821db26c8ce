// Watches the folder that holds a local lock's versions: tells what is current now, and after each change of the
// folder. Decides when to look, and that a folder which cannot be watched is tried again. Does not know how the current
// version is found (lock.ts): it is given the look.
// Invariant: nothing is told after `close`; one look at a time, and a change during a look brings another.

import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import type { Clock } from '../../clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { Sighting, WatchNews } from '../lock.ts';
import { makeFolder } from './folder.ts';

export interface FolderWatchOptions {
  readonly folder: string;
  /** What is current. */
  readonly look: () => Promise<Sighting>;
  readonly clock: Clock;
  readonly tell: (news: WatchNews) => void;
}

const againMs = 1000;

export class FolderWatch {
  readonly #options: FolderWatchOptions;
  #watcher: FSWatcher | undefined;
  #cancelAgain = (): void => undefined;
  #isLooking = false;
  /** The folder changed since the last look began. */
  #isStale = false;
  #isClosed = false;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
    this.#start();
  }

  close(): void {
    this.#isClosed = true;
    this.#isStale = false;
    this.#cancelAgain();
    this.#watcher?.close();
  }

  #start(): void {
    const { folder, tell } = this.#options;
    try {
      makeFolder(folder);
      this.#watcher = watch(folder, (event, file) => {
        // The folder itself: it was removed or moved away, and the one that will be made next is another.
        if (event === 'rename' && file === basename(folder)) this.#down(new Error('the folder was removed'));
        else void this.#changed();
      });
      this.#watcher.on('error', (error) => {
        this.#down(error);
      });
      tell({ kind: 'up' });
      void this.#changed();
    } catch (error) {
      this.#down(error);
    }
  }

  #down(error: unknown): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    if (this.#isClosed) return;
    const { clock, tell } = this.#options;
    tell({ kind: 'down', forbidden: false, message: messageOf(error) });
    // The folder may go away while a look fails: one watch follows, not two.
    this.#cancelAgain();
    this.#cancelAgain = clock.after(againMs, () => {
      this.#start();
    });
  }

  async #changed(): Promise<void> {
    this.#isStale = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        await this.#tellCurrent();
      }
    } catch (error) {
      this.#down(error);
    } finally {
      this.#isLooking = false;
    }
  }

  async #tellCurrent(): Promise<void> {
    const sighting = await this.#options.look();
    if (!this.#isClosed) this.#options.tell({ kind: 'sighted', sighting });
  }
}
