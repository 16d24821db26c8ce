// A schedule on a real API server: three replicas and a tick each five seconds, while the leader is killed, frozen,
// asked to step down and paused at random. For a minute and a half; LEADER_RUN_SCHEDULE_MINUTES=10 is the whole proof.
// Wall clocks leap from minute to minute here (fast-wall.mjs), since a cron line knows no seconds; leases do not.
// To check: ticks are counted by arithmetic, starts by the command itself, settlements by what the Lease showed on the
// way; the stamps say whether two commands ever ran at once.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Entry, parseJobs, timeText } from '../../src/job/record.ts';
import { Dice } from '../helpers/dice.ts';
import type { Run } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { type Stage, staged } from '../helpers/stage.ts';

const minutes = Number(process.env['LEADER_RUN_SCHEDULE_MINUTES'] ?? 1.5);
const rate = 12;
const tickMs = 60_000;
const preload = fileURLToPath(new URL('../helpers/fast-wall.mjs', import.meta.url));

/** Tells its tick, then becomes the stamped command, whose clocks are true. */
function command(stage: Stage, name: string): string[] {
  const tell = 'echo "$LEADER_RUN_TICK $LEADER_RUN_ATTEMPT $LEADER_RUN_TOKEN" >> "$0"; unset NODE_OPTIONS; exec "$@"';
  return ['sh', '-c', tell, startsOf(stage), ...stage.stamps.command(name, { runMs: 700, drainMs: 100 })];
}

const startsOf = (stage: Stage): string => path.join(stage.folder, 'starts');

function starts(stage: Stage): string[] {
  const file = startsOf(stage);
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

onServers('leader-run --schedule', ({ client }) => {
  const timeout = minutes * 60_000 + 120_000;
  test('settles each tick once, and runs none twice, whoever leads', { timeout }, async () => {
    const seed = Number(process.env['LEADER_RUN_SEED'] ?? Date.now() % 1e6);
    const dice = new Dice(seed, 9);
    await staged(client, async (stage) => {
      const truly = Date.now();
      const fast = `${truly} ${truly - (minutes + 2) * rate * 60_000} ${rate}`;
      let number = 0;
      const start = async (): Promise<Run> => {
        const name = `pod-${(number += 1)}`;
        return await stage.start(name, {
          env: { NODE_OPTIONS: `--import=${preload}`, FAST_WALL: fast },
          flags: ['--schedule=* * * * *', '--no-events'],
          command: command(stage, name),
        });
      };
      const replicas = [await start(), await start(), await start()];
      const seen = new Map<string, Set<string>>();
      const entries = new Map<string, Entry>();
      const deeds: Record<string, number> = {};
      let first: string | undefined;
      let last = '';
      const look = async (): Promise<string> => {
        const lease = await stage.lease.read();
        const reading = parseJobs(lease?.metadata?.annotations?.['leader-run/job']);
        if (reading.kind === 'record') {
          first ??= reading.record.cursor;
          last = reading.record.cursor ?? last;
          for (const entry of reading.record.entries) {
            entries.set(entry.key, entry);
            seen.set(entry.key, (seen.get(entry.key) ?? new Set()).add(entry.outcome.kind));
          }
        }
        const holder = lease?.spec?.['holderIdentity'];
        return typeof holder === 'string' ? holder : '';
      };
      const annotate = (name: string, text: string | null): Promise<void> =>
        stage.lease.patch({ metadata: { annotations: { [name]: text } } });
      /** The replica of this name, as long as it lives. */
      const replica = (name: string): number => replicas.findIndex((run) => run.name === name);

      let strikeAt = performance.now() + 10_000;
      for (const endAt = performance.now() + minutes * 60_000; performance.now() < endAt; await sleep(500)) {
        const holder = await look();
        const index = replica(holder);
        if (performance.now() < strikeAt || index < 0) continue;
        const roll = dice.of(Object.values(deeds).reduce((sum, count) => sum + count, 0));
        const deed = roll.pick(0, ['kill', 'freeze', 'step-down', 'pause', 'terminate'] as const);
        deeds[deed] = (deeds[deed] ?? 0) + 1;
        const run = replicas[index];
        switch (deed) {
          case 'kill':
            run?.signal('SIGKILL');
            replicas[index] = await start();
            break;
          case 'terminate':
            run?.signal('SIGTERM');
            replicas[index] = await start();
            break;
          case 'freeze':
            run?.signal('SIGSTOP');
            setTimeout(() => run?.signal('SIGCONT'), roll.between(1, 1000, 9000));
            break;
          case 'step-down':
            await annotate('leader-run/step-down', `${holder} test`);
            break;
          case 'pause':
            await annotate('leader-run/pause', 'test');
            setTimeout(() => void annotate('leader-run/pause', null), roll.between(1, 1000, 9000));
            break;
        }
        strikeAt = performance.now() + roll.between(2, 6000, 14_000);
      }
      // What is under way ends, and one more tick comes in peace.
      await sleep(10_000);
      await look();

      const ticks: string[] = [];
      const earliest = (Math.floor(Date.parse(first ?? '') / tickMs) + 1) * tickMs;
      for (let at = earliest; at <= Date.parse(last); at += tickMs) ticks.push(timeText(at));
      const settlements = settled([...entries.values()], first ?? '');
      const begun = starts(stage).map((line) => line.split(' ')[0] ?? '');
      const counts: Record<string, number> = {};
      for (const { outcome } of entries.values()) {
        const [kind, count] = outcome.kind === 'skipped' ? [outcome.why, outcome.count] : [outcome.kind, 1];
        counts[kind] = (counts[kind] ?? 0) + count;
      }
      const figures = { seed, minutes, ticks: ticks.length, starts: begun.length, settlements: counts, deeds };
      const report = JSON.stringify(figures);
      console.log(`schedule: ${report}`);
      expect(ticks.length, report).toBeGreaterThan((minutes * 60_000) / 5000 - 4);
      expect(begun.filter((tick, i) => begun.indexOf(tick) !== i), `started twice; ${report}`).toEqual([]);
      expect([...seen].filter(([, kinds]) => kinds.size > 1), `settled twice; ${report}`).toEqual([]);
      expect(ticks.filter((tick) => settlements.get(tick) !== 1), `not settled once; ${report}`).toEqual([]);
      expect(begun.filter((tick) => tick <= last && entries.get(tick)?.outcome.kind === 'skipped'), report).toEqual([]);
    });
  });
});

/** How often each tick is settled: by an entry of its own, or as one of those that an entry has passed over. */
function settled(entries: readonly Entry[], first: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { key, outcome } of entries) {
    const count = outcome.kind === 'skipped' ? outcome.count : 1;
    for (let i = 0; i < count; i += 1) {
      const tick = timeText(Date.parse(key) - i * tickMs);
      if (tick > first) counts.set(tick, (counts.get(tick) ?? 0) + 1);
    }
  }
  return counts;
}
