// What leader-run on a terminal should do beside what terminal-state.test.ts shows: leave alone settings that are not
// its own, leave the keys to the shell when it is in the background, and end by an exit when the terminal goes away.
// Each is what a bare start does, or what the person at the terminal asked for.
// To check: each condition is made before leader-run comes to it, by a look at the terminal or a file.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming } from '../helpers/leader-run.ts';
import { isAlive, textOf } from '../helpers/procfs.ts';
import { noTerminal, openShell, Terminal } from './on-a-terminal.ts';

const lacking = noTerminal();

/** No puppet: Node sets the terminal back as it ends, and here nothing but leader-run may. */
const untilDone = `sh -c 'echo begun >begun; until [ -e done ]; do sleep 0.02; done'`;

async function hasBegun(arena: Arena): Promise<void> {
  await arena.until('the command', () => textOf(join(arena.folder, 'begun')) !== '');
}

/** The number that the shell wrote of what it started in the background. */
async function started(arena: Arena): Promise<number> {
  return await arena.until('the number of leader-run', () => Number(textOf(join(arena.folder, 'pid'))) || undefined);
}

describe.concurrent('leader-run on a terminal', () => {
  test('leaves it to a pager that has quit', async ({ arena, expect, skip }) => {
    const without = noTerminal('less');
    if (without !== undefined) return skip(without);
    const terminal = await openShell(arena, { timing: longTiming });
    const before = await terminal.settings();
    const lines = `sh -c 'while echo "one more"; do sleep 0.02; done'`;
    terminal.type(`{ until [ -e go ]; do sleep 0.02; done; exec ./lead ${lines}; } | TERM=vt100 less\n`);
    await terminal.is('keys one by one, for the pager', (settings) => !settings.lines && !settings.echo);
    writeFileSync(join(arena.folder, 'go'), '');
    // The second is not the echo of what was typed.
    await arena.until('the pager to show lines', () => terminal.screen.split('one more').length > 3);
    terminal.type('q');
    await terminal.prompts(2);
    expect((await terminal.settings()).all).toBe(before.all);
  });

  test('ends in the background without changing what was set meanwhile', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const terminal = await openShell(arena, { timing: longTiming });
    terminal.type(`./lead ${untilDone} & echo $! >pid\n`);
    await hasBegun(arena);
    const pid = await started(arena);
    terminal.type('stty -echo\n');
    await terminal.is('no echo', ({ echo }) => !echo);
    writeFileSync(join(arena.folder, 'done'), '');
    await arena.until('leader-run to end', () => !isAlive(pid));
    expect((await terminal.settings()).echo).toBe(false);
  });

  test('keeps what the command has set for good', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const terminal = await openShell(arena, { timing: longTiming });
    terminal.type('./lead stty -echo\n');
    await terminal.prompts(2);
    expect((await terminal.settings()).echo).toBe(false);
  });

  test('reads nothing of what is typed into the shell while it is in the background', async ({
    arena,
    expect,
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    const terminal = await openShell(arena, { timing: longTiming });
    terminal.type(`./lead sh -c 'echo begun >begun; exec cat >eaten' & echo $! >pid\n`);
    await hasBegun(arena);
    const [eaten, ours] = [join(arena.folder, 'eaten'), join(arena.folder, 'ours')];
    for (const number of [1, 2, 3, 4, 5]) {
      const read = (): number => textOf(eaten).length + textOf(ours).length;
      const before = read();
      terminal.type(`echo ${number} >>ours\n`);
      await arena.until('what was typed to be read', () => read() > before);
    }
    expect([textOf(eaten), textOf(ours)]).toEqual(['', '1\n2\n3\n4\n5\n']);
  });

  test('ends with the status of the command when the terminal goes away', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const begun = join(arena.folder, 'begun');
    const command = ['sh', '-c', `trap 'exit 5' HUP; echo >${begun}; while :; do sleep 0.02; done`];
    const terminal = new Terminal(arena, [process.execPath, ...arena.words({ command, timing: longTiming })]);
    await hasBegun(arena);
    terminal.leave();
    expect(await terminal.end()).toEqual({ status: 5 });
    expect(arena.isFree()).toBe(true);
  });

  test('takes one Ctrl-C that its parent repeats as one', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const parent = [
      'import signal, subprocess, sys, time',
      'def repeat(*_):',
      // The time that a parent takes: two signals that wait together would be one.
      '    time.sleep(0.05)',
      '    child.send_signal(signal.SIGINT)',
      '    open(sys.argv[1], "w").close()',
      'signal.signal(signal.SIGINT, repeat)',
      'child = subprocess.Popen(sys.argv[2:])',
      'sys.exit(child.wait())',
    ].join('\n');
    const repeated = join(arena.folder, 'repeated');
    const words = ['python3', '-c', parent, repeated, process.execPath, ...arena.words({ timing: longTiming })];
    const terminal = new Terminal(arena, words);
    const puppet = await arena.next();
    const leader = leaderOf(puppet.pid);
    terminal.type('\x03');
    await arena.until('the parent to repeat it', () => existsSync(repeated));
    // What follows of the second one has followed when another signal has come through.
    process.kill(leader, 'SIGUSR1');
    const hears = Promise.all([puppet.hears('SIGINT'), puppet.hears('SIGUSR1')]).then(() => 'goes on');
    expect(await Promise.race([hears, puppet.gone.then(() => 'was killed')])).toBe('goes on');
    puppet.exit(5);
    expect(await terminal.end()).toEqual({ status: 5 });
  });
});

/** The gate becomes the command, so that its parent is leader-run. */
function leaderOf(command: number): number {
  return Number(/^PPid:\t(\d+)/m.exec(textOf(`/proc/${command}/status`))?.[1]);
}
