// Who belongs to a command, by the look of /proc: real processes with one mark each, and strangers with none.

import { describe } from 'vitest';
import { newCookie } from '../../src/child/environment.ts';
import { signalEach } from '../../src/child/hands.ts';
import { CommandTree, countForks, countOrphanedZombies } from '../../src/child/sweep.ts';
import { isThere, sendSignal } from '../../src/common/kill.ts';
import { type Arena, test } from '../helpers/arena.ts';
import { missing } from '../helpers/machine.ts';
import { descendantsOf, fieldsOf, stateOf, textOf } from '../helpers/procfs.ts';

const lacking = missing('setsid');

/** A group of its own with the cookie, and a process in it. */
async function group(arena: Arena, cookie: string, script: string): Promise<{ tree: CommandTree; pid: number }> {
  const forks = countForks();
  const run = arena.spawn(['setsid', 'sh', '-c', `${script}\nexec sleep 1000`], { env: { [cookie]: '1' } });
  await arena.until('a group of its own', () => fieldsOf(run.pid)[2] === String(run.pid));
  return { tree: new CommandTree({ pgid: run.pid, cookie: `${cookie}=`, forks }), pid: run.pid };
}

function look(tree: CommandTree, spare: readonly number[] = []): number[] {
  return tree.look(spare).map(({ pid }) => pid);
}

function unusedFrom(pid: number): number {
  return textOf(`/proc/${pid}/stat`) === '' ? pid : unusedFrom(pid + 1);
}

/** Boot time in the unit of /proc/N/stat. */
function uptimeTicks(): number {
  return Math.floor(Number(textOf('/proc/uptime').split(' ')[0]) * 100);
}

describe.concurrent('the sweep', () => {
  test('finds group, session, cookie carriers and their children, and no stranger', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const stranger = arena.spawn(['sleep', '1000']);
    // A member, one that left group and session, one that also left its parent, and a child that shed all but its
    // parent.
    const script = 'sleep 1000 & setsid sleep 1000 & (setsid sleep 1000 &); env -i setsid sleep 1000 &';
    const { tree, pid } = await group(arena, newCookie(), script);
    await arena.until('five members', () => look(tree).length >= 5);
    const found = look(tree);
    expect(found).toContain(pid);
    expect(found).not.toContain(stranger.pid);
    expect(found).not.toContain(process.pid);
    for (const each of descendantsOf(pid)) expect(found).toContain(each);
    // Also when the births cannot be told and every process is looked at.
    const blind = new CommandTree({ pgid: pid, cookie: 'no cookie', forks: 0 });
    expect(look(blind)).toEqual(expect.arrayContaining(descendantsOf(pid)));
    expect(look(tree, [pid])).not.toContain(pid);
    signalEach(found, 'SIGKILL');
    await arena.until('the end of all', () => look(tree).length === 0);
  });

  test('looks at all processes once pids may have gone all the way round', ({ arena, expect }) => {
    const cookie = newCookie();
    const carrier = arena.spawn(['sleep', '1000'], { env: { [cookie]: '1' } });
    const pidMax = Number(textOf('/proc/sys/kernel/pid_max'));
    // A smaller pid than the command's: no suspect, unless the numbers may have begun anew. The number must be no
    // process's, since nobody older than that would be asked.
    const seen = (pgid: number, forks: number): number[] =>
      look(new CommandTree({ pgid, cookie: `${cookie}=`, forks })).filter((pid) => pid === carrier.pid);
    const far = unusedFrom(carrier.pid + 500);
    // As if nothing could have been forked since, however near the carrier's own pid is to the last one.
    expect(seen(far, countForks() + pidMax)).toEqual([]);
    expect(seen(far, countForks() - pidMax / 8)).toEqual([carrier.pid]);
    expect(seen(far, 0)).toEqual([carrier.pid]);
    // Ten forks are much where the command's own pid is one of the last.
    expect(seen(unusedFrom(pidMax - 80), countForks() - 10)).toEqual([carrier.pid]);
  });

  test('asks nobody who is older than the command, whatever it carries', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const cookie = newCookie();
    const older = arena.spawn(['sleep', '1000'], { env: { [cookie]: '1' } });
    const born = (pid: number): number => Number(fieldsOf(pid)[19]);
    await arena.until('another tick of the clock', () => born(older.pid) < uptimeTicks());
    const { tree, pid } = await group(arena, cookie, ':');
    expect(born(pid)).toBeGreaterThan(born(older.pid));
    expect(look(tree)).toEqual([pid]);
  });

  test('keeps sight of whom it has seen, and of their session, when the parent is gone', async ({
    arena,
    expect,
    skip,
  }) => {
    if (lacking !== undefined) return skip(lacking);
    // The parent sheds all marks, and so does its child, which a new one will follow in the same session.
    const script = 'env -i setsid sh -c "sleep 1000 & trap \'sleep 2000 & exit\' TERM; wait" & wait';
    const { tree, pid } = await group(arena, newCookie(), script);
    await arena.until('three members', () => look(tree).length === 3);
    const [parent = 0] = descendantsOf(pid).filter((each) => fieldsOf(each)[3] !== String(pid));
    sendSignal(-pid, 'SIGKILL');
    signalEach([parent], 'SIGTERM');
    await arena.until('the end of both parents', () => stateOf(parent) === '' && stateOf(pid) !== 'S');
    const left = look(tree);
    expect(left.map((each) => textOf(`/proc/${each}/cmdline`).replaceAll('\0', ' ').trim()).sort()).toEqual([
      'sleep 1000',
      'sleep 2000',
    ]);
    signalEach(left, 'SIGKILL');
    await arena.until('the end of all', () => look(tree).length === 0);
  });

  test('counts no zombie as alive', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    // The shell becomes sleep, which reaps nobody.
    const { tree, pid } = await group(arena, newCookie(), 'sleep 0.01 &');
    await arena.until('a zombie', () => descendantsOf(pid).some((each) => stateOf(each) === 'Z'));
    expect(look(tree)).toEqual([pid]);
    expect(isThere(-pid)).toBe(true);
    sendSignal(-pid, 'SIGKILL');
    await arena.until('the end of the group', () => look(tree).length === 0);
  });

  test('minds neither a group that is gone nor one that never was', async ({ arena, expect }) => {
    const run = arena.spawn(['setsid', 'true']);
    await run.end();
    await arena.until('the end of the group', () => !isThere(-run.pid));
    sendSignal(-run.pid, 'SIGKILL');
    signalEach([run.pid], 'SIGKILL');
    expect(look(new CommandTree({ pgid: run.pid, cookie: `${newCookie()}=`, forks: countForks() }))).toEqual([]);
    expect(countOrphanedZombies()).toBeGreaterThanOrEqual(0);
  });
});
