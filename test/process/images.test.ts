// The kinds of image that leader-run meets: without a shell, with dash, busybox or bash alone. In each the command is
// started, handed its environment and killed in time, and the log says what guards it. A folder stands for each image,
// and chroot for the container.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe } from 'vitest';
import { test } from '../helpers/arena.ts';
import { longTiming, short, shortTiming } from '../helpers/leader-run.ts';
import { stateOf } from '../helpers/procfs.ts';
import { enterRoot, noRoot } from './small-root.ts';

const applets = Object.fromEntries(
  ['sh', 'env', 'grep', 'sleep', 'setsid', 'cat'].map((name) => [`/bin/${name}`, 'busybox']),
);

const images: readonly { name: string; needs: string; programs: Record<string, string>; guardian: string }[] = [
  { name: 'no shell', needs: 'true', programs: {}, guardian: process.execPath },
  {
    name: 'dash alone',
    needs: 'dash',
    programs: { '/bin/dash': '', '/bin/sh': 'dash', '/bin/env': '' },
    guardian: process.execPath,
  },
  { name: 'busybox alone', needs: 'busybox', programs: { '/bin/busybox': '', ...applets }, guardian: '/bin/sh' },
  {
    name: 'bash alone',
    needs: 'bash',
    programs: { '/bin/bash': '', '/bin/sh': 'bash', '/bin/env': '' },
    guardian: '/bin/bash',
  },
  { name: 'bash without env', needs: 'bash', programs: { '/bin/bash': '', '/bin/sh': 'bash' }, guardian: '/bin/bash' },
];

const env = {
  // busybox would add one.
  PATH: '/bin',
  'a.b': 'x',
  PWD: '/nowhere',
  OLDPWD: undefined,
  SHLVL: '41',
  _: 'underscore',
  IFS: 'e/',
  BASH_ENV: '/nowhere',
  'BASH_FUNC_read%%': '() { exit 66; }',
  TEXT: 'one\ntwo',
};

describe.concurrent('#32 leader-run', () => {
  describe.for(images)('in an image with $name', ({ needs, programs, guardian }) => {
    test('the log names the guardian, and #1 a killed leader-run takes its command with it', async ({
      arena,
      expect,
      skip,
    }) => {
      const lacking = noRoot(needs);
      if (lacking !== undefined) return skip(lacking);
      const { run, puppet } = await arena.lead({ timing: longTiming, through: enterRoot(arena, programs) });
      expect(await run.event('started')).toMatchObject({ guardian });
      puppet.spawn('kid', 'session');
      const kid = await arena.next('kid');
      run.signal('SIGKILL');
      await Promise.all([puppet.isOver(), run.isAbandoned()]);
      await kid.isOver();
    });

    test('#2 a stopped leader-run loses its command before the lease ends', async ({ arena, expect, skip }) => {
      const lacking = noRoot(needs);
      if (lacking !== undefined) return skip(lacking);
      const { run, puppet } = await arena.lead({ timing: shortTiming, through: enterRoot(arena, programs) });
      puppet.spawn('kid', 'member');
      const kid = await arena.next('kid');
      run.signal('SIGSTOP');
      const goneAt = Math.max(await puppet.isOver(), await kid.isOver());
      expect(goneAt).toBeGreaterThan(arena.renewedAt() + short.renewMs / 2);
      expect(goneAt).toBeLessThan(arena.renewedAt() + short.leaseMs);
    });

    test('#3 a leader-run that is continued in time keeps its command', async ({ arena, expect, skip }) => {
      const lacking = noRoot(needs);
      if (lacking !== undefined) return skip(lacking);
      const timing = ['--lease-duration=10s', '--retry-period=300ms'];
      const { run, puppet } = await arena.lead({ timing, through: enterRoot(arena, programs) });
      for (let round = 1; round <= 3; round += 1) {
        const before = arena.renewedAt();
        run.signal('SIGSTOP');
        // How long the fault lasts.
        await pause(500);
        run.signal('SIGCONT');
        await arena.until('a renewal after the stop', () => arena.renewedAt() > before);
      }
      await puppet.ask('descriptors');
      expect(puppet.got).not.toContain('SIGTERM');
      puppet.exit(3);
      expect(await run.end()).toMatchObject({ status: 3 });
    });

    test('#7 a guardian that was stopped kills as soon as it is continued', async ({ arena, expect, skip }) => {
      const lacking = noRoot(needs);
      if (lacking !== undefined) return skip(lacking);
      const { run, puppet } = await arena.lead({ timing: shortTiming, through: enterRoot(arena, programs) });
      const pid = await arena.guardianOf(run);
      run.signal('SIGSTOP');
      process.kill(pid, 'SIGSTOP');
      const renewedAt = arena.renewedAt();
      await arena.until('the lease to end', () => Date.now() > renewedAt + short.leaseMs);
      process.kill(pid, 'SIGCONT');
      await puppet.isOver('the command to be killed by the continued guardian');
      expect(stateOf(run.pid)).toBe('T');
    });

    test('the environment of the command is the inherited one, byte for byte', async ({ arena, expect, skip }) => {
      const lacking = noRoot(needs);
      if (lacking !== undefined) return skip(lacking);
      // Set inside, since the shell that enters the root would change some of it.
      const inside = [process.execPath, '--input-type=module', '--eval', runWith, JSON.stringify(env)];
      const run = arena.run({
        command: arena.puppet(),
        timing: longTiming,
        through: [...enterRoot(arena, programs), ...inside],
      });
      const puppet = await arena.next();
      const entries = Buffer.from(await puppet.ask<string>('environment'), 'base64')
        .toString()
        .split('\0');
      const theirs = entries.filter((entry) => entry !== '' && !entry.startsWith('LEADER_RUN_'));
      const given = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
      expect(theirs.sort()).toEqual(given.sort());
      puppet.exit(4);
      expect(await run.end()).toMatchObject({ status: 4 });
    });

    test('#23 a command whose interpreter is missing ends with 127, and the lock is free', async ({
      arena,
      expect,
      skip,
    }) => {
      const lacking = noRoot(needs);
      if (lacking !== undefined) return skip(lacking);
      const script = join(arena.folder, 'script');
      writeFileSync(script, '#!/nonexistent/interpreter\n', { mode: 0o755 });
      const run = arena.run({ command: [script], through: enterRoot(arena, programs) });
      expect(await run.end()).toMatchObject({ status: 127, signal: null });
      expect(arena.isFree()).toBe(true);
    });
  });
});

/** A program that runs the rest of its arguments with the environment that is its first, and ends as they do. */
const runWith = `
  import { spawn } from 'node:child_process';
  const [env, file, ...args] = process.argv.slice(1);
  const child = spawn(file, args, { stdio: 'inherit', env: JSON.parse(env) });
  child.on('exit', (status, signal) => process.exit(signal ? 99 : status));`;
