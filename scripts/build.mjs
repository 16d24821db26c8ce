// Bundles everything into dist/, so that the published package has no dependencies (74 MB of them otherwise, most of
// it Kubernetes models that are never used). Decides what of the packages is taken, and writes the licences of all that
// is inside. The program is one script for bin/leader-run.js; the verbs and packages that few runs need lie beside it
// and are loaded on first use. All are compiled ahead for the Node that builds. The library is made of ES modules.
// Invariant: every part of a package that is replaced here was really imported by it; if an update of the package moves
// one, the build fails rather than growing by half a megabyte.

import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { compileAhead, scriptsIn } from '../bin/compile-ahead.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = 'node20.19';
const dist = path.join(root, 'dist');
const made = path.join(root, 'dist.new');
const replaced = path.join(root, 'dist.old');
// Real, since esbuild names files so.
const packages = realpathSync(path.join(root, 'node_modules'));
const clientFolder = path.join(packages, '@kubernetes', 'client-node', 'dist');

/** What stands in for parts of packages that are never reached from here: whole packages, or files of one. */
const standIns = {
  // Imported by client-node's config.js. Requests are our own (src/kube-api/transport.ts), so neither fetch nor the
  // generated API is needed. Even to name the global Headers would load Node's fetch, which takes 10 ms.
  'node-fetch': unused('Headers'),
  '@kubernetes/client-node/dist/gen/index.js': `${unused('createConfiguration')} export class ServerConfiguration {}`,
  // Proxies as well (src/kube-api/proxy.ts).
  'socks-proxy-agent': unused('SocksProxyAgent'),
  hpagent: unused('HttpProxyAgent', 'HttpsProxyAgent'),
  // Auth-providers are read here or refused (src/kube-api/config/user.ts); each brings a library.
  '@kubernetes/client-node/dist/azure_auth.js': ofNobody('AzureAuth'),
  '@kubernetes/client-node/dist/gcp_auth.js': ofNobody('GoogleCloudPlatformAuth'),
  '@kubernetes/client-node/dist/oidc_auth.js': ofNobody('OpenIDConnectAuth'),

  // execa, of which src/common/spawned.ts uses the start of a process: no output, pipes or messages, 80 KB of 150.
  'execa/lib/methods/main-sync.js': unused('execaCoreSync'),
  'execa/lib/transform/generator.js': unused('generatorToStream'),
  'execa/lib/pipe/setup.js': unused('pipeToSubprocess'),
  'execa/lib/io/pipeline.js': unused('pipeStreams'),
  'execa/lib/io/iterate.js': unused('iterateForResult'),
  'execa/lib/convert/readable.js': unused('createReadable'),
  'execa/lib/convert/writable.js': unused('createWritable'),
  'execa/lib/convert/duplex.js': unused('createDuplex'),
  'execa/lib/convert/iterable.js': unused('createIterable'),
  'execa/lib/ipc/send.js': unused('sendMessage'),
  'execa/lib/ipc/get-one.js': unused('getOneMessage'),
  'execa/lib/ipc/get-each.js': unused('getEachMessage', 'loopOnMessages'),
  'execa/lib/ipc/graceful.js': unused('getCancelSignal', 'sendAbort'),
  'execa/lib/verbose/default.js': unused('defaultVerboseFunction'),
  'pretty-ms': unused('default'),
  'npm-run-path': unused('npmRunPathEnv'),
  '@sindresorhus/merge-streams': unused('default'),
  // Descriptions for messages that nobody sees. It makes a table with 4,000 calls, for which V8's optimizing compiler
  // wakes up: 3 ms, and 3.3 MB of it in memory.
  'human-signals': `
    import { constants } from 'node:os';
    export const signalsByName = Object.fromEntries(
      Object.keys(constants.signals).map((name) => [name, { description: name }]),
    );`,
  // It opens stdin, stdout and stderr, to know them if they were passed.
  'execa/lib/utils/standard-stream.js': `
    export const STANDARD_STREAMS = [];
    export const STANDARD_STREAMS_ALIASES = ['stdin', 'stdout', 'stderr'];
    export const isStandardStream = () => false;
    export const getStreamName = (number) => STANDARD_STREAMS_ALIASES[number] ?? \`stdio[\${number}]\`;`,
};

/** Of these files' imports; elsewhere the same package may be needed. */
const replacedFor = [path.join(clientFolder, 'config.js'), path.join(packages, 'execa', path.sep)];

function unused(...names) {
  return names
    .map((name) => {
      const head = name === 'default' ? 'export default function' : `export function ${name}`;
      return `${head}() { throw new Error('${name} is not part of leader-run'); }`;
    })
    .join(' ');
}

/** The client asks each of its providers whether a user is its own. */
function ofNobody(name) {
  return `export class ${name} { isAuthProvider() { return false; } }`;
}

function slimPackages(taken) {
  return {
    name: 'slim-packages',
    setup(builder) {
      // The roots of these packages name everything; one function of each is used.
      builder.onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({
        path: path.join(clientFolder, 'config.js'),
        sideEffects: false,
      }));
      builder.onResolve({ filter: /^execa$/ }, () => ({ path: 'execa', namespace: 'stand-in' }));
      builder.onResolve({ filter: /.*/ }, async ({ path: name, importer, namespace, resolveDir, kind, pluginData }) => {
        const isReplacer = replacedFor.some((beginning) => importer.startsWith(beginning));
        if (namespace !== 'file' || !isReplacer || pluginData === standIns) return undefined;
        const { path: file } = await builder.resolve(name, { importer, resolveDir, kind, pluginData: standIns });
        const known = path.relative(packages, file);
        const key = Object.keys(standIns).find((one) => known === one || known.startsWith(`${one}/`));
        if (key === undefined) return undefined;
        taken.add(key);
        return { path: key, namespace: 'stand-in' };
      });
      builder.onLoad({ filter: /.*/, namespace: 'stand-in' }, ({ path: name }) =>
        name === 'execa'
          ? { contents: execaAlone, resolveDir: path.join(packages, 'execa') }
          : { contents: standIns[name], resolveDir: clientFolder },
      );
    },
  };
}

const execaAlone = `
  import { createExeca } from './lib/methods/create.js';
  export const execa = createExeca(() => ({}));`;

/** Names of our own stay, so that a stack trace in somebody's log can be read; those of packages are shortened. */
const shortenPackages = {
  name: 'shorten-packages',
  setup(builder) {
    builder.onLoad({ filter: /[/\\]node_modules[/\\].*\.[cm]?js$/ }, async ({ path: file }) => {
      const { code } = await transform(await readFile(file, 'utf8'), {
        minifyIdentifiers: true,
        platform: 'node',
        target,
        legalComments: 'none',
      });
      return { contents: code, loader: 'js' };
    });
  },
};

/** Packages that few runs need, each a script beside the program; as a part of it they would lengthen each start. */
const rare = {
  chalk: 'chalk',
  commander: 'commander',
  croner: 'croner',
  execa: 'execa',
  'js-yaml': 'js-yaml',
  socks: 'socks',
  'client-node': '@kubernetes/client-node',
};

/** What a run does not need: a program of its own beside the other, with what both need in it a second time. */
const verbs = 'verbs';

const leaveRareApart = {
  name: 'leave-rare-apart',
  setup(builder) {
    builder.onResolve({ filter: /\/deeds\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: `../dist/${verbs}.cjs`, external: true },
    );
    for (const [file, name] of Object.entries(rare)) {
      builder.onResolve({ filter: new RegExp(`^${name}$`) }, ({ kind }) =>
        // As seen from bin/, whose require the program is given.
        kind === 'entry-point' ? undefined : { path: `../dist/${file}.cjs`, external: true },
      );
    }
  },
};

/** Its last characters are its digest, by which bin/leader-run.js knows what was compiled ahead of this very text. */
async function sign(file) {
  const text = await readFile(file, 'latin1');
  await writeFile(file, `${text}//${createHash('sha256').update(text).digest('hex').slice(0, 16)}`, 'latin1');
}

/** The licence texts of all packages that have a file in the bundle. */
async function writeLicences(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (folder !== undefined) folders.add(folder);
  }
  const parts = [];
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(path.join(root, folder, 'package.json'), 'utf8'));
    const files = (await readdir(path.join(root, folder))).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
    const texts = await Promise.all(files.map((file) => readFile(path.join(root, folder, file), 'utf8')));
    if (texts.length === 0) throw new Error(`${name} comes without the text of its licence (${license})`);
    parts.push(`${name} ${version} (${license})\n\n${texts.map((text) => text.trim()).join('\n\n')}\n`);
  }
  const head = 'leader-run contains code of these packages.\n';
  await writeFile(path.join(made, 'THIRD-PARTY-LICENSES.txt'), [head, ...parts].join(`\n${'-'.repeat(80)}\n\n`));
}

const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
/** Run by Node as processes of their own (src/child/gate, src/child/guardian). */
const programs = { 'gate-node': 'src/child/gate/gate-node.ts', 'guardian-node': 'src/child/guardian/guardian-node.ts' };
const taken = new Set();
// Made beside the old one and put in its place at the end: a leader-run may be starting from there this moment.
await rm(made, { recursive: true, force: true });
await mkdir(made);
const shared = {
  absWorkingDir: root,
  outdir: made,
  bundle: true,
  platform: 'node',
  target,
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  legalComments: 'none',
  define: { __LEADER_RUN_VERSION__: JSON.stringify(version) },
  metafile: true,
  // Optional native parts of packages, looked for and done without.
  external: ['encoding', 'bufferutil', 'utf-8-validate', 'supports-color'],
  plugins: [slimPackages(taken), shortenPackages],
};
const modules = {
  ...shared,
  format: 'esm',
  // CommonJS packages in an ES module bundle still call require for Node's own modules.
  banner: {
    js: `import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);`,
  },
};
/** Node makes a module of each of its own for `import`, asking for all that is in it, and that loads still more. */
const scripts = { ...shared, format: 'cjs', supported: { 'dynamic-import': false } };
/** Of our own code, which finds what lies beside it. */
const ownScripts = {
  ...scripts,
  plugins: [leaveRareApart, slimPackages(taken), shortenPackages],
  define: { ...shared.define, 'import.meta.url': '__url' },
};
const urlOfScript = `const __url = require('node:url').pathToFileURL(__filename).href;`;
const builds = await Promise.all([
  build({
    ...ownScripts,
    entryPoints: { 'leader-run': 'src/main.ts' },
    banner: {
      js: `(function (require, __filename) { 'use strict'; ${urlOfScript}`,
    },
    footer: { js: '})' },
  }),
  build({
    ...ownScripts,
    entryPoints: { [verbs]: 'src/commands/deeds.ts' },
    outExtension: { '.js': '.cjs' },
    banner: { js: `(function (module, exports, require, __filename) { 'use strict'; ${urlOfScript}` },
    footer: { js: '})' },
  }),
  build({
    ...scripts,
    entryPoints: rare,
    outExtension: { '.js': '.cjs' },
    banner: { js: '(function (module, exports, require) {' },
    footer: { js: '})' },
  }),
  build({
    ...modules,
    entryPoints: { index: 'src/index.ts' },
    splitting: true,
    chunkNames: '[name]-[hash]',
  }),
  build({ ...modules, entryPoints: programs }),
]);
for (const file of scriptsIn(made)) await sign(file);
compileAhead(made);
const inputs = builds.flatMap(({ metafile }) => Object.keys(metafile.inputs));
const missing = Object.keys(standIns).filter((name) => !taken.has(name));
if (missing.length > 0)
  throw new Error(`${missing.join(', ')} is imported no more: look at standIns in scripts/build.mjs`);
await writeLicences(inputs);
await rm(replaced, { recursive: true, force: true });
if (existsSync(dist)) await rename(dist, replaced);
await rename(made, dist);
await rm(replaced, { recursive: true, force: true });
