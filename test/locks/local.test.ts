// The local store keeps what the Lock interface promises, on real files: one writer wins, a stalled one never does, and
// what somebody else put into the folder is a holder, not a crash. Two locks on one folder stand for two processes:
// neither keeps anything in memory.
import { writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { localLock } from '../../src/locks/local.ts';
import type { Lock, Sighting, Version, WatchNews, WriteAnswer } from '../../src/locks/lock.ts';
import { taken } from '../../src/locks/record.ts';

/** What happens just before the next link, once. */
const stall = vi.hoisted(() => ({ once: undefined as (() => Promise<void>) | undefined }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const link: typeof real.link = async (...args) => {
    const { once } = stall;
    stall.once = undefined;
    await once?.();
    await real.link(...args);
  };
  return { ...real, link };
});

const run = '01234567-89ab-cdef-0123-456789abcdef';
const attempt = { limitMs: 1000 };
let folder: string;
let number = 0;

beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), 'leader-run-local-')), 'store');
});
afterEach(async () => {
  await rm(path.dirname(folder), { recursive: true, force: true });
});

const open = (): Promise<Lock> => localLock({ folder, namespace: 'demo', name: 'hello', clock: systemClock() });

function write(lock: Lock, base: Version | undefined, holder = 'alice'): Promise<WriteAnswer> {
  number += 1;
  const signature = { identity: holder, run, number };
  return lock.write({ record: taken(undefined, holder, 15, 0), signature, base }, attempt);
}

async function stored(lock: Lock, base: Version | undefined, holder?: string): Promise<Version> {
  const answer = await write(lock, base, holder);
  if (answer.kind !== 'stored' || answer.sighting.kind !== 'record') throw new Error(`not stored: ${answer.kind}`);
  return answer.sighting.version;
}

async function look(lock: Lock): Promise<Sighting> {
  const answer = await lock.read(attempt);
  if (answer.kind !== 'sighted') throw new Error(answer.trouble.message);
  return answer.sighting;
}

const versions = (...names: string[]): string => path.join(folder, 'demo', 'hello.lock', ...names);

describe('the local store', () => {
  test('is absent until somebody creates it, and only one does', async () => {
    const [alice, bob] = [await open(), await open()];
    expect(await look(alice)).toEqual({ kind: 'absent' });
    const answers = await Promise.all([write(alice, undefined), write(bob, undefined, 'bob')]);
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['conflict', 'stored']);
  });

  test('stores a write onto the version that is current, and onto no other', async () => {
    const [alice, bob] = [await open(), await open()];
    const first = await stored(alice, undefined);
    const second = await stored(alice, first);
    expect((await write(bob, first, 'bob')).kind).toBe('conflict');
    expect((await write(bob, undefined, 'bob')).kind).toBe('conflict');
    expect(await look(bob)).toMatchObject({ version: second, signature: { identity: 'alice', run } });
    expect([alice.compare(second, first), alice.compare(first, second)]).toEqual(['newer', 'older']);
  });

  test('lets one of fifty writers through on one version', async () => {
    const locks = await Promise.all(Array.from({ length: 50 }, open));
    const base = await stored(await open(), undefined);
    const answers = await Promise.all(locks.map((lock) => write(lock, base)));
    expect(answers.filter(({ kind }) => kind === 'stored')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'conflict')).toHaveLength(49);
  });

  test('refuses a number that was collected meanwhile, though it is free again', async () => {
    // A writer stopped between its listing and its link comes back when its number has been collected: it links, and
    // only the second listing tells.
    const [alice, bob] = [await open(), await open()];
    const base = await stored(alice, undefined);
    let latest = base;
    stall.once = async () => {
      for (let count = 0; count < 70; count += 1) latest = await stored(bob, latest, 'bob');
      expect(await readdir(versions())).not.toContain('2');
    };
    expect((await write(alice, base)).kind).toBe('conflict');
    expect(await readdir(versions())).toContain('2');
    expect(await look(alice)).toMatchObject({ version: latest, signature: { identity: 'bob' } });
  });

  test('is another object after its folder was removed', async () => {
    const lock = await open();
    const before = await stored(lock, undefined);
    await rm(versions(), { recursive: true });
    expect(await look(lock)).toEqual({ kind: 'absent' });
    expect((await write(lock, before)).kind).toBe('conflict');
    expect(lock.compare(await stored(lock, undefined), before)).toBe('unordered');
  });

  test.each([
    { name: 'a torn file', text: '{"object":"x","reco' },
    { name: 'an empty file', text: '' },
    { name: 'another program’s file', text: '{"pid":1}' },
    { name: 'fields of wrong types', text: '{"object":"x","record":{"holderIdentity":7}}' },
  ])('takes $name for a holder that cannot be read', async ({ text }) => {
    const lock = await open();
    const base = await stored(lock, undefined);
    await writeFile(versions('2'), text);
    expect(await look(lock)).toMatchObject({ kind: 'unreadable', text });
    expect((await write(lock, base)).kind).toBe('conflict');
  });

  test('stamps the sending before it looks', async () => {
    const lock = await open();
    const base = await stored(lock, undefined);
    // Another write slips in at the moment of sending: the write rests on what it lists after that, and conflicts.
    const sending = (): void => {
      writeFileSync(versions('2'), 'a version of somebody else');
    };
    const signature = { identity: 'bob', run, number: 999 };
    const answer = await lock.write(
      { record: taken(undefined, 'bob', 15, 0), signature, base },
      { ...attempt, sending },
    );
    expect(answer.kind).toBe('conflict');
  });

  test('leaves no drafts behind', async () => {
    const lock = await open();
    const base = await stored(lock, undefined);
    await Promise.all([write(lock, base), write(lock, base)]);
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('makes its folder for its user alone', async () => {
    await open();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  test('refuses a folder that others can write into', async () => {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o777);
    await expect(open()).rejects.toThrow('can be written by other users: run chmod 700');
  });
});

describe('its watch', () => {
  test('tells what is there, each change at once, and a folder that was removed', async () => {
    const lock = await open();
    const news = listen(lock);
    expect(await news.until(({ kind }) => kind === 'sighted')).toMatchObject({ sighting: { kind: 'absent' } });
    const version = await stored(lock, undefined);
    expect(await news.until(isVersion(version))).toMatchObject({ sighting: { kind: 'record' } });
    await rm(versions(), { recursive: true });
    await news.until(({ kind }) => kind === 'down');
    // It comes back by itself, on the new folder.
    await news.until(({ kind }) => kind === 'up');
    const again = await stored(lock, undefined, 'bob');
    await news.until(isVersion(again));
    news.stop();
  });
});

const isVersion =
  ({ object, state }: Version) =>
  (news: WatchNews): boolean =>
    news.kind === 'sighted' &&
    news.sighting.kind === 'record' &&
    news.sighting.version.object === object &&
    news.sighting.version.state === state;

/** Collects what a watch tells; `until` resolves with the first piece of news that has not been asked for and fits. */
function listen(lock: Lock): { until: (fits: (news: WatchNews) => boolean) => Promise<WatchNews>; stop: () => void } {
  const heard: WatchNews[] = [];
  let tell = (): void => undefined;
  const stop = lock.watch((news) => {
    heard.push(news);
    tell();
  });
  const until = (fits: (news: WatchNews) => boolean): Promise<WatchNews> =>
    new Promise((resolve) => {
      tell = () => {
        const index = heard.findIndex(fits);
        if (index < 0) return;
        const [found] = heard.splice(0, index + 1).slice(-1);
        tell = () => undefined;
        if (found) resolve(found);
      };
      tell();
    });
  return { until, stop };
}
