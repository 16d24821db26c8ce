// Who belongs to a command, by a /proc that the test makes up: names and orders of processes that nobody can bring
// about at will, and a system that has no descriptor left. Real processes are looked for in test/process/sweep.test.ts.
// Invariant under test: whom nobody could look at is not gone.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { handsOn } from '../../src/child/hands.ts';
import { CommandTree, keepDescriptor } from '../../src/child/sweep.ts';

const machine = vi.hoisted(() => ({
  proc: '',
  error: (_: string): string | undefined => undefined,
  /** Comes after the processes were listed, and before one of them is read. */
  listed: (): void => undefined,
  /** The last one that was opened on /dev/null, until it is closed. */
  spare: -1,
}));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const there = (path: string): string => path.replace(/^\/proc/, machine.proc);
  return {
    ...fs,
    openSync: (path: string, flags: string) => {
      const code = machine.error(path);
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      const file = fs.openSync(there(path), flags);
      if (path === '/dev/null') machine.spare = file;
      return file;
    },
    closeSync: (file: number) => {
      if (file === machine.spare) machine.spare = -1;
      fs.closeSync(file);
    },
    readdirSync: (path: string) => {
      const names = fs.readdirSync(there(path));
      machine.listed();
      return names;
    },
  };
});

/** No process has so large a number (PID_MAX_LIMIT), so that no signal can hit one. */
const first = 5_000_000;
const pgid = first;
const cookie = 'LEADER_RUN_COOKIE_1=';

interface Made {
  readonly pid: number;
  readonly name?: string;
  readonly parent?: number;
  readonly group?: number;
  readonly session?: number;
  readonly environment?: string;
}

function put({ pid, name = 'sleep', parent = 1, group = pid, session = group, environment = '' }: Made): void {
  mkdirSync(join(machine.proc, String(pid)), { recursive: true });
  const more = Array<number>(15).fill(0).join(' ');
  writeFileSync(
    join(machine.proc, String(pid), 'stat'),
    `${pid} (${name}) S ${parent} ${group} ${session} ${more} 1000 0 0\n`,
  );
  writeFileSync(join(machine.proc, String(pid), 'environ'), environment);
}

beforeEach(() => {
  machine.proc = mkdtempSync(join(tmpdir(), 'leader-run-proc-'));
  put({ pid: pgid });
});
afterEach(() => {
  machine.error = () => undefined;
  machine.listed = () => undefined;
  rmSync(machine.proc, { recursive: true });
});

function tree(): CommandTree {
  return new CommandTree({ pgid, cookie, forks: 0 });
}

function look(of = tree()): number[] {
  return of.look().map(({ pid }) => pid);
}

test.each(['sh', 'a) b', ') S 1 1 1', '))', '(x) (y)', '', 'two\nlines) S'])('a process named %j is found by its parent', (name) => {
  const kid = first + 1;
  put({ pid: kid, name, parent: pgid });
  expect(look()).toEqual([pgid, kid]);
});

test('descendants are found to the last one, in whatever order they are listed', () => {
  // Numbers that have come all the way round: each child before its parent.
  const kids = Array.from({ length: 12 }, (_, index) => first + 50 - index);
  for (const [index, pid] of kids.entries()) put({ pid, parent: index === 0 ? pgid : (kids[index - 1] ?? 0) });
  expect(look().sort()).toEqual([pgid, ...kids].sort());
});

test('a child that is born behind the listing is found, though its parent is gone before it is read', () => {
  const births = (count: number): void => {
    writeFileSync(join(machine.proc, 'stat'), `processes ${String(count)}\n`);
  };
  births(100);
  const one = new CommandTree({ pgid, cookie, forks: 100 });
  machine.listed = () => {
    machine.listed = () => undefined;
    put({ pid: first + 1, environment: `${cookie}1\0` });
    rmSync(join(machine.proc, String(pgid)), { recursive: true });
    births(101);
  };
  expect(look(one)).toEqual([first + 1]);
});

test('a group that a member has led stays the command’s after that member, for as long as anybody is in it', () => {
  const [leader, kid] = [first + 1, first + 2];
  put({ pid: leader, parent: pgid });
  put({ pid: kid, parent: leader, group: leader });
  const one = tree();
  expect(look(one)).toEqual([pgid, leader, kid]);
  rmSync(join(machine.proc, String(leader)), { recursive: true });
  put({ pid: kid, group: leader });
  put({ pid: first + 3, group: leader });
  expect(look(one)).toEqual([pgid, kid, first + 3]);
  // A number that nobody uses any more may soon be a stranger's.
  for (const pid of [kid, first + 3]) rmSync(join(machine.proc, String(pid)), { recursive: true });
  expect(look(one)).toEqual([pgid]);
  put({ pid: leader });
  put({ pid: first + 4, group: leader });
  expect(look(one)).toEqual([pgid]);
});

test('a cookie is found in an environment of any size, and only as the name of a variable', () => {
  const fill = `FILL=${'x'.repeat(300_000)}\0`;
  put({ pid: first + 1, environment: `${fill}${cookie}1\0` });
  put({ pid: first + 2, environment: `${cookie}1\0${fill}` });
  put({ pid: first + 3, environment: `X${cookie}1\0` });
  expect(look()).toEqual([pgid, first + 1, first + 2]);
});

test.each(['EMFILE', 'ENFILE', 'ENOMEM'])('a look that comes to nothing for want of %s finds nobody gone', (code) => {
  const one = tree();
  const hands = handsOn(pgid, one, () => undefined, () => undefined);
  expect(hands.look()?.map(({ pid }) => pid)).toEqual([pgid]);
  machine.error = (path) => (path.endsWith(`/${pgid}/stat`) ? code : undefined);
  expect(() => one.look()).toThrow(code);
  expect(hands.look()).toBeUndefined();
  machine.error = (path) => (path.endsWith(`/${pgid}/stat`) ? 'ENOENT' : undefined);
  expect(hands.look()).toEqual([]);
});

test('a descriptor is kept to be given up for a look when there is no other, and then kept again', () => {
  keepDescriptor();
  expect(machine.spare).not.toBe(-1);
  const one = tree();
  machine.error = () => (machine.spare === -1 ? undefined : 'EMFILE');
  expect(look(one)).toEqual([pgid]);
  machine.error = () => undefined;
  expect(look(one)).toEqual([pgid]);
  expect(machine.spare).not.toBe(-1);
});
