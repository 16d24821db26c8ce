// Plays the simulator at length, outside the test runner: `npm run soak -- --minutes 10`, or `--seed N` for one seed.
// Bundles it first, since Node 20 reads no TypeScript. New seeds each time, unless --from says where to begin.
// Invariant: the tree is not written to.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.join(import.meta.dirname, '..');
const folder = mkdtempSync(path.join(tmpdir(), 'leader-run-soak-'));
const outfile = path.join(folder, 'soak.mjs');
const given = process.argv.slice(2);
const from = given.includes('--from') ? [] : ['--from', String(Math.floor(Date.now() / 1000) * 1000)];
try {
  await build({
    entryPoints: [path.join(root, 'test/simulation/soak.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  process.exitCode = spawnSync(process.execPath, [outfile, ...from, ...given], { stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
