// leader-run's words as shells complete them: half a word is typed on a terminal and TAB is pressed, in each shell and
// in each way of loading the script. The options that must be offered are those of the table.
// To check: what is expected of a line is the same for all shells; nothing is expected of lists on the screen.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { flagOf, names, scopeOf, type Scope } from '../../src/cli/options.ts';
import { verbs } from '../../src/commands/verbs.ts';
import { type Arena, test } from '../helpers/arena.ts';
import { missing } from '../helpers/machine.ts';
import { noTerminal } from './on-a-terminal.ts';
import { Typing, type Way, ways } from './typing.ts';

const kubeconfig = (contexts: Record<string, string>): string =>
  JSON.stringify({
    contexts: Object.entries(contexts).map(([name, namespace]) => ({ name, context: { cluster: 'c', namespace } })),
  });

/** A folder with files that need quoting, and a leader-run that tells each time that it is started. */
function furnish(arena: Arena): void {
  const { folder, bundle } = arena;
  for (const each of ['bin', 'fo older']) mkdirSync(join(folder, each));
  writeFileSync(join(folder, 'kubeconfig'), kubeconfig({ 'arn:aws:eks:eu:1:cluster/prod': 'ops', 'user@dev': 'jobs' }));
  writeFileSync(join(folder, "my file's"), kubeconfig({ 'in-the-file': 'far' }));
  const program = `#!/bin/sh\necho "$@" >> '${folder}/starts'\nexec '${process.execPath}' '${bundle}/bin/leader-run.js' "$@"\n`;
  writeFileSync(join(folder, 'bin/leader-run'), program, { mode: 0o755 });
  writeFileSync(join(folder, 'bin/tool-of-test'), '#!/bin/sh\n', { mode: 0o755 });
}

const starts = (arena: Arena): string => readOr(join(arena.folder, 'starts'));
function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function scriptOf(arena: Arena, shell: string): Promise<string> {
  const run = arena.spawn([process.execPath, join(arena.bundle, 'bin/leader-run.js'), 'completion', shell]);
  await Promise.all([run.end(), run.isAbandoned()]);
  return run.stdout;
}

async function open(arena: Arena, way: Way): Promise<Typing> {
  furnish(arena);
  const typing = new Typing(arena, way, await scriptOf(arena, way.shell));
  await typing.isReady();
  return typing;
}

const lackingFor = ({ shell, needs }: Way): string | undefined =>
  noTerminal(shell) ?? (needs === undefined || readOr(needs) !== '' ? undefined : `${needs} is not there`);

/** Before TAB and after it. */
const words: readonly (readonly [string, string])[] = [
  ['leader-run stat', 'leader-run status '],
  ['leader-run status --max', 'leader-run status --max-age '],
  ['leader-run --stop-g', 'leader-run --stop-grace '],
  ['leader-run --log-level d', 'leader-run --log-level debug '],
  ['leader-run --log-level=d', 'leader-run --log-level=debug '],
  ['leader-run --lock a --overlap q', 'leader-run --lock a --overlap queue '],
  ['leader-run --stop-signal SIGUSR1', 'leader-run --stop-signal SIGUSR1 '],
  ['leader-run status -o j', 'leader-run status -o json '],
  ['leader-run keys fo', 'leader-run keys forget '],
  ['leader-run keys --lock a/b ma', 'leader-run keys --lock a/b mark '],
  ['leader-run completion fi', 'leader-run completion fish '],
  ['leader-run help step', 'leader-run help step-down '],
];

const files: readonly (readonly [string, string])[] = [
  ['leader-run --kubeconfig my', String.raw`leader-run --kubeconfig my\ file\'s `],
  ['leader-run --kubeconfig=my', String.raw`leader-run --kubeconfig=my\ file\'s `],
  ['leader-run --local=fo', String.raw`leader-run --local=fo\ older/`],
];

const commands: readonly (readonly [string, string])[] = [
  ['leader-run tool-of', 'leader-run tool-of-test '],
  ['leader-run --lock a -- tool-of', 'leader-run --lock a -- tool-of-test '],
  ['leader-run --lock a tool --fl', 'leader-run --lock a tool --flag '],
  ['leader-run --lock=a -- tool --fl', 'leader-run --lock=a -- tool --flag '],
  ['leader-run --lock a -- tool my', 'leader-run --lock a -- tool my'],
  ['leader-run --lock a -- leader-run stat', 'leader-run --lock a -- leader-run status '],
  ['leader-run --lock a -- cat my', String.raw`leader-run --lock a -- cat my\ file\'s `],
];

/** Where the shell has words for sudo: bash has them from the package. */
const behindSudo: readonly (readonly [string, string])[] = [
  ['sudo leader-run stat', 'sudo leader-run status '],
  ['sudo leader-run --log-level=d', 'sudo leader-run --log-level=debug '],
  ['sudo leader-run --lock a -- tool --fl', 'sudo leader-run --lock a -- tool --flag '],
];

const contexts: readonly (readonly [string, string])[] = [
  ['leader-run --context arn', 'leader-run --context arn:aws:eks:eu:1:cluster/prod '],
  ['leader-run --context=arn:aws', 'leader-run --context=arn:aws:eks:eu:1:cluster/prod '],
  ['leader-run status --context us', 'leader-run status --context user@dev '],
  ['leader-run status -n op', 'leader-run status -n ops '],
  [
    String.raw`leader-run --kubeconfig my\ file\'s --context in`,
    String.raw`leader-run --kubeconfig my\ file\'s --context in-the-file `,
  ],
];

describe.each(ways)('in $name', (way) => {
  const lacking = lackingFor(way);

  test('TAB completes what can be told without leader-run, and does not start it', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const typing = await open(arena, way);
    const knowsSudo = way.shell !== 'bash' || way.needs !== undefined;
    for (const [before, after] of [...words, ...files, ...commands, ...(knowsSudo ? behindSudo : [])]) {
      // zsh hangs = on an option that takes a value, and takes it off for a blank.
      expect((await typing.after(before)).replace(/=$/, ' '), typing.screen).toBe(after);
    }
    expect(starts(arena)).toBe('');
  });

  test('TAB completes contexts and namespaces from the kubeconfig', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const typing = await open(arena, way);
    for (const [before, after] of contexts) expect(await typing.after(before), typing.screen).toBe(after);
    expect(new Set(starts(arena).trim().split('\n'))).toEqual(new Set(['completion contexts', 'completion namespaces']));
  });

  test('each option of each verb is offered, and no other', async ({ arena, expect, skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const typing = await open(arena, way);
    const flagsOf = (takes: readonly Scope[]): string[] =>
      names.filter((name) => takes.includes(scopeOf(name))).map(flagOf);
    expect(await typing.offers('leader-run --')).toEqual(
      [...flagsOf(['lock', 'run', 'tick']), '--help', '--version'].sort(),
    );
    for (const { name, takes } of verbs.filter(({ summary }) => summary !== undefined)) {
      expect(await typing.offers(`leader-run ${name} --`)).toEqual([...flagsOf(takes), '--help'].sort());
    }
  });
});

const shells = ['bash', 'zsh', 'fish'];

const title = 'the script for %s has no fault that the shell finds by itself';

test.for(shells)(title, async (shell, { arena, expect, skip }) => {
  const lacking = missing(shell);
  if (lacking !== undefined) return skip(lacking);
  const file = join(arena.folder, 'script');
  writeFileSync(file, await scriptOf(arena, shell));
  const run = arena.spawn([shell, '-n', file]);
  expect(await run.end()).toMatchObject({ status: 0 });
  await run.isAbandoned();
  expect(run.text()).not.toMatch(/error|unexpected|parse/i);
});

test('the script for zsh says in a sentence what to do where no completion is on', async ({ arena, expect, skip }) => {
  const lacking = missing('zsh');
  if (lacking !== undefined) return skip(lacking);
  const file = join(arena.folder, 'script');
  writeFileSync(file, await scriptOf(arena, 'zsh'));
  const run = arena.spawn(['zsh', '-f', '-c', `source ${file}`]);
  await Promise.all([run.end(), run.isAbandoned()]);
  expect(run.stderr).toBe(
    'leader-run: completion is not on in this shell: run "autoload -Uz compinit && compinit" before this script\n',
  );
});
