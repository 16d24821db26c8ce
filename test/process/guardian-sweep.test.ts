// Whom a guardian of each kind kills, and when, on a machine that the test makes up: processes with odd names, in odd
// orders, that have children while they are killed or do not die, and clocks that stand still or cannot be read. The
// guardian is the real one; the processes are files.

import { afterEach, describe } from 'vitest';
import { test } from '../helpers/arena.ts';
import type { Run } from '../helpers/leader-run.ts';
import { firstPid as group, type GuardianKind, lacks, type MadeUp, MadeUpMachine } from '../helpers/made-up-proc.ts';

const kinds: readonly GuardianKind[] = ['bash', 'busybox', 'node'];
const open: MadeUpMachine[] = [];
afterEach(() => {
  for (const machine of open.splice(0)) machine.close();
});

type Prepare = (machine: MadeUpMachine) => void;

describe.for(kinds)('the guardian in %s', (kind) => {
  const its = test.extend<{ begin: (prepare?: Prepare) => Promise<{ machine: MadeUpMachine; guardian: Run }> }>({
    begin: async ({ arena }, use) => {
      await use(async (prepare = () => undefined) => {
        const machine = new MadeUpMachine(arena);
        open.push(machine);
        machine.put({ pid: group });
        prepare(machine);
        const guardian = await machine.guardian(kind);
        guardian.process.stdin?.write(`T ${group}\n`);
        return { machine, guardian };
      });
    },
  });

  /** Lets its deadline pass; tells who is left, and what it says. */
  async function due({ machine, guardian }: { machine: MadeUpMachine; guardian: Run }): Promise<string> {
    guardian.process.stdin?.write(`D 1 ${machine.centiseconds}\n`);
    await guardian.end();
    return guardian.stderr;
  }

  its.for(['sh', 'a) b', ') S 1 1 1', '))', '(x) (y)', 'two\nlines) S', ''])('finds a process named %j by its parent', async (name, { begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const kid = { pid: group + 1, name, parent: group };
    const { machine, guardian } = await begin((made) => {
      made.put(kid);
    });
    expect(await due({ machine, guardian })).toContain('; the command was killed');
    expect(machine.signals).toContain(`KILL ${kid.pid}`);
  });

  its('finds descendants to the last one, in whatever order they are listed', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    // Numbers that have come all the way round: each child before its parent, whose end leaves it to process 1.
    const kids = Array.from({ length: 6 }, (_, index) => group + 50 - index);
    const { machine, guardian } = await begin((made) => {
      for (const [index, pid] of kids.entries()) {
        const heirs = kids.slice(index + 1, index + 2).map((next) => ({ pid: next, parent: 1 }));
        made.put({ pid, parent: kids[index - 1] ?? group, heirs });
      }
    });
    expect(await due({ machine, guardian })).toContain('; the command was killed');
    expect(kids.filter((pid) => machine.isAlive(pid))).toEqual([]);
  });

  its('finds whom only a parent tells before that parent is killed', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const kid = { pid: group + 1, parent: group };
    const { machine, guardian } = await begin((made) => {
      made.put({ pid: group, heirs: [{ ...kid, parent: 1 }] });
      made.put(kid);
    });
    await due({ machine, guardian });
    expect(machine.isAlive(kid.pid)).toBe(false);
  });

  its('finds whom only a parent tells before it asks an orphaned command to end', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const kid = { pid: group + 1, parent: group };
    const { machine, guardian } = await begin((made) => {
      made.put({ pid: group, obeys: true, heirs: [{ ...kid, parent: 1 }] });
      made.put(kid);
    });
    guardian.process.stdin?.end();
    expect(await guardian.end()).toMatchObject({ status: 9 });
    expect(machine.isAlive(group)).toBe(false);
    expect(machine.signals).toContain(`KILL ${kid.pid}`);
  });

  its('sweeps for as long as a process has children while it is killed', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const bornAt = (pid: number): MadeUp => {
      return { pid, carries: true, heirs: pid < group + 6 ? [bornAt(pid + 1)] : [] };
    };
    const { machine, guardian } = await begin((made) => {
      made.put(bornAt(group + 1));
    });
    expect(await due({ machine, guardian })).toContain('; the command was killed');
    expect(machine.signals.slice(-6)).toEqual([1, 2, 3, 4, 5, 6].map((each) => `KILL ${group + each}`));
  });

  its('says whom it cannot kill, after it has tried for a while', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const { machine, guardian } = await begin((made) => {
      made.put({ pid: group + 1, parent: group, immortal: true });
    });
    expect(await due({ machine, guardian })).toContain(`cannot be killed: ${group + 1}`);
    expect(machine.signals.filter((each) => each === `KILL ${group + 1}`).length).toBeGreaterThan(10);
  });

  its('does not say that the command was killed where it cannot look', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const { machine, guardian } = await begin((made) => {
      made.put({ pid: group + 1 });
    });
    guardian.process.stdin?.write(`D 1 ${machine.centiseconds + 100_000}\n`);
    await guardian.says('A 1\n');
    machine.blind(guardian);
    expect(await due({ machine, guardian })).toContain(`cannot be killed: ${group}`);
  });

  its('kills nobody who only looks alike', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const { machine, guardian } = await begin((made) => {
      made.put({ pid: group + 1 });
      made.put({ pid: group + 2, name: `x) S ${group} ${group} ${group}` });
      made.put({ pid: group + 3, parent: group + 1 });
      // Older than the command, as what has started leader-run is, and its cookie is inherited from there.
      made.put({ pid: group + 4, carries: true, start: 999 });
    });
    expect(await due({ machine, guardian })).toContain('; the command was killed');
    expect(machine.signals.filter((each) => ![`KILL -${group}`, `KILL ${group}`].includes(each))).toEqual([]);
  });

  its('takes a clock that it cannot read for one that is past', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const { machine, guardian } = await begin();
    guardian.process.stdin?.write(`D 1 ${machine.centiseconds + 100_000}\n`);
    await guardian.says('A 1\n');
    machine.breakClock();
    expect(await guardian.end()).toMatchObject({ status: 9 });
    expect(machine.isAlive(group)).toBe(false);
  });

  its('obeys no line that it reads after its deadline', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const { machine, guardian } = await begin();
    const now = machine.centiseconds;
    guardian.process.stdin?.write(`D 1 ${now + 6000}\n`);
    await guardian.says('A 1\n');
    machine.freezeAt(now / 100 + 60);
    guardian.process.stdin?.write(`D 2 ${now + 100_000}\n`);
    expect(await guardian.end()).toMatchObject({ status: 9 });
    expect(guardian.stdout).not.toContain('A 2');
  });

  its('touches nobody any more once it has let go of the command', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const { machine, guardian } = await begin();
    guardian.process.stdin?.end(`D 1 ${machine.centiseconds + 20}\nX 2\n`);
    expect(await guardian.end()).toMatchObject({ status: 0 });
    expect(guardian.stdout).toBe('R\nA 1\nA 2\n');
    expect(machine.signals).toEqual([]);
  });

  its('gives an orphan a moment to end by itself', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const { machine, guardian } = await begin();
    guardian.process.stdin?.end();
    expect(await guardian.end()).toMatchObject({ status: 9 });
    expect(machine.signals.slice(0, 3)).toEqual([`TERM -${group}`, `CONT -${group}`, `KILL -${group}`]);
    const [, toldAt = Infinity, killedAt = 0] = machine.times;
    expect(killedAt - toldAt).toBeGreaterThan(0.1);
  });

  its('gives an orphan the time to its deadline, where that is less than a moment', async ({ begin, expect, skip }) => {
    if (lacks(kind) !== undefined) return skip(lacks(kind));
    const { machine, guardian } = await begin((made) => {
      made.freezeAt(1000);
    });
    guardian.process.stdin?.end('D 1 100010\n');
    await guardian.says('A 1\n');
    const told = [`TERM -${group}`, `CONT -${group}`];
    // To Node 250 ms of its own are a moment, too.
    if (kind !== 'node') {
      await expect.poll(() => machine.signals).toEqual(told);
      machine.freezeAt(1000.1);
    }
    expect(await guardian.end()).toMatchObject({ status: 9 });
    expect(machine.signals.slice(0, 2)).toEqual(told);
    expect(machine.isAlive(group)).toBe(false);
  });
});
