// What the command is told, by name; and the cookie that marks its descendants.

import { expect, test } from 'vitest';
import { environmentWarnings, newCookie, termEnvironment } from '../../src/child/environment.ts';

test('the command is told lock, identity, token, transitions and the uid of the lock', () => {
  const told = termEnvironment({ lock: 'ns/name', identity: 'alice', token: '42', transitions: 3, lockUid: 'u-1' });
  expect(told).toEqual({
    LEADER_RUN_LOCK: 'ns/name',
    LEADER_RUN_IDENTITY: 'alice',
    LEADER_RUN_TOKEN: '42',
    LEADER_RUN_TRANSITIONS: '3',
    LEADER_RUN_LOCK_UID: 'u-1',
  });
});

test('a token is told to its last digit, also where it is larger than any number of JavaScript', () => {
  const told = termEnvironment({ lock: 'ns/name', identity: 'a', token: '9007199254740993', transitions: 0, lockUid: 'u' });
  expect(told['LEADER_RUN_TOKEN']).toBe('9007199254740993');
});

test('a cookie is the name of a variable, too long to be met by chance, and another one each time', () => {
  const cookies = Array.from({ length: 100 }, newCookie);
  expect(new Set(cookies).size).toBe(100);
  for (const cookie of cookies) expect(cookie).toMatch(/^LEADER_RUN_COOKIE_[0-9a-f]{16}$/);
});

test.each([
  ['nothing of an empty environment', {}, 0],
  ['nothing that is empty, zero or no number', { LISTEN_FDS: '0', NODE_OPTIONS: '' }, 0],
  ['nothing that is no number', { LISTEN_FDS: 'x' }, 0],
  ['no sockets without their number', { LISTEN_PID: '42' }, 0],
  ['sockets that are for anybody', { LISTEN_FDS: '1' }, 1],
  ['no sockets that are for another', { LISTEN_FDS: '1', LISTEN_PID: '43' }, 0],
  ['no watchdog without its time', { WATCHDOG_PID: '42' }, 0],
  ['a watchdog that waits for anybody', { WATCHDOG_USEC: '1' }, 1],
  ['no watchdog that waits for another', { WATCHDOG_USEC: '1', WATCHDOG_PID: '43' }, 0],
  ['all three', { LISTEN_FDS: '1', WATCHDOG_USEC: '1', NODE_OPTIONS: '-r x' }, 3],
  ['nothing of an ordinary environment', { PATH: '/bin', LISTEN_PID: '7', LISTEN_FDS: '2', WATCHDOG_PID: '7', WATCHDOG_USEC: '1' }, 0],
  ['sockets that systemd hands to leader-run', { LISTEN_PID: '42', LISTEN_FDS: '1' }, 1],
  ["systemd's watchdog, which waits for leader-run", { WATCHDOG_PID: '42', WATCHDOG_USEC: '30000000' }, 1],
  ['options of Node that were meant for the command', { NODE_OPTIONS: '--inspect' }, 1],
])('it warns of %s', (_, env, count) => {
  expect(environmentWarnings(env, 42)).toHaveLength(count);
});
