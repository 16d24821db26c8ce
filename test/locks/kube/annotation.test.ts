// Records in annotations as other electors write them: what is read from each, and what is told about it.
import { describe, expect, test } from 'vitest';
import { annotationLock, leaderAnnotation } from '../../../src/locks/kube/annotation.ts';
import { taken } from '../../../src/locks/record.ts';
import { MemoryApi } from '../../helpers/memory-api.ts';

const attempt = { limitMs: 1000 };

function lockOver(text: string | undefined) {
  const api = new MemoryApi();
  api.put('configmaps', text === undefined ? {} : { metadata: { annotations: { [leaderAnnotation]: text } } });
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const lock = annotationLock('configmaps', { transport: api.transport(), namespace: 'default', name: 'demo', warn });
  return { api, lock, warnings };
}

async function decoded(text: string) {
  const { lock, warnings } = lockOver(text);
  const answer = await lock.read(attempt);
  await lock.read(attempt);
  if (answer.kind !== 'sighted' || answer.sighting.kind === 'absent') throw new Error(JSON.stringify(answer));
  const { sighting } = answer;
  return { seen: sighting.kind === 'record' ? sighting.record : sighting.text, warnings };
}

describe('a record', () => {
  test('of client-go is read as it is, with times as a Lease has them', async () => {
    const text =
      '{"holderIdentity":"bob","leaseDurationSeconds":15,"acquireTime":"2026-01-01T00:00:00Z",' +
      '"renewTime":"2026-01-01T00:00:07Z","leaderTransitions":3,"strategy":"","preferredHolder":""}';
    expect(await decoded(text)).toEqual({
      seen: {
        holderIdentity: 'bob',
        leaseDurationSeconds: 15,
        acquireTime: '2026-01-01T00:00:00.000000Z',
        renewTime: '2026-01-01T00:00:07.000000Z',
        leaseTransitions: 3,
      },
      warnings: [],
    });
  });

  test('that client-go released, or left with null times, is free', async () => {
    const text =
      '{"holderIdentity":"","leaseDurationSeconds":1,"acquireTime":null,"renewTime":null,"leaderTransitions":3}';
    expect(await decoded(text)).toMatchObject({
      seen: { holderIdentity: '', acquireTime: '', leaseTransitions: 3 },
      warnings: [],
    });
  });

  test('of the Python client is held for the seconds that it writes as text, and told of once', async () => {
    const text =
      '{"holderIdentity": "snake", "leaseDurationSeconds": "17", "acquireTime": "2026-01-01 00:00:00.123456", ' +
      '"renewTime": "2026-01-01 00:00:07.123456"}';
    const { seen, warnings } = await decoded(text);
    expect(seen).toEqual({
      holderIdentity: 'snake',
      leaseDurationSeconds: 17,
      acquireTime: '2026-01-01 00:00:00.123456',
      renewTime: '2026-01-01 00:00:07.123456',
      leaseTransitions: 0,
    });
    expect(warnings).toEqual([expect.stringContaining('in a way that client-go does not understand (read as 17s)')]);
  });

  test.each([
    { name: 'as a number', duration: '15.000000000', seconds: 15, says: 'does not understand (read as 15s)' },
    { name: 'as a text', duration: '"PT15S"', seconds: 0, says: 'states no duration' },
  ])('of fabric8, which names its duration otherwise, is held: $name', async ({ duration, seconds, says }) => {
    const text =
      `{"holderIdentity":"coffee","leaseDuration":${duration},"acquireTime":"2026-01-01T00:00:00.123456Z",` +
      '"renewTime":"2026-01-01T00:00:07.123456Z","leaderTransitions":2}';
    const { seen, warnings } = await decoded(text);
    expect(seen).toMatchObject({ holderIdentity: 'coffee', leaseDurationSeconds: seconds, leaseTransitions: 2 });
    expect(warnings).toEqual([expect.stringContaining(says)]);
  });

  test.each([
    { name: 'is no JSON', text: 'held by bob' },
    { name: 'is no object', text: '["bob"]' },
    { name: 'has a holder that is no text', text: '{"holderIdentity":{"name":"bob"}}' },
    { name: 'is null', text: 'null' },
  ])('that $name is unreadable, and so held by somebody', async ({ text }) => {
    expect((await decoded(text)).seen).toBe(text);
  });

  test.each([
    { name: 'is missing', text: undefined },
    { name: 'is empty', text: '' },
  ])('that $name is free', async ({ text }) => {
    const { lock } = lockOver(text);
    expect(await lock.read(attempt)).toMatchObject({ sighting: { kind: 'record', record: { holderIdentity: '' } } });
  });
});

test('a record of ours is one that client-go can read, whoever wrote the one before', async () => {
  const { api, lock } = lockOver('{"holderIdentity":"","leaseDurationSeconds":"17","leaseDuration":15,"note":1}');
  const answer = await lock.read(attempt);
  if (answer.kind !== 'sighted' || answer.sighting.kind !== 'record') throw new Error(JSON.stringify(answer));
  const { record, version } = answer.sighting;
  const next = taken(record, 'alice', 15, Date.parse('2026-01-01T00:00:07Z'));
  const signature = { identity: 'alice', run: '00000000-0000-4000-8000-000000000000', number: 1 };
  await lock.write({ record: next, signature, base: version }, attempt);
  expect(JSON.parse(api.get('configmaps')?.metadata.annotations?.[leaderAnnotation] ?? '')).toEqual({
    holderIdentity: 'alice',
    leaseDurationSeconds: 15,
    acquireTime: '2026-01-01T00:00:07Z',
    renewTime: '2026-01-01T00:00:07Z',
    leaderTransitions: 1,
    leaseDuration: 15,
    note: 1,
  });
});
