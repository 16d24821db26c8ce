// Records in annotations as other electors write them: what is read from each, and what is told about it.
import { describe, expect, test } from 'vitest';
import { annotationLock, isAnnotated, leaderAnnotation } from '../../../src/locks/kube/annotation.ts';
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

test('an object is a lock among others if it has the annotation, whatever that says', () => {
  const annotated = (text: unknown) => ({ kind: 'ConfigMap', metadata: { annotations: { [leaderAnnotation]: text } } });
  for (const text of ['{"holderIdentity":"bob"}', 'odd']) expect(isAnnotated(annotated(text))).toBe(true);
  for (const other of [annotated(undefined), { metadata: { annotations: { note: 'x' } } }, { metadata: {} }, {}])
    expect(isAnnotated(other)).toBe(false);
});

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
    { name: 'has a time that is no text', text: '{"holderIdentity":"bob","acquireTime":7}' },
    { name: 'has a renewal that is no text', text: '{"holderIdentity":"bob","leaseDurationSeconds":1,"renewTime":7}' },
    { name: 'counts in words', text: '{"holderIdentity":"bob","leaseDurationSeconds":1,"leaderTransitions":"two"}' },
  ])('that $name is unreadable, and so held by somebody', async ({ text }) => {
    expect((await decoded(text)).seen).toBe(text);
  });

  test('whose holder is no text, or nobody, is not told of', async () => {
    expect((await decoded('{"holderIdentity":{"name":"bob"}}')).warnings).toEqual([]);
    expect((await decoded('{"holderIdentity":""}')).warnings).toEqual([]);
    expect((await decoded('{}')).warnings).toEqual([]);
  });

  test.each([
    ['15', 15],
    ['15.25', 16],
    ['"15"', 15],
    ['"15.25"', 16],
    ['0', 0],
    ['-5', 0],
    ['"-5"', 0],
    ['"0x10"', 0],
    ['"1e3"', 0],
    ['"15 s"', 0],
    ['""', 0],
    ['true', 0],
    ['["15"]', 0],
    ['[15]', 0],
    ['null', 0],
  ])('that states %s as its duration is held for so many seconds: %i', async (stated, leaseDurationSeconds) => {
    expect((await decoded(`{"holderIdentity":"bob","leaseDurationSeconds":${stated}}`)).seen).toMatchObject({
      leaseDurationSeconds,
    });
  });

  test.each(['"0"', '"-5"', 'null'])('that states %s as its duration is told of as stating none', async (stated) => {
    expect((await decoded(`{"holderIdentity":"bob","leaseDurationSeconds":${stated}}`)).warnings).toEqual([
      expect.stringContaining('states no duration'),
    ]);
  });

  test.each(['at 2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z or so', '2026-01-01T00:00:00+00:00'])(
    'keeps a time of another form as it is: %s',
    async (time) => {
      const { seen } = await decoded(JSON.stringify({ holderIdentity: 'bob', acquireTime: time, renewTime: time }));
      expect(seen).toMatchObject({ acquireTime: time, renewTime: time });
    },
  );

  test('that is odd is read without anybody to tell', async () => {
    const api = new MemoryApi();
    api.put('configmaps', { metadata: { annotations: { [leaderAnnotation]: '{"holderIdentity":"bob"}' } } });
    const lock = annotationLock('configmaps', { transport: api.transport(), namespace: 'default', name: 'demo' });
    expect(await lock.read(attempt)).toMatchObject({ sighting: { record: { holderIdentity: 'bob' } } });
  });

  test('that is not a text is none', async () => {
    const api = new MemoryApi();
    api.put('configmaps', { metadata: { annotations: { [leaderAnnotation]: 7 } } });
    const lock = annotationLock('configmaps', { transport: api.transport(), namespace: 'default', name: 'demo' });
    expect(await lock.read(attempt)).toMatchObject({ sighting: { kind: 'record', record: { holderIdentity: '' } } });
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

test('times are written in whole seconds, those of another form as they are, and none as null', async () => {
  const { api, lock } = lockOver('{"holderIdentity":"bob"}');
  const answer = await lock.read(attempt);
  if (answer.kind !== 'sighted' || answer.sighting.kind !== 'record') throw new Error(JSON.stringify(answer));
  const { record, version } = answer.sighting;
  const signature = { identity: 'alice', run: '00000000-0000-4000-8000-000000000000', number: 1 };
  const written = async (acquireTime: string, renewTime: string, base: typeof version): Promise<unknown> => {
    const stored = await lock.write({ record: { ...record, acquireTime, renewTime }, signature, base }, attempt);
    expect(stored.kind).toBe('stored');
    return JSON.parse(api.get('configmaps')?.metadata.annotations?.[leaderAnnotation] ?? '');
  };
  expect(await written('', '2026-01-01T00:00:07.123000Z', version)).toMatchObject({
    acquireTime: null,
    renewTime: '2026-01-01T00:00:07Z',
  });
  const again = await lock.read(attempt);
  if (again.kind !== 'sighted' || again.sighting.kind !== 'record') throw new Error(JSON.stringify(again));
  expect(await written('at 1.5Z or so', '', again.sighting.version)).toMatchObject({
    acquireTime: 'at 1.5Z or so',
    renewTime: null,
  });
});

test('an Endpoints object holds a record as a ConfigMap does', async () => {
  const api = new MemoryApi();
  const lock = annotationLock('endpoints', { transport: api.transport(), namespace: 'default', name: 'demo' });
  const signature = { identity: 'alice', run: '00000000-0000-4000-8000-000000000000', number: 1 };
  const record = taken(undefined, 'alice', 15, 0);
  expect(await lock.write({ record, signature, base: undefined }, attempt)).toMatchObject({ kind: 'stored' });
  expect(api.calls).toEqual(['POST endpoints']);
  expect(await lock.read(attempt)).toMatchObject({ sighting: { record } });
});
