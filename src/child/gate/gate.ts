// The start gate: a shell, already in the command's own session, that waits on descriptor 3 and becomes the command
// when it reads `go`. So the command can be spawned while standing by, runs only once a guardian watches it, and never
// runs at all if leader-run dies in between (end of file: 125). Decides how the environment passes through a shell
// unharmed. Knows no lock.
// Invariant: the shell runs none of the user's code (no BASH_ENV, no exported functions) before `go`.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findCommand } from '../lookup.ts';

/**
 * Reads `NAME=value` to export, `env NAME=value` for names that no shell variable can have, then `go`. PWD, OLDPWD,
 * SHLVL and IFS are what shells write into an environment; `$restore` puts back what was there, or nothing.
 */
const gateScript = (restore: string): string => `
while :; do
  IFS= read -r line <&3 || exit 125
  case $line in
  go) break ;;
  'env '*) odd=1; set -- "\${line#env }" "$@" ;;
  *) export "$line" ;;
  esac
done
exec 3<&-
[ -z "\${odd-}" ] || set -- env "$@"
unset line odd
${restore}
exec "$@"
`;

/** Shells set these themselves, from whatever they inherited. */
const touchedByShells = ['PWD', 'OLDPWD', 'SHLVL', 'IFS'];
/** Shells give these a meaning or refuse them, so they bypass the shell like names that are not identifiers. */
const ownedByShells = new Set([
  'OPTIND',
  'PPID',
  'LINENO',
  'RANDOM',
  'SECONDS',
  'UID',
  'EUID',
  'GROUPS',
  'ENV',
  'BASH_ENV',
  'SHELLOPTS',
  'BASHOPTS',
]);
/** The script above has these for itself. */
const ownedByScript = new Set(['line', 'odd']);

/** How to spawn the gate, and what to write to its descriptor 3 before `go`. */
export interface GatePlan {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Record<string, string>;
  /** Lines for descriptor 3. */
  readonly lines: readonly string[];
}

export function planGate(command: string, args: readonly string[], inherited: NodeJS.ProcessEnv): GatePlan {
  const environment: Record<string, string> = {};
  const odd: string[] = [];
  for (const [name, value] of Object.entries(inherited)) {
    if (value === undefined) continue;
    if (passesThroughShells(name)) environment[name] = value;
    else odd.push(`env ${name}=${value}`);
  }
  const shell = findShell();
  if (shell === undefined) return nodeGate(command, args, inherited);
  if (realpathSync(shell).endsWith('/bash')) odd.push(...touchedByBash(inherited));
  // A line ends at a newline: a value with one cannot pass by lines. To env, a command with = in its name is a
  // variable. Node's gate takes the environment as it is.
  const speakable = !command.includes('=') && !odd.some((line) => line.includes('\n'));
  const passable = odd.length === 0 || (speakable && findCommand('env', undefined).kind === 'found');
  if (!passable) return nodeGate(command, args, inherited);
  return {
    file: shell,
    args: ['-c', gateScript(restoreFrom(inherited)), 'leader-run-gate', command, ...args],
    environment,
    lines: odd,
  };
}

/** No shell, or an environment that none can carry: Node itself waits at the gate. */
function nodeGate(command: string, args: readonly string[], inherited: NodeJS.ProcessEnv): GatePlan {
  const environment = Object.fromEntries(
    Object.entries(inherited).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const script = fileURLToPath(new URL('gate-node.js', import.meta.url));
  return { file: process.execPath, args: [script, command, ...args], environment, lines: [] };
}

function passesThroughShells(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !ownedByShells.has(name) && !ownedByScript.has(name);
}

/** By fixed paths: what PATH says is the user's business. dash first: it starts fastest and changes least. */
function findShell(): string | undefined {
  return ['/bin/dash', '/usr/bin/dash', '/bin/sh', '/usr/bin/sh'].find(
    (file) => findCommand(file, undefined).kind === 'found',
  );
}

/**
 * bash as sh writes these two as it becomes the command, whatever was exported or unset; only `env` has the last word.
 */
function touchedByBash(inherited: NodeJS.ProcessEnv): string[] {
  const lines = ['SHLVL', '_'].map((name) =>
    inherited[name] === undefined ? `env -u${name}` : `env ${name}=${inherited[name]}`,
  );
  // Each line is put in front of the ones before it, and env wants its options first.
  return lines.sort((a, b) => Number(a.startsWith('env -u')) - Number(b.startsWith('env -u')));
}

function restoreFrom(inherited: NodeJS.ProcessEnv): string {
  return touchedByShells
    .map((name) => {
      const value = inherited[name];
      return value === undefined ? `unset ${name}` : `export ${name}=${quote(value)}`;
    })
    .join('\n');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
