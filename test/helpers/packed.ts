// leader-run as its users get it: packed by npm, and installed from that tarball by the npm of this machine under any
// Node. Decides nothing about what is in it.
// To check: nothing comes from a registry (`--offline`), and nothing of the checkout is reached from the installed folder.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildIfStale } from './bundle.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Packed {
  readonly tarball: string;
  /** In it, below its folder `package`. */
  readonly files: readonly string[];
}

/** The folder must exist. */
export async function pack(folder: string): Promise<Packed> {
  buildIfStale();
  await run(process.execPath, [path.join(root, 'scripts/types.mjs')], { cwd: root });
  const options = ['--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', ['pack', ...options], { cwd: root });
  const [told] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  if (told === undefined) throw new Error(`npm pack told nothing: ${stdout}`);
  return { tarball: path.join(folder, told.filename), files: told.files.map((file) => file.path) };
}

/** Into a new project in that folder, as `npm install` under that Node does it; returns where the package lies. */
export async function install(
  tarball: string,
  folder: string,
  node = process.execPath,
  { options = [], env = {} }: { options?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'package.json'), '{ "name": "user", "private": true }\n');
  await run('npm', ['install', '--offline', ...options, tarball], { cwd: folder, env: environment(node, env) });
  return path.join(folder, 'node_modules/leader-run');
}

/** In which `node`, and so npm and what it runs, is the given one. */
export function environment(node: string, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  // npm tells its scripts what it was told itself; these tests are such scripts of `npm test`.
  const others = Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith('npm_'));
  return { ...Object.fromEntries(others), PATH: `${path.dirname(node)}:${process.env['PATH'] ?? ''}`, ...more };
}
