// Many candidates in one process, each with a connection of its own, as the API server sees a thousand Pods: for what
// they cost it, which a thousand real processes would not show on a machine that they fill by themselves. They run
// src/elector and src/locks as they are; there is no command. Started by herd.ts, which tells it what to do by lines.
// To check: an instant is CLOCK_MONOTONIC in nanoseconds, so that several such processes can be compared.

import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import { Elector } from '../../src/elector/driver.ts';
import type { Term } from '../../src/elector/term.ts';
import { completeTiming } from '../../src/elector/timing.ts';
import { loadKube } from '../../src/kube-api/config/load.ts';
import { leaseLock } from '../../src/locks/kube/lease.ts';
import { openTransport } from '../../src/kube-api/transport.ts';

const [kubeconfig = '', namespace = '', name = '', countText = '', herd = '', each] = process.argv.slice(2);
const count = Number(countText);
/** All on one lock, or each on a lock of its own. */
const lockOf = (index: number): string => (each === 'apart' ? `${name}-${herd}-${index}` : name);
/** So many connect at a time. */
const abreast = 25;
/** Less than the pause between two hand-overs, more than any of them takes. */
const rejoinMs = 3000;

let holding: { readonly elector: Elector; readonly term: Term } | undefined;
const clock = systemClock();
const target = await loadKube({ clock, kubeconfig });

for (let first = 0; first < count; first += abreast) {
  const some = Array.from({ length: Math.min(abreast, count - first) }, (_, index) => first + index);
  await Promise.all(some.map((index) => join(index)));
}
tell('ready');

createInterface({ input: process.stdin }).on('line', (line) => void obey(line));

async function join(index: number): Promise<void> {
  let ready: () => void = () => undefined;
  const standing = new Promise<void>((resolve) => (ready = resolve));
  const run = crypto.randomUUID();
  const timing = completeTiming({ leaseDurationMs: 15_000 });
  const elector = new Elector({
    lock: leaseLock({ transport: openTransport(target, { version: 'bench' }), namespace, name: lockOf(index) }),
    clock,
    seed: Number.parseInt(run.slice(0, 8), 16),
    report: (event) => {
      if (event.kind === 'standing-by' || event.kind === 'elected') ready();
    },
    settings: {
      identity: `${herd}-${index}`,
      run,
      timing,
      rules: { leaseDurationMs: timing.leaseDurationMs, foreignGraceMs: 7000 },
      newLockWaitMs: 0,
    },
  });
  void campaign(elector);
  await standing;
}

async function campaign(elector: Elector): Promise<void> {
  const elected = await elector.campaign({ wait: { kind: 'forever' }, untilCertain: false }, new AbortController().signal);
  if (elected.kind !== 'elected') throw new Error(`${herd}: ${elected.kind}`);
  tell('elected');
  holding = { elector, term: elected.term };
}

async function obey(line: string): Promise<void> {
  if (line === 'exit') process.exit();
  if (line !== 'release' || holding === undefined) return;
  const { elector, term } = holding;
  holding = undefined;
  tell('releasing');
  term.workEnded();
  await term.resign(0);
  // It stands by again once the lock is surely another's, so that the herd stays as large as it is.
  await sleep(rejoinMs);
  await campaign(elector);
}

function tell(what: string): void {
  process.stdout.write(`${what} ${process.hrtime.bigint()}\n`);
}
