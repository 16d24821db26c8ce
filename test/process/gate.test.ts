// How the command is started: nothing of it runs before the lock is held, and when it runs its environment, arguments,
// standard streams and folder are what leader-run was given, whatever shell stands at the gate.

import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, closeSync, constants, existsSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type Arena, type RunOptions, test } from '../helpers/arena.ts';
import { longTiming, short } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';
import { stateOf, textOf } from '../helpers/procfs.ts';
import type { Puppet } from '../helpers/puppets.ts';

/** Names and values that shells drop, change, obey or make up. */
const awkward = {
  'a.b': 'ConfigMaps make such names',
  'c-d': '',
  'with space': 'x',
  '1st': 'x',
  PWD: '/nowhere/at/all',
  OLDPWD: 'relative',
  SHLVL: '41',
  IFS: 'e/',
  _: 'underscore',
  OPTIND: '7',
  PS4: '$(touch evil)',
  RANDOM: 'x',
  SECONDS: 'x',
  UID: '12345',
  EUID: '12345',
  PPID: '1',
  LINENO: 'x',
  HOSTNAME: 'elsewhere',
  BASHOPTS: 'x',
  SHELLOPTS: 'x',
  QUOTES: `'"\`$(touch evil)\\`,
  LINES_OF_TEXT: 'one\ntwo\n',
  EMPTY: '',
  UNICODE: 'ä€😀',
  line: 'as the gate calls a variable of its own',
  odd: 'too',
  READ: 'x',
};

/** What the command's environment is: entries as the kernel has them, as Latin-1, in no order. */
function entriesOf(raw: string): string[] {
  return raw
    .split('\0')
    .filter((entry) => entry !== '')
    .sort();
}

function expected(arena: Arena, env: Record<string, string | undefined>): string[] {
  const all = Object.entries(arena.environment(env)).filter(([, value]) => value !== undefined);
  return all.map(([name, value]) => Buffer.from(`${name}=${String(value)}`).toString('latin1')).sort();
}

const ours = /^LEADER_RUN_(COOKIE_[0-9a-f]{16}|LOCK|IDENTITY|TOKEN|TRANSITIONS|LOCK_UID)=/;

const environments: readonly { name: string; env: Record<string, string | undefined> }[] = [
  { name: 'as it is here', env: {} },
  { name: 'with names and values that shells do not bear', env: awkward },
  {
    name: 'without what shells make up',
    env: { PWD: undefined, OLDPWD: undefined, SHLVL: undefined, _: undefined, IFS: undefined },
  },
  { name: 'with a newline under a name that is none', env: { 'a.b': 'one\ntwo', PWD: '/nowhere' } },
  {
    name: 'with BASH_ENV, ENV and exported functions',
    env: { BASH_ENV: './evil', ENV: './evil', 'BASH_FUNC_read%%': '() { touch evil; }' },
  },
];

describe.concurrent('leader-run starts', () => {
  describe('the environment of the command', () => {
    test.for(environments)('is byte for byte the inherited one and ours: $name', async ({ env }, { arena, expect }) => {
      const evil = join(arena.folder, 'evil');
      writeFileSync(evil, `touch ${evil}-ran\n`);
      const given = Object.fromEntries(
        Object.entries(env).map(([name, value]) => [name, value?.replace('./evil', evil)]),
      );
      const run = arena.run({ command: ['cat', '/proc/self/environ'], env: given });
      expect(await run.end()).toMatchObject({ status: 0 });
      await run.isAbandoned();
      const entries = entriesOf(run.stdout);
      expect(entries.filter((entry) => !ours.test(entry))).toEqual(expected(arena, given));
      expect(entries.filter((entry) => ours.test(entry))).toHaveLength(6);
      expect(existsSync(`${evil}-ran`)).toBe(false);
    });

    // Node reads its environment as UTF-8, and what is none is lost before leader-run sees it.
    test.fails('keeps values that are no UTF-8', async ({ arena, expect }) => {
      const through = ['sh', '-c', 'X=$(printf "\\377"); export X; exec "$@"', 'sh'];
      const run = arena.run({ command: ['cat', '/proc/self/environ'], through });
      await run.end();
      await run.isAbandoned();
      expect(entriesOf(run.stdout)).toContain('X=\u00ff');
    });

    test('tells the lock, the identity and the token, in the words of the log and the record', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: ['--identity=alice in wonderland'] });
      const entries = entriesOf(Buffer.from(await puppet.ask<string>('environment'), 'base64').toString());
      const { token } = await run.event('elected');
      expect(entries).toEqual(
        expect.arrayContaining([
          'LEADER_RUN_LOCK=default/demo',
          'LEADER_RUN_IDENTITY=alice in wonderland',
          `LEADER_RUN_TOKEN=${String(token)}`,
          'LEADER_RUN_TRANSITIONS=0',
          `LEADER_RUN_LOCK_UID=${arena.versions()[0]?.object ?? ''}`,
        ]),
      );
      puppet.exit(0);
      await run.end();
    });

    test('may be more than the system can carry: then it is said, and the lock is free', async ({ arena, expect }) => {
      // The gate's text holds it, and no argument may be of 128 KiB.
      const run = arena.run({ command: ['true'], env: { OLDPWD: 'x'.repeat(131_000) } });
      expect(await run.end()).toMatchObject({ status: 125 });
      expect((await run.event('exit')).reason).toBe('cannot start true: spawn E2BIG');
      expect(arena.isFree()).toBe(true);
    });

    test('has a cookie of another name in each run', async ({ arena, expect }) => {
      const cookies = await Promise.all(
        ['one', 'two'].map(async (lock) => {
          const run = arena.run({ lock, command: ['cat', '/proc/self/environ'] });
          await run.isAbandoned();
          return /LEADER_RUN_COOKIE_\w+/.exec(run.stdout)?.[0];
        }),
      );
      expect(new Set(cookies).size).toBe(2);
    });
  });

  describe('the arguments of the command', () => {
    test.for([
      { name: 'as it is here', env: {} },
      { name: 'behind env, for names that shells do not bear', env: { 'a.b': 'x' } },
      { name: 'behind Node, for values that no line can carry', env: { 'a.b': 'one\ntwo' } },
    ])('arrive as they were written: $name', async ({ env }, { arena, expect }) => {
      const args = [
        '',
        ' ',
        'a b',
        `'"\`$(touch evil)\\`,
        'one\ntwo',
        '*',
        '~',
        '-n',
        '--',
        '--lock',
        'x=y',
        '$HOME',
        'ä€😀',
        ';',
        '&&',
        '!',
      ];
      const run = arena.run({ command: [...arena.puppet(), ...args], env });
      const puppet = await arena.next();
      expect(puppet.args).toEqual(args);
      puppet.exit(0);
      expect(await run.end()).toMatchObject({ status: 0 });
    });

    test.for([
      { name: 'as it is here', env: {} },
      { name: 'behind env', env: { 'a.b': 'x' } },
    ])('may follow a command whose name looks like an assignment: $name', async ({ env }, { arena, expect }) => {
      const file = join(arena.folder, 'a=b');
      writeFileSync(file, '#!/bin/sh\necho "$#"\n', { mode: 0o755 });
      const run = arena.run({ command: [file, 'x', 'y'], env });
      expect(await run.end()).toMatchObject({ status: 0 });
      expect(run.stdout).toBe('2\n');
    });
  });

  describe('the streams of the command', () => {
    test('#28 bring all bytes of a pipe, also those that came while it stood by', async ({ arena, expect }) => {
      const { run: leader, puppet } = await arena.lead({ timing: longTiming });
      const bytes = randomBytes(1_000_000);
      const run = arena.run({ command: ['sha256sum'], timing: longTiming, stdio: 'pipe' });
      run.process.stdin?.write(bytes.subarray(0, 40_000));
      await run.event('standing-by');
      run.process.stdin?.end(bytes.subarray(40_000));
      puppet.exit(0);
      await Promise.all([leader.end(), run.end(), run.isAbandoned()]);
      expect(run.stdout).toBe(`${createHash('sha256').update(bytes).digest('hex')}  -\n`);
    });

    test('#28 are at their end when they were closed', async ({ arena, expect }) => {
      const run = arena.run({ command: ['cat'], through: ['sh', '-c', 'exec "$@" <&-', 'sh'], stdio: 'pipe' });
      expect(await run.end()).toMatchObject({ status: 0 });
      expect(run.stdout).toBe('');
    });

    test('carry nothing of the log on stdout', async ({ arena, expect }) => {
      const run = arena.run({ command: ['sh', '-c', 'echo out; echo err >&2'] });
      await run.isAbandoned();
      expect(run.stdout).toBe('out\n');
      expect(run.stderr).toContain('\nerr\n');
    });

    test('#29 may lose their reader: leader-run goes on, and the command is handled as usual', async ({
      arena,
      expect,
    }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      run.process.stdout?.destroy();
      run.process.stderr?.destroy();
      puppet.print('into the void\n');
      run.signal('SIGUSR1');
      await puppet.hears('SIGUSR1');
      run.signal('SIGTERM');
      await puppet.hears('SIGTERM');
      puppet.exit(6);
      expect(await run.end()).toMatchObject({ status: 6 });
      expect(arena.isFree()).toBe(true);
    });

    test('may be full: a log that nobody reads costs neither the lock nor the end', async ({ arena, expect, skip }) => {
      const lacking = missing('mkfifo');
      if (lacking !== undefined) return skip(lacking);
      // A pipe of the kernel's, as a shell or a container's runtime makes them; Node's own are sockets.
      const pipe = join(arena.folder, 'pipe');
      await arena.spawn(['mkfifo', pipe]).end();
      const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
      const run = arena.run({ ...unread(arena), through: ['sh', '-c', 'exec "$@" 2>"$0"', pipe] });
      const puppet = await fillLog(arena);
      expect(puppet.got).toEqual([]);
      puppet.exit(6);
      expect(await run.end()).toMatchObject({ status: 6 });
      expect(arena.isFree()).toBe(true);
      closeSync(reader);
    });
  });

  describe('the command', () => {
    test('is what stands at the gate, in a session of its own, in the same folder', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      const { pid } = await run.event('command-started');
      expect(puppet).toMatchObject({ pid, group: pid, session: pid });
      puppet.exit(0);
      await run.end();
    });

    test('does not run before the lock is held', async ({ arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      const trace = join(arena.folder, 'trace');
      const evil = join(arena.folder, 'evil');
      writeFileSync(evil, `touch ${trace}\n`);
      const env = {
        BASH_ENV: evil,
        ENV: evil,
        'BASH_FUNC_read%%': `() { touch ${trace}; }`,
        'BASH_FUNC_exec%%': `() { touch ${trace}; }`,
      };
      const standby = arena.run({ command: ['touch', trace], timing: longTiming, env });
      await standby.event('standing-by');
      // The gate is open to whatever its shell obeys by the time it waits.
      const gate = await arena.gateOf(standby);
      await arena.until('the gate to wait', () => stateOf(gate) === 'S');
      expect(existsSync(trace)).toBe(false);
      puppet.exit(0);
      expect(await standby.end()).toMatchObject({ status: 0 });
      expect(existsSync(trace)).toBe(true);
      await run.end();
    });

    // A value of lines under a name that no shell can bear is for Node alone.
    const gates = [
      { gate: 'a shell', env: {} },
      { gate: 'Node', env: { 'a.b': 'one\ntwo' } },
    ];

    test.for(gates)('never runs once leader-run is gone, though $gate stands at its gate', async ({ gate, env }, { arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming });
      const trace = join(arena.folder, 'trace');
      const standby = arena.run({ command: ['touch', trace], timing: longTiming, env });
      await standby.event('standing-by');
      const pid = await arena.gateOf(standby);
      expect(textOf(`/proc/${pid}/cmdline`).includes('gate-node')).toBe(gate === 'Node');
      standby.signal('SIGKILL');
      await standby.isAbandoned();
      expect(existsSync(trace)).toBe(false);
      puppet.exit(0);
      await run.end();
    });

    test.for(gates)('drains, and tells how it ended, though $gate stood at its gate', async ({ env }, { arena, expect }) => {
      const { run, puppet } = await arena.lead({ timing: longTiming, env });
      run.signal('SIGTERM');
      await puppet.hears('SIGTERM');
      run.signal('SIGUSR1');
      await puppet.hears('SIGUSR1');
      puppet.exit(7);
      expect(await run.end()).toMatchObject({ status: 7 });
      expect(run.events.filter(({ event, why }) => event === 'signalled' && why === 'left-over')).toEqual([]);
    });

    test('may be a script without #!, or reached by a link', async ({ arena, expect }) => {
      const script = join(arena.folder, 'script');
      writeFileSync(script, 'echo plain\n');
      chmodSync(script, 0o755);
      symlinkSync(script, join(arena.folder, 'link'));
      for (const lock of ['script', 'link']) {
        const run = arena.run({ command: [join(arena.folder, lock)], lock });
        expect(await run.end()).toMatchObject({ status: 0 });
        expect(run.stdout).toBe('plain\n');
      }
    });

    test('starts anew when what stood at the gate was killed', async ({ arena, expect }) => {
      const { run: leader, puppet } = await arena.lead({ timing: longTiming });
      const standby = arena.run({ command: ['echo', 'done'], timing: longTiming });
      await standby.event('standing-by');
      const gate = await arena.gateOf(standby);
      process.kill(gate, 'SIGKILL');
      puppet.exit(0);
      expect(await standby.end()).toMatchObject({ status: 0 });
      expect(standby.stdout).toBe('done\n');
      await leader.end();
    });
  });
});

/** A command of which one process writes more to stderr than anybody holds, and another is a puppet without stderr. */
function unread(arena: Arena): RunOptions {
  const command = ['sh', '-c', 'head -c 1000000 /dev/zero >&2 & exec "$@" 2>/dev/null', 'sh', ...arena.puppet()];
  return { command, timing: ['--lease-duration=4s', '--renew-deadline=2s', '--retry-period=20ms'] };
}

async function fillLog(arena: Arena): Promise<Puppet> {
  const puppet = await arena.next();
  const start = arena.renewedAt();
  // Each of these renewals wrote a line, or tried to.
  await arena.until('renewals', () => arena.renewedAt() > start + short.renewMs);
  await puppet.ask('descriptors');
  return puppet;
}
