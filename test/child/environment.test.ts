// What the command is told, by name; and the cookie that marks its descendants.

import { expect, test } from 'vitest';
import { newCookie, termEnvironment } from '../../src/child/environment.ts';

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

test('a cookie is the name of a variable, too long to be met by chance, and another one each time', () => {
  const cookies = Array.from({ length: 100 }, newCookie);
  expect(new Set(cookies).size).toBe(100);
  for (const cookie of cookies) expect(cookie).toMatch(/^LEADER_RUN_COOKIE_[0-9a-f]{16}$/);
});
