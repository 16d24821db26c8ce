// Faults that can only come from inside leader-run: loaded into it with NODE_OPTIONS=--import, it waits for SIGPWR,
// which leader-run does not know, and then does what LEADER_RUN_TEST_FAULT says. Puppets get it too, and no SIGPWR.

const faults = {
  /** Nothing else runs meanwhile: no timer, no renewal. */
  block: () => {
    for (const end = Date.now() + 8000; Date.now() < end;);
  },
  throw: () => {
    throw new Error('a bug');
  },
  abort: () => process.abort(),
  'run out of memory': () => {
    for (const all = []; ;) all.push(new Array(1_000_000).fill(all.length));
  },
};

const fault = process.env.LEADER_RUN_TEST_FAULT;
if (fault === 'hurry') {
  // Zombies are looked for every 30 s; here every half second.
  const later = globalThis.setTimeout;
  globalThis.setTimeout = (callback, ms, ...rest) => later(callback, ms === 30_000 ? 500 : ms, ...rest);
} else {
  process.on('SIGPWR', faults[fault]);
}
