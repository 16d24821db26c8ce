// The bench must not rot between the days on which somebody looks at its figures: its quick version runs to the end and
// fills its table. Asserts no time. Not part of `npm test`, since it starts three API servers and lasts a minute.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

test.skipIf(inject('servers') === null)('prints a table with a figure of leader-run in every row', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/bench.mjs', '--quick'], { cwd: root });
  const lines = stdout.split('\n');
  const head = lines.findIndex((line) => /^ +n +leader-run/.test(line));
  const rows = lines.slice(head + 1, lines.indexOf('', head));
  const column = lines[head]?.indexOf('leader-run') ?? -1;
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.filter((row) => !/^-?[\d.,]/.test(row.slice(column)))).toEqual([]);
  expect(stdout).not.toMatch(/NaN|undefined/);
});
