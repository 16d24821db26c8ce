// Which verb a command line names, and what those do that need no lock. The default verb runs whole in test/process.
// To check: no name of a verb can run a program as the first word, and each can behind --.
import { describe, expect, test } from 'vitest';
import { runTakes } from '../../src/cli/arguments.ts';
import { helpText, termOf, verbHelp } from '../../src/cli/help.ts';
import { names, scopeOf } from '../../src/cli/options.ts';
import type { Context } from '../../src/commands/command.ts';
import { run } from '../../src/commands/run.ts';
import { chosen, verbs } from '../../src/commands/verbs.ts';
import { verbContext } from '../helpers/verb-context.ts';

// A lock that is named here, so that nothing but the verb keeps a program from being run.
const context: Context = { words: [], ...verbContext({ env: { LEADER_RUN_LOCK: 'a/b' } }) };
const helped = verbs.filter(({ about }) => about !== undefined);

describe('the verb', () => {
  test('is the first word that names one, with the words behind it', () => {
    for (const { name } of verbs) {
      const { command, words } = chosen([name, '--lock', 'a/b']);
      expect([command.name, ...words]).toEqual([name, '--lock', 'a/b']);
    }
  });

  test.each([
    { name: 'nothing', words: [] },
    { name: 'a program', words: ['job'] },
    { name: 'an empty word', words: [''] },
    { name: 'a verb in capitals', words: ['Status'] },
    { name: 'a program of such a name behind --', words: ['--', 'status'] },
    // A program behind options is one since the first release, and stays one whatever verbs are added: what an
    // existing command line runs must not depend on the release. It is looked for before anything is locked.
    { name: 'a program of such a name behind options', words: ['--lock', 'a/b', 'status'] },
  ])('is to run a command where the first word is not a verb: $name', ({ words }) => {
    expect(chosen(words)).toEqual({ command: run, words });
  });

  test('has a name of its own', () => {
    const all = verbs.map(({ name }) => name);
    expect(new Set(all).size).toBe(all.length);
    expect(all).not.toContain('');
  });
});

describe('help and version', () => {
  test.each([
    { words: ['help'] },
    { words: ['help', 'job'] },
    { words: ['--help'] },
    { words: ['--lock', 'A/B/C', '-h'] },
  ])('print the help: $words', async ({ words: given }) => {
    const { command, words } = chosen(given);
    expect(await command.run({ ...context, words })).toEqual({ kind: 'answered', text: helpText(verbs) });
  });

  test.each([{ words: ['help', 'status'] }, { words: ['status', '--help'] }, { words: ['status', '-h', '--foo'] }])(
    'print the help of a verb: $words',
    async ({ words: given }) => {
      const { command, words } = chosen(given);
      const text = expect.stringMatching(/^Usage: leader-run status [^]*--max-age <time>[^]*\n$/) as string;
      expect(await command.run({ ...context, words })).toEqual({ kind: 'answered', text });
    },
  );

  test.each(helped)('fit a screen of 24 lines and 80 columns for the verb $name, and name all of its options', (verb) => {
    const text = verbHelp(verb);
    expect(text).toMatch(/^Usage: [^]*[^\n]\n$/);
    const lines = text.trimEnd().split('\n');
    expect(lines.length, text).toBeLessThanOrEqual(24);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const own = names.filter((name) => verb.takes.includes(scopeOf(name)));
    const isOfRun = verb.takes.includes('run');
    const named = isOfRun ? own.filter((name) => !runTakes.includes(scopeOf(name))) : own;
    expect(named.map(termOf).filter((term) => !text.includes(term))).toEqual([]);
    expect(text.includes('beside those of a run (leader-run --help)')).toBe(isOfRun);
  });

  test('say of a verb that takes the options of a run where these are explained', () => {
    const text = verbHelp({ name: 'judge', about: 'Judges.', takes: [...runTakes, 'show'] });
    const heading = 'Options, beside those of a run (leader-run --help):';
    expect(text).toMatch(/\n {2}--no-headers [^]*\n {2}-h, --help +print this\n$/);
    expect(text).toContain(`\n${heading}\n`);
    expect(text).not.toContain('--stop-grace');
  });

  test.each([{ words: ['version'] }, { words: ['--version'] }])(
    'print the version: $words',
    async ({ words: given }) => {
      const { command, words } = chosen(given);
      expect(await command.run({ ...context, words })).toEqual({ kind: 'answered', text: 'leader-run 1.2.3\n' });
    },
  );

  test('tell of each verb that has a summary, and of no other', () => {
    const summary = 'who holds the lock';
    const text = helpText([
      { name: 'status', summary, takes: [] },
      { name: 'pause', takes: [] },
    ]);
    expect(text).toMatch(/^Verbs:\n {2}status +who holds the lock$/m);
    expect(text).not.toMatch(/^ {2}pause/m);
  });
});
