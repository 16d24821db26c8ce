// What doctor makes of rights: the verdict on each kind of objects, and the rules that it prints.
// To check: rules are read back as YAML, as a Role would be; test/cluster grants them on a real server.
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { judgeNeed, mayDo, rulesFor } from '../../../src/commands/doctor/rights.ts';
import type { Allowed, Need } from '../../../src/locks/examination.ts';

const lock = (answers: Partial<Record<string, Allowed>> = {}, createIsNamed = true): Need => ({
  purpose: 'lock',
  what: 'lease ops/nightly',
  ...{ namespace: 'ops', group: 'coordination.k8s.io', resource: 'leases', name: 'nightly' },
  rights: ['get', 'create', 'update', 'watch'].map((verb) => {
    return { verb, isNamed: createIsNamed || verb !== 'create', allowed: answers[verb] ?? 'yes' };
  }),
});
const events = (allowed: Allowed): Need => ({
  ...{ purpose: 'events', what: 'events in ops', namespace: 'ops', group: '', resource: 'events', name: '' },
  rights: [{ verb: 'create', isNamed: false, allowed }],
});

describe('the rights on a kind of objects', () => {
  test('are ok where all are there', () => {
    expect(judgeNeed(lock())).toEqual({
      name: 'lock leases',
      verdict: 'ok',
      text: 'get, create, update, watch of lease ops/nightly',
    });
  });

  test('fail where one is missing, with one rule for it', () => {
    expect(judgeNeed(lock({ update: 'no' }))).toEqual({
      name: 'lock leases',
      verdict: 'FAIL',
      text: 'update of lease ops/nightly is missing: add to a Role in ops',
      fix: '- {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [nightly], verbs: [update]}',
    });
  });

  test.each([
    { need: lock({ watch: 'no' }), text: 'watch of lease ops/nightly is missing (take-overs are late without it): add' },
    { need: lock({ watch: 'no', get: 'no' }), text: 'get, watch of lease ops/nightly are missing: add' },
    { need: events('no'), text: 'create of events in ops is missing (or give --no-events): add' },
    { need: { ...events('no'), purpose: 'label' } as const, text: ' is missing (or leave out --label-pod): add' },
    { need: { ...lock({ watch: 'no' }), purpose: 'candidacy' } as const, text: 'watch of lease ops/nightly is missing: add' },
  ])('say what is lost: $text', ({ need, text }) => {
    expect(judgeNeed(need).text).toContain(text);
  });

  test('are skipped where no review is answered, and fail where one says no all the same', () => {
    expect(judgeNeed(lock({ get: 'unknown' }))).toMatchObject({ verdict: 'skip' });
    expect(judgeNeed(lock({ get: 'unknown', watch: 'no' }))).toMatchObject({ verdict: 'FAIL' });
  });
});

describe('the rules', () => {
  test('name the lock in one rule, and put what bears no name into another', () => {
    const need = lock({}, false);
    expect(load(rulesFor(need, need.rights).join('\n'))).toEqual([
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: ['nightly'], verbs: ['get', 'update', 'watch'] },
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    ]);
    const { rights } = lock();
    expect(rulesFor(lock(), rights)).toHaveLength(1);
  });

  test('of the core group are for the empty name', () => {
    expect(load(judgeNeed(events('no')).fix ?? '')).toEqual([{ apiGroups: [''], resources: ['events'], verbs: ['create'] }]);
  });

  test.each(['2024', '1.5', '1e3', '0x1f', 'no', 'y', 'true', 'null', 'on', 'a-1.b', 'nightly', '2026-11-27'])(
    'name a lock that is called %s by a text',
    (name) => {
      const { rights } = lock();
      expect(load(rulesFor({ ...lock(), name }, rights).join('\n'))).toMatchObject([{ resourceNames: [name] }]);
    },
  );
});

test('a verb on the lock is allowed where each of its objects allows it', () => {
  const [yes, no, unknown] = [lock(), lock({ get: 'no' }), lock({ get: 'unknown' })];
  expect([[yes, yes], [yes, no], [unknown, no], [yes, unknown]].map((needs) => mayDo(needs, 'get'))).toEqual([
    ...[true, false, false, undefined],
  ]);
  expect(mayDo([lock(), events('no')], 'create')).toBe(true);
});
