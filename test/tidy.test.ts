// The tree's own rules, so that they need no reviewer: who may import whom, who may tell the time, which package is met
// where, that nothing lies unused, and that README says what the program does.
// The rules are data below; each exception has its reason beside it, and one that is no longer needed fails too.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { exitStatusTable } from '../src/cli/exit-status.ts';
import { fallbackOf, type OptionName, options, termOf } from '../src/cli/options.ts';

const root = path.join(import.meta.dirname, '..');

interface Import {
  readonly from: string;
  /** A file of src/ as `src/clock.ts`, else a package or `node:fs`. */
  readonly to: string;
  readonly typeOnly: boolean;
}

interface Source {
  readonly file: string;
  readonly text: string;
}

// Who may import whom. Patterns are beginnings of paths; `types` may be imported with `import type` alone.
interface Arrow {
  readonly from: string;
  readonly to: readonly string[];
  readonly types?: readonly string[];
}

const arrows: readonly Arrow[] = [
  { from: 'src/main.ts', to: ['src/'] },
  { from: 'src/index.ts', to: ['src/'] },
  { from: 'src/run.ts', to: ['src/elector/', 'src/child/', 'src/observe/events.ts'], types: ['src/clock.ts'] },
  { from: 'src/clock.ts', to: [] },
  { from: 'src/cli/', to: ['src/cli/', 'src/elector/timing.ts', 'src/observe/printable.ts'] },
  {
    from: 'src/elector/',
    to: ['src/elector/', 'src/clock.ts', 'src/locks/record.ts'],
    types: ['src/locks/lock.ts', 'src/observe/'],
  },
  { from: 'src/locks/', to: ['src/locks/', 'src/clock.ts', 'src/observe/printable.ts'], types: ['src/observe/'] },
  { from: 'src/child/', to: ['src/child/', 'src/clock.ts'], types: ['src/observe/'] },
  { from: 'src/observe/', to: ['src/observe/'], types: ['src/'] },
];

/** These decide from what they are given, so they import nothing that could ask the world. */
const pure = [
  'src/elector/core.ts',
  'src/elector/observation.ts',
  'src/elector/timing.ts',
  'src/locks/record.ts',
  'src/child/leash.ts',
];

/** Each of these packages is met in one file, which hides it from all others. */
const packageOwners: Readonly<Record<string, string>> = {
  '@kubernetes/client-node': 'src/locks/kube.ts',
  commander: 'src/cli/options.ts',
  chalk: 'src/observe/logger.ts',
  execa: 'src/child/supervisor.ts',
};

/** Timers outside src/clock.ts. None of them judges a lease: the clock's instants alone do. */
const timerReasons: Readonly<Record<string, string>> = {
  'src/child/gate-node.ts': 'a process of its own, which waits for the signal that it sent itself',
  'src/locks/connection.ts': 'health of a connection: a late answer closes it',
  'src/locks/exec-plugin.ts': 'limit of a credential plugin that is renewed in the background',
  'src/locks/failure.ts': "a request's limit, which ends the request",
  'src/locks/object-watch.ts': 'pauses between two watches',
  'src/locks/transport.ts': "a request's limit, which ends the request",
};

const timers = new Set(['setTimeout', 'setInterval', 'timeout']);
const clocks = new Set(['hrtime', 'performance', 'uptime']);
const timeModules = new Set(['node:timers', 'node:timers/promises', 'node:perf_hooks']);

const sources: readonly Source[] = filesUnder('src').map((file) => ({ file, text: read(file) }));
const imports = sources.flatMap(importsOf);

describe('imports', () => {
  test('follow the arrows of the design', () => {
    expect(imports.flatMap(arrowFault)).toEqual([]);
  });

  test('that break an arrow are found', () => {
    const text = [
      "import { earliest } from '../clock.ts';",
      "import type { Leash } from '../child/leash.ts';",
      "import { parse } from '../locks/lock.ts';",
      "export { printable } from '../observe/printable.ts';",
      "import type { Event } from '../observe/events.ts';",
      "const late = () => import('../run.ts');",
      "type Later = import('../cli/config.ts').Config;",
    ].join('\n');
    expect(importsOf({ file: 'src/elector/core.ts', text }).flatMap(arrowFault)).toEqual([
      'src/elector/core.ts must not import src/child/leash.ts',
      'src/elector/core.ts may import src/locks/lock.ts with `import type` alone',
      'src/elector/core.ts may import src/observe/printable.ts with `import type` alone',
      'src/elector/core.ts must not import src/run.ts',
      'src/elector/core.ts must not import src/cli/config.ts',
    ]);
  });

  test('of a file without an arrow are a fault', () => {
    expect(arrowFault({ from: 'src/news/a.ts', to: 'src/clock.ts', typeOnly: true })).toEqual([
      'src/news/a.ts stands in no arrow',
    ]);
  });

  test('by what decides purely are of nothing that could ask the world', () => {
    const impure = imports.filter(({ from, to }) => pure.includes(from) && !to.startsWith('src/'));
    expect(impure).toEqual([]);
  });

  test('of a package are in the one file that owns it', () => {
    const strays = imports.filter(({ from, to }) => {
      const name = to.split('/').slice(0, to.startsWith('@') ? 2 : 1).join('/');
      return packageOwners[name] !== undefined && packageOwners[name] !== from;
    });
    expect(strays).toEqual([]);
  });

  test('name the file, since Node and the type checker want the extension', () => {
    expect(imports.filter(({ to }) => to.startsWith('src/') && !existsSync(path.join(root, to)))).toEqual([]);
  });
});

describe('time', () => {
  const met = sources.flatMap(timeOf).filter(({ file }) => file !== 'src/clock.ts');

  test('is read in src/clock.ts alone', () => {
    expect(met.filter(({ what }) => !timers.has(what))).toEqual([]);
  });

  test('outside src/clock.ts runs only in timers that have a reason', () => {
    const users = new Set(met.filter(({ what }) => timers.has(what)).map(({ file }) => file));
    expect([...users].sort()).toEqual(Object.keys(timerReasons).sort());
  });

  test('is found however it is read', () => {
    const text = [
      "// Date.now() and setTimeout in a comment, and in 'new Date()', are no reading.",
      "import { setTimeout as sleep } from 'node:timers/promises';",
      'const a = [Date.now(), new Date(), new Date(5), performance.now(), process.hrtime.bigint(), os.uptime()];',
      'setTimeout(() => {}, 1);',
      'AbortSignal.timeout(1);',
    ].join('\n');
    expect(timeOf({ file: 'x.ts', text }).map(({ what }) => what)).toEqual([
      'node:timers/promises',
      'setTimeout',
      'Date.now',
      'new Date()',
      'performance',
      'hrtime',
      'uptime',
      'setTimeout',
      'timeout',
    ]);
  });
});

describe('each file', () => {
  test('of src/ opens with a header of three to eight lines', () => {
    expect(sources.filter(({ text }) => !/^(\/\/ .*\n){3,8}(?!\/\/)/.test(text)).map(({ file }) => file)).toEqual([]);
  });

  test('of src/ is reached from main.ts or index.ts', (context) => {
    const entries = ['src/main.ts', 'src/index.ts'].filter((file) => existsSync(path.join(root, file)));
    if (!entries.includes('src/main.ts')) context.skip('src/main.ts does not exist yet');
    const reached = new Set(entries);
    for (const file of reached) {
      for (const { to } of [...imports, ...processes()].filter(({ from }) => from === file)) reached.add(to);
    }
    expect(sources.map(({ file }) => file).filter((file) => !reached.has(file))).toEqual([]);
  });

  test('of src/elector makes no randomness of its own, so that a run can be repeated from its seed', () => {
    const random = /Math\.random|randomBytes|randomInt|getRandomValues/;
    const given = sources.filter(({ file, text }) => file.startsWith('src/elector/') && random.test(withoutComments(text)));
    expect(given.map(({ file }) => file)).toEqual([]);
  });

  test('keeps to 120 columns', () => {
    const files = [...['src', 'test', 'scripts'].flatMap(filesUnder), 'eslint.config.mjs', 'vitest.config.ts'];
    const wide = files.flatMap((file) =>
      read(file)
        .split('\n')
        .flatMap((line, i) => (isTooWide(line) ? [`${file}:${i + 1}`] : [])),
    );
    expect(wide).toEqual([]);
  });

  test('is too wide by its code and comments, not by a text or as a row of a table', () => {
    const wide = 'x'.repeat(130);
    expect([wide, `// ${wide}`, `const ${wide} = 'a';`].map(isTooWide)).toEqual([true, true, true]);
    expect([`const a = '${wide}';`, `  { name: ${wide} },`, `  | { ${wide} }`].map(isTooWide)).toEqual([false, false, false]);
  });

  test('of tests has titles that promise, in the present tense', () => {
    const titles = /\b(?:test|it|describe)(?:\.\w+)*\(\s*(['"`])((?:(?!\1).)*)\1/g;
    const shoulds = filesUnder('test').flatMap((file) =>
      [...read(file).matchAll(titles)].flatMap(([, , title = '']) =>
        /\bshould\b/i.test(title) ? [`${file}: ${title}`] : [],
      ),
    );
    expect(shoulds).toEqual([]);
  });
});

describe('README', () => {
  const file = path.join(root, 'README.md');
  const missing = existsSync(file) ? undefined : 'README.md does not exist yet';
  const text = missing === undefined ? read('README.md') : '';
  const rowsThatBegin = (pattern: RegExp): string[] => text.split('\n').filter((line) => pattern.test(line));

  test('has a row for each option, with what applies when it is left out', (context) => {
    if (missing !== undefined) context.skip(missing);
    const rows = (Object.keys(options) as OptionName[]).map(
      (name) => `| \`${termOf(name)}\` | ${options[name].help} | ${fallbackOf(name)} |`,
    );
    expect(rowsThatBegin(/^\| `-/)).toEqual(rows);
  });

  test('has a row for each exit status', (context) => {
    if (missing !== undefined) context.skip(missing);
    const rows = exitStatusTable.map(([status, meaning]) => `| ${status} | ${meaning} |`);
    expect(rowsThatBegin(/^\| (?:the command's|128\+n|\d{3}) \|/)).toEqual(rows);
  });
});

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

function filesUnder(folder: string): string[] {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mts|mjs)$/.test(name) && !name.includes('node_modules'))
    .map((name) => path.posix.join(folder, name))
    .sort();
}

function importsOf({ file, text }: Source): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Expression | undefined, typeOnly: boolean): void => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return;
    const { text: to } = specifier;
    found.push({ from: file, to: to.startsWith('.') ? path.posix.join(path.posix.dirname(file), to) : to, typeOnly });
  };
  visit(file, text, (node) => {
    if (ts.isImportDeclaration(node)) {
      // `import { type A }` still loads the module at run time (verbatimModuleSyntax).
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true);
    }
  });
  return found;
}

function arrowFault({ from, to, typeOnly }: Import): string[] {
  if (!to.startsWith('src/')) return [];
  const arrow = arrows.find((candidate) => from.startsWith(candidate.from));
  if (!arrow) return [`${from} stands in no arrow`];
  const among = (patterns: readonly string[] = []): boolean => patterns.some((pattern) => to.startsWith(pattern));
  if (among(arrow.to)) return [];
  if (!among(arrow.types)) return [`${from} must not import ${to}`];
  return typeOnly ? [] : [`${from} may import ${to} with \`import type\` alone`];
}

/** Files that run as processes of their own are named by `new URL('name.js', import.meta.url)`. */
function processes(): Pick<Import, 'from' | 'to'>[] {
  return sources.flatMap(({ file, text }) =>
    [...text.matchAll(/new URL\('([\w./-]+)\.(?:js|ts)', import\.meta\.url\)/g)].map(([, name = '']) => {
      return { from: file, to: path.posix.join(path.posix.dirname(file), `${name}.ts`) };
    }),
  );
}

function timeOf({ file, text }: Source): { file: string; what: string }[] {
  const found: { file: string; what: string }[] = [];
  const add = (what: string): number => found.push({ file, what });
  visit(file, text, (node) => {
    if (ts.isIdentifier(node) && (timers.has(node.text) || clocks.has(node.text))) {
      // As a name of one's own (a property of a type or an object) it reads nothing.
      const { parent } = node;
      const isCalled = ts.isPropertyAccessExpression(parent) && parent.name === node;
      const isNamed = 'name' in parent && parent.name === node && !isCalled;
      if (isCalled && node.text === 'timeout' && parent.expression.getText() !== 'AbortSignal') return;
      if (node.text === 'timeout' && !isCalled) return;
      if (!isNamed) add(node.text);
    } else if (ts.isPropertyAccessExpression(node) && node.getText() === 'Date.now') {
      add('Date.now');
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && node.arguments?.length === 0) {
      add('new Date()');
    } else if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      if (timeModules.has(node.moduleSpecifier.text)) add(node.moduleSpecifier.text);
    }
  });
  return found;
}

function visit(file: string, text: string, see: (node: ts.Node) => void): void {
  const walk = (node: ts.Node): void => {
    see(node);
    ts.forEachChild(node, walk);
  };
  walk(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
}

/** A text may run on, since broken it could not be searched for; so may a row of a table, which would be none then. */
function isTooWide(line: string): boolean {
  if (line.length <= 120 || /^\s*(?:\||\{ name: |\[')/.test(line)) return false;
  return line.replace(/'[^']*'|"[^"]*"|`[^`]*`/g, "''").length > 120;
}
