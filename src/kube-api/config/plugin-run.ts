// One run of a credential plugin: how it is started, what it is told, how it is ended, and what is said of a run that
// fails. At a terminal it stays in our process group, the one that may read there; elsewhere it leads a group of its
// own, which is killed as a whole. Does not know when it is run, nor what its output means (exec-plugin.ts).
// Invariant: no run outlives its limit or this process's exit; what a plugin printed is never shown, since it may hold
// the credential. Only its stderr is.

import { accessSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { sendSignal } from '../../common/kill.ts';
import { printable } from '../../common/printable.ts';
import { openStart, type Spawned } from '../../common/spawned.ts';
import { CredentialsError, errorCode, UnusableError } from '../credentials.ts';

export interface ExecSpec {
  /** A name that is looked for on PATH, or an absolute path. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
  readonly interactiveMode: 'Never' | 'IfAvailable' | 'Always';
  readonly installHint: string | undefined;
  /** What KUBERNETES_EXEC_INFO says of the cluster; undefined unless provideClusterInfo is set. */
  readonly cluster: (() => Promise<Readonly<Record<string, unknown>>>) | undefined;
}

export interface RunOptions {
  /** There is a person whom the plugin may ask. */
  readonly terminal: boolean;
  /** Whether its stderr is shown as it comes: a device code is of no use afterwards. */
  readonly passOn: boolean;
  /** Aborts when the plugin has had its time; undefined: it may take as long as the person needs. */
  readonly limit: AbortSignal | undefined;
}

/** An ExecCredential is a few KB; a plugin that prints without end is stopped. */
const outputCap = 1 << 20;
/** Of what it complains both ends are kept: the first line tells the reason, the last one what came of it. */
const complaintCap = 4096;
const shownLine = 90;

/** Resolves with what the plugin printed. */
export async function runPlugin(
  spec: ExecSpec,
  env: NodeJS.ProcessEnv,
  { terminal, passOn, limit }: RunOptions,
): Promise<string> {
  if (spec.interactiveMode === 'Always' && !terminal) {
    throw new UnusableError(`${title(spec)} wants to ask, and there is no terminal`);
  }
  const interactive = terminal && spec.interactiveMode !== 'Never';
  const cluster = await spec.cluster?.();
  const info = {
    apiVersion: spec.apiVersion,
    kind: 'ExecCredential',
    spec: { interactive, ...(cluster && { cluster }) },
  };
  const start = await openStart();
  return await new Promise((resolve, reject) => {
    const child = start(spec.command, spec.args, {
      env: { ...env, ...spec.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      // From a group in the background a question would stop the plugin (SIGTTIN).
      detached: !interactive,
      stdio: [interactive ? 'inherit' : 'ignore', 'pipe', interactive ? 'inherit' : 'pipe'],
    });
    // Some errors come without a process and without an event (E2BIG, ENOMEM).
    if (child.pid === undefined) {
      void child.then(({ cause }) => {
        reject(notRun(cause, spec, env));
      });
      return;
    }
    // For good: a SIGKILL that another user's plugin refuses (EPERM) is told by an error, too.
    for (const emitter of [child, child.stdout, child.stderr]) emitter?.on('error', () => undefined);
    let output = '';
    const complaint = bothEnds();
    let chunks = 0;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      chunks++;
      output += text;
      if (output.length > outputCap) stop(new CredentialsError(`${title(spec)} prints without end`));
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      chunks++;
      complaint.add(text);
      if (passOn) show(text);
    });
    function kill(): void {
      // What asks at a terminal may have switched off its echo, and gets the chance to switch it on again.
      if (interactive) child.kill('SIGTERM');
      else killGroup(child);
    }
    function settle(): void {
      limit?.removeEventListener('abort', overdue);
      process.off('exit', kill);
      // A browser that the plugin opened may hold the pipes for hours.
      child.stdout?.destroy();
      child.stderr?.destroy();
    }
    function stop(reason: Error): void {
      kill();
      settle();
      reject(reason);
    }
    function overdue(): void {
      stop(new CredentialsError(`${title(spec)} gave no answer in time and was killed${complaint.said()}`));
    }
    function ended(status: number | null, killedBy: NodeJS.Signals | null): void {
      settle();
      if (status === 0) return resolve(output);
      const how = killedBy ?? `status ${String(status)}`;
      reject(new CredentialsError(`${title(spec)} failed with ${how}${complaint.said()}`));
    }
    limit?.addEventListener('abort', overdue, { once: true });
    process.on('exit', kill);
    child.once('close', ended);
    child.once('exit', (status, killedBy) => {
      // All that it printed lies in the pipes by now: they are empty once the loop went round and nothing came.
      const look = (before: number): void => void setImmediate(() => setImmediate(() => next(before)));
      const next = (before: number): void => {
        if (before === chunks) ended(status, killedBy);
        else look(chunks);
      };
      look(chunks);
    });
    if (limit?.aborted) overdue();
  });
}

/** Everything in it may have ended already, or belong to another user. */
function killGroup({ pid }: Spawned): void {
  if (pid !== undefined) sendSignal(-pid, 'SIGKILL');
}

/** What keeps the plugin from being started, in words, where looking finds it. */
export function notInstalled(spec: ExecSpec, env: NodeJS.ProcessEnv): string | undefined {
  const search = spec.env['PATH'] ?? env['PATH'] ?? '';
  const named = spec.command.includes('/');
  const places = named ? [spec.command] : search.split(':').map((folder) => path.join(folder || '.', spec.command));
  const reasons = places.map(reasonAgainst);
  if (reasons.includes(undefined)) return undefined;
  const what = reasons.includes('EACCES')
    ? `may not be executed`
    : named
      ? 'does not exist'
      : 'is not installed (looked for on PATH)';
  return `${title(spec)} ${what}${hint(spec)}`;
}

function reasonAgainst(file: string): string | undefined {
  try {
    accessSync(file, constants.X_OK);
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}

function notRun(error: unknown, spec: ExecSpec, env: NodeJS.ProcessEnv): CredentialsError {
  const code = errorCode(error);
  const found = ['ENOENT', 'ENOTDIR', 'EACCES'].includes(code) ? notInstalled(spec, env) : undefined;
  if (found !== undefined) return new UnusableError(found);
  const why = code === 'ENOENT' ? 'the interpreter that its first line names does not exist' : code;
  return new CredentialsError(`cannot run ${title(spec)}: ${why}${hint(spec)}`);
}

function hint({ installHint }: ExecSpec): string {
  const text = folded(installHint ?? '');
  return text === '' ? '' : `; ${printable(text)}`;
}

export function title(spec: ExecSpec): string {
  return `the credential plugin ${printable(spec.command)}`;
}

function folded(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}

interface Complaint {
  readonly add: (text: string) => void;
  /** Its first and its last line, for the end of a sentence. */
  readonly said: () => string;
}

function bothEnds(): Complaint {
  let head = '';
  let tail = '';
  return {
    add: (text) => {
      const fits = complaintCap - head.length;
      head += text.slice(0, fits);
      tail = (tail + text.slice(fits)).slice(-complaintCap);
    },
    said: () => {
      const lines = `${head}${tail}`.split('\n').map(folded).filter(Boolean);
      const [first] = lines;
      if (first === undefined) return '';
      const last = lines.at(-1);
      if (lines.length === 1 || last === undefined) return `: ${printable(first, 2 * shownLine)}`;
      return `: ${printable(first, shownLine)}${lines.length > 2 ? ' … ' : ' / '}${printable(last, shownLine)}`;
    },
  };
}

let ownStderr: number | undefined;

/** Never waits: a reader of our stderr that has stopped reading must not stop a login, let alone this process. */
function show(text: string): void {
  try {
    ownStderr ??= unblocked();
    writeSync(ownStderr, text);
  } catch {
    // No process reads it.
  }
}

/** Our stderr through a descriptor of its own that does not block, where it is a pipe or a terminal. */
function unblocked(): number {
  const kind = fstatSync(2);
  if (!kind.isFIFO() && !kind.isCharacterDevice()) return 2;
  return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
}
