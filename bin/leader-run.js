#!/usr/bin/env node
// Starts dist/leader-run.js, a script whose value is a function. It is compiled here rather than by `require`, so that
// V8 can be given what compile-ahead.js has made of it. That is code like the script's own: it is taken from beside it
// alone, and only if this very Node has made it of this very text. CommonJS (bin/package.json), since an ES module
// starts 3 ms later.
// Invariant: without that file, or with one that V8 refuses, the same program runs, 25 ms later.

/* eslint-disable @typescript-eslint/no-require-imports */
const { readFileSync, statSync } = require('node:fs');
const path = require('node:path');
const { Script } = require('node:vm');

const filename = path.join(__dirname, '..', 'dist', 'leader-run.js');
// The bundle is ASCII.
const text = readFileSync(filename, 'latin1');
const script = new Script(text, { filename, cachedData: compiledAhead() });
script.runInThisContext()(require, filename);

function compiledAhead() {
  try {
    const { size } = statSync(process.execPath);
    return readFileSync(`${filename}.${process.version}-${process.arch}-${size}-${text.slice(-16)}.cache`);
  } catch {
    return undefined;
  }
}
