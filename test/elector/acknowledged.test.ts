// A write of ours that is stored: what each kind of it does to a campaign, a term or an end, whatever told of it.
// Knows no other candidate. Invariant under test: a write counts from its own sending, and none that was sent earlier
// than the last one takes anything back.

import { describe, expect, test } from 'vitest';
import { later } from '../../src/clock.ts';
import { contradicted, see, seeAltered } from '../../src/elector/sightings.ts';
import type { PendingWrite, State, WriteKind } from '../../src/elector/state.ts';
import { leashFrom } from '../../src/elector/timing.ts';
import type { Turn } from '../../src/elector/turn.ts';
import type { Sighting } from '../../src/locks/lock.ts';
import { aliceRun, held, leader, MemoryLock, Rig } from '../helpers/rig.ts';
import { reportsOf, turnOf } from '../helpers/turn.ts';

type Recorded = Extract<Sighting, { kind: 'record' }>;

const usual = { number: 50, versions: 1, seconds: 15 };

/** A write that was sent so long ago, and the sighting of it, so many versions after what is known. */
function ours(rig: Rig, kind: WriteKind, agoMs: number, more: Partial<typeof usual> = {}): [PendingWrite, Recorded] {
  const { number, versions, seconds } = { ...usual, ...more };
  const holder = kind === 'release' ? '' : 'alice';
  const record = held(holder, { renewTime: `write ${number}`, leaseDurationSeconds: seconds });
  const sentAt = later(rig.now, -agoMs);
  const planned = { base: undefined, note: undefined, openSince: undefined, wish: undefined };
  const signature = { identity: 'alice', run: aliceRun, number };
  const version = { object: rig.lock.uid, state: String(rig.lock.version + versions) };
  return [
    { number, kind, record, sentAt, ...planned },
    { kind: 'record', record, signature, version },
  ];
}

/** What comes of seeing it. */
function stored(rig: Rig, [write, sighting]: [PendingWrite, Recorded], changes: Partial<State> = {}): Turn {
  const turn = turnOf(rig, { pending: [write], ...changes });
  see(turn, sighting, 'answer');
  return turn;
}

/** Nothing is held yet, and the lock was seen. */
const candidate = (): Rig => new Rig(new MemoryLock()).campaign().answer().later(5000);
const kindsOf = ({ effects }: Turn) => effects.map(({ kind }) => kind);
const idled = ({ effects }: Turn) => effects.flatMap((effect) => (effect.kind === 'idle' ? [effect.outcome] : []));

describe('a stored write', () => {
  test('is what is known of the lock from its sending on, and ends the doubt in all before it', () => {
    const rig = leader().later(3000);
    const [write, sighting] = ours(rig, 'renew', 100);
    const [before] = ours(rig, 'renew', 200, { number: 49 });
    const [after] = ours(rig, 'renew', 0, { number: 51 });
    const pending = [before, write, after];
    const turn = stored(rig, [write, sighting], { pending, mustRead: true, failures: 2, timeouts: 1 });
    const { record, number, sentAt } = write;
    expect(turn.s.stored).toEqual({ number, record, note: undefined, version: sighting.version, sentAt });
    expect(turn.s.observation).toEqual({
      ...{ sighting, since: sentAt, lastSeen: rig.now, own: true, waitMs: 0, spreadMs: 0 },
    });
    expect(turn.s).toMatchObject({ pending: [after], mustRead: false, failures: 0, timeouts: 0 });
  });

  test('that another write has followed makes nobody the holder, and is in doubt no more', () => {
    const rig = candidate();
    const lock = new MemoryLock();
    const { observation } = rig.state;
    const newer = lock.put(held(''), { identity: 'alice', run: aliceRun, number: 60 });
    const known = observation && { ...observation, sighting: newer };
    const [write, sighting] = ours(rig, 'take', 100, { versions: -5 });
    const [after] = ours(rig, 'take', 0, { number: 51 });
    const turn = stored(rig, [write, sighting], { pending: [write, after], observation: known });
    expect(turn.s).toMatchObject({ pending: [after], term: undefined, stored: undefined, observation: known });
    expect(kindsOf(turn)).toEqual([]);
  });

  test('that gave the lock up is the end, even if another has taken the lock since', () => {
    const rig = candidate();
    const { observation } = rig.state;
    const newer = new MemoryLock().put(held('bob'));
    const leaving = { ...rig.state.leaving, outcome: 'released' as const };
    const known = observation && { ...observation, sighting: newer };
    const write = ours(rig, 'release', 100, { versions: -5 });
    const turn = stored(rig, write, { want: 'leave', leaving, observation: known });
    expect(idled(turn)).toEqual([{ kind: 'released' }]);
  });
});

describe('a renewal', () => {
  test('lengthens the term from its sending, is told with what it took, and is due again a retry period later', () => {
    const rig = leader().later(3000);
    const turn = stored(rig, ours(rig, 'renew', 120));
    const sentAt = later(rig.now, -120);
    const leash = leashFrom(sentAt, rig.state.settings.timing);
    expect(turn.s.term?.leash).toEqual(leash);
    expect(turn.s.pause).toEqual(later(sentAt, 2000));
    expect(turn.effects).toContainEqual({ kind: 'leash', leash });
    expect(reportsOf(turn)).toEqual([{ kind: 'renewed', latencyMs: 120 }]);
  });

  test('that was sent earlier than the last one by either clock lengthens nothing', () => {
    const rig = leader().later(3000);
    const { term } = rig.state;
    if (!term) throw new Error('unreachable');
    const sent = rig.state.stored?.sentAt ?? rig.now;
    for (const [mono, boot] of [[1, 1], [0, 0], [1, 0], [0, 1], [-1, 9], [9, -1]] as const) {
      const lengthens = mono > 0 && boot > 0;
      const [write, sighting] = ours(rig, 'renew', 0);
      const sentAt = { mono: sent.mono + mono, boot: sent.boot + boot };
      const turn = stored(rig, [{ ...write, sentAt }, sighting]);
      expect(turn.s.term?.leash).toEqual(lengthens ? leashFrom(sentAt, rig.state.settings.timing) : term.leash);
      expect(kindsOf(turn).includes('leash')).toBe(lengthens);
    }
  });

  test('of a term that is over lengthens nothing and tells nothing', () => {
    const turn = stored(leader(), ours(leader(), 'renew', 100), { term: undefined, want: 'nothing' });
    expect(turn.s.term).toBeUndefined();
    expect(kindsOf(turn)).toEqual([]);
  });

  test.each(['create', 'take'] as const)('by which a holder would %s its own lock again is one as well', (kind) => {
    const turn = stored(leader().later(3000), ours(leader().later(3000), kind, 120));
    expect(reportsOf(turn)).toEqual([{ kind: 'renewed', latencyMs: 120 }]);
    expect(kindsOf(turn)).not.toContain('granted');
  });
});

describe('a release', () => {
  test.each([
    ['release', 'released', { kind: 'released' }],
    ['release', 'stopped', { kind: 'stopped' }],
    ['shorten', 'released', { kind: 'left-held', forMs: 7000 }],
  ] as const)('by %s of whoever leaves as %s is the end: %o', (kind, outcome, end) => {
    const rig = leader();
    const leaving = { ...rig.state.leaving, outcome };
    const turn = stored(rig, ours(rig, kind, 10, { seconds: 7 }), { want: 'leave', term: undefined, leaving });
    expect(idled(turn)).toEqual([end]);
    expect(turn.s.want).toBe('nothing');
  });

  test.each(['release', 'shorten'] as const)('by %s that shows up in a later campaign ends nothing', (kind) => {
    const turn = stored(candidate(), ours(candidate(), kind, 10));
    expect(idled(turn)).toEqual([]);
    expect(turn.s).toMatchObject({ want: 'lead', observation: { own: true } });
  });
});

describe('a grant', () => {
  const take = (rig: Rig, agoMs = 10, more: Partial<PendingWrite> = {}): [PendingWrite, Recorded] => {
    const [write, sighting] = ours(rig, 'take', agoMs);
    return [{ ...write, ...more }, sighting];
  };

  test('is a term with a token of the lock, told with how long the lock was free', () => {
    const rig = candidate();
    const record = held('alice', { leaseTransitions: 4, renewTime: 'write 50' });
    const [write, sighting] = take(rig, 10, { record, openSince: later(rig.now, -340) });
    const seen = { ...sighting, record, note: 'a' };
    const met = { ms: 900, until: later(rig.now, 1000) };
    const turn = stored(rig, [write, seen], { lostRaces: 3, herd: met, soleFrom: later(rig.now, -1) });
    const { timing } = rig.state.settings;
    const token = { value: sighting.version.state, lockUid: rig.lock.uid, transitions: 4 };
    expect(turn.s.term).toMatchObject({ token, leash: leashFrom(write.sentAt, timing) });
    expect(turn.s).toMatchObject({
      ...{ occupied: true, work: { note: 'a', end: undefined }, soleFrom: undefined, lostRaces: 0, herd: undefined },
      ...{ told: { kind: 'nothing' }, pause: later(write.sentAt, 2000) },
    });
    expect(reportsOf(turn)).toEqual([{ kind: 'elected', token: token.value, transitions: 4, handOverMs: 340 }]);
    expect(turn.effects.at(-1)).toEqual({ kind: 'granted', grant: turn.s.term });
  });

  test('of a lock that nobody saw free is told without a time', () => {
    const turn = stored(candidate(), take(candidate()));
    expect(reportsOf(turn)).toMatchObject([{ kind: 'elected', handOverMs: undefined }]);
  });

  test('needs half a deadline, less what a start takes, after the sending', () => {
    const granted = (agoMs: number) => stored(candidate(), take(candidate(), agoMs)).s.term !== undefined;
    expect([0, 4499, 4500, 4501].map(granted)).toEqual([true, true, false, false]);
  });

  test('goes to nobody who leaves, or whose work still runs', () => {
    for (const changes of [{ want: 'leave' }, { want: 'nothing' }, { occupied: true }] as const) {
      const turn = stored(candidate(), take(candidate()), changes);
      expect(turn.s.term).toBeUndefined();
      expect(kindsOf(turn)).toEqual([]);
    }
  });

  describe('under a new object', () => {
    const under = (age: State['age'], newLockWaitMs = 5000): Turn => {
      const rig = candidate();
      return stored(rig, take(rig), { age, settings: { ...rig.state.settings, newLockWaitMs } });
    };
    const age = (ms: number, at = candidate().now, object = candidate().lock.uid): State['age'] => ({ object, ms, at });
    /** How long the candidate waits before it takes the lock again; granted: it does not. */
    const waits = ({ s, now }: Turn) => (s.term ? 'granted' : s.takePause.mono - now.mono);

    test('waits until that is old enough, a retry period at a time', () => {
      expect([undefined, age(0), age(3500), age(4999), age(5000)].map((each) => waits(under(each)))).toEqual([
        ...[2000, 2000, 1500, 1, 'granted'],
      ]);
    });

    test('counts on from when the age was told, by the clock that ran less', () => {
      const { now } = candidate();
      const told = (mono: number, boot: number) => ({ mono: now.mono - mono, boot: now.boot - boot });
      expect(waits(under(age(4000, { ...now, ...told(1000, 1000) })))).toBe('granted');
      expect(waits(under(age(4000, { ...now, ...told(1000, 400) })))).toBe(600);
      expect(waits(under(age(4000, { ...now, ...told(400, 1000) })))).toBe(600);
    });

    test('counts the age of no other object', () => {
      expect(waits(under(age(60_000, candidate().now, 'uid-9')))).toBe(2000);
    });
  });

  test('waits for the last holder that a coordinator may have overlooked', () => {
    const rig = candidate();
    const turn = stored(rig, take(rig), { soleFrom: later(rig.now, 700) });
    expect([turn.s.term, turn.s.takePause]).toEqual([undefined, later(rig.now, 700)]);
    const past = stored(rig, take(rig), { soleFrom: { mono: rig.now.mono, boot: rig.now.boot } });
    expect(past.s.term).toBeDefined();
  });
});

describe('a record of ours with other labels', () => {
  test('is what the next write rests on, and asks for no look', () => {
    const rig = leader().later(700);
    const { sighting } = rig.lock;
    if (sighting.kind !== 'record') throw new Error('unreachable');
    const labelled: Recorded = { ...sighting, version: { ...sighting.version, state: '900' }, note: 'b' };
    const turn = turnOf(rig, { mustRead: true });
    see(turn, labelled, 'read');
    expect(turn.s.stored).toEqual({ ...rig.state.stored, version: labelled.version, note: 'b' });
    expect(turn.s.observation).toEqual({ ...rig.state.observation, sighting: labelled, lastSeen: rig.now });
    expect(turn.s).toMatchObject({ mustRead: false, term: rig.grant });
  });
});

test('an earlier renewal of a term is what the next one rests on, and asks for no look', () => {
  const rig = leader().later(700);
  const { sighting } = rig.lock;
  const { stored: last } = rig.state;
  if (sighting.kind !== 'record' || !last) throw new Error('unreachable');
  const signature = { identity: 'alice', run: aliceRun, number: last.number - 1 };
  const older = { ...sighting, signature, version: { ...sighting.version, state: '1' }, note: 'c' };
  const turn = turnOf(rig, { mustRead: true });
  see(turn, older, 'read', { askedAt: rig.now });
  expect(turn.s).toMatchObject({
    ...{ mustRead: false, term: rig.grant, stored: { ...last, version: older.version, note: 'c' } },
    ...{ observation: { sighting: older, own: true, since: last.sentAt, lastSeen: rig.now }, failures: 1 },
  });
});

describe('what a server contradicts', () => {
  test('is told to a holder with the time that is left, and to a candidate without', () => {
    const [holder, other] = [turnOf(leader().later(1000)), turnOf(candidate())];
    for (const turn of [holder, other]) contradicted(turn, 'no');
    const told = { kind: 'trouble', doing: 'write', trouble: { cause: 'conflict', message: 'no' } };
    const leftMs = (holder.s.term?.leash.termBy.mono ?? 0) - holder.now.mono;
    expect(reportsOf(holder)).toEqual([{ ...told, leftMs }]);
    expect(reportsOf(other)).toEqual([{ ...told, leftMs: undefined }]);
    expect([holder.s.failures, other.s.failures]).toEqual([1, 1]);
  });

  test('was altered on its way: remembered as ours, told in full, and the end of a campaign or a term alone', () => {
    const rig = candidate();
    const [write, sighting] = ours(rig, 'take', 100);
    const [after] = ours(rig, 'take', 0, { number: 51 });
    const altered = (changes: Partial<State>, seen = sighting): Turn => {
      const turn = turnOf(rig, { pending: [write, after], mustRead: true, ...changes });
      seeAltered(turn, write, seen, 'x is y');
      return turn;
    };
    const campaign = altered({});
    const { number, record, sentAt } = write;
    expect(campaign.s).toMatchObject({
      ...{ pending: [after], mustRead: false, want: 'leave', leaving: { outcome: 'refused' } },
      ...{ stored: { number, record, version: sighting.version, sentAt }, observation: { own: true, since: sentAt } },
    });
    const message = 'the API server stores our record otherwise than it is sent (x is y): exempt this lock from the mutating policy or webhook that changes it';
    expect(reportsOf(campaign)).toEqual([
      { kind: 'trouble', doing: 'write', trouble: { cause: 'altered', message }, leftMs: undefined },
    ]);
    const { grant } = leader();
    expect(altered({ term: grant }).effects.at(-1)).toEqual({ kind: 'lost', reason: 'altered' });
    const shorter = { ...sighting, record: { ...record, leaseDurationSeconds: 3 } };
    expect(altered({ term: grant }, shorter).effects.at(-1)).toEqual({ kind: 'lost', reason: 'edited' });
    const left = altered({ want: 'leave' });
    expect([left.s.want, left.s.leaving]).toEqual(['leave', rig.state.leaving]);
  });
});
