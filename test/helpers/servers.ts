// What it decides: how a real etcd and kube-apiserver are found, started, frozen, killed and ended for tests.
// What it does not know: what is tested against them, and how to speak to them (servers-client.ts).
// To check: no process and no folder outlives the test process, however that ends. So a keeper, a small shell, holds
// a pipe from it: when the pipe closes, the keeper ends every server by its pid and removes the folder.
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { access, constants, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { goTool } from './go-tool.ts';
import { connect, users, type ServersClient, type ServersJson, type User } from './servers-client.ts';

export interface ServerProcess {
  readonly url: string;
  /** Changes with each restart. */
  readonly pid: number;
  /** SIGSTOP: connections stay open and nobody answers. */
  stop(): void;
  /** SIGCONT. */
  cont(): void;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Kills it if it lives, starts it on the same port with the same data, and resolves when it is ready. */
  restart(): Promise<void>;
}

export interface Servers extends ServersClient {
  readonly apiserver: ServerProcess;
  readonly etcd: ServerProcess;
  /** Only the plain data, for `connect` in another process. */
  json(): ServersJson;
  close(): Promise<void>;
}

export interface ServersOptions {
  /** More kube-apiserver flags; a repeated flag overrides ours. */
  readonly apiserverFlags?: readonly string[];
  /** One more API server, with a CA of its own, on these servers' etcd and for the same users' tokens. */
  readonly beside?: Servers;
}

/** Throws GoToolMissing when there are neither binaries nor a Go that can build them. */
export async function startServers({ apiserverFlags = [], beside }: ServersOptions = {}): Promise<Servers> {
  const binaries = await serverBinaries();
  const dir = await mkdtemp(path.join(tmpdir(), 'leader-run-servers-'));
  const keeper = startKeeper(dir);
  try {
    const tokens = beside?.tokens ?? newTokens();
    const etcd = beside?.etcd ?? (await startEtcd(binaries.etcd, dir));
    const apiserver = await apiserverProcess({
      binary: binaries.apiserver,
      dir,
      etcd: etcd.url,
      tokens,
      flags: apiserverFlags,
    });
    await apiserver.start();

    const json: ServersJson = { url: apiserver.url, caPem: await readCa(dir), tokens };
    const client = connect(json);
    return {
      ...client,
      apiserver,
      etcd,
      json: () => json,
      async close() {
        client.disconnect();
        await Promise.all([apiserver.kill(), beside === undefined && etcd.kill()]);
        await keeper.end();
      },
    };
  } catch (error) {
    await keeper.end();
    throw error;
  }
}

function newTokens(): Record<User, string> {
  return Object.fromEntries(users.map((user) => [user, randomUUID()])) as Record<User, string>;
}

async function startEtcd(binary: string, dir: string): Promise<OwnedProcess> {
  const etcd = etcdProcess(binary, dir, await freePort());
  await etcd.start();
  return etcd;
}

export async function serverBinaries(): Promise<{ readonly etcd: string; readonly apiserver: string }> {
  for (const folder of [process.env.KUBEBUILDER_ASSETS ?? '', ...(process.env.PATH ?? '').split(path.delimiter)]) {
    if (folder === '') continue;
    const found = { etcd: path.join(folder, 'etcd'), apiserver: path.join(folder, 'kube-apiserver') };
    if ((await isExecutable(found.etcd)) && (await isExecutable(found.apiserver))) return found;
  }
  // One after the other: each build alone fills the cores.
  const etcd = await goTool({ dir: toolsFolder, package: 'go.etcd.io/etcd/server/v3', name: 'etcd' });
  return { etcd, apiserver: await buildApiserver() };
}

/** For measurements that want to look past the API server. */
export async function etcdctlBinary(): Promise<string> {
  return await goTool({ dir: toolsFolder, package: 'go.etcd.io/etcd/etcdctl/v3', name: 'etcdctl' });
}

/**
 * A port that nobody listens on. It lies below the range of outgoing connections (32768 and up), so that none of
 * them can take it while its server is down for a restart.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => {
        resolve(false);
      });
      server.listen(port, '127.0.0.1', () => {
        resolve(true);
      });
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

const toolsFolder = fileURLToPath(new URL('../cluster/servers/', import.meta.url));

// A module build carries no version; without one /version answers a placeholder that no client can parse.
async function buildApiserver(): Promise<string> {
  const versions = /k8s\.io\/kubernetes v(\d+)\.(\d+)\.\d+/.exec(
    await readFile(path.join(toolsFolder, 'go.mod'), 'utf8'),
  );
  if (versions === null) throw new Error('test/cluster/servers/go.mod does not name k8s.io/kubernetes.');
  const [text, major = '', minor = ''] = versions;
  const stamp = { gitVersion: text.split(' ')[1] ?? '', gitMajor: major, gitMinor: minor };
  const ldflags = Object.entries(stamp)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ');
  return await goTool({
    dir: toolsFolder,
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    name: 'kube-apiserver',
    ldflags,
  });
}

async function isExecutable(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function etcdProcess(binary: string, dir: string, port: number): OwnedProcess {
  const url = `http://127.0.0.1:${String(port)}`;
  // A single member never dials its peer address, so any port will do for it.
  const peer = 'http://127.0.0.1:0';
  return new OwnedProcess({
    name: 'etcd',
    binary,
    dir,
    url,
    args: [
      '--name=test',
      `--data-dir=${path.join(dir, 'etcd')}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=test=${peer}`,
    ],
    isReady: async () => (await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) })).ok,
  });
}

interface ApiserverSetup {
  readonly binary: string;
  readonly dir: string;
  readonly etcd: string;
  readonly tokens: Readonly<Record<User, string>>;
  readonly flags: readonly string[];
}

async function apiserverProcess({ binary, dir, etcd, tokens, flags }: ApiserverSetup): Promise<OwnedProcess> {
  const port = await freePort();
  const url = `https://127.0.0.1:${String(port)}`;
  const tokenFile = path.join(dir, 'tokens.csv');
  const groups = (user: User) => (user === 'admin' ? ',"system:masters"' : '');
  await writeFile(tokenFile, users.map((user) => `${tokens[user]},${user},${user}${groups(user)}\n`).join(''), {
    mode: 0o600,
  });
  const serviceAccountKey = path.join(dir, 'service-account.key');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(serviceAccountKey, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  return new OwnedProcess({
    name: 'kube-apiserver',
    binary,
    dir,
    url,
    args: [
      `--etcd-servers=${etcd}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${String(port)}`,
      // It makes a CA and a certificate for 127.0.0.1 there, and takes the same ones again after a restart.
      `--cert-dir=${certFolder(dir)}`,
      `--token-auth-file=${tokenFile}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${serviceAccountKey}`,
      `--service-account-key-file=${serviceAccountKey}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      '--endpoint-reconciler-type=none',
      // No controller makes service accounts here, so this plugin would refuse every Pod.
      '--disable-admission-plugins=ServiceAccount',
      '--feature-gates=CoordinatedLeaderElection=true',
      '--runtime-config=coordination.k8s.io/v1beta1=true',
      ...flags,
    ],
    async isReady() {
      const client = connect({ url, caPem: await readCa(dir), tokens });
      try {
        return (await client.admin('GET', '/readyz')).status === 200;
      } finally {
        client.disconnect();
      }
    },
  });
}

function certFolder(dir: string): string {
  return path.join(dir, 'certificates');
}

// The file holds the server's certificate and then its CA's; clients are given only the CA.
async function readCa(dir: string): Promise<string> {
  const chain = await readFile(path.join(certFolder(dir), 'apiserver.crt'), 'utf8');
  const ca = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g)?.at(-1);
  if (ca === undefined) throw new Error('kube-apiserver has not written its certificates yet.');
  return ca;
}

interface Recipe {
  readonly name: string;
  readonly binary: string;
  readonly args: readonly string[];
  readonly dir: string;
  readonly url: string;
  /** May throw: whoever is not there yet refuses the connection. */
  readonly isReady: () => Promise<boolean>;
}

// A 2-core machine that runs other tests needs 10 s at times; beyond this the log says more than waiting would.
const readyWithinMs = 60_000;

class OwnedProcess implements ServerProcess {
  readonly #recipe: Recipe;
  #child: ChildProcess | undefined;

  constructor(recipe: Recipe) {
    this.#recipe = recipe;
  }

  get url(): string {
    return this.#recipe.url;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#recipe.name} has not been started.`);
    return pid;
  }

  stop(): void {
    this.#child?.kill('SIGSTOP');
  }

  cont(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasEnded(child)) return;
    child.ref();
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async start(): Promise<void> {
    const { name, binary, args, dir, isReady } = this.#recipe;
    const log = openSync(path.join(dir, `${name}.log`), 'a', 0o600);
    const child = spawn(binary, args, { cwd: dir, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    await once(child, 'spawn');
    const pidFile = path.join(dir, `${name}.pid`);
    writeFileSync(pidFile, `${String(child.pid)}\n`);
    child.once('exit', () => {
      rmSync(pidFile, { force: true });
    });
    child.unref();

    const deadline = performance.now() + readyWithinMs;
    let obstacle: unknown = 'not ready';
    while (performance.now() < deadline && !hasEnded(child)) {
      try {
        if (await isReady()) return;
      } catch (error) {
        obstacle = error;
      }
      await sleep(50);
    }
    const end = hasEnded(child)
      ? `ended with ${String(child.exitCode ?? child.signalCode)}`
      : `was not ready in time (${String(obstacle)})`;
    await this.kill();
    throw new Error(`${name} ${end}:\n${(await readFile(path.join(dir, `${name}.log`), 'utf8')).slice(-4000)}`);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

// Waits for the end of its input, which comes when the test process closes it or is gone, even by SIGKILL.
const keeperScript = `
read -r _
for file in "$1"/*.pid; do
  [ -e "$file" ] && read -r pid < "$file" && kill -KILL "$pid"
done
rm -rf "$1"`;

function startKeeper(dir: string): { end(): Promise<void> } {
  // A session of its own, because a Ctrl-C in the terminal must not end it before its work.
  const keeper = spawn('sh', ['-c', keeperScript, 'sh', dir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  keeper.unref();
  if (keeper.stdin instanceof Socket) keeper.stdin.unref();
  return {
    async end() {
      if (hasEnded(keeper)) return;
      keeper.ref();
      keeper.stdin.end();
      await once(keeper, 'exit');
    },
  };
}
