// The exit status and the last line of the log: whose status it is, why, and that a parent sees the truth (WIFSIGNALED)
// when a signal was asked for and did end the command.

import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { test } from '../helpers/arena.ts';
import { longTiming } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';

describe.concurrent('the end of leader-run', () => {
  describe('the exit status', () => {
    test.for([0, 1, 7, 122, 124, 127, 255])("#22 is the command's own: %i", async (status, { arena, expect }) => {
      const run = arena.run({ command: ['sh', '-c', `exit ${status}`] });
      expect(await run.end()).toMatchObject({ status, signal: null });
      expect(run.events.at(-1)).toMatchObject({
        event: 'exit',
        status,
        reason: 'the command ended; the status is its own',
      });
    });

    test.for([
      { signal: 'SIGTERM', status: 143 },
      { signal: 'SIGKILL', status: 137 },
      { signal: 'SIGSEGV', status: 139 },
    ] as const)(
      '#22 is $status when the command dies of $signal by itself',
      async ({ signal, status }, { arena, expect }) => {
        const { run, puppet } = await arena.lead();
        process.kill(puppet.pid, signal === 'SIGTERM' ? 0 : signal);
        if (signal === 'SIGTERM') puppet.die(signal);
        expect(await run.end()).toMatchObject({ status, signal: null });
        expect(run.events.at(-1)).toMatchObject({ event: 'exit', status });
        expect(run.events.at(-1)?.['reason']).toMatch(new RegExp(`command ended of ${signal}.*its own`));
      },
    );

    test('is told by the same signal when that was asked for and ended the command', async ({ arena, expect }) => {
      const run = arena.run({ command: ['sh', '-c', 'echo ready; exec sleep 1000'], timing: longTiming });
      await run.says('ready');
      run.signal('SIGTERM');
      // What a parent's WIFSIGNALED sees: no status at all.
      expect(await run.end()).toMatchObject({ status: null, signal: 'SIGTERM' });
      expect(run.events.at(-1)).toMatchObject({ event: 'exit', status: 143 });
      expect(run.events.at(-1)?.['reason']).toMatch(/command ended of SIGTERM.*SIGTERM.*its own/);
    });

    test('is a number when the command ended of another signal than was asked for', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      run.signal('SIGINT');
      await puppet.hears('SIGINT');
      puppet.die('SIGTERM');
      expect(await run.end()).toMatchObject({ status: 143, signal: null });
    });

    test("is the command's own when it handles the signal that was asked for", async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      run.signal('SIGTERM');
      await puppet.hears('SIGTERM');
      puppet.exit(3);
      expect(await run.end()).toMatchObject({ status: 3, signal: null });
    });

    test('ends a loop of a shell when Ctrl-C ended the command', async ({ arena, expect, skip }) => {
      const lacking = missing('bash', 'setsid');
      if (lacking !== undefined) skip(lacking);
      const words = arena.words({ command: ['sh', '-c', 'echo round; exec sleep 1000'], timing: longTiming });
      // A group of its own, which a terminal would send SIGINT to: bash goes on unless its child died of it.
      const loop = 'for i in 1 2 3; do "$0" "$@"; done; echo after';
      const run = arena.spawn(['setsid', 'bash', '-c', loop, process.execPath, ...words]);
      await run.says('round');
      process.kill(-run.pid, 'SIGINT');
      expect(await run.end()).toMatchObject({ status: null, signal: 'SIGINT' });
      expect(run.stdout.match(/round/g)).toHaveLength(1);
      expect(run.stdout).not.toContain('after');
    });

    test('is 122 when leadership was lost, or what --lost-exit-code says', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: ['--on-lost=exit'] });
      await arena.steal();
      expect(await run.end()).toMatchObject({ status: 122, signal: null });
      expect(run.events.at(-1)).toMatchObject({ status: 122, reason: 'leadership was lost and the command stopped' });
      expect(puppet.isGone).toBe(true);

      const other = await arena.lead({
        timing: longTiming, flags: ['--on-lost=exit', '--lost-exit-code=75'],
        lock: 'other',
      });
      await arena.steal('other');
      expect(await other.run.end()).toMatchObject({ status: 75, signal: null });
    });
  });

  describe('a command that cannot be run', () => {
    test.for([
      { name: 'a missing file', file: 'missing', status: 127 },
      { name: 'a file without the right to be executed', file: 'plain', status: 126 },
      { name: 'a directory', file: 'folder', status: 126 },
      { name: 'a name that PATH does not have', file: '', status: 127 },
      { name: 'a script whose interpreter is missing', file: 'orphan', status: 127 },
    ])('#23 ends with $status before anything is locked: $name', async ({ file, status }, { arena, expect }) => {
      writeFileSync(join(arena.folder, 'plain'), '#!/bin/sh\n', { mode: 0o644 });
      writeFileSync(join(arena.folder, 'orphan'), '#!/nonexistent\n', { mode: 0o755 });
      mkdirSync(join(arena.folder, 'folder'));
      const command = file === '' ? 'leader-run-no-such-command' : join(arena.folder, file);
      const run = arena.run({ command: [command] });
      expect(await run.end()).toMatchObject({ status, signal: null });
      expect(run.stderr).toContain('nothing was locked or started');
      expect(arena.versions()).toEqual([]);
    });

    test('#23 ends with 127 and gives the lock back when its interpreter goes away meanwhile', async ({ arena, expect }) => {
      const script = join(arena.folder, 'script');
      const interpreter = join(arena.folder, 'interpreter');
      symlinkSync('/bin/sh', interpreter);
      writeFileSync(script, `#!${interpreter}\n`);
      chmodSync(script, 0o755);
      const { run: leader, puppet } = await arena.lead({ timing: longTiming });
      const run = arena.run({ command: [script], timing: longTiming });
      await run.event('standing-by');
      rmSync(interpreter);
      puppet.exit(0);
      await leader.end();
      expect(await run.end()).toMatchObject({ status: 127, signal: null });
      expect(arena.isFree()).toBe(true);
    });

    test('#23 is looked for in PATH as a shell would, past what cannot be executed', async ({ arena, expect }) => {
      for (const folder of ['first', 'second']) mkdirSync(join(arena.folder, folder));
      writeFileSync(join(arena.folder, 'first', 'tool'), '#!/bin/sh\necho first\n', { mode: 0o644 });
      writeFileSync(join(arena.folder, 'second', 'tool'), '#!/bin/sh\necho second\n', { mode: 0o755 });
      const path = `${join(arena.folder, 'first')}:${join(arena.folder, 'second')}:${process.env['PATH'] ?? ''}`;
      const run = arena.run({ command: ['tool'], env: { PATH: path } });
      expect(await run.end()).toMatchObject({ status: 0 });
      expect(run.stdout).toBe('second\n');
    });
  });
});
