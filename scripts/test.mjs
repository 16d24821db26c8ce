// `npm test`: lint, the suites that fill the cores, and then those that mostly wait (for leases, graces and servers) in
// two lanes side by side. Decides the lanes; what a suite is decides vitest.config.ts. With arguments it is `vitest run`.
// Invariant: a lane that failed fails the whole; the last lines name each failure and count the tests of all lanes.

import { spawn } from 'node:child_process';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const lint = ['npm', 'run', '--silent', 'lint'];
const suites = (...names) => [process.execPath, vitest, 'run', ...names.flatMap((name) => ['--project', name])];

const given = process.argv.slice(2);
if (given.length > 0) {
  process.exitCode = (await run([process.execPath, vitest, 'run', ...given], true)).status;
} else {
  const ended = [await run(lint, true)];
  if (ended[0].status === 0) {
    ended.push(await run(suites('unit', 'simulation'), true));
    // The second lane takes longer, and is shown when both are done.
    const [first, second] = [run(suites('process', 'interop'), true), run(suites('cluster'), false)];
    ended.push(await first, await second);
    process.stdout.write(ended.at(-1).output);
  }
  const counts = ended.map(({ output }) => /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(output) ?? []);
  const [passed, failed, skipped] = [1, 2, 3].map((at) => counts.reduce((sum, each) => sum + Number(each[at] ?? 0), 0));
  process.exitCode = ended.some(({ status }) => status !== 0) ? 1 : 0;
  const failures = ended.flatMap(({ output }) => output.match(/^FAILED .*$/gm) ?? []);
  console.log([...failures, ''].join('\n'));
  console.log(`${passed} passed, ${Math.max(failed, process.exitCode)} failed, ${skipped} skipped`);
}

/** Its status and all that it said; `shown`: at once, too. */
function run([file, ...args], shown) {
  const env = { ...process.env, ...(process.stdout.isTTY && { FORCE_COLOR: '1' }) };
  const child = spawn(file, args, { cwd: root, env, stdio: ['inherit', 'pipe', 'pipe'] });
  let output = '';
  for (const [stream, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (shown) to.write(text);
    });
  }
  return new Promise((resolve) => {
    child.once('close', (status) => resolve({ status: status ?? 1, output }));
    child.once('error', (error) => resolve({ status: 1, output: `${output}${String(error)}\n` }));
  });
}
