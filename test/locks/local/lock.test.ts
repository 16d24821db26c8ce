// The local store keeps what the Lock interface promises, on real files: one writer wins, a stalled one never does, and
// what somebody else put into the folder is a holder, not a crash. Two locks on one folder stand for two processes:
// neither keeps anything in memory.
import { mkdirSync, writeFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { localLock } from '../../../src/locks/local/lock.ts';
import type { Instructions } from '../../../src/locks/instructions.ts';
import type { Lock, Sighting, Version, WatchNews, WriteAnswer } from '../../../src/locks/lock.ts';
import { taken } from '../../../src/locks/record.ts';

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
/** What happens just before the next folder is made, once. */
const race = vi.hoisted(() => ({ once: undefined as ((folder: string) => void) | undefined }));
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  const mkdirSync = (folder: string, options: { mode: number }): void => {
    const { once } = race;
    race.once = undefined;
    once?.(folder);
    real.mkdirSync(folder, options);
  };
  return { ...real, mkdirSync };
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

const open = (where = folder): Promise<Lock> =>
  localLock({ folder: where, namespace: 'demo', name: 'hello', clock: systemClock() });

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

  test('keeps a note beside the record, from the write that has one until the next that has', async () => {
    const lock = await open();
    const noted = async (note: string | undefined, base: Version | undefined): Promise<Version> => {
      number += 1;
      const signature = { identity: 'alice', run, number };
      const answer = await lock.write({ record: taken(undefined, 'alice', 15, 0), signature, base, note }, attempt);
      if (answer.kind !== 'stored' || answer.sighting.kind !== 'record') throw new Error(`not stored: ${answer.kind}`);
      const { ageMs: _, ...seen } = await look(await open()) as Extract<Sighting, { kind: 'record' }>;
      expect(answer.sighting).toMatchObject(seen);
      return answer.sighting.version;
    };
    const bare = await stored(lock, undefined);
    expect(await look(lock)).not.toHaveProperty('note');
    const first = await noted('{"v":1}', bare);
    expect(await look(lock)).toMatchObject({ note: '{"v":1}' });
    const second = await noted(undefined, first);
    expect(await look(lock)).toMatchObject({ note: '{"v":1}' });
    await noted('{"v":2}', second);
    expect(await look(lock)).toMatchObject({ note: '{"v":2}' });
  });

  test('keeps what is asked of it, until a write has other instructions', async () => {
    const lock = await open();
    const asked = async (instructions: Instructions | undefined, base: Version | undefined): Promise<Version> => {
      number += 1;
      const signature = { identity: 'alice', run, number };
      const answer = await lock.write({ record: taken(undefined, 'alice', 15, 0), signature, base, instructions }, attempt);
      if (answer.kind !== 'stored' || answer.sighting.kind !== 'record') throw new Error(`not stored: ${answer.kind}`);
      return answer.sighting.version;
    };
    const bare = await stored(lock, undefined);
    expect(await look(lock)).not.toHaveProperty('instructions');
    const first = await asked({ pause: 'move', run: 'now' }, bare);
    const second = await asked(undefined, first);
    expect(await look(lock)).toMatchObject({ instructions: { pause: 'move', run: 'now' } });
    const third = await asked({ pause: undefined, run: 'now' }, second);
    expect(await look(lock)).toMatchObject({ instructions: { run: 'now' } });
    await asked({ run: undefined }, third);
    expect(await look(lock)).not.toHaveProperty('instructions');
  });

  test('lets one of fifty writers through on one version', async () => {
    const locks = await Promise.all(Array.from({ length: 50 }, () => open()));
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

  test('makes its folder, and those above it, for its user alone', async () => {
    const deep = path.join(folder, 'a', 'b');
    await open(deep);
    for (const made of [folder, path.join(folder, 'a'), deep, path.join(deep, 'demo'), path.join(deep, 'demo/hello.lock')])
      expect((await stat(made)).mode & 0o777).toBe(0o700);
  });

  test('does not mind who else makes its folders', async () => {
    race.once = (made) => {
      mkdirSync(made, { mode: 0o700 });
    };
    const lock = await open();
    expect(race.once).toBeUndefined();
    expect(await look(lock)).toEqual({ kind: 'absent' });
  });

  test('refuses a folder that others can write into, and tells how to close it', async () => {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o775);
    await expect(open()).rejects.toThrow(
      `the folder ${folder} can be written by other users: run chmod go-w on it, or choose another folder with --local=DIR`,
    );
    await chmod(folder, (await stat(folder)).mode & 0o7755);
    await open();
  });

  test('never advises to change a folder that is made for all users', async () => {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o1777);
    await expect(open()).rejects.toThrow(
      `the folder ${folder} can be written by other users: choose another folder with --local=DIR`,
    );
  });

  test.skipIf(process.getuid?.() !== 0)('never advises to change a folder of another user', async () => {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o777);
    await chown(folder, 65_534, 65_534);
    await expect(open()).rejects.toThrow(
      `the folder ${folder} belongs to another user: choose another folder with --local=DIR`,
    );
  });
});

describe('a folder that cannot be had is refused with what is in the way', () => {
  const refusal = async (where: string): Promise<string> =>
    open(where).then(
      () => 'opened',
      (error: unknown) => (error as Error).message,
    );
  const told = (where: string, why: string): string =>
    `the folder ${where} cannot be used: ${why}; choose another folder with --local=DIR`;

  test('a file', async () => {
    await writeFile(folder, '');
    const below = path.join(folder, 'a', 'b');
    expect(await refusal(folder)).toBe(told(folder, `${folder} is not a folder`));
    expect(await refusal(below)).toBe(told(below, `${folder} is not a folder`));
  });

  test('a file inside the store', async () => {
    await mkdir(folder, { mode: 0o700 });
    await writeFile(path.join(folder, 'demo'), '');
    expect(await refusal(folder)).toBe(told(folder, `${folder}/demo is not a folder`));
  });

  test('a link that leads nowhere, and one that leads to a folder', async () => {
    await symlink('nowhere', folder);
    expect(await refusal(folder)).toBe(told(folder, `${folder} is a link that leads to no folder`));
    await mkdir(path.join(path.dirname(folder), 'nowhere'), { mode: 0o700 });
    expect(await refusal(folder)).toContain('is a link: name the folder that it leads to');
    // Above the store a link is as good as a folder.
    await open(path.join(folder, 'store'));
  });

  test.skipIf(process.platform !== 'linux')('a folder that lets none be made in it', async () => {
    expect(await refusal('/proc/x')).toBe(told('/proc/x', '/proc lets no folder be made in it'));
    expect(await refusal('/proc/x/y')).toBe(told('/proc/x/y', '/proc lets no folder be made in it'));
  });

  test('whatever the system says of it', async () => {
    const long = path.join(folder, 'x'.repeat(300));
    expect(await refusal(long)).toBe(told(long, `${long} cannot be made (name too long)`));
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
