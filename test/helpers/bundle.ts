// A copy of the built program for the tests of one file, made anew first where the source is newer. Decides when it is
// stale: by the times of the files. Knows no test.
// Invariant: a copy is not touched again, so that a build does not pull it away in the middle of a test.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Returns its folder, which is the caller's to remove. */
export function copyBundle(): string {
  buildIfStale();
  const folder = mkdtempSync(join(tmpdir(), 'leader-run-bundle-'));
  for (const part of ['bin', 'dist', 'package.json']) cpSync(join(root, part), join(folder, part), { recursive: true });
  return folder;
}

export function buildIfStale(): void {
  const newest = ['src', 'bin', 'scripts', 'package.json']
    .flatMap((part) => filesUnder(join(root, part)))
    .reduce((latest, file) => Math.max(latest, statSync(file).mtimeMs), 0);
  const built = join(root, 'dist/leader-run.js');
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return;
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build failed:\n${stderr}`);
}

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile());
}
