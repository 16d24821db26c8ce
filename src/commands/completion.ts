// Prints the script that completes leader-run's words in a shell, and answers what that script asks: the contexts and
// namespaces of the kubeconfig, a line for each. The scripts are cli/completion/'s.
// Decides which of both is asked for. Knows no shell.
// Invariant: it asks no server and runs no credential plugin; what it prints has no control characters.

import { readArguments } from '../cli/arguments.ts';
import { parseShell, scriptFor } from '../cli/completion/scripts.ts';
import type { Ending } from '../cli/exit-status.ts';
import { messageOf } from '../common/errors.ts';
import { printable } from '../common/printable.ts';
import { listContexts } from '../locks/open.ts';
import type { Context } from './command.ts';
import type { Printed } from './look.ts';

export async function completion(context: Context): Promise<Ending | Printed> {
  const { words, env, verbs } = context;
  const read = readArguments(words, env, { takes: [], words: 'own' });
  if (read.print !== undefined) return { kind: read.print };
  if (read.faults.length > 0) return { kind: 'refused', faults: read.faults };
  const [what, ...more] = read.command;
  if (what === undefined) return { kind: 'refused', faults: [namedBy(env)] };
  if (more.length > 0) return { kind: 'refused', faults: [`expected one shell, and not ${read.command.length} words`] };
  if (what === 'contexts' || what === 'namespaces') return await listed(what, env);
  const shell = parseShell(what);
  if ('fault' in shell) return { kind: 'refused', faults: [`${printable(what)}: ${shell.fault}`] };
  return { kind: 'answered', text: scriptFor(shell.value, verbs) };
}

/** The login shell need not be the one that asks, so it is an example and no more. */
function namedBy(env: NodeJS.ProcessEnv): string {
  const usual = parseShell((env['SHELL'] ?? '').replace(/^.*\//, ''));
  return `no shell: name bash, zsh or fish, as in leader-run completion ${'value' in usual ? usual.value : 'bash'}`;
}

async function listed(what: 'contexts' | 'namespaces', env: NodeJS.ProcessEnv): Promise<Ending> {
  try {
    const contexts = await listContexts(env['LEADER_RUN_KUBECONFIG'] || undefined, env);
    const names = contexts.map(({ name, namespace }) => (what === 'contexts' ? name : namespace) ?? '');
    const lines = [...new Set(names)].filter((name) => name !== '' && printable(name, Infinity) === name);
    return { kind: 'answered', text: lines.map((name) => `${name}\n`).join('') };
  } catch (error) {
    return { kind: 'refused', faults: [messageOf(error)] };
  }
}
