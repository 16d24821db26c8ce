// Which object is believed, where its collection lies, and what is kept of it when its record is replaced.
// To check: an object that lacks one of the things that a compare-and-swap needs is not believed.
import { describe, expect, test } from 'vitest';
import { leaseShape } from '../../../src/locks/kube/lease.ts';
import { collectionOf, creation, known, partOf, replacement, sightingOf } from '../../../src/locks/kube/object.ts';
import { formatSignature, taken } from '../../../src/locks/record.ts';

const signature = { identity: 'alice', run: '00000000-0000-4000-8000-000000000001', number: 1 };
const record = taken(undefined, 'alice', 15, 0);
const signed = { 'leader-run/holder': formatSignature(signature) };
const lease = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { uid: 'u', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { ...record },
};

test('a collection lies below /api in the core group and below /apis in any other', () => {
  expect(collectionOf(leaseShape, 'a b')).toBe('/apis/coordination.k8s.io/v1/namespaces/a%20b/leases');
  const core = { apiVersion: 'v1', kind: 'ConfigMap', group: '', resource: 'configmaps', createsByPut: false };
  expect(collectionOf(core, 'a')).toBe('/api/v1/namespaces/a/configmaps');
});

describe('an object', () => {
  const withMeta = (more: object): object => ({ ...lease, metadata: { ...lease.metadata, ...more } });

  test('is believed by its kind, uid and version', () => {
    expect(known(lease, leaseShape)).toEqual({ version: { object: 'u', state: '7' }, object: lease });
  });

  test.each([
    ['not an object', 'Lease'],
    ['of another kind', { ...lease, kind: 'Pod' }],
    ['of another version of the API', { ...lease, apiVersion: 'coordination.k8s.io/v2' }],
    ['without metadata', { ...lease, metadata: undefined }],
    ['without a uid', withMeta({ uid: undefined })],
    ['of an empty uid', withMeta({ uid: '' })],
    ['of a uid that is no text', withMeta({ uid: 7 })],
    ['without a version', withMeta({ resourceVersion: undefined })],
    ['of an empty version', withMeta({ resourceVersion: '' })],
    ['of a version that is no text', withMeta({ resourceVersion: 7 })],
  ])('is not believed: %s', (_, value) => {
    expect(known(value, leaseShape)).toBeUndefined();
  });

  test('has parts that are objects, or are empty', () => {
    expect(partOf(lease, 'spec')).toBe(lease.spec);
    for (const metadata of [undefined, null, 'text', []]) expect(partOf({ metadata }, 'metadata')).toEqual({});
  });
});

describe('a sighting', () => {
  const seen = (metadata: object, dateMs?: number) =>
    sightingOf({ version: { object: 'u', state: '7' }, object: { ...lease, metadata } }, leaseShape, dateMs);
  const created = Date.parse(lease.metadata.creationTimestamp);

  test('bears the signature in the annotations, if they are any', () => {
    expect(seen({ annotations: signed })).toMatchObject({ record, signature, version: { object: 'u', state: '7' } });
    for (const annotations of [undefined, {}, [signed], 'x']) {
      expect(seen({ annotations })).toMatchObject({ signature: undefined });
    }
  });

  test('bears the note and what is asked, where they are texts', () => {
    const asked = { 'leader-run/pause': 'move', 'leader-run/run': 'now' };
    expect(seen({ annotations: { 'leader-run/job': '{}', ...asked } })).toMatchObject({
      note: '{}',
      instructions: { pause: 'move', run: 'now' },
    });
    expect(seen({ annotations: { 'leader-run/job': '' } })).toMatchObject({ note: '' });
  });

  test.each([
    ['are no annotations', {}],
    ['are those of others alone', { annotations: { note: 'x', ...signed } }],
    ['is none of them a text', { annotations: { 'leader-run/job': 7, 'leader-run/pause': null } }],
  ])('bears neither note nor what is asked where there %s', (_, metadata) => {
    expect(Object.keys(seen(metadata)).sort()).toEqual(['kind', 'record', 'signature', 'version']);
  });

  test.each([
    [1999, 999],
    [1000, 0],
    [500, 0],
    [-5000, 0],
  ])('is %i ms after the creation sure to be %i ms old', (ms, ageMs) => {
    expect(seen(lease.metadata, created + ms)).toMatchObject({ ageMs });
  });

  test('has no age where either time is not known', () => {
    expect(seen(lease.metadata)).not.toHaveProperty('ageMs');
    expect(seen({ ...lease.metadata, creationTimestamp: undefined }, created)).not.toHaveProperty('ageMs');
  });

  test('of a record that cannot be read has nothing beside its text and version', () => {
    const odd = { ...lease, spec: 'odd' };
    expect(sightingOf({ version: { object: 'u', state: '7' }, object: odd }, leaseShape, created)).toEqual({
      kind: 'unreadable',
      text: '"odd"',
      version: { object: 'u', state: '7' },
    });
  });
});

describe('what is sent', () => {
  test('in place of an object keeps what is not ours, and no managed fields', () => {
    const before = {
      ...lease,
      more: 1,
      metadata: { ...lease.metadata, managedFields: [{}], annotations: { note: 'x', 'leader-run/holder': 'old' } },
      spec: { ...record, holderIdentity: 'bob', strategy: 'x' },
    };
    expect(replacement(before, leaseShape, { record, signature })).toEqual({
      ...lease,
      more: 1,
      metadata: { ...lease.metadata, annotations: { note: 'x', ...signed } },
      spec: { ...record, strategy: 'x' },
    });
  });

  const beside = { note: 'x', 'leader-run/job': '{}', 'leader-run/pause': 'move' };
  const noted = { ...lease, metadata: { ...lease.metadata, annotations: { ...beside, ...signed } } };

  test('leaves the note and what is asked as they are, where nothing is said of them', () => {
    expect(replacement(noted, leaseShape, { record, signature })).toEqual(noted);
    expect(creation('a', 'b', leaseShape, { record, signature })['metadata']).toHaveProperty('annotations', signed);
  });

  test.each(['{"a":1}', ''])('has the note %j in the place of the one before', (note) => {
    const metadata = { ...lease.metadata, annotations: { ...beside, 'leader-run/job': note, ...signed } };
    expect(replacement(noted, leaseShape, { record, signature, note })).toEqual({ ...noted, metadata });
    const made = { namespace: 'a', name: 'b', annotations: { 'leader-run/job': note, ...signed } };
    expect(creation('a', 'b', leaseShape, { record, signature, note })['metadata']).toEqual(made);
  });

  test('has all that is asked from now on in the place of all that was, as the server reads it', () => {
    const sent = replacement(noted, leaseShape, { record, signature, instructions: { run: 'now' } });
    expect(JSON.parse(JSON.stringify(sent))).toEqual({
      ...noted,
      metadata: {
        ...lease.metadata,
        annotations: { note: 'x', 'leader-run/job': '{}', 'leader-run/run': 'now', ...signed },
      },
    });
  });

  test('in place of an object with odd annotations has ours alone', () => {
    const before = { ...lease, metadata: { ...lease.metadata, annotations: ['x'] } };
    expect(replacement(before, leaseShape, { record, signature })['metadata']).toMatchObject({ annotations: signed });
  });

  test('to create an object has its name, its signature and its record', () => {
    expect(creation('a', 'b', leaseShape, { record, signature })).toEqual({
      apiVersion: lease.apiVersion,
      kind: 'Lease',
      metadata: { namespace: 'a', name: 'b', annotations: signed },
      spec: record,
    });
  });
});
