// What it decides: where a Go program that the tests need lies in the cache, and who builds it when it is absent; and
// the same, by `cached`, for whatever else has to be built once.
// What it does not know: what the programs are for; servers.ts and the interop tests name them.
// To check: the returned file is complete and was built from exactly the hashed inputs. So a build goes to a name
// of its own and is renamed at the end, and whoever wins the lock looks once more before building.
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { access, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface GoTool {
  /** The folder with go.mod; its .go files, go.mod and go.sum are what the cache key covers. */
  readonly dir: string;
  /** The package with `main`, as `go build` takes it: '.' or an import path. */
  readonly package: string;
  /** The name of the binary. */
  readonly name: string;
  /** Added to `-s -w`. */
  readonly ldflags?: string;
  /** Instead of go.mod, for the same source with other releases of what it imports. */
  readonly modfile?: string;
}

/** Thrown when a program can be had in no way here: its tools are not installed, or cannot build it (no network). */
export class ToolMissing extends Error {}
export { ToolMissing as GoToolMissing };

export async function goTool(tool: GoTool): Promise<string> {
  return await cached(tool.name, await cacheKey(tool), 'with Go', async (temporary) => {
    await go(tool.dir, ['build', ...buildFlags(tool), '-o', temporary, tool.package]);
  });
}

/** The file or folder of this name and key; when it is absent, `make` makes it where it is told to. */
export async function cached(
  name: string,
  key: string,
  how: string,
  make: (temporary: string) => Promise<void>,
): Promise<string> {
  const folder = path.join(cacheFolder(), `${name}-${key}`);
  const full = path.join(folder, name);
  if (await exists(full)) return full;
  await mkdir(folder, { recursive: true });
  return await withLock(path.join(folder, 'lock'), async () => {
    if (await exists(full)) return full;
    process.stderr.write(`leader-run tests: building ${name} ${how}, once; later runs find it in the cache.\n`);
    const temporary = `${full}.${randomUUID()}`;
    try {
      await make(temporary);
      await rename(temporary, full);
    } finally {
      await rm(temporary, { force: true, recursive: true });
    }
    return full;
  });
}

export function cacheFolder(): string {
  const { LEADER_RUN_CACHE: own, XDG_CACHE_HOME: shared } = process.env;
  if (own !== undefined && own !== '') return path.resolve(own);
  return path.join(shared !== undefined && shared !== '' ? shared : path.join(homedir(), '.cache'), 'leader-run');
}

function buildFlags(tool: GoTool): string[] {
  const { ldflags = '', modfile } = tool;
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${ldflags}`.trim()];
  return modfile === undefined ? flags : [...flags, `-modfile=${modfile}`];
}

async function cacheKey(tool: GoTool): Promise<string> {
  // `go version` names the platform too, and in this folder it is the toolchain that go.mod asks for.
  const version = (await go(tool.dir, ['version'])).trim();
  const names = (await readdir(tool.dir)).filter((name) => /\.(go|mod|sum)$/.test(name)).sort();
  return await keyOf(tool.dir, names, [tool.package, buildFlags(tool), version]);
}

/** A key for `cached`: of the files in that folder, and of whatever else decides what is made. */
export async function keyOf(dir: string, files: readonly string[], more: unknown): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(more));
  for (const name of files) {
    const text = await readFile(path.join(dir, name));
    hash.update(`\n${name} ${String(text.length)}\n`).update(text);
  }
  return hash.digest('hex').slice(0, 16);
}

async function go(dir: string, args: readonly string[]): Promise<string> {
  // Without cgo a build needs no C compiler and the binary runs in any image of the platform.
  return await runTool(dir, ['go', ...args], { CGO_ENABLED: '0' });
}

/** What it printed. */
export async function runTool(dir: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { cwd: dir, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', (error) => {
      reject(new ToolMissing(`${file} is not installed (${error.message})`));
    });
  });
  if (status === 0) return output.stdout;
  throw new ToolMissing(`${command.join(' ')} failed:\n${`${output.stdout}${output.stderr}`.slice(-4000)}`);
}

// The lock is a symbolic link whose target names the builder: made in one step with its content, so a lock without
// an owner cannot be seen. Should two waiters both remove a dead builder's lock, both build: only time is lost.
async function withLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      await symlink(self, lock);
      break;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (await isAbandoned(lock)) await rm(lock, { force: true });
      else await sleep(250); // A step of polling; the condition is the lock itself.
    }
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

// In containers a later run often gets the pid of an earlier one, hence the start time beside it.
const self = `${String(process.pid)}.${String(Math.round(performance.timeOrigin))}`;

// Far above the slowest build seen (6 minutes of two cores); it only matters when a dead builder's pid is in use again.
const longestBuildMs = 30 * 60_000;

async function isAbandoned(lock: string): Promise<boolean> {
  try {
    const owner = await readlink(lock);
    const pid = Number.parseInt(owner, 10);
    if (pid === process.pid ? owner !== self : !isAlive(pid)) return true;
    return Date.now() - (await lstat(lock)).mtimeMs > longestBuildMs;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false; // Given back between the two calls: the next turn takes it.
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(() => true, () => false);
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
