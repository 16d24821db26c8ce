// What is announced at the lock of a candidate's leading, and that it never holds anything up.
import { describe, expect, test } from 'vitest';
import type { Announcement, Trouble } from '../../src/locks/lock.ts';
import type { Event } from '../../src/observe/events.ts';
import { eventsOn } from '../../src/observe/announcer.ts';
import { ManualClock, settled } from '../helpers/manual-clock.ts';

const elected: Event = { kind: 'elected', token: '7', transitions: 1, handOverMs: undefined };
const lost: Event = { kind: 'lost', reason: 'taken', holder: 'bob', sinceRenewalMs: 5 };
const forbidden: Trouble = { cause: 'forbidden', message: 'events is forbidden' };

function rig(answer: (message: string) => Promise<Trouble | undefined> | undefined = () => undefined) {
  const clock = new ManualClock();
  const said: string[] = [];
  const reports: Event[] = [];
  const announce = async ({ message }: Announcement): Promise<Trouble | undefined> => {
    said.push(message);
    return await answer(message);
  };
  const events = eventsOn({ announce, identity: 'alice', report: (event) => reports.push(event), clock });
  return { clock, said, reports, events };
}

describe('Kubernetes Events', () => {
  test('tell who became leader a little after it did, so that its command starts first', async () => {
    const { clock, said, events } = rig();
    events.hear(elected);
    await clock.pass(400);
    expect(said).toEqual([]);
    await clock.pass(200);
    expect(said).toEqual(['alice became leader']);
  });

  const ends: readonly Event[] = [
    lost,
    { kind: 'released' },
    { kind: 'left-held', forMs: 1000 },
    { kind: 'release-failed', freeInMs: 1000, message: 'no answer' },
  ];
  test.each(ends)('tell that it stopped leading when it $kind', async (end) => {
    const { clock, said, events } = rig();
    events.hear(elected);
    events.hear(end);
    events.hear(end);
    await clock.pass(600);
    expect(said).toEqual(['alice became leader', 'alice stopped leading']);
  });

  test('tell of each term', async () => {
    const { clock, said, events } = rig();
    for (const event of [elected, lost, elected, { kind: 'released' } as const]) events.hear(event);
    await clock.pass(600);
    expect(said.map((text) => text.split(' ')[1])).toEqual(['became', 'stopped', 'became', 'stopped']);
  });

  test('say nothing of a candidate that never led', async () => {
    const { said, events } = rig();
    events.hear(lost);
    await events.flush();
    expect(said).toEqual([]);
  });

  test('are all sent at the end of the program, at once', async () => {
    const { said, events } = rig();
    events.hear(elected);
    await events.flush();
    expect(said).toEqual(['alice became leader', 'alice stopped leading']);
  });

  test('hold up the end of the program for a second at most', async () => {
    const { clock, said, events } = rig(() => new Promise(() => undefined));
    events.hear(elected);
    let flushed = false;
    void events.flush().then(() => (flushed = true));
    await clock.pass(999);
    expect(flushed).toBe(false);
    await clock.pass(1);
    expect(flushed).toBe(true);
    expect(said).toEqual(['alice became leader']);
  });

  test('that are forbidden are told of by one warning, and tried again with the next term', async () => {
    const { clock, said, reports, events } = rig(() => Promise.resolve(forbidden));
    for (const event of [elected, lost, elected]) events.hear(event);
    await clock.pass(600);
    await settled();
    expect(said).toHaveLength(3);
    expect(reports).toEqual([
      { kind: 'note', level: 'warn', message: 'events is forbidden; leading does not depend on it (see --no-events)' },
    ]);
  });

  test('of a lock that changes hands all the time while nothing can be sent are forgotten, the oldest first', async () => {
    const { clock, said, events } = rig((message) =>
      message.includes('became') ? new Promise(() => undefined) : undefined,
    );
    events.hear(elected);
    await clock.pass(600);
    for (let term = 0; term < 20; term += 1) for (const event of [lost, elected]) events.hear(event);
    await clock.pass(60_000);
    expect(said).toHaveLength(1);
  });
});
