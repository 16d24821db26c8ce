// The tree's own rules, so that they need no reviewer: who may import whom, who may tell the time, which package is met
// where, that nothing lies unused, and that README and docs/ say what the program does.
// The rules are data below; each exception has its reason beside it, and one that is no longer needed fails too.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { exitStatusTable } from '../src/cli/exit-status.ts';
import { fallbackOf, termOf } from '../src/cli/help.ts';
import { type OptionName, options } from '../src/cli/options.ts';

const root = path.join(import.meta.dirname, '..');

interface Edit {
  readonly file: string;
  readonly find: string;
}
// Plain JavaScript, since scripts read it too.
const { equivalents } = (await import(path.join(root, 'test/simulation/mutants/equivalent.mjs'))) as {
  equivalents: readonly { readonly file: string; readonly line: string; readonly find: string }[];
};
const { mutants } = (await import(path.join(root, 'test/simulation/mutants/list.mjs'))) as {
  mutants: readonly (Edit | { readonly edits: readonly Edit[] })[];
};

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
  { from: 'src/main.ts', to: ['src/cli/', 'src/commands/', 'src/signals.ts'] },
  { from: 'src/index.ts', to: ['src/'] },
  {
    from: 'src/run.ts',
    to: ['src/work.ts', 'src/rounds.ts', 'src/job/', 'src/clock.ts'],
    types: ['src/elector/'],
  },
  { from: 'src/clock.ts', to: [] },
  {
    from: 'src/work.ts',
    to: ['src/clock.ts', 'src/child/', 'src/job/'],
    types: ['src/elector/term.ts', 'src/observe/events.ts', 'src/signals.ts'],
  },
  {
    from: 'src/rounds.ts',
    to: ['src/work.ts', 'src/job/', 'src/common/', 'src/locks/instructions.ts'],
    types: ['src/clock.ts', 'src/elector/'],
  },
  { from: 'src/signals.ts', to: ['src/common/'], types: ['src/observe/events.ts'] },
  {
    from: 'src/cli/',
    to: ['src/cli/', 'src/common/', 'src/elector/timing.ts', 'src/job/', 'src/locks/instructions.ts'],
    types: ['src/locks/store.ts'],
  },
  {
    from: 'src/commands/',
    to: [
      ...['src/commands/', 'src/cli/', 'src/run.ts', 'src/rounds.ts', 'src/elector/', 'src/locks/open.ts', 'src/child/', 'src/observe/'],
      ...['src/common/', 'src/clock.ts', 'src/job/', 'src/locks/instructions.ts'],
    ],
    types: ['src/signals.ts', 'src/locks/lock.ts', 'src/locks/store.ts', 'src/locks/examination.ts'],
  },
  {
    from: 'src/elector/',
    to: ['src/elector/', 'src/clock.ts', 'src/locks/record.ts', 'src/locks/instructions.ts'],
    types: ['src/locks/lock.ts', 'src/observe/events.ts'],
  },
  // Inside locks/ each store has a room of its own that nothing outside knows.
  { from: 'src/locks/kube/', to: ['src/locks/kube/', 'src/kube-api/', 'src/common/', 'src/clock.ts', ...basics()] },
  { from: 'src/locks/local/', to: ['src/locks/local/', 'src/common/', 'src/clock.ts', ...basics()] },
  { from: 'src/locks/open.ts', to: ['src/locks/', 'src/clock.ts'] },
  { from: 'src/locks/', to: ['src/clock.ts', 'src/common/', ...basics()] },
  { from: 'src/kube-api/', to: ['src/kube-api/', 'src/clock.ts', 'src/common/'] },
  { from: 'src/child/', to: ['src/child/', 'src/clock.ts', 'src/common/'], types: ['src/observe/events.ts'] },
  {
    from: 'src/job/',
    to: ['src/job/', 'src/common/', 'src/locks/instructions.ts'],
    types: ['src/elector/notes.ts', 'src/observe/events.ts', 'src/clock.ts'],
  },
  { from: 'src/observe/', to: ['src/observe/', 'src/common/'], types: ['src/'] },
  { from: 'src/common/', to: ['src/common/'] },
];

/** What every lock is made of. */
function basics(): string[] {
  return ['lock', 'record', 'instructions', 'store', 'pair', 'examination'].map((name) => `src/locks/${name}.ts`);
}

/** A room is a folder of src/; a file of src/ itself is one too, and so is each store inside locks/. */
function roomOf(file: string): string {
  const [, room = '', ...rest] = file.split('/');
  return room === 'locks' && rest.length > 1 ? `locks/${rest[0] ?? ''}` : room;
}

/** These decide from what they are given, so they import nothing that could ask the world. */
const impureOfElector = ['src/elector/driver.ts', 'src/elector/leader-elector.ts'];
/** Packages that compute from what they are given. */
const calculators = ['croner'];
const pure = (file: string): boolean =>
  (file.startsWith('src/elector/') && !impureOfElector.includes(file)) ||
  file.startsWith('src/job/') ||
  ['src/locks/record.ts', 'src/locks/instructions.ts', 'src/child/leash.ts', 'src/child/life.ts'].includes(file) ||
  ['src/common/json.ts', 'src/common/printable.ts', 'src/common/quantity.ts', 'src/common/utc.ts', ...calculators].includes(file);

/** Events that observe/ itself tells. */
const toldByLog = ['note'];

/** Named in comments, and not ours. */
const othersFiles: readonly string[] = [];

function isImpure({ from, to, typeOnly }: Import): boolean {
  const isAllowed = pure(to) || to === 'src/clock.ts' || (typeOnly && to.startsWith('src/'));
  return pure(from) && !isAllowed;
}

/** Each of these packages is met in one file, which hides it from all others. */
const packageOwners: Readonly<Record<string, string>> = {
  croner: 'src/job/tick.ts',
  '@kubernetes/client-node': 'src/kube-api/config/client-node.ts',
  commander: 'src/cli/help.ts',
  chalk: 'src/observe/logger.ts',
  execa: 'src/common/spawned.ts',
};

/** Timers outside src/clock.ts. None of them judges a lease: the clock's instants alone do. */
const timerReasons: Readonly<Record<string, string>> = {
  'src/child/gate/gate-node.ts': 'a process of its own, which waits for the signal that it sent itself',
  'src/commands/doctor/here.ts': 'limit of a question to a port of this machine',
  'src/kube-api/http2.ts': 'health of a connection: a late answer closes it',
  'src/kube-api/config/exec-plugin.ts': 'limit of a credential plugin that is renewed in the background',
  'src/kube-api/failure.ts': "a request's limit, which ends the request",
  'src/locks/kube/watch.ts': 'pauses between two watches',
  'src/observe/endpoint.ts': 'limit of a connection whose client does not read its answer',
  'src/kube-api/transport.ts': "a request's limit, which ends the request",
  'src/kube-api/tcp.ts': "when the next address of a name is tried; the others' attempts go on",
};

/** Tested, and not yet used by the program. */
const unreached: readonly string[] = [];

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
      "export { printable } from '../observe/events.ts';",
      "import type { Event } from '../observe/events.ts';",
      "const late = () => import('../run.ts');",
      "type Later = import('../cli/config.ts').Config;",
    ].join('\n');
    expect(importsOf({ file: 'src/elector/core.ts', text }).flatMap(arrowFault)).toEqual([
      'src/elector/core.ts must not import src/child/leash.ts',
      'src/elector/core.ts may import src/locks/lock.ts with `import type` alone',
      'src/elector/core.ts may import src/observe/events.ts with `import type` alone',
      'src/elector/core.ts must not import src/run.ts',
      'src/elector/core.ts must not import src/cli/config.ts',
    ]);
  });

  test('of a file without an arrow are a fault', () => {
    expect(arrowFault({ from: 'src/news/a.ts', to: 'src/clock.ts', typeOnly: true })).toEqual([
      'src/news/a.ts stands in no arrow',
    ]);
  });

  test('by what decides purely are of what decides purely, but for types', () => {
    expect(imports.filter(isImpure)).toEqual([]);
  });

  test('by what decides purely of anything that could ask the world are found', () => {
    const text = "import { readFileSync } from 'node:fs';\nimport { openLog } from '../observe/logger.ts';\n";
    const types = "import type { Event } from '../observe/events.ts';\nimport { later } from '../clock.ts';\n";
    const found = (file: string): string[] =>
      importsOf({ file, text: text + types }).filter(isImpure).map(({ to }) => to);
    expect([found('src/child/life.ts'), found('src/child/child.ts')]).toEqual([['node:fs', 'src/observe/logger.ts'], []]);
    expect(found('src/elector/plan.ts')).toHaveLength(2);
  });

  test('make no circle of files', () => {
    expect(circles(imports.map(({ from, to }) => [from, to]))).toEqual([]);
  });

  test('make no circle of rooms, but for types of what others tell', () => {
    // observe/ knows everybody's types, to put what happened into words, and nobody needs it to run.
    const met = imports.filter(({ from, to, typeOnly }) => to.startsWith('src/') && !(typeOnly && roomOf(from) === 'observe'));
    const others = met.map(({ from, to }) => [roomOf(from), roomOf(to)] as const).filter(([from, to]) => from !== to);
    expect(circles(others.filter(([from]) => from !== 'locks'))).toEqual([]);
    // The door of locks/ opens each store; a store knows only what every lock is made of.
    const doors = imports.filter(({ from, to }) => roomOf(from) === 'locks' && roomOf(to).startsWith('locks/'));
    expect(doors.map(({ from }) => from).filter((from) => from !== 'src/locks/open.ts')).toEqual([]);
  });

  test('in a circle are found', () => {
    expect(circles([['a', 'b'], ['b', 'c'], ['c', 'b'], ['c', 'd'], ['e', 'e2']])).toEqual([['b', 'c']]);
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

describe('events', () => {
  test('are each emitted somewhere', () => {
    const kinds = kindsOfEvents(read('src/observe/events.ts'));
    expect(kinds.length).toBeGreaterThan(20);
    const emitted = sources.filter(({ file }) => !file.startsWith('src/observe/') || file.endsWith('announcer.ts'));
    const emits = (kind: string): boolean => emitted.some(({ text }) => text.includes(`kind: '${kind}'`));
    expect(kinds.filter((kind) => !emits(kind) && !toldByLog.includes(kind))).toEqual([]);
  });

  test('are found by their kinds', () => {
    expect(kindsOfEvents("export type Event =\n  | { readonly kind: 'a'; readonly b: 1 }\n  | { readonly kind: 'c' };\n")).toEqual([
      'a',
      'c',
    ]);
  });
});

describe('mutants', () => {
  test('each still apply: their text stands once in their file', () => {
    const edits = mutants.flatMap((mutant) => ('edits' in mutant ? mutant.edits : [mutant]));
    const times = ({ file, find }: Edit): number => read(file).split(find).length - 1;
    expect(edits.filter((edit) => times(edit) !== 1).map(({ file, find }) => ({ file, find }))).toEqual([]);
  });
});

describe('equivalents', () => {
  test('each still stand in their file: the line, and in it what is replaced', () => {
    const stands = ({ file, line, find }: (typeof equivalents)[number]): boolean =>
      read(file).includes(line) && read(file).replace(/\s+/g, ' ').includes(find);
    expect(equivalents.filter((equivalent) => !stands(equivalent))).toEqual([]);
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
    expect(sources.map(({ file }) => file).filter((file) => !reached.has(file))).toEqual(unreached);
  });

  test('of src/ sends no signal itself, but for common/kill.ts', () => {
    const senders = sources.filter(({ text }) => /\bprocess\.kill\b/.test(withoutComments(text)));
    expect(senders.map(({ file }) => file)).toEqual(['src/common/kill.ts']);
  });

  test('of src/elector makes no randomness of its own, so that a run can be repeated from its seed', () => {
    const random = /Math\.random|randomBytes|randomInt|getRandomValues/;
    const given = sources.filter(({ file, text }) => file.startsWith('src/elector/') && random.test(withoutComments(text)));
    expect(given.map(({ file }) => file)).toEqual([]);
  });

  test('writes times by common/utc.ts alone, or each candidate would hold the time zones of ICU', () => {
    const calls = /\.(toISOString|toJSON|toUTCString)\(/;
    expect(sources.filter(({ text }) => calls.test(withoutComments(text))).map(({ file }) => file)).toEqual([]);
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

describe('names of files', () => {
  const files = new Set(
    ['src', 'test', 'scripts', 'docs', 'examples', 'bin', '.'].flatMap((folder) => anyFilesUnder(folder)),
  );
  const names = new Set([...files].map((file) => path.posix.basename(file)));

  test('in comments and documents are of files that are there', () => {
    const texts = [...['src', 'test', 'scripts'].flatMap(filesUnder)].map((file) => ({ file, text: commentsOf(read(file)) }));
    const documents = [...files].filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md');
    const all = [...texts, ...documents.map((file) => ({ file, text: read(file) }))];
    expect(all.flatMap(({ file, text }) => danglingNames(text).map((name) => `${file}: ${name}`))).toEqual([]);
  });

  test('that are not there are found', () => {
    expect(danglingNames('see core.ts, src/run.ts and gone.ts, `src/locks/gone.ts`, go.mod')).toEqual([
      'gone.ts',
      'src/locks/gone.ts',
    ]);
  });

  function danglingNames(text: string): string[] {
    const found = text.match(/(?<![\w/.*-])[\w./-]*\b[\w-]+\.(?:ts|mjs|md)\b(?!\w)/g) ?? [];
    const isThere = (name: string): boolean =>
      name.startsWith('.d.') || (name.includes('/') ? [...files].some((file) => `/${file}`.endsWith(`/${name.replace(/^(?:\.\.?\/)+/, '')}`)) : names.has(name));
    return found.filter((name) => !isThere(name) && !othersFiles.includes(name));
  }
});

describe('the documents', () => {
  const rowsThatBegin = (file: string, pattern: RegExp): string[] =>
    read(file)
      .split('\n')
      .filter((line) => pattern.test(line));

  test('have a row for each option, with what applies when it is left out', () => {
    const rows = (Object.keys(options) as OptionName[]).map(
      (name) => `| \`${termOf(name)}\` | ${options[name].help} | ${fallbackOf(name)} |`,
    );
    expect(rowsThatBegin('docs/options.md', /^\| `-/)).toEqual(rows);
    expect(rowsThatBegin('README.md', /^\| `-/)).toEqual([]);
  });

  test('have a row for each exit status', () => {
    const rows = exitStatusTable.map(([status, meaning]) => `| ${status} | ${meaning} |`);
    expect(rowsThatBegin('README.md', /^\| (?:the command's|128\+n|\d{3}) \|/)).toEqual(rows);
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

/** Every set of nodes that reach each other, by Tarjan's algorithm. */
function circles(edges: readonly (readonly [string, string])[]): string[][] {
  const next = new Map<string, string[]>();
  for (const [from, to] of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const reach = (start: string): Set<string> => {
    const seen = new Set<string>();
    const open = [...(next.get(start) ?? [])];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      open.push(...(next.get(node) ?? []));
    }
    return seen;
  };
  const reached = new Map([...next.keys()].map((node) => [node, reach(node)]));
  const inCircle = [...reached].filter(([node, seen]) => seen.has(node)).map(([node]) => node);
  const groups = new Map(
    inCircle.map((node) => {
      const group = inCircle.filter((other) => reached.get(node)?.has(other) && reached.get(other)?.has(node)).sort();
      return [group.join(' '), group];
    }),
  );
  return [...groups.values()];
}

function kindsOfEvents(text: string): string[] {
  return [...text.slice(text.indexOf('export type Event')).matchAll(/^ {2}\| \{\s*readonly kind: '([\w-]+)'/gm)].map(
    ([, kind = '']) => kind,
  );
}

function commentsOf(text: string): string {
  return (text.match(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g) ?? []).join('\n');
}

function anyFilesUnder(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: folder !== '.', encoding: 'utf8' })
    .filter((name) => !name.includes('node_modules'))
    .map((name) => path.posix.join(folder, name));
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
