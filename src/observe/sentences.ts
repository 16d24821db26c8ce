// What each event is called for people, and how much it matters: the face of the program in its log. Decides words and
// levels, in the words of the glossary, with numbers and units. Knows no format, colour or place.
// Invariant: every kind of event has a sentence of one line, and all text in it that is not ours went through
// `printable`.

import type { Event } from './events.ts';
import { nameCap, printable } from '../common/printable.ts';
import { count, span } from '../common/quantity.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export function levelOf(event: Event): LogLevel {
  switch (event.kind) {
    case 'renewed':
    case 'race-lost':
    case 'watch-up':
    case 'work-ended':
      return 'debug';
    case 'watch-down':
      // One that is forbidden makes take-overs late for good; another is told once for each reason.
      return event.forbidden ? 'warn' : 'info';
    case 'watch-mute':
    case 'trouble':
    case 'lost':
    case 'vanished':
    case 'unreadable':
    case 'long-lease':
    case 'release-failed':
    case 'unkillable':
    case 'guardian-replaced':
      return 'warn';
    case 'deposed':
      return event.by === 'health' ? 'warn' : 'info';
    case 'own-name':
      return event.moving || event.whose === 'unsigned' ? 'warn' : 'info';
    case 'pid-1':
      return event.zombies > 0 ? 'warn' : 'info';
    case 'signalled':
      return ['leash', 'grace-over', 'unguarded', 'max-runtime'].includes(event.why) ? 'warn' : 'info';
    case 'skipped':
      return 'warn';
    case 'attempt-ended':
      return event.stored && event.outcome === 'ok' ? 'info' : 'warn';
    case 'note':
      return event.level;
    case 'exit':
      if (event.status >= 125 && event.status <= 127) return 'error';
      // A tick that ran elsewhere, or nowhere; with --conflict-exit-code 0 it is as it should be.
      return event.skipped === true && event.status !== 0 ? 'warn' : 'info';
    case 'started':
    case 'standing-by':
    case 'taking':
    case 'elected':
    case 'recovered':
    case 'paused':
    case 'resumed':
    case 'released':
    case 'holding':
    case 'left-held':
    case 'attempt':
    case 'schedule':
    case 'waiting':
    case 'command-started':
    case 'command-ended':
    case 'ignored-signal':
      return 'info';
  }
  event satisfies never;
}

/** What happened, in one line for people. */
export function sentence(event: Event): string {
  switch (event.kind) {
    case 'started':
      return (
        `candidate for ${printable(event.lock)} at ${printable(event.where)} as ${name(event.identity)}; ` +
        (event.guardian === 'off'
          ? 'no guardian: the command lives on if leader-run is killed'
          : `guardian: ${printable(event.guardian)}`)
      );
    case 'standing-by': {
      const since = event.since === '' ? '' : ` since ${printable(event.since)}`;
      const foreign = event.foreign ? ' (not a leader-run)' : '';
      return `standing by: ${name(event.leader)}${foreign} leads${since} with a lease of ${span(event.durationMs)}`;
    }
    case 'taking':
      return {
        absent: 'the lock does not exist yet: creating it',
        released: 'the lock is free: taking it',
        expired: `the lease of ${name(event.leader)} has ended: taking the lock`,
        own: 'the lock is still ours: taking it again for a new term',
        invited: 'the API server has chosen us: taking the lock',
      }[event.from];
    case 'elected': {
      const handOver = event.handOverMs === undefined ? '' : `, ${span(event.handOverMs)} after it was seen free`;
      const transitions = count(event.transitions, 'transition');
      return `elected${handOver}: leading with token ${printable(event.token)} after ${transitions}`;
    }
    case 'renewed':
      return `renewed in ${span(event.latencyMs)}`;
    case 'race-lost':
      return 'another candidate was faster';
    case 'trouble': {
      const what = unended(event.trouble.message);
      if (event.doing === 'rehearse') return `this candidate could not take over: ${what}`;
      if (event.leftMs === undefined) return `${what}; trying again`;
      return `${what}; the lock is lost in ${span(event.leftMs)} unless a renewal succeeds`;
    }
    case 'recovered':
      return `the lock answers again, after ${span(event.afterMs)}`;
    case 'lost':
      return lostSentence(event);
    case 'deposed': {
      const whys = {
        coordinator: 'the API server prefers another leader',
        'step-down': `asked to step down${because(event.reason)}`,
        pause: `the lock is paused${until(event.until)}${because(event.reason)}`,
        health: `the command is not healthy${because(event.reason)}`,
      } satisfies Record<typeof event.by, string>;
      return `${whys[event.by]}: stopping the command, then releasing the lock`;
    }
    case 'paused':
      return `the lock is paused${until(event.until)}${because(event.reason)}: not taking it`;
    case 'resumed':
      return 'the lock is paused no more';
    case 'vanished':
      if (event.leading) return 'the lock was deleted: creating it again within this term';
      if (event.waitMs > 0) return `the lock was deleted: its holder may still lead, so waiting ${span(event.waitMs)}`;
      return 'the lock was deleted';
    case 'own-name':
      return ownName(event);
    case 'unreadable':
      return `the lock holds something that is not a record, so it counts as held: ${printable(event.text)}`;
    case 'long-lease':
      return `${name(event.leader)} holds a lease of ${span(event.durationMs)}: waiting that long after its last renewal`;
    case 'watch-down':
      return event.forbidden
        ? `not allowed to watch the lock, so looking at it now and then: ${unended(event.message)}`
        : `the watch ended, looking now and then until it is back: ${unended(event.message)}`;
    case 'watch-up':
      return 'watching the lock';
    case 'watch-mute':
      return 'the watch is open and tells nothing, perhaps for a proxy that keeps answers back: looking now and then';
    case 'released':
      return 'released the lock';
    case 'release-failed':
      return `could not release the lock, which is free in ${span(event.freeInMs)}: ${unended(event.message)}`;
    case 'holding':
      return `keeping the lock for ${span(event.forMs)} more`;
    case 'left-held':
      return `left the lock held for ${span(event.forMs)} more, without renewals`;
    case 'attempt': {
      const of = event.attempts === undefined ? '' : ` of ${String(event.attempts)}`;
      return `running for key ${printable(event.key)}: attempt ${String(event.attempt)}${of}`;
    }
    case 'attempt-ended':
      return event.stored
        ? `noted at the lock: key ${printable(event.key)} is ${printable(event.outcome)}`
        : `could not note at the lock that key ${printable(event.key)} is ${printable(event.outcome)}: it counts as an attempt whose end is not known`;
    case 'schedule':
      return `the ticks of ${printable(event.schedule)} count from now on`;
    case 'waiting':
      return event.next === ''
        ? `waiting: ${printable(event.schedule)} never comes again`
        : `waiting for the next tick of ${printable(event.schedule)}, at ${printable(event.next)}`;
    case 'skipped': {
      const ticks =
        event.count === 1
          ? `tick ${printable(event.key)}`
          : `${count(event.count, 'tick')} up to ${printable(event.key)}`;
      return `skipped ${ticks}: ${skipReasons[event.why]}`;
    }
    case 'command-started':
      return `started ${printable(event.command)} as process ${String(event.pid)}`;
    case 'command-ended': {
      const how = event.signal === undefined ? `with status ${String(event.status)}` : `of ${printable(event.signal)}`;
      return `the command ended ${how} after ${span(event.ranMs)}`;
    }
    case 'work-ended':
      return `the run of the command is over: ${printable(event.how)}`;
    case 'signalled':
      return `${printable(event.signal)} ${signalReasons[event.why]}`;
    case 'unkillable':
      return `SIGKILL does not end ${processes(event.pids)}, or may not be sent; the lock is not released while they live`;
    case 'guardian-replaced':
      return `started a new guardian: ${unended(event.why)}`;
    case 'ignored-signal':
      return stopping.has(event.signal)
        ? `ignored ${event.signal}: a stopped leader-run could not renew`
        : `ignored ${printable(event.signal)}`;
    case 'pid-1':
      return event.zombies > 0
        ? `running as process 1 with ${count(event.zombies, 'unreaped zombie')}: put an init such as tini in front`
        : 'running as process 1, which reaps no zombies: put an init such as tini in front if the command forks';
    case 'note':
      return unended(event.message);
    case 'exit':
      return `exit status ${String(event.status)}: ${unended(event.reason)}`;
  }
  event satisfies never;
}

const stopping: ReadonlySet<string> = new Set(['SIGTSTP', 'SIGTTIN', 'SIGTTOU']);

const signalReasons: Record<Extract<Event, { kind: 'signalled' }>['why'], string> = {
  forwarded: 'passed on to the command',
  asked: 'to the command: leader-run was asked to stop',
  deposed: 'to the command: another is to lead',
  lost: 'to the command: leadership is lost',
  replaced: 'to the command: its next tick has come',
  'max-runtime': 'to the command: it ran for as long as --max-runtime allows',
  'grace-over': 'to the command: its grace is over',
  'left-over': 'to what the command left running',
  leash: 'to the command: others may take the lock soon',
  unguarded: 'to the command: nothing would end it if leader-run could not',
};

const skipReasons: Record<Extract<Event, { kind: 'skipped' }>['why'], string> = {
  missed: 'no candidate was there to run it, or only the last one is caught up with',
  overlap: 'the command was still running',
  paused: 'the lock was paused',
  late: 'it is older than --start-deadline',
};

function lostSentence({ reason, holder, sinceRenewalMs }: Extract<Event, { kind: 'lost' }>): string {
  const renewed = `the last renewal was ${span(sinceRenewalMs)} ago`;
  const whys = {
    deadline: renewed,
    taken: `${holder === '' ? 'another process emptied the record' : `${name(holder)} holds the lock`}; ${renewed}`,
    recreated: `the lock was deleted and made again by ${name(holder)}; ${renewed}`,
    edited: `the record that we wrote was changed by another program, a person or a policy; ${renewed}`,
    altered: `the server stored our renewal otherwise than it was sent; ${renewed}`,
    'rolled-back': `the lock was put back to an older state, ${holder === '' ? 'without a holder' : `held by ${name(holder)}`}; ${renewed}`,
  } satisfies Record<typeof reason, string>;
  return `lost leadership: ${whys[reason]}`;
}

function ownName({ moving, whose }: Extract<Event, { kind: 'own-name' }>): string {
  const wait = 'waiting for its lease to end';
  if (whose === 'this-run') return `the record is an earlier write of this run, put back or edited: ${wait}`;
  if (whose === 'unsigned')
    return `the record has our identity, but no leader-run wrote it, or a policy has taken its annotation away: ${wait}`;
  return moving
    ? 'another live candidate has our identity, and is waited for: give each candidate its own --identity'
    : `the record has our identity, from an earlier run or a second candidate: ${wait}`;
}

/** Of a Trouble: a sentence with the server's own words in it is longer than `printable` allows for one. */
const messageCap = 1024;

function name(text: string): string {
  return text === '' ? 'a holder without a name' : printable(text, nameCap);
}

function because(reason: string): string {
  return reason === '' ? '' : ` (${printable(reason)})`;
}

function until(time: string | undefined): string {
  return time === undefined ? '' : ` until ${printable(time)}`;
}

/** Messages come with or without their full stop; ours have none. */
function unended(message: string): string {
  return printable(message, messageCap).replace(/\.$/, '');
}

function processes(pids: readonly number[]): string {
  const shown = pids
    .slice(0, 10)
    .map((pid) => (pid < 0 ? `group ${String(-pid)}` : String(pid)))
    .join(', ');
  return `${pids.length === 1 ? 'process' : 'processes'} ${shown}${pids.length > 10 ? ', ...' : ''}`;
}
