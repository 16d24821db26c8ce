// Our LeaseCandidate over time: it is renewed long before the server drops it, and each of the server's questions is
// answered, also one that comes while another answer is under way. The test answers each request by hand and lets
// time pass by hand; what the server makes of it is tested on a real one (test/cluster/coordinated.test.ts).
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/clock.ts';
import type { Answer, Call, Following, Transport } from '../../../src/kube-api/transport.ts';
import { LeaseCandidate } from '../../../src/locks/kube/lease-candidate.ts';
import { settled } from '../../helpers/manual-clock.ts';
import { until } from '../../helpers/wait.ts';

/** A candidate that has not been heard of for so long is dropped (LeaseCandidateGCController). */
const droppedAfterMs = 30 * 60_000;
/** So long the server waits for the answer to a ping. */
const answerWithinMs = 5_000;

interface Spec {
  readonly renewTime?: string;
  readonly pingTime?: string;
}

function bodyOf(spec: Spec): string {
  const metadata = { name: 'alice', namespace: 'default', uid: 'u', resourceVersion: '7' };
  return JSON.stringify({
    apiVersion: 'coordination.k8s.io/v1beta1',
    kind: 'LeaseCandidate',
    metadata,
    spec: { leaseName: 'demo', ...spec },
  });
}

class Server {
  readonly calls: Call[] = [];
  /** What it holds. */
  spec: Spec = { renewTime: '2026-01-01T00:00:00.000000Z' };
  /** Whether writes are answered by the test. */
  holds = false;
  /** Whether a watch is answered with 403. */
  forbids = false;
  watches = 0;
  readonly warnings: string[] = [];
  readonly #held: (() => void)[] = [];
  #following: Following | undefined;
  readonly #timers: { readonly ms: number; readonly act: () => void }[] = [];

  readonly clock: Clock = {
    now: () => systemClock().now(),
    after: (ms, act) => {
      const timer = { ms, act };
      this.#timers.push(timer);
      return () => void this.#timers.splice(this.#timers.indexOf(timer), 1);
    },
  };

  readonly transport: Transport = {
    where: 'prod:6443',
    request: async (call) => {
      this.calls.push(call);
      if (call.body !== undefined && this.holds) await new Promise<void>((resolve) => this.#held.push(resolve));
      const text = bodyOf(call.body === undefined ? this.spec : (JSON.parse(call.body) as { spec: Spec }).spec);
      return { kind: 'answer', status: 200, headers: {}, text } satisfies Answer;
    },
    follow: (_, following) => {
      this.watches += 1;
      if (this.forbids) {
        const message = 'leasecandidates "alice" is forbidden: User "a" cannot watch resource "leasecandidates"';
        const text = JSON.stringify({ kind: 'Status', reason: 'Forbidden', message });
        return Promise.resolve({ kind: 'answer', status: 403, headers: {}, text } satisfies Answer);
      }
      this.#following = following;
      following.opened();
      return new Promise(() => undefined);
    },
    close: () => undefined,
  };

  get writes(): Spec[] {
    return this.calls.flatMap(({ body }) => (body === undefined ? [] : [(JSON.parse(body) as { spec: Spec }).spec]));
  }

  /** Asks whether the candidate lives. */
  ping(pingTime: string): void {
    this.spec = { ...this.spec, pingTime };
    this.#following?.line(JSON.stringify({ type: 'MODIFIED', object: JSON.parse(bodyOf(this.spec)) as unknown }));
  }

  answerHeld(): void {
    this.#held.shift()?.();
  }

  /** Lets the time pass for which the candidate waits now; tells how long that is. */
  async pass(): Promise<number> {
    await settled();
    expect(this.#timers).toHaveLength(1);
    const [timer] = this.#timers.splice(0);
    timer?.act();
    await settled();
    return timer?.ms ?? Infinity;
  }
}

async function enrolled(server = new Server()): Promise<Server> {
  const versions = { binaryVersion: '1.4.0', emulationVersion: '1.3.0', strategy: 'OldestEmulationVersion' };
  const lock = { namespace: 'default', leaseName: 'demo', identity: 'alice' };
  const { transport, clock, warnings } = server;
  const warn = (message: string): void => void warnings.push(message);
  const candidate = new LeaseCandidate({ ...lock, ...versions, transport, clock, warn });
  expect(await candidate.enrol(1000)).toBeUndefined();
  return server;
}

test('a candidate is renewed again and again, more than twice in the time after which the silent are dropped', async () => {
  const server = await enrolled();
  for (const written of [2, 3, 4]) {
    expect(await server.pass()).toBeLessThan(droppedAfterMs / 2);
    expect(server.writes).toHaveLength(written);
  }
});

test('a ping is answered at once, with a time that is not before it, whatever our clock says', async () => {
  const server = await enrolled();
  server.ping('2099-01-01T00:00:00.000000Z');
  await settled();
  expect(server.writes).toHaveLength(2);
  expect(Date.parse(server.writes.at(-1)?.renewTime ?? '')).toBeGreaterThan(Date.parse('2099-01-01T00:00:00Z'));
});

test('a ping that comes while another is being answered gets an answer of its own in time', async () => {
  const server = await enrolled();
  server.holds = true;
  server.ping('2099-01-01T00:00:00.000000Z');
  await settled();
  server.ping('2099-01-01T00:10:00.000000Z');
  server.answerHeld();
  expect(await server.pass()).toBeLessThan(answerWithinMs / 2);
  expect(Date.parse(server.writes.at(-1)?.renewTime ?? '')).toBeGreaterThan(Date.parse('2099-01-01T00:10:00Z'));
});

test('a candidate that may not watch itself says once what is missing, since the server asks it in vain', async () => {
  const server = new Server();
  server.forbids = true;
  await enrolled(server);
  await until('a third watch, after two that were refused', () => server.watches > 2);
  expect(server.warnings).toEqual([
    expect.stringMatching(/the verb watch on leasecandidates is missing: .*; until then the API server takes this can/),
  ]);
});
