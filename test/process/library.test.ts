// The library as its users have it: README's snippet and the example service, run by plain Node from the built package.
// To check: both import 'leader-run' by its name, so what package.json exports is what is tried here.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import ts from 'typescript';

const root = path.join(import.meta.dirname, '../..');
let folder: string;
const running: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'leader-run-user-'));
  await mkdir(path.join(folder, 'node_modules'));
  await symlink(root, path.join(folder, 'node_modules/leader-run'));
});
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** Runs a module in the user's folder; `says` waits for a text on its stdout, `end` for its end. */
function start(file: string, ...args: string[]) {
  const child = spawn(process.execPath, [file, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  running.push(child);
  let output = '';
  let look = (): void => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    look();
  });
  const says = (text: string): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (output.includes(text)) resolve();
      };
      look();
    });
  const end = new Promise<{ status: number | null; output: string }>((resolve) => {
    child.on('close', (status) => {
      resolve({ status, output });
    });
  });
  return { child, says, end };
}

test("README's snippet leads, works and gives the lock back", async () => {
  const readme = await readFile(path.join(root, 'README.md'), 'utf8');
  const [, snippet = ''] = /^```js\n(.*?)^```$/ms.exec(readme) ?? [];
  await writeFile(path.join(folder, 'snippet.mjs'), snippet);
  for (const token of [1, 3]) {
    const { status, output } = await start('snippet.mjs').end;
    expect({ status, output }).toEqual({ status: 0, output: `leading with token ${token}\nstopped leading: ended\n` });
  }
});

test('the example service hands over from one process to the next', async () => {
  const service = path.join(root, 'examples/library/service.mjs');
  const first = start(service, 'locks');
  await first.says('leading with token 1');
  const second = start(service, 'locks');
  await second.says('leader: ');
  first.child.kill('SIGTERM');
  expect((await first.end).output).toContain('no longer leading: stopped');
  await second.says('leading with token');
  second.child.kill('SIGINT');
  expect((await second.end).status).toBe(0);
});

test('its types are there, and fit the example of a user who checks them', async () => {
  const source = `
    import { LeaderElector, openLock, type LeaderTerm, type Lock } from 'leader-run';
    const { lock }: { lock: Lock } = await openLock({ store: { kind: 'local', folder: 'x' }, name: 'y' });
    const onStartedLeading = async ({ token, msLeft }: LeaderTerm) => { token.value.padEnd(msLeft()); };
    const elector = new LeaderElector({ lock, identity: 'me', callbacks: { onStartedLeading } });
    const why:
      | 'ended' | 'stopped' | 'deposed' | 'deadline' | 'taken' | 'recreated' | 'edited' | 'altered' | 'rolled-back' =
      await elector.run();
    // @ts-expect-error: a duration is a number of milliseconds.
    new LeaderElector({ lock, identity: why, leaseDurationMs: '15s' });
  `;
  const file = path.join(folder, 'user.mts');
  await writeFile(file, source);
  const program = ts.createProgram([file], options);
  const faults = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  expect(faults).toEqual([]);
});

const options: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  types: [],
};

describe('the types that are shipped', () => {
  const types = path.join(root, 'types');
  const index = path.join(types, 'index.d.ts');
  const program = ts.createProgram([index], options);
  const checker = program.getTypeChecker();
  const face = program.getSourceFile(index);
  const exported = (face ? checker.getExportsOfModule(checker.getSymbolAtLocation(face) ?? fail()) : []).map((symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
  );
  const declarations = exported.flatMap((symbol) => symbol.declarations ?? []);

  test('are those that index.d.ts reaches', async () => {
    const shipped = (await readdir(types, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));
    const reached = program.getSourceFiles().map(({ fileName }) => path.normalize(fileName));
    expect(shipped.length).toBeGreaterThan(5);
    expect(shipped.filter((file) => !reached.includes(file))).toEqual([]);
  });

  test('can each be named by a user: what an exported one mentions is exported too', () => {
    const named = new Set<string>();
    const visit = (node: ts.Node): void => {
      if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
        const name = ts.isTypeReferenceNode(node) ? node.typeName : node.expression;
        const met = checker.getSymbolAtLocation(name);
        const symbol = met && met.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(met) : met;
        const ours = symbol?.declarations?.some((each) => each.getSourceFile().fileName.startsWith(types));
        if (symbol && ours && !(symbol.flags & ts.SymbolFlags.TypeParameter) && !exported.includes(symbol))
          named.add(symbol.name);
      }
      ts.forEachChild(node, visit);
    };
    declarations.forEach(visit);
    expect(exported.length).toBeGreaterThan(20);
    expect([...named]).toEqual([]);
  });

  test('of the elector are each explained', () => {
    const elector = declarations.filter((each) => each.getSourceFile().fileName.startsWith(`${types}/elector/`));
    const bare = elector.filter((each) => ts.getJSDocCommentsAndTags(each).length === 0);
    expect(elector.length).toBeGreaterThan(5);
    expect(bare.map((each) => (each as ts.DeclarationStatement).name?.getText())).toEqual([]);
  });

  test('show of a term nothing that only the elector may do', () => {
    const term = exported.find(({ name }) => name === 'Term') ?? fail();
    expect(checker.getDeclaredTypeOfSymbol(term).getProperties().map(({ name }) => name)).toEqual([
      ...['token', 'beside', 'leash', 'lost', 'deposed', 'msLeft', 'onLost', 'onLeash', 'onBeside', 'wish'],
      ...['stepDown', 'workEnded', 'resign'],
    ]);
  });
});

function fail(): never {
  throw new Error('types/ lacks what it must have: npm run types');
}
