// Whether the oracle of "never two at once" can see: two commands that live at once are found by each of its three
// witnesses, and commands that follow each other closely are not. Needs no server and no leader-run.
// To check: each witness is heard alone, so that none stands in for another.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../helpers/wait.ts';
import { judge, openStamps, type Stamps } from '../helpers/stamps.ts';

describe('the oracle', () => {
  let folder: string;
  let stamps: Stamps;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'leader-run-stamps-'));
    stamps = await openStamps(folder);
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test('finds two commands that live at once, and says whose', async () => {
    await Promise.all([runs('alice', 600), runs('bob', 600)]);
    const { lives, worstOverlapMs, complaints } = await stamps.verdict();
    expect(lives).toBe(2);
    expect(worstOverlapMs).toBeGreaterThan(100);
    expect(complaints.join('\n')).toMatch(/lived \d+ ms together/);
    expect(complaints.join('\n')).toContain('held the flock');
  });

  test('finds a command that a killed one has left offspring beside', async () => {
    const alice = start('alice', { offspring: true });
    const { pid, offspring } = await stamps.started('alice');
    alice.kill('SIGKILL');
    await until('alice is gone', () => alice.signalCode !== null);
    await runs('bob', 50);
    for (const child of offspring) process.kill(child, 'SIGKILL');
    const { worstOverlapMs, complaints } = await stamps.verdict();
    expect(pid).toBe(alice.pid);
    expect(worstOverlapMs).toBe(0);
    expect(complaints).toEqual([expect.stringContaining('bob began while another command, or something that it started')]);
  });

  test('finds nothing between commands that follow each other at once', async () => {
    for (const name of ['alice', 'bob', 'carol']) await runs(name, 30);
    expect(await stamps.verdict()).toEqual({ lives: 3, worstOverlapMs: 0, complaints: [] });
  });

  test.each([
    { name: 'an overlap of a millisecond', text: '10 start a 1 - -\n20 start b 2 - -\n21 beat a 1 1\n30 beat b 2 2\n', says: 'lived 1 ms together' },
    { name: 'a lost update', text: '10 start a 1 - -\n11 beat a 1 1\n12 beat a 1 2\n20 start b 2 - -\n21 beat b 2 2\n', says: 'lost an update' },
    { name: 'a token that does not grow', text: '10 start a 1 7 u\n11 beat a 1 1\n20 start b 2 7 u\n', says: 'token 7 of b follows 7 of a' },
    { name: 'a held flock', text: '9 clash a 1 -\n10 start a 1 7 u\n', says: 'held the flock' },
  ])('finds $name', ({ text, says }) => {
    expect(judge(text).complaints).toEqual([expect.stringContaining(says)]);
  });

  test.each([
    { name: 'a new lock object, whose tokens begin anew', text: '10 start a 1 7 u\n11 beat a 1 1\n20 start b 2 5 v\n' },
    { name: 'a start in the millisecond of an end', text: '10 start a 1 7 u\n20 end a 1 -\n20 start b 2 8 u\n' },
  ])('takes no offence at $name', ({ text }) => {
    expect(judge(text).complaints).toEqual([]);
  });

  function start(name: string, options: Parameters<Stamps['command']>[1]) {
    const [file = '', ...args] = stamps.command(name, options);
    return spawn(file, args, { stdio: 'ignore' });
  }

  async function runs(name: string, runMs: number): Promise<void> {
    const command = start(name, { runMs });
    await until('its end', () => command.exitCode !== null);
  }
});
