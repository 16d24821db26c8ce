// The end of a command, decided like the election: a pure step from a life and a fact to the next life and the orders
// that follow. Decides when the command's processes are told to end, when they are killed, and when nothing of it is
// left. Knows no process, signal or timer (child.ts has them), nor who leads: the leash and the orders to stop come
// as facts.
// Invariants: what is due is done before anything else is waited for; nothing is disarmed, and no life is over without
// survivors, before a look has found no process; a process that was told to stop keeps that grace for as long as the
// leash allows.

import type { Instant, Now } from '../clock.ts';
import { possiblyElapsed, possiblyPast, shownElapsed } from '../clock.ts';
import type { Event } from '../observe/events.ts';
import { extend, type HeldLeash, type Leash, pull, shorten, untilPull } from './leash.ts';

/** Suspends and late timers are noticed this soon. */
const tickMs = 250;
/** What a command leaves behind that ended unasked gets SIGTERM, and this long. */
export const leftoverGraceMs = 2000;
/** After the command's own end the rest is usually gone at once; then it is looked for less and less often. */
const firstLookMs = 2;
const slowestLookMs = 50;

type Why = Extract<Event, { kind: 'signalled' }>['why'];

/** How the command ended. */
export interface End {
  /** Its exit status; 128 + n when signal n ended it. */
  readonly status: number;
  readonly signal: NodeJS.Signals | undefined;
  /** Processes that SIGKILL did not end within the patience given: the lock must not be released. */
  readonly alive: readonly number[];
  /** Why we ended it unasked: a failure of ours. */
  readonly failure?: string | undefined;
}

export interface StopOrder {
  /** undefined: the command is not told, only killed when the grace is over. */
  readonly signal: NodeJS.Signals | undefined;
  readonly graceMs: number;
  readonly why: Why;
  /** Give up on processes that cannot be killed after so long; undefined: never. */
  readonly patienceMs?: number | undefined;
}

/** The command's whole process group, or the process alone that is the command, which then tells its own. */
export type SignalTo = 'group' | 'command';

/** What does not change while it lives. */
export interface Birth {
  /** The command's pid and process group. */
  readonly pid: number;
  readonly at: Now;
  /** What the leash sends when it is pulled. */
  readonly stopSignal: NodeJS.Signals;
  /** Who is told to stop, and gets messages. */
  readonly signalTo: SignalTo;
  /** One line per lease duration about processes that cannot be killed. */
  readonly leaseDurationMs: number;
  /** We are process 1: each other process in our namespace belongs to the command, too. */
  readonly isInit: boolean;
}

export type Fact =
  | { readonly kind: 'tick' }
  /** A renewal was acknowledged. */
  | { readonly kind: 'leash'; readonly leash: Leash }
  | { readonly kind: 'order'; readonly order: StopOrder }
  /** For the command, whatever it means to it. */
  | { readonly kind: 'message'; readonly signal: NodeJS.Signals }
  /** The process that is the command has ended; others of its tree may not have. */
  | { readonly kind: 'exited'; readonly status: number; readonly signal: NodeJS.Signals | undefined }
  /** What a look found; undefined where no look is possible: then no process is known to be gone. */
  | { readonly kind: 'seen'; readonly members: readonly Member[] | undefined }
  /** There is no guardian to be had. */
  | { readonly kind: 'unguarded'; readonly message: string }
  /** The clock cannot be read: that is a leash that is due. */
  | { readonly kind: 'clockless' }
  | { readonly kind: 'disarmed' }
  /** As process 1: who else is alive. */
  | { readonly kind: 'seen-others'; readonly pids: readonly number[] };

export interface Member {
  readonly pid: number;
  readonly group: number;
  /** It may be a stranger: nobody signals it, and nothing is over while it lives. */
  readonly isUnsure?: boolean;
}

export type Order =
  /** Look, so that no process gets out of sight; then this signal and SIGCONT. */
  | { readonly kind: 'tell'; readonly signal: NodeJS.Signals; readonly to: SignalTo }
  /** SIGTERM and SIGCONT to each. */
  | { readonly kind: 'tell-each'; readonly pids: readonly number[] }
  | { readonly kind: 'pass-on'; readonly signal: NodeJS.Signals; readonly to: SignalTo }
  /** Look; then SIGKILL to the group and to the processes that the look found. */
  | { readonly kind: 'kill' }
  | { readonly kind: 'look' }
  | { readonly kind: 'arm'; readonly guardBy: Instant }
  | { readonly kind: 'disarm' }
  | { readonly kind: 'kill-others' }
  | { readonly kind: 'look-for-others' }
  | { readonly kind: 'report'; readonly event: Event };

interface Alive {
  readonly birth: Birth;
  readonly leash: HeldLeash;
  /** Of the first order that had one. */
  readonly patienceMs: number | undefined;
  /** The reason of the first order with a grace of 0. */
  readonly atOnce: Why | undefined;
  readonly failure: string | undefined;
}

interface Killed {
  readonly at: Now;
  /** How many lease durations had passed since then when the last `unkillable` line was logged. */
  readonly toldLeases: number;
}

interface Exit {
  readonly status: number;
  readonly signal: NodeJS.Signals | undefined;
  /** It ended when its term was over already, by the leash: what ended it is the loss. */
  readonly late: boolean;
}

export type Life =
  | (Alive & { readonly state: 'running' })
  /** It got its signal, and has until the leash or a grace says kill. */
  | (Alive & { readonly state: 'told' })
  /** It got SIGKILL and has not ended. */
  | (Alive & { readonly state: 'killed'; readonly killed: Killed })
  /** The command has ended; others of its tree may live. */
  | (Alive & {
      readonly state: 'clearing';
      readonly exit: Exit;
      /** Which of the processes that are left were told: none, the group with the command, or all. */
      readonly told: 'nobody' | 'group' | 'all';
      readonly killed: Killed | undefined;
      /** The last look found none but processes that may be strangers. */
      readonly isUnsure: boolean;
      readonly lookMs: number;
    })
  /** As process 1: the tree is gone, and each other process is killed. */
  | (Alive & {
      readonly state: 'emptying';
      readonly exit: Exit;
      readonly killed: Killed;
      readonly lookMs: number;
    })
  | { readonly state: 'over'; readonly exit: Exit; readonly end: End };

export interface Step {
  readonly life: Life;
  readonly orders: readonly Order[];
  /** When the next tick is wanted, in milliseconds; undefined when it is over. */
  readonly wakeMs: number | undefined;
}

export function begin(birth: Birth, leash: HeldLeash): Life {
  return { state: 'running', birth, leash, patienceMs: undefined, atOnce: undefined, failure: undefined };
}

export function step(life: Life, fact: Fact, now: Now): Step {
  const turn: Turn = { life, orders: [], now };
  apply(turn, fact);
  if (turn.life.state !== 'over') obeyLeash(turn, turn.life, fact.kind === 'tick');
  return { life: turn.life, orders: turn.orders, wakeMs: wakeMs(turn.life, now) };
}

/** The command ended when its term was over already, even if its exit is noticed before the loss. */
export function outlasted(life: Life): boolean {
  return 'exit' in life && life.exit.late;
}

/** One step in the making. */
interface Turn {
  life: Life;
  readonly orders: Order[];
  readonly now: Now;
}

function apply(turn: Turn, fact: Fact): void {
  const { life, now } = turn;
  if (life.state === 'over') return;
  switch (fact.kind) {
    case 'tick':
      if (life.state === 'clearing') turn.orders.push({ kind: 'look' });
      if (life.state === 'emptying') turn.orders.push({ kind: 'look-for-others' });
      return;
    case 'leash': {
      // The guardian has been let go.
      if (life.state === 'emptying') return;
      const leash = extend(life.leash, fact.leash, now);
      if (leash === life.leash) return;
      turn.life = { ...life, leash };
      turn.orders.push({ kind: 'arm', guardBy: fact.leash.guardBy });
      return;
    }
    case 'order':
      return ordered(turn, life, fact.order);
    case 'unguarded': {
      const order = { signal: undefined, graceMs: 0, why: 'unguarded' } as const;
      return ordered(turn, { ...life, failure: life.failure ?? fact.message }, order);
    }
    case 'clockless':
      turn.life = { ...life, leash: { ...life.leash, graceBy: now } };
      return;
    case 'message':
      if (!hasExited(life)) passOn(turn, life, fact.signal);
      return;
    case 'exited':
      if (!hasExited(life)) exited(turn, life, fact);
      return;
    case 'seen':
      if (life.state === 'clearing') seen(turn, life, fact.members);
      return;
    case 'disarmed':
      if (life.state === 'emptying') turn.orders.push({ kind: 'kill-others' }, { kind: 'look-for-others' });
      return;
    case 'seen-others':
      if (life.state === 'emptying') seenOthers(turn, life, fact.pids);
      return;
  }
  fact satisfies never;
}

/** May come again with a shorter grace; a longer one changes nothing. */
function ordered(turn: Turn, life: Living, { signal, graceMs, why, patienceMs }: StopOrder): void {
  const next = {
    ...life,
    leash: shorten(life.leash, graceMs, turn.now),
    patienceMs: life.patienceMs ?? patienceMs,
    atOnce: life.atOnce ?? (graceMs === 0 ? why : undefined),
  };
  turn.life = next;
  if (next.state === 'running' && signal !== undefined && graceMs > 0) tell(turn, next, signal, why);
}

function exited(turn: Turn, life: Living, { status, signal }: Extract<Fact, { kind: 'exited' }>): void {
  const { now } = turn;
  const { birth, leash, patienceMs, atOnce, failure } = life;
  const exit = { status, signal, late: possiblyPast(now, leash.termBy) };
  const ranMs = shownElapsed(now, birth.at);
  turn.orders.push({ kind: 'report', event: { kind: 'command-ended', pid: birth.pid, status, signal, ranMs } });
  turn.orders.push({ kind: 'look' });
  turn.life = {
    state: 'clearing',
    ...{ birth, patienceMs, atOnce, failure, exit },
    // If the command was told to stop, its other processes keep that grace. If it ended by itself, they get their own.
    leash: life.state === 'running' ? shorten(leash, leftoverGraceMs, now) : leash,
    told: toldUpTo(life),
    killed: life.state === 'killed' ? life.killed : undefined,
    isUnsure: false,
    lookMs: firstLookMs,
  };
}

function toldUpTo({ state, birth }: Living): Clearing['told'] {
  if (state !== 'running' && state !== 'told') return 'all';
  return state === 'told' && birth.signalTo === 'group' ? 'group' : 'nobody';
}

function seen(turn: Turn, life: Clearing, members: readonly Member[] | undefined): void {
  if (members?.length === 0) return cleared(turn, life);
  const alive = members?.map(({ pid }) => pid) ?? [life.birth.pid];
  const isUnsure = members?.every((member) => member.isUnsure === true) ?? false;
  const told = isUnsure ? life.told : toldBy(turn, life, members);
  const next = { ...life, told, isUnsure, lookMs: Math.min(life.lookMs * 2, slowestLookMs) };
  turn.life = next;
  if (life.killed) survived(turn, { ...next, killed: life.killed }, alive);
}

/** Tells those who are left and have not been told; where nobody can look, the group, if that was not. */
function toldBy(turn: Turn, { told, birth }: Clearing, members: readonly Member[] | undefined): Clearing['told'] {
  if (told === 'all' || (told === 'group' && members === undefined)) return told;
  const sure = members?.filter(({ isUnsure }) => isUnsure !== true);
  const untold = told === 'group' ? sure?.filter(({ group }) => group !== birth.pid) : sure;
  const pids = untold?.map(({ pid }) => pid) ?? [-birth.pid];
  if (pids.length > 0) {
    turn.orders.push({ kind: 'tell-each', pids });
    turn.orders.push({ kind: 'report', event: { kind: 'signalled', signal: 'SIGTERM', why: 'left-over' } });
  }
  return members === undefined ? 'group' : 'all';
}

/** Nothing is left of the tree. */
function cleared(turn: Turn, life: Clearing): void {
  turn.orders.push({ kind: 'disarm' });
  // A process without any mark is still in our namespace. The kill of all others ends the guardian, too.
  if (life.birth.isInit)
    turn.life = {
      ...life,
      state: 'emptying',
      killed: life.killed ?? { at: turn.now, toldLeases: 0 },
      lookMs: firstLookMs,
    };
  else over(turn, life, life.exit, []);
}

function seenOthers(turn: Turn, life: Emptying, pids: readonly number[]): void {
  if (pids.length === 0) return over(turn, life, life.exit, []);
  const next = { ...life, lookMs: Math.min(life.lookMs * 2, slowestLookMs) };
  turn.life = next;
  survived(turn, next, pids);
}

/** A process in uninterruptible sleep outlives SIGKILL: say so, and after enough patience say that it is not over. */
function survived(turn: Turn, life: Struck, alive: readonly number[]): void {
  const sinceMs = possiblyElapsed(turn.now, life.killed.at);
  const leases = Math.floor(sinceMs / life.birth.leaseDurationMs);
  if (leases > life.killed.toldLeases) {
    turn.life = { ...life, killed: { ...life.killed, toldLeases: leases } };
    turn.orders.push({ kind: 'report', event: { kind: 'unkillable', pids: alive } });
  }
  if (life.patienceMs === undefined || sinceMs < life.patienceMs) return;
  const neverEnded = { status: sigkilled, signal: undefined, late: false };
  over(turn, life, 'exit' in life ? life.exit : neverEnded, alive);
}

/** As shells say it. */
const sigkilled = 128 + 9;

function over(turn: Turn, { failure }: Alive, exit: Exit, alive: readonly number[]): void {
  const { status, signal } = exit;
  turn.life = { state: 'over', exit, end: { status, signal, alive, failure } };
}

/** What is due by now; a SIGKILL is sent again with each tick. */
function obeyLeash(turn: Turn, life: Living, isTick: boolean): void {
  switch (life.state) {
    case 'running':
    case 'told': {
      const due = pull(life.leash, turn.now);
      if (due === 'kill') kill(turn, life);
      else if (due === 'term' && life.state === 'running') tell(turn, life, life.birth.stopSignal, 'lost');
      return;
    }
    case 'killed':
      if (isTick) turn.orders.push({ kind: 'kill' });
      survived(turn, life, [life.birth.pid]);
      return;
    case 'clearing':
      if (pull(life.leash, turn.now) !== 'kill') return;
      // Its patience begins all the same.
      if (life.killed === undefined && life.isUnsure) turn.life = { ...life, killed: { at: turn.now, toldLeases: 0 } };
      else if (life.killed === undefined) kill(turn, life);
      else if (isTick && !life.isUnsure) turn.orders.push({ kind: 'kill' });
      return;
    case 'emptying':
      if (isTick) turn.orders.push({ kind: 'kill-others' });
      return;
  }
}

function kill(turn: Turn, life: Exclude<Living, Emptying>): void {
  const { now } = turn;
  const killed: Killed = { at: now, toldLeases: 0 };
  const why = life.atOnce ?? (possiblyPast(now, life.leash.killBy) ? 'leash' : 'grace-over');
  turn.orders.push({ kind: 'kill' }, { kind: 'report', event: { kind: 'signalled', signal: 'SIGKILL', why } });
  turn.life = life.state === 'clearing' ? { ...life, killed, told: 'all' } : { ...life, state: 'killed', killed };
}

/** Once per command: by the leash or by the order to stop, whichever comes first. */
function tell(turn: Turn, life: Extract<Life, { state: 'running' }>, signal: NodeJS.Signals, why: Why): void {
  turn.orders.push(
    { kind: 'tell', signal, to: life.birth.signalTo },
    { kind: 'report', event: { kind: 'signalled', signal, why } },
  );
  turn.life = { ...life, state: 'told' };
}

function passOn(turn: Turn, { birth }: Living, signal: NodeJS.Signals): void {
  turn.orders.push({ kind: 'pass-on', signal, to: birth.signalTo });
  turn.orders.push({ kind: 'report', event: { kind: 'signalled', signal, why: 'forwarded' } });
}

function wakeMs(life: Life, now: Now): number | undefined {
  switch (life.state) {
    case 'over':
      return undefined;
    case 'running':
    case 'told':
      return soonest(tickMs, untilPull(life.leash, now));
    case 'killed':
      return tickMs;
    case 'clearing':
      return life.killed ? life.lookMs : soonest(life.lookMs, untilPull(life.leash, now));
    case 'emptying':
      return life.lookMs;
  }
}

/** `untilPullMs` is 0 where nothing is ahead. */
function soonest(atMostMs: number, untilPullMs: number): number {
  return untilPullMs > 0 ? Math.min(atMostMs, untilPullMs) : atMostMs;
}

type Living = Exclude<Life, { state: 'over' }>;
type Clearing = Extract<Life, { state: 'clearing' }>;
type Emptying = Extract<Life, { state: 'emptying' }>;
/** SIGKILL was sent, and a process is alive all the same. */
type Struck = Extract<Life, { state: 'killed' }> | Emptying | (Clearing & { readonly killed: Killed });

function hasExited(life: Life): boolean {
  return 'exit' in life;
}
