// The lock as one candidate's client sees it: requests travel to the simulated store and answers back, through the
// weather of the scenario. Decides the fate of each message: lost, late, held, sent twice, answered with an error, or
// applied long after its client gave up. Knows no elector.
// Invariants: `refused` is answered only for what was not applied by that copy; whatever happens, the client's own
// limit ends its waiting; one write at a time leaves a candidate.

import type {
  Attempt,
  Lock,
  ReadAnswer,
  RehearsalAnswer,
  Trouble,
  WatchNews,
  WriteAnswer,
  WriteFailure,
  WriteRequest,
} from '../../src/locks/lock.ts';
import type { Dice } from '../helpers/dice.ts';
import type { Process } from './host.ts';
import { type JobJudge, serverWall } from './job-oracle.ts';
import type { Oracle, Runner } from './oracle.ts';
import type { Fault, Weather } from './scenario.ts';
import { compare, sightingOf, type Stored, type Store } from './store.ts';
import { followStore } from './watches.ts';
import type { World } from './world.ts';

/** More requests than this within a second are a loop, whatever they are for. */
const mostPerSecond = 60;

export interface Net {
  readonly world: World;
  readonly store: Store;
  readonly oracle: Oracle;
  readonly faults: readonly Fault[];
  /** Credentials take this long to fetch, now and then. */
  readonly credentialsMs: number;
  /** Who stands for a coordinated lock: the names of those that have seen it, once they are dead for a while too. */
  readonly standing: Set<string>;
  readonly jobs?: JobJudge | undefined;
}

/** What becomes of a message; undefined milliseconds: lost. */
interface Fate {
  requestMs: number | undefined;
  answerMs: number | undefined;
  /** A second copy, so much later than the first. */
  copyMs: number | undefined;
  error:
    | {
        readonly cause: Trouble['cause'] | 'conflict' | 'stale';
        readonly applied: boolean;
        readonly retryAfterMs?: number;
      }
    | undefined;
  /** The connection breaks so long after the sending. */
  brokenMs: number | undefined;
  /** No connection at all. */
  refused: boolean;
}

type Reply =
  | { readonly kind: 'trouble'; readonly trouble: Trouble; readonly sure: boolean }
  | { readonly kind: 'served'; readonly result: Served };
type Served = Stored | 'conflict' | 'absent';

export class SimLock implements Lock {
  readonly name = 'lease default/demo';
  readonly where = 'simulation';
  readonly #net: Net;
  readonly #process: Process;
  readonly #runner: Runner;
  readonly #index: number;
  readonly #latencyMs: number;
  readonly #dice: Dice;
  readonly #watches: boolean;
  /** Its name, where a coordinator assigns the lock. */
  readonly #stands: string | undefined;
  readonly coordinated: boolean;
  #count = 0;
  #writingUntil = -Infinity;
  #recent: number[] = [];
  /** What was delivered last, for the oracle's P6. */
  onNews: (news: ReadAnswer | WriteAnswer | WatchNews) => void = () => undefined;

  constructor(
    net: Net,
    process: Process,
    runner: Runner,
    about: { index: number; latencyMs: number; watches: boolean; stands?: string | undefined },
    dice: Dice,
  ) {
    this.#net = net;
    this.#process = process;
    this.#runner = runner;
    this.#index = about.index;
    this.#latencyMs = about.latencyMs;
    this.#watches = about.watches;
    this.#stands = about.stands;
    this.coordinated = about.stands !== undefined;
    this.#dice = dice;
  }

  async read({ limitMs }: Attempt): Promise<ReadAnswer> {
    const reply = await this.#request(
      'read',
      limitMs,
      () => undefined,
      () => this.#net.store.current ?? 'absent',
    );
    if (reply.kind === 'trouble') return { kind: 'failed', trouble: reply.trouble };
    if (reply.result === 'conflict') return { kind: 'failed', trouble: trouble('server') };
    const stands = this.#stands;
    if (stands !== undefined) this.#net.world.in(this.#latencyMs, () => this.#net.standing.add(stands));
    return {
      kind: 'sighted',
      sighting: sightingOf(reply.result === 'absent' ? undefined : reply.result, this.#net.world.now, stands),
      dateMs: Math.floor((serverWall + this.#net.world.now) / 1000) * 1000,
    };
  }

  async write(request: WriteRequest, { limitMs, sending }: Attempt): Promise<WriteAnswer> {
    const { world, store, oracle } = this.#net;
    const process = this.#process;
    // After a stall the elector may find that a limit is over before the client here finds the same.
    if (process.clock.now().mono < this.#writingUntil)
      world.fail(`P5: ${this.#runner.name} sends a write while another is under way`);
    this.#writingUntil = process.clock.now().mono + limitMs;
    const send = (): void => {
      sending?.();
      oracle.sending(this.#runner, request);
    };
    const serve = (): Served => {
      const before = store.current;
      const result = store.write(request, world.now);
      if (result !== 'conflict') {
        oracle.applied(result);
        this.#net.jobs?.wrote(before ?? {}, result, request);
      }
      const { number } = request.signature;
      const { holderIdentity } = request.record;
      world.tell(
        `store: ${this.#runner.name} write ${number} (${holderIdentity}) ${result === 'conflict' ? result : `is version ${result.version}`}`,
      );
      return result;
    };
    const reply = await this.#request('write', limitMs, send, serve);
    this.#writingUntil = -Infinity;
    return answerTo(reply, world.now, this.#stands);
  }

  async rehearse(_request: WriteRequest, { limitMs, sending }: Attempt): Promise<RehearsalAnswer> {
    const reply = await this.#request(
      'rehearse',
      limitMs,
      () => sending?.(),
      () => 'absent',
    );
    return reply.kind === 'served' ? { kind: 'allowed' } : failureIn(reply);
  }

  watch(tell: (news: WatchNews) => void): () => void {
    if (!this.#watches) {
      this.#process.enter(() => tell({ kind: 'down', forbidden: true, message: 'forbidden' }));
      return () => undefined;
    }
    const weather = (kind: Weather): Fault | undefined => this.#weather().find((fault) => fault.kind === kind);
    const hear = (news: WatchNews): void => {
      this.onNews(news);
      tell(news);
    };
    return followStore({
      net: this.#net,
      process: this.#process,
      dice: this.#dice.of(1, (this.#count += 1)),
      latencyMs: this.#latencyMs,
      weather,
      stands: this.#stands,
      tell: hear,
    });
  }

  compare = compare;

  close(): void {
    this.#process.kill();
  }

  #request(
    kind: 'read' | 'write' | 'rehearse',
    limitMs: number,
    send: () => void,
    serve: () => Served,
  ): Promise<Reply> {
    const { world } = this.#net;
    const process = this.#process;
    const dice = this.#dice.of(2, (this.#count += 1));
    this.#boundRate();
    return new Promise((resolve) => {
      let settled = false;
      const settle = (reply: Reply, how: string): void => {
        process.enter(() => {
          if (settled) return;
          settled = true;
          cancel();
          world.tell(`${this.#runner.name}: ${kind} ${how}`);
          resolve(reply);
        });
      };
      const cancel = process.clock.after(limitMs, () => {
        settle({ kind: 'trouble', trouble: trouble('timeout'), sure: kind === 'read' }, 'times out');
      });
      // Now and then credentials have to be fetched first.
      const preparingMs = dice.chance(0, 0.03) ? dice.between(1, 1, this.#net.credentialsMs) : 0;
      const go = (): void => {
        if (settled) return;
        const fate = this.#fate(dice);
        if (fate.refused)
          return void world.in(1, () =>
            settle({ kind: 'trouble', trouble: trouble('unreachable'), sure: true }, 'is refused'),
          );
        send();
        this.#travel(fate, serve, settle);
      };
      if (preparingMs > 0) world.in(preparingMs, () => process.enter(go));
      else go();
    });
  }

  #travel(fate: Fate, serve: () => Served, settle: (reply: Reply, how: string) => void): void {
    const { world } = this.#net;
    const { requestMs, answerMs, copyMs, error, brokenMs } = fate;
    if (brokenMs !== undefined) {
      world.in(brokenMs, () => settle({ kind: 'trouble', trouble: trouble('unreachable'), sure: false }, 'breaks off'));
    }
    if (requestMs === undefined) return;
    const arrive = (): void => {
      if (this.#isDown()) {
        const reply: Reply = { kind: 'trouble', trouble: trouble('unreachable'), sure: true };
        return void (answerMs !== undefined && world.in(answerMs, () => settle(reply, 'finds no server')));
      }
      const result = error && !error.applied ? undefined : serve();
      if (answerMs === undefined) return;
      world.in(answerMs, () => {
        if (error?.cause === 'stale')
          settle({ kind: 'served', result: this.#net.store.current ?? 'absent' }, 'is answered with what was there');
        else if (error) settle(failure(error), `is answered ${error.cause}`);
        else if (result !== undefined)
          settle(
            { kind: 'served', result },
            `is answered ${typeof result === 'string' ? result : `version ${result.version}`}`,
          );
      });
    };
    world.in(requestMs, arrive);
    if (copyMs !== undefined) world.in(requestMs + copyMs, arrive);
  }

  #fate(dice: Dice): Fate {
    const ms = this.#latencyMs;
    const fate: Fate = {
      requestMs: dice.skewed(10, ms * 0.3, ms * 2),
      answerMs: dice.skewed(11, ms * 0.3, ms * 2),
      copyMs: undefined,
      error: undefined,
      brokenMs: undefined,
      refused: false,
    };
    const add = (to: 'requestMs' | 'answerMs', more: number): void => {
      const before = fate[to];
      if (before !== undefined) fate[to] = before + more;
    };
    for (const [i, fault] of this.#weather().entries()) {
      const roll = dice.of(i);
      const leftMs = fault.at + fault.forMs - this.#net.world.now;
      const strikes = roll.chance(0, 0.3 + 0.7 * fault.level);
      const heldMs = roll.chance(1, 0.5) ? leftMs + roll.between(2, 0, 1_000) : roll.between(3, 0, leftMs * 1.5);
      if (strikes && (fault.kind === 'cut-requests' || fault.kind === 'cut-both')) fate.requestMs = undefined;
      if (strikes && (fault.kind === 'cut-answers' || fault.kind === 'cut-both')) fate.answerMs = undefined;
      if (fault.kind === 'slow') {
        add('requestMs', roll.between(4, 0, 4_000 * fault.level));
        add('answerMs', roll.between(5, 0, 4_000 * fault.level));
      }
      if (strikes && fault.kind === 'hold-requests') add('requestMs', heldMs);
      if (strikes && fault.kind === 'hold-answers') add('answerMs', heldMs);
      if (strikes && fault.kind === 'errors') fate.error = errorOf(roll);
      if (strikes && fault.kind === 'duplicates') fate.copyMs = roll.skewed(6, 0.5, 8_000);
      if (strikes && fault.kind === 'refused') fate.refused = true;
      if (strikes && fault.kind === 'resets') fate.brokenMs = roll.between(7, 0, ms * 3);
    }
    return fate;
  }

  #weather(): Fault[] {
    const { now } = this.#net.world;
    return this.#net.faults.filter(({ on, at, forMs }) => on === this.#index && at <= now && now < at + forMs);
  }

  #isDown(): boolean {
    return this.#net.faults.some((fault) => isDown(fault, this.#net.world.now));
  }

  #boundRate(): void {
    const { world } = this.#net;
    this.#recent.push(world.now);
    if (this.#recent.length <= mostPerSecond) return;
    const first = this.#recent.shift() ?? 0;
    if (world.now - first < 1000)
      world.fail(`${this.#runner.name} sends more than ${mostPerSecond} requests within a second`);
  }
}

/** A server that restarts takes every connection with it. */
export function isDown({ kind, at, forMs }: Fault, now: number): boolean {
  return kind === 'server-down' && at <= now && now < at + Math.min(forMs, 20_000);
}

function answerTo(reply: Reply, now: number, stands: string | undefined): WriteAnswer {
  if (reply.kind === 'trouble') return failureIn(reply);
  const { result } = reply;
  if (result === 'conflict' || result === 'absent') return { kind: 'conflict' };
  return { kind: 'stored', sighting: sightingOf(result, now, stands) };
}

function failureIn({ trouble, sure }: Extract<Reply, { kind: 'trouble' }>): WriteFailure {
  if (trouble.message === 'conflict') return { kind: 'conflict' };
  return { kind: sure ? 'refused' : 'unknown', trouble };
}

function failure({ cause, applied, retryAfterMs }: NonNullable<Fate['error']>): Reply {
  if (cause === 'conflict' || cause === 'stale')
    return { kind: 'trouble', trouble: { cause: 'server', message: 'conflict' }, sure: true };
  const sure = !applied && cause !== 'server' && cause !== 'garbled';
  return { kind: 'trouble', trouble: { ...trouble(cause), ...(retryAfterMs !== undefined && { retryAfterMs }) }, sure };
}

function errorOf(roll: Dice): NonNullable<Fate['error']> {
  const cause = roll.pick(20, [
    'unauthorized',
    'forbidden',
    'no-namespace',
    'throttled',
    'invalid',
    'server',
    'server',
    'garbled',
    'conflict',
    'stale',
  ] as const);
  const applied = (cause === 'server' || cause === 'garbled') && roll.chance(21, 0.5);
  if (cause === 'throttled')
    return { cause, applied, retryAfterMs: roll.pick(22, [1_000, 1_000, 30_000, 3_600_000] as const) };
  return { cause, applied };
}

function trouble(cause: Trouble['cause']): Trouble {
  return { cause, message: cause };
}
