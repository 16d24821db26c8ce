// What runs once, on a real API server: many machines whose clocks differ, each row of the crash table of docs/jobs.md
// made to happen on purpose, and what status and keys say of it. Starts are counted by the command itself, in a file.
// To check: every crash is by SIGKILL to leader-run, and the network before it is held or cut at that very point.
import { appendFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { parseJobs } from '../../src/job/record.ts';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts';
import { leaderRun, type Run } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import type { ServersClient } from '../helpers/servers-client.ts';
import { leaseRule, type Stage, staged, type StageOptions } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';

interface Once {
  readonly key?: string;
  readonly attempts?: number;
  readonly then?: string;
  readonly server?: string;
  readonly timing?: readonly string[];
}

/** A busy machine costs nobody a term with this. */
const calm = ['--lease-duration=15s'];
const unwatched = { ...leaseRule, verbs: leaseRule.verbs.filter((verb) => verb !== 'watch') };

const startsOf = ({ folder }: Stage): string => path.join(folder, 'starts');

async function starts(stage: Stage): Promise<string[]> {
  return (await readFile(startsOf(stage), 'utf8')).trim().split('\n').filter(Boolean);
}

async function once(stage: Stage, name: string, options: Once = {}): Promise<Run> {
  const { key = 'v42', attempts, then = 'true', server, timing } = options;
  const script = `echo "$LEADER_RUN_KEY $LEADER_RUN_ATTEMPT" >> ${startsOf(stage)}; ${then}`;
  const limit = attempts === undefined ? [] : [`--attempts=${attempts}`];
  return await stage.start(name, {
    command: ['sh', '-c', script],
    flags: [`--once-per=${key}`, ...limit],
    ...(server !== undefined && { server }),
    ...(timing !== undefined && { timing }),
  });
}

/** What the Lease remembers: `v42 ok 1`, the newest first. */
async function remembered({ lease }: Stage): Promise<string[]> {
  const reading = parseJobs((await lease.read())?.metadata?.annotations?.['leader-run/job']);
  if (reading.kind !== 'record') return [];
  const { claim, entries } = reading.record;
  const running = claim ? [`${claim.key} begun ${claim.attempt}`] : [];
  return [...running, ...entries.map(({ key, outcome, attempts }) => `${key} ${outcome.kind} ${attempts}`)];
}

async function status(run: Run): Promise<number | null> {
  return (await run.end(60_000)).status;
}

onServers('leader-run --once-per', ({ client, figures }) => {
  test('20 machines, clocks a second apart, 20 rounds: each key runs exactly once', { timeout: 600_000 }, async () => {
    await onStage(client, async (stage) => {
      const rounds = 20;
      for (let round = 1; round <= rounds; round += 1) {
        const runs = Array.from({ length: 20 }, async (_, machine) => {
          // A cron that is up to 2 s late, by a clock that is up to a second wrong: some name the round before.
          const lateMs = Math.random() * 2000;
          const name = Math.floor(round + (lateMs + Math.random() * 2000 - 1000) / 10_000);
          await sleep(lateMs);
          return await status(
            await once(stage, `m${machine}`, { key: `round-${Math.max(1, name)}`, then: 'sleep 0.05' }),
          );
        });
        expect(await Promise.all(runs)).toEqual(runs.map(() => 0));
      }
      const ran = await starts(stage);
      expect(ran.sort()).toEqual(Array.from({ length: rounds }, (_, i) => `round-${i + 1} 1`).sort());
      figures.push(`${rounds} rounds of 20 machines: ${ran.length} starts, ${new Set(ran).size} keys`);
    });
  });

  test('a rolling update: an old pod that comes back does not run behind the new release', async () => {
    await onStage(client, async (stage) => {
      for (const [i, key] of ['v41', 'v42', 'v41', 'v42'].entries())
        expect(await status(await once(stage, `pod-${i}`, { key }))).toBe(0);
      expect(await starts(stage)).toEqual(['v41 1', 'v42 1']);
      expect(await remembered(stage)).toEqual(['v42 ok 1', 'v41 ok 1']);
    });
  });

  test('SIGTERM in mid-run: a command that ends with 0 is not done, and runs again', async () => {
    await onStage(client, async (stage) => {
      const alice = await once(stage, 'alice', { then: "trap 'exit 0' TERM; while :; do sleep 0.05; done" });
      await alice.event('command-started');
      await until('the start', async () => (await starts(stage)).length === 1);
      alice.signal('SIGTERM');
      expect(await status(alice)).toBe(0);
      expect(await remembered(stage)).toEqual(['v42 interrupted 1']);
      expect(await status(await once(stage, 'bob'))).toBe(0);
      expect(await starts(stage)).toEqual(['v42 1', 'v42 2']);
    });
  });

  test('the Lease deleted in between forgets its keys; deleted within a term it does not', async () => {
    await onStage(client, async (stage) => {
      expect(await status(await once(stage, 'alice'))).toBe(0);
      await stage.lease.remove();
      const bob = await once(stage, 'bob', { then: 'sleep 3' });
      await until('the start', async () => (await starts(stage)).length === 2);
      await stage.lease.remove();
      expect(await status(bob)).toBe(0);
      expect(await remembered(stage)).toEqual(['v42 ok 1']);
      expect(await status(await once(stage, 'carol'))).toBe(0);
      expect(await starts(stage)).toEqual(['v42 1', 'v42 1']);
    });
  });

  test('the API server away at the end of a run: the outcome is noted when it is back', async () => {
    await onStage(client, async (stage) => {
      await throughProxy(client, async (proxy, server) => {
        const alice = await once(stage, 'alice', { server, then: 'sleep 0.5; exit 3', timing: calm });
        await until('the start', async () => (await starts(stage)).length === 1);
        proxy.refuse();
        proxy.reset();
        await alice.event('command-ended');
        await alice.event('trouble');
        await proxy.pass();
        expect(await status(alice)).toBe(3);
        expect(await remembered(stage)).toEqual(['v42 failed 1']);
      });
    });
  });

  test('status and keys say what runs and what ran, with the rights of a candidate', async () => {
    await onStage(client, async (stage) => {
      expect(await status(await once(stage, 'alice', { key: 'v41', then: 'exit 7' }))).toBe(7);
      const bob = await once(stage, 'bob', { then: 'until [ -e go ]; do sleep 0.05; done', timing: calm });
      await until('the start', async () => (await starts(stage)).length === 2);
      const ask = await asker(client, stage);
      expect(ask('status', '--holder', 'bob')).toMatchObject({ status: 0, stdout: '' });
      expect(ask('status', '--holder', 'alice')).toMatchObject({ status: 1, stdout: '' });
      const seen = JSON.parse(ask('status', '-o', 'json').stdout) as Record<string, unknown>;
      expect(seen).toMatchObject({
        ...{ state: 'held', holder: 'bob', leaseMs: 15_000 },
        job: { running: { key: 'v42', attempt: 1 }, keys: [{ key: 'v41', outcome: 'failed', status: 7, attempts: 1 }] },
      });
      // A term goes on while a person writes.
      expect(ask('keys', 'mark', 'v41')).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('v41 counts as done') as string,
      });
      expect(ask('keys', 'forget', 'v42')).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('key v42 is running, by bob') as string,
      });
      await bob.event('renewed', { from: bob.events.length });
      await appendFile(path.join(stage.folder, 'go'), '');
      expect(await status(bob)).toBe(0);
      expect(bob.all('lost')).toEqual([]);
      expect(await remembered(stage)).toEqual(['v42 ok 1', 'v41 ok 1']);
      expect(ask('status', '--max-age', '5m').status).toBe(0);
      // A whole namespace needs a right that no candidate has.
      const all = spawnSync(process.execPath, [leaderRun, 'status', '-n', stage.namespace, ...ask.place], {
        encoding: 'utf8',
      });
      expect(all).toMatchObject({ status: 125, stdout: '' });
      expect(all.stderr).toMatch(/^leader-run: cannot list the leases of namespace .*verbs: \[list\]/);
    });
  });
});

/** Each row of the crash table, without a limit and with --attempts 1. */
onServers('leader-run --once-per that is killed', ({ client, figures }) => {
  const rows = [
    {
      row: 'before the lock is taken',
      left: [],
      again: { status: 0, starts: 1 },
      atMostOnce: { status: 0, starts: 1 },
    },
    {
      row: 'when the claim is stored, before its answer',
      ...{ left: ['v42 begun 1'], again: { status: 0, starts: 1 }, atMostOnce: { status: 123, starts: 0 } },
    },
    {
      row: 'while the command runs',
      ...{ left: ['v42 begun 1'], again: { status: 0, starts: 2 }, atMostOnce: { status: 123, starts: 1 } },
    },
    {
      row: 'when the command has ended with 0, before that is stored',
      ...{ left: ['v42 begun 1'], again: { status: 0, starts: 2 }, atMostOnce: { status: 123, starts: 1 } },
    },
    {
      row: 'when the outcome is stored, before its answer',
      ...{ left: ['v42 ok 1'], again: { status: 0, starts: 1 }, atMostOnce: { status: 0, starts: 1 } },
    },
  ] as const;

  for (const { row, left, again, atMostOnce } of rows) {
    for (const [attempts, successor] of [
      [undefined, again],
      [1, atMostOnce],
    ] as const) {
      test(`${row}, attempts ${attempts ?? 'without limit'}`, async () => {
        await onStage(client, async (stage) => {
          await throughProxy(client, async (proxy, server) => {
            const limit = attempts === undefined ? {} : { attempts };
            await crash(row, stage, proxy, server, limit);
            expect(await remembered(stage)).toEqual(left);
            const next = await once(stage, 'bob', limit);
            expect(await status(next)).toBe(successor.status);
            expect(await starts(stage)).toHaveLength(successor.starts);
            figures.push(
              `${row} (attempts ${attempts ?? '-'}): ${left.join() || 'nothing'} left; next ${successor.status}, ${successor.starts} starts`,
            );
          });
        }, { rules: [row === 'when the outcome is stored, before its answer' ? unwatched : leaseRule] });
      });
    }
  }

  async function crash(
    row: (typeof rows)[number]['row'],
    stage: Stage,
    proxy: FaultProxy,
    server: string,
    limit: { attempts?: number },
  ): Promise<void> {
    const go = path.join(stage.folder, 'go');
    const waits = `until [ -e ${go} ]; do sleep 0.02; done`;
    const start = (then: string, timing?: readonly string[]): Promise<Run> =>
      once(stage, 'alice', { ...limit, server, then, ...(timing && { timing }) });
    const kill = async (alice: Run): Promise<void> => {
      alice.signal('SIGKILL');
      await alice.end();
      await alice.isAbandoned();
      // What the server was sent before that is stored by now.
      await proxy.pass();
    };
    switch (row) {
      case 'before the lock is taken': {
        proxy.hold('down');
        const alice = await start('true');
        await until('an answer that is held', () => proxy.held('down') > 0);
        return await kill(alice);
      }
      case 'when the claim is stored, before its answer': {
        // The write is on its way when that is said, and its answer is not there for a while.
        proxy.delay(500, 'down');
        const alice = await start('true', calm);
        await alice.event('taking');
        proxy.hold('down');
        await until('the claim', async () => (await remembered(stage)).length > 0);
        return await kill(alice);
      }
      case 'while the command runs': {
        const alice = await start('sleep 1000');
        await until('the start', async () => (await starts(stage)).length === 1);
        return await kill(alice);
      }
      case 'when the command has ended with 0, before that is stored': {
        const alice = await start(waits);
        await until('the start', async () => (await starts(stage)).length === 1);
        proxy.blackhole({ directions: 'up' });
        await appendFile(go, '');
        await alice.event('command-ended');
        return await kill(alice);
      }
      case 'when the outcome is stored, before its answer': {
        const alice = await start(waits, calm);
        await until('the start', async () => (await starts(stage)).length === 1);
        // No renewal is under way then, which would wait for its answer first: no watch has told of it before that.
        await alice.event('renewed', { from: alice.events.length });
        proxy.hold('down');
        await appendFile(go, '');
        await until('the outcome', async () => (await remembered(stage))[0] === 'v42 ok 1');
        return await kill(alice);
      }
    }
  }
});

async function onStage(
  client: ServersClient,
  play: (stage: Stage) => Promise<void>,
  options: StageOptions = {},
): Promise<void> {
  await staged(
    client,
    async (stage) => {
      await appendFile(startsOf(stage), '');
      await play(stage);
    },
    options,
  );
}

async function throughProxy(
  client: ServersClient,
  play: (proxy: FaultProxy, server: string) => Promise<void>,
): Promise<void> {
  const { hostname, port } = new URL(client.url);
  const proxy = await startFaultProxy({ to: { host: hostname, port: Number(port) } });
  try {
    await play(proxy, `https://127.0.0.1:${proxy.port}`);
  } finally {
    proxy.close();
  }
}

/** Runs a verb as a person with a candidate's rights. */
async function asker(client: ServersClient, stage: Stage) {
  const config = await stage.file(
    'person.kubeconfig',
    client.kubeconfig({ user: 'worker', namespace: stage.namespace }),
  );
  const place = ['--kubeconfig', config];
  const ask = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [leaderRun, ...words, '--lock', `${stage.namespace}/job`, ...place], {
      encoding: 'utf8',
    });
  return Object.assign(ask, { place });
}
