// Compiles the scripts in dist/ ahead for the Node that runs this, each into a file beside it, so that bin/leader-run.js
// starts sooner. Run by the build and by `postinstall`, never by a start: what a start writes, a later start would run.
// Does not know who installs: it compiles under V8's usual flags only if `NODE_OPTIONS` sets none (package.json).
// Invariant: a file of that name is whole, and is of this very script; an install never fails for the lack of one.

/* eslint-disable @typescript-eslint/no-require-imports */
const { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

exports.compileAhead = compileAhead;
exports.scriptsIn = scriptsIn;
if (require.main === module) install();

/** The program, and what lies beside it for it to load. */
function scriptsIn(folder) {
  const names = readdirSync(folder).filter((name) => name === 'leader-run.js' || name.endsWith('.cjs'));
  return names.map((name) => path.join(folder, name));
}

function compileAhead(folder) {
  for (const filename of scriptsIn(folder)) compile(filename);
}

/** V8's bytecode of all functions of the script, which spares a start 20 to 30 ms. */
function compile(filename) {
  setFlagsFromString('--no-lazy');
  const text = readFileSync(filename, 'latin1');
  const script = new Script(text, { filename });
  // As it will be when the data is used, or V8 refuses it.
  setFlagsFromString('--lazy');
  // The name is that of bin/leader-run.js: V8 looks at its own version and flags, but not at how it was built, and of
  // the script it compares the length alone. The text ends with its own digest.
  const { size } = statSync(process.execPath);
  const name = `${filename}.${process.version}-${process.arch}-${size}-${text.slice(-16)}.cache`;
  const draft = `${name}.${process.pid}`;
  try {
    writeFileSync(draft, script.createCachedData(), { flag: 'wx' });
    // Whoever may read the script may read this, whatever the umask of the one who installs.
    chmodSync(draft, statSync(filename).mode & 0o666);
    renameSync(draft, name);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function install() {
  // Another engine that calls itself Node, such as Bun, makes data of its own that nobody needs.
  if (process.versions.bun !== undefined || process.versions.v8 === undefined) return;
  try {
    compileAhead(path.join(__dirname, '..', 'dist'));
  } catch (error) {
    // A checkout before its build, a folder that cannot be written to: leader-run starts without. npm shows this with
    // --foreground-scripts.
    console.log(`leader-run: not compiled ahead, so each start takes some 30 ms longer: ${error.message}`);
  }
}
