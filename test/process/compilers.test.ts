// A run wakes none of V8's optimizing compilers, however often it is asked for metrics: by V8's own account of what they
// compile (--trace-opt), on the oldest line of Node and on the newest that is common. The account leaves out Sparkplug.
// To check: V8 tells of it on stdout, where leader-run writes nothing.
import { afterAll } from 'vitest';
import { test } from '../helpers/arena.ts';
import { nodeOfLine } from '../helpers/node-lines.ts';

const asked = 500;
const figures: string[] = [];
afterAll(() => { console.log(figures.join('\n')); });

for (const line of [20, 24]) {
  test(`asked ${String(asked)} times on Node ${String(line)}, nothing is optimized`, async ({ arena, expect, skip }) => {
    const node = await nodeOfLine(line);
    if (node === undefined) return skip(`Node ${String(line)} is not to be had here`);
    const words = arena.words({ flags: ['--listen=0'], command: ['sleep', '1000'] });
    const run = arena.spawn([node, '--trace-opt', ...words]);
    const { message } = await run.event('note', { fits: ({ message: text }) => text.startsWith('answering') });
    await run.event('command-started');
    const compiled = (): string[] => run.stdout.split('\n').filter((each) => each.startsWith('[completed compiling'));
    const before = compiled().length;
    for (let i = 0; i < asked; i += 1) await (await fetch(`${message.replace(/.* at /, '')}/metrics`)).text();
    figures.push(`Node ${String(line)}: ${String(before)} functions compiled by then, ${String(compiled().length)} in the end`);
    expect(compiled().slice(before)).toEqual([]);
    run.signal('SIGTERM');
    await run.end();
  });
}
