// What the build has compiled ahead makes leader-run start sooner and is never needed. It is code, and V8 cannot tell
// whose: for a script of the same length it runs whatever it is given. That shows here which start takes it.
// To check: each test gives an `--version` that only one of the two, script or data, could print.

import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';

const other = `(function () { process.stdout.write('compiled ahead\\n'); })`;

/** A copy of the package, where the data of a script says other than the script. */
function spoiltBundle(arena: Arena, file = 'leader-run.js', says = other): { program: string; data: string } {
  const bundle = join(arena.folder, 'bundle');
  cpSync(arena.bundle, bundle, { recursive: true });
  const script = join(bundle, 'dist', file);
  const text = readFileSync(script, 'latin1');
  const made = new Script(says.padEnd(text.length), { filename: script });
  const isItsData = (name: string): boolean => name.startsWith(`${file}.`) && name.endsWith('.cache');
  const [name, ...more] = readdirSync(join(bundle, 'dist')).filter(isItsData);
  if (name === undefined || more.length > 0) throw new Error(`${file} was to have one, not ${[name, ...more].join()}`);
  const data = join(bundle, 'dist', name);
  writeFileSync(data, made.createCachedData());
  return { program: join(bundle, 'bin/leader-run.js'), data };
}

async function printed(arena: Arena, words: readonly string[]): Promise<string> {
  const run = arena.spawn([...words, '--version']);
  const { status } = await run.end();
  await run.isAbandoned();
  return `${String(status)} ${run.stdout}${run.stderr}`;
}

describe.concurrent('what the build has compiled ahead', () => {
  test('is taken by the Node that built it', async ({ arena, expect }) => {
    const { program } = spoiltBundle(arena);
    expect(await printed(arena, [process.execPath, program])).toBe('0 compiled ahead\n');
  });

  test('is taken for the verbs, which lie beside the program', async ({ arena, expect }) => {
    const answer = `{ kind: 'answered', text: 'compiled ahead\\n' }`;
    // In brackets, so that V8 compiles it at once and needs no text for it.
    const says = `(function (module) { module.exports.status = (function () { return ${answer}; }); })`;
    const { program, data } = spoiltBundle(arena, 'verbs.cjs', says);
    const words = [process.execPath, program, 'status', '--help'];
    const help = async (): Promise<string> => {
      const run = arena.spawn(words);
      await run.end();
      return run.stdout + run.stderr;
    };
    expect(await help()).toBe('compiled ahead\n');
    rmSync(data);
    expect(await help()).toMatch(/^Usage: leader-run status/);
  });

  test('is not looked at by another Node, though V8 would take it', async ({ arena, expect }) => {
    const { program } = spoiltBundle(arena);
    const node = join(arena.folder, 'node');
    copyFileSync(process.execPath, node);
    // A longer file, as another build of the same version would be.
    writeFileSync(node, '\0', { flag: 'a' });
    expect(await printed(arena, [node, program])).toMatch(/^0 leader-run \d/);
  });

  test('is refused by V8 under flags of another kind', async ({ arena, expect }) => {
    const { program } = spoiltBundle(arena);
    expect(await printed(arena, [process.execPath, '--no-opt', program])).toMatch(/^0 leader-run \d/);
  });

  test('is refused when it is cut short', async ({ arena, expect }) => {
    const { program, data } = spoiltBundle(arena);
    truncateSync(data, statSync(data).size - 1);
    expect(await printed(arena, [process.execPath, program])).toMatch(/^0 leader-run \d/);
  });

  test('may be missing', async ({ arena, expect }) => {
    const { program, data } = spoiltBundle(arena);
    rmSync(data);
    expect(await printed(arena, [process.execPath, program])).toMatch(/^0 leader-run \d/);
  });
});
