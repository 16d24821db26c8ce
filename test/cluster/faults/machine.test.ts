// The rows of the fault matrix in which the machine fails the leader: no room on a disk, no descriptor, no process to
// be had, a sleep that only boot time tells; and what becomes of guardians and of commands that do not listen. Row 38
// for want of memory is not here: what the kernel does then is SIGKILL, which is row 1, and Node ends itself with an
// abort, which test/process/wrapper-killed.test.ts plays.
// To check: the disk is a tmpfs of 256 KiB in a mount namespace, processes are short in a cgroup (both need root),
// descriptors by prlimit; each is taken away from one leader-run while others have plenty.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { type Run, short } from '../../helpers/leader-run.ts';
import { missing, notRoot } from '../../helpers/machine.ts';
import { childrenOf, isAlive, textOf } from '../../helpers/procfs.ts';
import type { Stage } from '../../helpers/stage.ts';
import { until, untilDead } from '../../helpers/wait.ts';
import { startFaultProxy } from '../../helpers/fault-proxy.ts';
import type { ServersClient } from '../../helpers/servers-client.ts';
import { Uptime } from '../../helpers/uptime.ts';
import { playAll } from './suite.ts';
import { type ConditionalRow, expectKept, renewedAgain, startPair, takenOver } from './table.ts';

const closing: (() => void | Promise<void>)[] = [];
const timing = ['--lease-duration', '15s', '--retry-period', '400ms'];
const guardianText = /leader-run-guardian|guardian-node/;
const gateText = /leader-run-gate|gate-node/;
let client: ServersClient;

/** A disk of 256 KiB that only they see who are started through it. */
interface Disk {
  readonly folder: string;
  readonly through: readonly string[];
  fill(): void;
  empty(): void;
}

async function disk(): Promise<Disk> {
  // Not in the stage's folder, where nothing may outlive the stage.
  const point = await mkdtemp(path.join(tmpdir(), 'leader-run-disk-'));
  const script = 'mount -t tmpfs -o size=256k,mode=700 none "$0" && echo mounted && read -r _';
  // It lasts as long as somebody is in its namespace: this one until the test is over.
  const keeper = spawn('unshare', ['--mount', 'sh', '-c', script, point], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(keeper, 'exit');
  closing.push(async () => {
    keeper.stdin.end();
    await gone;
    await rmdir(point);
  });
  await once(keeper.stdout, 'data');
  const through = ['nsenter', `--mount=/proc/${keeper.pid ?? 0}/ns/mnt`];
  const [enter = '', ...words] = through;
  const filler = path.join(point, 'filler');
  return {
    folder: point,
    through,
    fill() {
      // Until no byte more goes in, which dd takes for an error.
      const { stderr } = spawnSync(enter, [...words, 'dd', 'if=/dev/zero', `of=${filler}`, 'bs=512'], { encoding: 'utf8' });
      expect(stderr).toContain('No space left on device');
    },
    empty() {
      execFileSync(enter, [...words, 'rm', filler]);
    },
  };
}

/** No more processes than it has, from `close` on. */
function crowd(stage: Stage) {
  const folder = path.join('/sys/fs/cgroup/pids', path.basename(stage.folder).toLowerCase());
  mkdirSync(folder);
  closing.push(() => {
    rmdirSync(folder);
  });
  const set = (text: string) => {
    writeFileSync(path.join(folder, 'pids.max'), text);
  };
  return {
    through: ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', folder],
    close: () => {
      set('1');
    },
    open: () => {
      set('max');
    },
  };
}

/** Why processes cannot be counted here, if they cannot. */
function noCrowd(): string | undefined {
  return existsSync('/sys/fs/cgroup/pids/cgroup.procs') ? notRoot() : 'no cgroup v1 for pids here';
}

/** No descriptor more than it has. */
function limitDescriptors({ pid }: Run): void {
  const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let lowest = 0;
  while (used.has(lowest)) lowest += 1;
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${lowest}:`]);
}

async function childOf({ pid, name }: Run, shows: RegExp, except?: number): Promise<number> {
  return await until(`a child of ${name} that shows ${String(shows)}`, () =>
    childrenOf(pid).find((each) => each !== except && shows.test(textOf(`/proc/${each}/cmdline`))),
  );
}

/** bob is elected, cannot start his command and gives the lock back, so that carol finds it free. */
async function spawnFails(stage: Stage, through: readonly string[], take: (bob: Run) => void) {
  const { alice, bob } = await startPair(stage, { bob: { through, timing } });
  // What stands at his gate could become the command without another process.
  const gate = await childOf(bob, gateText);
  take(bob);
  process.kill(gate, 'SIGKILL');
  await untilDead([gate]);
  alice.signal('SIGTERM');
  const { status, at } = await bob.end();
  expect(status).toBe(125);
  expect((await bob.event('exit')).message).toMatch(/cannot start sh: .*(EMFILE|EAGAIN)/);
  expect(bob.stderr).not.toMatch(/internal error|^\s+at /m);
  expect(bob.all('released')).toHaveLength(1);
  const carol = await stage.start('carol');
  const { startedAt } = await stage.stamps.started('carol');
  expect((await carol.event('taking'))['from']).toBe('released');
  expect((await stage.stamps.lives()).map(({ name }) => name)).toEqual(['alice', 'carol']);
  return { recoverMs: startedAt - at, note: '125 with the cause; the next one to come found the lock free' };
}

const rows: readonly ConditionalRow[] = [
  {
    row: '5', fault: 'guardian killed', expected: 'same command, another guardian that does its duty',
    play: async (stage) => {
      const pair = await startPair(stage, { alice: { ignoreTerm: true } });
      const guardian = await childOf(pair.alice, guardianText);
      const at = Date.now();
      process.kill(guardian, 'SIGKILL');
      const replaced = await pair.alice.event('guardian-replaced');
      await childOf(pair.alice, guardianText, guardian);
      await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      pair.alice.signal('SIGSTOP');
      await untilDead([pair.first.pid]);
      await takenOver(stage, at);
      return { recoverMs: replaced.at - at };
    },
  },
  {
    row: '7', fault: 'command ignores SIGTERM, --stop-grace 1s', expected: 'killed after the grace, then released',
    play: async (stage) => {
      const flags = ['--stop-grace', '1s'];
      const { alice, first } = await startPair(stage, { alice: { ignoreTerm: true, offspring: true, flags } });
      const { offspring } = await until('its offspring', async () => {
        const life = (await stage.stamps.lives())[0];
        return life?.offspring.length === 2 ? life : undefined;
      });
      const at = Date.now();
      alice.signal('SIGTERM');
      const outcome = await takenOver(stage, at);
      expect([first.pid, ...offspring].filter(isAlive)).toEqual([]);
      expect((await alice.end()).status).toBe(137);
      return outcome;
    },
  },
  {
    row: '34', fault: "the leader's boot time jumps by 60 s, as after a sleep", expected: 'killed at once; taken over',
    needs: () => missing('unshare') ?? notRoot(),
    play: async (stage) => {
      const uptime = new Uptime(stage);
      closing.push(() => {
        uptime.close();
      });
      const { through } = uptime;
      const { first } = await startPair(stage, { alice: { through, ignoreTerm: true, flags: ['--on-lost', 'exit'] } });
      const at = uptime.jump(60);
      const deadAt = await untilDead([first.pid]);
      // Before anything that a renewal from before the jump would have allowed.
      expect(deadAt).toBeLessThan(at + short.renewMs);
      const outcome = await takenOver(stage, at);
      return { ...outcome, note: `dead ${deadAt - at} ms after the jump; ${outcome.note ?? ''}` };
    },
  },
  {
    row: '38a', fault: 'disk of the local store full for a while', expected: 'same command',
    needs: () => missing('unshare', 'nsenter') ?? notRoot(),
    play: async (stage) => {
      const full = await disk();
      const on = { store: path.join(full.folder, 'store'), through: full.through };
      const pair = await startPair(stage, { alice: { ...on, timing }, bob: { ...on, timing } });
      full.fill();
      const { message } = await pair.alice.event('trouble');
      expect(message).toMatch(/ENOSPC|no space/);
      full.empty();
      const at = Date.now();
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - at };
    },
  },
  {
    row: '38a+', fault: 'disk of the local store full past L', expected: 'ended in time; led again when there is room',
    needs: () => missing('unshare', 'nsenter') ?? notRoot(),
    play: async (stage) => {
      const full = await disk();
      const on = { store: path.join(full.folder, 'store'), through: full.through };
      const { alice, bob, first } = await startPair(stage, { alice: { ...on, ignoreTerm: true }, bob: on });
      full.fill();
      const { at: lostAt } = await alice.event('lost');
      await untilDead([first.pid]);
      await until('the lease has run out', () => Date.now() > lostAt + short.leaseMs);
      expect(await stage.stamps.lives()).toHaveLength(1);
      full.empty();
      const at = Date.now();
      const next = await until('the next command, of either', async () => (await stage.stamps.lives())[1]);
      expect([alice, bob].flatMap((each) => each.all('exit'))).toEqual([]);
      return { recoverMs: next.startedAt - at };
    },
  },
  {
    row: '38b', fault: 'disk of the log full', expected: 'same command; released and handed over as ever',
    needs: () => missing('unshare', 'nsenter') ?? notRoot(),
    play: async (stage) => {
      const full = await disk();
      full.fill();
      const log = path.join(full.folder, 'log');
      const alice = await stage.start('alice', { through: [...full.through, 'sh', '-c', 'exec "$@" 2>>"$0"', log], drainMs: 200 });
      const first = await stage.stamps.started('alice');
      const bob = await stage.start('bob');
      await bob.event('standing-by');
      await until('some renewals', async () => (await stage.lease.renewedAt()) > first.startedAt + 1.5 * short.leaseMs);
      expect(await stage.stamps.lives()).toHaveLength(1);
      expect(alice.events).toEqual([]);
      alice.signal('SIGTERM');
      const { status, at } = await alice.end();
      expect(status).toBe(0);
      return await takenOver(stage, at);
    },
  },
  ...(['auto', 'off'] as const).map((guardian) => ({
    row: guardian === 'auto' ? '38c' : '38c-', fault: `no descriptor for a new connection (EMFILE), --guardian=${guardian}`,
    expected: 'ended in time; taken over',
    needs: () => missing('prlimit'),
    play: async (stage: Stage) => {
      const { hostname: host, port } = new URL(client.url);
      const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
      closing.push(() => {
        proxy.close();
      });
      const server = `https://127.0.0.1:${proxy.port}`;
      const flags = [`--guardian=${guardian}`];
      const { alice } = await startPair(stage, { alice: { server, ignoreTerm: true, offspring: true, flags } });
      proxy.refuse();
      proxy.reset();
      const at = Date.now();
      await alice.event('trouble');
      // Now that the place of the socket that is gone is counted too.
      limitDescriptors(alice);
      await proxy.pass();
      const outcome = await takenOver(stage, at);
      expect(alice.stderr).not.toMatch(/internal error|^\s+at /m);
      // She stands by, or has said that she can do nothing more.
      alice.signal('SIGTERM');
      const { status, signal } = await alice.end();
      expect([125, 'SIGTERM']).toContain(status ?? signal);
      return outcome;
    },
  })),
  {
    row: '38c+', fault: 'no descriptor for the command at its election', expected: '125 and a release',
    needs: () => missing('prlimit'),
    play: (stage) => spawnFails(stage, [], limitDescriptors),
  },
  {
    row: '38d', fault: 'guardian killed, and no process to be had for another (EAGAIN)', expected: 'command killed, lock given back',
    needs: noCrowd,
    play: async (stage) => {
      const { through, close } = crowd(stage);
      const { alice } = await startPair(stage, { alice: { through, ignoreTerm: true } });
      const guardian = await childOf(alice, guardianText);
      close();
      const at = Date.now();
      process.kill(guardian, 'SIGKILL');
      const outcome = await takenOver(stage, at);
      await alice.end();
      expect(alice.all('released')).toHaveLength(1);
      return outcome;
    },
  },
  {
    row: '38d+', fault: 'no process to be had for the command at its election', expected: '125 and a release',
    needs: noCrowd,
    play: async (stage) => {
      const { through, close } = crowd(stage);
      return await spawnFails(stage, through, close);
    },
  },
];

playAll('the fault matrix, the machine', rows, closing, (connected) => (client = connected));
