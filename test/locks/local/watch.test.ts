// The watch of a local lock's folder when a look fails while the folder goes away, and after its close.
// To check: each wait is for news, never for time; pauses pass on a clock that the test moves.
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Sighting, WatchNews } from '../../../src/locks/lock.ts';
import { FolderWatch } from '../../../src/locks/local/watch.ts';
import { ManualClock, settled } from '../../helpers/manual-clock.ts';

interface Look {
  readonly resolve: (sighting: Sighting) => void;
  readonly reject: (error: Error) => void;
}

let folder: string;
let watch: FolderWatch;
let looks: Look[];
let news: WatchNews[];
let clock: ManualClock;

const count = (kind: WatchNews['kind']): number => news.filter((one) => one.kind === kind).length;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leader-run-watch-'));
  [looks, news, clock] = [[], [], new ManualClock()];
  const look = (): Promise<Sighting> =>
    new Promise((resolve, reject) => {
      looks.push({ resolve, reject });
    });
  watch = new FolderWatch({ folder, look, clock, tell: (one) => news.push(one) });
});

afterEach(async () => {
  watch.close();
  await rm(folder, { recursive: true, force: true });
});

test('a folder that goes away during a look that fails is watched again once, not twice', async () => {
  await rm(folder, { recursive: true });
  await vi.waitFor(() => expect(count('down')).toBe(1));
  looks[0]?.reject(new Error('the disk is gone'));
  await settled();
  expect([count('up'), count('down')]).toEqual([1, 2]);
  await clock.pass(10_000);
  expect(count('up')).toBe(2);
});

test('looks go one at a time, however often the folder changes', async () => {
  await writeFile(path.join(folder, '1'), '');
  await writeFile(path.join(folder, '2'), '');
  await vi.waitFor(() => {
    looks[0]?.resolve({ kind: 'absent' });
    expect(looks).toHaveLength(2);
  });
  expect(count('sighted')).toBe(1);
});

test('nothing is told after its close, also of a look that was under way', async () => {
  watch.close();
  looks[0]?.resolve({ kind: 'absent' });
  await settled();
  expect(news).toEqual([{ kind: 'up' }]);
});

test('nothing is told after its close, also of a look that fails', async () => {
  watch.close();
  looks[0]?.reject(new Error('the disk is gone'));
  await clock.pass(10_000);
  expect(news).toEqual([{ kind: 'up' }]);
});
