// Another root folder, such as an image has: Node and as few programs as wanted, so that it can be seen what leader-run
// does without a shell, or with one only. Programs come with the libraries that ldd names, by hard links where possible
// (Node alone has 90 MB). The arena and the bundle are seen inside under the paths that they have outside.
// To check: mounts are made in a mount namespace that ends with its processes, so none outlives the test.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Arena } from '../helpers/arena.ts';
import { missing, notRoot } from '../helpers/machine.ts';
import { puppetScript } from '../helpers/puppets.ts';

/** Why there can be no other root here, if so. */
export function noRoot(...programs: string[]): string | undefined {
  return missing('chroot', 'ldd', 'unshare', 'mount', ...programs) ?? notRoot();
}

/**
 * Makes the folder, and returns what is put in front of a command so that it runs inside. Each path of `programs` links
 * to the name given, or is a copy of the machine's own program where that is ''.
 */
export function enterRoot(arena: Arena, programs: Readonly<Record<string, string>>): string[] {
  const root = join(arena.folder, 'root');
  for (const folder of ['bin', 'proc', 'dev']) mkdirSync(join(root, folder), { recursive: true });
  copyProgram(root, process.execPath, process.execPath);
  for (const [path, target] of Object.entries(programs)) {
    if (target === '') copyProgram(root, whereIs(path), path);
    else symlinkSync(target, join(root, path));
  }
  const seen = [arena.folder, arena.bundle, dirname(puppetScript), '/proc', '/dev'];
  for (const folder of seen) mkdirSync(join(root, folder), { recursive: true });
  const mounts = seen.map((folder) => `mount --bind '${folder}' "$0${folder}"`).join(' && ');
  return ['unshare', '--mount', 'sh', '-c', `${mounts} && exec chroot "$0" "$@"`, root];
}

export function whereIs(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const folder = (process.env['PATH'] ?? '').split(':').find((each) => existsSync(join(each, name))) ?? '/bin';
  return realpathSync(join(folder, name));
}

export function copyProgram(root: string, from: string, to: string): void {
  copyLibraries(root, from);
  copy(from, join(root, to));
}

/** Those that ldd names. */
export function copyLibraries(root: string, program: string): void {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  for (const library of stdout.match(/\/\S+/g) ?? []) copy(library, join(root, library));
}

function copy(from: string, to: string): void {
  if (existsSync(to) || !existsSync(from)) return;
  mkdirSync(dirname(to), { recursive: true });
  const { status } = spawnSync('ln', [realpathSync(from), to]);
  if (status !== 0) cpSync(realpathSync(from), to);
}
