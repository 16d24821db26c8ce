// What completion offers, and where: read from the tables of options and verbs. How a shell is told is tried in the
// shells themselves (test/process/completion.test.ts).
// To check: a verb or an option that is new needs no line here.
import { describe, expect, test } from 'vitest';
import { placesOf } from '../../src/cli/completion/places.ts';
import { parseShell, scriptFor } from '../../src/cli/completion/scripts.ts';
import { flagOf, names, type OptionName, options } from '../../src/cli/options.ts';
import { verbs } from '../../src/commands/verbs.ts';

const places = placesOf(verbs);
const offerOf = (name: OptionName) => places.options.find(({ flag }) => flag === flagOf(name))?.offer;
const placeOf = (name: string) => places.verbs.find(({ verb }) => verb === name);

describe('completion', () => {
  test('offers each verb that has a summary, and no name that is kept for later', () => {
    const offered = places.verbs.map(({ verb }) => verb);
    expect(offered).toEqual(verbs.filter(({ summary }) => summary !== undefined).map(({ name }) => name));
    expect(placesOf([{ name: 'later', takes: [] }]).verbs).toEqual([]);
  });

  test('offers each option somewhere', () => {
    const flags = places.options.map(({ flag }) => flag);
    expect(names.map(flagOf).filter((flag) => !flags.includes(flag))).toEqual([]);
    expect(flags).toEqual(expect.arrayContaining(['--help', '--version']));
  });

  test('offers no value that is refused', () => {
    const refused = names.flatMap((name) => {
      const offer = offerOf(name);
      if (offer?.kind !== 'words') return [];
      return offer.words.filter((word) => 'fault' in options[name].parse(word)).map((word) => `${name}=${word}`);
    });
    expect(refused).toEqual([]);
    expect(offerOf('guardian')).toEqual({ kind: 'words', words: ['auto', 'sh', 'node', 'off'] });
    expect(offerOf('stopSignal')).toMatchObject({ kind: 'words', words: expect.arrayContaining(['SIGTERM']) as string[] });
  });

  test.each([
    ['kubeconfig', 'files'],
    ['local', 'folders'],
    ['context', 'contexts'],
    ['namespace', 'namespaces'],
    ['identity', 'nothing'],
  ] as const)('for --%s offers %s', (name, kind) => {
    expect(offerOf(name)).toEqual({ kind });
  });

  test('offers the first own word of a verb', () => {
    expect(placeOf('keys')?.words).toEqual(['forget', 'mark']);
    expect(placeOf('completion')?.words).toEqual(['bash', 'zsh', 'fish']);
    const helped = verbs.filter(({ about }) => about !== undefined).map(({ name }) => name);
    expect(placeOf('help')?.words).toEqual(helped);
    expect(placeOf('status')?.words).toEqual([]);
  });

  test('knows where a command may stand: in a run, and in a verb whose usage has one', () => {
    const usage = '[options] -- <command> [args...]';
    const { run, verbs: known } = placesOf([
      { name: 'print', summary: 'what a run would be', usage, takes: ['lock'] },
      { name: 'status', summary: 'who leads', usage: '[lock...]', takes: ['lock'] },
    ]);
    expect([run, ...known].map(({ hasCommand }) => hasCommand)).toEqual([true, true, false]);
  });
});

describe.each(['bash', 'zsh', 'fish'] as const)('the script for %s', (shell) => {
  test('is asked for by that name', () => {
    expect(parseShell(shell)).toEqual({ value: shell });
  });

  test('quotes what help says, whatever that is', () => {
    const summary = `it's "a" \\ $HOME \`id\` [b]: c`;
    const script = scriptFor(shell, [{ name: 'odd', summary, takes: [] }]);
    expect(script).toContain('odd');
    // Only between single quotes, where no shell of the three computes anything.
    const outside = script.replaceAll(/'(?:\\.|'\\''|[^'\\])*'/g, '');
    expect(outside).not.toMatch(/\$HOME \\?`id/);
  });
});
