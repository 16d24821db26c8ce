// What it decides: that one etcd and one kube-apiserver serve a whole vitest run, and what happens where none can be
// had: the tests that ask for them skip, said once and loudly; where CI is set the run fails instead.
// What it does not know: what the tests do; they get `inject('servers')`, plain data or null, and call `connect`.
// To check: a test that freezes or kills a server starts one of its own, because this one is shared.
import type {} from 'vitest';
import type { TestProject } from 'vitest/node';
import { GoToolMissing } from '../helpers/go-tool.ts';
import type { ServersJson } from '../helpers/servers-client.ts';
import { startServers, type Servers } from '../helpers/servers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where neither binaries nor Go are: use `describe.skipIf(inject('servers') === null)`. */
    servers: ServersJson | null;
  }
}

export async function setup(project: TestProject): Promise<void> {
  shared.users += 1;
  shared.servers ??= start();
  project.provide('servers', (await shared.servers)?.json() ?? null);
}

export async function teardown(): Promise<void> {
  shared.users -= 1;
  if (shared.users > 0) return;
  const servers = shared.servers;
  shared.servers = undefined;
  await (await servers)?.close();
}

interface Shared {
  users: number;
  servers: Promise<Servers | null> | undefined;
}

// Each vitest project loads its own copy of this file; all copies in the main process find the same servers here.
const shared: Shared = ((globalThis as { leaderRunServers?: Shared }).leaderRunServers ??= {
  users: 0,
  servers: undefined,
});

async function start(): Promise<Servers | null> {
  try {
    return await startServers();
  } catch (error) {
    if (!(error instanceof GoToolMissing)) throw error;
    const ci = process.env.CI;
    if (ci !== undefined && ci !== '' && ci !== 'false') {
      throw new Error(`With CI set, the tests against a real API server may not be skipped. ${error.message}`, {
        cause: error,
      });
    }
    process.stderr.write(`\nSKIPPED: all tests against a real API server. ${error.message}\n\n`);
    return null;
  }
}
