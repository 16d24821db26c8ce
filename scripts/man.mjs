// Writes the man page from the program's own tables: options, verbs, exit statuses. It goes to man/leader-run.1, or to
// the file that is named. Decides sections and layout; what they say is in src/ and, of the command's variables, in
// docs/command.md, which a test holds equal to the code.
// Invariant: each text is escaped, so none is taken for a request of roff.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.join(import.meta.dirname, '..');
const { version, description } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
const { tables, verbs, help, exitStatusTable, runTakes } = await sources();
const { flagOf, names, options, scopeOf } = tables;
const command = await readFile(path.join(root, 'docs', 'command.md'), 'utf8');
const variables = [...command.matchAll(/^\| `(LEADER_RUN_\w+)` \| (.*) \|$/gm)];

/** The sources are TypeScript, which the oldest Node that builds cannot read. */
async function sources() {
  const modules = {
    tables: 'src/cli/options.ts',
    help: 'src/cli/help.ts',
  };
  const contents = [
    ...Object.entries(modules).map(([name, file]) => `export * as ${name} from './${file}';`),
    "export { verbs } from './src/commands/verbs.ts';",
    "export { exitStatusTable } from './src/cli/exit-status.ts';",
    "export { runTakes } from './src/cli/arguments.ts';",
  ].join('\n');
  const { outputFiles } = await build({
    ...{ stdin: { contents, resolveDir: root }, write: false, bundle: true, packages: 'external' },
    ...{ platform: 'node', format: 'cjs', define: { 'import.meta.url': '""' } },
  });
  const module = { exports: {} };
  new Function('module', 'exports', 'require', outputFiles[0].text)(
    module,
    module.exports,
    createRequire(import.meta.url),
  );
  return module.exports;
}

/** A text as it stands: hyphens that can be searched for and copied, and no request at the start of a line. */
function plain(text) {
  const special = { '\\': '\\e', '-': '\\-', "'": '\\(aq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti' };
  return text.replaceAll(/[\\\-'`^~]/g, (sign) => special[sign]).replaceAll(/^\./gm, '\\&.');
}

const bold = (text) => `\\fB${plain(text)}\\fR`;
const heading = (macro, text) => `.${macro} "${plain(text).replaceAll('"', '\\(dq')}"`;

/** Below a heading: paragraphs, of which indented ones are samples, with their line breaks. */
function paragraphs(text) {
  return text.split(/\n\n+/).map((paragraph, index) => {
    const begin = index === 0 ? '' : '.PP\n';
    if (!paragraph.startsWith('  ')) return `${begin}${folded(paragraph)}`;
    return `${begin}.RS 4\n.nf\n${plain(paragraph.replaceAll(/^ {2}/gm, ''))}\n.fi\n.RE`;
  });
}

/** As mandoc wants a source to be: no line of more than 80. */
function folded(text) {
  const lines = [''];
  for (const word of plain(text.replaceAll('`', '')).split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length > 80) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.join('\n').replaceAll(/^\./gm, '\\&.');
}

const entry = (term, text) => `.TP\n${term}\n${folded(text)}`;

function optionEntry(name) {
  const fallback = options[name].value === '' ? '' : help.fallbackOf(name);
  const term = help.termOf(name);
  const [flags, value] = term.split(/(?<=\w)(?=[ [])(?!.*-)/);
  const shown = `${bold(flags)}${value === undefined ? '' : plain(value)}`;
  const ends = options[name].help.endsWith('.') ? '' : '.';
  return entry(shown, `${options[name].help}${fallback === '' ? '' : ` (default: ${fallback})`}${ends}`);
}

function ofRun() {
  const taken = names.filter((name) => runTakes.includes(scopeOf(name)));
  const groups = [...new Set(taken.map((name) => options[name].group))];
  return groups.flatMap((group) => [
    heading('SS', group),
    ...taken.filter((name) => options[name].group === group).map(optionEntry),
  ]);
}

function ofVerb({ name, usage = '', summary, about, takes }) {
  const own = names.filter((each) => takes.includes(scopeOf(each)) && !runTakes.includes(scopeOf(each)));
  const shared = names.filter((each) => takes.includes(scopeOf(each)) && runTakes.includes(scopeOf(each)));
  const isOfRun = takes.includes('run');
  const others = isOfRun ? 'all options of a run' : shared.map(flagOf).join(', ');
  return [
    heading('SS', `leader-run ${name}${usage === '' ? '' : ` ${usage}`}`),
    ...paragraphs(about ?? `Prints ${summary}.`),
    ...own.map(optionEntry),
    ...(shared.length === 0 ? [] : [`.PP\n${folded(`It also takes ${others}.`)}`]),
  ];
}

// A build can be repeated to the byte (reproducible-builds.org).
const built = process.env.SOURCE_DATE_EPOCH ? new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000) : new Date();
const date = built.toISOString().slice(0, 10);

const page = [
  `.\\" Made by scripts/man.mjs from the program's own tables.`,
  `.TH LEADER\\-RUN 1 "${date}" "leader\\-run ${version}" "User Commands"`,
  // Words to search for and to copy.
  '.nh',
  '.ad l',
  heading('SH', 'NAME'),
  folded(`leader-run - ${description.charAt(0).toLowerCase()}${description.slice(1)}`),
  heading('SH', 'SYNOPSIS'),
  `${bold('leader-run')} [options] ${bold('--')} command [args...]`,
  '.br',
  `${bold('leader-run')} verb [options]`,
  heading('SH', 'DESCRIPTION'),
  ...paragraphs(`${help.promise}\n\n${help.spelling}`),
  heading('SH', 'OPTIONS'),
  ...ofRun(),
  heading('SS', 'All verbs'),
  entry(bold('-h, --help'), 'print the help of leader-run, or of the verb'),
  entry(bold('--version'), 'print the version'),
  heading('SH', 'VERBS'),
  ...verbs.filter(({ summary }) => summary !== undefined).flatMap(ofVerb),
  heading('SH', 'EXIT STATUS'),
  ...exitStatusTable.map(([status, meaning]) => entry(bold(status), meaning)),
  heading('SH', 'ENVIRONMENT'),
  ...paragraphs('leader-run reads a variable for each option, as above, and these:'),
  entry(bold('KUBECONFIG'), 'files that say how to reach the cluster, separated by colons'),
  '.PP',
  'The command gets:',
  ...variables.map(([, name, meaning]) => entry(bold(name), meaning)),
  heading('SH', 'FILES'),
  entry(bold('~/.kube/config'), 'how to reach the cluster, if neither --kubeconfig nor KUBECONFIG says it'),
  entry(bold('~/.local/state/leader-run'), 'the locks of --local'),
  heading('SH', 'SEE ALSO'),
  plain('kubectl(1), flock(1), timeout(1)'),
];

const [given] = process.argv.slice(2).filter((word) => word !== '--');
const file = given ?? path.join(root, 'man', 'leader-run.1');
await mkdir(path.dirname(file), { recursive: true });
await writeFile(file, `${page.join('\n')}\n`);
