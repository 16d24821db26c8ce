// What the interop tests share: how another elector's candidate is had and started, and a relay in which leader-run and
// that elector take one lock from each other in every way that a holder can end, each end once.
// Decides when a hand-over was right; knows no elector by name. All peers take the flags of client-go/main.go.
// To check: the stamps judge every hand-over; and leader-run, coming next after a holder that did not release, began no
// earlier than the lease and the foreign grace after the last renewal that could be seen.
import { readFileSync } from 'node:fs';
import { afterAll, expect, inject } from 'vitest';
import { type Run, short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { lockName, type Stage, staged, type StartOptions } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts';
import { ToolMissing } from '../helpers/go-tool.ts';
import type { PolicyRule, ServersClient } from '../helpers/servers-client.ts';

/** As the peers call them; leader-run says `lease`. */
export type LockKind = 'leases' | 'endpoints' | 'configmaps' | 'endpointsleases' | 'configmapsleases';

export interface Peer {
  readonly name: string;
  readonly program: string;
  /** Instead of L = 4 s, R = 2 s, r = 0.4 s in Go's words. */
  readonly timing?: readonly string[];
  /** The flag that makes it give the lock back; without one it cannot. */
  readonly release?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** How much longer leader-run waits for a holder that is not leader-run. */
export const foreignGraceMs = Math.floor((short.leaseMs * 7) / 15);

/** What `worker` may do: all that any of these electors asks for. */
export const rules: readonly PolicyRule[] = [
  { apiGroups: ['', 'coordination.k8s.io'], resources: ['endpoints', 'configmaps', 'leases'], verbs: ['*'] },
  { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
];

/**
 * The peer's program; null where there are no servers or it cannot be had, which is said once and loudly. With CI set
 * that is a failure, as it is for the servers.
 */
export async function had(what: string, build: () => Promise<string>): Promise<string | null> {
  if (inject('servers') === null) return null;
  try {
    return await build();
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    const ci = process.env['CI'];
    if (ci !== undefined && ci !== '' && ci !== 'false') {
      throw new Error(`With CI set, the tests with ${what} may not be skipped. ${error.message}`, { cause: error });
    }
    process.stderr.write(`\nSKIPPED: all tests with ${what}. ${error.message}\n\n`);
    return null;
  }
}

/** The release that a file of this folder pins. */
function versionIn(file: string, pattern: RegExp): string {
  const version = pattern.exec(readFileSync(new URL(file, import.meta.url), 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${file} pins no version like ${String(pattern)}`);
  return version;
}

export const versions = {
  clientGo: versionIn('client-go/go.mod', /^require k8s\.io\/client-go (\S+)$/m),
  oldClientGo: versionIn('client-go/v0.20.mod', /^require k8s\.io\/client-go (\S+)$/m),
  python: versionIn('python/requirements.txt', /^kubernetes==(\S+)$/m),
  fabric8: versionIn('fabric8/pom.xml', /<artifactId>kubernetes-client<\/artifactId>\s*<version>(\S+)<\/version>/),
};

export function kindFlags(kind: LockKind): readonly string[] {
  return ['--lock-kind', kind === 'leases' ? 'lease' : kind];
}

export async function startPeer(
  { startClientGo }: Stage,
  { program, timing, env }: Peer,
  name: string,
  kind: LockKind,
  { flags = [], ...options }: StartOptions = {},
): Promise<Run> {
  const its = { ...(timing && { timing }), ...(env && { env }) };
  return await startClientGo(name, program, { ...its, ...options, flags: [`-lock-kind=${kind}`, ...flags] });
}

/** Where both candidates look; of two pairs, the annotation, which decides. */
export function pathOf({ namespace }: Stage, kind: LockKind, ourKind = kind): string {
  const both = [kind, ourKind];
  const annotated = ['endpoints', 'configmaps'].find((each) => both.every((one) => one.startsWith(each)));
  const group = annotated === undefined ? 'apis/coordination.k8s.io/v1' : 'api/v1';
  return `/${group}/namespaces/${namespace}/${annotated ?? 'leases'}/${lockName}`;
}

/** Waits for a write and resolves with a moment before it, at most a poll earlier: a bound of when it was applied. */
export async function beforeRenewal(client: ServersClient, path: string): Promise<number> {
  let first: string | undefined;
  let [askedAt, since] = [0, 0];
  await until(`a renewal of ${path}`, async () => {
    since = askedAt;
    askedAt = Date.now();
    const version = (await client.admin('GET', path)).body.metadata?.resourceVersion;
    first ??= version;
    return version !== first;
  });
  return since;
}

export interface Alongside {
  readonly client: ServersClient;
  /** What was seen of each relay, for the table that is printed first. */
  readonly rows: Row[];
  readonly figures: string[];
}

/** The frame of a file about one peer; `program` is null where it cannot be had, and then all of it is skipped. */
export function alongside(title: string, program: string | null, body: (shared: Alongside) => void): void {
  onServers(
    title,
    ({ client, figures }) => {
      const rows: Row[] = [];
      afterAll(() => {
        figures.unshift(table(rows));
      });
      body({ client, rows, figures });
    },
    { lacking: program === null },
  );
}

/** What leader-run has said about records that are not as they should be. */
export function oddities({ events }: Run): readonly string[] {
  const about = events.filter(({ event, message }) => event === 'unreadable' || message.includes('the record in the'));
  return about.map(({ message }) => message);
}

interface End {
  /** Whose holder ends in this way. */
  readonly side: 'ours' | 'theirs';
  /** How its command is set up for that. */
  readonly command?: StartOptions;
  readonly act: (holder: Run, command: number) => void;
  /** A peer that can give the lock back does. */
  readonly releases?: boolean;
  /** Its command came to its own end. */
  readonly cleanly: boolean;
}

const endings = {
  'told to stop': {
    side: 'ours', cleanly: true, command: { drainMs: 700 }, act: (holder) => holder.signal('SIGTERM'),
  },
  'command ends': { side: 'ours', cleanly: true, act: (_, command) => process.kill(command, 'SIGTERM') },
  killed: {
    side: 'ours', cleanly: false, command: { ignoreTerm: true }, act: (holder) => holder.signal('SIGKILL'),
  },
  frozen: {
    side: 'ours', cleanly: false, command: { ignoreTerm: true }, act: (holder) => holder.signal('SIGSTOP'),
  },
  // Told to stop, the peers that can release do so before their command has ended; here they do not release.
  'its stop': {
    side: 'theirs', cleanly: true, command: { drainMs: 300 }, act: (holder) => holder.signal('SIGTERM'),
  },
  'its command ends': {
    side: 'theirs', cleanly: true, releases: true, act: (_, command) => process.kill(command, 'SIGTERM'),
  },
  // As when the machine dies: alone, these electors would leave a command of another process running.
  'its crash': {
    side: 'theirs', cleanly: false,
    act: (holder, command) => {
      holder.signal('SIGKILL');
      process.kill(command, 'SIGKILL');
    },
  },
} satisfies Record<string, End>;

export type Ending = keyof typeof endings;
const columns = Object.keys(endings) as readonly Ending[];

/** Sides take turns, so leader-run's ways to end stand at 1, 3, 5 and the peer's between them. */
export const everyEnding: readonly Ending[] = [
  'told to stop', 'its command ends', 'killed', 'its crash', 'command ends', 'its stop', 'frozen',
];
export const mainEndings: readonly Ending[] = ['told to stop', 'its crash', 'killed', 'its command ends'];

export interface Relay {
  readonly peer: Peer;
  readonly kind: LockKind;
  /** leader-run's, where it is another one. */
  readonly ourKind?: LockKind;
  readonly run?: readonly Ending[];
  /** leader-run warns, once in each run, of what the peer writes. */
  readonly odd?: boolean;
}

/** One row of the table: for each way to end, how many ms after the end of one command the next one began. */
export interface Row {
  readonly title: string;
  readonly gaps: ReadonlyMap<Ending, number>;
}

export async function relay(client: ServersClient, plan: Relay): Promise<Row> {
  const { peer, kind, ourKind = kind, run = everyEnding, odd = false } = plan;
  const gaps = new Map<Ending, number>();
  const play = async (stage: Stage): Promise<void> => {
    const start = async (turn: number, last?: Run): Promise<Run> => {
      const ending = run[turn];
      const its: End | undefined = ending && endings[ending];
      const side = turn % 2 === 0 ? 'ours' : 'theirs';
      expect(its?.side ?? side).toBe(side);
      const name = `${side}-${turn}`;
      const isLast = (leader: unknown): boolean => kind !== ourKind || leader === last?.name;
      if (side === 'ours') {
        const candidate = await stage.start(name, { ...its?.command, flags: kindFlags(ourKind) });
        if (last) await candidate.event('standing-by', { fits: ({ leader }) => isLast(leader) });
        return candidate;
      }
      const flags = its?.releases === true && peer.release !== undefined ? [peer.release] : [];
      const candidate = await startPeer(stage, peer, name, kind, { ...its?.command, flags });
      await candidate.event('new-leader', { fits: ({ leader }) => isLast(leader) });
      return candidate;
    };

    let holder = await start(0);
    for (const [index, ending] of run.entries()) {
      const how: End = endings[ending];
      const { pid } = await stage.stamps.started(holder.name, 1, 45_000);
      const next = await start(index + 1, holder);
      const since = await beforeRenewal(client, pathOf(stage, kind, ourKind));
      how.act(holder, pid);
      const second = await stage.stamps.started(next.name, 1, 45_000);
      const first = await stage.stamps.started(holder.name);
      gaps.set(ending, second.startedAt - first.lastSeen);
      expect(first.ended, `${holder.name} ${ending}`).toBe(how.cleanly);
      const freed = how.releases === true && peer.release !== undefined;
      if (how.side === 'theirs') {
        if (!freed) expect(second.startedAt).toBeGreaterThanOrEqual(since + short.leaseMs + foreignGraceMs);
        expect(oddities(next)).toHaveLength(odd ? 1 : 0);
      }
      if (ending === 'frozen') {
        holder.signal('SIGCONT');
        await holder.event('standing-by', { from: holder.events.length });
      }
      holder = next;
    }
  };
  await staged(client, play, { rules });
  const kinds = kind === ourKind ? kind : `${kind}, leader-run on ${ourKind}`;
  return { title: `${peer.name} | ${kinds}`, gaps };
}

/** The rows as a table for docs/interop.md; an overlap would have failed the relay. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ title, gaps }) => [title, ...columns.map((ending) => String(gaps.get(ending) ?? ''))]);
  const head = ['elector | lock kind', ...columns];
  return [head, ['--- | ---', ...columns.map(() => '---')], ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** What a network that goes silent is played with; `server` is what the candidate behind it is told. */
async function behindProxy(
  client: ServersClient,
  play: (proxy: FaultProxy, server: string) => Promise<void>,
): Promise<void> {
  const { hostname: host, port } = new URL(client.url);
  const proxy = await startFaultProxy({ to: { host, port: Number(port) } });
  try {
    await play(proxy, `https://127.0.0.1:${proxy.port}`);
  } finally {
    proxy.close();
  }
}

/** Waits until two commands have lived together for so long; on a stage that is not judged. */
async function untilOverlap({ stamps }: Stage, ms: number): Promise<number> {
  return await until(`two commands for ${ms} ms`, async () => {
    const { worstOverlapMs } = await stamps.verdict();
    return worstOverlapMs >= ms ? worstOverlapMs : undefined;
  });
}

interface CutOffOptions {
  readonly flags?: readonly string[];
  /** Two commands at once are expected of it, and watched for so long. */
  readonly patienceMs?: number;
}

/**
 * The peer is cut off while it leads and leader-run stands by. Resolves with the ms between the end of its command and
 * the beginning of leader-run's; negative: how long both have lived by the time that the peer's ended, or was seen not
 * to end within `patienceMs`.
 */
export async function cutOff(
  client: ServersClient,
  { peer, kind, flags = [], patienceMs = 0 }: Pick<Relay, 'peer' | 'kind'> & CutOffOptions,
): Promise<number> {
  let gap = NaN;
  await behindProxy(client, async (proxy, server) => {
    const play = async (stage: Stage): Promise<void> => {
      await startPeer(stage, peer, 'theirs', kind, { server, flags });
      await stage.stamps.started('theirs');
      const ours = await stage.start('ours', { flags: kindFlags(kind) });
      await ours.event('standing-by', { fits: ({ leader }) => leader === 'theirs' });
      await beforeRenewal(client, pathOf(stage, kind));
      proxy.blackhole();
      const second = await stage.stamps.started('ours', 1, 45_000);
      const deadline = performance.now() + patienceMs;
      await until('its command ends', async () => {
        return (await stage.stamps.started('theirs')).ended || performance.now() >= deadline;
      }, patienceMs + 5000);
      gap = second.startedAt - (await stage.stamps.started('theirs')).lastSeen;
    };
    await staged(client, play, { rules, unjudged: patienceMs > 0 });
  });
  return gap;
}

/**
 * leader-run (15 s, 10 s) is cut off while it leads and the peer, set to 2 s by `timings`, stands by. Resolves with how
 * long both commands were seen to live together, at least a second.
 */
export async function impatience(
  client: ServersClient,
  { peer, kind, timing }: Pick<Relay, 'peer' | 'kind'> & { readonly timing: readonly string[] },
): Promise<number> {
  let overlap = NaN;
  await behindProxy(client, async (proxy, server) => {
    const play = async (stage: Stage): Promise<void> => {
      const ours = ['--lease-duration', '15s', '--renew-deadline', '10s', '--retry-period', '400ms'];
      await stage.start('ours', { flags: kindFlags(kind), timing: ours, server });
      await stage.stamps.started('ours');
      const theirs = await startPeer(stage, { ...peer, timing }, 'theirs', kind);
      await theirs.event('new-leader', { fits: ({ leader }) => leader === 'ours' });
      await beforeRenewal(client, pathOf(stage, kind));
      proxy.blackhole();
      overlap = await untilOverlap(stage, 1000);
    };
    await staged(client, play, { rules, unjudged: true });
  });
  return overlap;
}

/** The peer is told to stop, with its flag to release, while its command drains. Resolves with the overlap. */
export async function earlyRelease(client: ServersClient, { peer, kind }: Pick<Relay, 'peer' | 'kind'>): Promise<number> {
  let overlap = NaN;
  const play = async (stage: Stage): Promise<void> => {
    const flags = peer.release === undefined ? [] : [peer.release];
    const theirs = await startPeer(stage, peer, 'theirs', kind, { flags, drainMs: 3000 });
    await stage.stamps.started('theirs');
    const ours = await stage.start('ours', { flags: kindFlags(kind) });
    await ours.event('standing-by', { fits: ({ leader }) => leader === 'theirs' });
    theirs.signal('SIGTERM');
    await stage.stamps.started('ours');
    await theirs.end();
    overlap = (await stage.stamps.verdict()).worstOverlapMs;
  };
  await staged(client, play, { rules, unjudged: true });
  return overlap;
}

/** A key is done, then the peer leads for a while. Resolves with what the lock remembers after that. */
export async function remembersPast(
  client: ServersClient,
  { peer, kind }: Pick<Relay, 'peer' | 'kind'>,
): Promise<'the key' | 'nothing'> {
  let remembered: 'the key' | 'nothing' = 'nothing';
  const play = async (stage: Stage): Promise<void> => {
    const flags = [...kindFlags(kind), '--once-per=v42'];
    const first = await stage.start('first', { flags, command: ['true'] });
    expect(await first.end()).toMatchObject({ status: 0 });
    const theirs = await startPeer(stage, peer, 'theirs', kind);
    await stage.stamps.started('theirs');
    await beforeRenewal(client, pathOf(stage, kind));
    theirs.signal('SIGTERM');
    await theirs.end();
    const { body } = await client.admin('GET', pathOf(stage, kind));
    remembered = body.metadata?.annotations?.['leader-run/job']?.includes('"v42","ok"') === true ? 'the key' : 'nothing';
  };
  await staged(client, play, { rules });
  return remembered;
}
