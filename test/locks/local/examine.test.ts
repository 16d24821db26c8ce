// Whether a folder can hold a lock, asked of real folders: each state, and that asking makes nothing.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { examineFolder, networkName } from '../../../src/locks/local/examine.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leader-run-examine-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a folder', () => {
  test('of this user alone is fit', async () => {
    expect(await examineFolder(folder)).toEqual({ kind: 'fit', network: undefined });
  });

  test('that does not exist can be made, and is not made by asking', async () => {
    const missing = path.join(folder, 'a/b/c');
    expect(await examineFolder(missing)).toEqual({ kind: 'absent', network: undefined });
    expect(existsSync(path.join(folder, 'a'))).toBe(false);
  });

  test('that others can write to is unfit, as for a run', async () => {
    chmodSync(folder, 0o777);
    expect(await examineFolder(folder)).toEqual({
      kind: 'unfit',
      why: `the folder ${folder} can be written by other users: run chmod go-w on it, or choose another folder with --local=DIR`,
    });
  });

  test('that is a link, or a file, or lies below one, is unfit', async () => {
    const [link, file] = [path.join(folder, 'link'), path.join(folder, 'file')];
    mkdirSync(path.join(folder, 'real'));
    symlinkSync('real', link);
    writeFileSync(file, '');
    expect(await examineFolder(link)).toMatchObject({ kind: 'unfit', why: expect.stringContaining('is a link') as string });
    expect(await examineFolder(file)).toEqual({ kind: 'unfit', why: `${file} is not a folder` });
    expect(await examineFolder(path.join(file, 'a'))).toMatchObject({ kind: 'unfit' });
  });

  test('that this user may not write to is unfit', async (context) => {
    if (process.geteuid?.() === 0) context.skip('root may write to any folder');
    chmodSync(folder, 0o555);
    expect(await examineFolder(path.join(folder, 'a'))).toMatchObject({ kind: 'unfit' });
  });
});

test('file systems that span machines are known by their numbers, also where these are read as negative', () => {
  const names = [0x6969, 0xff534d42, 0xff534d42 - 2 ** 32, 0xef53, 0x01021994].map(networkName);
  expect(names).toEqual(process.platform === 'linux' ? ['NFS', 'CIFS', 'CIFS', undefined, undefined] : names.map(() => undefined));
});
