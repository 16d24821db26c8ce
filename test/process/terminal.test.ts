// On a terminal: Ctrl-C is one SIGINT, a second one kills, Ctrl-Z stops nobody, and the command reads what is typed.
// util-linux's script(1) makes the terminal; what the test writes to it is typed.

import { describe } from 'vitest';
import { type Arena, type RunOptions, test } from '../helpers/arena.ts';
import { longTiming, type Run, shortTiming } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';
import { childrenOf, stateOf } from '../helpers/procfs.ts';

const lacking = missing('script');
const ctrlC = '\x03';
const ctrlZ = '\x1a';

/** leader-run on a terminal of its own, in place of a shell. */
function onTerminal(arena: Arena, options: RunOptions): Run {
  const words = [process.execPath, ...arena.words(options)].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  return arena.spawn(['script', '-qefc', `exec ${words.join(' ')}`, '/dev/null'], { stdio: 'pipe' });
}

function type(run: Run, text: string): void {
  run.process.stdin?.write(text);
}

describe.concurrent('leader-run', () => {
  describe('on a terminal', () => {
    test('#26 Ctrl-C reaches the command as one SIGINT', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const run = onTerminal(arena, { timing: longTiming });
      const puppet = await arena.next();
      puppet.spawn('kid', 'member');
      const kid = await arena.next('kid');
      type(run, ctrlC);
      await Promise.all([puppet.hears('SIGINT'), kid.hears('SIGINT')]);
      await Promise.all([puppet.ask('descriptors'), kid.ask('descriptors')]);
      const told = puppet.got.filter((signal) => signal !== 'SIGCONT');
      expect([told, kid.got.filter((signal) => signal !== 'SIGCONT')]).toEqual([['SIGINT'], ['SIGINT']]);
      kid.exit(0);
      puppet.exit(3);
      expect(await run.end()).toMatchObject({ status: 3 });
    });

    test('a second Ctrl-C, after a second or more, kills the command', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const run = onTerminal(arena, { timing: longTiming });
      const puppet = await arena.next();
      type(run, ctrlC);
      await puppet.hears('SIGINT');
      const at = performance.now();
      await arena.until('a second is over', () => performance.now() > at + 1100);
      type(run, ctrlC);
      await puppet.isOver();
      expect(puppet.got.filter((signal) => signal === 'SIGINT')).toHaveLength(1);
      expect(await run.end()).toMatchObject({ status: 137 });
      expect(arena.isFree()).toBe(true);
    });

    test('one Ctrl-C that the parent passes on as well is one: the command keeps its grace', async ({
      arena,
      expect,
      skip,
    }) => {
      if (lacking !== undefined) return skip(lacking);
      const run = onTerminal(arena, { timing: longTiming });
      const puppet = await arena.next();
      const [leaderRun = 0] = childrenOf(run.pid);
      type(run, ctrlC);
      await puppet.hears('SIGINT');
      process.kill(leaderRun, 'SIGINT');
      process.kill(leaderRun, 'SIGTERM');
      // A fence: the second SIGINT came before this.
      await puppet.hears('SIGTERM');
      expect(puppet.got.filter((signal) => signal === 'SIGINT')).toHaveLength(1);
      puppet.exit(3);
      expect(await run.end()).toMatchObject({ status: 3 });
    });

    test('#27 Ctrl-Z stops neither leader-run nor the command, and is told once', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const run = onTerminal(arena, { timing: shortTiming });
      const puppet = await arena.next();
      type(run, ctrlZ);
      await run.says('"event":"ignored-signal"');
      type(run, ctrlZ);
      const before = arena.renewedAt();
      await arena.until('a renewal', () => arena.renewedAt() > before);
      await puppet.ask('descriptors');
      expect(stateOf(puppet.pid)).not.toBe('T');
      expect(puppet.got).toEqual([]);
      expect(run.events.filter(({ event }) => event === 'ignored-signal')).toHaveLength(1);
      puppet.exit(0);
      expect(await run.end()).toMatchObject({ status: 0 });
    });

    test('#28 the command reads a line that is typed, and is not stopped for it', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const run = onTerminal(arena, { timing: longTiming });
      const puppet = await arena.next();
      const line = puppet.ask<string>('readLine');
      type(run, 'typed\n');
      expect(await line).toBe('typed');
      expect(puppet.got).toEqual([]);
      puppet.exit(0);
      expect(await run.end()).toMatchObject({ status: 0 });
    });

    test('lines are for people unless JSON is asked for', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const words = arena.words({ command: ['true'] }).filter((word) => word !== '--log-format=json');
      const run = arena.spawn(['script', '-qefc', `exec ${[process.execPath, ...words].join(' ')}`, '/dev/null'], {
        stdio: 'pipe',
      });
      expect(await run.end()).toMatchObject({ status: 0 });
      await run.isAbandoned();
      expect(run.stdout).toMatch(/leader-run.*exit status 0: the command ended; the status is its own/);
      expect(run.events).toEqual([]);
    });
  });
});
