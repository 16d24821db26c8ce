#!/usr/bin/env node
// Starts dist/leader-run.js, a script whose value is a function, and gives it what lies beside it when it asks for one:
// the verbs and some packages. They are compiled here rather than by Node's `require`, so that V8 can be given what
// compile-ahead.js has made of them. That is code like the scripts' own: it is taken from beside them alone, and only
// if this very Node has made it of this very text. CommonJS (bin/package.json), since an ES module starts 3 ms later.
// Invariant: without those files, or with some that V8 refuses, the same program runs, 25 ms later.

/* eslint-disable @typescript-eslint/no-require-imports */
const { readFileSync, statSync } = require('node:fs');
const path = require('node:path');
const { Script } = require('node:vm');

const dist = path.join(__dirname, '..', 'dist');
const modules = new Map();

valueOf('leader-run.js')(requireBesides, path.join(dist, 'leader-run.js'));

function valueOf(name) {
  const filename = path.join(dist, name);
  // The bundles are ASCII.
  const text = readFileSync(filename, 'latin1');
  return new Script(text, { filename, cachedData: compiledAhead(filename, text) }).runInThisContext();
}

function compiledAhead(filename, text) {
  try {
    const { size } = statSync(process.execPath);
    return readFileSync(`${filename}.${process.version}-${process.arch}-${size}-${text.slice(-16)}.cache`);
  } catch {
    return undefined;
  }
}

function requireBesides(name) {
  if (!name.startsWith('../dist/')) return require(name);
  let module = modules.get(name);
  if (module === undefined) {
    module = { exports: {} };
    modules.set(name, module);
    const file = path.basename(name);
    valueOf(file)(module, module.exports, requireBesides, path.join(dist, file));
  }
  return module.exports;
}
