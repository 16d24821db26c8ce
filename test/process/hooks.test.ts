// Hooks of the real program on a local lock: what each is told, and that one which hangs delays neither renewals nor a
// hand-over, nor the exit beyond its limit; and what becomes of a hook when leader-run dies.
// To check: each hook tells of itself in a file that it appends to; processes are looked for by the pids they wrote.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming } from '../helpers/leader-run.ts';
import { isAlive, startOf, textOf, wordsOf } from '../helpers/procfs.ts';

/** A hook that writes a line, in which the shell puts in variables, and then does the rest. */
function noting(arena: Arena, line: string, then = 'true'): string {
  return `echo "${line}" >> ${join(arena.folder, 'notes')}; ${then}`;
}

function notes(arena: Arena): string[] {
  const file = join(arena.folder, 'notes');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

/** All four, each of which notes its name and why it was called. */
function all(arena: Arena): string[] {
  return ['acquire', 'lose', 'success', 'failure'].map(
    (name) => `--on-${name}=${noting(arena, `${name} $LEADER_RUN_REASON \${LEADER_RUN_STATUS-none}`)}`,
  );
}

/** A hook that hangs with a child, and notes both pids. */
function hanging(arena: Arena): string {
  return noting(arena, '$$', `sleep 1000 & echo $! >> ${join(arena.folder, 'notes')}; wait`);
}

/** Both processes of a hanging hook, once they are there. */
async function hung(arena: Arena): Promise<{ isGone: () => Promise<boolean> }> {
  const pids = await arena.until('a hook that hangs', () => (notes(arena).length === 2 ? notes(arena).map(Number) : undefined));
  const starts = pids.map(startOf);
  const lives = (): boolean => pids.some((pid, i) => isAlive(pid) && startOf(pid) === starts[i]);
  if (!lives()) throw new Error('the hook is gone already');
  return { isGone: async () => await arena.until('the hook to be gone', () => !lives()) };
}

describe.concurrent('a hook', () => {
  test('is told of lock, candidate, token, key and reason, and gets nothing of what marks the command', async ({
    arena,
    expect,
  }) => {
    const told = join(arena.folder, 'told');
    const flags = [`--on-success=cat > ${told}.stdin; env -0 > ${told}`, '--once-per=v42', '--identity=alice'];
    const run = arena.run({ command: ['true'], flags, env: { LEADER_RUN_STATUS: 'old', MINE: 'a  b' } });
    expect(await run.end()).toMatchObject({ status: 0 });
    const { token } = await run.event('elected');
    const environment = readFileSync(told, 'utf8').split('\0');
    expect(environment.filter((each) => /^(LEADER_RUN_(?!TEST_)|MINE)/.test(each)).sort()).toEqual([
      'LEADER_RUN_IDENTITY=alice',
      'LEADER_RUN_KEY=v42',
      'LEADER_RUN_LOCK=default/demo',
      'LEADER_RUN_REASON=ok',
      'LEADER_RUN_STATUS=0',
      `LEADER_RUN_TOKEN=${String(token)}`,
      'MINE=a  b',
    ]);
    expect(readFileSync(`${told}.stdin`, 'utf8')).toBe('');
  });

  test('prints to where leader-run prints', async ({ arena, expect }) => {
    const run = arena.run({ command: ['true'], flags: ['--on-lose=echo out; echo err >&2'] });
    await run.end();
    expect(run.stdout).toBe('out\n');
    expect(run.stderr.split('\n')).toContain('err');
  });

  test('of each kind is called in the order of what happened', async ({ arena, expect }) => {
    await arena.run({ command: ['true'], flags: all(arena) }).end();
    await arena.run({ command: ['sh', '-c', 'exit 3'], flags: all(arena) }).end();
    expect(notes(arena)).toEqual([
      ...['acquire absent none', 'success ok 0', 'lose released none'],
      ...['acquire released none', 'failure failed 3', 'lose released none'],
    ]);
  });

  test('is told that leader-run was asked to stop, whatever the status', async ({ arena, expect }) => {
    const { run, puppet } = await arena.lead({ flags: all(arena) });
    run.signal('SIGTERM');
    await puppet.hears('SIGTERM');
    puppet.exit(0);
    await run.end();
    expect(notes(arena)).toEqual(['acquire absent none', 'failure stopped 0', 'lose released none']);
  });

  test('is told of a command that ran for too long', async ({ arena, expect }) => {
    const run = arena.run({ command: ['sleep', '1000'], flags: [...all(arena), '--max-runtime=300ms'] });
    expect(await run.end()).toMatchObject({ status: 121 });
    expect(notes(arena)).toEqual(['acquire absent none', 'failure max-runtime 143', 'lose released none']);
  });

  test('is told of a lost term, and of the next one', async ({ arena, expect }) => {
    const { puppet, run } = await arena.lead({ timing: longTiming, flags: all(arena) });
    await arena.until('the first hook', () => notes(arena).length === 1);
    await arena.steal();
    await puppet.isOver();
    (await arena.next()).exit(0);
    await run.end();
    expect(notes(arena)).toEqual([
      ...['acquire absent none', 'lose taken none', 'failure lost 137'],
      ...['acquire expired none', 'success ok 0', 'lose released none'],
    ]);
  });

  test('that fails is one warning, and changes no status', async ({ arena, expect }) => {
    const run = arena.run({ command: ['true'], flags: ['--on-acquire=exit 3', '--on-lose=no-such-program'] });
    expect(await run.end()).toMatchObject({ status: 0 });
    const warnings = run.all('note').filter(({ level }) => level === 'warn');
    expect(warnings.map(({ message }) => message)).toEqual([
      '--on-acquire ended with status 3; leading does not depend on it',
      '--on-lose ended with status 127; leading does not depend on it',
    ]);
  });

  test('that hangs delays no renewal and no hand-over', async ({ arena, expect }) => {
    const flags = [`--on-acquire=${hanging(arena)}`, '--hook-timeout=1h'];
    const { run: old, puppet } = await arena.lead({ flags });
    const hook = await hung(arena);
    const from = old.events.length;
    // For longer than the lease.
    for (let count = 0, at = from; count < 12; count += 1, at = old.events.length) await old.event('renewed', { from: at });
    expect(old.all('lost')).toEqual([]);
    const young = arena.run({ command: arena.puppet('bob') });
    await young.event('standing-by');
    puppet.exit(0);
    const bob = await arena.next('bob');
    const released = await old.event('released');
    expect((await young.event('elected')).at - released.at).toBeLessThan(1500);
    // The one still waits for its hook.
    expect(old.all('exit')).toEqual([]);
    expect(isAlive(old.pid)).toBe(true);
    bob.exit(0);
    await young.end();
    // The first request gives hooks their time, and two that come at one moment are one.
    await arena.until('a second request to be obeyed', () => {
      old.signal('SIGTERM');
      return old.all('exit').length > 0;
    });
    expect(await old.end()).toMatchObject({ status: 0 });
    await hook.isGone();
    expect(old.stderr).toContain('--on-acquire was killed: leader-run was asked to wait no longer');
  });

  test('that hangs is killed at its limit with what it has started, and leader-run exits', async ({ arena, expect }) => {
    const flags = [`--on-success=${hanging(arena)}`, '--hook-timeout=2s'];
    const run = arena.run({ command: ['true'], flags });
    const hook = await hung(arena);
    expect(await run.event('released')).toBeDefined();
    expect(run.all('exit')).toEqual([]);
    expect(await run.end()).toMatchObject({ status: 0 });
    await hook.isGone();
    expect(run.stderr).toContain('--on-success was killed after 2 s (--hook-timeout); leading does not depend on it');
  });

  test('is not waited for by what it leaves running, which is killed', async ({ arena, expect }) => {
    const file = join(arena.folder, 'left');
    const run = arena.run({ command: ['true'], flags: [`--on-acquire=sleep 1000 & echo $! > ${file}`, '--hook-timeout=1h'] });
    expect(await run.end()).toMatchObject({ status: 0 });
    const left = Number(readFileSync(file, 'utf8'));
    await arena.until('what the hook left to be gone', () => !isAlive(left) || wordsOf(left)[0] !== 'sleep');
  });

  test('is killed when leader-run is, while the command runs', async ({ arena }) => {
    const { run } = await arena.lead({ flags: [`--on-acquire=${hanging(arena)}`, '--hook-timeout=1h'] });
    const hook = await hung(arena);
    run.signal('SIGKILL');
    await hook.isGone();
  });

  test('is killed when leader-run is, after the command', async ({ arena }) => {
    const run = arena.run({ command: ['true'], flags: [`--on-lose=${hanging(arena)}`, '--hook-timeout=1h'] });
    const hook = await hung(arena);
    run.signal('SIGKILL');
    await hook.isGone();
  });

  test('outlives the command of a lost term, and the next term does not wait for it', async ({ arena, expect }) => {
    const flags = [`--on-acquire=${hanging(arena)}`, '--hook-timeout=1h'];
    const { puppet, run } = await arena.lead({ timing: longTiming, flags });
    const hook = await hung(arena);
    const [pid] = notes(arena).map(Number);
    await arena.steal();
    await puppet.isOver();
    const next = await arena.next();
    expect(textOf(`/proc/${String(pid)}/environ`)).not.toContain('LEADER_RUN_COOKIE_');
    expect(isAlive(pid ?? 0)).toBe(true);
    next.exit(0);
    await run.event('released');
    run.signal('SIGKILL');
    await hook.isGone();
  });

  test('cannot be blank, or a slip of --on-lost: one sentence, and 125', async ({ arena, expect }) => {
    const run = arena.run({ command: ['true'], flags: ['--on-lose=exit'] });
    expect(await run.end()).toMatchObject({ status: 125 });
    expect(run.stderr).toBe('leader-run: --on-lose exit: did you mean --on-lost exit?\n');
  });
});
