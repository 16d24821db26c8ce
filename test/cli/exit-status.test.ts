// Exit statuses: each ending has its number, and the printed table says the same.
// The numbers are a promise to scripts and unit files, so they stand here once more, in figures. To check: each kind of
// ending has a row.
import { describe, expect, test } from 'vitest';
import { type Ending, exitStatus, exitStatusTable, signalStatus, standardStatuses } from '../../src/cli/exit-status.ts';

describe('the exit status', () => {
  test.each([
    { name: "the command's own", ending: { kind: 'command', code: 3 }, status: 3 },
    { name: '128 + n when signal n ended the command', ending: { kind: 'command-signalled', signal: 'SIGKILL' }, status: 137 },
    { name: '128 + n when signal n came while waiting', ending: { kind: 'stopped', signal: 'SIGTERM' }, status: 143 },
    { name: '122 when leadership was lost', ending: { kind: 'lost' }, status: 122 },
    { name: '124 when not acquired', ending: { kind: 'not-acquired' }, status: 124 },
    { name: '125 for a failure of our own', ending: { kind: 'failed' }, status: 125 },
    { name: '126 for a command that cannot be executed', ending: { kind: 'not-executable' }, status: 126 },
    { name: '127 for a command that is not found', ending: { kind: 'not-found' }, status: 127 },
  ] satisfies { name: string; ending: Ending; status: number }[])('is $name', ({ ending, status }) => {
    expect(exitStatus(ending)).toBe(status);
    const documented = ending.kind === 'command' ? "the command's" : status > 128 ? /128\+n/ : String(status);
    expect(exitStatusTable.map((row) => row.join(': '))).toContainEqual(
      documented instanceof RegExp ? expect.stringMatching(documented) : expect.stringContaining(documented),
    );
  });

  test('of a conflict and of a loss are what the options say', () => {
    const statuses = { conflictStatus: 0, lostStatus: 75 };
    expect(exitStatus({ kind: 'not-acquired' }, statuses)).toBe(0);
    expect(exitStatus({ kind: 'lost' }, statuses)).toBe(75);
    expect(standardStatuses).toEqual({ conflictStatus: 124, lostStatus: 122 });
  });

  test('of a signal is what shells make of it', () => {
    expect(signalStatus('SIGINT')).toBe(130);
    expect(signalStatus('SIGHUP')).toBe(129);
  });
});
