// The man page that the build makes, as the programs that show man pages read it: man, groff and mandoc.
// To check: it holds all that the tables hold, and nothing in it is taken for a request of roff.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exitStatusTable } from '../../src/cli/exit-status.ts';
import { fallbackOf, termOf } from '../../src/cli/help.ts';
import { names, options } from '../../src/cli/options.ts';
import { verbs } from '../../src/commands/verbs.ts';
import { missing } from '../helpers/machine.ts';

const script = fileURLToPath(new URL('../../scripts/man.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'leader-run-man-'));
const page = join(folder, 'leader-run.1');
const env = { ...process.env, MANWIDTH: '100', MANROFFSEQ: '', SOURCE_DATE_EPOCH: '1700000000' };

beforeAll(() => {
  execFileSync(process.execPath, [script, page], { env });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a program says of the page, on both streams. */
const said = (line: string): string =>
  execFileSync('sh', ['-c', `${line} 2>&1 || echo "status $?"`, 'sh', page], { encoding: 'utf8', env });

describe('the man page', () => {
  test.for([
    ['man', 'man --warnings --local-file --encoding=UTF-8 "$1" > /dev/null'],
    ['groff', 'groff -man -Tutf8 -ww -z "$1"'],
    ['mandoc', 'mandoc -T lint "$1"'],
  ])('draws no warning from %s', ([program = '', line = ''], { skip }) => {
    const lacking = missing(program);
    if (lacking !== undefined) return skip(lacking);
    expect(said(line)).toBe('');
  });

  test('has each option, verb and exit status of the tables, as they are typed', ({ skip }) => {
    const lacking = missing('man');
    if (lacking !== undefined) return skip(lacking);
    // Without line breaks, and as far as one can copy from it.
    const shown = said('man --local-file --encoding=UTF-8 "$1" | col -bx').replaceAll(/\s+/g, ' ');
    const texts = [
      ...names.map((name) => `${termOf(name)} ${options[name].help}`),
      ...names.filter((name) => options[name].value !== '').map(fallbackOf),
      ...verbs.flatMap(({ name, usage = '', summary }) =>
        summary === undefined ? [] : [`leader-run ${name} ${usage}`.trim()],
      ),
      ...verbs.flatMap(({ about }) => about ?? []),
      ...exitStatusTable.map(([status, meaning]) => `${status} ${meaning}`),
      ...['LEADER_RUN_TOKEN the fencing token', 'EXIT STATUS', 'SEE ALSO'],
    ];
    expect(texts.filter((text) => !shown.includes(text.replaceAll(/\s+/g, ' ')))).toEqual([]);
  });

  test('has the samples of the verbs in lines of their own', ({ skip }) => {
    const lacking = missing('man');
    if (lacking !== undefined) return skip(lacking);
    const shown = said('man --local-file --encoding=UTF-8 "$1" | col -bx').split('\n').map((line) => line.trim());
    const samples = verbs.flatMap(({ about = '' }) => about.split('\n').filter((line) => line.startsWith('  ')));
    expect(samples.length).toBeGreaterThan(5);
    expect(samples.filter((line) => !shown.includes(line.trim()))).toEqual([]);
  });

  test('is the same at each build of a release that has a date', () => {
    const again = join(folder, 'again.1');
    execFileSync(process.execPath, [script, again], { env });
    const text = readFileSync(page, 'utf8');
    expect(readFileSync(again, 'utf8')).toBe(text);
    expect(text).toContain('"2023-11-14"');
  });
});
