// The command line as a user meets it: what is refused, with which status and which words, before anything is locked;
// what is printed where; and what is found in the environment. test/cli has each option; here it is the whole program.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming, type Run } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';

const { version } = JSON.parse(readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8')) as {
  version: string;
};

/** leader-run with these words alone. */
function say(arena: Arena, words: readonly string[], env: Record<string, string | undefined> = {}): Run {
  return arena.spawn([process.execPath, join(arena.bundle, 'bin/leader-run.js'), ...words], { env });
}

describe.concurrent('the command line', () => {
  test('is explained on stdout by --help, on a first screen that tells what happens to the command', async ({
    arena,
    expect,
  }) => {
    const run = say(arena, ['--help']);
    expect(await run.end()).toMatchObject({ status: 0 });
    await run.isAbandoned();
    expect(run.stderr).toBe('');
    for (const words of ['No shell', 'Background processes die', 'When leadership is lost', '--lock'])
      expect(run.stdout).toContain(words);
  });

  test.for([
    { name: 'a pipe that nobody reads', to: '| true; exit "${PIPESTATUS[0]}"', status: 0, says: '' },
    { name: 'a full disk', to: '> /dev/full', status: 125, says: 'leader-run: cannot write to stdout: ENOSPC' },
  ])('is explained into $name without a stack trace', async ({ to, status, says }, { arena, expect, skip }) => {
    const lacking = missing('bash');
    if (lacking !== undefined) return skip(lacking);
    const run = arena.spawn(['bash', '-c', `"$0" "$1" --help ${to}`, process.execPath, join(arena.bundle, 'bin/leader-run.js')]);
    expect(await run.end()).toMatchObject({ status });
    await run.isAbandoned();
    expect(run.stderr.split(',')[0]?.split(': no space')[0]).toBe(says);
  });

  test('has a --version', async ({ arena, expect }) => {
    const run = say(arena, ['--version']);
    await Promise.all([run.end(), run.isAbandoned()]);
    expect(run.stdout).toBe(`leader-run ${version}\n`);
  });

  test('has verbs for help and the version', async ({ arena, expect }) => {
    const [help, asked, verb] = [say(arena, ['help']), say(arena, ['--help']), say(arena, ['version'])];
    for (const run of [help, asked, verb]) {
      expect(await run.end()).toMatchObject({ status: 0 });
      await run.isAbandoned();
    }
    expect(help.stdout).toBe(asked.stdout);
    expect(verb.stdout).toBe(`leader-run ${version}\n`);
  });

  test('runs no program by the name of a verb as the first word, but behind -- and behind options', async ({
    arena,
    expect,
  }) => {
    const [folder, trace] = [join(arena.folder, 'bin'), join(arena.folder, 'trace')];
    mkdirSync(folder);
    writeFileSync(join(folder, 'manifest'), `#!/bin/sh\necho "$@" >> ${trace}\n`, { mode: 0o755 });
    const env = {
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      LEADER_RUN_LOCK: 'default/demo',
      LEADER_RUN_LOCAL: arena.store,
      LEADER_RUN_LEASE_DURATION: '60s',
    };
    const verb = say(arena, ['manifest', 'x'], env);
    expect(await verb.end()).toMatchObject({ status: 125 });
    await verb.isAbandoned();
    expect(verb.stderr).toMatch(/^leader-run: no lock: .*\nleader-run: no image: /);
    expect(existsSync(trace)).toBe(false);
    expect(existsSync(arena.store) ? arena.versions() : []).toEqual([]);

    expect(await say(arena, ['--', 'manifest', 'behind --'], env).end()).toMatchObject({ status: 0 });
    expect(await say(arena, ['--log-level=warn', 'manifest', 'behind options'], env).end()).toMatchObject({ status: 0 });
    expect(readFileSync(trace, 'utf8')).toBe('behind --\nbehind options\n');
  });

  test.for([
    { name: 'nothing at all', words: [], fault: 'no command' },
    { name: 'no lock', words: ['--local', '--', 'true'], fault: 'no lock' },
    { name: 'no command', words: ['--local', '--lock', 'x'], fault: 'no command' },
    { name: 'an unknown option', words: ['--local', '--lock', 'x', '--lcok', '--', 'true'], fault: '--lcok' },
    {
      name: 'unsafe times',
      words: ['--local', '--lock', 'x', '--lease-duration=5s', '--renew-deadline=4s', '--', 'true'],
      fault: 'use a lease duration of at least',
    },
    {
      name: 'part of a second',
      words: ['--local', '--lock', 'x', '--lease-duration=4500ms', '--', 'true'],
      fault: 'whole seconds',
    },
    { name: 'an empty command', words: ['--local', '--lock', 'x', '--', ''], fault: 'the command is empty' },
  ])('is refused with 125: $name', async ({ words, fault }, { arena, expect }) => {
    const run = say(arena, words);
    expect(await run.end()).toMatchObject({ status: 125, signal: null });
    await run.isAbandoned();
    expect(run.stderr).toContain(fault);
    expect(run.stderr).toMatch(/^(leader-run: .*\n)+$/);
    expect(run.stdout).toBe('');
  });

  test('tells all faults at once', async ({ arena, expect }) => {
    const run = say(arena, ['--lease-duration=x', '--wait=y', '--guardian=z']);
    expect(await run.end()).toMatchObject({ status: 125 });
    await run.isAbandoned();
    for (const fault of ['--lease-duration', '--wait', '--guardian', 'no lock', 'no command'])
      expect(run.stderr).toContain(fault);
  });

  test('never falls back to a cluster at localhost: without any configuration it names --local and --kubeconfig', async ({
    arena,
    expect,
  }) => {
    const nobody = {
      HOME: arena.folder,
      KUBECONFIG: undefined,
      KUBERNETES_SERVICE_HOST: undefined,
      KUBERNETES_SERVICE_PORT: undefined,
    };
    const run = say(arena, ['--lock', 'default/x', '--', 'true'], nobody);
    expect(await run.end()).toMatchObject({ status: 125 });
    await run.isAbandoned();
    expect(run.stderr).toContain('--local');
    expect(run.stderr).toContain('--kubeconfig');
    expect(run.stderr).not.toContain('8080');
  });

  test('is also read from the environment, where a flag wins', async ({ arena, expect }) => {
    const env = {
      LEADER_RUN_LOCAL: arena.store,
      LEADER_RUN_LOCK: 'demo',
      LEADER_RUN_LEASE_DURATION: '60s',
      LEADER_RUN_LOG_FORMAT: 'pretty',
    };
    const run = say(arena, ['--log-format=json', '--', 'true'], env);
    expect(await run.end()).toMatchObject({ status: 0 });
    expect(arena.versions()[0]?.record.leaseDurationSeconds).toBe(60);
    expect(run.events.length).toBeGreaterThan(0);
  });

  test('refuses an empty variable, and does not mind those of a Service that is called leader-run', async ({
    arena,
    expect,
  }) => {
    const words = [`--local=${arena.store}`, '--lock=demo', '--', 'true'];
    const empty = say(arena, words, { LEADER_RUN_WAIT: '' });
    expect(await empty.end()).toMatchObject({ status: 125 });
    await empty.isAbandoned();
    expect(empty.stderr).toContain('LEADER_RUN_WAIT is empty');
    const service = {
      LEADER_RUN_PORT: 'tcp://10.0.0.1:80',
      LEADER_RUN_SERVICE_HOST: '10.0.0.1',
      LEADER_RUN_PORT_80_TCP_PROTO: 'tcp',
    };
    expect(await say(arena, words, service).end()).toMatchObject({ status: 0 });
  });

  test('refuses a folder that others may write to, and makes its own for itself alone', async ({ arena, expect }) => {
    const shared = join(arena.folder, 'shared');
    mkdirSync(shared);
    // mkdir's mode is cut by the umask.
    const open = arena.spawn(['chmod', '777', shared]);
    await open.end();
    const run = arena.run({ store: shared });
    expect(await run.end()).toMatchObject({ status: 125 });
    expect(run.stderr).toContain('can be written by other users');

    const fresh = join(arena.folder, 'fresh');
    expect(await arena.run({ store: fresh, command: ['true'] }).end()).toMatchObject({ status: 0 });
    expect(statSync(fresh).mode & 0o777).toBe(0o700);
  });

  test.for([
    { name: 'a file', store: '/etc/passwd', why: '/etc/passwd is not a folder' },
    { name: 'a folder of the kernel', store: '/proc/x', why: '/proc lets no folder be made in it' },
  ])('refuses a folder that cannot be made, in one sentence: $name', async ({ store, why }, { arena, expect }) => {
    const run = arena.run({ store, command: ['true'] });
    expect(await run.end()).toMatchObject({ status: 125 });
    await run.isAbandoned();
    const reason = `the folder ${store} cannot be used: ${why}; choose another folder with --local=DIR`;
    expect(run.events).toMatchObject([{ event: 'exit', status: 125, reason }]);
    expect(run.stdout).toBe('');
  });

  test('lets twenty at once make the folder that none of them finds', async ({ arena, expect }) => {
    const store = join(arena.folder, 'a', 'b', 'c');
    const run = (at: number): Run => arena.run({ store, lock: `lock-${at}`, command: ['true'], timing: longTiming });
    const runs = Array.from({ length: 20 }, (_, at) => run(at));
    const ends = await Promise.all(runs.map((each) => each.end()));
    expect(ends.map(({ status }) => status)).toEqual(Array<number>(20).fill(0));
    expect(statSync(store).mode & 0o777).toBe(0o700);
  });

  test('is followed by a first line with lock, place, identity and guardian, and a last one with the reason', async ({
    arena,
    expect,
  }) => {
    const run = arena.run({ command: ['true'], timing: longTiming, flags: ['--identity=alice'] });
    await Promise.all([run.end(), run.isAbandoned()]);
    expect(run.events[0]).toMatchObject({
      event: 'started',
      lock: 'local lock default/demo',
      where: arena.store,
      identity: 'alice',
    });
    expect(run.events.at(-1)).toMatchObject({
      event: 'exit',
      status: 0,
      reason: 'the command ended; the status is its own',
    });
    expect(run.events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['elected', 'command-started', 'command-ended', 'released']),
    );
  });
});
