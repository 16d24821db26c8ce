// Writes the library's type declarations into types/. Decides how they name each other and which are shipped: the
// sources import `.ts` files, which are not published, so the declarations name the `.js` beside which TypeScript looks
// for `.d.ts`. What the declaration of src/index.ts does not reach is not a part of the interface, and is removed.
// Invariant: types/ holds nothing that does not come from this run.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const types = path.join(root, 'types');
rmSync(types, { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], {
  cwd: root,
  stdio: 'inherit',
});

const reached = new Set([path.join(types, 'index.d.ts')]);
for (const file of reached) {
  const text = readFileSync(file, 'utf8').replace(/((?:from |import\()'\.[^']*)\.ts'/g, "$1.js'");
  writeFileSync(file, text);
  for (const [, name] of text.matchAll(/(?:from |import\()'(\.[^']*)\.js'/g)) {
    reached.add(path.resolve(path.dirname(file), `${name}.d.ts`));
  }
}

// A folder sorts before what lies in it, so that backwards it is looked at when that is gone.
const entries = readdirSync(types, { recursive: true, encoding: 'utf8' }).map((name) => path.join(types, name));
for (const entry of entries.sort().reverse()) {
  if (!statSync(entry).isDirectory()) {
    if (!reached.has(entry)) rmSync(entry);
  } else if (readdirSync(entry).length === 0) rmdirSync(entry);
}
