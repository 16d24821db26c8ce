// The wording of the log: each kind of event has its sentence and level, one line each, fit for a terminal whatever the
// cluster holds. The sentences stand here in full, because they are what people read: a change of them is seen.
// To check: `rows` has a row for each way in which a sentence can differ.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/observe/events.ts';
import { levelOf, type LogLevel, sentence } from '../../src/observe/sentences.ts';

type Kind = Event['kind'];
type Facts<K extends Kind> = Omit<Extract<Event, { kind: K }>, 'kind'>;
type Case<K extends Kind> = readonly [level: LogLevel, text: string, facts: Facts<K>];

const trouble = { cause: 'unreachable', message: 'cannot reach 10.0.0.1:6443: connection refused.' } as const;
const since = '2026-01-02T03:04:05.000000Z';

// An object by kind, so that the compiler asks for a row when a kind is added.
const rows: { readonly [K in Kind]: readonly Case<K>[] } = {
  started: [
    ['info', 'candidate for lease default/demo at 10.0.0.1:6443 as alice; guardian: sh', { lock: 'lease default/demo', where: '10.0.0.1:6443', identity: 'alice', guardian: 'sh' }],
    ['info', 'candidate for local default/demo at /srv as alice; no guardian: the command lives on if leader-run is killed', { lock: 'local default/demo', where: '/srv', identity: 'alice', guardian: 'off' }],
  ],
  'standing-by': [
    ['info', `standing by: bob leads since ${since} with a lease of 15 s`, { leader: 'bob', since, durationMs: 15_000, foreign: false }],
    ['info', 'standing by: bob (not a leader-run) leads with a lease of 15 s', { leader: 'bob', since: '', durationMs: 15_000, foreign: true }],
  ],
  taking: [
    ['info', 'the lock does not exist yet: creating it', { from: 'absent', leader: '' }],
    ['info', 'the lock is free: taking it', { from: 'released', leader: '' }],
    ['info', 'the lease of bob has ended: taking the lock', { from: 'expired', leader: 'bob' }],
    ['info', 'the lock is still ours: taking it again for a new term', { from: 'own', leader: 'alice' }],
    ['info', 'the API server has chosen us: taking the lock', { from: 'invited', leader: '' }],
  ],
  elected: [
    ['info', 'elected, 14 ms after it was seen free: leading with token 4711 after 2 transitions', { token: '4711', transitions: 2, handOverMs: 14.2 }],
    ['info', 'elected: leading with token 1 after 1 transition', { token: '1', transitions: 1, handOverMs: undefined }],
  ],
  renewed: [['debug', 'renewed in 7 ms', { latencyMs: 7 }]],
  'race-lost': [['debug', 'another candidate was faster', {}]],
  trouble: [
    ['warn', 'cannot reach 10.0.0.1:6443: connection refused; trying again', { doing: 'read', trouble, leftMs: undefined }],
    ['warn', 'cannot reach 10.0.0.1:6443: connection refused; the lock is lost in 7.2 s unless a renewal succeeds', { doing: 'write', trouble, leftMs: 7200 }],
    ['warn', 'this candidate could not take over: cannot reach 10.0.0.1:6443: connection refused', { doing: 'rehearse', trouble, leftMs: undefined }],
  ],
  recovered: [['info', 'the lock answers again, after 3.1 s', { afterMs: 3141 }]],
  lost: [
    ['warn', 'lost leadership: the last renewal was 10 s ago', { reason: 'deadline', holder: 'alice', sinceRenewalMs: 10_003 }],
    ['warn', 'lost leadership: bob holds the lock; the last renewal was 1.2 s ago', { reason: 'taken', holder: 'bob', sinceRenewalMs: 1200 }],
    ['warn', 'lost leadership: another process emptied the record; the last renewal was 0 ms ago', { reason: 'taken', holder: '', sinceRenewalMs: 0 }],
    ['warn', 'lost leadership: the lock was deleted and made again by bob; the last renewal was 1 s ago', { reason: 'recreated', holder: 'bob', sinceRenewalMs: 1000 }],
    ['warn', 'lost leadership: the record that we wrote was changed by another program, a person or a policy; the last renewal was 1 s ago', { reason: 'edited', holder: 'alice', sinceRenewalMs: 1000 }],
    ['warn', 'lost leadership: the server stored our renewal otherwise than it was sent; the last renewal was 1 s ago', { reason: 'altered', holder: '', sinceRenewalMs: 1000 }],
    ['warn', 'lost leadership: the lock was put back to an older state, held by bob; the last renewal was 1 s ago', { reason: 'rolled-back', holder: 'bob', sinceRenewalMs: 1000 }],
    ['warn', 'lost leadership: the lock was put back to an older state, without a holder; the last renewal was 1 s ago', { reason: 'rolled-back', holder: '', sinceRenewalMs: 1000 }],
  ],
  deposed: [
    [
      'info',
      'the API server prefers another leader: stopping the command, then releasing the lock',
      { by: 'coordinator', reason: '' },
    ],
    [
      'info',
      'asked to step down (kernel\\x1b update): stopping the command, then releasing the lock',
      { by: 'step-down', reason: 'kernel\u001b update' },
    ],
    [
      'info',
      'the lock is paused until 2026-11-27T06:00:00Z (move): stopping the command, then releasing the lock',
      { by: 'pause', reason: 'move', until: '2026-11-27T06:00:00Z' },
    ],
    ['info', 'the lock is paused: stopping the command, then releasing the lock', { by: 'pause', reason: '' }],
  ],
  paused: [['info', 'the lock is paused (move): not taking it', { reason: 'move', until: undefined }]],
  resumed: [['info', 'the lock is paused no more', {}]],
  schedule: [['info', 'the ticks of 0 3 * * * UTC count from now on', { schedule: '0 3 * * * UTC' }]],
  waiting: [
    [
      'info',
      'waiting for the next tick of 0 3 * * * UTC, at 2026-11-27T03:00:00Z',
      { schedule: '0 3 * * * UTC', next: '2026-11-27T03:00:00Z' },
    ],
    ['info', 'waiting: 0 3 * * * UTC never comes again', { schedule: '0 3 * * * UTC', next: '' }],
  ],
  skipped: [
    [
      'warn',
      'skipped tick 2026-11-27T03:00:00Z: the command was still running',
      { key: '2026-11-27T03:00:00Z', why: 'overlap', count: 1 },
    ],
    [
      'warn',
      'skipped 2 ticks up to 2026-11-27T03:00:00Z: no candidate was there to run it, or only the last one is caught up with',
      { key: '2026-11-27T03:00:00Z', why: 'missed', count: 2 },
    ],
    [
      'warn',
      'skipped 3 ticks up to 2026-11-27T03:00:00Z: the lock was paused',
      { key: '2026-11-27T03:00:00Z', why: 'paused', count: 3 },
    ],
    [
      'warn',
      'skipped tick 2026-11-27T03:00:00Z: it is older than --start-deadline',
      { key: '2026-11-27T03:00:00Z', why: 'late', count: 1 },
    ],
  ],
  vanished: [
    ['warn', 'the lock was deleted: creating it again within this term', { leading: true, waitMs: 0 }],
    ['warn', 'the lock was deleted: its holder may still lead, so waiting 15 s', { leading: false, waitMs: 15_000 }],
    ['warn', 'the lock was deleted', { leading: false, waitMs: 0 }],
  ],
  'own-name': [
    ['info', 'the record has our identity, from an earlier run or a second candidate: waiting for its lease to end', { moving: false, whose: 'another-run' }],
    ['warn', 'another live candidate has our identity, and is waited for: give each candidate its own --identity', { moving: true, whose: 'another-run' }],
    ['warn', 'the record has our identity, but no leader-run wrote it, or a policy has taken its annotation away: waiting for its lease to end', { moving: false, whose: 'unsigned' }],
    ['warn', 'the record is an earlier write of this run, put back or edited: waiting for its lease to end', { moving: true, whose: 'this-run' }],
  ],
  unreadable: [['warn', 'the lock holds something that is not a record, so it counts as held: {"spec":\\x1b}', { text: '{"spec":\x1b}' }]],
  'long-lease': [['warn', 'bob holds a lease of 2 h: waiting that long after its last renewal', { leader: 'bob', durationMs: 7_200_000 }]],
  'watch-down': [
    ['info', 'the watch ended, looking now and then until it is back: connection reset', { forbidden: false, message: 'connection reset' }],
    ['warn', 'not allowed to watch the lock, so looking at it now and then: the role lacks the verb watch', { forbidden: true, message: 'the role lacks the verb watch.' }],
  ],
  'watch-mute': [['warn', 'the watch is open and tells nothing, perhaps for a proxy that keeps answers back: looking now and then', {}]],
  'watch-up': [['debug', 'watching the lock', {}]],
  released: [['info', 'released the lock', {}]],
  'release-failed': [['warn', 'could not release the lock, which is free in 12 s: no answer', { freeInMs: 12_000, message: 'no answer' }]],
  holding: [['info', 'keeping the lock for 30 s more', { forMs: 30_000 }]],
  'left-held': [['info', 'left the lock held for 12 s more, without renewals', { forMs: 12_000 }]],
  attempt: [
    ['info', 'running for key v42: attempt 1', { key: 'v42', attempt: 1, attempts: undefined }],
    ['info', 'running for key v42: attempt 2 of 3', { key: 'v42', attempt: 2, attempts: 3 }],
  ],
  'attempt-ended': [
    ['info', 'noted at the lock: key v42 is ok', { key: 'v42', outcome: 'ok', stored: true }],
    ['warn', 'noted at the lock: key v42 is failed with status 3', { key: 'v42', outcome: 'failed with status 3', stored: true }],
    [
      'warn',
      'could not note at the lock that key v42 is ok: it counts as an attempt whose end is not known',
      { key: 'v42', outcome: 'ok', stored: false },
    ],
  ],
  'command-started': [['info', 'started ./job --all as process 17', { pid: 17, command: './job --all' }]],
  'command-ended': [
    ['info', 'the command ended with status 3 after 1.5 s', { pid: 17, status: 3, signal: undefined, ranMs: 1500 }],
    ['info', 'the command ended of SIGKILL after 2 min 5 s', { pid: 17, status: 137, signal: 'SIGKILL', ranMs: 125_000 }],
  ],
  signalled: [
    ['info', 'SIGHUP passed on to the command', { signal: 'SIGHUP', why: 'forwarded' }],
    ['info', 'SIGTERM to the command: leader-run was asked to stop', { signal: 'SIGTERM', why: 'asked' }],
    ['info', 'SIGTERM to the command: leadership is lost', { signal: 'SIGTERM', why: 'lost' }],
    ['info', 'SIGTERM to the command: another is to lead', { signal: 'SIGTERM', why: 'deposed' }],
    ['warn', 'SIGTERM to the command: it ran for as long as --max-runtime allows', { signal: 'SIGTERM', why: 'max-runtime' }],
    ['warn', 'SIGKILL to the command: its grace is over', { signal: 'SIGKILL', why: 'grace-over' }],
    ['info', 'SIGTERM to what the command left running', { signal: 'SIGTERM', why: 'left-over' }],
    ['warn', 'SIGKILL to the command: others may take the lock soon', { signal: 'SIGKILL', why: 'leash' }],
    ['warn', 'SIGKILL to the command: nothing would end it if leader-run could not', { signal: 'SIGKILL', why: 'unguarded' }],
  ],
  unkillable: [['warn', 'SIGKILL does not end process 17, or may not be sent; the lock is not released while they live', { pids: [17] }]],
  'guardian-replaced': [['warn', 'started a new guardian: it did not answer within 1 s', { why: 'it did not answer within 1 s' }]],
  'ignored-signal': [
    ['info', 'ignored SIGTSTP: a stopped leader-run could not renew', { signal: 'SIGTSTP' }],
    ['info', 'ignored SIGUSR1', { signal: 'SIGUSR1' }],
  ],
  'pid-1': [
    ['info', 'running as process 1, which reaps no zombies: put an init such as tini in front if the command forks', { zombies: 0 }],
    ['warn', 'running as process 1 with 20 unreaped zombies: put an init such as tini in front', { zombies: 20 }],
  ],
  note: [
    ['debug', 'tls: verification is off', { level: 'debug', message: 'tls: verification is off.' }],
    ['warn', 'tls: verification is off', { level: 'warn', message: 'tls: verification is off' }],
  ],
  exit: [
    ['info', 'exit status 3: the command’s own', { status: 3, reason: 'the command’s own' }],
    ['error', 'exit status 125: no such namespace', { status: 125, reason: 'no such namespace' }],
    ['warn', 'exit status 124: another candidate leads', { status: 124, reason: 'another candidate leads', skipped: true }],
    ['info', 'exit status 0: another candidate leads', { status: 0, reason: 'another candidate leads', skipped: true }],
  ],
};

interface Line {
  readonly name: string;
  readonly level: LogLevel;
  readonly text: string;
  readonly event: Event;
}

// Each row's facts belong to its kind, which TypeScript forgets in Object.entries.
const lines: Line[] = Object.entries(rows).flatMap(([kind, cases]) =>
  (cases as readonly Case<Kind>[]).map(([level, text, facts], i) => {
    return { name: `${kind} ${String(i + 1)}`, level, text, event: { kind, ...facts } as Event };
  }),
);

describe('each event', () => {
  test.each(lines)('has its sentence and level: $name', ({ event, level, text }) => {
    expect(sentence(event)).toBe(text);
    expect(levelOf(event)).toBe(level);
  });

  test('keeps text of the cluster from obeying itself, and from growing without limit', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\x1b[2J', '\x1b]8;;http://x\x07', '\x1b]52;c;eA==\x07', 'a\u202eb', '\nforged', '\u009b1m', '\ud800'),
      fc.constant('x'.repeat(1_500_000)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...lines), hostile, ({ event }, text) => {
        // Texts that are choices of ours select words; all others are what someone else wrote.
        const ours = ['kind', 'level', 'reason', 'from', 'doing', 'why'];
        const keep = event.kind === 'exit' || event.kind === 'guardian-replaced' ? ['kind'] : ours;
        const spoiled = Object.fromEntries(
          Object.entries(event).map(([key, value]) => [key, typeof value === 'string' && !keep.includes(key) ? text : value]),
        ) as unknown as Event;
        const said = sentence(event.kind === 'trouble' ? { ...event, trouble: { ...event.trouble, message: text } } : spoiled);
        expect(said).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(said.length).toBeLessThan(1500);
      }),
    );
  });
});
