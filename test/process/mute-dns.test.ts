// Name servers that do not answer: how long leader-run's exit waits for them, and that what it does about that is seen
// by no process that it starts.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import { nameServer, noNames, withNames } from '../helpers/names.ts';
import { textOf } from '../helpers/procfs.ts';

const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
const notGlibc = header?.glibcVersionRuntime === undefined ? 'glibc alone reads RES_OPTIONS' : undefined;
const lacking = noNames() ?? notGlibc;

function kubeconfigOf(arena: Arena, server: string, user: object = { token: 'secret' }): string {
  const file = join(arena.folder, 'kubeconfig');
  const entries = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    clusters: [{ name: 'test', cluster: { server } }],
    users: [{ name: 'test', user }],
  };
  writeFileSync(file, JSON.stringify(entries), { mode: 0o600 });
  return file;
}

const program = (arena: Arena): string => join(arena.bundle, 'bin/leader-run.js');

describe.concurrent('a name server that does not answer', () => {
  test('holds up the exit for two time-outs of a second, not for 10 s', async ({ arena, expect, skip }) => {
    skip(lacking !== undefined, lacking);
    const dns = await nameServer();
    dns.mute();
    const through = withNames(join(arena.folder, 'names'), [], [`nameserver ${dns.address}`]);
    const flags = ['--kubeconfig', kubeconfigOf(arena, 'https://mute.test:6443'), '--log-format=json'];
    const words = [...through, process.execPath, program(arena), ...flags, '--lock=a/b', '--wait=1s', '--', 'true'];
    const run = arena.spawn(words);
    const { at } = await run.event('exit');
    const end = await run.end();
    dns.close();
    expect(end.status).toBe(124);
    // Due after 1 s; the lookup began at the start and would take 10 s.
    expect(end.at - at).toBeLessThan(5000);
    expect(dns.asked()).toBeGreaterThan(0);
  });

  test.for([
    { given: undefined, seen: 'unset' },
    { given: 'timeout:7', seen: 'timeout:7' },
  ])('is no news for command and plugin: RES_OPTIONS is $seen there', async ({ given, seen }, { arena, expect }) => {
    const env = { RES_OPTIONS: given };
    const run = arena.run({ command: ['sh', '-c', 'echo "seen: ${RES_OPTIONS-unset}"'], env });
    expect((await run.end()).status).toBe(0);
    expect(run.stdout).toContain(`seen: ${seen}\n`);

    const plugin = join(arena.folder, 'plugin');
    const told = join(arena.folder, 'told');
    writeFileSync(plugin, `#!/bin/sh\necho "seen: \${RES_OPTIONS-unset}" > ${told}\nexit 1\n`, { mode: 0o700 });
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
    const flags = ['--kubeconfig', kubeconfigOf(arena, 'https://127.0.0.1:1', { exec }), '--lock=a/b'];
    const asking = arena.spawn([process.execPath, program(arena), ...flags, '--', 'true'], { env });
    await arena.until('the plugin', () => textOf(told).endsWith('\n'));
    asking.signal('SIGTERM');
    await asking.end();
    expect(textOf(told)).toBe(`seen: ${seen}\n`);
  });
});
