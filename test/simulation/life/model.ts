// One command, its processes and its guardian around the shipped life (src/child/life.ts), and everything that may
// happen to them, one happening at a time: orders to stop in any order, renewals, processes that obey, ignore or
// survive signals, a guardian that is lost, looks that fail, a machine that stands still. Decides which happenings
// are possible in a state. Knows no order: the search tries all of them.
// Abstractions: time goes in ticks of half a second; each order to stop comes at most once.
// Invariant: a process that is there is in what a look shows, unless nobody can look.

import type { Now } from '../../../src/clock.ts';
import { hold, type Leash } from '../../../src/child/leash.ts';
import {
  begin, type Fact, type Life, type Member, type Order, type SignalTo, step, type StopOrder,
} from '../../../src/child/life.ts';

/** Milliseconds. */
const tickMs = 500;
export const mainPid = 1;
const graceMs = 1_500;
const lostGraceMs = 500;
const patienceMs = 1_000;

/** The orders of run.ts, and the second Ctrl-C. */
const orders = {
  asked: { signal: 'SIGINT', graceMs, why: 'asked' },
  deposed: { signal: 'SIGTERM', graceMs, why: 'deposed' },
  lost: { signal: 'SIGTERM', graceMs: lostGraceMs, why: 'lost', patienceMs },
  taken: { signal: undefined, graceMs: 0, why: 'lost', patienceMs },
  insisted: { signal: undefined, graceMs: 0, why: 'asked' },
} as const satisfies Record<string, StopOrder>;
type OrderName = keyof typeof orders;

function isToldBy({ pid, group }: Part, to: SignalTo): boolean {
  return to === 'command' ? pid === mainPid : group === mainPid;
}

/** A process of the command, as it really is. */
interface Part {
  readonly pid: number;
  readonly group: number;
  /** Dead, alive, told to end, hit by SIGKILL, or beyond its reach (uninterruptible). */
  readonly state: 'gone' | 'alive' | 'told' | 'struck' | 'stuck';
  /** False: it has shed all marks, and only process 1 finds it, as one of its namespace. */
  readonly isMarked: boolean;
}

export interface Place {
  readonly time: number;
  readonly life: Life;
  readonly parts: readonly Part[];
  /** Its end has been told to the life. */
  readonly heard: boolean;
  readonly given: readonly OrderName[];
  readonly renewals: number;
  readonly isGuardianLost: boolean;
  readonly isClockLost: boolean;
  /** As the life was last armed with: the instants of a leash that was not due when it came. */
  readonly killBy: number;
  /** The shortest grace that was given. */
  readonly graceBy: number;
  /** When the command was told to stop by an order with that grace. */
  readonly askedAt: number | undefined;
  /** A tick is wanted by then. */
  readonly wakeAt: number;
  readonly fault: string | undefined;
}

export interface Limits {
  /** Others besides the main process: in its group, or in one of their own. */
  readonly others: readonly ('in group' | 'apart' | 'unmarked')[];
  readonly ticks: number;
  readonly renewals: number;
  /** So many orders to stop, of any kinds and in any order. */
  readonly orders: number;
  readonly isInit: boolean;
  /** Unset: the group. */
  readonly signalTo?: SignalTo;
}

export type Visit = (move: string, next: Place) => void;

function leashAt(time: number): Leash {
  const at = (ms: number) => ({ mono: time + ms, boot: time + ms });
  return { termBy: at(1_000), killBy: at(2_000), guardBy: at(2_500) };
}

function nowAt(time: number): Now {
  return { mono: time, boot: time, wall: 0 };
}

export class Model {
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  start(): Place {
    const leash = leashAt(0);
    const { isInit, signalTo = 'group' } = this.#limits;
    const common = { pid: mainPid, at: nowAt(0), stopSignal: 'SIGTERM', leaseDurationMs: 1_000 } as const;
    const birth = { ...common, signalTo, isInit };
    const others = this.#limits.others.map((where, i): Part => {
      const pid = mainPid + 1 + i;
      const group = where === 'in group' ? mainPid : pid;
      return { pid, group, state: 'alive', isMarked: where !== 'unmarked' };
    });
    const place: Place = {
      time: 0,
      life: begin(birth, hold(leash)),
      parts: [{ pid: mainPid, group: mainPid, state: 'alive', isMarked: true }, ...others],
      heard: false,
      given: [],
      renewals: 0,
      isGuardianLost: false,
      isClockLost: false,
      killBy: leash.killBy.mono,
      graceBy: Infinity,
      askedAt: undefined,
      wakeAt: 0,
      fault: undefined,
    };
    return this.#feed(place, { kind: 'tick' });
  }

  moves(place: Place, visit: Visit): void {
    const { time, life, parts, given, renewals, heard } = place;
    for (const [i, part] of parts.entries()) {
      // Told or not, a process may end; hit, it ends or proves to be stuck.
      if (part.state === 'alive' || part.state === 'told' || part.state === 'struck') {
        visit(`process ${part.pid} ends`, withPart(place, i, 'gone'));
      }
      if (part.state === 'struck') visit(`process ${part.pid} cannot be killed`, withPart(place, i, 'stuck'));
    }
    if (!heard && parts[0]?.state === 'gone') {
      visit('its end is told', this.#feed({ ...place, heard: true }, { kind: 'exited', status: 0, signal: undefined }));
    }
    if (life.state === 'over') return;
    for (const name of Object.keys(orders) as OrderName[]) {
      if (given.includes(name) || given.length === this.#limits.orders) continue;
      const order = orders[name];
      const told = order.graceMs === graceMs && life.state === 'running' ? time : undefined;
      const graceBy = Math.min(place.graceBy, time + order.graceMs);
      const next = { ...place, given: [...given, name].sort(), askedAt: place.askedAt ?? told, graceBy };
      visit(`order: ${name}`, this.#feed(next, { kind: 'order', order }));
    }
    if (renewals < this.#limits.renewals) {
      visit('a renewal', this.#feed({ ...place, renewals: renewals + 1 }, { kind: 'leash', leash: leashAt(time) }));
    }
    if (!place.isGuardianLost) {
      const next = { ...place, isGuardianLost: true, graceBy: Math.min(place.graceBy, time) };
      visit('no guardian is to be had', this.#feed(next, { kind: 'unguarded', message: 'lost' }));
    }
    if (!place.isClockLost) {
      const next = { ...place, isClockLost: true, graceBy: Math.min(place.graceBy, time) };
      visit('the clock cannot be read', this.#feed(next, { kind: 'clockless' }));
    }
    if (time < this.#limits.ticks * tickMs) {
      visit('time passes', this.#wake({ ...place, time: time + tickMs }, true));
      visit('time passes, and nobody can look', this.#wake({ ...place, time: time + tickMs }, false));
    }
  }

  /** A tick when one is wanted; its looks show what is there, or nothing. */
  #wake(place: Place, canLook: boolean): Place {
    return place.time >= place.wakeAt ? this.#feed(place, { kind: 'tick' }, canLook) : place;
  }

  #feed(place: Place, fact: Fact, canLook = true): Place {
    const facts = [fact];
    let next = place;
    for (let one = facts.shift(); one; one = facts.shift()) {
      if (next.life.state === 'over') break;
      const { life, orders: given, wakeMs } = step(next.life, one, nowAt(next.time));
      next = { ...next, life, wakeAt: next.time + (wakeMs ?? Infinity) };
      for (const order of given) next = this.#perform(next, order, facts, canLook);
      next = judged(next, given, this.#limits.isInit);
    }
    return next;
  }

  #perform(place: Place, order: Order, facts: Fact[], canLook: boolean): Place {
    const { parts } = place;
    switch (order.kind) {
      case 'tell':
        return { ...place, parts: parts.map((part) => (isToldBy(part, order.to) ? told(part) : part)) };
      case 'tell-each':
        return { ...place, parts: parts.map((part) => (isAmong(part, order.pids) ? told(part) : part)) };
      case 'kill':
        return {
          ...place,
          parts: parts.map((part) => ((canLook && part.isMarked) || part.group === mainPid ? struck(part) : part)),
        };
      case 'look':
        facts.push({ kind: 'seen', members: canLook ? membersOf(place) : undefined });
        return place;
      case 'arm':
        // As in leashAt.
        return { ...place, killBy: order.guardBy.mono - 500 };
      case 'disarm': {
        facts.push({ kind: 'disarmed' });
        const fault = membersOf(place).length === 0 ? undefined : 'the guardian is let go while a process is alive';
        return { ...place, fault: place.fault ?? fault };
      }
      case 'kill-others':
        return { ...place, parts: parts.map(struck) };
      case 'look-for-others':
        facts.push({ kind: 'seen-others', pids: parts.filter(isThere).map(({ pid }) => pid) });
        return place;
      case 'pass-on':
      case 'report':
        return place;
    }
  }
}

/** What may never be, by what really lives and not by what the life says of itself. */
function judged(place: Place, given: readonly Order[], isInit: boolean): Place {
  const { life, time, killBy, graceBy, askedAt, parts } = place;
  const faults: string[] = [];
  const kills = given.some(({ kind }) => kind === 'kill');
  const alive = parts.filter((part) => isThere(part) && (isInit || part.isMarked));
  if (life.state === 'over' && life.end.alive.length === 0 && alive.length > 0) faults.push('over while a process is alive');
  const isGoingOn = ({ state, group }: Part): boolean => group === mainPid && (state === 'alive' || state === 'told');
  if (life.state !== 'over' && time >= Math.min(killBy, graceBy) && parts.some(isGoingOn))
    faults.push('a process of the group goes on past its leash or its grace');
  const isUntold = ({ state, isMarked }: Part): boolean => state === 'alive' && isMarked;
  if (life.state === 'clearing' && life.told === 'all' && !life.killed && parts.some(isUntold))
    faults.push('a process is left and has not been told');
  const mayHurry =
    place.isGuardianLost || place.isClockLost || place.given.some((name) => name !== 'asked' && name !== 'deposed');
  const isEarly = askedAt !== undefined && time < askedAt + graceMs && time < killBy;
  if (kills && isEarly && !mayHurry) faults.push('killed within its grace');
  return { ...place, fault: place.fault ?? faults[0] };
}

function withPart(place: Place, at: number, state: Part['state']): Place {
  return { ...place, parts: place.parts.map((part, i) => (i === at ? { ...part, state } : part)) };
}

function told(part: Part): Part {
  return part.state === 'alive' ? { ...part, state: 'told' } : part;
}

function struck(part: Part): Part {
  return part.state === 'alive' || part.state === 'told' ? { ...part, state: 'struck' } : part;
}

function isAmong({ pid, group }: Part, pids: readonly number[]): boolean {
  return pids.includes(pid) || pids.includes(-group);
}

/** The main process is not a member once it has ended, whether that was heard or not. */
function membersOf({ parts }: Place): Member[] {
  return parts.filter((part) => isThere(part) && part.isMarked).map(({ pid, group }) => ({ pid, group }));
}

function isThere({ state }: Part): boolean {
  return state !== 'gone';
}
