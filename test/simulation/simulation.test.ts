// What must be true of the simulation itself: it repeats itself, it sees a broken promise, and what failed once is
// played for ever. Decides nothing about the elector.
// Invariant: a corpus file is a whole scenario, so it means the same however seeds come to be read.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Scenario } from './scenario.ts';
import { scenarioOf } from './scenario.ts';
import { newTally, runSeed } from './seeds.ts';
import { explain, shrink } from './shrink.ts';
import { simulate } from './simulate.ts';

const corpus = path.join(import.meta.dirname, 'corpus');

describe('what failed once', () => {
  const files = readdirSync(corpus).filter((name) => name.endsWith('.json'));

  test.each(files)('%s does not fail again', async (file) => {
    const { scenario } = JSON.parse(readFileSync(path.join(corpus, file), 'utf8')) as {
      found: string;
      scenario: Scenario;
    };
    const result = await simulate(scenario);
    expect(result.violation === undefined ? '' : await explain(result)).toBe('');
  });
});

describe('the oracle', () => {
  test('sees two commands at once when clocks drift too far and kills come too late', async () => {
    const tally = newTally();
    for (let seed = 1; seed <= 120; seed += 1) await runSeed(seed, tally, 'break');
    expect(tally.explained.join('\n\n')).toBe('');
    expect(tally.overlaps).toBeGreaterThan(3);
  });

  test('sees two commands at once when somebody blanks the record', async () => {
    const tally = newTally();
    for (let seed = 1; seed <= 200; seed += 1) await runSeed(seed, tally, 'tampering');
    expect(tally.overlaps).toBeGreaterThan(3);
  });
});

describe('a scenario', () => {
  test('gives the same trace each time, word for word', async () => {
    const scenario = scenarioOf(7);
    const [first, second] = [await simulate(scenario, true), await simulate(scenario, true)];
    expect(second.lines).toEqual(first.lines);
    expect(second.hash).toBe(first.hash);
  });

  test('that fails is shrunk to one that fails alike', async () => {
    const bounded = scenarioOf(3, 'bounded');
    const outage = {
      kind: 'cut-both',
      at: 50_000,
      forMs: bounded.timing.renewDeadlineMs * 1.5,
      on: 0,
      level: 1,
    } as const;
    const scenario = { ...bounded, faults: [...bounded.faults, outage] };
    const result = await simulate(scenario);
    expect(result.violation).toContain('V3');
    const small = await shrink(result);
    expect(small.violation).toContain('V3');
    expect(small.scenario.faults.map(({ kind }) => kind)).toEqual(['cut-both']);
  });
});
