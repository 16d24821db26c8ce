// Who belongs to a command, by the look of /proc: real processes with one mark each, and strangers with none.

import { describe } from 'vitest';
import { newCookie } from '../../src/child/environment.ts';
import {
  countOrphanedZombies,
  findTree,
  groupIsGone,
  markBirths,
  signalEach,
  signalGroup,
  type Tree,
} from '../../src/child/sweep.ts';
import { type Arena, descendantsOf, fieldsOf, missing, stateOf, test, textOf } from '../helpers/run-cli.ts';

const lacking = missing('setsid');

/** A group of its own with the cookie, and a process in it. */
async function group(arena: Arena, cookie: string, script: string): Promise<{ tree: Tree; pid: number }> {
  const before = markBirths();
  const run = arena.spawn(['setsid', 'sh', '-c', `${script}\nexec sleep 1000`], { env: { [cookie]: '1' } });
  await arena.until(() => fieldsOf(run.pid)[2] === String(run.pid), 'a group of its own');
  return { tree: { pgid: run.pid, cookie: `${cookie}=`, before, spare: [] }, pid: run.pid };
}

describe.concurrent('the sweep', () => {
  test('finds group, session, cookie carriers and their children, and no stranger', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const stranger = arena.spawn(['sleep', '1000']);
    // A member, one that left group and session, one that also left its parent, and a child that shed all but its
    // parent.
    const script = 'sleep 1000 & setsid sleep 1000 & (setsid sleep 1000 &); env -i setsid sleep 1000 &';
    const { tree, pid } = await group(arena, newCookie(), script);
    await arena.until(() => findTree(tree).length >= 5, 'five members');
    const found = findTree(tree);
    expect(found).toContain(pid);
    expect(found).not.toContain(stranger.pid);
    expect(found).not.toContain(process.pid);
    for (const each of descendantsOf(pid)) expect(found).toContain(each);
    // The same, when the births cannot be told and every process is looked at.
    expect(findTree({ ...tree, before: { forks: 0, newestPid: 0 } }).sort()).toEqual(found.sort());
    expect(findTree({ ...tree, spare: [pid] })).not.toContain(pid);
    signalEach(found, 'SIGKILL');
    await arena.until(() => findTree(tree).length === 0, 'the end of all');
  });

  test('looks at all processes once pids may have gone all the way round', ({ arena, expect }) => {
    const cookie = newCookie();
    const carrier = arena.spawn(['sleep', '1000'], { env: { [cookie]: '1' } });
    const { forks } = markBirths();
    const pidMax = Number(textOf('/proc/sys/kernel/pid_max'));
    const tree = { pgid: pidMax + 1, cookie: `${cookie}=`, spare: [] };
    // As if the carrier were older than the command: so it is no suspect.
    const fresh = findTree({ ...tree, before: { forks, newestPid: carrier.pid } });
    const lap = findTree({ ...tree, before: { forks: forks - 0.6 * pidMax, newestPid: carrier.pid } });
    expect([fresh, lap]).toEqual([[], [carrier.pid]]);
  });

  test('counts no zombie as alive', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    // The shell becomes sleep, which reaps nobody.
    const { tree, pid } = await group(arena, newCookie(), 'sleep 0.01 &');
    await arena.until(() => descendantsOf(pid).some((each) => stateOf(each) === 'Z'), 'a zombie');
    expect(findTree(tree)).toEqual([pid]);
    expect(groupIsGone(pid)).toBe(false);
    signalGroup(pid, 'SIGKILL');
    await arena.until(() => findTree(tree).length === 0, 'the end of the group');
  });

  test('minds neither a group that is gone nor one that never was', async ({ arena, expect }) => {
    const run = arena.spawn(['setsid', 'true']);
    await run.end();
    await arena.until(() => groupIsGone(run.pid), 'the end of the group');
    signalGroup(run.pid, 'SIGKILL');
    signalEach([run.pid], 'SIGKILL');
    expect(findTree({ pgid: run.pid, cookie: `${newCookie()}=`, before: markBirths(), spare: [] })).toEqual([]);
    expect(countOrphanedZombies()).toBeGreaterThanOrEqual(0);
  });
});
