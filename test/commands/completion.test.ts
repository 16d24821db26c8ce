// The verb that prints the scripts, and what it answers to them: contexts and namespaces of a kubeconfig.
// To check: nothing is written and no server is there.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/cli/exit-status.ts';
import { completion } from '../../src/commands/completion.ts';
import { chosen } from '../../src/commands/verbs.ts';
import { verbContext } from '../helpers/verb-context.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'leader-run-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, content: unknown): string => {
  const at = path.join(folder, name);
  writeFileSync(at, JSON.stringify(content));
  return at;
};
const context = (name: string, namespace?: string): unknown => ({ name, context: { cluster: 'c', namespace } });
const first = file('first', { contexts: [context('prod', 'ops'), context('dev', 'ops')] });
const second = file('second', { contexts: [context('prod', 'other'), context('arn:aws:eks:1', 'jobs')] });
const odd = file('odd', { contexts: [context('two\nlines'), context(''), context('fine \u001b[31m'), context('plain')] });

async function answer(words: string[], env: Record<string, string> = {}) {
  const { command, words: behind } = chosen(['completion', ...words]);
  return await command.run({ words: behind, ...verbContext({ env }) });
}
const faultsOf = async (words: string[], env: Record<string, string> = {}) => {
  const ending = await answer(words, env);
  expect(exitStatus(ending)).toBe(125);
  return 'faults' in ending ? ending.faults : [];
};

describe('the verb completion', () => {
  test.each(['bash', 'zsh', 'fish'])('prints the script for %s', async (shell) => {
    const text = expect.stringContaining(`Completion of leader-run for ${shell}`) as string;
    expect(await answer([shell])).toEqual({ kind: 'answered', text });
  });

  test.each([
    { SHELL: '/usr/bin/zsh', example: 'zsh' },
    { SHELL: '/bin/fish', example: 'fish' },
    { SHELL: '/bin/sh', example: 'bash' },
    { SHELL: '', example: 'bash' },
  ])('asks for the shell by its name, also where SHELL is $SHELL', async ({ SHELL, example }) => {
    const fault = `no shell: name bash, zsh or fish, as in leader-run completion ${example}`;
    expect(await faultsOf([], { SHELL })).toEqual([fault]);
  });

  test.each([
    { words: ['tcsh'], fault: 'tcsh: expected bash, zsh or fish' },
    { words: ['fisch'], fault: 'fisch: expected bash, zsh or fish; did you mean fish?' },
    { words: ['\u001b[31m'], fault: String.raw`\x1b[31m: expected bash, zsh or fish` },
    { words: ['bash', 'zsh'], fault: 'expected one shell, and not 2 words' },
    { words: ['bash', '--lock', 'a'], fault: '--lock does not belong to this verb: leave it out' },
  ])('refuses $words with a sentence', async ({ words, fault }) => {
    expect(await faultsOf(words)).toEqual([fault]);
  });

  test('has a help', async () => {
    const text = expect.stringContaining('Usage: leader-run completion bash | zsh | fish') as string;
    expect(await answer(['--help'])).toEqual({ kind: 'answered', text });
  });

  test.each([
    { what: 'contexts', text: 'prod\ndev\narn:aws:eks:1\n' },
    // That of the first file counts, as it does for a run.
    { what: 'namespaces', text: 'ops\njobs\n' },
  ])('lists the $what of the files in KUBECONFIG, each once', async ({ what, text }) => {
    const env = { KUBECONFIG: `${first}:${path.join(folder, 'gone')}:${second}` };
    expect(await answer([what], env)).toEqual({ kind: 'answered', text });
  });

  test('lists those of LEADER_RUN_KUBECONFIG alone, where it is set', async () => {
    const env = { KUBECONFIG: first, LEADER_RUN_KUBECONFIG: second };
    expect(await answer(['contexts'], env)).toEqual({ kind: 'answered', text: 'prod\narn:aws:eks:1\n' });
  });

  test('lists no name that a terminal would obey', async () => {
    expect(await answer(['contexts'], { KUBECONFIG: odd })).toEqual({ kind: 'answered', text: 'plain\n' });
  });

  test('lists nothing where no kubeconfig is, and refuses one that is named and is not there', async () => {
    expect(await answer(['contexts'], { KUBECONFIG: path.join(folder, 'gone') })).toEqual({ kind: 'answered', text: '' });
    const gone = path.join(folder, 'gone');
    const fault = `cannot read the kubeconfig ${gone}: it does not exist`;
    expect(await faultsOf(['contexts'], { LEADER_RUN_KUBECONFIG: gone })).toEqual([fault]);
  });

  test('answers --version as every verb does', async () => {
    expect(await completion({ words: ['--version'], ...verbContext({ env: {} }) })).toEqual({ kind: 'version' });
  });
});
