// Makes Node read TypeScript, so that the bench and the processes it starts use the helpers and src/ as they are. Node
// 20 cannot strip types itself, and a bundle would lose the folders that helpers look for beside themselves; so each
// file passes through esbuild (there for the build anyway) as it is loaded. Use it with `--import` or import it first.
// Invariant: nothing is written into the tree by this.

import { register } from 'node:module';

const hook = `
  import { readFile } from 'node:fs/promises';
  import { transform } from ${JSON.stringify(import.meta.resolve('esbuild'))};
  export async function load(url, context, next) {
    if (!url.startsWith('file:') || !new URL(url).pathname.endsWith('.ts')) return await next(url, context);
    const options = { loader: 'ts', format: 'esm', target: 'node20', sourcemap: 'inline', sourcefile: url };
    const { code } = await transform(await readFile(new URL(url), 'utf8'), options);
    return { format: 'module', source: code, shortCircuit: true };
  }`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
