// Builds leader-run so that each of its awaits comes back late: what was started before an await, and is listened to
// only after it, then has time to fail while nobody listens. The program must not notice. A fault of that kind shows
// at once under this build and about never under the other: it takes a CA *file* beside a refused connection.
// Does not know what is tried with it (test/process/late-awaits.test.ts).
// To check: every `await` of src/ goes through `__late`, and the wait comes after what is awaited has settled.
// Usage: node late-build.mjs <file to write>, within the project, since packages are not bundled.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const lateMs = 30;

const banner = `
async function __late(work) {
  const pause = () => new Promise((resolve) => setTimeout(resolve, ${lateMs}));
  try {
    const value = await work;
    await pause();
    return value;
  } catch (error) {
    await pause();
    throw error;
  }
}`;

function withLateAwaits(text, file) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const late = (context) => {
    const visit = (node) => {
      const inner = ts.visitEachChild(node, visit, context);
      if (!ts.isAwaitExpression(inner)) return inner;
      const { factory } = context;
      const call = factory.createCallExpression(factory.createIdentifier('__late'), undefined, [inner.expression]);
      return factory.updateAwaitExpression(inner, call);
    };
    return (tree) => ts.visitNode(tree, visit);
  };
  const { transformed } = ts.transform(source, [late]);
  return ts.createPrinter().printFile(transformed[0]);
}

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outfile: process.argv[2],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  packages: 'external',
  define: { __LEADER_RUN_VERSION__: '"late"' },
  banner: { js: banner },
  metafile: true,
  plugins: [
    {
      name: 'late-awaits',
      setup(builder) {
        builder.onLoad({ filter: /[/\\]src[/\\].*\.ts$/ }, async ({ path: file }) => ({
          contents: withLateAwaits(await readFile(file, 'utf8'), file),
          loader: 'ts',
        }));
      },
    },
  ],
});
console.log(Object.keys(metafile.inputs).filter((input) => input.startsWith(`src${path.sep}`)).length);
