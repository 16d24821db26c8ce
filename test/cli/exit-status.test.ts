// Exit statuses: each ending has its number, and the printed table says the same.
// The numbers are a promise to scripts and unit files, so they stand here once more, in figures. To check: each kind of
// ending has a row.
import { describe, expect, test } from 'vitest';
import {
  type Ending,
  exitStatus,
  exitStatusTable,
  lastSentence,
  type RunEnding,
  signalStatus,
  standardStatuses,
} from '../../src/cli/exit-status.ts';

const entry = { key: 'v42', outcome: { kind: 'ok' }, attempts: 1, at: '2026-11-26T10:00:03Z', tookMs: 9, by: 'pod-a' } as const;
const givenUp = { kind: 'given-up', why: 'attempts', entry } as const;

describe('the exit status', () => {
  test.each([
    { name: "the command's own", ending: { kind: 'command', code: 3 }, status: 3 },
    { name: '128 + n when signal n ended the command', ending: { kind: 'command-signalled', signal: 'SIGKILL' }, status: 137 },
    { name: '128 + n when signal n came while waiting', ending: { kind: 'stopped', signal: 'SIGTERM' }, status: 143 },
    { name: '121 when the command ran for too long', ending: { kind: 'max-runtime' }, status: 121 },
    { name: '123 when a key was given up', ending: { kind: 'settled', verdict: givenUp, key: 'v42' }, status: 123 },
    { name: '122 when leadership was lost', ending: { kind: 'lost' }, status: 122 },
    { name: '124 when not acquired', ending: { kind: 'not-acquired' }, status: 124 },
    { name: '125 for a failure of our own', ending: { kind: 'failed', message: 'a bug' }, status: 125 },
    { name: '125 for what is refused before it begins', ending: { kind: 'refused', faults: ['no lock'] }, status: 125 },
    { name: '126 for a command that cannot be executed', ending: { kind: 'not-executable', faults: ['x is no file'] }, status: 126 },
    { name: '127 for a command that is not found', ending: { kind: 'not-found', faults: ['x was not found'] }, status: 127 },
  ] satisfies { name: string; ending: Ending; status: number }[])('is $name', ({ ending, status }) => {
    expect(exitStatus(ending)).toBe(status);
    const documented = ending.kind === 'command' ? "the command's" : status > 128 ? /128\+n/ : String(status);
    expect(exitStatusTable.map((row) => row.join(': '))).toContainEqual(
      documented instanceof RegExp ? expect.stringMatching(documented) : expect.stringContaining(documented),
    );
  });

  test('of a conflict and of a loss are what the options say', () => {
    expect(exitStatus({ kind: 'not-acquired', status: 0 })).toBe(0);
    expect(exitStatus({ kind: 'lost', status: 75 })).toBe(75);
    expect(standardStatuses).toEqual({ conflictStatus: 124, lostStatus: 122 });
  });

  test('of a key that is done, or a tick that is past, is 0 or what the option says', () => {
    for (const verdict of [{ kind: 'done', entry }, { kind: 'past', cursor: '2026-11-26T10:00:00Z' }] as const) {
      expect(exitStatus({ kind: 'settled', verdict, key: 'v42' })).toBe(0);
      expect(exitStatus({ kind: 'settled', verdict, key: 'v42', doneStatus: 9 })).toBe(9);
    }
  });

  test('of what keeps a key from being judged is 125, and no option makes it or a key that was given up 0', () => {
    const cases = [givenUp, { kind: 'unreadable', why: 'x' }, { kind: 'clock-ahead', comesInMs: 60_000 }] as const;
    const statuses = cases.map((verdict) => exitStatus({ kind: 'settled', verdict, key: 'v42', doneStatus: 0 }));
    expect(statuses).toEqual([123, 125, 125]);
  });

  test('of an answer is 0', () => {
    expect(exitStatus({ kind: 'answered', text: 'yes' })).toBe(0);
  });

  test('of a signal is what shells make of it', () => {
    expect(signalStatus('SIGINT')).toBe(130);
    expect(signalStatus('SIGHUP')).toBe(129);
  });
});

describe('the last sentence', () => {
  test.each([
    { name: 'whose status it is', ending: { kind: 'command', code: 3 }, says: 'the command ended; the status is its own' },
    { name: 'what asked for the end', ending: { kind: 'command', code: 0 }, asked: 'SIGTERM', says: 'the command ended, after leader-run got SIGTERM; the status is its own' },
    { name: 'what ended the command', ending: { kind: 'command-signalled', signal: 'SIGKILL' }, says: 'the command ended of SIGKILL; the status is its own' },
    { name: 'what stopped the waiting', ending: { kind: 'stopped', signal: 'SIGINT' }, asked: 'SIGINT', says: 'stopped by SIGINT; no command was running' },
    { name: 'that the command ran for too long', ending: { kind: 'max-runtime' }, says: 'the command ran for longer than --max-runtime and was stopped' },
    { name: 'that the key is done', ending: { kind: 'settled', verdict: { kind: 'done', entry }, key: 'v42' }, says: 'key v42 is done, by pod-a at 2026-11-26T10:00:03Z, after 9 ms; nothing was run' },
    { name: 'that the term was lost', ending: { kind: 'lost' }, says: 'leadership was lost and the command stopped' },
    {
      name: 'that an operator asked for the lock',
      ending: { kind: 'lost', given: true },
      says: 'the lock was given back on request, and the command stopped',
    },
    {
      name: 'that the lock is paused',
      ending: { kind: 'not-acquired', holder: '', pause: { untilMs: 0, reason: 'a move' } },
      says: 'the lock is paused (1970-01-01T00:00:00Z a move); no command was running',
    },
    {
      name: 'that the lock is paused without a word',
      ending: { kind: 'not-acquired', holder: 'bob', pause: { untilMs: undefined, reason: '' } },
      says: 'the lock is paused; no command was running',
    },
    { name: 'that the lock is held', ending: { kind: 'not-acquired' }, says: 'another candidate holds the lock; no command was running' },
    { name: 'by whom the lock is held', ending: { kind: 'not-acquired', holder: 'bob' }, says: 'another candidate holds the lock (bob); no command was running' },
    { name: 'why the lock could not be asked', ending: { kind: 'not-acquired', trouble: { message: 'no route' } }, says: 'no route' },
    { name: 'what failed', ending: { kind: 'failed', message: 'no kubeconfig' }, says: 'no kubeconfig' },
  ] satisfies { name: string; ending: RunEnding; asked?: NodeJS.Signals; says: string }[])('says $name', (row) => {
    const { ending, asked, says } = row;
    expect(lastSentence(ending, asked)).toBe(says);
  });
});
