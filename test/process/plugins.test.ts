// What becomes of a credential plugin, a process that may wait for a person, when leader-run ends while it runs.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { test } from '../helpers/arena.ts';
import { isAlive, textOf } from '../helpers/procfs.ts';

describe.concurrent('a credential plugin that waits for a person', () => {
  test.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('ends with a leader-run that gets %s', async (signal, { arena, expect }) => {
    const plugin = join(arena.folder, 'plugin');
    const pidFile = join(arena.folder, 'pid');
    writeFileSync(plugin, `#!/bin/sh\nsleep 1000 &\necho $! > ${pidFile}\nwait\n`, { mode: 0o700 });
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
    const kubeconfig = join(arena.folder, 'kubeconfig');
    const entries = {
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      clusters: [{ name: 'test', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'test', user: { exec } }],
    };
    writeFileSync(kubeconfig, JSON.stringify(entries), { mode: 0o600 });
    const program = join(arena.bundle, 'bin/leader-run.js');
    const run = arena.spawn([process.execPath, program, '--kubeconfig', kubeconfig, '--lock=a/b', '--', 'true']);
    await arena.until('the plugin', () => textOf(pidFile).endsWith('\n'));
    const sleeper = Number(textOf(pidFile));
    run.signal(signal);
    expect((await run.end()).signal).toBe(signal);
    await arena.until('the end of the plugin and of what it started', () => !isAlive(sleeper));
  });
});
