// Signs of life of a command: when a file that it touches was silent for too long. Time and the file's stamps are the
// test's own; real files and lines are tried with the program (test/process/health.test.ts).
// To check: a command that shows a sign at each look is never found silent.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type HealthWatch, watchHealth } from '../../src/child/health.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

let clock: ManualClock;
let stamp: string;
let watch: HealthWatch;

beforeEach(() => {
  clock = new ManualClock();
  stamp = 'first';
});
afterEach(() => {
  watch.cancel();
});

/** Looks each second. */
function watching(stampOf = (): Promise<string> => Promise.resolve(stamp)): string[] {
  watch = watchHealth({ file: '/run/alive', line: undefined, maxAgeMs: 10_000 }, {}, clock, stampOf);
  const found: string[] = [];
  void watch.unhealthy.then((reason) => found.push(reason));
  return found;
}

async function touching(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    stamp = `touched ${String(passed)} ${stamp}`.slice(0, 40);
    await clock.pass(500);
  }
}

describe('a health file', () => {
  test('that is touched keeps the command healthy', async () => {
    const found = watching();
    await touching(30_000);
    expect(found).toEqual([]);
  });

  test('that is not touched any more makes it unhealthy after --health-max-age, and not before', async () => {
    const found = watching();
    await touching(5000);
    await clock.pass(9500);
    expect(found).toEqual([]);
    await clock.pass(2500);
    expect(found).toEqual(['the health file /run/alive has not changed, and no sign of life was seen for 10 s']);
  });

  test('that an earlier run has left is no sign of life', async () => {
    const found = watching();
    await clock.pass(11_000);
    expect(found).toHaveLength(1);
  });

  test('may come as late as --health-max-age after the start', async () => {
    stamp = '';
    const found = watching();
    await clock.pass(9000);
    stamp = 'here';
    await clock.pass(8000);
    expect(found).toEqual([]);
  });

  test('that is not there, or goes away, is told as that', async () => {
    const found = watching();
    await touching(3000);
    stamp = '';
    await clock.pass(12_000);
    expect(found).toEqual(['the health file /run/alive is not there, and no sign of life was seen for 10 s']);
  });

  test('that no file server answers for is asked for once, and is silent', async () => {
    let asked = 0;
    const found = watching(() => {
      asked += 1;
      return new Promise(() => undefined);
    });
    await clock.pass(12_000);
    expect(found).toEqual(['the last check took longer than 1 s, and no sign of life was seen for 10 s']);
    expect(asked).toBe(1);
  });

  test('is looked at no more once the command has ended', async () => {
    let asked = 0;
    const found = watching(() => {
      asked += 1;
      return Promise.resolve('same');
    });
    await clock.pass(3500);
    watch.cancel();
    const before = asked;
    await clock.pass(30_000);
    expect([found, asked]).toEqual([[], before]);
  });
});
