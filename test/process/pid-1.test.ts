// As process 1 of a pid namespace, as in a container without an init: nothing escapes, not even what shed all marks,
// neither before the lock is free nor before another term begins. And behind an init, where zombies are reaped.

import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming, type Run } from '../helpers/leader-run.ts';
import { missing, notRoot } from '../helpers/machine.ts';
import { childrenOf, descendantsOf, stateOf, textOf } from '../helpers/procfs.ts';

const lacking = missing('unshare', 'setsid') ?? notRoot();
const namespace = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const hurry = {
  NODE_OPTIONS: `--import=${fileURLToPath(new URL('../helpers/faults.mjs', import.meta.url))}`,
  LEADER_RUN_TEST_FAULT: 'hurry',
};

/** Process 1 of the namespace, by its number outside. */
function firstOf(run: Run): number {
  const [first] = childrenOf(run.pid);
  if (first === undefined) throw new Error('the namespace has no process 1');
  return first;
}

/** leader-run, whatever stands in front of it, by its number outside. */
async function leaderOf(arena: Arena, run: Run): Promise<number> {
  let found: number | undefined;
  await arena.until('leader-run', () => {
    found = descendantsOf(run.pid).find((pid) =>
      textOf(`/proc/${pid}/cmdline`).startsWith(`${process.execPath}\0${arena.bundle}`),
    );
    return found !== undefined;
  });
  return found ?? 0;
}

/** Four lines of sh that reap, pass SIGTERM on and keep the status. */
const shim = [
  'sh',
  '-c',
  'exec 3<&0; "$@" <&3 & pid=$!; trap "kill -TERM $pid" TERM; while :; do wait $pid; s=$?; kill -0 $pid 2>/dev/null || exit $s; done',
  'sh',
];

describe.concurrent('leader-run', () => {
  test('is refused where /proc shows another namespace, in which it would look for its command', async ({
    arena,
    expect,
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    const through = namespace.filter((word) => word !== '--mount-proc');
    const run = arena.run({ command: arena.puppet(), through });
    expect(await run.end()).toMatchObject({ status: 125 });
    await run.isAbandoned();
    expect(run.stderr).toMatch(/^leader-run: \/proc is another pid namespace's, .*: mount it anew in this one\n$/);
    expect(arena.versions()).toEqual([]);
  });

  describe('as process 1', () => {
    test('#19 leader-run kills what shed all its marks before the lock is free', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const { run, puppet } = await arena.lead({ timing: longTiming, flags: ['--hold-for=30s'], through: namespace });
      puppet.spawn('kid', 'nameless orphan');
      const kid = await arena.next('kid');
      puppet.exit(7);
      await kid.isOver();
      expect(arena.isFree()).toBe(false);
      await run.event('holding');
      process.kill(firstOf(run), 'SIGTERM');
      expect(await run.end()).toMatchObject({ status: 7 });
      expect(run.events.map(({ event }) => event)).toContain('pid-1');
      await run.isAbandoned();
    });

    test('#19 leader-run kills what shed all its marks before it joins again', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const { run, puppet } = await arena.lead({ timing: longTiming, through: namespace });
      puppet.spawn('kid', 'nameless orphan');
      const kid = await arena.next('kid');
      await arena.steal('demo', 'mallory', 1);
      const second = await arena.next();
      expect([puppet.isGone, kid.isGone]).toEqual([true, true]);
      // The guardian went with the others, and there is a new one.
      const guardian = await arena.guardianOf(firstOf(run));
      expect(stateOf(guardian)).not.toBe('Z');
      second.exit(0);
      expect(await run.end()).toMatchObject({ status: 0 });
    });

    test('#30 leaves nothing behind when it is killed from outside', async ({ arena, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const { run, puppet } = await arena.lead({ timing: longTiming, through: namespace });
      puppet.spawn('kid', 'nameless orphan');
      const kid = await arena.next('kid');
      process.kill(firstOf(run), 'SIGKILL');
      await Promise.all([puppet.isOver(), kid.isOver(), run.isAbandoned()]);
    });

    test('#30 warns once of many zombies that nobody reaps, and keeps the status', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const forks = 'for i in $(seq 25); do (setsid true &); done; exec "$@"';
      const command = ['sh', '-c', forks, 'sh', ...arena.puppet()];
      const run = arena.run({ command, timing: longTiming, through: namespace, env: hurry });
      const puppet = await arena.next();
      const warning = await run.event('pid-1', { fits: ({ zombies }) => Number(zombies) > 0 });
      expect(warning['message']).toContain('put an init such as tini in front');
      puppet.exit(7);
      expect(await run.end()).toMatchObject({ status: 7 });
      expect(run.events.filter(({ event, zombies }) => event === 'pid-1' && Number(zombies) > 0)).toHaveLength(1);
    });

    test('ends with 128 + n, since no signal can end process 1', async ({ arena, expect, skip }) => {
      if (lacking !== undefined) return skip(lacking);
      const run = arena.run({
        command: ['sh', '-c', 'echo ready; exec sleep 1000'],
        timing: longTiming,
        through: namespace,
      });
      await run.says('ready');
      process.kill(firstOf(run), 'SIGTERM');
      expect(await run.end()).toMatchObject({ status: 143, signal: null });
      expect(arena.isFree()).toBe(true);
    });

    test('is no reason to stop when a guardian has killed the command: leader-run leads again', async ({
      arena,
      expect,
      skip,
    }) => {
      if (lacking !== undefined) return skip(lacking);
      const { run, puppet } = await arena.lead({ through: namespace });
      process.kill(firstOf(run), 'SIGSTOP');
      await puppet.isOver();
      process.kill(firstOf(run), 'SIGCONT');
      const second = await arena.next();
      second.exit(0);
      expect(await run.end()).toMatchObject({ status: 0 });
    });
  });

  describe.for([
    { name: 'tini', needs: 'tini', init: ['tini', '--'] },
    { name: 'a shell', needs: 'sh', init: shim },
  ])('behind $name as process 1', ({ needs, init }) => {
    test('#31 a stop is passed on and the status back, and no zombie stays', async ({ arena, expect, skip }) => {
      const reason = lacking ?? missing(needs);
      if (reason !== undefined) return skip(reason);
      const { run, puppet } = await arena.lead({ timing: longTiming, through: [...namespace, ...init] });
      puppet.spawn('kid', 'orphan');
      const kid = await arena.next('kid');
      kid.exit(0);
      await kid.isOver();
      // The kid's parent is gone, so it is process 1 that reaps it.
      await arena.until('no zombies', () => descendantsOf(run.pid).every((pid) => stateOf(pid) !== 'Z'));
      process.kill(firstOf(run), 'SIGTERM');
      await puppet.hears('SIGTERM');
      puppet.exit(7);
      expect(await run.end()).toMatchObject({ status: 7 });
      expect(arena.isFree()).toBe(true);
    });

    test('#31 the command is gone soon after leader-run is killed', async ({ arena, skip }) => {
      const reason = lacking ?? missing(needs);
      if (reason !== undefined) return skip(reason);
      const { run, puppet } = await arena.lead({ timing: longTiming, through: [...namespace, ...init] });
      process.kill(await leaderOf(arena, run), 'SIGKILL');
      await Promise.all([puppet.isOver(), run.isAbandoned()]);
    });
  });
});
