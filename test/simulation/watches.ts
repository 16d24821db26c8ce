// A watch on the simulated store: tells a candidate what changes, late, twice, out of date, or not at all. Decides only
// what the weather makes of each event. Imitates src/locks/kube/watch.ts, which tries again by itself.
// Invariant: it is a hint; nothing in the simulation relies on it.

import type { WatchNews } from '../../src/locks/lock.ts';
import type { Dice } from '../helpers/dice.ts';
import type { Process } from './host.ts';
import { isDown, type Net } from './network.ts';
import type { Fault, Weather } from './scenario.ts';
import { connectionsLost, sightingOf, versionOf } from './store.ts';

interface Following {
  readonly net: Net;
  readonly process: Process;
  readonly dice: Dice;
  readonly latencyMs: number;
  readonly weather: (kind: Weather) => Fault | undefined;
  /** The candidate's name, where a coordinator assigns the lock. */
  readonly stands: string | undefined;
  readonly tell: (news: WatchNews) => void;
}

const cuts = ['cut-requests', 'cut-answers', 'cut-both', 'refused'] as const;

export function followStore({ net, process, dice, latencyMs, weather, stands, tell }: Following): () => void {
  const { world, store } = net;
  let stopped = false;
  let life = 0;
  let events = 0;
  let failures = 0;
  let lastAt = 0;

  const hear = (news: WatchNews): void => {
    process.enter(() => {
      if (!stopped) tell(news);
    });
  };
  const cut = (): boolean => cuts.some((kind) => weather(kind)) || net.faults.some((fault) => isDown(fault, world.now));
  const again = (message: string, forbidden = false): void => {
    failures += 1;
    hear({ kind: 'down', forbidden, message });
    const pauseMs = forbidden
      ? 300_000
      : Math.min(30_000, 250 * 2 ** (failures - 1)) * dice.between(events + failures, 0.5, 1);
    world.in(pauseMs, connect);
  };

  function connect(): void {
    if (stopped || process.dead) return;
    const mine = (life += 1);
    world.in(dice.between(life, 1, latencyMs * 3 + 2), () => {
      if (stopped || process.dead) return;
      if (weather('watch-forbidden')) return again('forbidden', true);
      if (cut()) return again('unreachable');
      failures = 0;
      hear({ kind: 'up' });
      const stale = weather('watch-stale') ? Math.floor(dice.between(life + 1, 0, 6)) : 0;
      let mute = false;
      let last: number | undefined;
      const deliver = (index: number): void => {
        const lag = dice.skewed(
          (events += 1) * 3,
          0.1,
          20 + (weather('slow') ? 3_000 : 0) + (weather('watch-stale') ? 3_000 : 0),
        );
        lastAt = Math.max(world.now + lag, lastAt);
        world.at(lastAt, () => {
          if (mine !== life) return;
          const sighting = sightingOf(store.history[index], undefined, stands);
          // Only what was delivered just before it, of this watch, is known to be the state before.
          const follows = last === index - 1 ? versionOf(store.history[last]) : undefined;
          last = index;
          hear({ kind: 'sighted', sighting, follows });
        });
      };
      // It begins with what is there now, or was not long ago.
      const first = Math.max(0, store.history.length - 1 - stale);
      if (store.history[first]) deliver(first);
      const onChange = (index: number): void => {
        if (stopped || process.dead || mine !== life) return void store.watchers.delete(onChange);
        if (index === connectionsLost) {
          store.watchers.delete(onChange);
          life += 1;
          return again('the connection broke');
        }
        // Half open: it stays silent for good, or until the weather is over.
        const silent = weather('watch-silent') ?? cuts.map(weather).find((fault) => fault);
        if (silent && silent.level > 0.5) mute = true;
        if (mute || silent) return;
        const ends = weather('watch-ends');
        if (ends && dice.chance(events * 3 + 1, 0.5)) {
          store.watchers.delete(onChange);
          life += 1;
          return again('410 Gone');
        }
        if (weather('watch-repeats')) deliver(Math.max(0, index - Math.floor(dice.between(events * 3 + 2, 0, 4))));
        deliver(index);
      };
      store.watchers.add(onChange);
    });
  }
  connect();
  return () => {
    stopped = true;
  };
}
