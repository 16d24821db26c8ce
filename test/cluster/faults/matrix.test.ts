// The fault matrix on the real thing: the built program, a real API server, and something in between that goes wrong.
// An outside observer decides from the commands' stamps whether two ever lived at once; the table at the end says so
// for each row, once with kubeconfigs and once in the shape of a pod (CA and token as files that kubelet replaces). L
// = 4 s, R = 2 s, r = 0.4 s unless a row says otherwise. Rows in other files: 1, 3, 6, 8 promise.test.ts; 5, 7, 34,
// 38 machine.test.ts; 13 to 16 servers.test.ts; 12, 15 also outage.test.ts; 17, 19, 20, 25 edits.test.ts; 21, 22
// (rotation), 23 rights.test.ts; 35 (names and certificates) trust.test.ts; 36 herd.test.ts; 37 test/interop; 39
// patience.test.ts; 40 the soak. In test/process besides: 4 and 10 (freezer, blocked loop), 38 (streams that are
// closed or full). 29 is played as 12, by a proxy in place of a network namespace, which the servers on loopback
// could not be reached from.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { short } from '../../helpers/leader-run.ts';
import { isAlive, stateOf } from '../../helpers/procfs.ts';
import type { Stage } from '../../helpers/stage.ts';
import { until, untilDead } from '../../helpers/wait.ts';
import { type FaultProxy, startFaultProxy } from '../../helpers/fault-proxy.ts';
import type { ServersClient } from '../../helpers/servers-client.ts';
import { type Answered, type Exchange, type Meddler, startMeddler } from './meddler.ts';
import { frame } from './suite.ts';
import {
  crashBoundMs,
  type ConditionalRow,
  expectKept,
  inPod,
  renewedAgain,
  startPair,
  takenOver,
} from './table.ts';

const closing: (() => void | Promise<void>)[] = [];
let client: ServersClient;

async function bytesBetween(): Promise<FaultProxy & { readonly server: string }> {
  const { hostname: host, port } = new URL(client.url);
  const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
  closing.push(() => {
    proxy.close();
  });
  return { ...proxy, server: `https://127.0.0.1:${proxy.port}` };
}

/** `file` is a kubeconfig that leads through it. */
async function meddlerBetween({ namespace, file }: Stage): Promise<Meddler & { readonly file: string }> {
  const meddler = await startMeddler(client);
  closing.push(() => meddler.close());
  return { ...meddler, file: await file(`meddled-${closing.length}.kubeconfig`, meddler.kubeconfig(namespace)) };
}

/** R = 10 s, where a fault is to be over within it: this machine may be busy, and a Retry-After leaves but its end. */
const timing = ['--lease-duration', '15s', '--retry-period', '400ms'];

/** Spoils alice's requests in some way until she complains, and a little longer; then all is well again. */
async function spoilt(stage: Stage, spoil: Spoil): Promise<number> {
  const meddler = await meddlerBetween(stage);
  const pair = await startPair(stage, { alice: { kubeconfig: meddler.file, timing } });
  meddler.meddle((exchange) => (exchange.kind === 'watch' ? exchange.pass() : spoil(exchange)));
  await pair.alice.event('trouble');
  const before = meddler.seen.length;
  await until('a second attempt', () => meddler.seen.length > before);
  meddler.meddle(undefined);
  const healedAt = Date.now();
  await pair.alice.event('recovered');
  const recovered = await renewedAgain(pair.alice);
  await expectKept(stage, pair);
  return recovered - healedAt;
}

/** The same for good: her term ends by the deadline, and bob, who is not spoilt, takes over. */
async function spoiltForGood(stage: Stage, spoil: Spoil) {
  const meddler = await meddlerBetween(stage);
  const { alice } = await startPair(stage, { alice: { kubeconfig: meddler.file, ignoreTerm: true } });
  const at = Date.now();
  meddler.meddle(spoil);
  const outcome = await takenOver(stage, at);
  expect((await alice.event('lost'))['reason']).toBe('deadline');
  expect(outcome.recoverMs).toBeLessThan(2 * crashBoundMs);
  return outcome;
}

const status = (code: number, reason: string, more: object = {}) => ({
  kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: reason, reason, code, ...more,
});

type Spoil = (exchange: Exchange) => void | Promise<void>;

const spoilers: readonly (readonly [row: string, fault: string, spoil: Spoil])[] = [
  ['22', '401 for a while', (it) => { it.reply(401, status(401, 'Unauthorized')); }],
  ['24a', '429, Retry-After 1', (it) => { it.reply(429, status(429, 'TooManyRequests'), { 'retry-after': '1' }); }],
  ['24b', '429, Retry-After 60', (it) => { it.reply(429, status(429, 'TooManyRequests'), { 'retry-after': '60' }); }],
  ['24c', '500, 503, 504 in turn', (it) => { const code = [500, 503, 504][it.at % 3] ?? 500; it.reply(code, status(code, 'InternalError')); }],
  ['27a', 'applied, answer lost', async (it) => { await it.forward(); it.cut(); }],
  ['27b', 'applied, answered with 504', async (it) => { await it.forward(); it.reply(504, status(504, 'Timeout')); }],
  ['28a', 'truncated JSON', async (it) => { const { text } = await it.forward(); it.reply(200, text.slice(0, 100)); }],
  ['28b', 'empty 200', (it) => { it.reply(200, ''); }],
  ['28c', 'HTML with 200', (it) => { it.reply(200, '<html>please log in</html>', { 'content-type': 'text/html' }); }],
  ['28d', 'an object of another kind', (it) => { it.reply(200, { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'job', uid: 'a', resourceVersion: '1' } }); }],
  ['48', 'every write a conflict, and nothing changes', (it) => it.kind === 'write' ? it.reply(409, status(409, 'Conflict', { details: { name: 'job', kind: 'leases' } })) : it.pass()],
  ['28e', 'accepts and never answers', () => undefined],
  ['28f', 'answers one byte a second', trickle],
];

async function trickle(exchange: Exchange): Promise<void> {
  const { status: code, text } = await exchange.forward();
  exchange.begin(code, '');
  for (const byte of text) {
    if (!exchange.waits()) return;
    exchange.more(byte);
    await sleep(1000); // This is the fault itself.
  }
}

const rows: readonly ConditionalRow[] = [
  ...spoilers.map(([row, fault, spoil]) => ({
    row, fault, expected: 'same command',
    play: async (stage: Stage) => ({ recoverMs: await spoilt(stage, spoil) }),
  })),
  ...spoilers.filter(([row]) => ['24b', '24c', '28c', '28e', '28f'].includes(row)).map(([row, fault, spoil]) => ({
    row: `${row}+`, fault: `${fault}, for the leader, for good`, expected: 'taken over',
    play: (stage: Stage) => spoiltForGood(stage, spoil),
  })),
  {
    row: '51', fault: 'a watch that is open and tells nothing (a proxy keeps it back)',
    expected: 'said, and the hand-over is met by looking',
    play: async (stage) => {
      const meddler = await meddlerBetween(stage);
      meddler.meddle((exchange) => (exchange.kind === 'watch' ? exchange.begin(200, '') : exchange.pass()));
      const { alice, bob } = await startPair(stage, { bob: { kubeconfig: meddler.file } });
      await bob.event('watch-mute');
      alice.signal('SIGTERM');
      const { startedAt } = await stage.stamps.started('bob');
      const { lastSeen } = await stage.stamps.started('alice');
      expect(startedAt - lastSeen).toBeLessThan(short.leaseMs);
      return { recoverMs: startedAt - lastSeen };
    },
  },
  {
    row: '28a+', fault: 'truncated JSON for all but the watch, for good',
    expected: 'same command: the watch acknowledges',
    play: async (stage) => {
      const meddler = await meddlerBetween(stage);
      const pair = await startPair(stage, { alice: { kubeconfig: meddler.file } });
      meddler.meddle(async (exchange) => {
        if (exchange.kind === 'watch') return await exchange.pass();
        const { text } = await exchange.forward();
        exchange.reply(200, text.slice(0, 100));
      });
      const { at } = await pair.alice.event('trouble');
      await pair.alice.event('renewed', { fits: (line) => line.at > at + 1.5 * short.leaseMs });
      await expectKept(stage, pair);
      return { recoverMs: (await pair.alice.event('renewed', { fits: (line) => line.at > at })).at - at };
    },
  },
  {
    row: '2', fault: 'leader-run and its guardian killed together',
    expected: 'outside the promise (A7): orphan',
    options: { unjudged: true },
    play: async (stage) => {
      const { alice, first } = await startPair(stage);
      const guardian = guardianOf(alice.pid);
      const at = Date.now();
      // The guardian first, since it would act on the other's end within microseconds; leader-run would replace it.
      alice.signal('SIGSTOP');
      process.kill(guardian, 'SIGKILL');
      alice.signal('SIGKILL');
      const { startedAt } = await stage.stamps.started('bob');
      const orphan = isAlive(first.pid);
      if (orphan) process.kill(first.pid, 'SIGKILL');
      await untilDead([first.pid]);
      return { recoverMs: startedAt - at, note: `documented: the command ${orphan ? 'lived on as an orphan' : 'died'}` };
    },
  },
  {
    row: '4', fault: 'leader-run, guardian and command stopped past the lease',
    expected: 'outside: killed at once when continued',
    options: { unjudged: true },
    play: async (stage) => {
      const { alice, first } = await startPair(stage);
      const all = [alice.pid, guardianOf(alice.pid), first.pid];
      const at = Date.now();
      for (const pid of all) process.kill(pid, 'SIGSTOP');
      const { startedAt } = await stage.stamps.started('bob');
      const thawedAt = Date.now();
      for (const pid of all) process.kill(pid, 'SIGCONT');
      const deadAt = await untilDead([first.pid]);
      expect(deadAt - thawedAt).toBeLessThan(4000);
      return { recoverMs: startedAt - at, note: `dead ${deadAt - thawedAt} ms after it was continued` };
    },
  },
  {
    row: '9', fault: 'command ends while a renewal is unanswered', expected: 'released when it answers; no restart',
    play: async (stage) => {
      const meddler = await meddlerBetween(stage);
      const { alice, first } = await startPair(stage, { alice: { kubeconfig: meddler.file } });
      const held: (() => void)[] = [];
      meddler.meddle(async (exchange) => {
        if (exchange.kind !== 'write' || held.length > 0) return await exchange.pass();
        const { status: code, text } = await exchange.forward();
        held.push(() => {
          exchange.reply(code, text);
        });
        // To the command, not to leader-run: it comes to its own end.
        process.kill(first.pid, 'SIGTERM');
      });
      await alice.event('command-ended');
      for (const answer of held) answer();
      const outcome = await takenOver(stage, Date.now());
      expect((await alice.end()).status).toBe(0);
      expect(await stage.stamps.lives()).toHaveLength(2);
      return outcome;
    },
  },
  {
    row: '10', fault: 'leader-run runs 30 ms of each second', expected: 'kept or ended in time',
    play: async (stage) => {
      const { alice, first } = await startPair(stage, { alice: { ignoreTerm: true } });
      const at = Date.now();
      const untilAt = at + 8000;
      while (Date.now() < untilAt && isAlive(first.pid)) {
        alice.signal('SIGSTOP');
        await sleep(970); // This is the fault itself: starvation.
        alice.signal('SIGCONT');
        await sleep(30);
      }
      if (!isAlive(first.pid)) {
        const next = await until('the next command, of either', async () => (await stage.stamps.lives())[1]);
        return { recoverMs: next.startedAt - at, note: 'ended in time; led again' };
      }
      return { recoverMs: (await renewedAgain(alice)) - untilAt, note: 'kept through 8 s of it' };
    },
  },
  {
    row: '11', fault: 'partition of the leader that heals within R', expected: 'same command',
    play: async (stage) => {
      const proxy = await bytesBetween();
      const pair = await startPair(stage, { alice: { server: proxy.server, timing } });
      proxy.hold();
      await pair.alice.event('trouble');
      await proxy.pass();
      const healedAt = Date.now();
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - healedAt };
    },
  },
  {
    row: '12', fault: 'API silent for the leader alone', expected: 'taken over',
    play: async (stage) => {
      const proxy = await bytesBetween();
      const { alice } = await startPair(stage, { alice: { server: proxy.server, ignoreTerm: true, offspring: true } });
      const at = Date.now();
      proxy.blackhole();
      const outcome = await takenOver(stage, at);
      await proxy.pass();
      // Healed without a restart: it stands by, and leads again in its turn.
      await alice.event('standing-by', { from: alice.events.findIndex(({ event }) => event === 'lost') });
      return outcome;
    },
  },
  {
    row: '12b', fault: 'API silent past R, then answers; nobody else there', expected: 'new command, larger token',
    play: async (stage) => {
      const proxy = await bytesBetween();
      const alice = await stage.start('alice', { server: proxy.server, drainMs: 300 });
      const first = await stage.stamps.started('alice');
      await renewedAgain(alice);
      proxy.hold();
      await alice.event('lost');
      await proxy.pass();
      const healedAt = Date.now();
      const second = await stage.stamps.started('alice', 2);
      expect(BigInt(second.token)).toBeGreaterThan(BigInt(first.token));
      return { recoverMs: second.startedAt - healedAt };
    },
  },
  {
    row: '18', fault: 'deleted and made again empty, --new-lock-wait 4s',
    expected: 'killed at once; none before the object is 4 s old',
    play: async (stage) => {
      const flags = ['--new-lock-wait', '4s'];
      const alice = await stage.start('alice', { flags, ignoreTerm: true });
      const first = await stage.stamps.started('alice');
      await renewedAgain(alice);
      // Or she makes it again herself between the two.
      alice.signal('SIGSTOP');
      await until('alice stands still', () => stateOf(alice.pid) === 'T' || undefined);
      await stage.lease.remove();
      await stage.lease.create({});
      alice.signal('SIGCONT');
      const at = Date.now();
      await untilDead([first.pid]);
      const second = await stage.stamps.started('alice', 2);
      const made = Date.parse((await stage.lease.read())?.metadata?.creationTimestamp ?? '');
      expect(second.startedAt).toBeGreaterThanOrEqual(made + 4000);
      return { recoverMs: second.startedAt - at };
    },
  },
  {
    row: '26', fault: 'a renewal answered 0.9 R late, then a partition',
    expected: 'taken over; counted from the sending',
    play: async (stage) => {
      const meddler = await meddlerBetween(stage);
      const { alice } = await startPair(stage, { alice: { kubeconfig: meddler.file, ignoreTerm: true } });
      let isFirst = true;
      const at = Date.now();
      meddler.meddle(async (exchange) => {
        // Whatever comes after that answer is lost.
        if (exchange.kind !== 'write' || !isFirst) return;
        isFirst = false;
        const { status: code, text } = await exchange.forward();
        await sleep(short.renewMs * 0.9); // This is the fault itself.
        exchange.reply(code, text);
      });
      const outcome = await takenOver(stage, at);
      expect((await alice.event('lost'))['reason']).toBe('deadline');
      return outcome;
    },
  },
  {
    row: '26b', fault: 'every answer takes 0.4 s, then a partition', expected: 'taken over; counted from the sending',
    play: async (stage) => {
      const proxy = await bytesBetween();
      const { alice } = await startPair(stage, { alice: { server: proxy.server, ignoreTerm: true } });
      proxy.delay(400, 'down');
      await alice.event('renewed', { fits: ({ latencyMs }) => Number(latencyMs) >= 400 });
      const at = Date.now();
      proxy.blackhole();
      return await takenOver(stage, at);
    },
  },
  {
    row: '27c', fault: 'a renewal is given up, and applied before the next attempt', expected: 'same command',
    play: async (stage) => {
      const meddler = await meddlerBetween(stage);
      const pair = await startPair(stage, { alice: { kubeconfig: meddler.file, timing } });
      let held: Exchange | undefined;
      let applied: Promise<Answered> | undefined;
      meddler.meddle(async (exchange) => {
        if (held === undefined && exchange.kind === 'write') {
          held = exchange;
          return;
        }
        if (held !== undefined && exchange.kind !== 'watch') await (applied ??= held.forward());
        await exchange.pass();
      });
      await pair.alice.event('trouble');
      const at = Date.now();
      const recovered = await renewedAgain(pair.alice);
      expect((await applied)?.status).toBe(200);
      await expectKept(stage, pair);
      return { recoverMs: recovered - at };
    },
  },
  {
    row: '27d', fault: "a candidate's taking write is held past R, then applied",
    expected: 'no command from it, one from a fresh write',
    play: async (stage) => {
      const meddler = await meddlerBetween(stage);
      const { alice, bob } = await startPair(stage, { bob: { kubeconfig: meddler.file } });
      let heldAt = 0;
      let applied: Promise<Answered> | undefined;
      meddler.meddle(async (exchange) => {
        if (exchange.kind !== 'write' || heldAt > 0) {
          // Nobody is faster, not even bob himself: what comes meanwhile waits until that write has landed.
          await applied;
          await exchange.pass();
          return;
        }
        heldAt = Date.now();
        applied = sleep(short.renewMs + 500).then(() => exchange.forward()); // This is the fault itself.
      });
      alice.signal('SIGTERM');
      const second = await stage.stamps.started('bob');
      const landed = await applied;
      expect(landed?.status).toBe(200);
      const { metadata } = JSON.parse(landed?.text ?? '{}') as { metadata?: { resourceVersion?: string } };
      expect(BigInt(second.token)).toBeGreaterThan(BigInt(metadata?.resourceVersion ?? ''));
      await renewedAgain(bob);
      expect(bob.all('lost')).toEqual([]);
      return { recoverMs: second.startedAt - heldAt };
    },
  },
  {
    row: '30', fault: 'the watch of the standby is open and silent', expected: 'its own looking takes over',
    play: async (stage) => {
      const meddler = await meddlerBetween(stage);
      meddler.meddle((exchange) => (exchange.kind === 'watch' ? exchange.begin(200, '') : exchange.pass()));
      const { alice } = await startPair(stage, { bob: { kubeconfig: meddler.file } });
      alice.signal('SIGTERM');
      const { at } = await alice.end();
      const outcome = await takenOver(stage, at);
      expect(outcome.recoverMs).toBeLessThan(2 * crashBoundMs);
      return outcome;
    },
  },
  ...([
    ['31a', 'every watch ends with 410 Gone', JSON.stringify({ type: 'ERROR', object: status(410, 'Expired') })],
    ['31b', 'every watch ends at once', ''],
  ] as const).map(([row, fault, body]) => ({
    row, fault, expected: 'polling takes over, no busy loop',
    play: async (stage: Stage) => {
      const meddler = await meddlerBetween(stage);
      meddler.meddle((exchange) => (exchange.kind === 'watch' ? exchange.reply(200, body) : exchange.pass()));
      const { alice } = await startPair(stage, { bob: { kubeconfig: meddler.file } });
      const from = Date.now();
      const before = meddler.seen.length;
      await alice.event('renewed', { fits: ({ at }) => at > from + 6000 });
      const perSecond = ((meddler.seen.length - before) * 1000) / (Date.now() - from);
      expect(perSecond).toBeLessThan(6);
      alice.signal('SIGTERM');
      const { at } = await alice.end();
      const { recoverMs } = await takenOver(stage, at);
      return { recoverMs, note: `${perSecond.toFixed(1)} requests a second of the standby` };
    },
  })),
  {
    row: '31c', fault: 'the watch repeats an old event for ever', expected: 'nobody is misled',
    play: async (stage) => {
      const meddler = await meddlerBetween(stage);
      let old = '';
      meddler.meddle(async (exchange) => {
        if (exchange.kind !== 'watch') {
          await exchange.pass();
          return;
        }
        exchange.begin(200, '');
        while (exchange.waits()) {
          const object = await stage.lease.read();
          if (object !== undefined && old === '') old = JSON.stringify(object);
          if (old !== '') exchange.more(`{"type":"MODIFIED","object":${old}}\n`);
          await sleep(20); // This is the fault itself.
        }
      });
      const meddled = { kubeconfig: meddler.file };
      const pair = await startPair(stage, { alice: meddled, bob: meddled });
      const from = Date.now();
      await pair.alice.event('renewed', { fits: ({ at }) => at > from + 2 * short.leaseMs });
      await expectKept(stage, pair);
      pair.alice.signal('SIGTERM');
      const { at } = await pair.alice.end();
      return await takenOver(stage, at);
    },
  },
  {
    row: '35a', fault: 'connections reset and refused for a while', expected: 'same command',
    play: async (stage) => {
      const proxy = await bytesBetween();
      const pair = await startPair(stage, { alice: { server: proxy.server, timing } });
      proxy.refuse();
      proxy.reset();
      const { message } = await pair.alice.event('trouble');
      expect(message).toMatch(/ECONNRE|closed/);
      await proxy.pass();
      const healedAt = Date.now();
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - healedAt };
    },
  },
  {
    row: '35b', fault: 'refused for good, for the leader', expected: 'taken over',
    play: async (stage) => {
      const proxy = await bytesBetween();
      await startPair(stage, { alice: { server: proxy.server, ignoreTerm: true } });
      const at = Date.now();
      proxy.refuse();
      proxy.reset();
      return await takenOver(stage, at);
    },
  },
  {
    row: '35c', fault: 'half-open: the server closes, the client hears nothing',
    expected: 'same command, on a new connection',
    play: async (stage) => {
      const proxy = await bytesBetween();
      const pair = await startPair(stage, { alice: { server: proxy.server, timing } });
      const at = Date.now();
      proxy.cut('server');
      const recovered = await renewedAgain(pair.alice);
      await expectKept(stage, pair);
      return { recoverMs: recovered - at };
    },
  },
  {
    row: '35d', fault: 'a certificate of an authority that nobody knows', expected: 'says why, ends with 125',
    play: async (stage) => {
      const meddler = await meddlerBetween(stage);
      const trusting = meddler.kubeconfig(stage.namespace);
      const other = client.kubeconfig({ user: 'worker', namespace: stage.namespace });
      const ca = /certificate-authority-data: .*/.exec(other)?.[0] ?? '';
      const kubeconfig = await stage.file('untrusting.kubeconfig', trusting.replace(/certificate-authority-data: .*/, ca));
      const bob = await stage.start('bob', { kubeconfig, flags: ['--wait', '2s'] });
      expect((await bob.end()).status).toBe(125);
      expect((await bob.event('trouble')).message).toMatch(/certificate/);
      expect(meddler.seen).toEqual([]);
      const at = Date.now();
      const alice = await stage.start('alice', { kubeconfig: meddler.file });
      await stage.stamps.started('alice');
      return { recoverMs: (await alice.event('elected')).at - at };
    },
  },
  ...(['+3600', '-3600'] as const).map((jump) => ({
    row: jump === '+3600' ? '32a' : '32b', fault: `the leader's wall clock jumps by ${jump} s`,
    expected: 'same command',
    play: async (stage: Stage) => {
      const { env, command, set } = await faked(stage, 'alice', '+0');
      const pair = await startPair(stage, { alice: { env: { ...env, FAKETIME_DONT_FAKE_MONOTONIC: '1' }, command } });
      await set(jump);
      // Its log tells the time it believes, so the Lease shows that it goes on.
      const before = await stage.lease.renewedAt();
      const moved = async () => Math.abs((await stage.lease.renewedAt()) - before) > 3_000_000;
      await until('a renewal at the new time', moved);
      const from = pair.bob.events.length;
      const settled = Date.now();
      await until('another lease', () => Date.now() > settled + 1.5 * short.leaseMs);
      expect(pair.bob.events.slice(from).filter(({ event }) => event === 'taking')).toEqual([]);
      await expectKept(stage, pair);
      return { recoverMs: 0 };
    },
  })),
  ...(['x1.2', 'x0.8'] as const).map((rate) => ({
    row: rate === 'x1.2' ? '33a' : '33b', fault: `the leader's timers run ${rate}, then it is cut off`,
    expected: 'ended in time, by boot time',
    play: async (stage: Stage) => {
      const proxy = await bytesBetween();
      const { env, command } = await faked(stage, 'alice', `+0 ${rate}`);
      const { alice } = await startPair(stage, { alice: { env, command, server: proxy.server } });
      const before = await stage.lease.read();
      const at = Date.now();
      proxy.blackhole();
      expect(before).toBeDefined();
      await alice.event('lost');
      return await takenOver(stage, at);
    },
  })),
];

frame('the fault matrix', closing, (connected) => (client = connected), (play) => {
  test.for([...rows, ...rows.map(inPod)])('row $row: $fault: $expected', async ({ needs, ...row }, { skip }) => {
    if (row.row.startsWith('32') || row.row.startsWith('33')) skip(fakeTime() === undefined, 'libfaketime is not installed');
    const lacking = needs?.();
    skip(lacking !== undefined, lacking);
    await play(row);
  });
});

/** A candidate whose clocks are libfaketime's, and whose command's are not. */
async function faked(stage: Stage, name: string, time: string) {
  const file = await stage.file('faketime', time);
  const env = {
    LD_PRELOAD: fakeTime() ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_FORCE_MONOTONIC_FIX: '1',
  };
  const command = ['env', '-u', 'LD_PRELOAD', ...stage.stamps.command(name, { ignoreTerm: true })];
  return { env, command, set: (text: string) => stage.file('faketime', text) };
}

function fakeTime(): string | undefined {
  const roots = existsSync('/usr/lib') ? readdirSync('/usr/lib').map((name) => `/usr/lib/${name}`) : [];
  return roots.map((root) => `${root}/faketime/libfaketimeMT.so.1`).find((file) => existsSync(file));
}

/** The shell among its children that holds the guardian's text. */
function guardianOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const command = (child: number): string => readFileSync(`/proc/${child}/cmdline`, 'utf8');
  const guardian = children.find((child) => command(child).includes('leader-run guardian'));
  if (guardian === undefined) throw new Error(`process ${pid} has no guardian`);
  return guardian;
}
