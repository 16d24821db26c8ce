// What a leader-run on a terminal leaves behind and takes away: the terminal's settings before and after, in each way
// of ending, and whom the keys belong to meanwhile. In a shell with job control, as people use it.
// What it does wrong stands in terminal-left-alone.test.ts.
// To check: settings are compared whole, and the test has seen them before leader-run started.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming } from '../helpers/leader-run.ts';
import { isAlive, textOf } from '../helpers/procfs.ts';
import type { Puppet } from '../helpers/puppets.ts';
import { type Look, noTerminal, openShell, type Terminal } from './on-a-terminal.ts';

const lacking = noTerminal();
const [ctrlC, ctrlZ, ctrlBackslash] = ['\x03', '\x1a', '\x1c'];

interface Scene {
  readonly terminal: Terminal;
  readonly puppet: Puppet;
  readonly leader: number;
  /** How it was before leader-run. */
  readonly before: Look;
}

/** A shell whose foreground is a leader-run with a puppet. */
async function leadThere(arena: Arena): Promise<Scene> {
  const terminal = await openShell(arena, { timing: longTiming });
  const before = await terminal.look();
  terminal.type('./lead ./puppet\n');
  const puppet = await arena.next();
  return { terminal, puppet, leader: (await terminal.look()).foreground, before };
}

const endings: readonly { name: string; end: (terminal: Terminal, puppet: Puppet, leader: number) => Promise<void> }[] =
  [
    {
      name: 'the command ends',
      end: (_terminal, puppet) => Promise.resolve(puppet.exit(0)),
    },
    {
      name: 'Ctrl-C',
      end: async (terminal, puppet) => {
        terminal.type(ctrlC);
        await puppet.hears('SIGINT');
        puppet.exit(130);
      },
    },
    {
      name: 'Ctrl-\\',
      end: async (terminal, puppet) => {
        terminal.type(ctrlBackslash);
        await puppet.hears('SIGQUIT');
        puppet.die('SIGQUIT');
      },
    },
    {
      name: 'SIGTERM',
      end: async (_terminal, puppet, leader) => {
        process.kill(leader, 'SIGTERM');
        await puppet.hears('SIGTERM');
        puppet.die('SIGTERM');
      },
    },
    {
      name: 'leader-run is killed',
      end: async (_terminal, puppet, leader) => {
        process.kill(leader, 'SIGKILL');
        await puppet.isOver();
      },
    },
  ];

describe.concurrent('leader-run on a terminal', () => {
  test.for(endings)('leaves its settings and gives back the keys: $name', async ({ end }, { arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { terminal, puppet, leader, before } = await leadThere(arena);
    expect((await terminal.settings()).all).toBe(before.settings.all);
    await end(terminal, puppet, leader);
    await terminal.prompts(2);
    expect(await terminal.look()).toEqual(before);
    terminal.type('echo ours-$((6 * 7))\n');
    await terminal.run.says('ours-42');
  });

  test('lets the command set it, and a command that puts it back leaves it as it was', async ({
    arena,
    expect,
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    writeFileSync(
      join(arena.folder, 'editor'),
      `was=$(stty -g); trap 'stty "$was"; exit 3' TERM\nstty raw -echo; echo editing; while :; do sleep 0.05; done\n`,
    );
    const terminal = await openShell(arena, { timing: longTiming });
    const before = await terminal.settings();
    terminal.type('./lead sh ./editor\n');
    await terminal.is('keys one by one, without echo', ({ echo, lines }) => !echo && !lines);
    process.kill((await terminal.look()).foreground, 'SIGTERM');
    await terminal.prompts(2);
    expect((await terminal.settings()).all).toBe(before.all);
  });

  test('gives Ctrl-C to a command that reads it as a key', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const terminal = await openShell(arena, { timing: longTiming });
    const before = await terminal.settings();
    terminal.type(`./lead sh -c 'was=$(stty -g); stty raw -echo; head -c 1 | od -An -tx1 >key; stty "$was"'\n`);
    await terminal.is('keys one by one', ({ lines, signals }) => !lines && !signals);
    terminal.type(ctrlC);
    await terminal.prompts(2);
    expect(textOf(join(arena.folder, 'key')).trim()).toBe('03');
    expect((await terminal.settings()).all).toBe(before.all);
  });

  test('gives typed lines to the command in the foreground, and then to the shell', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const terminal = await openShell(arena, { timing: longTiming });
    terminal.type(`./lead sh -c 'echo begun >begun; read -r line; echo "$line" >heard'\n`);
    await arena.until('the command', () => textOf(join(arena.folder, 'begun')) !== '');
    terminal.type('to the command\n');
    await terminal.prompts(2);
    terminal.type('echo to the shell >shell\n');
    await terminal.prompts(3);
    expect(textOf(join(arena.folder, 'heard'))).toBe('to the command\n');
    expect(textOf(join(arena.folder, 'shell'))).toBe('to the shell\n');
  });

  test('goes on after Ctrl-Z, with the keys and the settings that it had', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { terminal, puppet, leader, before } = await leadThere(arena);
    const line = puppet.ask<string>('readLine');
    terminal.type(ctrlZ);
    await terminal.run.says('"event":"ignored-signal"');
    terminal.type('still there\n');
    expect(await line).toBe('still there');
    expect(await terminal.look()).toEqual({ ...before, foreground: leader });
    expect(puppet.got).toEqual([]);
    puppet.exit(0);
    await terminal.prompts(2);
  });

  test('tells the command of a window that changes, once for each change', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { terminal, puppet } = await leadThere(arena);
    terminal.resize(100);
    await puppet.hears('SIGWINCH');
    terminal.resize(120);
    await puppet.hears('SIGWINCH', 2);
    terminal.type(ctrlC);
    await puppet.hears('SIGINT');
    expect(puppet.got.filter((signal) => signal === 'SIGWINCH')).toHaveLength(2);
    puppet.exit(0);
    await terminal.prompts(2);
  });

  test('in the background, has no Ctrl-C of the foreground', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const terminal = await openShell(arena, { timing: longTiming });
    terminal.type('./lead ./puppet </dev/null &\n');
    const puppet = await arena.next();
    const shell = (await terminal.look()).foreground;
    terminal.type('sleep 60\n');
    await arena.until('sleep in the foreground', async () => (await terminal.look()).foreground !== shell);
    terminal.type(ctrlC);
    await terminal.prompts(3);
    await puppet.ask('descriptors');
    expect(puppet.got).toEqual([]);
    puppet.exit(0);
  });

  test('passes the hang-up on when the terminal goes away, and gives the lock back', async ({
    arena,
    expect,
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    const { terminal, puppet, leader } = await leadThere(arena);
    terminal.leave();
    await puppet.hears('SIGHUP');
    puppet.exit(0);
    await puppet.isOver();
    await arena.until('the lock to be given back', () => arena.isFree());
    await arena.until('leader-run to end', () => !isAlive(leader));
    expect(puppet.got.filter((signal) => signal === 'SIGHUP')).toHaveLength(1);
  });
});
