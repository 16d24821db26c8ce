// What a write to a pair says of itself when one of its two objects does not take it: the elector keeps a write that
// may be stored in mind, and forgets one that surely is not. test/contract/pair.test.ts has the cases of whole
// elections. To check: no answer that says less of a write than what is stored already.
import { expect, test } from 'vitest';
import type { Lock, ReadAnswer, RehearsalAnswer, Sighting, WriteAnswer, WriteRequest } from '../../src/locks/lock.ts';
import { pairLock } from '../../src/locks/pair.ts';
import { taken, type Version } from '../../src/locks/record.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const trouble = { cause: 'forbidden', message: 'no' } as const;
const refused: WriteAnswer = { kind: 'refused', trouble };
const unknown: WriteAnswer = { kind: 'unknown', trouble };
const conflict: WriteAnswer = { kind: 'conflict' };

const signature = { identity: 'alice', run: '00000000-0000-4000-8000-000000000001', number: 1 };
const request: WriteRequest = { record: taken(undefined, 'alice', 15, 0), signature, base: undefined };

interface Half {
  readonly lock: Lock;
  readonly asked: string[];
}

function half(answers: { read?: ReadAnswer; write?: WriteAnswer; rehearse?: RehearsalAnswer }): Half {
  const asked: string[] = [];
  const version = { object: 'uid', state: '1' };
  const sighting: Sighting = { kind: 'record', record: request.record, signature, version };
  const lock: Lock = {
    name: 'half',
    where: 'nowhere',
    read: () => {
      asked.push('read');
      return Promise.resolve(answers.read ?? { kind: 'sighted', sighting: { kind: 'absent' } });
    },
    write: () => {
      asked.push('write');
      return Promise.resolve(answers.write ?? { kind: 'stored', sighting });
    },
    rehearse: () => {
      asked.push('rehearse');
      return Promise.resolve(answers.rehearse ?? { kind: 'allowed' });
    },
    watch: () => () => undefined,
    compare: () => 'same',
    close: () => undefined,
  };
  return { lock, asked };
}

const write = (primary: Half, secondary: Half): Promise<WriteAnswer> =>
  pairLock({ name: 'pair', primary: primary.lock, secondary: secondary.lock, clock: new ManualClock() }).write(request, {
    limitMs: 1000,
  });

test('a write that both objects take is stored', async () => {
  expect(await write(half({}), half({}))).toMatchObject({ kind: 'stored' });
});

test.each([refused, unknown])('a write that the first object answers with $kind goes no further', async (answer) => {
  const [primary, secondary] = [half({ write: answer }), half({})];
  expect(await write(primary, secondary)).toEqual(answer);
  expect(secondary.asked).toEqual(['read', 'rehearse']);
});

test('a write that the second object alone refuses may be stored, since the first one holds it', async () => {
  expect(await write(half({}), half({ write: refused }))).toEqual(unknown);
});

test('a write of which the second object tells nothing may be stored', async () => {
  expect(await write(half({}), half({ write: unknown }))).toEqual(unknown);
});

test('a write whose second object cannot be read may be stored, and is not sent there', async () => {
  const late = { cause: 'timeout', message: 'no' } as const;
  const secondary = half({ read: { kind: 'failed', trouble: late } });
  expect(await write(half({}), secondary)).toEqual({ kind: 'unknown', trouble: late });
  expect(secondary.asked).toEqual(['read', 'read']);
});

test('a write whose second object has changed meanwhile conflicts', async () => {
  expect(await write(half({}), half({ write: conflict }))).toEqual(conflict);
});

test.each([
  ['read', { read: { kind: 'failed', trouble } }],
  ['written', { rehearse: refused }],
] as const)('a lock whose second object may not be %s is not taken at all', async (_, answers) => {
  const primary = half({});
  expect(await write(primary, half(answers))).toEqual(refused);
  expect(primary.asked).toEqual([]);
});

test('a pair that was written to once is written to without being asked first', async () => {
  const [primary, secondary] = [half({}), half({})];
  const pair = pairLock({ name: 'pair', primary: primary.lock, secondary: secondary.lock, clock: new ManualClock() });
  await pair.write(request, { limitMs: 1000 });
  secondary.asked.length = 0;
  await pair.write(request, { limitMs: 1000 });
  expect(secondary.asked).toEqual(['read', 'write']);
});

test.each([
  { onBehalf: false, kind: 'stored' },
  { onBehalf: true, kind: 'conflict' },
])("a holder's newer second object is replaced by itself alone: on its behalf $onBehalf, $kind", async ({ onBehalf, kind }) => {
  const [seen, newer] = ['1', '2'].map((state) => ({ object: 'uid', state }));
  const secondary = half({
    read: { kind: 'sighted', sighting: { kind: 'record', record: request.record, signature, version: newer as Version } },
  });
  const pair = pairLock({ name: 'pair', primary: half({}).lock, secondary: secondary.lock, clock: new ManualClock() });
  const base = { ...(seen as Version), beside: seen } as Version;
  expect(await pair.write({ ...request, base, onBehalf }, { limitMs: 1000 })).toMatchObject({ kind });
  expect(secondary.asked.includes('write')).toBe(!onBehalf);
});
